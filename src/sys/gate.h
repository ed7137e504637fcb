/* SPDX-License-Identifier: MIT */
/**
 * @file gate.h
 * Every operation of src/sys that changes something passes here first, so that a test can make the k-th one fail, on
 * the real kernel, in whatever process it happens (the hook is inherited by fork and counts in shared memory).
 */
#ifndef NETLAB_SYS_GATE_H
#define NETLAB_SYS_GATE_H

/** @return 0 to go on, or the negative errno that the operation shall fail with */
typedef int sys_gate_fn(const char *op);

/** NULL (the default) lets everything pass. For tests only. */
extern sys_gate_fn *sys_gate_hook;

/** Asks the hook. @param[in] op  static name of the operation ("mount", "rtnl newlink") */
static inline int sys_gate(const char *op)
{
	return sys_gate_hook ? sys_gate_hook(op) : 0;
}

#endif
