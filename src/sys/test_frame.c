/* SPDX-License-Identifier: MIT */
/*
 * Frames that measure a link.
 *
 * A frame says twice that it is one of ours, by its address and by a word in its payload: a single flipped bit (the
 * impairment `corrupt`) leaves one of the two, so that damaged frames are counted as such and not as lost.
 */
#include "sys/test_frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/gate.h"

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23 /* linux/if_packet.h, since 4.20 */
#endif

enum {
	BUFFER_BYTES = 8 << 20,
	IP_AT = 14,
	UDP_AT = IP_AT + 20,
	MARK_AT = UDP_AT + 8,
	PORT = 9,           /* discard, RFC 863 */
	MAGIC = 0x6e65746c, /* "netl" */
};

static const uint8_t to_mac[6] = { 0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e };
static const uint8_t from_ip[4] = { 192, 0, 2, 2 }, to_ip[4] = { 192, 0, 2, 1 };

/* After the UDP header, in network byte order. */
struct wire_mark {
	uint32_t magic, run, stream, number;
	uint32_t sent_high, sent_low;
	uint32_t check; /* of the words before */
	uint32_t zero;
};

_Static_assert(MARK_AT + sizeof(struct wire_mark) == SYS_TEST_FRAME_MIN, "no padding");

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint32_t hash(uint32_t value, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	/* FNV-1a: any single flipped bit changes it */
	for (size_t i = 0; i < len; i++)
		value = (value ^ bytes[i]) * 16777619u;
	return value;
}

/* Of the mark, and of the headers but the IP header, which has a checksum of its own. */
static uint32_t check_of(const uint8_t *frame, const struct wire_mark *m)
{
	uint32_t value = hash(2166136261u, m, offsetof(struct wire_mark, check));

	value = hash(value, frame, IP_AT);
	return hash(value, frame + UDP_AT, MARK_AT - UDP_AT);
}

/* --- opening --- */

/* Ours by address and type, or by the word in the payload. */
static int filter(int fd)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0180c200, 0, 4),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x000e, 0, 2),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 2, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, MARK_AT),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MAGIC, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

static void set_buffers(int fd)
{
	static const int forced[] = { SO_RCVBUFFORCE, SO_SNDBUFFORCE };
	static const int plain[] = { SO_RCVBUF, SO_SNDBUF };
	const int bytes = BUFFER_BYTES;

	for (int i = 0; i < 2; i++) {
		/* without CAP_NET_ADMIN in the first namespace as much as one may have */
		if (setsockopt(fd, SOL_SOCKET, forced[i], &bytes, sizeof(bytes)) < 0)
			(void)setsockopt(fd, SOL_SOCKET, plain[i], &bytes, sizeof(bytes));
	}
}

static int set_options(int fd)
{
	const int on = 1;
	int r = filter(fd);

	if (r == 0 && setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0)
		r = -errno;
	set_buffers(fd);
	/* where there is none, the packet's type tells */
	(void)setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
	(void)setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on));
	return r;
}

static int read_interface(int fd, const char *ifname, struct sys_test_port *p, int *ret_index)
{
	struct ifreq request = { 0 };

	if (strlen(ifname) >= sizeof(request.ifr_name))
		return -ENODEV;
	memcpy(request.ifr_name, ifname, strlen(ifname) + 1);
	if (ioctl(fd, SIOCGIFINDEX, &request) < 0)
		return -errno;
	*ret_index = request.ifr_ifindex;
	if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return -errno;
	p->is_up = request.ifr_flags & IFF_UP;
	p->has_carrier = request.ifr_flags & IFF_RUNNING;
	if (ioctl(fd, SIOCGIFMTU, &request) < 0)
		return -errno;
	p->mtu = (uint32_t)request.ifr_mtu;
	if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		return -errno;
	memcpy(p->mac, request.ifr_hwaddr.sa_data, sizeof(p->mac));
	return 0;
}

