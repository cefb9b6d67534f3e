// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Memory tags (Arm MTE) in a few instructions, as a program would use them that
// knows nothing of this library. On other processors there are none.

#ifndef REFPAGE_TESTS_KERNEL_TAGS_H_
#define REFPAGE_TESTS_KERNEL_TAGS_H_

#include <stddef.h>
#include <stdint.h>

namespace refpage_test {

constexpr size_t TagGranule = 16;
// PROT_MTE
constexpr int TaggedProtection = 0x20;

// Whether processor and kernel have tags.
bool hasTags();

// From now on a wrong tag is SIGSEGV at once, in this thread.
bool checkTags();

// Of the granule at Address, whose own top byte does not matter.
void storeTag(void *Address, unsigned Tag);
unsigned loadTag(const void *Address);

// The address with the tag.
template <typename T> T *withTag(T *Address, unsigned Tag) {
  return reinterpret_cast<T *>(
      (reinterpret_cast<uintptr_t>(Address) & ~(0xffUL << 56)) |
      static_cast<uintptr_t>(Tag) << 56);
}

} // namespace refpage_test

#endif // REFPAGE_TESTS_KERNEL_TAGS_H_
