// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/exit_stats.h"

#include "allocator/options.h"
#include "allocator/stats_source.h"
#include "allocator/uninit_report.h"
#include "platform/call_stack.h"
#include "platform/process.h"

namespace refpage {
namespace {

KeptStderr StatsStream;
bool PrintsAtExit = false;

bool isReportAsked() { return getOptions().uninit == UninitMode::Report; }

// Before the program's own code. What it allocates for itself is not in the
// report: it is the loader's.
__attribute__((constructor)) void prepareReport() {
  if (UNLIKELY(isReportAsked()))
    loadUnwinder();
}

// After the exit handlers and the destructors of the program, whose
// allocations count too.
__attribute__((destructor)) void printAtExit() {
  if (!PrintsAtExit)
    return;
  scudo::ScopedString Text;
  if (getOptions().stats)
    writeStats(&Text);
  if (isReportAsked())
    appendUninitReport(&Text);
  if (Text.length())
    StatsStream.write(Text.data(), Text.length());
}

} // namespace

void initExitStats() {
  PrintsAtExit = getOptions().stats || isReportAsked();
  if (PrintsAtExit)
    StatsStream.keep();
}

} // namespace refpage
