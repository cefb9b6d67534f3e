// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// realloc() of large blocks, whose pages are moved rather than copied.

#include "platform/memory_tag.h"
#include "tests/allocator/heap.h"
#include "tests/support/child.h"
#include "tests/support/emulator.h"

#include <algorithm>
#include <errno.h>
#include <new>
#include <signal.h>
#include <string>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

using namespace refpage_test;

namespace {

void poke(char *Address) { *static_cast<volatile char *>(Address) = 0x5a; }

// What tells each word of a block from every other.
uint64_t wordAt(size_t Offset) { return Offset * 0x9e3779b97f4a7c15 + 1; }

void writeAll(char *Ptr, size_t From, size_t To) {
  for (size_t I = (From + 7) / 8 * 8; I + 8 <= To; I += 8) {
    const uint64_t Word = wordAt(I);
    memcpy(Ptr + I, &Word, 8);
  }
}

void expectKept(const char *Ptr, size_t Size) {
  for (size_t I = 0; I + 8 <= Size; I += 8) {
    uint64_t Word;
    memcpy(&Word, Ptr + I, 8);
    ASSERT_EQ(Word, wordAt(I)) << "at " << I << " of " << Size;
  }
}

// How a block comes to be.
enum class Maker { Malloc, Calloc, Memalign };
void PrintTo(Maker M, std::ostream *Stream) {
  *Stream << (M == Maker::Malloc   ? "malloc"
              : M == Maker::Calloc ? "calloc"
                                   : "memalign");
}

char *make(Maker M, size_t Size) {
  void *Ptr = M == Maker::Malloc   ? malloc(Size)
              : M == Maker::Calloc ? calloc(1, Size)
                                   : memalign(64 * KiB, Size);
  EXPECT_NE(Ptr, nullptr);
  return static_cast<char *>(Ptr);
}

class ReallocTest : public testing::Test {
protected:
  void SetUp() override { malloc_trim(0); }
};

using ReallocDeathTest = ReallocTest;

class ReallocStepsTest : public ReallocTest,
                         public testing::WithParamInterface<Maker> {
protected:
  // From one size to the next, all of each written; every byte is kept, and
  // what is added reads as the pattern up to the end.
  static void goThrough(const std::vector<size_t> &Sizes) {
    char *Ptr = make(GetParam(), Sizes[0]);
    writeAll(Ptr, 0, Sizes[0]);
    size_t Size = Sizes[0];
    for (size_t Next : Sizes) {
      char *Old = Ptr;
      Ptr = static_cast<char *>(realloc(Ptr, Next));
      ASSERT_NE(Ptr, nullptr);
      EXPECT_EQ(malloc_usable_size(Ptr), Next);
      expectKept(Ptr, std::min(Size, Next));
      // What calloc gave shows zeros where it grows in its last page.
      if (Next > Size && (Ptr != Old || GetParam() != Maker::Calloc))
        expectPattern(Ptr, Size, Next);
      if (testing::Test::HasFailure())
        FAIL() << "from " << Size << " to " << Next;
      writeAll(Ptr, std::min(Size, Next) / 8 * 8, Next);
      Size = Next;
    }
    free(Ptr);
  }
};

INSTANTIATE_TEST_SUITE_P(All, ReallocStepsTest,
                         testing::Values(Maker::Malloc, Maker::Calloc,
                                         Maker::Memalign));

TEST_P(ReallocStepsTest, ByFactors) {
  const size_t Max = (getEmulator() ? 16 : 64) * MiB;
  for (size_t Percent : {150, 200}) {
    std::vector<size_t> Sizes;
    for (size_t Size = 64 * KiB; Size <= Max; Size = Size * Percent / 100)
      Sizes.push_back(Size / 8 * 8);
    goThrough(Sizes);
    std::vector<size_t> Down(Sizes.rbegin(), Sizes.rend());
    goThrough(Down);
  }
}

TEST_P(ReallocStepsTest, ByPages) {
  for (size_t First : {200 * KiB, 2 * MiB}) {
    std::vector<size_t> Sizes;
    const size_t Steps = static_cast<size_t>(fewerIfEmulated(60));
    for (size_t I = 0; I != Steps; I++)
      Sizes.push_back(First + I * Page + I % 5 * 8);
    for (size_t I = Steps; I != 0; I--)
      Sizes.push_back(First + I * Page);
    goThrough(Sizes);
  }
}

TEST_P(ReallocStepsTest, ByLittle) {
  std::vector<size_t> Sizes;
  const size_t Steps = static_cast<size_t>(fewerIfEmulated(1200));
  for (size_t I = 0; I != Steps; I++)
    Sizes.push_back(300 * KiB + I * 24);
  for (size_t I = Steps; I != 0; I--)
    Sizes.push_back(300 * KiB + I * 24);
  goThrough(Sizes);
}

TEST_P(ReallocStepsTest, ToAndFro) {
  std::vector<size_t> Sizes;
  for (size_t I = 0; I != 40; I++)
    Sizes.push_back(I % 2 ? 20 * MiB + I * Page : 300 * KiB + I * 16);
  goThrough(Sizes);
}

TEST_F(ReallocTest, WhatWasCutOffIsNotSeenAgain) {
  for (size_t Size : {MiB, 5 * MiB + 123, 40 * MiB}) {
    for (size_t Less : {size_t(1000), Page, 100 * Page, Size / 2}) {
      char *Ptr = make(Maker::Malloc, Size);
      memset(Ptr, 0x5a, Size);
      Ptr = static_cast<char *>(realloc(Ptr, Size - Less));
      ASSERT_NE(Ptr, nullptr);
      Ptr = static_cast<char *>(realloc(Ptr, Size));
      ASSERT_NE(Ptr, nullptr);
      EXPECT_EQ(findNotPattern(Ptr, 0, Size - Less, 0x5a5a5a5a5a5a5a5a), -1);
      expectPattern(Ptr, Size - Less, Size);
      free(Ptr);
      Ptr = make(Maker::Malloc, Size);
      expectPattern(Ptr, 0, Size);
      free(Ptr);
    }
  }
}

// What was not written reads as it did before, and the whole block as it should
// when it is used again.
TEST_F(ReallocTest, SparseBlocks) {
  for (Maker M : {Maker::Malloc, Maker::Calloc}) {
    for (size_t To : {MiB, 7 * MiB, 9 * MiB, 40 * MiB}) {
      char *Ptr = make(M, 8 * MiB);
      for (size_t I = 0; I < 8 * MiB; I += 50 * Page)
        poke(Ptr + I);
      Ptr = static_cast<char *>(realloc(Ptr, To));
      ASSERT_NE(Ptr, nullptr);
      const size_t Kept = std::min(To, 8 * MiB);
      for (size_t I = 0; I < Kept; I += 50 * Page) {
        ASSERT_EQ(Ptr[I], 0x5a);
        const size_t End = std::min(Kept, I + 50 * Page);
        if (M == Maker::Malloc)
          expectPattern(Ptr, I + 1, End);
        else
          EXPECT_EQ(findNotPattern(Ptr, I + 1, End, 0), -1);
      }
      if (To > Kept)
        expectPattern(Ptr, Kept, To);
      free(Ptr);
      Ptr = make(Maker::Malloc, To);
      expectPattern(Ptr, 0, To);
      free(Ptr);
      Ptr = make(Maker::Calloc, To);
      expectZeros(Ptr, To);
      free(Ptr);
    }
  }
}

// Sizes that the density model knows to be written, in whole or in part, grow
// by filled memory.
TEST_F(ReallocTest, BlocksOfSizesThatAreWrittenDensely) {
  for (size_t Written : {3 * MiB, 6 * MiB}) {
    for (int Round = 0; Round != 30; Round++) {
      char *Ptr = make(Maker::Malloc, MiB);
      expectPattern(Ptr, 0, MiB);
      writeAll(Ptr, 0, MiB);
      Ptr = static_cast<char *>(realloc(Ptr, 6 * MiB));
      ASSERT_NE(Ptr, nullptr);
      expectKept(Ptr, MiB);
      expectPattern(Ptr, MiB, 6 * MiB);
      writeAll(Ptr, MiB, Written);
      Ptr = static_cast<char *>(realloc(Ptr, 12 * MiB));
      ASSERT_NE(Ptr, nullptr);
      expectKept(Ptr, Written);
      expectPattern(Ptr, Written, 12 * MiB);
      free(Ptr);
      Ptr = make(Maker::Malloc, 6 * MiB);
      expectPattern(Ptr, 0, 6 * MiB);
      writeAll(Ptr, 0, Written);
      free(Ptr);
    }
  }
}

TEST_F(ReallocTest, BlocksWhoseWindowWasReplaced) {
  std::vector<char *> Old;
  for (int I = 0; I != 4; I++) {
    Old.push_back(make(Maker::Malloc, MiB));
    poke(Old.back() + 100 * KiB);
  }
  std::vector<char *> Large;
  for (size_t I = 0; I != 6; I++)
    if (usesWindows())
      Large.push_back(make(Maker::Malloc, (64 * MiB) << I / 2));
  for (size_t I = 0; I != 4; I++) {
    char *Ptr = static_cast<char *>(realloc(Old[I], MiB + (I + 1) * MiB / 2));
    ASSERT_NE(Ptr, nullptr);
    EXPECT_EQ(Ptr[100 * KiB], 0x5a);
    expectPattern(Ptr, 100 * KiB + 1, MiB + (I + 1) * MiB / 2);
    free(Ptr);
  }
  for (char *Ptr : Large)
    free(Ptr);
}

// The program's own doing with the pages of a block.
TEST_F(ReallocTest, BlocksThatTheProgramHasSplit) {
  for (Maker M : {Maker::Malloc, Maker::Calloc}) {
    for (size_t To : {3 * MiB, 5 * MiB}) {
      char *Ptr = make(M, 4 * MiB);
      writeAll(Ptr, 0, 4 * MiB);
      char *Inner = reinterpret_cast<char *>(
          (reinterpret_cast<uintptr_t>(Ptr) + Page) / Page * Page);
      madvise(Inner + 20 * Page, 3 * Page, MADV_DONTFORK);
      mlock(Inner + 40 * Page, Page);
      ASSERT_EQ(mprotect(Inner + 60 * Page, Page, PROT_READ), 0);
      ASSERT_EQ(mprotect(Inner + 60 * Page, Page, PROT_READ | PROT_WRITE), 0);
      Ptr = static_cast<char *>(realloc(Ptr, To));
      ASSERT_NE(Ptr, nullptr);
      expectKept(Ptr, std::min(To, 4 * MiB));
      memset(Ptr, 1, To);
      free(Ptr);
    }
  }
}

// What realloc() returns can be written, as if it had been copied.
TEST_F(ReallocTest, PagesThatTheProgramMadeReadOnly) {
  constexpr unsigned MaxSeconds = 20;
  for (size_t To : {3 * MiB, 5 * MiB}) {
    // In the middle, and the last one.
    for (size_t At : {60 * Page, 3 * MiB - 2 * Page, 4 * MiB - 2 * Page}) {
      runInChild(MaxSeconds, [=] {
        char *Ptr = make(Maker::Malloc, 4 * MiB - 100);
        writeAll(Ptr, 0, 4 * MiB - 100);
        char *Inner = reinterpret_cast<char *>(
            (reinterpret_cast<uintptr_t>(Ptr) + Page) / Page * Page);
        ASSERT_EQ(mprotect(Inner + At, Page, PROT_READ), 0);
        Ptr = static_cast<char *>(realloc(Ptr, To));
        ASSERT_NE(Ptr, nullptr);
        expectKept(Ptr, std::min(To, 4 * MiB - 104));
        memset(Ptr, 1, To);
        free(Ptr);
      });
    }
  }
}

// Nothing is copied: a sparse block stays sparse, and takes no faults.
TEST_F(ReallocTest, HugeSparseBlocksAreNotCopied) {
  constexpr size_t Size = 1024 * MiB;
  const bool IsSparse = usesWindows() || !isFilled();
  for (Maker M : {Maker::Malloc, Maker::Calloc}) {
    if (M == Maker::Malloc && !IsSparse)
      continue;
    // With tags zeros come from windows, which do not go on as a pattern: what
    // calloc() gave is copied to grow.
    const bool CannotGrow = M == Maker::Calloc && refpage::areBlocksTagged() &&
                            isFilled() &&
                            refpage::getOptions().pattern.Value != 0;
    char *Ptr = make(M, Size);
    for (size_t I = 0; I < Size; I += 16 * MiB)
      poke(Ptr + I);
    const size_t Before = getResidentBytes();
    rusage UsageBefore;
    rusage UsageAfter;
    getrusage(RUSAGE_SELF, &UsageBefore);
    for (size_t To : {Size - 100 * MiB, Size - 50 * MiB}) {
      // Where all is filled, so is what is added.
      if (To > Size - 100 * MiB && (!IsSparse || CannotGrow))
        break;
      Ptr = static_cast<char *>(realloc(Ptr, To));
      ASSERT_NE(Ptr, nullptr);
    }
    getrusage(RUSAGE_SELF, &UsageAfter);
    EXPECT_LT(getResidentBytes(), Before + 2 * MiB);
    EXPECT_LT(UsageAfter.ru_minflt - UsageBefore.ru_minflt, 300);
    for (size_t I = 0; I < Size - 100 * MiB; I += 16 * MiB)
      ASSERT_EQ(Ptr[I], 0x5a);
    free(Ptr);
  }
}

TEST_F(ReallocTest, DenseBlocksAreNotCopied) {
  char *Ptr = make(Maker::Malloc, 64 * MiB);
  writeAll(Ptr, 0, 64 * MiB);
  rusage Before;
  rusage After;
  getrusage(RUSAGE_SELF, &Before);
  Ptr = static_cast<char *>(realloc(Ptr, 50 * MiB));
  getrusage(RUSAGE_SELF, &After);
  ASSERT_NE(Ptr, nullptr);
  EXPECT_LT(After.ru_minflt - Before.ru_minflt, 100);
  expectKept(Ptr, 50 * MiB);
  free(Ptr);
}

TEST_F(ReallocTest, NothingIsLeftBehind) {
  // The first round makes what is made once.
  for (int Round = 0; Round != 2; Round++) {
    malloc_trim(0);
    countMaps();
    const size_t MapsBefore = countMaps();
    const size_t BytesBefore = getVirtualBytes();
    const size_t AllocatedBefore = mallinfo2().uordblks;
    for (size_t I = 0; I != 30; I++) {
      char *Ptr = make(Maker::Malloc, 300 * KiB + I * 100 * KiB);
      Ptr = static_cast<char *>(realloc(Ptr, 5 * MiB + I * MiB / 2));
      Ptr = static_cast<char *>(realloc(Ptr, 2 * MiB));
      free(Ptr);
    }
    malloc_trim(0);
    if (Round == 0)
      continue;
    EXPECT_LE(countMaps(), MapsBefore + 2);
    EXPECT_LT(getVirtualBytes(), BytesBefore + MiB);
    EXPECT_LT(mallinfo2().uordblks, AllocatedBefore + MiB);
  }
}

// Moved, cut and freed in any order, blocks give all of their share of mappings
// back: windows serve as before.
TEST_F(ReallocTest, ManyMovesUseUpNoMappings) {
  if (!usesWindows())
    GTEST_SKIP() << "no windows";
  for (int Round = 0; Round != 6000; Round++) {
    const size_t Shift = static_cast<size_t>(Round % 7) * 100 * KiB;
    char *Ptr = make(Maker::Malloc, MiB + Shift);
    poke(Ptr);
    Ptr = static_cast<char *>(realloc(Ptr, 2 * MiB + 3 * Shift));
    ASSERT_NE(Ptr, nullptr);
    free(Ptr);
    free(realloc(calloc(1, 700 * KiB), MiB));
  }
  testing::internal::CaptureStderr();
  malloc_stats();
  const std::string Text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(Text.find("share of mappings"), std::string::npos) << Text;
}

TEST_F(ReallocTest, SuccessKeepsErrno) {
  char *Ptr = make(Maker::Malloc, 2 * MiB);
  for (size_t Size : {5 * MiB, 40 * MiB, 3 * MiB}) {
    errno = EBADF;
    Ptr = static_cast<char *>(realloc(Ptr, Size));
    EXPECT_EQ(errno, EBADF);
  }
  free(Ptr);
}

TEST_F(ReallocTest, AFailureKeepsTheBlock) {
  char *Ptr = make(Maker::Malloc, 2 * MiB);
  writeAll(Ptr, 0, 2 * MiB);
  for (size_t TooMuch : {size_t(1) << 39, size_t(1) << 45, size_t(1) << 62}) {
    errno = 0;
    void *volatile Nothing = realloc(Ptr, TooMuch);
    EXPECT_EQ(Nothing, nullptr);
    EXPECT_EQ(errno, ENOMEM);
    expectKept(Ptr, 2 * MiB);
  }
  Ptr = static_cast<char *>(realloc(Ptr, 3 * MiB));
  ASSERT_NE(Ptr, nullptr);
  expectKept(Ptr, 2 * MiB);
  free(Ptr);
}

TEST_F(ReallocDeathTest, TheOldAddressFaults) {
  for (size_t To : {MiB, 8 * MiB}) {
    char *Old = make(Maker::Malloc, 4 * MiB);
    memset(Old, 1, 4 * MiB);
    char *New = static_cast<char *>(realloc(Old, To));
    ASSERT_NE(New, Old);
    for (size_t Offset : {size_t(0), Page, MiB / 2, 4 * MiB - 1}) {
      // Other memory may have come to lie there.
      if (Old + Offset >= New - Page && Old + Offset < New + To)
        continue;
      EXPECT_EXIT(poke(Old + Offset), testing::KilledBySignal(SIGSEGV), "");
    }
    free(New);
  }
}

TEST_F(ReallocDeathTest, TheNewBlockLiesBetweenGuardPages) {
  for (size_t To : {MiB, 8 * MiB}) {
    char *Ptr = make(Maker::Malloc, 4 * MiB);
    Ptr = static_cast<char *>(realloc(Ptr, To));
    char *End = reinterpret_cast<char *>(
        (reinterpret_cast<uintptr_t>(Ptr) + To + Page - 1) / Page * Page);
    EXPECT_EXIT(poke(End), testing::KilledBySignal(SIGSEGV), "");
    char *HeaderPage = reinterpret_cast<char *>(
        (reinterpret_cast<uintptr_t>(Ptr) - 256) / Page * Page);
    EXPECT_EXIT(poke(HeaderPage - 1), testing::KilledBySignal(SIGSEGV), "");
    free(Ptr);
  }
}

// Upstream's reports, whatever is to be done with the pages.
TEST_F(ReallocDeathTest, AFreedBlock) {
  // Larger ones are inaccessible.
  for (size_t Size : {300 * KiB, 500 * KiB}) {
    char *Ptr = make(Maker::Malloc, Size);
    free(Ptr);
    EXPECT_DEATH_OR_TAG_FAULT(
        (void)!realloc(Ptr, 2 * MiB),
        "Scudo ERROR: invalid chunk state when reallocating address "
        "0x");
  }
}

TEST_F(ReallocDeathTest, AWrongPointer) {
  char *Ptr = make(Maker::Malloc, MiB);
  EXPECT_DEATH((void)!realloc(Ptr + 1, 2 * MiB),
               "Scudo ERROR: misaligned pointer when reallocating address 0x");
  EXPECT_DEATH_OR_TAG_FAULT(
      (void)!realloc(Ptr + 16 * KiB, 2 * MiB),
      "Scudo ERROR: corrupted chunk header at address 0x");
  free(Ptr);
}

TEST_F(ReallocDeathTest, ADamagedHeader) {
  char *Ptr = make(Maker::Malloc, MiB);
  EXPECT_DEATH_OR_TAG_FAULT(
      {
        memset(Ptr - 16, 0x41, 16);
        (void)!realloc(Ptr, 2 * MiB);
      },
      "Scudo ERROR: corrupted chunk header at address 0x");
  EXPECT_DEATH(
      {
        {
          refpage::ScopedUncheckedAccess Unchecked;
          memset(Ptr - 16, 0x41, 16);
        }
        (void)!realloc(Ptr, 2 * MiB);
      },
      "Scudo ERROR: corrupted chunk header at address 0x");
  free(Ptr);
}

// In processes of their own, which are started with the options.
class ReallocOptionsDeathTest : public testing::Test {
protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
  void TearDown() override {
    unsetenv("SCUDO_OPTIONS");
    GTEST_FLAG_SET(death_test_style, "fast");
  }
};

TEST_F(ReallocOptionsDeathTest, TypesThatDoNotMatch) {
  setenv("SCUDO_OPTIONS", "dealloc_type_mismatch=true", 1);
  EXPECT_DEATH((void)!realloc(operator new(MiB), 2 * MiB),
               "Scudo ERROR: allocation type mismatch when reallocating "
               "address 0x");
  EXPECT_EXIT(
      {
        free(realloc(malloc(MiB), 2 * MiB));
        free(realloc(malloc(2 * MiB), MiB));
        _exit(0);
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(ReallocOptionsDeathTest, WithAQuarantine) {
  setenv("SCUDO_OPTIONS",
         "quarantine_size_kb=4096:thread_local_quarantine_size_kb=512:"
         "quarantine_max_chunk_size=67108864",
         1);
  EXPECT_EXIT(
      {
        for (size_t I = 0; I != 200; I++) {
          char *Ptr = make(Maker::Malloc, MiB + I * Page);
          writeAll(Ptr, 0, MiB);
          Ptr = static_cast<char *>(realloc(Ptr, 3 * MiB));
          expectKept(Ptr, MiB);
          expectPattern(Ptr, MiB + I * Page, 3 * MiB);
          free(Ptr);
        }
        _exit(testing::Test::HasFailure() ? 1 : 0);
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(ReallocOptionsDeathTest, WithZeroContents) {
  setenv("SCUDO_OPTIONS", "zero_contents=true", 1);
  EXPECT_EXIT(
      {
        for (size_t I = 0; I != 20; I++) {
          char *Ptr = make(Maker::Malloc, MiB + I * 100);
          expectZeros(Ptr, MiB);
          writeAll(Ptr, 0, MiB);
          Ptr = static_cast<char *>(realloc(Ptr, 3 * MiB));
          expectKept(Ptr, MiB);
          expectZeros(Ptr + MiB, 2 * MiB);
          memset(Ptr, 1, 3 * MiB);
          free(Ptr);
        }
        _exit(testing::Test::HasFailure() ? 1 : 0);
      },
      testing::ExitedWithCode(0), "");
}

} // namespace
