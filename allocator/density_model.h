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
// once, costs less than to copy each from a window at a fault, and takes no
// page that would not have been taken. Nothing is learnt about pages behind the
// first gap, so that sparse blocks stay sparse.
//
// Thread-safe without locks; when two threads observe a size at once, one of
// the observations can be lost.
class DensityModel {
public:
  constexpr DensityModel() = default;

  // Bytes, whole pages, at most CommitSize; 0 while too little is known, or
  // too little would be gained.
  uptr getExpectedFront(uptr CommitSize) const;

  // To be told of each block that is freed, while it is still mapped. Looks at
  // one in sixteen after the first few: asking the kernel about 4 MiB takes
  // about 8 us.
  void observe(const BlockSpan &Span, Pagemap &Pages);

private:
  struct SizeClass {
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

  SizeClass Classes[NumClasses] = {};
};

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_DENSITY_MODEL_H_
