// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ways to hand out a block all of whose bytes are a pattern, each the same
// whatever is done with the block: by raw system calls, without a malloc. Who
// knows what will be written can choose the best of them.

#ifndef REFPAGE_BENCHMARKS_REGRET_METHODS_H
#define REFPAGE_BENCHMARKS_REGRET_METHODS_H

#include "method.h"

#include <stddef.h>

namespace bench {

struct Methods {
  Method *const *List;
  size_t Count;
};

// Those that map each block anew and unmap it.
Methods freshMethods(size_t Size);
// Those that keep one block of Size bytes and make it read as the pattern when
// it is used again.
Methods reusingMethods(size_t Size);

} // namespace bench

#endif // REFPAGE_BENCHMARKS_REGRET_METHODS_H
