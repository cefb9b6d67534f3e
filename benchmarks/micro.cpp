// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The micro-benchmark of the reference-page kernel series through malloc and
// free: take a block, write one byte in each page of its first part, give it
// back, again and again.

#include "arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int Argc, char **Argv) {
  if (Argc < 2 || Argc > 4) {
    fprintf(stderr, "usage: micro TOUCHED_BYTES [SIZE=4096000] "
                    "[ITERATIONS=1000]\n");
    return 2;
  }
  const size_t Touched = bench::number(Argv[1]);
  const size_t Size = bench::numberOr(Argc, Argv, 2, 4096000);
  const size_t Iterations = bench::numberOr(Argc, Argv, 3, 1000);
  if (Touched > Size) {
    fprintf(stderr, "micro: TOUCHED_BYTES is larger than SIZE\n");
    return 2;
  }
  const size_t PageSize = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  for (size_t I = 0; I < Iterations; ++I) {
    char *Block = static_cast<char *>(malloc(Size));
    if (!Block)
      bench::fail("malloc");
    // Volatile, because a compiler may leave out a malloc whose block is only
    // written and freed.
    volatile char *Bytes = Block;
    for (size_t At = 0; At < Touched; At += PageSize)
      Bytes[At] = 1;
    free(Block);
  }
  return 0;
}
