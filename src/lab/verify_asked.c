/* SPDX-License-Identifier: MIT */
/* What a direction was asked, and what may be expected of it. */
#include "lab/verify_asked.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "impair/pipe.h"

/* Runs on paper: their scatter is what chance alone does to figures of so many probes. */
enum { RUNS = 16, MTU = 1500 };

/* --- from JSON --- */

static bool get_number(const json_t *o, const char *key, double *ret)
{
	const json_t *value = json_object_get(o, key);

	if (!json_is_number(value))
		return false;
	*ret = json_number_value(value);
	return true;
}

static void read_u64(const json_t *o, const char *key, struct impairment *m, enum impair_key k,
		     uint64_t *ret)
{
	double value;

	if (!get_number(o, key, &value) || value < 0)
		return;
	*ret = (uint64_t)value;
	m->set |= IMPAIR_BIT(k);
}

static void read_share(const json_t *o, const char *key, struct impairment *m, enum impair_key k,
		       double *ret)
{
	if (get_number(o, key, ret))
		m->set |= IMPAIR_BIT(k);
}

static void read_bool(const json_t *o, const char *key, struct impairment *m, enum impair_key k,
		      bool *ret)
{
	const json_t *value = json_object_get(o, key);

	if (!json_is_boolean(value))
		return;
	*ret = json_is_true(value);
	m->set |= IMPAIR_BIT(k);
}

static enum impair_distribution distribution_of(const json_t *value)
{
	const char *name = json_string_value(value);

	for (int d = IMPAIR_UNIFORM; name && d <= IMPAIR_PARETONORMAL; d++) {
		if (strcmp(name, impair_distribution_name((enum impair_distribution)d)) == 0)
			return (enum impair_distribution)d;
	}
	return IMPAIR_UNIFORM;
}

static void read_loss(const json_t *o, struct impairment *m)
{
	struct impair_loss *l = &m->loss;
	const json_t *burst = json_object_get(o, "burst"), *ge = json_object_get(o, "gemodel"),
		     *state = json_object_get(o, "state");

	if (!o)
		return;
	m->set |= IMPAIR_BIT(IMPAIR_LOSS);
	(void)get_number(o, "random", &l->random);
	if (burst) {
		l->model = IMPAIR_LOSS_BURST;
		(void)get_number(burst, "rate", &l->burst_rate);
		(void)get_number(burst, "length", &l->burst_length);
	} else if (ge) {
		l->model = IMPAIR_LOSS_GEMODEL;
		(void)get_number(ge, "p", &l->p);
		(void)get_number(ge, "r", &l->r);
		(void)get_number(ge, "1-h", &l->one_minus_h);
		(void)get_number(ge, "1-k", &l->one_minus_k);
	} else if (state) {
		l->model = IMPAIR_LOSS_STATE;
		(void)get_number(state, "p13", &l->p13);
		(void)get_number(state, "p31", &l->p31);
		(void)get_number(state, "p32", &l->p32);
		(void)get_number(state, "p23", &l->p23);
		(void)get_number(state, "p14", &l->p14);
	}
}

static void read_slot(const json_t *o, struct impairment *m)
{
	struct impairment unused = { 0 };
	uint64_t number = 0;

	if (!o)
		return;
	m->set |= IMPAIR_BIT(IMPAIR_SLOT);
	m->slot.distribution = distribution_of(json_object_get(o, "distribution"));
	read_u64(o, "delay_ns", &unused, IMPAIR_SLOT, &m->slot.dist_delay_ns);
	read_u64(o, "jitter_ns", &unused, IMPAIR_SLOT, &m->slot.dist_jitter_ns);
	read_u64(o, "min_ns", &unused, IMPAIR_SLOT, &m->slot.min_ns);
	read_u64(o, "max_ns", &unused, IMPAIR_SLOT, &m->slot.max_ns);
	read_u64(o, "packets", &unused, IMPAIR_SLOT, &number);
	m->slot.packets = (uint32_t)number;
	number = 0;
	read_u64(o, "bytes", &unused, IMPAIR_SLOT, &number);
	m->slot.bytes = (uint32_t)number;
}

