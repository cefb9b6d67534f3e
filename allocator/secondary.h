// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The Secondary: large blocks, each with its own mapping between two guard
// pages, as in upstream's MapAllocator; but their clean pages hold what was
// asked for without anybody having written it.

#ifndef REFPAGE_ALLOCATOR_SECONDARY_H_
#define REFPAGE_ALLOCATOR_SECONDARY_H_

#include "allocator/block_cache.h"
#include "allocator/density_model.h"
#include "allocator/large_block.h"
#include "allocator/move_request.h"
#include "allocator/options.h"
#include "allocator/stats_json.h"
#include "allocator/stats_source.h"
#include "allocator/stats_text.h"
#include "allocator/tag_map.h"
#include "allocator/tagging.h"
#include "allocator/uninit_reads.h"
#include "platform/scoped_errno.h"
#include "platform/scoped_no_cancel.h"
#include "platform/tag_support.h"
#include "refpage_backend/backends.h"
#include "refpage_backend/dense_fill.h"
#include "refpage_backend/pattern_fill.h"

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
    initSealKeys();
    const Options &Asked = getOptions();
    Fill = Asked.variant;
    PatternContents.Pattern = Asked.pattern.Value;
    // What can be seen of a page depends on it being one of a window until the
    // program writes to it, and on nobody having read it before.
    const bool SeeksReads =
        Asked.uninit == UninitMode::Report && Fill == Variant::Refpage &&
        PatternContents.Pattern != 0 && TheUninitReads.start() == 0;
    Pages.init(Fill == Variant::Memset ? BackendRequest::Memset
               : SeeksReads            ? getRequestThatShowsReads(Asked.backend)
                                       : Asked.backend,
               Asked.window_max.Value);
    if (SeeksReads)
      Pages.fillNothingAhead();
    Cache.init(ReleaseToOsInterval, {SeeksReads ? 0 : Asked.cache_max.Value,
                                     Asked.protect_from.Value});
    LocalStats.init();
    if (S)
      S->link(&LocalStats);
    static constexpr StatsSource Source = {
        [](void *Owner, StatsFormat Format, scudo::ScopedString *Str) {
          Secondary *S = static_cast<Secondary *>(Owner);
          if (Format == StatsFormat::Json)
            S->appendJson(Str);
          else
            S->appendReport(Str);
        },
        [](void *Owner) { return static_cast<Secondary *>(Owner)->count(); },
        [](void *Owner) {
          static_cast<Secondary *>(Owner)->lookAtLiveBlocks();
        },
        [](void *Owner) { static_cast<Secondary *>(Owner)->countReads(); }};
    setStatsSource(this, &Source);
  }

  // Returns the block, and its end in *BlockEnd; nullptr when there is no
  // memory. Size is the user's, without header or alignment gap; FillContents
  // says what the block shall read as up to its end.
  void *allocate(const scudo::Options &Options, uptr Size, uptr Alignment = 0,
                 uptr *BlockEnd = nullptr,
                 scudo::FillContentsMode FillContents = scudo::NoFill);

  void deallocate(const scudo::Options &Options, void *Block);

  static uptr getBlockEnd(void *Block) {
    return getCheckedHeader(Block)->Span.commitEnd();
  }
  // 0: the block is not tagged.
  static u8 getTag(void *Block) {
    return getCheckedHeader(Block)->Span.Backed.Holds.Tag;
  }
  static uptr getBlockSize(void *Block) {
    return getBlockEnd(Block) - reinterpret_cast<uptr>(Block);
  }
  static constexpr uptr getHeadersSize() {
    return scudo::Chunk::getHeaderSize() + LargeHeaderSize;
  }

  void disable() NO_THREAD_SAFETY_ANALYSIS {
    Mutex.lock();
    TheUninitReads.disable();
    Tags.disable();
    Cache.disable();
    Pages.disable();
  }
  void enable() NO_THREAD_SAFETY_ANALYSIS {
    Pages.enable();
    Cache.enable();
    Tags.enable();
    TheUninitReads.enable();
    Mutex.unlock();
  }

  // Between disable() and enable().
  template <typename F> void iterateOverBlocks(F Callback) const {
    Mutex.assertHeld();
    for (const LargeHeader &H : InUseBlocks) {
      checkLinks(&H);
      Callback(untag(reinterpret_cast<uptr>(&H)) + LargeHeaderSize);
    }
  }

  bool canCache(uptr Size) { return Cache.canCache(Size); }
  bool setOption(scudo::Option O, sptr Value) {
    return Cache.setOption(O, Value);
  }
  void releaseToOS() {
    ScopedErrno KeepErrno;
    ScopedNoCancel NoCancel;
    Cache.empty(Pages);
  }
  // From now on blocks have no tags, and those that have are not kept.
  void disableMemoryTagging() { releaseToOS(); }
  void unmapTestOnly() {
    setStatsSource(nullptr, nullptr);
    Cache.empty(Pages);
    Tags.unmapTestOnly();
    Pages.close();
  }

  void getStats(scudo::ScopedString *Str) EXCLUDES(Mutex);

