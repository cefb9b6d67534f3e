// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Memory tags of large blocks, in the process's own heap. Each kind of misuse
// is tried a thousand times, on blocks and at places taken at random; the
// output says how often chance alone let one pass.

#include "allocator/large_block.h"
#include "allocator/tagging.h"
#include "platform/memory_tag.h"
#include "platform/pagemap.h"
#include "platform/tag_support.h"
#include "tests/allocator/heap.h"
#include "tests/support/child.h"

#include <algorithm>
#include <chrono>
#include <fcntl.h>
#include <random>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace refpage_test;
using refpage::loadTag;
using refpage::TagGranule;
using refpage::tagOf;
using refpage::untag;
using refpage::withTag;

extern "C" {
void malloc_disable_memory_tagging();
int malloc_iterate(uintptr_t Base, size_t Size,
                   void (*Callback)(uintptr_t Base, size_t Size, void *Arg),
                   void *Arg);
void malloc_disable();
void malloc_enable();
}

namespace {

constexpr int Trials = 1000;

sigjmp_buf BeforeAccess;
volatile sig_atomic_t IsTrying;

void onFault(int Signal, siginfo_t *Info, void *) {
  if (IsTrying)
    siglongjmp(BeforeAccess, 1);
  fprintf(stderr, "unexpected fault at %p, code %d\n", Info->si_addr,
          Info->si_code);
  signal(Signal, SIG_DFL);
}

uintptr_t addressOf(const volatile void *Ptr) {
  return reinterpret_cast<uintptr_t>(Ptr);
}
char *pointerTo(uintptr_t Address) { return reinterpret_cast<char *>(Address); }

template <typename F> bool faults(F Access) {
  IsTrying = true;
  volatile bool Faulted = true;
  if (sigsetjmp(BeforeAccess, 1) == 0) {
    Access();
    Faulted = false;
  }
  IsTrying = false;
  return Faulted;
}

// Whether an access at Address, through that very tag, is a fault.
bool readFaults(uintptr_t Address) {
  return faults([Address] {
    static_cast<void>(*static_cast<volatile char *>(pointerTo(Address)));
  });
}
bool writeFaults(uintptr_t Address) {
  return faults(
      [Address] { *static_cast<volatile char *>(pointerTo(Address)) = 0x5a; });
}

class TaggingTest : public testing::Test {
protected:
  void SetUp() override {
    if (!refpage::areBlocksTagged())
      GTEST_SKIP() << "no memory tags in this process";
    ASSERT_EQ(refpage::setTagChecks(refpage::TagChecks::Sync), 0);
    struct sigaction Action = {};
    Action.sa_sigaction = onFault;
    Action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGSEGV, &Action, &OldAction);
    IsSet = true;
    malloc_trim(0);
  }
  void TearDown() override {
    if (IsSet)
      sigaction(SIGSEGV, &OldAction, nullptr);
  }

  size_t pick(size_t Least, size_t Most) {
    return std::uniform_int_distribution<size_t>(Least, Most)(Random);
  }
  // Of a large block: most are small, as in programs.
  size_t pickSize() { return LargeSize + pick(0, 1UL << pick(8, 22)); }
  char *makeBlock(size_t Size) {
    char *Ptr = static_cast<char *>(malloc(Size));
    EXPECT_NE(Ptr, nullptr);
    return Ptr;
  }

  std::mt19937_64 Random{42};
  struct sigaction OldAction = {};
  bool IsSet = false;
};

// --- what a block is like --------------------------------------------------

TEST_F(TaggingTest, LargeBlocksHaveATagThatIsNotReserved) {
  unsigned Seen = 0;
  for (int I = 0; I != 200; I++) {
    char *Ptr = makeBlock(pickSize());
    Seen |= 1U << tagOf(addressOf(Ptr));
    free(Ptr);
  }
  EXPECT_EQ(Seen & refpage::ReservedTags, 0U);
  EXPECT_GE(__builtin_popcount(Seen), 12);
}

