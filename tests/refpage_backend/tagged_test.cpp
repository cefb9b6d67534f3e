// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Memory whose contents have a tag. All reads are by pointers with the tag that
// the memory should have, under checks: a wrong one is a signal.
//
// The linker sends the calls of mmap() and mprotect() here (--wrap), so that
// tags can be refused.

#include "platform/kernel_refpage.h"
#include "platform/mapping.h"
#include "platform/memory_tag.h"
#include "platform/tag_support.h"
#include "refpage_backend/backends.h"
#include "tests/support/memory.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <errno.h>
#include <memory>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <tuple>
#include <unistd.h>
#include <vector>

using namespace refpage;
using namespace refpage_test;

namespace {

constexpr int ProtMte = 0x20;

enum class Refused { Nothing, TagsOfFiles, TagsOfAll };
Refused Refusing = Refused::Nothing;

bool isRefused(int Protection, bool IsFile) {
  if (!(Protection & ProtMte) || Refusing == Refused::Nothing ||
      (Refusing == Refused::TagsOfFiles && !IsFile))
    return false;
  errno = EINVAL;
  return true;
}

} // namespace

extern "C" {

void *__real_mmap(void *Address, size_t Size, int Protection, int Flags, int Fd,
                  off_t Offset);
void *__wrap_mmap(void *Address, size_t Size, int Protection, int Flags, int Fd,
                  off_t Offset) {
  return isRefused(Protection, Fd != -1)
             ? MAP_FAILED
             : __real_mmap(Address, Size, Protection, Flags, Fd, Offset);
}

int __real_mprotect(void *Address, size_t Size, int Protection);
int __wrap_mprotect(void *Address, size_t Size, int Protection) {
  return isRefused(Protection, false)
             ? -1
             : __real_mprotect(Address, Size, Protection);
}

} // extern "C"

namespace {

constexpr uptr Page = 4096;
constexpr uptr KiB = 1UL << 10;
constexpr uptr MiB = 1UL << 20;
constexpr uptr Size = 2 * MiB;
constexpr u64 Pattern = 0x0123456789abcdef;
constexpr Contents Five = {Pattern, 5};
constexpr Contents Six = {Pattern, 6};
constexpr Contents ZeroFive = {0, 5};

u32 index(Backend Kind) { return static_cast<u32>(Kind); }
u32 index(Reason Why) { return static_cast<u32>(Why); }

class TaggedTest : public testing::Test {
protected:
  struct Block {
    uptr Base = 0;
    uptr Size = 0;
    Backing Backed;

    char *at(uptr Offset, u8 Tag) const {
      return reinterpret_cast<char *>(withTag(Base + Offset, Tag));
    }
    char *at(uptr Offset) const { return at(Offset, Backed.Holds.Tag); }
  };

  void SetUp() override {
    if (!hasMemoryTags())
      GTEST_SKIP() << "no memory tags here";
    Before = getTagChecks();
    ASSERT_EQ(setTagChecks(TagChecks::Sync), 0);
    IsSet = true;
    Support = getTagSupport(); // While nothing is refused.
    ASSERT_TRUE(Support.Memory);
    init(BackendRequest::Auto);
  }
  void TearDown() override {
    Refusing = Refused::Nothing;
    if (!IsSet)
      return;
    for (const Block &B : Blocks)
      drop(B);
    const BackendStats Stats = stats();
    EXPECT_EQ(Stats.ExtraMappings, 0U);
    EXPECT_EQ(Stats.Windows.LiveBytes, 0U);
    Subject->close();
    EXPECT_TRUE(listWindowDescriptors().empty());
    setTagChecks(Before);
  }
  void init(BackendRequest Request) {
    Subject = std::make_unique<Backends>();
    Subject->init(Request, 64 * MiB);
  }

