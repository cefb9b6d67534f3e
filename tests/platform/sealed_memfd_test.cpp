// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/sealed_memfd.h"

#include "platform/memory_tag.h"
#include "tests/support/memory.h"

#include "gtest/gtest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <string>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace refpage;
using namespace refpage_test;

namespace {

constexpr uptr Size = 1UL << 20;
constexpr u64 Pattern = 0x0123456789abcdef;

class SealedMemfdTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_EQ(Memfd.create("test", Size), 0);
    ASSERT_EQ(Memfd.write(Size, Pattern), 0);
    ASSERT_EQ(Memfd.seal(), 0);
    Fd = Memfd.getFd();
  }

  MemfdInMaking Memfd;
  int Fd = -1;
};

TEST_F(SealedMemfdTest, HoldsThePatternFromEndToEnd) {
  void *P = mmap(nullptr, Size, PROT_READ, MAP_PRIVATE, Fd, 0);
  ASSERT_NE(P, MAP_FAILED);
  EXPECT_EQ(findNotPattern(P, 0, Size, Pattern), -1);
  munmap(P, Size);
}

TEST_F(SealedMemfdTest, IsOfTheSizeAskedFor) {
  struct stat Status;
  ASSERT_EQ(fstat(Fd, &Status), 0);
  EXPECT_EQ(static_cast<uptr>(Status.st_size), Size);
}

TEST_F(SealedMemfdTest, CannotBeWritten) {
  EXPECT_EQ(pwrite(Fd, "x", 1, 0), -1);
  EXPECT_EQ(errno, EPERM);
}

TEST_F(SealedMemfdTest, CannotBeWrittenThroughItsProcLink) {
  const std::string Path = "/proc/self/fd/" + std::to_string(Fd);
  const int Again = open(Path.c_str(), O_RDWR);
  ASSERT_NE(Again, -1);
  EXPECT_EQ(pwrite(Again, "x", 1, 0), -1);
  EXPECT_EQ(errno, EPERM);
  close(Again);
}

TEST_F(SealedMemfdTest, CannotBeMappedSharedAndWritable) {
  EXPECT_EQ(mmap(nullptr, Size, PROT_READ | PROT_WRITE, MAP_SHARED, Fd, 0),
            MAP_FAILED);
  EXPECT_EQ(errno, EPERM);
}

TEST_F(SealedMemfdTest, ASharedViewCannotBecomeWritable) {
  void *P = mmap(nullptr, Size, PROT_READ, MAP_SHARED, Fd, 0);
  ASSERT_NE(P, MAP_FAILED);
  EXPECT_EQ(mprotect(P, Size, PROT_READ | PROT_WRITE), -1);
  munmap(P, Size);
}

