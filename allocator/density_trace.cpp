// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/density_trace.h"

#include "allocator/options.h"
#include "allocator/stats_source.h"
#include "platform/mapping.h"
#include "platform/shared_file.h"

namespace refpage {
namespace {

scudo::atomic_uptr Counts;

DensityCounts *getCounts() {
  return reinterpret_cast<DensityCounts *>(scudo::atomic_load_relaxed(&Counts));
}

void add(scudo::atomic_u64 &Counter, u64 Value) {
  scudo::atomic_fetch_add(&Counter, Value, scudo::memory_order_relaxed);
}

uptr getFileSize() {
  return scudo::roundUp(sizeof(DensityCounts), scudo::getPageSizeCached());
}

// After the exit handlers and the destructors of the program, which may free
// blocks.
__attribute__((destructor)) void traceAtExit() {
  if (getCounts())
    lookAtLiveBlocks();
}

} // namespace

u32 getDensityClass(uptr Size) {
  const uptr Pages = Size / scudo::getPageSizeCached();
  const uptr Log = scudo::getMostSignificantSetBitIndex(Pages);
  const uptr Quarter = Log >= 2 ? (Pages >> (Log - 2)) & 3 : 0;
  return static_cast<u32>(
      scudo::Min<uptr>(Log * 4 + Quarter, NumDensityClasses - 1));
}

uptr getLeastSize(u32 Class) {
  const u32 Log = Class / 4;
  const uptr Pages = Log >= 2 ? (4UL + Class % 4) << (Log - 2) : 1UL << Log;
  return Pages * scudo::getPageSizeCached();
}

void initDensityTrace() {
  const char *Path = getOptions().density.Text;
  uptr Base;
  if (!*Path || mapSharedFile(Path, getFileSize(), &Base) != 0)
    return;
  DensityCounts *New = reinterpret_cast<DensityCounts *>(Base);
  // Another version's, or no watcher's at all: a path in /proc means another
  // process in another namespace.
  u64 Version = 0;
  if (!scudo::atomic_compare_exchange_strong(&New->Version, &Version,
                                             DensityCounts::ExpectedVersion,
                                             scudo::memory_order_relaxed) &&
      Version != DensityCounts::ExpectedVersion) {
    unmapMemory(Base, getFileSize());
    return;
  }
  add(New->Programs, 1);
  scudo::atomic_store_relaxed(&Counts, Base);
}

void traceFree(uptr Size) {
  if (DensityCounts *C = getCounts())
    add(C->Classes[getDensityClass(Size)].Freed, 1);
}

void traceDensity(Looked When, uptr Size, uptr Written, uptr Front) {
  DensityCounts *C = getCounts();
  if (LIKELY(!C))
    return;
  DensityCounts::SizeClass &Class = C->Classes[getDensityClass(Size)];
  const uptr Share = scudo::Min(Written, Size) / scudo::Max<uptr>(Size / 10, 1);
  add(Class.Blocks[static_cast<u32>(When)], 1);
  add(Class.Bytes, Size);
  add(Class.Written, Written);
  add(Class.Front, Front);
  add(Class.Shares[Written >= Size ? 10 : scudo::Min<uptr>(Share, 9)], 1);
}

void traceUnknown(uptr Size) {
  if (DensityCounts *C = getCounts())
    add(C->Classes[getDensityClass(Size)].Unknown, 1);
}

} // namespace refpage
