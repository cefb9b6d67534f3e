// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every entry point of libscudo_refpage_bionic.a, and its error cases, as the
// malloc of this process (dispatch.h).

#include "tests/bionic/dispatch.h"
#include "tests/support/child.h"
#include "tests/support/emulator.h"
#include "tests/support/memory.h"

#include "scudo/interface.h"

#include <gtest/gtest.h>

#include <atomic>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <thread>
#include <vector>

extern "C" void *allocateInC(size_t Size);

using namespace refpage_test;

namespace {

constexpr size_t KiB = 1UL << 10;
constexpr size_t MiB = 1UL << 20;
constexpr size_t Page = 4 * KiB;
constexpr uint64_t DefaultPattern = 0xabababababababab;

// The compiler knows what arguments make no sense; here they shall.
size_t opaque(size_t Value) {
  volatile size_t Hidden = Value;
  return Hidden;
}
size_t tooMuch() { return opaque(SIZE_MAX / 2 + 1); }

bool isAligned(const void *Ptr, size_t Alignment) {
  return reinterpret_cast<uintptr_t>(Ptr) % Alignment == 0;
}

// How often the library knows a block of that size.
int countBlocks(const void *Ptr, size_t Size) {
  struct Wanted {
    uintptr_t Ptr;
    size_t Size;
    int Times;
  } W = {reinterpret_cast<uintptr_t>(Ptr), Size, 0};
  scudo_malloc_disable();
  EXPECT_EQ(scudo_malloc_iterate(
                0, SIZE_MAX,
                [](uintptr_t Found, size_t FoundSize, void *Arg) {
                  Wanted *This = static_cast<Wanted *>(Arg);
                  This->Times += Found == This->Ptr && FoundSize == This->Size;
                },
                &W),
            0);
  scudo_malloc_enable();
  return W.Times;
}

TEST(DispatchTest, TheProcessUsesTheLibrary) {
  for (size_t Size : {size_t(100), 5 * MiB}) {
    void *Ptr = malloc(Size);
    EXPECT_EQ(countBlocks(Ptr, Size), 1);
    free(Ptr);
    EXPECT_EQ(countBlocks(Ptr, Size), 0);
  }
  char *New = new char[3 * MiB];
  EXPECT_EQ(countBlocks(New, 3 * MiB), 1);
  delete[] New;
}

TEST(DispatchTest, TheHeaderIsC) {
  void *Ptr = allocateInC(1000);
  EXPECT_EQ(countBlocks(Ptr, 1000), 1);
  scudo_free(Ptr);
}

std::atomic<int> HookedCalls;
const Dispatch CountingDispatch = [] {
  Dispatch Table = NativeDispatch;
  Table.Malloc = [](size_t Size) {
    HookedCalls++;
    return NativeDispatch.Malloc(Size);
  };
  Table.Free = [](void *Ptr) {
    HookedCalls++;
    NativeDispatch.Free(Ptr);
  };
  return Table;
}();

// As malloc debug and heap profilers come and go in a running process.
TEST(DispatchTest, AnotherTableCanBePutInFront) {
  void *Before = malloc(MiB);
  setDispatch(&CountingDispatch);
  HookedCalls = 0;
  void *Hooked = malloc(2 * MiB);
  free(Before);
  const int Calls = HookedCalls;
  setDispatch(&NativeDispatch);
  free(Hooked);
  EXPECT_EQ(Calls, 2);
  EXPECT_EQ(HookedCalls, Calls);
}

TEST(MallocTest, ReadsAsThePattern) {
  for (size_t Size : {size_t(1), size_t(100), 60 * KiB, 300 * KiB, 5 * MiB}) {
    void *Ptr = scudo_malloc(Size);
    ASSERT_NE(Ptr, nullptr);
    EXPECT_TRUE(isAligned(Ptr, 16));
    EXPECT_EQ(findNotPattern(Ptr, 0, Size, DefaultPattern), -1) << Size;
    memset(Ptr, 1, Size);
    scudo_free(Ptr);
    Ptr = scudo_malloc(Size);
    EXPECT_EQ(findNotPattern(Ptr, 0, Size, DefaultPattern), -1) << Size;
    scudo_free(Ptr);
  }
}

TEST(MallocTest, OfZeroIsUnique) {
  void *A = scudo_malloc(0);
  void *B = scudo_malloc(0);
  EXPECT_NE(A, nullptr);
  EXPECT_NE(B, nullptr);
  EXPECT_NE(A, B);
  scudo_free(A);
  scudo_free(B);
  scudo_free(nullptr);
}

TEST(MallocTest, FailureIsNullAndENOMEM) {
  errno = 0;
  EXPECT_EQ(scudo_malloc(tooMuch()), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  errno = 0;
  EXPECT_EQ(scudo_malloc(opaque(1UL << 39)), nullptr);
  EXPECT_EQ(errno, ENOMEM);
}

TEST(MallocTest, SuccessAndFreeKeepErrno) {
  for (size_t Size : {size_t(10), 300 * KiB, 4 * MiB}) {
    errno = EBADF;
    void *Ptr = scudo_malloc(Size);
    EXPECT_EQ(errno, EBADF);
    scudo_free(Ptr);
    EXPECT_EQ(errno, EBADF);
  }
}

TEST(CallocTest, ReadsAsZeros) {
  for (size_t Size : {size_t(100), 300 * KiB, 5 * MiB}) {
    for (int Use = 0; Use != 2; Use++) {
      void *Ptr = scudo_calloc(1, Size);
      EXPECT_EQ(findNotPattern(Ptr, 0, Size, 0), -1) << Size;
      memset(Ptr, 1, Size);
      scudo_free(Ptr);
    }
  }
}

TEST(CallocTest, OverflowIsENOMEM) {
  errno = 0;
  EXPECT_EQ(scudo_calloc(opaque(SIZE_MAX / 4), 8), nullptr);
  EXPECT_EQ(errno, ENOMEM);
}

TEST(ReallocTest, KeepsWhatWasWritten) {
  char *Ptr = static_cast<char *>(scudo_realloc(nullptr, 100));
  memset(Ptr, 7, 100);
  for (size_t Size : {size_t(1000), 300 * KiB, 3 * MiB, 30 * MiB, MiB}) {
    Ptr = static_cast<char *>(scudo_realloc(Ptr, Size));
    ASSERT_NE(Ptr, nullptr);
    EXPECT_EQ(findNotPattern(Ptr, 0, 100, 0x0707070707070707), -1) << Size;
    EXPECT_EQ(findNotPattern(Ptr, 100, Size, DefaultPattern), -1) << Size;
  }
  EXPECT_EQ(scudo_realloc(Ptr, 0), nullptr);
}

TEST(ReallocTest, FailureKeepsTheBlock) {
  char *Ptr = static_cast<char *>(scudo_malloc(MiB));
  Ptr[MiB - 1] = 1;
  errno = 0;
  EXPECT_EQ(scudo_realloc(Ptr, tooMuch()), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_EQ(Ptr[MiB - 1], 1);
  scudo_free(Ptr);
}

TEST(ReallocarrayTest, MultipliesAndNoticesOverflow) {
  void *Ptr = scudo_reallocarray(nullptr, 1000, 300);
  EXPECT_EQ(scudo_malloc_usable_size(Ptr), 300000U);
  errno = 0;
  EXPECT_EQ(scudo_reallocarray(Ptr, opaque(SIZE_MAX / 4), 8), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_EQ(scudo_malloc_usable_size(Ptr), 300000U);
  scudo_free(Ptr);
}

TEST(MemalignTest, RoundsTheAlignmentUp) {
  for (size_t Size : {size_t(10), 2 * MiB}) {
    void *Ptr = scudo_memalign(opaque(48), Size);
    ASSERT_NE(Ptr, nullptr);
    EXPECT_TRUE(isAligned(Ptr, 64));
    scudo_free(Ptr);
    Ptr = scudo_memalign(opaque(0), Size);
    ASSERT_NE(Ptr, nullptr);
    scudo_free(Ptr);
    Ptr = scudo_memalign(16 * MiB, Size);
    ASSERT_NE(Ptr, nullptr);
    EXPECT_TRUE(isAligned(Ptr, 16 * MiB));
    scudo_free(Ptr);
  }
}

TEST(MemalignTest, TooLargeIsENOMEM) {
  for (size_t Alignment : {17 * MiB, 32 * MiB, opaque(SIZE_MAX)}) {
    errno = 0;
    EXPECT_EQ(scudo_memalign(Alignment, 10), nullptr);
    EXPECT_EQ(errno, ENOMEM);
  }
  errno = 0;
  EXPECT_EQ(scudo_memalign(64, tooMuch()), nullptr);
  EXPECT_EQ(errno, ENOMEM);
}

TEST(PosixMemalignTest, ReturnsItsErrors) {
  void *const Untouched = &HookedCalls;
  void *Ptr = Untouched;
  errno = EBADF;
  for (size_t Alignment : {0, 2, 3, 4, 12, 24})
    EXPECT_EQ(scudo_posix_memalign(&Ptr, opaque(Alignment), 10), EINVAL);
  EXPECT_EQ(scudo_posix_memalign(&Ptr, 64, tooMuch()), ENOMEM);
  EXPECT_EQ(Ptr, Untouched);
  EXPECT_EQ(errno, EBADF);
  for (size_t Size : {size_t(10), 2 * MiB}) {
    ASSERT_EQ(scudo_posix_memalign(&Ptr, 64 * KiB, Size), 0);
    EXPECT_TRUE(isAligned(Ptr, 64 * KiB));
    scudo_free(Ptr);
  }
}

TEST(AlignedAllocTest, TheSizeIsAMultiple) {
  void *Ptr = scudo_aligned_alloc(4096, 8192);
  ASSERT_NE(Ptr, nullptr);
  EXPECT_TRUE(isAligned(Ptr, 4096));
  scudo_free(Ptr);
  errno = 0;
  EXPECT_EQ(scudo_aligned_alloc(4096, 100), nullptr);
  EXPECT_EQ(errno, EINVAL);
  for (size_t Alignment : {0, 3, 48}) {
    errno = 0;
    EXPECT_EQ(scudo_aligned_alloc(opaque(Alignment), 96), nullptr);
    EXPECT_EQ(errno, EINVAL);
  }
  errno = 0;
  EXPECT_EQ(scudo_aligned_alloc(4096, tooMuch()), nullptr);
  EXPECT_EQ(errno, ENOMEM);
}

TEST(VallocTest, IsOfPages) {
  void *Ptr = scudo_valloc(10);
  ASSERT_NE(Ptr, nullptr);
  EXPECT_TRUE(isAligned(Ptr, Page));
  scudo_free(Ptr);
  errno = 0;
  EXPECT_EQ(scudo_valloc(tooMuch()), nullptr);
  EXPECT_EQ(errno, ENOMEM);
}

TEST(PvallocTest, RoundsTheSizeUp) {
  for (size_t Size : {size_t(0), size_t(1), Page}) {
    void *Ptr = scudo_pvalloc(Size);
    ASSERT_NE(Ptr, nullptr);
    EXPECT_TRUE(isAligned(Ptr, Page));
    EXPECT_EQ(scudo_malloc_usable_size(Ptr), Page);
    scudo_free(Ptr);
  }
  errno = 0;
  EXPECT_EQ(scudo_pvalloc(opaque(SIZE_MAX)), nullptr);
  EXPECT_EQ(errno, ENOMEM);
}

TEST(UsableSizeTest, IsTheSizeAskedFor) {
  EXPECT_EQ(scudo_malloc_usable_size(nullptr), 0U);
  for (size_t Size : {size_t(0), size_t(1), size_t(100), MiB + 1}) {
    void *Ptr = scudo_malloc(Size);
    EXPECT_EQ(scudo_malloc_usable_size(Ptr), Size);
    scudo_free(Ptr);
  }
}

// On Arm upstream's checksum of a free block has its address with another tag.
TEST(FreeDeathTest, TwiceIsFatal) {
  EXPECT_DEATH(
      {
        void *Ptr = scudo_malloc(100);
        scudo_free(Ptr);
        scudo_free(Ptr);
      },
      "invalid chunk state when deallocating|corrupted chunk header");
}

TEST(FreeDeathTest, OfWhatIsNoBlockIsFatal) {
  EXPECT_DEATH(
      {
        char *Ptr = static_cast<char *>(scudo_malloc(5 * MiB));
        scudo_free(Ptr + 16);
      },
      "corrupted chunk header|invalid chunk state");
}

// A block whose end is the end of its last page.
void overflowBy(size_t Bytes) {
  volatile char *Ptr = static_cast<char *>(scudo_malloc(MiB));
  Ptr[MiB - 1 + Bytes] = 1;
}

TEST(SlackDeathTest, WithoutItAnOverflowMeetsTheGuardPage) {
  EXPECT_EXIT(overflowBy(1), testing::KilledBySignal(SIGSEGV), "");
}

TEST(SlackTest, LeavesRoomBehindLargeBlocks) {
  runInChild(60, [] {
    scudo_malloc_set_add_large_allocation_slack(1);
    overflowBy(16);
  });
}

TEST(SlackDeathTest, CanBeSwitchedOff) {
  EXPECT_EXIT(
      {
        scudo_malloc_set_add_large_allocation_slack(1);
        scudo_malloc_set_add_large_allocation_slack(0);
        overflowBy(1);
      },
      testing::KilledBySignal(SIGSEGV), "");
}

TEST(ErrorInfoTest, ThereAreRecordsOnceTheyAreAskedFor) {
  runInChild(60, [] {
    EXPECT_EQ(__scudo_get_ring_buffer_addr(), nullptr);
    EXPECT_EQ(__scudo_get_ring_buffer_size(), 0U);
    EXPECT_EQ(__scudo_get_stack_depot_addr(), nullptr);
    EXPECT_EQ(__scudo_get_stack_depot_size(), 0U);
    scudo_malloc_set_track_allocation_stacks(1);
    EXPECT_NE(__scudo_get_ring_buffer_addr(), nullptr);
    EXPECT_NE(__scudo_get_ring_buffer_size(), 0U);
    EXPECT_NE(__scudo_get_stack_depot_addr(), nullptr);
    EXPECT_NE(__scudo_get_stack_depot_size(), 0U);
    free(malloc(MiB));
    scudo_malloc_set_track_allocation_stacks(0);
    free(malloc(MiB));
  });
  EXPECT_NE(__scudo_get_region_info_addr(), nullptr);
  EXPECT_NE(__scudo_get_region_info_size(), 0U);
}

TEST(ErrorInfoTest, NothingIsKnownOfNoBlock) {
  scudo_error_info Info;
  memset(&Info, 1, sizeof(Info));
  __scudo_get_error_info(&Info, 0x1000, nullptr, 0,
                         __scudo_get_region_info_addr(), nullptr, 0, nullptr,
                         nullptr, 0, 0);
  for (const scudo_error_report &Report : Info.reports)
    EXPECT_EQ(Report.error_type, UNKNOWN);
}

TEST(StatsTest, NameTheBackends) {
  void *Ptr = malloc(5 * MiB);
  testing::internal::CaptureStderr();
  __scudo_print_stats();
  const std::string Text = testing::internal::GetCapturedStderr();
  free(Ptr);
  EXPECT_NE(Text.find("Stats: SizeClassAllocator64"), std::string::npos);
  EXPECT_NE(Text.find("Stats: MapAllocator: allocated"), std::string::npos);
  EXPECT_NE(Text.find("Stats: SharedTSDs: "), std::string::npos);
  EXPECT_NE(Text.find("refpage: large blocks of"), std::string::npos);
}

TEST(TaggingTest, BlocksWorkOnceThereAreNoTagsAnyMore) {
  runInChild(60, [] {
    void *Before = malloc(3 * MiB);
    EXPECT_EQ(scudo_mallopt(M_BIONIC_SET_HEAP_TAGGING_LEVEL, 0), 1);
    scudo_malloc_disable_memory_tagging();
    memset(Before, 1, 3 * MiB);
    free(Before);
    void *After = malloc(3 * MiB);
    EXPECT_EQ(findNotPattern(After, 0, 3 * MiB, DefaultPattern), -1);
    free(After);
  });
}

TEST(ForkTest, ChildrenOfThreadedParentsAllocate) {
  std::atomic<bool> Stop{false};
  std::vector<std::thread> Threads;
  for (int I = 0; I != 4; I++)
    Threads.emplace_back([&] {
      while (!Stop)
        for (size_t Size : {size_t(100), 200 * KiB, 3 * MiB})
          free(realloc(malloc(Size), 2 * Size));
    });
  for (int I = 0; I != fewerIfEmulated(100); I++)
    runInChild(60, [] {
      for (size_t Size : {size_t(100), 200 * KiB, 3 * MiB}) {
        void *Ptr = malloc(Size);
        EXPECT_EQ(findNotPattern(Ptr, 0, Size, DefaultPattern), -1);
        free(Ptr);
      }
    });
  Stop = true;
  for (std::thread &T : Threads)
    T.join();
}

TEST(ForkTest, TheHeapIsStoppedByDisable) {
  scudo_malloc_disable();
  scudo_malloc_enable();
  free(malloc(MiB));
}

TEST(ThreadsTest, BlocksAreFreedByOtherThreads) {
  constexpr int Count = 200;
  std::vector<std::atomic<char *>> Handed(Count);
  std::thread Maker([&] {
    for (int I = 0; I != Count; I++) {
      const size_t Size = I % 3 ? 100 : 300 * KiB;
      char *Ptr = static_cast<char *>(malloc(Size));
      memset(Ptr, I, Size);
      Handed[I] = Ptr;
    }
  });
  for (int I = 0; I != Count; I++) {
    char *Ptr;
    while (!(Ptr = Handed[I]))
      ;
    EXPECT_EQ(Ptr[99], static_cast<char>(I));
    free(Ptr);
  }
  Maker.join();
}

// Whether the kernel can name anonymous memory.
bool canName() {
  constexpr int SetVma = 0x53564d41; // PR_SET_VMA
  void *Ptr = aligned_alloc(Page, Page);
  const bool Can = prctl(SetVma, 0, Ptr, Page, nullptr) == 0;
  free(Ptr);
  return Can;
}

std::string nameOf(const void *Ptr) {
  const uintptr_t Address = reinterpret_cast<uintptr_t>(Ptr);
  for (const MapLine &Line : readMaps())
    if (Line.Start <= Address && Address < Line.End)
      return Line.Name;
  return "";
}

TEST(NameTest, AnonymousMemoryOfLargeBlocksIsNamedAsOnAndroid) {
  if (!canName())
    GTEST_SKIP() << "a kernel without CONFIG_ANON_VMA_NAME";
  char *Ptr = static_cast<char *>(calloc(1, 5 * MiB));
  EXPECT_EQ(nameOf(Ptr), "[anon:scudo:secondary]");
  // Also the guard page, and what moves.
  EXPECT_EQ(nameOf(Ptr + 5 * MiB), "[anon:scudo:secondary]");
  memset(Ptr, 1, 5 * MiB);
  Ptr = static_cast<char *>(realloc(Ptr, 50 * MiB));
  EXPECT_EQ(nameOf(Ptr + 2 * Page), "[anon:scudo:secondary]");
  free(Ptr);
}

TEST(NameTest, WindowsHaveTheNameOfTheirFile) {
  char *Ptr = static_cast<char *>(malloc(50 * MiB));
  EXPECT_NE(nameOf(Ptr + 25 * MiB).find("refpage"), std::string::npos);
  free(Ptr);
}

} // namespace
