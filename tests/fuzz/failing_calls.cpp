// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tests/fuzz/failing_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>

namespace {

enum class Call : uint8_t {
  fcntl,
  ftruncate,
  ioctl,
  madvise,
  memfd_create,
  mmap,
  mprotect,
  mremap,
  open,
  pread,
  pwritev,
  readlink,
};

struct Failure {
  Call Which;
  const char *Name;
  int Errno;
};

constexpr Failure Failures[] = {
    {Call::mmap, "mmap", ENOMEM},
    {Call::mprotect, "mprotect", ENOMEM},
    {Call::mremap, "mremap", ENOMEM},
    {Call::mremap, "mremap", EFAULT},
    {Call::memfd_create, "memfd_create", EMFILE},
    {Call::memfd_create, "memfd_create", ENOSYS},
    {Call::ftruncate, "ftruncate", ENOMEM},
    {Call::pwritev, "pwritev", ENOSPC},
    {Call::fcntl, "fcntl", EMFILE},
    {Call::madvise, "madvise", ENOMEM},
    {Call::open, "open", EMFILE},
    {Call::pread, "pread", EIO},
    {Call::ioctl, "ioctl", ENOTTY},
    {Call::readlink, "readlink", ENOENT},
};

const Failure *Current = nullptr;
size_t CallsToFailure = 0;
bool FailsOnce = false;
bool LeavesHole = false;
size_t Failed = 0;

bool shallFail(Call Which) {
  if (!Current || Current->Which != Which)
    return false;
  if (CallsToFailure > 1) {
    CallsToFailure--;
    return false;
  }
  if (FailsOnce && Failed)
    return false;
  Failed++;
  errno = Current->Errno;
  return true;
}

} // namespace

namespace refpage_test {

FailingCalls::FailingCalls(Input &In, bool Once) {
  Failed = 0;
  Current = nullptr;
  if (!In.oneIn(4))
    return;
  const Failure *Chosen = &In.pick(Failures);
  CallsToFailure = 1 + In.upTo(15);
  FailsOnce = In.oneIn(2) || Once;
  LeavesHole = In.oneIn(2);
  trace("  call %zu of %s fails (%s)", CallsToFailure, Chosen->Name,
        FailsOnce ? "once" : "and all after it");
  Current = Chosen;
}

FailingCalls::~FailingCalls() { Current = nullptr; }

bool FailingCalls::anyFailed() const { return Failed != 0; }

} // namespace refpage_test

extern "C" {

// What asks for something that there may be none of. The others tell whose a
// descriptor is: to fail they would have to say that it is not ours.
int __real_fcntl(int Fd, int Command, ...);
int __wrap_fcntl(int Fd, int Command, ...) {
  va_list Arguments;
  va_start(Arguments, Command);
  void *Argument = va_arg(Arguments, void *);
  va_end(Arguments);
  const bool Takes = Command == F_DUPFD_CLOEXEC || Command == F_ADD_SEALS;
  return Takes && shallFail(Call::fcntl) ? -1
                                         : __real_fcntl(Fd, Command, Argument);
}

int __real_ftruncate(int Fd, off_t Size);
int __wrap_ftruncate(int Fd, off_t Size) {
  return shallFail(Call::ftruncate) ? -1 : __real_ftruncate(Fd, Size);
}

int __real_ioctl(int Fd, unsigned long Command, ...);
int __wrap_ioctl(int Fd, unsigned long Command, ...) {
  va_list Arguments;
  va_start(Arguments, Command);
  void *Argument = va_arg(Arguments, void *);
  va_end(Arguments);
  return shallFail(Call::ioctl) ? -1 : __real_ioctl(Fd, Command, Argument);
}

int __real_madvise(void *Address, size_t Size, int Advice);
int __wrap_madvise(void *Address, size_t Size, int Advice) {
  return shallFail(Call::madvise) ? -1 : __real_madvise(Address, Size, Advice);
}

int __real_memfd_create(const char *Name, unsigned Flags);
int __wrap_memfd_create(const char *Name, unsigned Flags) {
  return shallFail(Call::memfd_create) ? -1 : __real_memfd_create(Name, Flags);
}

// Kernels before 6.12 can unmap what they then cannot replace, and any kernel
// can lose the target of a move.
void *__real_mmap(void *Address, size_t Size, int Protection, int Flags, int Fd,
                  off_t Offset);
void *__wrap_mmap(void *Address, size_t Size, int Protection, int Flags, int Fd,
                  off_t Offset) {
  if (!shallFail(Call::mmap))
    return __real_mmap(Address, Size, Protection, Flags, Fd, Offset);
  const int Error = errno;
  if (LeavesHole && (Flags & MAP_FIXED))
    munmap(Address, Size);
  errno = Error;
  return MAP_FAILED;
}

int __real_mprotect(void *Address, size_t Size, int Protection);
int __wrap_mprotect(void *Address, size_t Size, int Protection) {
  return shallFail(Call::mprotect) ? -1
                                   : __real_mprotect(Address, Size, Protection);
}

void *__real_mremap(void *Old, size_t OldSize, size_t NewSize, int Flags, ...);
void *__wrap_mremap(void *Old, size_t OldSize, size_t NewSize, int Flags, ...) {
  // The question whether the range is one mapping.
  if (!(Flags & MREMAP_FIXED))
    return __real_mremap(Old, OldSize, NewSize, Flags);
  va_list Arguments;
  va_start(Arguments, Flags);
  void *New = va_arg(Arguments, void *);
  va_end(Arguments);
  if (!shallFail(Call::mremap))
    return __real_mremap(Old, OldSize, NewSize, Flags, New);
  const int Error = errno;
  if (LeavesHole)
    munmap(New, NewSize);
  errno = Error;
  return MAP_FAILED;
}

int __real_open(const char *Path, int Flags, ...);
int __wrap_open(const char *Path, int Flags, ...) {
  va_list Arguments;
  va_start(Arguments, Flags);
  const mode_t Mode = va_arg(Arguments, mode_t);
  va_end(Arguments);
  return shallFail(Call::open) ? -1 : __real_open(Path, Flags, Mode);
}

ssize_t __real_pread(int Fd, void *Buffer, size_t Size, off_t Offset);
ssize_t __wrap_pread(int Fd, void *Buffer, size_t Size, off_t Offset) {
  return shallFail(Call::pread) ? -1 : __real_pread(Fd, Buffer, Size, Offset);
}

ssize_t __real_pwritev(int Fd, const struct iovec *Vector, int Count,
                       off_t Offset);
ssize_t __wrap_pwritev(int Fd, const struct iovec *Vector, int Count,
                       off_t Offset) {
  return shallFail(Call::pwritev) ? -1
                                  : __real_pwritev(Fd, Vector, Count, Offset);
}

ssize_t __real_readlink(const char *Path, char *Buffer, size_t Size);
ssize_t __wrap_readlink(const char *Path, char *Buffer, size_t Size) {
  return shallFail(Call::readlink) ? -1 : __real_readlink(Path, Buffer, Size);
}

} // extern "C"
