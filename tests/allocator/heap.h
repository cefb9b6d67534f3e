// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a test of the process's own malloc expects of it, by the options that it
// runs under.

#ifndef REFPAGE_TESTS_ALLOCATOR_HEAP_H_
#define REFPAGE_TESTS_ALLOCATOR_HEAP_H_

#include "allocator/options.h"
#include "allocator/tagging.h"
#include "platform/tag_support.h"
#include "tests/support/memory.h"

#include <gtest/gtest.h>

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <string>

namespace refpage_test {

constexpr size_t KiB = 1UL << 10;
constexpr size_t MiB = 1UL << 20;
constexpr size_t Page = 4 * KiB;
// The least power of two that is a large block: the Primary's largest class is
// as large, and a chunk has a header.
constexpr size_t LargeSize = 128 * KiB;

inline bool isFilled() {
  return refpage::getOptions().variant != refpage::Variant::Anon;
}

// Whether a sparse large block of a few MiB is made of windows.
inline bool usesWindows() {
  const refpage::Options &Asked = refpage::getOptions();
  return Asked.variant == refpage::Variant::Refpage &&
         Asked.backend != refpage::BackendRequest::Memset &&
         (refpage::areBlocksTagged() ? refpage::getTagSupport().Files
                                     : Asked.pattern.Value != 0);
}

// Where memory is, as the kernel has it: without its tag.
inline uintptr_t placeOf(const volatile void *Ptr) {
  return refpage::untag(reinterpret_cast<uintptr_t>(Ptr));
}

// A misuse that upstream reports as Message, and that is a fault before
// upstream can see it where large blocks have tags.
inline bool diesAsExpected(int Status) {
  if (refpage::areBlocksTagged())
    return testing::KilledBySignal(SIGSEGV)(Status);
  return !testing::ExitedWithCode(0)(Status);
}
#define EXPECT_DEATH_OR_TAG_FAULT(Statement, Message)                          \
  EXPECT_EXIT(Statement, refpage_test::diesAsExpected,                         \
              std::string(refpage::areBlocksTagged() ? "" : (Message)))

// Expects the pattern in [Ptr + From, Ptr + To), unless nothing is filled.
inline void expectPattern(const void *Ptr, size_t From, size_t To) {
  if (isFilled()) {
    EXPECT_EQ(
        findNotPattern(Ptr, From, To, refpage::getOptions().pattern.Value), -1)
        << "of [" << From << ", " << To << ")";
  }
}

inline void expectZeros(const void *Ptr, size_t Size) {
  EXPECT_EQ(findNotPattern(Ptr, 0, Size, 0), -1) << "of " << Size;
}

} // namespace refpage_test

#endif // REFPAGE_TESTS_ALLOCATOR_HEAP_H_
