/* SPDX-License-Identifier: MIT */
/* Links that the wire carries. The process may die at any moment: what is asked of its links is kept here, and told to the
   next one. */
#include "lab/wired.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "lab/trace_store.h"
#include "sys/clock.h"

/* How long the supervisor, which does nothing else meanwhile, waits for packets to come out of a link. */
#define RELEASE_PATIENCE_NS (300 * 1000000ull)

static struct wire_link describe(const struct supervisor *s, size_t link,
				 const struct impairment asked[2])
{
	const struct plan_link *plan = &s->plan->links[link];

	return (struct wire_link){
		.ifindex = { plan->ends[0].ifindex, plan->ends[1].ifindex },
		.mtu = plan->mtu,
		.offload = !s->links[link].no_offload,
		.asked = { asked[0], asked[1] },
		.trace_fd = { trace_store_fd(s, &asked[0]), trace_store_fd(s, &asked[1]) },
		.rules_fd = wire_rules_fd(s->links[link].rules),
	};
}

static int wrap(struct supervisor *s, size_t link, int r, struct netlab_err *err)
{
	if (r < 0)
		(void)err_wrap(err, "link '%s'", s->topo->links[link].name);
	return r;
}

int wired_start(struct supervisor *s, struct netlab_err *err)
{
	int r, pidfd;

	if (s->wire.pid > 0)
		return 0;
	r = wire_start(&s->wire, s->topo->n_links, err);
	if (r < 0)
		return r;
	pidfd = sys_pidfd_open(s->wire.pid);
	s->wire_host_pid = pidfd < 0 ? 0 : sys_pidfd_seen_from(s->host_proc_fd, pidfd);
	if (pidfd >= 0)
		close(pidfd);
	r = s->options->replay ? wire_replay(&s->wire, s->options->replay->script_fd, err) : 0;
	return r < 0 ? r : recording_attach(s, err);
}

static int add(struct supervisor *s, size_t link, const struct impairment asked[2], bool from_patch,
	       struct netlab_err *err)
{
	struct wire_link l = describe(s, link, asked);
	int r;

	l.from_patch = from_patch;
	r = wire_add(&s->wire, link, &l, err);
	return wrap(s, link, r, err);
}

int wired_all(struct supervisor *s, struct netlab_err *err)
{
	int r = 0;

	for (size_t i = 0; i < s->topo->n_links && r == 0; i++) {
		if (s->links[i].join != PLAN_JOIN_WIRE)
			continue;
		r = wired_start(s, err);
		if (r == 0)
			r = add(s, i, s->links[i].asked, false, err);
	}
	return r;
}

int wired_take(struct supervisor *s, size_t link, const struct impairment asked[2],
	       struct netlab_err *err)
{
	int r = wired_start(s, err);

	return r < 0 ? r : add(s, link, asked, true, err);
}

int wired_commit(struct supervisor *s, size_t link, struct netlab_err *err)
{
	return wrap(s, link, wire_commit(&s->wire, link, err), err);
}

int wired_change(struct supervisor *s, size_t link, const struct impairment asked[2],
		 struct netlab_err *err)
{
	struct wire_link l = describe(s, link, asked);

	return wrap(s, link, wire_change(&s->wire, link, &l, err), err);
}

int wired_release(struct supervisor *s, size_t link, struct netlab_err *err)
{
	return wrap(s, link, wire_release(&s->wire, link, RELEASE_PATIENCE_NS, err), err);
}

/* --- its death --- */

int wired_explain_end(const struct supervisor *s, struct netlab_err *err)
{
	if (WIFSIGNALED(s->wire_status))
		return err_set(err, ECHILD, "the wire was killed by signal %d",
			       WTERMSIG(s->wire_status));
	return err_set(err, ECHILD, "the wire ended with status %d", WEXITSTATUS(s->wire_status));
}

/** Notes the death. @return whether that were too many of late */
static bool dies_too_often(struct supervisor *s)
{
	uint64_t now = sys_monotonic_ns();

	s->wire_deaths_ns[s->n_wire_deaths++ % WIRE_DEATHS_MAX] = now;
	/* the next slot of the ring has the oldest that is remembered */
	return s->n_wire_deaths >= WIRE_DEATHS_MAX &&
	       now - s->wire_deaths_ns[s->n_wire_deaths % WIRE_DEATHS_MAX] <
		       WIRE_DEATHS_S * 1000000000ull;
}

static uint64_t count_held(const struct supervisor *s)
{
	uint64_t held = 0;

	for (size_t i = 0; i < s->topo->n_links * 2; i++) {
		struct wire_counters c;

		wire_read(&s->wire, i / 2, i % 2, &c);
		held += c.queued;
	}
	return held;
}

void wired_restore(struct supervisor *s)
{
	struct netlab_err err = { 0 };
	unsigned long long held;
	int r;

	if (!s->wire_ended)
		return;
	s->wire_ended = false;
	held = count_held(s);
	wire_died(&s->wire);
	recording_wire_died(s);
	(void)wired_explain_end(s, &err);
	supervisor_log("%s; with it %llu packets that it held", err.message, held);
	if (s->stopping || s->failure[0])
		return;
	if (dies_too_often(s)) {
		err_set(&err, ECHILD, "the wire died %d times within %d s", WIRE_DEATHS_MAX,
			WIRE_DEATHS_S);
		supervisor_fail(s, &err);
		return;
	}
	r = wired_all(s, &err);
	if (r < 0) {
		err_wrap(&err, "the wire died and cannot be brought back");
		supervisor_fail(s, &err);
		return;
	}
	supervisor_log("the wire runs again, with all its links as they were");
}
