// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the heap tells about itself adds up, and large blocks are in it. Of the
// process's malloc, whichever library it is from: nothing but its functions is
// used.

#include "tests/support/child.h"
#include "tests/support/emulator.h"
#include "tests/support/memory.h"

#include <gtest/gtest.h>

#include <atomic>
#include <errno.h>
#include <malloc.h>
#include <map>
#include <regex>
#include <sstream>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thread>
#include <vector>

extern "C" {
int malloc_iterate(uintptr_t Base, size_t Size,
                   void (*Callback)(uintptr_t Base, size_t Size, void *Arg),
                   void *Arg);
void malloc_disable();
void malloc_enable();
}

namespace {

constexpr size_t KiB = 1UL << 10;
constexpr size_t MiB = 1UL << 20;
constexpr size_t Page = 4 * KiB;
constexpr int PurgeAll = -104; // M_PURGE_ALL

// A large block of so many pages with its headers, which take less than 1 KiB.
constexpr size_t pages(size_t Count) { return Count * Page - KiB; }

// Statements about the numbers allocate nothing while they are taken.
constexpr int MaxBlocks = 64;
void *Blocks[MaxBlocks];

void allocateBlocks(int Count, size_t Size) {
  for (int I = 0; I != Count; I++)
    Blocks[I] = malloc(Size);
}
void freeBlocks(int Count) {
  for (int I = 0; I != Count; I++)
    free(Blocks[I]);
}

// Of the mapped bytes, those in large blocks in use.
size_t largeBytes(const struct mallinfo2 &Info) {
  return Info.hblkhd - Info.arena - (Info.fordblks - Info.fsmblks);
}

void expectConsistent(const struct mallinfo2 &Info) {
  EXPECT_EQ(Info.usmblks, Info.hblkhd);
  EXPECT_GE(Info.fordblks, Info.fsmblks);
  EXPECT_GE(Info.hblkhd, Info.arena + (Info.fordblks - Info.fsmblks));
  EXPECT_GE(Info.uordblks, largeBytes(Info));
  EXPECT_LE(Info.uordblks - largeBytes(Info) + Info.fsmblks, Info.arena);
  EXPECT_GE(Info.usmblks, Info.uordblks + Info.fordblks);
  EXPECT_EQ(Info.keepcost, Info.fordblks);
  EXPECT_EQ(Info.smblks, 0U);
}

TEST(MallinfoTest, NewLargeBlocksCountWithTheirPages) {
  mallopt(PurgeAll, 0);
  const struct mallinfo2 Before = mallinfo2();
  allocateBlocks(10, pages(300));
  const struct mallinfo2 With = mallinfo2();
  freeBlocks(10);
  EXPECT_EQ(With.hblks - Before.hblks, 10U);
  EXPECT_EQ(largeBytes(With) - largeBytes(Before), 3000 * Page);
  EXPECT_EQ(With.uordblks - Before.uordblks, 3000 * Page);
  EXPECT_EQ(With.usmblks - Before.usmblks, 3000 * Page);
  EXPECT_EQ(With.arena, Before.arena);
  EXPECT_EQ(With.fordblks, Before.fordblks);
  EXPECT_EQ(With.ordblks, 0U);
  expectConsistent(With);
}

TEST(MallinfoTest, FreedLargeBlocksCountAsFreeIfTheyAreKept) {
  mallopt(PurgeAll, 0);
  allocateBlocks(10, pages(300));
  const struct mallinfo2 With = mallinfo2();
  freeBlocks(5);
  const struct mallinfo2 Less = mallinfo2();
  mallopt(PurgeAll, 0);
  const struct mallinfo2 Purged = mallinfo2();
  for (int I = 5; I != 10; I++)
    free(Blocks[I]);
  EXPECT_EQ(With.hblks - Less.hblks, 5U);
  EXPECT_EQ(largeBytes(With) - largeBytes(Less), 1500 * Page);
  EXPECT_EQ(With.uordblks - Less.uordblks, 1500 * Page);
  EXPECT_EQ(Less.ordblks, 5U);
  EXPECT_EQ(Less.fordblks - With.fordblks, 1500 * Page);
  EXPECT_EQ(Less.usmblks, With.usmblks);
  EXPECT_EQ(Purged.ordblks, 0U);
  EXPECT_EQ(Purged.fordblks, Purged.fsmblks);
  EXPECT_EQ(largeBytes(Purged), largeBytes(Less));
  expectConsistent(Less);
  expectConsistent(Purged);
}

TEST(MallinfoTest, ABlockThatIsUsedAgainComesFromTheFree) {
  mallopt(PurgeAll, 0);
  void *Other = malloc(pages(300)); // So that there is a block to be kept for.
  free(malloc(pages(300)));
  const struct mallinfo2 Kept = mallinfo2();
  void *Ptr = malloc(pages(300));
  const struct mallinfo2 Again = mallinfo2();
  free(Ptr);
  free(Other);
  EXPECT_EQ(Kept.ordblks, 1U);
  EXPECT_EQ(Again.ordblks, 0U);
  EXPECT_EQ(Again.hblks - Kept.hblks, 1U);
  EXPECT_EQ(Again.uordblks - Kept.uordblks, 300 * Page);
  EXPECT_EQ(Kept.fordblks - Again.fordblks, 300 * Page);
  EXPECT_EQ(Again.usmblks, Kept.usmblks);
}

TEST(MallinfoTest, ReallocChangesALargeBlockByItsPages) {
  mallopt(PurgeAll, 0);
  void *Ptr = malloc(pages(300));
  memset(Ptr, 1, pages(300));
  const struct mallinfo2 Before = mallinfo2();
  Ptr = realloc(Ptr, pages(1000));
  mallopt(PurgeAll, 0);
  const struct mallinfo2 Grown = mallinfo2();
  Ptr = realloc(Ptr, pages(200));
  mallopt(PurgeAll, 0);
  const struct mallinfo2 Shrunk = mallinfo2();
  free(Ptr);
  mallopt(PurgeAll, 0);
  const struct mallinfo2 After = mallinfo2();
  EXPECT_EQ(Grown.hblks, Before.hblks);
  EXPECT_EQ(largeBytes(Grown) - largeBytes(Before), 700 * Page);
  EXPECT_EQ(Shrunk.hblks, Before.hblks);
  EXPECT_EQ(largeBytes(Grown) - largeBytes(Shrunk), 800 * Page);
  EXPECT_EQ(Before.hblks - After.hblks, 1U);
  EXPECT_EQ(largeBytes(Before) - largeBytes(After), 300 * Page);
  for (const struct mallinfo2 &Info : {Before, Grown, Shrunk, After})
    expectConsistent(Info);
}

TEST(MallinfoTest, SmallBlocksMoveBetweenUsedAndFree) {
  constexpr int Count = 5000;
  static void *Small[Count];
  const auto Allocate = [] {
    for (void *&Ptr : Small)
      Ptr = malloc(100);
  };
  const auto Free = [] {
    for (void *Ptr : Small)
      free(Ptr);
  };
  // The Primary takes what it needs, for its lists of free blocks too.
  Allocate();
  Free();
  Allocate();
  const struct mallinfo2 With = mallinfo2();
  Free();
  const struct mallinfo2 Without = mallinfo2();
  Allocate();
  const struct mallinfo2 Again = mallinfo2();
  Free();
  const size_t Bytes = With.uordblks - Without.uordblks;
  EXPECT_EQ(Bytes % Count, 0U);
  EXPECT_GE(Bytes / Count, 116U); // With its header.
  EXPECT_LE(Bytes / Count, 144U);
  EXPECT_EQ(Without.fsmblks - With.fsmblks, Bytes);
  EXPECT_EQ(Without.fordblks - With.fordblks, Bytes);
  EXPECT_EQ(Again.uordblks, With.uordblks);
  EXPECT_EQ(With.arena, Without.arena);
  EXPECT_EQ(largeBytes(With), largeBytes(Without));
  expectConsistent(With);
  expectConsistent(Without);
}

TEST(MallinfoTest, AlignedAndZeroedBlocksCountToo) {
  mallopt(PurgeAll, 0);
  const struct mallinfo2 Before = mallinfo2();
  Blocks[0] = memalign(MiB, pages(300));
  Blocks[1] = calloc(1, pages(300));
  const struct mallinfo2 With = mallinfo2();
  freeBlocks(2);
  EXPECT_EQ(With.hblks - Before.hblks, 2U);
  // The headers of the aligned one are in a page of their own.
  EXPECT_EQ(largeBytes(With) - largeBytes(Before), 601 * Page);
  expectConsistent(With);
}

TEST(MallinfoTest, IsConsistentThroughoutARandomLife) {
  unsigned Seed = 1;
  for (void *&Ptr : Blocks)
    Ptr = nullptr;
  for (int Step = 0; Step != refpage_test::fewerIfEmulated(2000); Step++) {
    void *&Ptr = Blocks[rand_r(&Seed) % MaxBlocks];
    const size_t Size = static_cast<size_t>(rand_r(&Seed)) %
                        (rand_r(&Seed) % 4 ? 4 * MiB : 4 * KiB);
    if (rand_r(&Seed) % 3 == 0) {
      Ptr = realloc(Ptr, Size + 1);
    } else {
      free(Ptr);
      Ptr = malloc(Size);
    }
    if (Step % 50 == 0)
      expectConsistent(mallinfo2());
  }
  freeBlocks(MaxBlocks);
}

// What malloc_info() says: blocks by size.
struct HeapInfo {
  std::string Text;
  std::map<size_t, size_t> Counts;
};
HeapInfo readInfo() {
  HeapInfo Info;
  char *Text = nullptr;
  size_t Size = 0;
  FILE *Stream = open_memstream(&Text, &Size);
  EXPECT_EQ(malloc_info(0, Stream), 0);
  fclose(Stream);
  Info.Text = Text;
  free(Text);
  std::istringstream Lines(Info.Text);
  for (std::string Line; std::getline(Lines, Line);) {
    unsigned long BlockSize;
    unsigned long Count;
    if (sscanf(Line.c_str(), "<alloc size=\"%lu\" count=\"%lu\"/>", &BlockSize,
               &Count) == 2)
      Info.Counts[BlockSize] = Count;
  }
  return Info;
}

TEST(MallocInfoTest, HasUpstreamsForm) {
  allocateBlocks(3, 700000);
  const std::string Text = readInfo().Text;
  freeBlocks(3);
  const std::string First = "<malloc version=\"scudo-1\">\n";
  const std::string Last = "</malloc>\n";
  ASSERT_GT(Text.size(), First.size() + Last.size());
  EXPECT_EQ(Text.substr(0, First.size()), First);
  EXPECT_EQ(Text.substr(Text.size() - Last.size()), Last);
  std::istringstream Lines(
      Text.substr(First.size(), Text.size() - First.size() - Last.size()));
  const std::regex Form("<alloc size=\"[0-9]+\" count=\"[1-9][0-9]*\"/>");
  long Before = -1;
  for (std::string Line; std::getline(Lines, Line);) {
    ASSERT_TRUE(std::regex_match(Line, Form)) << Line;
    const long Size = atol(Line.c_str() + strlen("<alloc size=\""));
    EXPECT_GT(Size, Before);
    Before = Size;
  }
}

TEST(MallocInfoTest, CountsLargeBlocksBySize) {
  allocateBlocks(7, 1234567);
  Blocks[7] = malloc(300001);
  Blocks[8] = calloc(1, 400001);
  Blocks[9] = memalign(MiB, 500001);
  Blocks[10] = realloc(malloc(300000), 600001);
  HeapInfo Info = readInfo();
  EXPECT_EQ(Info.Counts[1234567], 7U);
  EXPECT_EQ(Info.Counts[300001], 1U);
  EXPECT_EQ(Info.Counts[400001], 1U);
  EXPECT_EQ(Info.Counts[500001], 1U);
  EXPECT_EQ(Info.Counts[600001], 1U);
  EXPECT_EQ(Info.Counts.count(300000), 0U);
  freeBlocks(4);
  Info = readInfo();
  EXPECT_EQ(Info.Counts[1234567], 3U);
  for (int I = 4; I != 11; I++)
    free(Blocks[I]);
  EXPECT_EQ(readInfo().Counts.count(1234567), 0U);
}

TEST(MallocInfoTest, CountsMoreLargeBlocksThanThereIsRoomForAtFirst) {
  std::vector<void *> Many(1000);
  for (void *&Ptr : Many)
    Ptr = malloc(200003);
  EXPECT_EQ(readInfo().Counts[200003], Many.size());
  for (void *Ptr : Many)
    free(Ptr);
}

TEST(MallocInfoTest, CountsSmallBlocks) {
  constexpr size_t Unusual = 12345;
  const size_t Before = readInfo().Counts[Unusual];
  allocateBlocks(9, Unusual);
  EXPECT_EQ(readInfo().Counts[Unusual] - Before, 9U);
  freeBlocks(9);
}

TEST(MallocInfoTest, TheSumIsNoMoreThanMallinfoSays) {
  allocateBlocks(5, 3 * MiB);
  size_t Sum = 0;
  for (const auto &Line : readInfo().Counts)
    Sum += Line.first * Line.second;
  EXPECT_GE(Sum, 15 * MiB);
  EXPECT_LE(Sum, mallinfo2().uordblks);
  freeBlocks(5);
}

TEST(MallocInfoTest, OptionsAreAnError) {
  errno = 0;
  EXPECT_EQ(malloc_info(1, stderr), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST(MallocInfoTest, AStreamThatFailsIsAnError) {
  FILE *Full = fopen("/dev/full", "w");
  ASSERT_NE(Full, nullptr);
  setvbuf(Full, nullptr, _IONBF, 0);
  errno = 0;
  EXPECT_EQ(malloc_info(0, Full), -1);
  EXPECT_EQ(errno, ENOSPC);
  fclose(Full);
}

TEST(MallocInfoTest, OtherThreadsGoOn) {
  std::atomic<bool> Stop{false};
  std::vector<std::thread> Threads;
  for (int I = 0; I != 3; I++)
    Threads.emplace_back([&] {
      while (!Stop)
        for (size_t Size : {size_t(100), 300 * KiB, 2 * MiB})
          free(malloc(Size));
    });
  allocateBlocks(3, 1234567);
  for (int I = 0; I != refpage_test::fewerIfEmulated(50); I++)
    ASSERT_EQ(readInfo().Counts[1234567], 3U);
  freeBlocks(3);
  Stop = true;
  for (std::thread &T : Threads)
    T.join();
}

TEST(MallocInfoTest, WorksInTheChildOfAFork) {
  allocateBlocks(3, 1234567);
  refpage_test::runInChild(60,
                           [] { EXPECT_EQ(readInfo().Counts[1234567], 3U); });
  freeBlocks(3);
}

// Blocks that malloc_iterate() finds, in no memory of the heap.
struct Found {
  static constexpr int Most = 1 << 16;
  static uintptr_t Pointers[Most];
  static size_t Sizes[Most];
  static int Count;

  static void in(uintptr_t Base, size_t Size) {
    Count = 0;
    malloc_disable();
    const int Result = malloc_iterate(
        Base, Size,
        [](uintptr_t Ptr, size_t BlockSize, void *) {
          if (Count != Most) {
            Pointers[Count] = Ptr;
            Sizes[Count++] = BlockSize;
          }
        },
        nullptr);
    malloc_enable();
    EXPECT_EQ(Result, 0);
  }
  // How often a block of that size is found at Ptr.
  static int find(const void *Ptr, size_t Size) {
    int Times = 0;
    for (int I = 0; I != Count; I++)
      Times +=
          Pointers[I] == reinterpret_cast<uintptr_t>(Ptr) && Sizes[I] == Size;
    return Times;
  }
};
uintptr_t Found::Pointers[Most];
size_t Found::Sizes[Most];
int Found::Count;

TEST(MallocIterateTest, FindsEachLargeBlockOnceByItsPointer) {
  struct Block {
    void *Ptr;
    size_t Size;
  };
  Block Made[] = {{malloc(300 * KiB), 300 * KiB},
                  {malloc(4 * MiB), 4 * MiB},
                  {malloc(40 * MiB + 1), 40 * MiB + 1},
                  {calloc(1, 5 * MiB), 5 * MiB},
                  {memalign(64 * KiB, 6 * MiB), 6 * MiB},
                  {realloc(malloc(MiB), 7 * MiB), 7 * MiB},
                  {malloc(100), 100}};
  memset(Made[1].Ptr, 1, Made[1].Size);
  Found::in(0, SIZE_MAX);
  for (const Block &B : Made)
    EXPECT_EQ(Found::find(B.Ptr, B.Size), 1) << B.Size;
  for (const Block &B : Made)
    free(B.Ptr);
  Found::in(0, SIZE_MAX);
  for (const Block &B : Made)
    EXPECT_EQ(Found::find(B.Ptr, B.Size), 0) << B.Size;
}

TEST(MallocIterateTest, FindsBlocksThatAreUsedAgain) {
  for (int I = 0; I != 3; I++) {
    void *Ptr = malloc(MiB);
    memset(Ptr, 1, MiB);
    Found::in(0, SIZE_MAX);
    EXPECT_EQ(Found::find(Ptr, MiB), 1);
    free(Ptr);
  }
}

TEST(MallocIterateTest, OnlyInTheRange) {
  void *Ptr = malloc(MiB);
  // The block begins with its headers, in front of the pointer.
  const uintptr_t Start = reinterpret_cast<uintptr_t>(Ptr) - Page;
  Found::in(Start, MiB);
  EXPECT_EQ(Found::find(Ptr, MiB), 1);
  Found::in(Start + MiB, SIZE_MAX - (Start + MiB));
  EXPECT_EQ(Found::find(Ptr, MiB), 0);
  free(Ptr);
}

TEST(MallocIterateTest, OtherThreadsWait) {
  std::atomic<int> Made{0};
  std::atomic<bool> Stop{false};
  std::thread Other([&] {
    while (!Stop) {
      free(malloc(2 * MiB));
      Made++;
    }
  });
  while (Made < 10)
    ;
  malloc_disable();
  // What has got past the locks already ends.
  const struct timespec Moment = {0, 50L * 1000 * 1000};
  nanosleep(&Moment, nullptr);
  const int Before = Made;
  nanosleep(&Moment, nullptr);
  const int After = Made;
  malloc_enable();
  EXPECT_EQ(Before, After);
  while (Made == After)
    ;
  Stop = true;
  Other.join();
}

} // namespace
