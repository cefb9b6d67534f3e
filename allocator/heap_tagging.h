// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Changing the mode of tag checks while the program runs, as Android's programs
// do it: mallopt(M_BIONIC_SET_HEAP_TAGGING_LEVEL, level).

#ifndef REFPAGE_ALLOCATOR_HEAP_TAGGING_H_
#define REFPAGE_ALLOCATOR_HEAP_TAGGING_H_

#include "platform/types.h"

namespace refpage {

// bionic's numbers (its malloc.h).
constexpr int HeapTaggingParameter = -204;
enum HeapTaggingLevel : int {
  LevelNone = 0,  // No tags, no checks; nothing leads back from here.
  LevelTbi = 1,   // Pointers with a tag that is not checked: not supported.
  LevelAsync = 2, // A wrong tag is found out at the next system call.
  LevelSync = 3,  // At once; and who allocated and freed blocks is recorded.
};

// Returns 1, or 0: the level is not supported, or cannot be reached from the
// present one (a heap without tags gets none), or not all threads could be
// reached (platform/all_threads.h). In the latter case those that were have the
// new mode, except that for LevelNone they get the caller's back: without tags
// no thread may check any.
int setHeapTaggingLevel(int Level);

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_HEAP_TAGGING_H_
