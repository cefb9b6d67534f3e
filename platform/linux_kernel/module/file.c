// SPDX-License-Identifier: GPL-2.0
/*
 * Reference-page files: private mappings whose every page reads as the same
 * contents until it is written.
 *
 * What is mapped are ordinary pages, with a reference and a count in RSS each, so
 * that everything which pins pages works. Stores are left to the kernel: it
 * copies the page that ->fault gives.
 */
#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/slab.h>

#include "compat.h"
#include "file.h"
#include "refpage.h"
#include "source.h"
#include "user_limit.h"

/*
 * REFPAGE_UNACCOUNTED is the administrator's to allow. The kernel copies such a
 * page (a special page table entry) by reading its address as the current task.
 * If a debugger or a supervisor writes to another process' page that was only
 * read, the copy gets what the *writer* has at that address, and where that
 * cannot be read, zeros and a warning in the log (__wp_page_copy_user()).
 */
static bool allow_unaccounted;
module_param(allow_unaccounted, bool, 0644);
MODULE_PARM_DESC(allow_unaccounted,
		 "Allow REFPAGE_UNACCOUNTED, with which a process can trick those that write to its memory (default: no)");

/**
 * struct refpage_file - a reference-page file
 * @source: its contents
 * @flags: of REFPAGE_UNACCOUNTED and REFPAGE_FRESH
 * @user: whose it is
 */
struct refpage_file {
	struct refpage_source source;
	u64 flags;
	struct refpage_user *user;
};

static struct vfsmount *refpage_mnt;
static int refpage_mnt_count;

/* As that of the system call; /proc/PID/fd and /proc/PID/maps show it. */
static char *refpage_dname(struct dentry *dentry, char *buffer, int length)
{
	if (length < sizeof(REFPAGE_LINK))
		return ERR_PTR(-ENAMETOOLONG);
	return memcpy(buffer + length - sizeof(REFPAGE_LINK), REFPAGE_LINK,
		      sizeof(REFPAGE_LINK));
}

static const struct dentry_operations refpage_dentry_operations = {
	.d_dname = refpage_dname,
};

static int refpage_init_fs_context(struct fs_context *fc)
{
	struct pseudo_fs_context *ctx = init_pseudo(fc, ANON_INODE_FS_MAGIC);

	if (!ctx)
		return -ENOMEM;
	ctx->dops = &refpage_dentry_operations;
	/* mmap() and mprotect() refuse PROT_EXEC. */
	fc->s_iflags |= SB_I_NOEXEC;
	return 0;
}

/*
 * Each file has an inode of its own, which anon_inode_getfile() would not give
 * it. All mappings of an inode are in one tree with one lock: so mmap() and
 * munmap() of unrelated processes do not contend, and unmapping a file's pages
 * unmaps no other's.
 */
static struct file_system_type refpage_fs_type = {
	.owner = THIS_MODULE,
	.name = "refpage",
	.init_fs_context = refpage_init_fs_context,
	.kill_sb = kill_anon_super,
};

/*
 * For REFPAGE_FRESH a read is handled as if it were a write, so that what comes
 * of it is anonymous memory in every respect: it can be swapped, and later stores
 * fault no more.
 */
static vm_fault_t fault_as_write(struct vm_fault *vmf)
{
	/*
	 * FAULT_FLAG_USER, for the group's out-of-memory handling, and the
	 * registers are the outer fault's. FAULT_FLAG_UNSHARE excludes writes.
	 * FAULT_FLAG_REMOTE: a protection key that forbids stores does not
	 * forbid this one.
	 */
	unsigned int flags = vmf->flags &
		~(FAULT_FLAG_USER | FAULT_FLAG_UNSHARE |
		  FAULT_FLAG_ORIG_PTE_VALID);
	vm_fault_t ret;

	flags |= FAULT_FLAG_WRITE | FAULT_FLAG_REMOTE;
	ret = handle_mm_fault(vmf->vma, vmf->address, flags, NULL);
	return ret & VM_FAULT_ERROR ? ret : ret | VM_FAULT_NOPAGE;
}

/* Called for reads and, by do_cow_fault(), for what a store is to copy. */
static vm_fault_t refpage_fault(struct vm_fault *vmf)
{
	struct refpage_file *refpage = vmf->vma->vm_file->private_data;
	bool write = vmf->flags & FAULT_FLAG_WRITE;
	struct page *page;
	vm_fault_t ret;

	if ((refpage->flags & REFPAGE_FRESH) && !write)
		return fault_as_write(vmf);

	page = refpage_source_get_page(&refpage->source);
	if (!page)
		return VM_FAULT_OOM;
	if ((refpage->flags & REFPAGE_UNACCOUNTED) && !write) {
		ret = refpage_insert_special(vmf, page);
		put_page(page);
		return ret;
	}
	/*
	 * Not locked: for a locked page that is found broken (HWPoison), the
	 * kernel looks for its file, which it has not.
	 */
	vmf->page = page;
	return 0;
}

/*
 * Maps nothing: around a fault, a module can only map special entries, and what
 * is mapped for reading makes a later store dearer. That it is there tells the
 * kernel, from 6.6 on, that ->fault may be called without the mmap_lock.
 */
