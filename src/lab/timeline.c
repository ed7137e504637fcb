/* SPDX-License-Identifier: MIT */
/* The timeline of a running lab. */
#include "lab/timeline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "lab/change.h"
#include "lab/supervisor.h"
#include "lab/timeline_watch.h"
#include "lab/trace_store.h"
#include "node/init.h"
#include "sys/match.h"
#include "topo/ramp.h"
#include "sys/clock.h"

#define MS_NS   1000000ull
#define STEP_NS (TIMELINE_STEP_MS * MS_NS)
#define NEVER   UINT64_MAX

enum {
	/* epoll data: what an event belongs to */
	WAKE_TIMER = 0,
	WAKE_LOG = 1,
	WAKE_PACKET = 2, /* + number of the event */
};

enum state { WAITING, RUNNING, DONE, FAILED };

struct ramp {
	struct impairment from[2];
	uint32_t keys[2]; /**< that are still going; none: the ramp is over */
	uint64_t begin_ns, next_ns;
};

struct entry {
	const struct topo_event *event;
	enum state state;
	uint64_t began_ns; /**< since the lab was ready */
	int status;        /**< of its command, as waitpid() gave it */
	bool ended;        /**< the command has */
	char error[256];
	struct ramp ramp;
	struct log_watch *log; /**< owned; NULL = none */
	struct packet_watch packets;
};

struct timeline {
	struct supervisor *s;
	struct entry *entries;
	size_t n;
	size_t *by_time; /**< the entries that have a time, in its order */
	size_t n_timed, next;
	int epoll_fd, timer_fd, inotify_fd;
};

/* --- telling --- */

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

/** To the lab's log, which is its standard error. */
static void say(const struct timeline *t, const struct entry *e, const char *what)
{
	const struct topo *topo = t->s->topo;
	const struct topo_event *event = e->event;

	(void)dprintf(STDERR_FILENO, "timeline: event %zu at %.3f s: %s '%s': %s\n",
		      (size_t)(e - t->entries) + 1, ms(sys_monotonic_ns() - t->s->ready_ns) / 1e3,
		      event->action == TOPO_EXEC ? "exec in node" : "link",
		      event->action == TOPO_EXEC ? topo->nodes[event->node].name
						 : topo->links[event->link].name,
		      what);
}

static void end(struct timeline *t, struct entry *e, const struct netlab_err *err)
{
	e->ramp.keys[0] = e->ramp.keys[1] = 0;
	e->state = err ? FAILED : DONE;
	if (err)
		(void)snprintf(e->error, sizeof(e->error), "%.255s", err->message);
	say(t, e, err ? e->error : "done");
}

/* --- changes and ramps --- */

static bool is_going(const struct entry *e)
{
	return e->ramp.keys[0] || e->ramp.keys[1];
}

/** What an event asks now is no longer where older ramps go. */
static void end_older_ramps(struct timeline *t, const struct entry *by)
{
	for (size_t i = 0; i < t->n; i++) {
		struct entry *e = &t->entries[i];

		if (e == by || !is_going(e) || e->event->link != by->event->link)
			continue;
		for (unsigned d = 0; d < 2; d++) {
			if (!by->event->dirs[d])
				continue;
			if (by->event->basis == TOPO_BASIS_FILE)
				e->ramp.keys[d] = 0;
			else
				e->ramp.keys[d] &= ~by->event->keys[d].set;
		}
		if (!is_going(e))
			end(t, e, NULL);
	}
}

