// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// System calls that fail when told to: the linker sends those of all that is
// linked into a target here (--wrap), but for what glibc calls inside itself.

#ifndef REFPAGE_TESTS_FUZZ_FAILING_CALLS_H_
#define REFPAGE_TESTS_FUZZ_FAILING_CALLS_H_

#include "tests/fuzz/input.h"

namespace refpage_test {

// Until this ends, the n-th call of some kind fails, or all from the n-th on;
// in one of four inputs, else none. mremap() fails once at most if Once: a
// block that can neither be moved on nor back is the end.
class FailingCalls {
public:
  FailingCalls(Input &In, bool Once);
  ~FailingCalls();
  FailingCalls(const FailingCalls &) = delete;
  FailingCalls &operator=(const FailingCalls &) = delete;

  // Whether a call has failed.
  bool anyFailed() const;
};

} // namespace refpage_test

#endif // REFPAGE_TESTS_FUZZ_FAILING_CALLS_H_
