// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Large blocks that are used again: whatever was done to them, before they were
// freed and after, they read as they should, and lie between guard pages.

#include "tests/allocator/heap.h"
#include "tests/support/child.h"
#include "tests/support/emulator.h"

#include <algorithm>
#include <climits>
#include <random>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace refpage_test;

namespace {

// Below, from here on kept blocks are inaccessible.
constexpr size_t ProtectedSize = 3 * MiB;

// One of each way that a block can be kept in.
const size_t Sizes[] = {LargeSize, 300 * KiB, 600 * KiB,
                        MiB,       4 * MiB,   40 * MiB};

// Stores and loads that the compiler cannot drop.
void poke(char *Address) { *static_cast<volatile char *>(Address) = 0x5a; }
char peek(char *Address) { return *static_cast<volatile char *>(Address); }

char *mallocOrFail(size_t Size) {
  char *Ptr = static_cast<char *>(malloc(Size));
  EXPECT_NE(Ptr, nullptr) << Size;
  return Ptr;
}

// A block of a size, used again, reads as the pattern, and as zeros.
void expectReusedRight(size_t Size) {
  char *Ptr = mallocOrFail(Size);
  expectPattern(Ptr, 0, malloc_usable_size(Ptr));
  poke(Ptr + Size / 2);
  free(Ptr);
  Ptr = static_cast<char *>(calloc(1, Size));
  ASSERT_NE(Ptr, nullptr);
  expectZeros(Ptr, Size);
  poke(Ptr + Size / 3);
  free(Ptr);
  Ptr = mallocOrFail(Size);
  expectPattern(Ptr, 0, malloc_usable_size(Ptr));
  free(Ptr);
}

class ReuseTest : public testing::Test {
protected:
  // Each begins with an empty cache.
  void SetUp() override { malloc_trim(0); }
};

using ReuseDeathTest = ReuseTest;

TEST_F(ReuseTest, BlocksAreUsedAgain) {
  for (size_t Size : Sizes) {
    for (int Round = 0; Round != 3; Round++)
      free(mallocOrFail(Size));
    char *Old = mallocOrFail(Size);
    free(Old);
    const size_t Before = getVirtualBytes();
    char *New = mallocOrFail(Size);
    // Those that are kept inaccessible may have been moved.
    if (Size < ProtectedSize) {
      EXPECT_EQ(placeOf(New), placeOf(Old)) << Size;
    }
    EXPECT_EQ(getVirtualBytes(), Before) << Size;
    free(New);
  }
}

// What a block had written stays resident, if it is used so again.
TEST_F(ReuseTest, WrittenPagesTakeNoFaultAgain) {
  if (refpage::areBlocksTagged() && usesWindows() &&
      refpage::getOptions().backend != refpage::BackendRequest::Auto)
    GTEST_SKIP() << "views that get another tag are made anew, and the options "
                    "ask for views in any case";
  // With tags only once its size is known to be written whole, which takes two
  // rounds of observations: views get their new tag by being made anew.
  const int Rounds = refpage::areBlocksTagged() ? 20 : 10;
  for (size_t Size : Sizes) {
    for (int Round = 0; Round != Rounds; Round++) {
      char *Ptr = mallocOrFail(Size);
      memset(Ptr, 1, Size);
      free(Ptr);
    }
    // The least of a few: an emulator's own faults count, too.
    long Faults = LONG_MAX;
    for (int Round = 0; Round != 3; Round++) {
      rusage Before;
      rusage After;
      getrusage(RUSAGE_SELF, &Before);
      char *Ptr = mallocOrFail(Size);
      memset(Ptr, 1, Size);
      free(Ptr);
      getrusage(RUSAGE_SELF, &After);
      Faults = std::min(Faults, After.ru_minflt - Before.ru_minflt);
    }
    // Huge pages and a header apart.
    EXPECT_LT(Faults, static_cast<long>(8 + Size / Page / 16)) << Size;
  }
}

// A store through a stale pointer, while the block is kept.
TEST_F(ReuseTest, StrayWritesAreNotSeen) {
  if (refpage::areBlocksTagged())
    GTEST_SKIP() << "with memory tags there are none: see below";
  for (size_t Size :
       {LargeSize, 300 * KiB, 512 * KiB - 200, MiB, 2 * MiB - Page}) {
    for (size_t Offset :
         {size_t(0), size_t(1), Page, Size / 2 + 7, Size - Page, Size - 1}) {
      char *Old = mallocOrFail(Size);
      free(Old);
      poke(Old + Offset);
      char *New = mallocOrFail(Size);
      EXPECT_EQ(New, Old);
      expectPattern(New, 0, malloc_usable_size(New));
      free(New);
      poke(New + Offset);
      New = static_cast<char *>(calloc(1, Size));
      ASSERT_NE(New, nullptr);
      expectZeros(New, Size);
      free(New);
      if (HasFailure())
        FAIL() << "at size " << Size << ", offset " << Offset;
    }
  }
}

// With memory tags of all, while they are kept and when they are used again.
TEST_F(ReuseDeathTest, StrayUseOfATaggedBlockFaults) {
  if (!refpage::areBlocksTagged())
    GTEST_SKIP() << "no memory tags in this process";
  for (size_t Size : {LargeSize, 300 * KiB, 2 * MiB - Page}) {
    for (size_t Offset : {size_t(0), Size / 2 + 7, Size - 1}) {
      char *Old = mallocOrFail(Size);
      free(Old);
      EXPECT_EXIT(poke(Old + Offset), testing::KilledBySignal(SIGSEGV), "");
      char *New = mallocOrFail(Size);
      EXPECT_EXIT(poke(Old + Offset), testing::KilledBySignal(SIGSEGV), "");
      expectPattern(New, 0, malloc_usable_size(New));
      free(New);
      New = static_cast<char *>(calloc(1, Size));
      ASSERT_NE(New, nullptr);
      EXPECT_EXIT(poke(Old + Offset), testing::KilledBySignal(SIGSEGV), "");
      expectZeros(New, Size);
      free(New);
    }
  }
}

TEST_F(ReuseDeathTest, StrayUseOfALargerBlockFaults) {
  for (size_t Size : {2 * MiB + Page, ProtectedSize, 40 * MiB}) {
    char *Ptr = mallocOrFail(Size);
    poke(Ptr);
    free(Ptr);
    for (size_t Offset : {size_t(0), Size / 2, Size - 1}) {
      EXPECT_EXIT(poke(Ptr + Offset), testing::KilledBySignal(SIGSEGV), "");
      EXPECT_EXIT(fprintf(stderr, "%d", peek(Ptr + Offset)),
                  testing::KilledBySignal(SIGSEGV), "");
    }
  }
}

// Blocks of which many pages were written are moved away: what comes next has
// another address, and the old one still faults.
TEST_F(ReuseDeathTest, StrayUseOfAMovedBlockFaultsAfterTheNextMalloc) {
  // What is protected faster is not moved.
  if (!usesWindows() || refpage::getOptions().window_max.Value < MiB)
    GTEST_SKIP() << "a block is few huge pages, or many mappings";
  char *Last = nullptr;
  for (int Round = 0; Round != 3; Round++) {
    Last = mallocOrFail(8 * MiB);
    // So sparse that it is made of windows.
    for (size_t I = 0; I < 8 * MiB; I += 3 * Page)
      poke(Last + I);
    free(Last);
  }
  char *New = mallocOrFail(8 * MiB);
  expectPattern(New, 0, 8 * MiB);
  ASSERT_NE(New, Last);
  EXPECT_EXIT(poke(Last), testing::KilledBySignal(SIGSEGV), "");
  EXPECT_EXIT(poke(Last + 8 * MiB - 1), testing::KilledBySignal(SIGSEGV), "");
  free(New);
}

TEST_F(ReuseTest, BlocksOfWhichPagesAreLocked) {
  for (size_t Size : Sizes) {
    for (size_t Locked : {Page, Size}) {
      for (bool All : {false, true}) {
        char *Ptr = mallocOrFail(Size);
        if (mlock(Ptr + (All ? 0 : Size / 2), std::min(Locked, Size / 2)) != 0)
          GTEST_SKIP() << "no right to lock memory";
        memset(Ptr, 0x5a, All ? Size : Size / 2 + 100);
        free(Ptr); // While it is locked.
        expectReusedRight(Size);
      }
    }
  }
}

// As without /proc, or without descriptors.
TEST_F(ReuseTest, BlocksWhosePagesCannotBeAskedFor) {
  constexpr unsigned MaxSeconds = 30;
  runInChild(MaxSeconds, [] {
    close_range(3, ~0U, 0);
    rlimit Limit;
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &Limit), 0);
    Limit.rlim_cur = 0;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &Limit), 0);
    for (size_t Size : Sizes) {
      for (int Round = 0; Round != 3; Round++) {
        char *Ptr = mallocOrFail(Size);
        memset(Ptr + Size / 4, 1, Size / 2);
        free(Ptr);
        expectReusedRight(Size);
      }
    }
  });
}