  const Block &make(const Contents &Holds, uptr Front = 0,
                    uptr BlockSize = Size) {
    Block B;
    B.Size = BlockSize;
    EXPECT_EQ(reserveMemory(BlockSize, &B.Base), 0);
    EXPECT_EQ(Subject->commit(B.Base, BlockSize, Holds, Front, &B.Backed), 0);
    Blocks.push_back(B);
    return Blocks.back();
  }
  void drop(const Block &B) {
    Subject->forget(B.Size, B.Backed);
    unmapMemory(B.Base, B.Size);
  }
  static void scribble(const Block &B, uptr From = 0) {
    for (uptr I = From; I < B.Size; I += 37 * Page)
      memset(B.at(I), 1, 100);
  }

  // All bytes and all tags.
  static void expectContents(const Block &B, const Contents &Holds,
                             uptr From = 0, uptr To = 0) {
    ASSERT_EQ(B.Backed.Holds.Tag, Holds.Tag);
    To = To ? To : B.Size;
    for (uptr I = From; I != To; I += TagGranule)
      ASSERT_EQ(loadTag(B.Base + I), Holds.Tag) << "at " << I;
    EXPECT_EQ(findNotPattern(B.at(0), From, To, Holds.Pattern), -1);
  }
  // Whether what backs a sparse block here is what is expected.
  bool isSparse(const Backing &B) const {
    return Support.Files ? B.hasWindow() : B.Kind == Backend::TagStore;
  }
  BackendStats stats() {
    BackendStats Stats = {};
    Subject->getStats(&Stats);
    return Stats;
  }

