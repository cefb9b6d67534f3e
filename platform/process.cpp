// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/process.h"

#include "platform/scoped_errno.h"

#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace refpage {

const char *getTrustedEnv(const char *Name) {
  ScopedErrno KeepErrno;
  return getauxval(AT_SECURE) ? nullptr : getenv(Name);
}

// glibc's from 2.32 on; not set yet in the allocations of the dynamic linker.
extern "C" __attribute__((weak)) char __libc_single_threaded;

bool isSingleThreaded() {
  if (&__libc_single_threaded && __libc_single_threaded)
    return true;
  ScopedErrno KeepErrno;
  // A folder has two links, and one more for each folder in it.
  struct stat Threads;
  return stat("/proc/self/task", &Threads) == 0 && Threads.st_nlink == 3;
}

s32 getProcessId() { return getpid(); }

ProcessName getProcessName() {
  ScopedErrno KeepErrno;
  ProcessName Name = {};
  if (prctl(PR_GET_NAME, Name.Text) == -1)
    Name.Text[0] = '?';
  for (char *C = Name.Text; *C; C++)
    if (static_cast<unsigned char>(*C) < ' ' || *C == 127)
      *C = '?';
  return Name;
}

bool hasSeccompFilter() {
  ScopedErrno KeepErrno;
  KeptFile Status;
  if (openParked("/proc/thread-self/status", &Status) != 0)
    return true;
  // The file has some 1500 bytes. It is read in parts, for threads with small
  // stacks; the end of each is kept, in case the line begins in it.
  constexpr char Wanted[] = "\nSeccomp:\t";
  constexpr uptr WantedLength = sizeof(Wanted) - 1;
  char Text[512];
  uptr Kept = 0;
  bool AnyText = false;
  char Mode = '0'; // Without the line the kernel has no filters.
  for (;;) {
    const ssize_t Length =
        read(Status.Fd, Text + Kept, sizeof(Text) - 1 - Kept);
    if (Length <= 0)
      break;
    AnyText = true;
    const uptr End = Kept + static_cast<uptr>(Length);
    Text[End] = '\0';
    const char *Line = strstr(Text, Wanted);
    if (Line && Line[WantedLength]) {
      Mode = Line[WantedLength];
      break;
    }
    Kept = scudo::Min(End, WantedLength);
    memmove(Text, Text + End - Kept, Kept);
  }
  giveUp(&Status);
  return !AnyText || Mode != '0';
}

void writeAll(int Fd, const char *Text, uptr Length) {
  ScopedErrno KeepErrno;
  while (Length) {
    const ssize_t Written = ::write(Fd, Text, Length);
    if (Written > 0) {
      Text += Written;
      Length -= static_cast<uptr>(Written);
    } else if (Written == 0 || errno != EINTR) {
      return;
    }
  }
}

void KeptStream::keepStderr() {
  if (duplicateParked(STDERR_FILENO, &Stream.Fd, &Stream.Identity) != 0)
    Stream.Fd = -1;
}

int KeptStream::keepFile(const char *Path) {
  return openParkedToAppend(Path, &Stream);
}

void KeptStream::write(const char *Text, uptr Length) {
  if (isSameFile(Stream.Fd, Stream.Identity))
    writeAll(Stream.Fd, Text, Length);
  else if (Stream.Fd == -1 || isSameFile(STDERR_FILENO, Stream.Identity))
    writeAll(STDERR_FILENO, Text, Length);
}

} // namespace refpage