TEST_F(ReuseTest, BlocksThatWereMadeBeforeThePagesCouldNotBeAskedFor) {
  constexpr unsigned MaxSeconds = 30;
  runInChild(MaxSeconds, [] {
    std::vector<char *> Blocks;
    for (size_t Size : Sizes) {
      Blocks.push_back(mallocOrFail(Size));
      memset(Blocks.back() + Size / 4, 1, Size / 2);
    }
    close_range(3, ~0U, 0);
    rlimit Limit;
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &Limit), 0);
    Limit.rlim_cur = 0;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &Limit), 0);
    for (char *Ptr : Blocks)
      free(Ptr);
    for (size_t Size : Sizes)
      expectReusedRight(Size);
  });
}

TEST_F(ReuseTest, BlocksThatTheProgramAdvisedOn) {
  for (size_t Size : Sizes) {
    for (int Advice : {MADV_DONTNEED, MADV_FREE, MADV_COLD, MADV_PAGEOUT,
                       MADV_DONTFORK, MADV_SEQUENTIAL, MADV_HUGEPAGE}) {
      char *Ptr = static_cast<char *>(memalign(Page, Size));
      ASSERT_NE(Ptr, nullptr);
      memset(Ptr, 0x5a, Size);
      madvise(Ptr + Size / 4 / Page * Page, Size / 2 / Page * Page, Advice);
      free(Ptr);
      expectReusedRight(Size);
      if (HasFailure())
        FAIL() << "at size " << Size << ", advice " << Advice;
    }
  }
}

