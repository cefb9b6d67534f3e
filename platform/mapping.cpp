// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/mapping.h"

#include "platform/scoped_errno.h"

#include <sys/mman.h>

// Since Linux 5.14 and 4.17; older headers lack the names.
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

namespace refpage {
namespace {

void *pointer(uptr Address) { return reinterpret_cast<void *>(Address); }

int mapOver(uptr Base, uptr Size, int Flags, int Fd) {
  ScopedErrno KeepErrno;
  void *P = mmap(pointer(Base), Size, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_FIXED | Flags, Fd, 0);
  return P == MAP_FAILED ? errno : 0;
}

int advise(uptr Base, uptr Size, int Advice) {
  ScopedErrno KeepErrno;
  return madvise(pointer(Base), Size, Advice) == -1 ? errno : 0;
}

} // namespace

int reserveMemory(uptr Size, uptr *Base) {
  ScopedErrno KeepErrno;
  void *P = mmap(nullptr, Size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (P == MAP_FAILED)
    return errno;
  *Base = reinterpret_cast<uptr>(P);
  return 0;
}

int commitReserved(uptr Base, uptr Size) {
  ScopedErrno KeepErrno;
  return mprotect(pointer(Base), Size, PROT_READ | PROT_WRITE) == -1 ? errno
                                                                     : 0;
}

int mapAnonymousOver(uptr Base, uptr Size) {
  return mapOver(Base, Size, MAP_ANONYMOUS, -1);
}

int mapFileOver(int Fd, uptr Base, uptr Size) {
  return mapOver(Base, Size, 0, Fd);
}

void reserveHole(uptr Base, uptr Size) {
  ScopedErrno KeepErrno;
  void *P = mmap(pointer(Base), Size, PROT_NONE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  // A kernel before 4.17 takes the address for a hint and may map elsewhere.
  if (P != MAP_FAILED && P != pointer(Base))
    munmap(P, Size);
}

int unmapMemory(uptr Base, uptr Size) {
  ScopedErrno KeepErrno;
  return munmap(pointer(Base), Size) == -1 ? errno : 0;
}

int discardPages(uptr Base, uptr Size) {
  // EAGAIN: a page is briefly out of the kernel's hands; or, at the limit of
  // mappings, for good.
  constexpr u32 MaxTries = 16;
  int Error = EAGAIN;
  for (u32 Try = 0; Try != MaxTries && Error == EAGAIN; Try++)
    Error = advise(Base, Size, MADV_DONTNEED);
  return Error;
}

int populatePages(uptr Base, uptr Size) {
  const int Error = advise(Base, Size, MADV_POPULATE_WRITE);
  return Error == EINVAL ? ENOTSUP : Error;
}

void adviseHugePages(uptr Base, uptr Size) {
  advise(Base, Size, MADV_HUGEPAGE);
}

} // namespace refpage
