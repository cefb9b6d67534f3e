// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/mapping.h"
#include "tests/support/emulator.h"
#include "tests/support/memory.h"

#include "gtest/gtest.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace refpage;
using namespace refpage_test;

namespace {

constexpr uptr Page = 4096;

class MappingTest : public testing::Test {
protected:
  void SetUp() override { ASSERT_EQ(reserveMemory(Size, &Base), 0); }
  void TearDown() override { EXPECT_EQ(unmapMemory(Base, Size), 0); }
  char *bytes() { return reinterpret_cast<char *>(Base); }

  static constexpr uptr Size = 16 * Page;
  uptr Base = 0;
};

using MappingDeathTest = MappingTest;

TEST_F(MappingDeathTest, ReservedMemoryIsInaccessible) {
  EXPECT_EXIT(bytes()[0] = 1, testing::KilledBySignal(SIGSEGV), "");
}

TEST_F(MappingTest, CommittedMemoryReadsAsZeroAndCanBeWritten) {
  ASSERT_EQ(commitReserved(Base + Page, Page), 0);
  EXPECT_EQ(bytes()[Page], 0);
  bytes()[Page] = 1;
  EXPECT_EQ(bytes()[Page], 1);
}

TEST_F(MappingTest, DiscardedPagesReadAsZero) {
  ASSERT_EQ(commitReserved(Base, Size), 0);
  bytes()[Page] = 1;
  ASSERT_EQ(discardPages(Base, Size), 0);
  EXPECT_EQ(bytes()[Page], 0);
}

TEST_F(MappingTest, AFileMappedOverIsPrivate) {
  int Fd;
  ASSERT_NE(Fd = makePatternFile(2 * Page, 0x4141414141414141), -1);
  ASSERT_EQ(mapFileOver(Fd, 0, Base, 2 * Page), 0);
  bytes()[0] = 'B';
  char Byte;
  ASSERT_EQ(pread(Fd, &Byte, 1, 0), 1);
  EXPECT_EQ(Byte, 'A');
  ASSERT_EQ(discardPages(Base, Page), 0);
  EXPECT_EQ(bytes()[0], 'A');
  close(Fd);
}

TEST_F(MappingTest, PopulateMakesPagesResident) {
  if (!canAdvise())
    GTEST_SKIP() << "the emulator does not pass advice on to the kernel";
  ASSERT_EQ(commitReserved(Base, Size), 0);
  const int Error = populatePages(Base, Size);
  if (Error == ENOTSUP)
    GTEST_SKIP() << "the kernel has no MADV_POPULATE_WRITE";
  ASSERT_EQ(Error, 0);
  unsigned char Resident[Size / Page];
  ASSERT_EQ(mincore(bytes(), Size, Resident), 0);
  for (unsigned char One : Resident)
    EXPECT_EQ(One & 1, 1);
}

TEST_F(MappingTest, AHoleIsReservedAgain) {
  ASSERT_EQ(unmapMemory(Base + Page, Page), 0);
  reserveHole(Base + Page, Page);
  // Mapped again, else MAP_FIXED_NOREPLACE could have the place.
  void *P = mmap(bytes() + Page, Page, PROT_READ,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  EXPECT_EQ(P, MAP_FAILED);
  EXPECT_EQ(errno, EEXIST);
}

TEST_F(MappingTest, WhatIsMappedIsNoHole) {
  ASSERT_EQ(commitReserved(Base, Page), 0);
  bytes()[0] = 1;
  reserveHole(Base, Page);
  EXPECT_EQ(bytes()[0], 1);
}

TEST_F(MappingTest, AViewCanStartInsideTheFile) {
  int Fd;
  ASSERT_NE(Fd = makePatternFile(2 * Page, 0x4141414141414141), -1);
  ASSERT_EQ(pwrite(Fd, "B", 1, Page), 1);
  ASSERT_EQ(mapFileOver(Fd, Page, Base, Page), 0);
  EXPECT_EQ(bytes()[0], 'B');
  close(Fd);
}

TEST_F(MappingDeathTest, ProtectedMemoryIsInaccessible) {
  ASSERT_EQ(commitReserved(Base, Size), 0);
  ASSERT_EQ(protectMemory(Base + Page, Page), 0);
  bytes()[0] = 1;
  EXPECT_EXIT(bytes()[Page] = 1, testing::KilledBySignal(SIGSEGV), "");
}

TEST_F(MappingTest, ProtectedMemoryKeepsWhatItHolds) {
  ASSERT_EQ(commitReserved(Base, Size), 0);
  bytes()[Page] = 1;
  ASSERT_EQ(protectMemory(Base, Size), 0);
  ASSERT_EQ(commitReserved(Base, Size), 0);
  EXPECT_EQ(bytes()[Page], 1);
}

TEST_F(MappingTest, AlignedReservationsLieAsAskedFor) {
  for (uptr Alignment : {2 * Page, 16 * Page, 512 * Page}) {
    for (uptr Offset : {uptr(0), Page, Alignment - Page}) {
      const size_t Before = getVirtualBytes();
      uptr Aligned;
      ASSERT_EQ(reserveAligned(5 * Page, Alignment, Offset, &Aligned), 0);
      EXPECT_EQ(Aligned % Alignment, Offset);
      // Nothing besides.
      EXPECT_EQ(getVirtualBytes(), Before + 5 * Page);
      EXPECT_EQ(commitReserved(Aligned, 5 * Page), 0);
      EXPECT_EQ(unmapMemory(Aligned, 5 * Page), 0);
    }
  }
}

TEST_F(MappingTest, ErrorsComeBackAsValuesAndErrnoIsKept) {
  errno = 0;
  EXPECT_EQ(mapFileOver(-1, 0, Base, Page), EBADF);
  EXPECT_EQ(commitReserved(Base + 1, Page), EINVAL);
  EXPECT_EQ(unmapMemory(Base + 1, Page), EINVAL);
  EXPECT_EQ(discardPages(Base + 1, Page), EINVAL);
  uptr Nowhere;
  EXPECT_EQ(reserveMemory(0, &Nowhere), EINVAL);
  EXPECT_EQ(errno, 0);
}

TEST_F(MappingTest, AFailedCommitLeavesTheReservation) {
  uptr Huge;
  // More than any machine has: the kernel refuses to promise it.
  constexpr uptr HugeSize = 1UL << 45;
  ASSERT_EQ(reserveMemory(HugeSize, &Huge), 0);
  EXPECT_EQ(commitReserved(Huge, HugeSize), ENOMEM);
  EXPECT_EQ(commitReserved(Huge, Page), 0);
  EXPECT_EQ(unmapMemory(Huge, HugeSize), 0);
}

} // namespace