// Above what upstream would use again; below, that is the program's to undo.
TEST_F(ReuseTest, BlocksInWhichTheProgramMadePagesInaccessible) {
  for (size_t Size : {600 * KiB, MiB, ProtectedSize, 40 * MiB}) {
    for (int Protection : {PROT_NONE, PROT_READ}) {
      char *Ptr = static_cast<char *>(memalign(Page, Size));
      ASSERT_NE(Ptr, nullptr);
      memset(Ptr, 0x5a, Size);
      ASSERT_EQ(mprotect(Ptr + 20 * Page, 3 * Page, Protection), 0);
      free(Ptr);
      expectReusedRight(Size);
    }
  }
}

// The largest is used in parts, between which lie guard pages.
class CutBlocksTest : public ReuseTest {
protected:
  void SetUp() override {
    ReuseTest::SetUp();
    char *Whole = mallocOrFail(64 * MiB);
    for (size_t I = 0; I < 64 * MiB; I += 5 * Page)
      poke(Whole + I);
    free(Whole);
    const size_t Before = getVirtualBytes();
    for (size_t Size : {10 * MiB, 3 * MiB, 20 * MiB}) {
      Parts.push_back({mallocOrFail(Size), Size});
      poke(Parts.back().Ptr);
      poke(Parts.back().Ptr + Size - 1);
    }
    IsCut = getVirtualBytes() < Before + 20 * MiB;
  }
  void TearDown() override {
    for (const Part &P : Parts)
      free(P.Ptr);
  }
  struct Part {
    char *Ptr;
    size_t Size;
  };
  std::vector<Part> Parts;
  bool IsCut = false;
};

using CutBlocksDeathTest = CutBlocksTest;

TEST_F(CutBlocksTest, ThePartsReadAsThePattern) {
  EXPECT_TRUE(IsCut);
  for (const Part &P : Parts)
    expectPattern(P.Ptr, 1, P.Size - 1);
}

TEST_F(CutBlocksDeathTest, ThePartsLieBetweenGuardPages) {
  for (const Part &P : Parts) {
    EXPECT_EXIT(poke(P.Ptr + P.Size), testing::KilledBySignal(SIGSEGV), "");
    // The header is in the page of the start, or the one before.
    char *HeaderPage = reinterpret_cast<char *>(
        (reinterpret_cast<uintptr_t>(P.Ptr) - 256) / Page * Page);
    EXPECT_EXIT(poke(HeaderPage - 1), testing::KilledBySignal(SIGSEGV), "");
  }
}

TEST_F(CutBlocksTest, TheyCanBeUsedAgainAndAgain) {
  for (int Round = 0; Round != 5; Round++) {
    for (Part &P : Parts) {
      free(P.Ptr);
      P.Ptr = nullptr;
      P.Ptr = mallocOrFail(P.Size - Page * static_cast<size_t>(Round));
      expectPattern(P.Ptr, 0, malloc_usable_size(P.Ptr));
      memset(P.Ptr, 0x5a, P.Size / 2);
    }
  }
}

TEST_F(CutBlocksTest, WithAlignedBlocksBetween) {
  std::vector<void *> Aligned;
  for (size_t Alignment : {Page, 64 * KiB, 2 * MiB}) {
    void *Ptr = memalign(Alignment, 5 * MiB);
    ASSERT_NE(Ptr, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(Ptr) % Alignment, 0U);
    expectPattern(Ptr, 0, 5 * MiB);
    memset(Ptr, 0x5a, 5 * MiB);
    Aligned.push_back(Ptr);
    Parts.push_back({mallocOrFail(2 * MiB), 2 * MiB});
    expectPattern(Parts.back().Ptr, 0, 2 * MiB);
  }
  for (void *Ptr : Aligned)
    free(Ptr);
  for (int I = 0; I != 5; I++) {
    Parts.push_back({mallocOrFail(4 * MiB), 4 * MiB});
    expectPattern(Parts.back().Ptr, 0, 4 * MiB);
  }
}

