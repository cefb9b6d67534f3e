// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What asking for the kernel's reference pages comes to where they are not to
// be had: windows of memory files, and the statistics say why. Each test runs
// in a process of its own that was started with the options.

#include "platform/kernel_refpage.h"
#include "tests/allocator/heap.h"
#include "tests/support/emulator.h"
#include "tests/support/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

using namespace refpage_test;

namespace {

constexpr char Device[] = REFPAGE_DEVICE_PATH;
constexpr char Number[] = REFPAGE_SYSCALL_NR_PATH;

bool isThere(const char *Path) { return access(Path, F_OK) == 0; }

class KernelDegradeDeathTest : public testing::Test {
protected:
  // A death test starts over in a new process, whose heap reads the options.
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
  void TearDown() override { unsetenv("REFPAGE_OPTIONS"); }
  static void setOptions(const char *Text) {
    setenv("REFPAGE_OPTIONS", Text, 1);
  }
};

// Uses large blocks and prints what served them. Exits with 0 if they are as
// they should be.
[[noreturn]] void useAndExit() {
  for (size_t Size : {300 * KiB, 4 * MiB, 4 * MiB}) {
    char *Ptr = static_cast<char *>(malloc(Size));
    expectPattern(Ptr, 0, Size);
    memset(Ptr + Size / 2, 1, 100);
    free(Ptr);
  }
  malloc_stats();
  _exit(testing::Test::HasFailure() ? 1 : 0);
}

// Puts a file in the place of another for this process alone. Exits with 77 if
// it may not.
constexpr int NotAllowed = 77;
void replace(const char *Target, const char *By) {
  if (unshare(CLONE_NEWNS) != 0 ||
      mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount(By, Target, nullptr, MS_BIND, nullptr) != 0)
    _exit(NotAllowed);
}

void replaceByText(const char *Target, const char *Text) {
  char Name[] = "/tmp/refpage_test_XXXXXX";
  const int Fd = mkstemp(Name);
  if (Fd == -1 ||
      write(Fd, Text, strlen(Text)) != static_cast<ssize_t>(strlen(Text)))
    _exit(NotAllowed);
  close(Fd);
  replace(Target, Name);
  unlink(Name);
}

const char FilterText[] = "the process has a seccomp filter, or no /proc";
const char MemfdServed[] = "refpage:   memfd_window: [0-9]+ blocks";
// As stats=1 prints it: each line after those that name who served.
std::string servedButNotBy(const char *Kind, const char *Why) {
  return std::string(MemfdServed) + ".*\n(.*\n)*refpage:   not by " + Kind +
         ": " + Why + "\n";
}

TEST_F(KernelDegradeDeathTest, WithoutTheModule) {
  if (isThere("/sys/class/misc/refpage"))
    GTEST_SKIP() << "this kernel has the module";
  setOptions("tag=off:backend=device");
  EXPECT_EXIT(
      useAndExit(), testing::ExitedWithCode(0),
      servedButNotBy("device", "no module refpage, or no /dev/refpage"));
}

TEST_F(KernelDegradeDeathTest, WithoutTheSystemCall) {
  if (isThere(Number))
    GTEST_SKIP() << "this kernel has the system call";
  setOptions("tag=off:backend=syscall");
  EXPECT_EXIT(useAndExit(), testing::ExitedWithCode(0),
              servedButNotBy("syscall", "this kernel has none"));
}

TEST_F(KernelDegradeDeathTest, ByDefaultBothAreLookedFor) {
  if (isThere(Number) || isThere(Device))
    GTEST_SKIP() << "this kernel has reference pages";
  setOptions("tag=off");
  EXPECT_EXIT(useAndExit(), testing::ExitedWithCode(0),
              servedButNotBy("syscall",
                             "this kernel has none\nrefpage:   not by "
                             "device: no module refpage, or no "
                             "/dev/refpage"));
}

TEST_F(KernelDegradeDeathTest, WhatWasNotAskedForIsNotNamed) {
  setOptions("tag=off:backend=memfd");
  EXPECT_EXIT(useAndExit(), testing::ExitedWithCode(0),
              std::string(MemfdServed) + ".*\nrefpage:   filled ");
}

// Where they are to be had, and other things are put in their place.

TEST_F(KernelDegradeDeathTest, AnotherDeviceInItsPlace) {
  if (!isThere(Device))
    GTEST_SKIP() << "there is no " << Device;
  setOptions("tag=off:backend=device");
  EXPECT_EXIT(
      {
        replace(Device, "/dev/null");
        useAndExit();
      },
      testing::ExitedWithCode(0),
      servedButNotBy("device", "/dev/refpage is something else"));
}

TEST_F(KernelDegradeDeathTest, AFileInTheDevicesPlace) {
  if (!isThere(Device))
    GTEST_SKIP() << "there is no " << Device;
  setOptions("tag=off:backend=device");
  EXPECT_EXIT(
      {
        replaceByText(Device, "x");
        useAndExit();
      },
      testing::ExitedWithCode(0),
      servedButNotBy("device", "/dev/refpage is something else"));
}

// Of /sys and from elsewhere; none of them is called.
TEST_F(KernelDegradeDeathTest, AnotherNumberIsPublished) {
  if (!isThere(Number))
    GTEST_SKIP() << "there is no " << Number;
  setOptions("tag=off:backend=syscall");
  for (const char *Text : {"0\n", "448\n", "500\n", "rubbish\n"}) {
    EXPECT_EXIT(
        {
          replaceByText(Number, Text);
          useAndExit();
        },
        testing::ExitedWithCode(0),
        servedButNotBy("syscall", "what the kernel has under its name is not "
                                  "it"))
        << Text;
  }
  EXPECT_EXIT(
      {
        replace(Number, "/sys/kernel/uevent_seqnum");
        useAndExit();
      },
      testing::ExitedWithCode(0),
      servedButNotBy("syscall", "what the kernel has under its name is not "
                                "it"));
}

TEST_F(KernelDegradeDeathTest, AUserWithTooManyFiles) {
  constexpr char Limit[] = "/sys/module/refpage/parameters/max_user_files";
  constexpr uid_t Nobody = 65534;
  if (access(Limit, W_OK) != 0)
    GTEST_SKIP() << "there is no module, or its parameters may not be changed";
  std::string Before;
  std::getline(std::ifstream(Limit), Before);
  std::ofstream(Limit) << 0;
  setOptions("tag=off");
  EXPECT_EXIT(
      {
        if (setresuid(Nobody, Nobody, Nobody) != 0)
          _exit(NotAllowed);
        useAndExit();
      },
      testing::ExitedWithCode(0),
      servedButNotBy("device", "the user has as many of its files as one may"));
  std::ofstream(Limit) << Before;
}

// What is called on the way to the kernel's reference pages, and not on that to
// memory files.
std::vector<long> getCallsOfTheWayThere() {
  std::vector<long> Calls = {SYS_ioctl, SYS_fstatfs, SYS_readlinkat,
                             SYS_sched_getaffinity};
#ifdef SYS_readlink
  Calls.push_back(SYS_readlink);
#endif
  for (long Call = 463; Call != 600; Call++)
    Calls.push_back(Call);
  return Calls;
}

// Invariant 3. A kernel that has no such pages is looked at without them, too.
TEST_F(KernelDegradeDeathTest, UnderAFilterNothingIsTried) {
  if (!canFilterCalls())
    GTEST_SKIP() << "the emulator has no system call filters";
  setOptions("tag=off");
  const std::string Why =
      isThere(Number)   ? servedButNotBy("syscall", FilterText)
      : isThere(Device) ? servedButNotBy("device", FilterText)
                        : servedButNotBy("syscall", "this kernel has none");
  EXPECT_EXIT(
      {
        installFilter(getCallsOfTheWayThere(), SECCOMP_RET_KILL_PROCESS);
        useAndExit();
      },
      testing::ExitedWithCode(0), Why);
}

// Whoever asks for one by name knows the filter.
TEST_F(KernelDegradeDeathTest, UnderAFilterThatAllowsIt) {
  if (!canFilterCalls())
    GTEST_SKIP() << "the emulator has no system call filters";
  if (!isThere(Number) && !isThere(Device))
    GTEST_SKIP() << "this kernel has no reference pages";
  const bool IsCall = isThere(Number);
  setOptions(IsCall ? "tag=off:backend=syscall" : "tag=off:backend=device");
  EXPECT_EXIT(
      {
        installFilter({SYS_acct}, failWith(EPERM));
        useAndExit();
      },
      testing::ExitedWithCode(0),
      IsCall ? "refpage:   syscall: [0-9]+ blocks"
             : "refpage:   device: [0-9]+ blocks");
}

} // namespace
