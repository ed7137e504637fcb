/* SPDX-License-Identifier: MIT */
/**
 * @file link.h
 * Links and impairments while they are parsed.
 */
#ifndef NETLAB_TOPO_LINK_H
#define NETLAB_TOPO_LINK_H

#include "topo/values.h"

enum {
	/* A frame is never shorter than its Ethernet header: counting less would be a negative length. */
	IMPAIR_OVERHEAD_MIN = -14,
	IMPAIR_OVERHEAD_MAX = 65535,
};

/** After the name of a trace in `link set`: it does not start again at its end; it does. */
#define IMPAIR_TRACE_ONCE ",once"
#define IMPAIR_TRACE_LOOP ",loop"

/** What a link's object says. `common` and `dir` are impairments with `set` bits of their own. */
struct link_draft {
	uint32_t set; /**< LINK_* */
	const char *name;
	const char *node[2];   /**< names of the ends' nodes; owned by the topology */
	const char *ifname[2]; /**< NULL = not given */
	struct address_list addresses[2];
	uint32_t mtu, cost;
	bool offload, carrier;
	int join;
	struct impairment common, dir[2];
};

enum link_key {
	LINK_NAME,
	LINK_ENDPOINTS,
	LINK_ADDRESSES,
	LINK_MTU,
	LINK_COST,
	LINK_OFFLOAD,
	LINK_CARRIER,
	LINK_JOIN,
	LINK_FORWARD,
	LINK_BACKWARD,
};

/** Puts what an object says over `into`: first its preset's values for the direction, then its keys. */
void impairment_put_over(struct impairment *into, const struct impairment *object, unsigned dir);
/** Fills in what `draft` does not say from `defaults`. Precedence, low to high: defaults' common keys, defaults' direction,
 *  the link's common keys, the link's direction; the result is in draft->dir. */
void link_merge(struct link_draft *draft, const struct link_draft *defaults);

/* Shared by the file and by `link set`. */
/** "50packets", "64kib", "100ms". @return 0; negative errno, and a sentence that says what to write */
int impair_parse_queue(const char *text, struct impairment *m, const char **ret_why);
/** With tc's defaults for what is NULL: r = 1 - p, 1-h = 1, 1-k = 0. */
struct impair_loss impair_gemodel(double p, const double *r, const double *one_minus_h,
				  const double *one_minus_k);
/** With tc's defaults for what is NULL: p31 = 1 - p13, p32 = 0, p23 = 1, p14 = 0. */
struct impair_loss impair_state(double p13, const double *p31, const double *p32, const double *p23,
				const double *p14);

/** What is wrong with an impairment: the key that it is most about, and texts that live as long as the callback runs. */
typedef void impair_problem_fn(void *ctx, bool warning, enum impair_key key, const char *message,
			       const char *hint);
/** Tells about everything that only the whole can show: errors, and what will not behave as it reads. */
void impairment_problems(const struct impairment *m, uint32_t mtu, impair_problem_fn *tell,
			 void *ctx);

extern const struct object_spec impairment_spec;
extern const struct value_type type_loss;      /**< struct impair_loss */
extern const struct value_type type_link_rate; /**< struct impairment: its rate_* */

#endif
