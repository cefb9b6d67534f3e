// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Invariant 1: a block reads as the pattern in every byte from the user pointer
// to the end of its usable size, until it is written; calloc reads zero,
// always.

#include "tests/allocator/heap.h"
#include "tests/support/emulator.h"

#include <algorithm>
#include <set>
#include <vector>

using namespace refpage_test;

namespace {

// Sizes around every boundary that a block's way can change at: powers of two,
// the Primary's end, the least window block, the cache's end, windows and their
// multiples.
std::vector<size_t> getSizes(size_t Max) {
  std::set<size_t> Sizes;
  for (size_t Power = 1; Power <= Max; Power *= 2)
    for (ptrdiff_t Delta : {-4112, -4096, -17, -16, -1, 0, 1, 16, 17, 4096}) {
      const ptrdiff_t Size = static_cast<ptrdiff_t>(Power) + Delta;
      if (Size > 0 && static_cast<size_t>(Size) <= Max)
        Sizes.insert(static_cast<size_t>(Size));
    }
  for (size_t Size :
       {3 * Page, 96 * KiB, 5 * MiB + 1, 4096000UL, 7 * MiB + 123})
    Sizes.insert(std::min(Size, Max));
  return {Sizes.begin(), Sizes.end()};
}

void useAll(void *Ptr) { memset(Ptr, 0x5a, malloc_usable_size(Ptr)); }

void expectUsableIsPattern(const void *Ptr, size_t Size) {
  ASSERT_NE(Ptr, nullptr) << Size;
  const size_t Usable = malloc_usable_size(const_cast<void *>(Ptr));
  EXPECT_GE(Usable, Size);
  expectPattern(Ptr, 0, Usable);
}

TEST(ContentsTest, FreshAndReusedBlocks) {
  for (size_t Size : getSizes((getEmulator() ? 16 : 64) * MiB)) {
    for (int Round = 0; Round != 3; Round++) {
      void *Ptr = malloc(Size);
      expectUsableIsPattern(Ptr, Size);
      useAll(Ptr);
      free(Ptr);
    }
    if (HasFailure())
      FAIL() << "at size " << Size;
  }
}

TEST(ContentsTest, BlocksUpToAGiB) {
  for (size_t Size : {256 * MiB - 1, 256 * MiB + 17, 1024 * MiB}) {
    void *Ptr = malloc(Size);
    expectUsableIsPattern(Ptr, Size);
    free(Ptr);
  }
}

TEST(ContentsTest, CallocIsZeroWhateverTheBlockWas) {
  for (size_t Size : getSizes(16 * MiB)) {
    for (int Round = 0; Round != 2; Round++) {
      void *Ptr = malloc(Size);
      ASSERT_NE(Ptr, nullptr);
      useAll(Ptr);
      free(Ptr);
      Ptr = calloc(1, Size);
      ASSERT_NE(Ptr, nullptr);
      expectZeros(Ptr, Size);
      useAll(Ptr);
      free(Ptr);
    }
    if (HasFailure())
      FAIL() << "at size " << Size;
  }
}

TEST(ContentsTest, PatternAfterCalloc) {
  for (size_t Size : getSizes(2 * MiB)) {
    void *Ptr = calloc(1, Size);
    ASSERT_NE(Ptr, nullptr);
    useAll(Ptr);
    free(Ptr);
    Ptr = malloc(Size);
    expectUsableIsPattern(Ptr, Size);
    free(Ptr);
  }
}

TEST(ContentsTest, AlignedBlocks) {
  for (size_t Alignment = 16; Alignment <= MiB; Alignment *= 4) {
    for (size_t Size : {size_t(1), size_t(100), Page, LargeSize - 1, LargeSize,
                        300 * KiB + 5, MiB, 4 * MiB + 1}) {
      for (int Round = 0; Round != 2; Round++) {
        void *Ptr = nullptr;
        ASSERT_EQ(posix_memalign(&Ptr, Alignment, Size), 0);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(Ptr) % Alignment, 0U);
        expectUsableIsPattern(Ptr, Size);
        useAll(Ptr);
        free(Ptr);
      }
    }
  }
}

// Sizes that a large block keeps when it is realloc'ed, and that move it.
TEST(ContentsTest, ReallocShowsThePatternInWhatItAdds) {
  for (size_t From : {size_t(10), size_t(3000), LargeSize - 100, LargeSize,
                      300 * KiB, MiB + 1, 5 * MiB}) {
    for (size_t To :
         {From + 1, From + 15, From + 100, From + Page, From * 2, From * 7}) {
      void *Ptr = malloc(From);
      ASSERT_NE(Ptr, nullptr);
      memset(Ptr, 0x5a, From);
      Ptr = realloc(Ptr, To);
      ASSERT_NE(Ptr, nullptr);
      EXPECT_EQ(findNotPattern(Ptr, 0, From, 0x5a5a5a5a5a5a5a5a), -1);
      expectPattern(Ptr, From, To);
      free(Ptr);
      if (HasFailure())
        FAIL() << "from " << From << " to " << To;
    }
  }
}

