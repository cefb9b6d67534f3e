// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Invariant 4: each system call of the way of a large block fails, once at the
// n-th call or from the n-th call on; a block comes out that is as it should
// be, or NULL with ENOMEM, and nothing is leaked.
//
// The linker sends the calls of the allocator here (--wrap); those that glibc
// makes inside itself go their usual way.

#include "tests/allocator/heap.h"
#include "tests/support/child.h"
#include "tests/support/emulator.h"

#include <algorithm>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>

using namespace refpage_test;

namespace {

#define CALLS(CALL)                                                            \
  CALL(fcntl)                                                                  \
  CALL(fstat)                                                                  \
  CALL(ftruncate)                                                              \
  CALL(getrlimit)                                                              \
  CALL(ioctl)                                                                  \
  CALL(madvise)                                                                \
  CALL(memfd_create)                                                           \
  CALL(mmap)                                                                   \
  CALL(mprotect)                                                               \
  CALL(mremap)                                                                 \
  CALL(munmap)                                                                 \
  CALL(open)                                                                   \
  CALL(pread)                                                                  \
  CALL(pwritev)                                                                \
  CALL(readlink)                                                               \
  CALL(stat)                                                                   \
  CALL(syscall)

enum class Call {
#define CALL(Name) Name,
  CALLS(CALL)
#undef CALL
};

struct Injection {
  bool Armed = false;
  Call Which = Call::mmap;
  int Errno = 0;
  int Nth = 0;       // Counted from 1.
  bool Once = false; // Else all from the n-th on.
  int Seen = 0;
  int Failed = 0;
};
Injection Current;
int FailOnlyCommand = 0; // Of fcntl; 0: any.
constexpr int ProtMte = 0x20;
bool FailOnlyTags = false; // Of mmap and mprotect: what is asked for with tags.

bool isMeant(int Protection) { return !FailOnlyTags || (Protection & ProtMte); }
// Calls of munmap() for what is not mapped: it may be somebody else's soon.
int StrayUnmaps = 0;

bool shallFail(Call Which) {
  if (!Current.Armed || Which != Current.Which)
    return false;
  Current.Seen++;
  if (Current.Once ? Current.Seen != Current.Nth : Current.Seen < Current.Nth)
    return false;
  Current.Failed++;
  errno = Current.Errno;
  return true;
}

} // namespace

extern "C" {

int __real_fcntl(int Fd, int Command, ...);
int __wrap_fcntl(int Fd, int Command, ...) {
  va_list Arguments;
  va_start(Arguments, Command);
  void *Argument = va_arg(Arguments, void *);
  va_end(Arguments);
  const bool Meant = FailOnlyCommand == 0 || FailOnlyCommand == Command;
  return Meant && shallFail(Call::fcntl) ? -1
                                         : __real_fcntl(Fd, Command, Argument);
}

int __real_fstat(int Fd, struct stat *Status);
int __wrap_fstat(int Fd, struct stat *Status) {
  return shallFail(Call::fstat) ? -1 : __real_fstat(Fd, Status);
}

int __real_ftruncate(int Fd, off_t Size);
int __wrap_ftruncate(int Fd, off_t Size) {
  return shallFail(Call::ftruncate) ? -1 : __real_ftruncate(Fd, Size);
}

int __real_getrlimit(int Which, struct rlimit *Limit);
int __wrap_getrlimit(int Which, struct rlimit *Limit) {
  return shallFail(Call::getrlimit) ? -1 : __real_getrlimit(Which, Limit);
}

int __real_madvise(void *Address, size_t Size, int Advice);
int __wrap_madvise(void *Address, size_t Size, int Advice) {
  // Upstream repeats MADV_DONTNEED for as long as that is the answer.
  const bool Meant = Current.Errno != EAGAIN || Advice != MADV_DONTNEED;
  return Meant && shallFail(Call::madvise)
             ? -1
             : __real_madvise(Address, Size, Advice);
}

int __real_memfd_create(const char *Name, unsigned Flags);
int __wrap_memfd_create(const char *Name, unsigned Flags) {
  return shallFail(Call::memfd_create) ? -1 : __real_memfd_create(Name, Flags);
}

void *__real_mmap(void *Address, size_t Size, int Protection, int Flags, int Fd,
                  off_t Offset);
void *__wrap_mmap(void *Address, size_t Size, int Protection, int Flags, int Fd,
                  off_t Offset) {
  return isMeant(Protection) && shallFail(Call::mmap)
             ? MAP_FAILED
             : __real_mmap(Address, Size, Protection, Flags, Fd, Offset);
}

int __real_mprotect(void *Address, size_t Size, int Protection);
int __wrap_mprotect(void *Address, size_t Size, int Protection) {
  return isMeant(Protection) && shallFail(Call::mprotect)
             ? -1
             : __real_mprotect(Address, Size, Protection);
}

int __real_munmap(void *Address, size_t Size);

// As the kernel does it: the target is unmapped first.
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
  __real_munmap(New, NewSize);
  errno = Current.Errno;
  return MAP_FAILED;
}

