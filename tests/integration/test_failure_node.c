/* SPDX-License-Identifier: MIT */
/*
 * The k-th system operation of running a command, of freezing a node, of taking the lab down fails, for every k there is.
 *
 * netlab-test: timeout=600 heavy long
 */
#include <errno.h>
#include <stdlib.h>

#include "support/failing_lab.h"

static void sweep_exec(const char *node)
{
	static const char *const argv[] = { "true", NULL };
	struct lab_exec_options o = { .state_dir = failing_state_dir,
				      .lab = failing_topo->name,
				      .node = node,
				      .argv = argv };
	struct snapshot *before = lab_begin(), *running;
	unsigned n, k;
	int status;

	running = snapshot_take(world_dir);
	arm(0, 0);
	run_in(node, argv,
	       0); /* the first one makes the node's tree: for one with `files`, 'up' has done so */
	nothing_left(running, 0); /* its monitor ends after it */
	arm(0, 0);
	run_in(node, argv, 0);
	n = operations();
	assert_in_range(n, 3, 100);
	for (k = failing_first; k <= n; k += failing_step) {
		struct netlab_err err = { 0 };

		arm(k, ENOMEM);
		if (lab_exec(&o, &status, &err) == 0)
			fail_msg("exec: operation %u ('%s') failed and nobody noticed", k,
				 failed_op());
		true_cause(&err, k);
		arm(0, 0);
		nothing_left(running, k);
	}
	must_go_down();
	nothing_left(before, 0);
	snapshot_free(running);
	snapshot_free(before);
	print_message("exec in '%s': %u operations\n", node, n);
}

/** In a node without cgroups and in one with them. */
static void test_exec(void **state)
{
	(void)state;
	if (getenv("NETLAB_HOST_RAN")) /* the VM is slow, and the host has tried this one */
		skip();
	sweep_exec("a");
	if (failing_limited)
		sweep_exec("b");
}

/** Freezing and thawing: a failure leaves the node as it was, and the next try succeeds. Each time it is a new lab: the
 *  first time, the cgroup has to be made. */
static void sweep_freeze(const char *node, const struct snapshot *before)
{
	struct netlab_err err = { 0 };
	unsigned n[2], total = 0;

	arm(0, 0);
	must_be_up();
	for (unsigned on = 1; on <= 1; on--) {
		arm(0, 0);
		assert_int_equal(lab_freeze(failing_state_dir, failing_topo->name, node, on, &err),
				 0);
		n[on] = operations();
		assert_in_range(n[on], 1, 100);
		total += n[on];
	}
	must_go_down();
	nothing_left(before, 0);
	for (unsigned on = 1; on <= 1; on--) {
		for (unsigned k = failing_first; k <= n[on]; k += failing_step) {
			arm(0, 0);
			must_be_up();
			if (!on)
				assert_int_equal(lab_freeze(failing_state_dir, failing_topo->name,
							    node, true, &err),
						 0);
			arm(k, EPERM);
			err = (struct netlab_err){ 0 };
			if (lab_freeze(failing_state_dir, failing_topo->name, node, on, &err) == 0)
				fail_msg("freeze: operation %u ('%s') failed and nobody noticed", k,
					 failed_op());
			true_cause(&err, k);
			arm(0, 0);
			check_state(node, on ? "running" : "frozen");
			assert_int_equal(
				lab_freeze(failing_state_dir, failing_topo->name, node, on, &err),
				0);
			check_state(node, on ? "frozen" : "running");
			must_go_down();
			nothing_left(before, k);
		}
	}
	print_message("freeze and thaw '%s': %u operations\n", node, total);
}

static void test_freeze(void **state)
{
	struct snapshot *before = snapshot_take(world_dir);

	(void)state;
	if (failing_limited) {
		sweep_freeze("a", before);
		sweep_freeze("b", before);
	}
	snapshot_free(before);
}

/** `down` either says what failed, and then a second one gets through, or takes everything down all the same. */
static void test_down(void **state)
{
	struct snapshot *before;
	unsigned n, k, noticed = 0;

	(void)state;
	if (getenv("NETLAB_HOST_RAN"))
		skip();
	before = lab_begin();
	arm(0, 0);
	must_go_down();
	n = operations();
	assert_in_range(n, 1, 100);
	nothing_left(before, 0);
	for (k = failing_first; k <= n; k += failing_step) {
		struct netlab_err err = { 0 };
		bool was_running;

		arm(0, 0);
		must_be_up();
		arm(k, ENOMEM);
		if (lab_down(failing_state_dir, failing_topo->name, &was_running, &err) < 0) {
			true_cause(&err, k);
			noticed++;
			arm(0, 0);
			must_go_down();
		}
		nothing_left(before, k);
	}
	snapshot_free(before);
	print_message("down: %u operations, %u failures reported\n", n, noticed);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_freeze),
		cmocka_unit_test(test_down),
	};

	return failing_run(NULL, tests, sizeof(tests) / sizeof(tests[0]));
}
