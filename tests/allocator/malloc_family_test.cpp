// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The malloc family does what glibc's does.

#include "tests/allocator/heap.h"

#include <atomic>
#include <errno.h>
#include <limits.h>
#include <new>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string>
#include <vector>

using namespace refpage_test;

namespace {

// Volatile: the compiler knows that nobody has so much.
volatile size_t TooMuch = SIZE_MAX / 2 + 1;

// The compiler knows what arguments make no sense; here they shall.
size_t opaque(size_t Value) {
  volatile size_t Hidden = Value;
  return Hidden;
}

bool isAligned(const void *Ptr, size_t Alignment) {
  return reinterpret_cast<uintptr_t>(Ptr) % Alignment == 0;
}

TEST(MallocFamilyTest, MallocOfZeroIsUniqueAndFreeable) {
  void *A = malloc(0);
  void *B = malloc(0);
  EXPECT_NE(A, nullptr);
  EXPECT_NE(A, B);
  free(A);
  free(B);
}

TEST(MallocFamilyTest, FailureIsNullAndENOMEM) {
  errno = 0;
  EXPECT_EQ(malloc(TooMuch), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  errno = 0;
  EXPECT_EQ(calloc(TooMuch, 4), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  errno = 0;
  EXPECT_EQ(reallocarray(nullptr, TooMuch, 4), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  errno = 0;
  EXPECT_EQ(memalign(16, TooMuch), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  // Less than Scudo's own limit, more than any machine gives.
  errno = 0;
  EXPECT_EQ(malloc(1UL << 39), nullptr);
  EXPECT_EQ(errno, ENOMEM);
}

TEST(MallocFamilyTest, AFailedReallocKeepsTheBlock) {
  char *Ptr = static_cast<char *>(malloc(MiB));
  Ptr[MiB - 1] = 1;
  errno = 0;
  EXPECT_EQ(realloc(Ptr, TooMuch), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_EQ(Ptr[MiB - 1], 1);
  free(Ptr);
}

TEST(MallocFamilyTest, ReallocOfNullAllocatesAndToZeroFrees) {
  void *Ptr = realloc(nullptr, 100);
  EXPECT_NE(Ptr, nullptr);
  EXPECT_EQ(realloc(Ptr, 0), nullptr);
}

TEST(MallocFamilyTest, ReallocarrayMultiplies) {
  void *Ptr = reallocarray(nullptr, 1000, 300);
  ASSERT_NE(Ptr, nullptr);
  EXPECT_GE(malloc_usable_size(Ptr), 300000U);
  free(Ptr);
}

TEST(MallocFamilyTest, FreeKeepsErrno) {
  for (size_t Size : {size_t(10), 300 * KiB, 4 * MiB}) {
    void *Ptr = malloc(Size);
    errno = EBADF;
    free(Ptr);
    EXPECT_EQ(errno, EBADF);
  }
}

TEST(MallocFamilyTest, SuccessKeepsErrno) {
  for (size_t Size : {size_t(10), 300 * KiB, 4 * MiB}) {
    errno = EBADF;
    void *Ptr = malloc(Size);
    EXPECT_EQ(errno, EBADF);
    free(Ptr);
  }
}

TEST(MallocFamilyTest, PosixMemalign) {
  void *Ptr = nullptr;
  EXPECT_EQ(posix_memalign(&Ptr, 64 * KiB, 10), 0);
  EXPECT_TRUE(isAligned(Ptr, 64 * KiB));
  free(Ptr);
  EXPECT_EQ(posix_memalign(&Ptr, 3, 10), EINVAL);
  EXPECT_EQ(posix_memalign(&Ptr, 2, 10), EINVAL);
  EXPECT_EQ(posix_memalign(&Ptr, 16, TooMuch), ENOMEM);
}

TEST(MallocFamilyTest, MemalignRoundsTheAlignmentUp) {
  void *Ptr = memalign(opaque(48), 10);
  ASSERT_NE(Ptr, nullptr);
  EXPECT_TRUE(isAligned(Ptr, 64));
  free(Ptr);
  Ptr = memalign(opaque(0), 10);
  ASSERT_NE(Ptr, nullptr);
  free(Ptr);
  errno = 0;
  EXPECT_EQ(memalign(opaque(SIZE_MAX), 10), nullptr);
  EXPECT_EQ(errno, ENOMEM);
}

TEST(MallocFamilyTest, AlignedAllocTakesAnySize) {
  void *Ptr = aligned_alloc(4096, 100);
  ASSERT_NE(Ptr, nullptr);
  EXPECT_TRUE(isAligned(Ptr, 4096));
  free(Ptr);
  errno = 0;
  EXPECT_EQ(aligned_alloc(opaque(3), 100), nullptr);
  EXPECT_EQ(errno, EINVAL);
}

TEST(MallocFamilyTest, VallocAndPvalloc) {
  void *Ptr = valloc(10);
  ASSERT_NE(Ptr, nullptr);
  EXPECT_TRUE(isAligned(Ptr, Page));
  free(Ptr);
  Ptr = pvalloc(Page + 1);
  ASSERT_NE(Ptr, nullptr);
  EXPECT_TRUE(isAligned(Ptr, Page));
  EXPECT_GE(malloc_usable_size(Ptr), 2 * Page);
  free(Ptr);
}

TEST(MallocFamilyTest, UsableSizeOfNullIsZero) {
  EXPECT_EQ(malloc_usable_size(nullptr), 0U);
}

TEST(MallocFamilyTest, MalloptTakesGlibcsTunables) {
  EXPECT_EQ(mallopt(M_MMAP_THRESHOLD, 1 << 20), 1);
  EXPECT_EQ(mallopt(M_ARENA_MAX, 1), 1);
  EXPECT_EQ(mallopt(-101 /* M_PURGE */, 0), 1);
  EXPECT_EQ(mallopt(12345, 0), 0);
}

TEST(MallocFamilyTest, Mallinfo2CountsLargeBlocks) {
  const struct mallinfo2 Before = mallinfo2();
  void *Ptr = malloc(64 * MiB);
  const struct mallinfo2 With = mallinfo2();
  free(Ptr);
  const struct mallinfo2 After = mallinfo2();
  EXPECT_GE(With.uordblks, Before.uordblks + 64 * MiB);
  EXPECT_LT(After.uordblks, Before.uordblks + MiB);
}

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
TEST(MallocFamilyTest, MallinfoHasTheLargestNumberForWhatDoesNotFit) {
  const struct mallinfo Before = mallinfo();
  void *Ptr = calloc(3, 1UL << 30);
  const struct mallinfo With = mallinfo();
  free(Ptr);
  EXPECT_GT(Before.uordblks, 0);
  EXPECT_LT(Before.uordblks, INT_MAX);
  EXPECT_EQ(With.uordblks, INT_MAX);
  EXPECT_EQ(With.hblkhd, INT_MAX);
  EXPECT_EQ(With.hblks - Before.hblks, 1);
}

TEST(MallocFamilyTest, MallocInfoWritesXml) {
  char *Text = nullptr;
  size_t Size = 0;
  FILE *Stream = open_memstream(&Text, &Size);
  EXPECT_EQ(malloc_info(0, Stream), 0);
  fclose(Stream);
  EXPECT_EQ(std::string(Text).substr(0, 8), "<malloc ");
  EXPECT_NE(std::string(Text).find("</malloc>"), std::string::npos);
  free(Text);
}

TEST(MallocFamilyTest, MallocStatsNamesTheBackends) {
  void *Ptr = malloc(4 * MiB);
  testing::internal::CaptureStderr();
  malloc_stats();
  const std::string Text = testing::internal::GetCapturedStderr();
  EXPECT_NE(Text.find("Stats: MapAllocator: allocated"), std::string::npos);
  EXPECT_NE(Text.find("refpage: large blocks of"), std::string::npos);
  free(Ptr);
}

TEST(MallocFamilyTest, MallocTrimGivesMemoryBack) {
  std::vector<void *> Blocks;
  for (int I = 0; I != 30; I++) {
    Blocks.push_back(malloc(400 * KiB));
    memset(Blocks.back(), 1, 400 * KiB);
  }
  for (void *Ptr : Blocks)
    free(Ptr);
  const size_t Before = getResidentBytes();
  EXPECT_EQ(malloc_trim(0), 1);
  EXPECT_LT(getResidentBytes(), Before - 8 * MiB);
}

// malloc and free are no cancellation points, whatever they call inside.
TEST(MallocFamilyTest, APendingCancellationWaits) {
  pthread_t Thread;
  static std::atomic<int> Stage;
  Stage = 0;
  ASSERT_EQ(pthread_create(
                &Thread, nullptr,
                [](void *) -> void * {
                  while (Stage == 0)
                    ;
                  for (size_t Size : {300 * KiB, 4 * MiB, 40 * MiB})
                    for (int I = 0; I != 20; I++) {
                      void *Ptr = malloc(Size);
                      memset(Ptr, 1, Size);
                      free(Ptr);
                      malloc_trim(0);
                    }
                  Stage = 2;
                  pthread_testcancel();
                  return nullptr;
                },
                nullptr),
            0);
  pthread_cancel(Thread);
  Stage = 1;
  void *Result;
  pthread_join(Thread, &Result);
  EXPECT_EQ(Stage, 2);
  EXPECT_EQ(Result, PTHREAD_CANCELED);
  free(malloc(4 * MiB));
}

TEST(NewDeleteTest, AllForms) {
  for (size_t Size : {size_t(10), 300 * KiB, 4 * MiB}) {
    operator delete(operator new(Size));
    operator delete(operator new(Size), Size);
    operator delete[](operator new[](Size));
    operator delete[](operator new[](Size), Size);
    operator delete(operator new(Size, std::nothrow), std::nothrow);
    operator delete[](operator new[](Size, std::nothrow), std::nothrow);
    const std::align_val_t Alignment = std::align_val_t(8 * Page);
    void *Ptr = operator new(Size, Alignment);
    EXPECT_TRUE(isAligned(Ptr, 8 * Page));
    operator delete(Ptr, Alignment);
    operator delete(operator new(Size, Alignment), Size, Alignment);
    operator delete[](operator new[](Size, Alignment), Alignment);
    operator delete[](operator new[](Size, Alignment), Size, Alignment);
    operator delete(operator new(Size, Alignment, std::nothrow), Alignment,
                    std::nothrow);
    operator delete[](operator new[](Size, Alignment, std::nothrow), Alignment,
                      std::nothrow);
  }
}

TEST(NewDeleteTest, NewThrowsBadAlloc) {
  EXPECT_THROW((void)operator new(TooMuch), std::bad_alloc);
  EXPECT_THROW((void)operator new[](TooMuch), std::bad_alloc);
  EXPECT_THROW((void)operator new(TooMuch, std::align_val_t(64)),
               std::bad_alloc);
}

TEST(NewDeleteTest, NothrowNewReturnsNull) {
  EXPECT_EQ(operator new(TooMuch, std::nothrow), nullptr);
  EXPECT_EQ(operator new[](TooMuch, std::nothrow), nullptr);
}

int HandlerCalls;
TEST(NewDeleteTest, NewCallsTheHandlerUntilItGivesUp) {
  HandlerCalls = 0;
  std::set_new_handler([] {
    if (++HandlerCalls == 3)
      std::set_new_handler(nullptr);
  });
  EXPECT_THROW((void)operator new(TooMuch), std::bad_alloc);
  EXPECT_EQ(HandlerCalls, 3);
}

} // namespace