TEST_F(SealedMemfdTest, CannotGrowShrinkOrGetHoles) {
  EXPECT_EQ(ftruncate(Fd, Size + 4096), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(ftruncate(Fd, Size - 4096), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(fallocate(Fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096),
            -1);
  EXPECT_EQ(errno, EPERM);
}

TEST_F(SealedMemfdTest, CannotBeSealedFurther) {
  EXPECT_EQ(fcntl(Fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -1);
  EXPECT_EQ(errno, EPERM);
}

TEST_F(SealedMemfdTest, IsCloseOnExec) {
  EXPECT_EQ(fcntl(Fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST_F(SealedMemfdTest, IsNotExecutableWhereTheKernelCanSaySo) {
  const int Probe = memfd_create("probe", 0x0008U /* MFD_NOEXEC_SEAL */);
  if (Probe == -1)
    GTEST_SKIP() << "the kernel has no MFD_NOEXEC_SEAL";
  close(Probe);
  struct stat Status;
  ASSERT_EQ(fstat(Fd, &Status), 0);
  EXPECT_EQ(Status.st_mode & 0111, 0U);
}

TEST_F(SealedMemfdTest, PrivateViewsCanStillBeWritten) {
  void *P = mmap(nullptr, Size, PROT_READ | PROT_WRITE, MAP_PRIVATE, Fd, 0);
  ASSERT_NE(P, MAP_FAILED);
  static_cast<volatile char *>(P)[0] = 1;
  u64 Word;
  ASSERT_EQ(pread(Fd, &Word, sizeof(Word), 0),
            static_cast<ssize_t>(sizeof(Word)));
  EXPECT_EQ(Word, Pattern);
  munmap(P, Size);
}

TEST(MemfdInMakingTest, CannotBeSealedWhileItCanBeWritten) {
  MemfdInMaking Memfd;
  ASSERT_EQ(Memfd.create("test", Size), 0);
  void *P =
      mmap(nullptr, Size, PROT_READ | PROT_WRITE, MAP_SHARED, Memfd.getFd(), 0);
  ASSERT_NE(P, MAP_FAILED);
  EXPECT_EQ(Memfd.seal(), EBUSY);
  munmap(P, Size);
  EXPECT_EQ(Memfd.seal(), 0);
}

TEST(MemfdInMakingTest, TakesSizesThatAreNotWholeChunks) {
  for (uptr Odd : {uptr(8), uptr(4096 - 8), uptr(65536 - 8), uptr(65536 + 8),
                   uptr(64 * 65536 + 24), uptr(65 * 65536 - 8)}) {
    MemfdInMaking Memfd;
    ASSERT_EQ(Memfd.create("test", Odd), 0);
    ASSERT_EQ(Memfd.write(Odd, Pattern), 0);
    struct stat Status;
    ASSERT_EQ(fstat(Memfd.getFd(), &Status), 0);
    EXPECT_EQ(static_cast<uptr>(Status.st_size), Odd);
    std::string Text(Odd, '\0');
    ASSERT_EQ(pread(Memfd.getFd(), &Text[0], Odd, 0),
              static_cast<ssize_t>(Odd));
    for (uptr I = 0; I != Odd; I += sizeof(u64))
      ASSERT_EQ(memcmp(&Text[I], &Pattern, sizeof(u64)), 0) << Odd << " " << I;
  }
}

TEST(MemfdInMakingTest, IsParkedFromTheStart) {
  MemfdInMaking Memfd;
  ASSERT_EQ(Memfd.create("test", Size), 0);
  EXPECT_GE(Memfd.getFd(), 900);
  EXPECT_EQ(fcntl(Memfd.getFd(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST(MemfdInMakingTest, IsClosedUnlessReleased) {
  const size_t Before = listDescriptors().size();
  {
    MemfdInMaking Memfd;
    ASSERT_EQ(Memfd.create("test", Size), 0);
    EXPECT_EQ(listDescriptors().size(), Before + 1);
  }
  EXPECT_EQ(listDescriptors().size(), Before);
  KeptFile Kept;
  {
    MemfdInMaking Memfd;
    ASSERT_EQ(Memfd.create("test", Size), 0);
    Kept = Memfd.release();
  }
  EXPECT_TRUE(isSameFile(Kept.Fd, Kept.Identity));
  closeIfSame(Kept.Fd, Kept.Identity);
}

// The program took the number for a file of its own: nothing is done to that.
TEST(MemfdInMakingTest, AnotherFileOnTheNumberIsNotTouched) {
  char Name[] = "/tmp/refpage_test_XXXXXX";
  const int Own = mkstemp(Name);
  ASSERT_NE(Own, -1);
  unlink(Name);
  ASSERT_EQ(write(Own, "own", 3), 3);
  int Number;
  {
    MemfdInMaking Memfd;
    ASSERT_EQ(Memfd.create("test", Size), 0);
    Number = Memfd.getFd();
    ASSERT_EQ(dup2(Own, Number), Number);
    EXPECT_EQ(Memfd.write(Size, Pattern), EBADF);
    EXPECT_EQ(Memfd.seal(), EBADF);
  }
  EXPECT_EQ(describeDescriptor(Number), describeDescriptor(Own));
  struct stat Status;
  ASSERT_EQ(fstat(Own, &Status), 0);
  EXPECT_EQ(Status.st_size, 3);
  close(Number);
  close(Own);
}

class TaggedMemfdTest : public testing::Test {
protected:
  void SetUp() override {
    if (!hasMemoryTags())
      GTEST_SKIP() << "no memory tags here";
    ASSERT_EQ(Memfd.create("test", Size), 0);
    ASSERT_EQ(Memfd.write(Size, Pattern), 0);
  }
  // A file of the program's, as it was and as long as it was.
  void makeOwn() {
    Own = makePatternFile(Size, ~Pattern);
    ASSERT_NE(Own, -1);
    OwnView = mmap(nullptr, Size, PROT_READ | PROT_WRITE | 0x20 /* PROT_MTE */,
                   MAP_SHARED, Own, 0);
    ASSERT_NE(OwnView, MAP_FAILED);
  }
  void expectOwnUntouched() {
    const uptr Base = reinterpret_cast<uptr>(OwnView);
    for (uptr I = 0; I != Size; I += TagGranule)
      ASSERT_EQ(loadTag(Base + I), 0) << I;
    EXPECT_EQ(findNotPattern(OwnView, 0, Size, ~Pattern), -1);
    struct stat Status;
    ASSERT_EQ(fstat(Own, &Status), 0);
    EXPECT_EQ(static_cast<uptr>(Status.st_size), Size);
    munmap(OwnView, Size);
    close(Own);
  }

  MemfdInMaking Memfd;
  int Own = -1;
  void *OwnView = MAP_FAILED;
};

TEST_F(TaggedMemfdTest, TagsLeaveTheContents) {
  ASSERT_EQ(Memfd.tag(Size, 5), 0);
  ASSERT_EQ(Memfd.seal(), 0);
  void *P = mmap(nullptr, Size, PROT_READ, MAP_PRIVATE, Memfd.getFd(), 0);
  ASSERT_NE(P, MAP_FAILED);
  EXPECT_EQ(findNotPattern(P, 0, Size, Pattern), -1);
  munmap(P, Size);
}

TEST_F(TaggedMemfdTest, ShowsTheTagThatItHasAndNoOther) {
  EXPECT_FALSE(Memfd.showsTag(0, 5));
  ASSERT_EQ(Memfd.tag(Size, 5), 0);
  // Where files keep none it never does.
  EXPECT_EQ(Memfd.showsTag(0, 5), Memfd.showsTag(Size - 4096, 5));
  EXPECT_FALSE(Memfd.showsTag(0, 6));
}

TEST_F(TaggedMemfdTest, NothingMappedIsLeft) {
  const size_t Before = countMaps();
  ASSERT_EQ(Memfd.tag(Size, 5), 0);
  Memfd.showsTag(0, 5);
  EXPECT_EQ(countMaps(), Before);
}

TEST_F(TaggedMemfdTest, WhatIsSealedGetsNoTag) {
  ASSERT_EQ(Memfd.tag(Size, 5), 0);
  ASSERT_EQ(Memfd.seal(), 0);
  EXPECT_EQ(Memfd.tag(Size, 6), EPERM);
  EXPECT_FALSE(Memfd.showsTag(0, 6));
}

TEST_F(TaggedMemfdTest, AClosedDescriptorIsNoticed) {
  close(Memfd.getFd());
  EXPECT_EQ(Memfd.tag(Size, 5), EBADF);
  EXPECT_FALSE(Memfd.showsTag(0, 5));
}

TEST_F(TaggedMemfdTest, AnotherFileOnTheNumberGetsNoTags) {
  makeOwn();
  const int Number = Memfd.getFd();
  ASSERT_EQ(dup2(Own, Number), Number);
  EXPECT_EQ(Memfd.tag(Size, 5), EBADF);
  EXPECT_FALSE(Memfd.showsTag(0, 5));
  EXPECT_FALSE(Memfd.showsTag(0, 0));
  expectOwnUntouched();
  close(Number);
}

// One too short to be tagged, or read-only.
TEST_F(TaggedMemfdTest, AShortFileOnTheNumberIsNoSignal) {
  const int Short = makePatternFile(4096, 1);
  ASSERT_NE(Short, -1);
  const int Number = Memfd.getFd();
  ASSERT_EQ(dup2(Short, Number), Number);
  EXPECT_EQ(Memfd.tag(Size, 5), EBADF);
  EXPECT_FALSE(Memfd.showsTag(Size - 4096, 5));
  const int ReadOnly = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(dup2(ReadOnly, Number), Number);
  EXPECT_NE(Memfd.tag(Size, 5), 0);
  close(Number);
  close(Short);
  close(ReadOnly);
}

TEST(MemfdInMakingTest, NothingIsMadeAboveTheFileSizeLimit) {
  rlimit Old;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &Old), 0);
  rlimit Small = Old;
  Small.rlim_cur = Size - 1;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &Small), 0);
  MemfdInMaking Memfd;
  EXPECT_EQ(Memfd.create("test", Size), EFBIG);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &Old), 0);
}

} // namespace
