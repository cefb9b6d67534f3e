// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a program does with its heap: the ways through the allocator on which
// system calls are made, each by itself.

#ifndef REFPAGE_TESTS_ALLOCATOR_FAULT_PATHS_H_
#define REFPAGE_TESTS_ALLOCATOR_FAULT_PATHS_H_

#include "tests/allocator/fault_injector.h"

#include <stddef.h>

#include <ostream>
#include <vector>

namespace refpage_test {

// What has been seen of the heap. Nothing else happens here, so that all calls
// are the heap's.
struct PathChecks {
  const char *Wrong = nullptr; // What was first.
  int Refused = 0;             // Blocks, with NULL and ENOMEM.

  void fail(const char *What) {
    if (!Wrong)
      Wrong = What;
  }
};

struct FaultPath {
  const char *Name;
  // What comes before, when all calls work.
  void (*Prepare)();
  // Frees all that it has got.
  void (*Live)(PathChecks *);
  // A kind of calls in it that upstream makes too, to whom its failure is
  // fatal; none by default.
  CallKind FatalToUpstream = CallKind::Count;
};

// For GoogleTest.
inline void PrintTo(const FaultPath &Path, std::ostream *Stream) {
  *Stream << Path.Name;
}

// Those that this process can take.
std::vector<FaultPath> getFaultPaths();

} // namespace refpage_test

#endif // REFPAGE_TESTS_ALLOCATOR_FAULT_PATHS_H_
