// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The life of one large block, as docs/life-of-an-allocation.md tells it: what
// each step costs in page faults, and what the kernel then says of the block's
// pages. Prints a Markdown table.

#include "arguments.h"
#include "cost.h"
#include "pages.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace {

constexpr size_t PagesWritten = 10;

// Of /proc/self/pagemap, see Documentation/admin-guide/mm/pagemap.rst.
constexpr uint64_t Present = 1ull << 63;
constexpr uint64_t OfAFile = 1ull << 61;

struct Step {
  const char *What;
  double Faults;
  size_t Shared; // pages of the block that are present, and of a file
  size_t Own;    // present, and its own
  size_t Mappings;
};

size_t countMappings(uintptr_t Begin, uintptr_t End) {
  FILE *Maps = fopen("/proc/self/maps", "r");
  if (!Maps)
    bench::fail("/proc/self/maps");
  size_t Count = 0;
  uintptr_t From, To;
  // Each line is "FROM-TO ...".
  while (fscanf(Maps, "%zx-%zx%*[^\n]", &From, &To) == 2)
    Count += From < End && Begin < To;
  fclose(Maps);
  return Count;
}

void lookAt(Step &Seen, uintptr_t Begin, size_t Size) {
  const uintptr_t End = Begin + Size;
  const int Fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (Fd < 0)
    bench::fail("/proc/self/pagemap");
  for (uintptr_t Page = Begin / bench::PageSize;
       Page <= (End - 1) / bench::PageSize; ++Page) {
    uint64_t Entry;
    if (pread(Fd, &Entry, sizeof(Entry),
              static_cast<off_t>(Page * sizeof(Entry))) != sizeof(Entry))
      bench::fail("/proc/self/pagemap");
    if (Entry & Present)
      ++(Entry & OfAFile ? Seen.Shared : Seen.Own);
  }
  close(Fd);
  Seen.Mappings = countMappings(Begin, End);
}

class Life {
public:
  explicit Life(size_t Size) : Size(Size) {}

  // Action: gives the block's address. One that was freed is still looked at.
  template <typename ActionT> void go(const char *What, ActionT Action) {
    const bench::Cost Start = bench::Cost::now();
    const uintptr_t Begin = Action();
    Step &Seen = Steps[Count++];
    Seen = {What, bench::Cost::now().since(Start).Faults, 0, 0, 0};
    lookAt(Seen, Begin, Size);
  }

  void print() const {
    printf("| step | page faults | pages shared with the window | pages of its "
           "own | mappings |\n|---|---:|---:|---:|---:|\n");
    for (size_t I = 0; I < Count; ++I)
      printf("| %s | %.0f | %zu | %zu | %zu |\n", Steps[I].What,
             Steps[I].Faults, Steps[I].Shared, Steps[I].Own, Steps[I].Mappings);
  }

private:
  const size_t Size;
  Step Steps[8];
  size_t Count = 0;
};

uintptr_t addressOf(const volatile char *Block) {
  return reinterpret_cast<uintptr_t>(Block);
}

} // namespace

int main(int Argc, char **Argv) {
  const size_t MiB = bench::numberOr(Argc, Argv, 1, 4);
  if (Argc > 2 || MiB == 0) {
    fprintf(stderr, "usage: life_of_a_block [MIB=4]\n");
    return 2;
  }
  const size_t Size = MiB << 20;
  // The heap itself starts with its first block.
  free(malloc(1));
  // Or the compiler would leave out what nobody reads.
  volatile char *Block = nullptr;
  const auto Allocate = [&] {
    Block = static_cast<volatile char *>(malloc(Size));
    if (!Block)
      bench::fail("malloc");
    return addressOf(Block);
  };
  const auto ReadAt = [&](size_t At) {
    (void)Block[At];
    return addressOf(Block);
  };
  Life It(Size);
  It.go("malloc", Allocate);
  It.go("a byte is read", [&] { return ReadAt(Size / 4); });
  It.go("a byte is written in ten pages", [&] {
    for (size_t I = 0; I < PagesWritten; ++I)
      Block[Size / 2 + I * bench::PageSize] = 1;
    return addressOf(Block);
  });
  It.go("free", [&] {
    const uintptr_t Begin = addressOf(Block);
    free(const_cast<char *>(Block));
    return Begin;
  });
  It.go("malloc of the same size", Allocate);
  It.go("what was written is read: the pattern",
        [&] { return ReadAt(Size / 2); });
  It.print();
  return 0;
}
