/* SPDX-License-Identifier: MIT */
/**
 * @file verify_probe.h
 * Measuring links: a child process joins the network namespaces of the nodes at their ends, one after the other, opens
 * the interfaces, and sends both ways on all links at once: first single probes at even intervals, which find delay, order
 * and losses in an idle link; then, where a rate is asked for, a train that keeps the rate busy.
 */
#ifndef NETLAB_LAB_VERIFY_PROBE_H
#define NETLAB_LAB_VERIFY_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lab/verify_judge.h"
#include "netlab/err.h"
#include "topo/impairment.h"

/** What is to be sent in one direction: how much the question needs and the link and this host bear. Pure. */
struct verify_effort {
	size_t n;
	uint64_t interval_ns;
	uint32_t len;
	uint64_t linger_ns; /**< how long the last one may need */
	uint64_t train_bps; /**< of the medium's bits, more than the rate; 0 = no train */
	uint64_t train_ns;
	uint32_t train_len;
	size_t train_max; /**< arrivals that there is room for */
};

enum {
	/* Probes a second in one direction, where nothing that is rare asks for more. */
	VERIFY_PROBES_PER_S = 400,
	VERIFY_PROBES_PER_S_LEAST = 70, /* in a lab of many links */
};

/**
 * @param[in] per_s        probes a second, if the link asks for nothing rare and bears them
 * @param[in] duration_ns  for the probes; the train takes a third of it, within bounds
 */
void verify_effort_of(const struct impairment *asked, uint32_t mtu, double per_s,
		      uint64_t duration_ns, struct verify_effort *ret);

/** One direction: what is found is in memory shared with the child. */
struct verify_way {
	struct impairment asked;
	struct verify_effort effort;
	struct verify_record *record; /**< private to verify_probe.c */
};

/** An end of a link: the interface of a node. */
struct verify_end {
	const char *node, *ifname; /**< borrowed */
	int node_fd;               /**< pidfd of the node's init; borrowed */
	/* found by the child */
	int error; /**< the interface could not be opened: negative errno */
	bool is_up, has_carrier;
};

struct verify_link {
	const char *name; /**< borrowed */
	struct verify_end ends[2];
	struct verify_way ways[2]; /**< [0] from ends[0] to ends[1] */
};

/**
 * Measures links, all at once. They and what is found lie in memory that verify_links_new() gave.
 * @param[in] rootless  the nodes are in a user namespace that is to be joined first
 * @return 0; negative errno with *err
 */
int verify_measure(struct verify_link *links, size_t n, bool rootless, struct netlab_err *err);

/** Room for n links, shared with children. @return NULL when out of memory */
struct verify_link *verify_links_new(size_t n);
/** Room for what the efforts of all ways need. @return 0; -ENOMEM */
int verify_links_reserve(struct verify_link *links, size_t n);
void verify_links_free(struct verify_link *links, size_t n);

/** What was found, borrowed from the link. */
void verify_stream_of(const struct verify_way *way, struct verify_stream *ret);

#endif
