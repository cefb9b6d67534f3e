// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Invariant 3: what is at the places where a kernel with reference pages has
// them may be anything; nothing is called, opened or sent a command that is not
// known to be it.
//
// The linker sends the calls here (--wrap).

#include "platform/kernel_refpage.h"

#include "tests/support/child.h"
#include "tests/support/emulator.h"
#include "tests/support/memory.h"
#include "tests/support/seccomp.h"

#include "gtest/gtest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <string.h>
#include <string>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

using namespace refpage;
using namespace refpage_test;

namespace {

// What the calls answer: -1 with an errno, or a descriptor. The commands of
// ioctl() go to the kernel if there is no answer.
struct Answer {
  bool Given = false;
  int Result = -1;
  int Errno = 0;
};
Answer SyscallAnswer;
Answer IoctlAnswer;
long LastSyscall = 0;
int SyscallCalls = 0;
int IoctlCalls = 0;
int OpenedDevices = 0; // Of DevicePath.
std::string DevicePath;
std::string Published; // What is read from /sys, if not empty.
std::string Link;      // What readlink() finds, if not empty.

} // namespace

extern "C" {

long __wrap_syscall(long Number, ...) {
  SyscallCalls++;
  LastSyscall = Number;
  errno = SyscallAnswer.Errno;
  return SyscallAnswer.Result;
}

int __real_ioctl(int Fd, unsigned long Command, ...);
int __wrap_ioctl(int Fd, unsigned long Command, ...) {
  va_list Arguments;
  va_start(Arguments, Command);
  void *Argument = va_arg(Arguments, void *);
  va_end(Arguments);
  IoctlCalls++;
  if (!IoctlAnswer.Given)
    return __real_ioctl(Fd, Command, Argument);
  errno = IoctlAnswer.Errno;
  return IoctlAnswer.Result;
}

int __real_open(const char *Path, int Flags, ...);
int __wrap_open(const char *Path, int Flags, ...) {
  OpenedDevices += Path == DevicePath;
  return __real_open(Path, Flags, 0600);
}

ssize_t __real_read(int Fd, void *Buffer, size_t Size);
ssize_t __wrap_read(int Fd, void *Buffer, size_t Size) {
  struct statfs System;
  if (Published.empty() || fstatfs(Fd, &System) != 0 ||
      System.f_type != SYSFS_MAGIC)
    return __real_read(Fd, Buffer, Size);
  return static_cast<ssize_t>(
      Published.copy(static_cast<char *>(Buffer), Size));
}

ssize_t __real_readlink(const char *Path, char *Buffer, size_t Size);
ssize_t __wrap_readlink(const char *Path, char *Buffer, size_t Size) {
  if (Link.empty())
    return __real_readlink(Path, Buffer, Size);
  return static_cast<ssize_t>(Link.copy(Buffer, Size));
}

} // extern "C"

