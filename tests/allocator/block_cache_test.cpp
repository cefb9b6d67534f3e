// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/block_cache.h"

#include "tests/support/memory.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <memory>
#include <random>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

using namespace refpage;
using namespace refpage_test;

namespace {

constexpr uptr Page = 4096;
constexpr uptr KiB = 1UL << 10;
constexpr uptr MiB = 1UL << 20;
constexpr Contents Pattern = {0xabababababababab, 0};
constexpr uptr Alignment = 16;

template <u32 Most> struct TestConfig {
  static constexpr u32 getEntriesArraySize() { return Most; }
  static constexpr u32 getDefaultMaxEntriesCount() { return Most; }
  static constexpr uptr getDefaultMaxEntrySize() { return UINTPTR_MAX; }
  static constexpr s32 getDefaultReleaseToOsIntervalMs() { return INT32_MIN; }
  static constexpr s32 getMinReleaseToOsIntervalMs() { return INT32_MIN; }
  static constexpr s32 getMaxReleaseToOsIntervalMs() { return INT32_MAX; }
};

constexpr s32 Never = -1;
constexpr CacheLimits Unlimited = {UINTPTR_MAX, UINTPTR_MAX};

template <u32 Most> class CacheTestBase : public testing::Test {
protected:
  using Cache = BlockCache<TestConfig<Most>>;
  using Found = typename Cache::Entry;

  void SetUp() override { start(Never, Unlimited); }
  void TearDown() override {
    giveAllBack();
    EXPECT_EQ(counts().Kept, 0U);
    BackendStats Stats;
    Pages.getStats(&Stats);
    EXPECT_EQ(Stats.ExtraMappings, 0U);
    EXPECT_EQ(Stats.Windows.LiveBytes, 0U);
    Pages.close();
  }

  void start(s32 Interval, const CacheLimits &Limits) {
    if (!Subject)
      Pages.init(BackendRequest::Auto, 64 * MiB);
    Subject = std::make_unique<Cache>();
    Subject->init(Interval, Limits);
  }

  // As the Secondary makes and frees blocks. Sizes are of what is committed.
  BlockSpan make(uptr Size) {
    BlockSpan Span;
    Span.MapSize = Size + 2 * Page;
    Span.CommitSize = Size;
    EXPECT_EQ(reserveMemory(Span.MapSize, &Span.MapBase), 0);
    Span.CommitBase = Span.MapBase + Page;
    Subject->noteMapped(Size, Pages);
    EXPECT_EQ(Pages.commit(Span.CommitBase, Size, Pattern, 0, &Span.Backed), 0);
    return Span;
  }
  bool release(const BlockSpan &Span) {
    if (Subject->store(Span, Pages))
      return true;
    Pages.forget(Span.CommitSize, Span.Backed);
    Span.unmap();
    return false;
  }
  // For a block that fits into so many bytes with its headers.
  bool take(uptr Size, BlockSpan *Span) {
    Found Entry;
    const uptr Headers = LargeHeaderSize + scudo::Chunk::getHeaderSize();
    const bool Any = Subject->retrieve(
        Size - Headers, Alignment, [](const BlockSpan &) { return true; },
        Pages, &Entry);
    *Span = Entry.Span;
    return Any;
  }

  // Whether there was anything.
  bool giveAllBack() {
    const bool Any = Subject->empty(Pages);
    return Any;
  }

  // In KiB, as the statistics show them.
  struct Counts {
    uptr Entries = 0;
    uptr Kept = 0;
    uptr Budget = 0;
    uptr Live = 0;
    uptr Peak = 0;
  };
  Counts counts() {
    scudo::ScopedString Text;
    Subject->getStats(&Text);
    Counts C;
    const char *Line = strstr(Text.data(), "EntriesCount: ");
    EXPECT_TRUE(Line && sscanf(Line, "EntriesCount: %zu", &C.Entries) == 1);
    Line = strstr(Text.data(), "CacheBudget: ");
    EXPECT_TRUE(Line && sscanf(Line,
                               "CacheBudget: kept %zuK of %zuK, live %zuK, of "
                               "late at most %zuK",
                               &C.Kept, &C.Budget, &C.Live, &C.Peak) == 4);
    return C;
  }

  static bool isMapped(uptr Base) {
    for (const MapLine &Line : readMaps())
      if (Line.Start <= Base && Base < Line.End)
        return true;
    return false;
  }
  static std::string permissionsAt(uptr Base) {
    for (const MapLine &Line : readMaps())
      if (Line.Start <= Base && Base < Line.End)
        return Line.Permissions;
    return "";
  }

  std::unique_ptr<Cache> Subject;
  Backends Pages;
};

using BlockCacheTest = CacheTestBase<8>;
using LargeBlockCacheTest = CacheTestBase<128>;

TEST_F(BlockCacheTest, AFreedBlockIsUsedAgain) {
  const BlockSpan Old = make(MiB);
  ASSERT_TRUE(release(Old));
  BlockSpan New;
  ASSERT_TRUE(take(MiB, &New));
  EXPECT_EQ(New.CommitBase, Old.CommitBase);
  EXPECT_EQ(New.CommitSize, Old.CommitSize);
  EXPECT_EQ(New.Reuses, 1U);
  BlockSpan None;
  EXPECT_FALSE(take(MiB, &None));
  release(New);
}

TEST_F(BlockCacheTest, TheSmallestThatFitsIsTaken) {
  std::vector<BlockSpan> Blocks;
  for (uptr Size : {3 * MiB, MiB, 2 * MiB, MiB / 2})
    Blocks.push_back(make(Size));
  for (const BlockSpan &Span : Blocks)
    ASSERT_TRUE(release(Span));
  BlockSpan New;
  ASSERT_TRUE(take(MiB - 2 * Page, &New));
  EXPECT_EQ(New.CommitBase, Blocks[1].CommitBase);
  release(New);
}

TEST_F(BlockCacheTest, OfThoseTheOneUsedLastIsTaken) {
  std::vector<BlockSpan> Blocks;
  for (int I = 0; I != 3; I++)
    Blocks.push_back(make(MiB));
  for (int I : {1, 2, 0}) {
    usleep(10000); // The clock is a coarse one.
    ASSERT_TRUE(release(Blocks[static_cast<size_t>(I)]));
  }
  BlockSpan New;
  ASSERT_TRUE(take(MiB, &New));
  EXPECT_EQ(New.CommitBase, Blocks[0].CommitBase);
  release(New);
}

TEST_F(BlockCacheTest, BlocksTooSmallOrFarTooLargeAreNotTaken) {
  const BlockSpan Small = make(MiB);
  const BlockSpan Large = make(64 * MiB);
  release(Small);
  release(Large);
  BlockSpan New;
  EXPECT_FALSE(take(MiB + Page, &New));
  EXPECT_FALSE(take(200 * KiB, &New));
  EXPECT_EQ(counts().Entries, 2U);
}

TEST_F(BlockCacheTest, OnlyWhatIsAcceptedIsTaken) {
  release(make(MiB));
  Found Entry;
  EXPECT_FALSE(Subject->retrieve(
      MiB - Page, Alignment, [](const BlockSpan &) { return false; }, Pages,
      &Entry));
  EXPECT_EQ(counts().Entries, 1U);
}

TEST_F(BlockCacheTest, TheOldestMakesRoomInTheNumberOfEntries) {
  std::vector<BlockSpan> Blocks;
  for (uptr I = 0; I != 9; I++)
    Blocks.push_back(make(MiB));
  for (const BlockSpan &Span : Blocks) {
    usleep(10000);
    ASSERT_TRUE(release(Span));
  }
  EXPECT_FALSE(isMapped(Blocks[0].CommitBase));
  EXPECT_TRUE(isMapped(Blocks[1].CommitBase));
  EXPECT_EQ(counts().Entries, 8U);
}

TEST_F(BlockCacheTest, TheOldestMakesRoomInBytes) {
  start(Never, {10 * MiB, UINTPTR_MAX});
  std::vector<BlockSpan> Blocks;
  for (uptr I = 0; I != 4; I++)
    Blocks.push_back(make(3 * MiB));
  for (const BlockSpan &Span : Blocks) {
    usleep(10000);
    ASSERT_TRUE(release(Span));
  }
  EXPECT_FALSE(isMapped(Blocks[0].CommitBase));
  EXPECT_TRUE(isMapped(Blocks[1].CommitBase));
  EXPECT_EQ(counts().Kept, 9 * KiB);
}

TEST_F(BlockCacheTest, ABlockAboveTheMostIsNotKept) {
  start(Never, {10 * MiB, UINTPTR_MAX});
  EXPECT_FALSE(release(make(11 * MiB)));
  EXPECT_TRUE(release(make(9 * MiB)));
}

TEST_F(BlockCacheTest, AMostOfZeroKeepsNone) {
  start(Never, {0, UINTPTR_MAX});
  EXPECT_FALSE(release(make(MiB)));
  EXPECT_EQ(counts().Entries, 0U);
}

TEST_F(BlockCacheTest, NewBlocksMakeOldOnesGo) {
  const BlockSpan Old = make(10 * MiB);
  ASSERT_TRUE(release(Old));
  // Not cut: it is asked for as a fresh one.
  const BlockSpan New = make(9 * MiB);
  EXPECT_FALSE(isMapped(Old.CommitBase));
  release(New);
}

// The promise: live and kept blocks are never more than the most that was live,
// and a thirty-second.
TEST_F(LargeBlockCacheTest, NeverMoreThanTheMostThatWasLive) {
  std::mt19937 Random(1);
  std::vector<BlockSpan> Live;
  uptr LiveBytes = 0;
  uptr Peak = 0;
  for (int Step = 0; Step != 3000; Step++) {
    const uptr Size = (64 + Random() % 2000) * Page;
    const bool Grow = Live.empty() || (Live.size() < 30 && Random() % 2);
    if (Grow) {
      BlockSpan New;
      if (!take(Size, &New))
        New = make(Size);
      LiveBytes += New.CommitSize;
      Live.push_back(New);
    } else {
      const size_t I = Random() % Live.size();
      LiveBytes -= Live[I].CommitSize;
      release(Live[I]);
      Live[I] = Live.back();
      Live.pop_back();
    }
    Peak = std::max(Peak, LiveBytes);
    const Counts C = counts();
    ASSERT_EQ(C.Live, LiveBytes >> 10);
    ASSERT_LE(C.Live + C.Kept, (Peak + Peak / 32) >> 10) << "step " << Step;
  }
  for (const BlockSpan &Span : Live)
    release(Span);
}

TEST_F(LargeBlockCacheTest, ManySmallEntriesMakeRoomForALargeBlock) {
  std::vector<BlockSpan> Blocks;
  for (uptr I = 0; I != 100; I++)
    Blocks.push_back(make(300 * KiB));
  for (const BlockSpan &Span : Blocks)
    ASSERT_TRUE(release(Span));
  const BlockSpan Large = make(28 * MiB);
  EXPECT_LE(counts().Kept, 3 * KiB);
  release(Large);
}

// What could not be had was not needed.
TEST_F(BlockCacheTest, AFailureDoesNotCountAsUse) {
  const BlockSpan A = make(10 * MiB);
  Subject->noteMapped(UINT64_C(1) << 40, Pages);
  Subject->noteFreed(UINT64_C(1) << 40);
  EXPECT_EQ(counts().Peak, 10 * KiB);
  ASSERT_TRUE(release(A));
  EXPECT_EQ(counts().Budget, 10 * KiB + 10 * KiB / 32);
}

TEST_F(BlockCacheTest, TakingAPartOfABlockIsNoUseOfTheWhole) {
  ASSERT_TRUE(release(make(16 * MiB)));
  const BlockSpan Other = make(500 * KiB);
  BlockSpan Part;
  ASSERT_TRUE(take(4 * MiB, &Part));
  EXPECT_EQ(counts().Peak, 16 * KiB);
  release(Part);
  release(Other);
}

TEST_F(BlockCacheTest, ResizedBlocksCountAsTheyAre) {
  BlockSpan A = make(10 * MiB);
  Subject->noteResized(10 * MiB, 20 * MiB, Pages);
  EXPECT_EQ(counts().Live, 20 * KiB);
  Subject->noteResized(20 * MiB, 10 * MiB, Pages);
  EXPECT_EQ(counts().Live, 10 * KiB);
  EXPECT_EQ(counts().Peak, 20 * KiB);
  release(A);
}

TEST_F(BlockCacheTest, TheMostThatWasLiveIsForgottenInTime) {
  constexpr s32 Interval = 50;
  start(Interval, Unlimited);
  release(make(20 * MiB));
  for (int I = 0; I != 3; I++) {
    usleep(60000);
    release(make(MiB));
  }
  EXPECT_LE(counts().Peak, 2 * KiB);
}

TEST_F(BlockCacheTest, WhatIsNotUsedForTheIntervalIsGivenBack) {
  constexpr s32 Interval = 50;
  start(Interval, Unlimited);
  const BlockSpan A = make(2 * MiB);
  const BlockSpan B = make(MiB);
  ASSERT_TRUE(release(A));
  EXPECT_EQ(counts().Kept, 2 * KiB);
  usleep(80000);
  ASSERT_TRUE(release(B));
  EXPECT_EQ(counts().Kept, KiB);
  EXPECT_FALSE(isMapped(A.CommitBase));
}

TEST_F(BlockCacheTest, ANegativeIntervalKeepsForEver) {
  const BlockSpan A = make(2 * MiB);
  const BlockSpan B = make(MiB);
  ASSERT_TRUE(release(A));
  usleep(60000);
  ASSERT_TRUE(release(B));
  EXPECT_EQ(counts().Kept, 3 * KiB);
}

TEST_F(BlockCacheTest, AnIntervalOfZeroKeepsNoMemory) {
  const BlockSpan Old = make(2 * MiB);
  ASSERT_TRUE(release(Old));
  Subject->setOption(scudo::Option::ReleaseInterval, 0);
  const BlockSpan A = make(MiB);
  memset(reinterpret_cast<void *>(A.CommitBase), 1, MiB);
  release(A);
  EXPECT_EQ(counts().Kept, 0U);
  EXPECT_FALSE(isMapped(Old.CommitBase));
  uptr Written = 0;
  EXPECT_TRUE(Pages.getWrittenPages().forEachWrittenRun(
      A.CommitBase, MiB, [&](const PageRun &Run) {
        Written += Run.Size;
        return true;
      }));
  EXPECT_EQ(Written, 0U);
  Found Entry;
  ASSERT_TRUE(Subject->retrieve(
      MiB - Page, Alignment, [](const BlockSpan &) { return true; }, Pages,
      &Entry));
  EXPECT_TRUE(Entry.WasDiscarded);
  release(Entry.Span);
}

TEST_F(BlockCacheTest, EmptyGivesAllBack) {
  const size_t MapsBefore = countMaps();
  std::vector<BlockSpan> Blocks;
  for (uptr I = 0; I != 8; I++)
    Blocks.push_back(make(MiB + I * Page));
  for (const BlockSpan &Span : Blocks)
    ASSERT_TRUE(release(Span));
  EXPECT_TRUE(giveAllBack());
  EXPECT_FALSE(giveAllBack());
  EXPECT_EQ(counts().Kept, 0U);
  EXPECT_EQ(counts().Entries, 0U);
  EXPECT_LE(countMaps(), MapsBefore + 1);
}

TEST_F(BlockCacheTest, WithoutEntriesNothingIsKept) {
  Subject->setOption(scudo::Option::MaxCacheEntriesCount, 0);
  EXPECT_FALSE(Subject->canCache(MiB));
  EXPECT_FALSE(release(make(MiB)));
}

TEST_F(BlockCacheTest, AboveTheGreatestSizeNothingIsKept) {
  Subject->setOption(scudo::Option::MaxCacheEntrySize, MiB);
  EXPECT_FALSE(release(make(MiB + Page)));
  EXPECT_TRUE(release(make(MiB)));
}

// A block is cut to the size, and the rest is kept.
TEST_F(BlockCacheTest, ALargerBlockIsCut) {
  const BlockSpan Old = make(16 * MiB);
  for (uptr I = 0; I < 16 * MiB; I += 10 * Page)
    *reinterpret_cast<volatile char *>(Old.CommitBase + I) = 1;
  ASSERT_TRUE(release(Old));
  BlockSpan New;
  ASSERT_TRUE(take(4 * MiB, &New));
  EXPECT_EQ(New.CommitSize, 4 * MiB);
  // The front, which is what programs write first.
  EXPECT_EQ(New.CommitBase, Old.CommitBase);
  EXPECT_EQ(New.MapBase, Old.MapBase);
  EXPECT_EQ(New.MapSize, 4 * MiB + 2 * Page);
  // A guard page behind, and one that is the rest's.
  EXPECT_EQ(permissionsAt(New.CommitBase - Page), "---p");
  EXPECT_EQ(permissionsAt(New.CommitBase), "rw-p");
  EXPECT_EQ(permissionsAt(New.commitEnd()), "---p");
  EXPECT_EQ(permissionsAt(New.commitEnd() + Page), "---p");
  EXPECT_EQ(counts().Kept, (12 * MiB - 2 * Page) >> 10);
  EXPECT_EQ(counts().Live, 4 * KiB);

  BlockSpan Rest;
  ASSERT_TRUE(take(10 * MiB, &Rest));
  EXPECT_EQ(Rest.CommitBase, New.commitEnd() + 2 * Page);
  EXPECT_EQ(Rest.MapBase, New.MapBase + New.MapSize);
  release(Rest);
  release(New);
}

TEST_F(BlockCacheTest, ARestTooSmallIsNotKept) {
  ASSERT_TRUE(release(make(4 * MiB)));
  BlockSpan New;
  ASSERT_TRUE(take(4 * MiB - 50 * Page, &New));
  EXPECT_EQ(counts().Entries, 0U);
  EXPECT_EQ(New.CommitSize, 4 * MiB - 50 * Page);
  release(New);
}

TEST_F(BlockCacheTest, AFewPagesAreNotCutOff) {
  ASSERT_TRUE(release(make(4 * MiB)));
  BlockSpan New;
  ASSERT_TRUE(take(4 * MiB - 3 * Page, &New));
  EXPECT_EQ(New.CommitSize, 4 * MiB);
  release(New);
}

TEST_F(BlockCacheTest, KeptBlocksOfASizeAreInaccessible) {
  start(Never, {UINTPTR_MAX, MiB});
  const BlockSpan Small = make(MiB - Page);
  const BlockSpan Large = make(MiB);
  ASSERT_TRUE(release(Small));
  ASSERT_TRUE(release(Large));
  EXPECT_EQ(permissionsAt(Small.CommitBase), "rw-p");
  EXPECT_EQ(permissionsAt(Large.CommitBase), "---p");
  BlockSpan New;
  ASSERT_TRUE(take(MiB, &New));
  EXPECT_EQ(New.CommitBase, Large.CommitBase);
  EXPECT_EQ(permissionsAt(New.CommitBase), "rw-p");
  release(New);
}

// Both parts of a protected block are as they should be.
TEST_F(BlockCacheTest, ThePartsOfAProtectedBlock) {
  start(Never, {UINTPTR_MAX, MiB});
  const BlockSpan Old = make(16 * MiB);
  ASSERT_TRUE(release(Old));
  BlockSpan New;
  ASSERT_TRUE(take(4 * MiB, &New));
  EXPECT_EQ(permissionsAt(New.CommitBase), "rw-p");
  EXPECT_EQ(permissionsAt(New.commitEnd()), "---p");
  EXPECT_EQ(permissionsAt(New.commitEnd() + 2 * Page), "---p");
  EXPECT_EQ(permissionsAt(Old.commitEnd() - Page), "---p");
  BlockSpan Rest;
  ASSERT_TRUE(take(10 * MiB, &Rest));
  EXPECT_EQ(permissionsAt(Rest.CommitBase), "rw-p");
  EXPECT_EQ(permissionsAt(Rest.commitEnd()), "---p");
  release(Rest);
  release(New);
}

// Blocks with many pages are moved rather than protected: nothing is where they
// were, and their pages are kept.
TEST_F(BlockCacheTest, DenseBlocksAreMovedAway) {
  start(Never, {UINTPTR_MAX, MiB});
  BlockSpan Old = make(8 * MiB);
  memset(reinterpret_cast<void *>(Old.CommitBase), 7, 8 * MiB);
  Old.WrittenBytes = 8 * MiB;
  ASSERT_TRUE(release(Old));
  EXPECT_FALSE(isMapped(Old.CommitBase));
  EXPECT_FALSE(isMapped(Old.MapBase));
  EXPECT_FALSE(isMapped(Old.commitEnd()));
  BlockSpan New;
  ASSERT_TRUE(take(8 * MiB, &New));
  EXPECT_NE(New.CommitBase, Old.CommitBase);
  EXPECT_EQ(findNotPattern(reinterpret_cast<void *>(New.CommitBase), 0, 8 * MiB,
                           repeatByte(7)),
            -1);
  EXPECT_EQ(permissionsAt(New.MapBase), "---p");
  EXPECT_EQ(permissionsAt(New.commitEnd()), "---p");
  release(New);
}

} // namespace