private:
  using CacheT = BlockCache<typename Config::CacheConfig>;

  // What a block shall read as; Any is what no fill was asked for, which in
  // memory without a tag may be anything. Whether it shall have a tag; which
  // one is chosen when the block's place is known, and until then any stands
  // for it.
  struct Wish {
    bool Any;
    bool Tagged;
    Contents Holds;
  };
  Wish getWish(scudo::FillContentsMode FillContents, bool Tagged) const;

  bool reuse(uptr Size, uptr Alignment, const Wish &Wanted, BlockSpan *Span);
  bool renew(uptr Unused, Wish Wanted, bool WasDiscarded, BlockSpan *Span,
             Restored *R);
  bool map(uptr Size, uptr Alignment, const Wish &Wanted, BlockSpan *Span);
  bool mapFresh(uptr Size, uptr Alignment, Wish Wanted, BlockSpan *Span);
  bool moveInto(const MoveRequest &Request, uptr Size, Wish Wanted,
                BlockSpan *Span, uptr *UserPos);
  bool reserveForTag(u8 Tag, uptr OldBase, BlockSpan *Span);
  void tagAround(const BlockSpan &Span, const BlockPlacement &Place, uptr Size);
  void copy(const MoveRequest &Request, const BlockSpan &New, uptr To,
            bool IsClean);
  bool commit(const Wish &Wanted, uptr Front, BlockSpan *Span);
  uptr gather(const Wish &Wanted, uptr Front, uptr From, BlockSpan *Span);
  uptr getGrowingFront(const BlockSpan &Old, uptr OldBase, uptr NewSize);
  void noteAllocation(LargeHeader *H) EXCLUDES(Mutex);
  bool isLinked(const LargeHeader *H) const REQUIRES(Mutex);
  void checkLinks(const LargeHeader *H) const REQUIRES(Mutex) {
    if (UNLIKELY(!isLinked(H)))
      reportLargeHeaderCorruption(H + 1);
  }
  // What stats=1 prints at exit.
  void appendReport(scudo::ScopedString *Str);
  void appendJson(scudo::ScopedString *Str);
  LargeBlockCounts count() EXCLUDES(Mutex);
  // For TheUninitReads, in all blocks in use.
  void countReads() EXCLUDES(Mutex);
  void lookAtLiveBlocks() EXCLUDES(Mutex);

  Variant Fill = Variant::Refpage;
  Contents PatternContents;
  Backends Pages;
  DensityModel Density;
  CacheT Cache;
  TagMap Tags;

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
Secondary<Config>::getWish(scudo::FillContentsMode FillContents,
                           bool Tagged) const {
  const u8 SomeTag = Tagged ? NumTags - 1 : 0;
  if (FillContents == scudo::ZeroFill)
    return {false, Tagged, {0, SomeTag}};
  // In the variant anon a pattern (SCUDO_OPTIONS=pattern_fill_contents=true) is
  // for small blocks only. Memory with a tag is not handed out as it was left:
  // it takes the same work as with zeros.
  if (FillContents == scudo::NoFill || Fill == Variant::Anon)
    return {!Tagged, Tagged, {0, SomeTag}};
  return {false, Tagged, {PatternContents.Pattern, SomeTag}};
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

  const Wish Wanted =
      getWish(FillContents,
              scudo::useMemoryTagging<Config>(Options) && areBlocksTagged());
  BlockSpan Span;
  BlockPlacement Place = {};
  uptr UserPos;
  MoveRequest *Move = MoveRequest::take();
  if (Move && moveInto(*Move, Size, Wanted, &Span, &UserPos)) {
    Move->Done = true;
    Place = BlockPlacement::before(UserPos);
  } else if (reuse(Size, Alignment, Wanted, &Span) ||
             map(Size, Alignment, Wanted, &Span)) {
    Place = BlockPlacement::atEnd(Span.commitEnd(), Size, Alignment);
  } else {
    return nullptr;
  }

  if (Span.Backed.Holds.Tag)
    tagAround(Span, Place, Size);
  if (TheUninitReads.isOn())
    TheUninitReads.watch(&Span, Move && Move->Done);
  LargeHeader *H = Place.header();
  H->Span = Span;
  H->MovedBase = H->MovedEnd = 0;
  H->seal();
  if (Move && !Move->Done)
    copy(*Move, Span, getUserPos(reinterpret_cast<void *>(Place.block())),
         /*IsClean=*/!Wanted.Any);
  noteAllocation(H);
  if (BlockEnd)
    *BlockEnd = Span.commitEnd();
  return reinterpret_cast<void *>(Place.block());
}

