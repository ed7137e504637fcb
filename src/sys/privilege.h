/* SPDX-License-Identifier: MIT */
/**
 * @file privilege.h
 * What the calling process may do and give to what it starts: capabilities(7), no_new_privs. Sets of capabilities are
 * masks as in base/capabilities.h.
 */
#ifndef NETLAB_SYS_PRIVILEGE_H
#define NETLAB_SYS_PRIVILEGE_H

#include <stdbool.h>
#include <stdint.h>

/** The bounding set: what the caller, or a program that it starts as root, can have at most. */
uint64_t sys_bounding_set(void);
/** Takes all capabilities but `keep` out of the bounding set, those too that this program does not know; needs
 *  CAP_SETPCAP if there are any. @return 0, negative errno */
int sys_bound(uint64_t keep);
/** Takes all but `keep` out of the caller's own sets, and all out of those that outlive an exec by themselves (inheritable,
 *  ambient). @return 0, negative errno */
int sys_keep_capabilities(uint64_t keep);
/** No program that the caller starts gets more than it has: setuid bits and capabilities of files do nothing.
 *  @return 0, negative errno */
int sys_no_new_privileges(void);
/** Whether the caller's root is less than the host's: its user namespace does not have all ids. */
bool sys_in_user_namespace(void);

#endif
