// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/parked_fd.h"
#include "tests/support/memory.h"

#include "gtest/gtest.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace refpage;
using namespace refpage_test;

namespace {

int makeFile() {
  const int Fd = memfd_create("test", MFD_CLOEXEC);
  EXPECT_NE(Fd, -1);
  return Fd;
}

TEST(ParkedFdTest, MovesToAHighCloseOnExecNumberAndFreesTheLowOne) {
  const int Low = makeFile();
  int Parked;
  FileIdentity Identity;
  ASSERT_EQ(parkFd(Low, &Parked, &Identity), 0);
  EXPECT_GE(Parked, 900);
  EXPECT_LT(Parked, 1024);
  EXPECT_EQ(fcntl(Parked, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  EXPECT_EQ(fcntl(Low, F_GETFD), -1);
  EXPECT_TRUE(isSameFile(Parked, Identity));
  closeIfSame(Parked, Identity);
}

TEST(ParkedFdTest, StaysBelowTheLimitOfTheProcess) {
  rlimit Old;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &Old), 0);
  rlimit Small = Old;
  Small.rlim_cur = 100;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &Small), 0);
  int Parked;
  FileIdentity Identity;
  EXPECT_EQ(parkFd(makeFile(), &Parked, &Identity), 0);
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
  const int Error = parkFd(Fd, &Parked, &Identity);
  if (KeptInput != -1) {
    dup2(KeptInput, 0);
    close(KeptInput);
  }
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &Old), 0);
  ASSERT_EQ(Error, 0);
  EXPECT_GE(Parked, 3);
  closeIfSame(Parked, Identity);
}

TEST(ParkedFdTest, AClosedNumberIsNotTheFile) {
  int Parked;
  FileIdentity Identity;
  ASSERT_EQ(parkFd(makeFile(), &Parked, &Identity), 0);
  close(Parked);
  EXPECT_FALSE(isSameFile(Parked, Identity));
}

TEST(ParkedFdTest, AReusedNumberIsNotTheFileAndIsLeftOpen) {
  int Parked;
  FileIdentity Identity;
  ASSERT_EQ(parkFd(makeFile(), &Parked, &Identity), 0);
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
  const int Fd = makeFile();
  rlimit Old;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &Old), 0);
  rlimit None = Old;
  None.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &None), 0);
  errno = 0;
  int Parked;
  FileIdentity Identity;
  const int Error = parkFd(Fd, &Parked, &Identity);
  const int Errno = errno;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &Old), 0);
  EXPECT_TRUE(Error == EINVAL || Error == EMFILE) << Error;
  EXPECT_EQ(Errno, 0);
  EXPECT_EQ(listDescriptors().size(), Before);
}

} // namespace
