// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/exit_stats.h"

#include "allocator/options.h"
#include "platform/process.h"

#include "atomic_helpers.h"

namespace refpage {
namespace {

scudo::atomic_uptr StatsOwner;
StatsWriter WriteStats;
KeptStderr StatsStream;
bool PrintAtExit = false;

// After the exit handlers and the destructors of the program, whose
// allocations count too.
__attribute__((destructor)) void printAtExit() {
  const uptr Owner =
      scudo::atomic_load(&StatsOwner, scudo::memory_order_acquire);
  if (!PrintAtExit || !Owner)
    return;
  scudo::ScopedString Text;
  WriteStats(reinterpret_cast<void *>(Owner), &Text);
  StatsStream.write(Text.data(), Text.length());
}

} // namespace

void setStatsSource(void *Owner, StatsWriter Write) {
  WriteStats = Write;
  scudo::atomic_store(&StatsOwner, reinterpret_cast<uptr>(Owner),
                      scudo::memory_order_release);
}

void initExitStats() {
  PrintAtExit = getOptions().stats;
  if (PrintAtExit)
    StatsStream.keep();
}

} // namespace refpage
