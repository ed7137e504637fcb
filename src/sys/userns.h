/* SPDX-License-Identifier: MIT */
/**
 * @file userns.h
 * User namespaces for callers without root, and those below: the ids in them, and what to change on a host that allows none.
 */
#ifndef NETLAB_SYS_USERNS_H
#define NETLAB_SYS_USERNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "netlab/err.h"

/** Ids that a user may map besides its own (subuid(5)). */
struct sys_subids {
	uint32_t start, count;
};

/**
 * Looks for a user's first range.
 * @param[in] file  /etc/subuid or /etc/subgid
 * @param[in] name  NULL = only its number counts
 * @return 0; -ENOENT: no range, or no such file; -ENOMEM
 */
int sys_subids_find(const char *file, const char *name, uid_t uid, struct sys_subids *ret);

/** Makes the caller's uid and gid 0 of a child's new user namespace, and there is no other. @return 0, negative errno */
int sys_userns_map_one(pid_t pid);

/**
 * The same, and where newuidmap(1) and newgidmap(1) are there and the caller has subordinate ids, those become 1, 2, ... .
 * @param[out] why  "" or, where that should have worked and did not, why there is one id only
 * @return 0, negative errno with *err
 */
int sys_userns_map(pid_t pid, char *why, size_t size, struct netlab_err *err);

/**
 * Gives a child's new user namespace all ids that the caller's has, by the same numbers: nobody becomes somebody else.
 * @param[in] proc_fd  a /proc, and `pid` as it numbers the child
 * @return 0; -EPERM (the caller lacks CAP_SETUID, CAP_SETGID or CAP_SETFCAP); -E2BIG (more ranges than one write takes); ...
 */
int sys_userns_map_same(int proc_fd, pid_t pid);

/**
 * The owner that something has by fstat(2), as far as this user namespace knows it. Ids that it has not show as 65534
 * (user_namespaces(7)), who may be somebody there: they become root's, and nobody is given what was another's.
 */
void sys_known_owner(uid_t *uid, gid_t *gid);
/** @return whether the caller's user namespace has all ids, so that each is whom it looks like; needs the caller in /proc */
bool sys_has_all_ids(void);
enum { SYS_UNKNOWN_ID = 65534 };

/**
 * Moves the caller into the user namespace that owns its network namespace, which must be one below its own. It stays who it
 * is, has all capabilities there, and none above. For processes with one thread.
 * @return 0, negative errno
 */
int sys_enter_netns_owner(void);

/**
 * Which setting of the host keeps an ordinary user from having a user namespace with power in it, and what to run.
 * @param[in] sysctls  "/proc/sys" (tests have their own)
 * @param[out] ret     one sentence; a general one when no setting is to blame
 */
void sys_userns_remedy(const char *sysctls, char *ret, size_t size);

#endif
