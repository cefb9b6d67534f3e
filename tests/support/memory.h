// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What tests look at in memory and in /proc.

#ifndef REFPAGE_TESTS_SUPPORT_MEMORY_H_
#define REFPAGE_TESTS_SUPPORT_MEMORY_H_

#include <stddef.h>
#include <stdint.h>

#include <string>
#include <vector>

namespace refpage_test {

// The byte that the pattern has at an address.
uint8_t patternByteAt(uint64_t Pattern, const volatile void *Address);

// The offset of the first byte of [Ptr + From, Ptr + To) that is not the
// pattern's; -1 if there is none.
ptrdiff_t findNotPattern(const void *Ptr, size_t From, size_t To,
                         uint64_t Pattern);

// A memory file of Size bytes, a multiple of 8, full of the pattern; -1 if it
// cannot be made.
int makePatternFile(size_t Size, uint64_t Pattern);

// A line of /proc/self/maps.
struct MapLine {
  uintptr_t Start;
  uintptr_t End;
  std::string Permissions;
  std::string Name;
};
std::vector<MapLine> readMaps();
// The name of the mapping at an address.
std::string nameOfMapping(uintptr_t Address);

// How many mappings the process has.
size_t countMaps();
// Bytes of address space, and resident bytes (/proc/self/statm).
size_t getVirtualBytes();
size_t getResidentBytes();
// The numbers of the open descriptors, without the one that looks.
std::vector<int> listDescriptors();
// What the descriptor's link in /proc/self/fd says.
std::string describeDescriptor(int Fd);
// The descriptors whose link names a window, of whichever kind.
std::vector<int> listWindowDescriptors();

} // namespace refpage_test

#endif // REFPAGE_TESTS_SUPPORT_MEMORY_H_
