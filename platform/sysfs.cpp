// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/sysfs.h"

#include "platform/parked_fd.h"
#include "platform/scoped_errno.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace refpage {

int readSysfs(const char *Path, char *Text, uptr Size) {
  ScopedErrno KeepErrno;
  KeptFile File;
  if (const int Error = openParked(Path, &File))
    return Error;
  struct statfs System;
  ssize_t Length = 0;
  int Error = fstatfs(File.Fd, &System) == -1 ? errno : 0;
  if (!Error && System.f_type != SYSFS_MAGIC)
    Error = EBADMSG;
  if (!Error) {
    Length = read(File.Fd, Text, Size);
    if (Length == -1)
      Error = errno;
    else if (Length == 0 || static_cast<uptr>(Length) == Size)
      Error = EBADMSG;
  }
  giveUp(&File);
  if (!Error)
    Text[Length] = '\0';
  return Error;
}

} // namespace refpage
