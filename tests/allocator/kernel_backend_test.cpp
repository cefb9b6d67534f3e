// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The process's malloc on reference pages that the kernel makes. Runs where it
// makes them, and fails elsewhere.

#include "platform/kernel_refpage.h"
#include "tests/allocator/heap.h"
#include "tests/support/child.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

using namespace refpage_test;

namespace {

// Mappings of the block's bytes.
size_t countMappings(const void *Ptr, size_t Size) {
  const uintptr_t Start = placeOf(Ptr);
  const auto Maps = readMaps();
  return static_cast<size_t>(
      std::count_if(Maps.begin(), Maps.end(), [&](const MapLine &Line) {
        return Line.Start < Start + Size && Start < Line.End;
      }));
}

// A reference page file that the program makes for itself.
int makeOwn(uint64_t Pattern) {
  refpage::KeptFile Own;
  const bool BySyscall =
      refpage::getOptions().backend == refpage::BackendRequest::Syscall;
  const auto Mode = refpage::UnderFilter::GoOn;
  const int Error =
      BySyscall ? refpage::createRefpageBySyscall(&Pattern, 8, Mode, &Own)
                : refpage::createRefpageByDevice(&Pattern, 8, 0, Mode, &Own);
  EXPECT_EQ(Error, 0) << strerror(Error);
  return Own.Fd;
}

TEST(KernelBackendTest, ItServes) {
  void *Ptr = malloc(4 * MiB);
  EXPECT_EQ(nameOfMapping(placeOf(Ptr) + MiB), REFPAGE_LINK);
  expectPattern(Ptr, 0, 4 * MiB);
  free(Ptr);
}

TEST(KernelBackendTest, ABlockOfAnySizeIsOneMapping) {
  for (size_t Size : {256 * KiB, 3 * MiB, 100 * MiB, 1024 * MiB}) {
    void *Ptr = malloc(Size);
    EXPECT_EQ(countMappings(Ptr, Size), 1U) << Size;
    free(Ptr);
  }
}

// Files of the pattern: one, or one for each tag that blocks may have.
TEST(KernelBackendTest, OneFileServesAll) {
  constexpr size_t UsedTags = 13;
  void *Blocks[20];
  size_t Size = 200 * KiB;
  for (void *&Ptr : Blocks)
    Ptr = malloc(Size += Size / 2);
  EXPECT_LE(listWindowDescriptors().size(),
            refpage::areBlocksTagged() ? UsedTags : 1);
  for (void *Ptr : Blocks)
    free(Ptr);
}

// All files of the kernel's own have one link; what tells ours from the
// program's is its inode.
TEST(KernelBackendTest, AnotherReferencePageOnItsNumberIsNoticed) {
  free(malloc(9 * MiB));
  const std::vector<int> Windows = listWindowDescriptors();
  ASSERT_GE(Windows.size(), 1U);
  const int Own = makeOwn(0x0123456789abcdef);
  for (const int Window : Windows)
    ASSERT_EQ(dup2(Own, Window), Window);
  void *Ptr = malloc(50 * MiB);
  expectPattern(Ptr, 0, 50 * MiB);
  free(Ptr);
  for (const int Window : Windows)
    close(Window);
  close(Own);
}

TEST(KernelBackendTest, FilesHaveInodesOfTheirOwn) {
  const int First = makeOwn(1);
  const int Second = makeOwn(1);
  struct stat A;
  struct stat B;
  ASSERT_EQ(fstat(First, &A), 0);
  ASSERT_EQ(fstat(Second, &B), 0);
  EXPECT_NE(A.st_ino, B.st_ino);
  close(First);
  close(Second);
}

TEST(KernelBackendTest, PagesGivenBackReadAsThePattern) {
  char *Ptr = static_cast<char *>(malloc(4 * MiB));
  memset(Ptr, 1, 4 * MiB);
  char *Inside = Ptr + Page - reinterpret_cast<uintptr_t>(Ptr) % Page;
  ASSERT_EQ(madvise(Inside, 3 * MiB, MADV_DONTNEED), 0);
  expectPattern(Inside, 0, 3 * MiB);
  free(Ptr);
}

TEST(KernelBackendTest, ReusedBlocksReadAsThePattern) {
  for (size_t Size : {400 * KiB, 8 * MiB}) {
    for (int Round = 0; Round != 20; Round++) {
      char *Ptr = static_cast<char *>(malloc(Size));
      expectPattern(Ptr, 0, Size);
      for (size_t I = 0; I < Size; I += static_cast<size_t>(Round + 1) * Page)
        Ptr[I] = 1;
      free(Ptr);
    }
  }
}

// Lengthened in steps, and moved.
TEST(KernelBackendTest, GrownBlocksAreFewMappings) {
  size_t Size = 300 * KiB;
  char *Ptr = static_cast<char *>(malloc(Size));
  while (Size < 100 * MiB) {
    const size_t Old = Size;
    Size += Size / 2;
    Ptr = static_cast<char *>(realloc(Ptr, Size));
    ASSERT_NE(Ptr, nullptr);
    expectPattern(Ptr, Old, Size);
    Ptr[Size - 1] = 1;
  }
  EXPECT_LE(countMappings(Ptr, Size), 40U);
  free(Ptr);
}

TEST(KernelBackendTest, ChildrenHaveTheirOwnCopies) {
  char *Ptr = static_cast<char *>(malloc(4 * MiB));
  Ptr[MiB] = 1;
  runInChild(10, [&] {
    EXPECT_EQ(Ptr[MiB], 1);
    Ptr[2 * MiB] = 2;
    free(Ptr);
    char *New = static_cast<char *>(malloc(20 * MiB));
    expectPattern(New, 0, 20 * MiB);
    free(New);
  });
  expectPattern(Ptr, 2 * MiB, 3 * MiB);
  free(Ptr);
}

} // namespace
