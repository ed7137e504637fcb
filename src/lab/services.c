/* SPDX-License-Identifier: MIT */
/* The services of a lab: in which order they start, and whether they are ready. */
#include "lab/services.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "lab/limits.h"
#include "lab/service_words.h"
#include "lab/timeline.h"
#include "sys/clock.h"

/* --- what a service is in --- */

static const struct topo_service *about(const struct supervisor *s, size_t node, size_t index)
{
	return &s->topo->nodes[node].services[index];
}

static struct node_service *state_of(const struct supervisor *s, size_t node, size_t index)
{
	return &s->nodes[node].services[index];
}

/** @return whether what comes after it may start */
static bool is_ready(const struct node_service *is)
{
	return is->state == SERVICE_READY ||
	       (is->state == SERVICE_EXITED && is->was_ready && is->status == 0);
}

/** @return whether it will not become ready by itself */
static bool has_ended(const struct node_service *is)
{
	return is->state == SERVICE_FAILED || is->state == SERVICE_STOPPED ||
	       (is->state == SERVICE_EXITED && !is_ready(is));
}

/** What holds a service up: the first of those it comes after that is not ready. @return NULL = nothing */
static const struct topo_after *held_up(const struct supervisor *s, size_t node, size_t index,
					size_t *ret_node)
{
	const struct topo_service *service = about(s, node, index);

	for (size_t i = 0; i < service->n_after; i++) {
		const struct topo_after *a = &service->after[i];

		*ret_node = a->node == TOPO_OWN_NODE ? node : a->node;
		if (!is_ready(state_of(s, *ret_node, a->service)))
			return a;
	}
	return NULL;
}

/**
 * Whether a service that shall run does.
 * @return 1 not yet; 0 it is ready, or was and has ended; negative errno with *err: it will not
 */
static int judge(const struct supervisor *s, size_t node, size_t index, struct netlab_err *err)
{
	const struct node_service *is = state_of(s, node, index);
	const struct topo_after *first;
	size_t other = 0;

	switch (is->state) {
	case SERVICE_READY:
	case SERVICE_EXITED:
		return 0;
	case SERVICE_FAILED:
		return service_words_failed(s, node, index, err);
	case SERVICE_STOPPED:
		return err_set(err, ECANCELED, "service '%s/%s' was stopped%s",
			       s->topo->nodes[node].name, about(s, node, index)->name,
			       s->nodes[node].pid == 0 ? ": its node died" : "");
	case SERVICE_BACKING_OFF:
		return is->was_ready ? 0 : 1;
	case SERVICE_WAITING:
		first = held_up(s, node, index, &other);
		if (!first || !has_ended(state_of(s, other, first->service)))
			return 1;
		(void)err_set(err, ECANCELED,
			      "service '%s/%s' cannot start: '%s/%s', which it comes after, is %s",
			      s->topo->nodes[node].name, about(s, node, index)->name,
			      s->topo->nodes[other].name, about(s, other, first->service)->name,
			      service_state_name(state_of(s, other, first->service)->state));
		if (s->nodes[other].pid == 0)
			err_hint(err, "`netlab restart %s` brings its node back",
				 s->topo->nodes[other].name);
		return err->code;
	case SERVICE_STARTING:
	case SERVICE_STOPPING:
		break;
	}
	return 1;
}

/* --- what the inits tell --- */

static bool is_over(const struct node_service *is)
{
	return is->state == SERVICE_EXITED || is->state == SERVICE_FAILED ||
	       is->state == SERVICE_STOPPED;
}

void services_heard(struct supervisor *s, size_t node, uint32_t index,
		    const struct node_service *is)
{
	const struct topo_node *topo = &s->topo->nodes[node];
	struct node_service *known;
	bool was_over;

	if (index >= topo->n_services + topo->n_commands)
		return;
	known = state_of(s, node, index);
	was_over = is_over(known);
	if (index < topo->n_services)
		service_words_log(s, node, index, known, is);
	*known = *is;
	s->services_changed = true;
	if (index >= topo->n_services && is_over(is) && !was_over && is->ended)
		timeline_command_ended(s->timeline, node, index - topo->n_services, is->status);
}

