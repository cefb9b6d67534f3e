// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The keys of the seals of large blocks' headers where the kernel gives no
// random numbers: neither by getrandom() nor by /dev/urandom. The linker sends
// both to the test (--wrap).

#include "allocator/large_block.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>

#include <string>

using refpage::LargeHeader;

namespace {

int Refused = 0;

} // namespace

extern "C" {

long __real_syscall(long Number, ...);
long __wrap_syscall(long Number, ...) {
  if (Number == SYS_getrandom) {
    Refused++;
    errno = ENOSYS;
    return -1;
  }
  va_list Arguments;
  va_start(Arguments, Number);
  long A[6];
  for (long &Argument : A)
    Argument = va_arg(Arguments, long);
  va_end(Arguments);
  return __real_syscall(Number, A[0], A[1], A[2], A[3], A[4], A[5]);
}

int __real_open(const char *Path, int Flags, ...);
int __wrap_open(const char *Path, int Flags, ...) {
  if (strcmp(Path, "/dev/urandom") == 0) {
    Refused++;
    errno = ENOENT;
    return -1;
  }
  return __real_open(Path, Flags, 0600);
}

} // extern "C"

namespace {

class SealKeysTest : public testing::Test {
protected:
  static void SetUpTestSuite() {
    refpage::initSealKeys();
    ASSERT_EQ(Refused, 2) << "something gave random numbers";
  }
};

TEST_F(SealKeysTest, AreMadeWithoutRandomNumbers) {
  static LargeHeader Empty;
  memset(static_cast<void *>(&Empty), 0, sizeof(Empty));
  Empty.seal();
  // What it would be with keys of zeros.
  const uintptr_t Address = reinterpret_cast<uintptr_t>(&Empty);
  EXPECT_NE(Empty.Seal, (Address & 0xffffffff) * (Address >> 32));
  // A key for each word: each change of one shows.
  auto *Bytes = reinterpret_cast<unsigned char *>(&Empty.Span);
  for (size_t I = 0; I != sizeof(Empty.Span); I++) {
    Bytes[I] ^= 0x10;
    EXPECT_FALSE(Empty.isSealed()) << "byte " << I;
    Bytes[I] ^= 0x10;
  }
  EXPECT_TRUE(Empty.isSealed());
}

// What all keys are made of is the time and where the library lies.
TEST_F(SealKeysTest, DifferFromWordToWord) {
  static LargeHeader Header;
  memset(static_cast<void *>(&Header), 0, sizeof(Header));
  // A word in place of another would have the same seal with the same keys.
  Header.Span.MapBase = 0x100001;
  Header.seal();
  Header.Span.MapBase = 0;
  for (refpage::uptr *Word :
       {&Header.Span.MapSize, &Header.Span.CommitBase, &Header.Span.CommitSize,
        &Header.MovedBase, &Header.MovedEnd}) {
    *Word = 0x100001;
    EXPECT_FALSE(Header.isSealed());
    *Word = 0;
  }
}

} // namespace
