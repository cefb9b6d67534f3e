// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "refpage_backend/selector.h"
#include "refpage_backend/source.h"

#include "refpage_backend/memfd_window.h"
#include "refpage_backend/selector.h"
#include "tests/support/memory.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <errno.h>
#include <random>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace refpage;
using namespace refpage_test;

namespace {

constexpr uptr KiB = 1UL << 10;
constexpr uptr MiB = 1UL << 20;
constexpr u64 Pattern = 0xabababababababab;

// A maker whose outcome the test sets.
int MakeError = 0;
int MakeCalls = 0;
int makeOrFail(const Contents &Holds, uptr Size, Window *New) {
  MakeCalls++;
  return MakeError ? MakeError : MemfdWindowMaker.Make(Holds, Size, New);
}
const WindowMaker FailingMaker = {Backend::MemfdWindow, false, makeOrFail,
                                  MemfdWindowMaker.IsIntact, nullptr};

class SourceTest : public testing::Test {
protected:
  void SetUp() override {
    MakeError = 0;
    MakeCalls = 0;
    Makers.add(&FailingMaker);
    Subject.init({Pattern, 0}, &Makers, 4 * MiB);
  }
  void TearDown() override {
    Subject.close();
    EXPECT_TRUE(listWindowDescriptors().empty());
  }
  // What windows may take follows from what is live; here so much that it is
  // not what bounds them.
  void pretendThatMuchIsLive() { Subject.noteResize(1L << 30); }
  // Takes and gives back a window; returns its size, 0 on failure.
  uptr use(uptr Size) {
    Window W;
    u8 Index;
    if (Subject.acquire(Size, &W, &Index) != 0)
      return 0;
    Subject.finishMapping(Index);
    Subject.release(Index, Size);
    return W.Size;
  }

