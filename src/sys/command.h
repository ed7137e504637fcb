/* SPDX-License-Identifier: MIT */
/**
 * @file command.h
 * A command of the user's as a child in our own namespaces: what `run` starts. Signals that this process gets meanwhile are
 * passed on, so that a lab around a test is invisible to whoever signals the test; and what the command starts does not
 * outlive it (ADR 20).
 */
#ifndef NETLAB_SYS_COMMAND_H
#define NETLAB_SYS_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "netlab/err.h"

enum {
	SYS_COMMAND_NOEXEC = 126,   /**< as a shell would: found, but cannot be executed */
	SYS_COMMAND_NOTFOUND = 127, /**< not found */
};

struct sys_command {
	const char *const *argv; /**< NULL-terminated; PATH is searched */
	const char *const *env;  /**< K=V, NULL-terminated, added to ours; NULL = none */
	/** In place of argv: a function for the child, whose result is its exit code. It gets the signals with their
	 *  dispositions and mask as they were. An error that it leaves in *err is what sys_command_run() answers in its
	 *  own. */
	int (*child)(void *ctx, struct netlab_err *err);
	void *ctx;
	uint64_t timeout_ns; /**< 0 = none. Then SIGTERM to all, and two seconds later SIGKILL */
	/** argv gets a process group of its own: signals that are passed on reach all in it. Not for what shall be at a
	 *  terminal. Without argv it does nothing */
	bool own_group;
};

/** How it ended. */
struct sys_command_end {
	int status; /**< exit code, 128 + N for signal N; 126, 127 when it could not be executed, with *err saying why */
	bool timed_out;
	unsigned left;  /**< processes that should have ended with it, and could not be made to */
	pid_t left_pid; /**< one of them */
};

/**
 * Starts the command, waits for it, and passes on SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1 and SIGUSR2 (not what the
 * terminal sends to the whole foreground group: the command has that already). These signals stay blocked when it returns,
 * because the caller has a lab to take down.
 *
 * What the command leaves behind is ended: SIGTERM, two seconds later SIGKILL. When it ended by itself, except what has
 * made itself a session of its own, as daemons do; when its time was up, or by a signal, or a signal that asks for its
 * end was passed on, all. When this process dies, all is killed at once.
 * @return 0 when the child ran or could not be executed; negative errno when there is no child
 */
int sys_command_run(const struct sys_command *c, struct sys_command_end *ret,
		    struct netlab_err *err);

/**
 * What a failed execvp() comes to. Where a directory in PATH may not be entered, its EACCES hides that the program is in
 * none of the others: shells say "not found" then.
 * @param[in] error  errno
 * @return errno: ENOENT, or the error as it is
 */
int sys_exec_error(const char *program, int error);

#endif
