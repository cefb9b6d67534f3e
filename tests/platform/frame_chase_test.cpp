// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/frame_chase.h"

#include "platform/mapping.h"

#include <gtest/gtest.h>

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <functional>
#include <thread>
#include <vector>

namespace refpage {
namespace {

constexpr size_t MaxFrames = 64;

struct Trace {
  uptr Addresses[MaxFrames] = {};
  size_t Count = 0;

  bool has(uptr Address) const {
    return std::find(Addresses, Addresses + Count, Address) !=
           Addresses + Count;
  }
  void take(size_t Limit = MaxFrames) {
    Count = android_unsafe_frame_pointer_chase(Addresses, Limit);
  }
};

// What a frame leaves behind itself, so that no call becomes a jump.
volatile int Sink = 0;

// Takes a trace that many calls further in, and notes where each call returns
// to.
template <int Depth>
NOINLINE void takeAt(Trace *T, std::vector<uptr> *Returns) {
  Returns->push_back(reinterpret_cast<uptr>(
      __builtin_extract_return_addr(__builtin_return_address(0))));
  if constexpr (Depth != 0)
    takeAt<Depth - 1>(T, Returns);
  else
    T->take();
  Sink = Sink + 1;
}

template <int Depth> void expectTrace() {
  Trace T;
  std::vector<uptr> Returns;
  takeAt<Depth>(&T, &Returns);
  // The innermost is where the chase itself returns to.
  ASSERT_GE(T.Count, Returns.size() + 1);
  for (size_t I = 0; I != Returns.size(); I++)
    EXPECT_EQ(T.Addresses[I + 1], Returns[Returns.size() - 1 - I]) << I;
}

class FrameChaseTest : public testing::Test {
protected:
  void SetUp() override {
#if !defined(__aarch64__)
    GTEST_SKIP() << "frames are chased on 64-bit Arm alone";
#endif
  }
};

TEST(NoFrameChaseTest, ElsewhereThereAreNoTraces) {
#if defined(__aarch64__)
  GTEST_SKIP() << "here there are";
#endif
  Trace T;
  T.take();
  EXPECT_EQ(T.Count, 0U);
}

TEST_F(FrameChaseTest, MainThread) {
  expectTrace<0>();
  expectTrace<10>();
}

TEST_F(FrameChaseTest, OtherThreads) {
  std::thread([] { expectTrace<10>(); }).join();
}

TEST_F(FrameChaseTest, AThreadWithAStackOfItsOwn) {
  constexpr uptr Size = 256 << 10;
  void *Stack = mmap(nullptr, Size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(Stack, MAP_FAILED);
  pthread_attr_t Attributes;
  pthread_attr_init(&Attributes);
  ASSERT_EQ(pthread_attr_setstack(&Attributes, Stack, Size), 0);
  pthread_t Thread;
  ASSERT_EQ(pthread_create(
                &Thread, &Attributes,
                [](void *) -> void * {
                  expectTrace<10>();
                  return nullptr;
                },
                nullptr),
            0);
  pthread_join(Thread, nullptr);
  pthread_attr_destroy(&Attributes);
  munmap(Stack, Size);
}

TEST_F(FrameChaseTest, NoMoreThanAskedFor) {
  Trace T;
  T.take(3);
  EXPECT_EQ(T.Count, 3U);
  EXPECT_EQ(T.Addresses[3], 0U);
  T.take(0);
  EXPECT_EQ(T.Count, 0U);
}

// Of a function whose frame record is made to point to what the test wants. It
// has to be put back before the function returns.
NOINLINE size_t takeWithCaller(uptr Caller) {
  auto *Record = static_cast<volatile uptr *>(__builtin_frame_address(0));
  const uptr Before = *Record;
  *Record = Caller;
  Trace T;
  T.take();
  *Record = Before;
  return T.Count;
}

TEST_F(FrameChaseTest, WrongFramePointersEndIt) {
  uptr Base;
  const uptr PageSize = scudo::getPageSizeCached();
  ASSERT_EQ(reserveMemory(PageSize, &Base), 0);
  const uptr Here = reinterpret_cast<uptr>(__builtin_frame_address(0));
  // Where the chase returns to, and where the function with the wrong record
  // returns to.
  constexpr size_t Innermost = 2;
  for (const uptr Wrong :
       {uptr(0), uptr(1), uptr(16), ~uptr(0), ~uptr(15), Base, Base + 16,
        Here - 4096, Here + 8, Here + (100UL << 20), Here | 1UL << 56})
    EXPECT_EQ(takeWithCaller(Wrong), Innermost) << std::hex << Wrong;
  EXPECT_GT(takeWithCaller(Here), Innermost);
  unmapMemory(Base, PageSize);
}

ucontext_t Outer, Inner;
size_t FoundInside = 0;

TEST_F(FrameChaseTest, AnotherStackIsNotLeft) {
  const uptr PageSize = scudo::getPageSizeCached();
  const uptr Size = 64UL << 10;
  uptr Base; // A guard page on either side.
  ASSERT_EQ(reserveMemory(Size + 2 * PageSize, &Base), 0);
  ASSERT_EQ(commitReserved(Base + PageSize, Size), 0);
  getcontext(&Inner);
  Inner.uc_stack.ss_sp = reinterpret_cast<void *>(Base + PageSize);
  Inner.uc_stack.ss_size = Size;
  Inner.uc_link = &Outer;
  makecontext(
      &Inner,
      [] {
        Trace T;
        std::vector<uptr> Returns;
        takeAt<3>(&T, &Returns);
        FoundInside = T.Count;
      },
      0);
  ASSERT_EQ(swapcontext(&Outer, &Inner), 0);
  EXPECT_GE(FoundInside, 1U);
  unmapMemory(Base, Size + 2 * PageSize);
}

} // namespace
} // namespace refpage
