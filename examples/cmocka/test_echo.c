/* SPDX-License-Identifier: MIT */
/* Tests with a lab per case. What is tested here is ping; your program goes in its place. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		NETLAB_TEST(test_answers, &two_hosts),
		NETLAB_TEST(test_cut, &two_hosts),
		NETLAB_TEST(test_losses, &two_hosts),
		NETLAB_TEST(test_background, &two_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
