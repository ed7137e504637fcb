/* SPDX-License-Identifier: MIT */
/* The cgroups of nodes with limits: made, entered, reported. See limits.h. */
#include "lab/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/units.h"
#include "sys/fs.h"

enum {
	/* v1 announces that memory ran out before it kills: the kill is looked for this often, this many times. */
	LOOK_AGAIN_MS = 25,
	LOOKS = 80,
};

/* Accounting; and freezing, lest a process that is frozen later had to leave the v2 cgroup that limits it. */
#define WELCOME                                                                    \
	(SYS_CGROUP_BIT(SYS_CGROUP_MEMORY) | SYS_CGROUP_BIT(SYS_CGROUP_CPU_TIME) | \
	 SYS_CGROUP_BIT(SYS_CGROUP_PIDS) | SYS_CGROUP_BIT(SYS_CGROUP_FREEZER))

static int no_memory(struct netlab_err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

/* --- the lab's directories --- */

int limits_new(struct supervisor *s, struct netlab_err *err)
{
	struct limits *l;
	uint64_t tag;

	if (s->limits)
		return 0;
	l = calloc(1, sizeof(*l));
	if (l)
		l->nodes = calloc(s->topo->n_nodes + 1, sizeof(*l->nodes));
	if (!l || !l->nodes || getrandom(&tag, sizeof(tag), 0) != sizeof(tag)) {
		free(l ? l->nodes : NULL);
		free(l);
		return no_memory(err);
	}
	for (size_t i = 0; i < s->topo->n_nodes; i++)
		l->nodes[i].memory_fd = -1;
	l->epoll_fd = l->timer_fd = -1;
	snprintf(l->tag, sizeof(l->tag), "%016" PRIx64, tag);
	s->limits = l;
	return 0;
}

void limits_free(struct supervisor *s)
{
	struct limits *l = s->limits;

	if (!l)
		return;
	for (unsigned i = 0; i < l->n_parents; i++)
		free(l->parents[i].cgroup.dir);
	for (size_t i = 0; i < s->topo->n_nodes; i++) {
		if (l->nodes[i].memory_fd >= 0)
			close(l->nodes[i].memory_fd);
	}
	if (l->epoll_fd >= 0)
		close(l->epoll_fd);
	if (l->timer_fd >= 0)
		close(l->timer_fd);
	free(l->nodes);
	free(l);
	s->limits = NULL;
}

/** Writes all directories of the lab into its run directory. */
static int record(struct supervisor *s, struct netlab_err *err)
{
	_cleanup_buf_ struct buf b = { 0 };
	int r;

	for (unsigned i = 0; i < s->limits->n_parents; i++)
		buf_printf(&b, "%s\n", s->limits->parents[i].cgroup.dir);
	if (!buf_text(&b))
		return no_memory(err);
	r = sys_write_file(s->dir->fd, RUNDIR_CGROUPS, b.data, b.len);
	return r < 0 ? err_errno(err, r, "writing '%s/" RUNDIR_CGROUPS "'", s->dir->path) : 0;
}

static int add_parent(struct supervisor *s, const struct sys_cgroup *place)
{
	struct limits *l = s->limits;
	struct limits_parent *p = &l->parents[l->n_parents];
	char *dir;

	if (asprintf(&dir, "%s/" RUNDIR_CGROUP_PREFIX "%s-%s", place->dir, s->topo->name, l->tag) <
	    0)
		return -ENOMEM;
	for (unsigned i = 0; i < l->n_parents; i++) {
		if (strcmp(l->parents[i].cgroup.dir, dir) == 0) {
			l->parents[i].cgroup.uses |= place->uses;
			free(dir);
			return 0;
		}
	}
	*p = (struct limits_parent){ .cgroup = *place };
	p->cgroup.dir = dir;
	l->n_parents++;
	return 0;
}

int limits_add_parents(struct supervisor *s, unsigned wanted, unsigned welcome,
		       struct netlab_err *err)
{
	struct sys_cgroup_places places;
	int r = sys_cgroup_find(NULL, wanted, welcome, &places, err);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < places.n && r == 0; i++)
		r = add_parent(s, &places.at[i]);
	sys_cgroup_places_deinit(&places);
	return r < 0 ? no_memory(err) : record(s, err);
}