// The tags of what is in the committed range besides the user memory. The chunk
// header's is set with it, by combined.h.
template <typename Config>
void Secondary<Config>::tagAround(const BlockSpan &Span,
                                  const BlockPlacement &Place, uptr Size) {
  storeTags(Span.CommitBase, Place.block() - Span.CommitBase, HeaderTag);
  const uptr End = Span.commitEnd();
  const uptr Tail = scudo::roundUp(Place.userPos() + Size, TagGranule);
  // A clean page stays clean. (Only a block that was moved has a tail in a page
  // of its window that may not be.)
  if (Tail != End && (Span.Backed.FilledBytes == Span.CommitSize ||
                      Pages.isWritten(End - scudo::getPageSizeCached())))
    storeTags(Tail, End - Tail, HeaderTag);
}

template <typename Config>
bool Secondary<Config>::reuse(uptr Size, uptr Alignment, const Wish &Wanted,
                              BlockSpan *Span) {
  const uptr PageSize = scudo::getPageSizeCached();
  // As upstream: aligned blocks lie differently in their mappings.
  const uptr Needed = scudo::roundUp(Size + getHeadersSize(), PageSize);
  if (Alignment >= PageSize || !Cache.canCache(Needed))
    return false;
  const uptr Front = Wanted.Any ? 0 : Density.getKnownFront(Needed);
  typename CacheT::Entry Found;
  const auto Accept = [&](const BlockSpan &Cached) {
    return (Wanted.Any && !Cached.Backed.Holds.Tag) ||
           Pages.canHold(Cached.Backed, Cached.CommitSize, Wanted.Holds, Front);
  };
  if (!Cache.retrieve(Size, Alignment, Accept, Pages, &Found))
    return false;
  *Span = Found.Span;
  if (Wanted.Any) {
    Pages.reuse(Span->CommitSize, Span->Backed);
    return true;
  }
  if (Pages.isOutgrown(Span->Backed, Span->CommitSize, Front, Span->Reuses)) {
    Cache.noteFreed(Span->CommitSize);
    Found.drop(Pages);
    return false;
  }
  const uptr Used =
      BlockPlacement::atEnd(Span->commitEnd(), Size, Alignment).firstPage();
  const uptr Unused = Used - Span->CommitBase;
  Restored R;
  if (!Wanted.Tagged) {
    R = Pages.restore(Span->CommitBase, Span->CommitSize, Unused, Wanted.Holds,
                      Front, Found.WasDiscarded, &Span->Backed);
  } else if (!renew(Unused, Wanted, Found.WasDiscarded, Span, &R)) {
    Cache.noteFreed(Span->CommitSize);
    Found.drop(Pages);
    return false;
  }
  Span->WrittenBytes = R.Filled;
  if (!Found.WasDiscarded && !Wanted.Holds.isZero() && !Span->IsPart) {
    // Writes all over a block, elsewhere each time, make all of it resident:
    // then it had better be filled memory, as long as it is used so.
    constexpr uptr LeastWrittenShare = 16;
    const uptr Bytes = Span->CommitSize - Unused;
    const uptr Taken = !isFilled(Span->Backed.Kind)
                           ? scudo::Max(R.Filled, R.Resident)
                       : R.Filled >= Bytes / LeastWrittenShare ? Bytes
                                                               : R.Filled;
    Density.learn(Bytes, Taken, R.Front);
  }
  Span->IsPart = false; // A block of its own from now on.
  return true;
}

