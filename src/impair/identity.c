/* SPDX-License-Identifier: MIT */
/* Which packet this is: reading a frame, and counting what came before it. */
#include "impair/identity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/headers.h"
#include "base/names.h"
#include "impair/recent.h"

enum {
	VLAN_ID_MASK = 0xfff,
	IPV4_MORE_FRAGMENTS = 0x2000,
	IPV4_OFFSET_MASK = 0x1fff,
	PROTO_HOP_BY_HOP = 0,
	PROTO_ICMP = 1,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_AH = 51,
	PROTO_ICMPV6 = 58,
	PROTO_OPTIONS = 60,
	EXTENSIONS_MAX = 8, /* a chain that is longer is no packet that a host sends */
	ICMP_HEADER = 8,
	ICMP_ECHO_REPLY = 0,
	ICMP_ECHO = 8,
	ICMPV6_ECHO = 128,
	ICMPV6_ECHO_REPLY = 129,
	FLAGS = IDENTITY_FIN | IDENTITY_SYN | IDENTITY_RST | IDENTITY_ACK,
};

struct identity_table {
	struct recent
		flows; /* ports (or an echo's identifier) as they are -> a: number of the flow, b: its first sequence number */
	struct recent likes;  /* flows alike but for what is left out -> a: how many */
	struct recent counts; /* class, with and without digest -> a: how many */
};

/** What is left of a frame, and what is known of its flow. */
struct reading {
	const uint8_t *at;
	size_t len;
	uint64_t
		raw; /* what tells the flow from those that are alike: ports, or an echo's identifier */
	bool has_flow; /* something was left out */
	bool digests;  /* the payload may be looked at */
};

struct identity_table *identity_table_new(void)
{
	struct identity_table *t = calloc(1, sizeof(*t));

	if (t)
		t->flows.max = t->likes.max = t->counts.max = IDENTITY_RECENT;
	return t;
}

struct identity_table *identity_table_free(struct identity_table *t)
{
	if (t) {
		recent_deinit(&t->flows);
		recent_deinit(&t->likes);
		recent_deinit(&t->counts);
		free(t);
	}
	return NULL;
}

/* --- hashes --- */

static uint64_t get64(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at,
	       sizeof(v)); /* little-endian or not: digests are compared on one kind of host */
	return v;
}

static uint64_t hash_add(uint64_t h, uint64_t v)
{
	return hash_mix(h ^ v);
}

/** A step of a digest: four instructions where hash_mix() takes ten, for it is repeated. No two words give the same. */
static uint64_t hash_step(uint64_t h, uint64_t word)
{
	h = (h ^ word) * 0x9e3779b97f4a7c15ull;
	return h << 29 | h >> 35;
}

/** Of long payloads four words at a time, none of which waits for another. */
static uint64_t digest(const uint8_t *at, size_t len)
{
	enum { LANES = 4 };
	uint64_t h = hash_mix(len), lanes[LANES] = { 1, 2, 3, 4 };
	uint8_t rest[8] = { 0 };
	bool is_long = len >= sizeof(lanes);

	for (; len >= sizeof(lanes); at += sizeof(lanes), len -= sizeof(lanes)) {
		for (unsigned i = 0; i < LANES; i++)
			lanes[i] = hash_step(lanes[i], get64(at + i * sizeof(lanes[0])));
	}
	for (unsigned i = 0; i < LANES && is_long; i++)
		h = hash_add(h, lanes[i]);
	for (; len >= sizeof(rest); at += sizeof(rest), len -= sizeof(rest))
		h = hash_add(h, get64(at));
	memcpy(rest, at, len);
	h = hash_add(h, get64(rest));
	return h ? h : 1;
}

static uint64_t not_zero(uint64_t h)
{
	return h ? h : 1;
}

/** Of what flows have in common that are told apart by their order only. */
static uint64_t hash_alike(const struct identity *id)
{
	uint64_t h = hash_mix((uint64_t)id->kind << 32 | id->vlan);

	h = hash_add(h,
		     (uint64_t)id->from.family << 32 | (uint32_t)id->port[0] << 16 | id->port[1]);
	h = hash_add(h, get64(id->from.bytes));
	h = hash_add(h, get64(id->from.bytes + 8));
	h = hash_add(h, get64(id->to.bytes));
	return hash_add(h, get64(id->to.bytes + 8));
}

static uint64_t hash_class(const struct identity *id)
{
	uint64_t h = hash_alike(id);

	h = hash_add(h, (uint64_t)id->flow << 32 | id->seq);
	return hash_add(h, (uint64_t)id->len << 32 | (uint32_t)id->type << 8 | id->flags);
}

uint64_t identity_key(const struct identity *id)
{
	return not_zero(hash_add(hash_class(id), id->nth));
}

uint64_t identity_data_key(const struct identity *id)
{
	if (!id->data)
		return 0;
	return not_zero(hash_add(hash_add(hash_class(id), id->data), ~(uint64_t)id->nth_data));
}

