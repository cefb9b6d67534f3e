// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/shared_file.h"

#include "platform/mapping.h"
#include "platform/parked_fd.h"
#include "platform/scoped_errno.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef F_GET_SEALS
#define F_GET_SEALS 1034
#define F_SEAL_SHRINK 0x0002
#endif

namespace refpage {
namespace {

bool isSealed(int Fd) {
  const int Seals = fcntl(Fd, F_GET_SEALS);
  return Seals != -1 && (Seals & F_SEAL_SHRINK);
}

} // namespace

// Nothing is opened that acts on being opened but what the user has named.
int mapSharedFile(const char *Path, uptr Size, uptr *Base) {
  ScopedErrno KeepErrno;
  const int Fd = open(Path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (Fd == -1)
    return errno;
  // One that is not sealed may be the program's by now, and stays open then.
  struct stat Status;
  if (!isSealed(Fd)) {
    close(Fd);
    return EINVAL;
  }
  KeptFile File;
  if (const int Error = parkIfOurs(Fd, isSealed, &File))
    return Error;
  const int Error = fstat(File.Fd, &Status) == -1 ? errno
                    : Status.st_size < static_cast<off_t>(Size)
                        ? EINVAL
                        : mapFileShared(File.Fd, Size, MemoryTags::None, Base);
  giveUp(&File);
  return Error;
}

} // namespace refpage
