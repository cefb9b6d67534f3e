// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mallopt() of libscudo_refpage_bionic.a: every parameter that bionic has, its
// effect, what it returns and what it refuses.

#include "tests/bionic/dispatch.h"
#include "tests/support/child.h"
#include "tests/support/memory.h"

#include <gtest/gtest.h>

#include <atomic>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <thread>
#include <unistd.h>
#include <vector>

// glibc's has the same form.
extern "C" int mallopt(int Parameter, int Value);

using namespace refpage_test;

namespace {

constexpr size_t KiB = 1UL << 10;
constexpr size_t MiB = 1UL << 20;
constexpr uint64_t DefaultPattern = 0xabababababababab;

size_t countKept() { return scudo_mallinfo().ordblks; }
size_t getKeptBytes() {
  const scudo_mallinfo_t Info = scudo_mallinfo();
  return Info.fordblks - Info.fsmblks;
}

// Frees a block of that size, of which every page was written.
void useBlock(size_t Size) {
  void *Ptr = malloc(Size);
  memset(Ptr, 1, Size);
  free(Ptr);
}

bool readsAs(uint64_t Pattern, size_t Size) {
  void *Ptr = malloc(Size);
  const bool Does = findNotPattern(Ptr, 0, Size, Pattern) == -1;
  memset(Ptr, 1, Size);
  free(Ptr);
  return Does;
}

// Each in a process of its own, as what it sets stays set.
#define TEST_IN_CHILD(Suite, Name)                                             \
  void body##Suite##Name();                                                    \
  TEST(Suite, Name) { runInChild(60, body##Suite##Name); }                     \
  void body##Suite##Name()

TEST(MalloptTest, AnUnknownParameterIsRefused) {
  for (int Parameter : {12345, 0, -1, -99, -106, -199, -206, INT_MIN, INT_MAX})
    EXPECT_EQ(mallopt(Parameter, 1), 0) << Parameter;
}

TEST_IN_CHILD(DecayTimeTest, TakesThreeValues) {
  for (int Value : {-1, 0, 1})
    EXPECT_EQ(mallopt(M_DECAY_TIME, Value), 1) << Value;
  for (int Value : {-2, 2, 1000, INT_MIN, INT_MAX})
    EXPECT_EQ(mallopt(M_DECAY_TIME, Value), 0) << Value;
}

TEST_IN_CHILD(DecayTimeTest, ZeroGivesMemoryBackAtOnce) {
  EXPECT_EQ(mallopt(M_DECAY_TIME, 0), 1);
  const size_t Before = getResidentBytes();
  for (int I = 0; I != 8; I++)
    useBlock(MiB + static_cast<size_t>(I) * 4 * KiB);
  EXPECT_EQ(getKeptBytes(), 0U);
  EXPECT_LT(getResidentBytes(), Before + MiB);
  EXPECT_TRUE(readsAs(DefaultPattern, MiB));
}

TEST_IN_CHILD(DecayTimeTest, OneGivesMemoryBackAfterASecond) {
  EXPECT_EQ(mallopt(M_DECAY_TIME, 1), 1);
  void *Other = malloc(MiB);
  useBlock(MiB);
  EXPECT_EQ(getKeptBytes() / MiB, 1U);
  usleep(1200 * 1000);
  // There is no thread for it: it takes the next use.
  free(Other);
  EXPECT_EQ(countKept(), 1U);
}

TEST_IN_CHILD(DecayTimeTest, MinusOneKeepsMemory) {
  EXPECT_EQ(mallopt(M_DECAY_TIME, -1), 1);
  void *Other = malloc(MiB);
  useBlock(MiB);
  usleep(1200 * 1000);
  free(Other);
  EXPECT_EQ(countKept(), 2U);
}

TEST_IN_CHILD(DecayTimeTest, GivesBackWhatThereIs) {
  useBlock(MiB);
  EXPECT_EQ(countKept(), 1U);
  EXPECT_EQ(mallopt(M_DECAY_TIME, -1), 1);
  EXPECT_EQ(countKept(), 0U);
}

TEST_IN_CHILD(PurgeTest, GivesLargeBlocksBack) {
  for (int Parameter : {M_PURGE, M_PURGE_ALL}) {
    useBlock(MiB);
    EXPECT_EQ(countKept(), 1U);
    EXPECT_EQ(mallopt(Parameter, 0), 1);
    EXPECT_EQ(countKept(), 0U);
    EXPECT_EQ(getKeptBytes(), 0U);
    EXPECT_EQ(mallopt(Parameter, 12345), 1) << "the value is ignored";
  }
}

TEST_IN_CHILD(PurgeTest, AllGivesSmallBlocksBack) {
  mallopt(M_DECAY_TIME, -1); // Otherwise free() does.
  std::vector<void *> Blocks(4000);
  for (void *&Ptr : Blocks) {
    Ptr = malloc(8 * KiB);
    memset(Ptr, 1, 8 * KiB);
  }
  for (void *Ptr : Blocks)
    free(Ptr);
  const size_t Before = getResidentBytes();
  EXPECT_EQ(mallopt(M_PURGE_ALL, 0), 1);
  EXPECT_LT(getResidentBytes() + 16 * MiB, Before);
}

TEST_IN_CHILD(CacheCountTest, BoundsWhatIsKept) {
  mallopt(M_DECAY_TIME, -1);
  std::vector<void *> Blocks(50);
  const auto KeepAll = [&] {
    for (void *&Ptr : Blocks)
      Ptr = malloc(300 * KiB);
    for (void *Ptr : Blocks)
      free(Ptr);
    return countKept();
  };
  EXPECT_EQ(KeepAll(), 32U) << "upstream's for Android";
  EXPECT_EQ(mallopt(M_CACHE_COUNT_MAX, 10), 1);
  mallopt(M_PURGE, 0);
  EXPECT_EQ(KeepAll(), 10U);
  EXPECT_EQ(mallopt(M_CACHE_COUNT_MAX, INT_MAX), 1);
  EXPECT_EQ(KeepAll(), 50U);
  mallopt(M_PURGE, 0);
  EXPECT_EQ(mallopt(M_CACHE_COUNT_MAX, 0), 1);
  EXPECT_EQ(KeepAll(), 0U);
  EXPECT_EQ(mallopt(M_CACHE_COUNT_MAX, -1), 0);
  EXPECT_EQ(KeepAll(), 0U);
}

TEST_IN_CHILD(CacheSizeTest, BoundsWhatIsKept) {
  mallopt(M_DECAY_TIME, -1);
  useBlock(3 * MiB);
  EXPECT_EQ(countKept(), 0U) << "upstream's for Android is 2 MiB";
  EXPECT_EQ(mallopt(M_CACHE_SIZE_MAX, 16 << 20), 1);
  useBlock(3 * MiB);
  EXPECT_EQ(countKept(), 1U);
  mallopt(M_PURGE, 0);
  EXPECT_EQ(mallopt(M_CACHE_SIZE_MAX, 512 << 10), 1);
  useBlock(MiB);
  EXPECT_EQ(countKept(), 0U);
  useBlock(300 * KiB);
  EXPECT_EQ(countKept(), 1U);
  EXPECT_EQ(mallopt(M_CACHE_SIZE_MAX, -1), 0);
  useBlock(MiB);
  EXPECT_EQ(countKept(), 1U);
}

TEST_IN_CHILD(TsdsCountTest, OnlyGrows) {
  EXPECT_EQ(mallopt(M_TSDS_COUNT_MAX, 4), 1);
  EXPECT_EQ(mallopt(M_TSDS_COUNT_MAX, 4), 1);
  EXPECT_EQ(mallopt(M_TSDS_COUNT_MAX, 3), 0);
  EXPECT_EQ(mallopt(M_TSDS_COUNT_MAX, -1), 0);
  EXPECT_EQ(mallopt(M_TSDS_COUNT_MAX, 1000), 1);
  EXPECT_EQ(mallopt(M_TSDS_COUNT_MAX, 7), 0) << "it is 8, the most";
  testing::internal::CaptureStderr();
  EXPECT_EQ(mallopt(M_LOG_STATS, 0), 1);
  EXPECT_NE(testing::internal::GetCapturedStderr().find(
                "SharedTSDs: 8 available; total 8"),
            std::string::npos);
  std::vector<std::thread> Threads;
  for (int I = 0; I != 8; I++)
    Threads.emplace_back([] {
      for (int Round = 0; Round != 1000; Round++)
        free(malloc(100));
    });
  for (std::thread &T : Threads)
    T.join();
}

TEST(MemtagTuningTest, TakesTwoValues) {
  EXPECT_EQ(mallopt(M_MEMTAG_TUNING, 1), 1);
  EXPECT_EQ(mallopt(M_MEMTAG_TUNING, 0), 1);
  EXPECT_EQ(mallopt(M_MEMTAG_TUNING, 2), 0);
  EXPECT_EQ(mallopt(M_MEMTAG_TUNING, -1), 0);
}

TEST_IN_CHILD(ThreadDisableMemInitTest, IsForTheCallingThread) {
  mallopt(M_PURGE_ALL, 0);
  mallopt(M_CACHE_COUNT_MAX, 0); // Each block is new.
  std::thread([] {
    EXPECT_EQ(mallopt(M_THREAD_DISABLE_MEM_INIT, 1), 1);
    EXPECT_TRUE(readsAs(0, 5 * MiB)) << "as the kernel gives it";
    std::thread([] { EXPECT_TRUE(readsAs(DefaultPattern, 5 * MiB)); }).join();
    void *Zeroed = calloc(1, 100);
    EXPECT_EQ(findNotPattern(Zeroed, 0, 100, 0), -1);
    free(Zeroed);
    EXPECT_EQ(mallopt(M_THREAD_DISABLE_MEM_INIT, 0), 1);
    EXPECT_TRUE(readsAs(DefaultPattern, 5 * MiB));
    EXPECT_TRUE(readsAs(DefaultPattern, 100));
  }).join();
  EXPECT_EQ(mallopt(M_THREAD_DISABLE_MEM_INIT, 2), 0);
  EXPECT_EQ(mallopt(M_THREAD_DISABLE_MEM_INIT, -1), 0);
  EXPECT_TRUE(readsAs(DefaultPattern, 5 * MiB));
}

TEST_IN_CHILD(ThreadDisableMemInitTest, SmallBlocksHoldWhatTheyHeld) {
  EXPECT_EQ(mallopt(M_THREAD_DISABLE_MEM_INIT, 1), 1);
  bool Any = false;
  for (int I = 0; I != 1000 && !Any; I++)
    Any = readsAs(0x0101010101010101, 3000);
  EXPECT_TRUE(Any);
}

using SetZeroInit = int (*)(int Value);
// By what an application calls, and what a C library calls itself.
constexpr SetZeroInit WaysToSetZeroInit[] = {
    [](int Value) { return mallopt(M_BIONIC_ZERO_INIT, Value); },
    [](int Value) { return scudo_mallopt(M_BIONIC_ZERO_INIT, Value); },
    [](int Value) {
      scudo_malloc_set_zero_contents(Value);
      return 1;
    }};

constexpr size_t FilledSizes[] = {1, 100, 60 * KiB, 300 * KiB, 5 * MiB};

TEST_IN_CHILD(ZeroInitTest, FreshAndReusedBlocksReadAsZeros) {
  for (SetZeroInit Set : WaysToSetZeroInit) {
    for (size_t Size : FilledSizes)
      useBlock(Size);
    EXPECT_EQ(Set(1), 1);
    for (size_t Size : FilledSizes)
      for (int Use = 0; Use != 3; Use++)
        EXPECT_TRUE(readsAs(0, Size)) << Size;
    EXPECT_EQ(Set(2), 1) << "any value but 0";
    EXPECT_TRUE(readsAs(0, 100));
    EXPECT_EQ(Set(0), 1);
    scudo_malloc_set_pattern_fill_contents(1);
    for (size_t Size : FilledSizes)
      for (int Use = 0; Use != 3; Use++)
        EXPECT_TRUE(readsAs(DefaultPattern, Size)) << Size;
  }
}

TEST_IN_CHILD(ZeroInitTest, OffLeavesBlocksAsTheyAre) {
  EXPECT_EQ(mallopt(M_BIONIC_ZERO_INIT, 1), 1);
  EXPECT_EQ(mallopt(M_BIONIC_ZERO_INIT, 0), 1);
  useBlock(MiB);
  EXPECT_TRUE(readsAs(0x0101010101010101, MiB));
  // calloc() zeroes whatever is set.
  useBlock(MiB);
  void *Ptr = calloc(1, MiB);
  EXPECT_EQ(findNotPattern(Ptr, 0, MiB, 0), -1);
  free(Ptr);
}

TEST_IN_CHILD(ZeroInitTest, WhatABlockGrowsByReadsAsZeros) {
  // Made before, grown after, in place and elsewhere.
  for (size_t Size : {size_t(20), size_t(100), 300 * KiB, 3 * MiB}) {
    scudo_malloc_set_pattern_fill_contents(1);
    char *Ptr = static_cast<char *>(malloc(Size));
    memset(Ptr, 1, Size);
    EXPECT_EQ(mallopt(M_BIONIC_ZERO_INIT, 1), 1);
    size_t From = Size;
    for (size_t Grown : {Size + 3, Size + 10, Size * 3}) {
      Ptr = static_cast<char *>(realloc(Ptr, Grown));
      EXPECT_EQ(findNotPattern(Ptr, 0, Size, 0x0101010101010101), -1);
      EXPECT_EQ(findNotPattern(Ptr, From, Grown, 0), -1) << Grown;
      From = Grown;
    }
    free(Ptr);
  }
}

TEST_IN_CHILD(ZeroInitTest, CanBeSwitchedWhileThreadsAllocate) {
  std::atomic<bool> Stop{false};
  std::vector<std::thread> Threads;
  for (int I = 0; I != 3; I++)
    Threads.emplace_back([&] {
      while (!Stop) {
        for (size_t Size : {size_t(100), 300 * KiB}) {
          unsigned char *Ptr = static_cast<unsigned char *>(malloc(Size));
          EXPECT_TRUE(Ptr[Size - 1] == 0 || Ptr[Size - 1] == 0xab);
          free(Ptr);
          void *Zeroed = calloc(1, Size);
          EXPECT_EQ(findNotPattern(Zeroed, 0, Size, 0), -1);
          free(Zeroed);
        }
      }
    });
  for (int I = 0; I != 200; I++) {
    scudo_malloc_set_zero_contents(1);
    EXPECT_TRUE(readsAs(0, 300 * KiB));
    scudo_malloc_set_pattern_fill_contents(1);
    EXPECT_TRUE(readsAs(DefaultPattern, 300 * KiB));
  }
  Stop = true;
  for (std::thread &T : Threads)
    T.join();
}

TEST_IN_CHILD(PatternFillTest, CanBeSwitchedOff) {
  scudo_malloc_set_pattern_fill_contents(0);
  useBlock(MiB);
  EXPECT_TRUE(readsAs(0x0101010101010101, MiB));
}

TEST(HeapTaggingLevelTest, WithoutTagsThereIsNoneToBeHad) {
  EXPECT_EQ(mallopt(M_BIONIC_SET_HEAP_TAGGING_LEVEL, 0), 1);
  for (int Level : {1, 2, 3, 4, -1})
    EXPECT_EQ(mallopt(M_BIONIC_SET_HEAP_TAGGING_LEVEL, Level), 0) << Level;
}

TEST(LogStatsTest, WritesStatistics) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(mallopt(M_LOG_STATS, 0), 1);
  const std::string Text = testing::internal::GetCapturedStderr();
  EXPECT_NE(Text.find("Stats: SizeClassAllocator64"), std::string::npos);
  EXPECT_NE(Text.find("Fragmentation Stats: SizeClassAllocator64"),
            std::string::npos);
}

} // namespace