  std::unique_ptr<Backends> Subject;
  std::vector<Block> Blocks;
  TagSupport Support;
  TagChecks Before = TagChecks::Off;
  bool IsSet = false;
};

// --- fresh blocks ----------------------------------------------------------

TEST_F(TaggedTest, SparseBlocksHoldPatternAndTag) {
  const Block &B = make(Five);
  EXPECT_TRUE(isSparse(B.Backed));
  expectContents(B, Five);
}

TEST_F(TaggedTest, ZerosWithATagAreNoKernelZeros) {
  const Block &B = make(ZeroFive);
  EXPECT_TRUE(isSparse(B.Backed));
  expectContents(B, ZeroFive);
}

TEST_F(TaggedTest, WrittenPagesKeepTheTag) {
  const Block &B = make(Five);
  for (uptr I = 0; I < Size; I += 37 * Page) {
    *B.at(I + 99) = 1;
    for (uptr J = 0; J != Page; J += TagGranule)
      ASSERT_EQ(loadTag(B.Base + I + J), 5);
  }
}

TEST_F(TaggedTest, DenseBlocksAreTagStored) {
  const Block &B = make(Five, Size);
  EXPECT_EQ(B.Backed.Kind, Backend::TagStore);
  EXPECT_EQ(B.Backed.FilledBytes, Size);
  expectContents(B, Five);
}

TEST_F(TaggedTest, WhatIsAskedForIsTagStored) {
  init(BackendRequest::Memset);
  const Block &B = make(Five);
  EXPECT_EQ(B.Backed.Kind, Backend::TagStore);
  expectContents(B, Five);
  const BackendStats Stats = stats();
  EXPECT_EQ(Stats.Blocks[index(Backend::TagStore)], 1U);
  EXPECT_EQ(Stats.FilledBytes, Size);
  EXPECT_EQ(Stats.Reasons[index(Reason::Requested)], 1U);
}

TEST_F(TaggedTest, AFrontAndTheViewsBehindItHaveTheSameTag) {
  const Block &B = make(Five, MiB);
  EXPECT_TRUE(isSparse(B.Backed));
  expectContents(B, Five);
}

TEST_F(TaggedTest, SmallBlocksAreTagStored) {
  const Block &B = make(Five, 0, 4 * Page);
  EXPECT_EQ(B.Backed.Kind, Backend::TagStore);
  expectContents(B, Five);
}

TEST_F(TaggedTest, AWrongTagIsASignal) {
  for (uptr Front : {uptr(0), Size}) {
    const Block &B = make(Five, Front);
    EXPECT_EXIT(*static_cast<volatile char *>(B.at(MiB, 6)) = 1,
                testing::KilledBySignal(SIGSEGV), "");
    EXPECT_EXIT(static_cast<void>(*static_cast<volatile char *>(B.at(MiB, 0))),
                testing::KilledBySignal(SIGSEGV), "");
  }
}

// --- windows ---------------------------------------------------------------

class TaggedWindowTest : public TaggedTest {
protected:
  void SetUp() override {
    TaggedTest::SetUp();
    if (IsSet && !Support.Files)
      GTEST_SKIP() << "memory files do not keep tags here";
  }
};

TEST_F(TaggedWindowTest, TakeNoMemoryUntilTheyAreWritten) {
  make(Five); // The window is there from now on.
  const size_t Resident = getResidentBytes();
  make(Five, 0, 64 * MiB);
  EXPECT_LT(getResidentBytes(), Resident + 3 * MiB);
  const BackendStats Stats = stats();
  EXPECT_EQ(Stats.Blocks[index(Blocks[0].Backed.Kind)], 2U);
  EXPECT_EQ(Stats.NeverFilledBytes, 64 * MiB + Size);
  EXPECT_EQ(Stats.FilledBytes, 0U);
}

// Bytes and tags alike.
TEST_F(TaggedWindowTest, DiscardingRestores) {
  const Block &B = make(Five);
  scribble(B);
  storeTags(B.Base + 10 * Page, 3 * Page, 9);
  ASSERT_TRUE(Subject->discard(B.Base, Size));
  expectContents(B, Five);
}

TEST_F(TaggedWindowTest, TagsStoredInABlockAreNoOthersTags) {
  const Block First = make(Five);
  const Block Second = make(Five);
  ASSERT_EQ(First.Backed.Window, Second.Backed.Window);
  storeTags(First.Base, Size, 9);
  {
    ScopedUncheckedAccess Unchecked;
    memset(First.at(0), 1, Size);
  }
  expectContents(Second, Five);
  expectContents(make(Five), Five);
}

TEST_F(TaggedWindowTest, NothingStoresTagsInAWindow) {
  init(BackendRequest::Memfd);
  const Block B = make(Five);
  const std::vector<int> Windows = listWindowDescriptors();
  ASSERT_EQ(Windows.size(), 1U);
  for (int Flags : {PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE | ProtMte}) {
    EXPECT_EQ(mmap(nullptr, Page, Flags, MAP_SHARED, Windows[0], 0),
              MAP_FAILED);
    EXPECT_EQ(errno, EPERM);
  }
  void *Shared =
      mmap(nullptr, Page, PROT_READ | ProtMte, MAP_SHARED, Windows[0], 0);
  ASSERT_NE(Shared, MAP_FAILED);
  EXPECT_EQ(mprotect(Shared, Page, PROT_READ | PROT_WRITE | ProtMte), -1);
  const uptr Address = reinterpret_cast<uptr>(Shared);
  EXPECT_EQ(loadTag(Address), 5);
  EXPECT_EXIT(storeTags(Address, TagGranule, 9),
              testing::KilledBySignal(SIGSEGV), "");
  munmap(Shared, Page);
  expectContents(B, Five);
}

TEST_F(TaggedWindowTest, ThereIsOneSourceForEachPatternAndTag) {
  const Backing First = make(Five).Backed;
  const Backing Second = make(Five).Backed;
  const Backing OtherTag = make(Six).Backed;
  const Backing OtherPattern = make({~Pattern, 5}).Backed;
  const Backing Zeros = make(ZeroFive).Backed;
  const Backing Untagged = make({Pattern, 0}).Backed;
  EXPECT_EQ(First.Source, Second.Source);
  EXPECT_EQ(First.Window, Second.Window);
  const std::vector<u8> Sources = {First.Source, OtherTag.Source,
                                   OtherPattern.Source, Zeros.Source,
                                   Untagged.Source};
  for (size_t I = 0; I != Sources.size(); I++)
    EXPECT_EQ(std::count(Sources.begin(), Sources.end(), Sources[I]), 1);
  EXPECT_EQ(stats().Windows.WindowsMade, Sources.size());
  for (const Block &B : Blocks)
    expectContents(B, B.Backed.Holds);
}

// All tags and two contents; more patterns than there is room for are filled.
TEST_F(TaggedWindowTest, AllTagsHaveRoomForPatternAndZeros) {
  for (u64 Holds : {Pattern, uint64_t(0)})
    for (u8 Tag = 1; Tag != NumTags; Tag++)
      EXPECT_TRUE(make({Holds, Tag}, 0, 256 * KiB).Backed.hasWindow());
  for (u64 Other = 1; Other != 20; Other++)
    make({Other, 5}, 0, 256 * KiB);
  for (const Block &B : Blocks)
    expectContents(B, B.Backed.Holds);
  EXPECT_GT(stats().Reasons[index(Reason::NoWindow)], 0U);
}

TEST_F(TaggedWindowTest, AreTheKernelsOwnWhereItHasThem) {
  const bool HasThem = access(REFPAGE_DEVICE_PATH, F_OK) == 0 ||
                       access(REFPAGE_SYSCALL_NR_PATH, F_OK) == 0;
  EXPECT_EQ(make(Five).Backed.Kind != Backend::MemfdWindow, HasThem);
}

// There may be a window of each size for each tag.
TEST_F(TaggedWindowTest, AreSmall) {
  init(BackendRequest::Memfd);
  for (uptr Large :
       {uptr(256 * KiB), 16 * MiB, 256 * MiB, 1024 * MiB, 2048 * MiB}) {
    const Block B = make(Five, 0, Large);
    ASSERT_EQ(B.Backed.Kind, Backend::MemfdWindow);
    EXPECT_LE(B.Backed.ViewSize,
              std::max(2 * MiB, stats().Windows.LiveBytes / 128))
        << Large;
    EXPECT_EQ(loadTag(B.Base + Large - TagGranule), 5);
    EXPECT_LE(stats().Windows.OwnMemory,
              std::max(MiB, stats().Windows.LiveBytes / 64));
  }
  EXPECT_GE(Blocks.back().Backed.ViewSize, MiB);
}

TEST_F(TaggedWindowTest, OfAllTagsTakeLittle) {
  for (u8 Tag = 1; Tag != NumTags; Tag++)
    make({Pattern, Tag}, 0, 16 * MiB);
  // A MiB each at most.
  EXPECT_LE(stats().Windows.OwnMemory, 15 * MiB);
}

TEST_F(TaggedWindowTest, AreReplacedWhereTheDescriptorIsLost) {
  make(Five);
  const std::vector<int> Windows = listWindowDescriptors();
  ASSERT_EQ(Windows.size(), 1U);
  const int Own = makePatternFile(Size, 0x5858585858585858);
  ASSERT_NE(Own, -1);
  ASSERT_EQ(dup2(Own, Windows[0]), Windows[0]);
  const Block B = make(Five);
  EXPECT_TRUE(B.Backed.hasWindow());
  expectContents(B, Five);
  expectContents(Blocks.front(), Five);
  EXPECT_EQ(stats().Windows.WindowsLost, 1U);
  close(Windows[0]);
  close(Own);
}

// --- another use -----------------------------------------------------------

// Windows, filled memory, both; scribbled on, discarded; with a new tag and
// perhaps other contents.
class RenewTest
    : public TaggedTest,
      public testing::WithParamInterface<
          std::tuple<BackendRequest, uptr /*Front*/, bool /*Discard*/,
                     bool /*Other contents*/, uptr /*Unused*/>> {};

TEST_P(RenewTest, HoldsNewContentsAndTagAllOver) {
  const auto [Request, Front, Discard, OtherContents, Unused] = GetParam();
  init(Request);
  make(Five, Front);
  Block &B = Blocks.back();
  const Contents Wanted = {OtherContents ? 0 : Pattern, 6};
  if (!Subject->canHold(B.Backed, Size, Wanted, Front))
    GTEST_SKIP() << "it is no place for that";
  for (u8 Tag = 6; Tag != 8; Tag++) {
    scribble(B, Unused);
    const bool Discarded = Discard && Subject->discard(B.Base, Size);
    Restored R;
    const Contents Next = {Wanted.Pattern, Tag};
    ASSERT_EQ(Subject->renew(B.Base, Size, Unused, Next, Discarded, {},
                             &B.Backed, &R),
              0);
    EXPECT_TRUE(B.Backed.Holds == Next);
    expectContents(B, Next, Unused);
    if (Unused == 0 && !Discarded && !OtherContents &&
        isFilled(B.Backed.Kind)) {
      // What was written, and no more, counts as that.
      EXPECT_EQ(R.Filled, (Size / Page + 36) / 37 * Page);
    }
  }
  EXPECT_EQ(stats().Windows.LiveBytes, B.Backed.hasWindow() ? Size : 0);
  EXPECT_EQ(stats().ExtraMappings, B.Backed.countExtraMappings(Size));
}

INSTANTIATE_TEST_SUITE_P(
    All, RenewTest,
    testing::Combine(testing::Values(BackendRequest::Auto,
                                     BackendRequest::Memset),
                     testing::Values(uptr(0), MiB, Size), testing::Bool(),
                     testing::Bool(), testing::Values(uptr(0), 3 * Page)));

TEST_F(TaggedTest, OldPointersToARenewedBlockAreStale) {
  for (uptr Front : {uptr(0), MiB, Size}) {
    make(Five, Front);
    Block &B = Blocks.back();
    scribble(B);
    Restored R;
    ASSERT_EQ(Subject->renew(B.Base, Size, 0, Six, false, {}, &B.Backed, &R),
              0);
    for (uptr I : {uptr(0), MiB / 2, 3 * MiB / 2, Size - 1})
      EXPECT_EXIT(static_cast<void>(*static_cast<volatile char *>(B.at(I, 5))),
                  testing::KilledBySignal(SIGSEGV), "");
  }
}

TEST_F(TaggedTest, TaggedAndUntaggedBlocksAreNoPlaceForEachOther) {
  for (uptr Front : {uptr(0), Size}) {
    const Backing Tagged = make(Five, Front).Backed;
    const Backing Untagged = make({Pattern, 0}, Front).Backed;
    EXPECT_FALSE(Subject->canHold(Tagged, Size, {Pattern, 0}, Front));
    EXPECT_FALSE(Subject->canHold(Tagged, Size, {}, Front));
    EXPECT_FALSE(Subject->canHold(Untagged, Size, Five, Front));
    EXPECT_FALSE(Subject->canHold(make({}).Backed, Size, ZeroFive, Front));
  }
}

TEST_F(TaggedWindowTest, WithoutAWindowForTheNewTagABlockIsFilled) {
  make(Five, MiB);
  Block &B = Blocks.back();
  scribble(B);
  rlimit Old;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &Old), 0);
  rlimit None = Old;
  None.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &None), 0);
  Restored R;
  const int Error =
      Subject->renew(B.Base, Size, 0, Six, false, {}, &B.Backed, &R);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &Old), 0);
  ASSERT_EQ(Error, 0);
  EXPECT_EQ(B.Backed.Kind, Backend::TagStore);
  expectContents(B, Six);
  const BackendStats Stats = stats();
  EXPECT_EQ(Stats.Reasons[index(Reason::NoWindow)], 1U);
  EXPECT_EQ(Stats.LastErrors[index(Reason::NoWindow)], EMFILE);
}

