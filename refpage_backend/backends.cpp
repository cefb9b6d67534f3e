// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "refpage_backend/backends.h"

#include "platform/mapping.h"
#include "platform/memory_tag.h"
#include "platform/tag_support.h"
#include "refpage_backend/dense_fill.h"
#include "refpage_backend/pattern_fill.h"
#include "refpage_backend/restore.h"

#include "atomic_helpers.h"

#include <errno.h>

namespace refpage {
namespace {

using scudo::atomic_load_relaxed;
using scudo::atomic_store_relaxed;

void add(scudo::atomic_uptr &Counter, uptr Value) {
  scudo::atomic_fetch_add(&Counter, Value, scudo::memory_order_relaxed);
}

void subtract(scudo::atomic_uptr &Counter, uptr Value) {
  scudo::atomic_fetch_sub(&Counter, Value, scudo::memory_order_relaxed);
}

// From here on a block could be more than a machine has.
constexpr uptr AskFirstSize = 64UL << 20;

u32 index(Backend Kind) { return static_cast<u32>(Kind); }
u32 index(Reason Why) { return static_cast<u32>(Why); }

} // namespace

void Backends::init(BackendRequest NewRequest, uptr MaxWindowSize) {
  Request = NewRequest;
  Sources.init(Request, MaxWindowSize);
}

// What is expected of a size is no reason against what the user asks for.
uptr Backends::getFront(uptr ExpectedFront) const {
  return FillsAhead && Request == BackendRequest::Auto ? ExpectedFront : 0;
}

void Backends::noteReason(Reason Why, int Error) {
  add(Reasons[index(Why)], 1);
  if (Error)
    atomic_store_relaxed(&LastErrors[index(Why)], Error);
}

void Backends::noteMappings(uptr Now, uptr Before) {
  // Modulo 2^64, as the counter.
  add(ExtraMappings, Now - Before);
}

void Backends::noteFill(uptr Filled, uptr NeverFilled) {
  add(FilledBytes, Filled);
  add(NeverFilledBytes, NeverFilled);
}

int Backends::commit(uptr Base, uptr Size, const Contents &Holds,
                     uptr ExpectedFront, Backing *B) {
  const uptr Front = getFront(ExpectedFront);
  const Choice First = select(Size, Holds, Front);
  ScopedUncheckedAccess Unchecked;
  Reason Why = First.Why;
  int Error = 0;
  bool IsReserved = true;
  *B = Backing();
  B->Holds = Holds;

  int WindowError = 0;
  if (First.How == Method::Zero) {
    Error = commitReserved(Base, Size);
  } else {
    if (First.How == Method::View) {
      WindowError = commitWindow(Base, Size, Holds, Front, B, &Why);
      // Only a range that nothing was mapped over is still a reservation.
      IsReserved = Why == Reason::NoWindow || Why == Reason::MappingBudget;
    }
    if (First.How == Method::Fill || WindowError)
      Error = commitFilled(Base, Size, Holds, IsReserved,
                           Why == Reason::DenseUse, B);
  }
  // Memory without the tag is better than none.
  if (Error && Error != ENOMEM && Holds.Tag) {
    Why = Reason::TagsRefused;
    WindowError = Error;
    B->Holds.Tag = 0;
    Error = commitFilled(Base, Size, B->Holds, /*IsReserved=*/false,
                         /*IsDense=*/false, B);
  }
  if (Error)
    return ENOMEM;

  // Memory files stand in for what the kernel lacks.
  if (Why == Reason::Requested && B->Kind == Backend::MemfdWindow &&
      Request != BackendRequest::Memfd)
    Why = Reason::NotHere;
  noteReason(Why, WindowError);
  add(Blocks[index(B->Kind)], 1);
  add(Bytes[index(B->Kind)], Size);
  if (B->Kind != Backend::Zero)
    noteFill(B->FilledBytes, Size - B->FilledBytes);
  return 0;
}

Choice Backends::select(uptr Size, const Contents &Holds, uptr Front) const {
  return selectMethod({Size, Holds, Front, atomic_load_relaxed(&ExtraMappings),
                       Request, Holds.Tag && getTagSupport().Files});
}

int Backends::commitWindow(uptr Base, uptr Size, const Contents &Holds,
                           uptr Front, Backing *B, Reason *Why) {
  // Each window is a mapping of its own, and the kernel would grant them one by
  // one to a block that is more than the machine has. So the whole is asked for
  // first, which costs 2 us.
  if (Size >= AskFirstSize) {
    if (const int CommitError = commitReserved(Base, Size)) {
      *Why = Reason::NoWindow;
      return CommitError;
    }
  }
  Backing New;
  int Error = viewWindow(Base, Size, Holds, Front, 1, &New, Why);
  if (Error)
    return Error;
  if (Front)
    Error = commitReserved(Base, Front, Holds.getTags());
  if (Error) {
    forget(Size, New);
    *Why = Reason::MapFailed;
    return Error;
  }
  fillDense(Base, Front, Holds);
  *B = New;
  return 0;
}

int Backends::viewWindow(uptr Base, uptr Size, const Contents &Holds,
                         uptr Front, u32 FrontMappings, Backing *B,
                         Reason *Why) {
  const Reason Chosen = *Why;
  *Why = Reason::NoWindow;
  Source *From = Sources.find(Holds, &B->Source);
  if (!From)
    return ENOSPC;

  // A program that closes every descriptor it sees in a loop in another thread
  // could win this race for ever.
  constexpr u32 MaxTries = 3;
  int Error = 0;
  for (u32 Try = 0; Try != MaxTries; Try++) {
    Window W;
    if (const int AcquireError = From->acquire(Size, &W, &B->Window))
      return AcquireError;
    Backing Planned = *B;
    Planned.Holds = Holds;
    Planned.Kind = W.Maker->Kind;
    Planned.setFilled(Front, FrontMappings);
    Planned.FirstView = Planned.ViewSize = W.Size;
    const uptr Mappings = Planned.countExtraMappings(Size);
    if (atomic_load_relaxed(&ExtraMappings) + Mappings > MaxWindowMappings) {
      From->finishMapping(B->Window);
      From->release(B->Window, Size);
      *Why = Try == 0 ? Reason::MappingBudget : *Why;
      return ENOSPC;
    }
    *Why = Reason::MapFailed;
    bool Lost;
    Error = mapWindow(W, 0, Base + Front, Size - Front, &Lost);
    if (Lost)
      From->reportLost(B->Window);
    From->finishMapping(B->Window);
    if (!Error) {
      *Why = Chosen;
      *B = Planned;
      add(ExtraMappings, Mappings);
      return 0;
    }
    From->release(B->Window, Size);
    if (!Lost)
      break;
    *Why = Reason::WindowLost;
  }
  return Error;
}

int Backends::commitFilled(uptr Base, uptr Size, const Contents &Holds,
                           bool IsReserved, bool IsDense, Backing *B) {
  const int Error = IsReserved ? commitReserved(Base, Size, Holds.getTags())
                               : mapAnonymousOver(Base, Size, Holds.getTags());
  if (Error) {
    if (!IsReserved)
      reserveHole(Base, Size);
    return Error;
  }
  B->Kind = getFillingBackend(Holds);
  B->setFilled(Size, 1);
  if (IsDense)
    fillDense(Base, Size, Holds);
  else
    fillFresh(Base, Size, Holds);
  return 0;
}

void Backends::forget(uptr Size, const Backing &B) {
  subtract(ExtraMappings, B.countExtraMappings(Size));
  if (B.hasWindow())
    Sources.get(B.Source).release(B.Window, Size);
}

bool Backends::canHold(const Backing &B, uptr Size, const Contents &Wanted,
                       uptr ExpectedFront) const {
  // Looking at bytes that were not written is in vain: a few are cheaper than a
  // block's mappings.
  constexpr uptr LittleInVain = 256UL << 10;
  // A tag is never used twice in a row: the views are made anew, and what is
  // filled gets its new tag where it is.
  if (Wanted.Tag || B.Holds.Tag)
    return Wanted.Tag && B.Holds.Tag &&
           (select(Size, Wanted, ExpectedFront).How == Method::Fill
                ? !B.hasWindow()
                : B.hasWindow() &&
                      B.FilledBytes <= ExpectedFront + LittleInVain);
  // Views of a window hold what the window holds.
  if (B.hasWindow() && !(B.Holds == Wanted))
    return false;
  // Anonymous memory holds anything, if filling it is what would be done for
  // such a block anyway.
  if (!B.hasWindow() &&
      (Wanted.isZero() ||
       select(Size, Wanted, ExpectedFront).How == Method::Fill))
    return true;
  return B.Holds == Wanted && B.FilledBytes <= ExpectedFront + LittleInVain;
}

bool Backends::isOutgrown(const Backing &B, uptr Size, uptr ExpectedFront,
                          u32 Reuses) {
  constexpr uptr LongFront = 256UL << 10;
  // Making it anew costs as much as some uses gain.
  constexpr u32 UsesBetween = 8;
  if (!B.hasWindow() || B.Holds.Tag || Request != BackendRequest::Auto ||
      Reuses % UsesBetween != 0)
    return false;
  if (ExpectedFront >= LongFront && ExpectedFront / 2 > B.FilledBytes)
    return true;
  // More and more rarely.
  return scudo::isPowerOfTwo(Reuses) && B.countExtraMappings(Size) >= 2 &&
         Sources.get(B.Source).isOutgrown(Size, B.ViewSize, Reuses);
}

Restored Backends::restore(uptr Base, uptr Size, uptr Unused,
                           const Contents &Wanted, uptr ExpectedFront,
                           bool WasDiscarded, Backing *B) {
  Restored R;
  if (!B->hasWindow()) {
    const uptr Before = B->countExtraMappings(Size);
    B->Kind = Wanted.isZero() ? Backend::Zero : Backend::Memset;
    B->setFilled(Wanted.isZero() ? 0 : Size, scudo::Max(B->FilledMappings, 1U));
    B->Holds = Wanted;
    noteMappings(B->countExtraMappings(Size), Before);
  }
  const uptr Start = Base + Unused;
  const uptr End = Base + Size;
  uptr Known = scudo::Max(Base + B->FilledBytes, Start);
  if (WasDiscarded) {
    fillDense(Base, B->FilledBytes, Wanted);
    R.Filled = B->FilledBytes;
  } else {
    // What is expected to be written is not worth a question to the kernel.
    const uptr Expected = scudo::Min(Start + ExpectedFront, End);
    if (B->FilledBytes > Unused)
      restoreByContents(Start, Known - Start, Wanted, Start,
                        B->hasWindow() ? CleanPages::Leave : CleanPages::Keep,
                        &R);
    if (Expected > Known) {
      restoreByContents(Known, Expected - Known, Wanted, Start,
                        CleanPages::Leave, &R);
      Known = Expected;
    }
  }
  // Also after a discard: a stray pointer may have written since.
  if (Known != End)
    restoreByPagemap(WrittenPages, Known, End - Known, Wanted.Pattern, Start,
                     &R);
  add(ReusedBlocks[index(B->Kind)], 1);
  add(ReusedBytes[index(B->Kind)], Size);
  if (!Wanted.isZero() || R.Filled)
    noteFill(R.Filled, Wanted.isZero() ? 0 : Size - R.Filled);
  return R;
}

Restored Backends::restorePiece(uptr Base, uptr Size, const Contents &Wanted) {
  ScopedUncheckedAccess Unchecked;
  Restored R;
  restoreByContents(Base, Size, Wanted, Base, CleanPages::Keep, &R);
  add(ReusedBytes[index(getFillingBackend(Wanted))], Size);
  noteFill(R.Filled, Size - R.Filled);
  return R;
}

uptr Backends::countEntries(uptr Base, uptr Written, const Backing &B) {
  const uptr Pages =
      scudo::Max(Written, B.FilledBytes) / scudo::getPageSizeCached();
  const uptr FirstHuge = scudo::roundUp(Base, HugePageSize);
  const uptr FilledEnd = Base + B.FilledBytes;
  if (FirstHuge + HugePageSize > FilledEnd)
    return Pages;
  if (atomic_load_relaxed(&Huge) == Unknown)
    atomic_store_relaxed(&Huge, allowsHugePages() ? Some : None);
  if (atomic_load_relaxed(&Huge) == None)
    return Pages;
  const uptr InHuge = scudo::roundDown(FilledEnd, HugePageSize) - FirstHuge;
  return Pages - InHuge / scudo::getPageSizeCached() + InHuge / HugePageSize;
}

void Backends::noteShortened(uptr Size, u32 LostMappings, Backing *B) {
  const uptr Before = B->countExtraMappings(Size);
  const u32 Had = B->FilledMappings;
  B->setFilled(Size, Had > LostMappings ? Had - LostMappings + 1 : 1);
  noteMappings(B->countExtraMappings(Size), Before);
}

void Backends::noteGathered(uptr Size, const Backing &B) {
  noteMappings(B.countExtraMappings(Size), 0);
  reuse(0, B);
}

bool Backends::hasMappingsLeft() const {
  return atomic_load_relaxed(&ExtraMappings) < MaxWindowMappings;
}

void Backends::reuse(uptr Size, const Backing &B) {
  add(ReusedBlocks[index(B.Kind)], 1);
  add(ReusedBytes[index(B.Kind)], Size);
}

bool Backends::isWritten(uptr Page) {
  bool IsWritten = false;
  WrittenPages.forEachWrittenRun(Page, scudo::getPageSizeCached(),
                                 [&](const PageRun &) {
                                   IsWritten = true;
                                   return true;
                                 });
  return IsWritten;
}

bool Backends::discard(uptr Base, uptr Size) {
  return discardPages(Base, Size) == 0;
}

void Backends::disable() {
  Sources.disable();
  WrittenPages.disable();
}

void Backends::enable() {
  WrittenPages.enable();
  Sources.enable();
}

void Backends::close() {
  Sources.close();
  WrittenPages.close();
}

void Backends::getStats(BackendStats *Stats) {
  for (u32 I = 0; I != NumBackends; I++) {
    Stats->Blocks[I] = atomic_load_relaxed(&Blocks[I]);
    Stats->Bytes[I] = atomic_load_relaxed(&Bytes[I]);
    Stats->ReusedBlocks[I] = atomic_load_relaxed(&ReusedBlocks[I]);
    Stats->ReusedBytes[I] = atomic_load_relaxed(&ReusedBytes[I]);
  }
  for (u32 I = 0; I != NumReasons; I++) {
    Stats->Reasons[I] = atomic_load_relaxed(&Reasons[I]);
    Stats->LastErrors[I] = atomic_load_relaxed(&LastErrors[I]);
  }
  Stats->FilledBytes = atomic_load_relaxed(&FilledBytes);
  Stats->NeverFilledBytes = atomic_load_relaxed(&NeverFilledBytes);
  Stats->ExtraMappings = atomic_load_relaxed(&ExtraMappings);
  Sources.getStats(&Stats->Windows);
  const WindowMakers &Makers = Sources.getMakers();
  for (u32 I = 0; I != WindowMakers::Most; I++)
    Stats->Makers[I] = {Makers.List[I], atomic_load_relaxed(&Makers.Errors[I])};
}

} // namespace refpage
