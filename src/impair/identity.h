/* SPDX-License-Identifier: MIT */
/**
 * @file identity.h
 * Which packet this is, said so that the same packet is found again in another run of the same program.
 *
 * Theory of operation. A packet of one direction of a link is known by its class, by what stays the same from run to run,
 * and by how many of that class came before it in that direction (`nth`, from 1):
 *
 *   tcp    addresses, ports, flow, flags (FIN SYN RST ACK), sequence number relative to the flow's first, payload length
 *   udp    addresses, ports, flow, payload length
 *   icmp   addresses, flow (of an echo: its identifier), type, code, an echo's sequence number, length (ICMPv6 too)
 *   ip     addresses, protocol, fragment offset, length: other protocols, and fragments but the first
 *   frame  Ethernet type, length: what is not IP
 *
 * A port that is ephemeral (32768 and above, as Linux picks them) is left out ("*"); `flow` counts the flows that differ in it only, from 1, in the order in which they appear. A SYN with another
 * sequence number begins a new flow. What is not TCP also has a digest of its payload, and `nth_data` counts the class with
 * that digest: a packet that is sent again is the second of its own, and those after it keep their numbers. A payload that
 * differs from run to run (a time stamp, a DNS identifier, encryption) leaves the class and `nth`.
 *
 * It survives: other timing, other ephemeral ports and initial sequence numbers, retransmissions elsewhere (other flows,
 * other sequence numbers, other payloads), acknowledgements that come at other times (their number is not looked at; nor are
 * PSH, ECE, CWR, options and windows). It does not survive: connections opened in another order between the same two hosts
 * and ports; a stream cut into segments of other lengths; other addresses; UDP whose payload and length or order differ;
 * beginning in the middle of a TCP flow, whose first packet then counts as its sequence number 0.
 *
 * Memory is bounded: what was last seen IDENTITY_RECENT classes (or flows) ago may be forgotten, and counts from 1 again.
 */
#ifndef NETLAB_IMPAIR_IDENTITY_H
#define NETLAB_IMPAIR_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/ip.h"

enum identity_kind {
	IDENTITY_TCP,
	IDENTITY_UDP,
	IDENTITY_ICMP,
	IDENTITY_IP,
	IDENTITY_FRAME,
	IDENTITY_KINDS
};

enum {
	/* TCP's, RFC 9293 3.1; those that are part of a class */
	IDENTITY_FIN = 1,
	IDENTITY_SYN = 2,
	IDENTITY_RST = 4,
	IDENTITY_ACK = 16,
	/* ip_local_port_range begins here: Documentation/networking/ip-sysctl.rst */
	IDENTITY_EPHEMERAL_MIN = 32768,
	IDENTITY_RECENT = 1 << 18,
	IDENTITY_TEXT_MAX = 320, /**< holds any identity as text */
};

/** What does not apply to the kind is 0. */
struct identity {
	enum identity_kind kind;
	uint16_t vlan;           /**< identifier of the outermost tag; 0 = none */
	struct ip_addr from, to; /**< all but FRAME */
	uint16_t port[2];        /**< TCP, UDP: source, destination; 0 = ephemeral */
	uint32_t flow; /**< from 1; 0 = nothing had to be left out that tells flows apart */
	uint8_t flags; /**< TCP */
	uint16_t type; /**< ICMP: type << 8 | code; IP: protocol; FRAME: Ethernet type */
	uint32_t seq;  /**< TCP: relative; ICMP: of an echo; IP: fragment offset in bytes */
	uint32_t len;  /**< of the payload (TCP, UDP, ICMP, IP), of what follows the type (FRAME) */
	uint32_t nth;  /**< from 1 */
	uint64_t data; /**< digest of the payload; 0 = none (TCP, or no payload) */
	uint32_t nth_data; /**< from 1; 0 = no digest */
};

/** What was seen in one direction of a link. */
struct identity_table;

/** @return NULL when out of memory */
struct identity_table *identity_table_new(void);
/** @return NULL */
struct identity_table *identity_table_free(struct identity_table *t);
/**
 * Identifies the next frame of the direction; each frame that is offered has to be, once, in order.
 * @param[in] frame  Ethernet, any bytes are safe; VLAN tags in place
 * @param[in] len    of the whole frame
 * @return 0; -ENOMEM, *ret is complete then, but some number may be 1 that is not the first
 */
int identify(struct identity_table *t, const uint8_t *frame, size_t len, struct identity *ret);

/** Hash of class and `nth`: what finds the packet where its payload differs from run to run. Never 0. */
uint64_t identity_key(const struct identity *id);
/** Hash of class, digest and `nth_data`: what finds it where the payload is the same. 0 = it has no digest. */
uint64_t identity_data_key(const struct identity *id);
/** Hash of what the flows between two hosts and ports have in common. Never 0. */
uint64_t identity_alike_key(const struct identity *id);
/** Hash of that and the flow. Never 0. */
uint64_t identity_flow_key(const struct identity *id);
/** Hash of class and digest: whether a payload is known at all. 0 = it has no digest. */
uint64_t identity_payload_key(const struct identity *id);
bool identity_equal(const struct identity *a, const struct identity *b);

/**
 * Writes it as one word: "tcp,from=10.0.0.1:*,to=10.0.0.2:80,flow=1,flags=S,seq=0,len=0,nth=1". What is 0 and may be (vlan,
 * flow, seq, data) is left out.
 */
void identity_format(struct buf *b, const struct identity *id);
/** Reads exactly what identity_format() writes. @param[out] ret_why  what is wrong, static. @return 0; -EINVAL */
int identity_parse(const char *text, struct identity *ret, const char **ret_why);
/** In words for people: "TCP SYN+ACK 10.0.0.2:80 > 10.0.0.1:*, the 1st of flow 1". */
void identity_describe(struct buf *b, const struct identity *id);

#endif
