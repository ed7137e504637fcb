/* SPDX-License-Identifier: MIT */
/* The process that is a lab, from its first instruction to its last. */
#include "lab/supervisor.h"
#include "lab/timeline.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "lab/faults.h"
#include "lab/limits.h"
#include "lab/node_power.h"
#include "lab/privileges.h"
#include "lab/services.h"
#include "lab/trace_store.h"
#include "node/init.h"
#include "sys/fs.h"
#include "sys/sock.h"
#include "sys/clock.h"

enum {
	ORDER_PATIENCE_MS = 5000, /* for what takes a millisecond */
	/* What nodes get to end their services in: each has SERVICE_GRACE_NS between its stop signal and SIGKILL, one after the
	   other, and nobody waits for ever. */
	STOP_MARGIN_MS = 1000,
	STOP_MAX_MS = 10000,
};

/* --- talking to the caller of lab_up() --- */

static void tell(struct supervisor *s, const struct up_message *m)
{
	if (s->up_fd >= 0)
		(void)sys_sock_send(s->up_fd, m, sizeof(*m), NULL, 0);
}

void supervisor_phase(struct supervisor *s, const char *phase)
{
	struct up_progress *p = s->progress;
	unsigned n = atomic_load_explicit(&p->n, memory_order_relaxed);
	uint64_t now = sys_monotonic_ns();

	if (n == UP_PHASES_MAX)
		return;
	snprintf(p->phases[n].name, sizeof(p->phases[n].name), "%s", phase);
	p->phases[n].elapsed_ms = (double)(now - s->phase_start_ns) / 1e6;
	atomic_store_explicit(&p->n, n + 1, memory_order_release);
	s->phase_start_ns = now;
}

void supervisor_warn(struct supervisor *s, const char *fmt, ...)
{
	struct up_message m = { .kind = UP_WARNING };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(m.text, sizeof(m.text), fmt, ap);
	va_end(ap);
	tell(s, &m);
}

void supervisor_log(const char *fmt, ...)
{
	char text[1024];
	struct timespec now;
	struct tm tm;
	va_list ap;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)dprintf(STDERR_FILENO, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s\n", tm.tm_year + 1900,
		      tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		      now.tv_nsec / 1000000, text);
}

int supervisor_refuse_dead(const struct supervisor *s, size_t node, struct netlab_err *err)
{
	const char *name = s->topo->nodes[node].name;

	if (s->nodes[node].pid > 0)
		return 0;
	(void)err_set(err, ESRCH, "node '%s' is dead", name);
	return err_hint(err, "`netlab restart %s` brings it back", name);
}

static void kill_nodes(const struct supervisor *s)
{
	for (size_t i = 0; i < s->topo->n_nodes; i++) {
		if (s->nodes[i].pid > 0)
			(void)kill(s->nodes[i].pid, SIGKILL);
	}
}

void supervisor_fail(struct supervisor *s, const struct netlab_err *err)
{
	if (s->failure[0])
		return;
	snprintf(s->failure, sizeof(s->failure), "%.255s", err->message);
	supervisor_log("the lab has failed: %s", s->failure);
	limits_thaw_all(s);
	kill_nodes(s);
}

static void fail(struct supervisor *s, const struct netlab_err *err)
{
	struct up_message m = { .kind = UP_FAILED, .err = *err };

	uplink_remove(s);
	tell(s, &m);
	_exit(1);
}

/* --- nodes --- */

/** What starts with the lab, and what the timeline starts. */
static size_t count_services(const struct topo_node *n)
{
	return n->n_services + n->n_commands;
}

