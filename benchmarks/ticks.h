// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The processor's own clock. In an emulated machine that counts instructions it
// is the count; in one that does not, it is that of the real machine, even
// where the kernel found no clock that is finer than its timer's interrupt.

#ifndef REFPAGE_BENCHMARKS_TICKS_H
#define REFPAGE_BENCHMARKS_TICKS_H

#include <stdint.h>

namespace bench {

inline uint64_t nowTicks() {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  uint64_t Ticks;
  asm volatile("mrs %0, cntvct_el0" : "=r"(Ticks));
  return Ticks;
#endif
}

// Two instructions a turn, for any compiler.
inline void turn(uint64_t Turns) {
#if defined(__x86_64__)
  asm volatile("1:\n\tdec %0\n\tjnz 1b" : "+r"(Turns) : : "cc");
#elif defined(__aarch64__)
  asm volatile("1:\n\tsubs %0, %0, #1\n\tb.ne 1b" : "+r"(Turns) : : "cc");
#endif
}

} // namespace bench

#endif // REFPAGE_BENCHMARKS_TICKS_H
