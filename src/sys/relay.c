/* SPDX-License-Identifier: MIT */
/* Passing signals on. */
#include "sys/relay.h"

#include <errno.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"

static bool is_ignored(int signo)
{
	struct sigaction now;

	return sigaction(signo, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

void sys_relay_set(sigset_t *ret)
{
	static const int passed[] = {
		SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH
	};

	sigemptyset(ret);
	for (size_t i = 0; i < ARRAY_SIZE(passed); i++) {
		if (!is_ignored(passed[i]))
			sigaddset(ret, passed[i]);
	}
}

int sys_relay_begin(struct sys_relay *r)
{
	sigset_t set;

	sys_relay_set(&set);
	sigprocmask(SIG_BLOCK, &set, &r->old_mask);
	sigaction(SIGCHLD, &(struct sigaction){ .sa_handler = SIG_DFL }, &r->old_child);
	r->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r->signal_fd < 0) {
		int e = errno;

		sys_relay_end(r);
		return -e;
	}
	return 0;
}

void sys_relay_end(struct sys_relay *r)
{
	if (r->signal_fd >= 0)
		close(r->signal_fd);
	r->signal_fd = -1;
	sigaction(SIGCHLD, &r->old_child, NULL);
	sigprocmask(SIG_SETMASK, &r->old_mask, NULL);
}

int sys_relay_next(struct sys_relay *r, bool *ret_from_terminal)
{
	struct signalfd_siginfo info;

	if (read(r->signal_fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	*ret_from_terminal = info.ssi_code == SI_KERNEL;
	return (int)info.ssi_signo;
}

void sys_relay_until(struct sys_relay *r, int end_fd, sys_relay_fn *fn, void *ctx)
{
	for (;;) {
		struct pollfd fds[] = { { .fd = r->signal_fd, .events = POLLIN },
					{ .fd = end_fd, .events = POLLIN } };
		bool from_terminal;
		int signo;

		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return;
		while ((signo = sys_relay_next(r, &from_terminal)) > 0) {
			if (!from_terminal && signo != SIGWINCH)
				fn(ctx, signo);
		}
		if (fds[1].revents)
			return;
	}
}
