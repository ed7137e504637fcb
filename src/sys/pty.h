/* SPDX-License-Identifier: MIT */
/**
 * @file pty.h
 * A pseudo-terminal for a command, relayed to the terminal of this process.
 */
#ifndef NETLAB_SYS_PTY_H
#define NETLAB_SYS_PTY_H

#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

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
/** Moves bytes both ways, follows resizes, until the child ends; our terminal is raw meanwhile.
 *  sys_relay_begin() must have come before. @return exit code of the child, 128 + signal */
int sys_pty_relay(struct sys_pty *p, pid_t child);

#endif
