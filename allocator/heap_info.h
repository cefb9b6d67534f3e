// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the heap tells about itself: mallinfo() and malloc_info(). Upstream's
// mallinfo() has one sum for blocks of all sizes, and its malloc_info() leaves
// out large blocks.

#ifndef REFPAGE_ALLOCATOR_HEAP_INFO_H_
#define REFPAGE_ALLOCATOR_HEAP_INFO_H_

#include "platform/types.h"

#include <stdio.h>

namespace refpage {

// Bytes, but for the two counts of blocks. A small block counts as the size of
// its class, a large one as its committed pages, headers included.
//
// Read while no other thread allocates or frees:
//   Used = SmallUsed + LargeUsed
//   Free = SmallFree + Kept
//   SmallUsed + SmallFree <= SmallMapped
//   Mapped = SmallMapped + LargeUsed + Kept >= Used + Free
// Otherwise each is what it was at some moment of the call.
//
// A large block moves its bytes from nothing to LargeUsed when it is new, from
// Kept to LargeUsed when it is used again, from LargeUsed to Kept when it is
// freed and kept, and to nothing when it is not. What realloc() changes a large
// block by is in LargeUsed alone.
struct HeapSizes {
  uptr SmallMapped; // What the Primary has taken from the system.
  uptr SmallUsed;
  uptr SmallFree; // Of it, in blocks that can be handed out.
  uptr LargeBlocks;
  uptr LargeUsed;
  uptr KeptBlocks; // Freed large blocks that are kept for reuse.
  uptr Kept;       // Without those whose memory was given back.

  uptr used() const { return SmallUsed + LargeUsed; }
  uptr free() const { return SmallFree + Kept; }
  uptr mapped() const { return SmallMapped + LargeUsed + Kept; }
};

// Thread-safe; takes the locks of the heap one after the other.
HIDDEN HeapSizes getHeapSizes();

// The same under the names of mallinfo(), in the types of either C library:
//   arena     SmallMapped, a part of hblkhd
//   ordblks   KeptBlocks (small free blocks are not counted)
//   hblks     LargeBlocks
//   hblkhd    mapped(), as upstream's: all of it comes from mmap()
//   usmblks   the same: bionic's readers take it for the size of the heap
//   fsmblks   SmallFree
//   uordblks  used()
//   fordblks  free()
//   keepcost  free(): what trimming can give back at most
// So large blocks in use are hblkhd - arena - (fordblks - fsmblks) bytes.
// What is too large for the type is the type's largest number.
template <typename Mallinfo> Mallinfo getMallinfo() {
  using Field = decltype(Mallinfo::arena);
  const auto Fit = [](uptr Value) {
    constexpr bool IsSigned = static_cast<Field>(-1) < static_cast<Field>(1);
    constexpr uptr Most =
        UINTPTR_MAX >> ((IsSigned ? 65 : 64) - 8 * sizeof(Field));
    return static_cast<Field>(Value < Most ? Value : Most);
  };
  const HeapSizes Sizes = getHeapSizes();
  Mallinfo Info = {};
  Info.arena = Fit(Sizes.SmallMapped);
  Info.ordblks = Fit(Sizes.KeptBlocks);
  Info.hblks = Fit(Sizes.LargeBlocks);
  Info.hblkhd = Fit(Sizes.mapped());
  Info.usmblks = Fit(Sizes.mapped());
  Info.fsmblks = Fit(Sizes.SmallFree);
  Info.uordblks = Fit(Sizes.used());
  Info.fordblks = Fit(Sizes.free());
  Info.keepcost = Fit(Sizes.free());
  return Info;
}

// malloc_info(): one line for each size of which there are blocks in use, by
// size, in upstream's form and with the sizes that the program asked for:
//   <malloc version="scudo-1">
//   <alloc size="SIZE" count="COUNT"/>
//   </malloc>
// Large blocks of every backend and tag are among them. Other threads wait
// while blocks are counted, not while they are written; what writing allocates
// is not in it. Returns 0, or -1: EINVAL (Options is not 0), ENOMEM (there is
// no memory to count in), or what the stream says.
HIDDEN int writeHeapInfo(int Options, FILE *Stream);

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_HEAP_INFO_H_
