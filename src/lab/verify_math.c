/* SPDX-License-Identifier: MIT */
/* Quantiles, shares with bounds, and what chains of losses amount to. */
#include "lab/verify_math.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct verify_bounds verify_share_bounds(double share, double n, double z)
{
	double z2 = z * z, centre, half;

	if (!(n > 0))
		return (struct verify_bounds){ 0, 1 };
	centre = (share + z2 / (2 * n)) / (1 + z2 / n);
	half = z / (1 + z2 / n) * sqrt(share * (1 - share) / n + z2 / (4 * n * n));
	return (struct verify_bounds){ share > 0 ? fmax(0, centre - half) : 0,
				       share < 1 ? fmin(1, centre + half) : 1 };
}

double verify_quantile(const double *sorted, size_t n, double q)
{
	double at = q * (double)(n - 1);
	size_t below = (size_t)at;

	if (below + 1 >= n)
		return sorted[n - 1];
	return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void verify_mean_std(const double *values, size_t n, double *ret_mean, double *ret_std)
{
	double mean = 0, squares = 0;

	for (size_t i = 0; i < n; i++)
		mean += values[i] / (double)n;
	for (size_t i = 0; i < n; i++)
		squares += (values[i] - mean) * (values[i] - mean);
	*ret_mean = mean;
	*ret_std = n > 1 ? sqrt(squares / (double)(n - 1)) : 0;
}

void verify_summarise(double *values, size_t n, struct verify_summary *ret)
{
	*ret = (struct verify_summary){ .n = n };
	if (n == 0)
		return;
	qsort(values, n, sizeof(*values), compare);
	verify_mean_std(values, n, &ret->mean, &ret->std);
	ret->min = values[0];
	ret->p10 = verify_quantile(values, n, 0.1);
	ret->p50 = verify_quantile(values, n, 0.5);
	ret->p90 = verify_quantile(values, n, 0.9);
	ret->p99 = verify_quantile(values, n, 0.99);
	ret->max = values[n - 1];
}

/* --- chains of losses --- */

enum { STATES_MAX = 4, STEPS_MAX = 200000 };

/* In state i a packet is lost with probability loss[i]; the next packet's state is j with probability to[i][j]. */
struct chain {
	unsigned n;
	double to[STATES_MAX][STATES_MAX];
	double loss[STATES_MAX];
};

static void step(const struct chain *c, double *p)
{
	double next[STATES_MAX] = { 0 };

	for (unsigned i = 0; i < c->n; i++) {
		for (unsigned j = 0; j < c->n; j++)
			next[j] += p[i] * c->to[i][j];
	}
	memcpy(p, next, sizeof(next));
}

/* How often each state is on: the mean over time, which a chain that goes round and round has as well. */
static void stationary(const struct chain *c, double *ret)
{
	const unsigned settled = STEPS_MAX / 2;
	const double counted = STEPS_MAX - settled;
	double p[STATES_MAX] = { 1 }, sum[STATES_MAX] = { 0 };

	for (unsigned k = 0; k < STEPS_MAX; k++) {
		step(c, p);
		for (unsigned i = 0; i < c->n && k >= settled; i++)
			sum[i] += p[i];
	}
	for (unsigned i = 0; i < c->n; i++)
		ret[i] = sum[i] / counted;
}

static struct verify_loss sum_up(const struct chain *c)
{
	struct verify_loss r = { .inflation = 1 };
	double on[STATES_MAX], lost[STATES_MAX], covariances = 0;

	stationary(c, on);
	for (unsigned i = 0; i < c->n; i++)
		r.share += on[i] * c->loss[i];
	if (r.share <= 0 || r.share >= 1)
		return r;
	/* covariance of two packets k apart: P(lost, and lost k later) - share^2 */
	for (unsigned i = 0; i < c->n; i++)
		lost[i] = on[i] * c->loss[i];
	for (unsigned k = 1; k < STEPS_MAX; k++) {
		double covariance = -r.share * r.share;

		step(c, lost);
		for (unsigned i = 0; i < c->n; i++)
			covariance += lost[i] * c->loss[i];
		covariances += covariance;
		if (fabs(covariance) < 1e-12 * r.share)
			break;
	}
	r.inflation = fmax(0, 1 + 2 * covariances / (r.share * (1 - r.share)));
	return r;
}

static struct verify_loss gilbert_elliott(const struct impair_loss *m)
{
	const struct chain c = {
		.n = 2,
		.to = { { 1 - m->p, m->p }, { m->r, 1 - m->r } },
		.loss = { m->one_minus_k, m->one_minus_h },
	};

	return sum_up(&c);
}

/* sch_netem's: in a gap, in a burst, lost in a gap, lost in a burst */
static struct verify_loss four_state(const struct impair_loss *m)
{
	const struct chain c = {
		.n = 4,
		.to = { { 1 - m->p13 - m->p14, 0, m->p14, m->p13 },
			{ 0, 1 - m->p23, 0, m->p23 },
			{ 1, 0, 0, 0 },
			{ m->p31, m->p32, 0, 1 - m->p31 - m->p32 } },
		.loss = { 0, 0, 1, 1 },
	};

	return sum_up(&c);
}

struct verify_loss verify_loss_of(const struct impair_loss *loss)
{
	struct impair_loss m = impair_loss_solve(loss);

	switch (m.model) {
	case IMPAIR_LOSS_RANDOM:
		break;
	case IMPAIR_LOSS_BURST: /* solved into the next */
	case IMPAIR_LOSS_GEMODEL:
		return gilbert_elliott(&m);
	case IMPAIR_LOSS_STATE:
		return four_state(&m);
	}
	return (struct verify_loss){ .share = m.random, .inflation = 1 };
}
