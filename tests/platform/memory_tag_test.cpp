// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/memory_tag.h"

#include "platform/mapping.h"
#include "platform/tag_support.h"

#include "tests/support/child.h"

#include <gtest/gtest.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

namespace refpage {
namespace {

uptr pageSize() { return scudo::getPageSizeCached(); }

// Where there are no tags all of it has to say so.
TEST(NoMemoryTagsTest, NothingIsClaimedWhereThereAreNone) {
  if (hasMemoryTags())
    GTEST_SKIP() << "this machine has memory tags";
  const TagSupport Found = probeTagSupport();
  EXPECT_FALSE(Found.Memory);
  EXPECT_FALSE(Found.Files);
  EXPECT_FALSE(Found.Moves);
  EXPECT_EQ(getTagChecks(), TagChecks::Off);
  EXPECT_NE(setTagChecks(TagChecks::Sync), 0);
  ScopedUncheckedAccess Unchecked;
}

TEST(NoMemoryTagsTest, MemoryIsNotMappedForThem) {
  if (mayHaveMemoryTags())
    GTEST_SKIP() << "this build can have memory tags";
  uptr Base;
  ASSERT_EQ(reserveMemory(pageSize(), &Base), 0);
  EXPECT_EQ(commitReserved(Base, pageSize(), MemoryTags::Allowed), ENOTSUP);
  EXPECT_EQ(mapAnonymousOver(Base, pageSize(), MemoryTags::Allowed), ENOTSUP);
  unmapMemory(Base, pageSize());
}

class MemoryTagTest : public testing::Test {
protected:
  void SetUp() override {
    if (!hasMemoryTags())
      GTEST_SKIP() << "no memory tags here";
    ASSERT_EQ(reserveMemory(Size, &Base), 0);
    ASSERT_EQ(commitReserved(Base, Size, MemoryTags::Allowed), 0);
    Before = getTagChecks();
    ASSERT_EQ(setTagChecks(TagChecks::Sync), 0);
  }
  void TearDown() override {
    if (!Base)
      return;
    setTagChecks(Before);
    unmapMemory(Base, Size);
  }

  void expectTags(uptr From, uptr To, u8 Tag) {
    for (uptr At = From; At != To; At += TagGranule)
      ASSERT_EQ(loadTag(At), Tag) << "at " << At - Base;
  }

