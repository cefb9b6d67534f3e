// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The process's one heap, and what its entry points have in common whatever
// names the C library has for them. Compiled once for each library that offers
// entry points, with the configuration that belongs to it.

#ifndef REFPAGE_ALLOCATOR_HEAP_H_
#define REFPAGE_ALLOCATOR_HEAP_H_

#include "allocator/pattern_allocator.h"

#ifdef REFPAGE_BIONIC
#include "allocator/bionic_config.h"
#endif

// Runs at the first allocation, once, when the heap works. Each library has its
// own.
extern "C" HIDDEN void refpage_heap_ready();

namespace refpage {

#ifdef REFPAGE_BIONIC
using HeapConfig = BionicConfig;
#else
using HeapConfig = scudo::Config;
#endif

using Heap = PatternAllocator<HeapConfig, refpage_heap_ready>;
extern HIDDEN Heap TheHeap;

// Of what kind the next blocks are is for upstream's checks: as by memalign().
// nullptr and ENOMEM when there is no memory.
HIDDEN void *allocateAligned(uptr Alignment, uptr Size);

// memalign() as glibc and bionic have it: an alignment that is no power of two
// is rounded up to one, and 0 is 1. Upstream refuses them.
HIDDEN void *allocateRoundingUp(uptr Alignment, uptr Size);

// reallocarray(): nullptr and ENOMEM also when the product does not fit.
HIDDEN void *reallocateArray(void *Ptr, uptr Count, uptr Size);

} // namespace refpage

#endif // REFPAGE_ALLOCATOR_HEAP_H_
