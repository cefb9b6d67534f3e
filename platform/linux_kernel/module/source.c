// SPDX-License-Identifier: GPL-2.0
/*
 * The pages behind a reference-page file, and how their reference counts stay
 * within bounds.
 *
 * Any number of page table entries may map a copy, and each counts a reference
 * (and a mapping, which are never more). Neither count may reach 2^31. At
 * page_ref_limit a copy is retired: the file's unwritten pages are unmapped
 * everywhere, as truncate() does it, and the next fault makes another copy.
 *
 * References come
 *  - from faults, which look at the count each time;
 *  - from fork(), which duplicates entries without asking. So forks add up how
 *    many pages their mappings could have had, and look at the counts whenever
 *    that exceeds the limit. Between two such looks they add no more than the
 *    limit, and those under way at a look no more than was counted at it. In all
 *    there are never more than 3 * page_ref_limit;
 *  - from those who pin pages (vmsplice(), direct I/O). They refuse once a count
 *    is negative, and find what is left up to 2^31.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/highmem.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/pagemap.h>
#include <linux/percpu.h>
#include <linux/uaccess.h>

#include "memory_tags.h"
#include "source.h"

#define MIN_PAGE_REF_LIMIT 256
#define MAX_PAGE_REF_LIMIT 0x10000000

static int page_ref_limit = MAX_PAGE_REF_LIMIT;
module_param(page_ref_limit, int, 0444);
MODULE_PARM_DESC(page_ref_limit,
		 "References to a page at which it is replaced (256 to 2^28, the default)");

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

/* Whether more entries may map the page. */
static bool is_usable(struct page *page)
{
	return page_ref_count(page) < page_ref_limit && !PageHWPoison(page);
}

static int read_contents(struct refpage_source *source, u64 content,
			 unsigned int size)
{
	void *to = kmap_local_page(source->contents);
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
	int cpu, err;

	if (!is_power_of_2(size) || size > PAGE_SIZE ||
	    !IS_ALIGNED(content, size))
		return -EINVAL;

	source->contents = alloc_page(GFP_KERNEL_ACCOUNT);
	if (!source->contents)
		return -ENOMEM;
	err = read_contents(source, content, size);
	if (err)
		goto err_page;
	source->tagged = refpage_copy_tags(source->contents, content, size);

	err = -ENOMEM;
	source->copies = alloc_percpu_gfp(struct refpage_copy,
					  GFP_KERNEL_ACCOUNT);
	if (!source->copies)
		goto err_page;
	for_each_possible_cpu(cpu)
		spin_lock_init(&per_cpu_ptr(source->copies, cpu)->lock);
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
	struct page *page;
	int cpu;

	for_each_possible_cpu(cpu) {
		page = per_cpu_ptr(source->copies, cpu)->page;
		/* Not __free_page(): mlock() may have left its mark on the page. */
		if (page)
			put_page(page);
	}
	free_percpu(source->copies);
	put_page(source->contents);
}

/* The page of a copy, referenced; NULL if it has none. */
static struct page *get_page_of(struct refpage_copy *copy)
{
	struct page *page;

	spin_lock(&copy->lock);
	page = copy->page;
	if (page)
		get_page(page);
	spin_unlock(&copy->lock);
	return page;
}

/* Gives a copy a page if it has none; a referenced page, NULL without memory. */
static struct page *make_page_of(struct refpage_copy *copy,
				 struct refpage_source *source)
{
	struct page *page, *made;

	/* Near the CPU that faulted, paid for by who did. */
	made = alloc_page(GFP_KERNEL_ACCOUNT);
	if (!made)
		return NULL;
	copy_highpage(made, source->contents);

	spin_lock(&copy->lock);
	if (!copy->page) {
		copy->page = made;
		get_page(made);
	}
	page = copy->page;
	if (page != made)
		get_page(page);
	spin_unlock(&copy->lock);
	if (page != made)
		put_page(made);
	return page;
}

/*
 * Takes a locked page away from its copy, unlocks it, and unmaps the file's
 * unwritten pages. Whoever maps a page holds its lock, having looked that it is
 * still the copy's: nobody maps this one again.
 */
static void retire_page_of(struct refpage_copy *copy, struct page *page,
			   struct address_space *mapping)
{
	spin_lock(&copy->lock);
	copy->page = NULL;
	spin_unlock(&copy->lock);
	put_page(page);
	unlock_page(page);
	unmap_mapping_pages(mapping, 0, 0, false);
}

/* Unlocks a page and drops the reference to it; retires it if it is due. */
static void release_page_of(struct refpage_copy *copy, struct page *page,
			    struct address_space *mapping)
{
	if (READ_ONCE(copy->page) == page && !is_usable(page))
		retire_page_of(copy, page, mapping);
	else
		unlock_page(page);
	put_page(page);
}

/**
 * refpage_source_lock_page() - a page with the contents, to be mapped or copied
 * @source: the source
 * @mapping: the file's
 *
 * The page may be mapped until it is unlocked. May sleep.
 *
 * Return: the page, locked and with a reference for the caller, or NULL if there
 * is no memory.
 */
struct page *refpage_source_lock_page(struct refpage_source *source,
				      struct address_space *mapping)
{
	struct refpage_copy *copy = raw_cpu_ptr(source->copies);
	struct page *page;

	for (;;) {
		page = get_page_of(copy);
		if (!page)
			page = make_page_of(copy, source);
		if (!page)
			return NULL;
		lock_page(page);
		if (likely(READ_ONCE(copy->page) == page && is_usable(page)))
			return page;
		release_page_of(copy, page, mapping);
	}
}

/* Retires every page that has reached the limit. */
static void retire_full_pages(struct refpage_source *source,
			      struct address_space *mapping)
{
	struct refpage_copy *copy;
	struct page *page;
	int cpu;

	for_each_possible_cpu(cpu) {
		copy = per_cpu_ptr(source->copies, cpu);
		page = get_page_of(copy);
		if (!page)
			continue;
		lock_page(page);
		release_page_of(copy, page, mapping);
		cond_resched();
	}
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

	if (likely(forked < page_ref_limit))
		return;
	atomic_long_set(&source->forked, 0);
	retire_full_pages(source, vma->vm_file->f_mapping);
}
