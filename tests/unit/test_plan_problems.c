/* SPDX-License-Identifier: MIT */
/* Problems of a topology that only planning finds: all are told, and nothing that only follows from one of them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "plan/plan.h"
#include "support/topo_builder.h"
#include "support/topo_file.h"

static void keep(void *ctx, const struct netlab_err *problem)
{
	assert_int_equal(problem->code, -EINVAL);
	assert_int_equal(problem->exit, NETLAB_EXIT_INVALID);
	buf_printf(ctx, "%s: %s\n", problem->where, problem->message);
}

/* What is told of a topology, a line each, is `want`; the first is the answer of both functions. */
static void assert_told(const struct topo *t, int n, const char *const want[])
{
	_cleanup_buf_ struct buf told = { 0 }, wanted = { 0 };
	struct netlab_err err = { 0 }, first = { 0 };
	struct plan *plan = NULL;

	for (int i = 0; i < n; i++)
		buf_printf(&wanted, "%s\n", want[i]);
	buf_puts(&told, "");
	buf_puts(&wanted, "");
	assert_int_equal(plan_check(t, NULL, keep, &told, &err), n ? -EINVAL : 0);
	assert_string_equal(buf_text(&told), buf_text(&wanted));
	assert_int_equal(plan_build(t, NULL, &plan, &first), n ? -EINVAL : 0);
	assert_string_equal(first.message, err.message);
	if (n)
		assert_non_null(strstr(want[0], first.message));
	assert_true(!plan == (n > 0));
	plan_free(plan);
}

static void test_none(void **state)
{
	struct topo *t = topo_builder_ring(3);

	(void)state;
	assert_told(t, 0, NULL);
	topo_builder_free(t);
}

/* Of every step that can go on, and twice of each, so that it does. */
static void test_all(void **state)
{
	static const char *const want[] = {
		": interface name 'lo' of node 'b' is taken by netlab",
		": interface name 'lo' of node 'c' is taken by netlab",
		": address '192.0.2.1' is used twice: on interface 'eth0' of node 'a' and on interface "
		"'lo' of node 'b'",
		": address '192.0.2.9' is used twice: on interface 'eth0' of node 'b' and on interface "
		"'lo' of node 'c'",
		"/nodes/a/sysctls/net.ipv4.conf.x.rp_filter: sysctl 'net.ipv4.conf.x.rp_filter' of node "
		"'a' is about interface 'x', which that node has not",
		"/nodes/a/sysctls/net.ipv4.conf.y.rp_filter: sysctl 'net.ipv4.conf.y.rp_filter' of node "
		"'a' is about interface 'y', which that node has not",
		"/nodes/a/routes/0: route to '203.0.113.0/24' of node 'a': gateway '198.51.100.1' is not "
		"in a network of its interfaces",
		"/nodes/a/routes/2: route to '203.0.113.0/24' of node 'a': it is there twice with the "
		"same metric",
	};
	struct topo *t = topo_builder_new("all", 3, 2);
	struct topo_link *ab, *bc;

	(void)state;
	topo_builder_node(t, TOPO_HOST, "a");
	topo_builder_node(t, TOPO_ROUTER, "b");
	topo_builder_node(t, TOPO_HOST, "c");
	ab = topo_builder_link(t, "a", "b:lo");
	bc = topo_builder_link(t, "b", "c:lo");
	topo_builder_address(t, ab, 0, "192.0.2.1/24");
	topo_builder_address(t, ab, 1, "192.0.2.1/24");
	topo_builder_address(t, bc, 0, "192.0.2.9/24");
	topo_builder_address(t, bc, 1, "192.0.2.9/24");
	topo_builder_sysctl(t, "a", "net.ipv4.conf.x.rp_filter", "1");
	topo_builder_sysctl(t, "a", "net.ipv4.conf.y.rp_filter", "1");
	topo_builder_route(t, "a", "203.0.113.0/24", "198.51.100.1");
	topo_builder_route(t, "a", "10.9.0.0/16", "192.0.2.7");
	topo_builder_route(t, "a", "203.0.113.0/24", "192.0.2.7");
	assert_told(t, ARRAY_SIZE(want), want);
	topo_builder_free(t);
}

/* Where the pool is too small a node has no address, so its gateways and servers are in no network: that is not told. */
static void test_what_follows(void **state)
{
	static const char *const want[] = {
		"/addressing/ipv4: the IPv4 pool '10.0.0.0/31' is too small: it has 2^1 addresses, the "
		"links need 4",
		"/nodes/a/sysctls/net.ipv4.conf.x.rp_filter: sysctl 'net.ipv4.conf.x.rp_filter' of node "
		"'a' is about interface 'x', which that node has not",
	};
	struct topo *t = topo_from_text(
		"{\"addressing\": {\"ipv4\": \"10.0.0.0/31\", \"ipv6\": false}, \"nodes\": {"
		"\"a\": {\"dns\": {\"servers\": [\"c\"]}, \"sysctls\": {\"net.ipv4.conf.x.rp_filter\": \"1\"},"
		" \"routes\": [{\"to\": \"203.0.113.0/24\", \"via\": \"10.0.0.3\"}]},"
		"\"b\": {\"kind\": \"router\"}, \"c\": {}},"
		"\"links\": [{\"endpoints\": [\"b\", \"c\"]}, {\"endpoints\": [\"a\", \"b\"]}]}");

	(void)state;
	assert_told(t, ARRAY_SIZE(want), want);
	topo_free(t);
}

static void count(void *ctx, const struct netlab_err *problem)
{
	(void)problem;
	++*(int *)ctx;
}

/* The list has an end. */
static void test_too_many(void **state)
{
	struct topo *t = topo_builder_new("many", 2, 1);
	struct netlab_err err = { 0 };
	int n = 0;

	(void)state;
	topo_builder_node(t, TOPO_HOST, "a");
	topo_builder_node(t, TOPO_HOST, "b");
	(void)topo_builder_link(t, "a", "b");
	for (int i = 0; i < PLAN_PROBLEMS_MAX + 5; i++) {
		char to[32];

		(void)snprintf(to, sizeof(to), "172.16.%d.%d/32", i / 256, i % 256);
		topo_builder_route(t, "a", to, "198.51.100.1");
	}
	assert_int_equal(plan_check(t, NULL, count, &n, &err), -EINVAL);
	assert_int_equal(n, PLAN_PROBLEMS_MAX);
	assert_non_null(strstr(err.message, "172.16.0.0/32"));
	topo_builder_free(t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_what_follows),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
