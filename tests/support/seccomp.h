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

// A call that a filter lets through: with any arguments, or if the low half of
// one (the first is 0) is among Values, or has none of Values' bits.
struct AllowedCall {
  long Number;
  enum { Always, OneOf, NoneOf } If = Always;
  unsigned Argument = 0;
  std::vector<unsigned> Values = {};
};

// Allows Calls, of which one may be there several times, and makes everything
// else do Otherwise. As above.
void installAllowList(const std::vector<AllowedCall> &Calls,
                      unsigned Otherwise);

} // namespace refpage_test

#endif // REFPAGE_TESTS_SUPPORT_SECCOMP_H_