struct sys_cgroup limits_cgroup(const struct supervisor *s, size_t node, unsigned parent)
{
	struct sys_cgroup c = s->limits->parents[parent].cgroup;
	char *dir;

	if (asprintf(&dir, "%s/node-%s", c.dir, s->topo->nodes[node].name) < 0)
		dir = NULL;
	c.dir = dir;
	return c;
}

static int make_parent(struct limits_parent *p, struct netlab_err *err)
{
	int r = p->made ? 0 : sys_cgroup_make_parent(&p->cgroup);

	if (r < 0) {
		err_errno(err, r, "making the cgroup '%.300s'", p->cgroup.dir);
		if (r == -EPERM || r == -EACCES || r == -EROFS || r == -ENOSPC || r == -EAGAIN)
			err_class(err, NETLAB_EXIT_UNSUPPORTED);
		if (r == -ENOSPC || r == -EAGAIN)
			err_hint(err, "raise cgroup.max.descendants and cgroup.max.depth above it");
		return r;
	}
	p->made = true;
	return 0;
}

int limits_make(struct supervisor *s, size_t node, unsigned parent, struct netlab_err *err)
{
	struct limits_node *n = &s->limits->nodes[node];
	struct sys_cgroup c;
	int r;

	if (n->made & 1u << parent)
		return 0;
	r = make_parent(&s->limits->parents[parent], err);
	if (r < 0)
		return r;
	c = limits_cgroup(s, node, parent);
	r = c.dir ? sys_cgroup_make(&c) : -ENOMEM;
	if (r < 0)
		err_errno(err, r, "node '%s': making the cgroup '%.300s'",
			  s->topo->nodes[node].name, c.dir ? c.dir : "");
	else
		n->made |= 1u << parent;
	free(c.dir);
	return r;
}

/* --- memory that ran out --- */

static int watch(struct limits *l, int fd, uint64_t what)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLPRI, .data.u64 = what };

	return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

static int watch_memory(struct supervisor *s, size_t node, const struct sys_cgroup *c)
{
	struct limits *l = s->limits;
	int fd, r = 0;

	if (l->epoll_fd < 0) {
		l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
		l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
		if (l->epoll_fd < 0 || l->timer_fd < 0)
			return -errno;
		r = watch(l, l->timer_fd, s->topo->n_nodes);
	}
	fd = r == 0 ? sys_cgroup_watch_memory(c) : r;
	if (fd < 0)
		return fd;
	l->nodes[node].memory_fd = fd;
	return watch(l, fd, node);
}

int limits_fd(const struct supervisor *s)
{
	return s->limits ? s->limits->epoll_fd : -1;
}

static struct sys_cgroup_usage read_usage(const struct supervisor *s, size_t node)
{
	struct sys_cgroup_usage u = SYS_CGROUP_USAGE_UNKNOWN;

	for (unsigned i = 0; i < s->limits->n_parents; i++) {
		struct sys_cgroup c;

		if (!(s->limits->nodes[node].made & 1u << i))
			continue;
		c = limits_cgroup(s, node, i);
		if (c.dir)
			sys_cgroup_read_usage(&c, &u);
		free(c.dir);
	}
	return u;
}

/** Logs kills that were not told of yet. @return whether there were any */
static bool tell_kills(struct supervisor *s, size_t node, int64_t kills)
{
	struct limits_node *n = &s->limits->nodes[node];
	_cleanup_buf_ struct buf limit = { 0 };
	int64_t more = kills - n->oom_kills;

	if (more <= 0)
		return false;
	n->oom_kills = kills;
	n->looks = 0;
	units_format_size(&limit, s->topo->nodes[node].limits.memory_bytes);
	supervisor_log("node '%s' ran out of memory (its limit is %s): %" PRId64
		       " process%s killed",
		       s->topo->nodes[node].name, buf_text(&limit) ? buf_text(&limit) : "?", more,
		       more == 1 ? " was" : "es were");
	return true;
}

static void look_again_soon(struct limits *l)
{
	const struct itimerspec soon = { .it_value.tv_nsec = LOOK_AGAIN_MS * 1000000 };

	(void)timerfd_settime(l->timer_fd, 0, &soon, NULL);
}

