// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/pagemap.h"

#include "platform/process.h"
#include "platform/scoped_errno.h"

#include <sys/ioctl.h>
#include <unistd.h>

namespace refpage {
namespace {

// Of linux/fs.h since 6.7; older headers lack them.
struct ScannedRegion {
  u64 Start;
  u64 End;
  u64 Categories;
};
struct ScanArguments {
  u64 Size;
  u64 Flags;
  u64 Start;
  u64 End;
  u64 WalkEnd;
  u64 Regions;
  u64 MaxRegions;
  u64 MaxPages;
  u64 InvertedCategories;
  u64 AllOfCategories;
  u64 AnyOfCategories;
  u64 ReturnedCategories;
};
constexpr unsigned long PagemapScan = _IOWR('f', 16, ScanArguments);
constexpr u64 CategoryFile = 1 << 2;
constexpr u64 CategoryPresent = 1 << 3;
constexpr u64 CategorySwapped = 1 << 4;
constexpr u64 CategoryZeroPage = 1 << 5;

// A page read but never written shows the kernel's page of zeros, or a page of
// the mapped file.
NOINLINE bool scanRuns(int Fd, uptr *Next, uptr End, PageRun *Runs, u32 MaxRuns,
                       u32 *Count) {
  ScannedRegion Regions[64];
  ScanArguments A = {};
  A.Size = sizeof(A);
  A.Start = *Next;
  A.End = End;
  A.Regions = reinterpret_cast<uptr>(Regions);
  A.MaxRegions = scudo::Min<u64>(ARRAY_SIZE(Regions), MaxRuns);
  A.InvertedCategories = CategoryFile | CategoryZeroPage;
  A.AllOfCategories = CategoryFile | CategoryZeroPage;
  A.AnyOfCategories = CategoryPresent | CategorySwapped;
  A.ReturnedCategories = CategorySwapped;
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

enum class PageState : u8 { Clean, Written, Swapped };

PageState stateOf(u64 Entry) {
  constexpr u64 Present = 1ULL << 63;
  constexpr u64 Swapped = 1ULL << 62;
  constexpr u64 FilePage = 1ULL << 61;
  if ((Entry & FilePage) || !(Entry & (Present | Swapped)))
    return PageState::Clean;
  return (Entry & Present) ? PageState::Written : PageState::Swapped;
}

// Reads an entry for each page. The page of zeros counts as written here: that
// costs a fill that was not needed.
NOINLINE bool entryRuns(int Fd, uptr *Next, uptr End, PageRun *Runs,
                        u32 MaxRuns, u32 *Count) {
  const uptr PageSize = scudo::getPageSizeCached();
  u64 Entries[128];
  const uptr Pages = scudo::Min<uptr>(
      (End - *Next) / PageSize,
      scudo::Min<uptr>(ARRAY_SIZE(Entries), uptr(MaxRuns) * 2));
  const off_t Offset = static_cast<off_t>(*Next / PageSize * sizeof(u64));
  ssize_t Got;
  do
    Got = pread(Fd, Entries, Pages * sizeof(u64), Offset);
  while (Got == -1 && errno == EINTR);
  const uptr NumEntries = Got <= 0 ? 0 : static_cast<uptr>(Got) / sizeof(u64);
  *Count = 0;
  PageState RunState = PageState::Clean;
  uptr I = 0;
  for (; I != NumEntries; I++) {
    const PageState State = stateOf(Entries[I]);
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

} // namespace

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
bool Pagemap::readRuns(uptr *Next, uptr End, PageRun *Runs, u32 *Count) {
  ScopedErrno KeepErrno;
  constexpr u32 MaxTries = 3;
  for (u32 Try = 0; Try != MaxTries; Try++) {
    KeptFile Current;
    if (!getFile(&Current))
      return false;
    uptr Reached = *Next;
    bool Known = false;
    if (scudo::atomic_load_relaxed(&MayScan)) {
      Known = scanRuns(Current.Fd, &Reached, End, Runs, MaxRuns, Count);
      if (!Known && (errno == ENOTTY || errno == EINVAL))
        scudo::atomic_store_relaxed(&MayScan, 0);
    }
    if (!Known)
      Known = entryRuns(Current.Fd, &Reached, End, Runs, MaxRuns, Count);
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