// Puts contents with another tag on a block that is used again. False if that
// failed; *Span is then as it was.
template <typename Config>
bool Secondary<Config>::renew(uptr Unused, Wish Wanted, bool WasDiscarded,
                              BlockSpan *Span, Restored *R) {
  Wanted.Holds.Tag = Tags.choose(Span->MapBase, Span->MapBase + Span->MapSize,
                                 ReservedTags | 1U << Span->Backed.Holds.Tag);
  if (Pages.renew(Span->CommitBase, Span->CommitSize, Unused, Wanted.Holds,
                  WasDiscarded, Span->Views, &Span->Backed, R) == 0)
    return true;
  Tags.release(Span->MapBase);
  return false;
}

template <typename Config>
bool Secondary<Config>::map(uptr Size, uptr Alignment, const Wish &Wanted,
                            BlockSpan *Span) {
  // Under memory pressure what is kept is worth less than what is asked for.
  if (mapFresh(Size, Alignment, Wanted, Span))
    return true;
  return Cache.empty(Pages) && mapFresh(Size, Alignment, Wanted, Span);
}

template <typename Config>
bool Secondary<Config>::mapFresh(uptr Size, uptr Alignment, Wish Wanted,
                                 BlockSpan *Span) {
  const uptr PageSize = scudo::getPageSizeCached();
  const uptr Needed = scudo::roundUp(
      scudo::roundUp(Size, Alignment) + getHeadersSize(), PageSize);
  // With an alignment above a page the user memory starts at a multiple of it,
  // which can lie anywhere in that much more address space.
  const uptr Slack = Alignment > PageSize ? Alignment - PageSize : 0;
  Span->MapSize = Needed + Slack + 2 * PageSize;
  const uptr Front = Wanted.Any ? 0 : Density.getKnownFront(Needed);
  // What will be filled begins with a huge page.
  const int Error =
      Front >= HugePageSize && Slack == 0
          ? reserveAligned(Span->MapSize, HugePageSize, HugePageSize - PageSize,
                           &Span->MapBase)
          : reserveMemory(Span->MapSize, &Span->MapBase);
  if (Error)
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

  if (Wanted.Tagged)
    Wanted.Holds.Tag = Tags.choose(Span->MapBase, MapEnd, ReservedTags);
  const bool IsCommitted = commit(Wanted, Front, Span);
  if (Wanted.Tagged && !(IsCommitted && Span->Backed.Holds.Tag))
    Tags.release(Span->MapBase);
  if (!IsCommitted) {
    Cache.noteFreed(Span->CommitSize);
    Span->unmap();
    return false;
  }
  return true;
}

