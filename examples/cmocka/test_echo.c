/* SPDX-License-Identifier: MIT */
/* Tests with a lab per case. What is tested here is ping, and socat; your programs go in their place. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <netlab/cmocka.h>

static struct netlab_fixture two_hosts = {
	.topology = "{\"name\": \"echo\", \"addressing\": {\"ipv6\": false},"
		    " \"nodes\": {\"client\": {}, \"server\": {}},"
		    " \"links\": [{\"name\": \"wan\", \"endpoints\": [\"client\", \"server\"]}]}",
};

/* The case begins when the service can be reached. */
static struct netlab_fixture echo_service = {
	.topology = "{\"name\": \"service\", \"addressing\": {\"ipv6\": false},"
		    " \"nodes\": {\"client\": {}, \"server\": {\"services\": [{\"name\": \"echo\","
		    "  \"run\": [\"socat\", \"TCP4-LISTEN:7000,fork,reuseaddr\", \"EXEC:cat\"],"
		    "  \"ready\": {\"tcp\": 7000}}]}},"
		    " \"links\": [{\"name\": \"wan\", \"endpoints\": [\"client\", \"server\"]}]}",
};

static void test_answers(void **state)
{
	struct netlab_lab *lab = netlab_test_lab(state);

	netlab_assert_exec_says(lab, "client", " 3 received", "ping", "-c", "3", "-i", "0.01",
				"server");
	netlab_assert_count(lab, "wan", "client", "offered", 3, 3);
	netlab_assert_count(lab, "wan", NULL, "dropped_loss", 0, 0);
}

/* ping says 1 when nothing came back. */
static void test_cut(void **state)
{
	struct netlab_lab *lab = netlab_test_lab(state);
	struct netlab_err err = { 0 };

	netlab_assert_ok(netlab_link_down(lab, "wan", "server", &err), &err);
	netlab_assert_exec_status(lab, "client", 1, "ping", "-c", "1", "-W", "1", "server");
	netlab_assert_ok(netlab_link_up(lab, "wan", "server", &err), &err);
	netlab_assert_exec(lab, "client", "ping", "-c", "1", "server");
}

/* Which packets are lost follows from the seed, how many from the share. */
static void test_losses(void **state)
{
	struct netlab_lab *lab = netlab_test_lab(state);
	const char *argv[] = {
		"ping", "-q", "-c", "200", "-i", "0.002", "-W", "1", "server", NULL
	};
	struct netlab_err err = { 0 };
	int status = -1;

	netlab_assert_link(lab, "wan", "client", "loss=20%");
	netlab_assert_ok(netlab_exec(lab, "client", argv,
				     &(struct netlab_exec_options){ .redirect = true,
								    .stdin_fd = -1,
								    .stdout_fd = -1,
								    .stderr_fd = -1 },
				     &status, &err),
			 &err);
	assert_int_equal(status, 0);
	netlab_assert_count(lab, "wan", "client", "offered", 200, 200);
	netlab_assert_count(lab, "wan", "client", "dropped_loss", 15, 75);
	netlab_assert_count(lab, "wan", "server", "dropped_loss", 0, 0);
}

/* A program that runs while the test goes on. */
static void test_background(void **state)
{
	struct netlab_lab *lab = netlab_test_lab(state);
	const char *argv[] = { "sleep", "1000", NULL };
	struct netlab_process *p = NULL;
	struct netlab_err err = { 0 };
	int status = -1;

	netlab_assert_ok(netlab_spawn(lab, "server", argv, NULL, &p, &err), &err);
	assert_int_equal(netlab_process_wait(p, 0, &status, &err), -ETIME);
	netlab_assert_ok(netlab_process_signal(p, 15), &err);
	netlab_assert_ok(netlab_process_wait(p, 10000, &status, &err), &err);
	assert_int_equal(status, 128 + 15);
	netlab_process_free(p);
}

/* The first answer to a connect is lost, that one packet and no other: the kernel tries again. */
static void test_first_syn_ack_lost(void **state)
{
	struct netlab_lab *lab = netlab_test_lab(state);
	const struct netlab_fault rule = {
		.link = "wan",
		.from = "server",
		.match = "tcp[tcpflags] & (tcp-syn|tcp-ack) == (tcp-syn|tcp-ack)",
		.nth = "1",
		.action = NETLAB_FAULT_DROP,
	};
	struct netlab_err err = { 0 };
	uint64_t matched = 0, acted = 0;
	uint32_t id = 0;

	netlab_assert_ok(netlab_fault_add(lab, &rule, &id, &err), &err);
	netlab_assert_exec_says(lab, "client", "hello", "sh", "-c",
				"echo hello | socat -t 20 - TCP4:server:7000");
	netlab_assert_ok(netlab_fault_count(lab, id, &matched, &acted, &err), &err);
	assert_int_equal(acted, 1);
	assert_true(matched >= 2); /* the one that was lost, and the one that came */
	netlab_assert_count(lab, "wan", "server", "dropped_fault", 1, 1);
	netlab_assert_ok(netlab_fault_remove(lab, id, &err), &err);
}

/* What a case did, for Wireshark and `netlab replay`. One that is kept when a case fails is worth most. */
static void test_recorded(void **state)
{
	static const char *const files[] = { "record.json", "topology.json", "packets.pcapng",
					     "decisions",   "identities",    "summary.json" };
	struct netlab_lab *lab = netlab_test_lab(state);
	char dir[] = "/tmp/netlab-example.XXXXXX", path[100];
	struct netlab_err err = { 0 };
	char *summary = NULL;

	assert_non_null(mkdtemp(dir));
	netlab_assert_ok(netlab_record_start(lab, dir, &err), &err);
	netlab_assert_exec(lab, "client", "ping", "-c", "1", "server");
	netlab_assert_ok(netlab_record_stop(lab, &summary, &err), &err);
	assert_non_null(strstr(summary, "\"lost_records\": 0"));
	netlab_free(summary);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NETLAB_TEST(test_answers, &two_hosts),
		NETLAB_TEST(test_cut, &two_hosts),
		NETLAB_TEST(test_losses, &two_hosts),
		NETLAB_TEST(test_background, &two_hosts),
		NETLAB_TEST(test_first_syn_ack_lost, &echo_service),
		NETLAB_TEST(test_recorded, &two_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
