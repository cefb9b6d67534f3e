// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "refpage_backend/backends.h"

#include "platform/kernel_refpage.h"
#include "platform/mapping.h"
#include "platform/memory_tag.h"
#include "tests/support/memory.h"

#include "gtest/gtest.h"

#include <atomic>
#include <errno.h>
#include <fcntl.h>
#include <memory>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

using namespace refpage;
using namespace refpage_test;

namespace {

constexpr uptr Page = 4096;
constexpr uptr MiB = 1UL << 20;
constexpr Contents Pattern = {0x0123456789abcdef, 0};

u32 index(Backend Kind) { return static_cast<u32>(Kind); }
u32 index(Reason Why) { return static_cast<u32>(Why); }

class BackendsTest : public testing::Test {
protected:
  void TearDown() override {
    if (!Subject)
      return;
    Subject->forget(Size, B);
    Subject->close();
    unmapMemory(Base, Size);
    EXPECT_TRUE(listWindowDescriptors().empty());
  }
  // One block of 4 MiB.
  void make(BackendRequest Request, const Contents &Holds, uptr Front = 0) {
    Subject = std::make_unique<Backends>();
    Subject->init(Request, MiB);
    ASSERT_EQ(reserveMemory(Size, &Base), 0);
    ASSERT_EQ(Subject->commit(Base, Size, Holds, Front, &B), 0);
  }
  BackendStats stats() {
    BackendStats Stats;
    Subject->getStats(&Stats);
    return Stats;
  }
  void expectContents(const Contents &Holds) {
    EXPECT_EQ(findNotPattern(bytes(), 0, Size, Holds.Pattern), -1);
  }
  char *bytes() { return reinterpret_cast<char *>(Base); }