TEST_F(TaggingTest, EveryGranuleOfABlockHasItsTag) {
  for (size_t Size : {LargeSize, 300 * KiB + 5, 4 * MiB}) {
    for (auto Make : {+[](size_t N) { return malloc(N); },
                      +[](size_t N) { return calloc(1, N); },
                      +[](size_t N) { return memalign(256, N); },
                      +[](size_t N) { return memalign(64 * KiB, N); }}) {
      char *Ptr = static_cast<char *>(Make(Size));
      const uintptr_t Start = untag(addressOf(Ptr));
      for (size_t I = 0; I < Size; I += TagGranule)
        ASSERT_EQ(loadTag((Start + I) & ~(TagGranule - 1)),
                  tagOf(addressOf(Ptr)))
            << I << " of " << Size;
      free(Ptr);
    }
  }
}

TEST_F(TaggingTest, ABlockReadsAsThePattern) {
  char *Ptr = makeBlock(4 * MiB);
  expectPattern(Ptr, 0, 4 * MiB);
  memset(Ptr, 1, 4 * MiB);
  free(Ptr);
  Ptr = makeBlock(4 * MiB);
  expectPattern(Ptr, 0, 4 * MiB);
  free(Ptr);
}

TEST_F(TaggingTest, SmallBlocksReadAsThePatternToo) {
  for (size_t Size : {1UL, 24UL, 1000UL, 30000UL}) {
    for (int I = 0; I != 3; I++) {
      char *Ptr = makeBlock(Size);
      EXPECT_NE(tagOf(addressOf(Ptr)), 0);
      expectPattern(Ptr, 0, Size);
      memset(Ptr, 1, Size);
      free(Ptr);
    }
  }
}

TEST_F(TaggingTest, CallocReadsAsZeros) {
  for (int I = 0; I != 3; I++) {
    char *Ptr = static_cast<char *>(calloc(1, MiB));
    EXPECT_NE(tagOf(addressOf(Ptr)), 0);
    expectZeros(Ptr, MiB);
    memset(Ptr, 1, MiB);
    free(Ptr);
  }
}

TEST_F(TaggingTest, AnUntouchedBlockTakesNoMemory) {
  if (!refpage::getTagSupport().Files || !usesWindows())
    GTEST_SKIP() << "not made of windows";
  constexpr size_t Size = 64 * MiB;
  free(makeBlock(Size)); // The window is there from now on.
  const size_t Before = getResidentBytes();
  char *Ptr = makeBlock(Size);
  EXPECT_LE(getResidentBytes(), Before + 64 * KiB);
  free(Ptr);
}

TEST_F(TaggingTest, SystemCallsTakeTaggedPointers) {
  char *Ptr = makeBlock(MiB);
  int Pipe[2];
  ASSERT_EQ(pipe(Pipe), 0);
  ASSERT_EQ(write(Pipe[1], "tagged", 6), 6);
  EXPECT_EQ(read(Pipe[0], Ptr + 5000, 6), 6);
  EXPECT_EQ(memcmp(Ptr + 5000, "tagged", 6), 0);
  EXPECT_EQ(write(Pipe[1], Ptr + 5000, 6), 6);
  close(Pipe[0]);
  close(Pipe[1]);
  free(Ptr);
}

TEST_F(TaggingTest, ChildrenSeeTheSameBlocks) {
  char *Ptr = makeBlock(MiB);
  memset(Ptr, 7, MiB / 2);
  runInChild(60, [&] {
    EXPECT_EQ(Ptr[MiB / 2 - 1], 7);
    EXPECT_TRUE(
        writeFaults(withTag(untag(addressOf(Ptr)), tagOf(addressOf(Ptr)) ^ 1)));
    memset(Ptr, 8, MiB);
    free(Ptr);
    free(makeBlock(MiB));
  });
  EXPECT_EQ(Ptr[0], 7);
  free(Ptr);
}

TEST_F(TaggingTest, UsableSizeIsAskedWithTheTaggedPointer) {
  for (size_t Size : {LargeSize, MiB + 1}) {
    char *Ptr = makeBlock(Size);
    EXPECT_EQ(malloc_usable_size(Ptr), Size);
    free(Ptr);
  }
}

