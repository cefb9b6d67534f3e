// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "platform/fork_detector.h"

#include "platform/mapping.h"

namespace refpage {

bool ForkDetector::arm() {
  if (!Mark) {
    uptr Page;
    if (mapWipedOnFork(scudo::getPageSizeCached(), &Page) != 0)
      return false;
    Mark = reinterpret_cast<volatile u32 *>(Page);
  }
  *Mark = 1;
  return true;
}

bool ForkDetector::isSameProcess() const { return Mark && *Mark == 1; }

} // namespace refpage
