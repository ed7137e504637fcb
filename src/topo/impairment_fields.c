/* SPDX-License-Identifier: MIT */
/* The keys of an impairment: what may stand in a link, and in its "->" and "<-". */
#include "topo/link.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"

static bool parse_queue(struct parser *p, const struct path *at, const json_t *v,
			const struct field *f, void *out)
{
	struct impairment *m = out;
	const char *text = json_string_value(v), *why = NULL;

	(void)f;
	if (json_is_number(v)) {
		diag_error(&p->diags, at, "write \"50packets\", \"64kib\" or \"100ms\"",
			   "'%s' is %g, which has no unit", at->key, json_number_value(v));
		return false;
	}
	if (!text)
		return wrong_kind(p, at, v, "packets, a size or a time, e.g. \"50packets\"", NULL);
	if (impair_parse_queue(text, m, &why) < 0) {
		diag_error(&p->diags, at, text[0] == '-' ? "it cannot be negative" : why,
			   "'%s' cannot be \"%s\"", at->key, diag_quote(&p->diags, text));
		return false;
	}
	return true;
}

static const struct value_type type_queue = {
	parse_queue,
	"queue",
	"{\"description\":\"Packets (\\\"50packets\\\"), a size (\\\"64kib\\\") or a time at the link's rate "
	"(\\\"100ms\\\").\",\"type\":\"string\",\"pattern\":\"^[0-9]+([.][0-9]+)?(packets?|[kmg]?b|[kmg]ib|ns|us|ms|s|m|h)$\","
	"\"examples\":[\"50packets\"]}",
	NULL,
};

/* Loss models: each an object of its own. */
struct burst {
	uint32_t set;
	double rate, length;
};

static const struct field burst_fields[] = {
	{ .name = "rate",
	  .help = "Mean share of packets lost.",
	  .type = &type_share,
	  .offset = offsetof(struct burst, rate),
	  .bit = 0 },
	{ .name = "length",
	  .help = "Mean number of packets lost in a row.",
	  .type = &type_count,
	  .offset = offsetof(struct burst, length),
	  .bit = 1 },
};

static const char *const burst_required[] = { "rate", "length", NULL };

const struct object_spec burst_spec = {
	.def = "burst",
	.noun = "a burst loss",
	.help = "Losses in bursts: mean rate and mean length, solved into a Gilbert-Elliott model.",
	.fields = burst_fields,
	.n_fields = ARRAY_SIZE(burst_fields),
	.required = burst_required,
};

struct gemodel {
	uint32_t set;
	double p, r, one_minus_h, one_minus_k;
};

enum { GE_P, GE_R, GE_1H, GE_1K };

static const struct field gemodel_fields[] = {
	{ .name = "p",
	  .help = "From the good state to the bad.",
	  .type = &type_share,
	  .offset = offsetof(struct gemodel, p),
	  .bit = GE_P },
	{ .name = "r",
	  .help = "From the bad state to the good. Default: 1 - p.",
	  .type = &type_share,
	  .offset = offsetof(struct gemodel, r),
	  .bit = GE_R },
	{ .name = "1-h",
	  .help = "Share lost in the bad state. Default: 100%.",
	  .type = &type_share,
	  .offset = offsetof(struct gemodel, one_minus_h),
	  .bit = GE_1H },
	{ .name = "1-k",
	  .help = "Share lost in the good state. Default: 0%.",
	  .type = &type_share,
	  .offset = offsetof(struct gemodel, one_minus_k),
	  .bit = GE_1K },
};

static const char *const gemodel_required[] = { "p", NULL };

const struct object_spec gemodel_spec = {
	.def = "gemodel",
	.noun = "a Gilbert-Elliott loss",
	.help = "Gilbert-Elliott model, as tc-netem(8) writes it.",
	.fields = gemodel_fields,
	.n_fields = ARRAY_SIZE(gemodel_fields),
	.required = gemodel_required,
};

struct state {
	uint32_t set;
	double p13, p31, p32, p23, p14;
};

enum { ST_P13, ST_P31, ST_P32, ST_P23, ST_P14 };

