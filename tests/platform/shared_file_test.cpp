// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/shared_file.h"
#include "tests/support/memory.h"

#include <gtest/gtest.h>

#include <errno.h>
#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

using namespace refpage;

namespace {

constexpr uptr Size = 64UL << 10;

class SharedFileTest : public testing::Test {
protected:
  void SetUp() override {
    Fd = memfd_create("shared", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ASSERT_NE(Fd, -1);
    ASSERT_EQ(ftruncate(Fd, Size), 0);
    Path = "/proc/self/fd/" + std::to_string(Fd);
  }
  void TearDown() override { close(Fd); }

  int Fd = -1;
  std::string Path;
  uptr Base = 0;
};

TEST_F(SharedFileTest, WhatIsWrittenIsInTheFile) {
  ASSERT_EQ(fcntl(Fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
  const auto Before = refpage_test::listDescriptors();
  ASSERT_EQ(mapSharedFile(Path.c_str(), Size, &Base), 0);
  EXPECT_EQ(refpage_test::listDescriptors(), Before);
  *reinterpret_cast<char *>(Base + Size - 1) = 'x';
  char Byte = 0;
  EXPECT_EQ(pread(Fd, &Byte, 1, Size - 1), 1);
  EXPECT_EQ(Byte, 'x');
  munmap(reinterpret_cast<void *>(Base), Size);
}

TEST_F(SharedFileTest, AFileThatCanShrinkIsRefused) {
  const auto Before = refpage_test::listDescriptors();
  EXPECT_EQ(mapSharedFile(Path.c_str(), Size, &Base), EINVAL);
  EXPECT_EQ(mapSharedFile("/dev/null", Size, &Base), EINVAL);
  EXPECT_EQ(mapSharedFile("/no/such/file", Size, &Base), ENOENT);
  EXPECT_EQ(refpage_test::listDescriptors(), Before);
}

TEST_F(SharedFileTest, AFileThatIsTooShortIsRefused) {
  ASSERT_EQ(fcntl(Fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
  EXPECT_EQ(mapSharedFile(Path.c_str(), 2 * Size, &Base), EINVAL);
}

} // namespace
