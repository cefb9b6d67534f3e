// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Numbers on the command line of a benchmark program.

#ifndef REFPAGE_BENCHMARKS_ARGUMENTS_H
#define REFPAGE_BENCHMARKS_ARGUMENTS_H

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

namespace bench {

inline size_t number(const char *Text) {
  char *End;
  const unsigned long long Value = strtoull(Text, &End, 10);
  if (End == Text || *End) {
    fprintf(stderr, "%s: not a number: %s\n", program_invocation_short_name,
            Text);
    exit(2);
  }
  return static_cast<size_t>(Value);
}

// Argument Index, or Default where there are not so many.
inline size_t numberOr(int Argc, char **Argv, int Index, size_t Default) {
  return Index < Argc ? number(Argv[Index]) : Default;
}

[[noreturn]] inline void fail(const char *What) {
  fprintf(stderr, "%s: ", program_invocation_short_name);
  perror(What);
  exit(1);
}

} // namespace bench

#endif // REFPAGE_BENCHMARKS_ARGUMENTS_H
