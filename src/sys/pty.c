/* SPDX-License-Identifier: MIT */
/* A pseudo-terminal for a command, relayed to ours. */
#include "sys/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"

static void copy_size(const struct sys_pty *p)
{
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
		(void)ioctl(p->master, TIOCSWINSZ, &size);
}

int sys_pty_open(struct sys_pty *ret)
{
	struct sys_pty p = { .master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), .slave = -1 };
	char name[64];
	int r = 0;

	if (p.master < 0)
		return -errno;
	if (grantpt(p.master) < 0 || unlockpt(p.master) < 0)
		r = -errno;
	else
		r = -ptsname_r(p.master, name, sizeof(name));
	if (r == 0) {
		p.slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
		r = p.slave < 0 ? -errno : 0;
	}
	if (r < 0) {
		close(p.master);
		return r;
	}
	p.was_terminal = tcgetattr(STDIN_FILENO, &p.saved) == 0;
	if (p.was_terminal)
		(void)tcsetattr(p.slave, TCSANOW, &p.saved);
	copy_size(&p);
	*ret = p;
	return 0;
}

void sys_pty_close(struct sys_pty *p)
{
	if (p->slave >= 0)
		close(p->slave);
	close(p->master);
	p->master = p->slave = -1;
}

int sys_pty_attach(struct sys_pty *p)
{
	if (setsid() < 0 || ioctl(p->slave, TIOCSCTTY, 0) < 0)
		return -errno;
	for (int fd = 0; fd < 3; fd++) {
		if (dup2(p->slave, fd) < 0)
			return -errno;
	}
	return 0;
}

static bool write_all(int fd, const char *data, ssize_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, data, (size_t)n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return false;
		data += w;
		n -= w;
	}
	return true;
}

/** @return false at the end of the source */
static bool move(int from, int to)
{
	char data[4096];
	ssize_t n = read(from, data, sizeof(data));

	if (n < 0 && errno == EINTR)
		return true;
	return n > 0 && write_all(to, data, n);
}

static void on_signals(struct sys_pty *p, struct sys_relay *r, sys_relay_fn *fn, void *ctx)
{
	bool from_terminal; /* raw as it is, it sends none */
	int signo;

	while ((signo = sys_relay_next(r, &from_terminal)) > 0) {
		if (signo == SIGWINCH)
			copy_size(p);
		else
			fn(ctx, signo);
	}
}

static void relay(struct sys_pty *p, struct sys_relay *r, int end_fd, sys_relay_fn *fn, void *ctx)
{
	bool ended = false, open_in = true, open_out = true;

	/* What the command wrote last is still in the pair when it has ended: read to the end (EIO on Linux). */
	while (!ended || open_out) {
		struct pollfd fds[] = { { .fd = r->signal_fd, .events = POLLIN },
					{ .fd = open_out ? p->master : -1, .events = POLLIN },
					{ .fd = open_in && !ended ? STDIN_FILENO : -1,
					  .events = POLLIN },
					{ .fd = ended ? -1 : end_fd, .events = POLLIN } };

		if (poll(fds, ARRAY_SIZE(fds), ended ? 0 : -1) < 0 && errno != EINTR)
			break;
		if (fds[0].revents)
			on_signals(p, r, fn, ctx);
		if (fds[1].revents)
			open_out = move(p->master, STDOUT_FILENO);
		else if (ended)
			break;
		if (fds[2].revents)
			open_in = move(STDIN_FILENO, p->master);
		if (fds[3].revents)
			ended = true;
	}
}

void sys_pty_relay(struct sys_pty *p, struct sys_relay *r, int end_fd, sys_relay_fn *fn, void *ctx)
{
	close(p->slave); /* so that the master sees the end when the command's side closes */
	p->slave = -1;
	if (p->was_terminal) {
		struct termios raw = p->saved;

		cfmakeraw(&raw);
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	}
	relay(p, r, end_fd, fn, ctx);
	if (p->was_terminal)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &p->saved);
}
