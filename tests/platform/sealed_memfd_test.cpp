// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/sealed_memfd.h"
#include "tests/support/memory.h"

#include "gtest/gtest.h"

#include <errno.h>
#include <fcntl.h>
#include <string>
#include <sys/mman.h>
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
    ASSERT_EQ(createMemfd("test", Size, &Fd), 0);
    ASSERT_EQ(writePattern(Fd, Size, Pattern), 0);
    ASSERT_EQ(sealMemfd(Fd), 0);
  }
  void TearDown() override { discardMemfd(Fd); }

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

TEST(MemfdTest, CannotBeSealedWhileItCanBeWritten) {
  int Fd;
  ASSERT_EQ(createMemfd("test", Size, &Fd), 0);
  void *P = mmap(nullptr, Size, PROT_READ | PROT_WRITE, MAP_SHARED, Fd, 0);
  ASSERT_NE(P, MAP_FAILED);
  EXPECT_EQ(sealMemfd(Fd), EBUSY);
  munmap(P, Size);
  EXPECT_EQ(sealMemfd(Fd), 0);
  discardMemfd(Fd);
}

TEST(MemfdTest, TakesSizesThatAreNotWholeChunks) {
  for (uptr Odd : {uptr(8), uptr(4096 - 8), uptr(4096 + 8),
                   uptr(64 * 4096 + 24), uptr(65 * 4096 - 8)}) {
    int Fd;
    ASSERT_EQ(createMemfd("test", Odd, &Fd), 0);
    ASSERT_EQ(writePattern(Fd, Odd, Pattern), 0);
    struct stat Status;
    ASSERT_EQ(fstat(Fd, &Status), 0);
    EXPECT_EQ(static_cast<uptr>(Status.st_size), Odd);
    std::string Text(Odd, '\0');
    ASSERT_EQ(pread(Fd, &Text[0], Odd, 0), static_cast<ssize_t>(Odd));
    for (uptr I = 0; I != Odd; I += sizeof(u64))
      EXPECT_EQ(memcmp(&Text[I], &Pattern, sizeof(u64)), 0) << Odd << " " << I;
    discardMemfd(Fd);
  }
}

TEST(MemfdTest, WritePatternReportsTheError) {
  EXPECT_EQ(writePattern(-1, 8, 0), EBADF);
  EXPECT_EQ(sealMemfd(-1), EBADF);
}

} // namespace
