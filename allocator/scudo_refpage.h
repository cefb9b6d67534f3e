/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * What libscudo_refpage offers besides the malloc family of <malloc.h>. C and
 * C++. Under LD_PRELOAD a program that calls one of these functions has to find
 * it at run time, by dlsym(RTLD_DEFAULT, ...), unless it is linked with the
 * library.
 *
 * Functions are thread-safe, keep errno unless they fail, and may be called in
 * the child of a fork. None is async-signal-safe, unless that is said.
 */

#ifndef SCUDO_REFPAGE_H_
#define SCUDO_REFPAGE_H_

#include <stddef.h>
#include <stdint.h>

/*
 * For mallopt(parameter, value). It returns 1, or 0 where the parameter or the
 * value is not supported. glibc's own parameters are taken, without effect, and
 * give 1. The names are Scudo's; those of bionic have bionic's numbers.
 */

/* How long freed memory without use is kept before it goes back to the system,
 * in milliseconds (5000). 0: it goes at once; -1: never by itself. */
#ifndef M_DECAY_TIME
#define M_DECAY_TIME (-100)
#endif
/* Gives freed memory back now; the value is ignored. */
#ifndef M_PURGE
#define M_PURGE (-101)
#endif
/* The same, and what takes longer: as malloc_trim(0). */
#ifndef M_PURGE_ALL
#define M_PURGE_ALL (-104)
#endif
/* The tags of small blocks, on Arm with memory tags. */
#ifndef M_MEMTAG_TUNING
#define M_MEMTAG_TUNING (-102)
#endif
/* Values: neighbours have different tags; all tags are random. */
#ifndef M_MEMTAG_TUNING_BUFFER_OVERFLOW
#define M_MEMTAG_TUNING_BUFFER_OVERFLOW 0
#endif
#ifndef M_MEMTAG_TUNING_UAF
#define M_MEMTAG_TUNING_UAF 1
#endif
/* 1: blocks that the calling thread makes are not filled; 0: as all others. */
#ifndef M_THREAD_DISABLE_MEM_INIT
#define M_THREAD_DISABLE_MEM_INIT (-103)
#endif
/* How many freed large blocks are kept at most: from 0 on; more than 128, which
 * is the default, are 128. */
#ifndef M_CACHE_COUNT_MAX
#define M_CACHE_COUNT_MAX (-200)
#endif
/* The largest freed large block that is kept, in bytes. */
#ifndef M_CACHE_SIZE_MAX
#define M_CACHE_SIZE_MAX (-201)
#endif
/* Tags of the whole heap, on Arm with memory tags, for all threads. It sends
 * them a signal, and returns 0 where it cannot reach one. */
#ifndef M_BIONIC_SET_HEAP_TAGGING_LEVEL
#define M_BIONIC_SET_HEAP_TAGGING_LEVEL (-204)
#endif
/* Values: no tags any more, for good; a wrong access is a signal at the next
 * system call; at once, and it is recorded who allocates and frees. */
#ifndef M_HEAP_TAGGING_LEVEL_NONE
#define M_HEAP_TAGGING_LEVEL_NONE 0
#define M_HEAP_TAGGING_LEVEL_ASYNC 2
#define M_HEAP_TAGGING_LEVEL_SYNC 3
#endif
/* Writes statistics to standard error; the value is ignored. */
#ifndef M_LOG_STATS
#define M_LOG_STATS (-205)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Statistics on standard error: of small blocks by their class, of large ones
 * by what served them. malloc_stats() does the same.
 */
void __scudo_print_stats(void);

/*
 * The program can define it: options in the form of SCUDO_OPTIONS, which the
 * environment overrides. Called once, at the first allocation; it must not
 * allocate. Only where the library is linked in statically, or the program
 * exports it (-rdynamic).
 */
const char *__scudo_default_options(void) __attribute__((weak));

/*
 * Calls callback for each block in use that lies in [base, base + size), with
 * its address and the size that was asked for. Only between malloc_disable()
 * and malloc_enable(); callback must neither allocate nor free. Returns 0.
 */
int malloc_iterate(uintptr_t base, size_t size,
                   void (*callback)(uintptr_t base, size_t size, void *arg),
                   void *arg);

/*
 * Stops the heap: other threads that allocate or free wait until it is enabled,
 * by the same thread. fork() does it by itself. Does not nest.
 */
void malloc_disable(void);
void malloc_enable(void);

/*
 * Ends memory tags for good. Checks must be off already in all threads; prefer
 * mallopt(M_BIONIC_SET_HEAP_TAGGING_LEVEL, M_HEAP_TAGGING_LEVEL_NONE).
 */
void malloc_disable_memory_tagging(void);

/* Not 0: who allocates and frees a tagged block is recorded, for
 * __scudo_get_error_info(). */
void malloc_set_track_allocation_stacks(int track);

/*
 * For those who report crashes with memory tags: the likely causes of a fault,
 * the likeliest first. The layout is that of this version of the library.
 */
#ifndef SCUDO_INTERFACE_H_ /* Scudo's own header has the same. */
enum scudo_error_type {
  UNKNOWN, /* None of the below: only the block is named, if there is one. */
  USE_AFTER_FREE,
  BUFFER_OVERFLOW,
  BUFFER_UNDERFLOW,
};

struct scudo_error_report {
  enum scudo_error_type error_type;

  uintptr_t allocation_address; /* 0: this report is empty. */
  uintptr_t allocation_size;    /* bytes that were asked for */

  /* Return addresses, the innermost first; 0 ends them. */
  uint32_t allocation_tid;
  uintptr_t allocation_trace[64];

  uint32_t deallocation_tid; /* 0: the block is not freed. */
  uintptr_t deallocation_trace[64];
};

struct scudo_error_info {
  struct scudo_error_report reports[3];
};
#endif

/*
 * fault_addr: with its tag, as a handler with SA_EXPOSE_TAGBITS gets it in
 * siginfo. memory: a copy of memory_size bytes around the fault that were at
 * memory_addr, or that memory itself; memory_tags: a byte for each 16 of them,
 * its tag. The rest is what the functions below give, or copies of it made by
 * another process. Takes no lock and allocates nothing: may be called in a
 * signal handler.
 */
void __scudo_get_error_info(struct scudo_error_info *error_info,
                            uintptr_t fault_addr, const char *stack_depot,
                            size_t stack_depot_size, const char *region_info,
                            const char *ring_buffer, size_t ring_buffer_size,
                            const char *memory, const char *memory_tags,
                            uintptr_t memory_addr, size_t memory_size);

/* Addresses in this process, and bytes. Nothing that is recorded: NULL, 0. */
const char *__scudo_get_stack_depot_addr(void);
size_t __scudo_get_stack_depot_size(void);
const char *__scudo_get_region_info_addr(void);
size_t __scudo_get_region_info_size(void);
const char *__scudo_get_ring_buffer_addr(void);
size_t __scudo_get_ring_buffer_size(void);

#ifdef __cplusplus
}
#endif

#endif /* SCUDO_REFPAGE_H_ */
