/* SPDX-License-Identifier: MIT */
/**
 * @file relay.h
 * Passing signals on, while somebody else's program does what it has to do.
 */
#ifndef NETLAB_SYS_RELAY_H
#define NETLAB_SYS_RELAY_H

#include <signal.h>
#include <stdbool.h>

/** Private. */
struct sys_relay {
	sigset_t old_mask;
	struct sigaction old_child;
	int signal_fd;
};

/** Gets a signal that is to be passed on: SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2. */
typedef void sys_relay_fn(void *ctx, int signo);

/** The signals that are passed on, and SIGWINCH: for who blocks them before sys_relay_begin() does. */
void sys_relay_set(sigset_t *ret);
/** Blocks the signals that are passed on, so that none is lost from here on (and SIGWINCH, see sys_pty_relay()). Those
 *  that are ignored stay so: nohup(1). Children can be waited for, whatever was inherited. @return 0, negative errno */
int sys_relay_begin(struct sys_relay *r);
void sys_relay_end(struct sys_relay *r);
/** Passes signals on until a descriptor can be read. What the terminal sends to its whole foreground group (Ctrl-C) is
 *  not sent a second time. */
void sys_relay_until(struct sys_relay *r, int end_fd, sys_relay_fn *fn, void *ctx);
/** Takes one signal that waits, if there is one. @return its number; 0 */
int sys_relay_next(struct sys_relay *r, bool *ret_from_terminal);

#endif