TEST_F(TaggingTest, IterationNamesTaggedBlocks) {
  char *Ptr = makeBlock(3 * MiB);
  struct Search {
    uintptr_t Wanted;
    size_t Size;
  } Found = {addressOf(Ptr), 0};
  malloc_disable();
  malloc_iterate(
      0, SIZE_MAX,
      [](uintptr_t Base, size_t Size, void *Arg) {
        Search *S = static_cast<Search *>(Arg);
        if (Base == S->Wanted)
          S->Size = Size;
      },
      &Found);
  malloc_enable();
  EXPECT_EQ(Found.Size, 3 * MiB);
  free(Ptr);
}

// --- what is not found out but by tags ------------------------------------

// What a kind of misuse came to.
struct Tally {
  int Detected = 0;
  int ByChance = 0; // Not detected, where nothing but chance protects.
  ~Tally() {
    printf("detected %d of %d; missed by chance %d\n", Detected, Trials,
           ByChance);
  }
};

TEST_F(TaggingTest, OverflowByAGranuleIsAFault) {
  Tally All;
  for (int I = 0; I != Trials; I++) {
    const size_t Size = pickSize();
    char *Ptr = makeBlock(Size);
    const size_t End = (Size + TagGranule - 1) & ~(TagGranule - 1);
    if (I % 2 ? writeFaults(addressOf(Ptr + End))
              : readFaults(addressOf(Ptr + End)))
      All.Detected++;
    if (I % 3 == 0)
      memset(Ptr, 1, Size);
    free(Ptr);
  }
  EXPECT_EQ(All.Detected, Trials);
}

// The last page of an aligned block is not its own to tag before it is written.
TEST_F(TaggingTest, OverflowOfAnAlignedFilledBlockIsAFault) {
  if (!isFilled() || usesWindows())
    GTEST_SKIP() << "blocks are not filled";
  Tally All;
  for (int I = 0; I != Trials; I++) {
    const size_t Size = pickSize();
    char *Ptr = static_cast<char *>(memalign(1UL << pick(5, 14), Size));
    const size_t End = (Size + TagGranule - 1) & ~(TagGranule - 1);
    All.Detected += writeFaults(addressOf(Ptr + End));
    free(Ptr);
  }
  EXPECT_EQ(All.Detected, Trials);
}

TEST_F(TaggingTest, UnderflowIsAFault) {
  Tally All;
  for (int I = 0; I != Trials; I++) {
    char *Ptr = makeBlock(pickSize());
    // Into the chunk header, our header, and whatever the range begins with.
    const size_t Back =
        I % 2 ? TagGranule : TagGranule * pick(1, Page / TagGranule);
    All.Detected += I % 4 < 2 ? writeFaults(addressOf(Ptr - Back))
                              : readFaults(addressOf(Ptr - Back));
    free(Ptr);
  }
  EXPECT_EQ(All.Detected, Trials);
}

TEST_F(TaggingTest, UseAfterFreeIsAFault) {
  Tally All;
  for (int I = 0; I != Trials; I++) {
    const size_t Size = pickSize();
    char *Ptr = makeBlock(Size);
    if (I % 3 == 0)
      memset(Ptr, 1, Size);
    free(Ptr);
    const uintptr_t Where = addressOf(Ptr + pick(0, Size - 1));
    All.Detected += I % 2 ? writeFaults(Where) : readFaults(Where);
  }
  EXPECT_EQ(All.Detected, Trials);
}

TEST_F(TaggingTest, AStalePointerAfterReuseIsAFault) {
  Tally All;
  int Reused = 0;
  for (int I = 0; I != Trials; I++) {
    const size_t Size = I % 2 ? 512 * KiB : pickSize();
    char *Old = makeBlock(Size);
    if (I % 3 == 0)
      memset(Old, 1, Size);
    free(Old);
    char *New = makeBlock(Size);
    Reused += untag(addressOf(Old)) == untag(addressOf(New));
    if (I % 5 == 0)
      memset(New, 2, Size);
    const uintptr_t Where = addressOf(Old + pick(0, Size - 1));
    All.Detected += I % 2 ? writeFaults(Where) : readFaults(Where);
    free(New);
  }
  printf("at the same address: %d\n", Reused);
  EXPECT_GT(Reused, Trials / 2);
  EXPECT_EQ(All.Detected, Trials);
}

