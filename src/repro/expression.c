/* SPDX-License-Identifier: MIT */
/* pcap expressions for packets that were recorded. */
#include "repro/expression.h"

#include "base/headers.h"
#include "base/ip.h"

enum {
	IPV4_LENGTH_AT = 2,
	IPV4_FRAGMENT_AT = 6,
	IPV4_PROTO_AT = 9,
	IPV6_LENGTH_AT = 4,
	IPV6_NEXT_AT = 6,
	/* RFC 791: more of them, and where; RFC 8200, 4.5 */
	IPV4_FRAGMENT_MASK = 0x3fff,
	IPV4_OFFSET_MASK = 0x1fff,
	PROTO_FRAGMENT = 44,
	IPV6_FRAGMENT_AT = IPV6_HEADER + 2,
	IPV6_FRAGMENT_MASK = 0xfff9,
	IPV6_OFFSET_MASK = 0xfff8,
	/* Enough to tell apart what a protocol's header tells apart; an expression has an end, too. */
	DATA_BYTES = 16,
	DATA_WORD = 4,
};

static bool is_v6(const struct identity *id)
{
	return id->from.family == IP_V6;
}

bool expression_fragment(const struct identity *id, const uint8_t *frame, size_t len,
			 struct expression_fragment *ret)
{
	struct expression_fragment f = { 0 };
	uint16_t type;
	size_t at = ethernet_payload(frame, len, &type);

	if (id->from.family == IP_V4 && at + IPV4_HEADER_MIN <= len) {
		f.proto = frame[at + IPV4_PROTO_AT];
		f.field = get16(frame + at + IPV4_FRAGMENT_AT) & IPV4_FRAGMENT_MASK;
		f.offset = (f.field & IPV4_OFFSET_MASK) * 8u;
		f.bytes = get16(frame + at + IPV4_LENGTH_AT);
		*ret = f;
		return f.field != 0;
	}
	/* only where it follows at once: an expression could not find it elsewhere */
	if (!is_v6(id) || at + IPV6_HEADER + 8 > len || frame[at + IPV6_NEXT_AT] != PROTO_FRAGMENT)
		return false;
	f.proto = frame[at + IPV6_HEADER];
	f.field = get16(frame + at + IPV6_FRAGMENT_AT) & IPV6_FRAGMENT_MASK;
	f.offset = f.field & IPV6_OFFSET_MASK;
	f.bytes = get16(frame + at + IPV6_LENGTH_AT);
	*ret = f;
	return true;
}

const uint8_t *expression_data(const struct identity *id, const uint8_t *frame, size_t len,
			       size_t *ret_len)
{
	uint16_t type;
	size_t at;

	if ((id->kind != IDENTITY_TCP && id->kind != IDENTITY_UDP) || id->len == 0)
		return NULL;
	at = ethernet_payload(frame, len, &type);
	if (at >= len)
		return NULL;
	/* behind extension headers it is not looked for: an expression could not either */
	if (is_v6(id) && (at + IPV6_HEADER > len || (frame[at + IPV6_NEXT_AT] != PROTO_TCP &&
						     frame[at + IPV6_NEXT_AT] != PROTO_UDP)))
		return NULL;
	at += is_v6(id) ? IPV6_HEADER : (size_t)(frame[at] & 0xf) * 4;
	if (id->kind == IDENTITY_UDP)
		at += UDP_HEADER;
	else if (at + TCP_HEADER_MIN <= len)
		at += (size_t)(frame[at + TCP_OFFSET_AT] >> 4) * 4;
	if (at >= len)
		return NULL;
	*ret_len = len - at < id->len ? len - at : id->len;
	return frame + at;
}

/** "tcp[((tcp[12]&0xf0)>>2)+4:4]": pcap's name for bytes of the payload. libpcap has no udp[] and tcp[] for IPv6. */
static void print_place(struct buf *b, const struct identity *id, size_t at, size_t n)
{
	if (id->kind == IDENTITY_UDP && is_v6(id))
		buf_printf(b, "ip6[%zu:%zu]", IPV6_HEADER + UDP_HEADER + at, n);
	else if (id->kind == IDENTITY_UDP)
		buf_printf(b, "udp[%zu:%zu]", UDP_HEADER + at, n);
	else if (is_v6(id))
		buf_printf(b, "ip6[%zu+((ip6[52]&0xf0)>>2):%zu]", IPV6_HEADER + at, n);
	else
		buf_printf(b, "tcp[((tcp[12]&0xf0)>>2)+%zu:%zu]", at, n);
}

static void print_data(struct buf *b, const struct identity *id, const uint8_t *data, size_t len)
{
	for (size_t at = 0, n; at < len && at < DATA_BYTES; at += n) {
		uint32_t value = 0;

		n = len - at >= DATA_WORD ? DATA_WORD : len - at >= 2 ? 2 : 1;
		for (size_t i = 0; i < n; i++)
			value = value << 8 | data[at + i];
		buf_puts(b, " and ");
		print_place(b, id, at, n);
		buf_printf(b, " = 0x%0*x", (int)n * 2, value);
	}
}

