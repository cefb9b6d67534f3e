// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What secure_execution_test runs with another user's or group's identity: says
// whether the kernel takes it for that, and what its blocks hold.

#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>

int main() {
  const auto *Ptr = static_cast<unsigned char *>(malloc(300 << 10));
  printf("secure %lu, holds %02x\n", getauxval(AT_SECURE), Ptr[0]);
  return 0;
}