static void forget_node(struct supervisor *s, size_t i)
{
	struct lab_node *node = &s->nodes[i];

	if (s->ready_ns && !s->stopping && !s->failure[0])
		node_links_aside(s, i); /* it may be brought back */
	/* These hold the dead node's network namespace alive: with them gone, its interfaces go. */
	if (node->control_fd >= 0)
		close(node->control_fd);
	if (node->rtnl_fd >= 0)
		close(node->rtnl_fd);
	(void)limits_freeze(s, i, false, NULL); /* nobody is left who could be thawed later */
	node->control_fd = node->rtnl_fd = -1;
	node->pid = 0;
	node->died = true;
	/* what was so of this init; the next one has no tree and owes nothing */
	node->has_root = false;
	node->owed = 0;
	services_lost(s, i);
}

bool supervisor_reap(struct supervisor *s)
{
	bool died = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == s->recording.pid) {
			recording_reaped(s, status);
			continue;
		}
		if (pid == s->wire.pid) {
			s->wire_ended = true;
			s->wire_status = status;
			continue;
		}
		for (size_t i = 0; i < s->topo->n_nodes; i++) {
			if (s->nodes[i].pid != pid)
				continue;
			forget_node(s, i);
			died = true;
			break;
		}
	}
	return died;
}

static void take_event(struct supervisor *s, size_t i, const struct node_event *e)
{
	struct lab_node *node = &s->nodes[i];

	switch (e->kind) {
	case NODE_DONE:
		break;
	case NODE_SERVICE:
		services_heard(s, i, e->index, &e->service);
		break;
	case NODE_STOPPED:
		node->stopped = true;
		break;
	}
}

/** An answer came that nobody waits for any more. */
static void take_owed(struct supervisor *s, size_t i)
{
	if (--s->nodes[i].owed == 0)
		s->services_changed = true; /* what waits in it may start now */
}

void supervisor_node_event(struct supervisor *s, size_t i)
{
	struct node_event e;

	/* since we were told that there is something, supervisor_order() may have heard it, or the init be another */
	if (sys_wait_readable(s->nodes[i].control_fd, 0) == -ETIME)
		return;
	if (sys_sock_recv(s->nodes[i].control_fd, &e, sizeof(e), NULL, NULL) ==
	    (ssize_t)sizeof(e)) {
		take_event(s, i, &e);
		if (e.kind == NODE_DONE && s->nodes[i].owed > 0)
			take_owed(s, i);
	} else
		forget_node(s, i); /* its init is gone; SIGCHLD follows */
}

int supervisor_order(struct supervisor *s, size_t i, int kind, uint32_t index,
		     struct netlab_err *err)
{
	struct node_order order = { .kind = (enum node_order_kind)kind, .index = index };
	struct lab_node *node = &s->nodes[i];
	int r = limits_refuse_frozen(s, i, err);

	if (r < 0)
		return r;
	r = sys_sock_send(node->control_fd, &order, sizeof(order), NULL, 0);
	while (r == 0) {
		struct node_event e;
		ssize_t n;

		/* a lab that runs does not wait for ever for a node that somebody has stopped */
		if (s->ready_ns &&
		    sys_wait_readable(node->control_fd, ORDER_PATIENCE_MS) == -ETIME) {
			node->owed++;
			err_set(err, ETIME, "its init does not answer");
			return err_hint(err,
					"is it stopped? (kill -CONT its pid, see `netlab show`)");
		}
		n = sys_sock_recv(node->control_fd, &e, sizeof(e), NULL, NULL);

		if (n != (ssize_t)sizeof(e)) {
			r = n < 0 ? (int)n : -ECONNRESET;
			break;
		}
		take_event(s, i, &e);
		if (e.kind != NODE_DONE)
			continue;
		if (node->owed > 0) {
			take_owed(s, i);
			continue;
		}
		if (err && e.err.code < 0)
			*err = e.err;
		return e.err.code;
	}
	return err_errno(err, r, "node '%s' does not answer", s->topo->nodes[i].name);
}

