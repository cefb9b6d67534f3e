// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef REFPAGE_TOOLS_REFPAGE_MEDIAN_H_
#define REFPAGE_TOOLS_REFPAGE_MEDIAN_H_

#include <algorithm>
#include <stddef.h>
#include <vector>

namespace refpage {

// Of at least one value: the middle one, or the mean of the two in the middle.
inline double getMedian(std::vector<double> Values) {
  std::sort(Values.begin(), Values.end());
  const size_t Middle = Values.size() / 2;
  return Values.size() % 2 ? Values[Middle]
                           : (Values[Middle - 1] + Values[Middle]) / 2;
}

} // namespace refpage

#endif // REFPAGE_TOOLS_REFPAGE_MEDIAN_H_
