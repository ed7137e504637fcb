/* SPDX-License-Identifier: MIT */
/* The main thread of the wire process. */
#include "wire/process.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/proc.h"
#include "sys/sock.h"
#include "wire/order.h"
#include "wire/stats.h"
#include "wire/worker.h"
#include "sys/clock.h"

enum {
	FIRST_FD = 3, /* stdin, stdout and stderr stay the supervisor's */
	NICE = -15,
	MEMORY_SHARE = 4, /* frames on their way may take a fourth of the machine's memory */
	BALANCE_SLACK =
		8, /* so many links more than the idlest worker has are no reason to leave a neighbour */
};

struct process {
	int order_fd;
	struct wire_shared *shared;
	struct worker **workers; /**< made as links come */
	unsigned n_workers, max_workers;
	struct script *script; /**< of a replay; NULL = none */
	struct tape *tape;     /**< of the recorder; owned; NULL = nobody records */
	int tape_wake_fd;      /**< owned, with it */
	struct carried {
		struct link *link;
		struct worker *worker;
	} * links; /**< by number; link NULL = not the wire's */
};

/* --- recording --- */

/** Has a worker tell the recorder, or nobody, from now on. */
static void record(const struct process *p, unsigned worker)
{
	const struct order o = { .kind = ORDER_RECORD };
	struct task t = {
		.order = &o, .tape = p->tape, .tape_ring = worker, .tape_wake_fd = p->tape_wake_fd
	};

	worker_do(p->workers[worker], &t);
}

static void record_all(struct process *p, struct tape *tape, int wake_fd)
{
	struct tape *old = p->tape;
	int old_fd = p->tape_wake_fd;

	p->tape = tape;
	p->tape_wake_fd = wake_fd;
	for (unsigned i = 0; i < p->n_workers; i++)
		record(p, i);
	if (old) {
		(void)tape_unmap(old);
		close(old_fd);
	}
}

/** Begins to record with two descriptors, which are its own from now on, or ends it without. */
static int begin_record(struct process *p, int *fds, unsigned *n_fds, struct netlab_err *err)
{
	struct tape *tape = NULL;
	int r;

	if (*n_fds == 0) {
		record_all(p, NULL, -1);
		return 0;
	}
	if (*n_fds != 2)
		return err_set(err, EMFILE, "wire: the recorder's descriptors did not come along");
	r = tape_map(fds[0], &tape);
	if (r == 0 && tape->n_rings < p->max_workers) {
		(void)tape_unmap(tape);
		r = -EINVAL;
	}
	if (r < 0)
		return err_errno(err, r, "wire: the recorder's memory");
	close(fds[0]);
	*n_fds = 0;
	record_all(p, tape, fds[1]);
	return 0;
}

static int begin_replay(struct process *p, const int *fds, unsigned n_fds, struct netlab_err *err)
{
	int r = n_fds == 1 && !p->script ? script_map(fds[0], &p->script) : -EINVAL;

	return r < 0 ? err_errno(err, r, "wire: the decisions to replay") : 0;
}

/* --- which worker --- */

static size_t pool_bytes(const struct process *p)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

	if (pages <= 0 || page <= 0)
		return SIZE_MAX / MEMORY_SHARE;
	return (size_t)pages * (size_t)page / MEMORY_SHARE / p->max_workers;
}

/**
 * The idlest, but preferably the one that has the link's neighbours: the filter of a socket is short when its links have
 * numbers in a row. A new one is made while there are processors without.
 */
static int choose_worker(struct process *p, size_t number, struct worker **ret,
			 struct netlab_err *err)
{
	size_t home = number * p->max_workers / p->shared->n_links;
	struct worker *idlest = NULL;

	if (p->n_workers < p->max_workers) {
		int r = worker_new(pool_bytes(p), ret);

		if (r == 0) {
			p->workers[p->n_workers++] = *ret;
			record(p, p->n_workers - 1);
			return 0;
		}
		if (p->n_workers == 0) {
			err_errno(err, r, "wire: opening a packet socket");
			if (r == -EPERM || r == -EACCES || r == -EAFNOSUPPORT)
				err_class(err, NETLAB_EXIT_UNSUPPORTED);
			return r;
		}
	}
	for (unsigned i = 0; i < p->n_workers; i++) {
		if (!idlest || p->workers[i]->n_links < idlest->n_links)
			idlest = p->workers[i];
	}
	*ret = idlest;
	if (home < p->n_workers && p->workers[home]->n_links <= idlest->n_links + BALANCE_SLACK)
		*ret = p->workers[home];
	return 0;
}

/* --- orders --- */

static int map_fds(const struct order *o, const int *fds, unsigned n_fds, struct task *t,
		   struct netlab_err *err)
{
	bool has_link = o->kind == ORDER_ADD || o->kind == ORDER_CHANGE;

	for (unsigned d = 0; d < 2 && has_link; d++) {
		int index = o->link.trace_fd[d], r;

		if (index < 0)
			continue;
		if ((unsigned)index >= n_fds)
			return err_set(err, EMFILE, "wire: link %zu: its trace did not come along",
				       o->number);
		r = trace_map_new(fds[index], &t->traces[d]);
		if (r < 0)
			return err_errno(err, r, "wire: link %zu: its trace", o->number);
	}
	if (has_link && o->link.rules_fd >= 0) {
		int index = o->link.rules_fd, r = -EMFILE;

		if ((unsigned)index < n_fds)
			r = rule_map_new(fds[index], &t->rules);
		if (r < 0)
			return err_errno(err, r, "wire: link %zu: its fault rules", o->number);
	}
	return 0;
}