int __wrap_munmap(void *Address, size_t Size) {
  static unsigned char Resident[(256 * MiB) / Page];
  if (Size <= 256 * MiB && mincore(Address, Size, Resident) != 0)
    StrayUnmaps++;
  return shallFail(Call::munmap) ? -1 : __real_munmap(Address, Size);
}

int __real_ioctl(int Fd, unsigned long Command, ...);
int __wrap_ioctl(int Fd, unsigned long Command, ...) {
  va_list Arguments;
  va_start(Arguments, Command);
  void *Argument = va_arg(Arguments, void *);
  va_end(Arguments);
  return shallFail(Call::ioctl) ? -1 : __real_ioctl(Fd, Command, Argument);
}

int __real_open(const char *Path, int Flags, ...);
int __wrap_open(const char *Path, int Flags, ...) {
  return shallFail(Call::open) ? -1 : __real_open(Path, Flags, 0600);
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

int __real_stat(const char *Path, struct stat *Status);
int __wrap_stat(const char *Path, struct stat *Status) {
  return shallFail(Call::stat) ? -1 : __real_stat(Path, Status);
}

// Of refpage_create() alone: upstream's futexes come here, too.
long __real_syscall(long Number, ...);
long __wrap_syscall(long Number, ...) {
  va_list Arguments;
  va_start(Arguments, Number);
  long A[6];
  for (long &Argument : A)
    Argument = va_arg(Arguments, long);
  va_end(Arguments);
  constexpr long LastOfMainline = 479;
  return Number > LastOfMainline && shallFail(Call::syscall)
             ? -1
             : __real_syscall(Number, A[0], A[1], A[2], A[3], A[4], A[5]);
}

} // extern "C"

namespace {

struct Case {
  Call Which;
  const char *Name;
  int Errno;
};

const Case Cases[] = {
    {Call::memfd_create, "memfd_create", ENOSYS},
    {Call::memfd_create, "memfd_create", EPERM},
    {Call::memfd_create, "memfd_create", EMFILE},
    {Call::memfd_create, "memfd_create", EINVAL},
    {Call::ftruncate, "ftruncate", ENOMEM},
    {Call::ftruncate, "ftruncate", EPERM},
    {Call::pwritev, "pwritev", ENOSPC},
    {Call::fcntl, "fcntl", EMFILE},
    {Call::fcntl, "fcntl", EINVAL},
    {Call::fcntl, "fcntl", EBUSY},
    {Call::fstat, "fstat", EBADF},
    {Call::fstat, "fstat", EOVERFLOW},
    {Call::getrlimit, "getrlimit", EPERM},
    {Call::mmap, "mmap", ENOMEM},
    {Call::mmap, "mmap", EAGAIN},
    {Call::mmap, "mmap", EBADF},
    {Call::mprotect, "mprotect", ENOMEM},
    {Call::madvise, "madvise", EINVAL},
    {Call::madvise, "madvise", ENOMEM},
    {Call::madvise, "madvise", EAGAIN},
    {Call::open, "open", EMFILE},
    {Call::open, "open", ENOENT},
    {Call::pread, "pread", EIO},
    {Call::ioctl, "ioctl", ENOTTY},
    {Call::ioctl, "ioctl", ENOMEM},
    {Call::mremap, "mremap", ENOMEM},
    {Call::mremap, "mremap", EAGAIN},
    {Call::mremap, "mremap", EFAULT},
    {Call::munmap, "munmap", ENOMEM},
    {Call::ioctl, "ioctl", EDQUOT},
    {Call::readlink, "readlink", ENOENT},
    {Call::stat, "stat", EACCES},
    {Call::syscall, "syscall", ENOSYS},
    {Call::syscall, "syscall", EDQUOT},
};

// Those that keeping, cutting, protecting and moving blocks can meet.
const Case LongCases[] = {
    {Call::mmap, "mmap", ENOMEM},
    {Call::mprotect, "mprotect", ENOMEM},
    {Call::mremap, "mremap", ENOMEM},
    {Call::mremap, "mremap", EFAULT},
    {Call::munmap, "munmap", ENOMEM},
    {Call::madvise, "madvise", ENOMEM},
    {Call::open, "open", EMFILE},
    {Call::ioctl, "ioctl", ENOTTY},
    {Call::memfd_create, "memfd_create", EMFILE},
};

void PrintTo(const Case &C, std::ostream *Stream) {
  *Stream << C.Name << " " << strerror(C.Errno);
}

// All that a large block's life can hold; nothing in here but the heap may
// make a system call.
struct Life {
  size_t Size;
  void *Fresh = nullptr;
  void *Zeroed = nullptr;
  bool FreshRead = true;
  bool ZeroedRead = true;
  int FreshErrno = 0;
  int ZeroedErrno = 0;

