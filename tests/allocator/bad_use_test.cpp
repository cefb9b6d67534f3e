// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Invariant 6, and what a program can do wrong with a large block: it ends as
// upstream's reports say, whatever backs the block; with memory tags often
// sooner, by a fault.

#include "tests/allocator/heap.h"

#include "platform/memory_tag.h"

#include <new>
#include <signal.h>
#include <sys/mman.h>

using namespace refpage_test;

namespace {

// Left as it is when freed, so that its header can still be looked at.
constexpr size_t CachedSize = 300 * KiB;
// Inaccessible when freed.
constexpr size_t ProtectedSize = 4 * MiB;

class BadUseDeathTest : public testing::Test {
protected:
  void SetUp() override {
    Cached = static_cast<char *>(malloc(CachedSize));
    Protected = static_cast<char *>(malloc(ProtectedSize));
  }
  void TearDown() override {
    free(Cached);
    free(Protected);
  }
  char *Cached = nullptr;
  char *Protected = nullptr;
};

// Stores that the compiler cannot drop.
void poke(char *Address) { *static_cast<volatile char *>(Address) = 1; }

TEST_F(BadUseDeathTest, DoubleFree) {
  EXPECT_DEATH_OR_TAG_FAULT(
      {
        free(Cached);
        free(Cached);
      },
      "Scudo ERROR: invalid chunk state when deallocating address 0x");
}

TEST_F(BadUseDeathTest, DoubleFreeOfAProtectedBlock) {
  EXPECT_EXIT(
      {
        free(Protected);
        free(Protected);
      },
      testing::KilledBySignal(SIGSEGV), "");
}

TEST_F(BadUseDeathTest, ReallocAfterFree) {
  EXPECT_DEATH_OR_TAG_FAULT(
      {
        free(Cached);
        Cached = static_cast<char *>(realloc(Cached, 2 * CachedSize));
      },
      "Scudo ERROR: invalid chunk state when reallocating address 0x");
}

TEST_F(BadUseDeathTest, FreeOfAPointerIntoABlock) {
  EXPECT_DEATH_OR_TAG_FAULT(
      free(Cached + 16 * KiB),
      "Scudo ERROR: corrupted chunk header at address 0x");
  EXPECT_DEATH_OR_TAG_FAULT(
      free(Protected + MiB),
      "Scudo ERROR: corrupted chunk header at address 0x");
}

TEST_F(BadUseDeathTest, FreeOfAMisalignedPointer) {
  EXPECT_DEATH(free(Cached + 1),
               "Scudo ERROR: misaligned pointer when deallocating address 0x");
}

TEST_F(BadUseDeathTest, FreeOfAWildPointer) {
  EXPECT_EXIT(free(reinterpret_cast<void *>(0x1000)),
              testing::KilledBySignal(SIGSEGV), "");
}

TEST_F(BadUseDeathTest, UsableSizeOfAFreedBlock) {
  EXPECT_DEATH_OR_TAG_FAULT(
      {
        free(Cached);
        malloc_usable_size(Cached);
      },
      "Scudo ERROR: invalid chunk state when sizing address 0x");
}

TEST_F(BadUseDeathTest, OverflowMeetsTheGuardPage) {
  // No gap: the sizes are multiples of the alignment.
  EXPECT_EXIT(poke(Cached + CachedSize), testing::KilledBySignal(SIGSEGV), "");
  EXPECT_EXIT(poke(Protected + ProtectedSize), testing::KilledBySignal(SIGSEGV),
              "");
}

TEST_F(BadUseDeathTest, ReadPastTheEndMeetsTheGuardPage) {
  EXPECT_EXIT(fprintf(stderr, "%d",
                      *static_cast<volatile char *>(Protected + ProtectedSize)),
              testing::KilledBySignal(SIGSEGV), "");
}

TEST_F(BadUseDeathTest, UnderflowBeyondTheHeaderPageMeetsTheGuardPage) {
  EXPECT_EXIT(poke(Protected - 2 * Page), testing::KilledBySignal(SIGSEGV), "");
}

TEST_F(BadUseDeathTest, UnderflowIntoTheHeader) {
  EXPECT_DEATH_OR_TAG_FAULT(
      {
        memset(Protected - 16, 0x41, 16);
        free(Protected);
      },
      "Scudo ERROR: corrupted chunk header at address 0x");
}

// By a pointer whose tag is right.
TEST_F(BadUseDeathTest, TheChecksumOfTheHeaderIsChecked) {
  EXPECT_DEATH(
      {
        {
          refpage::ScopedUncheckedAccess Unchecked;
          memset(Protected - 16, 0x41, 16);
        }
        free(Protected);
      },
      "Scudo ERROR: corrupted chunk header at address 0x");
}

TEST_F(BadUseDeathTest, WriteAfterFreeOfAProtectedBlock) {
  EXPECT_EXIT(
      {
        free(Protected);
        poke(Protected);
      },
      testing::KilledBySignal(SIGSEGV), "");
}

TEST_F(BadUseDeathTest, DeleteOfTheWrongSize) {
  EXPECT_DEATH(
      {
        void *Ptr = operator new(CachedSize);
        operator delete(Ptr, CachedSize + 16);
      },
      "Scudo ERROR: invalid sized delete when deallocating address 0x");
}

// Upstream may give a small block the tag of headers: then there is the report
// where there else is a fault.
#define EXPECT_REPORT_OR_TAG_FAULT(Statement, Message)                         \
  EXPECT_DEATH(Statement,                                                      \
               std::string(refpage::areBlocksTagged() ? "" : (Message)))

// Scudo's Primary, as it is in our heap.
class SmallBlockDeathTest : public testing::Test {
protected:
  static constexpr size_t Size = 48;
  void SetUp() override {
    for (char *&Ptr : Blocks)
      Ptr = static_cast<char *>(malloc(Size));
  }
  void TearDown() override {
    for (char *Ptr : Blocks)
      free(Ptr);
  }
  char *Blocks[200] = {};
};

TEST_F(SmallBlockDeathTest, DoubleFree) {
  EXPECT_DEATH((free(Blocks[0]), free(Blocks[0])),
               "Scudo ERROR: invalid chunk state when deallocating address 0x");
}

TEST_F(SmallBlockDeathTest, FreeOfAPointerIntoABlock) {
  EXPECT_REPORT_OR_TAG_FAULT(
      free(Blocks[0] + 16),
      "Scudo ERROR: corrupted chunk header at address 0x");
  EXPECT_DEATH(free(Blocks[0] + 1),
               "Scudo ERROR: misaligned pointer when deallocating address 0x");
}

TEST_F(SmallBlockDeathTest, UnderflowIntoTheHeader) {
  EXPECT_REPORT_OR_TAG_FAULT(
      (memset(Blocks[0] - 16, 0x41, 16), free(Blocks[0])),
      "Scudo ERROR: corrupted chunk header at address 0x");
}

TEST_F(SmallBlockDeathTest, OverflowIntoTheNextHeader) {
  char *Next = nullptr;
  char *Ptr = nullptr;
  // Of 200 blocks some lie side by side.
  for (char *A : Blocks)
    for (char *B : Blocks)
      if (placeOf(B) == placeOf(A) + malloc_usable_size(A) + 16) {
        Ptr = A;
        Next = B;
      }
  ASSERT_NE(Ptr, nullptr);
  EXPECT_REPORT_OR_TAG_FAULT(
      (memset(Ptr, 0x41, malloc_usable_size(Ptr) + 16), free(Next)),
      "Scudo ERROR: corrupted chunk header at address 0x");
}

TEST_F(SmallBlockDeathTest, DeleteOfTheWrongSize) {
  EXPECT_DEATH(
      {
        void *Ptr = operator new(Size);
        operator delete(Ptr, Size + 16);
      },
      "Scudo ERROR: invalid sized delete when deallocating address 0x");
}

TEST(SmallBlockTest, TheOrderIsRandom) {
  // In order, or in reverse, all but few would be above, or below, the one
  // before.
  constexpr int Count = 1000;
  void *Ptrs[Count];
  int Ascents = 0;
  for (int I = 0; I != Count; I++) {
    Ptrs[I] = malloc(160);
    if (I && placeOf(Ptrs[I]) > placeOf(Ptrs[I - 1]))
      Ascents++;
  }
  for (void *Ptr : Ptrs)
    free(Ptr);
  EXPECT_GT(Ascents, Count / 4);
  EXPECT_LT(Ascents, 3 * Count / 4);
}

// What programs do with blocks and may: stacks with guard pages of their own.
TEST(OwnProtectionTest, BlocksWithInaccessiblePagesCanBeFreed) {
  for (size_t Size : {CachedSize, MiB, ProtectedSize}) {
    for (int Round = 0; Round != 50; Round++) {
      char *Ptr = static_cast<char *>(memalign(Page, Size));
      ASSERT_NE(Ptr, nullptr);
      memset(Ptr, 1, Size);
      ASSERT_EQ(mprotect(Ptr + Size - 4 * Page, Page, PROT_NONE), 0);
      if (Size == CachedSize) {
        // It will be used again: that is the program's to undo, as ever.
        ASSERT_EQ(mprotect(Ptr + Size - 4 * Page, Page, PROT_READ | PROT_WRITE),
                  0);
      }
      free(Ptr);
    }
  }
}

TEST(GuardTest, BothSidesOfABlockAreInaccessible) {
  for (size_t Size : {CachedSize, ProtectedSize}) {
    char *Ptr = static_cast<char *>(malloc(Size));
    ASSERT_NE(Ptr, nullptr);
    const uintptr_t Start = placeOf(Ptr);
    const uintptr_t End = Start + Size;
    bool GuardBehind = false;
    bool GuardBefore = false;
    for (const MapLine &Line : readMaps()) {
      if (Line.Permissions != "---p")
        continue;
      GuardBehind |= Line.Start == End;
      GuardBefore |= Line.End <= Start && Line.End + 2 * Page > Start;
    }
    EXPECT_TRUE(GuardBehind) << Size;
    EXPECT_TRUE(GuardBefore) << Size;
    free(Ptr);
  }
}

// Blocks above what is kept at most go back to the kernel at once.
TEST(DelayedReuseTest, FreedHugeBlocksAreUnmapped) {
  const size_t Before = getVirtualBytes();
  for (int I = 0; I != 10; I++)
    free(malloc(512 * MiB));
  EXPECT_LT(getVirtualBytes(), Before + 64 * MiB);
}

} // namespace
