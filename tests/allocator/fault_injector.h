// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Counts the system calls of the allocator and lets them fail. The linker sends
// them here (--wrap, see WRAPPED_CALLS in BUILD.bazel); those that glibc makes
// inside itself, and those of shared libraries, go their usual way.

#ifndef REFPAGE_TESTS_ALLOCATOR_FAULT_INJECTOR_H_
#define REFPAGE_TESTS_ALLOCATOR_FAULT_INJECTOR_H_

#include <stdint.h>

namespace refpage_test {

enum class CallKind : uint8_t {
#define CALL_KIND(Name, ...) Name,
#include "tests/allocator/call_kinds.inc"
#undef CALL_KIND
  Count
};
constexpr int NumCallKinds = static_cast<int>(CallKind::Count);

struct CallKindInfo {
  const char *Name;
  const char *Documented; // What docs/syscalls.md calls it.
  int Errors[6];          // Up to the first 0.
};
const CallKindInfo &getInfo(CallKind Kind);
// Instead of an error: a few bytes of those that were asked for.
constexpr int ShortTransfer = -1;
const char *describeError(int Error);

// What shall fail. Changed while no other thread allocates.
struct Fault {
  CallKind Kind = CallKind::Count;
  int Error = 0;
  int Nth = 1;       // Counted from 1.
  bool Once = false; // Else all from the n-th on.
  // Instead of all that: one in so many calls of any kind, with any of its
  // errors.
  unsigned OneIn = 0;
  unsigned Seed = 0;
  // Kinds that are left out of that, as a set.
  uint64_t Spared = 0;
  // Only what is asked for with memory tags.
  bool OnlyTags = false;
};

// From here on calls are counted, and fail as they shall.
void startFaults(const Fault &Wanted);
void stopFaults();

// Since the last start.
int getCalls(CallKind Kind);
int getFailures(CallKind Kind);
int getFailures();
// Calls of munmap() for what is not mapped: it may be somebody else's soon.
int getStrayUnmaps();

} // namespace refpage_test

#endif // REFPAGE_TESTS_ALLOCATOR_FAULT_INJECTOR_H_