  const uptr Size = 4 * pageSize();
  uptr Base = 0;
  TagChecks Before = TagChecks::Off;
};

// The tags and the contents, for any start and end, the blocks of DC GVA being
// 64 bytes on some machines and 512 on others.
TEST_F(MemoryTagTest, EachLoopTagsJustTheRange) {
  for (TagLoop Loop :
       {TagLoop::Best, TagLoop::Stg, TagLoop::St2g, TagLoop::DcGva}) {
    if (Loop == TagLoop::DcGva && getTagBlockSize() == 0)
      continue;
    for (uptr Start : {0UL, 16UL, 48UL, 496UL, 512UL}) {
      for (uptr Length : {16UL, 32UL, 48UL, 512UL, 528UL, 1040UL, 8192UL}) {
        storeTags(Base, Size, 1);
        ScopedUncheckedAccess Unchecked;
        memset(reinterpret_cast<void *>(Base), 0x5a, Size);
        storeTags(Base + 1024 + Start, Length, 9, Loop);
        expectTags(Base, Base + 1024 + Start, 1);
        expectTags(Base + 1024 + Start, Base + 1024 + Start + Length, 9);
        expectTags(Base + 1024 + Start + Length, Base + Size, 1);
        for (uptr I = 0; I != Size; I++)
          ASSERT_EQ(reinterpret_cast<u8 *>(Base)[I], 0x5a);
      }
    }
  }
}

TEST_F(MemoryTagTest, NoTagsAreStoredInAnEmptyRange) {
  storeTags(Base, pageSize(), 3);
  storeTags(Base, 0, 4);
  expectTags(Base, Base + pageSize(), 3);
}

TEST_F(MemoryTagTest, TagsThatAreExcludedAreNotChosen) {
  u32 Seen = 0;
  for (u32 I = 0; I != 2000; I++) {
    const u8 Tag = chooseTag(1 << 0 | 1 << 2 | 1 << 7);
    ASSERT_LT(Tag, NumTags);
    Seen |= 1U << Tag;
  }
  EXPECT_EQ(Seen, 0xffffU & ~(1U << 0 | 1U << 2 | 1U << 7));
}

TEST_F(MemoryTagTest, NoneIsChosenIfAllAreExcluded) {
  EXPECT_EQ(chooseTag(0xffff), 0);
}

TEST_F(MemoryTagTest, TheRightTagIsAccepted) {
  storeTags(Base, pageSize(), 6);
  volatile u8 *Tagged = reinterpret_cast<u8 *>(withTag(Base, 6));
  *Tagged = 1;
  EXPECT_EQ(*Tagged, 1);
}

TEST_F(MemoryTagTest, AWrongTagIsASignal) {
  storeTags(Base, pageSize(), 6);
  volatile u8 *Wrong = reinterpret_cast<u8 *>(withTag(Base, 7));
  EXPECT_EXIT(*Wrong = 1, testing::KilledBySignal(SIGSEGV), "");
  EXPECT_EXIT(static_cast<void>(*Wrong), testing::KilledBySignal(SIGSEGV), "");
}

TEST_F(MemoryTagTest, InAsyncModeTheSignalComesAtTheNextSystemCall) {
  ASSERT_EQ(setTagChecks(TagChecks::Async), 0);
  EXPECT_EQ(getTagChecks(), TagChecks::Async);
  storeTags(Base, pageSize(), 6);
  EXPECT_EXIT(
      {
        *reinterpret_cast<volatile u8 *>(withTag(Base, 7)) = 1;
        getppid();
        _exit(0);
      },
      testing::KilledBySignal(SIGSEGV), "");
}

TEST_F(MemoryTagTest, WithChecksOffAnyTagIsAccepted) {
  ASSERT_EQ(setTagChecks(TagChecks::Off), 0);
  EXPECT_EQ(getTagChecks(), TagChecks::Off);
  storeTags(Base, pageSize(), 6);
  *reinterpret_cast<volatile u8 *>(withTag(Base, 7)) = 1;
}

TEST_F(MemoryTagTest, UncheckedAccessIsCheckedAgainAfterwards) {
  storeTags(Base, pageSize(), 6);
  volatile u8 *Wrong = reinterpret_cast<u8 *>(withTag(Base, 7));
  {
    ScopedUncheckedAccess Outer;
    {
      ScopedUncheckedAccess Inner;
    }
    *Wrong = 1;
  }
  EXPECT_EXIT(*Wrong = 1, testing::KilledBySignal(SIGSEGV), "");
}

TEST_F(MemoryTagTest, ChildrenInheritTheMode) {
  refpage_test::runInChild(60,
                           [] { EXPECT_EQ(getTagChecks(), TagChecks::Sync); });
}

TEST_F(MemoryTagTest, ReservedMemoryBecomesAccessibleWithItsTags) {
  storeTags(Base, pageSize(), 6);
  ASSERT_EQ(protectMemory(Base, Size), 0);
  ASSERT_EQ(commitReserved(Base, Size), 0);
  expectTags(Base, Base + pageSize(), 6);
}

// What the rigs show of themselves, for people who read their logs.
TEST_F(MemoryTagTest, SupportIsFoundOut) {
  const TagSupport Found = probeTagSupport();
  printf("memory tags: anonymous memory %s, memory files %s, mremap %s; "
         "DC GVA of %zu bytes\n",
         Found.Memory ? "yes" : "no", Found.Files ? "yes" : "no",
         Found.Moves ? "yes" : "no", static_cast<size_t>(getTagBlockSize()));
  EXPECT_TRUE(Found.Memory);
}

} // namespace
} // namespace refpage
