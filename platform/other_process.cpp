// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/other_process.h"

#include "platform/scoped_errno.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace refpage {
namespace {

// What getdents64() writes; glibc's dirent.h would need a stream, which
// allocates.
struct FolderEntry {
  u64 Inode;
  u64 Offset;
  u16 Length;
  u8 Type;
  char Name[1];
};

// For a process that has gone files in its folder fail so.
int explain(int Error) { return Error == ENOENT ? ESRCH : Error; }

} // namespace

int OtherProcess::open(s32 Pid) {
  ScopedErrno KeepErrno;
  close();
  char Path[32];
  snprintf(Path, sizeof(Path), "/proc/%d", Pid);
  Folder = ::open(Path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (Folder != -1)
    return 0;
  const int Error = errno;
  struct statfs Proc;
  if (statfs("/proc", &Proc) == -1 || Proc.f_type != PROC_SUPER_MAGIC)
    return ENOTSUP;
  return explain(Error);
}

void OtherProcess::close() {
  closeFile(Folder);
  Folder = -1;
}

int OtherProcess::openFile(const char *Name, int *Fd) const {
  ScopedErrno KeepErrno;
  *Fd = openat(Folder, Name, O_RDONLY | O_CLOEXEC);
  return *Fd == -1 ? explain(errno) : 0;
}

int OtherProcess::getName(Name *Result) const {
  int Fd;
  if (const int Error = openFile("comm", &Fd))
    return Error;
  uptr Got;
  const int Error = readAt(Fd, Result->Text, sizeof(Result->Text) - 1, 0, &Got);
  closeFile(Fd);
  if (Error)
    return Error;
  Result->Text[Got] = '\0';
  if (char *End = strchr(Result->Text, '\n'))
    *End = '\0';
  return 0;
}

int OtherProcess::readLink(const char *Path, char *Text, uptr Size) const {
  ScopedErrno KeepErrno;
  const ssize_t Length = readlinkat(Folder, Path, Text, Size - 1);
  if (Length == -1)
    return explain(errno);
  Text[Length] = '\0';
  return 0;
}

OtherProcess::FolderReader::~FolderReader() { closeFile(Fd); }

int OtherProcess::FolderReader::open(const OtherProcess &Of,
                                     const char *Folder) {
  return Of.openFile(Folder, &Fd);
}

bool OtherProcess::FolderReader::next(const OtherProcess &Of,
                                      const char *Prefix, OpenFile *Found,
                                      int *Error) {
  ScopedErrno KeepErrno;
  for (;;) {
    if (At == Length) {
      const long Got = syscall(SYS_getdents64, Fd, Entries, sizeof(Entries));
      if (Got <= 0) {
        *Error = Got ? explain(errno) : 0;
        return false;
      }
      Length = static_cast<uptr>(Got);
      At = 0;
    }
    const FolderEntry *Entry = reinterpret_cast<FolderEntry *>(Entries + At);
    At += Entry->Length;
    char Path[32];
    char Link[64];
    snprintf(Path, sizeof(Path), "fd/%.20s", Entry->Name);
    struct stat Status;
    // It may have been closed meanwhile.
    if (Entry->Name[0] == '.' || Of.readLink(Path, Link, sizeof(Link)) != 0 ||
        strncmp(Link, Prefix, strlen(Prefix)) != 0 ||
        fstatat(Of.Folder, Path, &Status, 0) == -1)
      continue;
    constexpr uptr StatBlock = 512;
    *Found = {atoi(Entry->Name), Status.st_dev, Status.st_ino,
              static_cast<uptr>(Status.st_size),
              static_cast<uptr>(Status.st_blocks) * StatBlock};
    return true;
  }
}

int readAt(int Fd, void *Buffer, uptr Size, u64 Offset, uptr *Got) {
  ScopedErrno KeepErrno;
  *Got = 0;
  while (*Got != Size) {
    const ssize_t Part = pread(Fd, static_cast<char *>(Buffer) + *Got,
                               Size - *Got, static_cast<off_t>(Offset + *Got));
    if (Part == 0)
      break;
    if (Part > 0)
      *Got += static_cast<uptr>(Part);
    else if (errno != EINTR)
      return errno;
  }
  return 0;
}

void closeFile(int Fd) {
  ScopedErrno KeepErrno;
  if (Fd != -1)
    close(Fd);
}

} // namespace refpage
