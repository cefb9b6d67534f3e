// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/density_model.h"

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
constexpr u32 MinLargeObservations = 8;
constexpr uptr LargeFront = 8UL << 20;

u32 next(scudo::atomic_u32 &Counter) {
  return scudo::atomic_fetch_add(&Counter, 1, scudo::memory_order_relaxed);
}

} // namespace

u32 DensityModel::classOf(uptr CommitSize) {
  const uptr Pages = CommitSize / scudo::getPageSizeCached();
  const uptr Log = scudo::getMostSignificantSetBitIndex(Pages);
  const uptr Quarter = Log >= 2 ? (Pages >> (Log - 2)) & 3 : 0;
  return static_cast<u32>(scudo::Min<uptr>(Log * 4 + Quarter, NumClasses - 1));
}

uptr DensityModel::getFront(const SizeClass &C, uptr CommitSize) {
  const u32 Seen = atomic_load_relaxed(&C.Observations);
  const u32 Pages = atomic_load_relaxed(&C.FrontPages);
  if (Seen < MinObservations || Pages < MinFrontPages)
    return 0;
  const uptr Front =
      Pages == AllPages
          ? CommitSize
          : scudo::Min(Pages * scudo::getPageSizeCached(), CommitSize);
  return Front > LargeFront && Seen < MinLargeObservations ? 0 : Front;
}

uptr DensityModel::getExpectedFront(uptr CommitSize) {
  SizeClass &C = Classes[classOf(CommitSize)];
  const uptr Front = getFront(C, CommitSize);
  return Front && next(C.Fresh) % SampleInterval == SampleInterval - 1 ? 0
                                                                       : Front;
}

// In pages.
u32 DensityModel::measureFront(const BlockSpan &Span, Pagemap &Pages) {
  uptr Front = 0;
  Pages.forEachRun(Span.CommitBase, Span.CommitSize,
                   [&](uptr, uptr RunSize, PageState State) {
                     if (State == PageState::Written)
                       Front = RunSize;
                     return false; // What follows is behind a gap.
                   });
  return Front == Span.CommitSize
             ? AllPages
             : static_cast<u32>(Front / scudo::getPageSizeCached());
}

void DensityModel::observe(const BlockSpan &Span, Pagemap &Pages) {
  if (Span.Backed.Kind == Backend::Zero || Span.Backed.FilledBytes)
    return;
  SizeClass &C = Classes[classOf(Span.CommitSize)];
  // Where a front is expected, the blocks without one are those to be looked
  // at.
  const u32 Free = next(C.Frees);
  if (!getFront(C, Span.CommitSize) && Free >= FirstFrees &&
      Free % SampleInterval != 0)
    return;

  const u32 Front = measureFront(Span, Pages);
  const u32 Observation = next(C.Observations);
  const u32 Round = Observation % RoundLength == 0
                        ? Front
                        : scudo::Min(atomic_load_relaxed(&C.RoundFront), Front);
  atomic_store_relaxed(&C.RoundFront, Round);
  if (Observation == 0 || Front < atomic_load_relaxed(&C.FrontPages) ||
      Observation % RoundLength == RoundLength - 1)
    atomic_store_relaxed(&C.FrontPages, Round);
}

} // namespace refpage
