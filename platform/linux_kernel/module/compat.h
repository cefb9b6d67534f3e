/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels this module builds for: 6.1 (as Debian has
 * it, with stable updates) and later.
 */
#ifndef REFPAGE_COMPAT_H
#define REFPAGE_COMPAT_H

#include <linux/mm.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#include <linux/pfn_t.h>

static inline vm_fault_t refpage_insert_special(struct vm_fault *vmf,
						struct page *page)
{
	return vmf_insert_mixed(vmf->vma, vmf->address, page_to_pfn_t(page));
}
#else
static inline vm_fault_t refpage_insert_special(struct vm_fault *vmf,
						struct page *page)
{
	return vmf_insert_mixed(vmf->vma, vmf->address, page_to_pfn(page));
}
#endif

#ifdef CONFIG_ARM64_MTE
#include <asm/mte.h>

static inline bool refpage_page_has_tags(struct page *page)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	/* Huge pages keep their flag in the first page. */
	if (folio_test_hugetlb(page_folio(page)))
		return folio_test_hugetlb_mte_tagged(page_folio(page));
#endif
	return page_mte_tagged(page);
}
#endif

#endif
