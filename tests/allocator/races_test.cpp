// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Threads that do at once all there is to do with a heap, for ThreadSanitizer
// (bazel test --config=tsan): the heap is under its prefixed names, since the
// sanitizer has to keep malloc. In other builds it is a short soak.

#include "allocator/options.h"
#include "allocator/scudo_refpage_bionic.h"
#include "tests/support/memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <random>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thread>
#include <vector>

using namespace refpage_test;

namespace {

constexpr size_t KiB = 1UL << 10;
constexpr size_t MiB = 1UL << 20;
constexpr unsigned NumThreads = 4;

// Runs Body(number of the thread, its random numbers) in threads that start
// together.
void runTogether(const std::function<void(unsigned, std::mt19937 &)> &Body) {
  std::atomic<bool> MayStart{false};
  std::vector<std::thread> Threads;
  for (unsigned T = 0; T != NumThreads; T++)
    Threads.emplace_back([&, T] {
      std::mt19937 Random(T);
      while (!MayStart)
        ;
      Body(T, Random);
    });
  MayStart = true;
  for (std::thread &T : Threads)
    T.join();
}

// Blocks as one thread makes them and another may find them: each has its size
// and a key in its first and in its last words.
struct Shared {
  std::mutex Mutex;
  std::vector<char *> Blocks;
};

size_t anySize(std::mt19937 &Random) {
  constexpr size_t Sizes[] = {64,        4 * KiB,   60 * KiB, 200 * KiB,
                              300 * KiB, 512 * KiB, MiB,      3 * MiB};
  return Sizes[Random() % 8] + Random() % 64 * 16;
}

void sign(char *Ptr, size_t Size) {
  const uint64_t Words[2] = {Size, ~Size};
  memcpy(Ptr, Words, sizeof(Words));
  memcpy(Ptr + Size - sizeof(Words), Words, sizeof(Words));
}

size_t readSignature(const char *Ptr) {
  uint64_t First[2], Last[2];
  memcpy(First, Ptr, sizeof(First));
  EXPECT_EQ(First[1], ~First[0]);
  memcpy(Last, Ptr + First[0] - sizeof(Last), sizeof(Last));
  EXPECT_EQ(Last[0], First[0]);
  EXPECT_EQ(Last[1], First[1]);
  return First[0];
}

char *make(std::mt19937 &Random) {
  const size_t Size = anySize(Random);
  const bool IsZeroed = Random() % 3 == 0;
  char *Ptr = static_cast<char *>(IsZeroed ? scudo_calloc(1, Size)
                                           : scudo_malloc(Size));
  EXPECT_NE(Ptr, nullptr);
  const uint64_t Expected = IsZeroed ? 0 : refpage::getOptions().pattern.Value;
  EXPECT_EQ(findNotPattern(Ptr, 0, Size, Expected), -1) << Size;
  sign(Ptr, Size);
  return Ptr;
}

char *resize(char *Ptr, std::mt19937 &Random) {
  const size_t OldSize = readSignature(Ptr);
  const size_t Size = anySize(Random);
  char *New = static_cast<char *>(scudo_realloc(Ptr, Size));
  EXPECT_NE(New, nullptr);
  uint64_t Kept;
  memcpy(&Kept, New, sizeof(Kept));
  EXPECT_EQ(Kept, OldSize);
  sign(New, Size);
  return New;
}

// Takes any block away, or returns nullptr.
char *take(Shared &All, std::mt19937 &Random) {
  const std::lock_guard<std::mutex> Lock(All.Mutex);
  if (All.Blocks.empty())
    return nullptr;
  std::swap(All.Blocks[Random() % All.Blocks.size()], All.Blocks.back());
  char *Ptr = All.Blocks.back();
  All.Blocks.pop_back();
  return Ptr;
}

void put(Shared &All, char *Ptr) {
  const std::lock_guard<std::mutex> Lock(All.Mutex);
  All.Blocks.push_back(Ptr);
}

void allocateAndFree(Shared &All, std::mt19937 &Random, int Steps) {
  for (int Step = 0; Step != Steps; Step++) {
    const size_t What = Random() % 8;
    char *Ptr = What < 3 ? make(Random) : take(All, Random);
    if (!Ptr)
      continue;
    if (What >= 3 && What < 5) {
      Ptr = resize(Ptr, Random);
    } else if (What >= 5) {
      readSignature(Ptr);
      scudo_free(Ptr);
      continue;
    }
    put(All, Ptr);
  }
}

void freeAll(Shared &All) {
  for (char *Ptr : All.Blocks) {
    readSignature(Ptr);
    scudo_free(Ptr);
  }
  All.Blocks.clear();
}

void writeInfo() {
  char *Text = nullptr;
  size_t Length = 0;
  FILE *Stream = open_memstream(&Text, &Length);
  EXPECT_EQ(scudo_malloc_info(0, Stream), 0);
  fclose(Stream);
  free(Text);
}

void askAndSet(std::mt19937 &Random) {
  switch (Random() % 6) {
  case 0:
    scudo_mallopt(M_PURGE_ALL, 0);
    break;
  case 1:
    scudo_mallopt(M_DECAY_TIME, static_cast<int>(Random() % 2));
    break;
  case 2:
    scudo_mallopt(M_CACHE_SIZE_MAX, static_cast<int>(Random() % (4 * MiB)));
    break;
  case 3: {
    const scudo_mallinfo_t Info = scudo_mallinfo();
    EXPECT_GE(Info.hblkhd, Info.arena);
    break;
  }
  case 4:
    writeInfo();
    break;
  default: {
    size_t Count = 0;
    scudo_malloc_disable();
    scudo_malloc_iterate(
        0, UINTPTR_MAX / 2,
        [](uintptr_t, size_t, void *Arg) { ++*static_cast<size_t *>(Arg); },
        &Count);
    scudo_malloc_enable();
  }
  }
}

// The first test, so that the heap starts in it.
TEST(RacesTest, TheHeapStartsInSeveralThreads) {
  runTogether([](unsigned, std::mt19937 &Random) {
    char *Ptr = make(Random);
    readSignature(Ptr);
    scudo_free(Ptr);
  });
}

TEST(RacesTest, BlocksGoFromThreadToThread) {
  Shared All;
  runTogether([&](unsigned, std::mt19937 &Random) {
    allocateAndFree(All, Random, 200);
  });
  freeAll(All);
}

TEST(RacesTest, SettingsChangeAndQuestionsAreAskedMeanwhile) {
  Shared All;
  runTogether([&](unsigned T, std::mt19937 &Random) {
    if (T != 0)
      return allocateAndFree(All, Random, 100);
    for (int Step = 0; Step != 40; Step++)
      askAndSet(Random);
  });
  freeAll(All);
}

// It reads the headers of blocks that other threads have in their hands.
TEST(RacesTest, LargeBlocksAreCountedWhileTheyAreFreedAndMoved) {
  std::atomic<unsigned> Working{NumThreads - 1};
  runTogether([&](unsigned T, std::mt19937 &) {
    if (T == 0) {
      while (Working)
        writeInfo();
      return;
    }
    for (int Step = 0; Step != 200; Step++) {
      void *Ptr = scudo_malloc(300 * KiB);
      for (const size_t Size : {700 * KiB, 300 * KiB})
        Ptr = scudo_realloc(Ptr, Size);
      scudo_free(Ptr);
    }
    Working--;
  });
}

// What a block reads as may then be either.
TEST(RacesTest, ContentsAreSwitchedMeanwhile) {
  runTogether([](unsigned T, std::mt19937 &Random) {
    for (int Step = 0; Step != 60; Step++) {
      if (T == 0) {
        if (Random() % 2)
          scudo_malloc_set_zero_contents(1);
        else
          scudo_malloc_set_pattern_fill_contents(1);
        continue;
      }
      const size_t Size = anySize(Random);
      char *Ptr = static_cast<char *>(scudo_malloc(Size));
      sign(Ptr, Size);
      Ptr = resize(Ptr, Random);
      scudo_free(Ptr);
    }
  });
  scudo_malloc_set_pattern_fill_contents(1);
}

} // namespace
