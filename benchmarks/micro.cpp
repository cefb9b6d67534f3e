// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The micro-benchmark of the reference-page kernel series through malloc and
// free: take a block, write one byte in each page of its first part, give it
// back, again and again.

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

namespace {

size_t number(const char *Text) {
  char *End;
  const unsigned long long Value = strtoull(Text, &End, 10);
  if (End == Text || *End) {
    fprintf(stderr, "micro: not a number: %s\n", Text);
    exit(2);
  }
  return static_cast<size_t>(Value);
}

} // namespace

int main(int Argc, char **Argv) {
  if (Argc < 2 || Argc > 4) {
    fprintf(stderr, "usage: micro TOUCHED_BYTES [SIZE=4096000] "
                    "[ITERATIONS=1000]\n");
    return 2;
  }
  const size_t Touched = number(Argv[1]);
  const size_t Size = Argc > 2 ? number(Argv[2]) : 4096000;
  const size_t Iterations = Argc > 3 ? number(Argv[3]) : 1000;
  if (Touched > Size) {
    fprintf(stderr, "micro: TOUCHED_BYTES is larger than SIZE\n");
    return 2;
  }
  const size_t PageSize = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  for (size_t I = 0; I < Iterations; ++I) {
    char *Block = static_cast<char *>(malloc(Size));
    if (!Block) {
      perror("micro: malloc");
      return 1;
    }
    // Volatile, because a compiler may leave out a malloc whose block is only
    // written and freed.
    volatile char *Bytes = Block;
    for (size_t At = 0; At < Touched; At += PageSize)
      Bytes[At] = 1;
    free(Block);
  }
  return 0;
}
