// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The public header says what is there: the same as Scudo's, where that has it,
// under the same numbers.

#include "tests/allocator/heap.h"

#include "allocator/heap_tagging.h"

#include "scudo/interface.h"

// What Scudo's header has as macros; ours has to come to the same.
namespace {
constexpr int Upstream[] = {M_DECAY_TIME,
                            M_PURGE,
                            M_PURGE_ALL,
                            M_MEMTAG_TUNING,
                            M_MEMTAG_TUNING_BUFFER_OVERFLOW,
                            M_MEMTAG_TUNING_UAF,
                            M_THREAD_DISABLE_MEM_INIT,
                            M_CACHE_COUNT_MAX,
                            M_CACHE_SIZE_MAX,
                            M_LOG_STATS};
} // namespace

#undef M_DECAY_TIME
#undef M_PURGE
#undef M_PURGE_ALL
#undef M_MEMTAG_TUNING
#undef M_MEMTAG_TUNING_BUFFER_OVERFLOW
#undef M_MEMTAG_TUNING_UAF
#undef M_THREAD_DISABLE_MEM_INIT
#undef M_CACHE_COUNT_MAX
#undef M_CACHE_SIZE_MAX
#undef M_LOG_STATS

// A function that is declared otherwise than upstream does not compile here.
#include "scudo_refpage.h"

#include <algorithm>
#include <malloc.h>
#include <stdint.h>
#include <vector>

extern "C" int purgeParameterInC(void);

namespace {

constexpr int Ours[] = {M_DECAY_TIME,
                        M_PURGE,
                        M_PURGE_ALL,
                        M_MEMTAG_TUNING,
                        M_MEMTAG_TUNING_BUFFER_OVERFLOW,
                        M_MEMTAG_TUNING_UAF,
                        M_THREAD_DISABLE_MEM_INIT,
                        M_CACHE_COUNT_MAX,
                        M_CACHE_SIZE_MAX,
                        M_LOG_STATS};

TEST(PublicHeaderTest, NumbersAreUpstreams) {
  EXPECT_TRUE(std::equal(std::begin(Ours), std::end(Ours), std::begin(Upstream),
                         std::end(Upstream)));
  EXPECT_EQ(purgeParameterInC(), M_PURGE);
  EXPECT_EQ(M_BIONIC_SET_HEAP_TAGGING_LEVEL, refpage::HeapTaggingParameter);
  EXPECT_EQ(M_HEAP_TAGGING_LEVEL_NONE, refpage::LevelNone);
  EXPECT_EQ(M_HEAP_TAGGING_LEVEL_ASYNC, refpage::LevelAsync);
  EXPECT_EQ(M_HEAP_TAGGING_LEVEL_SYNC, refpage::LevelSync);
}

TEST(PublicHeaderTest, MalloptTakesThem) {
  EXPECT_EQ(mallopt(M_DECAY_TIME, 5000), 1);
  EXPECT_EQ(mallopt(M_PURGE, 0), 1);
  EXPECT_EQ(mallopt(M_PURGE_ALL, 0), 1);
  EXPECT_EQ(mallopt(M_MEMTAG_TUNING, M_MEMTAG_TUNING_BUFFER_OVERFLOW), 1);
  EXPECT_EQ(mallopt(M_MEMTAG_TUNING, M_MEMTAG_TUNING_UAF), 1);
  EXPECT_EQ(mallopt(M_CACHE_SIZE_MAX, INT32_MAX), 1);
  EXPECT_EQ(mallopt(M_CACHE_COUNT_MAX, -1), 0);
  EXPECT_EQ(mallopt(M_CACHE_COUNT_MAX, 1000), 1);
  EXPECT_EQ(mallopt(M_ARENA_MAX, 1), 1);
  EXPECT_EQ(mallopt(-12345, 1), 0);
}

TEST(PublicHeaderTest, AThreadCanGoWithoutFill) {
  ASSERT_EQ(mallopt(M_THREAD_DISABLE_MEM_INIT, 1), 1);
  // Of a size that nothing else has used: never written, so still zero.
  void *Block = malloc(5 * refpage_test::MiB + 4096);
  refpage_test::expectZeros(Block, 5 * refpage_test::MiB);
  free(Block);
  ASSERT_EQ(mallopt(M_THREAD_DISABLE_MEM_INIT, 0), 1);
}

TEST(PublicHeaderTest, IterateSeesBlocksInUse) {
  void *Small = malloc(111);
  void *Large = malloc(3 * refpage_test::MiB + 5);
  struct Found {
    void *Block;
    size_t Size;
  } Wanted[] = {{Small, 0}, {Large, 0}};
  malloc_disable();
  malloc_iterate(
      0, UINTPTR_MAX,
      [](uintptr_t Base, size_t Size, void *Arg) {
        auto *Blocks = static_cast<Found *>(Arg);
        for (int I = 0; I != 2; I++) {
          if (reinterpret_cast<uintptr_t>(Blocks[I].Block) == Base)
            Blocks[I].Size = Size;
        }
      },
      Wanted);
  malloc_enable();
  EXPECT_EQ(Wanted[0].Size, 111U);
  EXPECT_EQ(Wanted[1].Size, 3 * refpage_test::MiB + 5);
  free(Small);
  free(Large);
}

} // namespace
