// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How those who ask the heap about itself reach its Secondary, which upstream's
// allocator keeps to itself.

#ifndef REFPAGE_ALLOCATOR_STATS_SOURCE_H_
#define REFPAGE_ALLOCATOR_STATS_SOURCE_H_

#include "allocator/options.h"
#include "platform/types.h"

#include "string_utils.h"

namespace refpage {

// Bytes are of whole pages, headers included, guard pages not.
struct LargeBlockCounts {
  uptr Live = 0; // Blocks in use.
  uptr LiveBytes = 0;
  uptr MappedBytes = 0; // Their address space, guard pages included.
  uptr Kept = 0;        // Freed blocks that are kept for reuse.
  uptr KeptBytes = 0;   // Without those whose memory was given back.
};

struct StatsSource {
  // Appends the statistics block.
  void (*Write)(void *Owner, StatsFormat Format, scudo::ScopedString *Str);
  LargeBlockCounts (*Count)(void *Owner);
  // Tells the trace of densities of the blocks in use (density_trace.h).
  void (*LookAtLiveBlocks)(void *Owner);
  // Has the reads counted in blocks that are in use (uninit=report).
  void (*CountReads)(void *Owner);
};

// Whose statistics are the process's, from now on. nullptr: nobody's.
void setStatsSource(void *Owner, const StatsSource *Source);

// Not with StatsFormat::Off. Returns whether there is a source. Takes its
// locks.
bool writeStats(StatsFormat Format, scudo::ScopedString *Str);
void countUninitReads();
// All zero before the heap has started.
LargeBlockCounts countLargeBlocks();
void lookAtLiveBlocks();

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_STATS_SOURCE_H_
