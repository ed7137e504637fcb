/* SPDX-License-Identifier: MIT */
/**
 * @file expression.h
 * A pcap expression for packets like one that was recorded: what an identity says of it (impair/identity.h), as far as
 * libpcap can. What it cannot say is a flow's number and a relative sequence number.
 */
#ifndef NETLAB_REPRO_EXPRESSION_H
#define NETLAB_REPRO_EXPRESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "impair/identity.h"

/** A piece of a packet that was too large for its link. */
struct expression_fragment {
	uint8_t proto;   /**< of the whole */
	uint16_t field;  /**< where it stands and whether more follow, as its header has it */
	uint32_t offset; /**< of its first byte, in the whole */
	uint16_t bytes;  /**< length, as its IP header has it */
};

/**
 * Whether a packet is a fragment that an expression can find.
 * @param[in]  frame  whole or its beginning, len bytes
 * @param[out] ret    untouched unless true is returned, or it is a whole packet of IPv4
 */
bool expression_fragment(const struct identity *id, const uint8_t *frame, size_t len,
			 struct expression_fragment *ret);

/**
 * Writes it: addresses, ports that are not ephemeral, TCP's flags, ICMP's type, length.
 * @param[in] with_data  also the first bytes of the payload, where there is any and it is TCP's or UDP's
 * @param[in] frame      the packet, or its beginning, Ethernet first
 */
void expression_format(struct buf *b, const struct identity *id, bool with_data,
		       const uint8_t *frame, size_t len);
/** The payload of a TCP or UDP packet, as far as it is there. @return where it begins; NULL = none */
const uint8_t *expression_data(const struct identity *id, const uint8_t *frame, size_t len,
			       size_t *ret_len);

#endif
