// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A lock for what happens once in a program's life or not at all, and slowly.

#ifndef REFPAGE_PLATFORM_PROCESS_LOCK_H_
#define REFPAGE_PLATFORM_PROCESS_LOCK_H_

#include "platform/types.h"

#include "atomic_helpers.h"

namespace refpage {

// Held by a process: in the child of a fork that came meanwhile it is free, and
// that without fork handlers, which do not run for every kind of fork.
// Constant-initialised; does not touch `errno`. Who waits looks at it every
// 100 us, and is open to signals.
class ProcessLock {
public:
  constexpr ProcessLock() = default;
  ProcessLock(const ProcessLock &) = delete;
  void operator=(const ProcessLock &) = delete;

  void lock();
  void unlock() {
    scudo::atomic_store(&Owner, 0U, scudo::memory_order_release);
  }

private:
  scudo::atomic_u32 Owner = {};
};

class ScopedProcessLock {
public:
  explicit ScopedProcessLock(ProcessLock &L) : Lock(L) { Lock.lock(); }
  ~ScopedProcessLock() { Lock.unlock(); }
  ScopedProcessLock(const ScopedProcessLock &) = delete;
  void operator=(const ScopedProcessLock &) = delete;

private:
  ProcessLock &Lock;
};

} // namespace refpage

#endif // REFPAGE_PLATFORM_PROCESS_LOCK_H_
