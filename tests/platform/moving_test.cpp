// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Moving pages from one address to another, on kernels of all ages: the linker
// sends the calls of mremap() here (--wrap).

#include "platform/mapping.h"
#include "tests/support/memory.h"

#include "gtest/gtest.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace refpage;
using namespace refpage_test;

namespace {

constexpr uptr Page = 4096;

struct Answers {
  int FailFrom = 0; // The n-th call and all after it fail; 0: none.
  int Calls = 0;
  // Before 6.17 a call for several mappings fails, after the target was
  // unmapped.
  bool IsOld = false;
  bool SawHole = false; // The target was not all reserved.
};
Answers Kernel;

// Whether nobody else can be given any of the range.
bool isTaken(uptr Base, uptr Bytes) {
  for (uptr At = Base; At != Base + Bytes; At += Page) {
    void *P = mmap(reinterpret_cast<void *>(At), Page, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (P == MAP_FAILED)
      continue;
    munmap(P, Page);
    return false;
  }
  return true;
}

uptr address(void *P) { return reinterpret_cast<uptr>(P); }

bool isOneMapping(uptr Base, uptr Size) {
  for (const MapLine &Line : readMaps())
    if (Line.Start <= Base && Base < Line.End)
      return Base + Size <= Line.End;
  return false;
}

} // namespace

extern "C" {

void *__real_mremap(void *Old, size_t OldSize, size_t NewSize, int Flags, ...);
void *__wrap_mremap(void *Old, size_t OldSize, size_t NewSize, int Flags, ...) {
  // The question whether the range is one mapping.
  if (!(Flags & MREMAP_FIXED))
    return __real_mremap(Old, OldSize, NewSize, Flags);
  va_list Arguments;
  va_start(Arguments, Flags);
  void *New = va_arg(Arguments, void *);
  va_end(Arguments);
  Kernel.Calls++;
  Kernel.SawHole |= !isTaken(address(New), NewSize);
  const bool Fails = Kernel.FailFrom && Kernel.Calls >= Kernel.FailFrom;
  if (Fails || (Kernel.IsOld && !isOneMapping(address(Old), OldSize))) {
    munmap(New, NewSize);
    errno = Fails ? ENOMEM : EFAULT;
    return MAP_FAILED;
  }
  return __real_mremap(Old, OldSize, NewSize, Flags, New);
}

} // extern "C"

namespace {

class MovingTest : public testing::TestWithParam<bool /*IsOld*/> {
protected:
  void SetUp() override {
    Kernel = {};
    Kernel.IsOld = GetParam();
    ASSERT_EQ(reserveMemory(Size, &From), 0);
    ASSERT_EQ(reserveMemory(Size, &To), 0);
    ASSERT_NE(Fd = makePatternFile(Each, 0x4141414141414141), -1);
    // As a block of windows has them: a first view of another size.
    ASSERT_EQ(mapFileOver(Fd, Each - First, From, First), 0);
    for (uptr At = First; At < Size; At += Each)
      ASSERT_EQ(mapFileOver(Fd, 0, From + At, scudo::Min(Each, Size - At)), 0);
    for (uptr At = 0; At < Size; At += 3 * Page)
      *at(From, At) = static_cast<char>(At / Page);
  }
  void TearDown() override {
    unmapMemory(From, Size);
    unmapMemory(To, Size);
    close(Fd);
  }
  static volatile char *at(uptr Base, uptr Offset) {
    return reinterpret_cast<volatile char *>(Base + Offset);
  }
  // Each page of [Start, End) is as SetUp() made it.
  static void expectContents(uptr Base, uptr Start, uptr End) {
    for (uptr At = Start; At < End; At += Page) {
      const char Written = static_cast<char>(At / Page);
      ASSERT_EQ(*at(Base, At), At % (3 * Page) ? 'A' : Written) << At / Page;
      ASSERT_EQ(*at(Base, At + 1), 'A');
    }
  }
  int move() {
    u32 Mappings;
    return moveMemory(From, To, Size, First, Each, &Moved, &Mappings);
  }

  static constexpr uptr First = 3 * Page;
  static constexpr uptr Each = 16 * Page;
  static constexpr uptr Size = 73 * Page;
  int Fd = -1;
  uptr From = 0;
  uptr To = 0;
  uptr Moved = 0;
};

INSTANTIATE_TEST_SUITE_P(All, MovingTest, testing::Bool());

TEST_P(MovingTest, PagesKeepWhatTheyHold) {
  ASSERT_EQ(move(), 0);
  EXPECT_EQ(Moved, Size);
  expectContents(To, 0, Size);
}

TEST_P(MovingTest, TakesACallForEachMapping) {
  ASSERT_EQ(move(), 0);
  EXPECT_EQ(Kernel.Calls, 6);
}

TEST_P(MovingTest, LeavesAHole) {
  ASSERT_EQ(move(), 0);
  void *P = mmap(reinterpret_cast<void *>(From), Size, PROT_NONE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  EXPECT_EQ(address(P), From);
}

TEST_P(MovingTest, MappingsThatTheProgramHasSplitAreFound) {
  mprotect(reinterpret_cast<void *>(From + 5 * Page), Page, PROT_READ);
  madvise(reinterpret_cast<void *>(From + 30 * Page), 2 * Page, MADV_DONTFORK);
  mlock(reinterpret_cast<void *>(From + 40 * Page), Page);
  ASSERT_EQ(move(), 0);
  EXPECT_EQ(Moved, Size);
  expectContents(To, 0, Size);
  // Nor was any of the target there for others to take.
  EXPECT_FALSE(Kernel.SawHole);
}

TEST_P(MovingTest, AFailureLeavesEachPageOnOneSide) {
  for (int Nth = 1; Nth <= 6; Nth++) {
    if (Nth != 1) {
      TearDown();
      SetUp();
    }
    Kernel.FailFrom = Nth;
    EXPECT_EQ(move(), ENOMEM);
    EXPECT_EQ(Moved, Nth == 1 ? 0 : First + static_cast<uptr>(Nth - 2) * Each);
    expectContents(To, 0, Moved);
    expectContents(From, Moved, Size);
  }
}

// The kernel unmaps the target before it finds that it cannot move.
TEST_P(MovingTest, AFailureLeavesNoHoleInTheTarget) {
  Kernel.FailFrom = 3;
  EXPECT_EQ(move(), ENOMEM);
  EXPECT_TRUE(isTaken(To, Size));
}

} // namespace
