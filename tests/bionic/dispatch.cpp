// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tests/bionic/dispatch.h"

// Not <stdlib.h> or <malloc.h>, whose functions these are.
#include <atomic>

namespace refpage_test {

const Dispatch NativeDispatch = {scudo_calloc,
                                 scudo_free,
                                 scudo_mallinfo,
                                 scudo_malloc,
                                 scudo_malloc_usable_size,
                                 scudo_memalign,
                                 scudo_posix_memalign,
                                 scudo_pvalloc,
                                 scudo_realloc,
                                 scudo_reallocarray,
                                 scudo_valloc,
                                 scudo_malloc_iterate,
                                 scudo_malloc_disable,
                                 scudo_malloc_enable,
                                 scudo_mallopt,
                                 scudo_aligned_alloc,
                                 scudo_malloc_info};

namespace {

// Initialised before anything runs: the dynamic linker allocates early.
std::atomic<const Dispatch *> Current{&NativeDispatch};

const Dispatch *table() { return Current.load(std::memory_order_acquire); }

} // namespace

void setDispatch(const Dispatch *Table) {
  Current.store(Table, std::memory_order_release);
}

} // namespace refpage_test

using refpage_test::table;

extern "C" {

void *malloc(size_t Size) { return table()->Malloc(Size); }
void *calloc(size_t Count, size_t Size) { return table()->Calloc(Count, Size); }
void free(void *Ptr) { table()->Free(Ptr); }
void *realloc(void *Ptr, size_t Size) { return table()->Realloc(Ptr, Size); }
void *reallocarray(void *Ptr, size_t Count, size_t Size) {
  return table()->Reallocarray(Ptr, Count, Size);
}
void *memalign(size_t Alignment, size_t Size) {
  return table()->Memalign(Alignment, Size);
}
int posix_memalign(void **Ptr, size_t Alignment, size_t Size) {
  return table()->PosixMemalign(Ptr, Alignment, Size);
}
void *aligned_alloc(size_t Alignment, size_t Size) {
  return table()->AlignedAlloc(Alignment, Size);
}
void *pvalloc(size_t Size) { return table()->Pvalloc(Size); }
void *valloc(size_t Size) { return table()->Valloc(Size); }
size_t malloc_usable_size(void *Ptr) { return table()->UsableSize(Ptr); }

scudo_mallinfo_t mallinfo2() { return table()->Mallinfo(); }
int malloc_info(int Options, FILE *Stream) {
  return table()->Info(Options, Stream);
}
int malloc_iterate(uintptr_t Base, size_t Size,
                   void (*Callback)(uintptr_t Base, size_t Size, void *Arg),
                   void *Arg) {
  return table()->Iterate(Base, Size, Callback, Arg);
}
void malloc_disable() { table()->Disable(); }
void malloc_enable() { table()->Enable(); }

// bionic does this one itself, whatever the table.
int mallopt(int Parameter, int Value) {
  if (Parameter == M_BIONIC_ZERO_INIT) {
    scudo_malloc_set_zero_contents(Value);
    return 1;
  }
  return table()->Mallopt(Parameter, Value);
}

} // extern "C"
