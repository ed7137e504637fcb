/* SPDX-License-Identifier: MIT */
/* A pseudo-terminal for a command, relayed to ours. */
#include "sys/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/proc.h"
#include "sys/relay.h"

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

/** @return whether the child has ended, its exit code in *ret */
static bool on_signal(struct sys_pty *p, int signal_fd, pid_t child, int *ret)
{
	struct signalfd_siginfo info;
	int status;

	if (read(signal_fd, &info, sizeof(info)) != sizeof(info))
		return false;
	if (info.ssi_signo == SIGWINCH)
		copy_size(p);
	else if (info.ssi_signo != SIGCHLD)
		(void)kill(child, (int)info.ssi_signo);
	if (waitpid(child, &status, WNOHANG) != child)
		return false;
	*ret = sys_exit_code(status);
	return true;
}

static int relay(struct sys_pty *p, pid_t child, int signal_fd)
{
	bool ended = false, open_in = true, open_out = true;
	int code = 0;

	/* What the command wrote last is still in the pair when it has ended: read to the end (EIO on Linux). */
	while (!ended || open_out) {
		struct pollfd fds[] = { { .fd = signal_fd, .events = POLLIN },
					{ .fd = open_out ? p->master : -1, .events = POLLIN },
					{ .fd = open_in && !ended ? STDIN_FILENO : -1,
					  .events = POLLIN } };

		if (poll(fds, ARRAY_SIZE(fds), ended ? 0 : -1) < 0 && errno != EINTR)
			break;
		if (fds[0].revents && !ended)
			ended = on_signal(p, signal_fd, child, &code);
		if (fds[1].revents)
			open_out = move(p->master, STDOUT_FILENO);
		else if (ended)
			break;
		if (fds[2].revents)
			open_in = move(STDIN_FILENO, p->master);
	}
	return code;
}

int sys_pty_relay(struct sys_pty *p, pid_t child)
{
	sigset_t set, old;
	int signal_fd, code;

	close(p->slave); /* so that the master sees the end when the command's side closes */
	p->slave = -1;
	sys_relay_set(&set);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, &old);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (p->was_terminal) {
		struct termios raw = p->saved;

		cfmakeraw(&raw);
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	}
	code = signal_fd < 0 ? sys_relay_wait(child, SYS_RELAY_SIGNALS)
			     : relay(p, child, signal_fd);
	if (p->was_terminal)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &p->saved);
	if (signal_fd >= 0)
		close(signal_fd);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return code;
}
