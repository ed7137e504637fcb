/* SPDX-License-Identifier: MIT */
/* The floor: the kernel objects of a netlab ring made by bare system calls, as fast as that can plainly be done. */
/*
 * usage: floor NODES HOSTS-FILE
 *
 * Prints "ready" and the time of each step when the ring is up, and takes it down when its standard input ends.
 * Nothing of netlab is in here: no topology, no plan, no checks, no rollback, no control sockets, no errors but the first.
 * What it makes is what `netlab up` makes of a ring of routers with `routing: none`; tests/bench/same compares the two.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/tc_act/tc_mirred.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	NODES_MAX = 20000,
	BATCH_BYTES = 64 * 1024,
	MESSAGE_MAX = 512,
	LO = 1,
	ETH0 = 101, /* ETH0 + 1 is eth1 */
	FABRIC_FIRST = 1 << 20,
};

/* A message to the parent: which node, with its rtnetlink socket. */
struct hello {
	int node;
};

struct batch {
	int fd;
	size_t len;
	struct nlmsghdr *last;
	_Alignas(8) char data[BATCH_BYTES];
};

static pid_t pids[NODES_MAX];
static int sockets[NODES_MAX];
static struct batch batch;
static int n_nodes, n_links;

static void die(const char *what)
{
	perror(what);
	_exit(1);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static pid_t clone_with(uint64_t namespaces)
{
	struct clone_args args = { .flags = namespaces, .exit_signal = SIGCHLD };
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid < 0)
		die("clone3");
	return (pid_t)pid;
}

static void write_value(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		die(path);
	close(fd);
}

/* --- rtnetlink --- */

static int open_rtnetlink(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		die("netlink socket");
	return fd;
}

/* Sends what was collected; one acknowledgement, of the last message. The kernel works in the order of sending and sends
   an error for each message that fails, so an answer that is not 0 is one of those. */
static void flush(void)
{
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		char rest[2048];
	} answer;

	if (batch.len == 0)
		return;
	batch.last->nlmsg_flags |= NLM_F_ACK;
	if (send(batch.fd, batch.data, batch.len, 0) < 0 ||
	    recv(batch.fd, &answer, sizeof(answer), 0) < 0)
		die("netlink");
	if (answer.h.nlmsg_type != NLMSG_ERROR || answer.e.error < 0) {
		fprintf(stderr, "floor: message %u: %s\n", answer.e.msg.nlmsg_type,
			strerror(-answer.e.error));
		_exit(1);
	}
	batch.len = 0;
}

static struct nlmsghdr *message(int type, int flags, const void *header, size_t size)
{
	struct nlmsghdr *h;

	if (batch.len + MESSAGE_MAX > BATCH_BYTES)
		flush();
	h = (struct nlmsghdr *)(batch.data + batch.len);
	*h = (struct nlmsghdr){
		.nlmsg_len = NLMSG_LENGTH(size),
		.nlmsg_type = (uint16_t)type,
		.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
	};
	memcpy(NLMSG_DATA(h), header, size);
	batch.last = h;
	return h;
}

static void *end_of(struct nlmsghdr *h)
{
	return (char *)h + NLMSG_ALIGN(h->nlmsg_len);
}

static struct rtattr *put(struct nlmsghdr *h, int type, const void *data, size_t size)
{
	struct rtattr *a = end_of(h);

	a->rta_type = (uint16_t)type;
	a->rta_len = (uint16_t)RTA_LENGTH(size);
	if (size)
		memcpy(RTA_DATA(a), data, size);
	h->nlmsg_len = NLMSG_ALIGN(h->nlmsg_len) + RTA_ALIGN(a->rta_len);
	return a;
}

static void put_u32(struct nlmsghdr *h, int type, uint32_t value)
{
	put(h, type, &value, sizeof(value));
}

static struct rtattr *nest(struct nlmsghdr *h, int type)
{
	return put(h, type | NLA_F_NESTED, NULL, 0);
}

static void end_nest(struct nlmsghdr *h, struct rtattr *a)
{
	a->rta_len = (uint16_t)((char *)end_of(h) - (char *)a);
}

static void done(struct nlmsghdr *h)
{
	batch.len += NLMSG_ALIGN(h->nlmsg_len);
}

static void to_socket(int fd)
{
	flush();
	batch.fd = fd;
}

