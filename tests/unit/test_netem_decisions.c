/* SPDX-License-Identifier: MIT */
/*
 * Packet by packet what sch_netem does with the same seed: the published vector, those that a kernel was seen to give, and
 * 2,500 packets of each of many parameter sets against a model of the kernel's code that shares none with ours
 * (netem_model.py; the kernel itself: tests/integration/test_oracle.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "support/numbered.h"

enum { PACKETS = 2500, BYTES = 100, GAP_NS = 100000 };

static const uint64_t ms = 1000000;

/* --- vectors --- */

static const struct vector {
	const char *name;
	uint64_t seed;
	struct impair_loss loss;
	unsigned packets;
	int lost[48]; /* from 1; 0 ends */
} vectors[] = {
	/* with the kernel patch that brought the seed: cover letter 20230815092348.1449179-1 */
	{ "published",
	  42424242,
	  { .model = IMPAIR_LOSS_RANDOM, .random = 0.1 },
	  25,
	  { 5, 12, 24 } },
	/* these are what sch_netem of a 7.2 kernel does */
	{ "random",
	  1,
	  { .model = IMPAIR_LOSS_RANDOM, .random = 0.1 },
	  100,
	  { 1, 2, 4, 9, 10, 16, 23, 29, 43, 55, 62, 74, 78, 81, 85 } },
	{ "gemodel",
	  1,
	  { .model = IMPAIR_LOSS_GEMODEL,
	    .p = 0.05,
	    .r = 0.3,
	    .one_minus_h = 0.7,
	    .one_minus_k = 0.01 },
	  100,
	  { 1,  2,  16, 17, 18, 19, 20, 23, 25, 26, 27, 28, 43,
	    61, 63, 73, 74, 75, 76, 77, 78, 80, 81, 82, 94 } },
	{ "state",
	  1,
	  { .model = IMPAIR_LOSS_STATE,
	    .p13 = 0.05,
	    .p31 = 0.3,
	    .p32 = 0.2,
	    .p23 = 0.5,
	    .p14 = 0.01 },
	  100,
	  { 2,  4,  9,  11, 13, 14, 15, 19, 23, 29, 30, 31, 32, 33, 34, 35,
	    36, 43, 44, 45, 46, 47, 55, 62, 74, 78, 81, 82, 83, 85, 86 } },
};

static void test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		const struct vector *v = &vectors[i];
		struct impairment m = { .set = IMPAIR_BIT(IMPAIR_LOSS) | IMPAIR_BIT(IMPAIR_SEED),
					.loss = v->loss,
					.seed = v->seed };
		struct numbered_pipe f;
		unsigned n = 0;

		numbered_begin_asked(&f, &m);
		for (unsigned k = 1; k <= v->packets; k++)
			numbered_offer(&f, (int)k, k * ms, BYTES);
		while (v->lost[n])
			n++;
		assert_int_equal(f.n_lost, n);
		assert_memory_equal(f.lost, v->lost, n * sizeof(int));
		numbered_end(&f);
	}
}

/* --- against the model --- */

struct decisions {
	const char *loss, *mix; /* what is asked besides the loss: words */
	uint64_t seed;
	unsigned lost, doubled, corrupted, overtook;
	uint64_t digest; /* of (number, time, corrupted) of each packet, as they leave */
};

#include "netem_decisions.h"

static const struct {
	const char *name;
	struct impair_loss loss;
} losses[] = {
	{ "random", { .model = IMPAIR_LOSS_RANDOM, .random = 0.1 } },
	{ "gemodel",
	  { .model = IMPAIR_LOSS_GEMODEL,
	    .p = 0.05,
	    .r = 0.3,
	    .one_minus_h = 0.7,
	    .one_minus_k = 0.01 } },
	{ "state",
	  { .model = IMPAIR_LOSS_STATE,
	    .p13 = 0.05,
	    .p31 = 0.3,
	    .p32 = 0.2,
	    .p23 = 0.5,
	    .p14 = 0.01 } },
	{ "burst", { .model = IMPAIR_LOSS_BURST, .burst_rate = 0.05, .burst_length = 4 } },
};

static const struct {
	const char *word;
	uint32_t set;
} words[] = {
	{ "duplicate", IMPAIR_BIT(IMPAIR_DUPLICATE) },
	{ "corrupt", IMPAIR_BIT(IMPAIR_CORRUPT) },
	{ "delay", IMPAIR_BIT(IMPAIR_DELAY) },
	{ "jitter", IMPAIR_BIT(IMPAIR_DELAY) | IMPAIR_BIT(IMPAIR_JITTER) },
	{ "free", IMPAIR_BIT(IMPAIR_JITTER_REORDERS) },
	{ "reorder", IMPAIR_BIT(IMPAIR_DELAY) | IMPAIR_BIT(IMPAIR_REORDER) },
	{ "gap", IMPAIR_BIT(IMPAIR_DELAY) | IMPAIR_BIT(IMPAIR_REORDER) | IMPAIR_BIT(IMPAIR_GAP) },
	{ "rate", IMPAIR_BIT(IMPAIR_DELAY) | IMPAIR_BIT(IMPAIR_RATE) },
	{ "normal", IMPAIR_BIT(IMPAIR_DISTRIBUTION) },
	{ "pareto", IMPAIR_BIT(IMPAIR_DISTRIBUTION) },
	{ "paretonormal", IMPAIR_BIT(IMPAIR_DISTRIBUTION) },
};