void limits_on_event(struct supervisor *s)
{
	enum { AT_ONCE = 16 };
	struct limits *l = s->limits;
	struct epoll_event events[AT_ONCE];
	int n = epoll_wait(l->epoll_fd, events, AT_ONCE, 0);
	bool again = false;

	for (int i = 0; i < n; i++) {
		uint64_t what = events[i].data.u64, times;

		if (what < s->topo->n_nodes) {
			sys_cgroup_watch_read(l->nodes[what].memory_fd);
			l->nodes[what].looks = LOOKS;
		} else {
			(void)!read(l->timer_fd, &times, sizeof(times));
		}
	}
	for (size_t i = 0; i < s->topo->n_nodes; i++) {
		if (l->nodes[i].looks == 0 || tell_kills(s, i, read_usage(s, i).oom_kills))
			continue;
		l->nodes[i].looks--;
		again = true;
	}
	if (again)
		look_again_soon(l);
}

void limits_explain(struct supervisor *s, size_t node, struct netlab_err *err)
{
	_cleanup_buf_ struct buf limit = { 0 };

	if (!s->limits || !s->limits->nodes[node].made || read_usage(s, node).oom_kills <= 0)
		return;
	units_format_size(&limit, s->topo->nodes[node].limits.memory_bytes);
	err_hint(err, "it ran out of memory: its limit is %s",
		 buf_text(&limit) ? buf_text(&limit) : "?");
}

/* --- nodes with limits --- */

static unsigned asked(const struct topo_limits *l)
{
	return (l->memory_bytes ? SYS_CGROUP_BIT(SYS_CGROUP_MEMORY) : 0) |
	       (l->cpu_milli ? SYS_CGROUP_BIT(SYS_CGROUP_CPU) : 0) |
	       (l->pids ? SYS_CGROUP_BIT(SYS_CGROUP_PIDS) : 0);
}

static int set_limits(struct supervisor *s, size_t node, unsigned parent, struct netlab_err *err)
{
	const struct topo_limits *t = &s->topo->nodes[node].limits;
	const struct sys_cgroup_limits limits = { t->memory_bytes, t->cpu_milli, t->pids };
	struct sys_cgroup c = limits_cgroup(s, node, parent);
	int r = c.dir ? sys_cgroup_limit(&c, &limits, err) : no_memory(err);

	if (r == 0 && t->memory_bytes && c.uses & SYS_CGROUP_BIT(SYS_CGROUP_MEMORY)) {
		r = watch_memory(s, node, &c);
		if (r < 0)
			err_errno(err, r, "watching the cgroup '%.300s'", c.dir);
	}
	free(c.dir);
	return r;
}

static int make_node(struct supervisor *s, size_t node, struct netlab_err *err)
{
	for (unsigned i = 0; i < s->limits->n_parents; i++) {
		int r = limits_make(s, node, i, err);

		if (r == 0)
			r = set_limits(s, node, i, err);
		if (r < 0)
			return err_wrap(err, "node '%s': 'limits'", s->topo->nodes[node].name);
	}
	return 0;
}

int limits_begin(struct supervisor *s, struct netlab_err *err)
{
	unsigned wanted = 0, first = UINT32_MAX;
	int r;

	for (size_t i = 0; i < s->topo->n_nodes; i++) {
		const struct topo_limits *l = &s->topo->nodes[i].limits;

		if (!l->given)
			continue;
		/* only to count: then that at least must be possible */
		wanted |= asked(l) ? asked(l) : SYS_CGROUP_BIT(SYS_CGROUP_CPU_TIME);
		if (first == UINT32_MAX)
			first = (unsigned)i;
	}
	if (wanted == 0)
		return 0;
	r = limits_new(s, err);
	if (r == 0)
		r = limits_add_parents(s, wanted, WELCOME, err);
	if (r < 0)
		return err_wrap(err, "node '%s': 'limits'", s->topo->nodes[first].name);
	for (size_t i = 0; i < s->topo->n_nodes && r == 0; i++) {
		if (s->topo->nodes[i].limits.given)
			r = make_node(s, i, err);
	}
	return r;
}

/* --- getting in --- */

int limits_enter(struct supervisor *s, size_t node, struct limits_entry *ret,
		 struct netlab_err *err)
{
	unsigned n = 0;
	int r = 0;

