/* SPDX-License-Identifier: MIT */
/* What happened to packets, in words for people. */
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "repro/atoms.h"
#include "repro/expression.h"

enum {
	SHOWN_BYTES = 8,
	TEXT_BYTES = 16, /* as many as an expression looks at */
	TYPE_ARP = 0x0806,
	ICMP_ECHO = 8,
	ICMP_REPLY = 0,
	ICMP6_ECHO = 128,
	ICMP6_REPLY = 129
};

static void print_ordinal(struct buf *b, uint64_t n)
{
	const char *end = "th";

	if (n == 1)
		buf_puts(b, "first");
	else if (n % 100 < 11 || n % 100 > 13)
		end = n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : n % 10 == 3 ? "rd" : "th";
	if (n != 1)
		buf_printf(b, "%" PRIu64 "%s", n, end);
}

/** The node that has an address, or the address. */
static void print_host(struct buf *b, const struct ip_addr *a, const struct topo *t,
		       const struct plan *plan)
{
	char text[IP_TEXT_MAX];

	for (size_t i = 0; i < t->n_nodes; i++) {
		for (size_t j = 0; j < plan->nodes[i].n_interfaces; j++) {
			const struct plan_interface *in = &plan->nodes[i].interfaces[j];

			for (size_t k = 0; k < in->n_addresses; k++) {
				if (!ip_equal(&in->addresses[k].addr, a))
					continue;
				buf_puts(b, t->nodes[i].name);
				return;
			}
		}
	}
	buf_puts(b, ip_format_addr(a, text));
}

static void print_tcp(struct buf *b, const struct identity *id)
{
	static const struct {
		uint8_t flag;
		const char *name;
	} flags[] = { { IDENTITY_SYN, "SYN" },
		      { IDENTITY_FIN, "FIN" },
		      { IDENTITY_RST, "RST" },
		      { IDENTITY_ACK, "ACK" } };
	bool bare = true;

	if (id->len > 0 && !(id->flags & IDENTITY_SYN)) {
		buf_printf(b, "TCP segment with %" PRIu32 " byte%s", id->len,
			   id->len == 1 ? "" : "s");
		return;
	}
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		/* every FIN and RST but the odd one has it: not worth a word */
		if (!(id->flags & flags[i].flag) ||
		    (flags[i].flag == IDENTITY_ACK && !bare && !(id->flags & IDENTITY_SYN)))
			continue;
		buf_printf(b, "%s%s", bare ? "" : "-", flags[i].name);
		bare = false;
	}
	if (bare)
		buf_puts(b, "TCP segment without flags");
}

static void print_icmp(struct buf *b, const struct identity *id)
{
	const unsigned type = id->type >> 8;

	if (type == ICMP_ECHO || type == ICMP6_ECHO)
		buf_printf(b, "echo request number %" PRIu32, id->seq);
	else if (type == ICMP_REPLY || type == ICMP6_REPLY)
		buf_printf(b, "echo reply number %" PRIu32, id->seq);
	else
		buf_printf(b, "ICMP packet of type %u", type);
}

static void print_ip(struct buf *b, unsigned proto, bool with_article)
{
	/* IANA's protocol numbers */
	static const struct {
		unsigned proto;
		const char *article, *name;
	} known[] = { { 1, "an", "ICMP" },    { 2, "an", "IGMP" },  { 6, "a", "TCP" },
		      { 17, "a", "UDP" },     { 47, "a", "GRE" },   { 50, "an", "ESP" },
		      { 58, "an", "ICMPv6" }, { 89, "an", "OSPF" }, { 112, "a", "VRRP" },
		      { 132, "an", "SCTP" } };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (known[i].proto == proto) {
			buf_printf(b, "%s%s%s packet", with_article ? known[i].article : "",
				   with_article ? " " : "", known[i].name);
			return;
		}
	}
	buf_printf(b, "%spacket of IP protocol %u", with_article ? "a " : "", proto);
}

static void print_fragment(struct buf *b, const struct expression_fragment *f)
{
	buf_printf(b, "fragment from byte %" PRIu32 " of ", f->offset);
	print_ip(b, f->proto, true);
}

static void print_kind(struct buf *b, const struct identity *id)
{
	switch (id->kind) {
	case IDENTITY_TCP:
		print_tcp(b, id);
		return;
	case IDENTITY_UDP:
		buf_printf(b, "datagram of %" PRIu32 " byte%s", id->len, id->len == 1 ? "" : "s");
		return;
	case IDENTITY_ICMP:
		print_icmp(b, id);
		return;
	case IDENTITY_IP:
		print_ip(b, id->type, false);
		return;
	case IDENTITY_FRAME:
	case IDENTITY_KINDS:
		if (id->type == TYPE_ARP)
			buf_puts(b, "ARP frame");
		else
			buf_printf(b, "frame of type 0x%04x", id->type);
		return;
	}
}

