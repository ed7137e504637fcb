/* SPDX-License-Identifier: MIT */
/*
 * Measuring links.
 *
 * One thread sends and receives for all of them: what comes is stamped by the kernel, so that being late at reading costs
 * no accuracy, and what goes is stamped as it is handed over; a probe whose handing over took long says little about the
 * link and is marked so.
 */
#include "lab/verify_probe.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/proc.h"
#include "sys/test_frame.h"
#include "sys/clock.h"

#define SECOND_NS   UINT64_C(1000000000)
#define DOUBTFUL_NS UINT64_C(1000000)
#define TRAIN_START_NS \
	UINT64_C(20000000)      /* so much is sent at once, to have the rate busy from the start */
#define SPIN_NS UINT64_C(50000) /* shorter sleeps come too late */

enum { TRAIN_CHUNK = 4, TRAIN_LINGER_PARTS = 2 };

struct verify_record {
	uint64_t *sent_ns, *arrived_ns, *train_ns; /* in the same memory */
	bool *is_doubtful;
	size_t n, bytes;
	uint64_t copies, received, damaged, behind, overruns;
	size_t latest; /* highest number that has come, plus 1 */
	uint64_t train_sent, train_sent_ns;
	size_t train_n, train_max;
};

/* --- memory --- */

static void *shared_memory(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

struct verify_link *verify_links_new(size_t n)
{
	return shared_memory(n * sizeof(struct verify_link));
}

static struct verify_record *new_record(const struct verify_effort *e)
{
	size_t bytes = sizeof(struct verify_record) + (2 * e->n + e->train_max) * sizeof(uint64_t) +
		       e->n * sizeof(bool);
	struct verify_record *r = shared_memory(bytes);

	if (!r)
		return NULL;
	r->bytes = bytes;
	r->n = e->n;
	r->train_max = e->train_max;
	r->sent_ns = (uint64_t *)(r + 1);
	r->arrived_ns = r->sent_ns + e->n;
	r->train_ns = r->arrived_ns + e->n;
	r->is_doubtful = (bool *)(r->train_ns + e->train_max);
	return r;
}

int verify_links_reserve(struct verify_link *links, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (unsigned d = 0; d < 2; d++) {
			links[i].ways[d].record = new_record(&links[i].ways[d].effort);
			if (!links[i].ways[d].record)
				return -ENOMEM;
		}
	}
	return 0;
}

void verify_links_free(struct verify_link *links, size_t n)
{
	if (!links)
		return;
	for (size_t i = 0; i < n; i++) {
		for (unsigned d = 0; d < 2; d++) {
			struct verify_record *r = links[i].ways[d].record;

			if (r)
				(void)munmap(r, r->bytes);
		}
	}
	(void)munmap(links, n * sizeof(*links));
}

void verify_stream_of(const struct verify_way *way, struct verify_stream *ret)
{
	const struct verify_record *r = way->record;

	*ret = (struct verify_stream){
		.n = r->n,
		.sent_ns = r->sent_ns,
		.arrived_ns = r->arrived_ns,
		.is_doubtful = r->is_doubtful,
		.len = way->effort.len,
		.copies = r->copies,
		.damaged = r->damaged,
		.behind = r->behind,
		.overruns = r->overruns,
		.train_ns = r->train_ns,
		.train_n = r->train_n,
		.train_sent = r->train_sent,
		.train_sent_ns = r->train_sent_ns,
		.train_len = way->effort.train_len,
	};
}

/* --- in the child --- */

/* One direction, while it is measured. */
struct lane {
	struct verify_way *way;
	struct sys_test_port *out;
	uint32_t stream; /* of the probes; the train's is one more */
	size_t next;
	uint64_t at_ns; /* when the next probe is due */
	bool is_on;
};

struct meter {
	struct lane *lanes;          /* 2 per link: of link i, direction d at 2 * i + d */
	struct sys_test_port *ports; /* of link i, end e at 2 * i + e */
	struct pollfd *polls;
	size_t n; /* lanes, and ports */
	uint32_t run;
	bool in_train;
};

static void count_probe(struct lane *l, const struct sys_test_frame *f)
{
	struct verify_record *r = l->way->record;
	size_t i = f->mark.number;

	if (i >= r->n)
		return;
	r->copies++;
	if (r->arrived_ns[i])
		return;
	r->received++;
	r->arrived_ns[i] = f->arrived_ns;
	if (i + 1 < r->latest)
		r->behind++;
	else
		r->latest = i + 1;
}

