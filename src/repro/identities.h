/* SPDX-License-Identifier: MIT */
/**
 * @file identities.h
 * The file `identities` of a recording: which packet each one was, in the order of recording, for a replay to know the packets
 * again and to say where it parted. Binary, of this program's own structs: a head that says their size, then one struct
 * identity_entry a packet. Read on the kind of machine that it was written on.
 */
#ifndef NETLAB_REPRO_IDENTITIES_H
#define NETLAB_REPRO_IDENTITIES_H

#include <stddef.h>
#include <stdint.h>

#include "impair/identity.h"
#include "netlab/err.h"

struct identity_entry {
	uint32_t link; /**< of the topology, in its order */
	uint32_t dir;
	uint64_t index; /**< of the packet in its direction, from 1 */
	struct identity id;
};

struct identities_head {
	char magic[16]; /**< "netlab-identity" */
	uint32_t version, entry_bytes;
	uint64_t byte_order; /**< 1 */
};

enum { IDENTITIES_VERSION = 2, IDENTITIES_MAX = 20 * 1000 * 1000 };

/** What a file of today begins with. */
struct identities_head identities_head(void);

struct identities {
	struct identity_entry *items; /**< owned */
	size_t n;
};

/**
 * Reads a file. A part of an entry at its end is left out. Links are not checked against a topology.
 * @param[in] dir_fd  directory
 * @param[in] name    of the file
 * @return 0; -EINVAL: it is none, or damaged; -EPROTONOSUPPORT: of another version or kind of machine (both of class INVALID);
 *         -EFBIG; -ENOMEM; ...
 */
int identities_read(int dir_fd, const char *name, struct identities *ret, struct netlab_err *err);
void identities_deinit(struct identities *t);

#endif
