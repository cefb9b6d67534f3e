// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How the memory of one block is backed.

#ifndef REFPAGE_BACKEND_BACKING_H_
#define REFPAGE_BACKEND_BACKING_H_

#include "refpage_backend/contents.h"

namespace refpage {

// REFPAGE_BACKEND(Name, Text): Text is what stats and options call it.
#define REFPAGE_BACKENDS(REFPAGE_BACKEND)                                      \
  /* Anonymous memory that nobody fills: the kernel's zero page. */            \
  REFPAGE_BACKEND(Zero, "zero")                                                \
  /* Anonymous memory, filled before it is handed out. */                      \
  REFPAGE_BACKEND(Memset, "memset")                                            \
  /* The same for contents with a memory tag: tagged and filled. */            \
  REFPAGE_BACKEND(TagStore, "tag_store")                                       \
  /* Private views of a sealed memory file. */                                 \
  REFPAGE_BACKEND(MemfdWindow, "memfd_window")                                 \
  /* The same of a file that the module's device made. */                      \
  REFPAGE_BACKEND(Device, "device")                                            \
  /* The same of one that the kernel's own system call made. */                \
  REFPAGE_BACKEND(Syscall, "syscall")

enum class Backend : u8 {
#define REFPAGE_BACKEND(Name, Text) Name,
  REFPAGE_BACKENDS(REFPAGE_BACKEND)
#undef REFPAGE_BACKEND
};

#define REFPAGE_BACKEND(Name, Text) +1
constexpr u32 NumBackends = REFPAGE_BACKENDS(REFPAGE_BACKEND);
#undef REFPAGE_BACKEND

const char *getBackendName(Backend Kind);

// Anonymous memory that was filled, and the backend that fills it.
constexpr bool isFilled(Backend Kind) {
  return Kind == Backend::Memset || Kind == Backend::TagStore;
}
constexpr Backend getFillingBackend(const Contents &Holds) {
  return Holds.Tag ? Backend::TagStore : Backend::Memset;
}

// What was written in the views of a block: bytes, and those of them that are
// the first, without a gap.
struct ViewUse {
  uptr Written = 0;
  uptr Front = 0;
};

// Kept with each block, live or cached, and handed back to Backends.
struct Backing {
  // What clean pages of the block hold.
  Contents Holds;
  Backend Kind = Backend::Zero;
  // The window the block views, of the source for Holds: indices into the
  // registry and into the source. Only for backends that have sources.
  u8 Source = 0;
  u8 Window = 0;
  // So many bytes at the block's front have to be looked at, every one, when
  // the contents are put back: anonymous memory, which may not hold them when
  // clean. All of it for Memset and TagStore, none for Zero. They take so many
  // mappings; if those are several, there may be views of the window among
  // them.
  uptr FilledBytes = 0;
  u32 FilledMappings = 0;
  // Behind them lie views of the window: the first of so many bytes, the others
  // of ViewSize each, the last as long as there is room.
  uptr FirstView = 0;
  uptr ViewSize = 0;

  // Whether the block views a window, which it then has to give back. All
  // others are anonymous memory.
  bool hasWindow() const { return Kind != Backend::Zero && !isFilled(Kind); }

  // Whether what is written in its views is lost when it is used again: it then
  // gets another tag.
  bool losesViews() const { return Holds.Tag && hasWindow(); }

  void setFilled(uptr Bytes, u32 Mappings) {
    FilledBytes = Bytes;
    FilledMappings = Bytes ? Mappings : 0;
  }

  // The mappings that a block of Size bytes takes beyond one.
  uptr countExtraMappings(uptr Size) const {
    if (!hasWindow())
      return FilledMappings ? FilledMappings - 1 : 0;
    const uptr Viewed = Size - FilledBytes;
    const uptr Others = Viewed > FirstView ? Viewed - FirstView : 0;
    const uptr All = FilledMappings + (Viewed ? 1 : 0) +
                     (ViewSize ? (Others + ViewSize - 1) / ViewSize : 0);
    return All - 1;
  }

  // Of what is left of a block when its first Cut bytes are gone.
  Backing withoutFront(uptr Cut) const {
    Backing Rest = *this;
    if (Cut < FilledBytes) {
      Rest.setFilled(FilledBytes - Cut, FilledMappings);
      return Rest;
    }
    Rest.setFilled(0, 0);
    const uptr CutViews = Cut - FilledBytes;
    if (hasWindow())
      Rest.FirstView = CutViews < FirstView
                           ? FirstView - CutViews
                           : ViewSize - (CutViews - FirstView) % ViewSize;
    return Rest;
  }
};

} // namespace refpage

#endif // REFPAGE_BACKEND_BACKING_H_
