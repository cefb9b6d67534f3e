// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/pagemap.h"

#include "platform/scoped_errno.h"

#include <fcntl.h>
#include <unistd.h>

namespace refpage {
namespace {

uptr readAt(int Fd, uptr Address, uptr Pages, u64 *Entries) {
  const off_t Offset =
      static_cast<off_t>(Address / scudo::getPageSizeCached() * sizeof(u64));
  ssize_t Got;
  do
    Got = pread(Fd, Entries, Pages * sizeof(u64), Offset);
  while (Got == -1 && errno == EINTR);
  return Got <= 0 ? 0 : static_cast<uptr>(Got) / sizeof(u64);
}

} // namespace

// The parent's file that a child inherits has the identity it had, so a fork
// has to be seen by itself. Without a way to see forks nothing can be kept.
bool Pagemap::getFile(KeptFile *Result) {
  scudo::ScopedLock L(Mutex);
  if (File.Fd == -1 || !Forks.isSameProcess()) {
    giveUp(&File);
    if (!Forks.arm())
      return false;
    const int NewFd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (NewFd == -1)
      return false;
    if (parkFd(NewFd, &File.Fd, &File.Identity) != 0) {
      File.Fd = -1;
      return false;
    }
  }
  *Result = File;
  return true;
}

void Pagemap::reportLost(const KeptFile &Lost) {
  scudo::ScopedLock L(Mutex);
  if (File.Fd == Lost.Fd && File.Identity == Lost.Identity)
    File.Fd = -1;
}

// What was read counts only if the descriptor still is ours afterwards: then it
// was ours before, since a number once lost never comes back by itself.
uptr Pagemap::readEntries(uptr Address, uptr Pages, u64 *Entries) {
  ScopedErrno KeepErrno;
  constexpr u32 MaxTries = 3;
  for (u32 Try = 0; Try != MaxTries; Try++) {
    KeptFile Current;
    if (!getFile(&Current))
      return 0;
    const uptr Count =
        readAt(Current.Fd, Address, scudo::Min(Pages, MaxEntries), Entries);
    if (isSameFile(Current.Fd, Current.Identity))
      return Count;
    reportLost(Current);
  }
  return 0;
}

void Pagemap::close() {
  scudo::ScopedLock L(Mutex);
  giveUp(&File);
}

} // namespace refpage
