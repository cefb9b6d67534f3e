// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tells whether the process was forked, however: fork handlers do not run for
// raw clone() calls.

#ifndef REFPAGE_PLATFORM_FORK_DETECTOR_H_
#define REFPAGE_PLATFORM_FORK_DETECTOR_H_

#include "platform/types.h"

namespace refpage {

// A page that the kernel gives to the child of a fork as zeros
// (MADV_WIPEONFORK, Linux 4.14). To look at it costs no system call. Not
// thread-safe: the caller locks.
class ForkDetector {
public:
  constexpr ForkDetector() = default;

  // Starts to watch. False if the kernel cannot; nothing is then kept.
  bool arm();
  // Whether this still is the process that armed it.
  bool isSameProcess() const;

private:
  volatile u32 *Mark = nullptr;
};

} // namespace refpage

#endif // REFPAGE_PLATFORM_FORK_DETECTOR_H_
