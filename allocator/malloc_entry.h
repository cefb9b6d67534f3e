// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The process's one heap, for the entry points that use it.

#ifndef REFPAGE_ALLOCATOR_MALLOC_ENTRY_H_
#define REFPAGE_ALLOCATOR_MALLOC_ENTRY_H_

#include "allocator/pattern_allocator.h"

extern "C" HIDDEN void refpage_heap_ready();

namespace refpage {

extern HIDDEN PatternAllocator<scudo::Config, refpage_heap_ready> TheHeap;

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_MALLOC_ENTRY_H_
