// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/mapping.h"

#include "platform/mapping_name.h"
#include "platform/memory_tag.h"
#include "platform/parked_fd.h"
#include "platform/scoped_errno.h"
#include "platform/sysfs.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// Since Linux 5.14, 4.17 and 4.14; older headers lack the names.
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

namespace refpage {
namespace {

void *pointer(uptr Address) { return reinterpret_cast<void *>(Address); }

// The protection of memory in use. PROT_MTE has a number on arm64 only;
// elsewhere a bit that no kernel knows would be accepted without effect.
int readWrite(MemoryTags Tags) {
  constexpr int ProtMte = 0x20;
  return PROT_READ | PROT_WRITE | (Tags == MemoryTags::Allowed ? ProtMte : 0);
}

bool canAllow(MemoryTags Tags) {
  return Tags == MemoryTags::None || mayHaveMemoryTags();
}

int mapOver(uptr Base, uptr Size, MemoryTags Tags, int Flags, int Fd,
            uptr Offset) {
  if (!canAllow(Tags))
    return ENOTSUP;
  ScopedErrno KeepErrno;
  void *P =
      mmap(pointer(Base), Size, readWrite(Tags),
           MAP_PRIVATE | MAP_FIXED | Flags, Fd, static_cast<off_t>(Offset));
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
  nameMapping(*Base, Size);
  return 0;
}

int reserveAligned(uptr Size, uptr Alignment, uptr Offset, uptr *Base) {
  uptr Start = 0;
  if (const int Error = reserveMemory(Size + Alignment, &Start))
    return Error;
  const uptr End = Start + Size + Alignment;
  *Base = scudo::roundUp(Start - Offset, Alignment) + Offset;
  // What cannot be given back, at the limit of mappings, takes no memory.
  if (*Base != Start)
    unmapMemory(Start, *Base - Start);
  if (*Base + Size != End)
    unmapMemory(*Base + Size, End - *Base - Size);
  return 0;
}

int mapWipedOnFork(uptr Size, uptr *Base) {
  ScopedErrno KeepErrno;
  void *P = mmap(nullptr, Size, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (P == MAP_FAILED)
    return errno;
  if (const int Error =
          advise(reinterpret_cast<uptr>(P), Size, MADV_WIPEONFORK)) {
    munmap(P, Size);
    return Error;
  }
  *Base = reinterpret_cast<uptr>(P);
  return 0;
}

int commitReserved(uptr Base, uptr Size, MemoryTags Tags) {
  if (!canAllow(Tags))
    return ENOTSUP;
  ScopedErrno KeepErrno;
  return mprotect(pointer(Base), Size, readWrite(Tags)) == -1 ? errno : 0;
}

int mapAnonymousOver(uptr Base, uptr Size, MemoryTags Tags) {
  const int Error = mapOver(Base, Size, Tags, MAP_ANONYMOUS, -1, 0);
  if (!Error)
    nameMapping(Base, Size);
  return Error;
}

int mapFileOver(int Fd, uptr Offset, uptr Base, uptr Size, MemoryTags Tags) {
  return mapOver(Base, Size, Tags, 0, Fd, Offset);
}

int mapFileShared(int Fd, uptr Size, MemoryTags Tags, uptr *Base) {
  if (!canAllow(Tags))
    return ENOTSUP;
  ScopedErrno KeepErrno;
  void *P =
      mmap(nullptr, Size, readWrite(Tags), MAP_SHARED | MAP_POPULATE, Fd, 0);
  if (P == MAP_FAILED)
    return errno;
  *Base = reinterpret_cast<uptr>(P);
  return 0;
}

void reserveHole(uptr Base, uptr Size) {
  ScopedErrno KeepErrno;
  void *P = mmap(pointer(Base), Size, PROT_NONE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  // A kernel before 4.17 takes the address for a hint and may map elsewhere.
  if (P != MAP_FAILED && P != pointer(Base))
    munmap(P, Size);
}

int protectMemory(uptr Base, uptr Size) {
  ScopedErrno KeepErrno;
  return mprotect(pointer(Base), Size, PROT_NONE) == -1 ? errno : 0;
}

namespace {

// Asks for a page more than the range, in place: EFAULT says that the range is
// not one mapping. There is no room for the page, since what follows a range is
// its guard or the rest of it.
bool isOneMapping(uptr Base, uptr Size) {
  const uptr PageSize = scudo::getPageSizeCached();
  if (mremap(pointer(Base), Size, Size + PageSize, 0) == MAP_FAILED)
    return errno != EFAULT;
  munmap(pointer(Base + Size), PageSize);
  return true;
}

// How much from Base on, at most Size, is one mapping.
uptr getMappingSize(uptr Base, uptr Size) {
  const uptr PageSize = scudo::getPageSizeCached();
  if (isOneMapping(Base, Size))
    return Size;
  uptr Least = 1;
  uptr TooMany = Size / PageSize;
  while (TooMany - Least > 1) {
    const uptr Middle = Least + (TooMany - Least) / 2;
    (isOneMapping(Base, Middle * PageSize) ? Least : TooMany) = Middle;
  }
  return Least * PageSize;
}

} // namespace

// Before 6.17 the kernel moves one mapping a call, and to a range of several
// says EFAULT, after it has unmapped the target: a hole that another thread can
// be given. Since 6.17 it moves them all, but if that fails in the middle does
// not tell where. So it is one a call, and where the program has split one of
// ours (mprotect, madvise, mlock) that is found out before.
int moveMemory(uptr From, uptr To, uptr Size, uptr First, uptr Each,
               uptr *Moved, u32 *Mappings) {
  ScopedErrno KeepErrno;
  *Moved = 0;
  *Mappings = 0;
  uptr PieceEnd = scudo::Min(First ? First : Each, Size);
  while (*Moved != Size) {
    const uptr Step = getMappingSize(From + *Moved, PieceEnd - *Moved);
    if (mremap(pointer(From + *Moved), Step, Step,
               MREMAP_MAYMOVE | MREMAP_FIXED,
               pointer(To + *Moved)) == MAP_FAILED) {
      const int Error = errno;
      reserveHole(To + *Moved, Step);
      return Error;
    }
    *Moved += Step;
    ++*Mappings;
    if (*Moved == PieceEnd)
      PieceEnd = *Moved + scudo::Min(Each, Size - *Moved);
  }
  return 0;
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

bool allowsHugePages() {
  KeptFile Enabled;
  if (openParked("/sys/kernel/mm/transparent_hugepage/enabled", &Enabled) != 0)
    return false;
  char Text[64];
  const int Error = readAttribute(Enabled, Text, sizeof(Text));
  giveUp(&Enabled);
  // The choice that is in force is in brackets.
  return !Error && !strstr(Text, "[never]");
}

} // namespace refpage
