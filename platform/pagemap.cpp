// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/pagemap.h"

#include "platform/scoped_errno.h"

#include <fcntl.h>
#include <unistd.h>

namespace refpage {

PagemapReader::PagemapReader() {
  ScopedErrno KeepErrno;
  Fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
}

PagemapReader::~PagemapReader() {
  ScopedErrno KeepErrno;
  if (Fd != -1)
    close(Fd);
}

uptr PagemapReader::readEntries(uptr Address, uptr Pages) {
  ScopedErrno KeepErrno;
  if (Fd == -1)
    return 0;
  const uptr Wanted = scudo::Min(Pages, MaxEntries) * sizeof(u64);
  const off_t Offset = static_cast<off_t>(
      Address / scudo::getPageSizeCached() * sizeof(u64));
  ssize_t Got;
  do
    Got = pread(Fd, Entries, Wanted, Offset);
  while (Got == -1 && errno == EINTR);
  return Got <= 0 ? 0 : static_cast<uptr>(Got) / sizeof(u64);
}

} // namespace refpage
