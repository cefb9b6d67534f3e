/* SPDX-License-Identifier: GPL-2.0 */
#ifndef REFPAGE_USER_LIMIT_H
#define REFPAGE_USER_LIMIT_H

struct refpage_user;

struct refpage_user *refpage_user_charge(void);
void refpage_user_uncharge(struct refpage_user *user);

#endif
