/* SPDX-License-Identifier: MIT */
/* Lanes by ifindex. */
#include "wire/lookup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/lane.h"

enum { FIRST_SIZE = 16 };

static size_t hash(const struct lookup *t, uint32_t ifindex)
{
	return (ifindex * 2654435761u >> 7) & (t->n_slots - 1); /* Knuth's multiplier */
}

static void enter(struct lookup *t, struct lane *l)
{
	size_t i = hash(t, l->in);

	while (t->slots[i])
		i = (i + 1) & (t->n_slots - 1);
	t->slots[i] = l;
}

static void fill(struct lookup *t)
{
	memset(t->slots, 0, t->n_slots * sizeof(struct lane *));
	for (size_t i = 0; i < t->n; i++)
		enter(t, t->sorted[i]);
}

static int grow(struct lookup *t)
{
	size_t size = t->size ? 2 * t->size : FIRST_SIZE;
	struct lane **sorted = calloc(size, sizeof(struct lane *));
	struct lane **slots = calloc(2 * size, sizeof(struct lane *));

	if (!sorted || !slots) {
		free(sorted);
		free(slots);
		return -ENOMEM;
	}
	if (t->n > 0)
		memcpy(sorted, t->sorted, t->n * sizeof(struct lane *));
	lookup_deinit(&(struct lookup){ .sorted = t->sorted, .slots = t->slots });
	t->sorted = sorted;
	t->size = size;
	t->slots = slots;
	t->n_slots = 2 * size;
	fill(t);
	return 0;
}

int lookup_add(struct lookup *t, struct lane *l)
{
	size_t at;

	if (t->n == t->size) {
		int r = grow(t);

		if (r < 0)
			return r;
	}
	for (at = t->n; at > 0 && t->sorted[at - 1]->in > l->in; at--)
		t->sorted[at] = t->sorted[at - 1];
	t->sorted[at] = l;
	t->n++;
	enter(t, l);
	return 0;
}

void lookup_remove(struct lookup *t, struct lane *l)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->sorted[i] != l)
			continue;
		memmove(&t->sorted[i], &t->sorted[i + 1], (t->n - i - 1) * sizeof(struct lane *));
		t->n--;
		fill(t);
		return;
	}
}

struct lane *lookup_find(const struct lookup *t, uint32_t ifindex)
{
	if (t->n == 0)
		return NULL;
	for (size_t i = hash(t, ifindex); t->slots[i]; i = (i + 1) & (t->n_slots - 1)) {
		if (t->slots[i]->in == ifindex)
			return t->slots[i];
	}
	return NULL;
}

size_t lookup_ranges(const struct lookup *t, struct sys_ifrange *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++) {
		uint32_t index = t->sorted[i]->in;

		if (t->sorted[i]->is_leaving)
			continue;
		if (n > 0 && ret[n - 1].last + 1 == index)
			ret[n - 1].last = index;
		else
			ret[n++] = (struct sys_ifrange){ .first = index, .last = index };
	}
	return n;
}

void lookup_deinit(struct lookup *t)
{
	free(t->sorted);
	free(t->slots);
	*t = (struct lookup){ 0 };
}
