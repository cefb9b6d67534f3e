// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "refpage_backend/backends.h"

#include "platform/mapping.h"
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
  Sources.init(MaxWindowSize);
}

void Backends::noteReason(Reason Why, int Error) {
  add(Reasons[index(Why)], 1);
  if (Error)
    atomic_store_relaxed(&LastErrors[index(Why)], Error);
}

void Backends::noteFill(uptr Filled, uptr NeverFilled) {
  add(FilledBytes, Filled);
  add(NeverFilledBytes, NeverFilled);
}

int Backends::commit(uptr Base, uptr Size, const Contents &Holds,
                     uptr ExpectedFront, Backing *B) {
  // What is expected of a size is no reason against what the user asks for.
  const uptr Front = Request == BackendRequest::Auto ? ExpectedFront : 0;
  const Choice First = selectBackend(
      {Size, Holds, Front, atomic_load_relaxed(&ExtraMappings), Request});
  Reason Why = First.Why;
  int Error = 0;
  bool IsReserved = true;
  *B = Backing();
  B->Kind = First.Kind;
  B->Holds = Holds;

  int WindowError = 0;
  if (First.Kind == Backend::Zero) {
    Error = commitReserved(Base, Size);
  } else {
    if (First.Kind == Backend::MemfdWindow) {
      WindowError = commitWindow(Base, Size, Holds, Front, B, &Why);
      // Only a range that nothing was mapped over is still a reservation.
      IsReserved = Why == Reason::NoWindow || Why == Reason::MappingBudget;
    }
    if (First.Kind == Backend::Memset || WindowError)
      Error = commitMemset(Base, Size, Holds, IsReserved,
                           Why == Reason::DenseUse, B);
  }
  if (Error)
    return ENOMEM;

  noteReason(Why, WindowError);
  add(Blocks[index(B->Kind)], 1);
  add(Bytes[index(B->Kind)], Size);
  if (B->Kind != Backend::Zero)
    noteFill(B->FilledBytes, Size - B->FilledBytes);
  return 0;
}

int Backends::commitWindow(uptr Base, uptr Size, const Contents &Holds,
                           uptr Front, Backing *B, Reason *Why) {
  const Reason Chosen = *Why;
  *Why = Reason::NoWindow;
  Source *From = Sources.find(Holds, &B->Source);
  if (!From)
    return ENOSPC;

  // Each window is a mapping of its own, and the kernel would grant them one by
  // one to a block that is more than the machine has. So the whole is asked for
  // first, which costs 2 us.
  if (Size >= AskFirstSize)
    if (const int CommitError = commitReserved(Base, Size))
      return CommitError;

  // A program that closes every descriptor it sees in a loop in another thread
  // could win this race for ever.
  constexpr u32 MaxTries = 3;
  int Error = 0;
  for (u32 Try = 0; Try != MaxTries; Try++) {
    Window W;
    if (const int AcquireError = From->acquire(Size, &W, &B->Window))
      return AcquireError;
    B->Mappings = static_cast<u32>(countMappings(W, Size - Front));
    if (atomic_load_relaxed(&ExtraMappings) + B->Mappings >
        MaxWindowMappings + 1) {
      From->finishMapping(B->Window);
      From->release(B->Window);
      *Why = Try == 0 ? Reason::MappingBudget : *Why;
      return ENOSPC;
    }
    *Why = Reason::MapFailed;
    bool Lost;
    Error = mapWindow(W, Base + Front, Size - Front, &Lost);
    if (Lost)
      From->reportLost(B->Window);
    From->finishMapping(B->Window);
    if (!Error && Front)
      Error = commitReserved(Base, Front);
    if (!Error) {
      *Why = Chosen;
      B->Kind = W.Maker->Kind;
      B->FilledBytes = Front;
      fillDense(Base, Front, Holds.Pattern);
      add(ExtraMappings, B->Mappings - 1);
      return 0;
    }
    From->release(B->Window);
    if (!Lost)
      break;
    *Why = Reason::WindowLost;
  }
  return Error;
}

int Backends::commitMemset(uptr Base, uptr Size, const Contents &Holds,
                           bool IsReserved, bool IsDense, Backing *B) {
  const int Error =
      IsReserved ? commitReserved(Base, Size) : mapAnonymousOver(Base, Size);
  if (Error) {
    if (!IsReserved)
      reserveHole(Base, Size);
    return Error;
  }
  B->Kind = Backend::Memset;
  B->FilledBytes = Size;
  if (IsDense)
    fillDense(Base, Size, Holds.Pattern);
  else
    fillPattern(Base, Size, Holds.Pattern);
  return 0;
}

void Backends::forget(const Backing &B) {
  if (!B.hasWindow())
    return;
  subtract(ExtraMappings, B.Mappings - 1);
  Sources.get(B.Source).release(B.Window);
}

bool Backends::canHold(const Backing &B, uptr Size,
                       const Contents &Wanted) const {
  if (B.Holds == Wanted)
    return true;
  // Views of a window hold what the window holds. Anonymous memory holds
  // anything, if filling it is what would be done for such a block anyway.
  if (B.hasWindow())
    return false;
  return Wanted.isZero() ||
         selectBackend(
             {Size, Wanted, 0, atomic_load_relaxed(&ExtraMappings), Request})
                 .Kind == Backend::Memset;
}

void Backends::restore(uptr Base, uptr Size, const Contents &Wanted,
                       bool WasDiscarded, Backing *B) {
  uptr Filled = 0;
  if (!B->hasWindow()) {
    B->Kind = Wanted.isZero() ? Backend::Zero : Backend::Memset;
    B->FilledBytes = Wanted.isZero() ? 0 : Size;
    B->Holds = Wanted;
  }
  if (B->FilledBytes) {
    fillPattern(Base, B->FilledBytes, Wanted.Pattern);
    Filled = B->FilledBytes;
  }
  if (B->FilledBytes != Size && !WasDiscarded)
    Filled += restoreWrittenPages(WrittenPages, Base + B->FilledBytes,
                                  Size - B->FilledBytes, Wanted.Pattern);
  add(ReusedBlocks[index(B->Kind)], 1);
  add(ReusedBytes[index(B->Kind)], Size);
  if (!Wanted.isZero() || Filled)
    noteFill(Filled, Wanted.isZero() ? 0 : Size - Filled);
}

void Backends::reuse(uptr Size, const Backing &B) {
  add(ReusedBlocks[index(B.Kind)], 1);
  add(ReusedBytes[index(B.Kind)], Size);
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
  Sources.getStats(&Stats->Windows);
}

} // namespace refpage
