/* SPDX-License-Identifier: MIT */
/**
 * @file rules.h
 * Fault rules at work on one direction: which packets they mean, and what they decide (struct pipe_ruling).
 *
 * Each rule counts every packet that matches it, whatever the others do. All rules that mean a packet act on it, and what
 * they ask adds up: a copy, damage, delays, one hold. One that drops is the only one to act. Copies that the pipe makes
 * are not counted, and nothing is done to them.
 */
#ifndef NETLAB_IMPAIR_RULES_H
#define NETLAB_IMPAIR_RULES_H

#include "impair/pipe.h"
#include "topo/fault.h"

/** Packets of one direction; read by others while they are counted. */
struct rule_counts {
	uint64_t matched, acted;
};

#define RULE_NOT_BEGUN UINT64_MAX

/** A rule for one direction. All borrowed. */
struct rule {
	uint32_t id; /**< for pipe_ruling.rule; not 0 */
	const struct fault *fault;
	/** What the window counts from, on the clock of arrivals; RULE_NOT_BEGUN: it matches nothing yet. Others may write it. */
	const uint64_t *since_ns;
	struct rule_counts *counts;
};

/** @return whether a packet that arrives then can match */
bool rule_is_on(const struct fault *f, uint64_t since_ns, uint64_t now_ns);
/** @return whether the packet is meant that is the number-th that matches, from 1 */
bool rule_means(const struct fault *f, uint64_t number);

enum { RULES_MAX = 1000 /**< of one direction; more are not looked at */ };

/** Whether the packet matches the i-th rule's expression. */
typedef bool rule_match(void *ctx, size_t i);

/** What the rules decide about a packet. @param[in,out] ret  as pipe_owner.rule has it */
void rules_decide(const struct rule *rules, size_t n, const struct pipe_arrival *a,
		  rule_match *matches, void *ctx, struct pipe_ruling *ret);

static inline uint64_t rule_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static inline void rule_write(uint64_t *counter, uint64_t value)
{
	__atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

#endif