static const struct field state_fields[] = {
	{ .name = "p13",
	  .help = "From good to lost in a burst.",
	  .type = &type_share,
	  .offset = offsetof(struct state, p13),
	  .bit = ST_P13 },
	{ .name = "p31",
	  .help = "Back to good. Default: 1 - p13.",
	  .type = &type_share,
	  .offset = offsetof(struct state, p31),
	  .bit = ST_P31 },
	{ .name = "p32",
	  .help = "From lost to received, inside a burst. Default: 0%.",
	  .type = &type_share,
	  .offset = offsetof(struct state, p32),
	  .bit = ST_P32 },
	{ .name = "p23",
	  .help = "From received to lost, inside a burst. Default: 100%.",
	  .type = &type_share,
	  .offset = offsetof(struct state, p23),
	  .bit = ST_P23 },
	{ .name = "p14",
	  .help = "From good to a single loss. Default: 0%.",
	  .type = &type_share,
	  .offset = offsetof(struct state, p14),
	  .bit = ST_P14 },
};

static const char *const state_required[] = { "p13", NULL };

const struct object_spec state_spec = {
	.def = "state",
	.noun = "a 4-state loss",
	.help = "4-state Markov model, as tc-netem(8) writes it.",
	.fields = state_fields,
	.n_fields = ARRAY_SIZE(state_fields),
	.required = state_required,
};

static bool parse_burst(struct parser *p, const struct path *at, const json_t *v,
			const struct field *f, void *out)
{
	struct impair_loss *loss = out;
	struct burst b = { 0 };

	(void)f;
	if (!object_parse(p, at, v, &burst_spec, &b) || b.set != 3)
		return false;
	*loss = (struct impair_loss){ .model = IMPAIR_LOSS_BURST,
				      .burst_rate = b.rate,
				      .burst_length = b.length };
	return true;
}

static bool parse_gemodel(struct parser *p, const struct path *at, const json_t *v,
			  const struct field *f, void *out)
{
	struct impair_loss *loss = out;
	struct gemodel g = { 0 };

	(void)f;
	if (!object_parse(p, at, v, &gemodel_spec, &g) || !(g.set & 1u << GE_P))
		return false;
	*loss = impair_gemodel(g.p, g.set & 1u << GE_R ? &g.r : NULL,
			       g.set & 1u << GE_1H ? &g.one_minus_h : NULL,
			       g.set & 1u << GE_1K ? &g.one_minus_k : NULL);
	return true;
}

static bool parse_state(struct parser *p, const struct path *at, const json_t *v,
			const struct field *f, void *out)
{
	struct impair_loss *loss = out;
	struct state s = { 0 };

	(void)f;
	if (!object_parse(p, at, v, &state_spec, &s) || !(s.set & 1u << ST_P13))
		return false;
	*loss = impair_state(
		s.p13, s.set & 1u << ST_P31 ? &s.p31 : NULL, s.set & 1u << ST_P32 ? &s.p32 : NULL,
		s.set & 1u << ST_P23 ? &s.p23 : NULL, s.set & 1u << ST_P14 ? &s.p14 : NULL);
	return true;
}

static bool parse_random(struct parser *p, const struct path *at, const json_t *v,
			 const struct field *f, void *out)
{
	struct impair_loss *loss = out;
	double share;

	if (!type_share.parse(p, at, v, f, &share))
		return false;
	*loss = (struct impair_loss){ .model = IMPAIR_LOSS_RANDOM, .random = share };
	return true;
}

static const struct value_type type_random = { parse_random, "random",
					       "{\"$ref\":\"#/$defs/share\"}", NULL };
static const struct value_type type_burst = { parse_burst, NULL, NULL, &burst_spec };
static const struct value_type type_gemodel = { parse_gemodel, NULL, NULL, &gemodel_spec };
static const struct value_type type_state = { parse_state, NULL, NULL, &state_spec };

struct loss {
	uint32_t set;
	struct impair_loss value;
};

static const struct field loss_fields[] = {
	{ .name = "random",
	  .help = "Each packet by itself.",
	  .type = &type_random,
	  .offset = offsetof(struct loss, value),
	  .bit = 0 },
	{ .name = "burst",
	  .help = "Losses in bursts.",
	  .type = &type_burst,
	  .offset = offsetof(struct loss, value),
	  .bit = 1 },
	{ .name = "gemodel",
	  .help = "Gilbert-Elliott model.",
	  .type = &type_gemodel,
	  .offset = offsetof(struct loss, value),
	  .bit = 2 },
	{ .name = "state",
	  .help = "4-state Markov model.",
	  .type = &type_state,
	  .offset = offsetof(struct loss, value),
	  .bit = 3 },
};

