// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What seccomp_test starts in sandboxes, under the library.

#include "tests/allocator/whole_api.h"

int main() { return refpage_test::useWholeApi() ? 0 : 1; }
