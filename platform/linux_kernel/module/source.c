// SPDX-License-Identifier: GPL-2.0
/*
 * The pages behind a reference-page file, and how their reference counts stay
 * within bounds.
 *
 * Any number of page table entries may map a copy, and each counts a mapping and a
 * reference. Mappings may not reach 2^31, and references, with those of others,
 * not 2^32, which is 0.
 *
 * References come
 *  - from faults, which look at the count each time. At page_ref_limit another
 *    copy takes over;
 *  - from fork(), which duplicates entries without asking. So forks add up how
 *    many pages their mappings could have had, and look at the counts whenever
 *    that exceeds the limit. Where one is twice the limit, the file's unwritten
 *    pages are unmapped everywhere, as truncate() does it, and fault again.
 *    Between two such looks forks add no more than the limit, and those under way
 *    at a look no more than was counted at it. In all there are never more than
 *    5 * page_ref_limit;
 *  - from those who pin pages (vmsplice(), direct I/O). They refuse once a count
 *    is negative, and find what is left up to 2^31. What they keep at the limit
 *    takes 2^18 pins at a time, so copies do not pile up.
 *
 * Unmapping is for those who try to make a count overflow, since it is not quite
 * harmless: where KSM has put the zero page in the place of written zeros
 * (use_zero_pages), the kernel takes that for an unwritten page. The limit of one
 * copy is reached by 1 TiB of memory that was read, and is no reason to unmap.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/highmem.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "memory_tags.h"
#include "source.h"

#define MIN_PAGE_REF_LIMIT 256
#define MAX_PAGE_REF_LIMIT 0x10000000

static int page_ref_limit = MAX_PAGE_REF_LIMIT;
module_param(page_ref_limit, int, 0444);
MODULE_PARM_DESC(page_ref_limit,
		 "References to a page at which another takes over (256 to 2^28, the default)");

/* A copy, in the list of them. */
struct refpage_copy {
	struct list_head node;
	struct page *page;
};

/**
 * refpage_source_check_parameters() - check what the module was loaded with
 *
 * Return: 0 or -EINVAL.
 */
int refpage_source_check_parameters(void)
{
	if (page_ref_limit >= MIN_PAGE_REF_LIMIT &&
	    page_ref_limit <= MAX_PAGE_REF_LIMIT)
		return 0;
	pr_err("page_ref_limit has to be from %d to %d\n", MIN_PAGE_REF_LIMIT,
	       MAX_PAGE_REF_LIMIT);
	return -EINVAL;
}

/*
 * Whether more entries may map the page. Those who pin it can make the count
 * negative; if more were added, it would come to 0 while the page is in use.
 */
static bool is_usable(struct page *page)
{
	return (unsigned int)page_ref_count(page) < page_ref_limit &&
	       !PageHWPoison(page);
}

static int read_contents(struct page *page, u64 content, unsigned int size)
{
	void *to = kmap_local_page(page);
	unsigned int at;
	int err = 0;

	if (copy_from_user(to, u64_to_user_ptr(content), size))
		err = -EFAULT;
	else
		for (at = size; at < PAGE_SIZE; at += size)
			memcpy(to + at, to, size);
	kunmap_local(to);
	return err;
}

/**
 * refpage_source_init() - make a source of what is in user memory
 * @source: the source; zeroed
 * @content: user address of the contents, a multiple of @size
 * @size: bytes; a power of two, up to the page size
 *
 * The contents are repeated to fill a page. Their memory tags are copied if they
 * have any and a tag's granule fits into @size.
 *
 * Return: 0, -EINVAL, -EFAULT or -ENOMEM. After an error there is nothing to
 * destroy.
 */
