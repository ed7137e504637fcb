/* SPDX-License-Identifier: MIT */
/* Packet sockets. */
#include "sys/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/gate.h"

/* linux/if_packet.h of Linux 4.20; here for older headers */
#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

enum {
	PARTS = 2, /* offload header and frame, rest of the frame */
	CONTROL_BYTES = CMSG_SPACE(sizeof(struct timespec)) +
			CMSG_SPACE(sizeof(struct tpacket_auxdata)),
	INSTRUCTIONS_PER_RANGE = 4,
};

_Static_assert(sizeof(struct sys_vnet) == sizeof(struct virtio_net_hdr), "the kernel's layout");
_Static_assert(sizeof(struct sys_vnet) == SYS_PACKET_HEADROOM, "room for it");
_Static_assert(SYS_VNET_NEEDS_CSUM == VIRTIO_NET_HDR_F_NEEDS_CSUM, "the kernel's value");

struct sys_packet_batch {
	struct mmsghdr messages[SYS_PACKET_BATCH];
	struct iovec parts[SYS_PACKET_BATCH][PARTS];
	struct sockaddr_ll addresses[SYS_PACKET_BATCH];
	struct {
		_Alignas(size_t) char bytes[CONTROL_BYTES]; /* as struct cmsghdr is */
	} control[SYS_PACKET_BATCH];
};

/* --- opening --- */

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static void set_buffer(int fd, int force, int option, size_t bytes)
{
	/* without privilege the kernel gives what net.core.[rw]mem_max allows */
	if (set_int(fd, SOL_SOCKET, force, (int)bytes) < 0)
		(void)set_int(fd, SOL_SOCKET, option, (int)bytes);
}

int sys_packet_open(enum sys_packet_kind kind, size_t buffer_bytes)
{
	enum { SEND_BUFFER = 8 << 20 };
	const struct sockaddr_ll all = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
	};
	int fd, r;

	r = sys_gate("packet socket");
	if (r < 0)
		return r;
	/* protocol 0: nothing comes in until bind(), after the filter is there */
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	r = set_int(fd, SOL_PACKET, PACKET_VNET_HDR, 1);
	if (r == 0)
		r = set_int(fd, SOL_PACKET, PACKET_AUXDATA, 1);
	if (r == 0 && kind == SYS_PACKET_INCOMING)
		r = set_int(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
	if (r == 0 && kind == SYS_PACKET_INCOMING)
		r = set_int(fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1);
	if (r == 0)
		r = set_int(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	if (r == 0)
		r = sys_packet_hear(fd, kind, NULL, 0);
	set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, buffer_bytes);
	set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, SEND_BUFFER);
	if (r == 0 && bind(fd, (const struct sockaddr *)&all, sizeof(all)) < 0)
		r = -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

static size_t put_range(struct sock_filter *at, const struct sys_ifrange *range)
{
	enum { WHOLE_FRAME = 0x40000 };
	/* ranges ascend: what is below this one and was above the last is in none */
	const struct sock_filter code[INSTRUCTIONS_PER_RANGE] = {
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, range->last, INSTRUCTIONS_PER_RANGE - 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, range->first, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, WHOLE_FRAME),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};

	memcpy(at, code, sizeof(code));
	return INSTRUCTIONS_PER_RANGE;
}

int sys_packet_hear(int fd, enum sys_packet_kind kind, const struct sys_ifrange *ranges, size_t n)
{
	const struct sys_ifrange every = { .first = 0, .last = UINT32_MAX };
	const struct sock_filter outgoing_only[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_filter load_ifindex = BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
							 (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX));
	const struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
	_cleanup_free_ struct sock_filter *code = NULL;
	struct sock_fprog program;
	size_t at = 0;
	int r = sys_gate("packet filter");

	if (r < 0)
		return r;
	if (n > SYS_PACKET_RANGES_MAX) {
		ranges = &every;
		n = 1;
	}
	code = calloc(ARRAY_SIZE(outgoing_only) + 2 + n * INSTRUCTIONS_PER_RANGE, sizeof(*code));
	if (!code)
		return -ENOMEM;
	if (kind == SYS_PACKET_OUTGOING) {
		memcpy(code, outgoing_only, sizeof(outgoing_only));
		at = ARRAY_SIZE(outgoing_only);
	}
	code[at++] = load_ifindex;
	for (size_t i = 0; i < n; i++)
		at += put_range(&code[at], &ranges[i]);
	code[at++] = none;
	program = (struct sock_fprog){ .len = (unsigned short)at, .filter = code };
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

int64_t sys_packet_overruns(int fd)
{
	struct tpacket_stats stats;
	socklen_t len = sizeof(stats);

	if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) < 0)
		return -errno;
	return stats.tp_drops;
}

