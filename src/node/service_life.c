/* SPDX-License-Identifier: MIT */
/* The life of a service. */
#include "node/service_life.h"

#include <sys/wait.h>

#include "base/cleanup.h"

const char *service_state_name(enum service_state state)
{
	static const char *const names[] = {
		[SERVICE_WAITING] = "waiting",   [SERVICE_STARTING] = "starting",
		[SERVICE_READY] = "ready",       [SERVICE_BACKING_OFF] = "backing-off",
		[SERVICE_STOPPING] = "stopping", [SERVICE_STOPPED] = "stopped",
		[SERVICE_EXITED] = "exited",     [SERVICE_FAILED] = "failed",
	};

	return (unsigned)state < ARRAY_SIZE(names) ? names[state] : "?";
}

void service_life_init(struct service_life *l, const struct topo_service *about)
{
	*l = (struct service_life){
		.about = about,
		.ready_until_ns = SERVICE_NEVER,
		.due_ns = SERVICE_NEVER,
	};
}

static uint64_t after(uint64_t now_ns, uint64_t ns)
{
	return ns < SERVICE_NEVER - now_ns ? now_ns + ns : SERVICE_NEVER;
}

/** The time to be ready in begins. */
static void count_ready(struct service_life *l, uint64_t now_ns)
{
	l->ready_until_ns = l->about->ready.kind == TOPO_READY_STARTED
				    ? SERVICE_NEVER
				    : after(now_ns, l->about->ready.timeout_ns);
}

enum service_act service_life_start(struct service_life *l, uint64_t now_ns)
{
	if (l->state == SERVICE_STARTING || l->state == SERVICE_READY)
		return SERVICE_DO_NOTHING;
	if (l->state == SERVICE_STOPPING) {
		l->again = true;
		return SERVICE_DO_NOTHING;
	}
	l->was_ready = l->timed_out = l->again = false;
	l->in_a_row = 0;
	l->cause = SERVICE_NO_CAUSE;
	count_ready(l, now_ns);
	return SERVICE_DO_START;
}

enum service_act service_life_stop(struct service_life *l, uint64_t now_ns)
{
	switch (l->state) {
	case SERVICE_STARTING:
	case SERVICE_READY:
		l->state = SERVICE_STOPPING;
		l->again = false;
		l->due_ns = after(now_ns, SERVICE_GRACE_NS);
		return SERVICE_DO_SIGNAL;
	case SERVICE_STOPPING:
		l->again = false;
		return SERVICE_DO_NOTHING;
	case SERVICE_WAITING:
	case SERVICE_BACKING_OFF:
		l->state = SERVICE_STOPPED;
		l->cause = SERVICE_NO_CAUSE;
		l->due_ns = l->ready_until_ns = SERVICE_NEVER;
		return SERVICE_DO_NOTHING;
	case SERVICE_STOPPED:
	case SERVICE_EXITED:
	case SERVICE_FAILED:
		break; /* how it ended says more */
	}
	return SERVICE_DO_NOTHING;
}

enum service_act service_life_restart(struct service_life *l, uint64_t now_ns)
{
	enum service_act act;

	if (!service_life_runs(l))
		return service_life_start(l, now_ns);
	act = service_life_stop(l, now_ns);
	l->again = true;
	return act;
}

void service_life_started(struct service_life *l, uint64_t now_ns)
{
	l->state = SERVICE_STARTING;
	l->cause = SERVICE_NO_CAUSE;
	l->began_ns = now_ns;
	l->due_ns = SERVICE_NEVER;
	if (l->was_ready)
		count_ready(l, now_ns);
	if (l->about->ready.kind == TOPO_READY_STARTED)
		service_life_ready(l);
}

static void fail(struct service_life *l, enum service_cause cause)
{
	l->state = SERVICE_FAILED;
	l->cause = cause;
	l->due_ns = l->ready_until_ns = SERVICE_NEVER;
}

void service_life_cannot_run(struct service_life *l)
{
	fail(l, SERVICE_CANNOT_RUN);
}

void service_life_ready(struct service_life *l)
{
	if (l->state != SERVICE_STARTING || l->timed_out)
		return;
	l->state = SERVICE_READY;
	l->was_ready = true;
	l->ready_until_ns = SERVICE_NEVER;
}