  bool isPattern(const void *Ptr, size_t Bytes) const {
    return !isFilled() ||
           findNotPattern(Ptr, 0, Bytes, refpage::getOptions().pattern.Value) ==
               -1;
  }
  void live() {
    for (int Round = 0; Round != 2; Round++) {
      errno = 0;
      Fresh = malloc(Size);
      FreshErrno = errno;
      errno = 0;
      Zeroed = calloc(1, Size);
      ZeroedErrno = errno;
      if (Fresh) {
        FreshRead &= isPattern(Fresh, Size);
        memset(Fresh, 1, Size);
        if (void *Moved = realloc(Fresh, Size + 2 * Page))
          Fresh = Moved;
      }
      if (Zeroed)
        ZeroedRead &= findNotPattern(Zeroed, 0, Size, 0) == -1;
      free(Fresh);
      free(Zeroed);
      malloc_trim(0);
    }
  }
};

// What else can become of blocks: kept, protected or moved away, cut, grown,
// shrunk. Of each block the first bytes of each third page are written.
struct LongLife {
  bool IsRight = true;
  bool WrongErrno = false;

  static constexpr size_t Step = 3 * Page;
  static constexpr size_t Largest = 5 * MiB;

  void *get(size_t Size, bool Zeroed) {
    errno = 0;
    void *Ptr = Zeroed ? calloc(1, Size) : malloc(Size);
    WrongErrno |= errno != (Ptr ? 0 : ENOMEM);
    if (!Ptr)
      return nullptr;
    if (Zeroed || isFilled())
      IsRight &= findNotPattern(
                     Ptr, 0, Size,
                     Zeroed ? 0 : refpage::getOptions().pattern.Value) == -1;
    write(Ptr, 0, Size);
    return Ptr;
  }
  static void write(void *Ptr, size_t From, size_t To) {
    for (size_t I = (From + Step - 1) / Step * Step; I + 8 <= To; I += Step)
      memcpy(static_cast<char *>(Ptr) + I, &I, 8);
  }
  void *resize(void *Ptr, size_t From, size_t To) {
    if (!Ptr)
      return nullptr;
    errno = 0;
    void *New = realloc(Ptr, To);
    WrongErrno |= errno != (New ? 0 : ENOMEM);
    if (!New) {
      expectWritten(Ptr, From); // It still is there.
      free(Ptr);
      return nullptr;
    }
    expectWritten(New, std::min(From, To));
    if (To > From && isFilled())
      IsRight &= findNotPattern(New, From, To,
                                refpage::getOptions().pattern.Value) == -1;
    write(New, From, To);
    return New;
  }
  void expectWritten(const void *Ptr, size_t Size) {
    for (size_t I = 0; I + 8 <= Size; I += Step)
      IsRight &= memcmp(static_cast<const char *>(Ptr) + I, &I, 8) == 0;
  }

