// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which mappings are named. The kernel's answer is made here (--wrap): many
// kernels have no names.

#include "platform/mapping.h"
#include "platform/mapping_name.h"

#include <gtest/gtest.h>

#include <errno.h>
#include <fstream>
#include <stdarg.h>
#include <stdio.h>
#include <string>
#include <vector>

using namespace refpage;

namespace {

struct Named {
  uptr Base;
  uptr Size;
  std::string Name;
};
std::vector<Named> Calls;
int KernelsError = 0;
bool AskTheKernel = false;

} // namespace

extern "C" int __real_prctl(int Option, ...);
extern "C" int __wrap_prctl(int Option, ...);
int __wrap_prctl(int Option, ...) {
  EXPECT_EQ(Option, 0x53564d41); // PR_SET_VMA
  va_list Arguments;
  va_start(Arguments, Option);
  EXPECT_EQ(va_arg(Arguments, uptr), 0U); // PR_SET_VMA_ANON_NAME
  const uptr Base = va_arg(Arguments, uptr);
  const uptr Size = va_arg(Arguments, uptr);
  const char *Name = va_arg(Arguments, const char *);
  va_end(Arguments);
  Calls.push_back({Base, Size, Name});
  if (AskTheKernel)
    return __real_prctl(Option, 0UL, Base, Size, Name);
  errno = KernelsError;
  return KernelsError ? -1 : 0;
}

namespace {

constexpr uptr Size = 1UL << 20;

class MappingNameTest : public testing::Test {
protected:
  void SetUp() override {
    Calls.clear();
    KernelsError = 0;
    AskTheKernel = false;
    setMappingName("scudo:test");
  }
  void TearDown() override { setMappingName(nullptr); }
};

TEST_F(MappingNameTest, ReservationsAndAnonymousMemoryHaveIt) {
  uptr Base = 0;
  ASSERT_EQ(reserveMemory(Size, &Base), 0);
  ASSERT_EQ(mapAnonymousOver(Base, Size / 2), 0);
  ASSERT_EQ(Calls.size(), 2U);
  EXPECT_EQ(Calls[0].Base, Base);
  EXPECT_EQ(Calls[0].Size, Size);
  EXPECT_EQ(Calls[0].Name, "scudo:test");
  EXPECT_EQ(Calls[1].Base, Base);
  EXPECT_EQ(Calls[1].Size, Size / 2);
  unmapMemory(Base, Size);
}

TEST_F(MappingNameTest, WithoutANameThereIsNoCall) {
  setMappingName(nullptr);
  uptr Base = 0;
  ASSERT_EQ(reserveMemory(Size, &Base), 0);
  EXPECT_TRUE(Calls.empty());
  unmapMemory(Base, Size);
}

TEST_F(MappingNameTest, AKernelWithoutNamesIsAskedOnce) {
  KernelsError = EINVAL;
  errno = EBADF;
  for (int I = 0; I != 3; I++) {
    uptr Base = 0;
    ASSERT_EQ(reserveMemory(Size, &Base), 0);
    unmapMemory(Base, Size);
  }
  EXPECT_EQ(Calls.size(), 1U);
  EXPECT_EQ(errno, EBADF);
}

TEST_F(MappingNameTest, AnotherFailureIsNotForGood) {
  KernelsError = ENOMEM;
  for (int I = 0; I != 3; I++) {
    uptr Base = 0;
    ASSERT_EQ(reserveMemory(Size, &Base), 0);
    unmapMemory(Base, Size);
  }
  EXPECT_EQ(Calls.size(), 3U);
}

// What the kernel shows; Debian's are built without names.
TEST_F(MappingNameTest, IsShownWhereTheKernelHasNames) {
  AskTheKernel = true;
  uptr Base = 0;
  ASSERT_EQ(reserveMemory(Size, &Base), 0);
  std::string Shown;
  char Start[32];
  snprintf(Start, sizeof(Start), "%zx-", static_cast<size_t>(Base));
  std::ifstream Maps("/proc/self/maps");
  for (std::string Line; std::getline(Maps, Line);)
    if (Line.find(Start) == 0)
      Shown = Line;
  const bool HasNames =
      __real_prctl(0x53564d41, 0UL, Base, Size, "scudo:test") == 0;
  unmapMemory(Base, Size);
  if (!HasNames)
    GTEST_SKIP() << "this kernel has no names for anonymous memory "
                    "(CONFIG_ANON_VMA_NAME)";
  EXPECT_NE(Shown.find("[anon:scudo:test]"), std::string::npos) << Shown;
}

} // namespace