/** The pause before the in_a_row-th restart. */
static uint64_t pause_ns(const struct service_life *l)
{
	const struct topo_restart *r = &l->about->restart;
	uint64_t ns = r->delay_ns;

	for (unsigned i = 1; i < l->in_a_row && ns < r->max_delay_ns; i++)
		ns *= 2; /* max_delay_ns is below half of what there is: units are parsed up to 2^63 */
	return ns < r->max_delay_ns ? ns : r->max_delay_ns;
}

/** It will be started again after its pause; or has failed, when that was as often as allowed. */
static void back_off(struct service_life *l, enum service_cause too_often, uint64_t now_ns)
{
	const struct topo_restart *r = &l->about->restart;

	if (r->max && l->in_a_row >= r->max) {
		fail(l, too_often);
		return;
	}
	l->in_a_row++;
	l->state = SERVICE_BACKING_OFF;
	l->due_ns = after(now_ns, pause_ns(l));
}

void service_life_not_now(struct service_life *l, uint64_t now_ns)
{
	if (l->about->restart.policy == TOPO_RESTART_NEVER) {
		fail(l, SERVICE_CANNOT_RUN);
		return;
	}
	l->cause = SERVICE_CANNOT_RUN;
	back_off(l, SERVICE_CANNOT_RUN, now_ns);
}

static void ended_by_itself(struct service_life *l, bool early, uint64_t now_ns)
{
	const struct topo_restart *r = &l->about->restart;
	bool failure = early || l->timed_out || !WIFEXITED(l->status) ||
		       WEXITSTATUS(l->status) != 0;
	bool too_late = l->timed_out && !l->was_ready;

	if (too_late || r->policy == TOPO_RESTART_NEVER ||
	    (r->policy == TOPO_RESTART_ON_FAILURE && !failure)) {
		if (l->timed_out)
			fail(l, SERVICE_NOT_IN_TIME);
		else if (early)
			fail(l, SERVICE_ENDED_EARLY);
		else
			l->state = SERVICE_EXITED;
		return;
	}
	if (!early && !l->timed_out && now_ns - l->began_ns >= r->max_delay_ns)
		l->in_a_row = 0;
	back_off(l, SERVICE_TOO_OFTEN, now_ns);
	if (l->state == SERVICE_FAILED)
		return;
	l->restarts++;
	l->timed_out = false;
	if (l->was_ready)
		l->ready_until_ns = SERVICE_NEVER; /* counts anew when it starts */
}

enum service_act service_life_ended(struct service_life *l, int status, uint64_t now_ns)
{
	bool early = l->state == SERVICE_STARTING;

	l->ended = true;
	l->status = status;
	l->due_ns = SERVICE_NEVER;
	if (l->state == SERVICE_STOPPING) {
		l->state = SERVICE_STOPPED;
		return l->again ? service_life_start(l, now_ns) : SERVICE_DO_NOTHING;
	}
	if (l->state == SERVICE_STARTING || l->state == SERVICE_READY)
		ended_by_itself(l, early, now_ns);
	return SERVICE_DO_NOTHING;
}

enum service_act service_life_tick(struct service_life *l, uint64_t now_ns)
{
	switch (l->state) {
	case SERVICE_STARTING:
		if (now_ns < l->ready_until_ns)
			break;
		l->ready_until_ns = SERVICE_NEVER;
		l->timed_out = true;
		return SERVICE_DO_KILL;
	case SERVICE_BACKING_OFF:
		if (now_ns >= l->ready_until_ns)
			fail(l, l->cause ? l->cause : SERVICE_NOT_IN_TIME);
		else if (now_ns >= l->due_ns)
			return SERVICE_DO_START;
		break;
	case SERVICE_STOPPING:
		if (now_ns < l->due_ns)
			break;
		l->due_ns = SERVICE_NEVER;
		return SERVICE_DO_KILL;
	case SERVICE_WAITING:
	case SERVICE_READY:
	case SERVICE_STOPPED:
	case SERVICE_EXITED:
	case SERVICE_FAILED:
		break;
	}
	return SERVICE_DO_NOTHING;
}

uint64_t service_life_next(const struct service_life *l)
{
	uint64_t next = SERVICE_NEVER;

	if (l->state == SERVICE_STARTING || l->state == SERVICE_BACKING_OFF)
		next = l->ready_until_ns;
	if (l->state == SERVICE_BACKING_OFF || l->state == SERVICE_STOPPING)
		next = l->due_ns < next ? l->due_ns : next;
	return next;
}
