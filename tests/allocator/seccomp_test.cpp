// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Invariant 3, and invariant 4 under filters: what a sandbox forbids is done
// without.

#include "tests/allocator/heap.h"
#include "tests/allocator/whole_api.h"
#include "tests/support/call_names.h"
#include "tests/support/emulator.h"
#include "tests/support/seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string>
#include <sys/mman.h>
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

std::vector<AllowedCall> operator+(std::vector<AllowedCall> A,
                                   const std::vector<AllowedCall> &B) {
  A.insert(A.end(), B.begin(), B.end());
  return A;
}

#if defined(__x86_64__)
// What glibc needs besides for threads, children and the end of a process.
std::vector<AllowedCall> getProgramsOwnCalls() {
  return {{SYS_clone3},         {SYS_clone},
          {SYS_rt_sigaction},   {SYS_set_robust_list},
          {SYS_rseq},           {SYS_rt_sigreturn},
          {SYS_rt_sigprocmask}, {SYS_sched_yield},
          {SYS_wait4},          {SYS_exit},
          {SYS_exit_group}};
}

class DocumentedCallsDeathTest
    : public SeccompDeathTest,
      public testing::WithParamInterface<const char *> {};

// docs/syscalls.md has all that the library makes, arguments included.
TEST_P(DocumentedCallsDeathTest, AreAllThatAreMade) {
  setenv("REFPAGE_OPTIONS", GetParam(), 1);
  EXPECT_EXIT(
      {
        const auto Allowed = readDocumentedCalls() + getProgramsOwnCalls();
        nameTrappedCalls();
        installAllowList(Allowed, SECCOMP_RET_TRAP);
        const bool Good = useWholeApi();
        exit(testing::Test::HasFailure() ? 3 : Good ? 0 : 2);
      },
      testing::ExitedWithCode(0), "")
      << GetParam();
  unsetenv("REFPAGE_OPTIONS");
}

INSTANTIATE_TEST_SUITE_P(
    Options, DocumentedCallsDeathTest,
    testing::Values("stats=1", "variant=memset", "variant=anon",
                    "backend=memfd:stats=1", "backend=device:stats=1",
                    "backend=memset", "pattern=0x1234:window_max=64K",
                    "protect_from=0", "cache_max=0"));

// By name it is used under a filter, too, where there is the module.
INSTANTIATE_TEST_SUITE_P(Device, DocumentedCallsDeathTest,
                         testing::Values("backend=device:stats=1"));

TEST_F(SeccompDeathTest, DocumentedCallsAreEnoughForAFatalError) {
  EXPECT_EXIT(
      {
        const auto Allowed = readDocumentedCalls();
        nameTrappedCalls();
        installAllowList(Allowed, SECCOMP_RET_TRAP);
        void *Ptr = malloc(100);
        free(Ptr);
        free(Ptr);
      },
      testing::KilledBySignal(SIGABRT), "Scudo ERROR: invalid chunk state");
}

// What is not in it is not allowed: the test above could not fail otherwise.
TEST_F(SeccompDeathTest, OtherCallsAndArgumentsAreNoticed) {
  const auto Install = [] {
    nameTrappedCalls();
    installAllowList(readDocumentedCalls() + getProgramsOwnCalls(),
                     SECCOMP_RET_TRAP);
  };
  EXPECT_EXIT((Install(), getppid()), testing::ExitedWithCode(98),
              "system call 110 \\(getppid\\) is not allowed");
  EXPECT_EXIT((Install(), madvise(nullptr, 0, MADV_RANDOM)),
              testing::ExitedWithCode(98), "\\(madvise\\) is not allowed");
  EXPECT_EXIT((Install(), mprotect(nullptr, 0, PROT_EXEC)),
              testing::ExitedWithCode(98), "\\(mprotect\\) is not allowed");
}
#endif

// Programs that are started in a sandbox, before there is a heap.
class SandboxDeathTest : public SeccompDeathTest {
protected:
  [[noreturn]] static void startIn(const std::vector<AllowedCall> &Allowed,
                                   unsigned Otherwise) {
    installAllowList(Allowed, Otherwise);
    start();
  }
  [[noreturn]] static void start() {
    const std::string Preload =
        "LD_PRELOAD=" + std::string(getenv("PWD")) + "/" + Library;
    char Stats[] = "REFPAGE_OPTIONS=stats=1";
    char *const Arguments[] = {const_cast<char *>(Program), nullptr};
    char *const Environment[] = {const_cast<char *>(Preload.c_str()), Stats,
                                 nullptr};
    execve(Program, Arguments, Environment);
    _exit(97);
  }
  static constexpr char Library[] = "allocator/libscudo_refpage.so";
  static constexpr char Program[] = "tests/allocator/sandboxed_program";
  // It is the preloaded heap that did it, with windows.
  static constexpr char UsedWindows[] = "memfd_window: [0-9]+ blocks";
};

TEST_F(SandboxDeathTest, DockersDefaultProfile) {
  EXPECT_EXIT(
      {
        installFilter({SYS_clone3}, failWith(ENOSYS));
        startIn(readSandbox("docker_default") +
                    std::vector<AllowedCall>{{SYS_clone3}},
                failWith(EPERM));
      },
      testing::ExitedWithCode(0), UsedWindows);
}

// systemd kills unless told to do otherwise.
TEST_F(SandboxDeathTest, SystemdsSystemService) {
  EXPECT_EXIT(
      startIn(readSandbox("systemd_system_service"), SECCOMP_RET_KILL_PROCESS),
      testing::ExitedWithCode(0), UsedWindows);
}

// Upstream's cookie and our keys are made of something else then.
TEST_F(SandboxDeathTest, NoRandomNumbers) {
  EXPECT_EXIT(
      {
        installFilter({SYS_getrandom}, failWith(ENOSYS));
        start();
      },
      testing::ExitedWithCode(0), UsedWindows);
}

#if defined(__x86_64__)
// A strict one: our calls, and what starts a program.
TEST_F(SandboxDeathTest, OnlyWhatIsDocumentedAndTheStartOfAProgram) {
  const std::vector<AllowedCall> Start = {
      {SYS_execve}, {SYS_brk},  {SYS_arch_prctl}, {SYS_set_tid_address},
      {SYS_access}, {SYS_mmap}, {SYS_mprotect},   {SYS_prlimit64}};
  EXPECT_EXIT(startIn(readDocumentedCalls() + getProgramsOwnCalls() + Start,
                      SECCOMP_RET_KILL_PROCESS),
              testing::ExitedWithCode(0), UsedWindows);
}
#endif

} // namespace
