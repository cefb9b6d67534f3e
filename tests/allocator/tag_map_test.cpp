// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "allocator/tag_map.h"

#include "allocator/tagging.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

using namespace refpage;

namespace {

constexpr uptr Size = 1UL << 20;
// Nothing is there: tags are chosen by address alone.
constexpr uptr Start = 1UL << 40;

constexpr uptr placeOf(uptr Slot) { return Start + Slot * Size; }
constexpr u32 bit(u8 Tag) { return 1U << Tag; }
constexpr u32 all() { return (1U << NumTags) - 1; }

class TagMapTest : public testing::Test {
protected:
  void SetUp() override {
    if (!hasMemoryTags())
      GTEST_SKIP() << "no memory tags here, to choose from";
    Before = getTagChecks();
    ASSERT_EQ(setTagChecks(TagChecks::Sync), 0);
    IsSet = true;
  }
  void TearDown() override {
    Subject.unmapTestOnly();
    if (IsSet)
      setTagChecks(Before);
  }
  // A block that fills a slot.
  u8 choose(uptr Slot, u32 Exclude = ReservedTags) {
    return Subject.choose(placeOf(Slot), placeOf(Slot + 1), Exclude);
  }
  bool claim(uptr Slot, u8 Tag) {
    return Subject.claim(placeOf(Slot), placeOf(Slot + 1), Tag);
  }
  void release(uptr Slot) { Subject.release(placeOf(Slot)); }
  // Which tags come up for a slot that nothing lay in, in so many tries.
  u32 collect(uptr Slot, u32 Exclude, int Tries = 400) {
    u32 Seen = 0;
    for (int I = 0; I != Tries; I++) {
      TagMap Fresh;
      for (const Known &K : Neighbours)
        EXPECT_TRUE(Fresh.claim(placeOf(K.Slot), placeOf(K.Slot + 1), K.Tag));
      Seen |= bit(Fresh.choose(placeOf(Slot), placeOf(Slot + 1), Exclude));
      Fresh.unmapTestOnly();
    }
    return Seen;
  }