int sys_test_open(struct sys_test_port *ret, const char *ifname)
{
	struct sys_test_port p = { .fd = -1 };
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int r = sys_gate("socket");

	if (r < 0)
		return r;
	/* protocol 0: nothing is heard before the filter is in place and bind() says whom to hear */
	p.fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p.fd < 0)
		return -errno;
	r = read_interface(p.fd, ifname, &p, &address.sll_ifindex);
	if (r == 0)
		r = set_options(p.fd);
	if (r == 0 && bind(p.fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		r = -errno;
	if (r < 0) {
		(void)close(p.fd);
		return r;
	}
	*ret = p;
	return 0;
}

void sys_test_close(struct sys_test_port *p)
{
	if (p->fd >= 0)
		(void)close(p->fd);
	p->fd = -1;
}

/* --- sending --- */

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static unsigned ip_checksum(const uint8_t *header)
{
	unsigned sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (unsigned)header[i] << 8 | header[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* All but the mark: the same for each frame of a batch. */
static void write_headers(uint8_t *frame, size_t len, const uint8_t mac[6])
{
	uint8_t *ip = frame + IP_AT, *udp = frame + UDP_AT;

	memset(frame, 0, MARK_AT);
	memcpy(frame, to_mac, 6);
	memcpy(frame + 6, mac, 6);
	put16(frame + 12, ETH_P_IP);
	ip[0] = 0x45;
	put16(ip + 2, (unsigned)(len - IP_AT));
	ip[8] = 1; /* hops */
	ip[9] = 17;
	memcpy(ip + 12, from_ip, 4);
	memcpy(ip + 16, to_ip, 4);
	put16(ip + 10, ip_checksum(ip));
	put16(udp, PORT);
	put16(udp + 2, PORT);
	put16(udp + 4, (unsigned)(len - UDP_AT)); /* without a checksum, RFC 768 */
}

static void write_mark(uint8_t *frame, const struct sys_test_mark *mark, uint32_t number,
		       uint64_t now_ns)
{
	struct wire_mark m = {
		.magic = htonl(MAGIC),
		.run = htonl(mark->run),
		.stream = htonl(mark->stream),
		.number = htonl(number),
		.sent_high = htonl((uint32_t)(now_ns >> 32)),
		.sent_low = htonl((uint32_t)now_ns),
	};

	m.check = check_of(frame, &m);
	memcpy(frame + MARK_AT, &m, sizeof(m));
}

int sys_test_send(struct sys_test_port *p, const struct sys_test_mark *mark, unsigned n, size_t len,
		  uint64_t ret_sent_ns[2])
{
	static uint8_t rest[SYS_TEST_FRAME_MAX];
	uint8_t heads[SYS_TEST_BATCH][SYS_TEST_FRAME_MIN];
	struct mmsghdr messages[SYS_TEST_BATCH] = { 0 };
	struct iovec parts[SYS_TEST_BATCH][2];
	uint64_t now;
	int sent;

	if (len < SYS_TEST_FRAME_MIN)
		len = SYS_TEST_FRAME_MIN;
	if (n > SYS_TEST_BATCH)
		n = SYS_TEST_BATCH;
	write_headers(heads[0], len, p->mac);
	for (unsigned i = 1; i < n; i++)
		memcpy(heads[i], heads[0], MARK_AT);
	now = clock_ns(CLOCK_MONOTONIC);
	for (unsigned i = 0; i < n; i++) {
		write_mark(heads[i], mark, mark->number + i, now);
		parts[i][0] = (struct iovec){ heads[i], SYS_TEST_FRAME_MIN };
		parts[i][1] = (struct iovec){ rest, len - SYS_TEST_FRAME_MIN };
		messages[i].msg_hdr.msg_iov = parts[i];
		messages[i].msg_hdr.msg_iovlen = 2;
	}
	sent = sendmmsg(p->fd, messages, n, MSG_DONTWAIT);
	if (sent < 0)
		return -errno;
	if (ret_sent_ns) {
		ret_sent_ns[0] = now;
		ret_sent_ns[1] = clock_ns(CLOCK_MONOTONIC);
	}
	return sent;
}

/* --- receiving --- */

static uint64_t stamp_of(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		struct timespec t;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&t, CMSG_DATA(c), sizeof(t));
		return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
	}
	return 0;
}

/* @return false for what is not ours */
static bool read_mark(const uint8_t *frame, size_t len, uint32_t run, struct sys_test_frame *ret)
{
	struct wire_mark m;

	if (len < SYS_TEST_FRAME_MIN)
		return false;
	memcpy(&m, frame + MARK_AT, sizeof(m));
	ret->is_damaged = check_of(frame, &m) != m.check || m.zero ||
			  ip_checksum(frame + IP_AT) != 0;
	for (size_t i = SYS_TEST_FRAME_MIN; i < len && !ret->is_damaged; i++)
		ret->is_damaged = frame[i] != 0;
	if (!ret->is_damaged && ntohl(m.run) != run)
		return false;
	ret->mark = (struct sys_test_mark){
		.run = ntohl(m.run),
		.stream = ntohl(m.stream),
		.number = ntohl(m.number),
		.sent_ns = (uint64_t)ntohl(m.sent_high) << 32 | ntohl(m.sent_low),
	};
	return true;
}

int sys_test_receive(struct sys_test_port *p, uint32_t run, struct sys_test_frame *ret)
{
	static uint8_t data[SYS_TEST_BATCH][SYS_TEST_FRAME_MAX];
	static struct {
		_Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(struct timespec))];
	} control[SYS_TEST_BATCH];
	struct sockaddr_ll from[SYS_TEST_BATCH];
	struct mmsghdr messages[SYS_TEST_BATCH] = { 0 };
	struct iovec parts[SYS_TEST_BATCH];
	uint64_t ahead_ns;
	int n, kept = 0;

	for (int i = 0; i < SYS_TEST_BATCH; i++) {
		parts[i] = (struct iovec){ data[i], sizeof(data[i]) };
		messages[i].msg_hdr = (struct msghdr){ .msg_name = &from[i],
						       .msg_namelen = sizeof(from[i]),
						       .msg_iov = &parts[i],
						       .msg_iovlen = 1,
						       .msg_control = control[i].bytes,
						       .msg_controllen = sizeof(control[i].bytes) };
	}
	n = recvmmsg(p->fd, messages, SYS_TEST_BATCH, MSG_DONTWAIT, NULL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	/* stamps are of the clock that may be set; now is near enough to them for the difference to be theirs */
	ahead_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
	for (int i = 0; i < n; i++) {
		uint64_t stamp = stamp_of(&messages[i].msg_hdr);

		if (from[i].sll_pkttype == PACKET_OUTGOING ||
		    !read_mark(data[i], messages[i].msg_len, run, &ret[kept]))
			continue;
		ret[kept].len = messages[i].msg_len;
		ret[kept].arrived_ns = stamp ? stamp - ahead_ns : clock_ns(CLOCK_MONOTONIC);
		kept++;
	}
	/* a full batch of strangers is no end */
	return kept == 0 && n == SYS_TEST_BATCH ? sys_test_receive(p, run, ret) : kept;
}

void sys_test_stay_on_cpu(void)
{
	cpu_set_t set;
	int cpu = sched_getcpu();

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

uint64_t sys_test_overruns(struct sys_test_port *p)
{
	struct tpacket_stats stats = { 0 };
	socklen_t len = sizeof(stats);

	if (getsockopt(p->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) < 0)
		return 0;
	return stats.tp_drops;
}