// --- reshaping -------------------------------------------------------------

TEST_F(TaggedTest, ABlockGrowsByMemoryOfItsTag) {
  for (uptr Front : {uptr(0), MiB, Size}) {
    for (uptr Expected : {uptr(0), 5 * MiB, 8 * MiB}) {
      Block B;
      B.Size = 8 * MiB;
      ASSERT_EQ(reserveMemory(B.Size, &B.Base), 0);
      ASSERT_EQ(Subject->commit(B.Base, Size, Five, Front, &B.Backed), 0);
      const bool IsView = B.Backed.hasWindow();
      const int Error = Subject->extend(B.Base, Size, 8 * MiB - Size, Five,
                                        Expected, &B.Backed);
      ASSERT_EQ(Error, 0);
      EXPECT_TRUE(!IsView || B.Backed.hasWindow());
      Blocks.push_back(B);
      expectContents(B, Five);
    }
  }
}

TEST_F(TaggedWindowTest, AViewDoesNotGrowByAnotherTag) {
  Block B;
  B.Size = 8 * MiB;
  ASSERT_EQ(reserveMemory(B.Size, &B.Base), 0);
  ASSERT_EQ(Subject->commit(B.Base, Size, Five, 0, &B.Backed), 0);
  EXPECT_NE(Subject->extend(B.Base, Size, Size, Six, 0, &B.Backed), 0);
  EXPECT_NE(Subject->extend(B.Base, Size, Size, {Pattern, 0}, 0, &B.Backed), 0);
  Subject->forget(Size, B.Backed);
  unmapMemory(B.Base, B.Size);
}

