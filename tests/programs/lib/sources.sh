# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# shellcheck shell=bash
# Programs to compile, for the cases that source this file.

# write_c FILE: plain C, some functions and a large table.
write_c() {
  {
    echo '#include <stdio.h>'
    echo '#include <stdlib.h>'
    echo 'static const unsigned table[] = {'
    seq -s, 20000
    echo '};'
    local i
    for i in {1..80}; do
      echo "__attribute__((noinline)) unsigned f$i(unsigned n) {"
      echo "  unsigned *copy = malloc((n + $i) * sizeof *copy), sum = 0;"
      echo "  for (unsigned j = 0; j < n + $i; j++) copy[j] = table[j % 20000] * ${i}u;"
      echo "  for (unsigned j = 0; j < n; j++) sum += copy[j] ^ (sum << 3);"
      echo '  free(copy);'
      echo '  return sum;'
      echo '}'
    done
    echo 'int main(void) {'
    echo '  unsigned sum = 0;'
    for i in {1..80}; do
      echo "  sum ^= f$i(${i}00);"
    done
    echo '  printf("%08x\n", sum);'
    echo '  return sum % 100;'
    echo '}'
  } >"$1"
}

# write_cxx FILE: templates, exceptions, containers, streams.
write_cxx() {
  cat >"$1" <<'END'
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

template <int N> struct Sum {
  static constexpr long value = N + Sum<N - 1>::value;
};
template <> struct Sum<0> {
  static constexpr long value = 0;
};

struct Base {
  virtual ~Base() = default;
  virtual long get() const = 0;
};
template <typename T> struct Holder : Base {
  explicit Holder(T value) : value(value) {}
  long get() const override { return static_cast<long>(value); }
  T value;
};

int main() {
  std::vector<long> numbers(3'000'000);
  std::iota(numbers.begin(), numbers.end(), 1);
  std::sort(numbers.begin(), numbers.end(),
            [](long a, long b) { return a % 1009 < b % 1009 || (a % 1009 == b % 1009 && a < b); });
  std::map<std::string, std::unique_ptr<Base>> table;
  for (int i = 0; i < 20000; i++) {
    if (i % 2)
      table["odd" + std::to_string(i)] = std::make_unique<Holder<int>>(i);
    else
      table["even" + std::to_string(i)] = std::make_unique<Holder<double>>(i * 1.5);
  }
  long sum = 0;
  for (const auto &[name, holder] : table)
    sum += holder->get() * static_cast<long>(name.size());
  try {
    std::string text(5'000'000, 'x');
    std::cout << text.at(4'999'999) << text.at(5'000'000);
  } catch (const std::out_of_range &) {
    std::cout << " out of range\n";
  }
  try {
    std::vector<char> refused(1UL << 62);
    std::cout << static_cast<void *>(refused.data()); // Or clang leaves it out.
  } catch (const std::bad_alloc &) {
    std::cout << "refused\n";
  }
  std::cout << Sum<500>::value << ' ' << numbers[12345] << ' ' << sum << '\n';
}
END
}
