// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A block that grows, as of a vector or of a file that is read without knowing
// its size: realloc from 64 KiB to 256 MiB by 1.5 times, with a write to each
// new page, then free.

#include "arguments.h"
#include "pages.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

namespace {

constexpr size_t FirstSize = 64 << 10;
constexpr size_t LastSize = 256 << 20;

// Each page that begins in the block from its byte From on.
void touchPages(char *Block, size_t From, size_t To) {
  const size_t IntoPage =
      reinterpret_cast<uintptr_t>(Block + From) % bench::PageSize;
  if (IntoPage)
    From += bench::PageSize - IntoPage;
  for (size_t At = From; At + sizeof(uint64_t) <= To; At += bench::PageSize)
    *reinterpret_cast<uint64_t *>(Block + At) = At;
}

void growOnce() {
  char *Block = nullptr;
  size_t Old = 0;
  size_t Size = FirstSize;
  while (Old < LastSize) {
    Block = static_cast<char *>(realloc(Block, Size));
    if (!Block)
      bench::fail("realloc");
    touchPages(Block, Old, Size);
    bench::isUsed(Block);
    Old = Size;
    Size = Size + Size / 2 < LastSize ? Size + Size / 2 : LastSize;
  }
  free(Block);
}

} // namespace

int main(int Argc, char **Argv) {
  const size_t Times = bench::numberOr(Argc, Argv, 1, 10);
  if (Argc > 2) {
    fprintf(stderr, "usage: grow [TIMES=10]\n");
    return 2;
  }
  for (size_t I = 0; I < Times; ++I)
    growOnce();
  return 0;
}
