// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/sysfs.h"

#include "platform/scoped_errno.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace refpage {

bool isOnSysfs(const KeptFile &File) {
  ScopedErrno KeepErrno;
  struct statfs System;
  return fstatfs(File.Fd, &System) == 0 && System.f_type == SYSFS_MAGIC;
}

int readAttribute(const KeptFile &File, char *Text, uptr Size) {
  ScopedErrno KeepErrno;
  const ssize_t Length = read(File.Fd, Text, Size);
  if (Length == -1)
    return errno;
  if (Length == 0 || static_cast<uptr>(Length) == Size)
    return EBADMSG;
  Text[Length] = '\0';
  return 0;
}

} // namespace refpage