  static constexpr uptr Size = 4 * MiB;
  std::unique_ptr<Backends> Subject;
  uptr Base = 0;
  Backing B;
};

TEST_F(BackendsTest, AWindowBlockHoldsThePattern) {
  make(BackendRequest::Auto, Pattern);
  EXPECT_TRUE(B.hasWindow());
  expectContents(Pattern);
}

TEST_F(BackendsTest, AWindowBlockTakesNoMemoryUntilWritten) {
  const size_t Before = getResidentBytes();
  make(BackendRequest::Auto, Pattern);
  EXPECT_LT(getResidentBytes(), Before + MiB / 4);
}

TEST_F(BackendsTest, AMemsetBlockHoldsThePattern) {
  make(BackendRequest::Memset, Pattern);
  EXPECT_EQ(B.Kind, Backend::Memset);
  expectContents(Pattern);
}

TEST_F(BackendsTest, ZerosAreAnonymousMemory) {
  make(BackendRequest::Auto, {});
  EXPECT_EQ(B.Kind, Backend::Zero);
  expectContents({});
}

TEST_F(BackendsTest, AnExpectedFrontIsAnonymousMemoryWithThePattern) {
  make(BackendRequest::Auto, Pattern, MiB);
  EXPECT_TRUE(B.hasWindow());
  EXPECT_EQ(B.FilledBytes, MiB);
  expectContents(Pattern);
}

TEST_F(BackendsTest, DenseBlocksAreFilled) {
  make(BackendRequest::Auto, Pattern, Size);
  EXPECT_EQ(B.Kind, Backend::Memset);
  expectContents(Pattern);
  EXPECT_EQ(stats().Reasons[index(Reason::DenseUse)], 1U);
}

// Whatever backs a block, and however it was used, restore() makes it whole.
class RestoredBlockTest
    : public BackendsTest,
      public testing::WithParamInterface<
          std::tuple<BackendRequest, uptr /*Front*/, bool /*Discard*/>> {};

TEST_P(RestoredBlockTest, HoldsThePatternAgain) {
  make(std::get<0>(GetParam()), Pattern, std::get<1>(GetParam()));
  for (uptr I = 0; I < Size; I += 37 * Page)
    bytes()[I] = 1;
  const bool Discarded =
      std::get<2>(GetParam()) && Subject->discard(Base, Size);
  Subject->restore(Base, Size, 0, Pattern, 0, Discarded, &B);
  expectContents(Pattern);
}

TEST_P(RestoredBlockTest, CanHoldWhatItHeld) {
  make(std::get<0>(GetParam()), Pattern, std::get<1>(GetParam()));
  EXPECT_TRUE(Subject->canHold(B, Size, Pattern, std::get<1>(GetParam())));
}

INSTANTIATE_TEST_SUITE_P(
    All, RestoredBlockTest,
    testing::Combine(testing::Values(BackendRequest::Auto,
                                     BackendRequest::Memset,
                                     BackendRequest::Memfd),
                     testing::Values(uptr(0), MiB, 4 * MiB), testing::Bool()));

// The kernel's own pages, where it has them; windows of memory files elsewhere.
TEST_F(BackendsTest, WhatAKernelLacksIsReplaced) {
  for (BackendRequest Request :
       {BackendRequest::Syscall, BackendRequest::Device,
        BackendRequest::DeviceUnaccounted, BackendRequest::DeviceFresh}) {
    make(Request, Pattern, Size);
    EXPECT_TRUE(B.hasWindow());
    expectContents(Pattern);
    const BackendStats Stats = stats();
    const bool IsReplaced = B.Kind == Backend::MemfdWindow;
    EXPECT_EQ(Stats.Reasons[index(Reason::Requested)], IsReplaced ? 0U : 1U);
    EXPECT_EQ(Stats.Reasons[index(Reason::NotHere)], IsReplaced ? 1U : 0U);
    EXPECT_NE(Stats.Makers[0].Error == 0, IsReplaced);
    TearDown();
    Subject = nullptr;
    B = Backing();
  }
}

TEST_F(BackendsTest, BlocksOfTheKernelsPagesAreOneMapping) {
  if (access(REFPAGE_DEVICE_PATH, F_OK) != 0 &&
      access(REFPAGE_SYSCALL_NR_PATH, F_OK) != 0)
    GTEST_SKIP() << "this kernel has no reference pages";
  make(BackendRequest::Auto, Pattern);
  EXPECT_TRUE(B.Kind == Backend::Device || B.Kind == Backend::Syscall);
  EXPECT_EQ(B.countExtraMappings(Size), 0U);
  EXPECT_EQ(stats().ExtraMappings, 0U);
  EXPECT_FALSE(Subject->isOutgrown(B, Size, 0, 1024));
  // What an added part views goes on where the block ended.
  uptr Longer;
  Backing LongerBacking;
  ASSERT_EQ(reserveMemory(2 * Size, &Longer), 0);
  ASSERT_EQ(Subject->commit(Longer, Size, Pattern, 0, &LongerBacking), 0);
  ASSERT_EQ(Subject->extend(Longer, Size, Size, Pattern, 0, &LongerBacking), 0);
  EXPECT_EQ(LongerBacking.countExtraMappings(2 * Size), 0U);
  EXPECT_EQ(findNotPattern(reinterpret_cast<void *>(Longer), 0, 2 * Size,
                           Pattern.Pattern),
            -1);
  Subject->forget(2 * Size, LongerBacking);
  unmapMemory(Longer, 2 * Size);
}

// All of what was filled has to be looked at when it is reused: in vain where
// it is not expected to be written.
TEST_F(BackendsTest, FilledBlocksAreNoPlaceForWhatIsNotWritten) {
  make(BackendRequest::Auto, Pattern, MiB);
  EXPECT_FALSE(Subject->canHold(B, Size, Pattern, MiB / 4));
}

TEST_F(BackendsTest, AnonymousBlocksTurnIntoZeros) {
  make(BackendRequest::Memset, Pattern);
  ASSERT_TRUE(Subject->canHold(B, Size, {}, 0));
  Subject->restore(Base, Size, 0, {}, 0, false, &B);
  EXPECT_EQ(B.Kind, Backend::Zero);
  expectContents({});
}

TEST_F(BackendsTest, ZerosTurnIntoAPatternWhereThatWouldBeFilledAnyway) {
  make(BackendRequest::Memset, {});
  ASSERT_TRUE(Subject->canHold(B, Size, Pattern, 0));
  bytes()[0] = 1;
  Subject->restore(Base, Size, 0, Pattern, 0, false, &B);
  EXPECT_EQ(B.Kind, Backend::Memset);
  expectContents(Pattern);
}

TEST_F(BackendsTest, DiscardedZerosTurnIntoAPattern) {
  make(BackendRequest::Memset, {});
  ASSERT_TRUE(Subject->discard(Base, Size));
  Subject->restore(Base, Size, 0, Pattern, 0, true, &B);
  expectContents(Pattern);
}

TEST_F(BackendsTest, WindowBlocksAreNoPlaceForOtherContents) {
  make(BackendRequest::Auto, Pattern);
  EXPECT_FALSE(Subject->canHold(B, Size, {}, 0));
  EXPECT_FALSE(Subject->canHold(B, Size, {~Pattern.Pattern, 0}, 0));
}

TEST_F(BackendsTest, LargeZeroBlocksAreNoPlaceForAPatternThatWindowsGive) {
  make(BackendRequest::Auto, {});
  EXPECT_FALSE(Subject->canHold(B, Size, Pattern, 0));
}

// Invariant 2: what is mapped is ours.
TEST_F(BackendsTest, AReusedDescriptorIsNoticedAndItsFileNeverShown) {
  make(BackendRequest::Auto, Pattern);
  const std::vector<int> Windows = listWindowDescriptors();
  ASSERT_EQ(Windows.size(), 1U);
  // The program closes our number and opens a file of its own on it.
  char Name[] = "/tmp/refpage_test_XXXXXX";
  const int Own = mkstemp(Name);
  ASSERT_NE(Own, -1);
  unlink(Name);
  const std::string Bytes(static_cast<size_t>(Size), 'X');
  ASSERT_EQ(pwrite(Own, Bytes.data(), Bytes.size(), 0),
            static_cast<ssize_t>(Bytes.size()));
  ASSERT_EQ(dup2(Own, Windows[0]), Windows[0]);

  uptr Second;
  ASSERT_EQ(reserveMemory(Size, &Second), 0);
  Backing SecondBacking;
  ASSERT_EQ(Subject->commit(Second, Size, Pattern, 0, &SecondBacking), 0);
  EXPECT_TRUE(SecondBacking.hasWindow());
  EXPECT_EQ(findNotPattern(reinterpret_cast<void *>(Second), 0, Size,
                           Pattern.Pattern),
            -1);
  expectContents(Pattern);
  EXPECT_EQ(stats().Windows.WindowsLost, 1U);
  // And the program's descriptor still is the program's.
  EXPECT_EQ(describeDescriptor(Windows[0]), describeDescriptor(Own));

  Subject->forget(Size, SecondBacking);
  unmapMemory(Second, Size);
  close(Windows[0]);
  close(Own);
}

// Invariant 4: each failure degrades, down to memset.
TEST_F(BackendsTest, WithoutDescriptorsBlocksAreFilled) {
  rlimit Old;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &Old), 0);
  rlimit None = Old;
  None.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &None), 0);
  make(BackendRequest::Auto, Pattern);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &Old), 0);
  EXPECT_EQ(B.Kind, Backend::Memset);
  expectContents(Pattern);
  const BackendStats Stats = stats();
  EXPECT_EQ(Stats.Reasons[index(Reason::NoWindow)], 1U);
  EXPECT_EQ(Stats.LastErrors[index(Reason::NoWindow)], EMFILE);
}

