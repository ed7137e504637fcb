/* SPDX-License-Identifier: MIT */
/* Pairs of nodes: the path that the kernels' own routes give there and back, the delays on it, and the round trips.
 * Standard input, one a line:
 *   node NAME PID
 *   if NODE INTERFACE PEER DELAY_NS     what a packet that leaves there is delayed, and where it arrives
 *   pair A B ADDRESS                    of B */
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <linux/icmp.h>
#include <linux/rtnetlink.h>
#include <linux/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { NAME = 64, MAX_HOPS = 255, MAX_ADDRESS = 16 };

struct interface {
	char name[IFNAMSIZ];
	size_t peer;
	uint64_t delay_ns;
};

struct node {
	char name[NAME];
	int pid, rtnl; /* rtnl: 0 = not open yet */
	struct interface *interfaces;
	size_t n_interfaces;
};

struct path {
	unsigned hops;
	uint64_t delay_ns;
};

struct pair {
	size_t a, b;
	struct sockaddr_storage dest, source;
	struct path there, back;
	int fd;
	unsigned sent, received;
	uint64_t sent_ns, best_ns;
};

struct job {
	struct node *nodes;
	size_t n_nodes;
	struct pair *pairs;
	size_t n_pairs;
	unsigned count, window;
	uint64_t timeout_ns;
};

static void *grow(void *array, size_t n, size_t size)
{
	/* doubles when n is a power of two */
	if (n && (n & (n - 1)))
		return array;
	array = realloc(array, (n ? 2 * n : 1) * size);
	if (!array)
		die("out of memory");
	return array;
}

static size_t find(const struct job *j, const char *name)
{
	for (size_t i = 0; i < j->n_nodes; i++) {
		if (strcmp(j->nodes[i].name, name) == 0)
			return i;
	}
	die("node '%s' was not named before", name);
}

static void read_line(struct job *j, const char *line)
{
	char a[NAME], b[NAME], c[NAME];
	unsigned long long ns;
	int pid;

	if (sscanf(line, "node %63s %d", a, &pid) == 2) {
		struct node *n;

		j->nodes = grow(j->nodes, j->n_nodes, sizeof(*j->nodes));
		n = &j->nodes[j->n_nodes++];
		*n = (struct node){ .pid = pid };
		snprintf(n->name, sizeof(n->name), "%s", a);
	} else if (sscanf(line, "if %63s %15s %63s %llu", a, b, c, &ns) == 4) {
		struct node *n = &j->nodes[find(j, a)];
		struct interface *in;

		n->interfaces = grow(n->interfaces, n->n_interfaces, sizeof(*in));
		in = &n->interfaces[n->n_interfaces++];
		*in = (struct interface){ .peer = find(j, c), .delay_ns = ns };
		memcpy(in->name, b, sizeof(in->name)); /* the format ends it in time */
	} else if (sscanf(line, "pair %63s %63s %63s", a, b, c) == 3) {
		struct pair *p;

		j->pairs = grow(j->pairs, j->n_pairs, sizeof(*p));
		p = &j->pairs[j->n_pairs++];
		*p = (struct pair){ .a = find(j, a), .b = find(j, b) };
		parse_address(c, 0, &p->dest);
	} else {
		die("not understood: %s", line);
	}
}

/* ---- the path ---- */

static const void *address_bytes(const struct sockaddr_storage *a, unsigned short *ret_len)
{
	*ret_len = a->ss_family == AF_INET ? 4 : 16;
	if (a->ss_family == AF_INET)
		return &((const struct sockaddr_in *)a)->sin_addr;
	return &((const struct sockaddr_in6 *)a)->sin6_addr;
}

static void *address_room(struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET)
		return &((struct sockaddr_in *)a)->sin_addr;
	return &((struct sockaddr_in6 *)a)->sin6_addr;
}

/* Asks the kernel of a node for its route; returns the interface's index, or 0 where the address is the node's own. */
static unsigned route(struct node *n, const struct sockaddr_storage *to,
		      struct sockaddr_storage *ret_source)
{
	struct {
		struct nlmsghdr h;
		struct rtmsg r;
		struct rtattr attr;
		uint8_t address[MAX_ADDRESS];
	} request;
	union {
		struct nlmsghdr h;
		char bytes[8192];
	} answer;
	unsigned short len;
	const void *bytes = address_bytes(to, &len);
	unsigned oif = 0;
	int left;