TEST_F(TaggedTest, PartsOfABlockKeepTheTag) {
  for (uptr Front : {uptr(0), MiB, Size}) {
    for (uptr Cut : {64 * KiB, MiB, 3 * MiB / 2}) {
      make(Five, Front);
      constexpr uptr Gap = 2 * Page;
      Block &Rest = Blocks.back();
      Block First = Rest;
      First.Size = Cut - Gap;
      Subject->split(Rest.Size, Cut - Gap, Gap, &Rest.Backed, &First.Backed);
      unmapMemory(Rest.Base + Cut - Gap, Gap);
      Rest.Base += Cut;
      Rest.Size -= Cut;
      Blocks.push_back(First);
      for (size_t I : {Blocks.size() - 1, Blocks.size() - 2}) {
        Block &B = Blocks[I];
        expectContents(B, Five);
        Restored R;
        ASSERT_EQ(
            Subject->renew(B.Base, B.Size, 0, Six, false, {}, &B.Backed, &R),
            0);
        expectContents(B, Six);
      }
    }
  }
}

// As realloc() does it: a head of fresh memory, whose tag is the caller's
// matter, and the pages.
TEST_F(TaggedTest, AMovedBlockKeepsTheTag) {
  if (!Support.Moves)
    GTEST_SKIP() << "mremap() loses tags here";
  for (uptr Front : {uptr(0), MiB, Size}) {
    const Block Old = make(Five, Front);
    scribble(Old);
    Block New;
    New.Size = Size;
    ASSERT_EQ(reserveMemory(Size, &New.Base), 0);
    ASSERT_EQ(commitReserved(New.Base, Page, MemoryTags::Allowed), 0);
    storeTags(New.Base, Page, 5);
    const Backing Planned =
        Backends::planMove(Old.Backed, Page, Page, Size - Page);
    New.Backed = Planned;
    ASSERT_EQ(Subject->move(Old.Base + Page, New.Base + Page, Size - Page,
                            Old.Backed.withoutFront(Page), &New.Backed, Page,
                            Size),
              0);
    Backing Gone = Old.Backed;
    Subject->finishMove(Size, &Gone, Size, Planned);
    unmapMemory(Old.Base, Page);
    Blocks.back() = New;
    for (uptr I = 0; I != Size; I += TagGranule)
      ASSERT_EQ(loadTag(New.Base + I), 5);
    EXPECT_EQ(*New.at(37 * Page), 1);
    EXPECT_EQ(findNotPattern(New.at(0), 38 * Page, 74 * Page, Pattern), -1);
    Restored R;
    ASSERT_EQ(Subject->renew(New.Base, Size, 0, Six, false, {},
                             &Blocks.back().Backed, &R),
              0);
    expectContents(Blocks.back(), Six);
  }
}

