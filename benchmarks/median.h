// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef REFPAGE_BENCHMARKS_MEDIAN_H
#define REFPAGE_BENCHMARKS_MEDIAN_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

namespace bench {

// Sorts them.
inline uint64_t medianOf(uint64_t *Values, size_t Count) {
  qsort(Values, Count, sizeof(uint64_t), [](const void *A, const void *B) {
    const uint64_t Left = *static_cast<const uint64_t *>(A);
    const uint64_t Right = *static_cast<const uint64_t *>(B);
    return Left < Right ? -1 : Left > Right ? 1 : 0;
  });
  return Values[Count / 2];
}

} // namespace bench

#endif // REFPAGE_BENCHMARKS_MEDIAN_H
