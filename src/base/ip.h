/* SPDX-License-Identifier: MIT */
/**
 * @file ip.h
 * IP addresses and prefixes of both families as plain values, with the arithmetic that planning needs.
 */
#ifndef NETLAB_BASE_IP_H
#define NETLAB_BASE_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ip_family { IP_V4 = 4, IP_V6 = 6 };

/** An address: 4 or 16 bytes in network order, the rest zero. */
struct ip_addr {
	uint8_t family; /**< enum ip_family; 0 = none */
	uint8_t bytes[16];
};

/** An address with a prefix length; host bits may be set (an interface address) or not (a network). */
struct ip_prefix {
	struct ip_addr addr;
	uint8_t len; /**< 0..32 or 0..128 */
};

enum { IP_TEXT_MAX = 64 }; /**< holds any address or prefix as text */

/** Parses "10.0.0.1" or "fd00::1". @return 0 or -EINVAL */
int ip_parse_addr(const char *text, struct ip_addr *ret);
/** Parses "10.0.0.1/24"; without a length the whole address counts (/32, /128). @return 0 or -EINVAL */
int ip_parse_prefix(const char *text, struct ip_prefix *ret);
/** Writes the address in the canonical form (RFC 5952). @return text */
const char *ip_format_addr(const struct ip_addr *a, char text[IP_TEXT_MAX]);
enum { MAC_TEXT_SIZE = 18 };
/** Writes an Ethernet address, "02:6e:6c:00:00:01". @return text */
const char *mac_format(const uint8_t mac[6], char text[MAC_TEXT_SIZE]);
/** Writes ADDRESS/LEN. @return text */
const char *ip_format_prefix(const struct ip_prefix *p, char text[IP_TEXT_MAX]);
/** @return 32 or 128 */
unsigned ip_bits(const struct ip_addr *a);
/** @return 4 or 16 */
unsigned ip_len_bytes(const struct ip_addr *a);
/** @return the prefix with its host bits cleared */
struct ip_prefix ip_network(const struct ip_prefix *p);
bool ip_equal(const struct ip_addr *a, const struct ip_addr *b);
/** Order by family, then bytes. @return <0, 0, >0 */
int ip_compare(const struct ip_addr *a, const struct ip_addr *b);
/** @return whether the address lies in the prefix */
bool ip_contains(const struct ip_prefix *p, const struct ip_addr *a);
/** @return whether the two prefixes share an address */
bool ip_overlaps(const struct ip_prefix *p, const struct ip_prefix *q);
/** Adds n * 2^shift to the address in place. @return false when it runs over the end of the family's space */
bool ip_add(struct ip_addr *a, uint64_t n, unsigned shift);

#endif
