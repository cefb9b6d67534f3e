// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Small blocks, 16 to 4096 bytes: what a program pays for the allocator's
// Primary. Prints what an operation costs as NAME=VALUE lines.
//
//   pair      malloc, free
//   calloc    calloc, free
//   live      of a thousand blocks one, chosen at random, makes way for another
//   batch     a thousand blocks, then their frees
//   realloc   a block that grows by 1.5 times, free

#include "arguments.h"
#include "pages.h"
#include "random.h"
#include "threads.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace {

constexpr size_t MinSize = 16;
constexpr size_t MaxSize = 4096;
constexpr size_t LiveBlocks = 1024;
// Drawn ahead, since a draw takes a part of the time that malloc takes.
constexpr size_t Drawn = 8192;

struct Draws {
  uint16_t Sizes[Drawn];
  uint16_t Slots[Drawn];
};

Draws Ahead;
void *Blocks[bench::MaxThreads][LiveBlocks];
size_t Operations;

void drawAhead() {
  bench::Random Draw(1);
  for (size_t I = 0; I < Drawn; ++I) {
    // As many blocks of 16 to 31 bytes as of 2048 to 4095: small ones are
    // frequent in programs.
    const size_t Octave = MinSize << Draw.below(8);
    Ahead.Sizes[I] = static_cast<uint16_t>(Octave + Draw.below(Octave));
    Ahead.Slots[I] = static_cast<uint16_t>(Draw.below(LiveBlocks));
  }
}

size_t sizeAt(size_t I) { return Ahead.Sizes[I % Drawn]; }

// A block that nobody looks at may be left out by a compiler.
void *used(void *Block) {
  if (!Block)
    bench::fail("malloc");
  *static_cast<volatile char *>(Block) = 1;
  bench::isUsed(Block);
  return Block;
}

size_t pairs(size_t) {
  for (size_t I = 0; I < Operations; ++I)
    free(used(malloc(sizeAt(I))));
  return Operations;
}

size_t callocs(size_t) {
  for (size_t I = 0; I < Operations; ++I)
    free(used(calloc(1, sizeAt(I))));
  return Operations;
}

size_t lives(size_t Thread) {
  for (size_t I = 0; I < Operations; ++I) {
    void *&Slot = Blocks[Thread][Ahead.Slots[I % Drawn]];
    free(Slot);
    Slot = used(malloc(sizeAt(I)));
  }
  for (void *&Slot : Blocks[Thread]) {
    free(Slot);
    Slot = nullptr;
  }
  return Operations;
}

size_t batches(size_t Thread) {
  size_t Done = 0;
  while (Done < Operations) {
    for (void *&Slot : Blocks[Thread])
      Slot = used(malloc(sizeAt(Done++)));
    for (void *Slot : Blocks[Thread])
      free(Slot);
  }
  return Done;
}

size_t reallocs(size_t) {
  size_t Done = 0;
  while (Done < Operations) {
    void *Block = nullptr;
    for (size_t Size = MinSize; Size < MaxSize; Size += Size / 2, ++Done) {
      Block = realloc(Block, Size);
      used(Block);
    }
    free(Block);
  }
  return Done;
}

struct Kind {
  const char *Name;
  size_t (*Run)(size_t Thread);
};

constexpr Kind Kinds[] = {{"pair", pairs},
                          {"calloc", callocs},
                          {"live", lives},
                          {"batch", batches},
                          {"realloc", reallocs}};

const Kind *kindNamed(const char *Name) {
  for (const Kind &K : Kinds)
    if (strcmp(K.Name, Name) == 0)
      return &K;
  fprintf(stderr, "small: no kind %s\n", Name);
  exit(2);
}

const Kind *TheKind;

void nothing(size_t) {}

size_t measured(size_t Thread) { return TheKind->Run(Thread); }

} // namespace

int main(int Argc, char **Argv) {
  if (Argc != 4) {
    fprintf(stderr, "usage: small KIND THREADS OPERATIONS\n"
                    "OPERATIONS is of each thread, at least.\n");
    return 2;
  }
  TheKind = kindNamed(Argv[1]);
  const size_t Threads = bench::threadCount(Argv[2]);
  drawAhead();
  // Free lists of all sizes exist, and pages are mapped, before the clock runs.
  Operations = 10 * LiveBlocks;
  bench::Crew Crew(Threads, {nothing, measured});
  Crew.run();
  Operations = bench::number(Argv[3]);
  const bench::Result Got = Crew.run();
  printf("operation_ns=%.3f\noperation_cpu_ns=%.3f\n",
         Got.Used.WallNs / Got.Operations, Got.Used.CpuNs / Got.Operations);
  return 0;
}
