/* SPDX-License-Identifier: MIT */
/* What nodes' resolv.conf and nsswitch.conf hold: made of `dns`, and of the host's file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "node/names.h"
#include "plan/plan.h"
#include "support/topo_file.h"

static struct plan *plan_of(struct topo *t)
{
	struct netlab_err err = { 0 };
	struct plan *p = NULL;

	if (plan_build(t, NULL, &p, &err) < 0)
		fail_msg("%s", err.message);
	return p;
}

static void test_resolv_conf(void **state)
{
	struct topo *t = topo_from_text(
		"{\"defaults\": {\"node\": {\"dns\": {\"options\": [\"rotate\"]}}}, \"nodes\": {"
		"\"ns\": {}, \"six\": {\"dns\": {\"servers\": [\"FD00:0::53\", \"ns\"],"
		" \"search\": [\"a.example\", \"b\"]}},"
		"\"text\": {\"dns\": \"# mine\\n\"}, \"sw\": {\"kind\": \"switch\"}},"
		"\"links\": [{\"endpoints\": [\"sw\", \"ns\"]}, {\"endpoints\": [\"sw\", \"six\"]},"
		" {\"endpoints\": [\"sw\", \"text\"]}]}");
	struct plan *p = plan_of(t);
	struct buf sh = { 0 };

	(void)state;
	assert_string_equal(p->nodes[0].resolv_conf,
			    "# Made by netlab of the topology's \"dns\".\noptions rotate\n");
	assert_string_equal(p->nodes[1].resolv_conf,
			    "# Made by netlab of the topology's \"dns\".\nnameserver fd00::53\n"
			    "nameserver 10.0.0.1\nsearch a.example b\n");
	assert_string_equal(p->nodes[2].resolv_conf, "# mine\n");
	/* a default for nodes that have a resolver is none for a switch */
	assert_null(p->nodes[3].resolv_conf);
	plan_print_sh(&sh, p);
	assert_non_null(strstr(buf_text(&sh), ">\"$state/resolv.conf.six\""));
	buf_deinit(&sh);
	plan_free(p);
	topo_free(t);
}

static void test_server_without_address(void **state)
{
	struct topo *t = topo_from_text(
		"{\"addressing\": {\"ipv4\": false, \"ipv6\": false}, \"nodes\": {\"ns\": {},"
		" \"a\": {\"dns\": {\"servers\": [\"ns\"]}}},"
		" \"links\": [{\"endpoints\": [\"ns\", \"a\"]}]}");
	struct netlab_err err = { 0 };
	struct plan *p = NULL;

	(void)state;
	assert_true(plan_build(t, NULL, &p, &err) < 0);
	assert_int_equal(err.exit, NETLAB_EXIT_INVALID);
	assert_non_null(strstr(err.message, "node 'a': its DNS server 'ns' has no address"));
	topo_free(t);
}

static void test_nsswitch(void **state)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
		{ "", "hosts: files dns\n" },
		{ "passwd: files systemd\nhosts: mdns4 resolve [!UNAVAIL=return] dns\nnetworks: files",
		  "passwd: files systemd\n# hosts: see the end\nnetworks: files\nhosts: files dns\n" },
		{ "  hosts:  nis\n#hosts: x\n",
		  "# hosts: see the end\n#hosts: x\nhosts: files dns\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf b = { 0 };

		node_nsswitch(cases[i].from, &b);
		assert_string_equal(buf_text(&b), cases[i].to);
		buf_deinit(&b);
	}
}

static void test_host_resolver(void **state)
{
	static const struct {
		const char *from, *to;
		unsigned n;
	} cases[] = {
		{ "", "", 0 },
		{ "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n",
		  "options edns0 trust-ad\nsearch .\n", 0 },
		{ "# nameserver 9.9.9.9\nnameserver\t192.0.2.1\nnameserver ::1\nnameserver ::12\nsortlist x",
		  "nameserver\t192.0.2.1\nnameserver ::12\n", 2 },
	};
	static const char head[] = "# From the host's, for a lab with an uplink.\n";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf b = { 0 };

		assert_int_equal(node_host_resolver(cases[i].from, &b), cases[i].n);
		assert_string_equal(buf_text(&b) + sizeof(head) - 1, cases[i].to);
		buf_deinit(&b);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resolv_conf),
		cmocka_unit_test(test_server_without_address),
		cmocka_unit_test(test_host_resolver),
		cmocka_unit_test(test_nsswitch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
