// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A command, run again and again under several allocators.

#ifndef REFPAGE_TOOLS_REFPAGE_COMPARISON_H_
#define REFPAGE_TOOLS_REFPAGE_COMPARISON_H_

#include "tools/refpage/launch.h"

#include <string>
#include <vector>

namespace refpage {

// One way to run it.
struct Contestant {
  std::string Name;
  bool HasLibrary;
  std::string Options; // REFPAGE_OPTIONS
};

// glibc's malloc (or whatever the command has without us) and the three
// variants, with these further options.
std::vector<Contestant> getContestants(const std::string &Options);

// What it took: a list of runs, one after the other in time.
struct Samples {
  std::vector<double> Seconds;
  std::vector<double> CpuSeconds; // User and system.
  std::vector<double> Faults;     // Those that need no disk, too.
  std::vector<double> MaxRss;     // Bytes.
};

// Runs What by each contestant in turn, so that what changes on the machine
// meanwhile strikes all; so many times each. Shows progress. Throws a Failure
// if a run fails, with its status, unless failures are to be ignored.
std::vector<Samples> compare(const Launch &What,
                             const std::vector<Contestant> &Contestants,
                             unsigned long Runs, bool IgnoreFailures);

} // namespace refpage

#endif // REFPAGE_TOOLS_REFPAGE_COMPARISON_H_
