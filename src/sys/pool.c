/* SPDX-License-Identifier: MIT */
/*
 * Children side by side.
 *
 * Ends are seen by pidfd, not by the end of a pipe: what a child started and left behind may hold its pipes open. Pipes
 * are read as they fill, so that no child waits for us.
 */
#include "sys/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/gate.h"
#include "sys/proc.h"

struct sys_pool_child {
	pid_t pid; /* 0 = this place is free */
	int pidfd, output_fd, report_fd;
	struct buf output, report;
	uint64_t start_ns;
	void *mark;
};

/* Places in the array for poll(): the signals, then three of each child. */
enum { FDS_PER_CHILD = 3 };

int sys_pool_init(struct sys_pool *p, unsigned size, struct netlab_err *err)
{
	static const int ending[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT };
	sigset_t set;
	int r;

	*p = (struct sys_pool){ .signal_fd = -1 };
	p->children = calloc(size, sizeof(*p->children));
	p->fds = calloc(1 + FDS_PER_CHILD * (size_t)size, sizeof(struct pollfd));
	if (!p->children || !p->fds) {
		sys_pool_deinit(p);
		return err_errno(err, ENOMEM, "room for %u children", size);
	}
	p->size = size;
	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(ending); i++) {
		struct sigaction now;

		/* nohup(1) and a shell's background jobs ignore some, and mean it */
		if (sigaction(ending[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			(void)sigaddset(&set, ending[i]);
	}
	(void)sigprocmask(SIG_BLOCK, &set, &p->old_mask);
	/* Inherited as ignored, SIGCHLD would reap children behind our back. */
	(void)signal(SIGCHLD, SIG_DFL);
	p->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (p->signal_fd >= 0)
		return 0;
	r = err_errno(err, errno, "signalfd");
	(void)sigprocmask(SIG_SETMASK, &p->old_mask, NULL);
	sys_pool_deinit(p);
	return r;
}

/* --- a child --- */

static int child_main(const struct sys_pool *p, sys_pool_fn *fn, void *ctx, pid_t parent,
		      int output, int report)
{
	if (sys_die_with_parent(true) < 0 || getppid() != parent)
		return 125; /* our parent is gone: nobody waits for an answer */
	sys_redirect_stdio(output);
	(void)sigprocmask(SIG_SETMASK, &p->old_mask, NULL);
	return fn(ctx, report);
}

static int make_pipe(int fds[2])
{
	int r = sys_gate("pipe");

	if (r < 0)
		return r;
	return pipe2(fds, O_CLOEXEC) < 0 ? -errno : 0;
}

static void close_pair(const int fds[2])
{
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* Our end, which never makes us wait. */
static int keep_end(const int fds[2])
{
	(void)close(fds[1]);
	(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
	return fds[0];
}

int sys_pool_start(struct sys_pool *p, sys_pool_fn *fn, void *ctx, void *mark,
		   struct netlab_err *err)
{
	struct sys_pool_child *c = p->children;
	int output[2], report[2], r = make_pipe(output);
	pid_t self = getpid(), pid;

	if (r < 0)
		return err_errno(err, r, "making a pipe");
	r = make_pipe(report);
	if (r < 0) {
		close_pair(output);
		return err_errno(err, r, "making a pipe");
	}
	r = sys_gate("fork");
	pid = r < 0 ? -1 : fork();
	if (pid == 0)
		_exit(child_main(p, fn, ctx, self, output[1], report[1]));
	if (pid < 0) {
		r = r < 0 ? r : -errno;
		close_pair(output);
		close_pair(report);
		return err_errno(err, r, "starting a process");
	}
	while (c->pid)
		c++;
	*c = (struct sys_pool_child){
		.pid = pid,
		.pidfd = sys_pidfd_open(pid),
		.output_fd = keep_end(output),
		.report_fd = keep_end(report),
		.start_ns = sys_monotonic_ns(),
		.mark = mark,
	};
	p->n++;
	if (c->pidfd >= 0)
		return 0;
	/* without it we would not see it end */
	r = err_errno(err, c->pidfd, "watching a process");
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	(void)close(c->output_fd);
	(void)close(c->report_fd);
	c->pid = 0;
	p->n--;
	return r;
}

/* --- what comes from it --- */

/* Keeps the last bytes; moved only now and then, so that much output costs little. */
static void keep_last(struct buf *b, const char *data, size_t n)
{
	buf_add(b, data, n);
	if (b->failed || b->len <= 2 * SYS_POOL_OUTPUT_MAX)
		return;
	memmove(b->data, b->data + b->len - SYS_POOL_OUTPUT_MAX, SYS_POOL_OUTPUT_MAX);
	b->len = SYS_POOL_OUTPUT_MAX;
	b->data[b->len] = '\0';
}

/* Reads what is there. @return false at the end of it */
static bool take(int fd, struct buf *b, bool last)
{
	char data[16 << 10];

	/* one who writes faster than we read must not keep us */
	for (int i = 0; i < 8; i++) {
		ssize_t n = read(fd, data, sizeof(data));

		if (n <= 0)
			return n < 0 && (errno == EAGAIN || errno == EINTR);
		if (last)
			keep_last(b, data, (size_t)n);
		else if (b->len < SYS_POOL_REPORT_MAX)
			buf_add(b, data, (size_t)n);
	}
	return true;
}

static void release(struct sys_pool *p, struct sys_pool_child *c)
{
	(void)close(c->pidfd);
	if (c->output_fd >= 0)
		(void)close(c->output_fd);
	if (c->report_fd >= 0)
		(void)close(c->report_fd);
	*c = (struct sys_pool_child){ 0 };
	p->n--;
}

static void collect(struct sys_pool *p, struct sys_pool_child *c, struct sys_pool_end *ret)
{
	int status = 0;

	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (c->output_fd >= 0)
		(void)take(c->output_fd, &c->output, true);
	if (c->report_fd >= 0)
		(void)take(c->report_fd, &c->report, false);
	if (c->output.len > SYS_POOL_OUTPUT_MAX) {
		size_t cut = c->output.len - SYS_POOL_OUTPUT_MAX;

		memmove(c->output.data, c->output.data + cut, SYS_POOL_OUTPUT_MAX + 1);
		c->output.len = SYS_POOL_OUTPUT_MAX;
	}
	*ret = (struct sys_pool_end){
		.mark = c->mark,
		.status = sys_exit_code(status),
		.killed = WIFSIGNALED(status),
		.elapsed_ns = sys_monotonic_ns() - c->start_ns,
		.output = c->output,
		.report = c->report,
	};
	release(p, c);
}

void sys_pool_end_deinit(struct sys_pool_end *end)
{
	buf_deinit(&end->output);
	buf_deinit(&end->report);
}

/* --- waiting --- */

static void take_from(int *fd, short revents, struct buf *b, bool last)
{
	if (!revents || take(*fd, b, last))
		return;
	(void)close(*fd);
	*fd = -1;
}

static int milliseconds_until(uint64_t deadline_ns)
{
	uint64_t now = sys_monotonic_ns(), ms;

	if (deadline_ns <= now)
		return 0;
	ms = (deadline_ns - now) / 1000000 + 1;
	return ms < 3600000 ? (int)ms : 3600000;
}

int sys_pool_wait(struct sys_pool *p, uint64_t deadline_ns, struct sys_pool_end *ret,
		  int *ret_signo)
{
	struct pollfd *fds = p->fds;

	for (;;) {
		struct signalfd_siginfo info;

		fds[0] = (struct pollfd){ .fd = p->signal_fd, .events = POLLIN };
		for (unsigned i = 0; i < p->size; i++) {
			const struct sys_pool_child *c = &p->children[i];
			struct pollfd *f = fds + 1 + FDS_PER_CHILD * i;

			/* a negative one is passed over */
			f[0] = (struct pollfd){ .fd = c->pid ? c->pidfd : -1, .events = POLLIN };
			f[1] = (struct pollfd){ .fd = c->pid ? c->output_fd : -1,
						.events = POLLIN };
			f[2] = (struct pollfd){ .fd = c->pid ? c->report_fd : -1,
						.events = POLLIN };
		}
		if (poll(fds, 1 + FDS_PER_CHILD * (nfds_t)p->size,
			 milliseconds_until(deadline_ns)) < 0 &&
		    errno != EINTR)
			return -errno;
		if (read(p->signal_fd, &info, sizeof(info)) == sizeof(info)) {
			*ret_signo = (int)info.ssi_signo;
			return SYS_POOL_SIGNAL;
		}
		for (unsigned i = 0; i < p->size; i++) {
			struct sys_pool_child *c = &p->children[i];
			const struct pollfd *f = fds + 1 + FDS_PER_CHILD * i;

			if (!c->pid)
				continue;
			take_from(&c->output_fd, f[1].revents, &c->output, true);
			take_from(&c->report_fd, f[2].revents, &c->report, false);
			if (f[0].revents) {
				collect(p, c, ret);
				return SYS_POOL_END;
			}
		}
		if (sys_monotonic_ns() >= deadline_ns)
			return SYS_POOL_TIME;
	}
}

void sys_pool_signal(struct sys_pool *p, int signo)
{
	for (unsigned i = 0; i < p->size; i++) {
		if (p->children[i].pid)
			(void)sys_pidfd_signal(p->children[i].pidfd, signo);
	}
}

void sys_pool_deinit(struct sys_pool *p)
{
	sys_pool_signal(p, SIGKILL);
	for (unsigned i = 0; i < p->size; i++) {
		struct sys_pool_end end;

		if (!p->children[i].pid)
			continue;
		collect(p, &p->children[i], &end);
		sys_pool_end_deinit(&end);
	}
	free(p->children);
	free(p->fds);
	if (p->signal_fd >= 0) {
		(void)close(p->signal_fd);
		(void)sigprocmask(SIG_SETMASK, &p->old_mask, NULL);
	}
	*p = (struct sys_pool){ .signal_fd = -1 };
}
