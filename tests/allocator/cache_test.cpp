// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How much is kept of what was freed, and how it is given back.

#include "tests/allocator/heap.h"

#include <algorithm>
#include <unistd.h>
#include <vector>

using namespace refpage_test;

namespace {

constexpr int DecayTime = -100; // M_DECAY_TIME
constexpr int Purge = -101;     // M_PURGE

class CacheTest : public testing::Test {
protected:
  void SetUp() override {
    // So that what is made once is made.
    free(malloc(8 * MiB));
    forgetPeak();
    countMaps();
    malloc_trim(0);
    MapsBefore = countMaps();
    VirtualBefore = getVirtualBytes();
    ResidentBefore = getResidentBytes();
  }
  // What the tests before had live does not count.
  static void forgetPeak() {
    ASSERT_EQ(mallopt(DecayTime, 1), 1);
    for (int Round = 0; Round != 3; Round++) {
      usleep(20000); // The clock is a coarse one.
      free(malloc(300 * KiB));
    }
    ASSERT_EQ(mallopt(DecayTime, 5000), 1);
  }
  void useAndFree(const std::vector<size_t> &Sizes) {
    std::vector<void *> Blocks;
    for (size_t Size : Sizes) {
      Blocks.push_back(malloc(Size));
      ASSERT_NE(Blocks.back(), nullptr);
      memset(Blocks.back(), 1, Size);
    }
    for (void *Ptr : Blocks)
      free(Ptr);
  }
  void expectAllGivenBack() {
    EXPECT_LE(countMaps(), MapsBefore + 3);
    EXPECT_LE(getVirtualBytes(), VirtualBefore + MiB);
    EXPECT_LE(getResidentBytes(), ResidentBefore + 2 * MiB);
  }
  size_t MapsBefore = 0;
  size_t VirtualBefore = 0;
  size_t ResidentBefore = 0;
};

const std::vector<size_t> Mixed = {300 * KiB, MiB,      5 * MiB, 20 * MiB,
                                   600 * KiB, 40 * MiB, 3 * MiB};

// But for windows with a tag, in which nothing is left for the next use.
TEST_F(CacheTest, FreedMemoryIsKept) {
  if (refpage::areBlocksTagged() && usesWindows()) {
    useAndFree({20 * MiB});
    EXPECT_LT(getResidentBytes(), ResidentBefore + 10 * MiB);
    return;
  }
  useAndFree(Mixed);
  EXPECT_GT(getResidentBytes(), ResidentBefore + 60 * MiB);
}

TEST_F(CacheTest, TrimGivesAllBack) {
  useAndFree(Mixed);
  EXPECT_EQ(malloc_trim(0), 1);
  expectAllGivenBack();
}

TEST_F(CacheTest, PurgeGivesAllBack) {
  useAndFree(Mixed);
  EXPECT_EQ(mallopt(Purge, 0), 1);
  expectAllGivenBack();
}

TEST_F(CacheTest, TrimGivesTheRestsOfCutBlocksBack) {
  useAndFree({64 * MiB});
  std::vector<void *> Parts;
  for (size_t Size : {10 * MiB, 3 * MiB, 20 * MiB})
    Parts.push_back(malloc(Size));
  for (void *Ptr : Parts)
    free(Ptr);
  malloc_trim(0);
  expectAllGivenBack();
}

// A process is never larger than it has been by itself, but for a little.
TEST_F(CacheTest, KeptMemoryMakesNoProcessLarger) {
  size_t Resident = 0;
  // Each a little larger than the one before, so that none can be used again.
  for (size_t Size = 20 * MiB; Size < 60 * MiB; Size += 2 * MiB) {
    useAndFree({Size});
    Resident = std::max(Resident, getResidentBytes() - ResidentBefore);
  }
  EXPECT_LE(Resident, 60 * MiB + 60 * MiB / 32 + 4 * MiB);
}

TEST_F(CacheTest, AFailureDoesNotLiftTheBound) {
  void *volatile Nothing = malloc(1UL << 39);
  EXPECT_EQ(Nothing, nullptr);
  size_t Resident = 0;
  for (size_t Size = 20 * MiB; Size < 40 * MiB; Size += 2 * MiB) {
    useAndFree({Size});
    Resident = std::max(Resident, getResidentBytes() - ResidentBefore);
  }
  EXPECT_LE(Resident, 40 * MiB + 40 * MiB / 32 + 4 * MiB);
}

TEST_F(CacheTest, WhatIsNotUsedIsGivenBackInTime) {
  ASSERT_EQ(mallopt(DecayTime, 50), 1);
  useAndFree({40 * MiB});
  usleep(80000);
  // When the cache is next used.
  useAndFree({300 * KiB});
  EXPECT_LE(getResidentBytes(), ResidentBefore + 4 * MiB);
  ASSERT_EQ(mallopt(DecayTime, 5000), 1);
}

TEST_F(CacheTest, AnIntervalOfZeroKeepsNoMemory) {
  ASSERT_EQ(mallopt(DecayTime, 0), 1);
  useAndFree({5 * MiB, 20 * MiB, 300 * KiB});
  EXPECT_LE(getResidentBytes(), ResidentBefore + 2 * MiB);
  ASSERT_EQ(mallopt(DecayTime, 5000), 1);
}

// Blocks above what is kept at most.
TEST_F(CacheTest, HugeBlocksAreNotKept) {
  free(malloc(600 * MiB));
  EXPECT_LE(getVirtualBytes(), VirtualBefore + MiB);
}

} // namespace