int sys_packet_carrier(int fd, uint32_t ifindex)
{
	struct ethtool_value link = { .cmd = ETHTOOL_GLINK };
	struct ifreq request = { .ifr_ifindex = (int)ifindex };

	if (ioctl(fd, SIOCGIFNAME, &request) < 0)
		return errno == ENXIO ? -ENODEV : -errno;
	request.ifr_data = (void *)&link;
	if (ioctl(fd, SIOCETHTOOL, &request) < 0)
		return -errno;
	return link.data ? 0 : -ENETDOWN;
}

/* --- batches --- */

struct sys_packet_batch *sys_packet_batch_new(void)
{
	struct sys_packet_batch *b = calloc(1, sizeof(*b));

	for (unsigned i = 0; b && i < SYS_PACKET_BATCH; i++) {
		b->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &b->addresses[i],
			.msg_namelen = sizeof(b->addresses[i]),
			.msg_iov = b->parts[i],
			.msg_iovlen = PARTS,
		};
	}
	return b;
}

struct sys_packet_batch *sys_packet_batch_free(struct sys_packet_batch *b)
{
	free(b);
	return NULL;
}

void sys_packet_place(struct sys_packet_batch *b, unsigned i, void *data, size_t size, void *rest,
		      size_t rest_size)
{
	b->parts[i][0] = (struct iovec){ (char *)data - SYS_PACKET_HEADROOM,
					 size + SYS_PACKET_HEADROOM };
	b->parts[i][1] = (struct iovec){ rest, rest_size };
}

int sys_packet_receive(int fd, struct sys_packet_batch *b, unsigned n)
{
	int got;

	for (unsigned i = 0; i < n; i++) {
		struct msghdr *m = &b->messages[i].msg_hdr;

		m->msg_namelen = sizeof(b->addresses[i]);
		m->msg_control = b->control[i].bytes;
		m->msg_controllen = sizeof(b->control[i].bytes);
	}
	do
		got = recvmmsg(fd, b->messages, n, MSG_DONTWAIT | MSG_TRUNC, NULL);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

static void read_control(const struct msghdr *message, struct sys_packet_info *ret)
{
	struct msghdr *m = (struct msghdr *)message; /* CMSG_NXTHDR() knows no const */

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec at;

			memcpy(&at, CMSG_DATA(c), sizeof(at));
			ret->realtime_ns = (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
		} else if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA) {
			struct tpacket_auxdata aux;

			memcpy(&aux, CMSG_DATA(c), sizeof(aux));
			ret->has_vlan = aux.tp_status & TP_STATUS_VLAN_VALID;
			ret->vlan_tci = aux.tp_vlan_tci;
			ret->vlan_protocol = aux.tp_status & TP_STATUS_VLAN_TPID_VALID
						     ? aux.tp_vlan_tpid
						     : ETH_P_8021Q;
		}
	}
}

void sys_packet_about(const struct sys_packet_batch *b, unsigned i, struct sys_packet_info *ret)
{
	const struct mmsghdr *m = &b->messages[i];
	size_t room = b->parts[i][0].iov_len + b->parts[i][1].iov_len;

	*ret = (struct sys_packet_info){
		.ifindex = (uint32_t)b->addresses[i].sll_ifindex,
		.len = m->msg_len > SYS_PACKET_HEADROOM ? m->msg_len - SYS_PACKET_HEADROOM : 0,
		.is_cut = m->msg_len > room,
	};
	memcpy(&ret->vnet, b->parts[i][0].iov_base, sizeof(ret->vnet));
	read_control(&m->msg_hdr, ret);
}

void sys_packet_put(struct sys_packet_batch *b, unsigned i, uint32_t ifindex,
		    const struct sys_vnet *vnet, void *data, size_t len)
{
	memcpy((char *)data - SYS_PACKET_HEADROOM, vnet, sizeof(*vnet));
	b->addresses[i] = (struct sockaddr_ll){ .sll_family = AF_PACKET,
						.sll_ifindex = (int)ifindex };
	sys_packet_place(b, i, data, len, NULL, 0);
	b->messages[i].msg_hdr.msg_iovlen = 1; /* the kernel's shorter way */
}

int sys_packet_send(int fd, struct sys_packet_batch *b, unsigned first, unsigned n)
{
	int sent;

	do
		sent = sendmmsg(fd, &b->messages[first], n, MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}