TEST_F(BackendsTest, ContentsThatNoBackendKnowsFallBackToMemset) {
  if (hasMemoryTags())
    GTEST_SKIP() << "this machine has tags";
  make(BackendRequest::Auto, {Pattern.Pattern, 5});
  EXPECT_EQ(B.Kind, Backend::Memset);
  expectContents(Pattern);
}

TEST_F(BackendsTest, NoMemoryIsReported) {
  Backends Other;
  Other.init(BackendRequest::Memset, MiB);
  constexpr uptr Huge = 1UL << 45;
  uptr HugeBase;
  ASSERT_EQ(reserveMemory(Huge, &HugeBase), 0);
  Backing HugeBacking;
  errno = 0;
  EXPECT_EQ(Other.commit(HugeBase, Huge, {}, 0, &HugeBacking), ENOMEM);
  EXPECT_EQ(errno, 0);
  unmapMemory(HugeBase, Huge);
}

// What is expected of a size is no reason against what the user asks for, and
// counts no mappings.
TEST_F(BackendsTest, WindowsThatAreAskedForAreWindowsWhole) {
  make(BackendRequest::Memfd, Pattern, Size);
  EXPECT_EQ(B.Kind, Backend::MemfdWindow);
  EXPECT_EQ(B.FilledBytes, 0U);
  const BackendStats Stats = stats();
  EXPECT_EQ(Stats.Reasons[index(Reason::Requested)], 1U);
  EXPECT_EQ(Stats.Reasons[index(Reason::SparseUse)], 0U);
}

TEST_F(BackendsTest, FrontsDoNotUseUpTheMappings) {
  make(BackendRequest::Auto, Pattern, Size - Page);
  for (int I = 0; I != 1000; I++) {
    uptr Other;
    Backing OtherBacking;
    ASSERT_EQ(reserveMemory(Size, &Other), 0);
    ASSERT_EQ(Subject->commit(Other, Size, Pattern, Size - Page, &OtherBacking),
              0);
    ASSERT_TRUE(OtherBacking.hasWindow());
    Subject->forget(Size, OtherBacking);
    unmapMemory(Other, Size);
  }
  EXPECT_EQ(stats().Reasons[index(Reason::MappingBudget)], 0U);
}

