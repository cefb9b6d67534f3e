// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Programs close descriptors that are not theirs, and get the numbers for files
// of their own.

#ifndef REFPAGE_TESTS_FUZZ_LOST_DESCRIPTORS_H_
#define REFPAGE_TESTS_FUZZ_LOST_DESCRIPTORS_H_

#include "tests/fuzz/input.h"

#include <vector>

namespace refpage_test {

class LostDescriptors {
public:
  // Closes the windows' descriptors, or puts another file there.
  void lose(Input &In);
  // Closes those files, which nobody else may have done.
  void close();

private:
  std::vector<int> Replaced;
};

} // namespace refpage_test

#endif // REFPAGE_TESTS_FUZZ_LOST_DESCRIPTORS_H_
