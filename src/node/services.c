/* SPDX-License-Identifier: MIT */
/* The services of one node, kept by its init. */
#include "node/services.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/err.h"
#include "node/service_run.h"
#include "sys/clock.h"
#include "sys/sock.h"

enum {
	/* epoll data: 2 * index + one of them */
	WAKE_OUTPUT = 0,
	WAKE_FILE = 1,
	/* Output is read until there is none, when a service has ended: but not for ever, for what it left behind may go on. */
	LAST_READS_MAX = 8,
};

static const struct topo_service *service_at(const struct services *s, size_t index)
{
	return index < s->topo->n_services ? &s->topo->services[index]
					   : &s->topo->commands[index - s->topo->n_services];
}

int services_init(struct services *s, const struct node_boot *boot, int control_fd)
{
	const struct topo_node *topo = &boot->plan->topo->nodes[boot->node];

	*s = (struct services){
		.boot = boot,
		.topo = topo,
		.control_fd = control_fd,
		.epoll_fd = -1,
		.n = topo->n_services + topo->n_commands,
	};
	if (s->n == 0)
		return 0;
	s->items = calloc(s->n, sizeof(*s->items));
	if (!s->items)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++) {
		service_life_init(&s->items[i].life, service_at(s, i));
		s->items[i].log = (struct service_log){ .file_fd = -1, .pipe_fds = { -1, -1 } };
	}
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return s->epoll_fd < 0 ? -errno : 0;
}

static size_t index_of(const struct services *s, const struct service *v)
{
	return (size_t)(v - s->items);
}

/** Waits for its being ready no longer than it is starting, and tells the supervisor what it does not know. */
static void tell(struct services *s, struct service *v)
{
	struct node_event event = { .kind = NODE_SERVICE, .index = (uint32_t)index_of(s, v) };
	struct node_service now = {
		.state = v->life.state,
		.cause = v->life.cause,
		.was_ready = v->life.was_ready,
		.ended = v->life.ended,
		.status = v->life.status,
		.restarts = v->life.restarts,
		.check_code = v->ready.last_code,
		.pid = v->pid,
	};

	if (now.cause == SERVICE_CANNOT_RUN)
		memcpy(now.why, v->why, sizeof(now.why));
	if (v->life.state != SERVICE_STARTING)
		ready_end(&v->ready);
	if (memcmp(&now, &v->told, sizeof(now)) == 0)
		return;
	v->told = now;
	event.service = now;
	(void)sys_sock_send(s->control_fd, &event, sizeof(event), NULL, 0);
}

/* --- output --- */

static void hear(void *ctx, const char *data, size_t len)
{
	struct service *v = ctx;

	if (!v->heard)
		v->heard = ready_hear(&v->ready, data, len);
}

/** @return whether there was nothing more */
static bool take_output(struct service *v)
{
	bool empty = service_log_read(&v->log, hear, v);

	if (v->heard)
		service_life_ready(&v->life);
	return empty;
}

static int watch(struct services *s, int fd, uint64_t what)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = what };

	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

static int open_log(struct services *s, struct service *v, struct netlab_err *err)
{
	int r;

	if (v->log.file_fd >= 0)
		return 0;
	r = service_log_open(&v->log, s->boot->log_dir_fd, s->topo->name, v->life.about->name);
	if (r == 0)
		r = watch(s, v->log.pipe_fds[0], 2 * index_of(s, v) + WAKE_OUTPUT);
	if (r == 0)
		return 0;
	service_log_close(&v->log);
	return err_errno(err, r, "opening its log");
}

/* --- processes --- */

struct checker {
	struct services *s;
	struct service *v;
};

static pid_t run_checker(void *ctx, const char *const *argv)
{
	struct services *s = ((struct checker *)ctx)->s;
	struct netlab_err unwanted = { 0 };

	return service_run(&(struct service_run){ .boot = s->boot,
						  .service = ((struct checker *)ctx)->v->life.about,
						  .argv = argv,
						  .out_fd = -1 },
			   &unwanted);
}

/** @return whether what was wanting may be there later */
static bool is_passing(int error)
{
	return error == -EAGAIN || error == -ENOMEM || error == -EMFILE || error == -ENFILE;
}

static void start(struct services *s, struct service *v, struct netlab_err *err)
{
	const struct topo_service *about = v->life.about;
	uint64_t now = sys_monotonic_ns();
	pid_t pid = open_log(s, v, err);

	v->heard = false;
	if (pid == 0)
		service_log_new_run(&v->log);
	if (pid == 0 && ready_begin(&v->ready, &about->ready, now) < 0)
		pid = err_set(err, ENOMEM, "out of memory");
	if (pid == 0 && v->ready.inotify_fd >= 0)
		(void)watch(s, v->ready.inotify_fd, 2 * index_of(s, v) + WAKE_FILE);
	if (pid == 0)
		pid = service_run(&(struct service_run){ .boot = s->boot,
							 .service = about,
							 .argv = about->run,
							 .out_fd = v->log.pipe_fds[1] },
				  err);
	if (pid < 0) {
		/* the rest is zeros: tell() compares bytes */
		memset(v->why, 0, sizeof(v->why));
		(void)snprintf(v->why, sizeof(v->why), "%.*s", (int)sizeof(v->why) - 1,
			       err->message);
		if (is_passing(pid))
			service_life_not_now(&v->life, now);
		else
			service_life_cannot_run(&v->life);
		/* whoever ordered it waits for it as for one that has ended and comes back */
		if (v->life.state == SERVICE_BACKING_OFF)
			*err = (struct netlab_err){ 0 };
		return;
	}
	v->pid = pid;
	v->order = ++s->n_started;
	service_life_started(&v->life, now);
}

