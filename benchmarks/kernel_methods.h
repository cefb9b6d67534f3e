// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The ways to have a pattern in a fresh block that the kernel may offer, next
// to those that it always does, and the malloc of the process.

#ifndef REFPAGE_BENCHMARKS_KERNEL_METHODS_H
#define REFPAGE_BENCHMARKS_KERNEL_METHODS_H

#include "method.h"

namespace bench {

// The method of that name, ready; ends the program if there is none, or if this
// kernel does not have it.
Method &findMethod(const char *Name);

// Whether blocks of the method read as the pattern.
bool hasPattern(const Method &By);

} // namespace bench

#endif // REFPAGE_BENCHMARKS_KERNEL_METHODS_H
