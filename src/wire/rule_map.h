/* SPDX-License-Identifier: MIT */
/**
 * @file rule_map.h
 * The fault rules of a link in memory that the supervisor and the wire share: the supervisor writes them, the wire counts in
 * them. They outlive the wire process, so that the next one goes on with its counts. Private to src/wire; wire_rules_*() of
 * wire.h is the supervisor's side.
 */
#ifndef NETLAB_WIRE_RULE_MAP_H
#define NETLAB_WIRE_RULE_MAP_H

#include "impair/rules.h"
#include "sys/match.h"

struct packed_rules;

/** A mapping of them. */
struct rule_map {
	struct packed_rules *packed;
	size_t bytes;
	/** of each direction; owned, pointing into the mapping */
	struct rule *rules[2];
	struct sys_match *matches[2];
	size_t n[2];
};

/** @param[out] ret  free with rule_map_free(). @return 0; -EINVAL when these are no packed rules; -ENOENT without libpcap; negative errno */
int rule_map_new(int fd, struct rule_map **ret);
struct rule_map *rule_map_free(struct rule_map *m);
/** @return the rule of that number in a direction; NULL */
const struct rule *rule_map_find(const struct rule_map *m, unsigned dir, uint32_t id);

#endif
