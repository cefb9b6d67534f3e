// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A thread that does all there is to do with blocks, in any order, and looks at
// every byte that it reads.

#ifndef REFPAGE_TESTS_ALLOCATOR_SOAK_WORKER_H_
#define REFPAGE_TESTS_ALLOCATOR_SOAK_WORKER_H_

#include <stddef.h>
#include <stdint.h>

#include <atomic>
#include <mutex>
#include <random>

namespace refpage_test {

// A block. Its first bytes were written, with its key.
struct SoakBlock {
  char *Ptr = nullptr;
  size_t Size = 0;
  uint64_t Key = 0;
  size_t Written = 0; // So many bytes from the start; whole words.
  size_t Zeros = 0;   // Up to here the rest is zeros, then as malloc gives it;
  size_t Mixed = 0;   // up to here each byte either.
};

// What the threads of a test have in common. Nothing in it allocates or calls
// GoogleTest, whose locks a child would inherit from threads that it lacks.
struct SoakState {
  // Odd while something has run out, so that blocks may be refused.
  std::atomic<unsigned> Scarcity{0};
  std::atomic<bool> Failed{false};
  std::atomic<uint64_t> Steps{0};
  std::atomic<uint64_t> Refused{0};
  std::atomic<uint64_t> Children{0};

  // Blocks that one thread gives to another.
  std::mutex Mutex;
  SoakBlock Offered[8];

  // Tells on stderr what was found; the first few times.
  __attribute__((format(printf, 2, 3))) void fail(const char *Format, ...);
};

class SoakWorker {
public:
  SoakWorker(SoakState *Shared, unsigned Seed)
      : State(*Shared), Random(Seed), Key(uint64_t(Seed) << 20) {}

  void work(double Seconds);

private:
  size_t upTo(size_t Most) { return Random() % (Most + 1); }
  bool isLarge();
  size_t anySize(bool Large);
  void step();
  void make(SoakBlock *B, size_t Size);
  void write(SoakBlock *B);
  void check(const SoakBlock &B);
  void resize(SoakBlock *B);
  void drop(SoakBlock *B);
  void exchange(SoakBlock *B);
  void adjust();
  void look();
  void makeChild();
  [[noreturn]] void liveAsChild();

  static constexpr size_t MaxLarge = 12;
  static constexpr size_t MaxSmall = 60;

  SoakState &State;
  std::mt19937 Random;
  uint64_t Key;
  // The large ones first.
  SoakBlock Blocks[MaxLarge + MaxSmall];
};

// Seconds since some time.
double getSeconds();

} // namespace refpage_test

#endif // REFPAGE_TESTS_ALLOCATOR_SOAK_WORKER_H_