int supervisor_make_root(struct supervisor *s, size_t i, struct netlab_err *err)
{
	int r = s->nodes[i].has_root ? 0 : supervisor_order(s, i, NODE_ROOT, 0, err);

	if (r < 0)
		return err_wrap(err, "node '%s'", s->topo->nodes[i].name);
	s->nodes[i].has_root = true;
	return 0;
}

static uint64_t stop_patience_ms(const struct supervisor *s)
{
	uint64_t most = 1;

	for (size_t i = 0; i < s->topo->n_nodes; i++)
		most = s->topo->nodes[i].n_services > most ? s->topo->nodes[i].n_services : most;
	most = most * (SERVICE_GRACE_NS / 1000000) + STOP_MARGIN_MS;
	return most < STOP_MAX_MS ? most : STOP_MAX_MS;
}

void supervisor_stop(struct supervisor *s)
{
	struct node_order order = { .kind = NODE_STOP };

	if (s->stopping)
		return;
	s->stopping = true;
	recording_end(s);
	limits_thaw_all(s); /* to stop, services have to run */
	s->stop_deadline_ns = sys_monotonic_ns() + stop_patience_ms(s) * 1000000ull;
	for (size_t i = 0; i < s->topo->n_nodes; i++) {
		/* without services there is nothing to ask */
		if (count_services(&s->topo->nodes[i]) == 0 || s->nodes[i].pid == 0 ||
		    sys_sock_send(s->nodes[i].control_fd, &order, sizeof(order), NULL, 0) < 0)
			s->nodes[i].stopped = true;
	}
}

/* --- the beginning --- */

static int open_log(const struct rundir *dir)
{
	return sys_open(dir->fd, RUNDIR_LOG, O_WRONLY | O_CREAT | O_APPEND);
}

static int record_fd(const struct lab_up_options *o)
{
	return o->record ? o->record->dir_fd : -1;
}

static int script_fd(const struct lab_up_options *o)
{
	return o->replay ? o->replay->script_fd : -1;
}

/** Leaves the caller's terminal, files and signals. */
static int detach(struct supervisor *s, struct netlab_err *err)
{
	int keep[] = { s->up_fd,
		       s->dir->state_fd,
		       s->dir->fd,
		       s->dir->lock_fd,
		       s->caller_fd,
		       record_fd(s->options),
		       script_fd(s->options),
		       s->uplink.rtnl_fd,
		       s->uplink.nft_fd };
	sigset_t all, handled;
	int log_fd, r;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL); /* inherited as ignored, no exit code would reach us */
	setsid();
	umask(022);
	s->caller_dir = getcwd(NULL, 0);
	s->state_dir = strndup(s->dir->path, (size_t)(strrchr(s->dir->path, '/') - s->dir->path));
	if (!s->state_dir)
		return err_set(err, ENOMEM, "out of memory");
	if (chdir("/") < 0) /* the caller's directory is not to be kept busy */
		return err_errno(err, errno, "changing to the directory '/'");
	sys_set_comm("netlab-lab");
	sys_close_all_but(3, keep, ARRAY_SIZE(keep));
	log_fd = open_log(s->dir);
	if (log_fd < 0)
		return err_errno(err, log_fd, "opening '%s/" RUNDIR_LOG "'", s->dir->path);
	sys_redirect_stdio(log_fd);
	close(log_fd);
	sigemptyset(&handled);
	sigaddset(&handled, SIGCHLD);
	sigaddset(&handled, SIGTERM);
	sigaddset(&handled, SIGINT);
	s->signal_fd = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd < 0)
		return err_errno(err, errno, "signalfd");
	s->host_proc_fd = sys_open_dir(AT_FDCWD, "/proc");
	if (s->host_proc_fd < 0)
		return err_errno(err, s->host_proc_fd, "opening /proc");
	s->host_pid = sys_pid_seen_from(s->host_proc_fd);
	if (s->host_pid < 0)
		return err_errno(err, s->host_pid, "reading /proc/self");
	s->log_dir_fd = sys_open_dir(s->dir->fd, RUNDIR_LOGS);
	if (s->log_dir_fd < 0)
		return err_errno(err, s->log_dir_fd, "opening '%s/" RUNDIR_LOGS "'", s->dir->path);
	r = rundir_note_holder(s->dir, s->host_proc_fd, s->host_pid);
	if (r < 0)
		return err_errno(err, r, "writing to '%s/lock'", s->dir->path);
	r = sys_mounts_private();
	return r < 0 ? err_errno(err, r, "making mounts private") : 0;
}

