// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// User-mode emulation (bazel test --config=arm64): a program of another
// architecture whose system calls the emulator makes on this machine's kernel.
// Some it does not make. Tests that need those say so and are skipped; under a
// kernel of the program's own architecture nothing here has any effect.

#ifndef REFPAGE_TESTS_SUPPORT_EMULATOR_H_
#define REFPAGE_TESTS_SUPPORT_EMULATOR_H_

#include <sys/resource.h>

#include <string>

namespace refpage_test {

// The emulator's path, by which a test has to start other programs of its
// architecture; NULL if there is none.
const char *getEmulator();

// What the kernel calls a process that runs Program, a file's name.
std::string getKernelName(const char *Program);

// Whether the emulator lets a program have system call filters, and bounds on
// its memory such as RLIMIT_AS (both would hit the emulator itself), and
// whether madvise() has an effect. True if there is no emulator.
bool canFilterCalls();
bool canLimit(__rlimit_resource Which);
bool canAdvise();

// Count, or a fifth of it under the emulator, which is some ten times slower.
// For what is random or repeated.
int fewerIfEmulated(int Count);

} // namespace refpage_test

#endif // REFPAGE_TESTS_SUPPORT_EMULATOR_H_
