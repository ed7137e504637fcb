/* SPDX-License-Identifier: MIT */
/* The models of a link's `loss`: each an object of its own. */
#include "topo/link.h"

#include <string.h>

#include "base/cleanup.h"

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

const struct value_type type_loss = {
	parse_loss,
	"loss",
	"{\"oneOf\":[{\"$ref\":\"#/$defs/share\"},{\"$ref\":\"#/$defs/loss-model\"}]}",
	NULL,
};