TEST_F(TaggedTest, PiecesGetTheTagThatIsWanted) {
  const Block B = make(Five, Size);
  scribble(B);
  const Restored R = Subject->restorePiece(B.Base, Size, Six);
  EXPECT_EQ(R.Filled, (Size / Page + 36) / 37 * Page);
  Blocks.back().Backed.Holds = Six;
  expectContents(Blocks.back(), Six);
}

// --- where tags are refused ------------------------------------------------

class RefusedTagsTest : public TaggedTest,
                        public testing::WithParamInterface<
                            std::tuple<BackendRequest, uptr, u64>> {};

// Memory without a tag, as it should read.
TEST_P(RefusedTagsTest, BlocksGoWithout) {
  const auto [Request, Front, Holds] = GetParam();
  init(Request);
  Refusing = Refused::TagsOfAll;
  for (int I = 0; I != 3; I++) {
    const Block B = make({Holds, 5}, Front);
    EXPECT_FALSE(B.Backed.hasWindow());
    EXPECT_EQ(B.Backed.Holds.Tag, 0);
    EXPECT_NE(B.Backed.Kind, Backend::TagStore);
    expectContents(B, {Holds, 0});
  }
  Refusing = Refused::Nothing;
  const BackendStats Stats = stats();
  EXPECT_EQ(Stats.Reasons[index(Reason::TagsRefused)], 3U);
  EXPECT_EQ(Stats.LastErrors[index(Reason::TagsRefused)], EINVAL);
  EXPECT_EQ(Stats.Blocks[index(Backend::TagStore)], 0U);
  // And with, as soon as it can be.
  const Block B = make({Holds, 5}, Front);
  EXPECT_EQ(B.Backed.Holds.Tag, 5);
}

