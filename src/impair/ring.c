/* SPDX-License-Identifier: MIT */
/* Packets in a row. */
#include "impair/ring.h"

#include <errno.h>
#include <stdlib.h>

enum { FIRST_SIZE = 16 }; /* a lab has thousands of directions, most of them idle */

int ring_reserve(struct pipe_ring *r, size_t more)
{
	size_t size = r->size ? r->size : FIRST_SIZE;
	struct pipe_entry *entries;

	if (r->n + more <= r->size)
		return 0;
	while (size < r->n + more)
		size *= 2;
	entries = calloc(size, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < r->n; i++)
		entries[i] = *ring_at(r, i);
	free(r->entries);
	*r = (struct pipe_ring){ .entries = entries, .n = r->n, .size = size };
	return 0;
}

void ring_deinit(struct pipe_ring *r)
{
	free(r->entries);
	*r = (struct pipe_ring){ 0 };
}
