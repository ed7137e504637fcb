/* SPDX-License-Identifier: MIT */
/* A pseudo-terminal for a command, relayed to ours. */
#include "sys/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/gate.h"

enum {
	LANE_BYTES = 16384,
	/* who reads again after an end of file gets another one after so long, then after twice as long, ... */
	EOF_AGAIN_MS = 100,
	EOF_AGAIN_MOST_MS = 3600 * 1000,
};

/** One direction: what was read and not yet written. */
struct lane {
	char data[LANE_BYTES];
	size_t start, end;
	bool open; /**< there may be more to read */
};

struct relay {
	int master; /**< -1 once it has hung up */
	struct sys_relay *signals;
	struct lane in, out;
	bool ended;            /**< the command has */
	bool in_line;          /**< the last byte that went in did not end a line */
	int eof_ms;            /**< time until the next end of file; 0: none is due */
	struct termios before; /**< of our terminal */
	bool is_raw, was_terminal;
};

/* --- the pair --- */

static void copy_size(int to)
{
	struct winsize size;

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (ioctl(fd, TIOCGWINSZ, &size) == 0) {
			(void)ioctl(to, TIOCSWINSZ, &size);
			return;
		}
	}
}

int sys_pty_open(struct sys_pty *ret)
{
	struct sys_pty p = { .master = -1, .slave = -1 };
	struct termios settings;
	char name[64];
	int r = sys_gate("pty");

	if (r < 0)
		return r;
	p.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
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
	if (tcgetattr(STDIN_FILENO, &settings) == 0)
		(void)tcsetattr(p.slave, TCSANOW, &settings);
	copy_size(p.slave);
	*ret = p;
	return 0;
}

void sys_pty_close(struct sys_pty *p)
{
	if (p->slave >= 0)
		close(p->slave);
	if (p->master >= 0)
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

/* --- lanes --- */

static bool is_empty(const struct lane *l)
{
	return l->start == l->end;
}

/** Reads what there is into an empty lane. @return false at the end of the source */
static bool fill(struct lane *l, int fd)
{
	ssize_t n = read(fd, l->data, sizeof(l->data));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	l->start = 0;
	l->end = n > 0 ? (size_t)n : 0;
	return n > 0;
}

/** Writes as much as does not block: so much fits into whatever poll() calls writable. @return false when nobody reads */
static bool drain(struct lane *l, int fd)
{
	size_t left = l->end - l->start;
	ssize_t n = write(fd, l->data + l->start, left < PIPE_BUF ? left : PIPE_BUF);

	if (n > 0)
		l->start += (size_t)n;
	return n >= 0 || errno == EINTR || errno == EAGAIN;
}

/* --- our terminal --- */

static void set_raw(struct relay *x, bool on)
{
	struct termios raw = x->before;

	if (!x->was_terminal || x->is_raw == on)
		return;
	cfmakeraw(&raw);
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, on ? &raw : &x->before);
	x->is_raw = on;
}

static void on_signals(struct relay *x, sys_relay_fn *fn, void *ctx)
{
	bool from_terminal; /* raw as it is, it sends none */
	int signo;

	while ((signo = sys_relay_next(x->signals, &from_terminal)) > 0) {
		switch (signo) {
		case SIGTSTP:
			set_raw(x, false);
			(void)kill(getpid(), SIGSTOP);
			break;
		case SIGCONT:
			set_raw(x, true);
			if (x->master >= 0)
				copy_size(x->master); /* nobody told us meanwhile */
			break;
		case SIGWINCH:
			if (x->master >= 0)
				copy_size(x->master);
			break;
		default:
			fn(ctx, signo);
		}
	}
}

