// SPDX-License-Identifier: GPL-2.0
/* How many reference-page files each user has. */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include "user_limit.h"

static unsigned int max_user_files = 4096;
module_param(max_user_files, uint, 0644);
MODULE_PARM_DESC(max_user_files,
		 "Reference-page files of one user at most, without CAP_SYS_RESOURCE");

/* A user with files. */
struct refpage_user {
	struct hlist_node node;
	kuid_t uid;
	unsigned int files;
};

static DEFINE_HASHTABLE(users, 6);
static DEFINE_SPINLOCK(users_lock);

/*
 * Whoever made a user namespace answers for all in it, or else a user could have
 * as many limits as there are subordinate ids. Not root, who makes them for
 * others.
 */
static kuid_t charged_uid(void)
{
	struct user_namespace *ns = current_user_ns();
	kuid_t uid = current_uid();

	for (; ns != &init_user_ns; ns = ns->parent)
		if (!uid_eq(ns->owner, GLOBAL_ROOT_UID))
			uid = ns->owner;
	return uid;
}

static struct refpage_user *user_of(kuid_t uid)
{
	struct refpage_user *user;

	hash_for_each_possible(users, user, node, __kuid_val(uid))
		if (uid_eq(user->uid, uid))
			return user;
	return NULL;
}

/**
 * refpage_user_charge() - count a file of the current user
 *
 * Return: whom to give back to, or an ERR_PTR: -EDQUOT if the user has as many as
 * allowed and may not exceed that, -ENOMEM.
 */
struct refpage_user *refpage_user_charge(void)
{
	bool limited = !capable(CAP_SYS_RESOURCE);
	unsigned int limit = READ_ONCE(max_user_files);
	struct refpage_user *user, *made;
	kuid_t uid = charged_uid();

	made = kzalloc(sizeof(*made), GFP_KERNEL_ACCOUNT);
	if (!made)
		return ERR_PTR(-ENOMEM);
	made->uid = uid;

	spin_lock(&users_lock);
	user = user_of(uid);
	if (limited && (user ? user->files : 0) >= limit) {
		user = ERR_PTR(-EDQUOT);
	} else {
		if (!user) {
			user = made;
			made = NULL;
			hash_add(users, &user->node, __kuid_val(uid));
		}
		user->files++;
	}
	spin_unlock(&users_lock);
	kfree(made);
	return user;
}

/**
 * refpage_user_uncharge() - a file is gone
 * @user: what refpage_user_charge() returned
 */
void refpage_user_uncharge(struct refpage_user *user)
{
	bool last;

	spin_lock(&users_lock);
	last = !--user->files;
	if (last)
		hash_del(&user->node);
	spin_unlock(&users_lock);
	if (last)
		kfree(user);
}
