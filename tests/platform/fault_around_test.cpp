// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/fault_around.h"
#include "platform/mapping.h"
#include "platform/pagemap.h"
#include "tests/support/child.h"
#include "tests/support/emulator.h"
#include "tests/support/memory.h"
#include "tests/support/seccomp.h"

#include "gtest/gtest.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace refpage;
using namespace refpage_test;

namespace {

constexpr uptr Page = 4096;
constexpr uptr NumPages = 64;
constexpr unsigned MaxSeconds = 20;

class FaultAroundTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_NE(Fd = makePatternFile(NumPages * Page, 0x4141414141414141), -1);
    ASSERT_EQ(reserveMemory(NumPages * Page, &Base), 0);
    ASSERT_EQ(mapFileOver(Fd, 0, Base, NumPages * Page), 0);
    const int Error = Switch.switchOff(Base, NumPages * Page);
    if (Error)
      GTEST_SKIP() << "this kernel cannot: " << strerror(Error);
  }
  void TearDown() override {
    Switch.close();
    Pages.close();
    unmapMemory(Base, NumPages * Page);
    close(Fd);
  }
  char read(uptr PageNumber) {
    return reinterpret_cast<volatile char *>(Base)[PageNumber * Page];
  }
  uptr countMapped() {
    uptr Size = 0;
    EXPECT_TRUE(
        Pages.forEachReadRun(Base, NumPages * Page, [&](const PageRun &Run) {
          Size += Run.Size;
          return true;
        }));
    return Size / Page;
  }

  int Fd = -1;
  uptr Base = 0;
  FaultAroundSwitch Switch;
  Pagemap Pages;
};

TEST_F(FaultAroundTest, AReadMapsItsPageAlone) {
  EXPECT_EQ(read(20), 'A');
  EXPECT_EQ(read(41), 'A');
  EXPECT_EQ(countMapped(), 2U);
}

TEST_F(FaultAroundTest, WithoutItAReadMapsMore) {
  Switch.close();
  EXPECT_EQ(read(20), 'A');
  EXPECT_GT(countMapped(), 1U);
}

TEST_F(FaultAroundTest, StoresAreNotHeldUp) {
  reinterpret_cast<volatile char *>(Base)[0] = 'B';
  EXPECT_EQ(read(0), 'B');
  EXPECT_EQ(countMapped(), 0U);
}

// Nor are those of the kernel, which USER_MODE_ONLY would refuse.
TEST_F(FaultAroundTest, SystemCallsMayUseTheMemory) {
  int Ends[2];
  ASSERT_EQ(pipe(Ends), 0);
  const ssize_t Wanted = Page;
  EXPECT_EQ(write(Ends[1], reinterpret_cast<void *>(Base), Page), Wanted);
  EXPECT_EQ(::read(Ends[0], reinterpret_cast<void *>(Base + Page), Page),
            Wanted);
  close(Ends[0]);
  close(Ends[1]);
  EXPECT_EQ(countMapped(), 1U);
}

TEST_F(FaultAroundTest, ItsDescriptorClosedByTheProgramIsMadeAgain) {
  EXPECT_TRUE(Switch.isIntact());
  close_range(900, ~0U, 0);
  EXPECT_FALSE(Switch.isIntact());
  EXPECT_EQ(Switch.switchOff(Base, NumPages * Page), 0);
  EXPECT_EQ(read(20), 'A');
  EXPECT_EQ(countMapped(), 1U);
}

TEST_F(FaultAroundTest, UnderAFilterNothingIsCalled) {
  if (!canFilterCalls())
    GTEST_SKIP() << "no filters here";
  runInChild(MaxSeconds, [&] {
    installFilter({SYS_userfaultfd, SYS_ioctl}, SECCOMP_RET_KILL_PROCESS);
    EXPECT_EQ(Switch.switchOff(Base, NumPages * Page), ECANCELED);
  });
}

TEST_F(FaultAroundTest, WhatCannotBeRegisteredIsAnError) {
  uptr Unmapped;
  ASSERT_EQ(reserveMemory(Page, &Unmapped), 0);
  ASSERT_EQ(unmapMemory(Unmapped, Page), 0);
  errno = 0;
  EXPECT_NE(Switch.switchOff(Unmapped, Page), 0);
  EXPECT_EQ(errno, 0);
}

} // namespace