// Blocks that lay there longer ago than is remembered are left to chance, of
// which 13 tags leave one in 13.
TEST_F(TaggingTest, AnOldPointerIsAFaultButForChance) {
  Tally All;
  constexpr int AtATime = 20;
  constexpr int Remembered = 64;
  const auto MakeAll = [&] {
    std::vector<char *> Blocks;
    for (int J = 0; J != AtATime; J++)
      Blocks.push_back(makeBlock(LargeSize));
    return Blocks;
  };
  const auto FreeAll = [](const std::vector<char *> &Blocks) {
    for (char *Ptr : Blocks)
      free(Ptr);
  };
  for (int I = 0; I != Trials; I += AtATime) {
    const std::vector<char *> Old = MakeAll();
    FreeAll(Old);
    for (int J = 0; J <= Remembered; J++)
      free(makeBlock(LargeSize));
    const std::vector<char *> New = MakeAll();
    for (char *Ptr : Old) {
      if (readFaults(addressOf(Ptr)))
        All.Detected++;
      else if (std::find(New.begin(), New.end(), Ptr) != New.end())
        All.ByChance++;
    }
    FreeAll(New);
  }
  EXPECT_EQ(All.Detected + All.ByChance, Trials);
  EXPECT_LT(All.ByChance, Trials / 8);
}

TEST_F(TaggingTest, AWrongTagIsAFaultToReadAndToWrite) {
  Tally Reads;
  Tally Writes;
  for (int I = 0; I != Trials; I++) {
    const size_t Size = pickSize();
    char *Ptr = makeBlock(Size);
    if (I % 3 == 0)
      memset(Ptr, 1, Size);
    const uint8_t Wrong = (tagOf(addressOf(Ptr)) + pick(1, 15)) % 16;
    const uintptr_t Where =
        withTag(untag(addressOf(Ptr)) + pick(0, Size - 1), Wrong);
    Reads.Detected += readFaults(Where);
    Writes.Detected += writeFaults(Where);
    free(Ptr);
  }
  EXPECT_EQ(Reads.Detected, Trials);
  EXPECT_EQ(Writes.Detected, Trials);
}

TEST_F(TaggingTest, StalePointersAreNotFreed) {
  char *Old = makeBlock(512 * KiB);
  free(Old);
  char *New = makeBlock(512 * KiB);
  EXPECT_TRUE(faults([&] { free(Old); }));
  EXPECT_TRUE(faults([&] { (void)!realloc(Old, MiB); }));
  EXPECT_TRUE(faults([&] { malloc_usable_size(Old); }));
  // Nor without any tag.
  EXPECT_TRUE(faults([&] { free(pointerTo(untag(addressOf(New)))); }));
  free(New);
}

// Blocks that are alive: no two side by side have the same tag. Returns how
// many are side by side.
int expectNeighboursDiffer(std::vector<std::pair<uintptr_t, size_t>> Blocks) {
  std::sort(Blocks.begin(), Blocks.end(), [](const auto &A, const auto &B) {
    return untag(A.first) < untag(B.first);
  });
  int Neighbours = 0;
  for (size_t I = 1; I < Blocks.size(); I++) {
    constexpr uintptr_t Headers =
        refpage::LargeHeaderSize + scudo::Chunk::getHeaderSize();
    const uintptr_t End =
        scudo::roundUp(untag(Blocks[I - 1].first) + Blocks[I - 1].second, Page);
    const uintptr_t Start =
        scudo::roundDown(untag(Blocks[I].first) - Headers, Page);
    if (Start - End != 2 * Page) // Their guards.
      continue;
    Neighbours++;
    EXPECT_NE(tagOf(Blocks[I].first), tagOf(Blocks[I - 1].first));
  }
  return Neighbours;
}

// As a guard below a stack that lies in the block.
TEST_F(TaggingTest, NothingInABlockIsReadWhenItIsFreed) {
  for (size_t Size : {256 * KiB, MiB, 8 * MiB}) {
    for (int Use = 0; Use != 3; Use++) {
      char *Ptr = static_cast<char *>(memalign(Page, Size));
      ASSERT_EQ(mprotect(Ptr, Page, PROT_NONE), 0);
      EXPECT_FALSE(faults([&] { free(Ptr); })) << Size;
      free(makeBlock(Size));
    }
  }
}

