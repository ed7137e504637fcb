/* SPDX-License-Identifier: MIT */
/**
 * @file nft.h
 * Masquerading by nftables: one table with one rule.
 *
 * A table can be owned by the socket that made it (NFT_TABLE_F_OWNER, Linux 5.12): nobody else can change it, and the kernel
 * removes it when the socket is closed, however its process ends. That is why netlab can have one outside of a lab.
 */
#ifndef NETLAB_SYS_NFT_H
#define NETLAB_SYS_NFT_H

#include <stdbool.h>

#include "base/ip.h"

struct nft_masquerade {
	const char *table;
	bool owned;          /**< the table goes when the socket is closed */
	struct ip_addr from; /**< only packets of this IPv4 address; family 0 = of any */
	const char *out; /**< only those that leave through this interface; NULL = through any */
	const char *not_out; /**< not those that leave through this one; NULL = none is left out */
};

/** Opens a socket to nftables in the caller's network namespace. @return fd (close-on-exec), negative errno */
int nft_open(void);
/** Makes the table, whole or not at all. @return 0; -EEXIST an owned table of that name; -EOPNOTSUPP; -ENOENT (no NAT in this
 *  kernel); ... */
int nft_masquerade(int fd, const struct nft_masquerade *m);
/** Removes a table with all that is in it; an owned one by the socket that made it. @return 0; -ENOENT: there is none; ... */
int nft_remove(int fd, const char *table);

#endif
