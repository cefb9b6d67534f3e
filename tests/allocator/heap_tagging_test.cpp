// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mallopt(M_BIONIC_SET_HEAP_TAGGING_LEVEL): what it leaves cannot be undone, so
// each test is a process.

#include "allocator/heap_tagging.h"

#include "allocator/tagging.h"

#include "tests/allocator/heap.h"
#include "tests/support/child.h"
#include "tests/support/emulator.h"

#include "scudo/interface.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

namespace {

using refpage::HeapTaggingParameter;
using refpage::LevelAsync;
using refpage::LevelNone;
using refpage::LevelSync;
using refpage::LevelTbi;
using refpage::TagChecks;
using refpage_test::runInChild;

constexpr size_t BlockSize = 300 << 10;

int setLevel(int Level) { return mallopt(HeapTaggingParameter, Level); }

uintptr_t addressOf(const void *Ptr) {
  return reinterpret_cast<uintptr_t>(Ptr);
}

// The mode that a thread has, which itself alone can ask for.
TagChecks modeOfANewThread() {
  TagChecks Mode;
  std::thread([&] { Mode = refpage::getTagChecks(); }).join();
  return Mode;
}

// A thread that tells its mode all the time.
class Witness {
public:
  Witness()
      : Impl([this] {
          while (!MayEnd) {
            Mode = refpage::getTagChecks();
            Rounds++;
            usleep(500);
          }
        }) {}
  ~Witness() {
    MayEnd = true;
    Impl.join();
  }
  TagChecks mode() {
    // One that began after the question.
    for (const int Begin = Rounds; Rounds < Begin + 2;)
      usleep(500);
    return Mode;
  }

private:
  std::atomic<bool> MayEnd{false};
  std::atomic<int> Rounds{0};
  std::atomic<TagChecks> Mode{TagChecks::Off};
  std::thread Impl;
};

TEST(NoHeapTaggingTest, AHeapWithoutTagsHasOneLevel) {
  if (refpage::areBlocksTagged())
    GTEST_SKIP() << "the heap is tagged";
  EXPECT_EQ(setLevel(LevelNone), 1);
  for (int Level : {LevelTbi + 0, LevelAsync + 0, LevelSync + 0, 4, -1})
    EXPECT_EQ(setLevel(Level), 0) << Level;
  EXPECT_EQ(refpage::getTagChecks(), TagChecks::Off);
}

class HeapTaggingTest : public testing::Test {
protected:
  void SetUp() override {
    if (!refpage::areBlocksTagged())
      GTEST_SKIP() << "the heap has no memory tags";
    if (refpage_test::getEmulator())
      GTEST_SKIP() << "the emulator has threads of its own in the process, "
                      "which cannot be reached";
  }
};

TEST_F(HeapTaggingTest, WhatIsNotSupportedChangesNothing) {
  runInChild(60, [] {
    ASSERT_EQ(setLevel(LevelSync), 1);
    for (int Level : {LevelTbi + 0, 4, -1})
      EXPECT_EQ(setLevel(Level), 0) << Level;
    EXPECT_EQ(refpage::getTagChecks(), TagChecks::Sync);
    EXPECT_TRUE(refpage::areBlocksTagged());
  });
}

TEST_F(HeapTaggingTest, AllThreadsAreSwitched) {
  runInChild(120, [] {
    Witness A, B, C;
    for (int I = 0; I != 3; I++) {
      for (const auto &[Level, Mode] :
           {std::pair(LevelAsync, TagChecks::Async),
            std::pair(LevelSync, TagChecks::Sync),
            std::pair(LevelSync, TagChecks::Sync)}) {
        ASSERT_EQ(setLevel(Level), 1);
        EXPECT_EQ(refpage::getTagChecks(), Mode);
        EXPECT_EQ(A.mode(), Mode);
        EXPECT_EQ(B.mode(), Mode);
        EXPECT_EQ(C.mode(), Mode);
        EXPECT_EQ(modeOfANewThread(), Mode);
      }
    }
    ASSERT_EQ(setLevel(LevelNone), 1);
    EXPECT_EQ(A.mode(), TagChecks::Off);
    EXPECT_EQ(B.mode(), TagChecks::Off);
    EXPECT_EQ(C.mode(), TagChecks::Off);
    EXPECT_EQ(modeOfANewThread(), TagChecks::Off);
  });
}

TEST_F(HeapTaggingTest, SyncRecordsWhoAllocates) {
  runInChild(60, [] {
    ASSERT_EQ(setLevel(LevelAsync), 1);
    EXPECT_EQ(__scudo_get_ring_buffer_addr(), nullptr);
    EXPECT_EQ(__scudo_get_stack_depot_addr(), nullptr);
    ASSERT_EQ(setLevel(LevelSync), 1);
    EXPECT_NE(__scudo_get_ring_buffer_addr(), nullptr);
    EXPECT_NE(__scudo_get_stack_depot_addr(), nullptr);
    EXPECT_NE(__scudo_get_ring_buffer_size(), 0U);
    EXPECT_NE(__scudo_get_stack_depot_size(), 0U);
  });
}

TEST_F(HeapTaggingTest, NothingLeadsBackFromNone) {
  runInChild(60, [] {
    ASSERT_EQ(setLevel(LevelNone), 1);
    EXPECT_FALSE(refpage::areBlocksTagged());
    for (int Level : {LevelTbi, LevelAsync, LevelSync})
      EXPECT_EQ(setLevel(Level), 0) << Level;
    EXPECT_EQ(setLevel(LevelNone), 1);
    EXPECT_EQ(refpage::getTagChecks(), TagChecks::Off);
  });
}

TEST_F(HeapTaggingTest, LiveBlocksGoOn) {
  for (int Level : {LevelAsync, LevelSync, LevelNone}) {
    runInChild(60, [&] {
      std::vector<std::pair<char *, size_t>> Blocks;
      for (size_t Size : {24UL, 5000UL, 60UL << 10, BlockSize, 3UL << 20})
        for (int I = 0; I != 3; I++) {
          char *Ptr = static_cast<char *>(malloc(Size));
          memset(Ptr, static_cast<int>(Size % 100), Size);
          Blocks.emplace_back(Ptr, Size);
        }
      ASSERT_EQ(setLevel(Level), 1);
      int Kind = 0;
      for (auto [Ptr, Size] : Blocks) {
        EXPECT_EQ(malloc_usable_size(Ptr), Size);
        const size_t NewSize = Kind % 3 == 0   ? Size
                               : Kind % 3 == 1 ? Size * 2
                                               : Size / 2 + 1;
        Kind++;
        Ptr = static_cast<char *>(realloc(Ptr, NewSize));
        ASSERT_NE(Ptr, nullptr);
        const size_t Kept = std::min(Size, NewSize);
        for (size_t I = 0; I < Kept; I += 1 + I / 16)
          ASSERT_EQ(Ptr[I], static_cast<char>(Size % 100)) << I;
        memset(Ptr, 1, NewSize);
        free(Ptr);
      }
      for (size_t Size : {24UL, BlockSize}) {
        char *Ptr = static_cast<char *>(malloc(Size));
        EXPECT_EQ(refpage::tagOf(addressOf(Ptr)) != 0, Level != LevelNone);
        memset(Ptr, 1, Size);
        free(Ptr);
      }
    });
  }
}

TEST_F(HeapTaggingTest, NoneEndsChecks) {
  runInChild(60, [] {
    char *Ptr = static_cast<char *>(malloc(BlockSize));
    ASSERT_EQ(setLevel(LevelNone), 1);
    *reinterpret_cast<volatile char *>(addressOf(Ptr) ^ 1UL << 56) = 1;
    EXPECT_EQ(*Ptr, 1);
    free(Ptr);
  });
}

TEST_F(HeapTaggingTest, AsyncFindsOutLater) {
  runInChild(60, [] {
    volatile char *Ptr = static_cast<char *>(malloc(BlockSize));
    ASSERT_EQ(setLevel(LevelAsync), 1);
    static volatile int Code = 0;
    static volatile bool WasStored = false;
    struct sigaction Action = {};
    Action.sa_sigaction = [](int, siginfo_t *Info, void *) {
      constexpr int AsyncTagFault = 8; // SEGV_MTEAERR
      Code = Info->si_code;
      _exit(Code == AsyncTagFault && WasStored ? 0 : 1);
    };
    Action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &Action, nullptr);
    *reinterpret_cast<volatile char *>(addressOf(const_cast<char *>(Ptr)) ^
                                       1UL << 56) = 1;
    WasStored = true;
    getppid();
    ADD_FAILURE() << "no signal";
  });
}

