// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What preload_test runs under the library: prints what it found.

#include <new>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace {

void printFirstByte(const char *What, unsigned char *Ptr) {
  printf("%s %02x\n", What, Ptr ? Ptr[0] : 0);
}

} // namespace

int main(int Argc, char **Argv) {
  const char *Mode = Argc > 1 ? Argv[1] : "";
  if (strcmp(Mode, "close-stderr") == 0)
    close(2);
  // Where the compiler can not tell that nobody looks.
  auto *Small = static_cast<unsigned char *>(malloc(100));
  auto *Large = static_cast<unsigned char *>(malloc(10 << 20));
  auto *Zeros = static_cast<unsigned char *>(calloc(1, 10 << 20));
  printFirstByte("small", Small);
  printFirstByte("large", Large);
  printFirstByte("calloc", Zeros);
  try {
    volatile size_t TooMuch = SIZE_MAX / 4;
    char *volatile Ptr = new char[TooMuch];
    delete[] Ptr;
  } catch (const std::bad_alloc &) {
    puts("bad_alloc");
  }
  free(Small);
  free(Large);
  free(Zeros);
  return 0;
}
