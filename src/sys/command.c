/* SPDX-License-Identifier: MIT */
/*
 * The user's command as a child.
 *
 * No handler and no pipe of our own for signals: they are blocked, SIGCHLD with them, and taken one by one by
 * sigtimedwait(), so that nothing is lost between a check and a wait.
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
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/gate.h"
#include "sys/proc.h"
#include "sys/clock.h"

#define KILL_AFTER_NS (2 * UINT64_C(1000000000))

static const int passed_on[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2 };

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

static bool is_group(const struct sys_command *c)
{
	return c->own_group && !c->child;
}

/* Runs in the child; writes to `report` the errno of a failed exec, or what c->child says. */
static int child_main(const struct sys_command *c, pid_t parent, const sigset_t *mask, int report)
{
	int e;

	if (sys_die_with_parent(true) < 0 || getppid() != parent)
		return 125; /* our parent is gone: nobody waits for an answer */
	if (is_group(c))
		(void)setpgid(0, 0);
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	for (size_t i = 0; c->env && c->env[i]; i++)
		(void)putenv(
			(char *)c->env[i]); /* putenv() keeps the pointer and changes nothing */
	if (c->child) {
		struct netlab_err err = { 0 };
		int status = c->child(c->ctx, &err);

		if (err.code)
			(void)!write(report, &err, sizeof(err));
		return status;
	}
	(void)execvp(c->argv[0], (char *const *)c->argv);
	e = sys_exec_error(c->argv[0], errno);
	(void)!write(report, &e, sizeof(e));
	return e == ENOENT || e == ENOTDIR ? SYS_COMMAND_NOTFOUND : SYS_COMMAND_NOEXEC;
}

/* Waits for the next signal until `deadline` (UINT64_MAX = none). Returns its number, 0 when the time is up. */
static int next_signal(const sigset_t *set, uint64_t deadline, siginfo_t *ret)
{
	for (;;) {
		uint64_t now = sys_monotonic_ns(), left = deadline > now ? deadline - now : 0;
		struct timespec t = { .tv_sec = (time_t)(left / 1000000000u),
				      .tv_nsec = (long)(left % 1000000000u) };
		int signo = sigtimedwait(set, ret, deadline == UINT64_MAX ? NULL : &t);

		if (signo > 0)
			return signo;
		if (errno != EINTR) /* EAGAIN; a wrong set would be our own fault */
			return 0;
	}
}

/*
 * Reaps the child once it has ended. While it is a zombie its number is its group's and nobody else's: what it left behind
 * in it is killed before.
 */
static bool reap(pid_t pid, bool group, int *ret_status)
{
	siginfo_t info = { .si_pid = 0 };

	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid != pid)
		return false;
	if (group)
		(void)kill(-pid, SIGKILL);
	return waitpid(pid, ret_status, 0) == pid;
}

/* Waits for the child, passing signals on; returns waitpid()'s status. */
static int wait_for(pid_t pid, bool group, const sigset_t *set, uint64_t timeout_ns,
		    bool *ret_timed_out)
{
	pid_t all = group ? -pid : pid;
	uint64_t start = sys_monotonic_ns();
	uint64_t deadline = timeout_ns && timeout_ns < UINT64_MAX - start ? start + timeout_ns
									  : UINT64_MAX;
	int status;

	*ret_timed_out = false;
	for (;;) {
		siginfo_t info;
		int signo = next_signal(set, deadline, &info);

		if (signo == SIGCHLD) {
			if (reap(pid, group, &status))
				return status;
			continue;
		}
		if (signo) {
			if ((signo == SIGINT || signo == SIGQUIT) && info.si_code == SI_KERNEL)
				continue; /* Ctrl-C: the terminal sent it to the child as well */
			(void)kill(all, signo);
			continue;
		}
		(void)kill(all, *ret_timed_out ? SIGKILL : SIGTERM);
		deadline = *ret_timed_out ? UINT64_MAX : sys_monotonic_ns() + KILL_AFTER_NS;
		*ret_timed_out = true;
	}
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

/* What c->child left, if anything. Whoever else has the other end open is not waited for. */
static void take_error(int report, struct netlab_err *err)
{
	struct netlab_err told;

	(void)fcntl(report, F_SETFL, O_NONBLOCK);
	if (read(report, &told, sizeof(told)) == (ssize_t)sizeof(told) && err)
		*err = told;
}

int sys_command_run(const struct sys_command *c, int *ret_status, bool *ret_timed_out,
		    struct netlab_err *err)
{
	sigset_t set, before;
	bool timed_out;
	int report[2], r, e = 0;
	ssize_t n;
	pid_t self = getpid(), pid;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		(void)sigaddset(&set, passed_on[i]);
	/* Inherited as ignored, SIGCHLD would reap the child behind our back. */
	(void)signal(SIGCHLD, SIG_DFL);

	r = sys_gate("pipe");
	if (r == 0 && pipe2(report, O_CLOEXEC) < 0)
		r = -errno;
	if (r < 0)
		return err_errno(err, r, "making a pipe");
	(void)sigprocmask(SIG_BLOCK, &set, &before);
	r = sys_gate("fork");
	pid = r < 0 ? -1 : fork();
	if (pid < 0) {
		r = r < 0 ? r : -errno;
		(void)close(report[0]);
		(void)close(report[1]);
		(void)sigprocmask(SIG_SETMASK, &before, NULL);
		return err_errno(err, r, "starting a process");
	}
	if (pid == 0)
		_exit(child_main(c, self, &before, report[1]));
	(void)close(report[1]);
	/* by whichever of us comes first: it has its group before anything can be sent to that */
	if (is_group(c))
		(void)setpgid(pid, pid);
	if (!c->child) {
		/* ends at exec */
		do
			n = read(report[0], &e, sizeof(e));
		while (n < 0 && errno == EINTR);
		if (n != (ssize_t)sizeof(e))
			e = 0;
	}
	*ret_status = sys_exit_code(wait_for(pid, is_group(c), &set, c->timeout_ns, &timed_out));
	if (ret_timed_out)
		*ret_timed_out = timed_out;
	if (e)
		explain(c, e, err);
	if (c->child)
		take_error(report[0], err);
	(void)close(report[0]);
	return 0;
}
