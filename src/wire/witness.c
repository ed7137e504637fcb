/* SPDX-License-Identifier: MIT */
/* What a lane tells a recorder. */
#include "wire/witness.h"

#include <string.h>

#include "wire/worker.h"
#include "sys/clock.h"

static struct tape_record *begin(struct lane *l, enum tape_kind kind, const struct frame *f,
				 uint64_t at_ns)
{
	struct tape_record *r = tape_begin(l->tape, kind, f->len);

	if (!r)
		return NULL;
	r->link = (uint32_t)l->link->number;
	r->dir = l == &l->link->lanes[1];
	r->has_codel = l->pipe.codel_on;
	r->number = f->number;
	r->arrival_ns = at_ns;
	r->delay_ns = l->pipe.delay_ns;
	r->vnet = f->vnet;
	memcpy(r->frame, f->data, f->len);
	return r;
}

void witness_offer(struct lane *l, const struct frame *f, uint64_t arrival_ns)
{
	if (l->tape->tape)
		l->tape->open = begin(l, TAPE_PACKET, f, arrival_ns);
}

void witness_fate(struct lane *l, const struct frame *f, const struct pipe_fate *fate)
{
	struct tape_record *r = l->tape->open;

	if (!l->tape->tape)
		return;
	if (!r || r->number != f->number) {
		/* decided later than when it was offered; or its record was lost, as this one may be */
		if (!fate->dropped && !fate->marked)
			return;
		r = begin(l, TAPE_LATE, f, sys_monotonic_ns());
		if (r)
			r->fate = *fate;
		if (r && !l->tape->open)
			tape_commit(l->tape);
		return;
	}
	if (fate->is_copy) {
		r->has_copy = true;
		r->copy = *fate;
	} else {
		r->fate = *fate;
	}
}

void witness_end(struct lane *l)
{
	if (!l->tape->tape || !l->tape->open)
		return;
	l->tape->open = NULL;
	tape_commit(l->tape);
}

void witness_unsent(struct lane *l, const struct frame *f, enum pipe_cause cause)
{
	const struct pipe_fate fate = { .dropped = true, .cause = cause };

	witness_fate(l, f, &fate);
}
