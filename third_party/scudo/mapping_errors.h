// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Included in front of upstream's mem_map_linux.cpp, by the compiler's
// -include: what becomes of two errors there (LLVM 19).
//
// No memory for small blocks. Upstream's Primary asks for a null pointer then
// (MAP_ALLOWNOMEM) and is prepared for it: malloc() returns one. But
// MemMapLinux::remapImpl(), which it calls, takes that null pointer for a
// mapping at the wrong address and ends the process ("internal map failure").
// Here it returns false.
//
// Pages that cannot be dropped, since the program has locked them (mlock): that
// is no error of free(), which must not change errno (POSIX.1-2024).

#ifndef REFPAGE_THIRD_PARTY_SCUDO_MAPPING_ERRORS_H_
#define REFPAGE_THIRD_PARTY_SCUDO_MAPPING_ERRORS_H_

#include "common.h"
#include "report_linux.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

namespace refpage {

// EAGAIN: of a program that locks all its memory (mlockall), at RLIMIT_MEMLOCK.
inline bool isShortage(int Error) { return Error == ENOMEM || Error == EAGAIN; }

// As called by mmapWrapper() and remapImpl() right after mmap(). Flags are
// theirs: who does not allow for a shortage does not look for a null pointer.
struct FailedMapping {
  scudo::uptr Flags;

  void report(scudo::uptr SizeIfOOM = 0) const {
    if (!(Flags & MAP_ALLOWNOMEM) || !isShortage(errno))
      scudo::reportMapError(SizeIfOOM);
  }
};

// Upstream ignores all errors but EAGAIN, for which it would try for ever: a
// page that is briefly out of the kernel's hands.
inline int adviseKeepingErrno(void *Address, size_t Size, int Advice) {
  constexpr int MaxTries = 16;
  const int Saved = errno;
  for (int Try = 0; Try != MaxTries; Try++)
    if (madvise(Address, Size, Advice) == 0 || errno != EAGAIN)
      break;
  errno = Saved;
  return 0;
}

} // namespace refpage

#define reportMapError(...)                                                    \
  do {                                                                         \
    refpage::FailedMapping{Flags}.report(__VA_ARGS__);                         \
    return {};                                                                 \
  } while (false)

#define madvise refpage::adviseKeepingErrno

#endif // REFPAGE_THIRD_PARTY_SCUDO_MAPPING_ERRORS_H_
