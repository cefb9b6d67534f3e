// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "kernel_faults.h"

#include "arguments.h"
#include "kernel_methods.h"
#include "median.h"
#include "page_use.h"
#include "threads.h"
#include "ticks.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bench {
namespace {

// Large enough that the time is that of faults, small enough for the caches of
// free pages.
constexpr size_t BlockSize = 1 << 20;
constexpr size_t PagesOfBlock = BlockSize / PageSize;
// About what 256 faults take.
constexpr uint64_t TurnsOfLoop = 500000;
constexpr size_t MaxCycles = 4096;

// In memory that all processes share.
struct Shared {
  pthread_barrier_t Together;
  // Of each worker.
  double PagesATick[MaxThreads];
  double UsualPagesATick[MaxThreads];
  uint64_t Times[MaxThreads][MaxCycles];
};

struct Worker {
  Shared *All;
  size_t Number;
  Method *By; // Null: the loop.
  const PageUse *Use;
  uint64_t ForTicks;

  void cycle() const {
    if (!By) {
      turn(TurnsOfLoop);
      return;
    }
    char *Block = By->get(BlockSize);
    Use->apply(Block);
    By->put(Block, BlockSize);
  }

  void run() const {
    // What a process has only once: page tables, a thread of its own.
    cycle();
    pthread_barrier_wait(&All->Together);
    uint64_t *Times = All->Times[Number];
    size_t Cycles = 0;
    const uint64_t Start = nowTicks();
    uint64_t Now = Start;
    while (Now - Start < ForTicks && Cycles < MaxCycles) {
      cycle();
      const uint64_t End = nowTicks();
      Times[Cycles++] = End - Now;
      Now = End;
    }
    All->PagesATick[Number] = static_cast<double>(Cycles * PagesOfBlock) /
                              static_cast<double>(Now - Start);
    All->UsualPagesATick[Number] = static_cast<double>(PagesOfBlock) /
                                   static_cast<double>(medianOf(Times, Cycles));
  }

  static void *start(void *Self) {
    static_cast<const Worker *>(Self)->run();
    return nullptr;
  }
};

Shared *shareMemory(size_t Count) {
  void *Memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (Memory == MAP_FAILED)
    fail("mmap");
  Shared *All = static_cast<Shared *>(Memory);
  pthread_barrierattr_t Attributes;
  pthread_barrierattr_init(&Attributes);
  pthread_barrierattr_setpshared(&Attributes, PTHREAD_PROCESS_SHARED);
  pthread_barrier_init(&All->Together, &Attributes,
                       static_cast<unsigned>(Count));
  return All;
}

void runThreads(Worker *Workers, size_t Count) {
  // Before there are threads: a method may start one of its own.
  Workers[0].cycle();
  pthread_t Handles[MaxThreads];
  for (size_t I = 0; I < Count; ++I)
    if (pthread_create(&Handles[I], nullptr, Worker::start, &Workers[I]) != 0)
      fail("pthread_create");
  for (size_t I = 0; I < Count; ++I)
    pthread_join(Handles[I], nullptr);
}

void runProcesses(const Worker *Workers, size_t Count) {
  for (size_t I = 0; I < Count; ++I) {
    const pid_t Child = fork();
    if (Child < 0)
      fail("fork");
    if (Child == 0) {
      Workers[I].run();
      _exit(0);
    }
  }
  for (size_t I = 0; I < Count; ++I) {
    int Status;
    if (wait(&Status) < 0 || Status != 0)
      fail("a process failed");
  }
}

} // namespace

int measureFaults(char **Arguments) {
  Method *By =
      strcmp(Arguments[0], "loop") == 0 ? nullptr : &findMethod(Arguments[0]);
  const bool AreThreads = strcmp(Arguments[1], "threads") == 0;
  if (!AreThreads && strcmp(Arguments[1], "processes") != 0) {
    fprintf(stderr, "kernel: processes or threads, not '%s'\n", Arguments[1]);
    return 2;
  }
  const size_t Count = threadCount(Arguments[2]);
  const PageUse Use(Arguments[3], BlockSize, PagesOfBlock);
  const uint64_t ForTicks = number(Arguments[4]) * 1000000;

  Shared *All = shareMemory(Count);
  Worker Workers[MaxThreads];
  for (size_t I = 0; I < Count; ++I)
    Workers[I] = {All, I, By, &Use, ForTicks};
  if (AreThreads)
    runThreads(Workers, Count);
  else
    runProcesses(Workers, Count);
  double Together = 0;
  double Usual = 0;
  for (size_t I = 0; I < Count; ++I) {
    Together += All->PagesATick[I];
    Usual += All->UsualPagesATick[I];
  }
  printf("fault_ticks=%.2f\nmean_fault_ticks=%.2f\n", 1 / Usual, 1 / Together);
  return 0;
}

} // namespace bench
