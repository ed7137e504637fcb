/* SPDX-License-Identifier: MIT */
/*
 * The user's command as a child.
 *
 * No handler and no pipe of our own for signals: they are blocked, SIGCHLD with them, and taken one by one by
 * sigtimedwait(), so that nothing is lost between a check and a wait. They go to the keeper (command_keeper.c), which waits
 * for the command.
 */
#include "sys/command.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/command_keeper.h"
#include "sys/gate.h"
#include "sys/proc.h"

/* Whether there is such a file in one of PATH's directories. */
static bool is_in_path(const char *program)
{
	const char *path = getenv("PATH");
	char file[PATH_MAX];
	struct stat st;

	if (!path)
		path = "/bin:/usr/bin"; /* as execvp() does */
	for (;; path++) {
		size_t len = strcspn(path, ":");
		int n = snprintf(file, sizeof(file), "%.*s%s%s", (int)len, path, len ? "/" : "",
				 program);

		if (n < (int)sizeof(file) && stat(file, &st) == 0 && !S_ISDIR(st.st_mode))
			return true;
		path += len;
		if (!*path)
			return false;
	}
}

int sys_exec_error(const char *program, int error)
{
	if (error == EACCES && !strchr(program, '/') && !is_in_path(program))
		return ENOENT;
	return error;
}

static void explain(const struct sys_command *c, int e, struct netlab_err *err)
{
	if (e == ENOENT && strchr(c->argv[0], '/') && access(c->argv[0], F_OK) == 0)
		(void)err_set(err, e, "running '%s': its interpreter does not exist", c->argv[0]);
	else if (e == ENOENT && !strchr(c->argv[0], '/'))
		(void)err_set(err, e, "running '%s': no such program in PATH", c->argv[0]);
	else
		(void)err_errno(err, e, "running '%s'", c->argv[0]);
}

/* @return whether the keeper could tell */
static bool take_report(int fd, struct keeper_report *ret)
{
	ssize_t n;

	do
		n = read(fd, ret, sizeof(*ret));
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(*ret);
}

/* Passes signals on until the keeper has ended. @return as waitpid() gives it */
static int wait_for_keeper(pid_t pid, const struct keeper_signals *signals)
{
	int status;

	for (;;) {
		int signo = keeper_next_signal(signals, UINT64_MAX);

		if (signo != SIGCHLD)
			(void)kill(pid, signo);
		else if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
	}
}

int sys_command_run(const struct sys_command *c, struct sys_command_end *ret,
		    struct netlab_err *err)
{
	struct keeper_report told = { 0 };
	struct keeper_signals signals;
	int report[2] = { -1, -1 }, status, r;
	pid_t self = getpid(), pid;

	/* Inherited as ignored, SIGCHLD would reap the child behind our back. */
	(void)signal(SIGCHLD, SIG_DFL);
	r = sys_gate("pipe");
	if (r < 0 || pipe2(report, O_CLOEXEC) < 0)
		return err_errno(err, r < 0 ? r : -errno, "making a pipe");
	keeper_signals_begin(&signals);
	r = sys_gate("fork");
	pid = r < 0 ? -1 : fork();
	if (pid == 0)
		keeper_main(c, self, &signals, report[1]);
	r = r < 0 ? r : -errno;
	(void)close(report[1]);
	if (pid > 0) {
		status = wait_for_keeper(pid, &signals);
		if (!take_report(report[0], &told)) {
			told = (struct keeper_report){ .end.status = sys_exit_code(status) };
			(void)err_set(&told.err, ECHILD, "'%s' and what watches it were killed",
				      c->argv[0]);
		}
		r = told.error;
	}
	(void)close(report[0]);
	if (r < 0) {
		(void)sigprocmask(SIG_SETMASK, &signals.before, NULL);
		return err_errno(err, r, "starting a process");
	}
	if (told.exec)
		explain(c, told.exec, err);
	if (told.err.code && err)
		*err = told.err;
	*ret = told.end;
	return 0;
}
