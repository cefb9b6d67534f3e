// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/loaded_modules.h"
#include "tests/support/emulator.h"
#include "tests/support/memory.h"

#include "gtest/gtest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

using namespace refpage;
using namespace refpage_test;

namespace {

class LoadedModulesTest : public testing::Test {
protected:
  void SetUp() override {
    if (getEmulator())
      GTEST_SKIP() << "the emulator's list does not say what is executable";
  }
};

TEST_F(LoadedModulesTest, CodeIsFoundInItsFile) {
  LoadedModules Modules;
  Modules.load();
  const uptr Address = reinterpret_cast<uptr>(&qsort);
  const LoadedModules::Module *Found = Modules.find(Address);
  ASSERT_TRUE(Found);
  EXPECT_EQ(Modules.getPath(*Found), nameOfMapping(Address));
  EXPECT_LE(Found->CodeBase, Address);
  EXPECT_GT(Found->CodeEnd, Address);
  // An ELF file begins there.
  EXPECT_EQ(memcmp(reinterpret_cast<const char *>(Found->Base), "\177ELF", 4),
            0);
}

TEST_F(LoadedModulesTest, DataIsNoCode) {
  LoadedModules Modules;
  Modules.load();
  static int Data;
  EXPECT_FALSE(Modules.find(reinterpret_cast<uptr>(&Data)));
  EXPECT_FALSE(Modules.find(0));
}

// More lines than are read at a time, of names without an end in sight.
TEST_F(LoadedModulesTest, ManyMappingsAreRead) {
  const std::string Name(200, 'n');
  const int Fd = memfd_create(Name.c_str(), MFD_CLOEXEC);
  constexpr size_t Page = 4096;
  constexpr size_t Views = 500;
  ASSERT_EQ(ftruncate(Fd, Page), 0);
  // Not at consecutive offsets: each is a mapping of its own.
  char *Base = static_cast<char *>(mmap(nullptr, Views * Page, PROT_NONE,
                                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  for (size_t I = 0; I != Views; I++)
    ASSERT_NE(mmap(Base + I * Page, Page, PROT_READ | PROT_EXEC,
                   MAP_PRIVATE | MAP_FIXED, Fd, 0),
              MAP_FAILED);
  LoadedModules Modules;
  Modules.load();
  for (size_t I = 0; I != Views; I++) {
    const LoadedModules::Module *Found =
        Modules.find(reinterpret_cast<uptr>(Base + I * Page));
    ASSERT_TRUE(Found) << I;
    EXPECT_EQ(Modules.getPath(*Found), "/memfd:" + Name + " (deleted)");
  }
  munmap(Base, Views * Page);
  close(Fd);
}

TEST_F(LoadedModulesTest, ErrnoIsKept) {
  errno = 0;
  LoadedModules Modules;
  Modules.load();
  EXPECT_EQ(errno, 0);
}

} // namespace