// Around a fork nothing may be in the middle of anything.
TEST_F(BackendsTest, WaitWhileDisabled) {
  make(BackendRequest::Auto, Pattern);
  Subject->disable();
  std::atomic<int> Done{0};
  std::thread Committer([&] {
    uptr Other;
    Backing OtherBacking;
    reserveMemory(Size, &Other);
    Subject->commit(Other, Size, Pattern, 0, &OtherBacking);
    Done++;
    Subject->forget(Size, OtherBacking);
    unmapMemory(Other, Size);
  });
  std::thread Restorer([&] {
    Subject->restore(Base, Size, 0, Pattern, 0, false, &B);
    Done++;
  });
  usleep(100000);
  EXPECT_EQ(Done, 0);
  Subject->enable();
  Committer.join();
  Restorer.join();
  EXPECT_EQ(Done, 2);
}

// Invariant 8: what is reported is what is so.
TEST_F(BackendsTest, StatsNameTheBackendThatServed) {
  make(BackendRequest::Auto, Pattern);
  const BackendStats Stats = stats();
  EXPECT_EQ(Stats.Blocks[index(B.Kind)], 1U);
  EXPECT_EQ(Stats.Bytes[index(B.Kind)], Size);
  EXPECT_EQ(Stats.Blocks[index(Backend::Memset)], 0U);
  EXPECT_EQ(Stats.NeverFilledBytes, Size);
  EXPECT_EQ(Stats.FilledBytes, 0U);
}

TEST_F(BackendsTest, StatsCountWhatWasFilled) {
  make(BackendRequest::Auto, Pattern, MiB);
  BackendStats Stats = stats();
  EXPECT_EQ(Stats.FilledBytes, MiB);
  EXPECT_EQ(Stats.NeverFilledBytes, Size - MiB);
  bytes()[2 * MiB] = 1;
  Subject->restore(Base, Size, 0, Pattern, 0, false, &B);
  Stats = stats();
  // The front holds the pattern still: what holds it is not written again.
  EXPECT_EQ(Stats.FilledBytes, MiB + Page);
  EXPECT_EQ(Stats.ReusedBlocks[index(B.Kind)], 1U);
  EXPECT_EQ(Stats.ReusedBytes[index(B.Kind)], Size);
}

TEST_F(BackendsTest, StatsCountTheWindowsOwnMemory) {
  make(BackendRequest::Memfd, Pattern);
  uptr FileBytes = 0;
  for (int Fd : listWindowDescriptors())
    FileBytes += static_cast<uptr>(lseek(Fd, 0, SEEK_END));
  EXPECT_EQ(stats().Windows.OwnMemory, FileBytes);
}

TEST_F(BackendsTest, StatsNameTheBackendAfterAFallback) {
  rlimit Old;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &Old), 0);
  rlimit None = Old;
  None.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &None), 0);
  make(BackendRequest::Memfd, Pattern);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &Old), 0);
  const BackendStats Stats = stats();
  EXPECT_EQ(Stats.Blocks[index(Backend::Memset)], 1U);
  EXPECT_EQ(Stats.Blocks[index(Backend::MemfdWindow)], 0U);
  EXPECT_EQ(Stats.FilledBytes, Size);
}

TEST(MappingBudgetTest, WindowsStopAtTheirShareAndGetItBack) {
  Backends Subject;
  Subject.init(BackendRequest::Memfd, 64UL << 10);
  // The whole share: 1 GiB in windows of 64 KiB.
  constexpr uptr Large = 1UL << 30;
  uptr LargeBase;
  uptr Base;
  Backing LargeBacking;
  Backing B;
  ASSERT_EQ(reserveMemory(Large, &LargeBase), 0);
  ASSERT_EQ(Subject.commit(LargeBase, Large, Pattern, 0, &LargeBacking), 0);
  ASSERT_TRUE(LargeBacking.hasWindow());

  ASSERT_EQ(reserveMemory(MiB, &Base), 0);
  ASSERT_EQ(Subject.commit(Base, MiB, Pattern, 0, &B), 0);
  EXPECT_EQ(B.Kind, Backend::Memset);
  Subject.forget(MiB, B);
  unmapMemory(Base, MiB);

  Subject.forget(Large, LargeBacking);
  unmapMemory(LargeBase, Large);
  ASSERT_EQ(reserveMemory(MiB, &Base), 0);
  ASSERT_EQ(Subject.commit(Base, MiB, Pattern, 0, &B), 0);
  EXPECT_TRUE(B.hasWindow());
  Subject.forget(MiB, B);
  unmapMemory(Base, MiB);
  Subject.close();
}

} // namespace
