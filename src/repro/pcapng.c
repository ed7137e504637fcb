/* SPDX-License-Identifier: MIT */
/* Writing pcapng. Numbers are in the host's byte order, which the section's header tells. */
#include "repro/pcapng.h"

#include <string.h>

#include "netlab/version.h"

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	OPT_END = 0,
	OPT_COMMENT = 1,
	SHB_USERAPPL = 4,
	IF_NAME = 2,
	IF_DESCRIPTION = 3,
	IF_TSRESOL = 9,
	ISB_IFRECV = 4,
	ISB_IFDROP = 5,
	NANOSECONDS = 9, /* stamps count 10^-9 s */
	LINKTYPE_ETHERNET = 1,
	OPTION_MAX = 0xfffc, /* an option's length has 16 bits, and is padded to 32 */
};

static void add16(struct buf *b, uint16_t v)
{
	buf_add(b, &v, sizeof(v));
}

static void add32(struct buf *b, uint32_t v)
{
	buf_add(b, &v, sizeof(v));
}

/** Data padded to 32 bits. */
static void add_padded(struct buf *b, const void *data, size_t len)
{
	static const char zeros[4];

	buf_add(b, data, len);
	buf_add(b, zeros, (4 - len % 4) % 4);
}

static void add_option(struct buf *b, uint16_t code, const void *data, size_t len)
{
	if (len > OPTION_MAX)
		len = OPTION_MAX;
	add16(b, code);
	add16(b, (uint16_t)len);
	add_padded(b, data, len);
}

static void add_text(struct buf *b, uint16_t code, const char *text)
{
	if (text)
		add_option(b, code, text, strlen(text));
}

/** Begins a block, whose length is not known yet. @return where it begins */
static size_t begin(struct buf *b, uint32_t type)
{
	size_t at = b->len;

	add32(b, type);
	add32(b, 0);
	return at;
}

static void end(struct buf *b, size_t at)
{
	uint32_t len;

	if (b->failed)
		return;
	len = (uint32_t)(b->len - at + 4);
	add32(b, len);
	if (!b->failed)
		memcpy(b->data + at + 4, &len, sizeof(len));
}

static void add_stamp(struct buf *b, uint64_t realtime_ns)
{
	add32(b, (uint32_t)(realtime_ns >> 32));
	add32(b, (uint32_t)realtime_ns);
}

void pcapng_section(struct buf *b, const char *comment)
{
	size_t at = begin(b, BLOCK_SECTION);

	add32(b, BYTE_ORDER_MAGIC);
	add16(b, 1); /* version 1.0 */
	add16(b, 0);
	add32(b, UINT32_MAX); /* how long the section is, is not said: 64 bits of ones */
	add32(b, UINT32_MAX);
	add_text(b, OPT_COMMENT, comment);
	add_text(b, SHB_USERAPPL, "netlab " NETLAB_VERSION);
	add_option(b, OPT_END, "", 0);
	end(b, at);
}

void pcapng_interface(struct buf *b, const char *name, const char *description)
{
	const uint8_t resolution = NANOSECONDS;
	size_t at = begin(b, BLOCK_INTERFACE);

	add16(b, LINKTYPE_ETHERNET);
	add16(b, 0);
	add32(b, 0); /* packets are whole, however long */
	add_text(b, IF_NAME, name);
	add_text(b, IF_DESCRIPTION, description);
	add_option(b, IF_TSRESOL, &resolution, 1);
	add_option(b, OPT_END, "", 0);
	end(b, at);
}

uint8_t *pcapng_packet(struct buf *b, const struct pcapng_packet *p)
{
	size_t at = begin(b, BLOCK_PACKET), data;

	add32(b, p->interface);
	add_stamp(b, p->realtime_ns);
	add32(b, p->len);
	add32(b, p->wire_len);
	data = b->len;
	add_padded(b, p->data, p->len);
	if (p->comment) {
		add_text(b, OPT_COMMENT, p->comment);
		add_option(b, OPT_END, "", 0);
	}
	end(b, at);
	return b->failed ? NULL : (uint8_t *)b->data + data;
}

void pcapng_statistics(struct buf *b, uint32_t interface, uint64_t realtime_ns, uint64_t received,
		       uint64_t dropped)
{
	size_t at = begin(b, BLOCK_STATISTICS);

	add32(b, interface);
	add_stamp(b, realtime_ns);
	add_option(b, ISB_IFRECV, &received, sizeof(received));
	add_option(b, ISB_IFDROP, &dropped, sizeof(dropped));
	add_option(b, OPT_END, "", 0);
	end(b, at);
}
