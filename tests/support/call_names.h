// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// System calls by name, and lists of them in files.

#ifndef REFPAGE_TESTS_SUPPORT_CALL_NAMES_H_
#define REFPAGE_TESTS_SUPPORT_CALL_NAMES_H_

#include "tests/support/seccomp.h"

#include <string>
#include <vector>

namespace refpage_test {

// -1 if this architecture has no such call, or none of the lists in
// tests/support/sandboxes names it.
long getCallNumber(const std::string &Name);
const char *getCallName(long Number); // "?" likewise.

// A list of names with comments, from tests/support/sandboxes. Those that this
// architecture does not have are left out.
std::vector<AllowedCall> readSandbox(const std::string &Name);

// The table under "As a filter" of docs/syscalls.md. Whoever reads it wrong
// fails the test: names and values that are not known are failures.
std::vector<AllowedCall> readDocumentedCalls();

// From now on a call that a filter answers with SECCOMP_RET_TRAP is named on
// stderr, and the process ends with 98.
void nameTrappedCalls();

} // namespace refpage_test

#endif // REFPAGE_TESTS_SUPPORT_CALL_NAMES_H_
