// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "refpage_backend/restore.h"

#include "platform/mapping.h"
#include "tests/support/child.h"
#include "tests/support/memory.h"

#include "gtest/gtest.h"

#include <sys/mman.h>
#include <sys/resource.h>
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
  // Of the block's own, not of the file's.
  uptr countOwnPages() {
    uptr Bytes = 0;
    EXPECT_TRUE(Pages.forEachWrittenRun(Base, Size, [&](const PageRun &Run) {
      Bytes += Run.Size;
      return true;
    }));
    return Bytes / Page;
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
  EXPECT_EQ(countOwnPages(), 1U);
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

// Where the kernel does not tell what was written, all pages are dropped; but
// not those that the program has locked in memory.
TEST_F(RestoreTest, WithoutThePagemapAllIsRestored) {
  constexpr unsigned MaxSeconds = 20;
  for (bool IsLocked : {false, true}) {
    runInChild(MaxSeconds, [&] {
      const rlimit None = {};
      ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &None), 0);
      write(3);
      write(599);
      if (IsLocked) {
        ASSERT_EQ(mlock(reinterpret_cast<void *>(Base + 3 * Page), Page), 0);
      }
      EXPECT_EQ(restore(), IsLocked ? Size : 0U);
      expectPattern();
    });
  }
}

TEST_F(RestoreTest, TheFrontIsWhatWasWrittenWithoutAGap) {
  for (uptr I : {0, 1, 2, 4, 5})
    write(I);
  Restored R;
  restoreByPagemap(Pages, Base, Size, Pattern, Base, &R);
  EXPECT_EQ(R.Filled, 5 * Page);
  EXPECT_EQ(R.Front, 3 * Page);
}

// The front may be looked at in parts, each in its own way.
TEST_F(RestoreTest, TheFrontGoesOnFromPartToPart) {
  for (uptr I : {1, 2, 3, 4, 5, 7})
    write(I);
  Restored R;
  restoreByContents(Base + Page, 3 * Page, {Pattern, 0}, Base + Page,
                    CleanPages::Leave, &R);
  EXPECT_EQ(R.Front, 3 * Page);
  restoreByPagemap(Pages, Base + 4 * Page, Size - 4 * Page, Pattern,
                   Base + Page, &R);
  EXPECT_EQ(R.Filled, 6 * Page);
  EXPECT_EQ(R.Front, 5 * Page);
  expectPattern();
}

// Pages that were filled once and not written since are not filled again.
TEST_F(RestoreTest, PagesThatHoldThePatternAreLeftAlone) {
  for (uptr I : {3, 4, 5})
    write(I);
  ASSERT_EQ(restore(), 3 * Page);
  write(4);
  EXPECT_EQ(restore(), Page);
  EXPECT_EQ(restore(), 0U);
  expectPattern();
}

// Any byte of a page.
TEST_F(RestoreTest, OneWrittenByteIsSeen) {
  write(3);
  restore();
  for (uptr Offset = 0; Offset < Page; Offset += 61) {
    reinterpret_cast<volatile char *>(Base)[3 * Page + Offset] = 0x5a;
    EXPECT_EQ(restore(), Page) << Offset;
    reinterpret_cast<volatile char *>(Base)[4 * Page - 1 - Offset] = 0x5a;
    EXPECT_EQ(restore(), Page) << Offset;
  }
  expectPattern();
}

// What is resident and was not written for long is given back.
TEST_F(RestoreTest, PagesThatNobodyWritesAnyMoreAreDropped) {
  for (uptr I = 0; I != 400; I++)
    write(I);
  ASSERT_EQ(restore(), 400 * Page);
  // A tenth is written: all stay.
  for (uptr I = 0; I != 40; I++)
    write(I);
  restore();
  EXPECT_EQ(countOwnPages(), 400U);
  write(7);
  EXPECT_EQ(restore(), Page);
  EXPECT_EQ(countOwnPages(), 0U);
  expectPattern();
}

TEST_F(RestoreTest, FewPagesAreNotDropped) {
  for (uptr I = 0; I != 60; I++)
    write(I);
  restore();
  restore();
  EXPECT_EQ(countOwnPages(), 60U);
}

TEST_F(RestoreTest, PagesInSwapAreDropped) {
  write(3);
  write(4);
  madvise(reinterpret_cast<void *>(Base + 3 * Page), Page, 21 /* PAGEOUT */);
  unsigned char Resident = 1;
  if (mincore(reinterpret_cast<void *>(Base + 3 * Page), Page, &Resident) !=
          0 ||
      (Resident & 1))
    GTEST_SKIP() << "no swap";
  EXPECT_EQ(restore(), Page);
  EXPECT_EQ(countOwnPages(), 1U);
  expectPattern();
}

TEST_F(RestoreTest, PagesThatTheProgramHasMarkedAsFreeAreRestored) {
  ASSERT_EQ(mapAnonymousOver(Base, Size), 0);
  for (uptr I = 0; I != 20; I++)
    write(I);
  ASSERT_EQ(madvise(reinterpret_cast<void *>(Base), 10 * Page, MADV_FREE), 0);
  restore(0);
  EXPECT_EQ(findNotPattern(reinterpret_cast<void *>(Base), 0, Size, 0), -1);
}

TEST_F(RestoreTest, AnonymousMemoryGetsItsZerosBack) {
  ASSERT_EQ(mapAnonymousOver(Base, Size), 0);
  write(5);
  write(500);
  EXPECT_EQ(restore(0), 2 * Page);
  EXPECT_EQ(findNotPattern(reinterpret_cast<void *>(Base), 0, Size, 0), -1);
}

} // namespace
