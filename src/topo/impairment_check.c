/* SPDX-License-Identifier: MIT */
/* What is wrong with an impairment as a whole. */
#include "topo/link.h"

#include <errno.h>
#include <stdio.h>

#include "base/err.h"
#include "base/units.h"

enum {
	DEFAULT_MTU = 1500,
	/* tc hands the kernel bytes per second: less than 8 bit/s would be 0, which means no limit */
	RATE_MIN_BPS = 8,
};

/* A day: light from Voyager 1 takes less. Sums and products with rates stay far from overflow. */
#define DELAY_MAX_NS (86400 * 1000000000ull)

struct check {
	const struct impairment *m;
	uint32_t mtu;
	impair_problem_fn *tell;
	void *ctx;
};

static bool has(const struct check *c, enum impair_key key)
{
	return (c->m->set & IMPAIR_BIT(key)) != 0;
}

static void error(const struct check *c, enum impair_key key, const char *message, const char *hint)
{
	c->tell(c->ctx, false, key, message, hint);
}

static void warning(const struct check *c, enum impair_key key, const char *message,
		    const char *hint)
{
	c->tell(c->ctx, true, key, message, hint);
}

static void check_delay(const struct check *c)
{
	const struct impairment *m = c->m;
	bool delay = has(c, IMPAIR_DELAY) && m->delay_ns > 0,
	     jitter = has(c, IMPAIR_JITTER) && m->jitter_ns > 0;

	if (delay && m->delay_ns > DELAY_MAX_NS)
		error(c, IMPAIR_DELAY, "'delay' is above the limit of 24h", NULL);
	if (jitter && m->jitter_ns > DELAY_MAX_NS)
		error(c, IMPAIR_JITTER, "'jitter' is above the limit of 24h", NULL);
	else if (jitter && m->jitter_ns > (has(c, IMPAIR_DELAY) ? m->delay_ns : 0))
		warning(c, IMPAIR_JITTER,
			"'jitter' is above 'delay': what would arrive before it was sent arrives at once, so that the "
			"spread is smaller and the mean larger than it reads",
			"make 'delay' as large as 'jitter' or larger");
	if (has(c, IMPAIR_DISTRIBUTION) && !has(c, IMPAIR_JITTER))
		error(c, IMPAIR_DISTRIBUTION,
		      "'distribution' needs 'jitter': there is nothing to distribute", NULL);
	if (has(c, IMPAIR_JITTER_REORDERS) && m->jitter_reorders && !has(c, IMPAIR_JITTER))
		error(c, IMPAIR_JITTER_REORDERS, "'jitter_reorders' needs 'jitter'", NULL);
	if (has(c, IMPAIR_REORDER) && m->reorder > 0 && !delay && !jitter && !has(c, IMPAIR_RATE))
		error(c, IMPAIR_REORDER,
		      "'reorder' needs 'delay', 'jitter' or 'rate': a packet overtakes by not being held up",
		      "add e.g. \"delay\": \"10ms\"");
	if (has(c, IMPAIR_GAP) && !has(c, IMPAIR_REORDER))
		error(c, IMPAIR_GAP, "'gap' needs 'reorder'", "add e.g. \"reorder\": \"100%\"");
}

static void check_rate(const struct check *c)
{
	static const enum impair_key dependent[] = { IMPAIR_OVERHEAD, IMPAIR_CELL,
						     IMPAIR_CELL_OVERHEAD };
	const struct impairment *m = c->m;
	char text[160];

	if (has(c, IMPAIR_RATE) && !m->rate_trace && m->rate_bps < RATE_MIN_BPS)
		error(c, IMPAIR_RATE, "'rate' is below 8bit, the slowest there is",
		      "to let nothing through use \"down\": true, or leave 'rate' out for no limit");
	for (size_t i = 0; i < sizeof(dependent) / sizeof(dependent[0]); i++) {
		if (!has(c, dependent[i]) || has(c, IMPAIR_RATE))
			continue;
		snprintf(text, sizeof(text),
			 "'%s' needs 'rate': it only says how a packet counts against it",
			 impair_key_name(dependent[i]));
		error(c, dependent[i], text, NULL);
	}
	if (has(c, IMPAIR_CELL_OVERHEAD) && !has(c, IMPAIR_CELL))
		error(c, IMPAIR_CELL_OVERHEAD, "'cell_overhead' needs 'cell'", NULL);
	if (has(c, IMPAIR_AQM) && m->aqm == IMPAIR_CODEL && !has(c, IMPAIR_RATE))
		warning(c, IMPAIR_AQM,
			"'aqm' has no effect without 'rate': nothing waits in the queue",
			"give the link a 'rate'");
	if (!has(c, IMPAIR_QUEUE) || has(c, IMPAIR_RATE))
		return;
	if (m->queue_unit == IMPAIR_QUEUE_TIME)
		error(c, IMPAIR_QUEUE,
		      "a 'queue' given as a time needs 'rate': nothing says how much passes in that time",
		      "write it in packets or bytes");
	else
		warning(c, IMPAIR_QUEUE,
			"'queue' has hardly an effect without 'rate': nothing waits",
			"give the link a 'rate'");
}

