/* SPDX-License-Identifier: MIT */
/* Recorded decisions as fault rules. */
#include "repro/atoms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/map.h"
#include "repro/expression.h"
#include "sys/match.h"

enum {
	BITS = 8,
	/* what no rule does to a packet */
	UNSAID = VERDICT_MARK | VERDICT_AHEAD | VERDICT_COPY_CORRUPT | VERDICT_COPY_AHEAD,
};

/** Where a packet is found among the frames. */
struct place {
	uint32_t way; /* 2 * link + dir */
	uint64_t index;
	size_t frame;
};

struct making {
	const struct decisions *d;
	const struct frames *f;
	const struct topo *t;
	bool with_data;
	struct atoms *out;
	struct place *places; /* of all frames, sorted */
	struct netlab_err *err;
};

static int by_way_and_index(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->way != y->way)
		return x->way < y->way ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static struct place *sort_frames(const struct frames *f)
{
	struct place *p = calloc(f->n + 1, sizeof(*p));

	for (size_t i = 0; p && i < f->n; i++)
		p[i] = (struct place){ 2 * f->items[i].link + f->items[i].dir, f->items[i].index,
				       i };
	if (p)
		qsort(p, f->n, sizeof(*p), by_way_and_index);
	return p;
}

static const struct place *find_frame(const struct making *m, size_t link, const struct decision *d)
{
	const struct place wanted = { .way = (uint32_t)(2 * link + d->dir), .index = d->index };

	return bsearch(&wanted, m->places, m->f->n, sizeof(wanted), by_way_and_index);
}

/** How many packets of the direction match, up to and with this one: expressions are tried on what was recorded. */
static int count_matches(const struct making *m, const struct place *at, const char *match,
			 uint64_t *ret)
{
	struct sys_match program = { 0 };
	const struct place *p = at;
	int r = sys_match_compile(match, &program, m->err);

	*ret = 0;
	if (r < 0)
		return r;
	for (;; p--) {
		const struct frame_kept *f = &m->f->items[p->frame];

		*ret += sys_match_frame(&program, &m->f->bytes[f->at], f->len);
		if (p == m->places || p[-1].way != at->way)
			break;
	}
	sys_match_deinit(&program);
	return 0;
}

/* --- one decision --- */

static int add(struct making *m, const struct atom *atom)
{
	struct atoms *a = m->out;

	if (a->n == a->size) {
		size_t size = a->size ? 2 * a->size : 64;
		struct atom *more = realloc(a->items, size * sizeof(*more));

		if (!more)
			return err_set(m->err, ENOMEM, "out of memory");
		a->items = more;
		a->size = size;
	}
	a->items[a->n++] = *atom;
	return 0;
}

static int add_action(struct making *m, struct atom atom, enum fault_action action)
{
	atom.fault.rule.action = action;
	return add(m, &atom);
}

static int add_delay(struct making *m, struct atom atom, int64_t delay_ns)
{
	if (delay_ns <= 0) { /* earlier than the link's delay: no rule makes a packet faster */
		m->out->n_unsaid++;
		return 0;
	}
	atom.fault.rule.delay_ns = (uint64_t)delay_ns;
	return add_action(m, atom, FAULT_DELAY);
}

static int add_damage(struct making *m, struct atom atom, const struct verdict *v)
{
	struct fault *f = &atom.fault.rule;
	uint64_t bits = (uint64_t)atom.frame->wire_len * BITS, bit = bits ? v->corrupt % bits : 0;

	f->place = FAULT_BIT;
	if (v->actions & VERDICT_CORRUPT) /* frame_corrupt() counts a byte's bits from its lowest */
		f->at = bit - bit % BITS + (BITS - 1 - bit % BITS);
	else
		f->at = v->corrupt_at;
	if (v->actions & VERDICT_CORRUPT_BYTE)
		f->place = FAULT_BYTE;
	return add_action(m, atom, FAULT_CORRUPT);
}

static int add_actions(struct making *m, struct atom atom)
{
	const struct verdict *v = &atom.decision->verdict;
	const unsigned damage = VERDICT_CORRUPT | VERDICT_CORRUPT_BIT | VERDICT_CORRUPT_BYTE;
	int r = 0;

	if (v->actions & UNSAID)
		m->out->n_unsaid++;
	if (v->actions & VERDICT_DROP)
		return add_action(m, atom, FAULT_DROP);
	if (v->actions & VERDICT_DUPLICATE)
		r = add_action(m, atom, FAULT_DUPLICATE);
	if (r == 0 && (v->actions & damage))
		r = add_damage(m, atom, v);
	if (r == 0 && (v->actions & VERDICT_HOLD)) {
		atom.fault.rule.hold = v->hold < FAULT_HOLD_MAX ? v->hold : FAULT_HOLD_MAX;
		r = add_action(m, atom, FAULT_HOLD);
	}
	if (r == 0 && (v->actions & VERDICT_DELAY))
		r = add_delay(m, atom, v->delay_ns);
	/* one of two that are the same comes late: the rule's copy goes before, its original is the late one */
	if (r == 0 && (v->actions & VERDICT_COPY_DELAY) && v->copy_delay_ns > v->delay_ns)
		r = add_delay(m, atom, v->copy_delay_ns);
	return r;
}

