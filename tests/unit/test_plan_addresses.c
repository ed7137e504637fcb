/* SPDX-License-Identifier: MIT */
/* Names, MACs and addresses that netlab fills in, sysctls, joins; and what it says when they do not fit. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plan/plan.h"
#include "support/topo_builder.h"
#include "support/topo_file.h"

static struct plan *plan_of(const struct topo *t)
{
	struct netlab_err err = { 0 };
	struct plan *p = NULL;

	if (plan_build(t, NULL, &p, &err) < 0)
		fail_msg("%s", err.message);
	return p;
}

/* "eth0 10.0.0.0/31 fd00::/127" for every interface of a node but an empty lo, joined by "; ". */
static void assert_interfaces(const struct plan *p, const char *node, const char *want)
{
	const struct plan_node *n = &p->nodes[topo_find_node(p->topo, node)];
	_cleanup_buf_ struct buf got = { 0 };
	char text[IP_TEXT_MAX];

	for (size_t j = 0; j < n->n_interfaces; j++) {
		if (j == 0 && n->interfaces[0].n_addresses == 0)
			continue;
		buf_printf(&got, "%s%s", got.len ? "; " : "", n->interfaces[j].name);
		for (size_t k = 0; k < n->interfaces[j].n_addresses; k++)
			buf_printf(&got, " %s",
				   ip_format_prefix(&n->interfaces[j].addresses[k], text));
	}
	assert_string_equal(buf_text(&got), want);
}

static void assert_refused(const char *text, const char *message, const char *hint)
{
	struct topo *t = topo_from_text(text);
	struct netlab_err err = { 0 };
	struct plan *p = NULL;

	assert_int_equal(plan_build(t, NULL, &p, &err), -22);
	assert_null(p);
	assert_int_equal(err.exit, NETLAB_EXIT_INVALID);
	if (!strstr(err.message, message) || !strstr(err.hint, hint))
		fail_msg("'%s' (%s)", err.message, err.hint);
	topo_free(t);
}

static void test_pairs_and_lans(void **state)
{
	struct topo *t = topo_from_text(
		"{\"nodes\":{\"a\":{},\"b\":{},\"c\":{},\"d\":{},\"s\":{\"kind\":\"switch\"},\"u\":{\"kind\":\"hub\"}},"
		"\"links\":[{\"endpoints\":[\"a\",\"b\"]},{\"endpoints\":[\"a\",\"s\"]},{\"endpoints\":[\"c\",\"d\"]},"
		"{\"endpoints\":[\"s\",\"u\"]},{\"endpoints\":[\"b\",\"u\"]},{\"endpoints\":[\"u\",\"c\"]},"
		"{\"endpoints\":[\"d\",\"a\"]}]}");
	struct plan *p = plan_of(t);

	(void)state;
	assert_interfaces(p, "a",
			  "eth0 10.0.0.0/31 fd00:6e6c::/127; eth1 10.0.0.9/29 fd00:6e6c:0:1::1/64; "
			  "eth2 10.0.0.19/31 fd00:6e6c:0:2::3/127");
	assert_interfaces(
		p, "b", "eth0 10.0.0.1/31 fd00:6e6c::1/127; eth1 10.0.0.10/29 fd00:6e6c:0:1::2/64");
	assert_interfaces(
		p, "c",
		"eth0 10.0.0.16/31 fd00:6e6c:0:2::/127; eth1 10.0.0.11/29 fd00:6e6c:0:1::3/64");
	assert_interfaces(p, "s", "eth0; eth1");
	plan_free(p);
	topo_free(t);
}

