// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a part of a program costs: wall time, the process's CPU time, faults.

#ifndef REFPAGE_BENCHMARKS_COST_H
#define REFPAGE_BENCHMARKS_COST_H

#include <sys/resource.h>
#include <time.h>

namespace bench {

inline double nowNs() {
  timespec T;
  clock_gettime(CLOCK_MONOTONIC, &T);
  return static_cast<double>(T.tv_sec) * 1e9 + static_cast<double>(T.tv_nsec);
}

struct Cost {
  double WallNs;
  double CpuNs;
  double Faults;

  // Of the process since its start.
  static Cost now() {
    // Finer than rusage, and exact where that is sampled.
    timespec Cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &Cpu);
    rusage Usage;
    getrusage(RUSAGE_SELF, &Usage);
    return {nowNs(),
            static_cast<double>(Cpu.tv_sec) * 1e9 +
                static_cast<double>(Cpu.tv_nsec),
            static_cast<double>(Usage.ru_minflt)};
  }

  Cost since(const Cost &Start) const {
    return {WallNs - Start.WallNs, CpuNs - Start.CpuNs, Faults - Start.Faults};
  }
};

} // namespace bench

#endif // REFPAGE_BENCHMARKS_COST_H
