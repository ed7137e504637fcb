/* SPDX-License-Identifier: MIT */
/* The supervisor's end of the wire process. */
#include "wire/wire.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/proc.h"
#include "sys/sock.h"
#include "wire/order.h"
#include "wire/process.h"
#include "wire/stats.h"

enum {
	PATIENCE_MS = 10 * 1000, /* beyond what an order may take by itself: the process hangs */
	END_MS = 200,            /* then it is killed */
	NS_PER_MS = 1000 * 1000,
};

int wire_start(struct wire *w, size_t n_links, struct netlab_err *err)
{
	int fds[2], r;
	pid_t self = getpid(), pid;

	if (!w->shared) {
		w->shared = stats_new(n_links);
		if (!w->shared)
			return err_set(err, ENOMEM,
				       "wire: out of memory for the counters of %zu links",
				       n_links);
		w->n_links = n_links;
		w->restarts = 0;
	} else
		w->restarts++;
	r = sys_sock_pair(fds);
	if (r < 0)
		return err_errno(err, r, "wire: socket pair");
	pid = sys_clone(0, NULL);
	if (pid == 0)
		process_main(fds[1], w->shared, self);
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return err_errno(err, pid, "wire: starting its process");
	}
	w->pid = pid;
	w->fd = fds[0];
	return 0;
}

static void forget(struct wire *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
	w->pid = 0;
}

/** Ends the process by itself if it can: that is quicker than to kill it. */
static void end(struct wire *w)
{
	int pidfd = sys_pidfd_open(w->pid);
	pid_t r;

	close(w->fd);
	w->fd = -1;
	if (pidfd < 0 || sys_wait_readable(pidfd, END_MS) < 0)
		kill(w->pid, SIGKILL);
	if (pidfd >= 0)
		close(pidfd);
	do
		r = waitpid(w->pid, NULL, 0);
	while (r < 0 && errno == EINTR);
}

void wire_deinit(struct wire *w)
{
	if (w->pid > 0)
		end(w);
	forget(w);
	w->shared = stats_free(w->shared);
}

void wire_died(struct wire *w)
{
	forget(w);
	for (size_t i = 0; w->shared && i < 2 * w->n_links; i++) {
		struct wire_counters c;

		stats_read(&w->shared->slots[i], &c);
		if (c.queued == 0)
			continue;
		c.dropped_host += c.queued;
		c.queued = 0;
		stats_publish(&w->shared->slots[i], &c);
	}
}

/* --- orders --- */

static int take_answer(struct wire *w, uint32_t serial, uint64_t timeout_ns, struct netlab_err *err)
{
	for (;;) {
		struct answer a;
		int r = sys_wait_readable(w->fd, (int)(timeout_ns / NS_PER_MS) + PATIENCE_MS);
		ssize_t n;

		if (r == -ETIME) {
			err_set(err, ETIMEDOUT, "wire: its process (pid %d) does not answer",
				(int)w->pid);
			return err_hint(err,
					"is it stopped? `kill -9 %d` makes the lab start it again",
					(int)w->pid);
		}
		if (r < 0)
			return err_errno(err, r, "wire: waiting for its answer");
		n = sys_sock_recv(w->fd, &a, sizeof(a), NULL, NULL);
		if (n == 0)
			return err_set(err, ECHILD, "wire: its process died");
		if (n != (ssize_t)sizeof(a))
			return err_errno(err, n < 0 ? (int)n : EPROTO, "wire: its answer");
		if (a.serial != serial)
			continue; /* to an order that was given up on */
		if (a.err.code < 0 && err)
			*err = a.err;
		return a.err.code;
	}
}

static int give(struct wire *w, struct order *o, const int *fds, unsigned n_fds,
		struct netlab_err *err)
{
	static uint32_t serial;
	int r;

	if (w->pid <= 0 || w->fd < 0)
		return err_set(err, ESRCH, "wire: its process is not running");
	if (o->number >= w->n_links)
		return err_set(err, EINVAL, "wire: link %zu of %zu", o->number, w->n_links);
	o->serial = ++serial;
	r = sys_sock_send(w->fd, o, sizeof(*o), fds, n_fds);
	if (r == -EPIPE)
		return err_set(err, ECHILD, "wire: its process died");
	if (r < 0)
		return err_errno(err, r, "wire: sending an order");
	return take_answer(w, o->serial, o->timeout_ns, err);
}

static int give_link(struct wire *w, enum order_kind kind, size_t link, const struct wire_link *l,
		     struct netlab_err *err)
{
	struct order o = { .kind = kind, .number = link, .link = *l };
	int fds[WIRE_LINK_FDS];
	unsigned n_fds = 0;

	for (unsigned dir = 0; dir < 2; dir++) {
		o.link.asked[dir].rate_trace = NULL; /* means nothing over there */
		if (l->trace_fd[dir] < 0)
			continue;
		fds[n_fds] = l->trace_fd[dir];
		o.link.trace_fd[dir] = (int)n_fds++;
	}
	if (l->rules_fd >= 0) {
		fds[n_fds] = l->rules_fd;
		o.link.rules_fd = (int)n_fds++;
	}
	return give(w, &o, fds, n_fds, err);
}

int wire_add(struct wire *w, size_t link, const struct wire_link *l, struct netlab_err *err)
{
	return give_link(w, ORDER_ADD, link, l, err);
}

int wire_change(struct wire *w, size_t link, const struct wire_link *l, struct netlab_err *err)
{
	return give_link(w, ORDER_CHANGE, link, l, err);
}

int wire_commit(struct wire *w, size_t link, struct netlab_err *err)
{
	struct order o = { .kind = ORDER_COMMIT, .number = link };

	return give(w, &o, NULL, 0, err);
}

int wire_release(struct wire *w, size_t link, uint64_t timeout_ns, struct netlab_err *err)
{
	struct order o = { .kind = ORDER_RELEASE, .number = link, .timeout_ns = timeout_ns };

	return give(w, &o, NULL, 0, err);
}

int wire_record(struct wire *w, int tape_fd, int wake_fd, struct netlab_err *err)
{
	struct order o = { .kind = ORDER_RECORD };
	const int fds[] = { tape_fd, wake_fd };

	return give(w, &o, fds, 2, err);
}

int wire_record_end(struct wire *w, struct netlab_err *err)
{
	struct order o = { .kind = ORDER_RECORD };

	return give(w, &o, NULL, 0, err);
}

int wire_replay(struct wire *w, int script_fd, struct netlab_err *err)
{
	struct order o = { .kind = ORDER_REPLAY };

	return give(w, &o, &script_fd, 1, err);
}

unsigned wire_workers(size_t n_links)
{
	unsigned n = sys_cpus_allowed();

	if (n > n_links)
		n = n_links > 0 ? (unsigned)n_links : 1;
	return n;
}

void wire_read(const struct wire *w, size_t link, unsigned dir, struct wire_counters *ret)
{
	*ret = (struct wire_counters){ 0 };
	if (w->shared && link < w->n_links)
		stats_read(&w->shared->slots[2 * link + dir], ret);
}
