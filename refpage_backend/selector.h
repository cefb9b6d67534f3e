// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which backend serves a block, and why.

#ifndef REFPAGE_BACKEND_SELECTOR_H_
#define REFPAGE_BACKEND_SELECTOR_H_

#include "refpage_backend/backing.h"

namespace refpage {

// What the user asked for.
enum class BackendRequest : u8 {
  Auto,
  Syscall,
  Device,
  DeviceUnaccounted,
  DeviceFresh,
  Memfd,
  Memset,
};

// The same, or what comes nearest to it and makes pages that show in pagemap
// when they were read: not so the device's other kinds.
constexpr BackendRequest getRequestThatShowsReads(BackendRequest Asked) {
  return Asked == BackendRequest::DeviceUnaccounted ||
                 Asked == BackendRequest::DeviceFresh
             ? BackendRequest::Device
             : Asked;
}

// REFPAGE_REASON(Name, Text): Text completes "memset, because ...".
#define REFPAGE_REASONS(REFPAGE_REASON)                                        \
  REFPAGE_REASON(SparseUse, "its pages may never be written")                  \
  REFPAGE_REASON(ZeroContents, "zeros were asked for, or no contents")         \
  REFPAGE_REASON(Requested, "the options ask for it")                          \
  REFPAGE_REASON(SmallBlock, "the block is too small for a window")            \
  REFPAGE_REASON(DenseUse, "blocks of that size get written whole")            \
  REFPAGE_REASON(MappingBudget, "windows have used their share of mappings")   \
  REFPAGE_REASON(NoWindow, "no window could be made")                          \
  REFPAGE_REASON(NoTagsInFiles, "memory files do not keep tags here")          \
  REFPAGE_REASON(TagsRefused, "their memory could not be mapped with tags")    \
  REFPAGE_REASON(NotHere, "what the options ask for is not to be had")         \
  REFPAGE_REASON(MapFailed, "a window could not be mapped")                    \
  REFPAGE_REASON(WindowLost, "the program kept closing the window's "          \
                             "descriptor")

enum class Reason : u8 {
#define REFPAGE_REASON(Name, Text) Name,
  REFPAGE_REASONS(REFPAGE_REASON)
#undef REFPAGE_REASON
};

#define REFPAGE_REASON(Name, Text) +1
constexpr u32 NumReasons = REFPAGE_REASONS(REFPAGE_REASON);
#undef REFPAGE_REASON

const char *getReasonText(Reason Why);
// Whether the reason is that something did not work.
bool isFallback(Reason Why);

// How a block is to be made. Which backend that means shows when it is tried:
// contents fill by memset or tag_store, windows are of whichever kind can be
// had.
enum class Method : u8 { Zero, Fill, View };

struct Choice {
  Method How;
  Reason Why;
};

// What the choice depends on.
struct BlockRequest {
  uptr Size;           // Bytes to be backed.
  Contents Holds;      // What its clean pages shall hold.
  uptr ExpectedFront;  // Bytes at its front expected to be written anyway.
  uptr WindowMappings; // Mappings that windows take now, beyond one a block.
  BackendRequest Request;
  bool CanTagWindows; // Asked only if Holds has a tag.
};

// What to try first. Does not look whether it works.
Choice selectMethod(const BlockRequest &Block);

// Below this size a memset costs less than mapping a window and copying the
// pages that get written: a mapping takes 3.4 us, a written page of a window
// about 0.3 us more than one of anonymous memory, a page filled that would not
// have been written 1.7 us.
constexpr uptr MinWindowBlock = 64UL << 10;

// Windows may take so many mappings beyond one a block: a quarter of the
// kernel's default limit a process (vm.max_map_count, 65530). The rest is the
// program's.
constexpr uptr MaxWindowMappings = 16384;

} // namespace refpage

#endif // REFPAGE_BACKEND_SELECTOR_H_
