/* SPDX-License-Identifier: MIT */
/*
 * Verifying a lab: ask it what its links are to do, measure them batch by batch, say what was found.
 *
 * A batch is what this host is trusted to send and receive at once without being the bottleneck itself.
 */
#include "lab/verify.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "lab/client.h"
#include "lab/verify_probe.h"

#define SECOND_NS UINT64_C(1000000000)

enum { BATCH_LINKS = 64, BATCH_PROBES_PER_S = 5000 };
#define BATCH_TRAIN_BPS 300e6

struct batch {
	const char *names[BATCH_LINKS];
	const json_t *shown[BATCH_LINKS];
	struct verify_link *links; /* shared memory */
	size_t n;
	double probes_per_s, train_bps;
};

struct verify {
	const struct lab_verify_options *o;
	uint64_t duration_ns;
	double probes_per_s;
	json_t *shown;   /* lab_show() */
	json_t *results; /* by link's name */
	char **ends;     /* texts that verify_end points into; owned */
	size_t n_ends;
	int *node_fds; /* pidfds, of the batch */
	char **nodes;  /* whose */
	size_t n_nodes;
	bool rootless, ok;
	size_t done, of;
};

/* --- nodes --- */

static void close_nodes(struct verify *v)
{
	for (size_t i = 0; i < v->n_nodes; i++) {
		(void)close(v->node_fds[i]);
		free(v->nodes[i]);
	}
	v->n_nodes = 0;
}

/* @return the pidfd of a node, kept until close_nodes(); negative errno with *err */
static int open_node(struct verify *v, const char *name, struct netlab_err *err)
{
	json_t *reply = NULL;
	char *copy;
	int fd = -1, r;

	for (size_t i = 0; i < v->n_nodes; i++) {
		if (v->nodes[i] && strcmp(v->nodes[i], name) == 0)
			return v->node_fds[i];
	}
	r = lab_request(v->o->state_dir, v->o->lab,
			json_pack("{s:s,s:s}", "op", "exec", "node", name), &reply, &fd, err);
	if (r < 0)
		return r;
	v->rootless = json_is_true(json_object_get(reply, "rootless")) && geteuid() != 0;
	json_decref(reply);
	copy = strdup(name);
	if (!copy || fd < 0) {
		free(copy);
		if (fd >= 0)
			(void)close(fd);
		return err_set(err, ENOMEM, "out of memory");
	}
	v->nodes[v->n_nodes] = copy;
	v->node_fds[v->n_nodes++] = fd;
	return fd;
}

/* --- links --- */

/* Splits "node:interface" into two texts that live as long as v. */
static int read_end(struct verify *v, const char *text, struct verify_end *ret)
{
	char *copy = text ? strdup(text) : NULL, *colon = copy ? strchr(copy, ':') : NULL;

	if (!colon) {
		free(copy);
		return -EPROTO;
	}
	v->ends[v->n_ends++] = copy;
	*colon = '\0';
	*ret = (struct verify_end){ .node = copy, .ifname = colon + 1, .node_fd = -1 };
	return 0;
}

static json_t *new_entry(struct verify *v, const char *name, const json_t *shown)
{
	json_t *entry = json_pack("{s:s?, s:O, s:b}", "join",
				  json_string_value(json_object_get(shown, "join")), "endpoints",
				  json_object_get(shown, "endpoints"), "ok", true);

	if (entry && json_object_set_new(v->results, name, entry) < 0)
		entry = NULL;
	return entry;
}

/* The link cannot be measured, and that is not as asked. */
__attribute__((format(printf, 3, 4))) static void fail_link(struct verify *v, json_t *entry,
							    const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)json_object_set_new(entry, "error", json_string(text));
	(void)json_object_set_new(entry, "ok", json_false());
	v->ok = false;
}

static bool wants_carrier(const json_t *shown)
{
	return !json_is_false(json_object_get(shown, "carrier"));
}

