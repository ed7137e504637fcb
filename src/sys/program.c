/* SPDX-License-Identifier: MIT */
/* A program as a child that has no copy of our memory. */
#include "sys/program.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/gate.h"
#include "sys/proc.h"

enum { STACK_BYTES = 64 * 1024 }; /* execvpe() needs a PATH_MAX */

struct program {
	const struct sys_command *command;
	char **env;
	pid_t parent;
	const sigset_t *mask;
	int error; /* errno of the exec that failed */
};

/* Whether an assignment K=V is about the same variable as one of `others`. */
static bool is_replaced(const char *assignment, const char *const *others)
{
	size_t len = strcspn(assignment, "=");

	for (; others && *others; others++) {
		if (strncmp(*others, assignment, len) == 0 && (*others)[len] == '=')
			return true;
	}
	return false;
}

/* @return malloc'ed: our environment with `more` in it; NULL when out of memory */
static char **environment_with(const char *const *more)
{
	size_t n = 0, n_more = 0;
	char **env;

	for (; environ && environ[n]; n++)
		;
	for (; more && more[n_more]; n_more++)
		;
	env = malloc((n + n_more + 1) * sizeof(*env));
	if (!env)
		return NULL;
	n = 0;
	for (char **e = environ; e && *e; e++) {
		if (!is_replaced(*e, more))
			env[n++] = *e;
	}
	for (; more && *more; more++)
		env[n++] = (char *)*more;
	env[n] = NULL;
	return env;
}

/* Runs in the child, in our memory. Returns its exit code. */
static int program_main(void *arg)
{
	struct program *p = arg;
	const char *const *argv = p->command->argv;

	if (sys_die_with_parent(true) < 0 || getppid() != p->parent)
		return NETLAB_EXIT_NETLAB; /* nobody waits for an answer */
	if (p->command->own_group)
		(void)setpgid(0, 0);
	(void)sigprocmask(SIG_SETMASK, p->mask, NULL);
	(void)execvpe(argv[0], (char *const *)argv, p->env);
	p->error = sys_exec_error(argv[0], errno);
	return p->error == ENOENT || p->error == ENOTDIR ? SYS_COMMAND_NOTFOUND
							 : SYS_COMMAND_NOEXEC;
}

pid_t sys_program_start(const struct sys_command *c, const sigset_t *mask, int *ret_error)
{
	struct program p = { .command = c, .parent = getpid(), .mask = mask };
	size_t size = STACK_BYTES;
	char *stack;
	pid_t pid = sys_gate("fork");

	if (pid < 0)
		return pid;
	/* execvpe() puts a script that has no first line into an argv of its own, on the stack */
	for (size_t i = 0; c->argv[i]; i++)
		size += 2 * sizeof(c->argv[0]);
	stack = malloc(size);
	p.env = environment_with(c->env);
	pid = -ENOMEM;
	if (stack && p.env) {
		/* CLONE_VFORK: we stand still until the child has executed the program, or has ended */
		pid = clone(program_main, stack + size / 16 * 16, CLONE_VM | CLONE_VFORK | SIGCHLD,
			    &p);
		if (pid < 0)
			pid = -errno;
	}
	free(stack);
	free(p.env);
	*ret_error = p.error;
	return pid;
}
