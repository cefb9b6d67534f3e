// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/density_model.h"

#include "refpage_backend/pattern_fill.h"

namespace refpage {
namespace {

using scudo::atomic_load_relaxed;
using scudo::atomic_store_relaxed;

// A front below this gains less than the system calls it takes: about 0.25 us a
// page against two calls of 3.4 us.
constexpr u32 MinFrontPages = 64;

// Frees that are all looked at when a size is new, and after that one in so
// many.
constexpr u32 FirstFrees = 4;
constexpr u32 SampleInterval = 16;
// What one block did may be chance.
constexpr u32 MinObservations = 2;
constexpr u32 RoundLength = 8;

bool holdsPattern(uptr Base, uptr Size, u64 Pattern) {
  const u64 *Words = reinterpret_cast<const u64 *>(Base);
  for (uptr I = 0; I != Size / sizeof(u64); I++)
    if (Words[I] != Pattern)
      return false;
  return true;
}

} // namespace

u32 DensityModel::classOf(uptr CommitSize) {
  const uptr Pages = CommitSize / scudo::getPageSizeCached();
  const uptr Log = scudo::getMostSignificantSetBitIndex(Pages);
  const uptr Quarter = Log >= 2 ? (Pages >> (Log - 2)) & 3 : 0;
  return static_cast<u32>(scudo::Min<uptr>(Log * 4 + Quarter, NumClasses - 1));
}

uptr DensityModel::getExpectedFront(uptr CommitSize) const {
  const SizeClass &C = Classes[classOf(CommitSize)];
  if (atomic_load_relaxed(&C.Observations) < MinObservations)
    return 0;
  const u32 Pages = atomic_load_relaxed(&C.FrontPages);
  if (Pages < MinFrontPages)
    return 0;
  return Pages == AllPages
             ? CommitSize
             : scudo::Min(Pages * scudo::getPageSizeCached(), CommitSize);
}

// In pages. Whether a page that we filled was then written shows only in what
// it holds: looked at from the end of the filled part, so that a front that
// still holds costs one page.
u32 DensityModel::measureFront(const BlockSpan &Span, Pagemap &Pages) {
  const uptr PageSize = scudo::getPageSizeCached();
  uptr Front = Span.Backed.FilledBytes;
  while (Front && holdsPattern(Span.CommitBase + Front - PageSize, PageSize,
                               Span.Backed.Holds.Pattern))
    Front -= PageSize;
  if (Front == Span.Backed.FilledBytes && Front != Span.CommitSize) {
    const uptr ViewBase = Span.CommitBase + Front;
    Pages.forEachRun(ViewBase, Span.CommitSize - Front,
                     [&](uptr, uptr RunSize, PageState State) {
                       if (State == PageState::Written)
                         Front += RunSize;
                       return false; // What follows is behind a gap.
                     });
  }
  return Front == Span.CommitSize ? AllPages
                                  : static_cast<u32>(Front / PageSize);
}

void DensityModel::observe(const BlockSpan &Span, Pagemap &Pages) {
  if (Span.Backed.Holds.isZero())
    return;
  SizeClass &C = Classes[classOf(Span.CommitSize)];
  // A block that was filled whole for another reason than what is known here
  // tells nothing worth the look.
  if (Span.Backed.Kind == Backend::Memset &&
      atomic_load_relaxed(&C.FrontPages) != AllPages)
    return;
  const u32 Free =
      scudo::atomic_fetch_add(&C.Frees, 1, scudo::memory_order_relaxed);
  if (Free >= FirstFrees && Free % SampleInterval != 0)
    return;

  const u32 Front = measureFront(Span, Pages);
  const u32 Observation = scudo::atomic_fetch_add(&C.Observations, 1,
                                                  scudo::memory_order_relaxed);
  const u32 Round = Observation % RoundLength == 0
                        ? Front
                        : scudo::Min(atomic_load_relaxed(&C.RoundFront), Front);
  atomic_store_relaxed(&C.RoundFront, Round);
  if (Observation == 0 || Front < atomic_load_relaxed(&C.FrontPages) ||
      Observation % RoundLength == RoundLength - 1)
    atomic_store_relaxed(&C.FrontPages, Round);
}

} // namespace refpage
