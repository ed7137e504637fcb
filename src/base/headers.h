/* SPDX-License-Identifier: MIT */
/**
 * @file headers.h
 * Headers of frames, byte by byte: lengths, places and numbers that more than one reader needs.
 */
#ifndef NETLAB_BASE_HEADERS_H
#define NETLAB_BASE_HEADERS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
	/* IEEE 802.3, 802.1Q */
	ETHERNET_ADDRESSES = 12, /**< bytes before the type */
	ETHERNET_HEADER = 14,
	VLAN_TAG = 4,
	TYPE_IPV4 = 0x0800,
	TYPE_IPV6 = 0x86dd,
	TYPE_VLAN = 0x8100,
	TYPE_VLAN_SERVICE = 0x88a8,
	/* RFC 791, 8200 */
	IPV4_HEADER_MIN = 20,
	IPV6_HEADER = 40,
	/* IANA's protocol numbers, and RFC 9293, 768 */
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	TCP_HEADER_MIN = 20,
	TCP_OFFSET_AT = 12, /**< its upper half: the header's length in words of 4 bytes */
	UDP_HEADER = 8,
};

static inline uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static inline void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/** Passes over VLAN tags. @param[out] ret_type  of what the frame carries; 0 = it is too short
 *  @return where that begins; may be `len` or more */
static inline size_t ethernet_payload(const uint8_t *frame, size_t len, uint16_t *ret_type)
{
	size_t at = ETHERNET_HEADER;

	*ret_type = len >= ETHERNET_HEADER ? get16(frame + ETHERNET_ADDRESSES) : 0;
	while ((*ret_type == TYPE_VLAN || *ret_type == TYPE_VLAN_SERVICE) && len >= at + VLAN_TAG) {
		*ret_type = get16(frame + at + 2);
		at += VLAN_TAG;
	}
	return at;
}

/** Puts a VLAN tag into a frame of ETHERNET_HEADER bytes or more. It begins VLAN_TAG bytes earlier then: there has to be room.
 *  @return where it begins */
static inline uint8_t *ethernet_put_vlan(uint8_t *frame, uint16_t protocol, uint16_t tci)
{
	uint8_t *start = frame - VLAN_TAG;

	memmove(start, frame, ETHERNET_ADDRESSES);
	put16(start + ETHERNET_ADDRESSES, protocol);
	put16(start + ETHERNET_ADDRESSES + 2, tci);
	return start;
}

#endif
