// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A C library's malloc as bionic has it: the malloc family goes through a table
// of functions, which is that of libscudo_refpage_bionic.a until another one is
// put in front (as bionic does for malloc debug and heap profiling). Linked
// into a test, this is the malloc of the whole process.

#ifndef REFPAGE_TESTS_BIONIC_DISPATCH_H_
#define REFPAGE_TESTS_BIONIC_DISPATCH_H_

#include "allocator/scudo_refpage_bionic.h"

namespace refpage_test {

struct Dispatch {
  void *(*Calloc)(size_t, size_t);
  void (*Free)(void *);
  scudo_mallinfo_t (*Mallinfo)();
  void *(*Malloc)(size_t);
  size_t (*UsableSize)(void *);
  void *(*Memalign)(size_t, size_t);
  int (*PosixMemalign)(void **, size_t, size_t);
  void *(*Pvalloc)(size_t);
  void *(*Realloc)(void *, size_t);
  void *(*Reallocarray)(void *, size_t, size_t);
  void *(*Valloc)(size_t);
  int (*Iterate)(uintptr_t, size_t, void (*)(uintptr_t, size_t, void *),
                 void *);
  void (*Disable)();
  void (*Enable)();
  int (*Mallopt)(int, int);
  void *(*AlignedAlloc)(size_t, size_t);
  int (*Info)(int, FILE *);
};

// The library's own table.
extern const Dispatch NativeDispatch;

// The table in force, from now on, for all threads.
void setDispatch(const Dispatch *Table);

} // namespace refpage_test

#endif // REFPAGE_TESTS_BIONIC_DISPATCH_H_
