/* SPDX-License-Identifier: GPL-2.0 */
#ifndef REFPAGE_SOURCE_H
#define REFPAGE_SOURCE_H

#include <linux/atomic.h>
#include <linux/compiler_types.h>
#include <linux/spinlock_types.h>
#include <linux/types.h>

struct address_space;
struct page;
struct vm_area_struct;

/**
 * struct refpage_copy - the page that faults on one CPU map, or copy from
 * @lock: guards @page
 * @page: set when a fault first needs it, cleared under the page's lock as well
 */
struct refpage_copy {
	spinlock_t lock; /* taken inside the page's own lock */
	struct page *page;
};

/**
 * struct refpage_source - the contents of a reference-page file
 * @contents: holds them; never mapped, so nothing but copying refers to it
 * @copies: what is mapped. One a CPU, since a fault takes the page's lock and
 *          counts a reference, and both would bounce between CPUs.
 * @forked: how many pages mappings had that fork() has duplicated since the
 *          reference counts of @copies were looked at
 * @tagged: the contents have memory tags other than 0
 */
struct refpage_source {
	struct page *contents;
	struct refpage_copy __percpu *copies;
	atomic_long_t forked;
	bool tagged;
};

int refpage_source_check_parameters(void);
int refpage_source_init(struct refpage_source *source, u64 content,
			unsigned int size);
void refpage_source_destroy(struct refpage_source *source);
struct page *refpage_source_lock_page(struct refpage_source *source,
				      struct address_space *mapping);
void refpage_source_fork(struct refpage_source *source,
			 struct vm_area_struct *vma);

#endif