void services_begin(struct supervisor *s, size_t node)
{
	const struct topo_node *topo = &s->topo->nodes[node];

	memset(s->nodes[node].services, 0,
	       (topo->n_services + topo->n_commands) * sizeof(*s->nodes[node].services));
	s->services_changed = true;
}

void services_lost(struct supervisor *s, size_t node)
{
	const struct topo_node *topo = &s->topo->nodes[node];

	for (size_t i = 0; i < topo->n_services + topo->n_commands; i++) {
		struct node_service *is = state_of(s, node, i);

		is->pid = 0;
		if (!is_over(is))
			is->state = SERVICE_STOPPED;
	}
	s->services_changed = true;
}

/* --- starting --- */

/**
 * Starts a service that waits, if nothing holds it up any more. To an init that owes answers nothing more is said before it
 * has given them: it is stopped, and would keep the lab waiting for each service.
 * @return 0; negative errno when it cannot be run
 */
static int start_one(struct supervisor *s, size_t node, size_t index, struct netlab_err *err)
{
	size_t other;
	int r;

	if (state_of(s, node, index)->state != SERVICE_WAITING || s->nodes[node].pid == 0 ||
	    s->nodes[node].owed > 0 || limits_is_frozen(s, node) || held_up(s, node, index, &other))
		return 0;
	r = supervisor_order(s, node, NODE_START, (uint32_t)index, err);
	if (r < 0)
		return err_wrap(err, "service '%s/%s'", s->topo->nodes[node].name,
				about(s, node, index)->name);
	return 0;
}

/**
 * Starts what can be started, until nothing changes.
 * @param[out] err  of the first that cannot be run, which is then the end of it; NULL: it holds the others up no more than
 *                  one that fails later
 * @return 0; negative errno
 */
static int start_all(struct supervisor *s, struct netlab_err *err)
{
	do {
		s->services_changed = false;
		for (size_t i = 0; i < s->plan->n_ops; i++) {
			const struct plan_op *op = &s->plan->ops[i];
			struct netlab_err why = { 0 };

			if (op->kind != PLAN_SERVICE ||
			    start_one(s, op->node, op->service, &why) == 0)
				continue;
			if (err) {
				*err = why;
				return why.code;
			}
			/* else its init has told of it */
			if (state_of(s, op->node, op->service)->state == SERVICE_WAITING)
				supervisor_log("%s", why.message);
		}
	} while (s->services_changed && s->topo->start_order);
	s->services_changed = false;
	return 0;
}

void services_run(struct supervisor *s)
{
	if (s->services_changed && !s->stopping)
		(void)start_all(s, NULL);
}

/* --- up --- */

/** @return 1 some are not ready; 0; negative errno with *err for the first that never will be */
static int judge_all(const struct supervisor *s, size_t *ret_node, size_t *ret_index,
		     struct netlab_err *err)
{
	bool pending = false;

	for (size_t i = 0; i < s->plan->n_ops; i++) {
		const struct plan_op *op = &s->plan->ops[i];
		int r = op->kind == PLAN_SERVICE ? judge(s, op->node, op->service, err) : 0;

		if (r < 0)
			return r;
		if (r > 0 && !pending) {
			*ret_node = op->node;
			*ret_index = op->service;
			pending = true;
		}
	}
	return pending;
}

/** Hears all inits that have something to say; waits until one has. */
static int hear(struct supervisor *s, int epoll_fd, struct netlab_err *err)
{
	enum { AT_ONCE = 64 };
	struct epoll_event events[AT_ONCE];
	int r = supervisor_wait(s, epoll_fd, err), n;

	if (r < 0)
		return r;
	n = epoll_wait(epoll_fd, events, AT_ONCE, 0);
	for (int i = 0; i < n; i++) {
		if (s->nodes[events[i].data.u64].control_fd >= 0)
			supervisor_node_event(s, events[i].data.u64);
	}
	return 0;
}

