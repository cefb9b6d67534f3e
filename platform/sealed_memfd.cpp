// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/sealed_memfd.h"

#include "platform/mapping.h"
#include "platform/memory_tag.h"
#include "platform/scoped_errno.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

// Since Linux 6.3; older headers lack the name.
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif

namespace refpage {
namespace {

// Whether Fd can be the memory file that was just made: empty, of no folder,
// and with just the seals that it came with. Between two calls the number may
// have become another file's. From 6.3 on even another new memory file, such as
// programs make them, differs: by the seal of MFD_NOEXEC_SEAL.
bool looksNew(int Fd, int Seals) {
  struct stat Status;
  return fcntl(Fd, F_GET_SEALS) == Seals && fstat(Fd, &Status) == 0 &&
         Status.st_size == 0 && Status.st_nlink == 0;
}

} // namespace

MemfdInMaking::~MemfdInMaking() { giveUp(&File); }

int MemfdInMaking::expectOurs() const {
  return isSameFile(File.Fd, File.Identity) ? 0 : EBADF;
}

int MemfdInMaking::create(const char *Name, uptr Size) {
  ScopedErrno KeepErrno;
  // To size a file above the limit is not only an error, it is a signal
  // (SIGXFSZ), which kills.
  rlimit FileSize;
  if (getrlimit(RLIMIT_FSIZE, &FileSize) == -1)
    return errno;
  if (Size > FileSize.rlim_cur)
    return EFBIG;

  const unsigned Flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  int Seals = F_SEAL_EXEC;
  int LowFd = memfd_create(Name, Flags | MFD_NOEXEC_SEAL);
  if (LowFd == -1 && errno == EINVAL) {
    Seals = 0;
    LowFd = memfd_create(Name, Flags);
  }
  if (LowFd == -1)
    return errno;
  const auto IsOurs = [Seals](int Fd) { return looksNew(Fd, Seals); };
  if (const int Error = parkIfOurs(LowFd, IsOurs, &File))
    return Error;
  if (const int Error = expectOurs())
    return Error;
  return ftruncate(File.Fd, static_cast<off_t>(Size)) == -1 ? errno : 0;
}

int MemfdInMaking::write(uptr Size, u64 Pattern) {
  ScopedErrno KeepErrno;
  // One chunk of pattern, written many times in one call: it stays in the
  // caches, and the fewer calls, the fewer moments in which the descriptor can
  // be lost. In memory of its own, since the stack may be a small thread's.
  constexpr uptr ChunkSize = 64UL << 10;
  constexpr uptr MaxChunks = 64;
  void *Memory = mmap(nullptr, ChunkSize, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (Memory == MAP_FAILED)
    return errno;
  u64 *Chunk = static_cast<u64 *>(Memory);
  const uptr Used = scudo::Min(ChunkSize, Size);
  for (uptr I = 0; I != Used / sizeof(u64); I++)
    Chunk[I] = Pattern;

  int Error = 0;
  for (uptr Done = 0; Done < Size && !Error;) {
    iovec Vector[MaxChunks];
    int Parts = 0;
    // A short write may have ended inside a word; the first part then starts
    // there, to keep the pattern's phase.
    uptr Phase = Done % sizeof(u64);
    for (uptr Length = 0;
         Parts < static_cast<int>(MaxChunks) && Done + Length < Size;
         Length += Vector[Parts++].iov_len, Phase = 0)
      Vector[Parts] = {reinterpret_cast<u8 *>(Chunk) + Phase,
                       scudo::Min(Used - Phase, Size - Done - Length)};
    Error = expectOurs();
    if (Error)
      break;
    const ssize_t Written =
        pwritev(File.Fd, Vector, Parts, static_cast<off_t>(Done));
    if (Written > 0)
      Done += static_cast<uptr>(Written);
    else if (Written == 0)
      Error = EIO;
    else if (errno != EINTR)
      Error = errno;
  }
  unmapMemory(reinterpret_cast<uptr>(Memory), ChunkSize);
  return Error;
}

int MemfdInMaking::tag(uptr Size, u8 Tag) {
  uptr Base;
  if (const int Error =
          mapFileShared(File.Fd, Size, MemoryTags::Allowed, &Base))
    return Error;
  // After the mapping: if the file is ours now it was ours then.
  const int Error = expectOurs();
  if (!Error)
    storeTags(Base, Size, Tag);
  // A shared view that stays would keep the file's memory, and from being
  // sealed.
  if (unmapMemory(Base, Size) != 0)
    mapAnonymousOver(Base, Size);
  return Error;
}

int MemfdInMaking::seal() {
  ScopedErrno KeepErrno;
  constexpr int Seals =
      F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
  if (const int Error = expectOurs())
    return Error;
  return fcntl(File.Fd, F_ADD_SEALS, Seals) == -1 ? errno : 0;
}

bool MemfdInMaking::showsTag(uptr Offset, u8 Tag) const {
  const uptr PageSize = scudo::getPageSizeCached();
  uptr Base;
  if (reserveMemory(PageSize, &Base) != 0)
    return false;
  const bool Shows =
      mapFileOver(File.Fd, Offset, Base, PageSize, MemoryTags::Allowed) == 0 &&
      expectOurs() == 0 && loadTag(Base) == Tag &&
      loadTag(Base + PageSize - TagGranule) == Tag;
  reserveHole(Base, PageSize);
  unmapMemory(Base, PageSize);
  return Shows;
}

KeptFile MemfdInMaking::release() {
  const KeptFile Result = File;
  File = KeptFile();
  return Result;
}

} // namespace refpage
