/* SPDX-License-Identifier: MIT */
/* Impairments as values: names, merging, loss models. */
#include "topo/impairment.h"

#include "topo/link.h"

#include <math.h>

#include <errno.h>
#include <string.h>

#include "base/units.h"

static const char *const key_names[] = {
	[IMPAIR_DELAY] = "delay",
	[IMPAIR_JITTER] = "jitter",
	[IMPAIR_DISTRIBUTION] = "distribution",
	[IMPAIR_JITTER_REORDERS] = "jitter_reorders",
	[IMPAIR_RATE] = "rate",
	[IMPAIR_QUEUE] = "queue",
	[IMPAIR_ECN] = "ecn",
	[IMPAIR_LOSS] = "loss",
	[IMPAIR_DUPLICATE] = "duplicate",
	[IMPAIR_CORRUPT] = "corrupt",
	[IMPAIR_REORDER] = "reorder",
	[IMPAIR_GAP] = "gap",
	[IMPAIR_OVERHEAD] = "overhead",
	[IMPAIR_CELL] = "cell",
	[IMPAIR_CELL_OVERHEAD] = "cell_overhead",
	[IMPAIR_SLOT] = "slot",
	[IMPAIR_SEED] = "seed",
	[IMPAIR_DOWN] = "down",
	[IMPAIR_AQM] = "aqm",
};

_Static_assert(sizeof(key_names) / sizeof(key_names[0]) == IMPAIR_KEY_COUNT,
	       "a name for every key");

const char *impair_key_name(enum impair_key key)
{
	return key_names[key];
}

const char *impair_distribution_name(enum impair_distribution d)
{
	switch (d) {
	case IMPAIR_UNIFORM:
		return "uniform";
	case IMPAIR_NORMAL:
		return "normal";
	case IMPAIR_PARETO:
		return "pareto";
	case IMPAIR_PARETONORMAL:
		return "paretonormal";
	}
	return "?";
}

const char *impair_aqm_name(enum impair_aqm aqm)
{
	return aqm == IMPAIR_CODEL ? "codel" : "droptail";
}

static bool loses(const struct impair_loss *loss)
{
	switch (loss->model) {
	case IMPAIR_LOSS_RANDOM:
		return loss->random > 0;
	case IMPAIR_LOSS_BURST:
		return loss->burst_rate > 0;
	case IMPAIR_LOSS_GEMODEL:
		return loss->p > 0 || loss->one_minus_k > 0;
	case IMPAIR_LOSS_STATE:
		return loss->p13 > 0 || loss->p14 > 0;
	}
	return false;
}

/** @return whether anything that is neither a rate nor its queue is asked */
static bool shapes_besides_rate(const struct impairment *m)
{
	const struct impair_slot *s = &m->slot;

	return (impair_asks(m, IMPAIR_DELAY) && m->delay_ns > 0) ||
	       (impair_asks(m, IMPAIR_JITTER) && m->jitter_ns > 0) ||
	       (impair_asks(m, IMPAIR_LOSS) && loses(&m->loss)) ||
	       (impair_asks(m, IMPAIR_DUPLICATE) && m->duplicate > 0) ||
	       (impair_asks(m, IMPAIR_CORRUPT) && m->corrupt > 0) ||
	       (impair_asks(m, IMPAIR_REORDER) && m->reorder > 0) ||
	       (impair_asks(m, IMPAIR_SLOT) &&
		(s->min_ns || s->max_ns || s->dist_delay_ns || s->packets || s->bytes));
}

bool impairment_is_shaping(const struct impairment *m)
{
	return impair_asks(m, IMPAIR_RATE) || impair_asks(m, IMPAIR_QUEUE) ||
	       shapes_besides_rate(m);
}

uint32_t impair_share_to_u32(double share)
{
	return (uint32_t)rint(share * UINT32_MAX);
}

