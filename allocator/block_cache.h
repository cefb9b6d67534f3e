// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Freed large blocks kept for reuse. Size limits, fit, release interval and
// option handling are those of upstream's MapAllocatorCache; what differs is
// that an entry knows what its clean pages hold.

#ifndef REFPAGE_ALLOCATOR_BLOCK_CACHE_H_
#define REFPAGE_ALLOCATOR_BLOCK_CACHE_H_

#include "allocator/large_block.h"
#include "refpage_backend/backends.h"

#include "atomic_helpers.h"
#include "mutex.h"
#include "scudo/standalone/options.h"
#include "string_utils.h"

namespace refpage {

// How many pages of a cached block may stay unused in front of the new block.
constexpr uptr MaxUnusedCachePages = 4;

// CacheConfig is upstream's SecondaryConfig<...>::CacheConfig. Thread-safe. No
// lock is held while memory is unmapped; it is while old entries are released,
// as upstream does.
template <typename CacheConfig> class BlockCache {
public:
  struct Entry {
    BlockSpan Span;
    u64 Time = 0; // When it was freed.
    bool WasDiscarded = false;

    bool isValid() const { return Span.CommitBase != 0; }
    void invalidate() { Span.CommitBase = 0; }
  };

  void init(s32 ReleaseToOsInterval) {
    setOption(scudo::Option::MaxCacheEntriesCount,
              static_cast<sptr>(CacheConfig::getDefaultMaxEntriesCount()));
    setOption(scudo::Option::MaxCacheEntrySize,
              static_cast<sptr>(CacheConfig::getDefaultMaxEntrySize()));
    if (CacheConfig::getDefaultReleaseToOsIntervalMs() != INT32_MIN)
      ReleaseToOsInterval = CacheConfig::getDefaultReleaseToOsIntervalMs();
    setOption(scudo::Option::ReleaseInterval,
              static_cast<sptr>(ReleaseToOsInterval));
  }

  bool canCache(uptr Size) const {
    return scudo::atomic_load_relaxed(&MaxEntriesCount) != 0U &&
           Size <= scudo::atomic_load_relaxed(&MaxEntrySize);
  }

  // Takes the block if it can; false if the caller has to unmap it.
  bool store(const BlockSpan &Span, Backends &Pages) EXCLUDES(Mutex) {
    if (!canCache(Span.CommitSize))
      return false;
    const s32 Interval = scudo::atomic_load_relaxed(&ReleaseToOsIntervalMs);
    Entry New;
    New.Span = Span;
    New.Time = scudo::getMonotonicTimeFast();
    if (Interval == 0)
      New.WasDiscarded = Pages.discard(Span.CommitBase, Span.CommitSize);

    bool Stored = false;
    bool Empty = false;
    {
      scudo::ScopedLock L(Mutex);
      const u32 MaxCount = scudo::atomic_load_relaxed(&MaxEntriesCount);
      if (EntriesCount >= MaxCount) {
        // A cache that is full again and again holds the wrong blocks.
        constexpr u32 MaxFullEvents = 4;
        Empty = FullEvents++ == MaxFullEvents;
      } else {
        u32 Slot = 0;
        while (Entries[Slot].isValid())
          Slot++;
        // The newest entry is looked at first.
        Entries[Slot] = Entries[0];
        Entries[0] = New;
        EntriesCount++;
        OldestTime = scudo::Min(OldestTime, New.Time);
        Stored = true;
      }
    }
    if (Empty)
      empty(Pages);
    else if (Interval >= 0)
      releaseOlderThan(New.Time - static_cast<u64>(Interval) * 1000000, Pages);
    return Stored;
  }

  // Finds a cached block in which a block of Size and Alignment fits, of a kind
  // that Accept(Span) likes, and takes it out.
  template <typename F>
  bool retrieve(uptr Size, uptr Alignment, F Accept, Entry *Found)
      EXCLUDES(Mutex) {
    const uptr PageSize = scudo::getPageSizeCached();
    // Upstream's choice, the best of several it tested: a fit that wastes up to
    // 10 % is taken at once.
    constexpr uptr FragmentedBytesDivisor = 10;
    scudo::ScopedLock L(Mutex);
    CallsToRetrieve++;
    if (EntriesCount == 0)
      return false;
    Entry *Best = nullptr;
    uptr BestWaste = UINTPTR_MAX;
    for (Entry &E : Entries) {
      if (!E.isValid() || Size > E.Span.CommitSize)
        continue;
      const uptr Base = E.Span.CommitBase;
      const uptr HeaderPos =
          BlockPlacement::atEnd(E.Span.commitEnd(), Size, Alignment).HeaderPos;
      if (HeaderPos < Base || HeaderPos > E.Span.commitEnd() ||
          HeaderPos + LargeHeaderSize + scudo::Chunk::getHeaderSize() >
              Base + PageSize * MaxUnusedCachePages)
        continue;
      if (!Accept(E.Span))
        continue;
      const uptr Waste = HeaderPos - Base;
      if (Waste < BestWaste) {
        Best = &E;
        BestWaste = Waste;
      }
      if (Waste <= (E.Span.commitEnd() - HeaderPos) / FragmentedBytesDivisor)
        break;
    }
    if (!Best)
      return false;
    *Found = *Best;
    Best->invalidate();
    EntriesCount--;
    SuccessfulRetrieves++;
    return true;
  }

  bool setOption(scudo::Option O, sptr Value) {
    if (O == scudo::Option::ReleaseInterval) {
      scudo::atomic_store_relaxed(
          &ReleaseToOsIntervalMs,
          scudo::Max(scudo::Min(static_cast<s32>(Value),
                                CacheConfig::getMaxReleaseToOsIntervalMs()),
                     CacheConfig::getMinReleaseToOsIntervalMs()));
    } else if (O == scudo::Option::MaxCacheEntriesCount) {
      if (Value < 0)
        return false;
      scudo::atomic_store_relaxed(
          &MaxEntriesCount, scudo::Min<u32>(static_cast<u32>(Value), Capacity));
    } else if (O == scudo::Option::MaxCacheEntrySize) {
      scudo::atomic_store_relaxed(&MaxEntrySize, static_cast<uptr>(Value));
    }
    // Other options are not ours, which is no error.
    return true;
  }

  // Gives the memory of all entries back, and keeps their address space.
  void releaseToOS(Backends &Pages) { releaseOlderThan(UINT64_MAX, Pages); }

  // Unmaps all entries.
  void empty(Backends &Pages) EXCLUDES(Mutex) {
    BlockSpan Spans[ArraySize];
    u32 Count = 0;
    {
      scudo::ScopedLock L(Mutex);
      for (Entry &E : Entries) {
        if (!E.isValid())
          continue;
        Spans[Count++] = E.Span;
        E.invalidate();
      }
      EntriesCount = 0;
      FullEvents = 0;
    }
    for (u32 I = 0; I != Count; I++) {
      Pages.forget(Spans[I].Backed);
      Spans[I].unmap();
    }
  }

  void getStats(scudo::ScopedString *Str) EXCLUDES(Mutex) {
    scudo::ScopedLock L(Mutex);
    uptr Integral;
    uptr Fractional;
    scudo::computePercentage(SuccessfulRetrieves, CallsToRetrieve, &Integral,
                             &Fractional);
    const s32 Interval = scudo::atomic_load_relaxed(&ReleaseToOsIntervalMs);
    Str->append(
        "Stats: MapAllocatorCache: EntriesCount: %d, "
        "MaxEntriesCount: %u, MaxEntrySize: %zu, ReleaseToOsIntervalMs = %d\n",
        EntriesCount, scudo::atomic_load_relaxed(&MaxEntriesCount),
        scudo::atomic_load_relaxed(&MaxEntrySize),
        Interval >= 0 ? Interval : -1);
    Str->append("Stats: CacheRetrievalStats: SuccessRate: %u/%u "
                "(%zu.%02zu%%)\n",
                SuccessfulRetrieves, CallsToRetrieve, Integral, Fractional);
    for (const Entry &E : Entries) {
      if (E.isValid())
        Str->append("StartBlockAddress: 0x%zx, EndBlockAddress: 0x%zx, "
                    "BlockSize: %zu, Backend: %s%s\n",
                    E.Span.CommitBase, E.Span.commitEnd(), E.Span.CommitSize,
                    getBackendName(E.Span.Backed.Kind),
                    E.WasDiscarded ? " [R]" : "");
    }
  }

  // Around fork().
  void disable() NO_THREAD_SAFETY_ANALYSIS { Mutex.lock(); }
  void enable() NO_THREAD_SAFETY_ANALYSIS { Mutex.unlock(); }

private:
  void releaseOlderThan(u64 Time, Backends &Pages) EXCLUDES(Mutex) {
    scudo::ScopedLock L(Mutex);
    if (EntriesCount == 0 || OldestTime > Time)
      return;
    OldestTime = UINT64_MAX;
    for (Entry &E : Entries) {
      if (!E.isValid() || E.WasDiscarded)
        continue;
      if (E.Time <= Time)
        E.WasDiscarded = Pages.discard(E.Span.CommitBase, E.Span.CommitSize);
      else
        OldestTime = scudo::Min(OldestTime, E.Time);
    }
  }

  static constexpr u32 Capacity = CacheConfig::getEntriesArraySize();
  static constexpr u32 ArraySize = Capacity ? Capacity : 1;
  static_assert(CacheConfig::getDefaultMaxEntriesCount() <= Capacity, "");

  scudo::HybridMutex Mutex;
  scudo::atomic_u32 MaxEntriesCount = {};
  scudo::atomic_uptr MaxEntrySize = {};
  scudo::atomic_s32 ReleaseToOsIntervalMs = {};
  u32 EntriesCount GUARDED_BY(Mutex) = 0;
  u32 FullEvents GUARDED_BY(Mutex) = 0;
  // No entry that still has its memory is older.
  u64 OldestTime GUARDED_BY(Mutex) = 0;
  u32 CallsToRetrieve GUARDED_BY(Mutex) = 0;
  u32 SuccessfulRetrieves GUARDED_BY(Mutex) = 0;
  Entry Entries[ArraySize] GUARDED_BY(Mutex) = {};
};

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_BLOCK_CACHE_H_
