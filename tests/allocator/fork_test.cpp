// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Invariant 5: no lock held across fork, children work in a multi-threaded
// parent, and both sides see their own memory.

#include "tests/allocator/heap.h"
#include "tests/support/child.h"
#include "tests/support/emulator.h"

#include <atomic>
#include <thread>
#include <vector>

using namespace refpage_test;

namespace {

constexpr unsigned MaxSeconds = 20;

template <typename F> void expectChildSucceeds(F Child) {
  runInChild(MaxSeconds, Child);
}

void useHeap() {
  for (size_t Size : {size_t(100), 100 * KiB, 300 * KiB, 4 * MiB}) {
    void *Ptr = malloc(Size);
    ASSERT_NE(Ptr, nullptr);
    expectPattern(Ptr, 0, Size);
    memset(Ptr, 1, Size);
    free(Ptr);
  }
}

TEST(ForkTest, TheChildSeesWhatWasWrittenAndThePatternElsewhere) {
  char *Ptr = static_cast<char *>(malloc(4 * MiB));
  memset(Ptr, 0x5a, MiB);
  expectChildSucceeds([&] {
    EXPECT_EQ(findNotPattern(Ptr, 0, MiB, 0x5a5a5a5a5a5a5a5a), -1);
    expectPattern(Ptr, MiB, 4 * MiB);
  });
  free(Ptr);
}

TEST(ForkTest, WritesOfOneSideDoNotShowOnTheOther) {
  char *Ptr = static_cast<char *>(malloc(4 * MiB));
  expectChildSucceeds([&] { memset(Ptr, 0x5a, 4 * MiB); });
  expectPattern(Ptr, 0, 4 * MiB);
  free(Ptr);
}

TEST(ForkTest, TheChildReusesBlocksThatTheParentFreed) {
  for (int I = 0; I != 5; I++) {
    void *Ptr = malloc(300 * KiB);
    memset(Ptr, 1, 300 * KiB);
    free(Ptr);
  }
  expectChildSucceeds(useHeap);
}

// FORKS says how many children there are.
TEST(ForkTest, ChildrenWorkWhileOtherThreadsAllocate) {
  const char *Asked = getenv("FORKS");
  const int Forks = Asked ? atoi(Asked) : fewerIfEmulated(100);
  std::atomic<bool> Stop{false};
  std::vector<std::thread> Threads;
  for (size_t T = 0; T != 8; T++)
    Threads.emplace_back([&Stop, T] {
      unsigned Seed = static_cast<unsigned>(T);
      while (!Stop) {
        // Each second one is small.
        const size_t Most = rand_r(&Seed) % 2 ? 2 * MiB : 2 * KiB;
        const size_t Size = static_cast<size_t>(rand_r(&Seed)) % Most;
        char *Ptr = static_cast<char *>(malloc(Size + 1));
        Ptr[Size] = 1;
        free(Ptr);
      }
    });
  for (int I = 0; I != Forks && !testing::Test::HasFailure(); I++) {
    // Of fork() itself; a child has its own.
    alarm(2 * MaxSeconds);
    expectChildSucceeds(useHeap);
  }
  alarm(0);
  Stop = true;
  for (std::thread &T : Threads)
    T.join();
}

TEST(ForkTest, GrandchildrenWork) {
  expectChildSucceeds([] {
    useHeap();
    expectChildSucceeds(useHeap);
    useHeap();
  });
}

} // namespace
