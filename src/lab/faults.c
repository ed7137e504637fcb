/* SPDX-License-Identifier: MIT */
/* The fault rules of a running lab. */
#include "lab/faults.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "lab/change.h"
#include "lab/supervisor.h"
#include "sys/clock.h"
#include "sys/match.h"

struct lab_fault {
	uint32_t id;
	bool of_topology;
	struct topo_fault fault;
	struct arena texts; /**< of one that was added */
	struct sys_match match;
	uint64_t since_ns; /**< UINT64_MAX until the lab is ready */
};

struct lab_faults {
	struct lab_fault **items; /**< owned, and what they point to */
	size_t n, size;
	uint32_t last_id;
};

/* --- the list --- */

static struct lab_fault *free_fault(struct lab_fault *f)
{
	if (f) {
		sys_match_deinit(&f->match);
		arena_deinit(&f->texts);
	}
	free(f);
	return NULL;
}

static int append(struct supervisor *s, struct lab_fault *f)
{
	struct lab_faults *all = s->faults;

	if (!all) {
		all = s->faults = calloc(1, sizeof(*all));
		if (!all)
			return -ENOMEM;
	}
	if (all->n == all->size) {
		size_t size = all->size ? 2 * all->size : 16;
		struct lab_fault **more = realloc(all->items, size * sizeof(struct lab_fault *));

		if (!more)
			return -ENOMEM;
		all->items = more;
		all->size = size;
	}
	f->id = ++all->last_id;
	all->items[all->n++] = f;
	return 0;
}

/** Takes one out; it is the caller's. */
static struct lab_fault *take_out(struct supervisor *s, size_t i)
{
	struct lab_faults *all = s->faults;
	struct lab_fault *f = all->items[i];

	all->n--;
	memmove(&all->items[i], &all->items[i + 1], (all->n - i) * sizeof(struct lab_fault *));
	return f;
}

static void put_in(struct supervisor *s, size_t i, struct lab_fault *f)
{
	struct lab_faults *all = s->faults;

	memmove(&all->items[i + 1], &all->items[i], (all->n - i) * sizeof(struct lab_fault *));
	all->items[i] = f;
	all->n++;
}

static size_t count(const struct supervisor *s)
{
	return s->faults ? s->faults->n : 0;
}

bool faults_on(const struct supervisor *s, size_t link)
{
	for (size_t i = 0; i < count(s); i++) {
		if (s->faults->items[i]->fault.link == link)
			return true;
	}
	return false;
}

/** What the wire is told of a link, with the counts so far. @return 0, *ret NULL when it has no rules; negative errno */
static int pack(const struct supervisor *s, size_t link, struct wire_rules **ret,
		struct netlab_err *err)
{
	_cleanup_free_ struct wire_rule *rules = calloc(count(s) + 1, sizeof(*rules));
	size_t n = 0;
	int r = 0;

	*ret = NULL;
	if (!rules)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < count(s); i++) {
		const struct lab_fault *f = s->faults->items[i];
		struct wire_rule *w = &rules[n];

		if (f->fault.link != link)
			continue;
		*w = (struct wire_rule){ .id = f->id,
					 .fault = &f->fault.rule,
					 .match = &f->match,
					 .dirs = { f->fault.dirs[0], f->fault.dirs[1] },
					 .since_ns = f->since_ns };
		for (unsigned d = 0; d < 2; d++)
			wire_rules_read(s->links[link].rules, f->id, d, &w->matched[d],
					&w->acted[d]);
		n++;
	}
	if (n > 0)
		r = wire_rules_new(rules, n, ret);
	return r < 0 ? err_errno(err, r, "keeping the fault rules of link '%s'",
				 s->topo->links[link].name)
		     : 0;
}

/* --- the topology's --- */

int faults_load(struct supervisor *s, struct netlab_err *err)
{
	for (size_t i = 0; i < s->topo->n_faults; i++) {
		struct lab_fault *f = calloc(1, sizeof(*f));

		if (!f)
			return err_set(err, ENOMEM, "out of memory");
		f->of_topology = true;
		f->fault = s->topo->faults[i];
		f->since_ns = UINT64_MAX;
		if (sys_match_compile(f->fault.match, &f->match, err) < 0) {
			free_fault(f);
			return err_wrap(err, "faults: rule %zu", i + 1);
		}
		if (append(s, f) < 0) {
			free_fault(f);
			return err_set(err, ENOMEM, "out of memory");
		}
	}
	for (size_t l = 0; l < s->topo->n_links && count(s) > 0; l++) {
		int r = pack(s, l, &s->links[l].rules, err);

		if (r < 0)
			return r;
	}
	return 0;
}

void faults_begin(struct supervisor *s)
{
	for (size_t i = 0; i < count(s); i++) {
		struct lab_fault *f = s->faults->items[i];

		f->since_ns = s->ready_ns;
		wire_rules_begin(s->links[f->fault.link].rules, s->ready_ns);
	}
}

/* --- changes --- */

