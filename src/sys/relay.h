/* SPDX-License-Identifier: MIT */
/**
 * @file relay.h
 * Waiting for a child while passing on the signals that are meant for it.
 */
#ifndef NETLAB_SYS_RELAY_H
#define NETLAB_SYS_RELAY_H

#include <signal.h>
#include <sys/types.h>

enum sys_relay_flags {
	SYS_RELAY_SIGNALS = 1, /**< pass on SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2 */
};

struct sys_relay {
	sigset_t old_mask; /**< private */
	struct sigaction old_child;
};

/** Blocks SIGCHLD and the signals to pass on; before the fork. */
void sys_relay_begin(struct sys_relay *r);
void sys_relay_end(struct sys_relay *r);
/**
 * Waits for a child; sys_relay_begin() came before (here or in the parent: masks are inherited). What the terminal sends
 * to its whole foreground group (Ctrl-C) is not sent a second time.
 * @return its exit code, 128 + signal
 */
int sys_relay_wait(pid_t pid, unsigned flags);
/** The set of signals that are passed on, and SIGCHLD. */
void sys_relay_set(sigset_t *ret);

#endif
