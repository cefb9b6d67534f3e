// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Invariant 3, and invariant 4 under filters: what a sandbox forbids is done
// without.

#include "tests/allocator/heap.h"
#include "tests/support/emulator.h"
#include "tests/support/seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

using namespace refpage_test;

namespace {

// Exits with 0 if blocks of all kinds are as they should be.
[[noreturn]] void useHeapAndExit() {
  for (int I = 0; I != 5; I++) {
    for (size_t Size : {size_t(100), 300 * KiB, 4 * MiB}) {
      void *Ptr = malloc(Size);
      if (!Ptr)
        _exit(1);
      expectPattern(Ptr, 0, Size);
      memset(Ptr, 1, Size);
      Ptr = realloc(Ptr, 2 * Size);
      if (!Ptr)
        _exit(1);
      EXPECT_EQ(findNotPattern(Ptr, 0, Size, 0x0101010101010101), -1);
      expectPattern(Ptr, Size, 2 * Size);
      free(Ptr);
      Ptr = calloc(1, Size);
      expectZeros(Ptr, Size);
      free(Ptr);
    }
    // Sparse, so that the kernel is asked for what was written.
    char *Ptr = static_cast<char *>(malloc(7 * MiB));
    expectPattern(Ptr, 0, 7 * MiB);
    memset(Ptr + 5 * MiB, 1, 100);
    free(Ptr);
  }
  _exit(testing::Test::HasFailure() ? 2 : 0);
}

class SeccompDeathTest : public testing::Test {
protected:
  // A death test starts over in a new process, whose heap is fresh.
  void SetUp() override {
    if (!canFilterCalls())
      GTEST_SKIP() << "the emulator has no system call filters";
    GTEST_FLAG_SET(death_test_style, "threadsafe");
  }
};

TEST_F(SeccompDeathTest, MemfdCreateForbiddenWithEPERM) {
  EXPECT_EXIT(
      {
        installFilter({SYS_memfd_create}, failWith(EPERM));
        useHeapAndExit();
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(SeccompDeathTest, MemfdCreateForbiddenWithENOSYS) {
  EXPECT_EXIT(
      {
        installFilter({SYS_memfd_create}, failWith(ENOSYS));
        useHeapAndExit();
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(SeccompDeathTest, TheFallbackSaysWhy) {
  EXPECT_EXIT(
      {
        installFilter({SYS_memfd_create}, failWith(EPERM));
        free(malloc(4 * MiB));
        malloc_stats();
        _exit(0);
      },
      testing::ExitedWithCode(0),
      "fallback: 1 blocks because no window could be made "
      "\\(Operation not permitted\\)");
}

TEST_F(SeccompDeathTest, EachCallOfTheWindowPathForbidden) {
  for (long Call : {SYS_ftruncate, SYS_pwritev, SYS_fcntl, SYS_openat,
                    SYS_pread64, SYS_madvise, SYS_newfstatat, SYS_fstat,
                    SYS_prlimit64, SYS_mremap, SYS_ioctl}) {
    EXPECT_EXIT(
        {
          installFilter({Call}, failWith(EPERM));
          useHeapAndExit();
        },
        testing::ExitedWithCode(0), "")
        << "system call " << Call;
  }
}

// Numbers that refpage_create had, or that are nobody's: never tried.
TEST_F(SeccompDeathTest, NoUnknownSystemCallIsIssued) {
  EXPECT_EXIT(
      {
        std::vector<long> Calls = {SYS_process_mrelease};
        for (long Call = 449; Call != 600; Call++)
          Calls.push_back(Call);
        installFilter(Calls, SECCOMP_RET_KILL_PROCESS);
        useHeapAndExit();
      },
      testing::ExitedWithCode(0), "");
}

// Filters know ioctl() by its commands, and may kill for those they do not
// know.
TEST_F(SeccompDeathTest, NoIoctlIsIssuedUnderAFilter) {
  EXPECT_EXIT(
      {
        installFilter({SYS_ioctl}, SECCOMP_RET_KILL_PROCESS);
        useHeapAndExit();
      },
      testing::ExitedWithCode(0), "");
}

// Without windows nothing but what upstream uses is needed, besides mprotect
// and mmap.
TEST_F(SeccompDeathTest, MemsetBackendMakesNoFiles) {
  setenv("REFPAGE_OPTIONS", "backend=memset", 1);
  EXPECT_EXIT(
      {
        installFilter({SYS_memfd_create, SYS_ftruncate, SYS_pwritev},
                      SECCOMP_RET_KILL_PROCESS);
        useHeapAndExit();
      },
      testing::ExitedWithCode(0), "");
  unsetenv("REFPAGE_OPTIONS");
}

} // namespace
