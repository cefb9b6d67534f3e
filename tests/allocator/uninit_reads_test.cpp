// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Planted bugs: what uninit=report finds in them, and that it finds nothing
// else. Each test has blocks of a size of its own, by which they are known.

#include "allocator/stats_source.h"
#include "allocator/uninit_reads.h"
#include "allocator/uninit_report.h"
#include "platform/call_stack.h"
#include "tests/allocator/heap.h"
#include "tests/support/child.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <thread>
#include <vector>

using namespace refpage_test;
using refpage::ReadFinding;
using refpage::TheUninitReads;

namespace {

constexpr unsigned MaxSeconds = 60;

std::vector<ReadFinding> findAll(size_t Size) {
  std::vector<ReadFinding> Found;
  TheUninitReads.forEachFinding(
      [&](const ReadFinding &F, const refpage::CallSite &) {
        if (F.Size == Size)
          Found.push_back(F);
      });
  return Found;
}

volatile char Sink;
void readAt(const void *Ptr, size_t Offset) {
  Sink = static_cast<const volatile char *>(Ptr)[Offset];
}
void writeAt(void *Ptr, size_t Offset) {
  static_cast<volatile char *>(Ptr)[Offset] = 1;
}

NOINLINE void *allocateHere(size_t Size) {
  void *Ptr = malloc(Size);
  writeAt(Ptr, 0); // Not a tail call.
  return Ptr;
}

// That in one block of that size there was one read, of that byte.
void expectRead(size_t Size, size_t Offset) {
  const auto Found = findAll(Size);
  ASSERT_EQ(Found.size(), 1U) << Size;
  const ReadFinding &F = Found[0];
  EXPECT_EQ(F.Blocks, 1U);
  EXPECT_EQ(F.Reads, 1U);
  ASSERT_EQ(F.NumRanges, 1U);
  EXPECT_LE(F.Ranges[0].Begin, Offset);
  EXPECT_GT(F.Ranges[0].End, Offset);
  if (F.IsExact) {
    EXPECT_LE(F.Ranges[0].End - F.Ranges[0].Begin, Page);
  }
}

void expectNothing(size_t Size) { EXPECT_TRUE(findAll(Size).empty()) << Size; }

class UninitReadsTest : public testing::Test {
protected:
  void SetUp() override {
    if (!usesWindows())
      GTEST_SKIP() << "blocks are filled here";
    ASSERT_TRUE(TheUninitReads.isOn());
  }
};

TEST_F(UninitReadsTest, AReadBeforeAnyWriteIsFoundInBlocksOfAllSizes) {
  for (size_t Size : {256 * KiB, 1001 * KiB, 8 * MiB, 64 * MiB}) {
    void *Ptr = malloc(Size);
    readAt(Ptr, Size / 3);
    free(Ptr);
    expectRead(Size, Size / 3);
  }
}

TEST_F(UninitReadsTest, TheKernelsOwnPagesShowEachRead) {
  constexpr size_t Size = 3001 * KiB;
  void *Ptr = malloc(Size);
  const bool IsKernels =
      nameOfMapping(placeOf(Ptr) + MiB) == "anon_inode:[refpage]";
  readAt(Ptr, MiB);
  free(Ptr);
  expectRead(Size, MiB);
  if (IsKernels) {
    EXPECT_TRUE(findAll(Size)[0].IsExact);
  }
}

TEST_F(UninitReadsTest, SeveralPagesOfSeveralBlocksAreAdded) {
  constexpr size_t Size = 1003 * KiB;
  // From one place, however the compiler unrolls it.
  const auto ReadTwo = [](size_t Bytes) {
    void *Ptr = allocateHere(Bytes);
    readAt(Ptr, 300 * KiB);
    readAt(Ptr, 700 * KiB);
    free(Ptr);
  };
  void (*volatile Run)(size_t) = ReadTwo;
  for (volatile int I = 0; I != 3; I = I + 1)
    Run(Size);
  const auto Found = findAll(Size);
  ASSERT_EQ(Found.size(), 1U);
  EXPECT_EQ(Found[0].Blocks, 3U);
  EXPECT_EQ(Found[0].Reads, 6U);
  EXPECT_EQ(Found[0].NumRanges, 2U);
}

TEST_F(UninitReadsTest, WhatIsWrittenFirstIsNotFound) {
  constexpr size_t Size = 1005 * KiB;
  void *Ptr = malloc(Size);
  memset(Ptr, 1, Size);
  for (size_t I = 0; I < Size; I += 100)
    readAt(Ptr, I);
  free(Ptr);
  expectNothing(Size);
}

TEST_F(UninitReadsTest, BehindTheWrittenFrontIsFound) {
  constexpr size_t Size = 2005 * KiB;
  void *Ptr = malloc(Size);
  memset(Ptr, 1, MiB);
  readAt(Ptr, 1000);
  readAt(Ptr, MiB + 100 * KiB);
  free(Ptr);
  expectRead(Size, MiB + 100 * KiB);
}

TEST_F(UninitReadsTest, ZerosOfCallocAreInitialised) {
  constexpr size_t Size = 1007 * KiB;
  void *Ptr = calloc(1, Size);
  readAt(Ptr, 500 * KiB);
  free(Ptr);
  expectNothing(Size);
}

TEST_F(UninitReadsTest, SystemCallsThatReadAreFound) {
  constexpr size_t Size = 1009 * KiB;
  void *Ptr = malloc(Size);
  int Ends[2];
  ASSERT_EQ(pipe(Ends), 0);
  ASSERT_EQ(write(Ends[1], static_cast<char *>(Ptr) + 512 * KiB, 10), 10);
  close(Ends[0]);
  close(Ends[1]);
  free(Ptr);
  expectRead(Size, 512 * KiB);
}

TEST_F(UninitReadsTest, WhatReallocMovesIsNotRead) {
  constexpr size_t Sizes[] = {1011 * KiB, 5011 * KiB, 1511 * KiB};
  void *Ptr = malloc(Sizes[0]);
  writeAt(Ptr, 0);
  Ptr = realloc(Ptr, Sizes[1]);
  Ptr = realloc(Ptr, Sizes[2]);
  free(Ptr);
  for (size_t Size : Sizes)
    expectNothing(Size);
}

// Of less than 256 KiB, and to small sizes; and aligned blocks.
TEST_F(UninitReadsTest, WhatReallocCopiesIsNotRead) {
  constexpr size_t Sizes[] = {200 * KiB, 250 * KiB};
  free(realloc(realloc(malloc(Sizes[0]), Sizes[1]), 50 * KiB));
  for (size_t Size : Sizes)
    expectNothing(Size);
  constexpr size_t Aligned = 1013 * KiB;
  free(realloc(aligned_alloc(64 * KiB, Aligned), Aligned + MiB));
  expectNothing(Aligned);
  expectNothing(Aligned + MiB);
}

TEST_F(UninitReadsTest, AReadBeforeReallocBelongsToTheOldBlock) {
  constexpr size_t Old = 1015 * KiB;
  constexpr size_t New = 3015 * KiB;
  void *Ptr = malloc(Old);
  readAt(Ptr, 400 * KiB);
  Ptr = realloc(Ptr, New);
  readAt(Ptr, 2000 * KiB);
  free(Ptr);
  expectRead(Old, 400 * KiB);
  expectRead(New, 2000 * KiB);
}

TEST_F(UninitReadsTest, ReallocInPlaceIsNoRead) {
  constexpr size_t Size = 1017 * KiB;
  void *Ptr = malloc(Size);
  void *Same = realloc(Ptr, Size - 100);
  Same = realloc(Same, Size - 10);
  EXPECT_EQ(Same, Ptr);
  free(Same);
  for (size_t Less : {0, 10, 100})
    expectNothing(Size - Less);
}

TEST_F(UninitReadsTest, ABlockAtTheSamePlaceBeginsAnew) {
  constexpr size_t Size = 1019 * KiB;
  void *Ptr = malloc(Size);
  readAt(Ptr, 100 * KiB);
  free(Ptr);
  for (int I = 0; I != 20; I++)
    free(malloc(Size));
  expectRead(Size, 100 * KiB);
}

TEST_F(UninitReadsTest, BlocksInUseAreCountedAtExit) {
  constexpr size_t Size = 1021 * KiB;
  runInChild(MaxSeconds, [&] {
    readAt(malloc(Size), 500 * KiB);
    refpage::countUninitReads();
    expectRead(Size, 500 * KiB);
  });
}

TEST_F(UninitReadsTest, AlignedBlocksAreWatched) {
  constexpr size_t Size = 1023 * KiB;
  void *Ptr = aligned_alloc(64 * KiB, Size);
  readAt(Ptr, 500 * KiB);
  free(Ptr);
  expectRead(Size, 500 * KiB);
}

TEST_F(UninitReadsTest, TheChildOfAForkBeginsAnew) {
  constexpr size_t Size = 1025 * KiB;
  constexpr size_t ChildSize = 1027 * KiB;
  void *Ptr = malloc(Size);
  writeAt(Ptr, 0);
  readAt(Ptr, 500 * KiB);
  constexpr size_t Freed = 1029 * KiB;
  void *Before = malloc(Freed);
  readAt(Before, 500 * KiB);
  free(Before);
  runInChild(MaxSeconds, [&] {
    expectNothing(Freed);
    // The parent's, in page tables that the child may have got.
    free(Ptr);
    expectNothing(Size);
    void *Own = malloc(ChildSize);
    readAt(Own, 300 * KiB);
    free(Own);
    expectRead(ChildSize, 300 * KiB);
  });
  expectNothing(ChildSize);
  free(Ptr);
  expectRead(Size, 500 * KiB);
}

TEST_F(UninitReadsTest, AProgramThatClosesAllDescriptorsIsWatchedOn) {
  constexpr size_t Size = 1031 * KiB;
  constexpr size_t LaterSize = 1033 * KiB;
  runInChild(MaxSeconds, [&] {
    void *Ptr = malloc(Size);
    readAt(Ptr, 500 * KiB);
    close_range(3, ~0U, 0);
    free(Ptr);
    // The page tables are as they were, whoever has closed what.
    const auto Found = findAll(Size);
    ASSERT_EQ(Found.size(), 1U);
    EXPECT_EQ(Found[0].Reads, 1U);
    void *Later = malloc(LaterSize);
    readAt(Later, 500 * KiB);
    free(Later);
    expectRead(LaterSize, 500 * KiB);
  });
}

TEST_F(UninitReadsTest, ThreadsAreWatched) {
  constexpr size_t Size = 1035 * KiB;
  constexpr size_t NumThreads = 4;
  constexpr size_t Rounds = 20;
  std::vector<std::thread> Threads;
  for (size_t T = 0; T != NumThreads; T++)
    Threads.emplace_back([&] {
      for (size_t I = 0; I != Rounds; I++) {
        void *Ptr = malloc(Size);
        readAt(Ptr, 200 * KiB);
        Ptr = realloc(Ptr, 2 * Size);
        free(Ptr);
      }
    });
  for (std::thread &T : Threads)
    T.join();
  uintptr_t Blocks = 0;
  for (const ReadFinding &F : findAll(Size))
    Blocks += F.Blocks;
  EXPECT_EQ(Blocks, NumThreads * Rounds);
  expectNothing(2 * Size);
}

// After a fork there are descriptors to be closed and opened.
TEST_F(UninitReadsTest, ReallocIsNoCancellationPoint) {
  runInChild(MaxSeconds, [&] {
    static void *Block;
    Block = malloc(MiB);
    runInChild(MaxSeconds, [&] {
      pthread_t Thread;
      ASSERT_EQ(pthread_create(
                    &Thread, nullptr,
                    [](void *) -> void * {
                      pthread_cancel(pthread_self());
                      Block = realloc(Block, 2 * MiB);
                      return Block;
                    },
                    nullptr),
                0);
      void *Result;
      pthread_join(Thread, &Result);
      EXPECT_NE(Result, PTHREAD_CANCELED);
      free(Block);
    });
  });
}

TEST_F(UninitReadsTest, WhoAllocatedIsTold) {
  constexpr size_t Size = 1037 * KiB;
  refpage::loadUnwinder();
  void *Ptr = allocateHere(Size);
  readAt(Ptr, 100 * KiB);
  free(Ptr);
  bool IsFound = false;
  TheUninitReads.forEachFinding([&](const ReadFinding &F,
                                    const refpage::CallSite &Site) {
    if (F.Size != Size)
      return;
    for (uint32_t I = 0; I != Site.NumCallers; I++) {
      const uintptr_t Start = reinterpret_cast<uintptr_t>(&allocateHere);
      constexpr uintptr_t MostCode = 256;
      IsFound |= Site.Callers[I] > Start && Site.Callers[I] < Start + MostCode;
    }
  });
  EXPECT_TRUE(IsFound);
}

// In a child, whose tables are its own.
TEST_F(UninitReadsTest, WhatFindsNoRoomIsCounted) {
  runInChild(MaxSeconds, [&] {
    constexpr size_t MoreThanThereIsRoomFor = 1100;
    for (size_t I = 0; I != MoreThanThereIsRoomFor; I++) {
      void *Ptr = malloc(200 * KiB + I * 16);
      readAt(Ptr, 100 * KiB);
      free(Ptr);
    }
    EXPECT_GE(TheUninitReads.getCounts().LostReads,
              MoreThanThereIsRoomFor - 1024);
  });
}

TEST_F(UninitReadsTest, TheReportHasSizeOffsetAndCaller) {
  constexpr size_t Size = 1039 * KiB;
  void *Ptr = allocateHere(Size);
  readAt(Ptr, 100 * KiB);
  free(Ptr);
  scudo::ScopedString Text;
  refpage::appendUninitReport(&Text);
  const std::string Report = Text.data();
  EXPECT_NE(Report.find("refpage:   1 blocks of " + std::to_string(Size) +
                        " bytes: 1 "),
            std::string::npos)
      << Report;
  EXPECT_NE(Report.find("refpage:   watched "), std::string::npos) << Report;
}

TEST_F(UninitReadsTest, ErrnoIsKept) {
  errno = 0;
  free(realloc(malloc(MiB), 2 * MiB));
  EXPECT_EQ(errno, 0);
}

} // namespace