  struct Known {
    uptr Slot;
    u8 Tag;
  };
  std::vector<Known> Neighbours;
  TagMap Subject;
  TagChecks Before = TagChecks::Off;
  bool IsSet = false;
};

TEST_F(TagMapTest, AllTagsComeUpButThoseThatAreExcluded) {
  EXPECT_EQ(collect(5, ReservedTags), all() & ~ReservedTags);
  EXPECT_EQ(collect(5, ReservedTags | bit(9)), all() & ~ReservedTags & ~bit(9));
}

TEST_F(TagMapTest, NeighboursOnBothSidesAreExcludedAndNoOthers) {
  Neighbours = {{3, 7}, {4, 5}, {6, 11}, {7, 13}};
  EXPECT_EQ(collect(5, ReservedTags),
            all() & ~ReservedTags & ~bit(5) & ~bit(11));
}

// The order of what is remembered must not matter.
TEST_F(TagMapTest, NeighboursDifferInAnyOrder) {
  constexpr uptr Slots = 64;
  std::mt19937 Random(1);
  std::vector<u8> Tags(Slots, 0); // 0: free.
  for (int I = 0; I != 20000; I++) {
    const uptr Slot = Random() % Slots;
    if (Tags[Slot]) {
      release(Slot);
      Tags[Slot] = 0;
      continue;
    }
    const u8 Tag = choose(Slot);
    ASSERT_FALSE(bit(Tag) & ReservedTags);
    Tags[Slot] = Tag;
    if (Slot != 0) {
      ASSERT_NE(Tag, Tags[Slot - 1]) << I;
    }
    if (Slot + 1 != Slots) {
      ASSERT_NE(Tag, Tags[Slot + 1]) << I;
    }
  }
}

// Where one of another size lay: any part counts.
TEST_F(TagMapTest, WhatLayThereLastIsExcluded) {
  for (uptr Slot = 0; Slot != 2000; Slot += 4) {
    const u8 Old = choose(Slot);
    release(Slot);
    const u8 Part = Subject.choose(placeOf(Slot) + Size / 2,
                                   placeOf(Slot) + Size, ReservedTags);
    ASSERT_NE(Part, Old);
    const u8 Before =
        Subject.choose(placeOf(Slot) - Size, placeOf(Slot) + Size / 4, 0);
    ASSERT_NE(Before, Old);
  }
}

TEST_F(TagMapTest, WhatLayBesideIsNot) {
  u32 Seen = 0;
  for (uptr Slot = 0; Slot != 4000; Slot += 4) {
    const u8 Old = choose(Slot);
    release(Slot);
    Seen |= choose(Slot + 1) == Old;
  }
  EXPECT_TRUE(Seen);
}

// A block that is mapped, used and unmapped again and again. Four tags are left
// to chance, two are reserved.
TEST_F(TagMapTest, TheLastSixThatLayThereAreExcluded) {
  constexpr size_t Remembered = NumTags - 2 - 8;
  std::vector<u8> Tags;
  for (size_t I = 0; I != 2000; I++) {
    Tags.push_back(choose(5));
    for (size_t Ago = 1; Ago <= std::min(I, Remembered); Ago++)
      ASSERT_NE(Tags[I], Tags[I - Ago]) << I << ", " << Ago << " before";
    release(5);
  }
}

// Something is left to chance whatever is excluded.
TEST_F(TagMapTest, ManyFormerTagsLeaveAChoice) {
  u32 Seen = 0;
  for (int Try = 0; Try != 200; Try++) {
    TagMap Fresh;
    for (u8 Tag = 1; Tag != NumTags; Tag++) {
      if (bit(Tag) & ReservedTags)
        continue;
      EXPECT_TRUE(Fresh.claim(placeOf(5), placeOf(6), Tag));
      Fresh.release(placeOf(5));
    }
    const u8 Tag = Fresh.choose(placeOf(5), placeOf(6), ReservedTags);
    EXPECT_NE(Tag, 0);
    Seen |= bit(Tag);
    Fresh.unmapTestOnly();
  }
  EXPECT_GE(__builtin_popcount(Seen), 8);
}

TEST_F(TagMapTest, ATagIsClaimedUnlessANeighbourHasIt) {
  ASSERT_TRUE(claim(5, 7));
  EXPECT_FALSE(claim(4, 7));
  EXPECT_FALSE(claim(6, 7));
  EXPECT_TRUE(claim(6, 8));
  EXPECT_TRUE(claim(4, 9));
  EXPECT_TRUE(claim(3, 7));
}

TEST_F(TagMapTest, ATagIsNotClaimedWhereItLayBefore) {
  ASSERT_TRUE(claim(5, 7));
  release(5);
  EXPECT_FALSE(claim(5, 7));
  EXPECT_TRUE(claim(5, 8));
}

TEST_F(TagMapTest, ABlockThatMovesIsNoNeighbourOfItself) {
  for (uptr New : {4, 6}) {
    ASSERT_TRUE(claim(5, 7));
    EXPECT_FALSE(claim(New, 7));
    EXPECT_TRUE(Subject.claim(placeOf(New), placeOf(New + 1), 7, placeOf(5)));
    // But all others are.
    EXPECT_FALSE(Subject.claim(placeOf(New == 4 ? 3 : 7),
                               placeOf(New == 4 ? 4 : 8), 7, placeOf(5)));
    release(New);
    release(5);
    Subject.unmapTestOnly();
    // Where it lay before the last move its old pointers still lead.
    EXPECT_FALSE(Subject.claim(placeOf(New), placeOf(New + 1), 7, placeOf(9)));
    for (int I = 0; I != 64; I++) { // What was freed last.
      choose(100);
      release(100);
    }
  }
}

TEST_F(TagMapTest, WhatIsClaimedIsRememberedAndWhatIsRefusedIsNot) {
  ASSERT_TRUE(claim(5, 7));
  ASSERT_FALSE(claim(6, 7));
  EXPECT_TRUE(claim(7, 7)); // Nothing lies between.
  for (int I = 0; I != 100; I++) {
    ASSERT_NE(choose(6), 7);
    release(6);
  }
}

TEST_F(TagMapTest, WhatIsReleasedExcludesNoNeighbour) {
  ASSERT_TRUE(claim(5, 7));
  release(5);
  EXPECT_TRUE(claim(6, 7));
  EXPECT_TRUE(claim(4, 7));
}

TEST_F(TagMapTest, ToReleaseWhatIsNotThereChangesNothing) {
  release(5);
  ASSERT_TRUE(claim(5, 7));
  release(4);
  release(6);
  Subject.release(placeOf(5) + 4096);
  EXPECT_FALSE(claim(6, 7));
}

// More than can be remembered: they have tags, though they exclude none.
TEST_F(TagMapTest, WithoutRoomTagsAreStillChosen) {
  constexpr uptr More = 32768 + 100;
  u8 Last = 0;
  for (uptr Slot = 0; Slot != More; Slot++) {
    const u8 Tag = choose(Slot);
    ASSERT_FALSE(bit(Tag) & ReservedTags);
    if (Slot < 32768) {
      ASSERT_NE(Tag, Last);
    }
    Last = Tag;
  }
  for (uptr Slot = More; Slot; Slot--)
    release(Slot - 1);
  // And there is room again.
  ASSERT_TRUE(claim(More + 10, 7));
  EXPECT_FALSE(claim(More + 11, 7));
}

TEST_F(TagMapTest, NeighboursDifferWhateverThreadsDo) {
  constexpr uptr Slots = 40;
  constexpr int Threads = 4;
  struct Slot {
    std::atomic<bool> IsTaken{false};
    u8 Tag = 0;
  };
  for (int Round = 0; Round != 20; Round++) {
    std::vector<Slot> All(Slots);
    std::vector<std::thread> Workers;
    for (int T = 0; T != Threads; T++)
      Workers.emplace_back([&, T] {
        std::mt19937 Random(static_cast<unsigned>(Round * Threads + T));
        std::vector<uptr> Own;
        for (int I = 0; I != 2000; I++) {
          const uptr Place = Random() % Slots;
          if (Own.size() > 8) {
            const uptr Victim = Own[Place % Own.size()];
            Own.erase(Own.begin() + static_cast<ptrdiff_t>(Place % Own.size()));
            release(Victim);
            All[Victim].IsTaken = false;
          } else if (!All[Place].IsTaken.exchange(true)) {
            All[Place].Tag = choose(Place);
            Own.push_back(Place);
          }
        }
      });
    for (std::thread &Worker : Workers)
      Worker.join();
    for (uptr Place = 0; Place != Slots; Place++) {
      if (Place != 0 && All[Place].IsTaken && All[Place - 1].IsTaken) {
        ASSERT_NE(All[Place].Tag, All[Place - 1].Tag);
      }
    }
    for (uptr Place = 0; Place != Slots; Place++)
      if (All[Place].IsTaken)
        release(Place);
  }
}

} // namespace
