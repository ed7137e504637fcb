/* SPDX-License-Identifier: MIT */
/* A heap of directions by time. */
#include "wire/agenda.h"

#include <errno.h>
#include <stdlib.h>

int agenda_reserve(struct agenda *a, size_t n)
{
	struct agenda_item **more;

	if (n <= a->size)
		return 0;
	n = n < 2 * a->size ? 2 * a->size : n;
	more = realloc(a->items, n * sizeof(struct agenda_item *));
	if (!more)
		return -ENOMEM;
	a->items = more;
	a->size = n;
	return 0;
}

void agenda_deinit(struct agenda *a)
{
	free(a->items);
	*a = (struct agenda){ 0 };
}

static void put(struct agenda *a, size_t i, struct agenda_item *item)
{
	a->items[i] = item;
	item->place = i + 1;
}

static void rise(struct agenda *a, size_t i, struct agenda_item *item)
{
	while (i > 0 && item->at_ns < a->items[(i - 1) / 2]->at_ns) {
		put(a, i, a->items[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(a, i, item);
}

static void sink(struct agenda *a, size_t i, struct agenda_item *item)
{
	size_t child;

	while ((child = 2 * i + 1) < a->n) {
		if (child + 1 < a->n && a->items[child + 1]->at_ns < a->items[child]->at_ns)
			child++;
		if (a->items[child]->at_ns >= item->at_ns)
			break;
		put(a, i, a->items[child]);
		i = child;
	}
	put(a, i, item);
}

static void take_out(struct agenda *a, struct agenda_item *item)
{
	struct agenda_item *last = a->items[--a->n];
	size_t i = item->place - 1;

	item->place = 0;
	if (last == item)
		return;
	if (i > 0 && last->at_ns < a->items[(i - 1) / 2]->at_ns)
		rise(a, i, last);
	else
		sink(a, i, last);
}

void agenda_set(struct agenda *a, struct agenda_item *item, uint64_t at_ns)
{
	uint64_t before = item->at_ns;

	if (item->place && at_ns == before)
		return;
	if (at_ns == AGENDA_NEVER) {
		if (item->place)
			take_out(a, item);
		return;
	}
	item->at_ns = at_ns;
	if (!item->place)
		rise(a, a->n++, item);
	else if (at_ns < before)
		rise(a, item->place - 1, item);
	else
		sink(a, item->place - 1, item);
}
