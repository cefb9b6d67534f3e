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
  /* Private views of a sealed memory file. */                                 \
  REFPAGE_BACKEND(MemfdWindow, "memfd_window")

enum class Backend : u8 {
#define REFPAGE_BACKEND(Name, Text) Name,
  REFPAGE_BACKENDS(REFPAGE_BACKEND)
#undef REFPAGE_BACKEND
};

#define REFPAGE_BACKEND(Name, Text) +1
constexpr u32 NumBackends = REFPAGE_BACKENDS(REFPAGE_BACKEND);
#undef REFPAGE_BACKEND

const char *getBackendName(Backend Kind);

// Kept with each block, live or cached, and handed back to Backends.
struct Backing {
  // What clean pages of the block hold.
  Contents Holds;
  Backend Kind = Backend::Zero;
  // The window the block views, of the source for Holds: indices into the
  // registry and into the source. Only for backends that have sources.
  u8 Source = 0;
  u8 Window = 0;
  // The mappings that views of the window take.
  u32 Mappings = 0;
  // So many bytes at the block's front are anonymous memory that was filled:
  // all of it for Memset, none for Zero.
  uptr FilledBytes = 0;

  // Whether the block views a window, which it then has to give back. All
  // others are anonymous memory.
  bool hasWindow() const {
    return Kind != Backend::Zero && Kind != Backend::Memset;
  }
};

} // namespace refpage

#endif // REFPAGE_BACKEND_BACKING_H_