// The user's bytes of a block whose pages could not be moved. Where both blocks
// are views of windows that hold the same, only the pages that were written.
// IsClean: New holds what its backing says. One that was kept, and that no fill
// was asked for, holds what its last owner has left.
template <typename Config>
void Secondary<Config>::copy(const MoveRequest &Request, const BlockSpan &New,
                             uptr To, bool IsClean) {
  ScopedUncheckedAccess Unchecked;
  const BlockSpan &Old = getCheckedHeader(Request.OldBlock)->Span;
  const uptr From = getUserPos(Request.OldBlock);
  const uptr End = From + Request.KeptBytes;
  const auto CopyPart = [&](uptr Base, uptr PartEnd) {
    memcpy(reinterpret_cast<void *>(To + (Base - From)),
           reinterpret_cast<const void *>(Base), PartEnd - Base);
  };
  // What lies before the views may be clean and hold something else.
  const uptr Views =
      scudo::Max(Old.CommitBase + Old.Backed.FilledBytes,
                 scudo::roundDown(From, scudo::getPageSizeCached()));
  if (IsClean && Old.Backed.hasWindow() &&
      New.Backed.Holds.Pattern == Old.Backed.Holds.Pattern &&
      New.Backed.Kind != Backend::Zero && Views < End &&
      Pages.getWrittenPages().forEachWrittenRun(
          Views, Old.commitEnd() - Views,
          [&](const PageRun &Run) {
            const uptr RunBase = scudo::Max(Run.Base, From);
            const uptr RunEnd = scudo::Min(Run.Base + Run.Size, End);
            if (RunBase < RunEnd)
              CopyPart(RunBase, RunEnd);
            return true;
          })) {
    if (From < Views)
      CopyPart(From, Views);
    return;
  }
  CopyPart(From, End);
}

// Backs a new block, whose range is reserved.
template <typename Config>
bool Secondary<Config>::commit(const Wish &Wanted, uptr Front,
                               BlockSpan *Span) {
  Span->Backed = Backing();
  const uptr Ready = gather(Wanted, Front, 0, Span);
  Cache.noteMapped(Span->CommitSize, Pages);
  if (Ready == 0)
    return Pages.commit(Span->CommitBase, Span->CommitSize, Wanted.Holds,
                        Wanted.Any ? 0
                                   : Density.getExpectedFront(Span->CommitSize),
                        &Span->Backed) == 0;
  Pages.noteGathered(Ready, Span->Backed);
  if (Ready == Span->CommitSize ||
      Pages.extend(Span->CommitBase, Ready, Span->CommitSize - Ready,
                   Wanted.Holds, Front, &Span->Backed) == 0)
    return true;
  Pages.forget(Ready, Span->Backed);
  return false;
}

// Backs what follows the first From bytes of a block, which have, or will get,
// what Span->Backed says, with pages that are kept, as far as there are any: if
// all of the block would be filled anyway. Returns the end of what is backed.
template <typename Config>
uptr Secondary<Config>::gather(const Wish &Wanted, uptr Front, uptr From,
                               BlockSpan *Span) {
  const Backend Filling = getFillingBackend(Wanted.Holds);
  if (Wanted.Any || Wanted.Holds.isZero() || !Pages.hasMappingsLeft() ||
      (Wanted.Tagged && !getTagSupport().Moves) ||
      (Front < Span->CommitSize && Fill != Variant::Memset))
    return From;
  u32 Pieces;
  const uptr Bytes = Cache.gather(
      Span->CommitBase + From, Span->CommitSize - From,
      [&](const BlockSpan &Kept) { return Kept.Backed.Kind == Filling; }, Pages,
      [&](const BlockSpan &Whole, uptr Base, uptr Size) {
        const Restored R = Pages.restorePiece(Base, Size, Wanted.Holds);
        if (Size == Whole.CommitSize && !Whole.IsPart)
          Density.learn(Size, R.Filled, R.Front);
      },
      &Pieces);
  if (Bytes == 0)
    return From;
  Backing &B = Span->Backed;
  const uptr Mappings = From ? B.countExtraMappings(From) + 1 + Pieces : Pieces;
  B.setFilled(From + Bytes, static_cast<u32>(Mappings));
  B.Holds = Wanted.Holds;
  if (!B.hasWindow())
    B.Kind = Filling;
  return From + Bytes;
}

