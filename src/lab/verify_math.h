/* SPDX-License-Identifier: MIT */
/**
 * @file verify_math.h
 * The statistics that `verify` stands on. Pure: numbers in, numbers out.
 */
#ifndef NETLAB_LAB_VERIFY_MATH_H
#define NETLAB_LAB_VERIFY_MATH_H

#include <stddef.h>
#include <stdint.h>

#include "topo/impairment.h"

#define VERIFY_Z_SHOWN \
	1.959964 /* two-sided 95 % of a normal distribution: the bounds that are shown */
#define VERIFY_Z_VERDICT \
	4.0 /* two-sided 99.994 %: what a verdict needs, for there are many of them */

struct verify_bounds {
	double low, high;
};

/**
 * Wilson's score interval of a share.
 * @param[in] n  trials; where they depend on each other, the number of independent ones that they are worth
 * @source E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 22 (1927)
 */
struct verify_bounds verify_share_bounds(double share, double n, double z);

/** Values in order of size; q 0..1; between two values a straight line. @param[in] n  > 0 */
double verify_quantile(const double *sorted, size_t n, double q);

struct verify_summary {
	size_t n;
	double mean, std, min, p10, p50, p90, p99, max; /* 0 where n is 0 */
};

/** Sorts the values and summarises them. */
void verify_summarise(double *values, size_t n, struct verify_summary *ret);

/** Mean and standard deviation. @param[in] n  > 0; the deviation of one value is 0 */
void verify_mean_std(const double *values, size_t n, double *ret_mean, double *ret_std);

struct verify_loss {
	double share; /**< mean loss rate */
	double inflation; /**< of the variance of a count, against independent losses of that rate; >= 0 */
};

/**
 * What a loss model amounts to: independent losses have an inflation of 1, bursts a larger one. n packets are worth n /
 * inflation independent ones: the sum of a chain's autocorrelations.
 */
struct verify_loss verify_loss_of(const struct impair_loss *loss);

#endif