/* --- the ring: link i joins node i (end 0) and node i + 1 (end 1) --- */

static int node_of(int link, int end)
{
	return (link + end) % n_nodes;
}

/* The last link is node 0's second: interfaces are numbered in the order of the links. */
static int interface_of(int link, int end)
{
	if (end == 0)
		return link == 0 ? ETH0 : ETH0 + 1;
	return link == n_nodes - 1 ? ETH0 + 1 : ETH0; /* two nodes have link 0 only */
}

static int fabric_index(int link, int end)
{
	return FABRIC_FIRST + 2 * link + end;
}

static void make_mac(uint8_t mac[6], uint8_t first, int link, int end)
{
	unsigned number = 2u * (unsigned)link + (unsigned)end;
	const uint8_t bytes[] = {
		first, 0x6e, 0x6c, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number
	};

	memcpy(mac, bytes, sizeof(bytes));
}

static uint32_t ipv4_of(int link, int end)
{
	return htonl(0x0a000000u + 2u * (unsigned)link + (unsigned)end);
}

static struct in6_addr ipv6_of(int link, int end)
{
	unsigned number = 2u * (unsigned)link + (unsigned)end;
	struct in6_addr a = { .s6_addr = { 0xfd, 0x00, 0x6e, 0x6c } };

	a.s6_addr[13] = (uint8_t)(number >> 16);
	a.s6_addr[14] = (uint8_t)(number >> 8);
	a.s6_addr[15] = (uint8_t)number;
	return a;
}

/* --- links, in the fabric --- */

static void put_end(struct nlmsghdr *h, const char *name, uint8_t mac_first, int link, int end)
{
	uint8_t mac[6];

	make_mac(mac, mac_first, link, end);
	put(h, IFLA_IFNAME, name, strlen(name) + 1);
	put(h, IFLA_ADDRESS, mac, sizeof(mac));
	put_u32(h, IFLA_MTU, 1500);
	put_u32(h, IFLA_NUM_TX_QUEUES, 1);
	put_u32(h, IFLA_NUM_RX_QUEUES, 1);
}

static void make_veth(int link, int end)
{
	int interface = interface_of(link, end);
	struct ifinfomsg here = { .ifi_index = fabric_index(link, end) };
	struct ifinfomsg there = { .ifi_index = interface };
	struct nlmsghdr *h = message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &here, sizeof(here));
	struct rtattr *info, *data, *peer;
	char name[16];

	snprintf(name, sizeof(name), "L%d.%c", link, 'a' + end);
	put_end(h, name, 0x06, link, end);
	info = nest(h, IFLA_LINKINFO);
	put(h, IFLA_INFO_KIND, "veth", 4);
	data = nest(h, IFLA_INFO_DATA);
	peer = nest(h, VETH_INFO_PEER);
	memcpy(end_of(h), &there, sizeof(there));
	h->nlmsg_len += NLMSG_ALIGN(sizeof(there));
	put_end(h, interface == ETH0 ? "eth0" : "eth1", 0x02, link, end);
	put_u32(h, IFLA_NET_NS_PID, (uint32_t)pids[node_of(link, end)]);
	end_nest(h, peer);
	end_nest(h, data);
	end_nest(h, info);
	done(h);
}

static void make_clsact(int link, int end)
{
	struct tcmsg tc = {
		.tcm_ifindex = fabric_index(link, end),
		.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0),
		.tcm_parent = TC_H_CLSACT,
	};
	struct nlmsghdr *h = message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, &tc, sizeof(tc));

	put(h, TCA_KIND, "clsact", sizeof("clsact"));
	done(h);
}

