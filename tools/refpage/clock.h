// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Time for measurements.

#ifndef REFPAGE_TOOLS_REFPAGE_CLOCK_H_
#define REFPAGE_TOOLS_REFPAGE_CLOCK_H_

#include <time.h>

namespace refpage {

// Seconds since some moment.
inline double getMonotonicTime() {
  timespec Now;
  clock_gettime(CLOCK_MONOTONIC, &Now);
  return static_cast<double>(Now.tv_sec) +
         static_cast<double>(Now.tv_nsec) * 1e-9;
}

} // namespace refpage

#endif // REFPAGE_TOOLS_REFPAGE_CLOCK_H_
