/* SPDX-License-Identifier: MIT */
/*
 * A screen that is drawn again and again.
 *
 * Signals are taken from a signalfd, so that whatever ends the drawing passes through sys_screen_end(). Ctrl-Z is one of
 * them: the terminal is given back before we stop, and taken again when we go on.
 */
#include "sys/screen.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/clock.h"

/* ECMA-48, and xterm's alternate screen, which all terminals of today have or ignore */
#define SCREEN_ENTER "\033[?1049h\033[?25l"
#define SCREEN_LEAVE "\033[?25h\033[?1049l"
#define SCREEN_CLEAR "\033[H\033[J"

static const int taken[] = { SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGWINCH };

static void read_size(struct sys_screen *s)
{
	struct winsize size;

	s->rows = s->columns = 0;
	if (!s->terminal || ioctl(s->out_fd, TIOCGWINSZ, &size) < 0)
		return;
	s->rows = size.ws_row;
	s->columns = size.ws_col;
}

static void enter(struct sys_screen *s)
{
	if (s->in_fd >= 0) {
		struct termios keys = s->saved;

		/* Ctrl-C and Ctrl-Z stay signals */
		keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		keys.c_cc[VMIN] = 1;
		keys.c_cc[VTIME] = 0;
		(void)tcsetattr(s->in_fd, TCSADRAIN, &keys);
	}
	if (s->terminal)
		(void)fputs(SCREEN_ENTER, s->out);
	(void)fflush(s->out);
	read_size(s);
}

static void leave(struct sys_screen *s)
{
	if (s->terminal)
		(void)fputs(SCREEN_LEAVE, s->out);
	(void)fflush(s->out);
	if (s->in_fd >= 0)
		(void)tcsetattr(s->in_fd, TCSADRAIN, &s->saved);
}

int sys_screen_begin(struct sys_screen *s, FILE *in, FILE *out, bool terminal)
{
	sigset_t set;

	*s = (struct sys_screen){ .out = out,
				  .in_fd = in ? fileno(in) : -1,
				  .out_fd = fileno(out),
				  .terminal = terminal };
	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		struct sigaction was;

		/* what is ignored stays so: nohup(1), a shell's background */
		if (sigaction(taken[i], NULL, &was) == 0 && was.sa_handler != SIG_IGN)
			(void)sigaddset(&set, taken[i]);
	}
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd < 0)
		return -errno;
	if (s->in_fd >= 0 && tcgetattr(s->in_fd, &s->saved) < 0)
		s->in_fd = -1;
	(void)sigprocmask(SIG_BLOCK, &set, &s->old_mask);
	s->began = true;
	(void)fflush(out);
	enter(s);
	return 0;
}

void sys_screen_clear(struct sys_screen *s)
{
	if (s->terminal)
		(void)fputs(SCREEN_CLEAR, s->out);
}

/* Stops as Ctrl-Z asks; returns when we are told to go on. */
static void suspend(struct sys_screen *s)
{
	leave(s);
	(void)raise(SIGSTOP); /* SIGTSTP itself is blocked, and waits in our signalfd only */
	enter(s);
}

static bool take_signal(struct sys_screen *s, enum sys_screen_event *ret)
{
	struct signalfd_siginfo info;

	if (read(s->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return false;
	*ret = SYS_SCREEN_REDRAW;
	switch ((int)info.ssi_signo) {
	case SIGTSTP:
		suspend(s);
		return true;
	case SIGWINCH:
		read_size(s);
		return s->terminal;
	case SIGINT:
		break;
	default:
		s->signo = (int)info.ssi_signo;
		break;
	}
	*ret = SYS_SCREEN_END;
	return true;
}

/* @return whether the user wants it to end; a terminal that has gone gives no keys any more */
static bool take_keys(struct sys_screen *s)
{
	char keys[64];
	ssize_t n = read(s->in_fd, keys, sizeof(keys));

	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
		s->in_fd = -1;
	return n > 0 && memchr(keys, 'q', (size_t)n);
}

static struct timespec until(uint64_t deadline_ns)
{
	uint64_t now = sys_monotonic_ns();
	uint64_t left = deadline_ns > now ? deadline_ns - now : 0;

	return (struct timespec){ .tv_sec = (time_t)(left / 1000000000u),
				  .tv_nsec = (long)(left % 1000000000u) };
}

enum sys_screen_event sys_screen_wait(struct sys_screen *s, uint64_t deadline_ns)
{
	for (;;) {
		struct pollfd fds[] = {
			{ .fd = s->signal_fd, .events = POLLIN },
			{ .fd = s->in_fd, .events = POLLIN },
			{ .fd = s->out_fd, .events = 0 }, /* POLLERR: the reader has gone */
		};
		struct timespec left = until(deadline_ns);
		enum sys_screen_event event;
		int n = ppoll(fds, ARRAY_SIZE(fds), &left, NULL);

		if (n == 0)
			return SYS_SCREEN_TIME;
		if (n < 0)
			continue; /* EINTR: a signal that is not ours */
		if (fds[0].revents && take_signal(s, &event))
			return event;
		if (fds[1].revents && take_keys(s))
			return SYS_SCREEN_END;
		if (fds[2].revents & (POLLERR | POLLHUP))
			return SYS_SCREEN_END;
	}
}

void sys_screen_end(struct sys_screen *s)
{
	if (!s->began)
		return;
	s->began = false;
	leave(s);
	(void)close(s->signal_fd);
	(void)sigprocmask(SIG_SETMASK, &s->old_mask, NULL);
}
