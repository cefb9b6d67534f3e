// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// kernel clock
// kernel cycle METHOD SIZE USE PAGES ITERATIONS WARM_UP
// kernel block METHOD SIZE FORKS
// kernel faults METHOD processes|threads COUNT USE MEGATICKS
//
// What blocks cost whose clean pages hold a pattern, by method
// (kernel_methods.cpp). Prints NAME=VALUE lines.
//
// All times are in ticks (ticks.h).
//
//   clock   how long a loop of two million instructions takes
//   cycle   a block is taken, PAGES of it are used, it is given back: the
//   median
//           of ITERATIONS, after WARM_UP that an allocator may learn from
//   block   one block, a hundredth of its pages written, then all others read:
//           mappings, resident memory, and forks at both times
//   faults  the same cycle in one or more processes or threads at once
//
// USE is `read`, `touch` or `fill`: whether a byte of each page is read or
// written, or whole pages are written; with `-spread` evenly over the block,
// or else from its front.

#include "arguments.h"
#include "kernel_faults.h"
#include "kernel_methods.h"
#include "mapped.h"
#include "median.h"
#include "page_use.h"
#include "ticks.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr size_t MaxTimes = 1024;

// What reading the clock twice takes, which is in each time.
uint64_t clockTicks() {
  uint64_t Least = UINT64_MAX;
  for (int Try = 0; Try < 16; ++Try) {
    const uint64_t Start = bench::nowTicks();
    const uint64_t Taken = bench::nowTicks() - Start;
    Least = Taken < Least ? Taken : Least;
  }
  return Least;
}

// The kernel counts as major those that had to wait, as for userfaultfd.
double faults() {
  rusage Usage;
  getrusage(RUSAGE_SELF, &Usage);
  return static_cast<double>(Usage.ru_minflt + Usage.ru_majflt);
}

size_t countUpTo(const char *Text, size_t Max) {
  const size_t Count = bench::number(Text);
  if (Count == 0 || Count > Max) {
    fprintf(stderr, "kernel: from 1 to %zu: %s\n", Max, Text);
    exit(2);
  }
  return Count;
}

int runClock() {
  constexpr uint64_t Turns = 1000000;
  uint64_t Times[5];
  for (uint64_t &Time : Times) {
    const uint64_t Start = bench::nowTicks();
    bench::turn(Turns);
    Time = bench::nowTicks() - Start;
  }
  printf("loop_ticks=%" PRIu64 "\n", bench::medianOf(Times, 5));
  return 0;
}

// A method that gives other contents would be cheap.
void checkPattern(const char *Block, size_t Size) {
  const size_t Places[] = {0, Size / 2, Size - 1};
  for (const size_t At : Places)
    if (static_cast<unsigned char>(Block[At]) != bench::PatternByte) {
      fprintf(stderr, "kernel: a block does not read as the pattern\n");
      exit(1);
    }
}

int runCycle(char **Arguments) {
  bench::Method &By = bench::findMethod(Arguments[0]);
  const size_t Size = bench::number(Arguments[1]);
  const bench::PageUse Use(Arguments[2], Size, bench::number(Arguments[3]));
  const size_t Iterations = countUpTo(Arguments[4], MaxTimes);
  const size_t WarmUp = bench::number(Arguments[5]);

  for (size_t I = 0; I < WarmUp; ++I) {
    char *Block = By.get(Size);
    Use.apply(Block);
    By.put(Block, Size);
  }
  static uint64_t Times[MaxTimes];
  const uint64_t Clock = clockTicks();
  const double FaultsBefore = faults();
  for (size_t I = 0; I < Iterations; ++I) {
    const uint64_t Start = bench::nowTicks();
    char *Block = By.get(Size);
    Use.apply(Block);
    By.put(Block, Size);
    Times[I] = bench::nowTicks() - Start - Clock;
  }
  const double Faults = faults() - FaultsBefore;

  char *Block = By.get(Size);
  const bench::Mapped Found = bench::Mapped::at(Block, Size);
  if (bench::hasPattern(By))
    checkPattern(Block, Size);
  By.put(Block, Size);
  printf("iteration_ticks=%" PRIu64 "\niteration_faults=%.2f\nmappings=%" PRIu64
         "\n"
         "has_memfd=%d\nhas_refpage=%d\n",
         bench::medianOf(Times, Iterations),
         Faults / static_cast<double>(Iterations), Found.Mappings,
         Found.HasMemfd, Found.HasRefpage);
  return 0;
}

uint64_t forkTicks(size_t Forks) {
  static uint64_t Times[MaxTimes];
  for (size_t I = 0; I < Forks; ++I) {
    const uint64_t Start = bench::nowTicks();
    const pid_t Child = fork();
    if (Child == 0)
      _exit(0);
    int Status;
    if (Child < 0 || waitpid(Child, &Status, 0) != Child || Status != 0)
      bench::fail("fork");
    Times[I] = bench::nowTicks() - Start;
  }
  return bench::medianOf(Times, Forks);
}

int runBlock(char **Arguments) {
  bench::Method &By = bench::findMethod(Arguments[0]);
  const size_t Size = bench::number(Arguments[1]);
  const size_t Forks = countUpTo(Arguments[2], MaxTimes);
  const size_t Pages = Size / bench::PageSize;

  char *Block = By.get(Size);
  bench::PageUse("touch-spread", Size, Pages / 100).apply(Block);
  const bench::Mapped Written = bench::Mapped::at(Block, Size);
  const uint64_t ForkWritten = forkTicks(Forks);
  const double FaultsBefore = faults();
  bench::PageUse("read", Size, Pages).apply(Block);
  const double Faults = faults() - FaultsBefore;
  const bench::Mapped Read = bench::Mapped::at(Block, Size);
  const uint64_t ForkRead = forkTicks(Forks);
  By.put(Block, Size);
  printf("mappings=%" PRIu64 "\nwritten_kib=%" PRIu64 "\nread_kib=%" PRId64
         "\nread_faults=%.0f\nfork_written_ticks=%" PRIu64
         "\nfork_read_ticks=%" PRIu64 "\n",
         Read.Mappings, Written.ResidentKiB,
         static_cast<int64_t>(Read.ResidentKiB - Written.ResidentKiB), Faults,
         ForkWritten, ForkRead);
  return 0;
}

struct Measure {
  const char *Name;
  int Arguments;
  int (*Run)(char **Arguments);
};

constexpr Measure Measures[] = {
    {"clock", 0, [](char **) { return runClock(); }},
    {"cycle", 6, runCycle},
    {"block", 3, runBlock},
    {"faults", 5, bench::measureFaults},
};

} // namespace

int main(int Argc, char **Argv) {
  for (const Measure &M : Measures)
    if (Argc == M.Arguments + 2 && strcmp(Argv[1], M.Name) == 0)
      return M.Run(Argv + 2);
  fprintf(stderr, "usage: kernel clock\n"
                  "       kernel cycle METHOD SIZE USE PAGES ITERATIONS "
                  "WARM_UP\n"
                  "       kernel block METHOD SIZE FORKS\n"
                  "       kernel faults METHOD processes|threads COUNT USE "
                  "MEGATICKS\n");
  return 2;
}
