// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How much of a fresh block will be written, judged by what became of earlier
// blocks of its size: programs ask for the same sizes again.

#ifndef REFPAGE_ALLOCATOR_DENSITY_MODEL_H_
#define REFPAGE_ALLOCATOR_DENSITY_MODEL_H_

#include "allocator/large_block.h"
#include "platform/pagemap.h"

#include "atomic_helpers.h"

namespace refpage {

// Learns the front of the blocks of a size: the bytes from the start that every
// block looked at had written. To give those plain anonymous pages, filled at
// once, costs less than to copy each from a window at a fault. It is a bet: if
// a block is then used less than those before it, its front takes memory that
// it would not have taken. Nothing is bet on pages behind the first gap, so
// that sparse blocks stay sparse, and large fronts need more evidence.
//
// What is looked at are blocks that were made of windows alone: the kernel says
// which of their pages were written, and nothing in them is read. (A program
// may free a block in which it has made pages inaccessible.) So that what was
// learnt can be unlearnt, one block in sixteen is made of windows in any case.
//
// Thread-safe without locks; when two threads observe a size at once, one of
// the observations can be lost.
class DensityModel {
public:
  constexpr DensityModel() = default;

  // Bytes, whole pages, at most CommitSize; 0 while too little is known, too
  // little would be gained, or this block is to be looked at.
  uptr getExpectedFront(uptr CommitSize);

  // To be told of each block that is freed, while it is still mapped. Looks at
  // one in sixteen after the first few: asking the kernel about 1 MiB takes
  // about 2 us.
  void observe(const BlockSpan &Span, Pagemap &Pages);

private:
  struct SizeClass {
    scudo::atomic_u32 Fresh = {};
    scudo::atomic_u32 Frees = {};
    scudo::atomic_u32 Observations = {};
    // What is expected: the least front, in pages, of the last observations.
    scudo::atomic_u32 FrontPages = {};
    // The least front of the present round of observations, which is what
    // FrontPages becomes at its end if that is more.
    scudo::atomic_u32 RoundFront = {};
  };

  // Stands for a block that was written whole, whatever its size.
  static constexpr u32 AllPages = UINT32_MAX;
  // Four classes for each doubling.
  static constexpr u32 NumClasses = 4 * 40;

  static u32 classOf(uptr CommitSize);
  static u32 measureFront(const BlockSpan &Span, Pagemap &Pages);
  static uptr getFront(const SizeClass &C, uptr CommitSize);

  SizeClass Classes[NumClasses] = {};
};

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_DENSITY_MODEL_H_
