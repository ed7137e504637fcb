/* SPDX-License-Identifier: MIT */
/* Numbered packets through a pipe. */
#include "support/numbered.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void *clone_packet(void *ctx, void *packet)
{
	struct numbered_pipe *f = ctx;
	struct numbered *n;

	if (f->cannot_clone)
		return NULL;
	n = malloc(sizeof(*n));
	assert_non_null(n);
	*n = *(struct numbered *)packet;
	n->is_copy = true;
	f->live++;
	return n;
}

static void corrupt_packet(void *ctx, void *packet, uint32_t random)
{
	(void)ctx;
	(void)random;
	((struct numbered *)packet)->corrupted = true;
}

static void corrupt_packet_at(void *ctx, void *packet, enum pipe_damage damage, uint64_t at)
{
	(void)ctx;
	assert_true(damage == PIPE_DAMAGE_BIT || damage == PIPE_DAMAGE_BYTE);
	((struct numbered *)packet)->corrupted = true;
	((struct numbered *)packet)->damaged_at = 1 + at;
}

static void rule_packet(void *ctx, void *packet, const struct pipe_arrival *about,
			struct pipe_ruling *ret)
{
	struct numbered_pipe *f = ctx;
	const struct numbered *n = packet;

	assert_int_equal(n->is_copy, about->is_copy);
	if (f->rule)
		f->rule(n->number, about, ret);
}

static bool mark_packet(void *ctx, void *packet)
{
	struct numbered_pipe *f = ctx;

	((struct numbered *)packet)->marked = !f->cannot_mark;
	return !f->cannot_mark;
}

static void drop_packet(void *ctx, void *packet, enum pipe_cause cause)
{
	struct numbered_pipe *f = ctx;
	struct numbered *n = packet;

	f->last_cause = cause;
	if (f->n_lost < NUMBERED_KEPT)
		f->lost[f->n_lost++] = n->number;
	f->live--;
	free(n);
}

static void hear_fate(void *ctx, void *packet, const struct pipe_fate *fate)
{
	struct numbered_pipe *f = ctx;

	assert_int_equal(fate->is_copy, ((struct numbered *)packet)->is_copy);
	f->last_fate = *fate;
	f->n_fates++;
}

static void check(const struct numbered_pipe *f)
{
	assert_true(pipe_is_conserved(&f->pipe));
	assert_int_equal(f->pipe.stats.held, f->live);
}

void numbered_begin(struct numbered_pipe *f, const struct pipe_setup *setup)
{
	struct pipe_owner owner = { .clone = clone_packet,
				    .corrupt = corrupt_packet,
				    .mark = mark_packet,
				    .drop = drop_packet,
				    .ctx = f,
				    .rule = rule_packet,
				    .corrupt_at = corrupt_packet_at,
				    .fate = hear_fate };

	memset(f, 0, sizeof(*f));
	assert_int_equal(pipe_init(&f->pipe, setup, &owner), 0);
}

void numbered_begin_asked(struct numbered_pipe *f, const struct impairment *m)
{
	numbered_begin(f, &(struct pipe_setup){ .asked = m, .mtu = 1500 });
}

void numbered_end(struct numbered_pipe *f)
{
	pipe_deinit(&f->pipe);
	assert_int_equal(f->live, 0);
}

void numbered_change(struct numbered_pipe *f, const struct pipe_setup *setup)
{
	pipe_change(&f->pipe, setup);
	check(f);
}

void numbered_offer(struct numbered_pipe *f, int number, uint64_t now_ns, uint32_t len)
{
	struct numbered *n = calloc(1, sizeof(*n));

	assert_non_null(n);
	n->number = number;
	f->live++;
	pipe_offer(&f->pipe, now_ns, n, len);
	check(f);
}

int numbered_take(struct numbered_pipe *f, uint64_t now_ns, uint64_t *ret_left_ns,
		  struct numbered *ret)
{
	uint64_t left_ns;
	struct numbered *n = pipe_take(&f->pipe, now_ns, &left_ns);
	int number;

	if (!n) {
		/* nothing that is due is withheld */
		assert_true(pipe_next(&f->pipe) > now_ns);
		check(f);
		return 0;
	}
	assert_true(left_ns <= now_ns);
	if (ret_left_ns)
		*ret_left_ns = left_ns;
	if (ret)
		*ret = *n;
	number = n->number;
	f->live--;
	free(n);
	check(f);
	return number;
}

int numbered_next(struct numbered_pipe *f, uint64_t *ret_left_ns, struct numbered *ret)
{
	uint64_t next;

	while ((next = pipe_next(&f->pipe)) != PIPE_NEVER) {
		int number = numbered_take(f, next, ret_left_ns, ret);

		if (number)
			return number;
	}
	return 0;
}