static void make_redirect(int link, int end)
{
	struct tcmsg tc = {
		.tcm_ifindex = fabric_index(link, end),
		.tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
		.tcm_info = (1 << 16) | htons(0x0003 /* ETH_P_ALL */),
	};
	struct nlmsghdr *h = message(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, &tc, sizeof(tc));
	struct tc_mirred mirred = {
		.action = TC_ACT_STOLEN,
		.eaction = TCA_EGRESS_REDIR,
		.ifindex = (uint32_t)fabric_index(link, !end),
	};
	/* one key of mask 0: every frame */
	union {
		struct tc_u32_sel sel;
		char room[sizeof(struct tc_u32_sel) + sizeof(struct tc_u32_key)];
	} all = { .room = { 0 } };
	struct rtattr *options, *actions, *action, *parameters;

	all.sel.flags = TC_U32_TERMINAL;
	all.sel.nkeys = 1;
	put(h, TCA_KIND, "u32", sizeof("u32"));
	options = nest(h, TCA_OPTIONS);
	put(h, TCA_U32_SEL, &all, sizeof(all));
	actions = nest(h, TCA_U32_ACT);
	action = nest(h, 1);
	put(h, TCA_ACT_KIND, "mirred", sizeof("mirred"));
	parameters = nest(h, TCA_ACT_OPTIONS);
	put(h, TCA_MIRRED_PARMS, &mirred, sizeof(mirred));
	end_nest(h, parameters);
	end_nest(h, action);
	end_nest(h, actions);
	end_nest(h, options);
	done(h);
}

static void bring_up(int index)
{
	struct ifinfomsg up = { .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };

	done(message(RTM_NEWLINK, 0, &up, sizeof(up)));
}

static void make_links(void)
{
	for (int i = 0; i < n_links; i++) {
		make_veth(i, 0);
		make_veth(i, 1);
	}
	flush();
}

static void make_joins(void)
{
	for (int i = 0; i < n_links; i++) {
		make_clsact(i, 0);
		make_clsact(i, 1);
		make_redirect(i, 0);
		make_redirect(i, 1);
		/* Not before: a device that is up is stopped for its clsact, and an RCU grace period waited for. */
		bring_up(fabric_index(i, 0));
		bring_up(fabric_index(i, 1));
	}
	flush();
}

/* --- nodes --- */

static void say_hello(int to, int node, int rtnetlink)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct hello hello = { .node = node };
	struct iovec iov = { &hello, sizeof(hello) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
			       .cmsg_level = SOL_SOCKET,
			       .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(c), &rtnetlink, sizeof(int));
	if (sendmsg(to, &msg, 0) < 0)
		die("hello");
}

static void hear_hello(int from)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct hello hello;
	struct iovec iov = { &hello, sizeof(hello) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};

	if (recvmsg(from, &msg, MSG_CMSG_CLOEXEC) != sizeof(hello) || !CMSG_FIRSTHDR(&msg))
		die("a node's hello");
	memcpy(&sockets[hello.node], CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
}

static void be_node(int node, int hello_fd)
{
	static const char *const settings[][2] = {
		{ "/proc/sys/net/ipv4/conf/all/rp_filter", "0" },
		{ "/proc/sys/net/ipv4/conf/default/rp_filter", "0" },
		{ "/proc/sys/net/ipv6/conf/default/mldv2_unsolicited_report_interval",
		  "1728000000" },
		{ "/proc/sys/net/ipv6/conf/all/accept_dad", "0" },
		{ "/proc/sys/net/ipv6/conf/default/accept_dad", "0" },
		{ "/proc/sys/net/ipv6/conf/default/router_solicitations", "0" },
		{ "/proc/sys/net/ipv6/conf/all/accept_ra", "0" },
		{ "/proc/sys/net/ipv6/conf/default/accept_ra", "0" },
	};
	struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY };
	char name[16];
	int rtnetlink;

	snprintf(name, sizeof(name), "n%d", node);
	if (sethostname(name, strlen(name)) < 0)
		die("sethostname");
	if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &read_only, sizeof(read_only)) < 0)
		die("mount_setattr");
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ||
	    mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		die("mount");
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		write_value(settings[i][0], settings[i][1]);
	rtnetlink = open_rtnetlink();
	say_hello(hello_fd, node, rtnetlink);
	close(rtnetlink);
	close(hello_fd);
	for (;;)
		pause();
}

static void make_nodes(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		die("socketpair");
	for (int i = 0; i < n_nodes; i++) {
		pids[i] = clone_with(CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS |
				     CLONE_NEWIPC | CLONE_NEWCGROUP);
		if (pids[i] == 0)
			be_node(i, pair[1]);
	}
	for (int i = 0; i < n_nodes; i++)
		hear_hello(pair[0]);
	close(pair[0]);
	close(pair[1]);
}

/*
 * What the kernel writes under RTNL, for which it does not wait but tries again and again: written by the nodes themselves,
 * all at once, it would keep both processors from cloning the next ones.
 */
