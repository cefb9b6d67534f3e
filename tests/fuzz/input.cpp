// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tests/fuzz/input.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

namespace refpage_test {

static void print(const char *Format, va_list Arguments) {
  vfprintf(stderr, Format, Arguments);
  fputc('\n', stderr);
}

void fail(const char *Format, ...) {
  va_list Arguments;
  va_start(Arguments, Format);
  fputs("wrong: ", stderr);
  print(Format, Arguments);
  va_end(Arguments);
  abort();
}

void trace(const char *Format, ...) {
  static const bool IsOn = getenv("FUZZ_TRACE");
  if (!IsOn)
    return;
  va_list Arguments;
  va_start(Arguments, Format);
  print(Format, Arguments);
  va_end(Arguments);
}

} // namespace refpage_test