const struct object_spec loss_spec = {
	.def = "loss-model",
	.noun = "a loss",
	.help = "One loss model.",
	.fields = loss_fields,
	.n_fields = ARRAY_SIZE(loss_fields),
};

static bool parse_loss(struct parser *p, const struct path *at, const json_t *v,
		       const struct field *f, void *out)
{
	struct loss loss = { 0 };
	size_t models = 0;
	const char *key;
	json_t *value;

	if (!json_is_object(v))
		return parse_random(p, at, v, f, out);
	json_object_foreach((json_t *)v, key, value)
	{
		if (strcmp(key, "correlation") == 0) {
			const struct path item = { .up = at, .key = key, .index = models };

			diag_error(
				&p->diags, &item,
				"for losses in bursts write {\"burst\": {\"rate\": \"1%\", \"length\": 4}}",
				"netem's correlation is not offered: it changes the rate (1 %% with a correlation of "
				"25 %% loses nothing at all) and makes no bursts");
			return false;
		}
		models += !is_comment(key);
	}
	if (models != 1) {
		diag_error(&p->diags, at,
			   "\"1%\", or an object with one of random, burst, gemodel, state",
			   "'loss' has %zu models, but has to have one", models);
		return false;
	}
	if (!object_parse(p, at, v, &loss_spec, &loss) || loss.set == 0)
		return false;
	*(struct impair_loss *)out = loss.value;
	return true;
}

static const struct value_type type_loss = {
	parse_loss,
	"loss",
	"{\"oneOf\":[{\"$ref\":\"#/$defs/share\"},{\"$ref\":\"#/$defs/loss-model\"}]}",
	NULL,
};

static const struct choice distributions[] = {
	{ "uniform", IMPAIR_UNIFORM, NULL },
	{ "normal", IMPAIR_NORMAL, NULL },
	{ "pareto", IMPAIR_PARETO, NULL },
	{ "paretonormal", IMPAIR_PARETONORMAL, NULL },
	{ 0 },
};

/* netem takes its slots' own jitter from a table only */
static const struct choice slot_distributions[] = {
	{ "normal", IMPAIR_NORMAL, NULL },
	{ "pareto", IMPAIR_PARETO, NULL },
	{ "paretonormal", IMPAIR_PARETONORMAL, NULL },
	{ 0 },
};

struct slot {
	uint32_t set;
	uint64_t min, max, delay, jitter;
	int distribution;
	uint32_t packets, bytes;
};

enum { SLOT_MIN, SLOT_MAX, SLOT_DISTRIBUTION, SLOT_DELAY, SLOT_JITTER, SLOT_PACKETS, SLOT_BYTES };

static const struct range u32_range = { 1, UINT32_MAX };

static const struct field slot_fields[] = {
	{ .name = "min",
	  .help = "Shortest time between two slots.",
	  .type = &type_time,
	  .offset = offsetof(struct slot, min),
	  .bit = SLOT_MIN },
	{ .name = "max",
	  .help = "Longest time between two slots. Default: min.",
	  .type = &type_time,
	  .offset = offsetof(struct slot, max),
	  .bit = SLOT_MAX },
	{ .name = "distribution",
	  .help = "The time between two slots is drawn from this instead of min and max.",
	  .type = &type_choice,
	  .arg = slot_distributions,
	  .offset = offsetof(struct slot, distribution),
	  .bit = SLOT_DISTRIBUTION },
	{ .name = "delay",
	  .help = "Mean time between two slots, for distribution.",
	  .type = &type_time,
	  .offset = offsetof(struct slot, delay),
	  .bit = SLOT_DELAY },
	{ .name = "jitter",
	  .help = "Spread around delay, for distribution.",
	  .type = &type_time,
	  .offset = offsetof(struct slot, jitter),
	  .bit = SLOT_JITTER },
	{ .name = "packets",
	  .help = "Packets that one slot lets go. Default: no limit.",
	  .type = &type_integer,
	  .arg = &u32_range,
	  .offset = offsetof(struct slot, packets),
	  .bit = SLOT_PACKETS },
	{ .name = "bytes",
	  .help = "Bytes that one slot lets go. Default: no limit.",
	  .type = &type_size,
	  .offset = offsetof(struct slot, bytes),
	  .bit = SLOT_BYTES },
};