static void signal_group(const struct service *v, int signo)
{
	if (v->pid > 0)
		(void)kill(-v->pid, signo); /* each is a process group: setsid() */
}

/** Does what its life asks for, until that asks for nothing. */
static void perform(struct services *s, struct service *v, enum service_act act,
		    struct netlab_err *err)
{
	switch (act) {
	case SERVICE_DO_NOTHING:
		break;
	case SERVICE_DO_START:
		start(s, v, err);
		break;
	case SERVICE_DO_SIGNAL:
		signal_group(v, service_signal_number(v->life.about->stop_signal));
		signal_group(v, SIGCONT); /* one that is stopped could not hear it */
		break;
	case SERVICE_DO_KILL:
		signal_group(v, SIGKILL);
		break;
	}
	tell(s, v);
}

/* --- stopping --- */

/** Stops the last started of those that are left; when it has ended, the next. */
static void stop_next(struct services *s)
{
	struct service *last = NULL;

	for (size_t i = 0; i < s->topo->n_services; i++) {
		struct service *v = &s->items[i];

		if (v->life.state == SERVICE_STOPPING)
			return;
		if (service_life_runs(&v->life) && (!last || v->order > last->order))
			last = v;
	}
	if (last)
		perform(s, last, service_life_stop(&last->life, sys_monotonic_ns()), NULL);
}

void services_stop_all(struct services *s)
{
	uint64_t now = sys_monotonic_ns();

	s->stopping = true;
	for (size_t i = s->n; i > 0; i--) {
		struct service *v = &s->items[i - 1];

		/* none is to be started again meanwhile */
		v->life.again = false;
		if (i > s->topo->n_services || !service_life_runs(&v->life))
			perform(s, v, service_life_stop(&v->life, now), NULL);
	}
	stop_next(s);
}

bool services_any_running(const struct services *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (service_life_runs(&s->items[i].life))
			return true;
	}
	return false;
}

/* --- what happens --- */

void services_signal(struct services *s, int signo)
{
	for (size_t i = s->n; i > 0; i--)
		signal_group(&s->items[i - 1], signo);
}

static void ended(struct services *s, struct service *v, int status)
{
	struct netlab_err unwanted = { 0 };
	pid_t pid = v->pid;
	enum service_act act;

	/* what it wrote comes before its end, in the log and to those who wait for a line of it */
	for (unsigned i = 0; i < LAST_READS_MAX && !take_output(v); i++)
		;
	v->pid = 0;
	if (s->stopping && v->life.state != SERVICE_STOPPING)
		(void)service_life_stop(&v->life, 0);
	act = service_life_ended(&v->life, status, sys_monotonic_ns());
	if (v->life.state != SERVICE_EXITED)
		(void)kill(-pid, SIGKILL); /* what is left of it would be in the next one's way */
	perform(s, v, act, &unwanted);
	if (s->stopping)
		stop_next(s);
}

void services_reaped(struct services *s, pid_t pid, int status)
{
	for (size_t i = 0; i < s->n; i++) {
		struct service *v = &s->items[i];
		bool ready = false;

		if (v->pid == pid) {
			ended(s, v, status);
			return;
		}
		if (!ready_child(&v->ready, pid, status, sys_monotonic_ns(), &ready))
			continue;
		if (ready)
			service_life_ready(&v->life);
		tell(s, v);
		return;
	}
}

int services_fd(const struct services *s)
{
	return s->epoll_fd;
}

uint64_t services_next(const struct services *s)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < s->n; i++) {
		uint64_t life = service_life_next(&s->items[i].life),
			 ready = ready_next(&s->items[i].ready);

		next = life < next ? life : next;
		next = ready < next ? ready : next;
	}
	return next;
}

static void look(struct services *s, struct service *v, uint64_t now)
{
	struct netlab_err unwanted = { 0 };
	struct checker checker = { s, v };

	if (v->life.state == SERVICE_STARTING &&
	    ready_look(&v->ready, now, run_checker, &checker)) {
		service_life_ready(&v->life);
		tell(s, v);
	}
	if (service_life_next(&v->life) <= now)
		perform(s, v, service_life_tick(&v->life, now), &unwanted);
}

void services_wake(struct services *s)
{
	enum { AT_ONCE = 32 };
	struct epoll_event events[AT_ONCE];
	int n = s->epoll_fd < 0 ? 0 : epoll_wait(s->epoll_fd, events, AT_ONCE, 0);
	uint64_t now;

	for (int i = 0; i < n; i++) {
		struct service *v = &s->items[events[i].data.u64 / 2];

		if (events[i].data.u64 % 2 == WAKE_FILE) {
			ready_wake(&v->ready);
			continue;
		}
		(void)take_output(v);
		tell(s, v);
	}
	now = sys_monotonic_ns();
	for (size_t i = 0; i < s->n; i++)
		look(s, &s->items[i], now);
}

void services_order(struct services *s, const struct node_order *order, struct netlab_err *ret)
{
	uint64_t now = sys_monotonic_ns();
	struct service *v;

	if (order->index >= s->n) {
		err_set(ret, EINVAL, "there is no such service");
		return;
	}
	if (s->stopping) {
		err_set(ret, ESHUTDOWN, "the node is stopping");
		return;
	}
	v = &s->items[order->index];
	if (order->kind == NODE_START)
		perform(s, v, service_life_start(&v->life, now), ret);
	else if (order->kind == NODE_STOP_SERVICE)
		perform(s, v, service_life_stop(&v->life, now), ret);
	else
		perform(s, v, service_life_restart(&v->life, now), ret);
}