  void live() {
    for (int Round = 0; Round != 2; Round++) {
      free(get(Largest, false));
      free(get(Largest, false)); // Moved away when it is freed.
      void *A = get(2 * MiB, false);
      void *B = get(MiB, false);
      A = resize(A, 2 * MiB, 4 * MiB);
      B = resize(B, MiB, MiB / 2);
      free(A);
      void *Zeroed = get(MiB, true);
      Zeroed = resize(Zeroed, MiB, 2 * MiB);
      free(B);
      free(Zeroed);
      free(get(700 * KiB, true));
    }
    malloc_trim(0);
  }
};

class FaultInjectionTest
    : public testing::TestWithParam<std::tuple<Case, size_t, bool>> {};

// Makes the Nth call of a kind fail, for every n up to MaxNth (every third
// where an emulator takes its time), in the life that Live() lives; nothing may
// be left of it.
template <typename F>
void injectAndCheck(const Case &C, bool Once, int MaxNth, F Live) {
  // What is made once is made, and the small blocks' memory is there.
  Live("without a failure");
  // To count takes small blocks too.
  countMaps();
  listDescriptors();
  malloc_trim(0);
  const size_t FdsBefore = listDescriptors().size();
  const size_t MapsBefore = countMaps();
  const size_t BytesBefore = getVirtualBytes();
  const size_t ResidentBefore = getResidentBytes();

  size_t Failures = 0;
  const int Step = getEmulator() ? 3 : 1;
  for (int Nth = 1; Nth <= MaxNth; Nth += Step) {
    Current = Injection();
    Current.Which = C.Which;
    Current.Errno = C.Errno;
    Current.Nth = Nth;
    Current.Once = Once;
    Current.Armed = true;
    Live("at call " + std::to_string(Nth));
    Current.Armed = false;
    if (Current.Failed == 0)
      break; // Fewer calls than that are made.
    Failures += static_cast<size_t>(Current.Failed);
  }

  Live("afterwards");
  // Where fstat() does not tell whose a descriptor is, it is left open: it may
  // be the program's.
  const size_t Unknown = C.Which == Call::fstat ? Failures : 0;
  // One window; with tags one for each, of the pattern and of zeros.
  const size_t Windows =
      refpage::areBlocksTagged()
          ? 2 * (refpage::NumTags -
                 static_cast<size_t>(__builtin_popcount(refpage::ReservedTags)))
          : 1;
  EXPECT_LE(listWindowDescriptors().size(), Windows + Unknown);
  EXPECT_LE(listDescriptors().size(), FdsBefore + Windows + Unknown);
  EXPECT_LE(getResidentBytes(), ResidentBefore + 4 * MiB);
  EXPECT_EQ(StrayUnmaps, 0);
  if (C.Which == Call::munmap)
    return; // What cannot be unmapped stays, without its memory.
  EXPECT_LE(countMaps(), MapsBefore + 4);
  EXPECT_LE(getVirtualBytes(), BytesBefore + 2 * MiB);
}

// Each in a child: the heap remembers failures, and shall be new to each.
TEST_P(FaultInjectionTest, ABlockOrENOMEMAndNothingLost) {
  constexpr unsigned MaxSeconds = 60;
  constexpr int MaxNth = 40;
  const size_t Size = std::get<1>(GetParam());
  runInChild(MaxSeconds, [&] {
    injectAndCheck(std::get<0>(GetParam()), std::get<2>(GetParam()), MaxNth,
                   [&](const std::string &When) {
                     Life L{Size};
                     L.live();
                     const bool WasArmed = Current.Armed;
                     Current.Armed = false;
                     EXPECT_TRUE(L.FreshRead) << When;
                     EXPECT_TRUE(L.ZeroedRead) << When;
                     EXPECT_EQ(L.FreshErrno, L.Fresh ? 0 : ENOMEM) << When;
                     EXPECT_EQ(L.ZeroedErrno, L.Zeroed ? 0 : ENOMEM) << When;
                     if (!WasArmed) {
                       EXPECT_TRUE(L.Fresh && L.Zeroed) << When;
                     }
                   });
  });
}

class LongFaultInjectionTest
    : public testing::TestWithParam<std::tuple<Case, bool>> {};

TEST_P(LongFaultInjectionTest, BlocksAreRightAndNothingIsLost) {
  constexpr unsigned MaxSeconds = 120;
  constexpr int MaxNth = 40;
  runInChild(MaxSeconds, [] {
    injectAndCheck(std::get<0>(GetParam()), std::get<1>(GetParam()), MaxNth,
                   [](const std::string &When) {
                     LongLife L;
                     L.live();
                     Current.Armed = false;
                     EXPECT_TRUE(L.IsRight) << When;
                     EXPECT_FALSE(L.WrongErrno) << When;
                   });
  });
}

// Memory that cannot be mapped with tags all of a sudden: as some kernels do
// with some files, and as filters may forbid it.
class RefusedTagsTest
    : public testing::TestWithParam<std::tuple<Call, int, bool>> {};

TEST_P(RefusedTagsTest, BlocksAreRightAndNothingIsLost) {
  constexpr unsigned MaxSeconds = 120;
  constexpr int MaxNth = 8;
  if (!refpage::areBlocksTagged())
    GTEST_SKIP() << "no memory tags in this process";
  FailOnlyTags = true;
  runInChild(MaxSeconds, [] {
    const auto [Which, Errno, Once] = GetParam();
    injectAndCheck({Which, "tags", Errno}, Once, MaxNth,
                   [](const std::string &When) {
                     LongLife L;
                     L.live();
                     Current.Armed = false;
                     EXPECT_TRUE(L.IsRight) << When;
                     EXPECT_FALSE(L.WrongErrno) << When;
                   });
  });
  FailOnlyTags = false;
}

INSTANTIATE_TEST_SUITE_P(
    All, RefusedTagsTest,
    testing::Combine(testing::Values(Call::mmap, Call::mprotect),
                     testing::Values(EINVAL, ENOMEM), testing::Bool()));

// Under memory pressure what is kept goes, and what is asked for is had.
class PressureTest : public testing::TestWithParam<Call> {};

TEST_P(PressureTest, WhatIsKeptMakesRoom) {
  if (GetParam() == Call::mprotect && refpage::areBlocksTagged() &&
      usesWindows())
    GTEST_SKIP() << "zeros with a tag are mapped from a window, and committed "
                    "by nothing else";
  malloc_trim(0);
  const size_t Before = getResidentBytes();
  void *Kept = malloc(40 * MiB);
  ASSERT_NE(Kept, nullptr);
  memset(Kept, 1, 40 * MiB);
  free(Kept);
  // Of windows with a tag the address space is kept.
  if (!(refpage::areBlocksTagged() && usesWindows())) {
    ASSERT_GT(getResidentBytes(), Before + 35 * MiB);
  }
  Current = Injection();
  Current.Which = GetParam();
  Current.Errno = ENOMEM;
  Current.Nth = 1;
  Current.Once = true;
  Current.Armed = true;
  // Too small to be a part of what is kept.
  void *Ptr = calloc(1, 300 * KiB);
  Current.Armed = false;
  EXPECT_EQ(Current.Failed, 1);
  EXPECT_NE(Ptr, nullptr);
  EXPECT_LT(getResidentBytes(), Before + 10 * MiB);
  free(Ptr);
}

INSTANTIATE_TEST_SUITE_P(All, PressureTest,
                         testing::Values(Call::mmap, Call::mprotect));

// A file that could not be sealed is never a window.
TEST(FaultInjectionSealTest, WithoutSealsNoWindow) {
  Current = Injection();
  Current.Which = Call::fcntl;
  Current.Errno = EPERM;
  Current.Nth = 1;
  FailOnlyCommand = F_ADD_SEALS;
  Current.Armed = true;
  void *Ptr = malloc(4 * MiB);
  Current.Armed = false;
  FailOnlyCommand = 0;
  ASSERT_NE(Ptr, nullptr);
  if (nameOfMapping(placeOf(Ptr) + MiB) == "anon_inode:[refpage]") {
    free(Ptr);
    GTEST_SKIP() << "files of the kernel's own need no seals";
  }
  if (usesWindows()) {
    EXPECT_GT(Current.Failed, 0);
  }
  for (const MapLine &Line : readMaps())
    EXPECT_EQ(Line.Name.find("scudo:refpage"), std::string::npos);
  EXPECT_TRUE(listWindowDescriptors().empty());
  expectPattern(Ptr, 0, 4 * MiB);
  free(Ptr);
}

INSTANTIATE_TEST_SUITE_P(All, FaultInjectionTest,
                         testing::Combine(testing::ValuesIn(Cases),
                                          testing::Values(300 * KiB, 700 * KiB,
                                                          5 * MiB),
                                          testing::Bool()));

INSTANTIATE_TEST_SUITE_P(All, LongFaultInjectionTest,
                         testing::Combine(testing::ValuesIn(LongCases),
                                          testing::Bool()));

} // namespace
