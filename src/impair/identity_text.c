/* SPDX-License-Identifier: MIT */
/* Identities as text: for files, and for people. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "impair/identity.h"

enum { WORD_MAX = 64 };

static const char *const kinds[IDENTITY_KINDS] = {
	[IDENTITY_TCP] = "tcp", [IDENTITY_UDP] = "udp",     [IDENTITY_ICMP] = "icmp",
	[IDENTITY_IP] = "ip",   [IDENTITY_FRAME] = "frame",
};

static const struct {
	uint8_t flag;
	char letter;
	const char *name;
} flags[] = {
	{ IDENTITY_SYN, 'S', "SYN" },
	{ IDENTITY_FIN, 'F', "FIN" },
	{ IDENTITY_RST, 'R', "RST" },
	{ IDENTITY_ACK, 'A', "ACK" },
};
enum { N_FLAGS = sizeof(flags) / sizeof(flags[0]) };

static bool has_ports(const struct identity *id)
{
	return id->kind == IDENTITY_TCP || id->kind == IDENTITY_UDP;
}

/* --- writing --- */

static void add_end(struct buf *b, const struct identity *id, unsigned end)
{
	const struct ip_addr *a = end == 0 ? &id->from : &id->to;
	char text[IP_TEXT_MAX];

	(void)ip_format_addr(a, text);
	if (!has_ports(id)) {
		buf_puts(b, text);
		return;
	}
	buf_printf(b, a->family == IP_V6 ? "[%s]:" : "%s:", text);
	if (id->port[end])
		buf_printf(b, "%u", id->port[end]);
	else
		buf_puts(b, "*");
}

static void add_flags(struct buf *b, uint8_t set)
{
	if (!set)
		buf_puts(b, "none");
	for (unsigned i = 0; i < N_FLAGS; i++) {
		if (set & flags[i].flag)
			buf_add(b, &flags[i].letter, 1);
	}
}

void identity_format(struct buf *b, const struct identity *id)
{
	buf_puts(b, kinds[id->kind]);
	if (id->vlan)
		buf_printf(b, ",vlan=%u", id->vlan);
	if (id->kind != IDENTITY_FRAME) {
		buf_puts(b, ",from=");
		add_end(b, id, 0);
		buf_puts(b, ",to=");
		add_end(b, id, 1);
	}
	if (id->flow)
		buf_printf(b, ",flow=%" PRIu32, id->flow);
	if (id->kind == IDENTITY_TCP) {
		buf_puts(b, ",flags=");
		add_flags(b, id->flags);
	} else if (id->kind == IDENTITY_ICMP) {
		buf_printf(b, ",type=%u.%u", id->type >> 8, id->type & 0xff);
	} else if (id->kind != IDENTITY_UDP) {
		buf_printf(b, id->kind == IDENTITY_IP ? ",type=%u" : ",type=0x%04x", id->type);
	}
	if (id->seq)
		buf_printf(b, ",seq=%" PRIu32, id->seq);
	buf_printf(b, ",len=%" PRIu32 ",nth=%" PRIu32, id->len, id->nth);
	if (id->data)
		buf_printf(b, ",data=%016" PRIx64 ",nth-data=%" PRIu32, id->data, id->nth_data);
}

static void add_nth(struct buf *b, uint32_t n)
{
	uint32_t tens = n % 100;
	const char *end = "th";

	if (tens < 11 || tens > 13)
		end = n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : n % 10 == 3 ? "rd" : "th";
	buf_printf(b, "%" PRIu32 "%s", n, end);
}

static void describe_tcp(struct buf *b, const struct identity *id)
{
	bool any = false;

	buf_puts(b, "TCP");
	for (unsigned i = 0; i < N_FLAGS; i++) {
		/* an ACK says something only where nothing else does */
		if (!(id->flags & flags[i].flag) ||
		    (flags[i].flag == IDENTITY_ACK && id->flags == IDENTITY_ACK && id->len))
			continue;
		buf_printf(b, "%s%s", any ? "+" : " ", flags[i].name);
		any = true;
	}
	if (id->len)
		buf_printf(b, " bytes %" PRIu32 " to %" PRIu32, id->seq, id->seq + id->len - 1);
}

