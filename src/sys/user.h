/* SPDX-License-Identifier: MIT */
/**
 * @file user.h
 * Users and groups by /etc/passwd and /etc/group as this process sees them, and becoming one.
 *
 * The files are read directly, never through NSS: in a node with a root of its own, NSS would load libraries of that root
 * into a process that is still privileged.
 */
#ifndef NETLAB_SYS_USER_H
#define NETLAB_SYS_USER_H

#include <stddef.h>
#include <sys/types.h>

#include "netlab/err.h"

/** Who a program shall run as. */
struct sys_user {
	uid_t uid;
	gid_t gid;
	gid_t *groups; /**< all, the supplementary ones and gid; owned */
	size_t n_groups;
	char *name; /**< owned; NULL: a number that /etc/passwd does not know */
	char *home; /**< owned; "/" where nothing else is known */
};

/**
 * Looks up "USER" or "USER:GROUP", each a name or a number. USER alone has the groups that the files give it; with a GROUP
 * it has that group alone. A number needs no entry in the files: its group is then 0, as docker has it.
 * @param[out] ret  sys_user_deinit() it
 * @return 0; -ENOENT when there is no such user or group; -EINVAL; -ENOMEM
 */
int sys_user_find(const char *spec, struct sys_user *ret, struct netlab_err *err);
void sys_user_deinit(struct sys_user *u);

/** setgroups, setgid, setuid: there is no way back. Where a user namespace denies setgroups, the groups stay.
 *  @return 0, negative errno */
int sys_user_become(const struct sys_user *u, struct netlab_err *err);

#endif