static enum impair_distribution distribution_of(const char *word)
{
	for (int d = IMPAIR_NORMAL; d <= IMPAIR_PARETONORMAL; d++) {
		if (strcmp(word, impair_distribution_name((enum impair_distribution)d)) == 0)
			return (enum impair_distribution)d;
	}
	return IMPAIR_UNIFORM;
}

static struct impairment impairment_of(const struct decisions *d)
{
	struct impairment m = { .set = IMPAIR_BIT(IMPAIR_LOSS) | IMPAIR_BIT(IMPAIR_SEED) |
				       IMPAIR_BIT(IMPAIR_QUEUE),
				.seed = d->seed,
				.delay_ns = 40 * ms + 50000,
				.jitter_ns = 15 * ms,
				.jitter_reorders = true,
				.rate_bps = 10000000,
				.queue = PACKETS,
				.duplicate = 0.07,
				.corrupt = 0.06,
				.reorder = 0.3,
				.gap = 4 };
	char text[128], *rest = text;

	for (size_t i = 0; i < ARRAY_SIZE(losses); i++) {
		if (strcmp(losses[i].name, d->loss) == 0)
			m.loss = losses[i].loss;
	}
	strcpy(text, d->mix);
	for (char *word = strsep(&rest, " "); word; word = strsep(&rest, " ")) {
		for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
			if (strcmp(words[i].word, word) == 0)
				m.set |= words[i].set;
		}
		if (distribution_of(word) != IMPAIR_UNIFORM)
			m.distribution = distribution_of(word);
	}
	return m;
}

static uint64_t add(uint64_t h, uint64_t value)
{
	for (int i = 0; i < 8; i++, value >>= 8)
		h = (h ^ (value & 0xff)) * 0x100000001b3;
	return h;
}

/** The digest of what a set does to its packets. */
static uint64_t run(const struct impairment *m, struct pipe_stats *ret)
{
	uint64_t h = 0xcbf29ce484222325, left_ns;
	struct numbered_pipe f;
	struct numbered n;

	numbered_begin_asked(&f, m);
	for (int k = 1; k <= PACKETS; k++)
		numbered_offer(&f, k, (uint64_t)k * GAP_NS, BYTES);
	while (numbered_next(&f, &left_ns, &n))
		h = add(add(add(h, (uint64_t)n.number), left_ns), n.corrupted);
	*ret = f.pipe.stats;
	numbered_end(&f);
	return h;
}

static void test_model(void **state)
{
	(void)state;
	assert_in_range(ARRAY_SIZE(decisions), 50, 1000);
	for (size_t i = 0; i < ARRAY_SIZE(decisions); i++) {
		const struct decisions *d = &decisions[i];
		struct impairment m = impairment_of(d);
		struct pipe_stats s;
		uint64_t digest = run(&m, &s);

		if (digest != d->digest || s.dropped[PIPE_LOSS] != d->lost ||
		    s.duplicated != d->doubled || s.corrupted != d->corrupted ||
		    s.reordered != d->overtook || s.dropped[PIPE_QUEUE])
			fail_msg(
				"%s, %s: %u lost, %u doubled, %u corrupted, %u overtook, not %u, %u, "
				"%u, %u; digest %llx",
				d->loss, d->mix, (unsigned)s.dropped[PIPE_LOSS],
				(unsigned)s.duplicated, (unsigned)s.corrupted,
				(unsigned)s.reordered, d->lost, d->doubled, d->corrupted,
				d->overtook, (unsigned long long)digest);
	}
}

/** The comparison sees a change of any parameter that a set has. */
static void test_model_can_fail(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(decisions); i++) {
		const struct decisions *d = &decisions[i];
		struct impairment m = impairment_of(d), other;
		struct pipe_stats s;

		other = m;
		other.seed ^= 1;
		assert_true(run(&other, &s) != d->digest);
		other = m;
		other.gap++;
		assert_int_equal(run(&other, &s) != d->digest, impair_asks(&m, IMPAIR_GAP));
		other = m;
		other.delay_ns++;
		assert_int_equal(run(&other, &s) != d->digest, impair_asks(&m, IMPAIR_DELAY));
		other = m;
		other.corrupt *= 1.2;
		assert_int_equal(run(&other, &s) != d->digest, impair_asks(&m, IMPAIR_CORRUPT));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_model_can_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
