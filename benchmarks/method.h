// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A way to hand out blocks, which is compared with others.

#ifndef REFPAGE_BENCHMARKS_METHOD_H
#define REFPAGE_BENCHMARKS_METHOD_H

#include <stddef.h>

namespace bench {

constexpr unsigned char PatternByte = 0xab;

class Method {
public:
  virtual const char *name() const = 0;
  // A block that reads as the pattern, unless the method is one that fills
  // nothing. Ends the program if there is none.
  virtual char *get(size_t Size) = 0;
  virtual void put(char *Block, size_t Size) = 0;
  // After each put(), not part of its time.
  virtual void afterwards() {}

protected:
  ~Method() = default;
};

} // namespace bench

#endif // REFPAGE_BENCHMARKS_METHOD_H
