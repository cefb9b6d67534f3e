// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/sealed_memfd.h"

#include "platform/scoped_errno.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

// Since Linux 6.3; older headers lack the name.
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace refpage {

int createMemfd(const char *Name, uptr Size, int *Fd) {
  ScopedErrno KeepErrno;
  // To size a file above the limit is not only an error, it is a signal
  // (SIGXFSZ), which kills.
  rlimit FileSize;
  if (getrlimit(RLIMIT_FSIZE, &FileSize) == -1)
    return errno;
  if (Size > FileSize.rlim_cur)
    return EFBIG;
  const unsigned Flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  int NewFd = memfd_create(Name, Flags | MFD_NOEXEC_SEAL);
  if (NewFd == -1 && errno == EINVAL)
    NewFd = memfd_create(Name, Flags);
  if (NewFd == -1)
    return errno;
  if (ftruncate(NewFd, static_cast<off_t>(Size)) == -1) {
    const int Error = errno;
    close(NewFd);
    return Error;
  }
  *Fd = NewFd;
  return 0;
}

int writePattern(int Fd, uptr Size, u64 Pattern) {
  ScopedErrno KeepErrno;
  // One page of pattern, written many times a call: it stays in the first-level
  // cache, and the stack of a small thread can hold it.
  constexpr uptr ChunkSize = 4096;
  constexpr uptr MaxChunks = 64;
  u64 Chunk[ChunkSize / sizeof(u64)];
  for (u64 &Word : Chunk)
    Word = Pattern;
  iovec Vector[MaxChunks];
  for (iovec &Part : Vector)
    Part = {Chunk, ChunkSize};

  uptr Done = 0;
  while (Done < Size) {
    const uptr Left = Size - Done;
    // A short write may have ended inside a word; the first part then starts
    // there, to keep the pattern's phase.
    const uptr Phase = Done % sizeof(u64);
    Vector[0] = {reinterpret_cast<u8 *>(Chunk) + Phase,
                 scudo::Min(ChunkSize - Phase, Left)};
    int Parts = 1;
    for (uptr Length = Vector[0].iov_len;
         Parts < static_cast<int>(MaxChunks) && Length + ChunkSize <= Left;
         Length += ChunkSize)
      Parts++;
    const ssize_t Written =
        pwritev(Fd, Vector, Parts, static_cast<off_t>(Done));
    if (Written > 0)
      Done += static_cast<uptr>(Written);
    else if (Written == 0)
      return EIO;
    else if (errno != EINTR)
      return errno;
  }
  return 0;
}

int sealMemfd(int Fd) {
  ScopedErrno KeepErrno;
  constexpr int Seals =
      F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
  return fcntl(Fd, F_ADD_SEALS, Seals) == -1 ? errno : 0;
}

void discardMemfd(int Fd) {
  ScopedErrno KeepErrno;
  close(Fd);
}

} // namespace refpage