// A thread that checks would trip over the first block without a tag.
TEST_F(HeapTaggingTest, NoneNeedsAllThreads) {
  runInChild(120, [] {
    ASSERT_EQ(setLevel(LevelSync), 1);
    std::atomic<bool> IsBlocking{false}, MayEnd{false};
    Witness Other;
    std::thread Blocking([&] {
      sigset_t All;
      sigfillset(&All);
      pthread_sigmask(SIG_SETMASK, &All, nullptr);
      IsBlocking = true;
      while (!MayEnd)
        usleep(500);
    });
    while (!IsBlocking)
      usleep(100);
    EXPECT_EQ(setLevel(LevelNone), 0);
    EXPECT_TRUE(refpage::areBlocksTagged());
    EXPECT_EQ(refpage::getTagChecks(), TagChecks::Sync);
    EXPECT_EQ(Other.mode(), TagChecks::Sync);
    MayEnd = true;
    Blocking.join();
    EXPECT_EQ(setLevel(LevelNone), 1);
    EXPECT_EQ(Other.mode(), TagChecks::Off);
  });
}

TEST_F(HeapTaggingTest, WhileThreadsAllocate) {
  runInChild(240, [] {
    std::atomic<bool> MayEnd{false};
    std::atomic<int> Wrong{0};
    std::vector<std::thread> Threads;
    for (unsigned Seed = 1; Seed != 4; Seed++)
      Threads.emplace_back([&, Seed] {
        unsigned Random = Seed;
        const auto Next = [&] {
          return (Random = Random * 1103515245 + 12345) >> 8;
        };
        std::vector<std::pair<char *, size_t>> Blocks(20);
        while (!MayEnd) {
          auto &[Ptr, Size] = Blocks[Next() % Blocks.size()];
          if (Ptr && (Ptr[0] != 7 || Ptr[Size - 1] != 7))
            Wrong++;
          const size_t NewSize =
              Next() % 2 ? 16 + Next() % 1000 : 1000 + Next() % (1U << 20);
          if (Next() % 3 == 0) {
            Ptr = static_cast<char *>(realloc(Ptr, NewSize));
          } else {
            free(Ptr);
            Ptr = static_cast<char *>(malloc(NewSize));
          }
          Size = NewSize;
          Ptr[0] = 7;
          Ptr[Size - 1] = 7;
        }
        for (auto &[Ptr, Size] : Blocks)
          free(Ptr);
      });
    for (int I = 0; I != 5; I++) {
      EXPECT_EQ(setLevel(LevelAsync), 1);
      usleep(20 * 1000);
      EXPECT_EQ(setLevel(LevelSync), 1);
      usleep(20 * 1000);
    }
    EXPECT_EQ(setLevel(LevelNone), 1);
    usleep(300 * 1000);
    MayEnd = true;
    for (std::thread &T : Threads)
      T.join();
    EXPECT_EQ(Wrong, 0);
  });
}

} // namespace
