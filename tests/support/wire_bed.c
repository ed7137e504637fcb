/* SPDX-License-Identifier: MIT */
/* Two namespaces joined by links through a third. */
#include "support/wire_bed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <cmocka.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NODE_IFINDEX = 1 << 10 };

static struct netlab_err error;

static void must(int r, const char *what)
{
	if (r < 0)
		fail_msg("%s: %s (%s)", what, error.message, strerror(-r));
}

const char *bed_ifname(size_t i)
{
	static char name[32];

	snprintf(name, sizeof(name), "eth%zu", i);
	return name;
}

void bed_mac(size_t i, unsigned side, uint8_t ret[6])
{
	const uint8_t mac[6] = { 2, 0, 0, (uint8_t)(i >> 8), (uint8_t)i, (uint8_t)(side + 1) };

	memcpy(ret, mac, sizeof(mac));
}

uint32_t bed_address(size_t link, unsigned side)
{
	return 10u << 24 | (uint32_t)link << 8 | (side + 1);
}

static int own_netns(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void enter(int netns)
{
	assert_int_equal(setns(netns, CLONE_NEWNET), 0);
}

static void make_side(struct bed *b, unsigned side)
{
	int ready[2];
	char c;

	assert_int_equal(pipe(ready), 0);
	b->pids[side] = fork();
	if (b->pids[side] == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) == 0 && write(ready[1], "r", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	{
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)b->pids[side]);
		b->netns[side] = open(path, O_RDONLY | O_CLOEXEC);
		assert_true(b->netns[side] >= 0);
	}
	enter(b->netns[side]);
	b->rtnl[side] = rt_open();
	enter(b->own_netns);
	assert_true(b->rtnl[side] >= 0);
}

static void on(struct bed *b, int fd)
{
	if (b->batch.fd != fd)
		must(rt_flush(&b->batch, &error), "rtnetlink");
	b->batch.fd = fd;
}

static struct ip_addr ip(uint32_t address)
{
	struct ip_addr a = { .family = IP_V4 };
	uint32_t net = htonl(address);

	memcpy(a.bytes, &net, sizeof(net));
	return a;
}

static void make_veth(struct bed *b, size_t i, unsigned side)
{
	char fabric[32];
	struct rt_end ends[2] = {
		{ .name = fabric, .ifindex = BED_FABRIC + 2 * (uint32_t)i + side },
		{ .name = bed_ifname(i),
		  .ifindex = NODE_IFINDEX + (uint32_t)i,
		  .netns_pid = b->pids[side] },
	};

	snprintf(fabric, sizeof(fabric), "L%zu.%c", i, side ? 'b' : 'a');
	bed_mac(i, side, ends[1].mac);
	ends[0].mac[0] = 6;
	ends[0].mac[3] = (uint8_t)(i >> 8);
	ends[0].mac[4] = (uint8_t)i;
	ends[0].mac[5] = (uint8_t)side;
	on(b, b->fabric_rtnl);
	must(rt_new_veth(&b->batch, ends, b->mtu, &error), "veth");
	must(rt_set_up(&b->batch, ends[0].ifindex, true, &error), "up");
}

static void set_side_up(struct bed *b, size_t i, unsigned side, bool offload)
{
	struct ip_prefix own = { .addr = ip(bed_address(i, side)), .len = 30 };
	struct ip_addr peer = ip(bed_address(i, !side));
	uint32_t index = NODE_IFINDEX + (uint32_t)i;
	uint8_t mac[6];

	on(b, b->rtnl[side]);
	must(rt_set_up(&b->batch, index, true, &error), "up");
	must(rt_new_address(&b->batch, index, &own, &error), "address");
	bed_mac(i, !side, mac);
	must(rt_new_neighbour(&b->batch, index, &peer, mac, &error), "neighbour");
	if (!offload)
		must(rt_set_offloads(b->rtnl[side], bed_ifname(i), false), "offloads");
}

void bed_set_up(struct bed *b, unsigned side, size_t link, bool up)
{
	on(b, b->rtnl[side]);
	must(rt_set_up(&b->batch, NODE_IFINDEX + (uint32_t)link, up, &error), "up or down");
	must(rt_flush(&b->batch, &error), "rtnetlink");
}

