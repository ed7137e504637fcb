/* SPDX-License-Identifier: MIT */
/**
 * @file pty.h
 * A pseudo-terminal for a command, relayed to the terminal of this process.
 */
#ifndef NETLAB_SYS_PTY_H
#define NETLAB_SYS_PTY_H

#include "sys/relay.h"

struct sys_pty {
	int master, slave; /**< owned; -1 = none */
};

/** Opens a pair in the /dev/pts that this process sees, as large and as set as our own terminal, if we have one.
 *  @return 0, negative errno */
int sys_pty_open(struct sys_pty *ret);
void sys_pty_close(struct sys_pty *p);
/** In the command's process: makes the slave its controlling terminal and stdin, stdout, stderr. @return 0, -errno */
int sys_pty_attach(struct sys_pty *p);
/**
 * Moves bytes between a master and our stdin and stdout, follows resizes, passes signals on, until `end_fd` can be read and
 * all that was written is through. Our terminal is raw meanwhile; a stop (SIGTSTP) gives it back until we go on. Where our
 * stdin ends, the command reads an end of file, too. Where nobody takes our output any more, the terminal hangs up.
 * @param[in] master  closed when it returns
 */
void sys_pty_relay(int master, struct sys_relay *r, int end_fd, sys_relay_fn *fn, void *ctx);

#endif