// How much of a block that is about to grow to NewSize will be written.
template <typename Config>
uptr Secondary<Config>::getGrowingFront(const BlockSpan &Old, uptr OldBase,
                                        uptr NewSize) {
  const u64 Clean = Old.Backed.Holds.Pattern;
  return Density.getGrowingFront(
      OldBase, Old.commitEnd() - OldBase, NewSize, [&](uptr Page) {
        return holdsPattern(Page, scudo::getPageSizeCached(), Clean);
      });
}

// The new block has its user memory at the same place in a page as the old one,
// whose pages behind the first are moved; of the first, the user's part is
// copied. The old block keeps its first page, with the headers that the caller
// will free it by.
template <typename Config>
bool Secondary<Config>::moveInto(const MoveRequest &Request, uptr Size,
                                 Wish Wanted, BlockSpan *Span, uptr *UserPos) {
  const uptr PageSize = scudo::getPageSizeCached();
  LargeHeader *OldHeader = getCheckedHeader(Request.OldBlock);
  BlockSpan &Old = OldHeader->Span;
  // Pages keep their tag, and so does the block: an old pointer finds nothing
  // at its address.
  const u8 Tag = Old.Backed.Holds.Tag;
  if (Wanted.Tagged != (Tag != 0) || (Wanted.Tagged && !getTagSupport().Moves))
    return false;
  Wanted.Holds.Tag = Tag;
  // One that has grown many times by a little is in as many mappings, each of
  // which takes 4 us to move; to copy takes 1.6 us a page, and makes it one.
  constexpr uptr MaxFilledMappings = 256;
  constexpr uptr PagesAMapping = 4;
  if (Old.Backed.FilledMappings >=
      scudo::Min(MaxFilledMappings, Old.CommitSize / PageSize / PagesAMapping))
    return false;
  const uptr OldUser = getUserPos(Request.OldBlock);
  const uptr OldBase =
      scudo::roundDown(untag(reinterpret_cast<uptr>(OldHeader)), PageSize);
  const uptr MoveBase = scudo::roundUp(OldUser, PageSize);
  const uptr NewEnd = scudo::roundUp(OldUser + Size, PageSize);
  const uptr MoveSize = scudo::Min(Old.commitEnd(), NewEnd) - MoveBase;
  const uptr Cut = MoveBase - Old.CommitBase;
  const uptr Head = MoveBase - OldBase;

  Span->CommitSize = NewEnd - OldBase;
  Span->MapSize = Span->CommitSize + 2 * PageSize;
  Span->Reuses = Old.Reuses + 1;
  if (Tag ? !reserveForTag(Tag, Old.MapBase, Span)
          : reserveMemory(Span->MapSize, &Span->MapBase) != 0)
    return false;
  Span->CommitBase = Span->MapBase + PageSize;

  // First what can fail, while the old block is whole.
  Span->Backed = Backends::planMove(Old.Backed, Cut, Head, MoveSize);
  uptr Ready = Head + MoveSize;
  ScopedUncheckedAccess Unchecked;
  int Error = commitReserved(Span->CommitBase, Head, Wanted.Holds.getTags());
  uptr Front = 0;
  if (!Error && Ready != Span->CommitSize && !Wanted.Any &&
      !TheUninitReads.isOn()) {
    Front = getGrowingFront(Old, OldBase, Span->CommitSize);
    Ready = gather(Wanted, Front, Ready, Span);
  }
  const Backing Planned = Span->Backed;
  Cache.noteResized(Old.CommitSize, Span->CommitSize, Pages);
  if (!Error && Ready != Span->CommitSize)
    Error = Pages.extend(Span->CommitBase, Ready, Span->CommitSize - Ready,
                         Wanted.Any ? Planned.Holds : Wanted.Holds, Front,
                         &Span->Backed);
  if (Error) {
    Cache.noteResized(Span->CommitSize, Old.CommitSize, Pages);
    if (Tag)
      Tags.release(Span->MapBase);
    Span->unmap();
    return false;
  }
  const uptr To = Span->CommitBase + Head;
  if (Pages.move(MoveBase, To, MoveSize, Old.Backed.withoutFront(Cut),
                 &Span->Backed, Head, Span->CommitSize) != 0)
    scudo::reportOutOfMemory(MoveSize);
  // A program may have made pages of the old block read-only. A copy of them
  // could be written. (Where nothing is to be changed it takes 0.4 us.)
  commitReserved(To, MoveSize);
  Backing Rest = Old.Backed;
  Pages.finishMove(Old.CommitSize, &Rest, Ready, Planned);
  if (Tag)
    Tags.release(Old.MapBase); // Its backing does not tell any more.
  {
    scudo::ScopedLock L(Mutex); // As in deallocate().
    Old.Backed = Rest;
    OldHeader->MovedBase = MoveBase;
    OldHeader->MovedEnd = MoveBase + MoveSize;
    OldHeader->seal();
  }
  *UserPos = To - (MoveBase - OldUser);
  const uptr KeptEnd = *UserPos + Request.KeptBytes;
  if (Tag) {
    storeTags(*UserPos, To - *UserPos, Tag);
    // What was behind the old block's end may lie within the new one.
    const uptr Tail = scudo::roundUp(KeptEnd, TagGranule);
    storeTagsUnlessHeld(Tail, To + MoveSize - Tail, Tag);
  }
  memcpy(reinterpret_cast<void *>(*UserPos),
         reinterpret_cast<const void *>(OldUser), MoveBase - OldUser);
  // What the last page that was kept holds behind the user's bytes is not to
  // be seen if the block grows.
  if (!Wanted.Any && KeptEnd < To + MoveSize)
    fillUnlessHeld(KeptEnd, To + MoveSize - KeptEnd, Wanted.Holds.Pattern);
  return true;
}

