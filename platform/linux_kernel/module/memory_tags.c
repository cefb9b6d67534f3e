// SPDX-License-Identifier: GPL-2.0
/* Memory tags of arm64 (MTE). */
#include <linux/mm.h>

#include <asm/cpufeature.h>
#include <asm/mte.h>
#include <asm/mte-def.h>

#include "compat.h"
#include "memory_tags.h"

static u64 get_tag(const void *granule)
{
	u64 tagged = (u64)granule;

	asm volatile(__MTE_PREAMBLE "ldg %0, [%0]" : "+r" (tagged));
	return tagged & MTE_TAG_MASK;
}

/* mte_set_mem_tag_range() sets the tag asked for only in kernels with KASAN. */
static void set_tag(void *granule, u64 tag)
{
	asm volatile(__MTE_PREAMBLE "stg %1, [%0]"
		     : : "r" (granule), "r" (tag) : "memory");
}

/**
 * refpage_copy_tags() - give a page the tags of user memory, repeated
 * @to: the page, which nobody else knows yet
 * @content: user address, a multiple of @size
 * @size: bytes, a power of two
 *
 * Does nothing if that memory has no tags (no PROT_MTE) or is no page that can be
 * pinned, or if @size is less than what has one tag.
 *
 * Return: whether there is a tag other than 0.
 */
bool refpage_copy_tags(struct page *to, u64 content, unsigned int size)
{
	unsigned int at, repeated;
	struct page *from;
	void *src, *dst;
	u64 tag, any = 0;

	if (!system_supports_mte() || size < MTE_GRANULE_SIZE)
		return false;
	if (get_user_pages_fast(content, 1, 0, &from) != 1)
		return false;
	if (!refpage_page_has_tags(from))
		goto out;

	/* From here on the tags are the contents', not KASAN's. */
	page_kasan_tag_reset(to);
	src = page_address(from) + offset_in_page(content);
	dst = page_address(to);
	for (at = 0; at < size; at += MTE_GRANULE_SIZE) {
		tag = get_tag(src + at);
		any |= tag;
		for (repeated = at; repeated < PAGE_SIZE; repeated += size)
			set_tag(dst + repeated, tag);
	}
	set_page_mte_tagged(to);
out:
	put_page(from);
	return any;
}
