/* SPDX-License-Identifier: MIT */
/* What was decided about a packet, as decisions and comments have it. */
#include "repro/fates.h"

#include <inttypes.h>

static enum decision_cause cause_of_drop(const struct pipe_fate *f, bool by_codel)
{
	switch (f->cause) {
	case PIPE_LOSS:
		return DECISION_LOSS;
	case PIPE_QUEUE:
		return by_codel ? DECISION_CODEL : DECISION_QUEUE;
	case PIPE_FAULT:
		return DECISION_FAULT;
	case PIPE_DOWN:
		return DECISION_DOWN;
	case PIPE_HOST:
	case PIPE_CAUSES:
		break;
	}
	return DECISION_HOST;
}

/** How much later than by the link's own delay it comes out. */
static int64_t lateness(const struct tape_record *r, const struct pipe_fate *f)
{
	return f->overtakes ? 0 : f->travel_ns - r->delay_ns + f->extra_ns;
}

static void damage(struct verdict *v, const struct pipe_fate *f)
{
	if (f->damage == PIPE_DAMAGE_BIT || f->damage == PIPE_DAMAGE_BYTE) {
		v->actions |= f->damage == PIPE_DAMAGE_BIT ? VERDICT_CORRUPT_BIT
							   : VERDICT_CORRUPT_BYTE;
		v->corrupt_at = (uint32_t)f->damage_at;
		if (f->corrupt_random == 0) /* no dice besides */
			return;
	}
	v->actions |= VERDICT_CORRUPT;
	v->corrupt = f->corrupt_random;
}

static void add_copy(struct verdict *v, const struct tape_record *r)
{
	const struct pipe_fate *c = &r->copy;

	if (!r->has_copy || c->dropped)
		return;
	v->actions |= VERDICT_DUPLICATE;
	if (c->corrupted) {
		v->actions |= VERDICT_COPY_CORRUPT;
		v->copy_corrupt = c->corrupt_random;
	}
	if (c->overtakes)
		v->actions |= VERDICT_COPY_AHEAD;
	v->copy_delay_ns = lateness(r, c);
	if (v->copy_delay_ns)
		v->actions |= VERDICT_COPY_DELAY;
}

void fate_verdict(const struct tape_record *r, bool replayed, struct verdict *ret,
		  enum decision_cause *ret_cause)
{
	const struct pipe_fate *f = &r->fate;
	struct verdict v = { 0 };

	*ret_cause = f->rule ? DECISION_FAULT : DECISION_DICE;
	if (f->dropped) {
		v.actions = VERDICT_DROP;
		*ret_cause = cause_of_drop(f, r->kind == TAPE_LATE && r->has_codel);
	} else {
		if (f->marked) {
			v.actions |= VERDICT_MARK;
			*ret_cause = r->kind == TAPE_LATE ? DECISION_CODEL : DECISION_LOSS;
		}
		if (f->corrupted)
			damage(&v, f);
		if (f->overtakes)
			v.actions |= VERDICT_AHEAD;
		v.delay_ns = r->kind == TAPE_PACKET ? lateness(r, f) : 0;
		if (v.delay_ns)
			v.actions |= VERDICT_DELAY;
		if (f->held && f->hold_for > 0) {
			v.actions |= VERDICT_HOLD;
			v.hold = f->hold_for < UINT32_MAX ? (uint32_t)f->hold_for : UINT32_MAX;
			v.actions &= ~(
				unsigned)VERDICT_AHEAD; /* held, it is nobody to overtake others */
		}
	}
	add_copy(&v, r);
	if (replayed && *ret_cause == DECISION_FAULT)
		*ret_cause = DECISION_REPLAY;
	*ret = v;
}

/** Duplicated by dice, but there was no room: not for the one, and so not for the other. */
static bool both_dropped(const struct tape_record *r)
{
	return r->fate.dropped && r->fate.duplicated && !r->fate.copy_lost && !r->has_copy;
}

void fate_comment(struct buf *b, const struct tape_record *r, const struct verdict *v,
		  enum decision_cause cause)
{
	const struct pipe_fate *f = &r->fate;
	bool copy_dropped = r->has_copy && r->copy.dropped;
	const char *then = v->actions ? "; " : "";

	if (!v->actions && !f->copy_lost && !copy_dropped)
		return;
	buf_puts(b, "netlab: ");
	if (v->actions) {
		verdict_format(b, v);
		buf_printf(b, " %s", decision_cause_name(cause));
		if (f->rule && cause == DECISION_FAULT)
			buf_printf(b, " (rule %" PRIu32 ")", f->rule);
	}
	/* it is then as if there had been no copy: no decision, but counted */
	if (f->copy_lost)
		buf_printf(b, "%sduplicated, and of the two one: drop loss", then);
	if (copy_dropped)
		buf_printf(b, "%sduplicated, and the copy: drop %s", then,
			   decision_cause_name(cause_of_drop(&r->copy, false)));
	if (both_dropped(r))
		buf_printf(b, "%sduplicated, and the copy: drop %s", then,
			   decision_cause_name(cause_of_drop(f, false)));
	if (r->kind == TAPE_LATE)
		buf_puts(b, " " FATE_LATE_COMMENT);
}

void fate_count(struct fate_counts *c, const struct tape_record *r)
{
	const struct pipe_fate *f = &r->fate;

	if (r->kind == TAPE_PACKET) {
		c->packets++;
		c->bytes += r->len;
		c->duplicated += f->duplicated;
		c->dropped[PIPE_LOSS] += f->copy_lost;
		/* as the link counts: what is lost was not damaged, and its copy, which was never made, is lost as well */
		c->corrupted += f->corrupted && !f->dropped;
		c->dropped[f->cause] += both_dropped(r);
		c->reordered += f->overtakes;
		if (r->has_copy) {
			c->corrupted += r->copy.corrupted && !r->copy.dropped;
			c->reordered += r->copy.overtakes;
			c->marked += r->copy.marked;
			if (r->copy.dropped)
				c->dropped[r->copy.cause]++;
		}
	}
	c->marked += f->marked;
	if (f->dropped)
		c->dropped[f->cause]++;
}
