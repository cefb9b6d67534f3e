// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The header of a large block in use, overwritten by a program's bug or by
// whoever exploits it: each use of it ends the process with the same report,
// before anything is unmapped, kept, counted or linked by what it says. With
// memory tags stray writes are faults before that; here they are made by
// pointers with the header's tag.

#include "tests/allocator/heap.h"

#include "allocator/large_block.h"

#include <signal.h>
#include <unistd.h>

using namespace refpage_test;
using refpage::LargeHeader;
using refpage::uptr;

// Without a prototype in glibc's headers.
extern "C" int malloc_iterate(uintptr_t Base, size_t Size,
                              void (*Callback)(uintptr_t, size_t, void *),
                              void *Arg);
extern "C" void malloc_disable();
extern "C" void malloc_enable();

namespace {

constexpr size_t Size = 300 * KiB;
constexpr char Report[] =
    "^Scudo ERROR: corrupted large block header at address 0x[0-9a-f]+\n";

LargeHeader *headerOf(void *Ptr) {
  return refpage::getLargeHeader(
      reinterpret_cast<void *>(placeOf(Ptr) - scudo::Chunk::getHeaderSize()));
}

class LargeHeaderDeathTest : public testing::Test {
protected:
  // Three in a row, so that the one in the middle has links to both sides.
  void SetUp() override {
    Before = malloc(Size);
    Ptr = malloc(Size);
    After = malloc(Size);
    H = headerOf(Ptr);
    ASSERT_TRUE(H->isSealed());
  }
  void TearDown() override {
    free(Before);
    free(Ptr);
    free(After);
  }
  void *Before = nullptr;
  void *Ptr = nullptr;
  void *After = nullptr;
  LargeHeader *H = nullptr;
};

// What each of the fields would have done is in the name.
TEST_F(LargeHeaderDeathTest, WhatWouldBeUnmapped) {
  EXPECT_DEATH((H->Span.MapBase -= Page, free(Ptr)), Report);
  EXPECT_DEATH((H->Span.MapSize += Page, free(Ptr)), Report);
}

TEST_F(LargeHeaderDeathTest, WhatWouldBeHandedOutAgain) {
  EXPECT_DEATH((H->Span.CommitBase -= Page, free(Ptr)), Report);
  EXPECT_DEATH((H->Span.CommitSize += Page, free(Ptr)), Report);
}

TEST_F(LargeHeaderDeathTest, IndicesOfSourceAndWindow) {
  EXPECT_DEATH((H->Span.Backed.Source++, free(Ptr)), Report);
  EXPECT_DEATH((H->Span.Backed.Window++, free(Ptr)), Report);
}

TEST_F(LargeHeaderDeathTest, WhatBacksIt) {
  refpage::Backing &B = H->Span.Backed;
  EXPECT_DEATH((B.Kind = static_cast<refpage::Backend>(99), free(Ptr)), Report);
  EXPECT_DEATH((B.Holds.Pattern ^= 1, free(Ptr)), Report);
  EXPECT_DEATH((B.Holds.Tag ^= 1, free(Ptr)), Report);
}

TEST_F(LargeHeaderDeathTest, WhatWouldBeLookedAtWhenItIsUsedAgain) {
  refpage::Backing &B = H->Span.Backed;
  EXPECT_DEATH((B.FilledBytes += Page, free(Ptr)), Report);
  EXPECT_DEATH((B.FilledMappings++, free(Ptr)), Report);
  EXPECT_DEATH((B.FirstView += Page, free(Ptr)), Report);
  EXPECT_DEATH((B.ViewSize += Page, free(Ptr)), Report);
}

TEST_F(LargeHeaderDeathTest, CountsOfItsUses) {
  EXPECT_DEATH((H->Span.Reuses++, free(Ptr)), Report);
  EXPECT_DEATH((H->Span.IsPart = !H->Span.IsPart, free(Ptr)), Report);
  EXPECT_DEATH((H->Span.WrittenBytes += Page, free(Ptr)), Report);
  EXPECT_DEATH((H->Span.Views.Written += Page, free(Ptr)), Report);
}

TEST_F(LargeHeaderDeathTest, WhatWouldNotBeUnmappedSinceItMoved) {
  EXPECT_DEATH((H->MovedBase = H->Span.CommitBase, free(Ptr)), Report);
  EXPECT_DEATH((H->MovedEnd = H->Span.CommitBase, free(Ptr)), Report);
}

TEST_F(LargeHeaderDeathTest, TheSeal) {
  EXPECT_DEATH((H->Seal ^= 1, free(Ptr)), Report);
}

void useHeapAndExit(int) {
  free(malloc(Size));
  _exit(static_cast<int>(mallinfo2().uordblks != 0) + 6);
}

TEST_F(LargeHeaderDeathTest, AHandlerOfTheReportMayUseTheHeap) {
  EXPECT_EXIT(
      (signal(SIGABRT, useHeapAndExit), alarm(20), H->Seal ^= 1, free(Ptr)),
      testing::ExitedWithCode(7), Report);
}

// A header is good for its own place only.
TEST_F(LargeHeaderDeathTest, TheHeaderOfAnotherBlock) {
  EXPECT_DEATH((memcpy(H, headerOf(After), sizeof(*H)), free(Ptr)), Report);
}

TEST_F(LargeHeaderDeathTest, LinksThatLeadElsewhere) {
  LargeHeader *Fake = static_cast<LargeHeader *>(After);
  memset(After, 0, sizeof(*Fake));
  EXPECT_DEATH((H->Prev = Fake, free(Ptr)), Report);
  EXPECT_DEATH((H->Next = Fake, free(Ptr)), Report);
}

// Upstream's list takes it for its first or last block then.
TEST_F(LargeHeaderDeathTest, LinksThatLeadNowhere) {
  EXPECT_DEATH((H->Prev = nullptr, free(Ptr)), Report);
  EXPECT_DEATH((H->Next = nullptr, free(Ptr)), Report);
}

TEST_F(LargeHeaderDeathTest, LinksToABlockThatLeadsBackOnOneSide) {
  EXPECT_DEATH((H->Next = headerOf(Before), free(Ptr)), Report);
  EXPECT_DEATH((H->Prev = headerOf(After), free(Ptr)), Report);
}

TEST_F(LargeHeaderDeathTest, FoundByRealloc) {
  for (size_t NewSize : {Size / 8, 2 * Size, 16 * MiB})
    EXPECT_DEATH((H->Span.CommitSize += MiB, (void)!realloc(Ptr, NewSize)),
                 Report);
}

TEST_F(LargeHeaderDeathTest, FoundByMallocUsableSize) {
  EXPECT_DEATH((H->Span.CommitSize += MiB, (void)!malloc_usable_size(Ptr)),
               Report);
}

TEST_F(LargeHeaderDeathTest, LinksAreCheckedByMallocIterate) {
  LargeHeader *Fake = static_cast<LargeHeader *>(After);
  memset(After, 0, sizeof(*Fake));
  EXPECT_DEATH(
      {
        H->Next = Fake;
        malloc_disable();
        malloc_iterate(
            0, UINTPTR_MAX, [](uintptr_t, size_t, void *) {}, nullptr);
        malloc_enable();
      },
      Report);
}

TEST_F(LargeHeaderDeathTest, ABlockThatReallocMoved) {
  void *Large = malloc(4 * MiB);
  void *Moved = realloc(Large, 64 * MiB);
  ASSERT_NE(Moved, nullptr);
  EXPECT_TRUE(headerOf(Moved)->isSealed());
  EXPECT_DEATH((headerOf(Moved)->Span.MapSize += Page, free(Moved)), Report);
  free(Moved);
}

TEST_F(LargeHeaderDeathTest, AnAlignedBlock) {
  // Its headers are in the page before it.
  void *Aligned = aligned_alloc(Page, Size);
  LargeHeader *Header = headerOf(Aligned);
  ASSERT_TRUE(Header->isSealed());
  EXPECT_DEATH((Header->Span.MapSize += Page, free(Aligned)), Report);
  free(Aligned);
}

// Somebody who brings the headers of a freed block back gets no further by
// them.
TEST_F(LargeHeaderDeathTest, BothHeadersOfAFreedBlockBroughtBack) {
  constexpr size_t Bytes = sizeof(LargeHeader) + 16;
  EXPECT_DEATH_OR_TAG_FAULT(
      {
        char Saved[Bytes];
        memcpy(Saved, H, Bytes);
        free(Ptr);
        memcpy(H, Saved, Bytes);
        free(Ptr);
      },
      Report);
}

// Freed blocks are known by what is noted elsewhere.
TEST(LargeHeaderTest, ThatOfAFreedBlockIsNotRead) {
  if (refpage::areBlocksTagged())
    GTEST_SKIP() << "a freed block cannot be written to";
  for (int Round = 0; Round != 10; Round++) {
    char *Ptr = static_cast<char *>(malloc(Size));
    LargeHeader *H = headerOf(Ptr);
    free(Ptr);
    memset(static_cast<void *>(H), 0x41 + Round, sizeof(*H) + 16);
    if (Round % 3 == 1)
      malloc_trim(0);
    Ptr = static_cast<char *>(malloc(Size));
    ASSERT_NE(Ptr, nullptr);
    EXPECT_TRUE(headerOf(Ptr)->isSealed());
    expectPattern(Ptr, 0, Size);
    free(Ptr);
  }
}

TEST(LargeHeaderTest, EachBitOfItIsSealed) {
  void *Ptr = malloc(Size);
  LargeHeader *H = headerOf(Ptr);
  ASSERT_TRUE(H->isSealed());
  auto *Bytes = reinterpret_cast<unsigned char *>(H);
  for (size_t Byte = offsetof(LargeHeader, Span); Byte != sizeof(*H); Byte++) {
    for (int Bit = 0; Bit != 8; Bit++) {
      const unsigned char Is = Bytes[Byte];
      Bytes[Byte] = static_cast<unsigned char>(Is ^ 1U << Bit);
      EXPECT_FALSE(H->isSealed()) << Byte << "." << Bit;
      Bytes[Byte] = Is;
    }
  }
  EXPECT_TRUE(H->isSealed());
  free(Ptr);
}

TEST(LargeHeaderTest, ChildrenUseAndFreeTheirParentsBlocks) {
  void *Ptr = malloc(4 * MiB);
  EXPECT_EXIT(
      {
        Ptr = realloc(Ptr, 16 * MiB);
        free(Ptr);
        _exit(0);
      },
      testing::ExitedWithCode(0), "");
  free(Ptr);
}

// Without keys the hash of an empty header would be that of its address.
TEST(LargeHeaderTest, TheKeysWereDrawn) {
  static LargeHeader Empty;
  memset(static_cast<void *>(&Empty), 0, sizeof(Empty));
  Empty.seal();
  const uintptr_t Address = reinterpret_cast<uintptr_t>(&Empty);
  EXPECT_NE(Empty.Seal, (Address & 0xffffffff) * (Address >> 32));
}

} // namespace
