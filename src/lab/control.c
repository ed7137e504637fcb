/* SPDX-License-Identifier: MIT */
/* The supervisor's event loop: requests on the control socket, signals, words from the nodes' inits.
   A request is one message of JSON; the answer is JSON in as many messages as it takes, each headed by one byte:
   CONTROL_MORE or CONTROL_LAST. */
#include "lab/control.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "lab/change.h"
#include "lab/faults.h"
#include "lab/limits.h"
#include "lab/node_power.h"
#include "lab/privileges.h"
#include "lab/services.h"
#include "lab/supervisor.h"
#include "lab/tap.h"
#include "lab/timeline.h"
#include "lab/wired.h"
#include "sys/sock.h"
#include "sys/clock.h"

enum {
	CLIENTS_MAX = 64,
	REQUEST_BYTES = 64 * 1024,
	OVERFLOW_UID = 65534, /* who is not in our user namespace: kernel.overflowuid's default */
	/* epoll data: what an event belongs to */
	EVENT_LISTEN = 0,
	EVENT_SIGNAL = 1,
	EVENT_CALLER = 2,
	EVENT_TIMELINE = 3,
	EVENT_LIMITS = 4,
	EVENT_CLIENT = 5,
	EVENT_NODE = EVENT_CLIENT + CLIENTS_MAX,
};

struct client {
	int fd;       /**< -1 = free */
	char *answer; /**< owned; NULL = none on its way */
	size_t len, sent;
	int pass_fd;               /**< goes with the first message; -1 = none; owned */
	struct services_wait wait; /**< active: the answer comes when it is over */
};

struct loop {
	struct supervisor *s;
	int epoll_fd;
	struct client clients[CLIENTS_MAX];
	bool deaf; /**< all of them are taken: more wait in the socket's queue */
	bool ended;
};

static int watch(struct loop *l, int fd, uint64_t what, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.u64 = what };

	return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

/** Hears new clients, or does not. */
static void listen_to(struct loop *l, bool on)
{
	struct epoll_event e = { .events = on ? EPOLLIN : 0, .data.u64 = EVENT_LISTEN };

	if (l->deaf == !on)
		return;
	(void)epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, l->s->listen_fd, &e);
	l->deaf = !on;
}

static void drop_client(struct loop *l, struct client *c)
{
	close(c->fd);
	if (c->pass_fd >= 0)
		close(c->pass_fd);
	free(c->answer);
	*c = (struct client){ .fd = -1, .pass_fd = -1 };
	listen_to(l, true);
}

static struct client *free_client(struct loop *l)
{
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		if (l->clients[i].fd < 0)
			return &l->clients[i];
	}
	return NULL;
}

static void accept_client(struct loop *l)
{
	struct client *c = free_client(l);
	uid_t uid;
	int fd;

	if (!c) {
		listen_to(l, false);
		return;
	}
	fd = sys_sock_accept(l->s->listen_fd, &uid);
	if (fd < 0)
		return;
	/* Our owner is uid 0 of our user namespace. Without root, the host's root (who alone passes the 0700 directory
	   besides) is not mapped and looks like the overflow uid. Whoever has a pid for us is in one of our nodes: no
	   node commands its lab. */
	if ((uid != 0 && !(l->s->rootless && uid == OVERFLOW_UID)) || sys_sock_peer_pid(fd) > 0) {
		close(fd);
		return;
	}
	if (watch(l, fd, EVENT_CLIENT + (uint64_t)(c - l->clients), EPOLLIN) < 0)
		close(fd);
	else
		*c = (struct client){ .fd = fd, .pass_fd = -1 };
}

static void want_write(struct loop *l, unsigned i, bool on)
{
	struct epoll_event e = { .events = EPOLLIN | (on ? EPOLLOUT : 0),
				 .data.u64 = EVENT_CLIENT + i };

	(void)epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, l->clients[i].fd, &e);
}