namespace {

constexpr u64 Pattern = 0xabababababababab;
// A file of the kernel's, whatever is in it.
constexpr char SomeSysfsFile[] = "/sys/kernel/mm/transparent_hugepage/enabled";
// The number of /dev/null.
constexpr char NullNumber[] = "/sys/class/mem/null/dev";

class KernelRefpageTest : public testing::Test {
protected:
  void SetUp() override {
    SyscallAnswer = Answer();
    SyscallAnswer.Errno = ENOSYS;
    IoctlAnswer = Answer();
    SyscallCalls = IoctlCalls = OpenedDevices = 0;
    Published.clear();
    Link.clear();
    char Name[] = "/tmp/refpage_test_XXXXXX";
    ASSERT_NE(mkdtemp(Name), nullptr);
    Folder = Name;
    Before = listDescriptors();
  }
  void TearDown() override {
    Published.clear();
    Link.clear();
    EXPECT_EQ(listDescriptors(), Before);
    unlink((Folder + "/file").c_str());
    EXPECT_EQ(rmdir(Folder.c_str()), 0);
  }
  std::string path() const { return Folder + "/file"; }
  void writeFile(const std::string &Text) {
    const int Fd = open(path().c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ASSERT_NE(Fd, -1);
    ASSERT_EQ(write(Fd, Text.data(), Text.size()),
              static_cast<ssize_t>(Text.size()));
    close(Fd);
  }
  // A kernel that says that its system call has the number.
  int callPublished(const std::string &Number, KeptFile *New) {
    Published = Number;
    RefpagePaths Paths;
    Paths.SyscallNumber = SomeSysfsFile;
    errno = 77;
    const int Error = createRefpageBySyscall(&Pattern, sizeof(Pattern),
                                             UnderFilter::GoOn, New, Paths);
    EXPECT_EQ(errno, 77);
    Published.clear();
    return Error;
  }
  int callDevice(const char *Device, KeptFile *New,
                 const char *Number = NullNumber) {
    RefpagePaths Paths;
    Paths.Device = Device;
    Paths.DeviceNumber = Number;
    DevicePath = Device;
    OpenedDevices = 0;
    errno = 77;
    const int Error = createRefpageByDevice(&Pattern, sizeof(Pattern), 0,
                                            UnderFilter::GoOn, New, Paths);
    EXPECT_EQ(errno, 77);
    return Error;
  }

  std::string Folder;
  std::vector<int> Before;
  KeptFile New;
};

TEST(SyscallNumberTest, WhatTheKernelPublishes) {
  long Number = 0;
  for (const char *Text : {"480\n", "500\n", "511\n", "0500\n"})
    EXPECT_TRUE(parseSyscallNumber(Text, &Number)) << Text;
  EXPECT_TRUE(parseSyscallNumber("500\n", &Number));
  EXPECT_EQ(Number, 500);
}

TEST(SyscallNumberTest, WhatItCannotBe) {
  for (const char *Text : {"",
                           "\n",
                           "0\n",
                           "1\n",
                           "-1\n",
                           "-500\n",
                           "+500\n",
                           " 500\n",
                           "500",
                           "500 \n",
                           "500\n\n",
                           "500\n1",
                           "0x1f4\n",
                           "448\n",
                           "479\n",
                           "512\n",
                           "547\n",
                           "1073742324\n",
                           "4294967796\n",
                           "18446744073709552116\n",
                           "99999999999999999999999999\n",
                           "always [madvise] never\n"}) {
    long Number = 77;
    EXPECT_FALSE(parseSyscallNumber(Text, &Number)) << Text;
    EXPECT_EQ(Number, 77);
  }
}

TEST_F(KernelRefpageTest, WithoutAPublishedNumberNothingIsCalled) {
  RefpagePaths Paths;
  Paths.SyscallNumber = "/sys/kernel/mm/there_is_none/syscall_nr";
  EXPECT_EQ(createRefpageBySyscall(&Pattern, sizeof(Pattern), UnderFilter::GoOn,
                                   &New, Paths),
            ENOENT);
  EXPECT_EQ(SyscallCalls, 0);
  EXPECT_EQ(New.Fd, -1);
}

// In a container /sys may be anybody's.
TEST_F(KernelRefpageTest, ANumberThatTheKernelDidNotPublishIsNotCalled) {
  writeFile("500\n");
  const std::string Path = path();
  RefpagePaths Paths;
  Paths.SyscallNumber = Path.c_str();
  EXPECT_EQ(createRefpageBySyscall(&Pattern, sizeof(Pattern), UnderFilter::GoOn,
                                   &New, Paths),
            EBADMSG);
  EXPECT_EQ(SyscallCalls, 0);
}

TEST_F(KernelRefpageTest, APipeIsNotWaitedFor) {
  ASSERT_EQ(mkfifo(path().c_str(), 0600), 0);
  const std::string Path = path();
  RefpagePaths Paths;
  Paths.SyscallNumber = Path.c_str();
  EXPECT_EQ(createRefpageBySyscall(&Pattern, sizeof(Pattern), UnderFilter::GoOn,
                                   &New, Paths),
            EBADMSG);
  EXPECT_EQ(callDevice(Path.c_str(), &New), EBADMSG);
  EXPECT_EQ(OpenedDevices, 0);
}

TEST_F(KernelRefpageTest, RubbishIsNotCalled) {
  for (const char *Text : {"0\n", "448\n", "512\n", "rubbish\n", "500"})
    EXPECT_EQ(callPublished(Text, &New), EBADMSG) << Text;
  EXPECT_EQ(callPublished(std::string(5000, '5'), &New), EBADMSG);
  EXPECT_EQ(SyscallCalls, 0);
}

TEST_F(KernelRefpageTest, ThePublishedNumberIsCalledAndItsErrorIsKept) {
  for (int Error : {ENOSYS, ENOMEM, EMFILE, EPERM, EINVAL}) {
    SyscallAnswer.Errno = Error;
    EXPECT_EQ(callPublished("500\n", &New), Error);
  }
  EXPECT_EQ(SyscallCalls, 5);
  EXPECT_EQ(LastSyscall, 500);
  EXPECT_EQ(New.Fd, -1);
}

// Another system call had the number after all: what it returned is no
// descriptor, or the program's.
TEST_F(KernelRefpageTest, WhatIsNoReferencePageIsLeftAlone) {
  const int Event = eventfd(0, EFD_CLOEXEC);
  const int File = memfd_create("[refpage]", MFD_CLOEXEC);
  for (int Result : {0, 1, Event, File, 1000, 1 << 30}) {
    SyscallAnswer.Result = Result;
    EXPECT_EQ(callPublished("500\n", &New), EBADMSG) << Result;
    EXPECT_EQ(New.Fd, -1);
  }
  for (int Result : {0, Event, File, 1000}) {
    IoctlAnswer = {true, Result, 0};
    EXPECT_EQ(callDevice("/dev/null", &New), EBADF) << Result;
    EXPECT_EQ(New.Fd, -1);
  }
  EXPECT_EQ(describeDescriptor(Event), "anon_inode:[eventfd]");
  EXPECT_EQ(describeDescriptor(File), "/memfd:[refpage] (deleted)");
  EXPECT_NE(describeDescriptor(0), "");
  close(Event);
  close(File);
}

// The link is what a kernel with reference pages would show.
TEST_F(KernelRefpageTest, WhatIsOneIsParked) {
  const int File = memfd_create("file", MFD_CLOEXEC);
  struct stat Status;
  ASSERT_EQ(fstat(File, &Status), 0);
  Link = REFPAGE_LINK;
  SyscallAnswer.Result = File;
  ASSERT_EQ(callPublished("500\n", &New), 0);
  EXPECT_GE(New.Fd, 900);
  EXPECT_EQ(New.Identity.Inode, Status.st_ino);
  EXPECT_EQ(fcntl(New.Fd, F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(fcntl(File, F_GETFD), -1);
  giveUp(&New);
}

TEST_F(KernelRefpageTest, LinksThatAreNearlyRight) {
  const int File = memfd_create("file", MFD_CLOEXEC);
  SyscallAnswer.Result = File;
  for (const char *Text : {"anon_inode:[refpage", "anon_inode:[refpage]x",
                           "anon_inode:refpage", "/anon_inode:[refpage]"}) {
    Link = Text;
    EXPECT_EQ(callPublished("500\n", &New), EBADMSG) << Text;
  }
  Link.clear();
  close(File);
}

TEST_F(KernelRefpageTest, WithoutTheModuleNothingIsOpened) {
  EXPECT_EQ(callDevice("/dev/null", &New, "/sys/class/misc/there_is_none/dev"),
            ENOENT);
  EXPECT_EQ(OpenedDevices, 0);
  EXPECT_EQ(IoctlCalls, 0);
}

TEST_F(KernelRefpageTest, ADeviceNumberThatTheKernelDidNotPublish) {
  writeFile("1:3\n");
  const std::string Path = path();
  EXPECT_EQ(callDevice("/dev/null", &New, Path.c_str()), EBADMSG);
  EXPECT_EQ(OpenedDevices, 0);
}

TEST_F(KernelRefpageTest, DeviceNumbersThatAreNone) {
  for (const char *Text :
       {"1", "1:", "1:3", ":3\n", "1:\n", "1:3\n\n", "4096:3\n", "1:1048576\n",
        "1:3 \n", "-1:3\n", "always [madvise] never\n"}) {
    Published = Text;
    EXPECT_EQ(callDevice("/dev/null", &New), EBADMSG) << Text;
  }
  EXPECT_EQ(OpenedDevices, 0);
}

TEST_F(KernelRefpageTest, WhatIsNotTheDeviceIsNotOpened) {
  EXPECT_EQ(callDevice("/dev/there_is_none", &New), ENOENT);
  EXPECT_EQ(callDevice("/dev/zero", &New), EBADMSG);
  EXPECT_EQ(callDevice("/dev", &New), EBADMSG);
  writeFile("x");
  const std::string Path = path();
  EXPECT_EQ(callDevice(Path.c_str(), &New), EBADMSG);
  unlink(Path.c_str());
  ASSERT_EQ(symlink("/dev/zero", Path.c_str()), 0);
  EXPECT_EQ(callDevice(Path.c_str(), &New), EBADMSG);
  EXPECT_EQ(OpenedDevices, 0);
  EXPECT_EQ(IoctlCalls, 0);
}

TEST_F(KernelRefpageTest, ADeviceWithTheNumberIsAskedOnce) {
  EXPECT_EQ(callDevice("/dev/null", &New), ENOTTY);
  EXPECT_EQ(OpenedDevices, 1);
  EXPECT_EQ(IoctlCalls, 1);
  for (int Error : {EDQUOT, ENOMEM, EMFILE, EINVAL}) {
    IoctlAnswer = {true, -1, Error};
    EXPECT_EQ(callDevice("/dev/null", &New), Error);
  }
}

TEST_F(KernelRefpageTest, UnderAFilterNothingIsCalledUnlessAskedFor) {
  if (!canFilterCalls())
    GTEST_SKIP() << "the emulator has no system call filters";
  constexpr unsigned MaxSeconds = 10;
  runInChild(MaxSeconds, [&] {
    installFilter({SYS_acct}, failWith(EPERM));
    Published = "500\n";
    RefpagePaths Paths;
    Paths.SyscallNumber = SomeSysfsFile;
    EXPECT_EQ(createRefpageBySyscall(&Pattern, sizeof(Pattern),
                                     UnderFilter::GiveUp, &New, Paths),
              ECANCELED);
    EXPECT_EQ(SyscallCalls, 0);
    EXPECT_EQ(createRefpageBySyscall(&Pattern, sizeof(Pattern),
                                     UnderFilter::GoOn, &New, Paths),
              ENOSYS);
    EXPECT_EQ(SyscallCalls, 1);

    Published = "1:3\n";
    Paths.DeviceNumber = NullNumber;
    Paths.Device = "/dev/null";
    DevicePath = Paths.Device;
    EXPECT_EQ(createRefpageByDevice(&Pattern, sizeof(Pattern), 0,
                                    UnderFilter::GiveUp, &New, Paths),
              ECANCELED);
    EXPECT_EQ(OpenedDevices + IoctlCalls, 0);
    EXPECT_EQ(createRefpageByDevice(&Pattern, sizeof(Pattern), 0,
                                    UnderFilter::GoOn, &New, Paths),
              ENOTTY);
  });
}

} // namespace
