// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the process was given and where it can speak. No function touches
// `errno`, locks or allocates.

#ifndef REFPAGE_PLATFORM_PROCESS_H_
#define REFPAGE_PLATFORM_PROCESS_H_

#include "platform/parked_fd.h"
#include "platform/types.h"

namespace refpage {

// The environment variable, or nullptr if it is unset or the process runs with
// more rights than whoever started it (AT_SECURE: set-user-ID programs).
const char *getTrustedEnv(const char *Name);

s32 getProcessId();

// Whether the calling thread is the process's only one; false if that cannot be
// found out.
bool isSingleThreaded();

// The name the kernel shows for the process (at most 15 bytes), "?" if it
// cannot be had.
struct ProcessName {
  char Text[16];
};
ProcessName getProcessName();

// Whether the calling thread's system calls are filtered (seccomp(2)); true if
// that cannot be found out.
bool hasSeccompFilter();

// Writes all of Text to Fd; gives up on an error.
void writeAll(int Fd, const char *Text, uptr Length);

// The standard error stream as it was when keepStderr() was called: programs
// close theirs before exit handlers run (coreutils do).
class KeptStderr {
public:
  void keep();
  // Writes to the kept stream. When none was kept, to descriptor 2; when it was
  // lost to the program, only if descriptor 2 still is that stream, since it
  // may be a file of the program's by now.
  void write(const char *Text, uptr Length);

private:
  KeptFile Stream;
};

} // namespace refpage

#endif // REFPAGE_PLATFORM_PROCESS_H_