static void merge_key(struct impairment *into, const struct impairment *from, enum impair_key key)
{
	switch (key) {
	case IMPAIR_DELAY:
		into->delay_ns = from->delay_ns;
		break;
	case IMPAIR_JITTER:
		into->jitter_ns = from->jitter_ns;
		break;
	case IMPAIR_DISTRIBUTION:
		into->distribution = from->distribution;
		break;
	case IMPAIR_JITTER_REORDERS:
		into->jitter_reorders = from->jitter_reorders;
		break;
	case IMPAIR_RATE:
		into->rate_bps = from->rate_bps;
		into->rate_trace = from->rate_trace;
		into->rate_trace_loop = from->rate_trace_loop;
		break;
	case IMPAIR_QUEUE:
		into->queue_unit = from->queue_unit;
		into->queue = from->queue;
		break;
	case IMPAIR_ECN:
		into->ecn = from->ecn;
		break;
	case IMPAIR_LOSS:
		into->loss = from->loss;
		break;
	case IMPAIR_DUPLICATE:
		into->duplicate = from->duplicate;
		break;
	case IMPAIR_CORRUPT:
		into->corrupt = from->corrupt;
		break;
	case IMPAIR_REORDER:
		into->reorder = from->reorder;
		break;
	case IMPAIR_GAP:
		into->gap = from->gap;
		break;
	case IMPAIR_OVERHEAD:
		into->overhead = from->overhead;
		break;
	case IMPAIR_CELL:
		into->cell = from->cell;
		break;
	case IMPAIR_CELL_OVERHEAD:
		into->cell_overhead = from->cell_overhead;
		break;
	case IMPAIR_SLOT:
		into->slot = from->slot;
		break;
	case IMPAIR_SEED:
		into->seed = from->seed;
		break;
	case IMPAIR_DOWN:
		into->down = from->down;
		break;
	case IMPAIR_AQM:
		into->aqm = from->aqm;
		break;
	case IMPAIR_KEY_COUNT:
		break;
	}
}

void impairment_merge(struct impairment *into, const struct impairment *from)
{
	for (unsigned key = 0; key < IMPAIR_KEY_COUNT; key++) {
		if (impair_asks(from, (enum impair_key)key))
			merge_key(into, from, (enum impair_key)key);
	}
	into->set |= from->set;
}

struct impair_loss impair_gemodel(double p, const double *r, const double *one_minus_h,
				  const double *one_minus_k)
{
	return (struct impair_loss){
		.model = IMPAIR_LOSS_GEMODEL,
		.p = p,
		.r = r ? *r : 1 - p,
		.one_minus_h = one_minus_h ? *one_minus_h : 1,
		.one_minus_k = one_minus_k ? *one_minus_k : 0,
	};
}

struct impair_loss impair_state(double p13, const double *p31, const double *p32, const double *p23,
				const double *p14)
{
	return (struct impair_loss){
		.model = IMPAIR_LOSS_STATE,
		.p13 = p13,
		.p31 = p31 ? *p31 : 1 - p13,
		.p32 = p32 ? *p32 : 0,
		.p23 = p23 ? *p23 : 1,
		.p14 = p14 ? *p14 : 0,
	};
}

struct impair_loss impair_loss_solve(const struct impair_loss *loss)
{
	double r;

	if (loss->model != IMPAIR_LOSS_BURST)
		return *loss;
	r = 1 / loss->burst_length;
	return (struct impair_loss){
		.model = IMPAIR_LOSS_GEMODEL,
		.p = r * loss->burst_rate / (1 - loss->burst_rate),
		.r = r,
		.one_minus_h = 1,
		.one_minus_k = 0,
	};
}

int impair_parse_queue(const char *text, struct impairment *m, const char **ret_why)
{
	static const char form[] =
		"a queue is a number of packets, a size or a time, e.g. \"50packets\", \"64kib\" or "
		"\"100ms\"";
	static const char zero[] = "a queue of nothing would let nothing through";
	size_t digits = strspn(text, "0123456789");
	uint64_t value;
	enum impair_queue_unit unit;
	int r;

	if (strcmp(text + digits, "packets") == 0 || strcmp(text + digits, "packet") == 0) {
		char number[24];

		unit = IMPAIR_QUEUE_PACKETS;
		if (digits == 0 || digits >= sizeof(number)) {
			*ret_why = digits == 0 ? form : "a queue has at most 4294967295 packets";
			return -EINVAL;
		}
		memcpy(number, text, digits);
		number[digits] = '\0';
		r = units_parse_u64(number, &value);
		if (r < 0 || value > UINT32_MAX) {
			*ret_why = "a queue has at most 4294967295 packets";
			return -ERANGE;
		}
	} else {
		const char *why = NULL;

		unit = IMPAIR_QUEUE_TIME;
		r = units_parse_time(text, &value, &why);
		if (r == -EINVAL) {
			unit = IMPAIR_QUEUE_BYTES;
			r = units_parse_size(text, &value, &why);
		}
		if (r < 0) {
			*ret_why = r == -EINVAL ? form : why;
			return r;
		}
	}
	if (value == 0) {
		*ret_why = zero;
		return -ERANGE;
	}
	m->queue_unit = unit;
	m->queue = value;
	return 0;
}
