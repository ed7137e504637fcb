/* SPDX-License-Identifier: MIT */
/**
 * @file ns_pids.h
 * Who is in a node's namespaces, seen from above them.
 */
#ifndef NETLAB_SYS_NS_PIDS_H
#define NETLAB_SYS_NS_PIDS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * The processes (zombies left out) of another process's PID namespace and of those that were made inside it; where that
 * namespace is our own, the processes of its network namespace.
 * @param[in]  proc_fd   a /proc of our own PID namespace or of one above it; it need not be the namespace's own, which its
 *                       processes could hide
 * @param[in]  host_pid  one of them, as that /proc numbers it
 * @param[out] ret       their numbers in *our* PID namespace; malloc'ed
 * @return 0; -ESRCH: that process is gone; ...
 */
int sys_ns_pids(int proc_fd, pid_t host_pid, pid_t **ret, size_t *ret_n);

/** @return whether it is the one that is looked for */
typedef bool sys_pid_ns_fn(void *ctx, ino_t inode);

/**
 * Tells the PID namespaces that a process's own was made inside of, from the nearest up to the caller's, which is not told.
 * @param[in] pid  as /proc has it
 * @return whether one was it
 */
bool sys_pid_ns_above(const char *pid, sys_pid_ns_fn *fn, void *ctx);

#endif