const struct object_spec slot_spec = {
	.def = "slot",
	.noun = "a slot",
	.help = "Packets wait for a slot and leave together, as over Wi-Fi or DOCSIS.",
	.fields = slot_fields,
	.n_fields = ARRAY_SIZE(slot_fields),
};

static bool parse_slot(struct parser *p, const struct path *at, const json_t *v,
		       const struct field *f, void *out)
{
	const uint32_t by_table = 1u << SLOT_DISTRIBUTION | 1u << SLOT_DELAY | 1u << SLOT_JITTER;
	struct impair_slot *ret = out;
	struct slot s = { 0 };

	(void)f;
	if (!object_parse(p, at, v, &slot_spec, &s))
		return false;
	if (s.set & by_table) {
		if (s.set & (1u << SLOT_MIN | 1u << SLOT_MAX)) {
			diag_error(&p->diags, at,
				   "give min and max, or distribution, delay and jitter",
				   "a slot has either bounds or a distribution");
			return false;
		}
		if ((s.set & by_table) != by_table || s.delay == 0) {
			diag_error(
				&p->diags, at,
				"e.g. {\"distribution\": \"normal\", \"delay\": \"20ms\", \"jitter\": \"2ms\"}",
				"a slot with a distribution needs 'distribution', 'delay' (above 0) and 'jitter'");
			return false;
		}
		*ret = (struct impair_slot){ .distribution =
						     (enum impair_distribution)s.distribution,
					     .dist_delay_ns = s.delay,
					     .dist_jitter_ns = s.jitter };
	} else {
		if (!(s.set & 1u << SLOT_MIN)) {
			diag_error(&p->diags, at, "e.g. {\"min\": \"10ms\", \"max\": \"20ms\"}",
				   "a slot needs 'min', or 'distribution', 'delay' and 'jitter'");
			return false;
		}
		*ret = (struct impair_slot){ .min_ns = s.min,
					     .max_ns = s.set & 1u << SLOT_MAX ? s.max : s.min };
	}
	ret->packets = s.packets;
	ret->bytes = s.bytes;
	return true;
}

static const struct value_type type_slot = { parse_slot, NULL, NULL, &slot_spec };

/* The only one there is so far, and netem's own: accepted so that a file can say it. */
static const struct choice aqms[] = {
	{ "droptail", 0, NULL },
	{ "codel", 1, "active queue management" },
	{ 0 },
};

static bool parse_aqm(struct parser *p, const struct path *at, const json_t *v,
		      const struct field *f, void *out)
{
	int ignored;

	(void)out;
	(void)type_choice.parse(p, at, v, f, &ignored);
	return false; /* nothing to remember */
}

static const struct value_type type_aqm = { parse_aqm, NULL, NULL, NULL };

static const struct range gap_range = { 1, UINT32_MAX };
static const struct range overhead_range = { IMPAIR_OVERHEAD_MIN, IMPAIR_OVERHEAD_MAX };
static const struct range cell_range = { 1, IMPAIR_OVERHEAD_MAX };
static const struct range cell_overhead_range = { 0, IMPAIR_OVERHEAD_MAX };

#define OFFSET(member) .offset = offsetof(struct impairment, member)

