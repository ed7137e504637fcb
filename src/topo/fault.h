/* SPDX-License-Identifier: MIT */
/**
 * @file fault.h
 * A fault rule: which of the packets that match it are meant, and what is done to them. What matches is a pcap expression,
 * which this layer does not compile.
 */
#ifndef NETLAB_TOPO_FAULT_H
#define NETLAB_TOPO_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "netlab/err.h"

struct topo;

enum {
	FAULT_RANGES_MAX = 64,   /**< entries of `nth` */
	FAULT_MATCH_MAX = 4096,  /**< bytes of an expression */
	FAULT_HOLD_MAX = 1000,   /**< packets that a held one waits for */
	FAULT_PLACE_MAX = 65535, /**< byte of a frame */
	FAULT_COUNT_MAX = 1000000000,
};

/** Which of the packets that match. They are counted per rule and direction, from 1. */
enum fault_which { FAULT_ALL, FAULT_NTH, FAULT_EVERY, FAULT_FIRST };
enum fault_action { FAULT_DROP, FAULT_DUPLICATE, FAULT_CORRUPT, FAULT_DELAY, FAULT_HOLD };
/** Where CORRUPT damages: a bit that is drawn, or a bit or a byte counted from the frame's first, the Ethernet header's. */
enum fault_place { FAULT_ANYWHERE, FAULT_BIT, FAULT_BYTE };

struct fault_range {
	uint64_t first, last;
};

struct fault {
	enum fault_which which;
	uint32_t n_nth;
	struct fault_range nth[FAULT_RANGES_MAX];
	uint64_t count; /**< EVERY, FIRST */
	/** Only packets that come in this time match: counted from when the lab was ready, or the rule was added. */
	bool windowed;
	uint64_t after_ns, for_ns; /**< for_ns UINT64_MAX: for ever */
	enum fault_action action;
	enum fault_place place; /**< CORRUPT */
	uint64_t at;            /**< CORRUPT: the bit or byte, from 0 */
	uint64_t delay_ns;      /**< DELAY: how much longer it travels */
	uint64_t hold;          /**< HOLD: until so many more that match have come */
};

/** An entry of `faults`. */
struct topo_fault {
	size_t link;       /**< index */
	bool dirs[2];      /**< which directions it is for */
	const char *match; /**< a pcap expression, not compiled; "" = every packet */
	struct fault rule;
};

/**
 * Reads a rule as an entry of `faults` has it: JSON text.
 * @param[in]  texts  owns what *ret points to
 * @return 0; -EINVAL (class USAGE), also for a link or node that is not there; -ENOMEM
 */
int topo_read_fault(const struct topo *t, const char *json, struct arena *texts,
		    struct topo_fault *ret, struct netlab_err *err);
/** Prints a rule as an entry of `faults` has it: a JSON object on one line. */
void topo_print_fault(struct buf *b, const struct topo *t, const struct topo_fault *f);
/** "1,3-5", "every 10", "first 3", "all": which of the packets that match. */
void fault_print_which(struct buf *b, const struct fault *f);
/** "drop", "corrupt byte 60", "delay 200ms", "hold until 3": what is done to them. */
void fault_print_action(struct buf *b, const struct fault *f);

#endif