uint64_t identity_alike_key(const struct identity *id)
{
	return not_zero(hash_add(hash_alike(id), 1));
}

uint64_t identity_flow_key(const struct identity *id)
{
	return not_zero(hash_add(hash_alike(id), ~(uint64_t)id->flow));
}

uint64_t identity_payload_key(const struct identity *id)
{
	return id->data ? not_zero(hash_add(hash_add(hash_class(id), id->data), UINT64_MAX / 3))
			: 0;
}

bool identity_equal(const struct identity *a, const struct identity *b)
{
	return a->kind == b->kind && a->vlan == b->vlan && ip_equal(&a->from, &b->from) &&
	       ip_equal(&a->to, &b->to) && a->port[0] == b->port[0] && a->port[1] == b->port[1] &&
	       a->flow == b->flow && a->flags == b->flags && a->type == b->type &&
	       a->seq == b->seq && a->len == b->len && a->nth == b->nth && a->data == b->data &&
	       a->nth_data == b->nth_data;
}

/* --- reading a frame --- */

static void skip(struct reading *r, size_t n)
{
	r->at += n;
	r->len -= n;
}

static bool is_ephemeral(uint16_t port)
{
	return port >= IDENTITY_EPHEMERAL_MIN;
}

/** Takes the ports; what remains begins with the transport header still. */
static void read_ports(struct reading *r, struct identity *id)
{
	for (unsigned i = 0; i < 2; i++) {
		id->port[i] = get16(r->at + 2 * i);
		r->has_flow = r->has_flow || is_ephemeral(id->port[i]);
	}
	r->raw = get32(r->at);
	for (unsigned i = 0; i < 2; i++) {
		if (is_ephemeral(id->port[i]))
			id->port[i] = 0;
	}
}

static void read_tcp(struct reading *r, struct identity *id)
{
	size_t header = (size_t)(r->at[TCP_OFFSET_AT] >> 4) * 4;

	id->kind = IDENTITY_TCP;
	id->type = 0;
	read_ports(r, id);
	id->seq = get32(r->at + 4);
	id->flags = r->at[13] & FLAGS;
	skip(r, header < r->len ? header : r->len);
	id->len = (uint32_t)r->len;
}

static void read_udp(struct reading *r, struct identity *id)
{
	id->kind = IDENTITY_UDP;
	id->type = 0;
	read_ports(r, id);
	skip(r, UDP_HEADER);
	id->len = (uint32_t)r->len;
	r->digests = true;
}

static void read_icmp(struct reading *r, struct identity *id, bool v6)
{
	uint8_t type = r->at[0];

	id->kind = IDENTITY_ICMP;
	id->type = (uint16_t)(type << 8 | r->at[1]);
	if (v6 ? type == ICMPV6_ECHO || type == ICMPV6_ECHO_REPLY
	       : type == ICMP_ECHO || type == ICMP_ECHO_REPLY) {
		r->raw = get16(r->at + 4);
		r->has_flow = true;
		id->seq = get16(r->at + 6);
	}
	skip(r, ICMP_HEADER);
	id->len = (uint32_t)r->len;
	r->digests = true;
}

/** @param[in] offset  of a fragment, in bytes */
static void read_transport(struct reading *r, struct identity *id, uint8_t proto, uint32_t offset)
{
	id->kind = IDENTITY_IP;
	id->type = proto;
	id->seq = offset;
	if (offset == 0 && proto == PROTO_TCP && r->len >= TCP_HEADER_MIN) {
		read_tcp(r, id);
	} else if (offset == 0 && proto == PROTO_UDP && r->len >= UDP_HEADER) {
		read_udp(r, id);
	} else if (offset == 0 && (proto == PROTO_ICMP || proto == PROTO_ICMPV6) &&
		   r->len >= ICMP_HEADER) {
		read_icmp(r, id, proto == PROTO_ICMPV6);
	} else {
		id->len = (uint32_t)r->len;
		r->digests = true;
	}
}

static struct ip_addr address(enum ip_family family, const uint8_t *at)
{
	struct ip_addr a = { .family = (uint8_t)family };

	memcpy(a.bytes, at, family == IP_V4 ? 4 : 16);
	return a;
}

/** @return false when it is none */
static bool read_ipv4(struct reading *r, struct identity *id)
{
	size_t header, total;
	uint16_t fragment;
	uint8_t proto;

	if (r->len < IPV4_HEADER_MIN || r->at[0] >> 4 != 4)
		return false;
	header = (size_t)(r->at[0] & 15) * 4;
	total = get16(r->at + 2);
	if (header < IPV4_HEADER_MIN || header > r->len)
		return false;
	/* what is behind the packet is Ethernet's padding; a GSO packet of 64 KiB and more has a length of 0 */
	if (total >= header && total < r->len)
		r->len = total;
	fragment = get16(r->at + 6);
	proto = r->at[9];
	id->from = address(IP_V4, r->at + 12);
	id->to = address(IP_V4, r->at + 16);
	skip(r, header);
	read_transport(r, id, proto, (uint32_t)(fragment & IPV4_OFFSET_MASK) * 8);
	return true;
}

