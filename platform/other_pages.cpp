// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/other_pages.h"

#include "platform/pagemap_scan.h"
#include "platform/scoped_errno.h"

namespace refpage {
namespace {

// False: the page is not there.
bool decode(u64 Entry, OtherPage *Is) {
  if (!(Entry & (EntryPresent | EntrySwapped)))
    return false;
  *Is = Entry & EntryFilePage    ? OtherPage::File
        : Entry & EntrySwapped   ? OtherPage::Swapped
        : Entry & EntryExclusive ? OtherPage::Exclusive
                                 : OtherPage::Shared;
  return true;
}

void append(const OtherPageRun &New, OtherPageRun *Runs, u32 *Count) {
  if (*Count && Runs[*Count - 1].Is == New.Is &&
      Runs[*Count - 1].Base + Runs[*Count - 1].Size == New.Base)
    Runs[*Count - 1].Size += New.Size;
  else
    Runs[(*Count)++] = New;
}

} // namespace

int OtherPages::open(const OtherProcess &Of) {
  return Of.openFile("pagemap", &Fd);
}

int OtherPages::readEntries(uptr *Next, uptr End, OtherPageRun *Runs,
                            u32 *Count) {
  const uptr PageSize = scudo::getPageSizeCached();
  u64 Entries[MaxRuns];
  const uptr Pages =
      scudo::Min<uptr>((End - *Next) / PageSize, MaxRuns - *Count);
  uptr Got;
  if (const int Error = readAt(Fd, Entries, Pages * sizeof(u64),
                               *Next / PageSize * sizeof(u64), &Got))
    return Error;
  const uptr NumEntries = Got / sizeof(u64);
  if (NumEntries == 0)
    return ESRCH; // The file of a process without memory is empty.
  for (uptr I = 0; I != NumEntries; I++) {
    OtherPage Is;
    if (decode(Entries[I], &Is))
      append({*Next + I * PageSize, PageSize, Is}, Runs, Count);
  }
  *Next += NumEntries * PageSize;
  return 0;
}

// The scan does not tell which pages are the process's own: of those that could
// be, the entries are read.
int OtherPages::scan(uptr *Next, uptr End, OtherPageRun *Runs, u32 *Count) {
  ScopedErrno KeepErrno;
  ScannedRegion Regions[16];
  ScanArguments A = {};
  A.Size = sizeof(A);
  A.Start = *Next;
  A.End = End;
  A.Regions = reinterpret_cast<uptr>(Regions);
  A.MaxRegions = ARRAY_SIZE(Regions);
  A.AnyOfCategories = CategoryPresent | CategorySwapped;
  A.ReturnedCategories =
      CategoryPresent | CategorySwapped | CategoryFile | CategoryZeroPage;
  const int Found = ioctl(Fd, PagemapScan, &A);
  if (Found < 0)
    return errno;
  // A walk that did not move would be called again for ever.
  if (A.WalkEnd <= *Next || A.WalkEnd > End)
    return ESRCH;
  for (int I = 0; I != Found; I++) {
    const ScannedRegion &R = Regions[I];
    const uptr Base = static_cast<uptr>(R.Start);
    const uptr Size = static_cast<uptr>(R.End - R.Start);
    if (R.Categories & (CategoryFile | CategoryZeroPage)) {
      append(
          {Base, Size,
           R.Categories & CategoryFile ? OtherPage::File : OtherPage::ZeroPage},
          Runs, Count);
    } else if (R.Categories & CategorySwapped) {
      append({Base, Size, OtherPage::Swapped}, Runs, Count);
    } else {
      *Next = Base;
      EntriesEnd = Base + Size;
      return 0;
    }
  }
  *Next = static_cast<uptr>(A.WalkEnd);
  return 0;
}

int OtherPages::readRuns(uptr *Next, uptr End, OtherPageRun *Runs, u32 *Count) {
  *Count = 0;
  if (MayScan && *Next >= EntriesEnd) {
    const int Error = scan(Next, End, Runs, Count);
    if (Error == ENOTTY || Error == EINVAL)
      MayScan = false;
    else
      return Error;
  }
  const uptr PartEnd = MayScan ? scudo::Min(EntriesEnd, End) : End;
  return readEntries(Next, PartEnd, Runs, Count);
}

} // namespace refpage
