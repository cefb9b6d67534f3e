// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Buffers of 5 to 25 MiB, as of a program that works on pictures: some are live
// at a time, each is written whole, and in each step one of them, chosen at
// random, makes way for a new one of another size.

#include "arguments.h"
#include "pages.h"
#include "random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace {

constexpr size_t MinSize = 5 << 20;
constexpr size_t MaxSize = 25 << 20;
constexpr size_t MaxLive = 64;

char *newBuffer(bench::Random &Draw) {
  const size_t Size = MinSize + Draw.below(MaxSize - MinSize + 1);
  char *Buffer = static_cast<char *>(malloc(Size));
  if (!Buffer)
    bench::fail("malloc");
  memset(Buffer, 1, Size);
  bench::isUsed(Buffer);
  return Buffer;
}

} // namespace

int main(int Argc, char **Argv) {
  const size_t Steps = bench::numberOr(Argc, Argv, 1, 400);
  const size_t Live = bench::numberOr(Argc, Argv, 2, 6);
  if (Argc > 3 || Live == 0 || Live > MaxLive) {
    fprintf(stderr, "usage: buffers [STEPS=400] [LIVE=6]\n");
    return 2;
  }
  static char *Buffers[MaxLive];
  bench::Random Draw(1);
  for (size_t Step = 0; Step < Steps; ++Step) {
    char *&Slot = Buffers[Draw.below(Live)];
    free(Slot);
    Slot = newBuffer(Draw);
  }
  for (char *Buffer : Buffers)
    free(Buffer);
  return 0;
}