static void count_frame(struct meter *m, size_t port, const struct sys_test_frame *f)
{
	/* what comes to end e of a link left the other end */
	struct lane *l = &m->lanes[port ^ 1];
	struct verify_record *r = l->way->record;

	if (f->is_damaged)
		r->damaged += !m->in_train;
	else if (f->mark.stream == l->stream)
		count_probe(l, f);
	else if (f->mark.stream == l->stream + 1 && r->train_n < r->train_max)
		r->train_ns[r->train_n++] = f->arrived_ns;
}

/* Takes all that has come until `deadline`, sleeping if nothing has. */
static void listen_until(struct meter *m, uint64_t deadline)
{
	static struct sys_test_frame frames[SYS_TEST_BATCH];
	uint64_t now = sys_monotonic_ns(), left = deadline > now + SPIN_NS ? deadline - now : 0;
	struct timespec t = { .tv_sec = (time_t)(left / SECOND_NS),
			      .tv_nsec = (long)(left % SECOND_NS) };

	if (ppoll(m->polls, m->n, &t, NULL) <= 0)
		return;
	for (size_t i = 0; i < m->n; i++) {
		int n;

		if (!m->polls[i].revents)
			continue;
		n = sys_test_receive(&m->ports[i], m->run, frames);
		for (int k = 0; k < n; k++)
			count_frame(m, i, &frames[k]);
	}
}

static void send_probe(struct meter *m, struct lane *l)
{
	struct verify_record *r = l->way->record;
	const struct sys_test_mark mark = { .run = m->run,
					    .stream = l->stream,
					    .number = (uint32_t)l->next };
	uint64_t at[2];

	if (sys_test_send(l->out, &mark, 1, l->way->effort.len, at) == 1) {
		r->sent_ns[l->next] = at[0];
		r->is_doubtful[l->next] = at[1] - at[0] > DOUBTFUL_NS;
	}
	l->next++;
	l->at_ns += l->way->effort.interval_ns;
	/* after a pause no burst: the intervals are even from here on */
	if (l->at_ns + l->way->effort.interval_ns < sys_monotonic_ns())
		l->at_ns = sys_monotonic_ns() + l->way->effort.interval_ns;
}

static void send_probes(struct meter *m)
{
	uint64_t end = sys_monotonic_ns();

	for (size_t i = 0; i < m->n; i++)
		m->lanes[i].at_ns = end + m->lanes[i].way->effort.interval_ns * i / m->n;
	for (;;) {
		uint64_t next = UINT64_MAX;

		for (size_t i = 0; i < m->n; i++) {
			struct lane *l = &m->lanes[i];

			if (!l->is_on || l->next >= l->way->record->n)
				continue;
			if (l->at_ns <= sys_monotonic_ns())
				send_probe(m, l);
			if (l->next < l->way->record->n && l->at_ns < next)
				next = l->at_ns;
		}
		if (next == UINT64_MAX)
			return;
		listen_until(m, next);
	}
}

static bool has_all(const struct meter *m)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct verify_record *r = m->lanes[i].way->record;

		if (m->lanes[i].is_on && r->received < r->n)
			return false;
	}
	return true;
}

static void linger(struct meter *m, bool train)
{
	uint64_t longest = 0, end;

	for (size_t i = 0; i < m->n; i++) {
		const struct verify_effort *e = &m->lanes[i].way->effort;
		uint64_t ns = e->linger_ns + (train ? e->train_ns / TRAIN_LINGER_PARTS : 0);

		if (m->lanes[i].is_on && ns > longest && (!train || e->train_bps))
			longest = ns;
	}
	end = sys_monotonic_ns() + longest;
	while (sys_monotonic_ns() < end && (train || !has_all(m)))
		listen_until(m, end);
}

/* What may have been sent by now, less what was: in frames. */
static uint64_t due_frames(const struct lane *l, uint64_t elapsed_ns)
{
	const struct verify_effort *e = &l->way->effort;
	double bytes = (double)verify_charged_bytes(&l->way->asked, e->train_len);
	double frames = (double)e->train_bps * (double)(elapsed_ns + TRAIN_START_NS) / 8e9 / bytes;
	uint64_t due = (uint64_t)frames;

	return due > l->way->record->train_sent ? due - l->way->record->train_sent : 0;
}

static bool send_train(struct meter *m, struct lane *l, uint64_t start_ns)
{
	struct verify_record *r = l->way->record;
	uint64_t elapsed = sys_monotonic_ns() - start_ns, due = due_frames(l, elapsed);
	const struct sys_test_mark mark = { .run = m->run,
					    .stream = l->stream + 1,
					    .number = (uint32_t)r->train_sent };
	int sent;

	if (elapsed >= l->way->effort.train_ns)
		return false;
	if (due > 0) {
		sent = sys_test_send(l->out, &mark, due < TRAIN_CHUNK ? (unsigned)due : TRAIN_CHUNK,
				     l->way->effort.train_len, NULL);
		r->train_sent += sent > 0 ? (uint64_t)sent : 0;
	}
	r->train_sent_ns = sys_monotonic_ns() - start_ns;
	return true;
}