static vm_fault_t refpage_map_pages(struct vm_fault *vmf, pgoff_t start,
				    pgoff_t end)
{
	return 0;
}

/* A mapping was duplicated, wholly by fork(), or in part. */
static void refpage_vma_open(struct vm_area_struct *vma)
{
	struct refpage_file *refpage = vma->vm_file->private_data;

	/* In part: its entries are moved or shared out, not duplicated. */
	if (vma->vm_mm != current->mm)
		refpage_source_fork(&refpage->source, vma);
}

/* No ->close: mappings that have it are not merged with their neighbours. */
static const struct vm_operations_struct refpage_vm_ops = {
	.open = refpage_vma_open,
	.fault = refpage_fault,
	.map_pages = refpage_map_pages,
};

static void refpage_unaccounted_vma_close(struct vm_area_struct *vma)
{
}

/*
 * VM_MIXEDMAP mappings are not merged anyway, so 6.1 lets them grow in place only
 * if they have ->close (mremap(), vma_merge()).
 */
static const struct vm_operations_struct refpage_unaccounted_vm_ops = {
	.open = refpage_vma_open,
	.close = refpage_unaccounted_vma_close,
	.fault = refpage_fault,
	.map_pages = refpage_map_pages,
};

static int refpage_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct refpage_file *refpage = file->private_data;

	if (vma->vm_flags & (VM_SHARED | VM_MAYSHARE))
		return -EINVAL;
	if (refpage->flags & REFPAGE_UNACCOUNTED) {
		vm_flags_set(vma, VM_MIXEDMAP);
		vma->vm_ops = &refpage_unaccounted_vm_ops;
	} else {
		/* For mprotect(PROT_MTE) afterwards. */
		vm_flags_set(vma, VM_MTE_ALLOWED);
		vma->vm_ops = &refpage_vm_ops;
	}
	return 0;
}

static void refpage_free(struct refpage_file *refpage)
{
	refpage_source_destroy(&refpage->source);
	simple_release_fs(&refpage_mnt, &refpage_mnt_count);
	refpage_user_uncharge(refpage->user);
	kfree(refpage);
}

static int refpage_release(struct inode *inode, struct file *file)
{
	refpage_free(file->private_data);
	return 0;
}

static const struct file_operations refpage_file_operations = {
	.owner = THIS_MODULE,
	.mmap = refpage_mmap,
	.release = refpage_release,
};

static struct refpage_file *
refpage_alloc(const struct refpage_create_args *args)
{
	struct refpage_file *refpage;
	int err;

	refpage = kzalloc(sizeof(*refpage), GFP_KERNEL_ACCOUNT);
	if (!refpage)
		return ERR_PTR(-ENOMEM);
	refpage->flags = args->flags;

	refpage->user = refpage_user_charge();
	if (IS_ERR(refpage->user)) {
		err = PTR_ERR(refpage->user);
		goto err_free;
	}
	err = refpage_source_init(&refpage->source, args->content, args->size);
	if (err)
		goto err_uncharge;
	/* The kernel gives such pages no tags. */
	if (refpage->source.tagged && (refpage->flags & REFPAGE_UNACCOUNTED)) {
		err = -EINVAL;
		goto err_destroy;
	}
	/* Held by each file, not by the module, which it would hold in turn. */
	err = simple_pin_fs(&refpage_fs_type, &refpage_mnt, &refpage_mnt_count);
	if (err)
		goto err_destroy;
	return refpage;

err_destroy:
	refpage_source_destroy(&refpage->source);
err_uncharge:
	refpage_user_uncharge(refpage->user);
err_free:
	kfree(refpage);
	return ERR_PTR(err);
}

static struct file *refpage_open_file(struct refpage_file *refpage)
{
	struct inode *inode;
	struct file *file;

	inode = alloc_anon_inode(refpage_mnt->mnt_sb);
	if (IS_ERR(inode))
		return ERR_CAST(inode);
	file = alloc_file_pseudo(inode, refpage_mnt, "[refpage]", O_RDONLY,
				 &refpage_file_operations);
	if (IS_ERR(file)) {
		iput(inode);
		return file;
	}
	/* What open() would do; the caller's device file holds the module, too. */
	__module_get(refpage_file_operations.owner);
	file->private_data = refpage;
	return file;
}

/**
 * refpage_file_create() - make a reference-page file
 * @args: as user space gave them, but read already
 *
 * Return: a new, close-on-exec file descriptor of the current process, or an
 * error as described in refpage.h.
 */
int refpage_file_create(const struct refpage_create_args *args)
{
	const u64 known = REFPAGE_UNACCOUNTED | REFPAGE_FRESH;
	struct refpage_file *refpage;
	struct file *file;
	int fd, err;

	if ((args->flags & ~known) || args->flags == known || args->reserved)
		return -EINVAL;
	if ((args->flags & REFPAGE_UNACCOUNTED) && !READ_ONCE(allow_unaccounted))
		return -EPERM;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	refpage = refpage_alloc(args);
	if (IS_ERR(refpage)) {
		err = PTR_ERR(refpage);
		goto err_fd;
	}
	file = refpage_open_file(refpage);
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
		goto err_refpage;
	}
	fd_install(fd, file);
	return fd;

err_refpage:
	refpage_free(refpage);
err_fd:
	put_unused_fd(fd);
	return err;
}