void identity_describe(struct buf *b, const struct identity *id)
{
	bool by_data = id->kind != IDENTITY_TCP && id->data;

	switch (id->kind) {
	case IDENTITY_TCP:
		describe_tcp(b, id);
		break;
	case IDENTITY_UDP:
		buf_printf(b, "UDP of %" PRIu32 " byte%s", id->len, id->len == 1 ? "" : "s");
		break;
	case IDENTITY_ICMP:
		buf_printf(b, "ICMP%s type %u code %u", id->from.family == IP_V6 ? "v6" : "",
			   id->type >> 8, id->type & 0xff);
		if (id->seq)
			buf_printf(b, " number %" PRIu32, id->seq);
		break;
	case IDENTITY_IP:
		buf_printf(b, "IP protocol %u of %" PRIu32 " bytes", id->type, id->len);
		if (id->seq)
			buf_printf(b, " from byte %" PRIu32, id->seq);
		break;
	case IDENTITY_FRAME:
	case IDENTITY_KINDS:
		buf_printf(b, "a frame of type 0x%04x with %" PRIu32 " bytes", id->type, id->len);
		break;
	}
	if (id->kind != IDENTITY_FRAME) {
		buf_puts(b, " ");
		add_end(b, id, 0);
		buf_puts(b, " > ");
		add_end(b, id, 1);
	}
	if (id->vlan)
		buf_printf(b, " in VLAN %u", id->vlan);
	buf_puts(b, ", the ");
	add_nth(b, by_data ? id->nth_data : id->nth);
	if (by_data)
		buf_puts(b, " with its content");
	if (id->flow)
		buf_printf(b, " of flow %" PRIu32, id->flow);
}

/* --- reading --- */

/** A text that is read from its beginning; after a failure nothing more is. */
struct scan {
	const char *at;
	const char *why; /* NULL while all is well */
};

static void fail(struct scan *s, const char *why)
{
	if (!s->why)
		s->why = why;
}

/** Takes `text` if it comes next. */
static bool took(struct scan *s, const char *text)
{
	size_t n = strlen(text);

	if (s->why || strncmp(s->at, text, n) != 0)
		return false;
	s->at += n;
	return true;
}

static void need(struct scan *s, const char *text, const char *why)
{
	if (!took(s, text))
		fail(s, why);
}

/** Takes a decimal number as it is written: no sign, no leading zero. */
static uint64_t number(struct scan *s, uint64_t max, const char *why)
{
	uint64_t n = 0;
	const char *from = s->at;

	if (s->why)
		return 0;
	for (; *s->at >= '0' && *s->at <= '9'; s->at++) {
		n = n * 10 + (uint64_t)(*s->at - '0');
		if (n > max || (s->at > from && *from == '0')) {
			fail(s, why);
			return 0;
		}
	}
	if (s->at == from)
		fail(s, why);
	return n;
}

static uint64_t hex(struct scan *s, unsigned digits, const char *why)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < digits && !s->why; i++) {
		char c = *s->at;

		if (c >= '0' && c <= '9')
			n = n << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n << 4 | (uint64_t)(c - 'a' + 10);
		else
			fail(s, why);
		if (!s->why)
			s->at++;
	}
	return n;
}

/** A number that is left out where it is 0. */
static uint64_t optional(struct scan *s, const char *key, uint64_t max, const char *why)
{
	uint64_t n;

	if (!took(s, key))
		return 0;
	n = number(s, max, why);
	if (n == 0)
		fail(s, why);
	return n;
}

static void scan_end(struct scan *s, struct identity *id, unsigned end)
{
	static const char bad[] =
		"an address is written as 10.0.0.1:80, [fd00::1]:80, with * for an "
		"ephemeral port, or without a port";
	struct ip_addr *a = end == 0 ? &id->from : &id->to;
	bool bracket = has_ports(id) && took(s, "[");
	const char *stop = bracket ? "]" : has_ports(id) ? ":" : ",";
	char text[WORD_MAX], again[IP_TEXT_MAX];
	size_t n;

	if (s->why)
		return;
	n = strcspn(s->at, stop);
	if (n >= sizeof(text)) {
		fail(s, bad);
		return;
	}
	memcpy(text, s->at, n);
	text[n] = '\0';
	s->at += n;
	if (ip_parse_addr(text, a) < 0 || strcmp(ip_format_addr(a, again), text) != 0)
		fail(s, bad);
	if (!has_ports(id))
		return;
	if (bracket != (a->family == IP_V6))
		fail(s, bad);
	need(s, bracket ? "]:" : ":", bad);
	if (took(s, "*"))
		return;
	id->port[end] = (uint16_t)number(s, UINT16_MAX, bad);
	if (!id->port[end])
		fail(s, bad);
}

