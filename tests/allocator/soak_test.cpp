// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two threads that do all there is to do with large blocks, in any order, and
// forks meanwhile. Every byte that is read is checked.

#include "tests/allocator/heap.h"
#include "tests/support/child.h"

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>
#include <time.h>
#include <vector>

using namespace refpage_test;

namespace {

double now() {
  timespec Time;
  clock_gettime(CLOCK_MONOTONIC, &Time);
  return static_cast<double>(Time.tv_sec) +
         static_cast<double>(Time.tv_nsec) * 1e-9;
}

// A thread's blocks. Of each the pages up to a mark were written, with its key.
class Worker {
public:
  explicit Worker(unsigned Seed) : Random(Seed), Key(Seed << 20) {}

  void work(double Seconds) {
    const double End = now() + Seconds;
    while (now() < End && !testing::Test::HasFailure())
      step();
    for (Block &B : Blocks)
      drop(B);
    Blocks.clear();
  }

private:
  struct Block {
    char *Ptr;
    size_t Size;
    uint64_t Key;
    size_t Written; // So many bytes from the start; whole words.
    size_t Zeros;   // Up to here the rest is zeros, then as malloc gives it.
  };

  size_t upTo(size_t Most) { return Random() % (Most + 1); }
  size_t anySize() {
    const size_t Log = 16 + upTo(8);
    return ((size_t(1) << Log) + upTo(size_t(1) << Log)) / 8 * 8;
  }

  void step() {
    const size_t What = upTo(99);
    if (Blocks.empty() || (Blocks.size() < 12 && What < 30)) {
      Blocks.push_back(make());
      return;
    }
    const size_t I = upTo(Blocks.size() - 1);
    if (What < 60) {
      drop(Blocks[I]);
      Blocks[I] = Blocks.back();
      Blocks.pop_back();
    } else if (What < 85) {
      resize(Blocks[I]);
    } else if (What < 98) {
      check(Blocks[I]);
    } else if (What < 99) {
      malloc_trim(0);
    } else {
      fork();
    }
  }

  Block make() {
    Block B = {};
    B.Size = anySize();
    B.Key = ++Key;
    switch (upTo(5)) {
    case 0:
    case 1:
      B.Ptr = static_cast<char *>(calloc(1, B.Size));
      B.Zeros = B.Size;
      break;
    case 2:
      B.Ptr = static_cast<char *>(memalign(size_t(32) << upTo(14), B.Size));
      break;
    default:
      B.Ptr = static_cast<char *>(malloc(B.Size));
    }
    EXPECT_NE(B.Ptr, nullptr);
    check(B);
    write(B);
    return B;
  }

  void write(Block &B) {
    // Little, half or all.
    const size_t Shares[] = {0, B.Size / 50, B.Size / 2, B.Size};
    const size_t To = std::max(B.Written, Shares[upTo(3)] / 8 * 8);
    for (size_t I = B.Written; I != To; I += 8) {
      const uint64_t Word = B.Key ^ I;
      memcpy(B.Ptr + I, &Word, 8);
    }
    B.Written = To;
  }

  static void check(const Block &B) {
    for (size_t I = 0; I != B.Written; I += 8) {
      uint64_t Word;
      memcpy(&Word, B.Ptr + I, 8);
      ASSERT_EQ(Word, B.Key ^ I) << "at " << I << " of " << B.Size;
    }
    const size_t ZerosEnd = std::max(B.Written, B.Zeros);
    ASSERT_EQ(findNotPattern(B.Ptr, B.Written, ZerosEnd, 0), -1);
    expectPattern(B.Ptr, ZerosEnd, B.Size);
  }

  void resize(Block &B) {
    const size_t Size = anySize();
    char *New = static_cast<char *>(realloc(B.Ptr, Size));
    ASSERT_NE(New, nullptr);
    // In place, what calloc gave grows by zeros or by the pattern.
    if (B.Zeros == B.Size && New == B.Ptr && Size > B.Size && New[B.Size] == 0)
      B.Zeros = Size;
    B.Ptr = New;
    B.Size = Size;
    B.Written = std::min(B.Written, Size / 8 * 8);
    B.Zeros = std::min(B.Zeros, Size);
    check(B);
    write(B);
  }

  void drop(Block &B) {
    check(B);
    free(B.Ptr);
  }

  // The child sees its own copy of everything, and can go on.
  void fork() {
    constexpr unsigned MaxSeconds = 20;
    refpage_test::runInChild(MaxSeconds, [&] {
      for (Block &B : Blocks)
        drop(B);
      for (int I = 0; I != 5; I++) {
        Block B = make();
        resize(B);
        drop(B);
      }
    });
  }

  std::mt19937 Random;
  uint64_t Key;
  std::vector<Block> Blocks;
};

TEST(SoakTest, TwoThreadsAndForks) {
  constexpr double Seconds = 3;
  const unsigned Seed = static_cast<unsigned>(time(nullptr));
  std::vector<std::thread> Threads;
  for (unsigned T = 0; T != 2; T++)
    Threads.emplace_back([=] { Worker(Seed + T).work(Seconds); });
  for (std::thread &T : Threads)
    T.join();
  EXPECT_FALSE(HasFailure()) << "seed " << Seed;
}

} // namespace