static void read_rate(const json_t *o, struct impairment *m)
{
	const json_t *trace = json_object_get(o, "rate_trace");

	read_u64(o, "rate_bps", m, IMPAIR_RATE, &m->rate_bps);
	if (!trace)
		return;
	m->set |= IMPAIR_BIT(IMPAIR_RATE);
	m->rate_trace = json_string_value(json_object_get(trace, "trace"));
	m->rate_trace_loop = json_is_true(json_object_get(trace, "loop"));
}

static void read_overheads(const json_t *o, struct impairment *m)
{
	double value;
	uint64_t number = 0;

	if (get_number(o, "overhead_bytes", &value)) {
		m->overhead = (int32_t)value;
		m->set |= IMPAIR_BIT(IMPAIR_OVERHEAD);
	}
	if (get_number(o, "cell_overhead_bytes", &value)) {
		m->cell_overhead = (int32_t)value;
		m->set |= IMPAIR_BIT(IMPAIR_CELL_OVERHEAD);
	}
	read_u64(o, "cell_bytes", m, IMPAIR_CELL, &number);
	m->cell = (uint32_t)number;
}

static void read_queue(const json_t *o, struct impairment *m)
{
	static const char *const keys[] = {
		[IMPAIR_QUEUE_PACKETS] = "queue_packets",
		[IMPAIR_QUEUE_BYTES] = "queue_bytes",
		[IMPAIR_QUEUE_TIME] = "queue_ns",
	};

	for (int unit = IMPAIR_QUEUE_PACKETS; unit <= IMPAIR_QUEUE_TIME; unit++) {
		if (!json_object_get(o, keys[unit]))
			continue;
		m->queue_unit = (enum impair_queue_unit)unit;
		read_u64(o, keys[unit], m, IMPAIR_QUEUE, &m->queue);
	}
}

void verify_read_asked(const json_t *direction, struct impairment *ret)
{
	struct impairment m = { .set = 0 };
	const json_t *o = direction;
	uint64_t gap = 0;

	read_u64(o, "delay_ns", &m, IMPAIR_DELAY, &m.delay_ns);
	read_u64(o, "jitter_ns", &m, IMPAIR_JITTER, &m.jitter_ns);
	if (json_object_get(o, "distribution")) {
		m.distribution = distribution_of(json_object_get(o, "distribution"));
		m.set |= IMPAIR_BIT(IMPAIR_DISTRIBUTION);
	}
	read_bool(o, "jitter_reorders", &m, IMPAIR_JITTER_REORDERS, &m.jitter_reorders);
	read_rate(o, &m);
	read_queue(o, &m);
	read_loss(json_object_get(o, "loss"), &m);
	read_share(o, "duplicate", &m, IMPAIR_DUPLICATE, &m.duplicate);
	read_share(o, "corrupt", &m, IMPAIR_CORRUPT, &m.corrupt);
	read_share(o, "reorder", &m, IMPAIR_REORDER, &m.reorder);
	read_u64(o, "gap", &m, IMPAIR_GAP, &gap);
	m.gap = (uint32_t)gap;
	read_overheads(o, &m);
	read_slot(json_object_get(o, "slot"), &m);
	read_bool(o, "down", &m, IMPAIR_DOWN, &m.down);
	*ret = m;
}

/* --- on paper --- */

uint64_t verify_charged_bytes(const struct impairment *asked, uint32_t len)
{
	int64_t bytes = (int64_t)len + (impair_asks(asked, IMPAIR_OVERHEAD) ? asked->overhead : 0);
	int64_t cell = impair_asks(asked, IMPAIR_CELL) ? asked->cell : 0;
	int64_t extra = impair_asks(asked, IMPAIR_CELL_OVERHEAD) ? asked->cell_overhead : 0;

	if (bytes > 0 && cell > 0)
		bytes = (bytes + cell - 1) / cell * (cell + extra);
	return bytes > 0 ? (uint64_t)bytes : 0;
}

