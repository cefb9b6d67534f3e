// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What linked_test runs: a program with options of its own.

#include "scudo_refpage.h"

#include <stdio.h>
#include <stdlib.h>

const char *__scudo_default_options() { return "zero_contents=true"; }

int main() {
  auto *Block = static_cast<volatile unsigned char *>(malloc(100));
  printf("%02x\n", Block[50]);
  free(const_cast<unsigned char *>(Block));
}
