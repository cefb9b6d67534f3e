// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// File descriptors kept by a library inside somebody else's program.
//
// Programs close descriptors they do not know (daemons, close_range()) and then
// get the same numbers for files of their own. So a kept descriptor is moved
// out of the way of low numbers, and its identity is checked at each use: a
// number by itself proves nothing. No function touches `errno`, locks or
// allocates.

#ifndef REFPAGE_PLATFORM_PARKED_FD_H_
#define REFPAGE_PLATFORM_PARKED_FD_H_

#include "platform/types.h"

#include <errno.h>

namespace refpage {

// What tells one open file from every other for as long as it exists.
struct FileIdentity {
  u64 Device = 0;
  u64 Inode = 0;

  bool operator==(const FileIdentity &Other) const {
    return Device == Other.Device && Inode == Other.Inode;
  }
};

// An open file that is kept: its number and what it must be.
struct KeptFile {
  int Fd = -1;
  FileIdentity Identity;
};

// Duplicates Fd to a high, close-on-exec number near the top of what the
// process may use (RLIMIT_NOFILE, at most 1024: the kernel's table grows with
// the number). On success sets *ParkedFd and *Identity and returns 0. Never
// parks on 0, 1 or 2, which programs write to unseen. EBADF: Fd became another
// file meanwhile, or none.
//
// Until here another thread may have closed Fd and have got its number for a
// file of its own, which then is what was duplicated. So the caller looks
// whether ParkedFd, which no open() returns, is what it opened, before it uses
// it and before it closes Fd.
int duplicateParked(int Fd, int *ParkedFd, FileIdentity *Identity);

// The same for a descriptor that was just opened, with that look: IsOurs(a
// descriptor) tells whether it is what was opened. Fd is closed unless it is
// not. *New is set on success only. EBADF: it was lost to the program.
template <typename Predicate>
int parkIfOurs(int Fd, Predicate IsOurs, KeptFile *New);

// Opens a file for reading and parks it; what it finds in its place, a pipe or
// a terminal, is neither waited for nor taken over. Returns 0 or an errno;
// EBADF: the descriptor was lost to the program, whose file is left alone.
int openParked(const char *Path, KeptFile *File);

// The same for a file that is to be appended to, and is made if it is not
// there.
int openParkedToAppend(const char *Path, KeptFile *File);

// Where /proc/self/fd/N leads, which tells the kernel's own objects apart.
enum class FdLink : u8 { Wanted, Other, Unreadable };
FdLink readLink(int Fd, const char *WantedText);

// Whether Fd is open and is the file of that identity.
bool isSameFile(int Fd, const FileIdentity &Identity);

// Closes Fd if it is still that file; a number that the program has closed and
// reused is the program's, and stays open.
void closeIfSame(int Fd, const FileIdentity &Identity);

// The same for a kept file, which is none afterwards.
void giveUp(KeptFile *File);

template <typename Predicate>
int parkIfOurs(int Fd, Predicate IsOurs, KeptFile *New) {
  KeptFile Parked;
  const int Error = duplicateParked(Fd, &Parked.Fd, &Parked.Identity);
  if (Error == EBADF)
    return Error;
  // If it is somebody else's by now, so is its low number, which stays open.
  const bool Ours = IsOurs(Error ? Fd : Parked.Fd);
  if (Ours)
    closeIfSame(Fd, Parked.Identity);
  if (Error)
    return Error;
  if (!Ours) {
    giveUp(&Parked);
    return EBADF;
  }
  *New = Parked;
  return 0;
}

} // namespace refpage

#endif // REFPAGE_PLATFORM_PARKED_FD_H_
