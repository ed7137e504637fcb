/* SPDX-License-Identifier: MIT */
/**
 * @file syscall_filter.h
 * The system calls that the programs of a node are refused, whatever their capabilities: a seccomp filter (seccomp(2)),
 * made once and loaded by many processes.
 *
 * Everything is allowed but what is about the machine instead of the node (modules, clock, restart, swap, accounting,
 * kernel log, BPF, performance counters, stopping file systems), what makes or joins namespaces and mounts, what opens files
 * past their paths, and three ways round a lab: new user namespaces, typing into the caller's terminal, and sockets to the
 * hypervisor. Calls that are younger than this list do not exist (ENOSYS).
 */
#ifndef NETLAB_SYS_SYSCALL_FILTER_H
#define NETLAB_SYS_SYSCALL_FILTER_H

#include <stddef.h>

#include "netlab/err.h"

/** A program in the kernel's classic BPF. Owns its memory. Zero is none. */
struct sys_filter {
	void *code;
	size_t bytes;
};

/** Compiles it; some 0.3 ms. @return 0, negative errno */
int sys_filter_make(struct sys_filter *ret, struct netlab_err *err);
void sys_filter_deinit(struct sys_filter *f);
/** Puts the calling thread under it, for ever and for all that it starts; needs sys_no_new_privileges() before.
 *  @return 0, negative errno */
int sys_load_filter(const struct sys_filter *f);

/** For the tests: the names of what is refused with EPERM whatever the arguments; NULL-terminated. */
extern const char *const sys_filter_refused[];

#endif
