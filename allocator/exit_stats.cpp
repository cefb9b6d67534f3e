// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/exit_stats.h"

#include "allocator/stats_text.h"
#include "platform/process.h"

#include "atomic_helpers.h"

namespace refpage {
namespace {

scudo::atomic_uptr StatsSource;
KeptStderr StatsStream;
bool PrintAtExit = false;

// After the exit handlers and the destructors of the program, whose
// allocations count too.
__attribute__((destructor)) void printAtExit() {
  auto *Source =
      reinterpret_cast<Backends *>(scudo::atomic_load_relaxed(&StatsSource));
  if (!PrintAtExit || !Source)
    return;
  BackendStats Stats;
  Source->getStats(&Stats);
  scudo::ScopedString Text;
  appendBackendStats(getOptions(), Stats, &Text);
  StatsStream.write(Text.data(), Text.length());
}

} // namespace

void setStatsSource(Backends *Source) {
  scudo::atomic_store_relaxed(&StatsSource, reinterpret_cast<uptr>(Source));
}

void initExitStats() {
  PrintAtExit = getOptions().stats;
  if (PrintAtExit)
    StatsStream.keep();
}

} // namespace refpage
