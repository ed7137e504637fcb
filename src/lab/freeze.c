/* SPDX-License-Identifier: MIT */
/* Freezing a node: all its processes into one cgroup that stands still. See limits.h. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "lab/limits.h"
#include "sys/ns_pids.h"

enum {
	/* Whoever forks as fast as it can has one child more at each pass, but all that were moved stand still. */
	PASSES_MAX = 1000,
	/* A process that waits for a disk cannot be stopped before; others have to run once, which they may not for a while
	 * on a busy machine. */
	STOP_MS = 5000,
	FREEZER = SYS_CGROUP_BIT(SYS_CGROUP_FREEZER),
};

bool limits_is_frozen(const struct supervisor *s, size_t node)
{
	return s->limits && s->limits->nodes[node].frozen;
}

int limits_refuse_frozen(const struct supervisor *s, size_t node, struct netlab_err *err)
{
	if (!limits_is_frozen(s, node))
		return 0;
	err_set(err, EBUSY, "node '%s' is frozen", s->topo->nodes[node].name);
	return err_hint(err, "`netlab thaw %s`", s->topo->nodes[node].name);
}

/** The parent for frozen nodes. @return its index; negative errno */
static int find_parent(struct supervisor *s, struct netlab_err *err)
{
	int r = limits_new(s, err);

	for (unsigned pass = 0; pass < 2 && r == 0; pass++) {
		for (unsigned i = 0; i < s->limits->n_parents; i++) {
			if (s->limits->parents[i].cgroup.uses & FREEZER)
				return (int)i;
		}
		if (pass == 0)
			r = limits_add_parents(s, FREEZER, 0, err);
	}
	return r < 0 ? r : err_set(err, ENOENT, "no freezer");
}

static int by_number(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return x < y ? -1 : x > y;
}

/** Moves all processes of the node into the cgroup that are not in it. @return how many there were; negative errno */
static int move_outsiders(struct supervisor *s, size_t node, const struct sys_cgroup *c)
{
	_cleanup_free_ pid_t *inside = NULL, *all = NULL;
	size_t n_inside = 0, n_all = 0;
	int moved = 0, r = sys_ns_pids(s->host_proc_fd, s->nodes[node].host_pid, &all, &n_all);

	if (r == 0)
		r = sys_cgroup_members(c->dir, &inside, &n_inside);
	if (r < 0)
		return r;
	if (n_inside > 1)
		qsort(inside, n_inside, sizeof(*inside), by_number);
	for (size_t i = 0; i < n_all && r == 0; i++) {
		if (n_inside > 0 && bsearch(&all[i], inside, n_inside, sizeof(*inside), by_number))
			continue;
		r = sys_cgroup_add(c->dir, all[i]);
		moved++;
	}
	return r < 0 ? r : moved;
}

static int freeze(struct supervisor *s, size_t node, const struct sys_cgroup *c)
{
	int r = sys_cgroup_freeze(c, true);

	for (unsigned pass = 0; pass < PASSES_MAX && r == 0; pass++) {
		r = move_outsiders(s, node, c);
		if (r == 0)
			return sys_cgroup_wait_frozen(c, true, STOP_MS);
		if (r > 0)
			r = 0;
	}
	return r < 0 ? r : -EAGAIN;
}

static int explain(int r, const char *name, bool on, struct netlab_err *err)
{
	err_errno(err, r, "%s node '%s'", on ? "freezing" : "thawing", name);
	if (r == -ETIME)
		err_hint(
			err,
			"one of its processes cannot be stopped (`netlab ps` shows it in state D), or this host is very busy");
	else if (r == -EAGAIN)
		err_hint(err,
			 "its processes fork faster than they can be caught: give it limits.pids");
	return r;
}

int limits_freeze(struct supervisor *s, size_t node, bool on, struct netlab_err *err)
{
	const char *name = s->topo->nodes[node].name;
	struct sys_cgroup c;
	int parent, r;

	if (!on && !limits_is_frozen(s, node))
		return 0;
	if (!topo_is_ip(&s->topo->nodes[node])) {
		err_set(err, EINVAL,
			"node '%s' is a %s: the kernel forwards its frames, and there is no process that could be frozen",
			name, topo_kind_name(s->topo->nodes[node].kind));
		err_class(err, NETLAB_EXIT_USAGE);
		return err_hint(err, "`netlab link down` cuts a link");
	}
	parent = find_parent(s, err);
	r = parent < 0 ? parent : limits_make(s, node, (unsigned)parent, err);
	if (r < 0)
		return err_wrap(err, "freezing node '%s'", name);
	c = limits_cgroup(s, node, (unsigned)parent);
	if (!c.dir)
		return err_set(err, ENOMEM, "out of memory");
	if (on) {
		r = freeze(s, node, &c);
		if (r < 0 && !limits_is_frozen(s, node))
			(void)sys_cgroup_freeze(&c, false);
	} else {
		r = sys_cgroup_freeze(&c, false);
		if (r == 0)
			r = sys_cgroup_wait_frozen(&c, false, STOP_MS);
	}
	free(c.dir);
	if (r < 0)
		return explain(r, name, on, err);
	s->limits->nodes[node].frozen = on;
	if (!on)
		s->services_changed = true; /* what waits in it may start now */
	return 0;
}
