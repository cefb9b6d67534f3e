// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tests/allocator/fault_injector.h"

#include "tests/allocator/heap.h"

#include <algorithm>
#include <atomic>
#include <errno.h>
#include <fcntl.h>
#include <new>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>

namespace refpage_test {
namespace {

constexpr CallKindInfo Infos[] = {
#define CALL_KIND(Name, Documented, ...) {#Name, Documented, {__VA_ARGS__}},
#include "tests/allocator/call_kinds.inc"
#undef CALL_KIND
};

constexpr int ProtMte = 0x20;
constexpr int PrSetTaggedAddrCtrl = 55;
constexpr int PrGetTaggedAddrCtrl = 56;
constexpr long LastOfMainline = 479;

// Shared with children, whose calls count too.
struct Counters {
  std::atomic<int> Calls[NumCallKinds];
  std::atomic<int> Failures[NumCallKinds];
  std::atomic<unsigned> RandomCalls;
  std::atomic<int> StrayUnmaps;
};

std::atomic<bool> Armed{false};
Fault Current;
Counters *Counted = nullptr;

unsigned mix(unsigned Value) {
  Value = (Value ^ Value >> 16) * 0x7feb352d;
  Value = (Value ^ Value >> 15) * 0x846ca68b;
  return Value ^ Value >> 16;
}

int chooseError(const CallKindInfo &Info, unsigned Random) {
  unsigned Count = 0;
  while (Count != std::size(Info.Errors) && Info.Errors[Count])
    Count++;
  return Info.Errors[Random % Count];
}

// 0: the call goes its way.
int getFault(CallKind Kind) {
  if (Kind == CallKind::Count || !Armed)
    return 0;
  const int Index = static_cast<int>(Kind);
  const int Nth = ++Counted->Calls[Index];
  int Error = 0;
  if (Current.OneIn) {
    const unsigned Random = mix(Current.Seed + ++Counted->RandomCalls);
    if (Random % Current.OneIn == 0 && !(Current.Spared >> Index & 1))
      Error = chooseError(Infos[Index], mix(Random));
  } else if (Kind == Current.Kind &&
             (Current.Once ? Nth == Current.Nth : Nth >= Current.Nth)) {
    Error = Current.Error;
  }
  Counted->Failures[Index] += Error != 0;
  return Error;
}

// Sets errno if the call shall fail.
bool shallFail(CallKind Kind) {
  const int Error = getFault(Kind);
  if (Error)
    errno = Error;
  return Error != 0;
}

CallKind kindOfFcntl(int Command) {
  switch (Command) {
  case F_DUPFD_CLOEXEC:
    return CallKind::FcntlDuplicate;
  case F_GETFL:
    return CallKind::FcntlGetFlags;
  case F_GET_SEALS:
    return CallKind::FcntlGetSeals;
  case F_ADD_SEALS:
    return CallKind::FcntlAddSeals;
  default:
    return CallKind::Count;
  }
}

CallKind kindOfMadvise(int Advice) {
  constexpr int PopulateWrite = 23;
  switch (Advice) {
  case MADV_DONTNEED:
    return CallKind::MadviseDontneed;
  case PopulateWrite:
    return CallKind::MadvisePopulate;
  case MADV_HUGEPAGE:
    return CallKind::MadviseHugepage;
  case MADV_WIPEONFORK:
    return CallKind::MadviseWipeonfork;
  default:
    return CallKind::Count;
  }
}

CallKind kindOfMmap(int Protection, int Flags) {
  if (Current.OnlyTags && !(Protection & ProtMte))
    return CallKind::Count;
  if (Flags & MAP_SHARED)
    return CallKind::MmapShared;
  if (!(Flags & MAP_ANONYMOUS))
    return CallKind::MmapWindow;
  if (Flags & MAP_FIXED_NOREPLACE)
    return CallKind::MmapHole;
  if (Flags & MAP_FIXED)
    return CallKind::MmapAnonymousOver;
  return Protection == PROT_NONE ? CallKind::MmapReserve
                                 : CallKind::MmapAnonymous;
}

CallKind kindOfMprotect(int Protection) {
  if (Current.OnlyTags && !(Protection & ProtMte))
    return CallKind::Count;
  return Protection == PROT_NONE ? CallKind::MprotectNone
                                 : CallKind::MprotectCommit;
}

CallKind kindOfOpen(const char *Path) {
  if (strcmp(Path, "/proc/self/pagemap") == 0)
    return CallKind::OpenPagemap;
  if (strcmp(Path, "/proc/thread-self/status") == 0)
    return CallKind::OpenThreadStatus;
  if (strstr(Path, "transparent_hugepage"))
    return CallKind::OpenHugepages;
  if (strstr(Path, "refpage"))
    return CallKind::OpenKernelRefpage;
  if (strncmp(Path, "/proc/self/task", 15) == 0)
    return CallKind::OpenThreads;
  return CallKind::Count;
}

CallKind kindOfPrctl(int Option) {
  if (Option == PrSetTaggedAddrCtrl || Option == PrGetTaggedAddrCtrl)
    return CallKind::PrctlTags;
  return Option == PR_GET_NAME ? CallKind::PrctlName : CallKind::Count;
}

// Upstream's futexes come by here, too.
CallKind kindOfSyscall(long Number) {
  if (Number > LastOfMainline)
    return CallKind::RefpageCreate;
  if (Number == SYS_getdents64)
    return CallKind::Getdents;
  return Number == SYS_tgkill ? CallKind::Tgkill : CallKind::Count;
}

} // namespace

const CallKindInfo &getInfo(CallKind Kind) {
  return Infos[static_cast<int>(Kind)];
}

const char *describeError(int Error) {
  return Error == ShortTransfer ? "short" : strerrorname_np(Error);
}

void startFaults(const Fault &Wanted) {
  Current = Wanted;
  void *Shared = mmap(nullptr, sizeof(Counters), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (Shared == MAP_FAILED)
    abort();
  Counted = new (Shared) Counters();
  Armed = true;
}

void stopFaults() { Armed = false; }

int getCalls(CallKind Kind) { return Counted->Calls[static_cast<int>(Kind)]; }
int getFailures(CallKind Kind) {
  return Counted->Failures[static_cast<int>(Kind)];
}
int getFailures() {
  int Sum = 0;
  for (const std::atomic<int> &Count : Counted->Failures)
    Sum += Count;
  return Sum;
}
int getStrayUnmaps() { return Counted->StrayUnmaps; }

} // namespace refpage_test

using namespace refpage_test;

extern "C" {

int __real_close(int Fd);
int __wrap_close(int Fd) {
  const int Error = getFault(CallKind::Close);
  // As the kernel does it: it is closed in any case.
  const int Result = __real_close(Fd);
  if (!Error)
    return Result;
  errno = Error;
  return -1;
}

int __real_fcntl(int Fd, int Command, ...);
int __wrap_fcntl(int Fd, int Command, ...) {
  va_list Arguments;
  va_start(Arguments, Command);
  void *Argument = va_arg(Arguments, void *);
  va_end(Arguments);
  return shallFail(kindOfFcntl(Command)) ? -1
                                         : __real_fcntl(Fd, Command, Argument);
}

int __real_fstat(int Fd, struct stat *Status);
int __wrap_fstat(int Fd, struct stat *Status) {
  return shallFail(CallKind::Fstat) ? -1 : __real_fstat(Fd, Status);
}

int __real_fstatfs(int Fd, struct statfs *Status);
int __wrap_fstatfs(int Fd, struct statfs *Status) {
  return shallFail(CallKind::Fstatfs) ? -1 : __real_fstatfs(Fd, Status);
}

int __real_ftruncate(int Fd, off_t Size);
int __wrap_ftruncate(int Fd, off_t Size) {
  return shallFail(CallKind::Ftruncate) ? -1 : __real_ftruncate(Fd, Size);
}

int __real_getrlimit(int Which, struct rlimit *Limit);
int __wrap_getrlimit(int Which, struct rlimit *Limit) {
  const CallKind Kind = Which == RLIMIT_NOFILE  ? CallKind::GetrlimitFiles
                        : Which == RLIMIT_FSIZE ? CallKind::GetrlimitFileSize
                                                : CallKind::Count;
  return shallFail(Kind) ? -1 : __real_getrlimit(Which, Limit);
}

int __real_ioctl(int Fd, unsigned long Command, ...);
int __wrap_ioctl(int Fd, unsigned long Command, ...) {
  va_list Arguments;
  va_start(Arguments, Command);
  void *Argument = va_arg(Arguments, void *);
  va_end(Arguments);
  constexpr unsigned long PagemapScan = 0xc0606610;
  return shallFail(Command == PagemapScan ? CallKind::IoctlScan
                                          : CallKind::IoctlRefpage)
             ? -1
             : __real_ioctl(Fd, Command, Argument);
}

int __real_madvise(void *Address, size_t Size, int Advice);
int __wrap_madvise(void *Address, size_t Size, int Advice) {
  return shallFail(kindOfMadvise(Advice))
             ? -1
             : __real_madvise(Address, Size, Advice);
}

int __real_memfd_create(const char *Name, unsigned Flags);
int __wrap_memfd_create(const char *Name, unsigned Flags) {
  return shallFail(CallKind::MemfdCreate) ? -1
                                          : __real_memfd_create(Name, Flags);
}

void *__real_mmap(void *Address, size_t Size, int Protection, int Flags, int Fd,
                  off_t Offset);
void *__wrap_mmap(void *Address, size_t Size, int Protection, int Flags, int Fd,
                  off_t Offset) {
  return shallFail(kindOfMmap(Protection, Flags))
             ? MAP_FAILED
             : __real_mmap(Address, Size, Protection, Flags, Fd, Offset);
}

int __real_mprotect(void *Address, size_t Size, int Protection);
int __wrap_mprotect(void *Address, size_t Size, int Protection) {
  return shallFail(kindOfMprotect(Protection))
             ? -1
             : __real_mprotect(Address, Size, Protection);
}

int __real_munmap(void *Address, size_t Size);

void *__real_mremap(void *Old, size_t OldSize, size_t NewSize, int Flags, ...);
void *__wrap_mremap(void *Old, size_t OldSize, size_t NewSize, int Flags, ...) {
  if (!(Flags & MREMAP_FIXED))
    return shallFail(CallKind::MremapAsk)
               ? MAP_FAILED
               : __real_mremap(Old, OldSize, NewSize, Flags);
  va_list Arguments;
  va_start(Arguments, Flags);
  void *New = va_arg(Arguments, void *);
  va_end(Arguments);
  const int Error = getFault(CallKind::MremapMove);
  if (!Error)
    return __real_mremap(Old, OldSize, NewSize, Flags, New);
  // As the kernel does it: the target is unmapped first.
  __real_munmap(New, NewSize);
  errno = Error;
  return MAP_FAILED;
}

int __wrap_munmap(void *Address, size_t Size) {
  static unsigned char Resident[(256 * MiB) / Page];
  if (Armed && Size <= 256 * MiB && mincore(Address, Size, Resident) != 0)
    Counted->StrayUnmaps++;
  return shallFail(CallKind::Munmap) ? -1 : __real_munmap(Address, Size);
}

int __real_open(const char *Path, int Flags, ...);
int __wrap_open(const char *Path, int Flags, ...) {
  return shallFail(kindOfOpen(Path)) ? -1 : __real_open(Path, Flags, 0600);
}

int __real_prctl(int Option, ...);
int __wrap_prctl(int Option, ...) {
  va_list Arguments;
  va_start(Arguments, Option);
  unsigned long A[4];
  for (unsigned long &Argument : A)
    Argument = va_arg(Arguments, unsigned long);
  va_end(Arguments);
  return shallFail(kindOfPrctl(Option))
             ? -1
             : __real_prctl(Option, A[0], A[1], A[2], A[3]);
}

ssize_t __real_pread(int Fd, void *Buffer, size_t Size, off_t Offset);
ssize_t __wrap_pread(int Fd, void *Buffer, size_t Size, off_t Offset) {
  const int Error = getFault(CallKind::Pread);
  if (Error == ShortTransfer) // An entry and a half.
    return __real_pread(Fd, Buffer, std::min(Size, size_t(12)), Offset);
  if (!Error)
    return __real_pread(Fd, Buffer, Size, Offset);
  errno = Error;
  return -1;
}

ssize_t __real_pwritev(int Fd, const struct iovec *Vector, int Count,
                       off_t Offset);
ssize_t __wrap_pwritev(int Fd, const struct iovec *Vector, int Count,
                       off_t Offset) {
  const int Error = getFault(CallKind::Pwritev);
  if (Error == ShortTransfer) { // It ends within a word.
    const iovec Part = {Vector[0].iov_base,
                        std::min(Vector[0].iov_len, size_t(1003))};
    return __real_pwritev(Fd, &Part, 1, Offset);
  }
  if (!Error)
    return __real_pwritev(Fd, Vector, Count, Offset);
  errno = Error;
  return -1;
}

ssize_t __real_read(int Fd, void *Buffer, size_t Size);
ssize_t __wrap_read(int Fd, void *Buffer, size_t Size) {
  const int Error = getFault(CallKind::Read);
  if (Error == ShortTransfer)
    return __real_read(Fd, Buffer, std::min(Size, size_t(3)));
  if (!Error)
    return __real_read(Fd, Buffer, Size);
  errno = Error;
  return -1;
}

ssize_t __real_readlink(const char *Path, char *Buffer, size_t Size);
ssize_t __wrap_readlink(const char *Path, char *Buffer, size_t Size) {
  return shallFail(CallKind::Readlink) ? -1
                                       : __real_readlink(Path, Buffer, Size);
}

int __real_sigaction(int Signal, const struct sigaction *New,
                     struct sigaction *Old);
int __wrap_sigaction(int Signal, const struct sigaction *New,
                     struct sigaction *Old) {
  return shallFail(CallKind::Sigaction) ? -1
                                        : __real_sigaction(Signal, New, Old);
}

int __real_stat(const char *Path, struct stat *Status);
int __wrap_stat(const char *Path, struct stat *Status) {
  return shallFail(CallKind::Stat) ? -1 : __real_stat(Path, Status);
}

long __real_syscall(long Number, ...);
long __wrap_syscall(long Number, ...) {
  va_list Arguments;
  va_start(Arguments, Number);
  long A[6];
  for (long &Argument : A)
    Argument = va_arg(Arguments, long);
  va_end(Arguments);
  return shallFail(kindOfSyscall(Number))
             ? -1
             : __real_syscall(Number, A[0], A[1], A[2], A[3], A[4], A[5]);
}

ssize_t __real_write(int Fd, const void *Bytes, size_t Size);
ssize_t __wrap_write(int Fd, const void *Bytes, size_t Size) {
  const int Error = getFault(CallKind::Write);
  if (Error == ShortTransfer)
    return __real_write(Fd, Bytes, std::min(Size, size_t(3)));
  if (!Error)
    return __real_write(Fd, Bytes, Size);
  errno = Error;
  return -1;
}

} // extern "C"
