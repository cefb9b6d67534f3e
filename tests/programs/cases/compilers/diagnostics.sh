# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Compilers refuse a wrong program with the same words.
set -uo pipefail
exec 2>&1

cat >wrong.cc <<'END'
#include <vector>
template <typename T> T twice(T value) { return value * 2; }
int main() {
  std::vector<int> numbers = twice("text");
  return undeclared;
}
END
for compiler in g++ clang++-19; do
  $compiler -fno-color-diagnostics -fdiagnostics-color=never -Wall -c wrong.cc 2>&1 |
    grep -v 'unrecognized command-line option'
  echo "status ${PIPESTATUS[0]}"
done
echo 'int missing(); int main() { return missing(); }' >unresolved.cc
g++ -c unresolved.cc
ld -e main unresolved.o -o unresolved
echo "status $?"
