// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/stats_source.h"

#include "atomic_helpers.h"

namespace refpage {
namespace {

scudo::atomic_uptr SourceOwner;
const StatsSource *Current;

void *getOwner() {
  return reinterpret_cast<void *>(
      scudo::atomic_load(&SourceOwner, scudo::memory_order_acquire));
}

} // namespace

void setStatsSource(void *Owner, const StatsSource *Source) {
  Current = Source;
  scudo::atomic_store(&SourceOwner, reinterpret_cast<uptr>(Owner),
                      scudo::memory_order_release);
}

bool writeStats(StatsFormat Format, scudo::ScopedString *Str) {
  void *Owner = getOwner();
  if (Owner)
    Current->Write(Owner, Format, Str);
  return Owner != nullptr;
}

void countUninitReads() {
  if (void *Owner = getOwner())
    Current->CountReads(Owner);
}

LargeBlockCounts countLargeBlocks() {
  void *Owner = getOwner();
  return Owner ? Current->Count(Owner) : LargeBlockCounts();
}

void lookAtLiveBlocks() {
  if (void *Owner = getOwner())
    Current->LookAtLiveBlocks(Owner);
}

} // namespace refpage
