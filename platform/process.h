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
// cannot be had; with ? for control characters, which would act on a terminal.
struct ProcessName {
  char Text[16];
};
ProcessName getProcessName();

// Whether the calling thread's system calls are filtered (seccomp(2)); true if
// that cannot be found out.
bool hasSeccompFilter();

// Writes all of Text to Fd; gives up on an error.
void writeAll(int Fd, const char *Text, uptr Length);

// Where to write at the end of the program.
class KeptStream {
public:
  // The standard error stream as it is now: programs close theirs before exit
  // handlers run (coreutils do).
  void keepStderr();
  // The end of a file, which is made if it is not there. Returns 0 or an errno.
  int keepFile(const char *Path);
  // Writes to what was kept; where nothing was, to descriptor 2. When it was
  // lost to the program: to descriptor 2 if that still is the stream that was
  // kept, since it may be a file of the program's by now.
  void write(const char *Text, uptr Length);

private:
  KeptFile Stream;
};

} // namespace refpage

#endif // REFPAGE_PLATFORM_PROCESS_H_