TEST_F(CutBlocksTest, CallocGetsPartsToo) {
  char *Zeros = static_cast<char *>(calloc(1, 64 * MiB));
  ASSERT_NE(Zeros, nullptr);
  memset(Zeros + MiB, 1, 8 * MiB);
  free(Zeros);
  for (size_t Size : {10 * MiB, 3 * MiB, 20 * MiB}) {
    char *Ptr = static_cast<char *>(calloc(1, Size));
    ASSERT_NE(Ptr, nullptr);
    expectZeros(Ptr, Size);
    memset(Ptr, 1, Size);
    Parts.push_back({Ptr, Size});
  }
}

// Any sizes in any order; two threads, since blocks go from one to the other.
void useAnySizes(unsigned Seed) {
  std::mt19937 Random(Seed);
  std::vector<std::pair<char *, size_t>> Live;
  for (int Step = 0;
       Step != fewerIfEmulated(400) && !testing::Test::HasFailure(); Step++) {
    if (Live.size() < 8 && Random() % 5 < 3) {
      const size_t Log = 17 + Random() % 8;
      const size_t Size = (size_t(1) << Log) + Random() % (size_t(1) << Log);
      char *Ptr;
      switch (Random() % 4) {
      case 0:
        Ptr = static_cast<char *>(calloc(1, Size));
        ASSERT_NE(Ptr, nullptr);
        expectZeros(Ptr, Size);
        break;
      case 1:
        Ptr = static_cast<char *>(memalign(size_t(64) << Random() % 12, Size));
        ASSERT_NE(Ptr, nullptr);
        expectPattern(Ptr, 0, Size);
        break;
      default:
        Ptr = mallocOrFail(Size);
        expectPattern(Ptr, 0, malloc_usable_size(Ptr));
      }
      // Sparse, a front, or all.
      if (Random() % 3 == 0)
        memset(Ptr, 0x5a, Size >> Random() % 3);
      else
        for (size_t I = Random() % Page; I < Size; I += 13 * Page)
          poke(Ptr + I);
      Live.emplace_back(Ptr, Size);
    } else if (!Live.empty()) {
      const size_t I = Random() % Live.size();
      free(Live[I].first);
      Live[I] = Live.back();
      Live.pop_back();
    }
    if (Random() % 100 == 0)
      malloc_trim(0);
  }
  for (const auto &Block : Live)
    free(Block.first);
}

TEST_F(ReuseTest, AnySizesInAnyOrder) {
  for (unsigned Seed = 1; Seed != 4; Seed++)
    useAnySizes(Seed);
}

TEST_F(ReuseTest, AnySizesInTwoThreads) {
  std::thread Other(useAnySizes, 11);
  useAnySizes(12);
  Other.join();
}

// A block that grew by a filled part views windows in its front still: cut, it
// is no place for zeros.
void callocPartsOfBlocksThatGrew() {
  constexpr size_t Grown = 16 * MiB;
  constexpr size_t Back = 11 * MiB - 64 * KiB;
  // Blocks of the one size are known to be written up to there, those of the
  // other to be written whole.
  for (int I = 0; I != 20; I++) {
    char *Ptr = mallocOrFail(Grown);
    memset(Ptr, 1, 11 * MiB);
    free(Ptr);
    malloc_trim(0);
  }
  for (int I = 0; I != 20; I++) {
    char *Ptr = mallocOrFail(Back);
    memset(Ptr, 1, Back);
    free(Ptr);
  }
  for (int Round = 0; Round != 10; Round++) {
    malloc_trim(0);
    char *Ptr = mallocOrFail(3 * MiB);
    Ptr = static_cast<char *>(realloc(Ptr, Grown));
    ASSERT_NE(Ptr, nullptr);
    free(Ptr);
    char *Part = mallocOrFail(Back);
    memset(Part, 1, Back);
    char *Zeros = static_cast<char *>(calloc(1, 4 * MiB));
    ASSERT_NE(Zeros, nullptr);
    expectZeros(Zeros, 4 * MiB);
    free(Zeros);
    free(Part);
  }
}

// In a process of its own, which has learnt nothing of these sizes before.
TEST(FreshHeapDeathTest, CallocOfAPartOfABlockThatGrew) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        callocPartsOfBlocksThatGrew();
        _exit(testing::Test::HasFailure() ? 1 : 0);
      },
      testing::ExitedWithCode(0), "");
  GTEST_FLAG_SET(death_test_style, "fast");
}

} // namespace
