/* SPDX-License-Identifier: MIT */
/*
 * What is drawn, held against what was asked, with fixed seeds: distributions by Kolmogorov-Smirnov, counts against the
 * binomial distribution, losses by runs and by the lengths of bursts against closed forms. Each test is made to fail as
 * well, by a parameter that is somewhat off.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "support/numbered.h"

enum { N = 100000 };

static const uint64_t ms = 1000000;

#define ASKS(key) IMPAIR_BIT(IMPAIR_##key)

/* Two-sided, at 1 in 10,000 for a seed that was not chosen. */
static const double z_limit = 3.89;
static const double ks_limit = 2.22; /* of D x sqrt(n): 2 exp(-2 x^2) = 1e-4 */

/* --- running --- */

static double delays_ms[N];
static bool lost[N];

/** Sends N packets a second apart. Those that come have their delay in delays_ms. @return what was counted */
static struct pipe_stats send_all(const struct impairment *m)
{
	struct numbered_pipe f;
	struct pipe_stats s;
	struct numbered n;
	uint64_t left;

	numbered_begin_asked(&f, m);
	memset(lost, 1, sizeof(lost));
	for (int k = 0; k < N; k++) {
		uint64_t now = (uint64_t)(k + 1) * 1000 * ms;

		numbered_offer(&f, k + 1, now, 100);
		while (numbered_next(&f, &left, &n)) {
			delays_ms[k] = (double)(left - now) / 1e6;
			lost[k] = false;
		}
	}
	s = f.pipe.stats;
	numbered_end(&f);
	return s;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* --- delays --- */

static struct impairment jittery(enum impair_distribution d)
{
	return (struct impairment){ .set = ASKS(DELAY) | ASKS(JITTER) | ASKS(DISTRIBUTION) |
					   ASKS(JITTER_REORDERS) | ASKS(SEED),
				    .delay_ns = 100 * ms,
				    .jitter_ns = 10 * ms,
				    .distribution = d,
				    .jitter_reorders = true,
				    .seed = 7 + (uint64_t)d };
}

static double share_in_table(const struct delay_table *t, double x)
{
	/* tables do not decrease */
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (t->entries[middle] <= x)
			low = middle + 1;
		else
			high = middle;
	}
	return (double)low / (double)t->n;
}

/** P(delay <= x) of 100 ms +- 10 ms. */
static double cdf(enum impair_distribution d, double x_ms)
{
	const struct delay_table *t = delay_table_builtin(d);
	double deviations = (x_ms - 100) / 10;

	if (t) /* a delay is rounded to the nanosecond */
		return share_in_table(t, deviations * DELAY_TABLE_SCALE + 1e-3);
	return fmin(1, fmax(0, (deviations + 1) / 2));
}

/** Kolmogorov's D x sqrt(n); sorts the delays. */
static double kolmogorov(enum impair_distribution d)
{
	double most = 0;

	qsort(delays_ms, N, sizeof(delays_ms[0]), compare_doubles);
	for (int i = 0; i < N; i++) {
		/* among equal ones of a table the last counts, from above */
		if (i + 1 < N && delays_ms[i + 1] == delays_ms[i])
			continue;
		most = fmax(most, fabs((double)(i + 1) / N - cdf(d, delays_ms[i])));
	}
	return most * sqrt(N);
}

static void test_distributions(void **state)
{
	(void)state;
	for (int d = IMPAIR_UNIFORM; d <= IMPAIR_PARETONORMAL; d++) {
		struct impairment m = jittery((enum impair_distribution)d);
		double right, wrong;

		send_all(&m);
		right = kolmogorov((enum impair_distribution)d);
		m.jitter_ns = m.jitter_ns * 104 / 100;
		send_all(&m);
		wrong = kolmogorov((enum impair_distribution)d);
		if (right >= ks_limit || wrong < ks_limit)
			fail_msg("%s: D x sqrt(n) = %.2f, and %.2f with 4 %% more jitter",
				 impair_distribution_name((enum impair_distribution)d), right,
				 wrong);
	}
}

/** The table of the normal distribution is one, but for its tails. */
static void test_normal_table(void **state)
{
	const struct delay_table *t = delay_table_builtin(IMPAIR_NORMAL);
	double most = 0;

	(void)state;
	for (size_t i = 0; i < t->n; i++) {
		double x = (double)t->entries[i] / DELAY_TABLE_SCALE;

		most = fmax(most,
			    fabs((double)(i + 1) / (double)t->n - .5 - .5 * erf(x / sqrt(2))));
	}
	assert_true(most < 0.0005);
}