/** Sends what fits; the rest waits for EPOLLOUT, so a slow reader holds nobody else up. */
static void push(struct loop *l, unsigned i)
{
	struct client *c = &l->clients[i];

	while (c->answer) {
		char message[CONTROL_MESSAGE_BYTES];
		size_t n = c->len - c->sent, room = sizeof(message) - 1;
		bool last = n <= room;
		int r;

		if (!last)
			n = room;
		message[0] = last ? CONTROL_LAST : CONTROL_MORE;
		memcpy(message + 1, c->answer + c->sent, n);
		r = sys_sock_send(c->fd, message, n + 1, &c->pass_fd,
				  c->sent == 0 && c->pass_fd >= 0);
		if (r == -EAGAIN) {
			want_write(l, i, true);
			return;
		}
		if (r < 0) {
			drop_client(l, c);
			return;
		}
		c->sent += n;
		if (last) {
			free(c->answer);
			c->answer = NULL;
			if (c->pass_fd >= 0)
				close(c->pass_fd);
			c->pass_fd = -1;
		}
	}
	want_write(l, i, false);
}

/* --- requests --- */

static int find_live_node(struct supervisor *s, const json_t *request, size_t *ret,
			  struct netlab_err *err)
{
	const char *name = json_string_value(json_object_get(request, "node"));

	*ret = name ? topo_find_node(s->topo, name) : SIZE_MAX;
	if (*ret == SIZE_MAX)
		return err_set(err, ENOENT, "node '%s': no such node in this lab",
			       name ? name : "");
	return supervisor_refuse_dead(s, *ret, err);
}

/** What `exec` needs: the node's pidfd, and how its processes start. */
static json_t *answer_exec(struct supervisor *s, const json_t *request, int *ret_fd,
			   struct netlab_err *err)
{
	const struct topo_node *node;
	json_t *env, *privileges;
	size_t i;

	if (find_live_node(s, request, &i, err) < 0 || limits_refuse_frozen(s, i, err) < 0)
		return NULL;
	privileges = privileges_pack(s, i, err);
	if (!privileges)
		return NULL;
	if (supervisor_make_root(s, i, err) < 0) {
		json_decref(privileges);
		return NULL;
	}
	*ret_fd = sys_pidfd_open(s->nodes[i].pid);
	if (*ret_fd < 0) {
		err_errno(err, *ret_fd, "node '%s'", s->topo->nodes[i].name);
		json_decref(privileges);
		return NULL;
	}
	node = &s->topo->nodes[i];
	env = json_array();
	for (size_t j = 0; j < node->n_env; j++)
		json_array_append_new(env,
				      json_sprintf("%s=%s", node->env[j].key, node->env[j].value));
	return json_pack("{s:o,s:s?,s:s?,s:b,s:o,s:o,s:b}", "env", env, "cwd", node->cwd, "user",
			 node->user, "rootless", s->rootless, "privileges", privileges, "cgroups",
			 limits_directories(s, i), "memory_limit", node->limits.memory_bytes > 0);
}

static json_t *answer_freeze(struct supervisor *s, const json_t *request, struct netlab_err *err)
{
	size_t i;

	if (find_live_node(s, request, &i, err) < 0 ||
	    limits_freeze(s, i, json_is_true(json_object_get(request, "on")), err) < 0)
		return NULL;
	return json_object();
}

/** As find_live_node(), but the node may be dead. */
static int find_node(struct supervisor *s, const json_t *request, size_t *ret,
		     struct netlab_err *err)
{
	const char *name = json_string_value(json_object_get(request, "node"));

	*ret = name ? topo_find_node(s->topo, name) : SIZE_MAX;
	return *ret == SIZE_MAX ? err_set(err, ENOENT, "node '%s': no such node in this lab",
					  name ? name : "")
				: 0;
}

static json_t *answer_kill(struct supervisor *s, const json_t *request, struct netlab_err *err)
{
	size_t i;

	if (find_node(s, request, &i, err) < 0 || node_kill(s, i, err) < 0)
		return NULL;
	return json_pack("{s:s}", "node", s->topo->nodes[i].name);
}

/** Answers when the node's services are ready again. */
static json_t *answer_restart(struct supervisor *s, const json_t *request,
			      struct services_wait *wait, struct netlab_err *err)
{
	json_int_t timeout_ms = json_integer_value(json_object_get(request, "timeout_ms"));
	size_t i;

	if (find_node(s, request, &i, err) < 0 || node_restart(s, i, err) < 0)
		return NULL;
	*wait = services_wait_for_node(i, (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000000u);
	services_run(s);
	return services_answer(s, wait, err);
}

/**
 * @param[in]  in_fd  came with the request; -1 = none
 * @param[out] wait   active when there is no answer yet
 */
static json_t *answer(struct supervisor *s, const json_t *request, int in_fd, int *ret_fd,
		      struct services_wait *wait, struct netlab_err *err)
{
	const char *op = json_string_value(json_object_get(request, "op"));

