/* SPDX-License-Identifier: MIT */
/* Checks that need more than the topology's text. */
#include "lab/check.h"

#include <errno.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "base/units.h"
#include "lab/traces.h"
#include "sys/fs.h"
#include "sys/match.h"

struct check {
	const struct topo *topo;
	lab_problem_fn *tell;
	void *ctx;
	struct map traces; /* paths that have been read */
	struct map paths;  /* paths that have been looked for */
	int result;
};

static void problem(struct check *c, const char *pointer, struct netlab_err *err)
{
	c->result = err->code == -ENOMEM ? -ENOMEM : -EINVAL;
	c->tell(c->ctx, false, pointer, err);
}

static void check_trace(struct check *c, const struct impairment *m, const char *link)
{
	struct trace trace = { 0 };
	struct netlab_err err = { 0 };
	int added;

	if (!impair_asks(m, IMPAIR_RATE) || !m->rate_trace)
		return;
	added = map_add(&c->traces, m->rate_trace, 0, NULL);
	if (added < 0)
		c->result = -ENOMEM;
	if (added != 0)
		return;
	if (lab_trace_read(m->rate_trace, &trace, &err) < 0) {
		(void)err_wrap(&err, "link '%s'", link);
		problem(c, NULL, &err);
	}
	trace_deinit(&trace);
}

static void check_event(struct check *c, const struct topo_event *e, size_t number)
{
	struct sys_match match = { 0 };
	struct netlab_err err = { 0 };
	char pointer[64];

	if (e->trigger == TOPO_ON_PACKET && sys_match_compile(e->match, &match, &err) < 0) {
		(void)err_wrap(&err, "timeline: event %zu", number);
		(void)snprintf(pointer, sizeof(pointer), "/timeline/%zu/when/packet/1", number - 1);
		problem(c, pointer, &err);
	}
	sys_match_deinit(&match);
	for (unsigned d = 0; d < 2 && e->action == TOPO_CHANGE; d++)
		check_trace(c, &e->keys[d], c->topo->links[e->link].name);
}

static void check_fault(struct check *c, const struct topo_fault *f, size_t number)
{
	struct sys_match match = { 0 };
	struct netlab_err err = { 0 };
	char pointer[64];

	if (sys_match_compile(f->match, &match, &err) < 0) {
		(void)err_wrap(&err, "faults: rule %zu", number);
		(void)snprintf(pointer, sizeof(pointer), "/faults/%zu/match", number - 1);
		problem(c, pointer, &err);
	}
	sys_match_deinit(&match);
}

/* Something of the host's that a node is given. Each path is told of once: a default is that of a thousand nodes. */
static void check_path(struct check *c, const char *node, const char *what, const char *path,
		       bool directory)
{
	struct netlab_err err = { 0 };
	int r = path ? map_add(&c->paths, path, 0, NULL) : 1;

	if (r < 0)
		c->result = -ENOMEM;
	if (r != 0)
		return;
	r = sys_path_check(path, directory);
	if (r != -ENOENT && r != -ENOTDIR) /* who may not look does not know */
		return;
	(void)err_errno(&err, r, "node '%s': %s '%s'", node, what, path);
	(void)err_hint(&err, "it has to be there when the lab comes up");
	c->tell(c->ctx, true, NULL, &err);
}

static void check_tree(struct check *c, const struct topo_node *n)
{
	check_path(c, n->name, "its 'rootfs'", n->tree.rootfs, true);
	for (size_t i = 0; i < n->tree.n_mounts; i++) {
		const struct topo_mount *m = &n->tree.mounts[i];

		if (m->kind == TOPO_MOUNT_BIND)
			check_path(c, n->name, "its mount of", m->source, false);
		else if (m->kind == TOPO_MOUNT_OVERLAY)
			check_path(c, n->name, "its overlay of", m->source, true);
	}
	for (size_t i = 0; i < n->tree.n_files; i++)
		check_path(c, n->name, "its file from", n->tree.files[i].from, false);
}

static void check_rate(const struct topo_link *link, uint64_t max_bps, lab_problem_fn *tell,
		       void *ctx)
{
	_cleanup_buf_ struct buf asked = { 0 }, moved = { 0 };
	struct netlab_err err = { 0 };
	uint64_t most = 0;

	for (unsigned d = 0; d < 2; d++) {
		if (impair_asks(&link->dir[d], IMPAIR_RATE) && link->dir[d].rate_bps > most)
			most = link->dir[d].rate_bps;
	}
	if (most <= max_bps)
		return;
	units_format_rate(&asked, most);
	units_format_rate(&moved, max_bps);
	(void)err_set(
		&err, EDOM,
		"link '%s': its 'rate' of %s is above the %s that this host moved when it was measured",
		link->name, buf_text(&asked) ? buf_text(&asked) : "?",
		buf_text(&moved) ? buf_text(&moved) : "?");
	(void)err_hint(&err, "see 'netlab doctor'; 'netlab stats' counts what comes too late");
	tell(ctx, true, NULL, &err);
}

void lab_check_rates(const struct topo *t, uint64_t max_rate_bps, lab_problem_fn *tell, void *ctx)
{
	for (size_t i = 0; i < t->n_links && max_rate_bps; i++)
		check_rate(&t->links[i], max_rate_bps, tell, ctx);
}

int lab_check(const struct topo *t, uint64_t max_rate_bps, lab_problem_fn *tell, void *ctx)
{
	struct check c = { .topo = t, .tell = tell, .ctx = ctx };

	for (size_t i = 0; i < t->n_links; i++) {
		for (unsigned d = 0; d < 2; d++)
			check_trace(&c, &t->links[i].dir[d], t->links[i].name);
	}
	lab_check_rates(t, max_rate_bps, tell, ctx);
	for (size_t i = 0; i < t->n_events; i++)
		check_event(&c, &t->timeline[i], i + 1);
	for (size_t i = 0; i < t->n_faults; i++)
		check_fault(&c, &t->faults[i], i + 1);
	for (size_t i = 0; i < t->n_nodes; i++)
		check_tree(&c, &t->nodes[i]);
	map_deinit(&c.traces);
	map_deinit(&c.paths);
	return c.result;
}
