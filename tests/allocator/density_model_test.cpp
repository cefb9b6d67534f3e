// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/density_model.h"

#include "platform/mapping.h"
#include "refpage_backend/backends.h"

#include "gtest/gtest.h"

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
  void live(uptr Size, uptr Written, uptr From = 0) {
    BlockSpan Span;
    Span.MapSize = Span.CommitSize = Size;
    ASSERT_EQ(reserveMemory(Size, &Span.MapBase), 0);
    Span.CommitBase = Span.MapBase;
    ASSERT_EQ(Pages.commit(Span.CommitBase, Size, Pattern,
                           Model.getExpectedFront(Size), &Span.Backed),
              0);
    memset(reinterpret_cast<void *>(Span.CommitBase + From), 1, Written);
    Model.observe(Span, Pages.getWrittenPages());
    Pages.forget(Size, Span.Backed);
    Span.unmap();
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

TEST_F(DensityModelTest, LearnsTheFrontThatIsWritten) {
  live(Size, Size / 2);
  live(Size, Size / 2);
  EXPECT_EQ(Model.getExpectedFront(Size), Size / 2);
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
    live(Size, Size / 2, Size / 4);
  EXPECT_EQ(Model.getExpectedFront(Size), 0U);
}

TEST_F(DensityModelTest, ForgetsAFrontThatIsNoLongerWritten) {
  for (int I = 0; I != 10; I++)
    live(Size, Size / 2);
  for (int I = 0; I != 40; I++)
    live(Size, Page);
  EXPECT_EQ(Model.getExpectedFront(Size), 0U);
}

TEST_F(DensityModelTest, ForgetsThatBlocksWereWrittenWhole) {
  for (int I = 0; I != 10; I++)
    live(Size, Size);
  ASSERT_EQ(Model.getExpectedFront(Size), Size);
  for (int I = 0; I != 40; I++)
    live(Size, Size / 4);
  EXPECT_LE(Model.getExpectedFront(Size), Size / 4);
}

TEST_F(DensityModelTest, LearnsALongerFrontInTime) {
  for (int I = 0; I != 4; I++)
    live(Size, Size / 8);
  for (int I = 0; I != 400; I++)
    live(Size, Size / 2);
  EXPECT_EQ(Model.getExpectedFront(Size), Size / 2);
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

} // namespace