// Reserves address space where a block that moves there can have the tag that
// it has at OldBase. A place that is refused is kept meanwhile, so that the
// next one is another.
template <typename Config>
bool Secondary<Config>::reserveForTag(u8 Tag, uptr OldBase, BlockSpan *Span) {
  constexpr u32 MaxTries = 4;
  uptr Places[MaxTries];
  u32 Tries = 0;
  bool IsFound = false;
  while (!IsFound && Tries != MaxTries &&
         reserveMemory(Span->MapSize, &Places[Tries]) == 0) {
    const uptr Base = Places[Tries++];
    IsFound = Tags.claim(Base, Base + Span->MapSize, Tag, OldBase);
  }
  if (IsFound)
    Span->MapBase = Places[--Tries];
  while (Tries)
    unmapMemory(Places[--Tries], Span->MapSize);
  return IsFound;
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

// That the block is in the list, as its neighbours, or the list's ends, see it.
// The list itself believes that a block without a neighbour is an end.
template <typename Config>
bool Secondary<Config>::isLinked(const LargeHeader *H) const {
  const LargeHeader *ToUs = H->Prev ? H->Prev->Next : InUseBlocks.front();
  const LargeHeader *BackToUs = H->Next ? H->Next->Prev : InUseBlocks.back();
  return ToUs == H && BackToUs == H;
}

template <typename Config>
void Secondary<Config>::deallocate(const scudo::Options &, void *Block) {
  ScopedErrno KeepErrno;
  ScopedNoCancel NoCancel;
  LargeHeader *H = getLargeHeader(Block);
  BlockSpan Span;
  uptr MovedBase;
  uptr MovedEnd;
  bool IsIntact;
  {
    // The header does not change while somebody goes through the blocks, who
    // may have seen this one in use (malloc_info() in another thread).
    scudo::ScopedLock L(Mutex);
    Span = H->Span;
    MovedBase = H->MovedBase;
    MovedEnd = H->MovedEnd;
    IsIntact = H->isSealed() && isLinked(H);
    if (LIKELY(IsIntact)) {
      H->breakSeal();
      InUseBlocks.remove(H);
      FreedBytes += Span.CommitSize;
      FragmentedBytes -= Span.MapSize - Span.CommitSize;
      NumberOfFrees++;
      LocalStats.sub(scudo::StatAllocated, Span.CommitSize);
      LocalStats.sub(scudo::StatMapped, Span.MapSize);
    }
  }
  // Without the lock, which a handler of SIGABRT may want.
  if (UNLIKELY(!IsIntact))
    reportLargeHeaderCorruption(Block);
  if (TheUninitReads.isOn())
    TheUninitReads.countFreed(H);
  const bool Tagged = Span.Backed.Holds.Tag != 0;
  if (Tagged)
    Tags.release(Span.MapBase);
  if (MovedBase) {
    Span.unmapAround(MovedBase, MovedEnd);
    return;
  }
  Density.observe(Span, Pages.getWrittenPages());
  if (Tagged && !areBlocksTagged())
    Cache.noteFreed(Span.CommitSize); // Nothing could be made of it.
  else if (Cache.store(Span, Pages))
    return;
  Pages.forget(Span.CommitSize, Span.Backed);
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
  appendReport(Str);
}

template <typename Config> LargeBlockCounts Secondary<Config>::count() {
  LargeBlockCounts Counts;
  {
    scudo::ScopedLock L(Mutex);
    Counts.Live = NumberOfAllocs - NumberOfFrees;
    Counts.LiveBytes = AllocatedBytes - FreedBytes;
    Counts.MappedBytes = Counts.LiveBytes + FragmentedBytes;
  }
  Cache.count(&Counts.Kept, &Counts.KeptBytes);
  return Counts;
}

template <typename Config> void Secondary<Config>::lookAtLiveBlocks() {
  ScopedErrno KeepErrno;
  ScopedNoCancel NoCancel;
  scudo::ScopedLock L(Mutex);
  for (const LargeHeader &H : InUseBlocks) {
    checkLinks(&H);
    DensityModel::trace(H.Span, Pages.getWrittenPages());
  }
}

template <typename Config> void Secondary<Config>::countReads() {
  ScopedErrno KeepErrno;
  ScopedNoCancel NoCancel;
  scudo::ScopedLock L(Mutex);
  for (const LargeHeader &H : InUseBlocks) {
    checkLinks(&H);
    if (H.isSealed())
      TheUninitReads.count(&H);
  }
}

template <typename Config>
void Secondary<Config>::appendReport(scudo::ScopedString *Str) {
  BackendStats Stats;
  Pages.getStats(&Stats);
  appendBackendStats(getOptions(), Stats, Str);
  appendTaggingReport(Str);
  if (!Stats.anyBlocks())
    return;
  Cache.appendReport(Str);
  Density.getStats(Str);
}

template <typename Config>
void Secondary<Config>::appendJson(scudo::ScopedString *Str) {
  BackendStats Stats;
  Pages.getStats(&Stats);
  appendStatsJson(getOptions(), Stats, Cache.getCounts(), Density, Str);
}

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_SECONDARY_H_
