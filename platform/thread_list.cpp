// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/thread_list.h"

#include "platform/parked_fd.h"
#include "platform/scoped_errno.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace refpage {
namespace {

// The path of a file about a thread; Name is "status" or "syscall".
struct ThreadPath {
  char Text[48];

  ThreadPath(s32 Thread, const char *Name) {
    char Digits[12];
    uptr Count = 0;
    for (u32 Rest = static_cast<u32>(Thread); Rest || !Count; Rest /= 10)
      Digits[Count++] = static_cast<char>('0' + Rest % 10);
    char *End = append(Text, "/proc/self/task/");
    while (Count)
      *End++ = Digits[--Count];
    End = append(End, "/");
    append(End, Name);
  }

private:
  static char *append(char *To, const char *From) {
    const uptr Length = strlen(From);
    memcpy(To, From, Length + 1);
    return To + Length;
  }
};

// Reads a file of /proc from its beginning, as a string. Returns 0 or an errno.
int readText(const char *Path, char *Text, uptr Size) {
  KeptFile File;
  int Error = openParked(Path, &File);
  if (Error)
    return Error;
  uptr Length = 0;
  while (Length != Size - 1) {
    const ssize_t Got = read(File.Fd, Text + Length, Size - 1 - Length);
    if (Got == -1 && errno == EINTR)
      continue;
    if (Got == -1)
      Error = errno;
    if (Got <= 0)
      break;
    Length += static_cast<uptr>(Got);
  }
  Text[Length] = '\0';
  // Another thread may have put a file of its own on the number.
  if (!Error && !isSameFile(File.Fd, File.Identity))
    Error = EBADF;
  giveUp(&File);
  return Error;
}

// Points behind the name of a line "\nName:\t".
const char *findField(const char *Text, const char *Name) {
  const char *At = strstr(Text, Name);
  return At ? At + strlen(Name) : nullptr;
}

u64 parseHex(const char *Text) {
  u64 Value = 0;
  for (;; Text++) {
    if (*Text >= '0' && *Text <= '9')
      Value = Value << 4 | static_cast<u64>(*Text - '0');
    else if (*Text >= 'a' && *Text <= 'f')
      Value = Value << 4 | static_cast<u64>(*Text - 'a' + 10);
    else
      return Value;
  }
}

struct DirectoryEntry { // struct linux_dirent64
  u64 Inode;
  u64 Offset;
  u16 Length;
  u8 Type;
  char Name[1];
};

} // namespace

int getThreadStatus(s32 Thread, char *Buffer, uptr Size, ThreadStatus *Status) {
  ScopedErrno KeepErrno;
  *Status = ThreadStatus();
  const int Error = readText(ThreadPath(Thread, "status").Text, Buffer, Size);
  if (Error == ENOENT || Error == ESRCH)
    return 0;
  if (Error)
    return Error;
  const char *State = findField(Buffer, "\nState:\t");
  const char *Pending = findField(Buffer, "\nSigPnd:\t");
  const char *Blocked = findField(Buffer, "\nSigBlk:\t");
  if (!State || !Pending || !Blocked)
    return ENOTSUP;
  // A main thread that has called pthread_exit() stays as a zombie.
  Status->Exists = *State != 'Z' && *State != 'X';
  Status->Pending = parseHex(Pending);
  Status->Blocked = parseHex(Blocked);
  return 0;
}

bool isInSigwait(s32 Thread, char *Buffer, uptr Size) {
  ScopedErrno KeepErrno;
  if (readText(ThreadPath(Thread, "syscall").Text, Buffer, Size) != 0)
    return false;
  long Number = 0;
  const char *Digit = Buffer;
  for (; *Digit >= '0' && *Digit <= '9'; Digit++)
    Number = Number * 10 + (*Digit - '0');
  return Digit != Buffer && Number == SYS_rt_sigtimedwait;
}

int ThreadList::open() {
  ScopedErrno KeepErrno;
  return openParked("/proc/self/task", &Directory);
}

int ThreadList::next(s32 *Thread) {
  ScopedErrno KeepErrno;
  for (;;) {
    if (At == Filled) {
      const long Got = syscall(SYS_getdents64, Directory.Fd, Buffer, Size);
      if (Got == -1)
        return errno;
      if (!isSameFile(Directory.Fd, Directory.Identity))
        return EBADF;
      At = 0;
      Filled = static_cast<uptr>(Got);
      if (Filled == 0) {
        *Thread = 0;
        return 0;
      }
    }
    const auto *Entry = reinterpret_cast<DirectoryEntry *>(Buffer + At);
    At += Entry->Length;
    *Thread = 0;
    for (const char *C = Entry->Name; *C >= '0' && *C <= '9'; C++)
      *Thread = *Thread * 10 + (*C - '0');
    if (*Thread) {
      Count++;
      return 0;
    }
  }
}

bool ThreadList::hasAll() {
  ScopedErrno KeepErrno;
  // Itself, its entry in its parent, and a subdirectory for each thread.
  struct stat Status;
  return fstat(Directory.Fd, &Status) == 0 && Count + 2 >= Status.st_nlink;
}

ThreadList::~ThreadList() { giveUp(&Directory); }

} // namespace refpage