static int apply(struct timeline *t, const struct entry *e, const struct impairment keys[2],
		 bool first, struct netlab_err *err)
{
	const struct topo_event *event = e->event;
	struct link_change change = {
		.link = event->link,
		.dirs = { event->dirs[0], event->dirs[1] },
		.basis = first && event->basis == TOPO_BASIS_FILE ? LINK_FILE : LINK_PRESENT,
		.keys = { keys[0], keys[1] },
	};

	for (unsigned d = 0; d < 2; d++)
		trace_store_find(t->s, &change.keys[d]); /* read when the lab came up */
	if (first && event->carrier == TOPO_CARRIER_ON)
		change.carrier = LINK_CARRIER_ON;
	if (first && event->carrier == TOPO_CARRIER_OFF)
		change.carrier = LINK_CARRIER_OFF;
	if (first && event->basis == TOPO_BASIS_FILE && event->carrier == TOPO_CARRIER_KEEP &&
	    event->dirs[0] && event->dirs[1])
		change.carrier = t->s->topo->links[event->link].carrier ? LINK_CARRIER_ON
									: LINK_CARRIER_OFF;
	return link_apply(t->s, &change, err);
}

static void step(struct timeline *t, struct entry *e, uint64_t now)
{
	uint64_t total = e->event->ramp_ns, elapsed = now - e->ramp.begin_ns;
	struct impairment keys[2];
	struct netlab_err err = { 0 };

	for (unsigned d = 0; d < 2; d++)
		keys[d] = ramp_at(&e->ramp.from[d], &e->event->keys[d], e->ramp.keys[d], elapsed,
				  total);
	if (apply(t, e, keys, false, &err) < 0) {
		end(t, e, &err);
		return;
	}
	if (elapsed >= total) {
		end(t, e, NULL);
		return;
	}
	/* on a grid from its beginning: a late step is not followed by a row of others */
	e->ramp.next_ns = e->ramp.begin_ns + (elapsed / STEP_NS + 1) * STEP_NS;
	if (e->ramp.next_ns > e->ramp.begin_ns + total)
		e->ramp.next_ns = e->ramp.begin_ns + total;
}

static void change(struct timeline *t, struct entry *e, uint64_t due_ns)
{
	const struct topo_event *event = e->event;
	struct impairment keys[2] = { event->keys[0], event->keys[1] };
	struct netlab_err err = { 0 };
	struct ramp ramp = { .begin_ns = due_ns, .next_ns = due_ns };

	end_older_ramps(t, e);
	for (unsigned d = 0; d < 2 && event->ramp_ns > 0; d++) {
		struct impairment first;

		if (!event->dirs[d])
			continue;
		ramp.from[d] = event->basis == TOPO_BASIS_FILE
				       ? t->s->topo->links[event->link].dir[d]
				       : t->s->links[event->link].asked[d];
		ramp.keys[d] = ramp_keys(&ramp.from[d], &event->keys[d]);
		/* what has no number in between changes at once, beside the first of the numbers */
		first = ramp_at(&ramp.from[d], &event->keys[d], ramp.keys[d], 0, event->ramp_ns);
		impairment_merge(&keys[d], &first);
	}
	if (apply(t, e, keys, true, &err) < 0) {
		end(t, e, &err);
		return;
	}
	e->ramp = ramp;
	if (is_going(e)) {
		e->state = RUNNING;
		e->ramp.next_ns += STEP_NS < event->ramp_ns ? STEP_NS : event->ramp_ns;
		say(t, e, "ramp begins");
		return;
	}
	end(t, e, NULL);
}

/* --- commands --- */

static void exec(struct timeline *t, struct entry *e)
{
	const struct topo_event *event = e->event;
	struct supervisor *s = t->s;
	struct netlab_err err = { 0 };
	size_t index = s->topo->nodes[event->node].n_services + event->command;

	if (s->nodes[event->node].pid == 0) {
		(void)err_set(&err, ESRCH, "the node has died");
		end(t, e, &err);
		return;
	}
	e->state = RUNNING; /* before the order: its end may be told before the order is answered */
	if (supervisor_order(s, event->node, NODE_START, (uint32_t)index, &err) < 0) {
		end(t, e, &err);
		return;
	}
	say(t, e, "started");
}

