// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Some threads that do the same at the same time, and what that costs.

#ifndef REFPAGE_BENCHMARKS_THREADS_H
#define REFPAGE_BENCHMARKS_THREADS_H

#include "arguments.h"
#include "cost.h"

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>

namespace bench {

constexpr size_t MaxThreads = 64;

// What a thread does, given its number. Each of them keeps what it needs.
struct Work {
  // Not measured.
  void (*WarmUp)(size_t Thread);
  // Gives how many operations it did.
  size_t (*Measured)(size_t Thread);
};

struct Result {
  double Operations; // Of all threads.
  Cost Used;         // From the start of all to the end of the last.
};

inline size_t threadCount(const char *Text) {
  const size_t Threads = number(Text);
  if (Threads == 0 || Threads > MaxThreads) {
    fprintf(stderr, "1 to %zu threads\n", MaxThreads);
    exit(2);
  }
  return Threads;
}

// The caller is the first of the threads: a program of one has none besides.
class Crew {
public:
  Crew(size_t Threads, const Work &Of) : Threads(Threads), Of(Of) {
    pthread_barrier_init(&Together, nullptr, static_cast<unsigned>(Threads));
  }
  ~Crew() { pthread_barrier_destroy(&Together); }
  Crew(const Crew &) = delete;
  Crew &operator=(const Crew &) = delete;

  Result run() {
    for (size_t I = 0; I < Threads; ++I) {
      Members[I].All = this;
      Members[I].Number = I;
      if (I &&
          pthread_create(&Members[I].Handle, nullptr, start, &Members[I]) != 0)
        fail("pthread_create");
    }
    start(&Members[0]);
    Result Sum = {0, Members[0].Used};
    for (size_t I = 0; I < Threads; ++I) {
      if (I)
        pthread_join(Members[I].Handle, nullptr);
      Sum.Operations += static_cast<double>(Members[I].Done);
    }
    return Sum;
  }

private:
  struct Member {
    Crew *All;
    size_t Number;
    pthread_t Handle;
    size_t Done;
    Cost Used;
  };

  static void *start(void *Argument) {
    Member *Self = static_cast<Member *>(Argument);
    Crew *All = Self->All;
    All->Of.WarmUp(Self->Number);
    pthread_barrier_wait(&All->Together);
    const Cost Start = Cost::now();
    Self->Done = All->Of.Measured(Self->Number);
    pthread_barrier_wait(&All->Together);
    Self->Used = Cost::now().since(Start);
    return nullptr;
  }

  const size_t Threads;
  const Work Of;
  pthread_barrier_t Together;
  Member Members[MaxThreads];
};

} // namespace bench

#endif // REFPAGE_BENCHMARKS_THREADS_H
