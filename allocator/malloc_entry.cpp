// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The malloc family as glibc has it. Upstream's wrappers give most of it: they
// are compiled here, for our heap, under the prefix scudo_, and get glibc's
// names as aliases. What glibc has besides, or does otherwise, is below.

#include "allocator/density_trace.h"
#include "allocator/exit_stats.h"
#include "allocator/heap.h"
#include "allocator/heap_info.h"
#include "allocator/heap_tagging.h"
#include "allocator/options.h"
#include "platform/call_stack.h"

#include "scudo/interface.h"
#include "wrappers_c.h"
#include "wrappers_c_checks.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/single_threaded.h>

#define SCUDO_PREFIX(name) CONCATENATE(scudo_, name)
#define SCUDO_ALLOCATOR refpage::TheHeap
#include "wrappers_c.inc"
#undef SCUDO_ALLOCATOR
#undef SCUDO_PREFIX

using refpage::TheHeap;

namespace {

// Whether the thread that forks has taken the heap's locks for it.
thread_local bool HasHeapForFork;

// In a process of one thread nobody else can be at work on the heap; but this
// thread itself may be, if a signal handler forks: it would wait for its own
// lock for ever. The child may even go on with what was interrupted.
void beforeFork() {
  if (__libc_single_threaded)
    return;
  TheHeap.disable();
  HasHeapForFork = true;
}

void afterFork() {
  if (!HasHeapForFork)
    return;
  HasHeapForFork = false;
  TheHeap.enable();
}

// What uninit=report asks for the callers of malloc(), which loads a library of
// the compiler's: before the program's own code runs, but not within malloc().
__attribute__((constructor)) void loadUnwinderEarly() {
  if (UNLIKELY(refpage::getOptions().uninit == refpage::UninitMode::Report))
    refpage::loadUnwinder();
}

} // namespace

// Runs at the first allocation, once, when the heap works.
extern "C" void refpage_heap_ready() {
  TheHeap.applyOptions(refpage::getOptions().tag);
  refpage::initExitStats();
  refpage::initDensityTrace();
  pthread_atfork(beforeFork, afterFork, afterFork);
}

#define ALIAS_OF(Name) ALIAS("scudo_" #Name)

extern "C" {

INTERFACE void *malloc(size_t Size) ALIAS_OF(malloc);
INTERFACE void *calloc(size_t Count, size_t Size) ALIAS_OF(calloc);
INTERFACE void *realloc(void *Ptr, size_t Size) ALIAS_OF(realloc);
INTERFACE void free(void *Ptr) ALIAS_OF(free);
INTERFACE int posix_memalign(void **Ptr, size_t Alignment, size_t Size)
    ALIAS_OF(posix_memalign);
INTERFACE void *valloc(size_t Size) ALIAS_OF(valloc);
INTERFACE void *pvalloc(size_t Size) ALIAS_OF(pvalloc);
INTERFACE size_t malloc_usable_size(void *Ptr) ALIAS_OF(malloc_usable_size);
INTERFACE int malloc_iterate(uintptr_t Base, size_t Size,
                             void (*Callback)(uintptr_t Base, size_t Size,
                                              void *Arg),
                             void *Arg) ALIAS_OF(malloc_iterate);
INTERFACE void malloc_enable() ALIAS_OF(malloc_enable);
INTERFACE void malloc_disable() ALIAS_OF(malloc_disable);
INTERFACE void malloc_disable_memory_tagging()
    ALIAS_OF(malloc_disable_memory_tagging);
INTERFACE void malloc_set_track_allocation_stacks(int Track)
    ALIAS_OF(malloc_set_track_allocation_stacks);

INTERFACE void *memalign(size_t Alignment, size_t Size) {
  return refpage::allocateRoundingUp(Alignment, Size);
}

// C11 as corrected (DR 460) and glibc take any size; upstream only multiples of
// the alignment.
INTERFACE void *aligned_alloc(size_t Alignment, size_t Size) {
  if (UNLIKELY(!scudo::isPowerOfTwo(Alignment))) {
    errno = EINVAL;
    return nullptr;
  }
  return refpage::allocateAligned(Alignment, Size);
}

INTERFACE void *reallocarray(void *Ptr, size_t Count, size_t Size) {
  return refpage::reallocateArray(Ptr, Count, Size);
}

INTERFACE struct SCUDO_MALLINFO mallinfo(void) {
  return refpage::getMallinfo<SCUDO_MALLINFO>();
}
INTERFACE struct __scudo_mallinfo2 mallinfo2(void) {
  return refpage::getMallinfo<__scudo_mallinfo2>();
}
INTERFACE int malloc_info(int Options, FILE *Stream) {
  return refpage::writeHeapInfo(Options, Stream);
}

// glibc's tunables are hints for another allocator: taken, without effect, so
// that a program that checks goes on. Scudo's own, which are below them, work.
INTERFACE int mallopt(int Parameter, int Value) {
  constexpr int GlibcFirst = -8; // M_ARENA_MAX
  constexpr int GlibcLast = 4;   // M_KEEP
  if (Parameter >= GlibcFirst && Parameter <= GlibcLast)
    return 1;
  if (Parameter == refpage::HeapTaggingParameter)
    return refpage::setHeapTaggingLevel(Value);
  return scudo_mallopt(Parameter, Value);
}

// Gives back to the kernel what is kept for reuse. Whether that was anything is
// not counted: returns 1.
INTERFACE int malloc_trim(size_t) {
  TheHeap.releaseToOS(scudo::ReleaseToOS::ForceAll);
  return 1;
}

INTERFACE void malloc_stats() { TheHeap.printStats(); }

INTERFACE void __scudo_print_stats(void) { TheHeap.printStats(); }

} // extern "C"
