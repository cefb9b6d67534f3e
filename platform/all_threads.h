// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs a function in every thread of the process, for what the kernel lets a
// thread do to itself alone. bionic has android_run_on_all_threads() for it;
// glibc has nothing that a library could use.

#ifndef REFPAGE_PLATFORM_ALL_THREADS_H_
#define REFPAGE_PLATFORM_ALL_THREADS_H_

#include "platform/types.h"

namespace refpage {

// What is run: in a signal handler in all threads but the caller's. Returns 0
// or an errno, and says whether there was anything to do. What new threads
// inherit from their creators needs that: a thread that came in between and had
// nothing left to do shows that its creator had been reached. For anything
// else, true.
using ThreadFunction = int (*)(uptr Argument, bool *HadToAct);

struct AllThreadsResult {
  // 0 if the function was run in all threads and succeeded in all. ETIMEDOUT: a
  // thread did not answer, see below. What the function returned in Thread. Or
  // what kept us from it altogether, in which case Thread is 0: no /proc, no
  // memory, no descriptors, no unused signal (EAGAIN).
  int Error = 0;
  // The first thread (its kernel id) in which it was not run or failed.
  s32 Thread = 0;
  // In how many threads it was run, the caller's among them.
  u32 Reached = 0;
};

constexpr u32 AllThreadsTimeoutMs = 2000;

// Runs Function(Argument) once in the calling thread, and if that succeeds once
// in every other, those included that are created meanwhile. Threads that exit
// meanwhile do not count. One call at a time; others wait. Never allocates from
// the heap, does not touch `errno`.
//
// Threads are reached by a real-time signal that has its default action, from
// SIGRTMAX down, preferably one that no thread blocks. It is handled only as
// long as this takes. Calls that the kernel does not restart (poll, nanosleep,
// and so on) return EINTR in the threads that are reached.
//
// Not reached, and ETIMEDOUT after TimeoutMs: threads that block all signals,
// or wait for them in sigwait(), all the while, and so workers of the kernel
// (io_uring); threads that a debugger holds, or that wait for a device; the
// parent of a vfork() before its child's exec(). No signal is left for later.
AllThreadsResult runOnAllThreads(ThreadFunction Function, uptr Argument,
                                 u32 TimeoutMs = AllThreadsTimeoutMs);

} // namespace refpage

#endif // REFPAGE_PLATFORM_ALL_THREADS_H_