TEST(ContentsTest, ReallocShowsThePatternAfterItShrank) {
  for (size_t Size : {size_t(1000), size_t(5000), LargeSize - 100,
                      300 * KiB + 77, MiB + 5, 5 * MiB}) {
    for (size_t Less : {size_t(1), size_t(8), size_t(33), size_t(900)}) {
      void *Ptr = malloc(Size);
      ASSERT_NE(Ptr, nullptr);
      memset(Ptr, 0x5a, Size);
      Ptr = realloc(Ptr, Size - Less);
      ASSERT_NE(Ptr, nullptr);
      Ptr = realloc(Ptr, Size);
      ASSERT_NE(Ptr, nullptr);
      EXPECT_EQ(findNotPattern(Ptr, 0, Size - Less, 0x5a5a5a5a5a5a5a5a), -1);
      expectPattern(Ptr, Size - Less, Size);
      free(Ptr);
      if (HasFailure())
        FAIL() << Size << " less " << Less;
    }
  }
}

TEST(ContentsTest, ReallocMovesDown) {
  void *Ptr = malloc(5 * MiB);
  ASSERT_NE(Ptr, nullptr);
  memset(Ptr, 0x5a, 5 * MiB);
  for (size_t Size = 4 * MiB; Size; Size /= 3) {
    Ptr = realloc(Ptr, Size);
    ASSERT_NE(Ptr, nullptr);
    EXPECT_EQ(findNotPattern(Ptr, 0, Size, 0x5a5a5a5a5a5a5a5a), -1);
  }
  free(Ptr);
}

TEST(ContentsTest, BlocksReusedAfterTheirMemoryWasReleased) {
  for (size_t Size : {LargeSize, 300 * KiB, 500 * KiB}) {
    std::vector<void *> Blocks;
    for (int I = 0; I != 20; I++)
      Blocks.push_back(malloc(Size));
    for (void *Ptr : Blocks) {
      ASSERT_NE(Ptr, nullptr);
      useAll(Ptr);
      free(Ptr);
    }
    malloc_trim(0);
    for (void *&Ptr : Blocks) {
      Ptr = malloc(Size);
      expectUsableIsPattern(Ptr, Size);
    }
    for (void *Ptr : Blocks)
      free(Ptr);
  }
}

// Upstream's way to release at once what is freed.
TEST(ContentsTest, BlocksReleasedWhenTheyAreFreed) {
  constexpr int DecayTime = -100; // M_DECAY_TIME
  for (size_t Size : {LargeSize, 300 * KiB, 500 * KiB}) {
    void *Old[8];
    for (void *&Ptr : Old) {
      Ptr = malloc(Size);
      useAll(Ptr);
    }
    ASSERT_EQ(mallopt(DecayTime, 0), 1);
    for (void *Ptr : Old)
      free(Ptr);
    for (int Round = 0; Round != 3; Round++) {
      void *Ptr = malloc(Size);
      expectUsableIsPattern(Ptr, Size);
      useAll(Ptr);
      free(Ptr);
      Ptr = calloc(1, Size);
      expectZeros(Ptr, Size);
      useAll(Ptr);
      free(Ptr);
    }
    ASSERT_EQ(mallopt(DecayTime, 5000), 1);
  }
}

TEST(ContentsTest, WhatWasCachedIsReleasedWhenTheIntervalBecomesZero) {
  constexpr int DecayTime = -100; // M_DECAY_TIME
  malloc_trim(0);
  void *Blocks[20];
  for (void *&Ptr : Blocks) {
    Ptr = malloc(500 * KiB);
    useAll(Ptr);
  }
  const size_t Full = getResidentBytes();
  for (void *Ptr : Blocks)
    free(Ptr);
  ASSERT_EQ(mallopt(DecayTime, 0), 1);
  free(malloc(200 * KiB));
  EXPECT_LT(getResidentBytes(), Full - 8 * MiB);
  ASSERT_EQ(mallopt(DecayTime, 5000), 1);
}

TEST(ContentsTest, SparseBlocksTakeNoMemory) {
  if (!usesWindows())
    GTEST_SKIP() << "every page is filled";
  const size_t Before = getResidentBytes();
  char *Ptr = static_cast<char *>(malloc(256 * MiB));
  ASSERT_NE(Ptr, nullptr);
  Ptr[128 * MiB] = 1;
  EXPECT_LT(getResidentBytes(), Before + MiB);
  free(Ptr);
}

// The model has learnt from the first blocks that all, or half, of a block gets
// written; those that follow are made another way and must read the same.
TEST(ContentsTest, BlocksOfASizeThatIsWrittenDensely) {
  for (size_t Written : {size_t(1), size_t(2), size_t(4)}) {
    for (int Round = 0; Round != 40; Round++) {
      const size_t Size = 3 * MiB + Written;
      void *Ptr = malloc(Size);
      expectUsableIsPattern(Ptr, Size);
      memset(Ptr, 0x5a, Size / 4 * Written);
      free(Ptr);
      if (HasFailure())
        FAIL() << "in round " << Round;
    }
  }
}

// A pattern says nothing about what the program wrote.
TEST(ContentsTest, WhatWasWrittenStays) {
  std::vector<unsigned char *> Blocks;
  for (int I = 0; I != 50; I++) {
    Blocks.push_back(static_cast<unsigned char *>(malloc(600 * KiB)));
    memset(Blocks.back(), I, 600 * KiB);
  }
  for (int I = 0; I != 50; I++) {
    for (size_t J = 0; J < 600 * KiB; J += 1000) {
      ASSERT_EQ(Blocks[static_cast<size_t>(I)][J], I);
    }
    free(Blocks[static_cast<size_t>(I)]);
  }
}

TEST(ContentsTest, NewReadsAsThePatternToo) {
  char *Ptr = new char[3 * MiB];
  expectPattern(Ptr, 0, 3 * MiB);
  delete[] Ptr;
}

} // namespace
