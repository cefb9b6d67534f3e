// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The statistics block for programs to read: a line with one JSON object, the
// process's. `refpage run` reads it. Sizes are in bytes.
//
// {"report": "stats", "pid": ..., "name": ..., "variant": ..., "pattern": ...,
//  "backends": [{"name", "blocks", "bytes", "reused_blocks", "reused_bytes"}],
//  "unavailable": [{"name", "reason"}],
//  "filled_bytes", "never_filled_bytes",
//  "windows": {"made", "now", "bytes", "peak_bytes", "lost"},
//  "choices": [{"reason", "blocks", "fallback", "error"}],
//  "cache": {"asked", "served", "gave_pages", "kept_bytes", "budget_bytes"},
//  "sizes": [{"from_bytes", "looked_at", "written_percent", "filled_bytes"}]}

#ifndef REFPAGE_ALLOCATOR_STATS_JSON_H_
#define REFPAGE_ALLOCATOR_STATS_JSON_H_

#include "allocator/density_model.h"
#include "allocator/options.h"
#include "refpage_backend/stats.h"

#include "string_utils.h"

namespace refpage {

// What the cache of freed blocks did.
struct CacheCounts {
  u32 Asked;     // Blocks that were asked for,
  u32 Served;    // that came from it,
  u32 GavePages; // and kept ones of which pages went into others.
  uptr KeptBytes;
  uptr BudgetBytes; // What may be kept now.
};

void appendStatsJson(const Options &Asked, const BackendStats &Stats,
                     const CacheCounts &Cache, const DensityModel &Density,
                     scudo::ScopedString *Str);

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_STATS_JSON_H_