static const struct field impairment_fields[] = {
	{ .name = "delay",
	  .help = "Propagation delay, one way.",
	  .type = &type_time,
	  OFFSET(delay_ns),
	  .bit = IMPAIR_DELAY },
	{ .name = "jitter",
	  .help = "Spread around delay.",
	  .type = &type_time,
	  OFFSET(jitter_ns),
	  .bit = IMPAIR_JITTER },
	{ .name = "distribution",
	  .help = "How jitter is spread. Default: uniform.",
	  .type = &type_choice,
	  .arg = distributions,
	  OFFSET(distribution),
	  .bit = IMPAIR_DISTRIBUTION },
	{ .name = "jitter_reorders",
	  .help = "Let jitter change the order of packets. Default: false.",
	  .type = &type_bool,
	  OFFSET(jitter_reorders),
	  .bit = IMPAIR_JITTER_REORDERS },
	{ .name = "rate",
	  .help = "Serialisation at the bottleneck.",
	  .type = &type_rate,
	  OFFSET(rate_bps),
	  .bit = IMPAIR_RATE },
	{ .name = "queue",
	  .help = "What may wait for the rate, apart from what is in flight. Default: enough for rate x (delay + jitter), and 100 packets.",
	  .type = &type_queue,
	  .offset = 0,
	  .bit = IMPAIR_QUEUE },
	{ .name = "aqm",
	  .help = "How the queue drops: at its end, when it is full.",
	  .type = &type_aqm,
	  .arg = aqms },
	{ .name = "ecn",
	  .help = "Mark packets that allow it instead of losing them. Default: false.",
	  .type = &type_bool,
	  OFFSET(ecn),
	  .bit = IMPAIR_ECN },
	{ .name = "loss",
	  .help = "Packets lost: a share, or a model.",
	  .type = &type_loss,
	  OFFSET(loss),
	  .bit = IMPAIR_LOSS },
	{ .name = "duplicate",
	  .help = "Share of packets that arrive twice.",
	  .type = &type_share,
	  OFFSET(duplicate),
	  .bit = IMPAIR_DUPLICATE },
	{ .name = "corrupt",
	  .help = "Share of packets with one wrong bit.",
	  .type = &type_share,
	  OFFSET(corrupt),
	  .bit = IMPAIR_CORRUPT },
	{ .name = "reorder",
	  .help = "Share of packets that skip the delay and so overtake.",
	  .type = &type_share,
	  OFFSET(reorder),
	  .bit = IMPAIR_REORDER },
	{ .name = "gap",
	  .help = "Only every so many packets may overtake. Default: 1.",
	  .type = &type_integer,
	  .arg = &gap_range,
	  OFFSET(gap),
	  .bit = IMPAIR_GAP },
	{ .name = "overhead",
	  .help = "Bytes counted per packet besides its own, for rate.",
	  .type = &type_integer,
	  .arg = &overhead_range,
	  OFFSET(overhead),
	  .bit = IMPAIR_OVERHEAD },
	{ .name = "cell",
	  .help = "Packets are rounded up to cells of so many bytes, for rate.",
	  .type = &type_integer,
	  .arg = &cell_range,
	  OFFSET(cell),
	  .bit = IMPAIR_CELL },
	{ .name = "cell_overhead",
	  .help = "Bytes counted per cell besides its own, for rate.",
	  .type = &type_integer,
	  .arg = &cell_overhead_range,
	  OFFSET(cell_overhead),
	  .bit = IMPAIR_CELL_OVERHEAD },
	{ .name = "slot",
	  .help = "Packets leave in slots.",
	  .type = &type_slot,
	  OFFSET(slot),
	  .bit = IMPAIR_SLOT },
	{ .name = "seed",
	  .help = "Seed of the direction's dice. Default: from the lab's seed, the link's name and the direction.",
	  .type = &type_seed,
	  OFFSET(seed),
	  .bit = IMPAIR_SEED },
	{ .name = "down",
	  .help = "Drop everything; the ends see no difference. Default: false.",
	  .type = &type_bool,
	  OFFSET(down),
	  .bit = IMPAIR_DOWN },
	{ .name = "preset", .help = "Values of a kind of network.", .later = "ready-made links" },
};

_Static_assert(ARRAY_SIZE(impairment_fields) == IMPAIR_KEY_COUNT + 2, "every key, aqm and preset");

const struct object_spec impairment_spec = {
	.def = "impairment",
	.noun = "an impairment",
	.help = "What one direction of a link does to packets.",
	.fields = impairment_fields,
	.n_fields = ARRAY_SIZE(impairment_fields),
};

const struct object_spec direction_spec = {
	.def = "direction",
	.noun = "one direction of a link",
	.help = "What one direction of a link does to packets, besides or instead of what the link says for both.",
	.fields = impairment_fields,
	.n_fields = ARRAY_SIZE(impairment_fields),
	.elsewhere = &link_spec,
	.elsewhere_text = "belongs to the link itself, not to one of its directions",
};
