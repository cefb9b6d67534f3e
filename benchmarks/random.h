// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Numbers that look random and are the same in each run: splitmix64, which
// takes a nanosecond and needs no C++ library.

#ifndef REFPAGE_BENCHMARKS_RANDOM_H
#define REFPAGE_BENCHMARKS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

namespace bench {

class Random {
public:
  explicit Random(uint64_t Seed) : State(Seed) {}

  // Below Limit; the bias of the modulo is nothing to a benchmark.
  size_t below(size_t Limit) { return static_cast<size_t>(next()) % Limit; }

private:
  uint64_t next() {
    State += 0x9e3779b97f4a7c15;
    uint64_t Z = State;
    Z = (Z ^ (Z >> 30)) * 0xbf58476d1ce4e5b9;
    Z = (Z ^ (Z >> 27)) * 0x94d049bb133111eb;
    return Z ^ (Z >> 31);
  }

  uint64_t State;
};

} // namespace bench

#endif // REFPAGE_BENCHMARKS_RANDOM_H
