/* SPDX-License-Identifier: MIT */
/* The keys of an impairment: what may stand in a link, and in its "->" and "<-". */
#include "topo/link.h"
#include "topo/presets.h"

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
	size_t errors = p->diags.out->n_errors;

	(void)f;
	if (!object_parse(p, at, v, &slot_spec, &s) || p->diags.out->n_errors > errors)
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

static const struct choice aqms[] = {
	{ "droptail", IMPAIR_DROPTAIL, NULL },
	{ "codel", IMPAIR_CODEL, NULL },
	{ 0 },
};

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
	  .help = "Serialisation at the bottleneck: constant, or along a trace.",
	  .type = &type_link_rate,
	  .offset = 0,
	  .bit = IMPAIR_RATE },
	{ .name = "queue",
	  .help = "What may wait for the rate, apart from what is in flight. Default: enough for rate x (delay + jitter), and 100 packets.",
	  .type = &type_queue,
	  .offset = 0,
	  .bit = IMPAIR_QUEUE },
	{ .name = "aqm",
	  .help = "How the queue drops: at its end when it is full, or CoDel. Default: droptail.",
	  .type = &type_choice,
	  .arg = aqms,
	  OFFSET(aqm),
	  .bit = IMPAIR_AQM },
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
	{ .name = "preset",
	  .help = "delay, jitter, rate and loss of a kind of network; other keys of the object override them. The first endpoint is the user's side.",
	  .type = &type_choice,
	  .arg = preset_choices,
	  OFFSET(preset),
	  .bit = IMPAIR_KEY_COUNT },
};

_Static_assert(ARRAY_SIZE(impairment_fields) == IMPAIR_KEY_COUNT + 1, "every key, and preset");

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
