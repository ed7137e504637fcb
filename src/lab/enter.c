/* SPDX-License-Identifier: MIT */
/* The way of a command into a node: see enter.h. */
#include "lab/enter.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "sys/proc.h"
#include "sys/sock.h"
#include "sys/title.h"

static void report(const struct enter_job *j, const struct enter_report *r)
{
	(void)sys_sock_send(j->link_fd, r, sizeof(*r), NULL, 0);
}

/** There will be no command. */
static void fail(const struct enter_job *j, const struct netlab_err *err)
{
	report(j,
	       &(struct enter_report){ .err = *err, .last = true, .status = NETLAB_EXIT_NETLAB });
	_exit(NETLAB_EXIT_NETLAB);
}

static void fail_joining(const struct enter_job *j, int r)
{
	struct netlab_err err = { 0 };

	/* so says the kernel when a PID namespace has no init any more */
	if (r == -ENOMEM && sys_wait_readable(j->node_fd, 0) == 0)
		r = -ESRCH;
	err_errno(&err, r, "joining node '%s'", j->node);
	if (r == -EPERM)
		err_hint(&err, "run as the user that started the lab, or as root");
	else if (r == -ESRCH)
		err_hint(&err, "the node died meanwhile");
	else
		sys_hint_limit(r, &err);
	fail(j, &err);
}

/** Only the command does: a node at its limit of processes can still be entered, and what enters it does not count. */
static int join_cgroups(const struct enter_job *j, struct netlab_err *err)
{
	int r = 0;

	for (unsigned i = 0; i < NODE_CGROUPS_MAX && r == 0; i++) {
		if (j->cgroups[i] >= 0)
			r = sys_cgroup_join(j->cgroups[i]);
	}
	if (r < 0)
		return err_errno(err, r, "entering the cgroups of node '%s'", j->node);
	if (j->memory_limit)
		sys_cgroup_die_first(); /* before the node's init */
	return 0;
}

/** The command's own process. */
static void run_command(struct enter_job *j, pid_t monitor)
{
	struct enter_report why = { 0 };
	int r = j->terminal ? sys_pty_attach(&j->pty) : 0;

	j->command.dies_with = monitor;
	if (r < 0)
		err_errno(&why.err, r, "taking the terminal");
	else
		r = join_cgroups(j, &why.err);
	if (r < 0) {
		report(j, &why);
		_exit(NETLAB_EXIT_NETLAB);
	}
	/* what the caller's shell left open, a directory of the host's, say, would be a way out of the node */
	sys_close_on_exec(STDERR_FILENO + 1);
	r = node_exec(&j->command, &why.err);
	report(j, &why);
	_exit(node_exec_exit_code(r, &why.err));
}

/** Waits for the command; passes signals on, and its death when nobody is there any more to hear of it. */
static void watch(struct enter_job *j, pid_t command, int signal_fd)
{
	for (;;) {
		struct pollfd p[] = { { .fd = signal_fd, .events = POLLIN },
				      { .fd = j->link_fd, .events = POLLIN } };
		int signo, status;

		if (poll(p, ARRAY_SIZE(p), -1) < 0)
			continue;
		if (waitpid(command, &status, WNOHANG) == command) {
			report(j, &(struct enter_report){ .last = true,
							  .status = sys_exit_code(status) });
			_exit(0);
		}
		if (p[0].revents) {
			struct signalfd_siginfo info;

			(void)!read(signal_fd, &info, sizeof(info));
		}
		if (!p[1].revents)
			continue;
		if (sys_sock_recv(j->link_fd, &signo, sizeof(signo), NULL, NULL) == sizeof(signo)) {
			(void)kill(command, signo);
		} else {
			(void)kill(command, SIGKILL);
			_exit(0);
		}
	}
}

/** A terminal of the node's own, so that its programs find it in their /dev/pts. */
static void open_terminal(struct enter_job *j)
{
	struct netlab_err err = { 0 };
	int r = sys_pty_open(&j->pty);

	if (r < 0) {
		err_errno(&err, r, "opening a terminal in node '%s'", j->node);
		err_hint(&err, "the node needs /dev/ptmx and /dev/pts; without -t it does not");
		fail(j, &err);
	}
	if (sys_sock_send(j->link_fd, &(struct enter_report){ 0 }, sizeof(struct enter_report),
			  &j->pty.master, 1) < 0)
		_exit(0); /* nobody is there any more */
}

static void monitor(struct enter_job *j)
{
	struct netlab_err err = { 0 };
	sigset_t all, child;
	pid_t self = getpid(), pid;
	int signal_fd;

	sys_title_set(ENTER_MONITOR_COMM);
	/* signals from inside the node are not for us */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0) {
		err_errno(&err, errno, "signalfd");
		fail(j, &err);
	}
	if (j->terminal)
		open_terminal(j);
	pid = sys_clone(0, NULL);
	if (pid == 0)
		run_command(j, self);
	if (pid < 0)
		fail_joining(j, pid);
	if (j->terminal)
		sys_pty_close(&j->pty); /* the terminal ends with the command */
	watch(j, pid, signal_fd);
}

/** The first in the node's PID namespace. */
static void join_the_rest(struct enter_job *j)
{
	int r;
	pid_t pid;

	sys_title_set(ENTER_COMM); /* `exec NODE pkill -f CMD` shall not find itself */
	r = sys_setns(j->node_fd,
		      SYS_NS_NET | SYS_NS_MNT | SYS_NS_UTS | SYS_NS_IPC | SYS_NS_CGROUP);
	if (r < 0)
		fail_joining(j, r);
	pid = sys_clone(0, NULL);
	if (pid == 0)
		monitor(j);
	if (pid < 0)
		fail_joining(j, pid);
	_exit(0);
}

void enter_node(struct enter_job *j)
{
	int r = sys_setns(j->node_fd, SYS_NS_PID | (j->rootless ? SYS_NS_USER : 0));
	pid_t pid;

	if (r < 0)
		fail_joining(j, r);
	pid = sys_clone(0, NULL);
	if (pid == 0)
		join_the_rest(j);
	if (pid < 0)
		fail_joining(j, pid);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	_exit(0);
}