/* A link whose ends see a cut cable, as asked or not. @return false where probes tell more */
static bool judge_ends(struct verify *v, const struct verify_link *l, const json_t *shown,
		       json_t *entry)
{
	const struct verify_end *bad = NULL;

	for (unsigned e = 0; e < 2; e++) {
		if (!bad && (l->ends[e].error || !l->ends[e].is_up || !l->ends[e].has_carrier))
			bad = &l->ends[e];
	}
	if (!wants_carrier(shown)) {
		if (bad)
			(void)json_object_set_new(entry, "note",
						  json_string("no carrier, as asked"));
		else
			fail_link(v, entry, "no carrier was asked for, and %s:%s has one",
				  l->ends[0].node, l->ends[0].ifname);
		return true;
	}
	if (!bad)
		return false;
	fail_link(v, entry,
		  bad->error == -ENODEV ? "node '%s' has no interface '%s' any more"
		  : bad->error          ? "in node '%s', the interface '%s' cannot be opened"
		  : !bad->is_up         ? "in node '%s', the interface '%s' is down"
					: "in node '%s', the interface '%s' has no carrier",
		  bad->node, bad->ifname);
	return true;
}

static int judge_link(struct verify *v, const struct verify_link *l, const char *name,
		      const json_t *shown)
{
	json_t *entry = json_object_get(v->results, name);

	if (judge_ends(v, l, shown, entry))
		return 0;
	for (unsigned d = 0; d < 2; d++) {
		struct verify_stream stream;
		struct verify_result result;
		int r;

		verify_stream_of(&l->ways[d], &stream);
		r = verify_judge(&l->ways[d].asked, &stream, &result);
		if (r < 0)
			return r;
		if (json_object_set_new(entry, topo_arrow(d), verify_result_json(&result)) < 0)
			return -ENOMEM;
		for (size_t i = 0; i < result.n; i++) {
			if (verify_is_bad(result.checks[i].verdict)) {
				(void)json_object_set_new(entry, "ok", json_false());
				v->ok = false;
			}
		}
	}
	return 0;
}

/* --- batches --- */

static void tell(const struct verify *v)
{
	if (v->o->on_progress)
		v->o->on_progress(v->o->ctx, v->done, v->of);
}

static int measure_batch(struct verify *v, struct batch *b, struct netlab_err *err)
{
	int r = 0;

	tell(v);
	if (b->n > 0) {
		r = verify_links_reserve(b->links, b->n);
		if (r < 0)
			(void)err_errno(err, r, "measuring links");
		else
			r = verify_measure(b->links, b->n, v->rootless, err);
		for (size_t i = 0; i < b->n && r == 0; i++) {
			r = judge_link(v, &b->links[i], b->names[i], b->shown[i]);
			if (r < 0)
				(void)err_errno(err, r, "judging link '%s'", b->names[i]);
		}
	}
	v->done += b->n;
	verify_links_free(b->links, BATCH_LINKS);
	*b = (struct batch){ .n = 0 };
	close_nodes(v);
	tell(v);
	return r;
}

static int new_batch(struct batch *b, struct netlab_err *err)
{
	if (b->links)
		return 0;
	b->links = verify_links_new(BATCH_LINKS);
	return b->links ? 0 : err_errno(err, ENOMEM, "measuring links");
}

static void read_link(const struct verify *v, const json_t *shown, struct verify_link *l)
{
	json_int_t mtu = json_integer_value(json_object_get(shown, "mtu"));

	for (unsigned d = 0; d < 2; d++) {
		verify_read_asked(json_object_get(shown, topo_arrow(d)), &l->ways[d].asked);
		verify_effort_of(&l->ways[d].asked, (uint32_t)mtu, v->probes_per_s, v->duration_ns,
				 &l->ways[d].effort);
	}
}

/* Whether a link fits into what the batch does already. */
static bool fits(const struct batch *b, const struct verify_link *l, double *ret_per_s,
		 double *ret_bps)
{
	*ret_per_s = *ret_bps = 0;
	for (unsigned d = 0; d < 2; d++) {
		*ret_per_s += 1e9 / (double)l->ways[d].effort.interval_ns;
		*ret_bps += (double)l->ways[d].effort.train_bps;
	}
	return b->n == 0 ||
	       (b->n < BATCH_LINKS && b->probes_per_s + *ret_per_s <= BATCH_PROBES_PER_S &&
		b->train_bps + *ret_bps <= BATCH_TRAIN_BPS);
}

/* Adds a link to the batch; measures that first if it is full. */
static int add_link(struct verify *v, struct batch *b, const char *name, const json_t *shown,
		    struct netlab_err *err)
{
	const json_t *ends = json_object_get(shown, "endpoints");
	json_t *entry = new_entry(v, name, shown);
	struct netlab_err why = { 0 };
	struct verify_link l = { .name = name };
	double per_s, bps;
	int r = 0;

