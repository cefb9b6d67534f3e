// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/density_model.h"

#include "allocator/stats_text.h"
#include "refpage_backend/dense_fill.h"

namespace refpage {
namespace {

using scudo::atomic_load_relaxed;
using scudo::atomic_store_relaxed;

// A front below this gains less than the system calls it takes: about 0.25 us a
// page against two calls of 3.4 us.
constexpr u32 MinFrontPages = 64;

// Blocks that are all looked at when a size is new, and after that one in so
// many.
constexpr u32 FirstFrees = 8;
constexpr u32 SampleInterval = 16;
constexpr u32 RoundLength = 8;

// What one block did may be chance; what a large front would take in vain is
// more.
constexpr u32 MinObservations = 2;
constexpr u32 MinLargeObservations = 4;
constexpr uptr LargeFront = 8UL << 20;

// Blocks that say something about blocks of other sizes.
constexpr u32 MinInARow = 8;
constexpr uptr MinInARowSize = 1UL << 20;

// From this share on it costs less time to fill a block at once than to copy
// its pages from windows, gaps or not (measured on 8 MiB: 0.25 us a page with
// huge pages against 1.8 us a fault; less would do for that), and the memory
// taken in vain is little more than half of what is used. In huge blocks that
// would be much: a third of it.
constexpr u32 DenseShare = 640;
constexpr u32 LargeDenseShare = 768;

u32 next(scudo::atomic_u32 &Counter) {
  return scudo::atomic_fetch_add(&Counter, 1, scudo::memory_order_relaxed);
}

// Whether the pages that were written in a block are those that its user has
// written, and pagemap names them all.
bool isTold(const BlockSpan &Span) {
  return !Span.Reuses && Span.Backed.Kind != Backend::Zero &&
         !Span.Backed.FilledBytes;
}

// Bytes that were written, and those of them before the first gap. Returns
// whether that could be found out.
bool measure(const BlockSpan &Span, Pagemap &Pages, uptr *Written,
             uptr *Front) {
  // Some 100 us of looking are enough. What is not looked at is not written, as
  // far as can be said.
  constexpr u32 MaxRuns = 512;
  u32 Runs = 0;
  *Written = *Front = 0;
  return Pages.forEachWrittenRun(Span.CommitBase, Span.CommitSize,
                                 [&](const PageRun &Run) {
                                   if (Run.Base == Span.CommitBase + *Front)
                                     *Front += Run.Size;
                                   *Written += Run.Size;
                                   return ++Runs != MaxRuns;
                                 });
}

} // namespace

uptr DensityModel::getFront(const SizeClass &C, uptr CommitSize) const {
  const u32 Seen = atomic_load_relaxed(&C.Observations);
  const u32 Pages = atomic_load_relaxed(&C.FrontPages);
  if ((Seen == 0 || Pages == AllPages) &&
      atomic_load_relaxed(&WholeInARow) >= MinInARow &&
      CommitSize / 2 <= atomic_load_relaxed(&LargestWhole))
    return CommitSize;
  if (Seen < MinObservations)
    return 0;
  uptr Front = 0;
  if (Pages == AllPages)
    Front = CommitSize;
  else if (Pages >= MinFrontPages)
    Front = scudo::Min(Pages * scudo::getPageSizeCached(), CommitSize);
  // A huge page costs what 40 others do (60 us, measured): half used is enough.
  const uptr Whole = scudo::roundUp(Front, HugePageSize);
  if (Front % HugePageSize >= HugePageSize / 2 && Whole <= CommitSize)
    Front = Whole;
  if (atomic_load_relaxed(&C.Share) >=
          (CommitSize > LargeFront ? LargeDenseShare : DenseShare) &&
      CommitSize >= MinFrontPages * scudo::getPageSizeCached())
    Front = CommitSize;
  return Front > LargeFront && Seen < MinLargeObservations ? 0 : Front;
}

uptr DensityModel::getExpectedFront(uptr CommitSize) {
  SizeClass &C = Classes[getDensityClass(CommitSize)];
  const uptr Front = getFront(C, CommitSize);
  return Front && next(C.Fresh) % SampleInterval == SampleInterval - 1 ? 0
                                                                       : Front;
}

uptr DensityModel::getKnownFront(uptr CommitSize) const {
  return getFront(Classes[getDensityClass(CommitSize)], CommitSize);
}

bool DensityModel::hasGrownFull(uptr CommitSize) const {
  return atomic_load_relaxed(
      &Classes[getDensityClass(CommitSize)].HasGrownFull);
}

void DensityModel::noteGrownFull(uptr CommitSize, bool Full) {
  atomic_store_relaxed(&Classes[getDensityClass(CommitSize)].HasGrownFull,
                       static_cast<u8>(Full));
}

void DensityModel::observe(const BlockSpan &Span, Pagemap &Pages) {
  traceFree(Span.CommitSize);
  if (!isTold(Span))
    return;
  SizeClass &C = Classes[getDensityClass(Span.CommitSize)];
  // Where a front is expected, the blocks without one are those to be looked
  // at.
  const u32 Free = next(C.Frees);
  if (!getFront(C, Span.CommitSize) && Free >= FirstFrees &&
      Free % SampleInterval != 0)
    return;
  uptr Written;
  uptr Front;
  if (!measure(Span, Pages, &Written, &Front))
    return;
  traceDensity(Looked::AtFree, Span.CommitSize, Written, Front);
  note(Span.CommitSize, Written, Front);
}

void DensityModel::trace(const BlockSpan &Span, Pagemap &Pages) {
  uptr Written;
  uptr Front;
  if (isTold(Span) && measure(Span, Pages, &Written, &Front))
    traceDensity(Looked::AtExit, Span.CommitSize, Written, Front);
  else
    traceUnknown(Span.CommitSize);
}

void DensityModel::learn(uptr CommitSize, uptr WrittenBytes, uptr FrontBytes) {
  traceDensity(Looked::AtReuse, CommitSize, WrittenBytes, FrontBytes);
  note(CommitSize, WrittenBytes, FrontBytes);
}

void DensityModel::note(uptr CommitSize, uptr WrittenBytes, uptr FrontBytes) {
  SizeClass &C = Classes[getDensityClass(CommitSize)];
  const u32 Front =
      FrontBytes == CommitSize
          ? AllPages
          : static_cast<u32>(FrontBytes / scudo::getPageSizeCached());
  const u32 Observation = next(C.Observations);
  const u32 Round = Observation % RoundLength == 0
                        ? Front
                        : scudo::Min(atomic_load_relaxed(&C.RoundFront), Front);
  atomic_store_relaxed(&C.RoundFront, Round);
  if (Observation == 0 || Front < atomic_load_relaxed(&C.FrontPages) ||
      Observation % RoundLength == RoundLength - 1)
    atomic_store_relaxed(&C.FrontPages, Round);

  if (CommitSize >= MinInARowSize) {
    if (Front == AllPages) {
      next(WholeInARow);
      atomic_store_relaxed(
          &LargestWhole,
          scudo::Max(atomic_load_relaxed(&LargestWhole), CommitSize));
    } else {
      atomic_store_relaxed(&WholeInARow, 0);
      atomic_store_relaxed(&LargestWhole, 0);
    }
  }

  const u32 Share = static_cast<u32>(
      scudo::Min<uptr>(WrittenBytes / (CommitSize / WholeShare), WholeShare));
  const u32 Mean = atomic_load_relaxed(&C.Share);
  atomic_store_relaxed(&C.Share,
                       Observation == 0 ? Share : (Mean * 3 + Share) / 4);
}

bool DensityModel::getSize(u32 Index, SizeReport *Report) const {
  const SizeClass &C = Classes[Index];
  const u32 Seen = atomic_load_relaxed(&C.Observations);
  if (Seen == 0)
    return false;
  const uptr Least = getLeastSize(Index);
  *Report = {Least, Seen, atomic_load_relaxed(&C.Share) * 100 / WholeShare,
             getFront(C, Least)};
  return true;
}

void DensityModel::getStats(scudo::ScopedString *Str) const {
  for (u32 I = 0; I != countSizes(); I++) {
    SizeReport Size;
    if (!getSize(I, &Size))
      continue;
    Str->append("refpage:   blocks from ");
    appendBytes(Str, Size.FromBytes);
    Str->append(" on: looked at %u, %u %% of the bytes written; ",
                Size.LookedAt, Size.WrittenPercent);
    if (Size.FilledBytes == Size.FromBytes) {
      Str->append("filled at once\n");
    } else if (Size.FilledBytes) {
      Str->append("the first ");
      appendBytes(Str, Size.FilledBytes);
      Str->append(" filled at once\n");
    } else {
      Str->append("as reference pages\n");
    }
  }
}

} // namespace refpage
