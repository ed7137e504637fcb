/* SPDX-License-Identifier: MIT */
/* Frames in memory. */
#include "wire/frame.h"

#include <stdlib.h>
#include <string.h>

#include "base/headers.h"

enum {
	ECN_MASK = 3, /* RFC 3168: 0 not capable, 3 congestion experienced */
	UDP_CHECKSUM_AT = 6,
};

static const size_t class_bytes[FRAME_CLASSES] = { FRAME_SMALL, FRAME_MEDIUM, FRAME_LARGE,
						   FRAME_HUGE };
/* What stays for the next burst; more goes back to the system. */
static const size_t class_keep[FRAME_CLASSES] = { 8192, 8192, 1024, 128 };

void frame_pool_init(struct frame_pool *p, size_t max_bytes)
{
	*p = (struct frame_pool){ .max_bytes = max_bytes };
}

void frame_pool_deinit(struct frame_pool *p)
{
	for (int i = 0; i < FRAME_CLASSES; i++) {
		while (p->free[i]) {
			struct frame *f = p->free[i];

			p->free[i] = f->next;
			free(f);
		}
		p->n_free[i] = 0;
	}
}

static size_t size_of(enum frame_class class)
{
	return sizeof(struct frame) + FRAME_HEADROOM + class_bytes[class];
}

struct frame *frame_new(struct frame_pool *p, size_t len)
{
	enum frame_class class = CLASS_SMALL;
	struct frame *f;

	while (class < FRAME_CLASSES && class_bytes[class] < len)
		class ++;
	if (class == FRAME_CLASSES)
		return NULL;
	f = p->free[class];
	if (f) {
		p->free[class] = f->next;
		p->n_free[class]--;
	} else {
		if (p->bytes + size_of(class) > p->max_bytes)
			return NULL;
		f = malloc(size_of(class));
		if (!f)
			return NULL;
		p->bytes += size_of(class);
		f->class = class;
	}
	f->next = NULL;
	f->data = f->room + FRAME_HEADROOM;
	f->len = (uint32_t)len;
	return f;
}

void frame_free(struct frame_pool *p, struct frame *f)
{
	if (p->n_free[f->class] >= class_keep[f->class]) {
		p->bytes -= size_of(f->class);
		free(f);
		return;
	}
	f->next = p->free[f->class];
	p->free[f->class] = f;
	p->n_free[f->class]++;
}

struct frame *frame_clone(struct frame_pool *p, const struct frame *f)
{
	struct frame *copy = frame_new(p, f->len);

	if (!copy)
		return NULL;
	memcpy(copy->data, f->data, f->len);
	copy->number = f->number;
	copy->arrival_ns = f->arrival_ns;
	copy->vnet = f->vnet;
	return copy;
}

/* --- bytes --- */

void frame_put_vlan(struct frame *f, uint16_t protocol, uint16_t tci)
{
	if (f->data - f->room < VLAN_TAG + SYS_PACKET_HEADROOM || f->len < ETHERNET_HEADER)
		return;
	f->data = ethernet_put_vlan(f->data, protocol, tci);
	f->len += VLAN_TAG;
	if (f->vnet.flags & SYS_VNET_NEEDS_CSUM)
		f->vnet.csum_start = (uint16_t)(f->vnet.csum_start + VLAN_TAG);
	if (f->vnet.hdr_len)
		f->vnet.hdr_len = (uint16_t)(f->vnet.hdr_len + VLAN_TAG);
}

uint32_t frame_wire_len(const struct frame *f)
{
	uint32_t headers = f->vnet.csum_start, parts;

	if (f->vnet.gso_size == 0 || !(f->vnet.flags & SYS_VNET_NEEDS_CSUM))
		return f->len;
	/* the transport header begins where its checksum does */
	if (f->vnet.csum_offset == UDP_CHECKSUM_AT)
		headers += UDP_HEADER;
	else if (headers + TCP_HEADER_MIN <= f->len)
		headers += (uint32_t)(f->data[headers + TCP_OFFSET_AT] >> 4) * 4;
	if (headers >= f->len)
		return f->len;
	parts = (f->len - headers + f->vnet.gso_size - 1) / f->vnet.gso_size;
	return f->len + (parts - 1) * headers;
}

/** The Internet checksum (RFC 1071) of bytes, not yet complemented. */
static uint16_t sum16(const uint8_t *data, size_t len)
{
	uint64_t sum = 0;
	uint8_t folded[2];
	uint32_t word;
	uint16_t pair;

	/* Four bytes at a time, in whatever order this machine has them: it changes the sum's bytes only (RFC 1071, 2.B). */
	for (; len >= sizeof(word); data += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, data, sizeof(word));
		sum += word;
	}
	word = 0;
	memcpy(&word, data, len);
	sum += word;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	pair = (uint16_t)sum;
	memcpy(folded, &pair, sizeof(pair));
	return get16(folded);
}

void frame_make_checksum(uint8_t *data, size_t len, const struct sys_vnet *vnet)
{
	size_t start = vnet->csum_start, at = start + vnet->csum_offset;

	if ((vnet->flags & SYS_VNET_NEEDS_CSUM) && at + 2 <= len) {
		/* the field holds the pseudo header's sum now, which belongs to the whole */
		uint16_t sum = (uint16_t)~sum16(data + start, len - start);

		put16(data + at, sum ? sum : 0xffff); /* 0 would say "none" in UDP */
	}
}

static void complete_checksum(struct frame *f)
{
	frame_make_checksum(f->data, f->len, &f->vnet);
	f->vnet = (struct sys_vnet){ 0 };
}

void frame_corrupt(struct frame *f, uint32_t random)
{
	uint16_t type;
	size_t at;

	if (f->len == 0)
		return;
	if (f->vnet.gso_size == 0) {
		uint64_t bit = (uint64_t)random % ((uint64_t)f->len * 8);

		complete_checksum(f);
		f->data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		return;
	}
	/* Each part of a GSO frame gets its checksum later, which would cover the damage up. It goes where no checksum
	   mends it: the IP version. */
	at = ethernet_payload(f->data, f->len, &type);
	if (at >= f->len)
		at = f->len - 1;
	f->data[at] ^= (uint8_t)(0x10u << (random % 4));
}

void frame_damage(struct frame *f, uint64_t at, uint8_t mask)
{
	if (at >= f->len)
		return;
	/* of a GSO frame each part gets its checksum later: damage to what it covers is covered up */
	if (f->vnet.gso_size == 0)
		complete_checksum(f);
	f->data[at] ^= mask;
}

bool frame_mark(struct frame *f)
{
	uint16_t type;
	size_t at = ethernet_payload(f->data, f->len, &type);
	uint8_t *ip = f->data + at;

	if (type == TYPE_IPV4 && f->len >= at + IPV4_HEADER_MIN) {
		uint16_t old = get16(ip);
		uint32_t sum;

		if (!(ip[1] & ECN_MASK))
			return false;
		ip[1] |= ECN_MASK;
		/* RFC 1624, equation 3 */
		sum = (uint32_t)(uint16_t)~get16(ip + 10) + (uint16_t)~old + get16(ip);
		sum = (sum & 0xffff) + (sum >> 16);
		sum = (sum & 0xffff) + (sum >> 16);
		put16(ip + 10, (uint16_t)~sum);
		return true;
	}
	if (type == TYPE_IPV6 && f->len >= at + IPV6_HEADER) {
		/* version 4 bits, traffic class 8, of which the last two are ECN: the middle of the second byte */
		if (!(ip[1] >> 4 & ECN_MASK))
			return false;
		ip[1] |= ECN_MASK << 4;
		return true;
	}
	return false;
}
