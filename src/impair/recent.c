/* SPDX-License-Identifier: MIT */
/* A table that forgets. */
#include "impair/recent.h"

#include <stdlib.h>

enum { FIRST_SIZE = 64 };

/** @return where the key is or belongs; the table has room */
static struct recent_entry *slot_of(const struct recent_generation *g, uint64_t key)
{
	size_t i = (size_t)key & (g->size - 1);

	while (g->slots[i].key && g->slots[i].key != key)
		i = (i + 1) & (g->size - 1);
	return &g->slots[i];
}

static int grow(struct recent_generation *g)
{
	struct recent_generation bigger = { .n = g->n, .size = g->size ? 2 * g->size : FIRST_SIZE };

	bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -1;
	for (size_t i = 0; i < g->size; i++) {
		if (g->slots[i].key)
			*slot_of(&bigger, g->slots[i].key) = g->slots[i];
	}
	free(g->slots);
	*g = bigger;
	return 0;
}

struct recent_entry *recent_get(struct recent *r, uint64_t key)
{
	struct recent_entry *e, *old;

	if (r->younger.n > 0) {
		e = slot_of(&r->younger, key);
		if (e->key)
			return e;
	}
	if (r->younger.n >= r->max) {
		free(r->older.slots);
		r->older = r->younger;
		r->younger = (struct recent_generation){ 0 };
	}
	if (2 * (r->younger.n + 1) > r->younger.size && grow(&r->younger) < 0)
		return NULL;
	e = slot_of(&r->younger, key);
	*e = (struct recent_entry){ .key = key };
	r->younger.n++;
	if (r->older.n > 0) {
		/* it stays in the older one as well, where nobody looks for it again */
		old = slot_of(&r->older, key);
		if (old->key)
			*e = *old;
	}
	return e;
}

void recent_deinit(struct recent *r)
{
	free(r->younger.slots);
	free(r->older.slots);
	*r = (struct recent){ .max = r->max };
}
