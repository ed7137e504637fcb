/* SPDX-License-Identifier: MIT */
/* What became of a replay. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "repro/replay_private.h"

enum { LINES_MAX = 10 }; /* of decisions that met no packet, for people */

static bool is_met(const struct replay *r, size_t packet)
{
	return atomic_load_explicit(&script_packets(r->script)[packet].is_met,
				    memory_order_relaxed);
}

size_t replay_met(const struct replay *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->decisions->n; i++)
		n += is_met(r, r->packet_of[i]);
	return n;
}

/** What a direction has met of what was recorded. */
struct score {
	uint64_t recorded, met;
	const struct script_packet *first_missed; /* by its index; NULL = none */
};

static struct score *make_scores(const struct replay *r)
{
	const struct script_packet *packets = script_packets(r->script);
	struct score *scores = calloc(2 * r->topo->n_links + 1, sizeof(*scores));

	for (size_t i = 0; scores && i < r->n_packets; i++) {
		struct score *s = &scores[packets[i].lane];

		s->recorded++;
		if (is_met(r, i))
			s->met++;
		else if (!s->first_missed || packets[i].index < s->first_missed->index)
			s->first_missed = &packets[i];
	}
	return scores;
}

static json_t *words(const struct identity *id)
{
	_cleanup_buf_ struct buf b = { 0 };

	identity_describe(&b, id);
	return json_string(buf_text(&b) ? buf_text(&b) : "");
}

static json_t *missed_json(const struct decision *d)
{
	_cleanup_buf_ struct buf id = { 0 }, verdict = { 0 };

	identity_format(&id, &d->id);
	verdict_format(&verdict, &d->verdict);
	if (!buf_text(&id) || !buf_text(&verdict))
		return NULL;
	return json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:o}", "link", d->link, "direction",
			 d->dir == 0 ? "->" : "<-", "index", (json_int_t)d->index, "identity",
			 id.data, "verdict", verdict.data, "cause", decision_cause_name(d->cause),
			 "packet", words(&d->id));
}

/** Where the runs parted: what came that was not known, and what had come there instead. */
static json_t *parted_json(const struct script_lane *l, const struct score *s)
{
	if (!atomic_load_explicit(&l->has_new, memory_order_acquire))
		return json_null();
	return json_pack("{s:I, s:o, s:o}", "index", (json_int_t)l->new_index, "packet",
			 words(&l->new_id), "expected",
			 s->first_missed ? words(&s->first_missed->id) : json_null());
}

static json_t *lane_json(const struct replay *r, size_t lane, const struct score *s)
{
	const struct script_lane *l = &script_lanes(r->script)[lane];

	return json_pack("{s:I, s:I, s:I, s:I, s:o}", "recorded", (json_int_t)s->recorded, "met",
			 (json_int_t)s->met, "seen", (json_int_t)atomic_load(&l->n_seen), "new",
			 (json_int_t)atomic_load(&l->n_new), "parted", parted_json(l, s));
}

json_t *replay_report(const struct replay *r)
{
	struct score *scores = make_scores(r);
	json_t *missed = json_array(), *links = json_object();

	for (size_t i = 0; i < r->decisions->n; i++) {
		if (!is_met(r, r->packet_of[i]))
			json_array_append_new(missed, missed_json(&r->decisions->items[i]));
	}
	for (size_t i = 0; scores && i < r->topo->n_links; i++)
		json_object_set_new(links, r->topo->links[i].name,
				    json_pack("{s:o, s:o}", "->",
					      lane_json(r, 2 * i, &scores[2 * i]), "<-",
					      lane_json(r, 2 * i + 1, &scores[2 * i + 1])));
	free(scores);
	return json_pack("{s:I, s:I, s:o, s:o}", "decisions", (json_int_t)r->decisions->n, "met",
			 (json_int_t)replay_met(r), "missed", missed, "links", links);
}

static void print_missed(struct buf *b, const struct replay *r)
{
	size_t lines = 0, n = 0;

	for (size_t i = 0; i < r->decisions->n; i++) {
		const struct decision *d = &r->decisions->items[i];

		if (is_met(r, r->packet_of[i]))
			continue;
		n++;
		if (lines == LINES_MAX)
			continue;
		lines++;
		buf_printf(b, "  met no packet: %s %s ", d->link, d->dir == 0 ? "->" : "<-");
		verdict_format(b, &d->verdict);
		buf_puts(b, " of ");
		identity_describe(b, &d->id);
		buf_puts(b, "\n");
	}
	if (n > lines)
		buf_printf(b, "  and %zu more\n", n - lines);
}

static void print_parted(struct buf *b, const struct replay *r)
{
	struct score *scores = make_scores(r);

	for (size_t i = 0; scores && i < 2 * r->topo->n_links; i++) {
		const struct script_lane *l = &script_lanes(r->script)[i];
		const struct score *s = &scores[i];
		uint64_t n_new;

		if (!atomic_load_explicit(&l->has_new, memory_order_acquire))
			continue;
		n_new = atomic_load(&l->n_new);
		buf_printf(b,
			   "  %s %s: %" PRIu64 " of %" PRIu64 " packets came again, %" PRIu64
			   " %s new, the first as number %" PRIu64 ": ",
			   r->topo->links[i / 2].name, i % 2 == 0 ? "->" : "<-", s->met,
			   s->recorded, n_new, n_new == 1 ? "is" : "are", l->new_index);
		identity_describe(b, &l->new_id);
		buf_puts(b, "\n");
	}
	free(scores);
}

void replay_print(struct buf *b, const struct replay *r)
{
	buf_printf(b, "replay: %zu of %zu decisions met their packet\n", replay_met(r),
		   r->decisions->n);
	print_missed(b, r);
	print_parted(b, r);
}
