// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Counts of densities that the allocator keeps for us (density_trace.h).

#ifndef REFPAGE_TOOLS_REFPAGE_DENSITY_WATCH_H_
#define REFPAGE_TOOLS_REFPAGE_DENSITY_WATCH_H_

#include "allocator/density_trace.h"

#include <string>

namespace refpage {

// A memory file that programs can count in while this object exists.
class DensityWatch {
public:
  // Throws a Failure if the file cannot be made.
  DensityWatch();
  ~DensityWatch();
  DensityWatch(const DensityWatch &) = delete;
  void operator=(const DensityWatch &) = delete;

  // "density=FILE", for REFPAGE_OPTIONS.
  std::string getOption() const;

  // What was counted so far.
  const DensityCounts &get() const { return *Counts; }

private:
  int Fd = -1;
  DensityCounts *Counts = nullptr;
};

} // namespace refpage

#endif // REFPAGE_TOOLS_REFPAGE_DENSITY_WATCH_H_
