/* SPDX-License-Identifier: MIT */
/* Delta debugging. */
#include "repro/ddmin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"

static bool has_passed(const struct ddmin *d, uint64_t set)
{
	for (size_t i = 0; i < d->n_passed; i++) {
		if (d->passed[i] == set)
			return true;
	}
	return false;
}

/** Remembers it; without memory for that it may be tried again. */
static void remember(struct ddmin *d, uint64_t set)
{
	if (d->n_passed == d->passed_size) {
		size_t size = d->passed_size ? 2 * d->passed_size : 64;
		uint64_t *more = realloc(d->passed, size * sizeof(*more));

		if (!more)
			return;
		d->passed = more;
		d->passed_size = size;
	}
	d->passed[d->n_passed++] = set;
}

static void begin_round(struct ddmin *d, size_t chunks)
{
	d->chunks = chunks;
	d->next = d->told = 0;
	d->round++;
}

int ddmin_init(struct ddmin *d, size_t n)
{
	*d = (struct ddmin){ .n = n, .n_kept = n };
	d->kept = calloc(n + 1, sizeof(*d->kept));
	d->marks = calloc(n + 1, sizeof(*d->marks));
	if (!d->kept || !d->marks) {
		ddmin_deinit(d);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		d->kept[i] = i;
		d->marks[i] = hash_seed(hash_mix(i + 1));
	}
	d->is_done = n <= 1;
	begin_round(d, 2);
	return 0;
}

void ddmin_deinit(struct ddmin *d)
{
	free(d->kept);
	free(d->marks);
	free(d->passed);
	*d = (struct ddmin){ .is_done = true };
}

/** How many candidates a round has: of two chunks each is the other's complement. */
static size_t candidates(const struct ddmin *d)
{
	return d->chunks == 2 ? 2 : 2 * d->chunks;
}

/** Where a chunk begins. */
static size_t bound(const struct ddmin *d, size_t chunk)
{
	return d->n_kept * chunk / d->chunks;
}

static int make(const struct ddmin *d, size_t number, struct ddmin_try *ret)
{
	bool complement = number >= d->chunks;
	size_t chunk = complement ? number - d->chunks : number, from = bound(d, chunk),
	       to = bound(d, chunk + 1);

	*ret = (struct ddmin_try){ .round = d->round };
	ret->kept = calloc(d->n_kept + 1, sizeof(*ret->kept));
	if (!ret->kept)
		return -ENOMEM;
	for (size_t i = 0; i < d->n_kept; i++) {
		if ((i >= from && i < to) == complement)
			continue;
		ret->kept[ret->n_kept++] = d->kept[i];
		ret->set ^= d->marks[d->kept[i]];
	}
	return 0;
}

/** All of a round have passed: smaller chunks, or the end. */
static void refine(struct ddmin *d)
{
	if (d->chunks >= d->n_kept)
		d->is_done = true;
	else
		begin_round(d, 2 * d->chunks < d->n_kept ? 2 * d->chunks : d->n_kept);
}

int ddmin_next(struct ddmin *d, struct ddmin_try *ret)
{
	while (!d->is_done) {
		int r;

		if (d->next == candidates(d)) {
			if (d->told < d->next)
				return 0;
			refine(d);
			continue;
		}
		r = make(d, d->next, ret);
		if (r < 0)
			return r;
		d->next++;
		if (!has_passed(d, ret->set))
			return 1;
		d->told++;
		ddmin_try_deinit(ret);
	}
	return 0;
}

bool ddmin_tell(struct ddmin *d, const struct ddmin_try *t, bool fails)
{
	size_t chunks;

	if (!fails)
		remember(d, t->set);
	if (t->round != d->round || d->is_done)
		return false;
	d->told++;
	if (!fails)
		return false;
	/* a complement keeps the size of the chunks, a chunk is cut in two */
	chunks = t->n_kept * 2 > d->n_kept && d->chunks > 2 ? d->chunks - 1 : 2;
	memcpy(d->kept, t->kept, t->n_kept * sizeof(*t->kept));
	d->n_kept = t->n_kept;
	if (chunks > d->n_kept)
		chunks = d->n_kept;
	begin_round(d, chunks);
	d->is_done = d->n_kept <= 1;
	return true;
}

bool ddmin_is_done(const struct ddmin *d)
{
	return d->is_done;
}

void ddmin_try_deinit(struct ddmin_try *t)
{
	free(t->kept);
	*t = (struct ddmin_try){ 0 };
}
