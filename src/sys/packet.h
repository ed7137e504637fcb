/* SPDX-License-Identifier: MIT */
/**
 * @file packet.h
 * Packet sockets: whole frames in batches, with what the kernel knows about each (where, when, VLAN tag, offloads).
 *
 * A socket hears every interface of its network namespace, through a filter of interface indexes. One for many: closing
 * a packet socket takes an RCU grace period (packet_release(), net/packet/af_packet.c).
 */
#ifndef NETLAB_SYS_PACKET_H
#define NETLAB_SYS_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SYS_PACKET_BATCH = 64,
	SYS_PACKET_HEADROOM =
		10, /**< bytes before each frame that the offload header is put into on its way */
	SYS_PACKET_RANGES_MAX = 1000, /**< of 4 instructions each; BPF_MAXINSNS is 4096 */
};

/** What a frame still needs doing: struct virtio_net_hdr (linux/virtio_net.h), in the host's byte order. */
struct sys_vnet {
	uint8_t flags;    /**< SYS_VNET_* */
	uint8_t gso_type; /**< 0 = a frame as it is */
	uint16_t hdr_len, gso_size;
	uint16_t csum_start, csum_offset;
};
enum {
	SYS_VNET_NEEDS_CSUM =
		1, /**< csum_start and csum_offset count: the checksum is the pseudo header's */
	SYS_VNET_VLAN_SHIFT = 4, /**< a tag put in before csum_start moves it by so much */
};

/** Interfaces with indexes from first to last. */
struct sys_ifrange {
	uint32_t first, last;
};

/** Which frames a socket is for. */
enum sys_packet_kind {
	SYS_PACKET_INCOMING, /**< what interfaces receive; also to send with */
	SYS_PACKET_OUTGOING, /**< what goes out of interfaces by other ways than this socket */
};

/**
 * Opens a socket that hears nothing yet, in the caller's network namespace. Non-blocking, close-on-exec.
 * @param[in] buffer_bytes  what may wait in it; cut to net.core.rmem_max without CAP_NET_ADMIN in the initial namespace
 * @return descriptor; negative errno
 */
int sys_packet_open(enum sys_packet_kind kind, size_t buffer_bytes);
/**
 * Says which interfaces to hear; at once for every frame that comes from now on.
 * @param[in] ranges  ascending, apart from each other; more than SYS_PACKET_RANGES_MAX: the socket hears all
 * @return 0; negative errno, the filter is then what it was
 */
int sys_packet_hear(int fd, enum sys_packet_kind kind, const struct sys_ifrange *ranges, size_t n);
/** @return how many frames found no room in the socket since the last call; negative errno */
int64_t sys_packet_overruns(int fd);
/** Whether frames sent out of an interface can arrive: it and its peer are up. @return 0; -ENETDOWN; -ENODEV; ... */
int sys_packet_carrier(int fd, uint32_t ifindex);

/** Up to SYS_PACKET_BATCH frames and where they lie. */
struct sys_packet_batch;

struct sys_packet_batch *sys_packet_batch_new(void);
struct sys_packet_batch *sys_packet_batch_free(struct sys_packet_batch *b);
/** Where the i-th frame is put: in `data` first, what does not fit there in `rest`. Holds until set again.
 *  SYS_PACKET_HEADROOM bytes before `data` are written to as well. */
void sys_packet_place(struct sys_packet_batch *b, unsigned i, void *data, size_t size, void *rest,
		      size_t rest_size);
/** Takes what is there, at most `n` frames. @return how many; -EAGAIN; other negative errno */
int sys_packet_receive(int fd, struct sys_packet_batch *b, unsigned n);

struct sys_packet_info {
	uint32_t ifindex;
	uint32_t len; /**< bytes of the frame, without the VLAN tag that the kernel took out */
	bool is_cut;  /**< there was not room for all of it */
	bool has_vlan;
	uint16_t vlan_protocol, vlan_tci; /**< host byte order */
	uint64_t realtime_ns;             /**< when it came, CLOCK_REALTIME; 0 = unknown */
	struct sys_vnet vnet;
};
/** About the i-th frame of the last sys_packet_receive(). */
void sys_packet_about(const struct sys_packet_batch *b, unsigned i, struct sys_packet_info *ret);

/** Makes a frame the i-th to be sent; it must stay. SYS_PACKET_HEADROOM bytes before `data` are written to. */
void sys_packet_put(struct sys_packet_batch *b, unsigned i, uint32_t ifindex,
		    const struct sys_vnet *vnet, void *data, size_t len);
/** Sends frames [first, first + n). @return how many went before one failed; negative errno when the first one did */
int sys_packet_send(int fd, struct sys_packet_batch *b, unsigned first, unsigned n);

#endif
