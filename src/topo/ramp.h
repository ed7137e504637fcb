/* SPDX-License-Identifier: MIT */
/**
 * @file ramp.h
 * Going from one impairment to another evenly: the numbers of the timeline's "ramp".
 */
#ifndef NETLAB_TOPO_RAMP_H
#define NETLAB_TOPO_RAMP_H

#include "topo/impairment.h"

/**
 * Which keys of `to` are numbers that a way leads to from `from`. What `from` does not ask is 0, but for the rate, where
 * it means no limit: there is no way from that, nor between a trace and a rate, nor between models of loss.
 * @return IMPAIR_BIT()s, out of to->set
 */
uint32_t ramp_keys(const struct impairment *from, const struct impairment *to);

/**
 * The values on the way, linear in time.
 * @param[in] keys        of ramp_keys(): only these are set in the result
 * @param[in] elapsed_ns  0..total; at total exactly `to`
 */
struct impairment ramp_at(const struct impairment *from, const struct impairment *to, uint32_t keys,
			  uint64_t elapsed_ns, uint64_t total_ns);

#endif