static int listen_to_nodes(const struct supervisor *s, struct netlab_err *err)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0)
		return err_errno(err, errno, "epoll");
	for (size_t i = 0; i < s->topo->n_nodes; i++) {
		struct epoll_event e = { .events = EPOLLIN, .data.u64 = i };

		if (s->topo->nodes[i].n_services == 0 ||
		    epoll_ctl(fd, EPOLL_CTL_ADD, s->nodes[i].control_fd, &e) == 0)
			continue;
		(void)err_errno(err, errno, "epoll");
		close(fd);
		return err->code;
	}
	return fd;
}

int services_up(struct supervisor *s, struct netlab_err *err)
{
	size_t node = 0, index = 0;
	int epoll_fd = -1, r;

	for (;;) {
		r = start_all(s, err);
		if (r == 0)
			r = judge_all(s, &node, &index, err);
		if (r <= 0)
			break;
		if (epoll_fd < 0) {
			epoll_fd = listen_to_nodes(s, err);
			if (epoll_fd < 0)
				return epoll_fd;
		}
		r = hear(s, epoll_fd, err);
		if (r < 0) {
			if (r == -ETIME)
				r = service_words_late(s, node, index, err);
			break;
		}
	}
	if (epoll_fd >= 0)
		close(epoll_fd);
	return r;
}

/* --- requests --- */

static int find(const struct supervisor *s, const json_t *request, struct services_wait *w,
		struct netlab_err *err)
{
	const char *node = json_string_value(json_object_get(request, "node"));
	const char *name = json_string_value(json_object_get(request, "service"));

	w->node = node ? topo_find_node(s->topo, node) : SIZE_MAX;
	if (w->node == SIZE_MAX)
		return err_set(err, ENOENT, "node '%s': no such node in this lab",
			       node ? node : "");
	if (!name) {
		w->service = SIZE_MAX;
		return 0;
	}
	for (w->service = 0; w->service < s->topo->nodes[w->node].n_services; w->service++) {
		if (strcmp(about(s, w->node, w->service)->name, name) == 0)
			return 0;
	}
	return err_set(err, ENOENT, "node '%s' has no service '%s'", node, name);
}

static int order(struct supervisor *s, const struct services_wait *w, size_t index,
		 struct netlab_err *err)
{
	static const int orders[] = {
		[SERVICES_START] = NODE_START,
		[SERVICES_STOP] = NODE_STOP_SERVICE,
		[SERVICES_RESTART] = NODE_RESTART,
	};
	struct node_service *is = state_of(s, w->node, index);
	int r;

	if (w->verb == SERVICES_STATUS)
		return 0;
	if (is->state == SERVICE_WAITING && w->verb == SERVICES_STOP) {
		is->state = SERVICE_STOPPED; /* its init knows nothing of it yet */
		return 0;
	}
	r = supervisor_order(s, w->node, orders[w->verb], (uint32_t)index, err);
	return r < 0 ? err_wrap(err, "service '%s/%s'", s->topo->nodes[w->node].name,
				about(s, w->node, index)->name)
		     : 0;
}

json_t *services_request(struct supervisor *s, const json_t *request, struct services_wait *wait,
			 struct netlab_err *err)
{
	static const char *const verbs[] = { "start", "stop", "restart", "status" };
	const char *verb = json_string_value(json_object_get(request, "verb"));
	json_int_t timeout_ms = json_integer_value(json_object_get(request, "timeout_ms"));
	struct services_wait w = { .verb = SERVICES_START };
	struct netlab_err first = { 0 };
	const struct topo_node *node;
	size_t n;

