// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which mappings are named. The kernel's answer is made here (--wrap): many
// kernels have no names.

#include "platform/mapping.h"
#include "platform/mapping_name.h"

#include <gtest/gtest.h>

#include <errno.h>
#include <stdarg.h>
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

} // namespace

extern "C" int __wrap_prctl(int Option, ...);
int __wrap_prctl(int Option, ...) {
  EXPECT_EQ(Option, 0x53564d41); // PR_SET_VMA
  va_list Arguments;
  va_start(Arguments, Option);
  EXPECT_EQ(va_arg(Arguments, uptr), 0U); // PR_SET_VMA_ANON_NAME
  const uptr Base = va_arg(Arguments, uptr);
  const uptr Size = va_arg(Arguments, uptr);
  Calls.push_back({Base, Size, va_arg(Arguments, const char *)});
  va_end(Arguments);
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

} // namespace
