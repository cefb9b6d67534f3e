// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef REFPAGE_TESTS_ALLOCATOR_WHOLE_API_H_
#define REFPAGE_TESTS_ALLOCATOR_WHOLE_API_H_

namespace refpage_test {

// Uses each function of the library, with small and large blocks, used sparsely
// and densely, freed, used again, cut and moved, from several threads and in a
// child. Returns whether blocks held what they should; under any malloc, but
// what blocks hold at first is not looked at.
bool useWholeApi();

} // namespace refpage_test

#endif // REFPAGE_TESTS_ALLOCATOR_WHOLE_API_H_
