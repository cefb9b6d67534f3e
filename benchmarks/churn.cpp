// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Get a block, write a share of its pages whole, give it back, again and again,
// in one or more threads. Prints what an iteration costs as NAME=VALUE lines.
//
// It stops early when a time is over, since allocators differ by a factor of a
// hundred here: a fast one takes all iterations, a slow one as many as show
// what one costs.

#include "arguments.h"
#include "cost.h"
#include "pages.h"
#include "threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace {

constexpr size_t WarmUp = 32;
constexpr double WarmUpNs = 0.3e9;

size_t Size;
size_t Iterations;
double LimitNs;
bench::Pages ThePages;

// Gives how many iterations were done. The clock is not read in each of them,
// where it would be seen.
size_t repeat(size_t Times, double ForNs, size_t Seed) {
  bench::Random Draw(Seed);
  const size_t Unchecked = 1 + Times / 256;
  const double End = bench::nowNs() + ForNs;
  size_t Done = 0;
  while (Done < Times) {
    for (size_t I = 0; I < Unchecked && Done < Times; ++I, ++Done) {
      char *Block = static_cast<char *>(malloc(Size));
      if (!Block)
        bench::fail("malloc");
      ThePages.write(Block, Draw);
      free(Block);
    }
    if (bench::nowNs() > End)
      break;
  }
  return Done;
}

constexpr bench::Work Churn = {
    [](size_t Thread) { repeat(WarmUp, WarmUpNs, Thread); },
    [](size_t Thread) { return repeat(Iterations, LimitNs, ~Thread); }};

} // namespace

int main(int Argc, char **Argv) {
  if (Argc < 5 || Argc > 7) {
    fprintf(stderr, "usage: churn SIZE SHARE THREADS ITERATIONS "
                    "[LIMIT_MS=200] [--scattered]\n"
                    "SHARE is `page` for one page, or percent; ITERATIONS is "
                    "of each thread.\n");
    return 2;
  }
  const bool Scattered = strcmp(Argv[Argc - 1], "--scattered") == 0;
  if (Scattered)
    --Argc;
  Size = bench::number(Argv[1]);
  const size_t Threads = bench::threadCount(Argv[3]);
  Iterations = bench::number(Argv[4]);
  LimitNs = static_cast<double>(bench::numberOr(Argc, Argv, 5, 200)) * 1e6;
  if (Size < bench::PageSize || Iterations == 0) {
    fprintf(stderr, "churn: a page and an iteration at least\n");
    return 2;
  }
  ThePages.choose(Size, bench::pagesOfShare(Argv[2], Size), Scattered);

  bench::Crew Crew(Threads, Churn);
  const bench::Result Got = Crew.run();
  const double Count = Got.Operations;
  printf("iterations=%.0f\niteration_us=%.4f\niteration_cpu_us=%.4f\n"
         "iteration_faults=%.3f\n",
         Count, Got.Used.WallNs / Count / 1e3, Got.Used.CpuNs / Count / 1e3,
         Got.Used.Faults / Count);
  return 0;
}