static const char *doing(enum order_kind kind)
{
	switch (kind) {
	case ORDER_ADD:
		return "taking it on";
	case ORDER_COMMIT:
		return "committing its handover";
	case ORDER_CHANGE:
		return "changing it";
	case ORDER_RELEASE:
		return "giving it back";
	case ORDER_RECORD:
		return "recording it";
	case ORDER_REPLAY:
		return "replaying it";
	}
	return "?";
}

static int check_known(struct process *p, const struct order *o, struct netlab_err *err)
{
	const struct carried *c = &p->links[o->number];

	if (o->kind != ORDER_ADD)
		return c->link ? 0
			       : err_set(err, ENOENT, "wire: link %zu: it is not carried",
					 o->number);
	if (c->link && !(o->link.from_patch && c->link->handover.stage == HANDOVER_HOLDING))
		return err_set(err, EEXIST, "wire: link %zu: it is carried already", o->number);
	return 0;
}

/** Makes the link of an ADD known. */
static int begin_link(struct process *p, const struct order *o, struct task *t,
		      struct netlab_err *err)
{
	struct carried *c = &p->links[o->number];
	struct link *l;
	int r;

	r = choose_worker(p, o->number, &c->worker, err);
	if (r < 0)
		return r;
	l = calloc(1, sizeof(*l));
	if (!l)
		return err_set(err, ENOMEM, "wire: out of memory");
	l->number = o->number;
	c->link = l;
	t->slots = &p->shared->slots[2 * o->number];
	return 0;
}

static int carry_out(struct process *p, const struct order *o, struct task *t,
		     struct netlab_err *err)
{
	struct carried *c;
	int r;

	if (o->number >= p->shared->n_links)
		return err_set(err, EINVAL, "wire: link %zu of %zu", o->number, p->shared->n_links);
	c = &p->links[o->number];
	r = check_known(p, o, err);
	if (r == 0 && !c->link)
		r = begin_link(p, o, t, err);
	if (r < 0)
		return r;
	t->link = c->link;
	t->deadline_ns = sys_monotonic_ns() + o->timeout_ns;
	worker_do(c->worker, t);
	if (t->err.code < 0)
		err_errno(err, t->err.code, "wire: link %zu: %s", o->number, doing(o->kind));
	if (t->link_is_gone || (t->slots && t->err.code < 0)) {
		free(c->link);
		*c = (struct carried){ 0 };
	}
	return t->err.code;
}

/** The sockets' grace periods of RCU pass at the same time when each thread closes its own, and one after the other when
 *  the process is killed. */
static void quit(struct process *p) __attribute__((noreturn));
static void quit(struct process *p)
{
	for (unsigned i = 0; i < p->n_workers; i++)
		worker_quit(p->workers[i]);
	for (unsigned i = 0; i < p->n_workers; i++)
		pthread_join(p->workers[i]->thread, NULL);
	_exit(0);
}

static void serve(struct process *p)
{
	struct order o;
	struct answer a = { 0 };
	struct task t = { .order = &o, .close_fd = -1 };
	int fds[WIRE_LINK_FDS];
	unsigned n_fds = WIRE_LINK_FDS;
	ssize_t n = sys_sock_recv(p->order_fd, &o, sizeof(o), fds, &n_fds);

	if (n == 0)
		quit(p); /* the supervisor has closed its end */
	if (n != (ssize_t)sizeof(o))
		_exit(1);
	a.serial = o.serial;
	t.script = p->script;
	if (o.kind == ORDER_RECORD)
		(void)begin_record(p, fds, &n_fds, &a.err);
	else if (o.kind == ORDER_REPLAY)
		(void)begin_replay(p, fds, n_fds, &a.err);
	else if (map_fds(&o, fds, n_fds, &t, &a.err) == 0)
		(void)carry_out(p, &o, &t, &a.err);
	for (unsigned i = 0; i < n_fds; i++)
		close(fds[i]);
	for (unsigned d = 0; d < 2; d++)
		trace_map_free(t.traces[d]);
	rule_map_free(t.rules);
	if (sys_sock_send(p->order_fd, &a, sizeof(a), NULL, 0) < 0)
		_exit(1);
	if (t.close_fd >= 0)
		close(t.close_fd); /* takes a grace period of RCU: nobody waits for it now */
}

void process_main(int order_fd, struct wire_shared *shared, pid_t parent)
{
	struct process p = { .order_fd = order_fd, .shared = shared, .tape_wake_fd = -1 };
	sigset_t all;

	(void)sys_die_with_parent(true);
	if (getppid() != parent)
		_exit(1);
	sys_set_comm("netlab-wire");
	sys_close_all_but(FIRST_FD, &order_fd, 1);
	/* a Ctrl-C is the supervisor's to act upon */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	sys_exact_timeouts();
	sys_prefer_me(NICE);
	p.max_workers = wire_workers(shared->n_links);
	p.workers = calloc(p.max_workers + 1, sizeof(struct worker *));
	p.links = calloc(shared->n_links + 1, sizeof(*p.links));
	if (!p.workers || !p.links)
		_exit(1);
	for (;;)
		serve(&p);
}
