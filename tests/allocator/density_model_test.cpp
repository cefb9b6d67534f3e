// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/density_model.h"

#include "platform/mapping.h"
#include "refpage_backend/backends.h"

#include "gtest/gtest.h"

#include <sys/mman.h>

using namespace refpage;

namespace {

constexpr uptr Page = 4096;
constexpr Contents Pattern = {0xabababababababab, 0};

class DensityModelTest : public testing::Test {
protected:
  void SetUp() override { Pages.init(BackendRequest::Auto, 1UL << 20); }
  void TearDown() override { Pages.close(); }

  // The life of a block whose first Written bytes get written, made with the
  // front that the model expects.
  void live(uptr Size, uptr Written, uptr From = 0,
            bool LastPageInaccessible = false) {
    BlockSpan Span;
    Span.MapSize = Span.CommitSize = Size;
    ASSERT_EQ(reserveMemory(Size, &Span.MapBase), 0);
    Span.CommitBase = Span.MapBase;
    ASSERT_EQ(Pages.commit(Span.CommitBase, Size, Pattern,
                           Model.getExpectedFront(Size), &Span.Backed),
              0);
    memset(reinterpret_cast<void *>(Span.CommitBase + From), 1, Written);
    if (LastPageInaccessible) {
      ASSERT_EQ(mprotect(reinterpret_cast<void *>(Span.commitEnd() - Page),
                         Page, PROT_NONE),
                0);
    }
    Model.observe(Span, Pages.getWrittenPages());
    Pages.forget(Size, Span.Backed);
    Span.unmap();
  }

  // What is expected, past a block that is made to be looked at.
  uptr getFront(uptr Size) {
    const uptr Front = Model.getExpectedFront(Size);
    return Front ? Front : Model.getExpectedFront(Size);
  }

