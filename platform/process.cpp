// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/process.h"

#include "platform/scoped_errno.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace refpage {

const char *getTrustedEnv(const char *Name) {
  ScopedErrno KeepErrno;
  return getauxval(AT_SECURE) ? nullptr : getenv(Name);
}

s32 getProcessId() { return getpid(); }

ProcessName getProcessName() {
  ScopedErrno KeepErrno;
  ProcessName Name = {};
  if (prctl(PR_GET_NAME, Name.Text) == -1)
    Name.Text[0] = '?';
  return Name;
}

bool hasSeccompFilter() {
  ScopedErrno KeepErrno;
  const int Fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  if (Fd == -1)
    return true;
  // In parts, for threads with small stacks. The parts overlap by more than
  // what is looked for.
  constexpr char Wanted[] = "\nSeccomp:\t";
  constexpr uptr Overlap = sizeof(Wanted);
  char Text[512];
  ssize_t Length;
  bool Found = false;
  bool Filtered = true;
  off_t Offset = 0;
  while (!Found && (Length = pread(Fd, Text, sizeof(Text) - 1, Offset)) > 0) {
    Text[Length] = '\0';
    const char *Line = strstr(Text, Wanted);
    Found = Line && Line + sizeof(Wanted) - 1 != Text + Length;
    if (Found)
      Filtered = Line[sizeof(Wanted) - 1] != '0';
    else if (Length < static_cast<ssize_t>(sizeof(Text)) - 1)
      Offset += Length; // The end; the next read says so.
    else
      Offset += Length - static_cast<ssize_t>(Overlap);
  }
  close(Fd);
  // Without the line the kernel has no filters.
  return Found ? Filtered : Offset == 0;
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

void KeptStderr::keep() {
  if (duplicateParked(STDERR_FILENO, &Stream.Fd, &Stream.Identity) != 0)
    Stream.Fd = -1;
}

void KeptStderr::write(const char *Text, uptr Length) {
  if (isSameFile(Stream.Fd, Stream.Identity))
    writeAll(Stream.Fd, Text, Length);
  else if (Stream.Fd == -1 || isSameFile(STDERR_FILENO, Stream.Identity))
    writeAll(STDERR_FILENO, Text, Length);
}

} // namespace refpage