static void test_lan_sizes(void **state)
{
	static const struct {
		unsigned hosts;
		const char *pool6, *first, *last;
	} cases[] = {
		{ 1, "fd00::/32", "eth0 10.0.0.1/30 fd00::1/64", "eth0 10.0.0.1/30 fd00::1/64" },
		{ 2, "fd00::/56", "eth0 10.0.0.1/30 fd00::1/64", "eth0 10.0.0.2/30 fd00::2/64" },
		{ 3, "fd00::/57", "eth0 10.0.0.1/29 fd00::1/126", "eth0 10.0.0.3/29 fd00::3/126" },
		{ 6, "fd00::/64", "eth0 10.0.0.1/29 fd00::1/125", "eth0 10.0.0.6/29 fd00::6/125" },
		{ 7, "fd00::/64", "eth0 10.0.0.1/28 fd00::1/125", "eth0 10.0.0.7/28 fd00::7/125" },
		{ 8, "fd00::/64", "eth0 10.0.0.1/28 fd00::1/124", "eth0 10.0.0.8/28 fd00::8/124" },
		{ 254, "fd00::/64", "eth0 10.0.0.1/24 fd00::1/120",
		  "eth0 10.0.0.254/24 fd00::fe/120" },
		{ 255, "fd00::/64", "eth0 10.0.0.1/23 fd00::1/120",
		  "eth0 10.0.0.255/23 fd00::ff/120" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct topo *t = topo_builder_new("lan", cases[i].hosts + 1, cases[i].hosts);
		char name[16];
		struct plan *p;

		topo_builder_node(t, TOPO_SWITCH, "s");
		for (unsigned n = 1; n <= cases[i].hosts; n++) {
			snprintf(name, sizeof(name), "h%u", n);
			topo_builder_node(t, TOPO_HOST, name);
			topo_builder_link(t, name, "s");
		}
		assert_int_equal(ip_parse_prefix(cases[i].pool6, &t->ipv6_pool), 0);
		p = plan_of(t);
		assert_interfaces(p, "h1", cases[i].first);
		snprintf(name, sizeof(name), "h%u", cases[i].hosts);
		assert_interfaces(p, name, cases[i].last);
		plan_free(p);
		topo_builder_free(t);
	}
}

static void test_appending_moves_nothing(void **state)
{
	struct topo *t = topo_builder_ring(5);
	struct plan *before = plan_of(t), *after;

	(void)state;
	t->n_links--;
	after = plan_of(t);
	t->n_links++;
	for (size_t n = 0; n < 3; n++) {
		for (size_t j = 0; j < after->nodes[n].n_interfaces; j++) {
			const struct plan_interface *a = &before->nodes[n].interfaces[j];
			const struct plan_interface *b = &after->nodes[n].interfaces[j];

			assert_string_equal(a->name, b->name);
			assert_memory_equal(a->mac, b->mac, sizeof(a->mac));
			assert_int_equal(a->n_addresses, b->n_addresses);
			for (size_t k = 0; k < a->n_addresses; k++)
				assert_true(ip_equal(&a->addresses[k].addr, &b->addresses[k].addr));
		}
	}
	plan_free(before);
	plan_free(after);
	topo_builder_free(t);
}

/* What one link has by hand does not move the others, and only that family of that link is left alone. */
static void test_addresses_by_hand(void **state)
{
	struct topo *t = topo_from_text(
		"{\"nodes\":{\"a\":{},\"b\":{},\"c\":{\"interfaces\":{\"x\":{\"addresses\":[\"192.0.2.9/24\"]}}}},"
		"\"links\":[{\"endpoints\":[\"a\",\"b\"],\"addresses\":[\"172.16.0.1/24\",\"172.16.0.2/24\"]},"
		"{\"endpoints\":[\"b\",\"c:x\"]},{\"endpoints\":[\"c\",\"a\"]}]}");
	struct plan *p = plan_of(t);

	(void)state;
	assert_interfaces(p, "a",
			  "eth0 172.16.0.1/24 fd00:6e6c::/127; eth1 10.0.0.5/31 fd00:6e6c::5/127");
	assert_interfaces(p, "b", "eth0 172.16.0.2/24 fd00:6e6c::1/127; eth1 fd00:6e6c::2/127");
	assert_interfaces(p, "c",
			  "x 192.0.2.9/24 fd00:6e6c::3/127; eth0 10.0.0.4/31 fd00:6e6c::4/127");
	plan_free(p);
	topo_free(t);
}

static void test_families(void **state)
{
	struct topo *t = topo_builder_ring(2);
	struct plan *p;

	(void)state;
	t->ipv6 = false;
	p = plan_of(t);
	assert_interfaces(p, "r0", "eth0 10.0.0.0/31; eth1 10.0.0.3/31");
	assert_string_equal(p->hosts, "127.0.0.1 localhost\n10.0.0.0 r0\n10.0.0.1 r1\n");
	assert_string_equal(p->nodes[0].sysctls[p->nodes[0].n_sysctls - 1].key,
			    "net.ipv6.conf.default.disable_ipv6");
	plan_free(p);
	t->ipv4 = false;
	topo_builder_address(t, &t->links[0], 0, "2001:db8::1/64");
	topo_builder_address(t, &t->links[0], 1, "2001:db8::2/64");
	p = plan_of(t);
	assert_interfaces(p, "r0", "eth0 2001:db8::1/64; eth1");
	assert_non_null(strstr(p->hosts, "::1 localhost"));
	assert_string_equal(p->nodes[0].sysctls[p->nodes[0].n_sysctls - 1].key,
			    "net.ipv6.conf.all.forwarding");
	plan_free(p);
	topo_builder_free(t);
}

static void test_names_fill_the_gaps(void **state)
{
	struct topo *t = topo_builder_new("names", 2, 8);
	struct plan *p;

	(void)state;
	t->ipv4 = t->ipv6 = false;
	topo_builder_node(t, TOPO_HOST, "a");
	topo_builder_node(t, TOPO_HOST, "b");
	topo_builder_link(t, "a", "b:eth1");
	topo_builder_link(t, "a:eth0", "b");
	topo_builder_link(t, "a:up", "b:eth00");
	topo_builder_link(t, "a", "b:eth99");
	topo_builder_link(t, "a", "b");
	p = plan_of(t);
	assert_interfaces(p, "a", "eth1; eth0; up; eth2; eth3");
	assert_interfaces(p, "b", "eth1; eth0; eth00; eth99; eth2");
	assert_int_equal(p->nodes[0].interfaces[3].ifindex, PLAN_NODE_IFINDEX + 2);
	assert_string_equal(p->links[3].ends[1].name, "L3.b");
	assert_int_equal(p->links[3].ends[1].ifindex, PLAN_FABRIC_IFINDEX + 7);
	plan_free(p);
	topo_builder_free(t);
}

static void test_hosts_file_names(void **state)
{
	struct topo *t = topo_from_text(
		"{\"nodes\":{\"a\":{\"hostname\":\"alpha\"},\"b\":{\"interfaces\":{\"lo\":{\"addresses\":"
		"[\"192.168.0.1/32\"]}}}},\"addressing\":{\"ipv6\":false,\"ipv4\":false},"
		"\"links\":[{\"endpoints\":[\"a\",\"b\"],\"addresses\":[[\"10.1.0.1/24\",\"10.1.0.7/24\"],[]]}]}");
	struct plan *p = plan_of(t);

	(void)state;
	assert_string_equal(p->hosts, "127.0.0.1 localhost\n10.1.0.1 a alpha\n192.168.0.1 b\n");
	plan_free(p);
	topo_free(t);
}

static void test_pool_too_small(void **state)
{
	(void)state;
	assert_refused(
		"{\"nodes\":{\"a\":{},\"b\":{},\"c\":{}},\"addressing\":{\"ipv4\":\"192.0.2.64/30\"},"
		"\"links\":[{\"endpoints\":[\"a\",\"b\"]},{\"endpoints\":[\"b\",\"c\"]},"
		"{\"endpoints\":[\"c\",\"a\"]}]}",
		"the IPv4 pool '192.0.2.64/30' is too small: it has 2^2 addresses, the links need 6",
		"\"ipv4\": \"192.0.2.64/29\"");
	assert_refused(
		"{\"nodes\":{\"a\":{},\"s\":{\"kind\":\"switch\"},\"b\":{},\"u\":{\"kind\":\"hub\"}},"
		"\"addressing\":{\"ipv6\":\"fd00::/127\",\"ipv4\":false},"
		"\"links\":[{\"endpoints\":[\"a\",\"s\"]},{\"endpoints\":[\"b\",\"u\"]}]}",
		"the IPv6 pool 'fd00::/127' is too small: it has 2^1 addresses, the links need 4",
		"\"ipv6\": \"fd00::/126\"");
}

static void test_given_addresses_meet(void **state)
{
	(void)state;
	assert_refused(
		"{\"nodes\":{\"a\":{},\"b\":{},\"c\":{}},\"links\":[{\"endpoints\":[\"a\",\"b\"]},"
		"{\"endpoints\":[\"b\",\"c\"],\"addresses\":[\"10.0.0.1/24\",\"10.0.0.2/24\"]}]}",
		"address '10.0.0.1/24' on interface 'eth1' of node 'b' lies where netlab takes "
		"'10.0.0.0/31' for link 'a--b'",
		"another pool");
}

static void test_sysctl_of_no_interface(void **state)
{
	(void)state;
	assert_refused(
		"{\"nodes\":{\"a\":{\"sysctls\":{\"net.ipv4.conf.eth7.rp_filter\":\"1\"}},\"b\":{}},"
		"\"links\":[{\"endpoints\":[\"a\",\"b\"]}]}",
		"sysctl 'net.ipv4.conf.eth7.rp_filter' of node 'a' is about interface 'eth7'",
		"lo, eth0");
}

static void test_sysctl_paths(void **state)
{
	static const struct {
		const char *key, *path;
	} cases[] = {
		{ "net.ipv4.ip_forward", "net/ipv4/ip_forward" },
		{ "net.ipv4.conf.all.rp_filter", "net/ipv4/conf/all/rp_filter" },
		{ "net.ipv4.conf.eth0.rp_filter", "net/ipv4/conf/eth0/rp_filter" },
		{ "net.ipv4.conf.eth0.100.rp_filter", "net/ipv4/conf/eth0.100/rp_filter" },
		{ "net.ipv6.neigh.a.b.c.gc_stale_time", "net/ipv6/neigh/a.b.c/gc_stale_time" },
		{ "net.ipv4.conf.eth0/100.rp_filter", "net/ipv4/conf/eth0.100/rp_filter" },
		{ "kernel.shmmax", "kernel/shmmax" },
	};
	char path[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(plan_sysctl_path(cases[i].key, path, sizeof(path)), 0);
		assert_string_equal(path, cases[i].path);
	}
	assert_int_equal(plan_sysctl_path("kernel.shmmax", path, 13), -ENAMETOOLONG);
	assert_int_equal(plan_sysctl_path("kernel.shmmax", path, 14), 0);
}

static size_t count_ops(const struct plan *p, enum plan_op_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_ops; i++)
		n += p->ops[i].kind == kind;
	return n;
}

