/* SPDX-License-Identifier: MIT */
/**
 * @file command.h
 * Running a program inside a node: directory, user, environment, exec.
 */
#ifndef NETLAB_NODE_COMMAND_H
#define NETLAB_NODE_COMMAND_H

#include <sys/types.h>

#include "netlab/err.h"
#include "node/privilege.h"

/** What a program in a node starts with. All strings borrowed. */
struct node_command {
	const char *const *argv; /**< NULL-terminated; argv[0] is searched in PATH */
	const char *const *
		env; /**< "K=V", NULL-terminated: set over the caller's environment, later ones win */
	const char *cwd;  /**< NULL = "/" */
	const char *user; /**< "USER[:GROUP]", names or numbers; NULL = as we are */
	struct node_privileges privileges;
	pid_t dies_with; /**< our parent, by whose death the program shall die too; 0 = nobody */
};

/**
 * Turns the calling process into the program. Signals are set back to their defaults and unblocked first.
 * @return only on failure: negative errno, -ENOENT where the program was not found; *err says it
 */
int node_exec(const struct node_command *c, struct netlab_err *err);

/** The exit code for what node_exec() returned and said: 125 where it is netlab's failure (class NETLAB_EXIT_NETLAB), else
 *  what a shell gives, 127 not found or 126. */
int node_exec_exit_code(int error, const struct netlab_err *err);

#endif
