// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A fuzzer's input as a row of decisions, and how a target says that something
// is wrong.

#ifndef REFPAGE_TESTS_FUZZ_INPUT_H_
#define REFPAGE_TESTS_FUZZ_INPUT_H_

#include <stddef.h>
#include <stdint.h>

namespace refpage_test {

// Six bits of each byte count, so that printable text can say everything: the
// corpus is text (libFuzzer's -only_ascii).
class Input {
public:
  Input(const uint8_t *Data, size_t Size) : Next(Data), End(Data + Size) {}

  bool isOver() const { return Next == End; }

  // [0, 63]; 0 when the input is over.
  size_t digit() { return isOver() ? 0 : *Next++ % 64; }

  // [0, Most]
  size_t upTo(size_t Most) {
    size_t Value = digit();
    for (size_t Range = 64; Range <= Most; Range *= 64)
      Value = Value * 64 + digit();
    return Value % (Most + 1);
  }

  bool oneIn(size_t N) { return upTo(N - 1) == N - 1; }

  template <typename T, size_t N> const T &pick(const T (&Choices)[N]) {
    return Choices[upTo(N - 1)];
  }

private:
  const uint8_t *Next;
  const uint8_t *End;
};

// Prints what is wrong, and aborts.
[[noreturn]] void fail(const char *Format, ...)
    __attribute__((format(printf, 1, 2)));

// With the environment's FUZZ_TRACE=1: prints a step on standard error, so that
// an input can be read.
void trace(const char *Format, ...) __attribute__((format(printf, 1, 2)));

} // namespace refpage_test

#endif // REFPAGE_TESTS_FUZZ_INPUT_H_
