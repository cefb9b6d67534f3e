// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "refpage_backend/restore.h"

#include "platform/mapping.h"
#include "tests/support/memory.h"

#include "gtest/gtest.h"

#include <sys/mman.h>
#include <unistd.h>

using namespace refpage;
using namespace refpage_test;

namespace {

constexpr uptr Page = 4096;
constexpr uptr Size = 600 * Page;
constexpr u64 Pattern = 0x0123456789abcdef;

class RestoreTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_NE(Fd = makePatternFile(Size, Pattern), -1);
    ASSERT_EQ(reserveMemory(Size, &Base), 0);
    ASSERT_EQ(mapFileOver(Fd, 0, Base, Size), 0);
  }
  void TearDown() override {
    unmapMemory(Base, Size);
    close(Fd);
    Pages.close();
  }
  void write(uptr PageNumber) {
    reinterpret_cast<volatile char *>(Base)[PageNumber * Page + 17] = 1;
  }
  // Puts the pattern back; returns the bytes that were filled.
  uptr restore(u64 Wanted = Pattern) {
    Restored R;
    restoreByPagemap(Pages, Base, Size, Wanted, Base, &R);
    return R.Filled;
  }
  void expectPattern() {
    EXPECT_EQ(findNotPattern(reinterpret_cast<void *>(Base), 0, Size, Pattern),
              -1);
  }

  int Fd = -1;
  Pagemap Pages;
  uptr Base = 0;
};

TEST_F(RestoreTest, NothingWrittenNothingFilled) {
  EXPECT_EQ(restore(), 0U);
  expectPattern();
}

TEST_F(RestoreTest, FillsExactlyTheWrittenPages) {
  for (uptr I : {0, 1, 255, 256, 400, 599})
    write(I);
  EXPECT_EQ(restore(), 6 * Page);
  expectPattern();
}

TEST_F(RestoreTest, WrittenPagesStayResident) {
  write(3);
  restore();
  unsigned char Resident;
  ASSERT_EQ(mincore(reinterpret_cast<void *>(Base + 3 * Page), Page, &Resident),
            0);
  EXPECT_EQ(Resident & 1, 1);
  // Not fetched from the window again: it still is a page of its own.
  uptr Written = 0;
  Pages.forEachWrittenRun(Base, Size, [&](const PageRun &Run) {
    EXPECT_EQ(Run.Base, Base + 3 * Page);
    return (Written += Run.Size) != 0;
  });
  EXPECT_EQ(Written, Page);
}

TEST_F(RestoreTest, PagesThatTheProgramDiscardedAreCleanAlready) {
  write(3);
  write(4);
  ASSERT_EQ(
      madvise(reinterpret_cast<void *>(Base + 3 * Page), Page, MADV_DONTNEED),
      0);
  EXPECT_EQ(restore(), Page);
  expectPattern();
}

TEST_F(RestoreTest, LockedPagesAreRestored) {
  if (mlock(reinterpret_cast<void *>(Base), 16 * Page) != 0)
    GTEST_SKIP() << "no right to lock memory";
  write(3);
  write(100);
  restore();
  expectPattern();
}

TEST_F(RestoreTest, AnonymousMemoryGetsItsZerosBack) {
  ASSERT_EQ(mapAnonymousOver(Base, Size), 0);
  write(5);
  write(500);
  EXPECT_EQ(restore(0), 2 * Page);
  EXPECT_EQ(findNotPattern(reinterpret_cast<void *>(Base), 0, Size, 0), -1);
}

} // namespace
