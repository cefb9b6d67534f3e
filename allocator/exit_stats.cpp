// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/exit_stats.h"

#include "allocator/options.h"
#include "allocator/stats_source.h"
#include "allocator/uninit_report.h"
#include "platform/process.h"

#include <string.h>
#include <unistd.h>

namespace refpage {
namespace {

KeptStream StatsStream;
bool PrintsAtExit = false;

bool seeksReads() { return getOptions().uninit == UninitMode::Report; }

// After the exit handlers and the destructors of the program, whose
// allocations count too.
__attribute__((destructor)) void printAtExit() {
  if (!PrintsAtExit)
    return;
  scudo::ScopedString Text;
  if (getOptions().stats != StatsFormat::Off)
    writeStats(getOptions().stats, &Text);
  if (seeksReads())
    appendUninitReport(&Text);
  if (Text.length())
    StatsStream.write(Text.data(), Text.length());
}

} // namespace

void initExitStats() {
  const Options &Asked = getOptions();
  PrintsAtExit = Asked.stats != StatsFormat::Off || seeksReads();
  if (!PrintsAtExit)
    return;
  if (Asked.log.Text[0]) {
    const int Error = StatsStream.keepFile(Asked.log.Text);
    if (!Error)
      return;
    scudo::ScopedString Text;
    Text.append(
        "refpage: REFPAGE_OPTIONS: log: cannot open '%s' (%s), standard "
        "error is used\n",
        Asked.log.Text, strerror(Error));
    writeAll(STDERR_FILENO, Text.data(), Text.length());
  }
  StatsStream.keepStderr();
}

} // namespace refpage
