// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// System call filters, as sandboxes install them.

#ifndef REFPAGE_TESTS_SUPPORT_SECCOMP_H_
#define REFPAGE_TESTS_SUPPORT_SECCOMP_H_

#include <vector>

namespace refpage_test {

// Makes each of Calls do Action (SECCOMP_RET_...), everything else allowed;
// exits with 99 if it cannot. For the rest of the process's life.
void installFilter(const std::vector<long> &Calls, unsigned Action);

// The action that lets a call fail.
unsigned failWith(int Errno);

} // namespace refpage_test

#endif // REFPAGE_TESTS_SUPPORT_SECCOMP_H_