	while (verb && w.verb <= SERVICES_STATUS && strcmp(verb, verbs[w.verb]) != 0)
		w.verb++;
	if (!verb || w.verb > SERVICES_STATUS) {
		err_set(err, EPROTO, "'%s' is nothing to do with a service", verb ? verb : "");
		return NULL;
	}
	if (find(s, request, &w, err) < 0)
		return NULL;
	node = &s->topo->nodes[w.node];
	if (w.verb != SERVICES_STATUS && (supervisor_refuse_dead(s, w.node, err) < 0 ||
					  limits_refuse_frozen(s, w.node, err) < 0))
		return NULL;
	n = node->n_services;
	for (size_t i = 0; i < n; i++) {
		/* all of a node stop in the opposite order */
		size_t index = w.verb == SERVICES_STOP ? n - 1 - i : i;
		struct netlab_err why = { 0 };

		if ((w.service != SIZE_MAX && w.service != index) || order(s, &w, index, &why) == 0)
			continue;
		if (first.code == 0)
			first = why;
		/* the others are as much asked for; but an init that does not answer is asked no more */
		if (s->nodes[w.node].owed > 0)
			break;
	}
	if (first.code) {
		*err = first;
		return NULL;
	}
	w.deadline_ns = sys_monotonic_ns() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000000u;
	w.active = true;
	*wait = w;
	return services_answer(s, wait, err);
}

struct services_wait services_wait_for_node(size_t node, uint64_t timeout_ns)
{
	return (struct services_wait){
		.active = true,
		.verb = SERVICES_START,
		.node = node,
		.service = SIZE_MAX,
		.deadline_ns = sys_monotonic_ns() + timeout_ns,
	};
}

static int judge_wait(const struct supervisor *s, const struct services_wait *w, size_t index,
		      struct netlab_err *err)
{
	const struct node_service *is = state_of(s, w->node, index);

	switch (w->verb) {
	case SERVICES_START:
	case SERVICES_RESTART:
		return judge(s, w->node, index, err);
	case SERVICES_STOP:
		return is->state == SERVICE_STOPPING;
	case SERVICES_STATUS:
		break;
	}
	return 0;
}

json_t *services_answer(struct supervisor *s, struct services_wait *w, struct netlab_err *err)
{
	const struct topo_node *node = &s->topo->nodes[w->node];
	json_t *list;

	for (size_t i = 0; i < node->n_services; i++) {
		int r = w->service == SIZE_MAX || w->service == i ? judge_wait(s, w, i, err) : 0;

		if (r == 0)
			continue;
		if (r > 0 && sys_monotonic_ns() < w->deadline_ns)
			return NULL;
		if (r > 0 && w->verb == SERVICES_STOP)
			(void)err_set(err, ETIME, "service '%s/%s' does not end", node->name,
				      node->services[i].name);
		else if (r > 0)
			(void)service_words_late(s, w->node, i, err);
		w->active = false;
		return NULL;
	}
	w->active = false;
	list = json_array();
	for (size_t i = 0; i < node->n_services; i++) {
		if (w->service == SIZE_MAX || w->service == i)
			json_array_append_new(list, services_report(s, w->node, i));
	}
	return json_pack("{s:s,s:o}", "node", node->name, "services", list);
}

json_t *services_report(const struct supervisor *s, size_t node, size_t index)
{
	const struct topo_node *topo = &s->topo->nodes[node];
	const struct node_service *is = state_of(s, node, index);
	bool command = index >= topo->n_services;
	const struct topo_service *service = command ? &topo->commands[index - topo->n_services]
						     : &topo->services[index];
	/* what the timeline runs is never waited for: it just runs */
	const char *state = command && is->state == SERVICE_READY ? "running"
								  : service_state_name(is->state);
	json_t *o = json_pack("{s:s,s:s}", "name", service->name, "state", state);

	if (is->pid)
		json_object_set_new(o, "pid_in_node", json_integer(is->pid));
	if (!command)
		json_object_set_new(o, "restarts", json_integer(is->restarts));
	if (is->ended) {
		json_object_set_new(o, "exit_code", json_integer(sys_exit_code(is->status)));
		if (WIFSIGNALED(is->status))
			json_object_set_new(o, "signal", json_integer(WTERMSIG(is->status)));
	}
	if (is->cause != SERVICE_NO_CAUSE)
		json_object_set_new(o, "cause", json_string(service_words_cause(is->cause)));
	if (is->cause == SERVICE_CANNOT_RUN)
		json_object_set_new(o, "why", json_string(is->why));
	return o;
}
