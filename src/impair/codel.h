/* SPDX-License-Identifier: MIT */
/**
 * @file codel.h
 * Controlled delay: which packets an AQM drops or marks as they leave a queue (RFC 8289; Linux include/net/codel_impl.h).
 */
#ifndef NETLAB_IMPAIR_CODEL_H
#define NETLAB_IMPAIR_CODEL_H

#include <stdbool.h>
#include <stdint.h>

struct codel {
	uint64_t
		first_above_ns; /**< when the sojourn will have been above target for an interval; 0 = it is not */
	uint64_t drop_next_ns;
	uint32_t count, last_count;
	bool dropping;
	bool owed; /**< a drop whose consequence for drop_next_ns waits for the next packet */
	uint32_t mtu_bytes; /**< what is not more than this never counts as a standing queue */
};

/**
 * Decides about the packet at the head of the queue.
 * @param[in] sojourn_ns   how long it has waited
 * @param[in] more_bytes   what waits behind it
 * @return whether it is to be dropped (or marked); after a drop the next packet has to be asked about at the same `now`
 */
bool codel_next(struct codel *c, uint64_t now_ns, uint64_t sojourn_ns, uint64_t more_bytes);

#endif
