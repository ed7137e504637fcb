/* SPDX-License-Identifier: MIT */
/**
 * @file pty.h
 * A pseudo-terminal for a command, relayed to the terminal of this process.
 */
#ifndef NETLAB_SYS_PTY_H
#define NETLAB_SYS_PTY_H

#include <stdbool.h>
#include <termios.h>

#include "sys/relay.h"

struct sys_pty {
	int master, slave;
	bool was_terminal; /**< our stdin is a terminal, whose settings are in `saved` */
	struct termios saved;
};

/** Opens a pair, as large and as set as our own terminal. @return 0, negative errno */
int sys_pty_open(struct sys_pty *ret);
void sys_pty_close(struct sys_pty *p);
/** In the command's process: makes the slave its controlling terminal and stdin, stdout, stderr. @return 0, -errno */
int sys_pty_attach(struct sys_pty *p);
/** Moves bytes both ways, follows resizes, passes signals on, until `end_fd` can be read and all that was written is
 *  through; our terminal is raw meanwhile. */
void sys_pty_relay(struct sys_pty *p, struct sys_relay *r, int end_fd, sys_relay_fn *fn, void *ctx);

#endif
