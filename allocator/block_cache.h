// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Freed large blocks kept for reuse, of all sizes, with what was written in
// them: used again they take no fault.
//
// What is kept is bounded in bytes: by an option, and by what the program has
// shown to need. Live and kept blocks together are never more than the most
// that was live at a time of late, and a thirty-second. So the cache makes no
// process larger than it has been by itself. Blocks that were not used for the
// release interval are given back when the cache is next used; it has no thread
// of its own. The longest unused ones go first.

#ifndef REFPAGE_ALLOCATOR_BLOCK_CACHE_H_
#define REFPAGE_ALLOCATOR_BLOCK_CACHE_H_

#include "allocator/kept_block.h"
#include "allocator/stats_json.h"
#include "allocator/stats_text.h"
#include "refpage_backend/backends.h"
#include "refpage_backend/dense_fill.h"

#include "atomic_helpers.h"
#include "mutex.h"
#include "scudo/standalone/options.h"
#include "string_utils.h"

namespace refpage {

struct CacheLimits {
  uptr MaxBytes = 0; // Of memory that is kept.
  // Kept blocks of so many bytes are inaccessible; those with a tag all are, as
  // upstream's: they have the tag that stale pointers have.
  uptr ProtectFrom = 0;
};

// CacheConfig is upstream's SecondaryConfig<...>::CacheConfig. Thread-safe. No
// lock is held while memory is mapped, unmapped, protected or filled.
template <typename CacheConfig> class BlockCache {
public:
  using Entry = KeptBlock;

  void init(s32 ReleaseToOsInterval, const CacheLimits &NewLimits) {
    Limits = NewLimits;
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

  // Bytes of a block that is used from now on and did not come from here; makes
  // room for it.
  void noteMapped(uptr Size, Backends &Pages) EXCLUDES(Mutex) {
    bool IsDone = false;
    while (!IsDone) {
      Victims Old;
      {
        scudo::ScopedLock L(Mutex);
        LiveBytes += Size;
        evict(getBudget(), &Old);
      }
      Size = 0;
      IsDone = !Old.isFull();
      unmapAll(Old, Pages);
    }
  }
  // The block could not be had after all.
  void noteFreed(uptr Size) EXCLUDES(Mutex) {
    scudo::ScopedLock L(Mutex);
    LiveBytes -= Size;
  }
  // A live block has grown or shrunk.
  void noteResized(uptr OldSize, uptr NewSize, Backends &Pages)
      EXCLUDES(Mutex) {
    {
      scudo::ScopedLock L(Mutex);
      notePeak();
      LiveBytes -= OldSize;
    }
    noteMapped(NewSize, Pages);
  }

  // Takes a block that is used no more if it can; false if the caller has to
  // unmap it.
  bool store(const BlockSpan &Span, Backends &Pages) EXCLUDES(Mutex) {
    const s32 Interval = scudo::atomic_load_relaxed(&ReleaseToOsIntervalMs);
    Entry New;
    New.Span = Span;
    New.Time = scudo::getMonotonicTimeFast();
    New.WasDiscarded = Interval == 0;
    constexpr uptr UpstreamMaxSize = 512UL << 10;
    New.IsLarge = Span.CommitSize > UpstreamMaxSize;
    if (!admit(New, Interval, Pages))
      return false;
    const uptr Bytes = New.getBytes();
    if (Span.Backed.losesViews()) {
      New.Span.Views =
          Pages.dropViews(Span.CommitBase, Span.CommitSize, Span.Backed);
      New.Span.WrittenBytes = Span.Backed.FilledBytes;
    }
    const bool Ready =
        (!New.WasDiscarded ||
         Pages.discard(Span.CommitBase, Span.CommitSize)) &&
        ((Span.CommitSize < Limits.ProtectFrom && !Span.Backed.Holds.Tag) ||
         New.protect(Pages));
    {
      scudo::ScopedLock L(Mutex);
      if (Ready) {
        put(New);
        return true;
      }
      Places--;
      KeptBytes -= Bytes;
    }
    if (New.exists())
      New.drop(Pages);
    return true;
  }

  // Finds a cached block in which a block of Size and Alignment fits, of a kind
  // that Accept(Span) likes, and takes it out: accessible, cut to the size if
  // it was much larger, but holding what it held.
  template <typename F>
  bool retrieve(uptr Size, uptr Alignment, F Accept, Backends &Pages,
                Entry *Found) EXCLUDES(Mutex) {
    {
      scudo::ScopedLock L(Mutex);
      CallsToRetrieve++;
      const u32 Best = findBest(Size, Alignment, Accept);
      if (Best == ArraySize)
        return false;
      *Found = take(Best);
      LiveBytes += Found->Span.CommitSize;
      SuccessfulRetrieves++;
    }
    Found->Span.Reuses++;
    cut(Size, Alignment, Pages, Found);
    if (Found->unprotect())
      return true;
    noteFreed(Found->Span.CommitSize);
    Found->drop(Pages);
    return false;
  }

  // Moves memory of entries that Accept(Span) likes to [To, To + Size),
  // reserved address space, from its start on: as much as there is. Calls
  // Use(Span, Address, Bytes) for each piece once it is there, readable and
  // writable but holding what it held; Span is the entry's before. Returns the
  // bytes moved, and in *Mappings how many mappings they are.
  template <typename F, typename G>
  uptr gather(uptr To, uptr Size, F Accept, Backends &Pages, G Use,
              u32 *Mappings) EXCLUDES(Mutex) {
    // Each mapping costs some 10 us now, and 4 us whenever the block is moved:
    // without a limit blocks would end as crumbs.
    constexpr u32 MaxMappings = 16;
    *Mappings = 0;
    uptr Done = 0;
    while (*Mappings < MaxMappings && Size - Done >= MinPiece) {
      Entry E;
      {
        scudo::ScopedLock L(Mutex);
        const u32 Best =
            findPiece(Size - Done, MaxMappings - *Mappings, Accept);
        if (Best == ArraySize)
          break;
        E = take(Best);
        PiecesTaken++;
      }
      const BlockSpan Whole = E.Span;
      const uptr Bytes = scudo::Min(Whole.CommitSize, Size - Done);
      u32 PieceMappings;
      if (!E.moveOut(To + Done, Bytes, MinPiece, Pages, &PieceMappings))
        break;
      *Mappings += PieceMappings;
      if (E.exists() && !putBack(E))
        E.drop(Pages);
      Use(Whole, To + Done, Bytes);
      Done += Bytes;
    }
    return Done;
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

  // Unmaps all entries. Returns whether there were any.
  bool empty(Backends &Pages) EXCLUDES(Mutex) {
    bool Any = false;
    for (;;) {
      Victims All;
      {
        scudo::ScopedLock L(Mutex);
        for (u32 I = 0; I != ArraySize && !All.isFull(); I++)
          if (Entries[I].Span.CommitBase)
            takeOut(I, &All);
      }
      if (All.Count == 0)
        return Any;
      Any = true;
      unmapAll(All, Pages);
    }
  }

  // Entries, and the bytes of memory that they hold at most.
  void count(uptr *Blocks, uptr *Bytes) EXCLUDES(Mutex) {
    scudo::ScopedLock L(Mutex);
    *Blocks = Places;
    *Bytes = KeptBytes;
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
        Places, scudo::atomic_load_relaxed(&MaxEntriesCount),
        scudo::atomic_load_relaxed(&MaxEntrySize),
        Interval >= 0 ? Interval : -1);
    Str->append("Stats: CacheRetrievalStats: SuccessRate: %u/%u "
                "(%zu.%02zu%%)\n",
                SuccessfulRetrieves, CallsToRetrieve, Integral, Fractional);
    Str->append("Stats: CacheBudget: kept %zuK of %zuK, live %zuK, of late at "
                "most %zuK\n",
                KeptBytes >> 10, getBudget() >> 10, LiveBytes >> 10,
                getPeak() >> 10);
    for (const Entry &E : Entries) {
      if (E.Span.CommitBase)
        Str->append("StartBlockAddress: 0x%zx, EndBlockAddress: 0x%zx, "
                    "BlockSize: %zu, Backend: %s%s\n",
                    E.Span.CommitBase, E.Span.commitEnd(), E.Span.CommitSize,
                    getBackendName(E.Span.Backed.Kind),
                    E.WasDiscarded ? " [R]" : "");
    }
  }

  CacheCounts getCounts() EXCLUDES(Mutex) {
    scudo::ScopedLock L(Mutex);
    return {CallsToRetrieve, SuccessfulRetrieves, PiecesTaken, KeptBytes,
            getBudget()};
  }

  void appendReport(scudo::ScopedString *Str) EXCLUDES(Mutex) {
    const CacheCounts Counts = getCounts();
    Str->append(
        "refpage:   cache: %u of %u blocks came from it, %u gave pages; keeps ",
        Counts.Served, Counts.Asked, Counts.GavePages);
    appendBytes(Str, Counts.KeptBytes);
    Str->append(" of ");
    appendBytes(Str, Counts.BudgetBytes);
    Str->append(" at most\n");
  }

  // Around fork(). An entry that another thread is about to put in or has just
  // taken out is lost to the child, which costs its address space.
  void disable() NO_THREAD_SAFETY_ANALYSIS { Mutex.lock(); }
  void enable() NO_THREAD_SAFETY_ANALYSIS { Mutex.unlock(); }

private:
  static constexpr u32 Capacity = CacheConfig::getEntriesArraySize();
  static constexpr u32 ArraySize = Capacity ? Capacity : 1;
  static_assert(CacheConfig::getDefaultMaxEntriesCount() <= Capacity, "");

  // Entries that were taken out to be unmapped.
  struct Victims {
    static constexpr u32 Most = 8;
    Entry Blocks[Most];
    u32 Count = 0;
    bool isFull() const { return Count == Most; }
  };

  // The most that was live at a time of late. It is noted before blocks go:
  // what could not be had after all, or was cut off at once, never counts.
  uptr getPeak() REQUIRES(Mutex) {
    return scudo::Max(LiveBytes, scudo::Max(PeakNow, PeakBefore));
  }
  void notePeak() REQUIRES(Mutex) { PeakNow = scudo::Max(PeakNow, LiveBytes); }

  // What may be kept now, in bytes.
  uptr getBudget() REQUIRES(Mutex) {
    constexpr uptr SlackShare = 32;
    const uptr Peak = getPeak();
    const uptr Most = Peak + Peak / SlackShare;
    return scudo::Min(Limits.MaxBytes, Most > LiveBytes ? Most - LiveBytes : 0);
  }

  // What was needed long ago does not count.
  void agePeak(u64 Time, s32 Interval) REQUIRES(Mutex) {
    if (Interval <= 0 || Time < PeakTime + toNanoseconds(Interval))
      return;
    PeakBefore = PeakNow;
    PeakNow = LiveBytes;
    PeakTime = Time;
  }

  // 0 if that was before the machine started.
  static u64 before(u64 Time, s32 Milliseconds) {
    const u64 Interval = toNanoseconds(Milliseconds);
    return Time > Interval ? Time - Interval : 0;
  }
  static u64 toNanoseconds(s32 Milliseconds) {
    return static_cast<u64>(Milliseconds) * 1000000;
  }

  // Decides whether a block that was freed is kept; gives up what is too old or
  // has to make room.
  bool admit(const Entry &New, s32 Interval, Backends &Pages) EXCLUDES(Mutex) {
    {
      scudo::ScopedLock L(Mutex);
      notePeak();
      agePeak(New.Time, Interval);
      LiveBytes -= New.Span.CommitSize;
    }
    for (;;) {
      Victims Old;
      bool Admitted;
      {
        scudo::ScopedLock L(Mutex);
        Admitted = makeRoom(New, Interval, &Old);
      }
      unmapAll(Old, Pages);
      if (!Old.isFull())
        return Admitted;
    }
  }

  // Counts New among what is kept, if there is room for it and *Old holds all
  // that have to go.
  bool makeRoom(const Entry &New, s32 Interval, Victims *Old) REQUIRES(Mutex) {
    const u32 MaxCount = scudo::atomic_load_relaxed(&MaxEntriesCount);
    const uptr Budget = getBudget();
    const uptr Bytes = New.getBytes();
    const bool Fits = canCache(New.Span.CommitSize) && Bytes <= Budget;
    if (Interval == 0)
      evict(0, Old);
    if (Interval > 0)
      while (dropOldest(before(New.Time, Interval), Old)) {
      }
    if (Fits) {
      evict(Budget - Bytes, Old);
      while (Places >= MaxCount && dropOldest(UINT64_MAX, Old)) {
      }
    }
    if (!Fits || Old->isFull() || Places >= MaxCount ||
        KeptBytes + Bytes > Budget)
      return false;
    Places++;
    KeptBytes += Bytes;
    return true;
  }

  void evict(uptr Budget, Victims *Old) REQUIRES(Mutex) {
    while (KeptBytes > Budget && dropOldest(UINT64_MAX, Old)) {
    }
  }

  // The entry that was not used for longest, if that is before Time.
  bool dropOldest(u64 Time, Victims *Old) REQUIRES(Mutex) {
    if (Old->isFull() || OldestTime >= Time)
      return false;
    u32 Oldest = ArraySize;
    OldestTime = UINT64_MAX;
    for (u32 I = 0; I != HighWater; I++) {
      if (!Entries[I].Span.CommitBase)
        continue;
      if (Oldest == ArraySize || Entries[I].Time < Entries[Oldest].Time) {
        Oldest = I;
        OldestTime = Entries[I].Time;
      }
    }
    if (Oldest == ArraySize || OldestTime >= Time)
      return false;
    takeOut(Oldest, Old);
    return true;
  }

  void takeOut(u32 I, Victims *Old) REQUIRES(Mutex) {
    Old->Blocks[Old->Count++] = take(I);
  }

  static void unmapAll(Victims &Old, Backends &Pages) {
    for (u32 I = 0; I != Old.Count; I++)
      Old.Blocks[I].drop(Pages);
  }

  // Puts in an entry that is counted already. There is a place for each.
  void put(const Entry &New) REQUIRES(Mutex) {
    u32 I = 0;
    while (Entries[I].exists())
      I++;
    Entries[I] = New;
    HighWater = scudo::Max(HighWater, I + 1);
    OldestTime = scudo::Min(OldestTime, New.Time);
  }

  // Takes an entry out; it does not count any more.
  Entry take(u32 I) REQUIRES(Mutex) {
    const Entry E = Entries[I];
    Entries[I].Span.CommitBase = 0;
    Places--;
    KeptBytes -= E.getBytes();
    while (HighWater && !Entries[HighWater - 1].Span.CommitBase)
      HighWater--;
    return E;
  }

  // The smallest that will do, and of those the one used last; ArraySize if
  // there is none.
  template <typename F>
  u32 findBest(uptr Size, uptr Alignment, F Accept) REQUIRES(Mutex) {
    u32 Best = ArraySize;
    for (u32 I = 0; I != HighWater; I++) {
      const BlockSpan &Span = Entries[I].Span;
      if (!Span.CommitBase || Span.CommitSize <= Size ||
          Span.CommitSize > maxUsefulSize(Size))
        continue;
      if (Best != ArraySize) {
        const Entry &B = Entries[Best];
        if (Span.CommitSize > B.Span.CommitSize ||
            (Span.CommitSize == B.Span.CommitSize && Entries[I].Time < B.Time))
          continue;
      }
      const uptr Page =
          BlockPlacement::atEnd(Span.commitEnd(), Size, Alignment).firstPage();
      if (Page >= Span.CommitBase && Page < Span.commitEnd() && Accept(Span))
        Best = I;
    }
    return Best;
  }

  static constexpr uptr MinPiece = 512UL << 10;

  // The smallest that is enough, or else the largest.
  template <typename F>
  u32 findPiece(uptr Size, u32 MostMappings, F Accept) REQUIRES(Mutex) {
    u32 Best = ArraySize;
    for (u32 I = 0; I != HighWater; I++) {
      const BlockSpan &Span = Entries[I].Span;
      if (!Span.CommitBase || Span.CommitSize < MinPiece ||
          Entries[I].WasDiscarded || !Accept(Span) ||
          Span.Backed.FilledMappings > MostMappings)
        continue;
      if (Best == ArraySize) {
        Best = I;
        continue;
      }
      const uptr BestSize = Entries[Best].Span.CommitSize;
      if (BestSize < Size
              ? Span.CommitSize > BestSize
              : Span.CommitSize >= Size && Span.CommitSize < BestSize)
        Best = I;
    }
    return Best;
  }

  bool putBack(const Entry &E) EXCLUDES(Mutex) {
    scudo::ScopedLock L(Mutex);
    if (Places >= scudo::atomic_load_relaxed(&MaxEntriesCount))
      return false;
    Places++;
    KeptBytes += E.getBytes();
    put(E);
    return true;
  }

  // Small blocks may leave up to four pages in front of them unused, as
  // upstream's; to cut a larger block to the size costs 2 us, and is for those
  // that take longer to get otherwise.
  static constexpr uptr MinCutBlock = 256UL << 10;
  static constexpr uptr MaxUnusedPages = 4;
  static uptr maxUsefulSize(uptr Size) {
    constexpr uptr MaxCutFactor = 8;
    const uptr Headers = 2 * scudo::getPageSizeCached();
    return Size < MinCutBlock
               ? Size + Headers + MaxUnusedPages * scudo::getPageSizeCached()
               : Size * MaxCutFactor;
  }

  // Cuts off what is more than a few pages longer than needed, and keeps it as
  // an entry of its own, if it is worth that.
  void cut(uptr Size, uptr Alignment, Backends &Pages, Entry *E)
      EXCLUDES(Mutex) {
    const uptr Whole = E->Span.CommitSize;
    const uptr End = E->Span.commitEnd();
    const uptr Needed =
        End - BlockPlacement::atEnd(End, Size, Alignment).firstPage();
    if (Whole - Needed <= MaxUnusedPages * scudo::getPageSizeCached())
      return;
    Entry Rest;
    if (!E->cut(Needed, Pages, &Rest))
      return; // It is used as it is.
    bool Keep;
    {
      scudo::ScopedLock L(Mutex);
      LiveBytes -= Whole - Needed;
      Keep = Rest.Span.CommitSize >= MinPiece &&
             KeptBytes + Rest.getBytes() <= getBudget();
    }
    if (!Keep || !putBack(Rest))
      Rest.drop(Pages);
  }

  CacheLimits Limits;
  scudo::atomic_u32 MaxEntriesCount = {};
  scudo::atomic_uptr MaxEntrySize = {};
  scudo::atomic_s32 ReleaseToOsIntervalMs = {};

  scudo::HybridMutex Mutex;
  // Bytes of blocks in use; the most at a time in this interval and in the one
  // before, and when this one began.
  uptr LiveBytes GUARDED_BY(Mutex) = 0;
  uptr PeakNow GUARDED_BY(Mutex) = 0;
  uptr PeakBefore GUARDED_BY(Mutex) = 0;
  u64 PeakTime GUARDED_BY(Mutex) = 0;
  // Of entries, those about to be put in included.
  u32 Places GUARDED_BY(Mutex) = 0;
  uptr KeptBytes GUARDED_BY(Mutex) = 0;
  // No entry is older.
  u64 OldestTime GUARDED_BY(Mutex) = UINT64_MAX;
  u32 CallsToRetrieve GUARDED_BY(Mutex) = 0;
  u32 SuccessfulRetrieves GUARDED_BY(Mutex) = 0;
  u32 PiecesTaken GUARDED_BY(Mutex) = 0;
  // Entries from here on are free.
  u32 HighWater GUARDED_BY(Mutex) = 0;
  Entry Entries[ArraySize] GUARDED_BY(Mutex) = {};
};

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_BLOCK_CACHE_H_