  static constexpr uptr Size = 1000 * Page;
  DensityModel Model;
  Backends Pages;
};

TEST_F(DensityModelTest, ExpectsNothingAtFirst) {
  EXPECT_EQ(Model.getExpectedFront(Size), 0U);
  live(Size, Size);
  EXPECT_EQ(Model.getExpectedFront(Size), 0U);
}

TEST_F(DensityModelTest, LearnsABlockThatIsWrittenWhole) {
  live(Size, Size);
  live(Size, Size);
  EXPECT_EQ(Model.getExpectedFront(Size), Size);
}

TEST_F(DensityModelTest, ALargeFrontNeedsMoreEvidence) {
  constexpr uptr Large = 32UL << 20;
  for (int I = 0; I != 3; I++)
    live(Large, Large);
  EXPECT_EQ(Model.getExpectedFront(Large), 0U);
  live(Large, Large);
  EXPECT_EQ(Model.getExpectedFront(Large), Large);
}

TEST_F(DensityModelTest, OneBlockInSixteenIsMadeToBeLookedAt) {
  live(Size, Size);
  live(Size, Size);
  int Looked = 0;
  for (int I = 0; I != 160; I++)
    Looked += Model.getExpectedFront(Size) == 0;
  EXPECT_EQ(Looked, 10);
}

// Programs put guard pages of their own into blocks, and free those.
TEST_F(DensityModelTest, NothingInTheBlockIsRead) {
  for (int I = 0; I != 40; I++)
    live(Size, Size, 0, /*LastPageInaccessible=*/true);
}

TEST_F(DensityModelTest, LearnsTheFrontThatIsWritten) {
  live(Size, Size / 4);
  live(Size, Size / 4);
  EXPECT_EQ(Model.getExpectedFront(Size), Size / 4);
}

TEST_F(DensityModelTest, TheLeastFrontCounts) {
  live(Size, Size / 2);
  live(Size, Size / 4);
  live(Size, Size / 2);
  EXPECT_EQ(Model.getExpectedFront(Size), Size / 4);
}

TEST_F(DensityModelTest, SparseBlocksStaySparse) {
  for (int I = 0; I != 100; I++)
    live(Size, Page);
  EXPECT_EQ(Model.getExpectedFront(Size), 0U);
}

TEST_F(DensityModelTest, WhatIsBehindAGapIsNotExpected) {
  for (int I = 0; I != 20; I++)
    live(Size, Size / 4, Size / 2);
  EXPECT_EQ(Model.getExpectedFront(Size), 0U);
}

TEST_F(DensityModelTest, ForgetsAFrontThatIsNoLongerWritten) {
  for (int I = 0; I != 10; I++)
    live(Size, Size / 2);
  for (int I = 0; I != 40; I++)
    live(Size, Page);
  EXPECT_EQ(getFront(Size), 0U);
}

TEST_F(DensityModelTest, ForgetsThatBlocksWereWrittenWhole) {
  for (int I = 0; I != 10; I++)
    live(Size, Size);
  ASSERT_EQ(getFront(Size), Size);
  // One block in sixteen is looked at, and the share of four has to show.
  for (int I = 0; I != 80; I++)
    live(Size, Size / 4);
  EXPECT_LE(getFront(Size), Size / 4);
}

TEST_F(DensityModelTest, LearnsALongerFrontInTime) {
  for (int I = 0; I != 4; I++)
    live(Size, Size / 8);
  for (int I = 0; I != 400; I++)
    live(Size, Size / 4);
  EXPECT_EQ(getFront(Size), Size / 4);
}

TEST_F(DensityModelTest, SizesAreLearntApart) {
  live(Size, Size);
  live(Size, Size);
  EXPECT_EQ(Model.getExpectedFront(2 * Size), 0U);
}

TEST_F(DensityModelTest, AFrontIsNeverLongerThanTheBlock) {
  // Of one class.
  live(1023 * Page, 1000 * Page);
  live(1023 * Page, 1000 * Page);
  EXPECT_LE(Model.getExpectedFront(960 * Page), 960 * Page);
}

// What is told of blocks that are used again.
class LearnTest : public testing::Test {
protected:
  void learn(int Times, uptr Bytes, uptr Written, uptr Front) {
    for (int I = 0; I != Times; I++)
      Model.learn(Bytes, Written, Front);
  }
  static constexpr uptr Size = 1000 * Page;
  static constexpr uptr Large = 32UL << 20;
  DensityModel Model;
};

TEST_F(LearnTest, OneBlockIsChance) {
  learn(1, Size, Size, Size);
  EXPECT_EQ(Model.getKnownFront(Size), 0U);
  learn(1, Size, Size, Size);
  EXPECT_EQ(Model.getKnownFront(Size), Size);
}

// Blocks made anew are looked at now and then; those used again always are.
TEST_F(LearnTest, WhatIsKnownIsKnownEachTime) {
  learn(2, Size, Size, Size);
  for (int I = 0; I != 40; I++)
    EXPECT_EQ(Model.getKnownFront(Size), Size);
}

TEST_F(LearnTest, TheLeastFrontOfARoundCounts) {
  learn(2, Size, 200 * Page, 200 * Page);
  learn(1, Size, 200 * Page, 100 * Page);
  EXPECT_EQ(Model.getKnownFront(Size), 100 * Page);
  // A round later it is forgotten.
  learn(20, Size, 200 * Page, 200 * Page);
  EXPECT_EQ(Model.getKnownFront(Size), 200 * Page);
}

TEST_F(LearnTest, AHugePageThatIsHalfUsedIsTakenWhole) {
  learn(2, Size, 255 * Page, 255 * Page);
  EXPECT_EQ(Model.getKnownFront(Size), 255 * Page);
  DensityModel Other;
  for (int I = 0; I != 2; I++)
    Other.learn(Size, 256 * Page, 256 * Page);
  EXPECT_EQ(Other.getKnownFront(Size), 512 * Page);
}

TEST_F(LearnTest, WhereAllWereWrittenWholeANewSizeIsTakenToBe) {
  learn(7, Size, Size, Size);
  EXPECT_EQ(Model.getKnownFront(2 * Size), 0U);
  learn(1, Size, Size, Size);
  EXPECT_EQ(Model.getKnownFront(2 * Size), 2 * Size);
  // But none that is much larger, nor one known to be otherwise.
  EXPECT_EQ(Model.getKnownFront(3 * Size), 0U);
  learn(1, 2 * Size, Page, Page);
  EXPECT_EQ(Model.getKnownFront(2 * Size), 0U);
  EXPECT_EQ(Model.getKnownFront(Size * 3 / 2), 0U);
}

TEST_F(LearnTest, AShortFrontIsNotWorthIt) {
  learn(8, Size, 63 * Page, 63 * Page);
  EXPECT_EQ(Model.getKnownFront(Size), 0U);
  learn(8, Size, 64 * Page, 64 * Page);
  EXPECT_EQ(Model.getKnownFront(Size), 64 * Page);
}

TEST_F(LearnTest, BlocksMostlyWrittenAreExpectedToBeWrittenWhole) {
  learn(8, Size, Size * 2 / 3, 0);
  EXPECT_EQ(Model.getKnownFront(Size), Size);
}

TEST_F(LearnTest, HalfWithGapsIsSparse) {
  learn(8, Size, Size / 2 + 4 * Page, 0);
  EXPECT_EQ(Model.getKnownFront(Size), 0U);
}

TEST_F(LearnTest, SmallBlocksAreNotJudgedByTheirShare) {
  learn(8, 60 * Page, 40 * Page, 0);
  EXPECT_EQ(Model.getKnownFront(60 * Page), 0U);
}

TEST_F(LearnTest, HugeBlocksNeedAGreaterShareAndMoreEvidence) {
  learn(20, Large, Large * 2 / 3, 0);
  EXPECT_EQ(Model.getKnownFront(Large), 0U);
  DensityModel Other;
  for (int I = 0; I != 3; I++)
    Other.learn(Large, Large * 4 / 5, 0);
  EXPECT_EQ(Other.getKnownFront(Large), 0U);
  Other.learn(Large, Large * 4 / 5, 0);
  EXPECT_EQ(Other.getKnownFront(Large), Large);
}

TEST_F(LearnTest, AHabitIsUnlearntInAFewBlocks) {
  learn(100, Size, Size, Size);
  learn(1, Size, Page, Page);
  // Not by one.
  EXPECT_EQ(Model.getKnownFront(Size), Size);
  learn(3, Size, Page, Page);
  EXPECT_EQ(Model.getKnownFront(Size), 0U);
}

TEST_F(LearnTest, AHabitIsLearntInAFewBlocks) {
  learn(100, Size, Page, Page);
  learn(4, Size, Size, Size);
  EXPECT_EQ(Model.getKnownFront(Size), Size);
}

TEST_F(LearnTest, SizesOfAQuarterOfADoublingAreOneClass) {
  learn(2, 1024 * Page, 1024 * Page, 1024 * Page);
  EXPECT_EQ(Model.getKnownFront(1279 * Page), 1279 * Page);
  EXPECT_EQ(Model.getKnownFront(1280 * Page), 0U);
  EXPECT_EQ(Model.getKnownFront(1023 * Page), 0U);
}

TEST_F(LearnTest, StatsSayWhatIsExpected) {
  learn(2, 1024 * Page, 1024 * Page, 1024 * Page);
  learn(2, 2048 * Page, 512 * Page, 256 * Page);
  learn(2, 4096 * Page, Page, Page);
  scudo::ScopedString Text;
  Model.getStats(&Text);
  EXPECT_STREQ(
      Text.data(),
      "refpage:   blocks from 4.0 MiB on: looked at 2, 100 % of the bytes "
      "written; filled at once\n"
      "refpage:   blocks from 8.0 MiB on: looked at 2, 25 % of the bytes "
      "written; the first 2.0 MiB filled at once\n"
      "refpage:   blocks from 16.0 MiB on: looked at 2, 0 % of the bytes "
      "written; as reference pages\n");
}

// Used again, a block has been learnt from already.
TEST_F(DensityModelTest, BlocksThatWereUsedAgainAreNotObserved) {
  for (int I = 0; I != 4; I++) {
    BlockSpan Span;
    Span.MapSize = Span.CommitSize = Size;
    ASSERT_EQ(reserveMemory(Size, &Span.MapBase), 0);
    Span.CommitBase = Span.MapBase;
    ASSERT_EQ(Pages.commit(Span.CommitBase, Size, Pattern, 0, &Span.Backed), 0);
    memset(reinterpret_cast<void *>(Span.CommitBase), 1, Size);
    Span.Reuses = 1;
    Model.observe(Span, Pages.getWrittenPages());
    Pages.forget(Size, Span.Backed);
    Span.unmap();
  }
  EXPECT_EQ(Model.getKnownFront(Size), 0U);
}

} // namespace