	if (!n->rtnl)
		n->rtnl = socket_in(n->pid, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	memset(&request, 0, sizeof(request));
	request.h.nlmsg_len = NLMSG_LENGTH(sizeof(request.r)) + RTA_LENGTH(len);
	request.h.nlmsg_type = RTM_GETROUTE;
	request.h.nlmsg_flags = NLM_F_REQUEST;
	request.r.rtm_family = (unsigned char)to->ss_family;
	request.r.rtm_dst_len = (unsigned char)(len * 8);
	request.attr.rta_type = RTA_DST;
	request.attr.rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(request.address, bytes, len);
	if (send(n->rtnl, &request, request.h.nlmsg_len, 0) < 0 ||
	    (left = (int)recv(n->rtnl, &answer, sizeof(answer), 0)) < 0)
		die("asking node '%s' for a route: %s", n->name, strerror(errno));
	if (answer.h.nlmsg_type == NLMSG_ERROR)
		die("node '%s' has no route: %s", n->name,
		    strerror(-((struct nlmsgerr *)NLMSG_DATA(&answer.h))->error));
	const struct rtmsg *r = NLMSG_DATA(&answer.h);

	left = (int)RTM_PAYLOAD(&answer.h);
	for (const struct rtattr *a = RTM_RTA(r); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == RTA_OIF)
			memcpy(&oif, RTA_DATA(a), sizeof(oif));
		if (a->rta_type == RTA_PREFSRC && ret_source) {
			ret_source->ss_family = to->ss_family;
			memcpy(address_room(ret_source), RTA_DATA(a), len);
		}
	}
	if (r->rtm_type == RTN_LOCAL)
		return 0;
	if (r->rtm_type != RTN_UNICAST || !oif)
		die("node '%s' has a route of type %u to there", n->name, r->rtm_type);
	return oif;
}

static struct path walk(struct job *j, size_t from, size_t expected,
			const struct sockaddr_storage *to, struct sockaddr_storage *ret_source)
{
	struct path path = { 0 };
	size_t at = from;

	for (;;) {
		struct node *n = &j->nodes[at];
		unsigned oif = route(n, to, path.hops == 0 ? ret_source : NULL);
		struct ifreq request = { .ifr_ifindex = (int)oif };
		size_t i = 0;

		if (!oif)
			break;
		if (ioctl(n->rtnl, SIOCGIFNAME, &request) < 0)
			die("name of interface %u of '%s': %s", oif, n->name, strerror(errno));
		while (i < n->n_interfaces && strcmp(n->interfaces[i].name, request.ifr_name) != 0)
			i++;
		if (i == n->n_interfaces)
			die("'%s' routes over '%s', which is no link's", n->name, request.ifr_name);
		path.delay_ns += n->interfaces[i].delay_ns;
		at = n->interfaces[i].peer;
		if (++path.hops > MAX_HOPS)
			die("a loop of routes from '%s' to '%s'", j->nodes[from].name,
			    j->nodes[expected].name);
	}
	if (at != expected)
		die("from '%s' the routes lead to '%s', not to '%s'", j->nodes[from].name,
		    j->nodes[at].name, j->nodes[expected].name);
	return path;
}

/* ---- the round trips ---- */

static void open_pair(struct job *j, struct pair *p)
{
	bool v6 = p->dest.ss_family == AF_INET6;

	p->fd = socket_in(j->nodes[p->a].pid, p->dest.ss_family, SOCK_RAW | SOCK_NONBLOCK,
			  v6 ? (int)IPPROTO_ICMPV6 : (int)IPPROTO_ICMP);
	want_stamps(p->fd);
	if (v6) {
		struct icmp6_filter filter;

		ICMP6_FILTER_SETBLOCKALL(&filter);
		ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
		setsockopt(p->fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter));
	} else {
		struct icmp_filter filter = { ~(1u << ICMP_ECHOREPLY) };

		setsockopt(p->fd, SOL_RAW, ICMP_FILTER, &filter, sizeof(filter));
	}
}

static uint16_t checksum(const void *data, size_t len)
{
	const uint16_t *word = data;
	uint32_t sum = 0;

	for (; len > 1; len -= 2)
		sum += *word++;
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t) ~(sum + (sum >> 16));
}

static void send_echo(struct job *j, struct pair *p)
{
	bool v6 = p->dest.ss_family == AF_INET6;
	struct icmphdr echo = { .type = v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO };

	echo.un.echo.id = htons((uint16_t)(p - j->pairs));
	echo.un.echo.sequence = htons((uint16_t)++p->sent);
	if (!v6)
		echo.checksum = checksum(&echo, sizeof(echo));
	p->sent_ns = now_ns();
	if (sendto(p->fd, &echo, sizeof(echo), 0, (struct sockaddr *)&p->dest,
		   v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in)) < 0)
		die("echo from '%s' to '%s': %s", j->nodes[p->a].name, j->nodes[p->b].name,
		    strerror(errno));
}

