// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "refpage_backend/pattern_fill.h"
#include "tests/support/memory.h"

#include "gtest/gtest.h"

using namespace refpage;
using namespace refpage_test;

namespace {

// Every start in a word, every length of a few words: the pattern keeps its
// phase with the address, and nothing outside is touched.
void checkAllPhases(u64 Pattern) {
  alignas(8) u8 Memory[64];
  for (uptr Start = 0; Start != 16; Start++) {
    for (uptr Length = 0; Start + Length <= 48; Length++) {
      memset(Memory, 0x55, sizeof(Memory));
      fillPattern(reinterpret_cast<uptr>(Memory + Start), Length, Pattern);
      EXPECT_EQ(findNotPattern(Memory, Start, Start + Length, Pattern), -1);
      for (uptr I = 0; I != sizeof(Memory); I++) {
        if (I < Start || I >= Start + Length) {
          EXPECT_EQ(Memory[I], 0x55);
        }
      }
    }
  }
}

TEST(PatternFillTest, OneByte) { checkAllPhases(repeatByte(0xab)); }
TEST(PatternFillTest, EightBytes) { checkAllPhases(0x0123456789abcdef); }
TEST(PatternFillTest, Zero) { checkAllPhases(0); }

} // namespace
