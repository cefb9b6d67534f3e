// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "refpage_backend/source.h"

#include "platform/memory_tag.h"
#include "refpage_backend/selector.h"

#include <errno.h>

namespace refpage {
namespace {

constexpr uptr MinWindowSize = 64UL << 10;

// Errors that will not go away: the kernel lacks the call. Others may come from
// a race with a program that closes descriptors.
bool isPermanent(int Error) { return Error == ENOSYS || Error == ENOTSUP; }

} // namespace

void Source::init(const Contents &NewHolds, WindowMakers *NewMakers,
                  uptr NewMaxWindowSize) {
  Holds = NewHolds;
  Makers = NewMakers;
  MaxWindowSize = NewMaxWindowSize;
}

// Making a window costs time in proportion to its size W, mapping costs time in
// proportion to Demand / W: the sum is least where W is the root of Demand
// times the ratio of the two costs. Measured, a mapping takes 3.4 us and 1 KiB
// of window 0.36 us, a ratio of 9 KiB; 32 KiB is used because a program that
// has asked for much asks for more, and 64 KiB windows lose. So a program pays
// for windows in step with what it uses. Once more than twice what there is
// would be ideal, twice the ideal is made: a window on the way to a larger one
// is a loss.
//
// What windows take together is bounded by 1/64 of the most that blocks viewed
// of them at a time, or 1 MiB. A window is no larger than any block needs, and
// above 4 MiB, where little is left to gain and making one takes longer than a
// program should stand still (1.4 ms for 4 MiB), only as large as keeps a block
// to 1024 mappings, and all others together to an eighth of those that they may
// have: the rest is for those that were made before, of smaller windows.
Source::WindowWish Source::getWish(uptr NewBytes) {
  constexpr uptr CostRatio = 32UL << 10;
  // There can be one for each of thirteen tags.
  const uptr LargeWindow = Holds.Tag ? 2UL << 20 : 4UL << 20;
  constexpr uptr MaxMappings = 1024;
  // A block of 4 MiB in eight views takes 0.23 of the instructions of tagging
  // it whole on huge pages, in four 0.15.
  const uptr FreeMemory =
      Holds.Tag && LargestBlock < (4UL << 20) ? 512UL << 10 : 1UL << 20;
  constexpr uptr LiveShare = 64;
  constexpr uptr GrowthFactor = 2;
  const uptr PeakBytes = scudo::Max(PeakLiveBytes, LiveBytes + NewBytes);
  const uptr Share = MaxWindowMappings / 8 / (Holds.Tag ? NumTags : 1);
  const uptr Others = PeakBytes - scudo::Min(PeakBytes, LargestBlock);
  const uptr Useful =
      scudo::Min(scudo::Max(LargeWindow, scudo::Max(LargestBlock / MaxMappings,
                                                    Others / Share)),
                 MaxWindowSize);
  const uptr Budget = scudo::Max(FreeMemory, PeakBytes / LiveShare);
  // What has a user stays after it is replaced.
  uptr Staying = 0;
  for (const Window &W : Windows)
    if (W.Maker && W.Users)
      Staying += W.OwnMemory;
  const uptr Most = scudo::Min(Useful, Budget > Staying ? Budget - Staying : 0);
  uptr Largest = MinWindowSize;
  while (Largest < LargestBlock && Largest * 2 <= Most)
    Largest *= 2;
  uptr Ideal = MinWindowSize;
  while (Ideal * Ideal < Demand * CostRatio)
    Ideal *= 2;
  if (Current == NoWindow)
    return {MinWindowSize, scudo::Min(Ideal, Largest)};
  // What is gained is to be worth the making: not the last bit that the budget
  // has left.
  if (Largest < Windows[Current].Size * GrowthFactor)
    return {0, 0};
  return {scudo::Min(Ideal / GrowthFactor, Largest),
          scudo::Min(Ideal * 2, Largest)};
}

void Source::addDemand(uptr Size) {
  // Far above any ideal that counts, far below an overflow of the product.
  constexpr uptr MaxDemand = 1UL << 45;
  Demand = scudo::Min(Demand + scudo::Min(Size, MaxDemand), MaxDemand);
  LargestBlock = scudo::Max(LargestBlock, Size);
}

void Source::addLive(sptr Difference) {
  // The bytes of a block that was cut in two are not quite those of its parts.
  const sptr Sum = static_cast<sptr>(LiveBytes) + Difference;
  LiveBytes = static_cast<uptr>(scudo::Max<sptr>(Sum, 0));
  PeakLiveBytes = scudo::Max(PeakLiveBytes, LiveBytes);
}

bool Source::mayTryAgain() {
  if (LastError == 0)
    return true;
  if (isPermanent(LastError))
    return false;
  if (CallsToSkip == 0)
    return true;
  CallsToSkip--;
  return false;
}

void Source::noteFailure(int Error) {
  // A try that fails costs some 10 us: little in 64 blocks.
  constexpr u32 MaxLogSkip = 6;
  LastError = Error;
  CallsToSkip = 1U << scudo::Min(Failures++, MaxLogSkip);
}

uptr Source::sumOwnMemory() {
  uptr Sum = 0;
  for (const Window &W : Windows)
    if (W.Maker)
      Sum += W.OwnMemory;
  return Sum;
}

// Blocks keep a window's memory through their mappings: the descriptor of one
// that is not current can go as soon as no thread is about to map it, and its
// place when no block views it. The caller closes what is returned, without the
// lock.
KeptFile Source::tidy(u32 Index) {
  Window &W = Windows[Index];
  if (Index == Current || W.Mappers != 0)
    return KeptFile();
  const KeptFile Unused = W.File;
  W.File = KeptFile();
  if (W.Users == 0)
    W = Window();
  return Unused;
}

void Source::makeWindow(uptr Size) {
  Window New;
  int Error = ENOSYS;
  for (u32 I = 0; I != Makers->Count && Error; I++) {
    Error = scudo::atomic_load_relaxed(&Makers->Errors[I]);
    if (isGone(Error))
      continue;
    New = Window();
    New.Maker = Makers->List[I];
    Error = New.Maker->Make(Holds, Size, &New);
    scudo::atomic_store_relaxed(&Makers->Errors[I], Error);
  }

  KeptFile Unused;
  {
    scudo::ScopedLock L(Mutex);
    if (Error)
      noteFailure(Error);
    else
      Unused = put(New);
  }
  giveUp(&Unused);
}

// Makes a window the current one. Returns what is to be closed.
KeptFile Source::put(const Window &New) {
  u32 Slot = 0;
  while (Slot != MaxWindows && Windows[Slot].Maker)
    Slot++;
  if (Slot == MaxWindows) {
    noteFailure(EMFILE);
    return New.File;
  }
  Windows[Slot] = New;
  const u8 Old = Current;
  Current = static_cast<u8>(Slot);
  LastError = 0;
  Failures = 0;
  const KeptFile Unused = Old == NoWindow ? KeptFile() : tidy(Old);
  Counts.WindowsMade++;
  Counts.PeakMemory = scudo::Max(Counts.PeakMemory, sumOwnMemory());
  return Unused;
}

void Source::makeUnlessThere(const WindowWish &Wish) {
  {
    scudo::ScopedLock L(Mutex);
    if (Current != NoWindow && Windows[Current].Size >= Wish.Least)
      return;
  }
  makeWindow(Wish.Best);
}

int Source::acquire(uptr Size, Window *Taken, u8 *Index) {
  WindowWish Wish;
  bool HaveOne;
  bool Make;
  {
    scudo::ScopedLock L(Mutex);
    addDemand(Size);
    Wish = getWish(Size);
    HaveOne = Current != NoWindow;
    const bool Small = HaveOne && !Windows[Current].Maker->AnyLength &&
                       Windows[Current].Size < Wish.Least;
    Make = (!HaveOne || Small) && mayTryAgain();
    if (!HaveOne && !Make)
      return LastError;
  }
  if (Make && HaveOne) {
    // The old one serves while another thread makes the new one.
    if (MakeMutex.tryLock()) {
      makeUnlessThere(Wish);
      MakeMutex.unlock();
    }
  } else if (Make) {
    scudo::ScopedLock M(MakeMutex);
    makeUnlessThere(Wish);
  }
  scudo::ScopedLock L(Mutex);
  if (Current == NoWindow)
    return LastError ? LastError : EAGAIN;
  Window &W = Windows[Current];
  W.Users++;
  W.Mappers++;
  addLive(static_cast<sptr>(Size));
  *Taken = W;
  *Index = Current;
  return 0;
}

bool Source::acquireAgain(u8 Index, Window *Taken) {
  CHECK_LT(Index, MaxWindows);
  scudo::ScopedLock L(Mutex);
  Window &W = Windows[Index];
  if (W.File.Fd == -1)
    return false;
  W.Mappers++;
  *Taken = W;
  return true;
}

// Each use of a block touches all of its mappings: twice to protect it and once
// to look through it, some 0.6 us each.
bool Source::isOutgrown(uptr Size, uptr ViewSize, u32 Reuses) {
  scudo::ScopedLock L(Mutex);
  addDemand(Size * Reuses);
  const WindowWish Wish = getWish(0);
  return Wish.Least > ViewSize ||
         (Current != NoWindow && Windows[Current].Size >= 2 * ViewSize &&
          Size >= 2 * ViewSize);
}

void Source::retain(u8 Index) {
  CHECK_LT(Index, MaxWindows);
  scudo::ScopedLock L(Mutex);
  CHECK_NE(Windows[Index].Users, 0U);
  Windows[Index].Users++;
}

void Source::noteResize(sptr Difference) {
  scudo::ScopedLock L(Mutex);
  addLive(Difference);
}

void Source::finishMapping(u8 Index) {
  KeptFile Unused;
  {
    scudo::ScopedLock L(Mutex);
    Windows[Index].Mappers--;
    Unused = tidy(Index);
  }
  giveUp(&Unused);
}

void Source::release(u8 Index, uptr Size) {
  // From a header that an overflow may have reached.
  CHECK_LT(Index, MaxWindows);
  KeptFile Unused;
  {
    scudo::ScopedLock L(Mutex);
    CHECK_NE(Windows[Index].Users, 0U);
    Windows[Index].Users--;
    addLive(-static_cast<sptr>(Size));
    Unused = tidy(Index);
  }
  giveUp(&Unused);
}

void Source::reportLost(u8 Index) {
  scudo::ScopedLock L(Mutex);
  if (Windows[Index].File.Fd == -1)
    return;
  Windows[Index].File.Fd = -1;
  Counts.WindowsLost++;
  if (Current == Index)
    Current = NoWindow;
}

void Source::getStats(SourceStats *Stats) {
  scudo::ScopedLock L(Mutex);
  Counts.WindowsNow = 0;
  for (const Window &W : Windows)
    Counts.WindowsNow += W.Maker ? 1 : 0;
  Counts.OwnMemory = sumOwnMemory();
  Counts.LiveBytes = LiveBytes;
  *Stats = Counts;
}

void Source::close() {
  scudo::ScopedLock M(MakeMutex);
  KeptFile Unused;
  {
    scudo::ScopedLock L(Mutex);
    const u8 Old = Current;
    Current = NoWindow;
    if (Old != NoWindow)
      Unused = tidy(Old);
  }
  giveUp(&Unused);
}

} // namespace refpage
