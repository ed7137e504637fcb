/* SPDX-License-Identifier: MIT */
/* What only ethtool's ioctls tell and set: a device's link state at once, its segmentation offloads. */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"
#include "sys/gate.h"
#include "sys/rtnl.h"

static int ask(int fd, const char *ifname, void *question)
{
	struct ifreq request = { .ifr_data = question };

	strncpy(request.ifr_name, ifname, IFNAMSIZ - 1);
	return ioctl(fd, SIOCETHTOOL, &request) < 0 ? -errno : 0;
}

int rt_sync_running(int fd, const char *ifname)
{
	struct ethtool_value value = { .cmd = ETHTOOL_GLINK };
	int r = sys_gate("ethtool link");

	return r < 0 ? r : ask(fd, ifname, &value);
}

/*
 * Whether a feature lets a frame be larger on the link than the MTU says: tx-generic-segmentation, tx-tcp6-segmentation,
 * tx-udp-segmentation... (net/ethtool/common.c: netdev_features_strings; the list grows). IFLA_GSO_MAX_SEGS = 1 would do the
 * same in one number, but TCP then sends a single segment at a time and waits: 0.4 Gb/s over a veth that carries 7.0
 * without its offloads.
 */
static bool is_segmentation(const char *name)
{
	static const char prefix[] = "tx-", suffix[] = "-segmentation";
	size_t len = strlen(name), tail = strlen(suffix);

	return strcmp(name, "tx-gso-list") == 0 ||
	       (len > tail && strncmp(name, prefix, strlen(prefix)) == 0 &&
		strcmp(name + len - tail, suffix) == 0);
}

enum { BLOCK_BITS = 32, BLOCKS_MAX = 8 };

/** Numbers of the features in this kernel, as bits of ETHTOOL_SFEATURES' blocks. */
struct feature_bits {
	uint32_t n_blocks; /**< 0 = not asked yet */
	uint32_t segmentation[BLOCKS_MAX], gro[BLOCKS_MAX];
};

static void note_feature(struct feature_bits *bits, uint32_t number, const char *name)
{
	uint32_t bit = 1u << number % BLOCK_BITS;

	if (strcmp(name, "rx-gro") == 0)
		bits->gro[number / BLOCK_BITS] |= bit;
	if (is_segmentation(name))
		bits->segmentation[number / BLOCK_BITS] |= bit;
}

static int learn_features(int fd, const char *ifname, struct feature_bits *bits)
{
	union {
		struct ethtool_sset_info info;
		char room[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)];
	} set = { .info = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ull << ETH_SS_FEATURES } };
	_cleanup_free_ struct ethtool_gstrings *names = NULL;
	uint32_t n;
	int r = ask(fd, ifname, &set);

	if (r < 0)
		return r;
	n = set.info.sset_mask ? set.info.data[0] : 0;
	if (n == 0 || n > BLOCKS_MAX * BLOCK_BITS)
		return -EOPNOTSUPP;
	names = calloc(1, sizeof(*names) + (size_t)n * ETH_GSTRING_LEN);
	if (!names)
		return -ENOMEM;
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_FEATURES;
	names->len = n;
	r = ask(fd, ifname, names);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < n; i++)
		note_feature(bits, i, (const char *)names->data + (size_t)i * ETH_GSTRING_LEN);
	bits->n_blocks = (n + BLOCK_BITS - 1) / BLOCK_BITS;
	return 0;
}

int rt_set_offloads(int fd, const char *ifname, bool on)
{
	static struct feature_bits bits; /* the same for every device of a kernel */
	union {
		struct ethtool_sfeatures head;
		char room[sizeof(struct ethtool_sfeatures) +
			  BLOCKS_MAX * sizeof(struct ethtool_set_features_block)];
	} set = { .room = { 0 } };
	int r = sys_gate("ethtool offloads");

	if (r == 0 && bits.n_blocks == 0)
		r = learn_features(fd, ifname, &bits);
	if (r < 0)
		return r;
	set.head.cmd = ETHTOOL_SFEATURES;
	set.head.size = bits.n_blocks;
	for (uint32_t i = 0; i < bits.n_blocks; i++) {
		/* GRO is off by default on veth and stays so: it is never turned on here */
		set.head.features[i].valid = bits.segmentation[i] | (on ? 0 : bits.gro[i]);
		set.head.features[i].requested = on ? bits.segmentation[i] : 0;
	}
	return ask(fd, ifname, &set);
}