static void check_queue_size(const struct check *c)
{
	_cleanup_buf_ struct buf b = { 0 };
	const struct impairment *m = c->m;
	double flight, queue = 0;

	if (!has(c, IMPAIR_QUEUE) || !has(c, IMPAIR_RATE) || m->rate_trace || !has(c, IMPAIR_DELAY))
		return;
	flight = (double)m->rate_bps / 8 * ((double)m->delay_ns / 1e9);
	switch (m->queue_unit) {
	case IMPAIR_QUEUE_PACKETS:
		queue = (double)m->queue * c->mtu;
		break;
	case IMPAIR_QUEUE_BYTES:
		queue = (double)m->queue;
		break;
	case IMPAIR_QUEUE_TIME:
		queue = (double)m->rate_bps / 8 * ((double)m->queue / 1e9);
		break;
	}
	if (queue >= flight)
		return;
	buf_printf(
		&b,
		"'queue' (%.0f bytes) is smaller than rate x delay (%.0f bytes): one TCP connection cannot fill the link",
		queue, flight);
	if (buf_text(&b))
		warning(c, IMPAIR_QUEUE, buf_text(&b), "leave 'queue' out to have it computed");
}

static void check_loss(const struct check *c)
{
	const struct impair_loss *loss = &c->m->loss;

	if (has(c, IMPAIR_ECN) && c->m->ecn && !has(c, IMPAIR_LOSS) &&
	    !(has(c, IMPAIR_AQM) && c->m->aqm == IMPAIR_CODEL))
		error(c, IMPAIR_ECN,
		      "'ecn' needs 'loss' or \"aqm\": \"codel\": it marks the packets that these would drop",
		      NULL);
	if (!has(c, IMPAIR_LOSS))
		return;
	if (loss->model == IMPAIR_LOSS_BURST) {
		struct impair_loss solved;

		if (loss->burst_rate >= 1) {
			error(c, IMPAIR_LOSS, "a 'burst' loss with a rate of 100 % has no end",
			      "use \"loss\": \"100%\"");
			return;
		}
		solved = impair_loss_solve(loss);
		if (solved.p > 1)
			error(c, IMPAIR_LOSS,
			      "this 'burst' rate cannot be reached with bursts so short: at most length / (length + 1) is lost",
			      "make 'length' larger or 'rate' smaller");
	}
	/* the kernel adds the two as u32 and wraps above 100 %: sch_netem.c, loss_4state() */
	if (loss->model == IMPAIR_LOSS_STATE && loss->p13 + loss->p14 > 1)
		error(c, IMPAIR_LOSS, "'p13' and 'p14' of 'loss' add up to more than 100 %", NULL);
	if (loss->model == IMPAIR_LOSS_STATE && loss->p31 + loss->p32 > 1)
		error(c, IMPAIR_LOSS, "'p31' and 'p32' of 'loss' add up to more than 100 %", NULL);
}

static void check_slot(const struct check *c)
{
	const struct impair_slot *s = &c->m->slot;

	if (!has(c, IMPAIR_SLOT))
		return;
	if (s->dist_delay_ns == 0 && s->min_ns > s->max_ns)
		error(c, IMPAIR_SLOT, "'min' of 'slot' is above its 'max'", NULL);
	if (s->max_ns > DELAY_MAX_NS || s->dist_delay_ns > DELAY_MAX_NS)
		error(c, IMPAIR_SLOT, "the time between slots is above the limit of 24h", NULL);
	if (s->dist_jitter_ns > DELAY_MAX_NS)
		error(c, IMPAIR_SLOT, "'jitter' of 'slot' is above the limit of 24h", NULL);
}

void impairment_problems(const struct impairment *m, uint32_t mtu, impair_problem_fn *tell,
			 void *ctx)
{
	const struct check c = { .m = m, .mtu = mtu ? mtu : DEFAULT_MTU, .tell = tell, .ctx = ctx };

	check_delay(&c);
	check_rate(&c);
	check_queue_size(&c);
	check_loss(&c);
	check_slot(&c);
}

static void keep_first(void *ctx, bool is_warning, enum impair_key key, const char *message,
		       const char *hint)
{
	struct netlab_err *err = ctx;

	(void)key;
	if (is_warning || err->code != 0)
		return;
	err_set(err, EINVAL, "%s", message);
	err_class(err, NETLAB_EXIT_INVALID);
	if (hint)
		err_hint(err, "%s", hint);
}

int impairment_check(const struct impairment *m, struct netlab_err *err)
{
	struct netlab_err first = { 0 };

	impairment_problems(m, 0, keep_first, &first);
	if (first.code != 0 && err)
		*err = first;
	return first.code;
}

const char *impairment_beyond_netem(const struct impairment *m)
{
	/* netem keeps jitter as s32 ns: sch_netem.c caps at INT_MAX, "range acceptable by tabledist" */
	enum { JITTER_MAX_NS = INT32_MAX };
	bool rated = impair_asks(m, IMPAIR_RATE),
	     jitter = impair_asks(m, IMPAIR_JITTER) && m->jitter_ns > 0;

	if (rated && m->rate_trace)
		return "'rate' along a trace: netem has one rate";
	if (impair_asks(m, IMPAIR_AQM) && m->aqm != IMPAIR_DROPTAIL)
		return "'aqm' \"codel\": netem's queue only drops at its end";
	if (jitter && m->jitter_ns > JITTER_MAX_NS)
		return "'jitter' above 2.147483647s: netem would cut it off there";
	if (jitter && rated && impair_asks(m, IMPAIR_JITTER_REORDERS) && m->jitter_reorders)
		return "'jitter_reorders' beside 'rate': netem keeps the order of what it serialises";
	if (impair_asks(m, IMPAIR_REORDER) && m->reorder > 0 &&
	    !(impair_asks(m, IMPAIR_DELAY) && m->delay_ns > 0))
		return "'reorder' without 'delay': tc refuses it";
	if (impair_asks(m, IMPAIR_SLOT) && m->slot.dist_jitter_ns > JITTER_MAX_NS)
		return "'jitter' of 'slot' above 2.147483647s: netem would cut it off there";
	return NULL;
}