static void test_large_lans_use_arp(void **state)
{
	(void)state;
	for (unsigned hosts = PLAN_NEIGHBOUR_MEMBERS_MAX; hosts <= PLAN_NEIGHBOUR_MEMBERS_MAX + 1;
	     hosts++) {
		struct topo *t = topo_builder_new("lan", hosts + 1, hosts);
		bool permanent = hosts <= PLAN_NEIGHBOUR_MEMBERS_MAX;
		struct plan *p;
		char name[16];

		topo_builder_node(t, TOPO_SWITCH, "s");
		for (unsigned n = 0; n < hosts; n++) {
			snprintf(name, sizeof(name), "h%u", n);
			topo_builder_node(t, TOPO_HOST, name);
			topo_builder_link(t, name, "s");
		}
		p = plan_of(t);
		assert_int_equal(count_ops(p, PLAN_NEIGHBOUR),
				 permanent ? 2 * hosts * (hosts - 1) : 0);
		plan_free(p);
		topo_builder_free(t);
	}
}

static void test_cuts(void **state)
{
	struct topo *t = topo_builder_ring(3);
	struct plan *p;

	(void)state;
	t->links[0].carrier = false;
	t->links[1].dir[1].set |= IMPAIR_BIT(IMPAIR_DOWN);
	t->links[1].dir[1].down = true;
	p = plan_of(t);
	assert_int_equal(count_ops(p, PLAN_FABRIC_UP), 4);
	assert_int_equal(count_ops(p, PLAN_REDIRECT), 5);
	for (size_t i = 0; i < p->n_ops; i++) {
		if (p->ops[i].kind == PLAN_REDIRECT && p->ops[i].link.link == 1)
			assert_int_equal(p->ops[i].link.end, 0);
	}
	plan_free(p);
	topo_builder_free(t);
}

