// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cache_max and protect_from. Each test runs in a process of its own that was
// started with the options.

#include "tests/allocator/heap.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

using namespace refpage_test;

namespace {

class CacheOptionsDeathTest : public testing::Test {
protected:
  // A death test starts over in a new process, whose heap reads the options.
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
  void TearDown() override { unsetenv("REFPAGE_OPTIONS"); }
  static void setOptions(const char *Text) {
    setenv("REFPAGE_OPTIONS", Text, 1);
  }
};

// What is resident of a block after it was freed.
size_t countKept(size_t Size) {
  malloc_trim(0);
  const size_t Before = getResidentBytes();
  void *Ptr = malloc(Size);
  memset(Ptr, 1, Size);
  free(Ptr);
  const size_t After = getResidentBytes();
  return After > Before + MiB ? After - Before : 0;
}

TEST_F(CacheOptionsDeathTest, CacheMaxOfZeroKeepsNone) {
  setOptions("cache_max=0");
  EXPECT_EXIT(
      _exit(countKept(40 * MiB) == 0 && countKept(3 * MiB) == 0 ? 0 : 1),
      testing::ExitedWithCode(0), "");
}

TEST_F(CacheOptionsDeathTest, CacheMaxBoundsABlock) {
  // Views with a tag are kept without their pages.
  setOptions(refpage::areBlocksTagged() ? "cache_max=20M:backend=memset"
                                        : "cache_max=20M");
  EXPECT_EXIT(
      {
        const size_t Larger = countKept(21 * MiB);
        const size_t Smaller = countKept(19 * MiB);
        fprintf(stderr, "%zu and %zu KiB are kept", Larger / KiB,
                Smaller / KiB);
        _exit(Larger == 0 && Smaller >= 18 * MiB ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(CacheOptionsDeathTest, CacheMaxBoundsTheSum) {
  setOptions("cache_max=20M");
  EXPECT_EXIT(
      {
        malloc_trim(0);
        const size_t Before = getResidentBytes();
        void *Blocks[10];
        for (void *&Ptr : Blocks) {
          Ptr = malloc(5 * MiB);
          memset(Ptr, 1, 5 * MiB);
        }
        for (void *Ptr : Blocks)
          free(Ptr);
        _exit(getResidentBytes() < Before + 22 * MiB ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

void usePastFree(size_t Size) {
  char *Ptr = static_cast<char *>(malloc(Size));
  free(Ptr);
  *static_cast<volatile char *>(Ptr) = 1;
  _exit(0);
}

// Blocks with tags are inaccessible whatever their size.
bool isUnprotected(int Status) {
  return refpage::areBlocksTagged() ? testing::KilledBySignal(SIGSEGV)(Status)
                                    : testing::ExitedWithCode(0)(Status);
}

TEST_F(CacheOptionsDeathTest, ProtectFromIsFromWhereOn) {
  setOptions("protect_from=64K");
  EXPECT_EXIT(usePastFree(LargeSize), testing::KilledBySignal(SIGSEGV), "");
  setOptions("protect_from=1M");
  EXPECT_EXIT(usePastFree(900 * KiB), isUnprotected, "");
  EXPECT_EXIT(usePastFree(MiB), testing::KilledBySignal(SIGSEGV), "");
  setOptions("");
  EXPECT_EXIT(usePastFree(2 * MiB - Page), isUnprotected, "");
  EXPECT_EXIT(usePastFree(2 * MiB), testing::KilledBySignal(SIGSEGV), "");
}

TEST_F(CacheOptionsDeathTest, ProtectedBlocksCanBeUsedAgain) {
  setOptions("protect_from=64K");
  EXPECT_EXIT(
      {
        for (int Round = 0; Round != 20; Round++) {
          for (size_t Size : {LargeSize, 300 * KiB, MiB, 8 * MiB}) {
            char *Ptr = static_cast<char *>(malloc(Size));
            expectPattern(Ptr, 0, Size);
            memset(Ptr, 1, Size);
            free(Ptr);
          }
        }
        _exit(testing::Test::HasFailure() ? 1 : 0);
      },
      testing::ExitedWithCode(0), "");
}

} // namespace
