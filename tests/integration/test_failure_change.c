/* SPDX-License-Identifier: MIT */
/*
 * The k-th system operation of changing a link fails, for every k there is: the link is as it was, and packets pass.
 *
 * netlab-test: timeout=600 heavy long
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support/failing_lab.h"

static unsigned sweep_change(const struct lab_link_change *c, const struct lab_link_change *back,
			     int error)
{
	struct netlab_err err = { 0 };
	unsigned n, k;
	char *before, *changed;

	arm(0, 0);
	assert_int_equal(lab_link_change(failing_state_dir, failing_topo->name, c, &err), 0);
	n = operations();
	changed = describe();
	assert_int_equal(lab_link_change(failing_state_dir, failing_topo->name, back, &err), 0);
	before = describe();
	for (k = failing_first; k <= n; k += failing_step) {
		bool was_good;
		char *after;

		arm(k, error);
		err = (struct netlab_err){ 0 };
		was_good = lab_link_change(failing_state_dir, failing_topo->name, c, &err) == 0;
		if (operations() < k) {
			/* the first change has started the wire, which runs by now: a change takes less */
			assert_true(was_good && k > 1);
			arm(0, 0);
			assert_int_equal(
				lab_link_change(failing_state_dir, failing_topo->name, back, &err),
				0);
			break;
		}
		/* the wire's observer of a handover that is over may go on hearing more than it needs */
		if (was_good && strcmp(failed_op(), "packet filter") != 0)
			fail_msg("link change: operation %u ('%s') failed and nobody noticed", k,
				 failed_op());
		if (!was_good)
			true_cause(&err, k);
		arm(0, 0);
		after = describe();
		if (strcmp(was_good ? changed : before, after) != 0)
			fail_msg("link change: after operation %u ('%s') failed\n%s\nis now\n%s", k,
				 failed_op(), was_good ? changed : before, after);
		free(after);
		if (was_good)
			assert_int_equal(
				lab_link_change(failing_state_dir, failing_topo->name, back, &err),
				0);
		/* whatever a failed change left half done, a ping would not get through, or the next change not */
		packets_pass();
	}
	assert_int_equal(lab_link_change(failing_state_dir, failing_topo->name, c, &err), 0);
	assert_int_equal(lab_link_change(failing_state_dir, failing_topo->name, back, &err), 0);
	free(changed);
	free(before);
	return n;
}

static void test_link_changes(void **state)
{
	static const char *const faster[] = { "rate=200mbit" }, *const cut[] = { "carrier=false" },
				 *const joined[] = { "carrier=true" },
				 *const codel[] = { "rate=300mbit", "aqm=codel" };
	const struct {
		struct lab_link_change to, back;
	} changes[] = {
		{ { .verb = LAB_LINK_SET, .link = "shaped", .settings = faster, .n_settings = 1 },
		  { .verb = LAB_LINK_CLEAR, .link = "shaped" } },
		{ { .verb = LAB_LINK_SET,
		    .link = "far",
		    .from = "r",
		    .settings = faster,
		    .n_settings = 1 },
		  { .verb = LAB_LINK_CLEAR, .link = "far", .from = "r" } },
		/* from a patch to the wire, and from the wire to a patch */
		{ { .verb = LAB_LINK_SET, .link = "plain", .settings = codel, .n_settings = 2 },
		  { .verb = LAB_LINK_CLEAR, .link = "plain" } },
		{ { .verb = LAB_LINK_DOWN, .link = "plain" },
		  { .verb = LAB_LINK_UP, .link = "plain" } },
		{ { .verb = LAB_LINK_DOWN, .link = "far" },
		  { .verb = LAB_LINK_UP, .link = "far" } },
		{ { .verb = LAB_LINK_DOWN, .link = "shaped", .from = "a" },
		  { .verb = LAB_LINK_UP, .link = "shaped", .from = "a" } },
		{ { .verb = LAB_LINK_SET, .link = "far", .settings = cut, .n_settings = 1 },
		  { .verb = LAB_LINK_SET, .link = "far", .settings = joined, .n_settings = 1 } },
	};
	struct snapshot *before = lab_begin();
	double start = seconds();
	unsigned n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		n += sweep_change(&changes[i].to, &changes[i].back, ENOMEM);
	/* and back, from where the third leads */
	assert_int_equal(
		lab_link_change(failing_state_dir, failing_topo->name, &changes[2].to, NULL), 0);
	n += sweep_change(&changes[2].back, &changes[2].to, ENOMEM);
	assert_int_equal(
		lab_link_change(failing_state_dir, failing_topo->name, &changes[2].back, NULL), 0);
	lab_end(before);
	print_message("link changes: %u operations: %.1f s\n", n, seconds() - start);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link_changes),
	};

	return failing_run(NULL, tests, sizeof(tests) / sizeof(tests[0]));
}