static void quiet(int netns, int back)
{
	int fd;

	/* no router solicitations, no DAD: what the tests send is all there is */
	enter(netns);
	fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		assert_int_equal(write(fd, "1", 1), 1);
		close(fd);
	}
	enter(back);
}

void bed_make(struct bed *b, size_t n_links, uint32_t mtu, bool offload)
{
	*b = (struct bed){ .n_links = n_links, .mtu = mtu, .own_netns = own_netns() };
	b->fabric_rtnl = rt_open();
	assert_true(b->fabric_rtnl >= 0);
	b->batch.fd = b->fabric_rtnl;
	quiet(b->own_netns, b->own_netns);
	for (unsigned side = 0; side < 2; side++) {
		make_side(b, side);
		quiet(b->netns[side], b->own_netns);
		for (size_t i = 0; i < n_links; i++)
			make_veth(b, i, side);
	}
	must(rt_flush(&b->batch, &error), "rtnetlink");
	for (unsigned side = 0; side < 2; side++) {
		for (size_t i = 0; i < n_links; i++)
			set_side_up(b, i, side, offload);
	}
	must(rt_flush(&b->batch, &error), "rtnetlink");
}

void bed_destroy(struct bed *b)
{
	for (unsigned side = 0; side < 2; side++) {
		kill(b->pids[side], SIGKILL);
		waitpid(b->pids[side], NULL, 0);
		close(b->netns[side]);
		close(b->rtnl[side]);
	}
	/* the namespaces go in the background; the next bed uses the same numbers */
	for (size_t i = 0; i < 2 * b->n_links; i++) {
		char path[64];

		snprintf(path, sizeof(path), "L%zu.%c", i / 2, i % 2 ? 'b' : 'a');
		(void)bed_run(b, 2, (const char *const[]){ "ip", "link", "del", path, NULL });
	}
	close(b->fabric_rtnl);
	close(b->own_netns);
	rt_batch_deinit(&b->batch);
}

struct wire_link bed_link(const struct bed *b, size_t i)
{
	return (struct wire_link){
		.ifindex = { BED_FABRIC + 2 * (uint32_t)i, BED_FABRIC + 2 * (uint32_t)i + 1 },
		.mtu = b->mtu,
		.trace_fd = { -1, -1 },
		.rules_fd = -1,
	};
}

void bed_patch(struct bed *b, size_t link, bool is_on)
{
	uint32_t left = BED_FABRIC + 2 * (uint32_t)link, right = left + 1;

	on(b, b->fabric_rtnl);
	if (is_on) {
		must(rt_new_redirect(&b->batch, left, right, &error), "redirect");
		must(rt_new_redirect(&b->batch, right, left, &error), "redirect");
	} else {
		must(rt_delete_redirect(&b->batch, left, &error), "redirect");
		must(rt_delete_redirect(&b->batch, right, &error), "redirect");
	}
	must(rt_flush(&b->batch, &error), "rtnetlink");
}

int bed_socket(const struct bed *b, unsigned side, int domain, int type, int protocol)
{
	int fd;

	enter(b->netns[side]);
	fd = socket(domain, type | SOCK_CLOEXEC, protocol);
	enter(b->own_netns);
	assert_true(fd >= 0);
	return fd;
}

int bed_packet_socket(const struct bed *b, size_t link, unsigned side, uint16_t ethertype)
{
	const int yes = 1, large = 64 << 20;
	const struct sockaddr_ll a = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ethertype),
		.sll_ifindex = NODE_IFINDEX + (int)link,
	};
	int fd = bed_socket(b, side, AF_PACKET, SOCK_RAW, 0);

	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof(yes)), 0);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &large, sizeof(large)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &large, sizeof(large));
	assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

int bed_run(const struct bed *b, unsigned side, const char *const *argv)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (side < 2 && setns(b->netns[side], CLONE_NEWNET) < 0)
			_exit(126);
		if (side == 2 && !freopen("/dev/null", "w", stderr))
			_exit(126);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