	if (!entry)
		return err_errno(err, ENOMEM, "measuring links");
	read_link(v, shown, &l);
	if (!fits(b, &l, &per_s, &bps))
		r = measure_batch(v, b, err);
	if (r == 0)
		r = new_batch(b, err);
	for (unsigned e = 0; e < 2 && r == 0; e++) {
		r = read_end(v, json_string_value(json_array_get(ends, e)), &l.ends[e]);
		if (r < 0)
			return err_set(err, EPROTO, "the lab's answer makes no sense");
		l.ends[e].node_fd = open_node(v, l.ends[e].node, &why);
		if (l.ends[e].node_fd < 0) {
			/* a node that died: its links lead nowhere */
			fail_link(v, entry, "%s", why.message);
			v->done++;
			return 0;
		}
	}
	if (r < 0)
		return r;
	b->links[b->n] = l;
	b->names[b->n] = name;
	b->shown[b->n++] = shown;
	b->probes_per_s += per_s;
	b->train_bps += bps;
	return 0;
}

static int verify_links(struct verify *v, const json_t *links, struct netlab_err *err)
{
	struct batch b = { .n = 0 };
	const char *name;
	json_t *shown;
	int r = 0, last;

	json_object_foreach((json_t *)links, name, shown)
	{
		if (r == 0)
			r = add_link(v, &b, name, shown, err);
	}
	last = r < 0 ? r : measure_batch(v, &b, err);
	if (r < 0) {
		verify_links_free(b.links, BATCH_LINKS);
		close_nodes(v);
	}
	return last;
}

/* The links that are meant, in the lab's order. New reference. */
static json_t *chosen(const struct verify *v, struct netlab_err *err)
{
	const json_t *all = json_object_get(v->shown, "links");
	json_t *some = json_object();

	if (!v->o->links)
		return json_deep_copy(all);
	for (size_t i = 0; i < v->o->n_links; i++) {
		json_t *link = json_object_get(all, v->o->links[i]);

		if (!link) {
			(void)err_set(err, ENOENT, "lab '%s' has no link '%s'", v->o->lab,
				      v->o->links[i]);
			json_decref(some);
			return NULL;
		}
		(void)json_object_set(some, v->o->links[i], link);
	}
	return some;
}

int lab_verify(const struct lab_verify_options *o, json_t **ret, struct netlab_err *err)
{
	struct verify v = {
		.o = o,
		.duration_ns = o->duration_ns ? o->duration_ns : LAB_VERIFY_SECONDS * SECOND_NS,
		.results = json_object(),
		.ok = true,
	};
	json_t *links = NULL;
	size_t n;
	int r = lab_show(o->state_dir, o->lab, &v.shown, err);

	if (r < 0)
		goto out;
	links = chosen(&v, err);
	n = json_object_size(links);
	v.of = n;
	/* the more links, the fewer probes for each, so that all are measured at once if that can be */
	v.probes_per_s = n ? BATCH_PROBES_PER_S / (2.0 * (double)n) : VERIFY_PROBES_PER_S;
	v.probes_per_s = fmin(VERIFY_PROBES_PER_S, fmax(VERIFY_PROBES_PER_S_LEAST, v.probes_per_s));
	v.ends = calloc(2 * n + 1, sizeof(*v.ends));
	v.nodes = calloc(2 * BATCH_LINKS + 2, sizeof(*v.nodes));
	v.node_fds = calloc(2 * BATCH_LINKS + 2, sizeof(*v.node_fds));
	if (!links)
		r = -ENOENT;
	else if (!v.ends || !v.nodes || !v.node_fds || !v.results)
		r = err_set(err, ENOMEM, "out of memory");
	else
		r = verify_links(&v, links, err);
	if (r == 0) {
		*ret = json_pack("{s:s, s:b, s:O}", "name", o->lab, "ok", v.ok, "links", v.results);
		r = *ret ? 0 : err_set(err, ENOMEM, "out of memory");
	}
out:
	for (size_t i = 0; v.ends && i < v.n_ends; i++)
		free(v.ends[i]);
	free(v.ends);
	free(v.nodes);
	free(v.node_fds);
	json_decref(links);
	json_decref(v.shown);
	json_decref(v.results);
	return r;
}
