// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How much of a fresh block will be written, judged by what became of earlier
// blocks of its size: programs ask for the same sizes again.

#ifndef REFPAGE_ALLOCATOR_DENSITY_MODEL_H_
#define REFPAGE_ALLOCATOR_DENSITY_MODEL_H_

#include "allocator/density_trace.h"
#include "allocator/large_block.h"
#include "platform/pagemap.h"

#include "atomic_helpers.h"
#include "string_utils.h"

namespace refpage {

// Learns the front of the blocks of a size: the bytes from the start that every
// block looked at had written. To give those plain anonymous pages, filled at
// once, costs less than to copy each from a window at a fault; and in a block
// that is reused they need no question to the kernel. It is a bet: if a block
// is then used less than those before it, its front takes memory that it would
// not have taken. Nothing is bet on pages behind the first gap, so that sparse
// blocks stay sparse, unless most of a block is written all the same; and large
// fronts need more evidence. Where all blocks of late were written whole, one
// of a new size is taken to be like them, if it is not much larger.
//
// What is looked at are blocks that are reused, since putting their contents
// back shows what was written; and of those that were never used before, a
// sample when they are freed: those made of windows alone, of which the kernel
// says which pages were written, so that nothing in them is read. (A program
// may free a block in which it has made pages inaccessible.) So that what was
// learnt can be unlearnt, one fresh block in sixteen is made of windows in any
// case.
//
// Thread-safe without locks; when two threads observe a size at once, one of
// the observations can be lost.
class DensityModel {
public:
  constexpr DensityModel() = default;

  // Bytes, whole pages, at most CommitSize; 0 while too little is known, too
  // little would be gained, or this block is to be looked at.
  uptr getExpectedFront(uptr CommitSize);
  // The same for a block that is used again: never 0 for being looked at.
  uptr getKnownFront(uptr CommitSize) const;

  // To be told of each block that is freed, while it is still mapped. Looks at
  // one in sixteen after the first few: asking the kernel about 1 MiB takes 1
  // to 10 us.
  void observe(const BlockSpan &Span, Pagemap &Pages);

  // Bytes that are expected to be written in a block that has grown from
  // OldSize to NewSize, judged also by itself: a block that is full when it
  // grows will be filled further. HoldsPattern(Address) says whether a page of
  // the old block, which lies at OldBase, is clean.
  template <typename F>
  uptr getGrowingFront(uptr OldBase, uptr OldSize, uptr NewSize,
                       F HoldsPattern) {
    const uptr Known = getKnownFront(NewSize);
    if (!isFull(OldBase, OldSize, HoldsPattern)) {
      // What was thought of the size is not so.
      noteGrownFull(OldSize, false);
      if (getKnownFront(OldSize))
        note(OldSize, 0, 0);
      return Known > OldSize ? 0 : Known;
    }
    if (Known)
      return Known;
    // Half of what it grows by, or all if that was right before, but not very
    // much: little is then taken in vain by a block that was last grown for a
    // few bytes.
    constexpr uptr MostOnTrust = 32UL << 20;
    const uptr Added = NewSize - OldSize;
    const uptr OnTrust = hasGrownFull(NewSize) ? Added : Added / 2;
    noteGrownFull(OldSize, true);
    return OldSize +
           scudo::roundUp(
               scudo::Min(OnTrust, scudo::Max(MostOnTrust, OldSize / 8)),
               scudo::getPageSizeCached());
  }

  // A block of that size had so many bytes written, in this use or before, and
  // so many at its start in this one.
  void learn(uptr CommitSize, uptr WrittenBytes, uptr FrontBytes);

  // Looks at a block that is in use when the process exits, for the trace of
  // densities alone (density_trace.h).
  static void trace(const BlockSpan &Span, Pagemap &Pages);

  // What is known of a range of sizes.
  struct SizeReport {
    uptr FromBytes;     // The least of them.
    u32 LookedAt;       // Blocks.
    u32 WrittenPercent; // Of their bytes.
    uptr FilledBytes;   // Of a block of the least size, at its start.
  };
  // The ranges of sizes, the smallest first; false if no block of it was seen.
  static constexpr u32 countSizes() { return NumDensityClasses; }
  bool getSize(u32 Index, SizeReport *Report) const;

  // A line for each range of sizes that was seen.
  void getStats(scudo::ScopedString *Str) const;

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
    scudo::atomic_u8 HasGrownFull = {};
    // The share of the bytes that was written, a running mean in 1/WholeShare.
    scudo::atomic_u32 Share = {};
  };

  // Stands for a block that was written whole, whatever its size.
  static constexpr u32 AllPages = UINT32_MAX;
  static constexpr u32 WholeShare = 1024;

  // Looks at a few pages all over the block, and of its last third.
  template <typename F>
  static bool isFull(uptr Base, uptr Size, F HoldsPattern) {
    constexpr uptr Samples = 8;
    const uptr PageSize = scudo::getPageSizeCached();
    for (uptr I = 1; I <= Samples; I++) {
      const uptr Anywhere = Size * I / (Samples + 1);
      const uptr Late = Size - Size / 3 * I / Samples;
      if (HoldsPattern(Base + scudo::roundDown(Anywhere, PageSize)) ||
          HoldsPattern(Base + scudo::roundDown(Late, PageSize)))
        return false;
    }
    return true;
  }
  // Whether a block of the size has grown when it was full. A few pages looked
  // at are no observation like the others: this is for blocks that grow.
  bool hasGrownFull(uptr CommitSize) const;
  void noteGrownFull(uptr CommitSize, bool Full);

  void note(uptr CommitSize, uptr WrittenBytes, uptr FrontBytes);
  uptr getFront(const SizeClass &C, uptr CommitSize) const;

  SizeClass Classes[NumDensityClasses] = {};
  // Blocks of any size that were looked at last and were written whole, since
  // one that was not; and the largest of them.
  scudo::atomic_u32 WholeInARow = {};
  scudo::atomic_uptr LargestWhole = {};
};

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_DENSITY_MODEL_H_
