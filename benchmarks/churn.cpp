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

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace {

using bench::PageOrder;

constexpr size_t WarmUp = 32;
constexpr double WarmUpNs = 0.5e9;
constexpr size_t MaxThreads = 64;

struct Task {
  size_t Size;
  size_t PagesWritten;
  bool Scattered;
  size_t Iterations;
  double LimitNs;
};

Task TheTask;
PageOrder Order;
pthread_barrier_t Together;

void once(bench::Random &Draw) {
  char *Block = static_cast<char *>(malloc(TheTask.Size));
  if (!Block)
    bench::fail("malloc");
  if (TheTask.Scattered)
    Order.write(Block, TheTask.PagesWritten, Draw.below(Order.count()));
  else
    memset(Block, 1, TheTask.PagesWritten * bench::PageSize);
  bench::isUsed(Block);
  free(Block);
}

// Gives how many iterations were done. The clock is not read in each of them,
// where it would be seen.
size_t repeat(size_t Iterations, double LimitNs, bench::Random &Draw) {
  const size_t Unchecked = 1 + Iterations / 256;
  const double End = bench::nowNs() + LimitNs;
  size_t Done = 0;
  while (Done < Iterations) {
    for (size_t I = 0; I < Unchecked && Done < Iterations; ++I, ++Done)
      once(Draw);
    if (bench::nowNs() > End)
      break;
  }
  return Done;
}

struct Worker {
  size_t Number;
  size_t Done;
  bench::Cost Used;
};

void *work(void *Argument) {
  Worker *Self = static_cast<Worker *>(Argument);
  bench::Random Draw(Self->Number);
  repeat(WarmUp, WarmUpNs, Draw);
  pthread_barrier_wait(&Together);
  const bench::Cost Start = bench::Cost::now();
  Self->Done = repeat(TheTask.Iterations, TheTask.LimitNs, Draw);
  pthread_barrier_wait(&Together);
  Self->Used = bench::Cost::now().since(Start);
  return nullptr;
}

size_t pagesWritten(const char *Share, size_t Size) {
  const size_t Pages = PageOrder::pagesOf(Size);
  if (strcmp(Share, "page") == 0)
    return 1;
  const size_t Percent = bench::number(Share);
  const size_t Written = Pages * Percent / 100;
  return Percent > 100 ? Pages : Written ? Written : 1;
}

} // namespace

int main(int Argc, char **Argv) {
  if (Argc < 5 || Argc > 7) {
    fprintf(stderr, "usage: churn SIZE SHARE THREADS ITERATIONS "
                    "[LIMIT_MS=500] [--scattered]\n"
                    "SHARE is `page` for one page, or percent; ITERATIONS is "
                    "of each thread.\n");
    return 2;
  }
  if (strcmp(Argv[Argc - 1], "--scattered") == 0) {
    TheTask.Scattered = true;
    --Argc;
  }
  TheTask.Size = bench::number(Argv[1]);
  TheTask.PagesWritten = pagesWritten(Argv[2], TheTask.Size);
  const size_t Threads = bench::number(Argv[3]);
  TheTask.Iterations = bench::number(Argv[4]);
  TheTask.LimitNs =
      static_cast<double>(bench::numberOr(Argc, Argv, 5, 500)) * 1e6;
  if (TheTask.Size < bench::PageSize || Threads == 0 || Threads > MaxThreads ||
      TheTask.Iterations == 0) {
    fprintf(stderr,
            "churn: a page at least, 1 to %zu threads, and one "
            "iteration at least\n",
            MaxThreads);
    return 2;
  }
  if (TheTask.Scattered)
    Order.draw(PageOrder::pagesOf(TheTask.Size));

  // The main thread is one of the workers: a program of one thread has none
  // besides.
  pthread_barrier_init(&Together, nullptr, static_cast<unsigned>(Threads));
  static Worker Workers[MaxThreads];
  static pthread_t Handles[MaxThreads];
  for (size_t I = 0; I < Threads; ++I)
    Workers[I].Number = I;
  for (size_t I = 1; I < Threads; ++I)
    if (pthread_create(&Handles[I], nullptr, work, &Workers[I]) != 0)
      bench::fail("pthread_create");
  work(&Workers[0]);
  double Done = 0;
  for (size_t I = 0; I < Threads; ++I) {
    if (I)
      pthread_join(Handles[I], nullptr);
    Done += static_cast<double>(Workers[I].Done);
  }
  const bench::Cost &Used = Workers[0].Used;
  printf("iterations=%.0f\niteration_us=%.4f\niteration_cpu_us=%.4f\n"
         "iteration_faults=%.3f\n",
         Done, Used.WallNs / Done / 1e3, Used.CpuNs / Done / 1e3,
         Used.Faults / Done);
  return 0;
}