/* Takes what arrived; true when it answers the last echo. */
static bool take(struct job *j, struct pair *p)
{
	char packet[512];
	union {
		char bytes[256];
		struct cmsghdr align;
	} control;
	bool answered = false;

	for (;;) {
		struct iovec iov = { packet, sizeof(packet) };
		struct msghdr msg = { .msg_iov = &iov,
				      .msg_iovlen = 1,
				      .msg_control = &control,
				      .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(p->fd, &msg, 0);
		size_t skip = 0;
		struct icmphdr echo;
		uint64_t took;

		if (n < 0)
			return answered;
		if (p->dest.ss_family == AF_INET)
			skip = (size_t)(packet[0] & 0xf) * 4;
		if ((size_t)n < skip + sizeof(echo))
			continue;
		memcpy(&echo, packet + skip, sizeof(echo));
		if (ntohs(echo.un.echo.id) != (uint16_t)(p - j->pairs) ||
		    ntohs(echo.un.echo.sequence) != (uint16_t)p->sent)
			continue;
		took = stamp_of(&msg) - p->sent_ns;
		if (!p->received || took < p->best_ns)
			p->best_ns = took;
		p->received++;
		answered = true;
	}
}

static void finish(struct pair *p, size_t *active)
{
	close(p->fd);
	p->fd = -1;
	(*active)--;
}

static void ping_all(struct job *j)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	size_t next = 0, active = 0, first = 0;

	while (next < j->n_pairs || active) {
		struct epoll_event event;

		while (active < j->window && next < j->n_pairs) {
			struct pair *p = &j->pairs[next++];
			struct epoll_event e = { .events = EPOLLIN, .data.ptr = p };

			open_pair(j, p);
			if (epoll_ctl(epoll, EPOLL_CTL_ADD, p->fd, &e) < 0)
				die("epoll: %s", strerror(errno));
			active++;
			send_echo(j, p);
		}
		if (epoll_wait(epoll, &event, 1, 20) == 1) {
			struct pair *p = event.data.ptr;

			if (!take(j, p))
				continue;
			if (p->sent < j->count)
				send_echo(j, p);
			else
				finish(p, &active);
			continue;
		}
		while (first < next && j->pairs[first].fd < 0)
			first++;
		for (size_t i = first; i < next; i++) {
			struct pair *p = &j->pairs[i];

			if (p->fd < 0 || now_ns() < p->sent_ns + j->timeout_ns)
				continue;
			if (p->sent < j->count)
				send_echo(j, p);
			else
				finish(p, &active);
		}
	}
	close(epoll);
}

static void print(const struct job *j)
{
	printf("[");
	for (size_t i = 0; i < j->n_pairs; i++) {
		const struct pair *p = &j->pairs[i];

		printf("%s{\"from\": \"%s\", \"to\": \"%s\", \"hops_there\": %u, \"hops_back\": %u, "
		       "\"delay_ns\": %llu, \"sent\": %u, \"received\": %u, \"rtt_ns\": %llu}",
		       i ? ",\n" : "", j->nodes[p->a].name, j->nodes[p->b].name, p->there.hops,
		       p->back.hops, (unsigned long long)(p->there.delay_ns + p->back.delay_ns),
		       p->sent, p->received, (unsigned long long)p->best_ns);
	}
	printf("]\n");
}

int probe_pairs(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "count", required_argument, NULL, 'c' },
		{ "window", required_argument, NULL, 'w' },
		{ "timeout-ms", required_argument, NULL, 't' },
		{ 0 },
	};
	struct job j = { .count = 5, .window = 8, .timeout_ns = 3 * NS_PER_S };
	char *line = NULL;
	size_t room = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			j.count = (unsigned)atoi(optarg);
			break;
		case 'w':
			j.window = (unsigned)atoi(optarg);
			break;
		case 't':
			j.timeout_ns = (uint64_t)atoi(optarg) * NS_PER_MS;
			break;
		default:
			exit(2);
		}
	}
	while (getline(&line, &room, stdin) > 0)
		read_line(&j, line);
	free(line);
	for (size_t i = 0; i < j.n_pairs; i++) {
		struct pair *p = &j.pairs[i];

		p->there = walk(&j, p->a, p->b, &p->dest, &p->source);
		p->back = walk(&j, p->b, p->a, &p->source, NULL);
	}
	ping_all(&j);
	print(&j);
	for (size_t i = 0; i < j.n_nodes; i++)
		free(j.nodes[i].interfaces);
	free(j.nodes);
	free(j.pairs);
	return 0;
}
