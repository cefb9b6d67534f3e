// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whether the heap has memory tags is for the C library to decide: glibc does
// by GLIBC_TUNABLES, with which and without which this test is run. Where the
// machine has no tags neither has the heap.

#include "tests/bionic/dispatch.h"
#include "tests/support/child.h"

#include <gtest/gtest.h>

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

using refpage_test::runInChild;

namespace {

constexpr size_t MiB = 1UL << 20;
constexpr size_t Sizes[] = {100, 5 * MiB};

bool checksTags() {
  constexpr int GetTaggedAddressControl = 56; // PR_GET_TAGGED_ADDR_CTRL
  constexpr int AnyCheck = 3 << 1;            // PR_MTE_TCF_MASK
  const int Control = prctl(GetTaggedAddressControl, 0, 0, 0, 0);
  return Control != -1 && (Control & AnyCheck);
}

bool isTagged(const void *Ptr) {
  return reinterpret_cast<uintptr_t>(Ptr) >> 56 != 0;
}

TEST(TagDecisionTest, BlocksHaveTagsIfTheyAreChecked) {
  for (size_t Size : Sizes) {
    char *Ptr = static_cast<char *>(malloc(Size));
    EXPECT_EQ(isTagged(Ptr), checksTags()) << Size;
    memset(Ptr, 1, Size);
    free(Ptr);
  }
}

TEST(TagDecisionTest, LevelsCanBeChangedIfThereAreTags) {
  runInChild(60, [] {
    for (int Level : {2, 3})
      EXPECT_EQ(scudo_mallopt(M_BIONIC_SET_HEAP_TAGGING_LEVEL, Level),
                static_cast<int>(checksTags()))
          << Level;
    EXPECT_EQ(scudo_mallopt(M_BIONIC_SET_HEAP_TAGGING_LEVEL, 0), 1);
    EXPECT_FALSE(checksTags());
    for (size_t Size : Sizes) {
      void *Ptr = malloc(Size);
      EXPECT_FALSE(isTagged(Ptr)) << Size;
      free(Ptr);
    }
  });
}

} // namespace
