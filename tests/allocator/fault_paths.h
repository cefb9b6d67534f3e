// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a program does with its heap: the ways through the allocator on which
// system calls are made, each by itself.

#ifndef REFPAGE_TESTS_ALLOCATOR_FAULT_PATHS_H_
#define REFPAGE_TESTS_ALLOCATOR_FAULT_PATHS_H_

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
  // Upstream's own munmap() is in it, whose failure is fatal.
  bool UnmapsUpstream = false;
};

// For GoogleTest.
inline void PrintTo(const FaultPath &Path, std::ostream *Stream) {
  *Stream << Path.Name;
}

// Those that this process can take.
std::vector<FaultPath> getFaultPaths();

} // namespace refpage_test

#endif // REFPAGE_TESTS_ALLOCATOR_FAULT_PATHS_H_
