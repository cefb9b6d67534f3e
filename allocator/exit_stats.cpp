// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/exit_stats.h"

#include "allocator/options.h"
#include "allocator/stats_source.h"
#include "platform/process.h"

namespace refpage {
namespace {

KeptStderr StatsStream;
bool PrintAtExit = false;

// After the exit handlers and the destructors of the program, whose
// allocations count too.
__attribute__((destructor)) void printAtExit() {
  if (!PrintAtExit)
    return;
  scudo::ScopedString Text;
  if (writeStats(&Text))
    StatsStream.write(Text.data(), Text.length());
}

} // namespace

void initExitStats() {
  PrintAtExit = getOptions().stats;
  if (PrintAtExit)
    StatsStream.keep();
}

} // namespace refpage