/** Passes over extension headers. @return the protocol; *ret_offset is a fragment's */
static uint8_t read_extensions(struct reading *r, uint8_t proto, uint32_t *ret_offset)
{
	for (unsigned i = 0; i < EXTENSIONS_MAX && r->len >= 8; i++) {
		uint8_t next = r->at[0];
		size_t len;

		switch (proto) {
		case PROTO_HOP_BY_HOP:
		case PROTO_ROUTING:
		case PROTO_OPTIONS:
			len = ((size_t)r->at[1] + 1) * 8; /* RFC 8200, 4.3 */
			break;
		case PROTO_AH:
			len = ((size_t)r->at[1] + 2) * 4; /* RFC 4302, 2.2 */
			break;
		case PROTO_FRAGMENT:
			len = 8;
			*ret_offset = get16(r->at + 2) & ~7u;
			break;
		default:
			return proto;
		}
		if (len > r->len)
			return proto;
		skip(r, len);
		proto = next;
		if (*ret_offset > 0)
			break; /* what follows is the middle of something */
	}
	return proto;
}

static bool read_ipv6(struct reading *r, struct identity *id)
{
	uint32_t offset = 0;
	uint8_t proto;
	size_t payload;

	if (r->len < IPV6_HEADER || r->at[0] >> 4 != 6)
		return false;
	payload = get16(r->at + 4);
	proto = r->at[6];
	id->from = address(IP_V6, r->at + 8);
	id->to = address(IP_V6, r->at + 24);
	skip(r, IPV6_HEADER);
	if (payload > 0 && payload < r->len)
		r->len = payload;
	proto = read_extensions(r, proto, &offset);
	read_transport(r, id, proto, offset);
	return true;
}

static void read_frame(struct reading *r, struct identity *id)
{
	uint16_t type = 0;

	if (r->len >= ETHERNET_HEADER) {
		type = get16(r->at + ETHERNET_ADDRESSES);
		skip(r, ETHERNET_HEADER);
	}
	while ((type == TYPE_VLAN || type == TYPE_VLAN_SERVICE) && r->len >= VLAN_TAG) {
		if (!id->vlan)
			id->vlan = get16(r->at) & VLAN_ID_MASK;
		type = get16(r->at + 2);
		skip(r, VLAN_TAG);
	}
	if (type == TYPE_IPV4 && read_ipv4(r, id))
		return;
	if (type == TYPE_IPV6 && read_ipv6(r, id))
		return;
	id->kind = IDENTITY_FRAME;
	id->type = type;
	id->len = (uint32_t)r->len;
	r->digests = true;
}

/* --- counting --- */

static uint32_t count(struct recent *counts, uint64_t key, int *r)
{
	struct recent_entry *e = recent_get(counts, not_zero(key));

	if (!e) {
		*r = -ENOMEM;
		return 1;
	}
	if (e->a < UINT32_MAX)
		e->a++;
	return e->a;
}

/** Finds the flow, or gives it a number; a TCP sequence number becomes relative to its first. */
static int find_flow(struct identity_table *t, const struct reading *r, struct identity *id)
{
	uint64_t alike = hash_alike(id);
	struct recent_entry *flow;
	int result = 0;
	bool is_new;

	if (id->kind != IDENTITY_TCP && !r->has_flow)
		return 0;
	/* an echo and its reply do not meet in one direction */
	flow = recent_get(&t->flows, not_zero(hash_add(alike, r->raw)));
	if (!flow) {
		id->flow = r->has_flow ? 1 : 0;
		id->seq = id->kind == IDENTITY_TCP ? 0 : id->seq;
		return -ENOMEM;
	}
	is_new = flow->a == 0;
	if (id->kind == IDENTITY_TCP && (id->flags & IDENTITY_SYN) && flow->b != id->seq)
		is_new = true; /* the same ports, used again */
	if (is_new) {
		flow->a = count(&t->likes, alike, &result);
		flow->b = id->kind == IDENTITY_TCP ? id->seq : 0;
	}
	id->flow = flow->a;
	if (id->kind == IDENTITY_TCP)
		id->seq -= flow->b;
	return result;
}

int identify(struct identity_table *t, const uint8_t *frame, size_t len, struct identity *ret)
{
	struct reading r = { .at = frame, .len = len };
	uint64_t class;
	int result;

	*ret = (struct identity){ 0 };
	read_frame(&r, ret);
	result = find_flow(t, &r, ret);
	class = hash_class(ret);
	ret->nth = count(&t->counts, class, &result);
	if (r.digests && r.len > 0) {
		ret->data = digest(r.at, r.len);
		ret->nth_data = count(&t->counts, hash_add(class, ret->data), &result);
	}
	return result;
}
