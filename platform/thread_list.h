// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What /proc says about the process's threads, each known by its kernel id.
// Nothing touches `errno`, locks or allocates; files are read into the caller's
// buffer, of which a few KiB are enough.

#ifndef REFPAGE_PLATFORM_THREAD_LIST_H_
#define REFPAGE_PLATFORM_THREAD_LIST_H_

#include "platform/parked_fd.h"
#include "platform/types.h"

namespace refpage {

// One walk over the threads, in the order of their creation.
class ThreadList {
public:
  ThreadList(char *B, uptr S) : Buffer(B), Size(S) {}
  ~ThreadList();
  ThreadList(const ThreadList &) = delete;
  void operator=(const ThreadList &) = delete;

  // Returns 0 or an errno.
  int open();
  // Sets *Thread, to 0 behind the last. Returns 0 or an errno.
  int next(s32 *Thread);
  // At the end: whether as many were listed as there are. Where one exits while
  // the kernel looks at it, the next may be left out.
  bool hasAll();

private:
  char *const Buffer;
  const uptr Size;
  KeptFile Directory;
  uptr At = 0;
  uptr Filled = 0;
  uptr Count = 0;
};

struct ThreadStatus {
  bool Exists = false; // And has not exited.
  u64 Pending = 0;     // Bit N - 1: signal N.
  u64 Blocked = 0;

  bool awaits(int Signal) const { return Pending >> (Signal - 1) & 1; }
  bool blocks(int Signal) const { return Blocked >> (Signal - 1) & 1; }
};

// Returns 0 or an errno; a thread that is not there is no error.
int getThreadStatus(s32 Thread, char *Buffer, uptr Size, ThreadStatus *Status);

// Whether the thread waits for signals (sigwait() and its kind). What it waits
// for does not show as blocked meanwhile, but no handler will see it.
bool isInSigwait(s32 Thread, char *Buffer, uptr Size);

} // namespace refpage

#endif // REFPAGE_PLATFORM_THREAD_LIST_H_
