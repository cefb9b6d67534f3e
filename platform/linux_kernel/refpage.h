/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Reference pages made by the kernel: what user space needs to know of them.
 *
 * A reference-page file has no contents of its own length: every page of every
 * mapping of it, at whatever offset and however long, reads as the contents
 * given when it was made. It can be mapped privately only; the first store to a
 * page copies it. Its link in /proc/self/fd reads "anon_inode:[refpage]", it is
 * close-on-exec, and it has an inode of its own: fstat()'s st_dev and st_ino
 * tell it from every other file that is open. Mappings can be moved and
 * lengthened (mremap), and neighbours with offsets that go on are one mapping
 * where the pages are the ordinary ones.
 *
 * There are two ways to get one, with the same arguments:
 *
 *   the system call  int refpage_create(const void *content, unsigned int size,
 *                                       unsigned long flags);
 *                    of a patched kernel, which tells its number in
 *                    REFPAGE_SYSCALL_NR_PATH. No other number may be tried: it
 *                    could be that of another system call.
 *   the device       ioctl(fd, REFPAGE_IOC_CREATE, &args) on /dev/refpage, of
 *                    the module refpage.ko.
 *
 * Both return the new descriptor, or fail with
 *   EINVAL  size is no power of two from 1 to the page size, content is not
 *           aligned to size, or flags are unknown or exclude each other
 *   EFAULT  content cannot be read
 *   ENOMEM, EMFILE, ENFILE   no memory or descriptor
 *   EDQUOT  the user has as many reference-page files as one may (the device)
 *   EPERM   REFPAGE_UNACCOUNTED, which the administrator has not allowed
 *
 * content is copied at the call. On arm64 its memory tags are, too, when it is
 * in memory with tags (PROT_MTE), the pointer has its tag, and size is at least
 * 16. A view gets PROT_MTE by mprotect(), not by mmap().
 */
#ifndef _UAPI_LINUX_REFPAGE_H
#define _UAPI_LINUX_REFPAGE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define REFPAGE_DEVICE_PATH "/dev/refpage"
#define REFPAGE_SYSCALL_NR_PATH "/sys/kernel/mm/refpage/syscall_nr"
#define REFPAGE_LINK "anon_inode:[refpage]"

/*
 * Flags of the device. The system call takes none.
 *
 * REFPAGE_UNACCOUNTED: pages that were only read do not count as resident, like
 *   the zero page. Such pages cannot be pinned: vmsplice(), O_DIRECT writes from
 *   them and debuggers that read them fail. What another process writes to one
 *   is mixed with memory of that process, so this is for experiments, and only
 *   where the module's parameter allow_unaccounted is set. Not for contents with
 *   memory tags.
 * REFPAGE_FRESH: there is no shared page. Each page is made, and the contents
 *   written into it, when it is first touched, for reading as well.
 */
#define REFPAGE_UNACCOUNTED (1ULL << 0)
#define REFPAGE_FRESH (1ULL << 1)

struct refpage_create_args {
	__u64 content; /* a pointer */
	__u64 flags;
	__u32 size; /* bytes */
	__u32 reserved; /* 0 */
};

#define REFPAGE_IOC_CREATE _IOW(0xBC, 0x01, struct refpage_create_args)

#endif /* _UAPI_LINUX_REFPAGE_H */