static void send_trains(struct meter *m)
{
	uint64_t start = sys_monotonic_ns();
	bool more = true;

	m->in_train = true;
	while (more) {
		more = false;
		for (size_t i = 0; i < m->n; i++) {
			struct lane *l = &m->lanes[i];

			if (l->is_on && l->way->effort.train_bps)
				more = send_train(m, l, start) || more;
		}
		listen_until(m, 0);
	}
	linger(m, true);
}

static bool has_trains(const struct meter *m)
{
	for (size_t i = 0; i < m->n; i++) {
		if (m->lanes[i].is_on && m->lanes[i].way->effort.train_bps)
			return true;
	}
	return false;
}

/* Opens the interface of an end in its node's network namespace. What is wrong with it is found out, not an error. */
static int open_end(struct verify_end *e, struct sys_test_port *port)
{
	int r = sys_setns(e->node_fd, SYS_NS_NET);

	port->fd = -1;
	if (r < 0)
		return r;
	e->error = sys_test_open(port, e->ifname);
	e->is_up = e->error == 0 && port->is_up;
	e->has_carrier = e->error == 0 && port->has_carrier;
	return 0;
}

static int open_all(struct meter *m, struct verify_link *links, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool good = true;

		for (unsigned e = 0; e < 2; e++) {
			struct verify_end *end = &links[i].ends[e];
			int r = open_end(end, &m->ports[2 * i + e]);

			if (r < 0)
				return r;
			m->polls[2 * i + e] = (struct pollfd){ .fd = m->ports[2 * i + e].fd,
							       .events = POLLIN };
			good = good && end->is_up && end->has_carrier;
		}
		for (unsigned d = 0; d < 2; d++) {
			size_t k = 2 * i + d;

			m->lanes[k] = (struct lane){ .way = &links[i].ways[d],
						     .out = &m->ports[k],
						     .stream = (uint32_t)(2 * k),
						     .is_on = good };
		}
	}
	return 0;
}

static int measure(struct verify_link *links, size_t n)
{
	struct meter m = {
		.lanes = calloc(2 * n, sizeof(*m.lanes)),
		.ports = calloc(2 * n, sizeof(*m.ports)),
		.polls = calloc(2 * n, sizeof(*m.polls)),
		.n = 2 * n,
		.run = (uint32_t)sys_monotonic_ns() ^ (uint32_t)getpid() << 16,
	};
	int r;

	if (!m.lanes || !m.ports || !m.polls)
		return -ENOMEM;
	r = open_all(&m, links, n);
	if (r < 0)
		return r;
	send_probes(&m);
	linger(&m, false);
	for (size_t i = 0; i < m.n; i++) {
		if (m.lanes[i].is_on)
			m.lanes[i ^ 1].way->record->overruns = sys_test_overruns(&m.ports[i]);
	}
	if (has_trains(&m))
		send_trains(&m);
	/* the end of the process closes the sockets */
	return 0;
}

/* --- in the caller --- */

enum { CHILD_FAILED = 1 };

int verify_measure(struct verify_link *links, size_t n, bool rootless, struct netlab_err *err)
{
	int *result = shared_memory(sizeof(*result));
	int status = 0, r;
	pid_t pid;

	if (!result)
		return err_errno(err, ENOMEM, "measuring links");
	pid = sys_clone(0, NULL);
	if (pid == 0) {
		(void)sys_die_with_parent(true);
		sys_set_comm("netlab-verify");
		/* all nodes of a lab are in the same one */
		r = rootless ? sys_setns(links[0].ends[0].node_fd, SYS_NS_USER) : 0;
		sys_test_stay_on_cpu();
		*result = r < 0 ? r : measure(links, n);
		_exit(*result < 0 ? CHILD_FAILED : 0);
	}
	r = pid < 0 ? pid : 0;
	while (r == 0 && waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			r = -errno;
	}
	if (r == 0 && *result < 0)
		r = *result;
	else if (r == 0 && status != 0)
		r = -ECHILD;
	(void)munmap(result, sizeof(*result));
	if (r == -ECHILD)
		return err_set(err, ECHILD, "the process that measured links ended early (%s %d)",
			       WIFSIGNALED(status) ? "signal" : "exit code",
			       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	if (r < 0)
		(void)err_errno(err, r, "measuring links");
	if (r == -EPERM)
		(void)err_hint(err, "run as the user that started the lab, or as root");
	return r;
}
