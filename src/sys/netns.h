/* SPDX-License-Identifier: MIT */
/**
 * @file netns.h
 * Names of network namespaces for ip-netns(8): entries of /run/netns.
 *
 * An entry is a symbolic link to /proc/PID/ns/net, not a bind mount as `ip netns add` makes one: a mount would keep the
 * namespace, with all that is in it, alive after its lab, and would be seen from one mount namespace only. `ip netns exec`,
 * `ip -n`, `ip netns pids` and nsenter(1) open links alike.
 */
#ifndef NETLAB_SYS_NETNS_H
#define NETLAB_SYS_NETNS_H

#include <sys/types.h>

#define SYS_NETNS_DIR "/run/netns"

/**
 * Names the network namespace of a process. A link of that name that leads nowhere, because its process is gone, is taken
 * over.
 * @param[in] pid  as the /proc that users of the name see numbers it
 * @return 0; -EEXIST when there is such a name; other negative errno
 */
int sys_netns_name(const char *name, pid_t pid);
/** Removes a name, if it is still that process's. */
void sys_netns_unname(const char *name, pid_t pid);

#endif
