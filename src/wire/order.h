/* SPDX-License-Identifier: MIT */
/**
 * @file order.h
 * What the supervisor tells the wire process, and its answers: one message each over a SEQPACKET socket. Both ends are
 * the same program, so structs go as they are. Private to src/wire.
 */
#ifndef NETLAB_WIRE_ORDER_H
#define NETLAB_WIRE_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "netlab/err.h"
#include "wire/wire.h"

/** Descriptors that may come along with an order: two traces, the rules. */
enum { WIRE_LINK_FDS = 3 };

enum order_kind {
	ORDER_ADD,
	ORDER_COMMIT,
	ORDER_CHANGE,
	ORDER_RELEASE,
	ORDER_RECORD,
	ORDER_REPLAY
};

struct order {
	uint32_t
		serial; /**< the answer has it too: an answer that came too late is told from the next one */
	enum order_kind kind;
	size_t number; /**< of the link, in the lab */
	struct wire_link
		link; /**< ADD, CHANGE; its trace_fd and rules_fd are indexes of the descriptors that come along, or -1 */
	uint64_t timeout_ns; /**< RELEASE */
};

struct answer {
	uint32_t serial;
	struct netlab_err err; /**< code 0 = done */
};

#endif