static double autocorrelation(const double *x)
{
	double mean = 0, var = 0, cov = 0;

	for (int i = 0; i < N; i++)
		mean += x[i] / N;
	for (int i = 0; i < N; i++) {
		var += (x[i] - mean) * (x[i] - mean);
		if (i > 0)
			cov += (x[i] - mean) * (x[i - 1] - mean);
	}
	return cov / var;
}

static void losses_as_doubles(double *ret)
{
	for (int i = 0; i < N; i++)
		ret[i] = lost[i];
}

static void test_independence(void **state)
{
	static double x[N];
	struct impairment m = jittery(IMPAIR_NORMAL);

	(void)state;
	send_all(&m);
	assert_true(fabs(autocorrelation(delays_ms)) * sqrt(N) < z_limit);
	m = (struct impairment){ .set = ASKS(LOSS) | ASKS(SEED),
				 .loss = { .model = IMPAIR_LOSS_RANDOM, .random = 0.05 },
				 .seed = 5 };
	send_all(&m);
	losses_as_doubles(x);
	assert_true(fabs(autocorrelation(x)) * sqrt(N) < z_limit);
	/* bursts of 1.2 are seen */
	m.loss = (struct impair_loss){ .model = IMPAIR_LOSS_BURST,
				       .burst_rate = 0.05,
				       .burst_length = 1.2 };
	send_all(&m);
	losses_as_doubles(x);
	assert_true(fabs(autocorrelation(x)) * sqrt(N) > z_limit);
}

/* --- losses --- */

/** Wald and Wolfowitz: how far the number of runs is from what independent losses have, in deviations. */
static double runs_z(void)
{
	double n1 = 0, n2, runs = 1, mean, var;

	for (int i = 0; i < N; i++) {
		n1 += lost[i];
		runs += i > 0 && lost[i] != lost[i - 1];
	}
	n2 = N - n1;
	mean = 1 + 2 * n1 * n2 / N;
	var = (mean - 1) * (mean - 2) / (N - 1);
	return (runs - mean) / sqrt(var);
}

static void test_runs(void **state)
{
	struct impairment m = { .set = ASKS(LOSS) | ASKS(SEED),
				.loss = { .model = IMPAIR_LOSS_RANDOM, .random = 0.1 },
				.seed = 99 };

	(void)state;
	send_all(&m);
	assert_true(fabs(runs_z()) < z_limit);
	m.loss = (struct impair_loss){ .model = IMPAIR_LOSS_BURST,
				       .burst_rate = 0.1,
				       .burst_length = 1.25 };
	send_all(&m);
	assert_true(runs_z() < -z_limit);
}

enum { BINS = 16 };

/** Chi-square of the lengths of bursts against the geometric distribution of a mean, in deviations from its own mean. */
static double bursts_z(double mean_length)
{
	double seen[BINS + 1] = { 0 }, n = 0, chi = 0, r = 1 / mean_length, rest = 1;
	int length = 0, bins = 0;

	for (int i = 0; i < N; i++) {
		if (lost[i]) {
			length++;
		} else if (length) {
			seen[length < BINS ? length : BINS]++;
			n++;
			length = 0;
		}
	}
	for (int k = 1; k <= BINS; k++) {
		double want = n * (k < BINS ? rest * r : rest);

		rest *= 1 - r;
		chi += (seen[k] - want) * (seen[k] - want) / want;
		bins++;
	}
	return (chi - (bins - 1)) / sqrt(2.0 * (bins - 1));
}

static void test_bursts(void **state)
{
	struct impairment m = {
		.set = ASKS(LOSS) | ASKS(SEED),
		.loss = { .model = IMPAIR_LOSS_BURST, .burst_rate = 0.2, .burst_length = 4 },
		.seed = 31
	};

	(void)state;
	send_all(&m);
	assert_true(bursts_z(4) < z_limit);
	assert_true(bursts_z(3.4) > z_limit && bursts_z(4.7) > z_limit);
	/* Gilbert's model the same: bursts end with r */
	m.loss = (struct impair_loss){
		.model = IMPAIR_LOSS_GEMODEL, .p = 0.05, .r = 0.25, .one_minus_h = 1
	};
	send_all(&m);
	assert_true(bursts_z(4) < z_limit);
	assert_true(bursts_z(3.4) > z_limit);
}