/* RFC 8200: a link must carry 1280 bytes for IPv6; the kernel refuses addresses on an interface that does not. */
static void test_small_mtu_has_no_ipv6(void **state)
{
	struct topo *t = topo_builder_ring(3);
	struct plan *p;

	(void)state;
	t->links[0].mtu = 1279;
	t->links[1].mtu = 1280;
	t->links[2].ends[1].mtu = 576;
	p = plan_of(t);
	for (size_t i = 0; i < t->n_nodes; i++) {
		for (size_t j = 1; j < p->nodes[i].n_interfaces; j++) {
			const struct plan_interface *on = &p->nodes[i].interfaces[j];

			assert_int_equal(on->n_addresses, on->link == 1 ? 2 : 1);
			assert_int_equal(on->addresses[0].addr.family, IP_V4);
		}
	}
	plan_free(p);
	topo_builder_free(t);
}

/* Order that realise relies on: everything of one node is together, and nodes before links before nodes' insides. */
static void test_order_of_operations(void **state)
{
	struct topo *t = topo_from_file("tests/golden/everything.json");
	struct plan *p = plan_of(t);

	(void)state;
	for (size_t i = 1; i < p->n_ops; i++) {
		const struct plan_op *a = &p->ops[i - 1], *b = &p->ops[i];
		bool inside_a = a->kind >= PLAN_BRIDGE && a->kind <= PLAN_ROUTE;
		bool inside_b = b->kind >= PLAN_BRIDGE && b->kind <= PLAN_ROUTE;

		if (inside_a && inside_b && a->node != b->node)
			assert_true(a->node < b->node);
		else if (inside_a != inside_b || inside_a)
			assert_true(a->kind <= b->kind);
	}
	plan_free(p);
	topo_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs_and_lans),
		cmocka_unit_test(test_lan_sizes),
		cmocka_unit_test(test_appending_moves_nothing),
		cmocka_unit_test(test_addresses_by_hand),
		cmocka_unit_test(test_families),
		cmocka_unit_test(test_names_fill_the_gaps),
		cmocka_unit_test(test_hosts_file_names),
		cmocka_unit_test(test_pool_too_small),
		cmocka_unit_test(test_given_addresses_meet),
		cmocka_unit_test(test_sysctl_of_no_interface),
		cmocka_unit_test(test_sysctl_paths),
		cmocka_unit_test(test_large_lans_use_arp),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_small_mtu_has_no_ipv6),
		cmocka_unit_test(test_order_of_operations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