TEST_F(TaggingTest, NeighboursHaveDifferentTags) {
  std::vector<std::pair<uintptr_t, size_t>> Blocks;
  for (int I = 0; I != 300; I++) {
    const size_t Size = pickSize();
    Blocks.emplace_back(addressOf(makeBlock(Size)), Size);
    if (I % 3 == 2) {
      const size_t Victim = pick(0, Blocks.size() - 1);
      free(pointerTo(Blocks[Victim].first));
      Blocks.erase(Blocks.begin() + static_cast<ptrdiff_t>(Victim));
    }
  }
  EXPECT_GT(expectNeighboursDiffer(Blocks), 50);
  for (const auto &B : Blocks)
    free(pointerTo(B.first));
}

TEST_F(TaggingTest, NeighboursHaveDifferentTagsWhateverThreadsDo) {
  constexpr int NumThreads = 4;
  constexpr size_t MostBlocks = 40;
  constexpr int Rounds = 4;
  using Block = std::pair<uintptr_t, size_t>;
  std::vector<Block> Blocks[NumThreads];
  int Neighbours = 0;
  for (int Round = 0; Round != Rounds; Round++) {
    std::vector<std::thread> Threads;
    for (int T = 0; T != NumThreads; T++) {
      Threads.emplace_back([&, T] {
        std::vector<Block> &Own = Blocks[T];
        std::mt19937 Rng(static_cast<unsigned>(Round * NumThreads + T));
        const auto Until =
            std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
        while (std::chrono::steady_clock::now() < Until) {
          const size_t Size = LargeSize + Rng() % (512 * KiB);
          const size_t Which = Own.empty() ? 0 : Rng() % Own.size();
          if (Own.size() < MostBlocks) {
            Own.emplace_back(addressOf(malloc(Size)), Size);
          } else if (Rng() % 3) {
            free(pointerTo(Own[Which].first));
            Own.erase(Own.begin() + static_cast<ptrdiff_t>(Which));
          } else {
            char *New =
                static_cast<char *>(realloc(pointerTo(Own[Which].first), Size));
            Own[Which] = {addressOf(New), Size};
          }
        }
      });
    }
    for (std::thread &T : Threads)
      T.join();
    std::vector<Block> All;
    for (const std::vector<Block> &Own : Blocks)
      All.insert(All.end(), Own.begin(), Own.end());
    Neighbours += expectNeighboursDiffer(All);
  }
  EXPECT_GT(Neighbours, 20);
  for (const std::vector<Block> &Own : Blocks)
    for (const Block &B : Own)
      free(pointerTo(B.first));
}

// --- realloc ---------------------------------------------------------------

TEST_F(TaggingTest, ReallocThatMovesKeepsContentsAndLeavesNoOldPointer) {
  Tally All;
  for (int I = 0; I != Trials; I++) {
    const size_t OldSize = pickSize();
    const size_t NewSize =
        std::max(OldSize / 2, OldSize + pick(0, MiB) - pick(0, OldSize / 2)) +
        2 * Page;
    char *Old = makeBlock(OldSize);
    const size_t Kept = std::min(OldSize, NewSize);
    Old[0] = 1;
    Old[Kept / 2] = 2;
    Old[Kept - 1] = 3;
    char *New = static_cast<char *>(realloc(Old, NewSize));
    ASSERT_NE(New, nullptr);
    ASSERT_EQ(New[0], 1);
    ASSERT_EQ(New[Kept / 2], 2);
    ASSERT_EQ(New[Kept - 1], 3);
    expectPattern(New, 1, Kept / 2);
    if (NewSize > OldSize)
      expectPattern(New, OldSize, NewSize);
    // The page behind what was kept was written just now.
    if (NewSize < OldSize && (New != Old || isFilled())) {
      ASSERT_TRUE(readFaults(addressOf(New + ((NewSize + 15) & ~15UL))));
    }
    if (New == Old)
      All.Detected++; // Nothing is stale.
    else
      All.Detected += readFaults(addressOf(Old));
    free(New);
  }
  EXPECT_EQ(All.Detected, Trials);
}

