// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/parked_fd.h"

#include "platform/scoped_errno.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace refpage {
namespace {

bool identify(int Fd, FileIdentity *Identity) {
  struct stat Status;
  if (fstat(Fd, &Status) == -1)
    return false;
  Identity->Device = Status.st_dev;
  Identity->Inode = Status.st_ino;
  return true;
}

// Whether Fd can be what was opened here with these flags: hardly anything else
// is both read-only (or is appended to) and non-blocking, but for the kernel's
// own objects (inotify), which have no type. To look again at the path does not
// do: that of a thread is gone with it.
bool isOpenedAsHere(int Fd, int Expected) {
  constexpr int Compared = O_ACCMODE | O_APPEND | O_NONBLOCK;
  const int Flags = fcntl(Fd, F_GETFL);
  struct stat Status;
  return Flags != -1 && (Flags & Compared) == (Expected & Compared) &&
         fstat(Fd, &Status) == 0 && (Status.st_mode & S_IFMT) != 0;
}

int openParkedWith(const char *Path, int Flags, KeptFile *File) {
  ScopedErrno KeepErrno;
  constexpr mode_t Mode = 0666; // Less the umask.
  const int Fd = open(Path, Flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, Mode);
  if (Fd == -1)
    return errno;
  return parkIfOurs(
      Fd,
      [Flags](int Opened) {
        return isOpenedAsHere(Opened, Flags | O_NONBLOCK);
      },
      File);
}

} // namespace

int duplicateParked(int Fd, int *ParkedFd, FileIdentity *Identity) {
  ScopedErrno KeepErrno;
  if (!identify(Fd, Identity))
    return errno;

  constexpr rlim_t HighestTop = 1024;
  constexpr rlim_t Room = 64;
  rlimit Limit;
  rlim_t Top = HighestTop;
  if (getrlimit(RLIMIT_NOFILE, &Limit) == 0)
    Top = scudo::Min(Limit.rlim_cur, HighestTop);
  // Descriptors near the top first; a process with a tiny limit still gets one
  // above the standard streams.
  constexpr int FirstFree = 3;
  const int High =
      Top > Room + FirstFree ? static_cast<int>(Top - Room) : FirstFree;
  int NewFd = fcntl(Fd, F_DUPFD_CLOEXEC, High);
  if (NewFd == -1 && High != FirstFree)
    NewFd = fcntl(Fd, F_DUPFD_CLOEXEC, FirstFree);
  if (NewFd == -1)
    return errno;
  *ParkedFd = NewFd;
  if (isSameFile(NewFd, *Identity))
    return 0;
  // Either Fd became another file between the two calls, of which this is a
  // copy that nobody knows about; or the copy's number did, and is not ours.
  FileIdentity Instead;
  if (identify(Fd, &Instead) && !(Instead == *Identity))
    closeIfSame(NewFd, Instead);
  return EBADF;
}

bool isSameFile(int Fd, const FileIdentity &Identity) {
  ScopedErrno KeepErrno;
  FileIdentity Found;
  return Fd >= 0 && identify(Fd, &Found) && Found == Identity;
}

void closeIfSame(int Fd, const FileIdentity &Identity) {
  ScopedErrno KeepErrno;
  if (isSameFile(Fd, Identity))
    close(Fd);
}

FdLink readLink(int Fd, const char *WantedText) {
  ScopedErrno KeepErrno;
  char Path[] = "/proc/self/fd/----------";
  char *Digits = Path + sizeof("/proc/self/fd/") - 1;
  u32 Length = 1;
  for (int Rest = Fd; Rest >= 10; Rest /= 10)
    Length++;
  Digits[Length] = '\0';
  for (int Rest = Fd; Length != 0; Rest /= 10)
    Digits[--Length] = static_cast<char>('0' + Rest % 10);
  char Text[64];
  const ssize_t Got = readlink(Path, Text, sizeof(Text));
  if (Got == -1)
    return FdLink::Unreadable;
  const uptr TextLength = static_cast<uptr>(Got);
  return TextLength == strlen(WantedText) &&
                 memcmp(Text, WantedText, TextLength) == 0
             ? FdLink::Wanted
             : FdLink::Other;
}

int openParked(const char *Path, KeptFile *File) {
  return openParkedWith(Path, O_RDONLY, File);
}

int openParkedToAppend(const char *Path, KeptFile *File) {
  return openParkedWith(Path, O_WRONLY | O_APPEND | O_CREAT, File);
}

void giveUp(KeptFile *File) {
  closeIfSame(File->Fd, File->Identity);
  *File = KeptFile();
}

} // namespace refpage