static void print_hosts(struct buf *b, const struct identity *id)
{
	char from[IP_TEXT_MAX], to[IP_TEXT_MAX];

	buf_printf(b, "src host %s and dst host %s", ip_format_addr(&id->from, from),
		   ip_format_addr(&id->to, to));
}

static void print_ports(struct buf *b, const struct identity *id, const char *protocol)
{
	if (id->port[0])
		buf_printf(b, " and %s src port %u", protocol, id->port[0]);
	if (id->port[1])
		buf_printf(b, " and %s dst port %u", protocol, id->port[1]);
	if (!id->port[0] && !id->port[1])
		buf_printf(b, " and %s", protocol);
}

static void print_tcp(struct buf *b, const struct identity *id)
{
	const unsigned mask = IDENTITY_FIN | IDENTITY_SYN | IDENTITY_RST | IDENTITY_ACK;

	print_ports(b, id, "tcp");
	buf_printf(b, is_v6(id) ? " and ip6[53] & 0x%x = 0x%x" : " and tcp[13] & 0x%x = 0x%x", mask,
		   id->flags);
	/* of a SYN that is said already, and it reads better without */
	if (id->flags & IDENTITY_SYN && id->len == 0)
		return;
	buf_printf(b,
		   is_v6(id) ? " and ip6[4:2] - ((ip6[52]&0xf0)>>2) = %u"
			     : " and ip[2:2] - ((ip[0]&0xf)<<2) - ((tcp[12]&0xf0)>>2) = %u",
		   id->len);
}

static void print_icmp(struct buf *b, const struct identity *id)
{
	const unsigned type = id->type >> 8, code = id->type & 0xff;

	if (is_v6(id)) {
		buf_printf(b, " and icmp6 and ip6[40] = %u and ip6[41] = %u", type, code);
		if (id->seq)
			buf_printf(b, " and ip6[46:2] = %u", id->seq);
		return;
	}
	buf_printf(b, " and icmp[0] = %u and icmp[1] = %u", type, code);
	if (id->seq)
		buf_printf(b, " and icmp[6:2] = %u", id->seq);
}

/** Lengths in headers of what was cut into fragments are of the whole, and IPv6's ports are behind another header. */
static void print_fragment(struct buf *b, const struct identity *id,
			   const struct expression_fragment *f)
{
	print_hosts(b, id);
	if (!is_v6(id)) {
		buf_printf(b, " and ip proto %u and ip[6:2] & 0x%x = 0x%x and ip[2:2] = %u",
			   f->proto, IPV4_FRAGMENT_MASK, f->field, f->bytes);
		return;
	}
	buf_printf(
		b,
		" and ip6[6] = %u and ip6[40] = %u and ip6[42:2] & 0x%x = 0x%x and ip6[4:2] = %u",
		PROTO_FRAGMENT, f->proto, IPV6_FRAGMENT_MASK, f->field, f->bytes);
	for (unsigned i = 0; i < 2 && f->offset == 0; i++) {
		if (id->port[i])
			buf_printf(b, " and ip6[%u:2] = %u", IPV6_HEADER + 8 + 2 * i, id->port[i]);
	}
}

void expression_format(struct buf *b, const struct identity *id, bool with_data,
		       const uint8_t *frame, size_t len)
{
	size_t data_len = 0;
	const uint8_t *data = with_data ? expression_data(id, frame, len, &data_len) : NULL;
	struct expression_fragment fragment;

	if (id->vlan)
		buf_printf(b, "vlan %u and ", id->vlan);
	if (expression_fragment(id, frame, len, &fragment)) {
		print_fragment(b, id, &fragment);
		if (data)
			print_data(b, id, data, data_len);
		return;
	}
	switch (id->kind) {
	case IDENTITY_TCP:
		print_hosts(b, id);
		print_tcp(b, id);
		break;
	case IDENTITY_UDP:
		print_hosts(b, id);
		print_ports(b, id, "udp");
		buf_printf(b, is_v6(id) ? " and ip6[44:2] = %u" : " and udp[4:2] = %u",
			   id->len + UDP_HEADER);
		break;
	case IDENTITY_ICMP:
		print_hosts(b, id);
		print_icmp(b, id);
		break;
	case IDENTITY_IP:
		print_hosts(b, id);
		buf_printf(b, is_v6(id) ? " and ip6 protochain %u" : " and ip proto %u", id->type);
		break;
	case IDENTITY_FRAME:
	case IDENTITY_KINDS:
		buf_printf(b, "ether[12:2] = 0x%04x", id->type);
		break;
	}
	if (data)
		print_data(b, id, data, data_len);
}