static void scan_flags(struct scan *s, struct identity *id)
{
	if (took(s, "none"))
		return;
	for (unsigned i = 0; i < N_FLAGS; i++) {
		char letter[2] = { flags[i].letter, '\0' };

		if (took(s, letter))
			id->flags |= flags[i].flag;
	}
	if (!id->flags)
		fail(s, "flags are some of SFRA, in this order, or 'none'");
}

static void scan_type(struct scan *s, struct identity *id)
{
	static const char bad[] = "type is written as 8.0 (icmp), 47 (ip) or 0x0806 (frame)";

	need(s, ",type=", "type is missing");
	if (id->kind == IDENTITY_ICMP) {
		id->type = (uint16_t)(number(s, UINT8_MAX, bad) << 8);
		need(s, ".", bad);
		id->type |= (uint16_t)number(s, UINT8_MAX, bad);
	} else if (id->kind == IDENTITY_IP) {
		id->type = (uint16_t)number(s, UINT8_MAX, bad);
	} else {
		need(s, "0x", bad);
		id->type = (uint16_t)hex(s, 4, bad);
	}
}

static void scan_kind(struct scan *s, struct identity *id)
{
	for (unsigned i = 0; i < IDENTITY_KINDS; i++) {
		size_t n = strlen(kinds[i]);

		if (strncmp(s->at, kinds[i], n) == 0 && s->at[n] == ',') {
			id->kind = (enum identity_kind)i;
			s->at += n;
			return;
		}
	}
	fail(s, "an identity begins with tcp, udp, icmp, ip or frame");
}

static void scan_data(struct scan *s, struct identity *id)
{
	if (id->kind == IDENTITY_TCP || !took(s, ",data="))
		return;
	id->data = hex(s, 16, "data is a digest of 16 hexadecimal digits");
	if (!id->data)
		fail(s, "data is a digest of 16 hexadecimal digits, not 0");
	id->nth_data = (uint32_t)optional(s, ",nth-data=", UINT32_MAX, "nth-data counts from 1");
	if (!id->nth_data)
		fail(s, "nth-data is missing");
}

int identity_parse(const char *text, struct identity *ret, const char **ret_why)
{
	struct scan s = { .at = text };
	struct identity id = { 0 };

	scan_kind(&s, &id);
	id.vlan = (uint16_t)optional(&s, ",vlan=", 0xfff, "vlan is a number from 1 to 4095");
	if (id.kind != IDENTITY_FRAME) {
		need(&s, ",from=", "from is missing");
		scan_end(&s, &id, 0);
		need(&s, ",to=", "to is missing");
		scan_end(&s, &id, 1);
		if (id.from.family != id.to.family)
			fail(&s, "the two addresses are not of one family");
		id.flow = (uint32_t)optional(&s, ",flow=", UINT32_MAX, "flow counts from 1");
	}
	if (id.kind == IDENTITY_TCP) {
		need(&s, ",flags=", "flags are missing");
		scan_flags(&s, &id);
	} else if (id.kind != IDENTITY_UDP) {
		scan_type(&s, &id);
	}
	if (id.kind != IDENTITY_UDP && id.kind != IDENTITY_FRAME)
		id.seq = (uint32_t)optional(&s, ",seq=", UINT32_MAX, "seq is a number above 0");
	need(&s, ",len=", "len is missing");
	id.len = (uint32_t)number(&s, UINT32_MAX, "len is a number of bytes");
	need(&s, ",nth=", "nth is missing");
	id.nth = (uint32_t)number(&s, UINT32_MAX, "nth counts from 1");
	if (!id.nth)
		fail(&s, "nth counts from 1");
	scan_data(&s, &id);
	if (*s.at)
		fail(&s, "something is left over at its end");
	if (s.why) {
		if (ret_why)
			*ret_why = s.why;
		return -EINVAL;
	}
	*ret = id;
	return 0;
}