static void print_way(struct buf *b, const struct atom *a, const struct topo *t,
		      const struct plan *plan)
{
	const struct identity *id = &a->decision->id;
	const struct topo_link *link = &t->links[a->fault.link];
	const unsigned dir = a->decision->dir;

	buf_puts(b, " from ");
	if (id->from.family == 0) {
		buf_printf(b, "%s to %s", t->nodes[link->ends[dir].node].name,
			   t->nodes[link->ends[!dir].node].name);
		return;
	}
	print_host(b, &id->from, t, plan);
	if (id->port[0])
		buf_printf(b, " port %u", id->port[0]);
	buf_puts(b, " to ");
	print_host(b, &id->to, t, plan);
	if (id->port[1])
		buf_printf(b, " port %u", id->port[1]);
}

/** @param[in] again  it comes anyway: what else is said of it has no verb */
static void print_end(struct buf *b, const struct fault *f, bool again)
{
	switch (f->action) {
	case FAULT_DROP:
		buf_puts(b, "is lost");
		return;
	case FAULT_DUPLICATE:
		buf_puts(b, "comes twice");
		return;
	case FAULT_CORRUPT:
		buf_printf(b, "is damaged (%s %" PRIu64 ")", f->place == FAULT_BIT ? "bit" : "byte",
			   f->at);
		return;
	case FAULT_DELAY:
		buf_puts(b, again ? "" : "comes ");
		units_format_time(b, f->delay_ns);
		buf_puts(b, " late");
		return;
	case FAULT_HOLD:
		buf_printf(b, "%sbehind the next %" PRIu64 " of its kind", again ? "" : "comes ",
			   f->hold);
		return;
	}
}

/** What somebody may have written is shown as such: "GET /" says more than its digits. */
static void print_data(struct buf *b, const uint8_t *data, size_t len)
{
	size_t shown = len < TEXT_BYTES ? len : TEXT_BYTES, n = 0;

	while (n < shown &&
	       ((data[n] >= ' ' && data[n] <= '~') || (data[n] && strchr("\n\r\t", data[n]))))
		n++;
	if (n == 0 || n < shown) {
		buf_puts(b, " that begins with 0x");
		for (size_t i = 0; i < len && i < SHOWN_BYTES; i++)
			buf_printf(b, "%02x", data[i]);
		return;
	}
	buf_puts(b, " that begins with \"");
	for (size_t i = 0; i < shown; i++) {
		char c = (char)data[i];

		if (c == '\n' || c == '\r' || c == '\t')
			buf_printf(b, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
		else
			buf_printf(b, "%s%c", c == '"' || c == '\\' ? "\\" : "", c);
	}
	buf_puts(b, "\"");
}

/** A packet that is known by its data is named by it, another by its number. */
static void print_packet(struct buf *b, const struct atom *a, bool with_data, const struct topo *t,
			 const struct plan *plan, const struct frames *f)
{
	const struct identity *id = &a->decision->id;
	struct expression_fragment fragment;
	size_t len = 0;
	const uint8_t *data = with_data ? expression_data(id, &f->bytes[a->frame->at],
							  a->frame->len, &len)
					: NULL;

	buf_puts(b, "the ");
	if (!data) {
		print_ordinal(b, a->fault.rule.nth[0].first);
		buf_puts(b, " ");
	}
	if (expression_fragment(id, &f->bytes[a->frame->at], a->frame->len, &fragment))
		print_fragment(b, &fragment);
	else
		print_kind(b, id);
	print_way(b, a, t, plan);
	if (!data)
		return;
	print_data(b, data, len);
	if (a->fault.rule.nth[0].first == 1)
		return;
	buf_puts(b, ", when it comes for the ");
	print_ordinal(b, a->fault.rule.nth[0].first);
	buf_puts(b, " time,");
}

void atoms_describe(struct buf *b, const struct atoms *a, const size_t *which, size_t n,
		    const struct topo *t, const struct plan *plan, const struct frames *f)
{
	for (size_t i = 0; i < n; i++) {
		const struct atom *one = &a->items[which[i]],
				  *before = i ? &a->items[which[i - 1]] : NULL;
		bool again;

		if (before)
			buf_puts(b, i + 1 == n ? " and " : ", ");
		again = before && before->frame == one->frame;
		if (!again) {
			print_packet(b, one, a->with_data, t, plan, f);
			buf_puts(b, " ");
		}
		print_end(b, &one->fault.rule,
			  again && before->fault.rule.action == FAULT_DUPLICATE);
	}
}

static const struct frame_kept *find_frame(const struct frames *f, size_t link,
					   const struct decision *d)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct frame_kept *k = &f->items[i];

		if (k->link == link && k->dir == d->dir && k->index == d->index)
			return k;
	}
	return NULL;
}

void atoms_describe_packet(struct buf *b, const struct decision *d, const struct topo *t,
			   const struct plan *plan, const struct frames *f)
{
	const struct identity *id = &d->id;
	struct atom a = { .decision = d };
	size_t len = 0;

	a.fault.link = topo_find_link(t, d->link);
	a.fault.rule.nth[0].first = id->data ? id->nth_data : id->nth;
	a.frame = find_frame(f, a.fault.link, d);
	if (!a.frame || !expression_data(id, &f->bytes[a.frame->at], a.frame->len, &len)) {
		identity_describe(b, id);
		return;
	}
	print_packet(b, &a, true, t, plan, f);
	if (id->flow > 1)
		buf_printf(b, " in flow %" PRIu32, id->flow);
}
