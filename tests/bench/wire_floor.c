/* SPDX-License-Identifier: MIT */
/* The least that moving frames between two interfaces in user space can cost: recvmmsg() from one, sendmmsg() to the other,
   both ways, in one thread, with no stamps, no queue, no counters and no delay.

   wire_floor INTERFACE INTERFACE FRAME_BYTES     until it is killed; room for a frame, VLAN tag and header included */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, RECEIVE_BUFFER = 64 * 1024 * 1024 };

static int open_end(const char *name)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = (int)if_nametoindex(name) };
	int fd = socket(AF_PACKET, SOCK_RAW, 0), on = 1, buffer = RECEIVE_BUFFER;

	if (fd < 0 || at.sll_ifindex == 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) < 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		perror(name);
		exit(1);
	}
	return fd;
}

static void move_frames(int from, int to, char *frames, size_t room)
{
	struct mmsghdr m[BATCH] = { 0 };
	struct iovec v[BATCH];
	int n, sent = 0;

	for (unsigned i = 0; i < BATCH; i++) {
		v[i] = (struct iovec){ frames + i * room, room };
		m[i].msg_hdr.msg_iov = &v[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	n = recvmmsg(from, m, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++)
		v[i].iov_len = m[i].msg_len;
	while (sent < n) {
		int r = sendmmsg(to, m + sent, (unsigned)(n - sent), 0);

		sent += r > 0 ? r : 1; /* what cannot be sent is lost */
	}
}

int main(int argc, char **argv)
{
	size_t room = argc == 4 ? (size_t)atoi(argv[3]) : 0;
	char *frames = room ? malloc(BATCH * room) : NULL;
	struct pollfd p[2];

	if (!frames) {
		fprintf(stderr, "usage: wire_floor INTERFACE INTERFACE FRAME_BYTES\n");
		return 2;
	}
	for (unsigned e = 0; e < 2; e++)
		p[e] = (struct pollfd){ .fd = open_end(argv[1 + e]), .events = POLLIN };
	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return 1;
		for (unsigned e = 0; e < 2; e++) {
			if (p[e].revents)
				move_frames(p[e].fd, p[!e].fd, frames, room);
		}
	}
}