/** Makes the list's rules those of the link, or leaves all as it was. */
static int carry_out(struct supervisor *s, size_t link, struct netlab_err *err)
{
	const struct link_change change = { .link = link,
					    .dirs = { true, true },
					    .basis = LINK_PRESENT };
	struct wire_rules *before = s->links[link].rules, *after;
	int r = pack(s, link, &after, err);

	if (r < 0)
		return r;
	s->links[link].rules = after;
	r = link_apply(s, &change, err);
	if (r < 0)
		s->links[link].rules = before;
	wire_rules_free(r < 0 ? after : before);
	return r;
}

/** After a failure the list is as before; the wire may have heard of the change already. */
static void restore(struct supervisor *s, size_t link)
{
	struct netlab_err ignored = { 0 };

	(void)carry_out(s, link, &ignored);
}

static struct lab_fault *read_fault(struct supervisor *s, const json_t *request,
				    struct netlab_err *err)
{
	_cleanup_free_ char *text = json_dumps(json_object_get(request, "fault"), JSON_COMPACT);
	struct lab_fault *f = calloc(1, sizeof(*f));
	int r;

	if (!f || !text) {
		(void)err_set(err, text ? ENOMEM : EPROTO,
			      text ? "out of memory" : "malformed request");
		return free_fault(f);
	}
	f->since_ns = sys_monotonic_ns();
	r = topo_read_fault(s->topo, text, &f->texts, &f->fault, err);
	if (r == 0) {
		r = sys_match_compile(f->fault.match, &f->match, err);
		if (r < 0)
			(void)err_class(err, NETLAB_EXIT_USAGE);
	}
	return r < 0 ? free_fault(f) : f;
}

json_t *fault_add(struct supervisor *s, const json_t *request, struct netlab_err *err)
{
	struct lab_fault *f;
	int r;

	if (count(s) >= TOPO_FAULTS_MAX) {
		(void)err_set(err, ENOSPC, "the lab has %zu fault rules already", count(s));
		(void)err_hint(err, "`netlab fault rm` takes some away");
		return NULL;
	}
	f = read_fault(s, request, err);
	if (!f)
		return NULL;
	if (append(s, f) < 0) {
		free_fault(f);
		(void)err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	r = carry_out(s, f->fault.link, err);
	if (r < 0) {
		size_t link = f->fault.link;

		free_fault(take_out(s, count(s) - 1));
		s->faults->last_id--;
		restore(s, link);
		return NULL;
	}
	return json_pack("{s:I}", "id", (json_int_t)f->id);
}

static int remove_one(struct supervisor *s, size_t i, struct netlab_err *err)
{
	struct lab_fault *f = take_out(s, i);
	int r = carry_out(s, f->fault.link, err);

	if (r < 0) {
		put_in(s, i, f);
		restore(s, f->fault.link);
		return r;
	}
	free_fault(f);
	return 0;
}

json_t *fault_remove(struct supervisor *s, const json_t *request, struct netlab_err *err)
{
	const json_t *id = json_object_get(request, "id");
	json_int_t removed = 0;

	for (size_t i = count(s); i-- > 0;) {
		if (id && s->faults->items[i]->id != json_integer_value(id))
			continue;
		if (remove_one(s, i, err) < 0)
			return NULL;
		removed++;
	}
	if (id && removed == 0) {
		(void)err_set(err, ENOENT, "fault %lld: no such rule in this lab",
			      (long long)json_integer_value(id));
		(void)err_hint(err, "see `netlab fault ls`");
		return NULL;
	}
	return json_pack("{s:I}", "removed", removed);
}

/* --- telling --- */

static json_t *text_json(void (*print)(struct buf *b, const struct fault *f), const struct fault *f)
{
	_cleanup_buf_ struct buf b = { 0 };

	print(&b, f);
	return json_string(buf_text(&b) ? buf_text(&b) : "");
}

static json_t *report(const struct supervisor *s, const struct lab_fault *f)
{
	_cleanup_buf_ struct buf b = { 0 };
	json_t *o;

	topo_print_fault(&b, s->topo, &f->fault);
	o = buf_text(&b) ? json_loads(buf_text(&b), 0, NULL) : NULL;
	if (!o)
		return NULL;
	json_object_set_new(o, "id", json_integer(f->id));
	json_object_set_new(o, "source", json_string(f->of_topology ? "file" : "added"));
	json_object_set_new(o, "packets", text_json(fault_print_which, &f->fault.rule));
	json_object_set_new(o, "action", text_json(fault_print_action, &f->fault.rule));
	for (unsigned d = 0; d < 2; d++) {
		uint64_t matched, acted;

		if (!f->fault.dirs[d])
			continue;
		wire_rules_read(s->links[f->fault.link].rules, f->id, d, &matched, &acted);
		json_object_set_new(o, topo_arrow(d),
				    json_pack("{s:I,s:I}", "matched", (json_int_t)matched, "acted",
					      (json_int_t)acted));
	}
	return o;
}

json_t *faults_report(const struct supervisor *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count(s); i++)
		json_array_append_new(list, report(s, s->faults->items[i]));
	return list;
}