void timeline_command_ended(struct timeline *t, size_t node, size_t command, int status)
{
	struct netlab_err err = { 0 };

	for (size_t i = 0; t && i < t->n; i++) {
		struct entry *e = &t->entries[i];

		if (e->event->action != TOPO_EXEC || e->event->node != node ||
		    e->event->command != command)
			continue;
		e->status = status;
		e->ended = true;
		if (WIFSIGNALED(status))
			(void)err_set(&err, EIO, "the command was killed by signal %d",
				      WTERMSIG(status));
		else if (WEXITSTATUS(status) != 0)
			(void)err_set(&err, EIO, "the command failed with exit code %d",
				      WEXITSTATUS(status));
		end(t, e, err.code ? &err : NULL);
		return;
	}
}

/* --- what is due --- */

static void stop_waiting(struct timeline *t, struct entry *e)
{
	if (e->log)
		log_watch_close(e->log);
	free(e->log);
	e->log = NULL;
	for (unsigned i = 0; i < 2; i++) {
		if (e->packets.fd[i] >= 0)
			(void)epoll_ctl(t->epoll_fd, EPOLL_CTL_DEL, e->packets.fd[i], NULL);
	}
	packet_watch_mute(&e->packets);
}

/** @param[in] due_ns  when it should happen, CLOCK_MONOTONIC: ramps count from then */
static void happen(struct timeline *t, struct entry *e, uint64_t due_ns)
{
	e->began_ns = sys_monotonic_ns() - t->s->ready_ns;
	stop_waiting(t, e);
	if (e->event->action == TOPO_EXEC)
		exec(t, e);
	else
		change(t, e, due_ns);
}

static uint64_t due(const struct timeline *t, size_t k)
{
	return t->s->ready_ns + t->entries[t->by_time[k]].event->at_ns;
}

/** @return when there is something to do next */
static uint64_t run_timed(struct timeline *t)
{
	uint64_t next = NEVER, now = sys_monotonic_ns();

	/* steps first: what an event does at the same moment counts on top */
	for (size_t i = 0; i < t->n; i++) {
		if (is_going(&t->entries[i]) && t->entries[i].ramp.next_ns <= now)
			step(t, &t->entries[i], now);
	}
	for (; t->next < t->n_timed && due(t, t->next) <= now; t->next++)
		happen(t, &t->entries[t->by_time[t->next]], due(t, t->next));
	for (size_t i = 0; i < t->n; i++) {
		if (is_going(&t->entries[i]) && t->entries[i].ramp.next_ns < next)
			next = t->entries[i].ramp.next_ns;
	}
	if (t->next < t->n_timed && due(t, t->next) < next)
		next = due(t, t->next);
	return next;
}

static void read_logs(struct timeline *t)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->entries[i].log && log_watch_read(t->entries[i].log))
			happen(t, &t->entries[i], sys_monotonic_ns());
	}
}

