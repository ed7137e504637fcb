/* SPDX-License-Identifier: MIT */
/**
 * @file verify.h
 * Whether the links of a running lab do what is asked of them now: measured with probes of netlab's own.
 */
#ifndef NETLAB_LAB_VERIFY_H
#define NETLAB_LAB_VERIFY_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "netlab/err.h"

enum { LAB_VERIFY_SECONDS = 3 };

/** So many links are measured, of so many. Called from time to time. */
typedef void lab_verify_progress_fn(void *ctx, size_t done, size_t of);

struct lab_verify_options {
	const char *state_dir, *lab;
	const char *const *links; /**< names; NULL = all */
	size_t n_links;
	uint64_t duration_ns; /**< for the probes of a link; 0 = LAB_VERIFY_SECONDS */
	lab_verify_progress_fn *on_progress; /**< may be NULL */
	void *ctx;
};

/**
 * Measures links, several at once as far as the host bears it. The probes pass the links as other packets do: they count
 * in their statistics and draw from their seeds.
 * @param[out] ret  {"name", "ok", "links": {NAME: {"join", "endpoints", "ok", "error"?, "->": {...}, "<-": {...}}}}; of each
 *                  direction {"checks": {KEY: {"verdict", "asked_us", ...}}, "sent", "received", "lost", "delay_us",
 *                  "delay_quantiles_us", "rate_over_time"?}. "ok" is false where a verdict is "differs" or "too-slow", and
 *                  where an "error" says why a link could not be measured that should work. New reference
 * @return 0, whatever the verdicts; -ENOENT: no such lab or link; negative errno
 */
int lab_verify(const struct lab_verify_options *o, json_t **ret, struct netlab_err *err);

#endif
