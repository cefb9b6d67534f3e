/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * libscudo_refpage_bionic.a: a malloc for a C library that has a dispatch table
 * of its own, as Android's bionic. C and C++.
 *
 * The functions are those that bionic expects of Scudo, under its names. Where
 * nothing else is said they do what C, POSIX and bionic's <malloc.h> say, are
 * thread-safe, keep errno unless they fail, and may be called in the child of a
 * fork. They need nothing but the C library, and no initialisation: the heap
 * starts with the first call.
 */

#ifndef SCUDO_REFPAGE_BIONIC_H_
#define SCUDO_REFPAGE_BIONIC_H_

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#if defined(__BIONIC__)
#include <malloc.h>
typedef struct mallinfo scudo_mallinfo_t;
#else
/* bionic's struct mallinfo, whose fields are size_t. */
typedef struct {
  size_t arena;   /* bytes that small blocks have taken from the system */
  size_t ordblks; /* freed large blocks that are kept for reuse */
  size_t smblks;  /* 0 */
  size_t hblks;   /* large blocks in use */
  size_t hblkhd;  /* bytes of the heap: arena, large blocks and what is kept */
  size_t usmblks; /* the same as hblkhd */
  size_t fsmblks; /* bytes of free small blocks */
  size_t
      uordblks; /* bytes of blocks in use: small (of their class) and large */
  size_t fordblks; /* bytes of free small and kept large blocks */
  size_t keepcost; /* fordblks: what a purge can give back at most */
} scudo_mallinfo_t;
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Failure is NULL and ENOMEM. The address is a multiple of 16. */
void *scudo_malloc(size_t size);
void *scudo_calloc(size_t count, size_t size);
void *scudo_realloc(void *ptr, size_t size); /* to 0: frees, returns NULL */
void *scudo_reallocarray(void *ptr, size_t count, size_t size);
void scudo_free(void *ptr);

/* The alignment is rounded up to a power of two, above 16 MiB: ENOMEM. */
void *scudo_memalign(size_t alignment, size_t size);
/* EINVAL: no power of two, or less than a pointer's size. errno is kept. */
int scudo_posix_memalign(void **ptr, size_t alignment, size_t size);
/* EINVAL: no power of two, or size is no multiple of it. */
void *scudo_aligned_alloc(size_t alignment, size_t size);
void *scudo_pvalloc(size_t size);
void *scudo_valloc(size_t size);

/* The size that was asked for; 0 for NULL. */
#if defined(__BIONIC__)
size_t scudo_malloc_usable_size(const void *ptr);
#else
size_t scudo_malloc_usable_size(void *ptr);
#endif

scudo_mallinfo_t scudo_mallinfo(void);
#if !defined(__BIONIC__) /* There it is another name of mallinfo(). */
scudo_mallinfo_t scudo_mallinfo2(void);
#endif

/*
 * Writes one line for each size of which there are blocks in use, large ones
 * included:
 *   <malloc version="scudo-1">
 *   <alloc size="SIZE" count="COUNT"/>
 *   </malloc>
 * Returns 0, or -1 and errno: EINVAL (options is not 0), ENOMEM, or what the
 * stream says.
 */
int scudo_malloc_info(int options, FILE *stream);

/*
 * Calls callback for each block in use whose header lies in [base, base +
 * size), with its pointer, memory tag included, and the size that was asked
 * for. Between scudo_malloc_disable() and scudo_malloc_enable(), which stop all
 * other threads that allocate; the callback may not. Returns 0.
 */
int scudo_malloc_iterate(uintptr_t base, size_t size,
                         void (*callback)(uintptr_t base, size_t size,
                                          void *arg),
                         void *arg);
void scudo_malloc_disable(void);
void scudo_malloc_enable(void);

/*
 * Returns 1, or 0: the parameter is unknown, or the value is not one of its
 * values. Parameters and values below are bionic's.
 */
int scudo_mallopt(int parameter, int value);

/* -1: freed memory is not given back by itself; 0: at once; 1: after a second
 * without use. Gives back what there is before, as M_PURGE. */
#ifndef M_DECAY_TIME
#define M_DECAY_TIME (-100)
#endif
/* Gives freed memory back now. The value is ignored. */
#ifndef M_PURGE
#define M_PURGE (-101)
#endif
/* The same, and empties the caches of threads first. */
#ifndef M_PURGE_ALL
#define M_PURGE_ALL (-104)
#endif
/* Tags of small blocks: 0 (M_MEMTAG_TUNING_BUFFER_OVERFLOW), neighbours have
 * different ones; 1 (M_MEMTAG_TUNING_UAF), random. Large blocks have both. */
#ifndef M_MEMTAG_TUNING
#define M_MEMTAG_TUNING (-102)
#endif
/* 1: blocks that the calling thread makes are not filled; 0: as all others. */
#ifndef M_THREAD_DISABLE_MEM_INIT
#define M_THREAD_DISABLE_MEM_INIT (-103)
#endif
/* How many freed large blocks are kept: from 0 on; more than 256 are 256. */
#ifndef M_CACHE_COUNT_MAX
#define M_CACHE_COUNT_MAX (-200)
#endif
/* The largest freed block that is kept, in bytes: from 0 on. */
#ifndef M_CACHE_SIZE_MAX
#define M_CACHE_SIZE_MAX (-201)
#endif
/* How many caches threads share: no less than now; more than 8 are 8. */
#ifndef M_TSDS_COUNT_MAX
#define M_TSDS_COUNT_MAX (-202)
#endif
/* Blocks from now on read as zeros; 0: as anything. bionic asks for it by
 * scudo_malloc_set_zero_contents() itself. */
#ifndef M_BIONIC_ZERO_INIT
#define M_BIONIC_ZERO_INIT (-203)
#endif
/* Memory tags: 3, a wrong access is a signal at once; 2, at the next system
 * call; 0, none any more. 0 is returned for other levels, and where there are
 * no tags for all but 0. For C libraries that do not do it themselves, as
 * bionic does; it reaches the threads by a signal. */
#ifndef M_BIONIC_SET_HEAP_TAGGING_LEVEL
#define M_BIONIC_SET_HEAP_TAGGING_LEVEL (-204)
#endif
/* Writes statistics to the log. The value is ignored. */
#ifndef M_LOG_STATS
#define M_LOG_STATS (-205)
#endif

/* For the C library's own use, before main() or later. */

/* Ends memory tags for good; checks must be off in all threads. Before the
 * first allocation it keeps the heap from having any. */
void scudo_malloc_disable_memory_tagging(void);
/* Whether it is recorded who allocates and frees tagged blocks. */
void scudo_malloc_set_track_allocation_stacks(int track);
/* Not 0: blocks from now on read as zeros. 0: as anything. */
void scudo_malloc_set_zero_contents(int zero_contents);
/* The same with the pattern of the options, which is how the heap starts. */
void scudo_malloc_set_pattern_fill_contents(int pattern_fill_contents);
/* Not 0: 16 bytes more behind each large block, for programs that read there.
 */
void scudo_malloc_set_add_large_allocation_slack(int add_slack);

/* For those who report crashes: __scudo_get_error_info() and what it needs are
 * in Scudo's <scudo/interface.h>. */

#ifdef __cplusplus
}
#endif

#endif /* SCUDO_REFPAGE_BIONIC_H_ */
