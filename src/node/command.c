/* SPDX-License-Identifier: MIT */
/* Running a program inside a node. */
#include "node/command.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "sys/command.h"
#include "sys/proc.h"
#include "sys/user.h"

static void reset_signals(void)
{
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		(void)signal(s,
			     SIG_DFL); /* SIGKILL, SIGSTOP and glibc's own refuse: as they should */
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int set_variable(const char *key, const char *value, struct netlab_err *err)
{
	return setenv(key, value, 1) < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}

/** What login would set, and what the caller's environment says of another user. */
static int set_user_environment(const struct sys_user *u, struct netlab_err *err)
{
	int r = set_variable("HOME", u->home, err);

	if (r == 0 && u->name)
		r = set_variable("USER", u->name, err);
	if (r == 0 && u->name)
		r = set_variable("LOGNAME", u->name, err);
	return r;
}

static int set_environment(const char *const *env, struct netlab_err *err)
{
	for (; env && *env; env++) {
		const char *eq = strchr(*env, '=');
		char *key;
		int r;

		if (!eq || eq == *env)
			return err_set(err, EINVAL, "environment setting '%s' is not KEY=VALUE",
				       *env);
		key = strndup(*env, (size_t)(eq - *env));
		r = key ? setenv(key, eq + 1, 1) : -1;
		free(key);
		if (r < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

/** To be called after the last change of user, which would undo it (prctl(2)). */
static void die_with(pid_t parent)
{
	(void)sys_die_with_parent(true);
	if (getppid() != parent)
		_exit(NETLAB_EXIT_NETLAB); /* it died before it could have taken us along */
}

/** What is not there in a node may well be on the host, where the caller sees it (docs/adr 14). */
static int missing(const char *path, struct netlab_err *err)
{
	static const char *const own[] = { "/tmp/", "/var/tmp/", "/run/", "/dev/shm/" };

	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		if (err && err->code == -ENOENT && strncmp(path, own[i], strlen(own[i])) == 0)
			return err_hint(
				err,
				"%.*s is the node's own; of the host's it has the directory of the topology file and "
				"the one that the lab was started in: bind others by \"mounts\"",
				(int)strlen(own[i]) - 1, own[i]);
	}
	return 0;
}

int node_exec(const struct node_command *c, struct netlab_err *err)
{
	const char *cwd = c->cwd ? c->cwd : "/";
	struct sys_user user = { 0 };
	int r = c->user ? sys_user_find(c->user, &user, err) : 0;

	if (r == 0 && c->user)
		r = set_user_environment(&user, err);
	if (r < 0)
		return r == -ENOENT ? -EINVAL : r; /* the *program* was not looked for yet */
	r = set_environment(c->env, err);
	if (r < 0)
		return r;
	if (chdir(cwd) < 0) {
		r = err_errno(err, errno, "cannot change to the directory '%s'", cwd);
		(void)missing(cwd, err);
		return r == -ENOENT ? -EINVAL : r;
	}
	r = node_privileges_apply(&c->privileges, c->user ? &user : NULL, err);
	sys_user_deinit(&user);
	if (r < 0)
		return r;
	if (c->dies_with)
		die_with(c->dies_with);
	reset_signals();
	execvp(c->argv[0], (char *const *)c->argv);
	r = err_errno(err, sys_exec_error(c->argv[0], errno), "cannot run '%s'", c->argv[0]);
	(void)missing(c->argv[0], err);
	if (r == -ENOENT && c->argv[0][0] != '/' && strchr(c->argv[0], '/'))
		(void)err_hint(err, "in a node a path counts from the node's \"cwd\", here '%s'",
			       cwd);
	return r;
}

int node_exec_exit_code(int error, const struct netlab_err *err)
{
	if (err->exit == NETLAB_EXIT_NETLAB)
		return NETLAB_EXIT_NETLAB;
	return error == -ENOENT ? NETLAB_EXIT_NOTFOUND : NETLAB_EXIT_NOEXEC;
}
