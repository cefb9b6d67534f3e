// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Processes that are not made by fork(), and what a process does to itself
// after its heap has started: neither side loses a byte.

#include "tests/allocator/heap.h"
#include "tests/support/child.h"
#include "tests/support/emulator.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace refpage_test;

namespace {

constexpr unsigned MaxSeconds = 60;

// False if a byte is wrong.
bool useHeap() {
  bool Good = true;
  for (size_t Size : {size_t(100), 300 * KiB, 3 * MiB, 20 * MiB}) {
    auto *Ptr = static_cast<char *>(malloc(Size));
    if (!Ptr)
      return false;
    Good &=
        !isFilled() ||
        findNotPattern(Ptr, 0, Size, refpage::getOptions().pattern.Value) == -1;
    Ptr[Size / 2] = 1;
    free(Ptr);
  }
  return Good;
}

void expectEndsWell(pid_t Pid) {
  ASSERT_GT(Pid, 0);
  int Status = -1;
  ASSERT_EQ(waitpid(Pid, &Status, 0), Pid);
  EXPECT_EQ(Status, 0);
}

TEST(ProcessTest, ChildrenOfVforkExecuteAProgram) {
  runInChild(MaxSeconds, [] {
    for (int I = 0; I != 10; I++) {
      char *const Arguments[] = {const_cast<char *>("true"), nullptr};
      const pid_t Pid = vfork();
      if (Pid == 0) {
        execvp(Arguments[0], Arguments);
        _exit(1);
      }
      expectEndsWell(Pid);
      EXPECT_TRUE(useHeap());
    }
  });
}

TEST(ProcessTest, ProgramsAreSpawned) {
  runInChild(MaxSeconds, [] {
    for (int I = 0; I != 10; I++) {
      char *const Arguments[] = {const_cast<char *>("true"), nullptr};
      pid_t Pid = -1;
      ASSERT_EQ(posix_spawnp(&Pid, Arguments[0], nullptr, nullptr, Arguments,
                             environ),
                0);
      expectEndsWell(Pid);
      EXPECT_TRUE(useHeap());
    }
  });
}

// Shares all memory, the thread's own included, and has descriptors of its own:
// those of what it makes are not the parent's.
TEST(ProcessTest, AChildWithTheSameMemoryAllocates) {
  if (getEmulator())
    GTEST_SKIP() << "the emulator gives such a child memory of its own";
  runInChild(MaxSeconds, [] {
    std::string Stack(256 * KiB, '\0');
    static char *FromChild;
    for (int I = 0; I != 5; I++) {
      malloc_trim(0);
      const pid_t Pid = clone(
          [](void *) {
            const bool Good = useHeap();
            FromChild = static_cast<char *>(malloc(5 * MiB));
            return Good && FromChild ? 0 : 1;
          },
          &Stack[Stack.size() & ~size_t(15)], CLONE_VM | CLONE_VFORK | SIGCHLD,
          nullptr);
      expectEndsWell(Pid);
      ASSERT_NE(FromChild, nullptr);
      expectPattern(FromChild, 0, 5 * MiB);
      memset(FromChild, 1, 5 * MiB);
      free(FromChild);
      EXPECT_TRUE(useHeap());
    }
  });
}

// Without /proc, /sys and /dev, and without what was opened there.
TEST(ProcessTest, GoesOnInAnEmptyRoot) {
  constexpr int MayNot = 77;
  const std::string Root =
      testing::TempDir() + "empty_root_" + std::to_string(getpid());
  ASSERT_EQ(mkdir(Root.c_str(), 0755), 0);
  const pid_t Pid = fork();
  if (Pid == 0) {
    alarm(MaxSeconds);
    bool Good = useHeap();
    if (chroot(Root.c_str()) != 0 &&
        (unshare(CLONE_NEWUSER) != 0 || chroot(Root.c_str()) != 0))
      _exit(MayNot);
    close_range(3, ~0U, 0);
    for (int I = 0; I != 5; I++)
      Good &= useHeap();
    _exit(Good ? 0 : 1);
  }
  int Status = -1;
  EXPECT_EQ(waitpid(Pid, &Status, 0), Pid);
  rmdir(Root.c_str());
  if (WIFEXITED(Status) && WEXITSTATUS(Status) == MayNot)
    GTEST_SKIP() << "this process may not change its root";
  EXPECT_EQ(Status, 0);
}

// A program that closes its standard streams gets their numbers for its files.
TEST(ProcessTest, TheNumbersOfStandardStreamsStayTheProgramsOwn) {
  runInChild(MaxSeconds, [] {
    const int Messages = fcntl(2, F_DUPFD_CLOEXEC, 900);
    for (int Fd : {0, 1, 2})
      close(Fd);
    close_range(3, 800, 0);
    close_range(static_cast<unsigned>(Messages) + 1, ~0U, 0);
    bool Good = useHeap();
    for (int Fd : {0, 1, 2})
      Good &= open("/dev/null", O_RDWR) == Fd;
    for (int I = 0; I != 5; I++)
      Good &= useHeap();
    dup2(Messages, 2);
    EXPECT_TRUE(Good);
  });
}

// Stops nothing that is there.
TEST(ProcessTest, LimitsMayBeLoweredLater) {
  runInChild(MaxSeconds, [] {
    EXPECT_TRUE(useHeap());
    const rlimit None = {0, 0};
    for (auto Which : {RLIMIT_NOFILE, RLIMIT_FSIZE, RLIMIT_MEMLOCK})
      ASSERT_EQ(setrlimit(Which, &None), 0);
    signal(SIGXFSZ, SIG_DFL);
    for (int I = 0; I != 5; I++)
      EXPECT_TRUE(useHeap());
  });
}

} // namespace
