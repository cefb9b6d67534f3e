// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/call_stack.h"
#include "tests/support/emulator.h"

#include "gtest/gtest.h"

#include <errno.h>

#include <algorithm>

using namespace refpage;

namespace {

struct Stack {
  static constexpr u32 Most = 16;
  uptr Callers[Most] = {};
  u32 Count = 0;
  uptr Expected = 0; // Where the caller of the innermost function goes on.

  bool has(uptr Address) const {
    return std::find(Callers, Callers + Count, Address) != Callers + Count;
  }
};

NOINLINE void getStack(Stack *S) {
  S->Count = getCallers(S->Callers, Stack::Most);
  S->Expected = reinterpret_cast<uptr>(
      __builtin_extract_return_addr(__builtin_return_address(0)));
}

NOINLINE void callThrough(Stack *S) {
  getStack(S);
  // Not a tail call.
  static volatile int Calls;
  Calls = Calls + 1;
}

TEST(CallStackTest, TheUnwinderFindsCallersWithoutFramePointers) {
  loadUnwinder();
  Stack S;
  callThrough(&S);
  EXPECT_TRUE(S.has(S.Expected));
  // This test's, and GoogleTest's.
  EXPECT_GT(S.Count, 4U);
}

TEST(CallStackTest, NoMoreThanThereIsRoomFor) {
  loadUnwinder();
  uptr Callers[3] = {0, 0, 7};
  EXPECT_EQ(getCallers(Callers, 2), 2U);
  EXPECT_EQ(Callers[2], 7U);
  EXPECT_NE(Callers[1], 0U);
}

TEST(CallStackTest, ErrnoIsKept) {
  errno = 0;
  loadUnwinder();
  uptr Callers[2];
  getCallers(Callers, 2);
  EXPECT_EQ(errno, 0);
}

} // namespace
