// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Invariant 4 at the limits of a process: a block, or NULL with ENOMEM, and
// nothing lost.

#include "tests/allocator/heap.h"
#include "tests/support/child.h"
#include "tests/support/emulator.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

using namespace refpage_test;

namespace {

// Limits cannot always be raised again.
template <typename F> void inChild(F Child) {
  // Two seconds natively; half a minute on busy processors that are emulated.
  constexpr unsigned MaxSeconds = 200;
  runInChild(MaxSeconds, Child);
}

void setLimit(__rlimit_resource Which, rlim_t Value) {
  rlimit Limit;
  ASSERT_EQ(getrlimit(Which, &Limit), 0);
  Limit.rlim_cur = Value;
  ASSERT_EQ(setrlimit(Which, &Limit), 0);
}

// Takes blocks until there are no more, gives them back, and can take one.
void useUpAndGiveBack(size_t Size, size_t MaxBlocks) {
  std::vector<void *> Blocks;
  Blocks.reserve(MaxBlocks);
  errno = 0;
  void *Ptr;
  while (Blocks.size() != MaxBlocks && (Ptr = malloc(Size)))
    Blocks.push_back(Ptr);
  ASSERT_LT(Blocks.size(), MaxBlocks) << "the limit was not reached";
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_GT(Blocks.size(), 3U);
  for (size_t I = 0; I < Blocks.size(); I += 97)
    expectPattern(Blocks[I], 0, Size);
  for (void *Block : Blocks)
    free(Block);
  Ptr = malloc(Size);
  ASSERT_NE(Ptr, nullptr);
  expectPattern(Ptr, 0, Size);
  free(Ptr);
}

TEST(LimitsTest, AddressSpace) {
  if (!canLimit(RLIMIT_AS))
    GTEST_SKIP() << "the emulator does not apply RLIMIT_AS";
  inChild([] {
    setLimit(RLIMIT_AS, getVirtualBytes() + 64 * MiB);
    useUpAndGiveBack(4 * MiB, 1000);
  });
}

TEST(LimitsTest, DataSize) {
  if (!canLimit(RLIMIT_DATA))
    GTEST_SKIP() << "the emulator does not apply RLIMIT_DATA";
  inChild([] {
    // What counts is writable private memory, whatever it maps.
    setLimit(RLIMIT_DATA, 64 * MiB);
    useUpAndGiveBack(4 * MiB, 100000);
  });
}

// Of all sizes, until there are no more of the last one. Each keeps a pointer
// to the one before.
void useUpSmallAndGiveBack() {
  void *Last = nullptr;
  size_t Count = 0;
  for (size_t Size : {60 * KiB, 5000UL, 300UL, 16UL}) {
    for (;; Count++) {
      errno = 0;
      void *Ptr = malloc(Size);
      if (!Ptr)
        break;
      expectPattern(Ptr, 0, Size);
      memcpy(Ptr, &Last, sizeof(Last));
      Last = Ptr;
    }
    EXPECT_EQ(errno, ENOMEM);
  }
  EXPECT_GT(Count, 100U);
  while (void *Ptr = Last) {
    memcpy(&Last, Ptr, sizeof(Last));
    free(Ptr);
  }
  for (size_t Size : {60 * KiB, 5000UL, 300UL, 16UL}) {
    void *Ptr = malloc(Size);
    EXPECT_NE(Ptr, nullptr);
    free(Ptr);
  }
}

TEST(LimitsTest, SmallBlocksAndDataSize) {
  if (!canLimit(RLIMIT_DATA))
    GTEST_SKIP() << "the emulator does not apply RLIMIT_DATA";
  inChild([] {
    setLimit(RLIMIT_DATA, 64 * MiB);
    useUpSmallAndGiveBack();
  });
}

TEST(LimitsTest, SmallBlocksAndAddressSpace) {
  if (!canLimit(RLIMIT_AS))
    GTEST_SKIP() << "the emulator does not apply RLIMIT_AS";
  inChild([] {
    // What small blocks are mapped over was reserved at the start, and counts
    // already: only large ones are refused.
    free(malloc(100));
    setLimit(RLIMIT_AS, getVirtualBytes());
    errno = 0;
    EXPECT_EQ(malloc(4 * MiB), nullptr);
    EXPECT_EQ(errno, ENOMEM);
    for (size_t Size : {60 * KiB, 5000UL, 300UL, 16UL}) {
      void *Ptr = malloc(Size);
      EXPECT_NE(Ptr, nullptr);
      free(Ptr);
    }
  });
}

TEST(LimitsTest, NoDescriptorsAtAll) {
  inChild([] {
    close_range(3, ~0U, 0);
    setLimit(RLIMIT_NOFILE, 0);
    for (int I = 0; I != 20; I++) {
      void *Ptr = malloc(3 * MiB);
      ASSERT_NE(Ptr, nullptr);
      expectPattern(Ptr, 0, 3 * MiB);
      memset(Ptr, 1, 3 * MiB);
      free(Ptr);
      Ptr = malloc(300 * KiB);
      ASSERT_NE(Ptr, nullptr);
      expectPattern(Ptr, 0, 300 * KiB);
      memset(Ptr, 1, 300 * KiB);
      free(Ptr);
    }
  });
}

TEST(LimitsTest, NoFileSize) {
  // Growing a file past it is a signal, unless the file is a memory file of
  // ours that was sized before.
  inChild([] {
    setLimit(RLIMIT_FSIZE, 0);
    signal(SIGXFSZ, SIG_DFL);
    void *Ptr = malloc(5 * MiB);
    ASSERT_NE(Ptr, nullptr);
    expectPattern(Ptr, 0, 5 * MiB);
    free(Ptr);
  });
}

TEST(LimitsTest, NumberOfMappings) {
  if (getEmulator() && isFilled() && !usesWindows())
    GTEST_SKIP() << "the emulator takes half a minute to fill so many blocks";
  inChild([] { useUpAndGiveBack(256 * KiB, 100000); });
}

TEST(LimitsTest, NumberOfMappingsWithBlocksOfManyWindows) {
  const refpage::Options &Asked = refpage::getOptions();
  if (Asked.variant != refpage::Variant::Refpage ||
      Asked.backend == refpage::BackendRequest::Memset ||
      Asked.window_max.Value < MiB ||
      (refpage::areBlocksTagged() && !refpage::getTagSupport().Files))
    GTEST_SKIP() << "would fill more memory than a machine has";
  // Where mappings end, blocks are filled.
  constexpr size_t Enough = 8UL << 30;
  if (static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) < Enough / Page)
    GTEST_SKIP() << "would fill more memory than this machine has";
  inChild([] { useUpAndGiveBack(3 * MiB, 100000); });
}

TEST(LimitsTest, NothingIsLeftOfFreedBlocks) {
  // The first round makes what is made once.
  for (int Round = 0; Round != 2; Round++) {
    malloc_trim(0);
    const size_t MapsBefore = countMaps();
    const size_t FdsBefore = listDescriptors().size();
    const size_t BytesBefore = getVirtualBytes();
    std::vector<void *> Blocks;
    for (size_t I = 0; I != 100; I++)
      Blocks.push_back(malloc(600 * KiB + I * 100 * KiB));
    for (void *Ptr : Blocks)
      free(Ptr);
    malloc_trim(0);
    if (Round == 0)
      continue;
    EXPECT_LE(countMaps(), MapsBefore + 2);
    EXPECT_LE(listDescriptors().size(), FdsBefore);
    EXPECT_LT(getVirtualBytes(), BytesBefore + MiB);
  }
}

} // namespace