	if (op && strcmp(op, "summary") == 0)
		return report_summary(s);
	if (op && strcmp(op, "show") == 0)
		return report_lab(s, err);
	if (op && strcmp(op, "stats") == 0)
		return stats_report(s, err);
	if (op && strcmp(op, "exec") == 0)
		return answer_exec(s, request, ret_fd, err);
	if (op && strcmp(op, "freeze") == 0)
		return answer_freeze(s, request, err);
	if (op && strcmp(op, "link") == 0)
		return link_change(s, request, err) < 0 ? NULL : json_object();
	if (op && strcmp(op, "fault add") == 0)
		return fault_add(s, request, err);
	if (op && strcmp(op, "fault rm") == 0)
		return fault_remove(s, request, err);
	if (op && strcmp(op, "faults") == 0)
		return json_pack("{s:o}", "faults", faults_report(s));
	if (op && strcmp(op, "capture") == 0)
		return tap_open(s, request, ret_fd, err);
	if (op && strcmp(op, "record-start") == 0)
		return recording_start(s, request, in_fd, err);
	if (op && strcmp(op, "record-stop") == 0)
		return recording_stop(s, ret_fd, err);
	if (op && strcmp(op, "node-kill") == 0)
		return answer_kill(s, request, err);
	if (op && strcmp(op, "node-restart") == 0)
		return answer_restart(s, request, wait, err);
	if (op && strcmp(op, "service") == 0)
		return services_request(s, request, wait, err);
	if (op && strcmp(op, "down") == 0) {
		supervisor_stop(s);
		return json_object();
	}
	err_set(err, EPROTO, "request '%s' is unknown to this lab", op ? op : "");
	err_hint(
		err,
		"the lab was started by another version of netlab: `netlab down` it with that one");
	return NULL;
}

/** @param[in] result  stolen; NULL = *err */
static void give_answer(struct loop *l, unsigned i, json_t *result, const struct netlab_err *err)
{
	struct client *c = &l->clients[i];
	json_t *reply = result ? json_pack("{s:o}", "result", result)
			       : json_pack("{s:o}", "error", report_error(err));

	c->answer = reply ? json_dumps(reply, JSON_COMPACT) : NULL;
	json_decref(reply);
	if (!c->answer) {
		drop_client(l, c);
		return;
	}
	c->len = strlen(c->answer);
	c->sent = 0;
	push(l, i);
}

static void serve(struct loop *l, unsigned i)
{
	static char text[REQUEST_BYTES];
	struct client *c = &l->clients[i];
	struct netlab_err err = { 0 };
	json_t *request, *result = NULL;
	int in_fd = -1;
	unsigned n_fds = 1;
	ssize_t n = sys_sock_recv(c->fd, text, sizeof(text), &in_fd, &n_fds);

	if (n == -EAGAIN)
		return;
	/* gone, or it asks again before it has heard the answer */
	if (n <= 0 || c->answer || c->wait.active) {
		drop_client(l, c);
		return;
	}
	request = json_loadb(text, (size_t)n, 0, NULL);
	if (request)
		result = answer(l->s, request, n_fds == 1 ? in_fd : -1, &c->pass_fd, &c->wait,
				&err);
	else
		err_set(&err, EPROTO, "malformed request");
	if (n_fds == 1)
		close(in_fd);
	json_decref(request);
	if (!c->wait.active)
		give_answer(l, i, result, &err);
}

/** Answers those who wait for a service, and no longer have to. */
static void serve_waiting(struct loop *l)
{
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &l->clients[i];
		struct netlab_err err = { 0 };
		json_t *result;

		if (c->fd < 0 || !c->wait.active)
			continue;
		result = services_answer(l->s, &c->wait, &err);
		if (!c->wait.active)
			give_answer(l, i, result, &err);
	}
}

/* --- events --- */

