// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/parked_fd.h"
#include "tests/support/memory.h"

#include "gtest/gtest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace refpage;
using namespace refpage_test;

namespace {

// What another thread does as soon as a descriptor was duplicated: puts a file
// of the program's own on a number, which is that of the copy or of what it is
// a copy of.
enum class Taken { Nothing, Copy, Original };
Taken TakeNext = Taken::Nothing;
int OwnFile = -1;
int CopyFd = -1;

} // namespace

extern "C" int __real_fcntl(int Fd, int Command, ...);
extern "C" int __wrap_fcntl(int Fd, int Command, ...) {
  va_list Arguments;
  va_start(Arguments, Command);
  const long Argument = va_arg(Arguments, long);
  va_end(Arguments);
  if (Command == F_DUPFD_CLOEXEC && TakeNext == Taken::Original)
    dup2(OwnFile, Fd); // Just before.
  const int Result = __real_fcntl(Fd, Command, Argument);
  if (Command != F_DUPFD_CLOEXEC || TakeNext == Taken::Nothing)
    return Result;
  CopyFd = Result;
  if (TakeNext == Taken::Copy)
    dup2(OwnFile, Result);
  TakeNext = Taken::Nothing;
  return Result;
}

namespace {

int makeFile() {
  const int Fd = memfd_create("test", MFD_CLOEXEC);
  EXPECT_NE(Fd, -1);
  return Fd;
}

TEST(ParkedFdTest, OpensOnAHighCloseOnExecNumberAlone) {
  const size_t Before = listDescriptors().size();
  KeptFile File;
  ASSERT_EQ(openParked("/proc/self/status", &File), 0);
  EXPECT_GE(File.Fd, 900);
  EXPECT_LT(File.Fd, 1024);
  EXPECT_EQ(fcntl(File.Fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  EXPECT_TRUE(isSameFile(File.Fd, File.Identity));
  EXPECT_EQ(listDescriptors().size(), Before + 1);
  giveUp(&File);
  EXPECT_EQ(listDescriptors().size(), Before);
}

TEST(ParkedFdTest, ADuplicateLeavesTheFileOpen) {
  const int Low = makeFile();
  int Parked;
  FileIdentity Identity;
  ASSERT_EQ(duplicateParked(Low, &Parked, &Identity), 0);
  EXPECT_TRUE(isSameFile(Low, Identity));
  EXPECT_TRUE(isSameFile(Parked, Identity));
  close(Low);
  close(Parked);
}

TEST(ParkedFdTest, ACopyWhoseNumberTheProgramTookStaysOpen) {
  const int Low = makeFile();
  OwnFile = makeFile();
  int Parked;
  FileIdentity Identity;
  TakeNext = Taken::Copy;
  EXPECT_EQ(duplicateParked(Low, &Parked, &Identity), EBADF);
  EXPECT_NE(fcntl(CopyFd, F_GETFD), -1);
  close(CopyFd);
  close(OwnFile);
  close(Low);
}

TEST(ParkedFdTest, ACopyOfWhatTheProgramPutThereIsClosed) {
  const int Low = makeFile();
  OwnFile = makeFile();
  int Parked;
  FileIdentity Identity;
  TakeNext = Taken::Original;
  EXPECT_EQ(duplicateParked(Low, &Parked, &Identity), EBADF);
  EXPECT_EQ(fcntl(CopyFd, F_GETFD), -1);
  EXPECT_NE(fcntl(Low, F_GETFD), -1);
  close(OwnFile);
  close(Low);
}

TEST(ParkedFdTest, StaysBelowTheLimitOfTheProcess) {
  rlimit Old;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &Old), 0);
  rlimit Small = Old;
  Small.rlim_cur = 100;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &Small), 0);
  int Parked;
  FileIdentity Identity;
  const int Fd = makeFile();
  EXPECT_EQ(duplicateParked(Fd, &Parked, &Identity), 0);
  close(Fd);
  EXPECT_GE(Parked, 36);
  EXPECT_LT(Parked, 100);
  closeIfSame(Parked, Identity);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &Old), 0);
}

TEST(ParkedFdTest, NeverTakesTheStandardStreams) {
  rlimit Old;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &Old), 0);
  rlimit Small = Old;
  Small.rlim_cur = 10;
  const int Fd = makeFile();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &Small), 0);
  const int KeptInput = dup(0);
  close(0);
  int Parked = -1;
  FileIdentity Identity;
  const int Error = duplicateParked(Fd, &Parked, &Identity);
  if (KeptInput != -1) {
    dup2(KeptInput, 0);
    close(KeptInput);
  }
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &Old), 0);
  ASSERT_EQ(Error, 0);
  EXPECT_GE(Parked, 3);
  close(Fd);
  closeIfSame(Parked, Identity);
}

TEST(ParkedFdTest, AClosedNumberIsNotTheFile) {
  int Parked;
  FileIdentity Identity;
  const int Fd = makeFile();
  ASSERT_EQ(duplicateParked(Fd, &Parked, &Identity), 0);
  close(Fd);
  close(Parked);
  EXPECT_FALSE(isSameFile(Parked, Identity));
}

TEST(ParkedFdTest, AReusedNumberIsNotTheFileAndIsLeftOpen) {
  int Parked;
  FileIdentity Identity;
  const int Fd = makeFile();
  ASSERT_EQ(duplicateParked(Fd, &Parked, &Identity), 0);
  close(Fd);
  const int Other = makeFile();
  ASSERT_EQ(dup2(Other, Parked), Parked);
  EXPECT_FALSE(isSameFile(Parked, Identity));
  closeIfSame(Parked, Identity);
  EXPECT_NE(fcntl(Parked, F_GETFD), -1);
  close(Parked);
  close(Other);
}

TEST(ParkedFdTest, FailureClosesTheFileAndKeepsErrno) {
  const size_t Before = listDescriptors().size();
  // One is free, for the file itself.
  const int Free = makeFile();
  close(Free);
  rlimit Old;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &Old), 0);
  rlimit Full = Old;
  Full.rlim_cur = static_cast<rlim_t>(Free) + 1;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &Full), 0);
  errno = 0;
  KeptFile File;
  const int Error = openParked("/proc/self/status", &File);
  const int Errno = errno;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &Old), 0);
  EXPECT_TRUE(Error == EINVAL || Error == EMFILE) << Error;
  EXPECT_EQ(Errno, 0);
  EXPECT_EQ(File.Fd, -1);
  EXPECT_EQ(listDescriptors().size(), Before);
}

} // namespace
