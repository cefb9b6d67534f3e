// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/process_lock.h"

#include "platform/process.h"
#include "platform/scoped_errno.h"

#include <time.h>

namespace refpage {

void ProcessLock::lock() {
  ScopedErrno KeepErrno;
  const u32 Us = static_cast<u32>(getProcessId());
  for (;;) {
    // Free, or held by a process that forked us off and whose thread we lack.
    u32 Found = scudo::atomic_load_relaxed(&Owner);
    if (Found != Us && scudo::atomic_compare_exchange_strong(
                           &Owner, &Found, Us, scudo::memory_order_acquire))
      return;
    constexpr timespec Pause = {0, 100L * 1000};
    nanosleep(&Pause, nullptr);
  }
}

} // namespace refpage