/** Adds job control to the signals that are caught. */
static void catch_stops(struct sys_relay *r)
{
	sigset_t set;

	sys_relay_set(&set);
	sigaddset(&set, SIGTSTP);
	sigaddset(&set, SIGCONT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	(void)signalfd(r->signal_fd, &set, 0);
}

/* --- both ways --- */

static void hang_up(struct relay *x)
{
	close(x->master);
	x->master = -1;
	x->in.open = x->out.open = false;
	x->in.start = x->in.end = x->out.start = x->out.end = 0;
	x->eof_ms = 0;
}

/** What a terminal's user would type. In the middle of a line the first one only ends that. */
static void send_eof(struct relay *x)
{
	struct termios t;
	char eof[2];

	if (tcgetattr(x->master, &t) < 0)
		return;
	memset(eof, t.c_cc[VEOF], sizeof(eof));
	(void)!write(x->master, eof, x->in_line ? 2 : 1);
	x->in_line = false;
}

static void move_in(struct relay *x, short events)
{
	if (events && !is_empty(&x->in) && (events & POLLOUT)) {
		size_t last = x->in.start;

		if (!drain(&x->in, x->master))
			x->in.start = x->in.end;
		if (x->in.start > last)
			x->in_line = x->in.data[x->in.start - 1] != '\n';
	}
	if (!x->in.open && is_empty(&x->in) && x->eof_ms == 0) {
		send_eof(x);
		x->eof_ms = EOF_AGAIN_MS;
	}
}

static void move_out(struct relay *x, short master, short out)
{
	/* what the command wrote last is still in the pair when it has ended: read to the end (EIO on Linux) */
	if (is_empty(&x->out) && x->out.open && (master || x->ended)) {
		x->out.open = fill(&x->out, x->master);
		if (x->ended && is_empty(&x->out))
			x->out.open = false;
	}
	if (!is_empty(&x->out) && out && !drain(&x->out, STDOUT_FILENO))
		hang_up(x);
}

static void turn(struct relay *x, int end_fd, sys_relay_fn *fn, void *ctx)
{
	bool in_wanted = x->in.open && is_empty(&x->in) && !x->ended;
	short of_master = (short)((x->out.open && is_empty(&x->out) ? POLLIN : 0) |
				  (is_empty(&x->in) ? 0 : POLLOUT));
	struct pollfd fds[] = {
		{ .fd = x->signals->signal_fd, .events = POLLIN },
		{ .fd = of_master ? x->master : -1, .events = of_master },
		{ .fd = in_wanted ? STDIN_FILENO : -1, .events = POLLIN },
		{ .fd = is_empty(&x->out) ? -1 : STDOUT_FILENO, .events = POLLOUT },
		{ .fd = x->ended ? -1 : end_fd, .events = POLLIN },
	};
	bool at_once = x->ended && is_empty(&x->out);
	int n = poll(fds, ARRAY_SIZE(fds), at_once ? 0 : x->eof_ms ? x->eof_ms : -1);

	if (n < 0)
		return;
	if (n == 0 && x->eof_ms && !x->ended && x->master >= 0) {
		send_eof(x);
		if (x->eof_ms < EOF_AGAIN_MOST_MS)
			x->eof_ms *= 2;
	}
	if (fds[0].revents)
		on_signals(x, fn, ctx);
	if (fds[4].revents)
		x->ended = true;
	if (fds[2].revents)
		x->in.open = fill(&x->in, STDIN_FILENO);
	if (x->master >= 0)
		move_in(x, fds[1].revents);
	if (x->master >= 0)
		move_out(x, fds[1].revents, fds[3].revents);
}

void sys_pty_relay(int master, struct sys_relay *r, int end_fd, sys_relay_fn *fn, void *ctx)
{
	struct relay x = { .master = master,
			   .signals = r,
			   .in.open = true,
			   .out.open = true,
			   .was_terminal = tcgetattr(STDIN_FILENO, &x.before) == 0 };
	struct sigaction old_pipe;

	/* a reader of ours that goes away must not leave the terminal raw */
	sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, &old_pipe);
	catch_stops(r);
	(void)fcntl(master, F_SETFL, fcntl(master, F_GETFL) | O_NONBLOCK);
	set_raw(&x, true);
	while (!x.ended || x.out.open || !is_empty(&x.out))
		turn(&x, end_fd, fn, ctx);
	set_raw(&x, false);
	if (x.master >= 0)
		close(x.master);
	sigaction(SIGPIPE, &old_pipe, NULL);
}