TEST_F(TaggingTest, ReallocInPlaceMovesTheEndOfTheTag) {
  const size_t Size = 256 * KiB;
  char *Ptr = makeBlock(Size);
  const size_t Less = Size - 1000;
  ASSERT_EQ(realloc(Ptr, Less), Ptr);
  EXPECT_EQ(malloc_usable_size(Ptr), Less);
  if (isFilled()) {
    EXPECT_TRUE(readFaults(addressOf(Ptr + ((Less + 15) & ~15UL))));
  }
  ASSERT_EQ(realloc(Ptr, Size), Ptr);
  expectPattern(Ptr, 0, Size);
  memset(Ptr, 1, Size);
  EXPECT_TRUE(readFaults(addressOf(Ptr + Size)));
  free(Ptr);
}

TEST_F(TaggingTest, ReallocGoesBetweenSmallAndLarge) {
  char *Ptr = makeBlock(1000);
  memset(Ptr, 7, 1000);
  for (size_t Size : {200 * KiB, 2000UL, 5 * MiB, 100UL, LargeSize, 60 * KiB,
                      70 * KiB, 3 * MiB, 24UL}) {
    Ptr = static_cast<char *>(realloc(Ptr, Size));
    ASSERT_NE(Ptr, nullptr);
    EXPECT_NE(tagOf(addressOf(Ptr)), 0);
    for (size_t I = 0; I != std::min<size_t>(Size, 24); I++)
      ASSERT_EQ(Ptr[I], 7) << Size;
    Ptr[Size - 1] = 7;
  }
  free(Ptr);
}

TEST_F(TaggingTest, GrowingStepByStepKeepsContents) {
  char *Ptr = makeBlock(LargeSize);
  size_t Size = LargeSize;
  memset(Ptr, 3, Size);
  while (Size < 16 * MiB) {
    const size_t More = Size + Size / 3 + 100;
    Ptr = static_cast<char *>(realloc(Ptr, More));
    ASSERT_NE(Ptr, nullptr);
    for (size_t I = 0; I < Size; I += 1000)
      ASSERT_EQ(Ptr[I], 3) << I << " of " << Size;
    expectPattern(Ptr, Size, More);
    memset(Ptr + Size, 3, More - Size);
    Size = More;
  }
  free(Ptr);
}

// --- modes -----------------------------------------------------------------

TEST_F(TaggingTest, ThreadsAreCheckedToo) {
  char *Ptr = makeBlock(MiB);
  bool Faults = false;
  std::thread([&] {
    EXPECT_EQ(refpage::getTagChecks(), refpage::TagChecks::Sync);
    Faults =
        readFaults(withTag(untag(addressOf(Ptr)), tagOf(addressOf(Ptr)) ^ 1));
  }).join();
  EXPECT_TRUE(Faults);
  free(Ptr);
}

TEST_F(TaggingTest, TaggingCanEndWithBlocksLive) {
  runInChild(60, [&] {
    std::vector<char *> Blocks;
    for (int I = 0; I != 20; I++) {
      Blocks.push_back(makeBlock(pickSize()));
      Blocks.push_back(makeBlock(100));
    }
    char *Kept = makeBlock(MiB);
    Kept[5] = 5;
    ASSERT_EQ(refpage::setTagChecks(refpage::TagChecks::Off), 0);
    malloc_disable_memory_tagging();
    EXPECT_FALSE(refpage::areBlocksTagged());
    for (char *Ptr : Blocks) {
      Ptr[3] = 1;
      free(Ptr);
    }
    // In memory that has the tags of before, all about.
    std::vector<void *> Aligned;
    for (int I = 0; I != 3000; I++)
      Aligned.push_back(memalign(128, 150));
    for (void *Ptr : Aligned)
      free(Ptr);
    for (int I = 0; I != 20; I++) {
      char *Ptr = makeBlock(pickSize());
      EXPECT_EQ(tagOf(addressOf(Ptr)), 0);
      expectPattern(Ptr, 0, LargeSize);
      free(Ptr);
      free(makeBlock(100));
    }
    Kept = static_cast<char *>(realloc(Kept, 3 * MiB));
    EXPECT_EQ(Kept[5], 5);
    expectPattern(Kept, MiB, 3 * MiB);
    free(Kept);
  });
}

} // namespace
