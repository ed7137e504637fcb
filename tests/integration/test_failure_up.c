/* SPDX-License-Identifier: MIT */
/*
 * The k-th system operation of bringing a lab up fails, for every k there is: the caller hears the true cause, nothing
 * remains, and the name is free again.
 *
 * netlab-test: timeout=600 heavy long
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "support/failing_lab.h"

enum { AGAIN_EVERY = 8 }; /* the name is free again: tried after each so many failures */

/** How many operations bringing the lab up takes. */
static unsigned count_up(void)
{
	unsigned n;

	arm(0, 0);
	must_be_up();
	n = operations();
	must_go_down();
	assert_in_range(n, 50, FAILING_OPS_MAX);
	return n;
}

/**
 * A failure that may be survived: the operation was a try whose failure has a meaning of its own, and the lab that came
 * up must be whole.
 */
static void survived(unsigned k, int error)
{
	struct netlab_err err = { 0 };
	json_t *summary = NULL;

	if (lab_summary(failing_state_dir, failing_topo->name, &summary, &err) < 0)
		fail_msg("operation %u ('%s'): up succeeded, but: %s", k, failed_op(), err.message);
	assert_string_equal(json_string_value(json_object_get(summary, "state")), "running");
	json_decref(summary);
	/* the wire does with fewer threads where it gets no socket for another; nodes with the lab's user namespace where the
	   host allows none below */
	if (strncmp(failed_op(), "packet ", strlen("packet ")) == 0 ||
	    (error != ENOMEM && (strcmp(failed_op(), "clone user") == 0 ||
				 strcmp(failed_op(), "userns same map") == 0))) {
		arm(0, 0);
		packets_pass();
		must_go_down();
		return;
	}
	fail_msg("operation %u ('%s') failed and nobody noticed", k, failed_op());
}

static void same_signal_mask(const sigset_t *before)
{
	sigset_t now;

	sigprocmask(SIG_SETMASK, NULL, &now);
	for (int s = 1; s < NSIG; s++)
		assert_int_equal(sigismember(&now, s), sigismember(before, s));
}

/** @param[in] all  every operation; else those of one name a few times, for it is the place that tells errors apart */
static void sweep_up(int error, bool all)
{
	struct snapshot *before = snapshot_take(world_dir);
	double start = seconds();
	unsigned n = count_up(), k, tried = 0;
	sigset_t mask_before;

	sigprocmask(SIG_SETMASK, NULL, &mask_before);
	nothing_left(before, 0);
	no_names(0);
	for (k = failing_first; k <= n; k += failing_step) {
		struct netlab_err err;
		int r;

		if (all ? is_left_to_host(k) : is_one_more(k))
			continue;
		tried++;
		arm(k, error);
		r = up(&err);
		assert_true(has_failed());
		if (r == 0)
			survived(k, error);
		else
			true_cause(&err, k);
		nothing_left(before, k);
		no_names(k);
		same_signal_mask(&mask_before);
		if (all && k / failing_step % AGAIN_EVERY == 0) {
			arm(0, 0);
			must_be_up();
			must_go_down();
			nothing_left(before, k);
		}
	}
	snapshot_free(before);
	print_message("up: %u of %u operations failed with %s: %.1f s\n", tried, n, strerror(error),
		      seconds() - start);
}

static void test_up_out_of_memory(void **state)
{
	(void)state;
	sweep_up(ENOMEM, true);
}

static void test_up_not_permitted(void **state)
{
	(void)state;
	if (getenv("NETLAB_HOST_RAN")) /* the VM is slow, and the host has tried this one */
		skip();
	sweep_up(EPERM, false);
}

static void test_up_no_space(void **state)
{
	(void)state;
	if (getenv("NETLAB_HOST_RAN"))
		skip();
	sweep_up(ENOSPC, false);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_up_out_of_memory),
		cmocka_unit_test(test_up_not_permitted),
		cmocka_unit_test(test_up_no_space),
	};

	return failing_run(NULL, tests, sizeof(tests) / sizeof(tests[0]));
}