/** Whether it happens again by itself in a lab with the same queues and the same timeline. */
static bool comes_by_itself(enum decision_cause cause)
{
	return cause == DECISION_QUEUE || cause == DECISION_CODEL || cause == DECISION_DOWN ||
	       cause == DECISION_HOST;
}

static int take_apart(struct making *m, const struct decision *d)
{
	_cleanup_buf_ struct buf match = { 0 };
	size_t link = topo_find_link(m->t, d->link);
	const struct place *at = link == SIZE_MAX ? NULL : find_frame(m, link, d);
	struct atom atom = { .decision = d };
	struct fault *rule = &atom.fault.rule;
	int r;

	if (comes_by_itself(d->cause)) {
		m->out->n_by_itself++;
		return 0;
	}
	if (!(d->verdict.actions & ~UNSAID)) {
		m->out->n_unsaid++;
		return 0;
	}
	if (!at)
		return err_set(
			m->err, EINVAL,
			"packet %llu of link '%s' is decided about, but not in the recording",
			(unsigned long long)d->index, d->link);
	atom.frame = &m->f->items[at->frame];
	expression_format(&match, &d->id, m->with_data, &m->f->bytes[atom.frame->at],
			  atom.frame->len);
	if (!buf_text(&match))
		return err_set(m->err, ENOMEM, "out of memory");
	atom.fault.link = link;
	atom.fault.dirs[d->dir] = true;
	atom.fault.match = arena_strdup(&m->out->texts, buf_text(&match));
	if (!atom.fault.match)
		return err_set(m->err, ENOMEM, "out of memory");
	rule->which = FAULT_NTH;
	rule->n_nth = 1;
	r = count_matches(m, at, atom.fault.match, &rule->nth[0].first);
	rule->nth[0].last = rule->nth[0].first;
	if (r == 0 && rule->nth[0].first == 0)
		m->out->n_unsaid++; /* behind extension headers, say: the expression does not see it */
	else if (r == 0)
		r = add_actions(m, atom);
	return r;
}

int atoms_make(const struct decisions *d, const struct frames *f, const struct topo *t,
	       bool with_data, struct atoms *ret, struct netlab_err *err)
{
	struct making m = { .d = d,
			    .f = f,
			    .t = t,
			    .with_data = with_data,
			    .out = ret,
			    .places = sort_frames(f),
			    .err = err };
	int r = 0;

	if (!m.places)
		return err_set(err, ENOMEM, "out of memory");
	ret->with_data = with_data;
	/* each is looked for among all packets: no more of that than is of use */
	for (size_t i = 0; i < d->n && r == 0 && ret->n <= ATOMS_MAX; i++)
		r = take_apart(&m, &d->items[i]);
	free(m.places);
	if (r < 0)
		atoms_deinit(ret);
	return r;
}

void atoms_deinit(struct atoms *a)
{
	free(a->items);
	arena_deinit(&a->texts);
	*a = (struct atoms){ 0 };
}

/* --- as rules --- */

static bool is_same_rule(const struct topo_fault *a, const struct topo_fault *b)
{
	const struct fault *x = &a->rule, *y = &b->rule;

	return a->link == b->link && a->dirs[0] == b->dirs[0] && x->action == y->action &&
	       x->place == y->place && x->at == y->at && x->delay_ns == y->delay_ns &&
	       x->hold == y->hold && strcmp(a->match, b->match) == 0;
}

static int by_number(const void *a, const void *b)
{
	const struct fault_range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

void atoms_print(struct buf *b, const struct atoms *a, const size_t *which, size_t n,
		 const struct topo *t)
{
	struct topo_fault *rules = calloc(n + 1, sizeof(*rules));
	size_t n_rules = 0;

	if (!rules) {
		b->failed = true;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const struct topo_fault *one = &a->items[which[i]].fault;
		size_t j = 0;

		while (j < n_rules &&
		       !(is_same_rule(&rules[j], one) && rules[j].rule.n_nth < FAULT_RANGES_MAX))
			j++;
		if (j == n_rules)
			rules[n_rules++] = *one;
		else
			rules[j].rule.nth[rules[j].rule.n_nth++] = one->rule.nth[0];
	}
	buf_puts(b, "[");
	for (size_t j = 0; j < n_rules; j++) {
		struct fault *rule = &rules[j].rule;

		qsort(rule->nth, rule->n_nth, sizeof(rule->nth[0]), by_number);
		buf_puts(b, j ? ", " : "");
		topo_print_fault(b, t, &rules[j]);
	}
	buf_puts(b, "]");
	free(rules);
}
