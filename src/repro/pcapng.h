/* SPDX-License-Identifier: MIT */
/**
 * @file pcapng.h
 * Writing pcapng (draft-ietf-opsawg-pcapng): Ethernet frames with nanosecond stamps and comments, as Wireshark and tshark
 * read them. Formats into a buffer; where it goes is the caller's.
 */
#ifndef NETLAB_REPRO_PCAPNG_H
#define NETLAB_REPRO_PCAPNG_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/** The section's header, the first block. @param[in] comment  may be NULL */
void pcapng_section(struct buf *b, const char *comment);
/** An interface; they count from 0 in their order. @param[in] description  may be NULL */
void pcapng_interface(struct buf *b, const char *name, const char *description);

struct pcapng_packet {
	uint32_t interface;
	uint64_t realtime_ns; /**< since the epoch */
	const void *data;
	uint32_t len;        /**< of data */
	uint32_t wire_len;   /**< of the packet, of which data may be a part */
	const char *comment; /**< NULL = none */
};
/** @return the data in the buffer, until something is added to that; NULL when out of memory */
uint8_t *pcapng_packet(struct buf *b, const struct pcapng_packet *p);

/** What an interface has seen in all: pcapng's isb_ifrecv and isb_ifdrop. */
void pcapng_statistics(struct buf *b, uint32_t interface, uint64_t realtime_ns, uint64_t received,
		       uint64_t dropped);

#endif
