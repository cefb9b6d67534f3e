// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tests/fuzz/lost_descriptors.h"

#include "tests/support/memory.h"

#include <unistd.h>

namespace refpage_test {

void LostDescriptors::lose(Input &In) {
  constexpr uint64_t Hostile = 0x6c69766520737469;
  const bool IsReplaced = In.oneIn(2);
  trace("lose descriptors%s", IsReplaced ? ", to other files" : "");
  for (const int Fd : listWindowDescriptors()) {
    if (!IsReplaced) {
      ::close(Fd);
      continue;
    }
    const int Other = makePatternFile(64UL << 10, Hostile);
    if (Other == -1 || dup2(Other, Fd) == -1)
      fail("cannot make a file");
    ::close(Other);
    Replaced.push_back(Fd);
  }
}

void LostDescriptors::close() {
  for (const int Fd : Replaced)
    ::close(Fd);
  Replaced.clear();
}

} // namespace refpage_test