static void arm(struct timeline *t, uint64_t at_ns)
{
	struct itimerspec when = { .it_value = { .tv_sec = 0 } };

	if (at_ns != NEVER) {
		/* all zero would disarm it */
		when.it_value.tv_sec = (time_t)(at_ns / 1000000000u);
		when.it_value.tv_nsec = (long)(at_ns % 1000000000u);
	}
	(void)timerfd_settime(t->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

void timeline_run(struct timeline *t)
{
	enum { AT_ONCE = 16 };
	struct epoll_event woken[AT_ONCE];
	int n = epoll_wait(t->epoll_fd, woken, AT_ONCE, 0);
	char ignored[4096];

	for (int i = 0; i < n; i++) {
		uint64_t what = woken[i].data.u64;

		if (what == WAKE_TIMER) {
			(void)!read(t->timer_fd, ignored, sizeof(uint64_t));
		} else if (what == WAKE_LOG) {
			while (read(t->inotify_fd, ignored, sizeof(ignored)) > 0)
				;
		} else if (!t->s->stopping) {
			struct entry *e = &t->entries[what - WAKE_PACKET];

			if (e->state == WAITING && packet_watch_read(&e->packets))
				happen(t, e, sys_monotonic_ns());
		}
	}
	if (t->s->stopping) {
		arm(t, NEVER);
		return;
	}
	read_logs(t);
	arm(t, run_timed(t));
}

/* --- beginning --- */

static int watch(struct timeline *t, int fd, uint64_t what)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = what };

	return epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

static int prepare_log(struct timeline *t, struct entry *e, struct netlab_err *err)
{
	if (t->inotify_fd < 0) {
		t->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		if (t->inotify_fd < 0 || watch(t, t->inotify_fd, WAKE_LOG) < 0)
			return err_errno(err, errno, "inotify");
	}
	e->log = calloc(1, sizeof(*e->log));
	if (!e->log)
		return err_set(err, ENOMEM, "out of memory");
	e->log->fd = -1;
	return log_watch_open(e->log, t->s, e->event, t->inotify_fd, err);
}

static int prepare_packets(struct timeline *t, struct entry *e, struct netlab_err *err)
{
	int r = packet_watch_open(&e->packets, t->s, e->event, err);

	for (unsigned i = 0; i < 2 && r == 0; i++) {
		r = watch(t, e->packets.fd[i], WAKE_PACKET + (uint64_t)(e - t->entries));
		if (r < 0)
			(void)err_errno(err, r, "epoll");
	}
	return r;
}

static const struct timeline *sorted; /* qsort() has no argument for it */

static int earlier(const void *a, const void *b)
{
	size_t i = *(const size_t *)a, j = *(const size_t *)b;
	uint64_t x = sorted->entries[i].event->at_ns, y = sorted->entries[j].event->at_ns;

	if (x != y)
		return x < y ? -1 : 1;
	return i < j ? -1 : i > j;
}

static int prepare(struct timeline *t, struct netlab_err *err)
{
	for (size_t i = 0; i < t->n; i++) {
		struct entry *e = &t->entries[i];
		int r = 0;

		switch (e->event->trigger) {
		case TOPO_AT:
			t->by_time[t->n_timed++] = i;
			break;
		case TOPO_ON_LOG:
			r = prepare_log(t, e, err);
			break;
		case TOPO_ON_PACKET:
			r = prepare_packets(t, e, err);
			break;
		}
		if (r < 0)
			return err_wrap(err, "timeline: event %zu", i + 1);
	}
	sorted = t;
	qsort(t->by_time, t->n_timed, sizeof(*t->by_time), earlier);
	return 0;
}

static void discard(struct timeline *t)
{
	for (size_t i = 0; i < t->n && t->entries; i++) {
		if (t->entries[i].log)
			log_watch_close(t->entries[i].log);
		free(t->entries[i].log);
		packet_watch_close(&t->entries[i].packets);
	}
	if (t->epoll_fd >= 0)
		close(t->epoll_fd);
	if (t->timer_fd >= 0)
		close(t->timer_fd);
	if (t->inotify_fd >= 0)
		close(t->inotify_fd);
	free(t->entries);
	free(t->by_time);
	free(t);
}

int timeline_new(struct supervisor *s, struct timeline **ret, struct netlab_err *err)
{
	struct timeline *t;
	int r;

	*ret = NULL;
	if (s->topo->n_events == 0)
		return 0;
	t = calloc(1, sizeof(*t));
	if (!t)
		return err_set(err, ENOMEM, "out of memory");
	*t = (struct timeline){ .s = s, .epoll_fd = -1, .timer_fd = -1, .inotify_fd = -1 };
	t->entries = calloc(s->topo->n_events, sizeof(*t->entries));
	t->by_time = calloc(s->topo->n_events, sizeof(*t->by_time));
	if (!t->entries || !t->by_time) {
		discard(t);
		return err_set(err, ENOMEM, "out of memory");
	}
	for (; t->n < s->topo->n_events; t->n++)
		t->entries[t->n] = (struct entry){ .event = &s->topo->timeline[t->n],
						   .packets.fd = { -1, -1 } };
	t->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	t->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (t->epoll_fd < 0 || t->timer_fd < 0 || watch(t, t->timer_fd, WAKE_TIMER) < 0)
		r = err_errno(err, errno, "timer of the timeline");
	else
		r = prepare(t, err);
	if (r < 0) {
		discard(t);
		return r;
	}
	*ret = t;
	return 0;
}

void timeline_start(struct timeline *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++) {
		/* what came before time 0 does not count */
		for (unsigned end_of = 0; end_of < 2; end_of++) {
			if (t->entries[i].packets.fd[end_of] >= 0)
				(void)sys_match_count(t->entries[i].packets.fd[end_of]);
		}
	}
	arm(t, t->s->ready_ns); /* at once: logs may say it already */
}

