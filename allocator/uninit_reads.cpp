// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/uninit_reads.h"

#include "platform/call_stack.h"
#include "platform/mapping.h"
#include "platform/memory_tag.h"
#include "platform/scoped_errno.h"
#include "platform/scoped_no_cancel.h"

#include "atomic_helpers.h"
#include "chunk.h"

#include <string.h>

namespace refpage {

SCUDO_REQUIRE_CONSTANT_INITIALIZATION
UninitReads TheUninitReads;

namespace {

// The block's user memory, as far as it has pages of its window.
struct UserViews {
  uptr UserPos;
  uptr UserSize;
  uptr Base; // Whole pages.
  uptr Size;
};

UserViews getUserViews(const LargeHeader *H) {
  const BlockSpan &Span = H->Span;
  const void *Block = H + 1;
  UserViews Views;
  Views.UserPos = getUserPos(Block);
  scudo::Chunk::UnpackedHeader Header;
  {
    ScopedUncheckedAccess Unchecked;
    const auto Packed =
        scudo::atomic_load_relaxed(scudo::Chunk::getConstAtomicHeader(
            reinterpret_cast<const void *>(Views.UserPos)));
    Header = scudo::bit_cast<scudo::Chunk::UnpackedHeader>(Packed);
  }
  const uptr Room = Span.commitEnd() - Views.UserPos;
  Views.UserSize = Room - scudo::Min<uptr>(Room, Header.SizeOrUnusedBytes);
  Views.Base =
      scudo::Max(Span.CommitBase + Span.Backed.FilledBytes,
                 scudo::roundDown(Views.UserPos, scudo::getPageSizeCached()));
  Views.Size = Span.commitEnd() - scudo::Min(Views.Base, Span.commitEnd());
  return Views;
}

} // namespace

int UninitReads::start() {
  uptr Base;
  const uptr Size = scudo::roundUp(sizeof(Tables), scudo::getPageSizeCached());
  if (const int Error = mapWipedOnFork(Size, &Base))
    return Error;
  scudo::ScopedLock L(Mutex);
  T = reinterpret_cast<Tables *>(Base);
  takeOver();
  return 0;
}

// In the child of a fork: its tables are empty, and the switch that it has got
// is the parent's.
void UninitReads::takeOver() {
  if (LIKELY(T->IsOurs))
    return;
  T->IsOurs = true;
  T->NumSites = 1;
  // Of threads that the child does not have.
  FirstSettled = nullptr;
  Switch.close();
  beginEpoch();
  T->FirstEpoch = Epoch;
}

void UninitReads::beginEpoch() {
  // The last one does not end.
  if (Epoch != ReadWatch::MostEpochs)
    Epoch++;
}

u16 UninitReads::findSite(const uptr *Callers, u32 NumCallers) {
  if (NumCallers == 0)
    return 0;
  // FNV-1a, by words.
  u64 Hash = 0xcbf29ce484222325;
  for (u32 I = 0; I != NumCallers; I++)
    Hash = (Hash ^ Callers[I]) * 0x100000001b3;
  const u32 Short = static_cast<u32>(Hash ^ Hash >> 32);
  for (u32 Try = 0; Try != Tables::MostSites; Try++) {
    const u32 I = (Short + Try) % Tables::MostSites;
    CallSite &Site = T->Sites[I];
    if (I == 0)
      continue;
    if (Site.NumCallers == 0) {
      // Where it is nearly full each search would be long.
      if (T->NumSites > Tables::MostSites / 8 * 7)
        return 0;
      T->NumSites++;
      Site.Hash = Short;
      Site.NumCallers = NumCallers;
      memcpy(Site.Callers, Callers, NumCallers * sizeof(*Callers));
      return static_cast<u16>(I);
    }
    if (Site.Hash == Short && Site.NumCallers == NumCallers &&
        memcmp(Site.Callers, Callers, NumCallers * sizeof(*Callers)) == 0)
      return static_cast<u16>(I);
  }
  return 0;
}

ReadFinding *UninitReads::findFinding(u16 Site, uptr Size, bool IsExact) {
  for (u32 Try = 0; Try != Tables::MostFindings; Try++) {
    const uptr I = (uptr(Site) * 31 + Size / 16 + Try) % Tables::MostFindings;
    ReadFinding &F = T->Findings[I];
    if (F.Blocks && !(F.Site == Site && F.Size == Size && F.IsExact == IsExact))
      continue;
    F.Site = Site;
    F.Size = Size;
    F.IsExact = IsExact;
    return &F;
  }
  return nullptr;
}

// Reads a page in the middle of a range that nobody has touched, and returns
// how many pages that has mapped. The range is as it was afterwards. 0: not
// known.
uptr UninitReads::measure(uptr Base, uptr Size) {
  const uptr PageSize = scudo::getPageSizeCached();
  {
    ScopedUncheckedAccess Unchecked;
    const uptr Middle = Base + scudo::roundDown(Size / 2, PageSize);
    static_cast<void>(*reinterpret_cast<const volatile char *>(Middle));
  }
  uptr Mapped = 0;
  return dropMarks(Base, Size, &Mapped) ? Mapped / PageSize : 0;
}

// Takes pages that were read, but not written, out of the page tables. Nobody
// may be about to write to them.
bool UninitReads::dropMarks(uptr Base, uptr Size, uptr *Dropped) {
  return Pages.forEachReadRun(Base, Size, [&](const PageRun &Run) {
    discardPages(Run.Base, Run.Size);
    *Dropped += Run.Size;
    return true;
  });
}

void UninitReads::dropMarks(const BlockSpan &Span) {
  uptr Dropped = 0;
  dropMarks(Span.CommitBase + Span.Backed.FilledBytes,
            Span.CommitSize - Span.Backed.FilledBytes, &Dropped);
}

void UninitReads::watch(BlockSpan *Span, bool IsMoved) {
  Span->Reads = ReadWatch();
  Span->ReadSite = 0;
  const Backing &B = Span->Backed;
  // Zeros are what was asked for.
  if (B.Holds.Pattern == 0)
    return;
  uptr Callers[CallSite::MostCallers];
  const u32 NumCallers = getCallers(Callers, CallSite::MostCallers);

  scudo::ScopedLock L(Mutex);
  takeOver();
  const uptr Base = Span->CommitBase + B.FilledBytes;
  const uptr Size = Span->CommitSize - B.FilledBytes;
  if (!B.hasWindow() || Size == 0) {
    T->Counts.FilledBlocks++;
    T->Counts.FilledBytes += Span->CommitSize;
    return;
  }
  if (!Switch.isIntact())
    beginEpoch();
  const bool IsSwitchedOff = Switch.switchOff(Base, Size) == 0;
  uptr &PagesARead = T->PagesARead[IsSwitchedOff][static_cast<u32>(B.Kind)];
  if (IsMoved)
    dropMarks(*Span);
  else
    PagesARead = scudo::Max(PagesARead, measure(Base, Size));
  if (PagesARead == 0) {
    T->Counts.UnknownBlocks++;
    return;
  }
  T->Counts.WatchedBlocks++;
  T->Counts.WatchedBytes += Size;
  T->Counts.MostPagesARead = scudo::Max(T->Counts.MostPagesARead, PagesARead);
  if (PagesARead != 1)
    T->Counts.VagueBlocks++;
  Span->Reads.Epoch = Epoch;
  Span->Reads.NeedsSwitch = IsSwitchedOff;
  Span->Reads.IsExact = PagesARead == 1;
  Span->ReadSite = findSite(Callers, NumCallers);
}

void UninitReads::count(const LargeHeader *H) {
  scudo::ScopedLock L(Mutex);
  takeOver();
  if (!findSettled(H + 1))
    countReads(H);
}

void UninitReads::countFreed(const LargeHeader *H) {
  scudo::ScopedLock L(Mutex);
  takeOver();
  // From now on another thread's block may lie there.
  if (Settled **Link = findSettled(H + 1))
    *Link = (*Link)->Next;
  else
    countReads(H);
}

void UninitReads::countReads(const LargeHeader *H) {
  const ReadWatch Watch = H->Span.Reads;
  if (Watch.Epoch == 0 || Watch.Epoch < T->FirstEpoch)
    return;
  const uptr PageSize = scudo::getPageSizeCached();
  const UserViews Views = getUserViews(H);
  if (Views.Size == 0)
    return;
  const bool IsExact =
      Watch.IsExact &&
      (!Watch.NeedsSwitch || (Watch.Epoch == Epoch && Switch.isIntact()));
  // The kernel maps so many pages at a read, or fewer: from a multiple of that
  // on, or from the start of a view.
  const uptr Group = scudo::roundUpPowerOfTwo(
      scudo::Max<uptr>(T->Counts.MostPagesARead, 16) * PageSize);
  uptr Reads = 0;
  uptr CountedEnd = 0;
  ReadFinding First;
  First.NumRanges = 0;
  First.HasMoreRanges = false;
  Pages.forEachReadRun(Views.Base, Views.Size, [&](const PageRun &Run) {
    const uptr End = Run.Base + Run.Size;
    const ReadRange Range = {scudo::Max(Run.Base, Views.UserPos) -
                                 Views.UserPos,
                             scudo::Min(End - Views.UserPos, Views.UserSize)};
    // What realloc() has cut off is not the program's.
    if (Range.Begin >= Range.End)
      return true;
    if (IsExact) {
      Reads += Run.Size / PageSize;
    } else {
      const uptr From = scudo::Max(Run.Base, CountedEnd);
      const uptr Least =
          From < End ? scudo::roundUp(End - From, Group) / Group : 0;
      Reads += Least;
      CountedEnd = Least ? From + Least * Group : CountedEnd;
    }
    ReadRange *Last =
        First.NumRanges ? &First.Ranges[First.NumRanges - 1] : nullptr;
    if (Last && Last->End == Range.Begin)
      Last->End = Range.End;
    else if (First.NumRanges != ReadFinding::MostRanges)
      First.Ranges[First.NumRanges++] = Range;
    else
      First.HasMoreRanges = true;
    return true;
  });
  if (Reads == 0)
    return;
  ReadFinding *F = findFinding(H->Span.ReadSite, Views.UserSize, IsExact);
  if (!F) {
    T->Counts.LostReads += Reads;
    return;
  }
  if (F->Blocks++ == 0) {
    F->NumRanges = First.NumRanges;
    F->HasMoreRanges = First.HasMoreRanges;
    memcpy(F->Ranges, First.Ranges, sizeof(First.Ranges));
  }
  F->Reads += Reads;
}

// The link that leads to the block's entry; nullptr: it has none.
UninitReads::Settled **UninitReads::findSettled(const void *Block) {
  for (Settled **Link = &FirstSettled; *Link; Link = &(*Link)->Next)
    if ((*Link)->Block == Block)
      return Link;
  return nullptr;
}

// As in free(): pread() and close() are cancellation points, and a thread that
// ended here would leave the lock behind, and an entry on its stack.
void UninitReads::settle(void *Block, Settled *Entry) {
  ScopedErrno KeepErrno;
  ScopedNoCancel NoCancel;
  const LargeHeader *H = getCheckedHeader(Block);
  scudo::ScopedLock L(Mutex);
  takeOver();
  countReads(H);
  Entry->Block = H + 1;
  Entry->Next = FirstSettled;
  FirstSettled = Entry;
  if (H->Span.Reads.Epoch)
    dropMarks(H->Span);
}

void UninitReads::endSettled(Settled *Entry, bool KeepsBlock) {
  ScopedErrno KeepErrno;
  ScopedNoCancel NoCancel;
  scudo::ScopedLock L(Mutex);
  takeOver();
  for (Settled **Link = &FirstSettled; *Link; Link = &(*Link)->Next)
    if (*Link == Entry) {
      *Link = Entry->Next;
      break;
    }
  if (!KeepsBlock)
    return;
  const LargeHeader *H = getCheckedHeader(Entry->Block);
  if (H->Span.Reads.Epoch)
    dropMarks(H->Span);
}

ReadCounts UninitReads::getCounts() {
  scudo::ScopedLock L(Mutex);
  takeOver();
  return T->Counts;
}

} // namespace refpage