/** How far the share of losses is from `want`, in deviations that blocks of packets show. */
static double rate_z(double want)
{
	enum { BLOCKS = 100, BLOCK = N / BLOCKS };
	double mean = 0, var = 0, block[BLOCKS] = { 0 };

	for (int i = 0; i < N; i++)
		block[i / BLOCK] += (double)lost[i] / BLOCK;
	for (int b = 0; b < BLOCKS; b++)
		mean += block[b] / BLOCKS;
	for (int b = 0; b < BLOCKS; b++)
		var += (block[b] - mean) * (block[b] - mean) / (BLOCKS - 1);
	return (mean - want) / sqrt(var / BLOCKS);
}

/** The share of time in the two lost states of the 4-state chain, by walking it until it stands still. */
static double four_state_rate(const struct impair_loss *l)
{
	/* transmitted in a gap, lost in a burst, transmitted in a burst, lost in a gap */
	double s[4] = { 1, 0, 0, 0 };

	for (int i = 0; i < 10000; i++) {
		double next[4] = {
			s[0] * (1 - l->p13 - l->p14) + s[1] * l->p31 + s[3],
			s[0] * l->p13 + s[1] * (1 - l->p31 - l->p32) + s[2] * l->p23,
			s[1] * l->p32 + s[2] * (1 - l->p23),
			s[0] * l->p14,
		};

		memcpy(s, next, sizeof(s));
	}
	return s[1] + s[3];
}

static void test_rates(void **state)
{
	static const struct impair_loss losses[] = {
		{ .model = IMPAIR_LOSS_RANDOM, .random = 0.03 },
		{ .model = IMPAIR_LOSS_BURST, .burst_rate = 0.05, .burst_length = 4 },
		{ .model = IMPAIR_LOSS_GEMODEL,
		  .p = 0.05,
		  .r = 0.3,
		  .one_minus_h = 0.7,
		  .one_minus_k = 0.01 },
		{ .model = IMPAIR_LOSS_STATE,
		  .p13 = 0.05,
		  .p31 = 0.3,
		  .p32 = 0.2,
		  .p23 = 0.5,
		  .p14 = 0.01 },
	};
	/* the Gilbert-Elliott chain: p/(p+r)(1-h) + r/(p+r)(1-k) */
	const double want[] = { 0.03, 0.05, 0.05 / 0.35 * 0.7 + 0.3 / 0.35 * 0.01,
				four_state_rate(&losses[3]) };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(losses); i++) {
		struct impairment m = { .set = ASKS(LOSS) | ASKS(SEED),
					.loss = losses[i],
					.seed = 1000 + i };

		send_all(&m);
		if (fabs(rate_z(want[i])) >= z_limit || fabs(rate_z(want[i] * 1.15)) < z_limit)
			fail_msg("model %zu: %.2f deviations from %.4f, %.2f from 15 %% more", i,
				 rate_z(want[i]), want[i], rate_z(want[i] * 1.15));
	}
}

/* --- counts --- */

static double binomial_z(uint64_t count, double n, double share)
{
	return ((double)count - n * share) / sqrt(n * share * (1 - share));
}

static void test_counts(void **state)
{
	struct impairment m = { .set = ASKS(SEED) | ASKS(DUPLICATE) | ASKS(CORRUPT) |
				       ASKS(REORDER) | ASKS(DELAY),
				.delay_ns = ms,
				.duplicate = 0.02,
				.corrupt = 0.03,
				.reorder = 0.25,
				.seed = 4 };
	struct pipe_stats s = send_all(&m);
	double all = N +
		     (double)s.duplicated; /* copies are corrupted and reordered like any packet */

	(void)state;
	assert_true(fabs(binomial_z(s.duplicated, N, 0.02)) < z_limit);
	assert_true(fabs(binomial_z(s.corrupted, all, 0.03)) < z_limit);
	assert_true(fabs(binomial_z(s.reordered, all, 0.25)) < z_limit);
	assert_true(fabs(binomial_z(s.duplicated, N, 0.025)) > z_limit);
	assert_true(fabs(binomial_z(s.corrupted, all, 0.036)) > z_limit);
	assert_true(fabs(binomial_z(s.reordered, all, 0.26)) > z_limit);
	/* after each that overtook, gap - 1 cannot: one in gap - 1 + 1/p */
	m.set |= ASKS(GAP);
	m.gap = 5;
	s = send_all(&m);
	all = N + (double)s.duplicated;
	/* renewals: the deviation of their number is that of a turn's length over its mean */
	assert_true(fabs((double)s.reordered - all / 8) <
		    z_limit * sqrt(all * (0.75 / (0.25 * 0.25)) / pow(8, 3)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distributions), cmocka_unit_test(test_normal_table),
		cmocka_unit_test(test_independence),  cmocka_unit_test(test_runs),
		cmocka_unit_test(test_bursts),        cmocka_unit_test(test_rates),
		cmocka_unit_test(test_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
