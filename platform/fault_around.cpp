// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/fault_around.h"

#include "platform/process.h"
#include "platform/scoped_errno.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// Of linux/userfaultfd.h since 5.11.
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

namespace refpage {

int FaultAroundSwitch::open() {
  const long Fd = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
  if (Fd == -1)
    return errno;
  const auto IsOurs = [](int New) {
    return readLink(New, "anon_inode:[userfaultfd]") == FdLink::Wanted;
  };
  if (const int Error = parkIfOurs(static_cast<int>(Fd), IsOurs, &File))
    return Error;
  uffdio_api Api = {};
  Api.api = UFFD_API;
  if (ioctl(File.Fd, UFFDIO_API, &Api) == 0)
    return 0;
  const int Error = errno;
  giveUp(&File);
  return Error;
}

int FaultAroundSwitch::switchOff(uptr Base, uptr Size) {
  ScopedErrno KeepErrno;
  // Programs lock themselves in while they run.
  if (hasSeccompFilter())
    return ECANCELED;
  if (!isIntact()) {
    File = KeptFile();
    if (const int Error = open())
      return Error;
  }
  uffdio_register Range = {};
  Range.range.start = Base;
  Range.range.len = Size;
  Range.mode = UFFDIO_REGISTER_MODE_WP;
  return ioctl(File.Fd, UFFDIO_REGISTER, &Range) == 0 ? 0 : errno;
}

bool FaultAroundSwitch::isIntact() const {
  return isSameFile(File.Fd, File.Identity);
}

void FaultAroundSwitch::close() { giveUp(&File); }

} // namespace refpage