int refpage_source_init(struct refpage_source *source, u64 content,
			unsigned int size)
{
	int err;

	if (!is_power_of_2(size) || size > PAGE_SIZE ||
	    !IS_ALIGNED(content, size))
		return -EINVAL;

	mutex_init(&source->lock);
	INIT_LIST_HEAD(&source->copies);
	source->contents = alloc_page(GFP_KERNEL_ACCOUNT);
	if (!source->contents)
		return -ENOMEM;
	err = read_contents(source->contents, content, size);
	if (err)
		goto err_page;
	source->tagged = refpage_copy_tags(source->contents, content, size);

	source->current_copies = alloc_percpu_gfp(struct page *,
						  GFP_KERNEL_ACCOUNT);
	if (!source->current_copies) {
		err = -ENOMEM;
		goto err_page;
	}
	return 0;

err_page:
	put_page(source->contents);
	return err;
}

/**
 * refpage_source_destroy() - let go of the pages of a source
 * @source: the source, of which nothing is mapped any more
 *
 * Pages that somebody has pinned live on for as long as they are.
 */
void refpage_source_destroy(struct refpage_source *source)
{
	struct refpage_copy *copy, *next;

	list_for_each_entry_safe(copy, next, &source->copies, node) {
		/* Not __free_page(): mlock() may have left its mark on the page. */
		put_page(copy->page);
		kfree(copy);
	}
	free_percpu(source->current_copies);
	put_page(source->contents);
}

/* Makes a copy; NULL if there is no memory. The caller holds the lock. */
static struct page *make_copy(struct refpage_source *source)
{
	struct refpage_copy *copy;

	copy = kmalloc(sizeof(*copy), GFP_KERNEL_ACCOUNT);
	if (!copy)
		return NULL;
	/* Near the CPU that faulted, paid for by who did. */
	copy->page = alloc_page(GFP_KERNEL_ACCOUNT);
	if (!copy->page) {
		kfree(copy);
		return NULL;
	}
	/*
	 * Mapped with PROT_MTE, its memory tags become the user's, and do not
	 * fit KASAN's tag in page_address() any more.
	 */
	page_kasan_tag_reset(copy->page);
	copy_highpage(copy->page, source->contents);
	list_add(&copy->node, &source->copies);
	return copy->page;
}

/* Sees to it that a CPU's current copy is usable; NULL if there is no memory. */
static struct page *renew_copy(struct refpage_source *source,
			       struct page **current_copy)
{
	struct page *page;

	mutex_lock(&source->lock);
	page = *current_copy;
	if (!page || !is_usable(page)) {
		page = make_copy(source);
		if (page) {
			/* Whoever sees the pointer (READ_ONCE) sees the contents. */
			smp_store_release(current_copy, page);
		}
	}
	if (page)
		get_page(page);
	mutex_unlock(&source->lock);
	return page;
}

/**
 * refpage_source_get_page() - a page with the contents, to be mapped or copied
 * @source: the source
 *
 * May sleep.
 *
 * Return: the page, with a reference for the caller, or NULL if there is no
 * memory.
 */
struct page *refpage_source_get_page(struct refpage_source *source)
{
	struct page **current_copy = raw_cpu_ptr(source->current_copies);
	struct page *page = READ_ONCE(*current_copy);

	if (unlikely(!page || !is_usable(page)))
		return renew_copy(source, current_copy);
	get_page(page);
	return page;
}

/**
 * refpage_source_fork() - a mapping is about to be duplicated by fork()
 * @source: what is mapped
 * @vma: the duplicate, whose page tables are still empty
 *
 * The caller holds the mmap_lock of both processes for writing. May sleep.
 */
void refpage_source_fork(struct refpage_source *source,
			 struct vm_area_struct *vma)
{
	long forked = atomic_long_add_return(vma_pages(vma), &source->forked);
	struct refpage_copy *copy;
	bool full = false;

	if (likely(forked < page_ref_limit))
		return;

	mutex_lock(&source->lock);
	atomic_long_set(&source->forked, 0);
	list_for_each_entry(copy, &source->copies, node)
		full |= (unsigned int)page_ref_count(copy->page) >=
			2 * page_ref_limit;
	/* To the end of the file; not what was written. */
	if (full)
		unmap_mapping_pages(vma->vm_file->f_mapping, 0, 0, false);
	mutex_unlock(&source->lock);
}
