/* SPDX-License-Identifier: MIT */
/*
 * The kernel's routes to the networks that an interface is in, for IPv6: when it had no memory for one as the interface went
 * up, which it does not tell, `up` makes it. The loss itself takes some ten thousand addresses in a moment and is made here by
 * hand; what comes of it is the kernel's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ip.h"
#include "sys/rtnl.h"

enum { ONE = 101, OTHER = 102, NOWHERE = 4711 };

struct bed {
	struct rt_batch batch;
	struct ip_prefix own, network, far;
	struct ip_addr neighbour;
};

struct search {
	const struct ip_prefix *network;
	uint32_t over;
	int n;
};

static int count(void *ctx, struct nlmsghdr *h)
{
	const struct rtmsg *header = nlmsg_data(h);
	const struct nlattr *dst = nlmsg_find_attr(h, sizeof(*header), RTA_DST),
			    *oif = nlmsg_find_attr(h, sizeof(*header), RTA_OIF);
	struct search *s = ctx;

	s->n += header->rtm_type == RTN_UNICAST && header->rtm_dst_len == s->network->len && dst &&
		memcmp(nla_data(dst), s->network->addr.bytes, 16) == 0 && oif &&
		nla_get_u32(oif) == s->over;
	return 0;
}

/** How many routes to the network there are over an interface. */
static int is_there(const struct bed *bed, uint32_t over)
{
	const struct rtmsg header = { .rtm_family = AF_INET6 };
	struct search s = { .network = &bed->network, .over = over };

	assert_int_equal(rt_dump(bed->batch.fd, RTM_GETROUTE, &header, sizeof(header), count, &s),
			 0);
	return s.n;
}

static int lose(struct bed *bed, uint32_t over)
{
	const struct rtmsg header = {
		.rtm_family = AF_INET6,
		.rtm_dst_len = bed->network.len,
		.rtm_table = RT_TABLE_MAIN,
	};
	struct nl_msg *msg = rt_message(RTM_DELROUTE, 0, &header, sizeof(header));

	assert_non_null(msg);
	assert_int_equal(nla_put(msg, RTA_DST, 16, bed->network.addr.bytes), 0);
	assert_int_equal(nla_put_u32(msg, RTA_OIF, over), 0);
	assert_int_equal(rt_add(&bed->batch, "rtnl delroute", msg, NULL), 0);
	return rt_flush(&bed->batch, NULL);
}

static int keep(struct bed *bed, uint32_t over, struct netlab_err *err)
{
	int r = rt_keep_network(&bed->batch, over, &bed->own, err);

	return r < 0 ? r : rt_flush(&bed->batch, err);
}

static int add_far(struct bed *bed)
{
	const struct rt_hop hop = { .via = bed->neighbour, .ifindex = ONE };
	const struct rt_route route = { .to = bed->far, .hops = &hop, .n_hops = 1 };
	int r = rt_new_route(&bed->batch, &route, NULL);

	return r < 0 ? r : rt_flush(&bed->batch, NULL);
}

static void test_lost_and_made(void **state)
{
	struct bed *bed = *state;

	/* the kernel has made it */
	assert_int_equal(is_there(bed, ONE), 1);
	assert_int_equal(keep(bed, ONE, NULL), 0);
	assert_int_equal(is_there(bed, ONE), 1);
	/* what was seen where it had no memory */
	assert_int_equal(lose(bed, ONE), 0);
	assert_int_equal(is_there(bed, ONE), 0);
	assert_int_equal(add_far(bed), -EHOSTUNREACH);
	assert_int_equal(keep(bed, ONE, NULL), 0);
	assert_int_equal(is_there(bed, ONE), 1);
	assert_int_equal(add_far(bed), 0);
	/* no other operation is forgiven that what it makes is there */
	assert_int_equal(add_far(bed), -EEXIST);
}

/** One network on two interfaces: each has its own. */
static void test_two_interfaces(void **state)
{
	struct bed *bed = *state;

	assert_int_equal(is_there(bed, OTHER), 1);
	assert_int_equal(lose(bed, OTHER), 0);
	assert_int_equal(is_there(bed, OTHER), 0);
	assert_int_equal(keep(bed, OTHER, NULL), 0);
	assert_int_equal(is_there(bed, OTHER), 1);
	assert_int_equal(is_there(bed, ONE), 1);
}

static void test_no_interface(void **state)
{
	struct bed *bed = *state;
	struct netlab_err err = { 0 };

	bed->batch.cookie = 17;
	assert_int_equal(keep(bed, NOWHERE, &err), -ENODEV);
	assert_int_equal(bed->batch.failed_cookie, 17);
}

static int make_bed(void **state)
{
	static struct bed bed;
	static const struct rt_end ends[2] = {
		{ .name = "one", .ifindex = ONE, .mac = { 2, 0, 0, 0, 0, 1 } },
		{ .name = "other", .ifindex = OTHER, .mac = { 2, 0, 0, 0, 0, 2 } },
	};
	struct ip_prefix second;

	if (unshare(CLONE_NEWNET | (geteuid() == 0 ? 0 : CLONE_NEWUSER)) < 0) {
		print_message("skipped: no network namespace: %s\n", strerror(errno));
		exit(getenv("NETLAB_MUST_WORK") ? 1 : 77);
	}
	assert_int_equal(ip_parse_prefix("fd00::1/64", &bed.own), 0);
	assert_int_equal(ip_parse_prefix("fd00::2/64", &second), 0);
	assert_int_equal(ip_parse_prefix("fd00::/64", &bed.network), 0);
	assert_int_equal(ip_parse_prefix("2001:db8::/32", &bed.far), 0);
	assert_int_equal(ip_parse_addr("fd00::9", &bed.neighbour), 0);
	bed.batch.fd = rt_open();
	assert_true(bed.batch.fd >= 0);
	assert_int_equal(rt_new_veth(&bed.batch, ends, 1500, NULL), 0);
	/* in the order in which a lab comes up */
	assert_int_equal(rt_new_address(&bed.batch, ONE, &bed.own, NULL), 0);
	assert_int_equal(rt_new_address(&bed.batch, OTHER, &second, NULL), 0);
	assert_int_equal(rt_set_up(&bed.batch, ONE, true, NULL), 0);
	assert_int_equal(rt_set_up(&bed.batch, OTHER, true, NULL), 0);
	assert_int_equal(rt_flush(&bed.batch, NULL), 0);
	*state = &bed;
	return 0;
}

static int end_bed(void **state)
{
	struct bed *bed = *state;

	close(bed->batch.fd);
	rt_batch_deinit(&bed->batch);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lost_and_made),
		cmocka_unit_test(test_two_interfaces),
		cmocka_unit_test(test_no_interface),
	};

	return cmocka_run_group_tests(tests, make_bed, end_bed);
}