int timeline_fd(const struct timeline *t)
{
	return t->epoll_fd;
}

/* --- report --- */

static json_t *report_trigger(const struct timeline *t, const struct topo_event *event)
{
	const struct topo *topo = t->s->topo;
	const struct topo_node *node;

	switch (event->trigger) {
	case TOPO_AT:
		return json_pack("{s:f}", "at_ms", ms(event->at_ns));
	case TOPO_ON_LOG:
		node = &topo->nodes[event->log_node];
		return json_pack(
			"{s:{s:[o,s]}}", "when", "log",
			json_sprintf("%s/%s", node->name, node->services[event->log_service].name),
			event->regex);
	case TOPO_ON_PACKET:
		return json_pack("{s:{s:[s,s,I]}}", "when", "packet",
				 topo->links[event->packet_link].name, event->match,
				 (json_int_t)event->nth);
	}
	return NULL;
}

static void report_action(const struct timeline *t, const struct topo_event *event, json_t *o)
{
	const struct topo_link *link;
	const struct topo_node *node;
	json_t *run;

	if (event->action == TOPO_CHANGE) {
		link = &t->s->topo->links[event->link];
		json_object_set_new(o, "link", json_string(link->name));
		if (!event->dirs[0] || !event->dirs[1])
			json_object_set_new(
				o, "from",
				json_string(
					t->s->topo->nodes[link->ends[event->dirs[1]].node].name));
		if (event->ramp_ns)
			json_object_set_new(o, "ramp_ms", json_real(ms(event->ramp_ns)));
		return;
	}
	node = &t->s->topo->nodes[event->node];
	run = json_array();
	for (const char *const *arg = node->commands[event->command].run; *arg; arg++)
		json_array_append_new(run, json_string(*arg));
	json_object_set_new(o, "exec",
			    json_pack("{s:s,s:o,s:s}", "node", node->name, "run", run, "log",
				      node->commands[event->command].name));
}

json_t *timeline_report(const struct timeline *t)
{
	static const char *const states[] = {
		[WAITING] = "waiting", [RUNNING] = "running", [DONE] = "done", [FAILED] = "failed"
	};
	json_t *list = json_array();

	for (size_t i = 0; i < t->n; i++) {
		const struct entry *e = &t->entries[i];
		json_t *o = report_trigger(t, e->event);

		report_action(t, e->event, o);
		json_object_set_new(o, "state", json_string(states[e->state]));
		json_object_set_new(o, "done", json_boolean(e->state == DONE));
		if (e->state != WAITING)
			json_object_set_new(o, "began_ms", json_real(ms(e->began_ns)));
		if (e->ended)
			json_object_set_new(o, "exit_code", json_integer(sys_exit_code(e->status)));
		if (e->state == FAILED)
			json_object_set_new(o, "error", json_string(e->error));
		json_array_append_new(list, o);
	}
	return list;
}
