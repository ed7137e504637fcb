/* SPDX-License-Identifier: MIT */
/* The fault rules of a document, and one by itself. */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "topo/fault_draft.h"
#include "topo/parse.h"

static bool choose_packets(struct document *d, const struct path *at,
			   const struct fault_draft *draft, struct fault *f)
{
	const uint32_t nth = 1u << FAULT_KEY_NTH, every = 1u << FAULT_KEY_EVERY,
		       first = 1u << FAULT_KEY_FIRST, which = draft->set & (nth | every | first);

	if (which & (which - 1)) {
		diag_error(&d->p.diags, at,
			   "leave out the others; two rules may do what one cannot",
			   "a rule has one of 'nth', 'every' and 'first'");
		return false;
	}
	f->which = which == nth     ? FAULT_NTH
		   : which == every ? FAULT_EVERY
		   : which == first ? FAULT_FIRST
				    : FAULT_ALL;
	f->count = which == every ? draft->every : draft->first;
	return true;
}

static bool parse_fault(struct document *d, const struct path *at, const json_t *v,
			struct topo_fault *ret)
{
	const uint32_t window = 1u << FAULT_KEY_AFTER | 1u << FAULT_KEY_FOR;
	struct path link = { .up = at, .key = "link" }, from = { .up = at, .key = "from" },
		    duration = { .up = at, .key = "for" };
	struct fault_draft draft = { .for_ns = UINT64_MAX };
	size_t errors = d->p.diags.out->n_errors;
	bool good;

	if (!object_parse(&d->p, at, v, &fault_spec, &draft) || d->p.oom)
		return false;
	if (d->p.diags.out->n_errors > errors || d->p.diags.full)
		return false;
	*ret = (struct topo_fault){ .match = draft.match ? draft.match : "", .rule = draft.rule };
	ret->rule.windowed = draft.set & window;
	ret->rule.after_ns = draft.after_ns;
	ret->rule.for_ns = draft.for_ns;
	if (draft.for_ns == 0) {
		diag_error(&d->p.diags, &duration, "leave it out to mean for ever",
			   "'for' of 0 means never");
		return false;
	}
	good = choose_packets(d, at, &draft, &ret->rule);
	return find_link(d, &link, draft.link, &ret->link) &&
	       find_directions(d, &from, draft.from, ret->link, ret->dirs) && good;
}

void parse_faults(struct document *d)
{
	const json_t *rules = d->top.faults.value;
	const struct path *where = &d->top.faults.at;
	struct topo_fault *faults;
	size_t n = json_array_size(rules);
	bool good = true;

	if (!rules)
		return;
	if (!json_is_array(rules)) {
		wrong_kind(
			&d->p, where, rules, "a list of fault rules",
			"e.g. [{\"link\": \"a--b\", \"match\": \"icmp\", \"nth\": 1, \"do\": \"drop\"}]");
		return;
	}
	if (n > TOPO_FAULTS_MAX) {
		diag_error(&d->p.diags, where, "one rule may name many packets by 'nth'",
			   "there are more fault rules than the limit of %d", (int)TOPO_FAULTS_MAX);
		return;
	}
	faults = parser_array(&d->p, n, sizeof(*faults));
	for (size_t i = 0; i < n && !d->p.oom; i++) {
		const struct path at = { .up = where, .index = i };

		good &= parse_fault(d, &at, json_array_get(rules, i), &faults[i]);
	}
	if (d->p.oom || !good)
		return;
	d->p.topo->faults = faults;
	d->p.topo->n_faults = n;
}

/* --- one by itself --- */

/** The first error, without the place in a file that is none. */
static int explain(const struct topo_diags *diags, struct netlab_err *err)
{
	for (size_t i = 0; i < diags->n; i++) {
		const struct topo_diag *g = &diags->items[i];

		if (g->warning)
			continue;
		(void)err_set(err, EINVAL, "fault: %s", g->message);
		if (g->hint)
			(void)err_hint(err, "%s", g->hint);
		(void)err_class(err, NETLAB_EXIT_USAGE);
		return -EINVAL;
	}
	return err_set(err, ENOMEM, "out of memory");
}

int topo_read_fault(const struct topo *t, const char *json, struct arena *texts,
		    struct topo_fault *ret, struct netlab_err *err)
{
	struct topo_diags diags = { 0 };
	struct document d = { .p.diags = { .out = &diags, .file = "fault" } };
	json_t *v = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
	struct topo_fault fault;
	int r = 0;

	if (!v)
		return err_set(err, EPROTO, "malformed fault rule");
	d.p.topo = (struct topo *)t; /* read only: nothing of it is parsed here */
	d.p.arena = texts;
	d.nodes = t->index->nodes;
	d.links = t->index->links;
	if (!parse_fault(&d, &d.root, v, &fault))
		r = d.p.oom ? err_set(err, ENOMEM, "out of memory") : 1;
	diag_finish(&d.p.diags);
	if (r > 0)
		r = explain(&diags, err);
	if (r == 0)
		*ret = fault;
	topo_diags_deinit(&diags);
	json_decref(v);
	return r;
}