static bool any_shaping(const struct topo *t)
{
	for (size_t i = 0; i < t->n_links; i++) {
		if (impairment_is_shaping(&t->links[i].dir[0]) ||
		    impairment_is_shaping(&t->links[i].dir[1]) ||
		    t->links[i].join == TOPO_JOIN_NETEM)
			return true;
	}
	return false;
}

int supervisor_probe(struct supervisor *s, struct netlab_err *err)
{
	struct netlab_err probe = { 0 };
	int r;

	if (s->probed)
		return 0;
	r = rt_probe_netem(s->fabric_fd, &probe);
	if (r == -ENOENT || r == -EOPNOTSUPP)
		s->host.no_netem = true;
	else if (r < 0) {
		*err = probe;
		return err_wrap(err, "trying netem");
	}
	s->probed = true;
	return 0;
}

/** While another process makes those of the nodes. */
static int own_network(struct netlab_err *err)
{
	int r = sys_unshare(SYS_NS_NET);

	if (r == 0)
		return 0;
	err_errno(err, r, "creating the lab's network namespace");
	if (r == -ENOSPC || r == -EUSERS) {
		err_class(err, NETLAB_EXIT_UNSUPPORTED);
		err_hint(err, "raise user.max_net_namespaces (sysctl)");
	}
	return r;
}

/** Opens the fabric's socket and finds out what the plan needs to know about this kernel. */
static int open_fabric(struct supervisor *s, struct netlab_err *err)
{
	s->fabric_fd = rt_open();
	if (s->fabric_fd < 0)
		return err_errno(err, s->fabric_fd, "rtnetlink socket of the fabric");
	return any_shaping(s->topo) ? supervisor_probe(s, err) : 0;
}

static int make_tables(struct supervisor *s, struct netlab_err *err)
{
	int r;

	s->nodes = calloc(s->topo->n_nodes + 1, sizeof(*s->nodes));
	s->links = calloc(s->topo->n_links + 1, sizeof(*s->links));
	if (!s->nodes || !s->links)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < s->topo->n_nodes; i++) {
		s->nodes[i].control_fd = s->nodes[i].rtnl_fd = -1;
		s->nodes[i].services = calloc(count_services(&s->topo->nodes[i]) + 1,
					      sizeof(*s->nodes[i].services));
		if (!s->nodes[i].services)
			return err_set(err, ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < s->topo->n_links; i++) {
		const struct topo_link *t = &s->topo->links[i];

		memcpy(s->links[i].asked, t->dir, sizeof(t->dir));
		memcpy(s->links[i].qdisc, s->plan->links[i].dir, sizeof(s->links[i].qdisc));
		s->links[i].join = s->plan->links[i].join;
		s->links[i].reason = s->plan->links[i].reason;
		s->links[i].carrier = t->carrier;
		s->links[i].no_offload = s->plan->links[i].no_offload;
	}
	stats_begin(s);
	r = faults_load(s, err);
	return r < 0 ? r : trace_store_load(s, err);
}

