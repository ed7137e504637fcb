/* SPDX-License-Identifier: MIT */
/*
 * The k-th system operation of bringing up a lab with an uplink, or its node anew, fails, or somebody dies there, for every k there
 * is: of what netlab does on the host nothing is left, neither the interface, nor its address and route, nor the table.
 *
 * netlab-test: timeout=600 heavy long
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/failing_command.h"
#include "support/failing_lab.h"
#include "sys/fs.h"
#include "sys/nft.h"

static const char topology[] =
	"{ \"nodes\": { \"a\": {}, \"b\": {}, \"out\": { \"kind\": \"uplink\" } }, \"links\": ["
	"  { \"name\": \"plain\", \"endpoints\": [ \"a\", \"b\" ] }, { \"endpoints\": [ \"b\", \"out\" ] } ] }";

/** The world is the host; it forwards packets. @return what was there before the lab; NULL: this kernel does not masquerade */
static struct snapshot *prepare(void)
{
	int fd, r;

	arm(0, 0);
	assert_int_equal(sys_write_value("/proc/sys/net/ipv4/ip_forward", "1"), 0);
	fd = nft_open();
	r = fd < 0 ? fd
		   : nft_masquerade(fd,
				    &(struct nft_masquerade){ .table = "trial", .owned = true });
	if (fd >= 0)
		close(fd);
	if (r < 0) {
		print_message("this kernel does not masquerade: %s\n", strerror(-r));
		return NULL;
	}
	return snapshot_take(world_dir);
}

static void test_up(void **state)
{
	struct snapshot *before = prepare();
	double start = seconds();
	unsigned n, k;

	(void)state;
	if (!before)
		skip();
	arm(0, 0);
	must_be_up();
	n = operations();
	must_go_down();
	nothing_left(before, 0);
	for (k = failing_first; k <= n; k += failing_step) {
		struct netlab_err err;

		arm(k, ENOMEM);
		if (up(&err) == 0)
			unnoticed("up", k);
		true_cause(&err, k);
		nothing_left(before, k);
		no_names(k);
	}
	if (failing_first == 1)
		print_message("up: %u operations: %.1f s\n", n, seconds() - start);
	snapshot_free(before);
}

enum { MURDER_EVERY = 2 }; /* operations */

/** Whoever comes to the k-th operation dies, or the caller does; and at once there is the next lab of the same name. */
static void test_up_murders(void **state)
{
	static const char line[] = "up --netns-names --name % @/lab.json";
	struct snapshot *before;
	double start = seconds();
	unsigned n, k;

	(void)state;
	if (getenv("NETLAB_HOST_RAN")) /* the VM is slow, and the host has tried this one */
		skip();
	write_topology();
	before = prepare();
	if (!before)
		skip();
	arm(0, 0);
	must_command(line);
	n = operations();
	must_go_down();
	nothing_left(before, 0);
	for (k = failing_first; k <= n; k += failing_step * MURDER_EVERY) {
		struct command did;

		arm(k, k / (failing_step * MURDER_EVERY) % 2 ? FAILING_KILLS : FAILING_DIES);
		command(&did, line);
		(void)disarm();
		must_go_down();
		must_command(line);
		must_go_down();
		nothing_left(before, k);
		no_names(k);
	}
	if (failing_first == 1)
		print_message("up: murders at one in %d of %u operations: %.1f s\n", MURDER_EVERY,
			      n, seconds() - start);
	snapshot_free(before);
}

/** What ends with the node, and could not be put aside or removed first. */
static bool goes_anyway(const struct command *c)
{
	(void)c;
	return strncmp(failed_op(), "rtnl ", strlen("rtnl ")) == 0;
}

static void test_restart(void **state)
{
	static const struct command_case restart = {
		.line = "restart %:out",
		.undo = { "restart %:out" },
		.may_survive = goes_anyway,
		.every = 7,
	};
	struct snapshot *before = prepare();

	(void)state;
	if (getenv("NETLAB_HOST_RAN") || !before)
		skip();
	arm(0, 0);
	must_be_up();
	sweep_command(&restart);
	for (enum command_victim v = 0; v < COMMAND_VICTIMS; v++)
		murder_command(&restart, v, before);
	lab_end(before);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_up),
		cmocka_unit_test(test_up_murders),
		cmocka_unit_test(test_restart),
	};

	return failing_run(topology, tests, sizeof(tests) / sizeof(tests[0]));
}