static void make_routers(void)
{
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	for (int i = 0; i < n_nodes; i++) {
		int node = (int)syscall(SYS_pidfd_open, pids[i], 0);

		if (node < 0 || setns(node, CLONE_NEWNET) < 0)
			die("joining a node");
		write_value("/proc/sys/net/ipv4/ip_forward", "1");
		write_value("/proc/sys/net/ipv6/conf/all/forwarding", "1");
		close(node);
	}
	if (own < 0 || setns(own, CLONE_NEWNET) < 0)
		die("coming back to the fabric");
	close(own);
}

static void add_address(int index, int family, const void *address, size_t size, int prefix)
{
	struct ifaddrmsg about = {
		.ifa_family = (uint8_t)family,
		.ifa_prefixlen = (uint8_t)prefix,
		.ifa_flags = family == AF_INET6 ? IFA_F_NODAD : 0,
		.ifa_index = (uint32_t)index,
	};
	struct nlmsghdr *h = message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &about, sizeof(about));

	put(h, IFA_LOCAL, address, size);
	put(h, IFA_ADDRESS, address, size);
	done(h);
}

static void add_neighbour(int index, int family, const void *address, size_t size,
			  const uint8_t mac[6])
{
	struct ndmsg about = { .ndm_family = (uint8_t)family,
			       .ndm_ifindex = index,
			       .ndm_state = NUD_PERMANENT };
	struct nlmsghdr *h = message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &about,
				     sizeof(about));

	put(h, NDA_DST, address, size);
	put(h, NDA_LLADDR, mac, 6);
	done(h);
}

static void configure_end(int link, int end)
{
	int index = interface_of(link, end);
	uint32_t v4 = ipv4_of(link, end), other_v4 = ipv4_of(link, !end);
	struct in6_addr v6 = ipv6_of(link, end), other_v6 = ipv6_of(link, !end);
	uint8_t mac[6];

	make_mac(mac, 0x02, link, !end);
	add_address(index, AF_INET, &v4, sizeof(v4), 31);
	add_address(index, AF_INET6, &v6, sizeof(v6), 127);
	bring_up(index);
	add_neighbour(index, AF_INET, &other_v4, sizeof(other_v4), mac);
	add_neighbour(index, AF_INET6, &other_v6, sizeof(other_v6), mac);
}

static void configure_nodes(void)
{
	for (int i = 0; i < n_nodes; i++) {
		to_socket(sockets[i]);
		bring_up(LO);
		if (i < n_links)
			configure_end(i, 0);
		if (i > 0 || n_links > 1)
			configure_end((i + n_nodes - 1) % n_nodes, 1);
	}
	flush();
}

/* --- the lab --- */

static void step(const char *name)
{
	static double before;
	double t = now_ms();

	if (name)
		printf("%s=%.3f ", name, t - before);
	before = t;
}

static void be_lab(const char *hosts)
{
	static const char *const names[] = { "/etc/hosts", "/etc/resolv.conf",
					     "/etc/nsswitch.conf" };
	struct rlimit files = { .rlim_cur = NODES_MAX + 100, .rlim_max = NODES_MAX + 100 };

	step(NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setrlimit(RLIMIT_NOFILE, &files);
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		die("mounts");
	/* what is in them makes no difference here: nothing is looked up */
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (mount(hosts, names[i], NULL, MS_BIND, NULL) < 0 ||
		    mount(NULL, names[i], NULL,
			  MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) < 0)
			die(names[i]);
	}
	write_value("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
	write_value("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	make_nodes();
	make_routers();
	step("nodes");
	batch.fd = open_rtnetlink();
	make_links();
	step("links");
	make_joins();
	step("joins");
	configure_nodes();
	step("addresses");
	printf("ready\n");
	fflush(stdout);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	char end;
	pid_t lab;

	if (argc != 3 || (n_nodes = atoi(argv[1])) < 2 || n_nodes > NODES_MAX) {
		fprintf(stderr, "usage: floor NODES HOSTS-FILE (2 <= NODES <= %d)\n", NODES_MAX);
		return 2;
	}
	n_links = n_nodes == 2 ? 1 : n_nodes;
	lab = clone_with(CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC);
	if (lab == 0)
		be_lab(argv[2]);
	while (read(0, &end, 1) < 0 && errno == EINTR)
		;
	kill(lab, SIGKILL);
	return waitpid(lab, NULL, 0) == lab ? 0 : 1;
}