  WindowMakers Makers;
  Source Subject;
};

TEST_F(SourceTest, MakesNothingBeforeItIsAsked) { EXPECT_EQ(MakeCalls, 0); }

TEST_F(SourceTest, WindowsAreSealedAndHoldTheContents) {
  Window W;
  u8 Index;
  ASSERT_EQ(Subject.acquire(MiB, &W, &Index), 0);
  std::vector<u64> Words(W.Size / sizeof(u64));
  ASSERT_EQ(pread(W.File.Fd, Words.data(), W.Size, 0),
            static_cast<ssize_t>(W.Size));
  EXPECT_EQ(findNotPattern(Words.data(), 0, W.Size, Pattern), -1);
  EXPECT_EQ(pwrite(W.File.Fd, "x", 1, 0), -1);
  EXPECT_EQ(errno, EPERM);
  Subject.finishMapping(Index);
  Subject.release(Index, MiB);
}

TEST_F(SourceTest, StartsSmallAndGrowsWithDemand) {
  pretendThatMuchIsLive();
  EXPECT_LE(use(64 * KiB), 64 * KiB);
  uptr Last = 0;
  for (int I = 0; I != 2000; I++) {
    const uptr Size = use(4 * MiB);
    EXPECT_GE(Size, Last);
    Last = Size;
  }
  EXPECT_EQ(Last, 4 * MiB);
  // One for each size at most.
  EXPECT_LE(MakeCalls, 7);
}

TEST_F(SourceTest, NoWindowIsLargerThanTheBlocks) {
  uptr Last = 0;
  for (int I = 0; I != 100000; I++)
    Last = use(256 * KiB);
  EXPECT_EQ(Last, 256 * KiB);
}

TEST_F(SourceTest, HugeBlocksGetFewMappings) {
  Source Other;
  Other.init({Pattern, 0}, &Makers, 64 * MiB);
  Window W;
  u8 Index;
  ASSERT_EQ(Other.acquire(100UL << 30, &W, &Index), 0);
  EXPECT_LE((100UL << 30) / W.Size, 2000U);
  EXPECT_LE(W.Size, (100UL << 30) / 256);
  Other.finishMapping(Index);
  Other.release(Index, 100UL << 30);
  Other.close();
}

// Of a process that asks for far more than the machine has, and writes little.
TEST_F(SourceTest, ManyLargeBlocksShareTheMappings) {
  constexpr uptr Size = 64 * MiB;
  Source Other;
  Other.init({Pattern, 0}, &Makers, 64 * MiB);
  std::vector<u8> Indices;
  uptr Mappings = 0;
  while (Indices.size() * Size != 256UL << 30) {
    Window W;
    u8 Index;
    ASSERT_EQ(Other.acquire(Size, &W, &Index), 0);
    Other.finishMapping(Index);
    Indices.push_back(Index);
    Mappings += Size / W.Size;
  }
  EXPECT_LE(Mappings, MaxWindowMappings);
  for (u8 Index : Indices)
    Other.release(Index, Size);
  Other.close();
}

TEST_F(SourceTest, ReplacedWindowsAreClosed) {
  pretendThatMuchIsLive();
  for (int I = 0; I != 2000; I++)
    use(4 * MiB);
  EXPECT_EQ(listWindowDescriptors().size(), 1U);
  SourceStats Stats;
  Subject.getStats(&Stats);
  EXPECT_EQ(Stats.WindowsNow, 1U);
  EXPECT_EQ(Stats.OwnMemory, 4 * MiB);
}

TEST_F(SourceTest, AWindowInUseCountsAfterItIsReplaced) {
  pretendThatMuchIsLive();
  Window W;
  u8 Index;
  ASSERT_EQ(Subject.acquire(64 * KiB, &W, &Index), 0);
  Subject.finishMapping(Index);
  for (int I = 0; I != 2000; I++)
    use(4 * MiB);
  // Its descriptor is gone, its memory is not.
  EXPECT_EQ(listWindowDescriptors().size(), 1U);
  SourceStats Stats;
  Subject.getStats(&Stats);
  EXPECT_EQ(Stats.WindowsNow, 2U);
  EXPECT_EQ(Stats.OwnMemory, 4 * MiB + W.Size);
  Subject.release(Index, 64 * KiB);
  Subject.getStats(&Stats);
  EXPECT_EQ(Stats.WindowsNow, 1U);
}

// The descriptor of a window stays while a thread is about to map it.
TEST_F(SourceTest, AWindowThatIsBeingMappedStaysOpen) {
  Window W;
  u8 Index;
  ASSERT_EQ(Subject.acquire(64 * KiB, &W, &Index), 0);
  for (int I = 0; I != 2000; I++)
    use(4 * MiB);
  EXPECT_TRUE(W.Maker->IsIntact(W));
  Subject.finishMapping(Index);
  EXPECT_FALSE(W.Maker->IsIntact(W));
  Subject.release(Index, 64 * KiB);
}

TEST_F(SourceTest, AnErrorThatStaysIsNotTriedAgain) {
  MakeError = ENOSYS;
  for (int I = 0; I != 100; I++)
    EXPECT_EQ(use(MiB), 0U);
  EXPECT_EQ(MakeCalls, 1);
}

TEST_F(SourceTest, AnErrorThatMayPassIsTriedAgainMoreAndMoreRarely) {
  MakeError = EMFILE;
  for (int I = 0; I != 1000; I++)
    EXPECT_EQ(use(MiB), 0U);
  EXPECT_GE(MakeCalls, 5);
  EXPECT_LE(MakeCalls, 30);
  MakeError = 0;
  uptr Size = 0;
  for (int I = 0; I != 100 && Size == 0; I++)
    Size = use(MiB);
  EXPECT_NE(Size, 0U);
}

TEST_F(SourceTest, FailureToGrowKeepsTheWindowThereIs) {
  pretendThatMuchIsLive();
  const uptr First = use(64 * KiB);
  MakeError = ENOMEM;
  for (int I = 0; I != 1000; I++)
    EXPECT_EQ(use(4 * MiB), First);
}

TEST_F(SourceTest, ALostWindowIsMadeAgainAndTheNumberIsLeftAlone) {
  Window W;
  u8 Index;
  ASSERT_EQ(Subject.acquire(MiB, &W, &Index), 0);
  int Other[2];
  ASSERT_EQ(pipe(Other), 0);
  ASSERT_EQ(dup2(Other[0], W.File.Fd), W.File.Fd);
  EXPECT_FALSE(W.Maker->IsIntact(W));
  Subject.reportLost(Index);
  Subject.finishMapping(Index);
  Subject.release(Index, MiB);
  EXPECT_NE(use(MiB), 0U);
  // Still the program's.
  EXPECT_EQ(describeDescriptor(W.File.Fd), describeDescriptor(Other[0]));
  SourceStats Stats;
  Subject.getStats(&Stats);
  EXPECT_EQ(Stats.WindowsLost, 1U);
  EXPECT_EQ(Stats.WindowsMade, 2U);
  close(W.File.Fd);
  close(Other[0]);
  close(Other[1]);
}

TEST_F(SourceTest, ManyThreadsShareOneWindow) {
  std::vector<std::thread> Threads;
  for (int T = 0; T != 4; T++)
    Threads.emplace_back([&] {
      for (int I = 0; I != 1000; I++)
        EXPECT_NE(use(64 * KiB), 0U);
    });
  for (std::thread &T : Threads)
    T.join();
  EXPECT_EQ(MakeCalls, 1);
}

// What a program with many threads does when it has closed all descriptors.
TEST_F(SourceTest, ThreadsThatFindNoWindowMakeOne) {
  pretendThatMuchIsLive();
  for (int I = 0; I != 2000; I++)
    use(4 * MiB);
  for (int Loss = 0; Loss != 3; Loss++) {
    Window W;
    u8 Index;
    ASSERT_EQ(Subject.acquire(4 * MiB, &W, &Index), 0);
    Subject.reportLost(Index);
    Subject.finishMapping(Index);
    Subject.release(Index, 4 * MiB);
    close(W.File.Fd);
    const int Before = MakeCalls;
    std::vector<std::thread> Threads;
    for (int T = 0; T != 8; T++)
      Threads.emplace_back([&] { EXPECT_NE(use(4 * MiB), 0U); });
    for (std::thread &T : Threads)
      T.join();
    EXPECT_EQ(MakeCalls, Before + 1);
  }
}

TEST_F(SourceTest, AnyDemandIsTaken) {
  for (int I = 0; I != 300; I++)
    EXPECT_NE(use(1UL << 40), 0U);
  EXPECT_NE(use(~0UL >> 1), 0U);
  EXPECT_NE(use(~0UL >> 1), 0U);
}

TEST_F(SourceTest, AnErrorThatARaceCanGiveIsTriedAgain) {
  for (int Error : {EINVAL, EBADF, EPERM}) {
    MakeError = Error;
    EXPECT_EQ(use(64 * KiB), 0U);
    MakeError = 0;
    uptr Size = 0;
    for (int I = 0; I != 10 && Size == 0; I++)
      Size = use(64 * KiB);
    EXPECT_NE(Size, 0U) << Error;
    // Lost again, for the next error.
    Window W;
    u8 Index;
    ASSERT_EQ(Subject.acquire(64 * KiB, &W, &Index), 0);
    Subject.reportLost(Index);
    Subject.finishMapping(Index);
    Subject.release(Index, 64 * KiB);
    close(W.File.Fd);
  }
}

// Own memory is bounded by what is live, or was at a time.
TEST_F(SourceTest, WindowsTakeASixtyFourthOfTheLargestLiveDemand) {
  for (unsigned Seed = 1; Seed != 6; Seed++) {
    Source Other;
    Other.init({Pattern, 0}, &Makers, 64 * MiB);
    std::mt19937 Random(Seed);
    struct User {
      u8 Index;
      uptr Size;
    };
    std::vector<User> Users;
    uptr Live = 0;
    uptr Peak = 0;
    for (int Step = 0; Step != 3000; Step++) {
      if (Users.empty() || Random() % 2) {
        const uptr Size = (256 * KiB) << Random() % 10;
        Peak = std::max(Peak, Live + Size);
        Window W;
        User U = {0, Size};
        ASSERT_EQ(Other.acquire(Size, &W, &U.Index), 0);
        Other.finishMapping(U.Index);
        Live += Size;
        Users.push_back(U);
      } else {
        const size_t I = Random() % Users.size();
        if (Random() % 4 == 0 && Users[I].Size > 2 * MiB) {
          // Cut in two, with a gap.
          Other.retain(Users[I].Index);
          Other.noteResize(-8192);
          Users[I].Size -= MiB;
          Users.push_back({Users[I].Index, MiB - 8192});
          Live -= 8192;
        } else {
          Other.release(Users[I].Index, Users[I].Size);
          Live -= Users[I].Size;
          Users[I] = Users.back();
          Users.pop_back();
        }
      }
      SourceStats Stats;
      Other.getStats(&Stats);
      ASSERT_EQ(Stats.LiveBytes, Live);
      ASSERT_LE(Stats.OwnMemory, std::max(MiB, Peak / 64)) << "step " << Step;
      ASSERT_LE(Stats.PeakMemory, std::max(MiB, Peak / 64));
    }
    for (const User &U : Users)
      Other.release(U.Index, U.Size);
    Other.close();
    SourceStats Stats;
    Other.getStats(&Stats);
    EXPECT_EQ(Stats.WindowsNow, 0U);
    EXPECT_EQ(Stats.LiveBytes, 0U);
  }
}

TEST_F(SourceTest, LittleDemandTakesLittle) {
  for (int I = 0; I != 5000; I++)
    use(4 * MiB);
  SourceStats Stats;
  Subject.getStats(&Stats);
  EXPECT_LE(Stats.PeakMemory, MiB);
}

// A block can be given its window once more, for as long as that is open.
TEST_F(SourceTest, AWindowIsHadAgainWhileItIsOpen) {
  pretendThatMuchIsLive();
  Window W;
  u8 Index;
  ASSERT_EQ(Subject.acquire(64 * KiB, &W, &Index), 0);
  Subject.finishMapping(Index);
  Window Again;
  ASSERT_TRUE(Subject.acquireAgain(Index, &Again));
  EXPECT_EQ(Again.File.Fd, W.File.Fd);
  EXPECT_EQ(Again.Size, W.Size);
  for (int I = 0; I != 2000; I++)
    use(4 * MiB);
  // Still being mapped.
  EXPECT_TRUE(W.Maker->IsIntact(W));
  Subject.finishMapping(Index);
  EXPECT_FALSE(W.Maker->IsIntact(W));
  EXPECT_FALSE(Subject.acquireAgain(Index, &Again));
  Subject.release(Index, 64 * KiB);
}

TEST_F(SourceTest, AWindowStaysUntilItsLastUserGoes) {
  pretendThatMuchIsLive();
  Window W;
  u8 Index;
  ASSERT_EQ(Subject.acquire(64 * KiB, &W, &Index), 0);
  Subject.finishMapping(Index);
  Subject.retain(Index);
  for (int I = 0; I != 2000; I++)
    use(4 * MiB);
  SourceStats Stats;
  Subject.release(Index, 32 * KiB);
  Subject.getStats(&Stats);
  EXPECT_EQ(Stats.WindowsNow, 2U);
  Subject.release(Index, 32 * KiB);
  Subject.getStats(&Stats);
  EXPECT_EQ(Stats.WindowsNow, 1U);
}

TEST_F(SourceTest, BlocksOfSmallWindowsAreOutgrown) {
  pretendThatMuchIsLive();
  EXPECT_FALSE(Subject.isOutgrown(4 * MiB, 4 * MiB, 1));
  // There is a larger one.
  const uptr First = use(4 * MiB);
  EXPECT_FALSE(Subject.isOutgrown(4 * MiB, First, 1));
  EXPECT_TRUE(Subject.isOutgrown(4 * MiB, First / 2, 1));
  // There would be a larger one.
  EXPECT_TRUE(Subject.isOutgrown(4 * MiB, First, 1000));
  EXPECT_FALSE(Subject.isOutgrown(4 * MiB, 4 * MiB, 1000));
}

TEST_F(SourceTest, TheNextMakerIsTriedWhenOneFails) {
  WindowMakers Two;
  Two.add(&FailingMaker);
  Two.add(&MemfdWindowMaker);
  Source Other;
  Other.init({Pattern, 0}, &Two, MiB);
  MakeError = EDQUOT;
  Window W;
  u8 Index;
  ASSERT_EQ(Other.acquire(MiB, &W, &Index), 0);
  EXPECT_EQ(W.Maker, &MemfdWindowMaker);
  EXPECT_EQ(scudo::atomic_load_relaxed(&Two.Errors[0]), EDQUOT);
  EXPECT_EQ(scudo::atomic_load_relaxed(&Two.Errors[1]), 0);
  Other.finishMapping(Index);
  Other.release(Index, MiB);
  Other.close();
}

// Nor does a source for other contents ask again.
TEST_F(SourceTest, AMakerThatIsGoneIsTriedOnceInAProcess) {
  for (int Error : {ENOENT, EBADMSG, ECANCELED, ENOSYS}) {
    WindowMakers Two;
    Two.add(&FailingMaker);
    Two.add(&MemfdWindowMaker);
    MakeError = Error;
    MakeCalls = 0;
    Source First;
    Source Second;
    First.init({Pattern, 0}, &Two, 4 * MiB);
    Second.init({~Pattern, 0}, &Two, 4 * MiB);
    First.noteResize(1L << 30);
    for (Source *From : {&First, &Second}) {
      for (int I = 0; I != 500; I++) {
        Window W;
        u8 Index;
        ASSERT_EQ(From->acquire(4 * MiB, &W, &Index), 0);
        EXPECT_EQ(W.Maker, &MemfdWindowMaker);
        From->finishMapping(Index);
        From->release(Index, 4 * MiB);
      }
      From->close();
    }
    EXPECT_EQ(MakeCalls, 1) << Error;
  }
}

TEST_F(SourceTest, ABetterMakerIsTriedAgainWhenAWindowIsReplaced) {
  WindowMakers Two;
  Two.add(&FailingMaker);
  Two.add(&MemfdWindowMaker);
  MakeError = EDQUOT;
  Subject.init({Pattern, 0}, &Two, 4 * MiB);
  pretendThatMuchIsLive();
  EXPECT_NE(use(4 * MiB), 0U);
  EXPECT_EQ(MakeCalls, 1);
  for (int I = 0; I != 2000; I++)
    use(4 * MiB);
  EXPECT_GE(MakeCalls, 2);
}

// One of any length serves blocks of all sizes.
int makeEndless(const Contents &Holds, uptr Size, Window *New) {
  MakeCalls++;
  const int Error = MemfdWindowMaker.Make(Holds, Size, New);
  New->Size = 1UL << 47;
  return Error;
}
const WindowMaker EndlessMaker = {Backend::Device, true, makeEndless,
                                  MemfdWindowMaker.IsIntact, nullptr};

TEST_F(SourceTest, AWindowWithoutEndIsNeverReplaced) {
  WindowMakers One;
  One.add(&EndlessMaker);
  Subject.init({Pattern, 0}, &One, 4 * MiB);
  pretendThatMuchIsLive();
  for (uptr Size = 64 * KiB; Size != 1UL << 45; Size *= 2)
    for (int I = 0; I != 100; I++)
      EXPECT_EQ(use(Size), 1UL << 47);
  EXPECT_EQ(MakeCalls, 1);
  EXPECT_FALSE(Subject.isOutgrown(1UL << 40, 1UL << 47, 1000));
  // What views smaller ones is made anew.
  EXPECT_TRUE(Subject.isOutgrown(4 * MiB, MiB, 1));
}

} // namespace
