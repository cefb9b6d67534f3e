/* SPDX-License-Identifier: GPL-2.0 */
#ifndef REFPAGE_SOURCE_H
#define REFPAGE_SOURCE_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/percpu-defs.h>
#include <linux/types.h>

struct page;
struct vm_area_struct;

/**
 * struct refpage_source - the contents of a reference-page file
 * @contents: holds them; never mapped, so nothing but copying refers to it
 * @current_copies: the copy that faults on each CPU map, or copy from; NULL until
 *	one does. One a CPU, since a fault takes the page's lock and counts a
 *	reference, and both would bounce between CPUs.
 * @lock: guards changes of @current_copies, and @copies
 * @copies: all that were ever current: they stay until the file goes, as
 *	something may still map them
 * @forked: how many pages mappings had that fork() has duplicated since the
 *	reference counts of @copies were looked at
 * @tagged: the contents have memory tags other than 0
 */
struct refpage_source {
	struct page *contents;
	struct page *__percpu *current_copies;
	struct mutex lock; /* taken under mmap_lock, before i_mmap_rwsem */
	struct list_head copies;
	atomic_long_t forked;
	bool tagged;
};

int refpage_source_check_parameters(void);
int refpage_source_init(struct refpage_source *source, u64 content,
			unsigned int size);
void refpage_source_destroy(struct refpage_source *source);
struct page *refpage_source_get_page(struct refpage_source *source);
void refpage_source_fork(struct refpage_source *source,
			 struct vm_area_struct *vma);

#endif
