/* SPDX-License-Identifier: GPL-2.0 */
#ifndef REFPAGE_MEMORY_TAGS_H
#define REFPAGE_MEMORY_TAGS_H

#include <linux/types.h>

struct page;

#ifdef CONFIG_ARM64_MTE
bool refpage_copy_tags(struct page *to, u64 content, unsigned int size);
#else
static inline bool refpage_copy_tags(struct page *to, u64 content,
				     unsigned int size)
{
	return false;
}
#endif

#endif