static int come_up(struct supervisor *s, struct netlab_err *err)
{
	int r = detach(s, err);

	if (r < 0)
		return r;
	sys_raise_nofile(&s->nofile);
	r = node_nets_begin(s, ALL_NODES, err);
	if (r == 0)
		r = own_network(err);
	if (r == 0)
		r = open_fabric(s, err);
	if (r < 0)
		return r;
	supervisor_phase(s, "start");
	s->host.recorded = s->options->record || s->options->replay;
	r = plan_build(s->topo, &s->host, &s->plan, err);
	if (r < 0)
		return r;
	r = make_tables(s, err);
	if (r < 0)
		return r;
	r = privileges_prepare(s, err);
	if (r < 0)
		return r;
	supervisor_phase(s, "plan");
	if (s->options->record) {
		r = recording_begin(s, s->options->record->dir_fd, err);
		close(s->options->record->dir_fd);
	}
	return r < 0 ? r : realise(s, err);
}

static int listen_control(struct supervisor *s, struct netlab_err *err)
{
	char path[64];

	/* by descriptor: a path may be longer than the 107 bytes of sun_path */
	snprintf(path, sizeof(path), "/proc/self/fd/%d/" RUNDIR_CONTROL, s->dir->fd);
	s->listen_fd = sys_sock_listen(path);
	return s->listen_fd < 0
		       ? err_errno(err, s->listen_fd, "control socket in '%s'", s->dir->path)
		       : 0;
}

/** Says that the lab is usable, and learns whether it shall outlive the caller. */
static void hand_over(struct supervisor *s)
{
	char reply = 0;

	tell(s, &(struct up_message){ .kind = UP_READY });
	if (s->options->bound_to_caller) {
		/* The caller's end is ours, with time left to tidy up: caller_fd tells of its death, up_fd of its
		   will. (The death signal would come when the calling thread ends, too.) */
		(void)sys_die_with_parent(false);
		return;
	}
	if (sys_sock_recv(s->up_fd, &reply, sizeof(reply), NULL, NULL) != 1 || reply != UP_KEEP)
		_exit(1);
	(void)sys_die_with_parent(false);
	close(s->up_fd);
	s->up_fd = -1;
}

void supervisor_main(const struct supervisor_boot *boot)
{
	struct supervisor s = {
		.options = boot->options,
		.topo = boot->options->topo,
		.dir = boot->dir,
		.up_fd = boot->up_fd,
		.progress = boot->progress,
		.caller_fd = boot->caller_fd,
		.rootless = boot->rootless,
		.host_proc_fd = -1,
		.log_dir_fd = -1,
		.signal_fd = -1,
		.listen_fd = -1,
		.fabric_fd = -1,
		.uplink = boot->uplink,
		.nets = NODE_NETS_INIT,
		.wire = { .pid = 0, .fd = -1 },
		.recording = { .tape_fd = -1, .wake_fd = -1 },
	};
	struct netlab_err err = { 0 };
	char reply = 0;

	/* If the caller died before this call, up_fd says so when it is used. */
	(void)sys_die_with_parent(true);
	if (boot->rootless &&
	    (sys_sock_recv(s.up_fd, &reply, sizeof(reply), NULL, NULL) != 1 || reply != UP_GO))
		_exit(1);
	s.phase_start_ns = sys_monotonic_ns();
	s.deadline_ns = s.phase_start_ns + boot->options->timeout_ns;
	if (come_up(&s, &err) < 0)
		fail(&s, &err);
	if (listen_control(&s, &err) < 0)
		fail(&s, &err);
	if (timeline_new(&s, &s.timeline, &err) < 0)
		fail(&s, &err);
	s.ready_ns = sys_monotonic_ns();
	s.started_s = (int64_t)time(NULL);
	faults_begin(&s);
	timeline_start(s.timeline);
	hand_over(&s);
	if (control_loop(&s)) { /* nobody is there who would */
		limits_end_nodes(&s);
		rundir_remove(s.dir, s.topo->name);
	} else {
		/* The kernel would kill them only when we are all but gone: now they die beside us. */
		kill_nodes(&s);
		rundir_empty(s.dir);
	}
	uplink_remove(&s);
	/* The end of PID 1 is the end of every process in the lab, and so of every namespace. */
	_exit(0);
}
