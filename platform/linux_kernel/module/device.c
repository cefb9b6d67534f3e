// SPDX-License-Identifier: GPL-2.0
/* /dev/refpage: makes reference-page files. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/stat.h>
#include <linux/uaccess.h>

#include "file.h"
#include "refpage.h"
#include "source.h"

static ushort mode = 0666;
module_param(mode, ushort, 0444);
MODULE_PARM_DESC(mode, "Permissions of " REFPAGE_DEVICE_PATH " (default: 0666)");

static long refpage_ioctl(struct file *file, unsigned int command,
			  unsigned long argument)
{
	struct refpage_create_args args;

	if (command != REFPAGE_IOC_CREATE)
		return -ENOTTY;
	if (copy_from_user(&args, (void __user *)argument, sizeof(args)))
		return -EFAULT;
	return refpage_file_create(&args);
}

static const struct file_operations refpage_device_operations = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = refpage_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice refpage_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "refpage",
	.fops = &refpage_device_operations,
};

static int __init refpage_init(void)
{
	int err = refpage_source_check_parameters();

	if (err)
		return err;
	refpage_device.mode = mode & 0777;
	return misc_register(&refpage_device);
}

static void __exit refpage_exit(void)
{
	misc_deregister(&refpage_device);
}

module_init(refpage_init);
module_exit(refpage_exit);

MODULE_DESCRIPTION("Memory whose unwritten pages hold given contents");
MODULE_LICENSE("GPL");
