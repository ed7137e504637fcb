/* SPDX-License-Identifier: MIT */
/* Packets that rules hold back. There are few of them: they are in a list, and looked through. */
#include "impair/hold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SIZE = 16 };

int hold_reserve(struct pipe *p)
{
	size_t size = p->holds_size ? 2 * p->holds_size : FIRST_SIZE;
	struct pipe_hold *more;

	if (p->n_holds < p->holds_size)
		return 0;
	more = realloc(p->holds, size * sizeof(*more));
	if (!more)
		return -ENOMEM;
	p->holds = more;
	p->holds_size = size;
	return 0;
}

void hold_add(struct pipe *p, const struct pipe_hold *h)
{
	p->holds[p->n_holds++] = *h;
}

bool hold_take(struct pipe *p, const uint64_t *counter, bool all, struct pipe_hold *ret)
{
	for (size_t i = 0; i < p->n_holds; i++) {
		const struct pipe_hold *h = &p->holds[i];

		if (!all && *h->counter < h->until && h->counter != counter &&
		    p->n_holds <= HOLD_MAX)
			continue;
		*ret = *h;
		p->n_holds--;
		memmove(&p->holds[i], &p->holds[i + 1], (p->n_holds - i) * sizeof(*h));
		return true;
	}
	return false;
}

void pipe_recount(struct pipe *p, const uint64_t *hold_counter, const uint64_t *new_counter)
{
	for (size_t i = 0; i < p->n_holds; i++) {
		if (p->holds[i].counter == hold_counter)
			p->holds[i].counter = new_counter;
	}
}

void hold_deinit(struct pipe *p)
{
	for (size_t i = 0; i < p->n_holds; i++)
		p->owner.drop(p->owner.ctx, p->holds[i].entry.packet, PIPE_HOST);
	free(p->holds);
	p->holds = NULL;
	p->n_holds = p->holds_size = 0;
}
