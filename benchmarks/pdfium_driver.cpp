// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Renders pages of a PDF as PDFium's own test program does, with a PDFium that
// is loaded at run time: the published comparison without building PDFium.

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace {

// The part of PDFium's public C interface that is used here. Handles are opaque
// pointers there too.
using Handle = void *;
struct PDFium {
  void (*InitLibrary)();
  void (*DestroyLibrary)();
  Handle (*LoadMemDocument64)(const void *Data, size_t Size,
                              const char *Password);
  void (*CloseDocument)(Handle Document);
  int (*GetPageCount)(Handle Document);
  unsigned long (*GetLastError)();
  Handle (*LoadPage)(Handle Document, int Index);
  void (*ClosePage)(Handle Page);
  float (*GetPageWidthF)(Handle Page);
  float (*GetPageHeightF)(Handle Page);
  int (*HasTransparency)(Handle Page);
  Handle (*LoadTextPage)(Handle Page);
  void (*CloseTextPage)(Handle TextPage);
  Handle (*BitmapCreate)(int Width, int Height, int Alpha);
  int (*BitmapFillRect)(Handle Bitmap, int Left, int Top, int Width, int Height,
                        unsigned long Colour);
  void (*BitmapDestroy)(Handle Bitmap);
  void (*RenderPageBitmap)(Handle Bitmap, Handle Page, int X, int Y, int Width,
                           int Height, int Rotate, int Flags);
};

constexpr int RenderAnnotations = 0x01; // FPDF_ANNOT

[[noreturn]] void fail(const char *What, const char *Why) {
  fprintf(stderr, "pdfium_driver: %s: %s\n", What, Why);
  exit(1);
}

template <typename Function>
void bind(void *Library, const char *Name, Function *&Target) {
  void *Symbol = dlsym(Library, Name);
  if (!Symbol)
    fail(Name, dlerror());
  Target = reinterpret_cast<Function *>(Symbol);
}

PDFium load(const char *Path) {
  void *Library = dlopen(Path, RTLD_NOW | RTLD_LOCAL);
  if (!Library)
    fail("cannot load PDFium", dlerror());
  PDFium P;
  bind(Library, "FPDF_InitLibrary", P.InitLibrary);
  bind(Library, "FPDF_DestroyLibrary", P.DestroyLibrary);
  bind(Library, "FPDF_LoadMemDocument64", P.LoadMemDocument64);
  bind(Library, "FPDF_CloseDocument", P.CloseDocument);
  bind(Library, "FPDF_GetPageCount", P.GetPageCount);
  bind(Library, "FPDF_GetLastError", P.GetLastError);
  bind(Library, "FPDF_LoadPage", P.LoadPage);
  bind(Library, "FPDF_ClosePage", P.ClosePage);
  bind(Library, "FPDF_GetPageWidthF", P.GetPageWidthF);
  bind(Library, "FPDF_GetPageHeightF", P.GetPageHeightF);
  bind(Library, "FPDFPage_HasTransparency", P.HasTransparency);
  bind(Library, "FPDFText_LoadPage", P.LoadTextPage);
  bind(Library, "FPDFText_ClosePage", P.CloseTextPage);
  bind(Library, "FPDFBitmap_Create", P.BitmapCreate);
  bind(Library, "FPDFBitmap_FillRect", P.BitmapFillRect);
  bind(Library, "FPDFBitmap_Destroy", P.BitmapDestroy);
  bind(Library, "FPDF_RenderPageBitmap", P.RenderPageBitmap);
  return P;
}

// One malloc'ed buffer, as PDFium's test program does it: the largest block of
// the run, written to its end.
char *readWhole(const char *Path, size_t &Size) {
  FILE *File = fopen(Path, "rb");
  if (!File) {
    perror(Path);
    exit(1);
  }
  // Unbuffered: stdio's own buffer would be one more block.
  setvbuf(File, nullptr, _IONBF, 0);
  const long End = fseek(File, 0, SEEK_END) == 0 ? ftell(File) : -1;
  if (End <= 0 || fseek(File, 0, SEEK_SET) != 0)
    fail(Path, "empty or not a file");
  Size = static_cast<size_t>(End);
  char *Data = static_cast<char *>(malloc(Size));
  if (!Data || fread(Data, 1, Size, File) != Size)
    fail(Path, "cannot be read into memory");
  fclose(File);
  return Data;
}

bool renderPage(const PDFium &P, Handle Document, int Index) {
  Handle Page = P.LoadPage(Document, Index);
  if (!Page)
    return false;
  Handle Text = P.LoadTextPage(Page);
  const int Width = static_cast<int>(P.GetPageWidthF(Page));
  const int Height = static_cast<int>(P.GetPageHeightF(Page));
  const int Alpha = P.HasTransparency(Page);
  Handle Bitmap = P.BitmapCreate(Width, Height, Alpha);
  if (Bitmap) {
    P.BitmapFillRect(Bitmap, 0, 0, Width, Height,
                     Alpha ? 0x00000000 : 0xFFFFFFFF);
    P.RenderPageBitmap(Bitmap, Page, 0, 0, Width, Height, 0, RenderAnnotations);
    P.BitmapDestroy(Bitmap);
  }
  if (Text)
    P.CloseTextPage(Text);
  P.ClosePage(Page);
  return Bitmap != nullptr;
}

} // namespace

int main(int Argc, char **Argv) {
  int First = 1, Last = 100;
  const char *Pages = "--pages=";
  int I = 1;
  if (I < Argc && strncmp(Argv[I], Pages, strlen(Pages)) == 0) {
    if (sscanf(Argv[I] + strlen(Pages), "%d-%d", &First, &Last) != 2 ||
        First < 1 || Last < First)
      fail(Argv[I], "expected --pages=FIRST-LAST, counted from 1");
    ++I;
  }
  if (Argc - I != 2) {
    fprintf(stderr,
            "usage: pdfium_driver [--pages=1-100] LIBPDFIUM.so FILE.pdf\n");
    return 2;
  }
  const PDFium P = load(Argv[I]);
  P.InitLibrary();
  size_t Size;
  char *Data = readWhole(Argv[I + 1], Size);
  Handle Document = P.LoadMemDocument64(Data, Size, nullptr);
  if (!Document) {
    fprintf(stderr, "pdfium_driver: %s: PDFium's error %lu\n", Argv[I + 1],
            P.GetLastError());
    return 1;
  }
  const int Count = P.GetPageCount(Document);
  int Rendered = 0;
  for (int Page = First - 1; Page < Last && Page < Count; ++Page)
    Rendered += renderPage(P, Document, Page);
  P.CloseDocument(Document);
  P.DestroyLibrary();
  free(Data);
  printf("pages_rendered=%d\n", Rendered);
  return Rendered > 0 ? 0 : 1;
}