	ret->born_in = -1;
	for (unsigned i = 0; i < NODE_CGROUPS_MAX; i++)
		ret->join[i] = -1;
	for (unsigned i = 0; s->limits && i < s->limits->n_parents && r >= 0; i++) {
		struct sys_cgroup c;

		if (!(s->limits->nodes[node].made & 1u << i))
			continue;
		c = limits_cgroup(s, node, i);
		r = !c.dir ? -ENOMEM
		    : c.v2 ? sys_open_dir(AT_FDCWD, c.dir)
			   : sys_cgroup_open(c.dir);
		if (r >= 0 && c.v2)
			ret->born_in = r;
		else if (r >= 0)
			ret->join[n++] = r;
		free(c.dir);
	}
	if (r >= 0)
		return 0;
	limits_entered(ret);
	return err_errno(err, r, "node '%s': opening its cgroup", s->topo->nodes[node].name);
}

void limits_entered(struct limits_entry *e)
{
	if (e->born_in >= 0)
		close(e->born_in);
	for (unsigned i = 0; i < NODE_CGROUPS_MAX; i++) {
		if (e->join[i] >= 0)
			close(e->join[i]);
	}
}

json_t *limits_directories(const struct supervisor *s, size_t node)
{
	json_t *list = json_array();

	for (unsigned i = 0; s->limits && i < s->limits->n_parents; i++) {
		struct sys_cgroup c;

		if (!(s->limits->nodes[node].made & 1u << i))
			continue;
		c = limits_cgroup(s, node, i);
		if (!c.dir || json_array_append_new(list, json_string(c.dir)) < 0) {
			free(c.dir);
			json_decref(list);
			return NULL;
		}
		free(c.dir);
	}
	return list;
}

/* --- what is said of it --- */

static void set_number(json_t *o, const char *key, int64_t value)
{
	json_object_set_new(o, key, value < 0 ? json_null() : json_integer(value));
}

static void set_seconds(json_t *o, const char *key, int64_t us)
{
	json_object_set_new(o, key, us < 0 ? json_null() : json_real((double)us / 1e6));
}

void limits_report(struct supervisor *s, size_t node, json_t *o)
{
	const struct topo_limits *l = &s->topo->nodes[node].limits;
	struct sys_cgroup_usage u;
	json_t *limits, *usage;

	if (!l->given || !s->limits)
		return;
	limits = json_object();
	if (l->memory_bytes)
		set_number(limits, "memory_bytes", (int64_t)l->memory_bytes);
	if (l->cpu_milli)
		json_object_set_new(limits, "cpu", json_real(l->cpu_milli / 1000.0));
	if (l->pids)
		set_number(limits, "pids", l->pids);
	json_object_set_new(o, "limits", limits);
	u = read_usage(s, node);
	(void)tell_kills(s, node, u.oom_kills);
	usage = json_object();
	set_number(usage, "memory_bytes", u.memory_bytes);
	set_number(usage, "memory_peak_bytes", u.memory_peak_bytes);
	set_number(usage, "oom_kills", u.oom_kills);
	set_seconds(usage, "cpu_s", u.cpu_us);
	set_seconds(usage, "cpu_throttled_s", u.throttled_us);
	set_number(usage, "pids", u.pids);
	set_number(usage, "pids_peak", u.pids_peak);
	set_number(usage, "pids_refused", u.pids_refused);
	json_object_set_new(o, "usage", usage);
}

/* --- the end --- */

void limits_thaw_all(struct supervisor *s)
{
	for (unsigned i = 0; s->limits && i < s->limits->n_parents; i++) {
		const struct sys_cgroup *c = &s->limits->parents[i].cgroup;

		if (c->uses & SYS_CGROUP_BIT(SYS_CGROUP_FREEZER))
			sys_cgroup_thaw_below(c->dir);
	}
	for (size_t i = 0; s->limits && i < s->topo->n_nodes; i++)
		s->limits->nodes[i].frozen = false;
}

void limits_end_nodes(struct supervisor *s)
{
	if (!s->limits)
		return;
	limits_thaw_all(s);
	for (size_t i = 0; i < s->topo->n_nodes; i++) {
		if (s->nodes[i].pid > 0)
			(void)kill(s->nodes[i].pid, SIGKILL);
	}
	for (size_t i = 0; i < s->topo->n_nodes; i++) {
		if (s->nodes[i].pid > 0)
			(void)waitpid(s->nodes[i].pid, NULL, 0);
	}
}