static void drop_nothing(void *ctx, void *packet, enum pipe_cause cause)
{
	(void)ctx;
	(void)packet;
	(void)cause;
}

struct run {
	struct verify_summary delay; /* us */
	double reordered;
};

/* One run with a seed of its own. `numbers` holds any n values, whose addresses stand for the packets. */
static int run_once(const struct impairment *asked, const uint64_t *sent_ns, double *delays,
		    char *numbers, size_t n, uint32_t len, uint64_t seed, struct run *ret)
{
	struct impairment m = *asked;
	const struct pipe_owner owner = { .drop = drop_nothing };
	const struct pipe_setup setup = { .asked = &m, .mtu = MTU, .now_ns = sent_ns[0] };
	struct pipe p;
	size_t out = 0, behind = 0, latest = 0;
	uint64_t at;
	char *packet;
	int r;

	m.set &= ~(IMPAIR_BIT(IMPAIR_LOSS) | IMPAIR_BIT(IMPAIR_DUPLICATE) |
		   IMPAIR_BIT(IMPAIR_CORRUPT) | IMPAIR_BIT(IMPAIR_DOWN) | IMPAIR_BIT(IMPAIR_AQM) |
		   IMPAIR_BIT(IMPAIR_ECN));
	if (m.rate_trace)
		m.set &= ~IMPAIR_BIT(IMPAIR_RATE);
	m.set |= IMPAIR_BIT(IMPAIR_SEED);
	m.seed = seed;
	r = pipe_init(&p, &setup, &owner);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		pipe_offer(&p, sent_ns[i], &numbers[i], len);
	/* the last possible time but one: everything comes out, by its deadline */
	while (out < n && (packet = pipe_take(&p, PIPE_NEVER - 1, &at)) != NULL) {
		size_t i = (size_t)(packet - numbers);

		behind += out > 0 && i < latest;
		latest = i > latest ? i : latest;
		delays[out++] = (double)(at - sent_ns[i]) / 1000;
	}
	pipe_deinit(&p);
	verify_summarise(delays, out, &ret->delay);
	ret->reordered = out ? (double)behind / (double)out : 0;
	return 0;
}

static struct verify_figure figure(const double *values)
{
	struct verify_figure f;

	verify_mean_std(values, RUNS, &f.mean, &f.std);
	return f;
}

int verify_expect(const struct impairment *asked, const uint64_t *sent_ns, size_t n, uint32_t len,
		  struct verify_expectation *ret)
{
	double *delays = calloc(n, sizeof(*delays));
	char *numbers = calloc(n, 1);
	double p50[RUNS], mean[RUNS], p99[RUNS], spread[RUNS], std[RUNS], reordered[RUNS];
	int r = delays && numbers ? 0 : -ENOMEM;

	for (unsigned i = 0; i < RUNS && r == 0; i++) {
		struct run run;

		r = run_once(asked, sent_ns, delays, numbers, n, len, i + 1, &run);
		if (r < 0)
			break;
		p50[i] = run.delay.p50;
		mean[i] = run.delay.mean;
		p99[i] = run.delay.p99;
		spread[i] = run.delay.p90 - run.delay.p10;
		std[i] = run.delay.std;
		reordered[i] = run.reordered;
	}
	free(delays);
	free(numbers);
	if (r < 0)
		return r;
	*ret = (struct verify_expectation){
		.delay_p50 = figure(p50),
		.delay_mean = figure(mean),
		.delay_p99 = figure(p99),
		.spread = figure(spread),
		.std = figure(std),
		.reordered = figure(reordered),
	};
	return 0;
}
