// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/pagemap.h"

#include "platform/pagemap_scan.h"
#include "platform/process.h"
#include "platform/scoped_errno.h"

#include <unistd.h>

namespace refpage {
namespace {

enum class PageState : u8 { Clean, Read, Written, Swapped };

PageState stateOf(u64 Entry) {
  if (Entry & EntryFilePage)
    return (Entry & EntryPresent) ? PageState::Read : PageState::Clean;
  return (Entry & EntryPresent)   ? PageState::Written
         : (Entry & EntrySwapped) ? PageState::Swapped
                                  : PageState::Clean;
}

} // namespace

// A page read but never written shows the kernel's page of zeros, or a page of
// the mapped file.
NOINLINE bool Pagemap::scanRuns(int Fd, Wanted Pages, uptr *Next, uptr End,
                                PageRun *Runs, u32 *Count) {
  ScannedRegion Regions[MaxRuns];
  ScanArguments A = {};
  A.Size = sizeof(A);
  A.Start = *Next;
  A.End = End;
  A.Regions = reinterpret_cast<uptr>(Regions);
  A.MaxRegions = MaxRuns;
  if (Pages == Wanted::Written) {
    A.InvertedCategories = CategoryFile | CategoryZeroPage;
    A.AllOfCategories = CategoryFile | CategoryZeroPage;
    A.AnyOfCategories = CategoryPresent | CategorySwapped;
    A.ReturnedCategories = CategorySwapped;
  } else {
    A.AllOfCategories = CategoryFile | CategoryPresent;
    A.ReturnedCategories = CategoryFile;
  }
  const int Found = ioctl(Fd, PagemapScan, &A);
  // A walk that did not move would be called again for ever.
  if (Found < 0 || A.WalkEnd <= *Next || A.WalkEnd > End)
    return false;
  for (int I = 0; I != Found; I++)
    Runs[I] = {static_cast<uptr>(Regions[I].Start),
               static_cast<uptr>(Regions[I].End - Regions[I].Start),
               (Regions[I].Categories & CategorySwapped) != 0};
  *Count = static_cast<u32>(Found);
  *Next = static_cast<uptr>(A.WalkEnd);
  return true;
}

// Reads an entry for each page. The page of zeros counts as written here: that
// costs a fill that was not needed.
NOINLINE bool Pagemap::entryRuns(int Fd, Wanted Pages, uptr *Next, uptr End,
                                 PageRun *Runs, u32 *Count) {
  const uptr PageSize = scudo::getPageSizeCached();
  u64 Entries[128];
  static_assert(ARRAY_SIZE(Entries) <= 2UL * MaxRuns, "");
  const uptr Asked =
      scudo::Min<uptr>((End - *Next) / PageSize, ARRAY_SIZE(Entries));
  const off_t Offset = static_cast<off_t>(*Next / PageSize * sizeof(u64));
  ssize_t Got;
  do
    Got = pread(Fd, Entries, Asked * sizeof(u64), Offset);
  while (Got == -1 && errno == EINTR);
  const uptr NumEntries = Got <= 0 ? 0 : static_cast<uptr>(Got) / sizeof(u64);
  *Count = 0;
  PageState RunState = PageState::Clean;
  uptr I = 0;
  for (; I != NumEntries; I++) {
    PageState State = stateOf(Entries[I]);
    if ((State == PageState::Read) != (Pages == Wanted::Read))
      State = PageState::Clean;
    if (State != PageState::Clean) {
      if (State == RunState) {
        Runs[*Count - 1].Size += PageSize;
      } else {
        if (*Count == MaxRuns)
          break;
        Runs[(*Count)++] = {*Next + I * PageSize, PageSize,
                            State == PageState::Swapped};
      }
    }
    RunState = State;
  }
  *Next += I * PageSize;
  return I != 0;
}

// The parent's file that a child inherits has the identity it had, so a fork
// has to be seen by itself. Without a way to see forks nothing can be kept.
bool Pagemap::getFile(KeptFile *Result) {
  scudo::ScopedLock L(Mutex);
  if (File.Fd == -1 || !Forks.isSameProcess()) {
    giveUp(&File);
    if (!Forks.arm())
      return false;
    if (openParked("/proc/self/pagemap", &File) != 0)
      return false;
    scudo::atomic_store_relaxed(&MayScan, hasSeccompFilter() ? 0 : 1);
  }
  *Result = File;
  return true;
}

bool Pagemap::isFileOfThisProcess() {
  scudo::ScopedLock L(Mutex);
  return Forks.isSameProcess();
}

void Pagemap::reportLost(const KeptFile &Lost) {
  scudo::ScopedLock L(Mutex);
  if (File.Fd == Lost.Fd && File.Identity == Lost.Identity)
    File.Fd = -1;
}

// What was read counts only if the descriptor still is ours afterwards: then it
// was ours before, since a number once lost never comes back by itself. No
// other file knows the command of PAGEMAP_SCAN. And only if this is no child by
// now: a signal handler may have forked, and what was read be the parent's.
bool Pagemap::readRuns(Wanted Pages, uptr *Next, uptr End, PageRun *Runs,
                       u32 *Count) {
  ScopedErrno KeepErrno;
  constexpr u32 MaxTries = 3;
  for (u32 Try = 0; Try != MaxTries; Try++) {
    KeptFile Current;
    if (!getFile(&Current))
      return false;
    uptr Reached = *Next;
    bool Known = false;
    if (scudo::atomic_load_relaxed(&MayScan)) {
      Known = scanRuns(Current.Fd, Pages, &Reached, End, Runs, Count);
      if (!Known && (errno == ENOTTY || errno == EINVAL))
        scudo::atomic_store_relaxed(&MayScan, 0);
    }
    if (!Known)
      Known = entryRuns(Current.Fd, Pages, &Reached, End, Runs, Count);
    if (!isFileOfThisProcess())
      continue;
    if (isSameFile(Current.Fd, Current.Identity)) {
      *Next = Reached;
      return Known;
    }
    reportLost(Current);
  }
  return false;
}

void Pagemap::close() {
  scudo::ScopedLock L(Mutex);
  giveUp(&File);
}

} // namespace refpage
