/* SPDX-License-Identifier: MIT */
/**
 * @file verify_judge.h
 * Asked against achieved: what probes of one direction found, held against what was asked of it. Pure.
 *
 * A verdict is "differs" only where chance does not explain a difference (VERIFY_Z_VERDICT) and it is larger than what a
 * host that is not overloaded adds (the tolerances below).
 */
#ifndef NETLAB_LAB_VERIFY_JUDGE_H
#define NETLAB_LAB_VERIFY_JUDGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lab/verify_asked.h"
#include "lab/verify_math.h"
#include "topo/impairment.h"

/* Tolerances, besides chance. */
#define VERIFY_DELAY_SHARE   0.02  /* of the delay expected... */
#define VERIFY_DELAY_US      500.0 /* ...and this much: processes, sockets, timers */
#define VERIFY_P99_SHARE     0.05  /* of the slowest hundredth; as run --strict */
#define VERIFY_P99_US        1000.0
#define VERIFY_JITTER_SHARE  0.10
#define VERIFY_JITTER_US     200.0
#define VERIFY_RATE_SHARE    0.03
#define VERIFY_SHARE         0.0 /* loss, duplicate, corrupt: chance alone */
#define VERIFY_REORDER_SHARE 0.01

enum verify_verdict {
	VERIFY_OK,
	VERIFY_DIFFERS,
	VERIFY_TOO_SLOW, /**< this host could not measure it: it cannot keep it either */
	VERIFY_UNTESTED, /**< what is asked cannot be tested so; why is said */
};

enum verify_unit { VERIFY_US, VERIFY_BPS, VERIFY_SHARE_OF_1, VERIFY_COUNT };

struct verify_check {
	const char *
		key; /**< "delay", "delay_p99", "jitter", "loss", "duplicate", "corrupt", "reorder", "rate", "cut" */
	enum verify_unit unit;
	double asked;    /**< as written */
	double expected; /**< what that comes to for these very probes */
	double achieved;
	double low, high; /**< 95 % bounds of achieved */
	double tolerance; /**< besides chance */
	enum verify_verdict verdict;
	char why[160]; /**< "" where it is ok */
};

enum { VERIFY_CHECKS_MAX = 9, VERIFY_QUANTILES = 101, VERIFY_RATE_BINS = 50 };

/** What was sent in one direction, and what came. Arrays are borrowed. */
struct verify_stream {
	size_t n;                   /**< probes */
	const uint64_t *sent_ns;    /**< 0 = the kernel did not take it */
	const uint64_t *arrived_ns; /**< of the first intact copy; 0 = none came */
	const bool *
		is_doubtful; /**< handing it over took so long that its stamp says little; NULL = none is */
	uint32_t len;
	uint64_t copies;   /**< intact ones, of all probes */
	uint64_t damaged;  /**< copies with a flipped bit */
	uint64_t behind;   /**< intact ones that came after a later probe */
	uint64_t overruns; /**< frames that this host's own sockets had no room for */
	/* the train */
	const uint64_t *train_ns; /**< arrivals; in any order (they are sorted) */
	size_t train_n;
	uint64_t train_sent;    /**< frames */
	uint64_t train_sent_ns; /**< for how long it was sent */
	uint32_t train_len;     /**< of a frame; 0 = there was no train */
};

struct verify_result {
	struct verify_check checks[VERIFY_CHECKS_MAX];
	size_t n;
	size_t sent, received, lost;
	struct verify_summary delay;              /**< us */
	double delay_quantiles[VERIFY_QUANTILES]; /**< us, 0 to 100 % */
	double rate_bins[VERIFY_RATE_BINS];       /**< bit/s */
	double rate_bin_s;                        /**< 0 = no train */
};

/** @return 0; -ENOMEM */
int verify_judge(const struct impairment *asked, const struct verify_stream *s,
		 struct verify_result *ret);

/** Bits per second from arrivals, its 95 % bounds, and the bins. @param[in] sorted  ascending. @return false: too few */
bool verify_rate_of(const uint64_t *sorted, size_t n, uint64_t bytes_each, double *ret_bps,
		    struct verify_bounds *ret_bounds, double bins[VERIFY_RATE_BINS],
		    double *ret_bin_s);

/** "ok", "differs", "too-slow", "untested"; static. */
const char *verify_verdict_name(enum verify_verdict v);
/** @return whether a verdict means that the link cannot be trusted */
static inline bool verify_is_bad(enum verify_verdict v)
{
	return v == VERIFY_DIFFERS || v == VERIFY_TOO_SLOW;
}
/** As `verify --json` has it: {"checks": {...}, "sent", "received", ...}. New reference; NULL when out of memory. */
json_t *verify_result_json(const struct verify_result *r);

#endif
