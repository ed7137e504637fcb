/* SPDX-License-Identifier: MIT */
/**
 * @file wire_bed.h
 * Two network namespaces, left and right, joined by links through a third, the caller's own, as a lab has them: link i
 * is a veth pair to each side, its fabric ends have ifindexes BED_FABRIC + 2 * i + side. Everything fails the test when
 * it cannot be done.
 */
#ifndef NETLAB_TESTS_SUPPORT_WIRE_BED_H
#define NETLAB_TESTS_SUPPORT_WIRE_BED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sys/rtnl.h"
#include "wire/wire.h"

enum { BED_FABRIC = 1 << 20, BED_LEFT = 0, BED_RIGHT = 1 };

struct bed {
	size_t n_links;
	uint32_t mtu;
	pid_t pids[2]; /**< of processes that keep the sides' namespaces */
	int netns[2], own_netns;
	int rtnl[2], fabric_rtnl;
	struct rt_batch batch;
};

/** Makes the namespaces and the links; the caller's namespace must have no links of such numbers. Link i has addresses
 *  10.(i / 256).(i % 256).1 and .2 (/30), static neighbours, no offloads at the sides unless asked for. */
void bed_make(struct bed *b, size_t n_links, uint32_t mtu, bool offload);
void bed_destroy(struct bed *b);

/** Link i as the wire takes it, with nothing asked of it. */
struct wire_link bed_link(const struct bed *b, size_t i);
/** The redirects of a patch link, in or out. */
void bed_patch(struct bed *b, size_t link, bool on);
/** A socket of a side. */
int bed_socket(const struct bed *b, unsigned side, int domain, int type, int protocol);
/** Name of the interface of link i at both sides. */
const char *bed_ifname(size_t i);
void bed_mac(size_t i, unsigned side, uint8_t ret[6]);
/** A packet socket at a link's end that hears what comes in there of one ethertype (0x3 = all). */
int bed_packet_socket(const struct bed *b, size_t link, unsigned side, uint16_t ethertype);
/** 10.x.y.1 or .2, host byte order. */
uint32_t bed_address(size_t link, unsigned side);
/** Runs a program in a side's namespace. @return exit code */
int bed_run(const struct bed *b, unsigned side, const char *const *argv);
void bed_set_up(struct bed *b, unsigned side, size_t link, bool up);

#endif