INSTANTIATE_TEST_SUITE_P(
    All, RefusedTagsTest,
    testing::Combine(testing::Values(BackendRequest::Auto,
                                     BackendRequest::Memset,
                                     BackendRequest::Memfd),
                     testing::Values(uptr(0), MiB, Size),
                     testing::Values(Pattern, u64(0))));

// A block with windows cannot be renewed: it is the caller's to unmap.
TEST_F(TaggedWindowTest, ABlockThatCannotBeTaggedAnewIsGivenUp) {
  make(Five);
  Block &B = Blocks.back();
  scribble(B);
  make(Six, 0, 256 * KiB); // Its window is there.
  Refusing = Refused::TagsOfAll;
  Restored R;
  EXPECT_EQ(Subject->renew(Blocks[0].Base, Size, 0, Six, false, {},
                           &Blocks[0].Backed, &R),
            ENOMEM);
  Refusing = Refused::Nothing;
  EXPECT_EQ(Blocks[0].Backed.Holds.Tag, 5);
}

TEST_F(TaggedTest, WithoutTagsInFilesBlocksAreTagStored) {
  Refusing = Refused::TagsOfFiles;
  const Block B = make(Five);
  EXPECT_EQ(B.Backed.Kind, Backend::TagStore);
  expectContents(B, Five);
  EXPECT_FALSE(probeTagSupport().Files);
  EXPECT_TRUE(probeTagSupport().Memory);
}

TEST_F(TaggedTest, TheReasonIsThatFilesKeepNone) {
  if (Support.Files)
    GTEST_SKIP() << "memory files keep tags here";
  make(Five);
  EXPECT_EQ(stats().Reasons[index(Reason::NoTagsInFiles)], 1U);
}

} // namespace
