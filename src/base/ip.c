/* SPDX-License-Identifier: MIT */
/* IP addresses and prefixes as plain values. */
#include "base/ip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int ip_parse_addr(const char *text, struct ip_addr *ret)
{
	struct ip_addr a = { 0 };

	if (inet_pton(AF_INET, text, a.bytes) == 1)
		a.family = IP_V4;
	else if (inet_pton(AF_INET6, text, a.bytes) == 1)
		a.family = IP_V6;
	else
		return -EINVAL;
	*ret = a;
	return 0;
}

int ip_parse_prefix(const char *text, struct ip_prefix *ret)
{
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	char host[IP_TEXT_MAX];
	struct ip_prefix p;
	unsigned len = 0;

	if (n >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, n);
	host[n] = '\0';
	if (ip_parse_addr(host, &p.addr) < 0)
		return -EINVAL;
	if (!slash) {
		p.len = (uint8_t)ip_bits(&p.addr);
		*ret = p;
		return 0;
	}
	/* digits only: strtoul() would take "+8", " 8" and "" */
	if (slash[1] == '\0' || strlen(slash + 1) > 3)
		return -EINVAL;
	for (const char *c = slash + 1; *c; c++) {
		if (*c < '0' || *c > '9')
			return -EINVAL;
		len = len * 10 + (unsigned)(*c - '0');
	}
	if (len > ip_bits(&p.addr))
		return -EINVAL;
	p.len = (uint8_t)len;
	*ret = p;
	return 0;
}

const char *ip_format_addr(const struct ip_addr *a, char text[IP_TEXT_MAX])
{
	if (!inet_ntop(a->family == IP_V4 ? AF_INET : AF_INET6, a->bytes, text, IP_TEXT_MAX))
		text[0] = '\0';
	return text;
}

const char *mac_format(const uint8_t mac[6], char text[MAC_TEXT_SIZE])
{
	snprintf(text, MAC_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
	return text;
}

const char *ip_format_prefix(const struct ip_prefix *p, char text[IP_TEXT_MAX])
{
	size_t used;

	ip_format_addr(&p->addr, text);
	used = strlen(text);
	snprintf(text + used, IP_TEXT_MAX - used, "/%u", p->len);
	return text;
}

unsigned ip_bits(const struct ip_addr *a)
{
	return a->family == IP_V4 ? 32 : 128;
}

unsigned ip_len_bytes(const struct ip_addr *a)
{
	return ip_bits(a) / 8;
}

struct ip_prefix ip_network(const struct ip_prefix *p)
{
	struct ip_prefix net = *p;
	unsigned bits = ip_bits(&p->addr);

	for (unsigned i = p->len; i < bits; i++)
		net.addr.bytes[i / 8] &= (uint8_t) ~(0x80u >> (i % 8));
	return net;
}

bool ip_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return ip_compare(a, b) == 0;
}

int ip_compare(const struct ip_addr *a, const struct ip_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool ip_contains(const struct ip_prefix *p, const struct ip_addr *a)
{
	unsigned whole = p->len / 8, rest = p->len % 8;

	if (p->addr.family != a->family || memcmp(p->addr.bytes, a->bytes, whole) != 0)
		return false;
	if (rest == 0)
		return true;
	return ((p->addr.bytes[whole] ^ a->bytes[whole]) & (0xff00u >> rest) & 0xff) == 0;
}

bool ip_overlaps(const struct ip_prefix *p, const struct ip_prefix *q)
{
	return p->len <= q->len ? ip_contains(p, &q->addr) : ip_contains(q, &p->addr);
}

bool ip_add(struct ip_addr *a, uint64_t n, unsigned shift)
{
	unsigned bytes = ip_len_bytes(a), carry = 0;
	unsigned at = shift / 8, bit = shift % 8;

	/* bits of n << shift that the family's addresses do not have */
	if (shift >= bytes * 8 ? n != 0 : bytes * 8 - shift < 64 && n >> (bytes * 8 - shift) != 0)
		return false;
	/* schoolbook addition of n << shift, least significant byte first */
	for (unsigned i = 0; i < bytes; i++) {
		unsigned add = carry;

		if (i >= at) {
			unsigned k = (i - at) * 8;
			uint64_t low = k < 64 ? n >> k : 0;

			add += (unsigned)(low << bit) & 0xff;
			if (bit && k >= 8 && k - 8 < 64)
				add += (unsigned)(((n >> (k - 8)) & 0xff) >> (8 - bit));
		}
		add += a->bytes[bytes - 1 - i];
		a->bytes[bytes - 1 - i] = (uint8_t)add;
		carry = add >> 8;
	}
	return carry == 0;
}
