// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The Secondary: large blocks, each with its own mapping between two guard
// pages, as in upstream's MapAllocator; but their clean pages hold what was
// asked for without anybody having written it.

#ifndef REFPAGE_ALLOCATOR_SECONDARY_H_
#define REFPAGE_ALLOCATOR_SECONDARY_H_

#include "allocator/block_cache.h"
#include "allocator/density_model.h"
#include "allocator/exit_stats.h"
#include "allocator/large_block.h"
#include "allocator/options.h"
#include "allocator/stats_text.h"
#include "platform/scoped_errno.h"
#include "platform/scoped_no_cancel.h"
#include "refpage_backend/backends.h"

#include "common.h"
#include "list.h"
#include "mutex.h"
#include "scudo/standalone/options.h"
#include "stats.h"
#include "string_utils.h"

namespace refpage {

// What combined.h asks of a Secondary; Config is upstream's SecondaryConfig.
// Constant-initialised. Thread-safe; disable() and enable() go around fork().
// Never allocates.
template <typename Config> class Secondary {
public:
  // A negative interval keeps what is cached for ever.
  void init(scudo::GlobalStats *S,
            s32 ReleaseToOsInterval = -1) NO_THREAD_SAFETY_ANALYSIS {
    ScopedNoCancel NoCancel;
    const Options &Asked = getOptions();
    Fill = Asked.variant;
    PatternContents.Pattern = Asked.pattern.Value;
    Pages.init(Fill == Variant::Memset ? BackendRequest::Memset : Asked.backend,
               Asked.window_max.Value);
    Cache.init(ReleaseToOsInterval);
    LocalStats.init();
    if (S)
      S->link(&LocalStats);
    setStatsSource(&Pages);
  }

  // Returns the block, and its end in *BlockEnd; nullptr when there is no
  // memory. Size is the user's, without header or alignment gap; FillContents
  // says what the block shall read as up to its end.
  void *allocate(const scudo::Options &Options, uptr Size, uptr Alignment = 0,
                 uptr *BlockEnd = nullptr,
                 scudo::FillContentsMode FillContents = scudo::NoFill);

  void deallocate(const scudo::Options &Options, void *Block);

  static uptr getBlockEnd(void *Block) {
    return getLargeHeader(Block)->Span.commitEnd();
  }
  static uptr getBlockSize(void *Block) {
    return getBlockEnd(Block) - reinterpret_cast<uptr>(Block);
  }
  static constexpr uptr getHeadersSize() {
    return scudo::Chunk::getHeaderSize() + LargeHeaderSize;
  }

  void disable() NO_THREAD_SAFETY_ANALYSIS {
    Mutex.lock();
    Cache.disable();
    Pages.disable();
  }
  void enable() NO_THREAD_SAFETY_ANALYSIS {
    Pages.enable();
    Cache.enable();
    Mutex.unlock();
  }

  // Between disable() and enable().
  template <typename F> void iterateOverBlocks(F Callback) const {
    Mutex.assertHeld();
    for (const auto &H : InUseBlocks)
      Callback(reinterpret_cast<uptr>(&H) + LargeHeaderSize);
  }

  bool canCache(uptr Size) { return Cache.canCache(Size); }
  bool setOption(scudo::Option O, sptr Value) {
    return Cache.setOption(O, Value);
  }
  void releaseToOS() {
    ScopedErrno KeepErrno;
    ScopedNoCancel NoCancel;
    Cache.releaseToOS(Pages);
  }
  // Large blocks carry no tags.
  void disableMemoryTagging() {}
  void unmapTestOnly() {
    setStatsSource(nullptr);
    Cache.empty(Pages);
    Pages.close();
  }

  void getStats(scudo::ScopedString *Str) EXCLUDES(Mutex);

private:
  using CacheT = BlockCache<typename Config::CacheConfig>;

  // What a block shall read as; Any is what no fill was asked for.
  struct Wish {
    bool Any;
    Contents Holds;
  };
  Wish getWish(scudo::FillContentsMode FillContents) const;

  bool reuse(uptr Size, uptr Alignment, scudo::FillContentsMode FillContents,
             BlockSpan *Span);
  bool map(uptr Size, uptr Alignment, scudo::FillContentsMode FillContents,
           BlockSpan *Span);
  void noteAllocation(LargeHeader *H) EXCLUDES(Mutex);

  Variant Fill = Variant::Refpage;
  Contents PatternContents;
  Backends Pages;
  DensityModel Density;
  CacheT Cache;

  mutable scudo::HybridMutex Mutex;
  scudo::DoublyLinkedList<LargeHeader> InUseBlocks GUARDED_BY(Mutex);
  uptr AllocatedBytes GUARDED_BY(Mutex) = 0;
  uptr FreedBytes GUARDED_BY(Mutex) = 0;
  uptr FragmentedBytes GUARDED_BY(Mutex) = 0;
  uptr LargestSize GUARDED_BY(Mutex) = 0;
  u32 NumberOfAllocs GUARDED_BY(Mutex) = 0;
  u32 NumberOfFrees GUARDED_BY(Mutex) = 0;
  scudo::LocalStats LocalStats GUARDED_BY(Mutex);
};

template <typename Config>
typename Secondary<Config>::Wish
Secondary<Config>::getWish(scudo::FillContentsMode FillContents) const {
  if (FillContents == scudo::ZeroFill)
    return {false, {}};
  // In the variant anon a pattern (SCUDO_OPTIONS=pattern_fill_contents=true) is
  // for small blocks only.
  if (FillContents == scudo::NoFill || Fill == Variant::Anon)
    return {true, {}};
  return {false, PatternContents};
}

template <typename Config>
void *Secondary<Config>::allocate(const scudo::Options &Options, uptr Size,
                                  uptr Alignment, uptr *BlockEnd,
                                  scudo::FillContentsMode FillContents) {
  ScopedErrno KeepErrno;
  ScopedNoCancel NoCancel;
  if (Options.get(scudo::OptionBit::AddLargeAllocationSlack))
    Size += 1UL << SCUDO_MIN_ALIGNMENT_LOG;
  Alignment = scudo::Max(Alignment, uptr(1U) << SCUDO_MIN_ALIGNMENT_LOG);

  BlockSpan Span;
  if (!reuse(Size, Alignment, FillContents, &Span) &&
      !map(Size, Alignment, FillContents, &Span))
    return nullptr;

  const BlockPlacement Place =
      BlockPlacement::atEnd(Span.commitEnd(), Size, Alignment);
  LargeHeader *H = Place.header();
  H->Span = Span;
  noteAllocation(H);
  if (BlockEnd)
    *BlockEnd = Span.commitEnd();
  return reinterpret_cast<void *>(Place.block());
}

template <typename Config>
bool Secondary<Config>::reuse(uptr Size, uptr Alignment,
                              scudo::FillContentsMode FillContents,
                              BlockSpan *Span) {
  const uptr PageSize = scudo::getPageSizeCached();
  // As upstream: aligned blocks lie differently in their mappings.
  if (Alignment >= PageSize ||
      !Cache.canCache(scudo::roundUp(Size + getHeadersSize(), PageSize)))
    return false;
  const Wish Wanted = getWish(FillContents);
  typename CacheT::Entry Found;
  const auto Accept = [&](const BlockSpan &Cached) {
    return Wanted.Any ||
           Pages.canHold(Cached.Backed, Cached.CommitSize, Wanted.Holds);
  };
  if (!Cache.retrieve(Size, Alignment, Accept, &Found))
    return false;
  *Span = Found.Span;
  if (Wanted.Any)
    Pages.reuse(Span->CommitSize, Span->Backed);
  else
    Pages.restore(Span->CommitBase, Span->CommitSize, Wanted.Holds,
                  Found.WasDiscarded, &Span->Backed);
  return true;
}

template <typename Config>
bool Secondary<Config>::map(uptr Size, uptr Alignment,
                            scudo::FillContentsMode FillContents,
                            BlockSpan *Span) {
  const uptr PageSize = scudo::getPageSizeCached();
  const uptr Needed = scudo::roundUp(
      scudo::roundUp(Size, Alignment) + getHeadersSize(), PageSize);
  // With an alignment above a page the user memory starts at a multiple of it,
  // which can lie anywhere in that much more address space.
  const uptr Slack = Alignment > PageSize ? Alignment - PageSize : 0;
  Span->MapSize = Needed + Slack + 2 * PageSize;
  if (reserveMemory(Span->MapSize, &Span->MapBase) != 0)
    return false;
  const uptr MapEnd = Span->MapBase + Span->MapSize;
  uptr CommitEnd = MapEnd - PageSize;
  Span->CommitBase = Span->MapBase + PageSize;
  if (Alignment >= PageSize) {
    // The headers have the page before the user memory. What is left over on
    // either side stays inaccessible.
    const uptr UserPos =
        scudo::roundUp(Span->MapBase + 2 * PageSize, Alignment);
    Span->CommitBase = UserPos - PageSize;
    CommitEnd = UserPos + scudo::roundUp(Size, PageSize);
  }
  Span->CommitSize = CommitEnd - Span->CommitBase;

  const Wish Wanted = getWish(FillContents);
  const uptr Front =
      Wanted.Any ? 0 : Density.getExpectedFront(Span->CommitSize);
  if (Pages.commit(Span->CommitBase, Span->CommitSize, Wanted.Holds, Front,
                   &Span->Backed) != 0) {
    Span->unmap();
    return false;
  }
  return true;
}

template <typename Config>
void Secondary<Config>::noteAllocation(LargeHeader *H) {
  const BlockSpan &Span = H->Span;
  scudo::ScopedLock L(Mutex);
  InUseBlocks.push_back(H);
  AllocatedBytes += Span.CommitSize;
  FragmentedBytes += Span.MapSize - Span.CommitSize;
  LargestSize = scudo::Max(LargestSize, Span.CommitSize);
  NumberOfAllocs++;
  LocalStats.add(scudo::StatAllocated, Span.CommitSize);
  LocalStats.add(scudo::StatMapped, Span.MapSize);
}

template <typename Config>
void Secondary<Config>::deallocate(const scudo::Options &, void *Block) {
  ScopedErrno KeepErrno;
  ScopedNoCancel NoCancel;
  LargeHeader *H = getLargeHeader(Block);
  const BlockSpan Span = H->Span;
  {
    scudo::ScopedLock L(Mutex);
    InUseBlocks.remove(H);
    FreedBytes += Span.CommitSize;
    FragmentedBytes -= Span.MapSize - Span.CommitSize;
    NumberOfFrees++;
    LocalStats.sub(scudo::StatAllocated, Span.CommitSize);
    LocalStats.sub(scudo::StatMapped, Span.MapSize);
  }
  // What is reused is not made again.
  if (!Cache.canCache(Span.CommitSize))
    Density.observe(Span, Pages.getWrittenPages());
  if (Cache.store(Span, Pages))
    return;
  Pages.forget(Span.Backed);
  Span.unmap();
}

template <typename Config>
void Secondary<Config>::getStats(scudo::ScopedString *Str) {
  {
    scudo::ScopedLock L(Mutex);
    // Upstream's words, for tools that read them.
    Str->append(
        "Stats: MapAllocator: allocated %u times (%zuK), freed %u times "
        "(%zuK), remains %u (%zuK) max %zuM, Fragmented %zuK\n",
        NumberOfAllocs, AllocatedBytes >> 10, NumberOfFrees, FreedBytes >> 10,
        NumberOfAllocs - NumberOfFrees, (AllocatedBytes - FreedBytes) >> 10,
        LargestSize >> 20, FragmentedBytes >> 10);
  }
  Cache.getStats(Str);
  BackendStats Stats;
  Pages.getStats(&Stats);
  appendBackendStats(getOptions(), Stats, Str);
}

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_SECONDARY_H_
