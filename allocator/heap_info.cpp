// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/heap_info.h"

#include "allocator/heap.h"
#include "allocator/stats_source.h"
#include "platform/mapping.h"

#include <errno.h>

namespace refpage {
namespace {

// Other threads may be in the middle of something that one number has and
// another has not.
uptr subtract(uptr From, uptr Value) { return From > Value ? From - Value : 0; }

// How many blocks there are of each size. In memory of its own: what is counted
// stays as it is, and cannot be allocated from while it is.
class SizeCensus {
public:
  // Room for so many large blocks. Returns 0 or an errno.
  int init(uptr LargeBlocks) {
    MaxLarge = LargeBlocks;
    MapSize = scudo::roundUp((NumSmall + MaxLarge) * sizeof(uptr),
                             scudo::getPageSizeCached());
    if (const int Error = reserveMemory(MapSize, &MapBase))
      return Error;
    Small = reinterpret_cast<uptr *>(MapBase);
    Large = Small + NumSmall;
    return commitReserved(MapBase, MapSize);
  }
  SizeCensus() = default;
  ~SizeCensus() {
    if (MapBase)
      unmapMemory(MapBase, MapSize);
  }
  SizeCensus(const SizeCensus &) = delete;
  void operator=(const SizeCensus &) = delete;

  void count(uptr Size) {
    if (Size < NumSmall)
      Small[Size]++;
    else if (NumLarge++ < MaxLarge)
      Large[NumLarge - 1] = Size;
  }

  // Large blocks that were counted; the room was enough for isComplete().
  uptr getNumLarge() const { return NumLarge; }
  bool isComplete() const { return NumLarge <= MaxLarge; }

  void write(FILE *Stream) {
    for (uptr Size = 0; Size != NumSmall; Size++)
      writeLine(Stream, Size, Small[Size]);
    sort();
    uptr Next;
    for (uptr I = 0; I != NumLarge; I = Next) {
      Next = I + 1;
      while (Next != NumLarge && Large[Next] == Large[I])
        Next++;
      writeLine(Stream, Large[I], Next - I);
    }
  }

private:
  static constexpr uptr NumSmall = Heap::PrimaryT::SizeClassMap::MaxSize;

  static void writeLine(FILE *Stream, uptr Size, uptr Count) {
    if (Count)
      fprintf(Stream, "<alloc size=\"%zu\" count=\"%zu\"/>\n", Size, Count);
  }

  // Shell's: libc's qsort() may allocate.
  void sort() {
    for (uptr Gap = NumLarge / 2; Gap; Gap /= 2) {
      for (uptr I = Gap; I != NumLarge; I++) {
        const uptr Size = Large[I];
        uptr To = I;
        for (; To >= Gap && Large[To - Gap] > Size; To -= Gap)
          Large[To] = Large[To - Gap];
        Large[To] = Size;
      }
    }
  }

  uptr MapBase = 0;
  uptr MapSize = 0;
  uptr *Small = nullptr;
  uptr *Large = nullptr;
  uptr MaxLarge = 0;
  uptr NumLarge = 0;
};

int fail(int Error) {
  errno = Error;
  return -1;
}

} // namespace

HeapSizes getHeapSizes() {
  scudo::StatCounters Stats;
  TheHeap.getStats(Stats);
  const LargeBlockCounts Counts = countLargeBlocks();
  HeapSizes Sizes;
  Sizes.SmallMapped = subtract(Stats[scudo::StatMapped], Counts.MappedBytes);
  Sizes.SmallUsed = subtract(Stats[scudo::StatAllocated], Counts.LiveBytes);
  Sizes.SmallFree = Stats[scudo::StatFree];
  Sizes.LargeBlocks = Counts.Live;
  Sizes.LargeUsed = Counts.LiveBytes;
  Sizes.KeptBlocks = Counts.Kept;
  Sizes.Kept = Counts.KeptBytes;
  return Sizes;
}

int writeHeapInfo(int Options, FILE *Stream) {
  if (Options != 0)
    return fail(EINVAL);
  // Blocks that are made before the heap is stopped need room too.
  uptr Room = 64;
  for (;;) {
    SizeCensus Census;
    if (const int Error = Census.init(countLargeBlocks().Live + Room))
      return fail(Error);
    TheHeap.disable();
    TheHeap.iterateOverChunks(
        0, UINTPTR_MAX,
        [](uintptr_t, size_t Size, void *Arg) {
          static_cast<SizeCensus *>(Arg)->count(Size);
        },
        &Census);
    TheHeap.enable();
    if (Census.isComplete()) {
      fputs("<malloc version=\"scudo-1\">\n", Stream);
      Census.write(Stream);
      fputs("</malloc>\n", Stream);
      return ferror(Stream) ? -1 : 0;
    }
    Room = Census.getNumLarge();
  }
}

} // namespace refpage