static void on_signals(struct loop *l)
{
	struct signalfd_siginfo info;

	while (read(l->s->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			(void)supervisor_reap(l->s);
		else
			supervisor_stop(l->s);
	}
	wired_restore(l->s);
	recording_settle(l->s);
	/* whoever waits for a bound lab's command learns of it by the lab's end */
	if (l->s->failure[0] && l->s->options->bound_to_caller)
		l->ended = true;
}

static void on_event(struct loop *l, uint64_t what, uint32_t events)
{
	if (what == EVENT_LISTEN) {
		accept_client(l);
	} else if (what == EVENT_SIGNAL) {
		on_signals(l);
	} else if (what == EVENT_CALLER) {
		l->ended = true; /* `run` is over, or was killed */
	} else if (what == EVENT_TIMELINE) {
		timeline_run(l->s->timeline);
	} else if (what == EVENT_LIMITS) {
		limits_on_event(l->s);
	} else if (what < EVENT_NODE) {
		unsigned i = (unsigned)(what - EVENT_CLIENT);

		if (l->clients[i].fd >= 0 && (events & EPOLLOUT))
			push(l, i);
		if (l->clients[i].fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
			serve(l, i);
	} else if (l->s->nodes[what - EVENT_NODE].control_fd >= 0) {
		supervisor_node_event(l->s, what - EVENT_NODE);
	}
}

static bool all_stopped(const struct supervisor *s)
{
	for (size_t i = 0; i < s->topo->n_nodes; i++) {
		if (s->nodes[i].pid && !s->nodes[i].stopped)
			return false;
	}
	return s->recording.pid == 0; /* it writes what it has */
}

/** Milliseconds until one who waits for a service has waited long enough; -1 = nobody waits. */
static int waiting_ms(const struct loop *l)
{
	uint64_t first = UINT64_MAX, now;

	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		const struct client *c = &l->clients[i];

		if (c->fd >= 0 && c->wait.active && c->wait.deadline_ns < first)
			first = c->wait.deadline_ns;
	}
	if (first == UINT64_MAX)
		return -1;
	now = sys_monotonic_ns();
	first = first > now ? (first - now) / 1000000 + 1 : 0;
	return first < INT_MAX ? (int)first : INT_MAX;
}

/** Milliseconds until the stop's time is over; -1 while nobody stops; 0 = it is over. */
static int patience_ms(const struct supervisor *s)
{
	uint64_t now;

	if (!s->stopping)
		return -1;
	now = sys_monotonic_ns();
	if (all_stopped(s) || now >= s->stop_deadline_ns)
		return 0;
	return (int)((s->stop_deadline_ns - now) / 1000000) + 1;
}

static int watch_all(struct loop *l)
{
	struct supervisor *s = l->s;
	int r = watch(l, s->listen_fd, EVENT_LISTEN, EPOLLIN);

	if (r == 0)
		r = watch(l, s->signal_fd, EVENT_SIGNAL, EPOLLIN);
	if (r == 0 && s->up_fd >= 0)
		r = watch(l, s->up_fd, EVENT_CALLER, EPOLLIN);
	if (r == 0 && s->caller_fd >= 0)
		r = watch(l, s->caller_fd, EVENT_CALLER, EPOLLIN);
	if (r == 0 && s->timeline)
		r = watch(l, timeline_fd(s->timeline), EVENT_TIMELINE, EPOLLIN);
	if (r == 0 && limits_fd(s) >= 0)
		r = watch(l, limits_fd(s), EVENT_LIMITS, EPOLLIN);
	for (size_t i = 0; i < s->topo->n_nodes && r == 0; i++) {
		if (s->nodes[i].control_fd >= 0)
			r = watch(l, s->nodes[i].control_fd, EVENT_NODE + i, EPOLLIN);
	}
	return r;
}

/** Waits also for what nodes say that were brought back. Those of the others are there already: -EEXIST. */
static void hear_returned(struct loop *l)
{
	struct supervisor *s = l->s;

	for (size_t i = 0; i < s->topo->n_nodes && s->node_returned; i++) {
		if (s->nodes[i].control_fd >= 0)
			(void)watch(l, s->nodes[i].control_fd, EVENT_NODE + i, EPOLLIN);
	}
	s->node_returned = false;
}

bool control_loop(struct supervisor *s)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return false;
	l->s = s;
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		l->clients[i] = (struct client){ .fd = -1, .pass_fd = -1 };
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0 || watch_all(l) < 0)
		return false;
	while (!l->ended) {
		enum { AT_ONCE = 32 };
		struct epoll_event events[AT_ONCE];
		int patience = patience_ms(s), n;

		if (patience == 0)
			return false;
		if (patience < 0)
			patience = waiting_ms(l);
		n = epoll_wait(l->epoll_fd, events, AT_ONCE, patience);
		for (int i = 0; i < n; i++)
			on_event(l, events[i].data.u64, events[i].events);
		services_run(s);
		serve_waiting(l);
		hear_returned(l);
	}
	return true;
}
