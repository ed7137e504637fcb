/* SPDX-License-Identifier: MIT */
/*
 * The k-th system operation of killing a node, of bringing it back, of starting and stopping its services fails, for every k
 * there is: the caller hears the true cause, the next try succeeds, packets pass, and nothing is left over in the lab.
 *
 * netlab-test: timeout=600 heavy long
 */
#include <errno.h>
#include <stdlib.h>

#include "support/failing_lab.h"

enum { ENDLESS = 2000 };

static int restart(const char *node, struct netlab_err *err)
{
	*err = (struct netlab_err){ 0 };
	return lab_node_restart(failing_state_dir, failing_topo->name, node, 0, NULL, err);
}

static void must_restart(const char *node, unsigned k)
{
	struct netlab_err err;

	if (restart(node, &err) < 0)
		fail_msg("restart of '%s' after operation %u ('%s') failed: %s", node, k,
			 failed_op(), err.message);
}

static void sweep_restart(const char *node)
{
	static bool left_to_host[ENDLESS + 1];
	struct netlab_err err;
	struct tally before;
	unsigned n, k, failed = 0;

	arm(0, 0);
	must_restart(node, 0);
	n = operations();
	assert_in_range(n, 1, ENDLESS);
	for (k = 1; k <= n; k++)
		left_to_host[k] = is_left_to_host(k);
	before = tally_take();
	for (k = failing_first;; k += failing_step) {
		int r;

		assert_in_range(k, 1, ENDLESS);
		if (k <= n && left_to_host[k])
			continue;
		arm(k, ENOMEM);
		r = restart(node, &err);
		if (!has_failed())
			break;
		/* of a service that cannot be started its node is told only that; its log has the cause */
		if (r < 0 && err.code != -ECHILD)
			true_cause(&err, k);
		failed += r < 0;
		arm(0, 0);
		if (r < 0)
			must_restart(node, k);
		check_state(node, "running");
		packets_pass();
		same_tally(&before, k);
	}
	arm(0, 0);
	assert_in_range(failed, 2, k);
	print_message("restart of '%s': %u operations, here %u ended it\n", node, k - 1, failed);
}

static void sweep_kill(const char *node)
{
	struct netlab_err err;
	struct tally before;
	unsigned k;

	arm(0, 0);
	must_restart(node, 0);
	before = tally_take();
	for (k = failing_first;; k += failing_step) {
		int r;

		assert_in_range(k, 1, ENDLESS);
		arm(k, EPERM);
		err = (struct netlab_err){ 0 };
		r = lab_node_kill(failing_state_dir, failing_topo->name, node, &err);
		if (has_failed() && r < 0)
			true_cause(&err, k);
		if (!has_failed() && r < 0)
			fail_msg("kill of '%s': %s", node, err.message);
		if (r == 0)
			check_state(node, "dead");
		if (!has_failed())
			break;
		arm(0, 0);
		must_restart(node, k);
		packets_pass();
		same_tally(&before, k);
	}
	arm(0, 0);
	must_restart(node, k);
	print_message("kill of '%s': %u operations\n", node, k - 1);
}

static void test_restart(void **state)
{
	static const char *const nodes[] = { "sw", "b", "a" };
	struct snapshot *before = lab_begin();

	(void)state;
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		sweep_restart(nodes[i]);
	if (!getenv("NETLAB_HOST_RAN")) /* the VM is slow, and the host has tried this one */
		sweep_kill("a");
	lab_end(before);
}

static int ask(enum lab_service_verb verb, struct netlab_err *err)
{
	const struct lab_service_request q = { .verb = verb, .node = "a", .service = "one" };
	json_t *ret = NULL;
	int r;

	*err = (struct netlab_err){ 0 };
	r = lab_service(failing_state_dir, failing_topo->name, &q, &ret, err);
	json_decref(ret);
	return r;
}

static void must(enum lab_service_verb verb)
{
	struct netlab_err err;

	arm(0, 0);
	if (ask(verb, &err) < 0)
		fail_msg("service: %s", err.message);
}

/** @param[in] back  what leads to where it began */
static void sweep_service(enum lab_service_verb verb, enum lab_service_verb back)
{
	struct netlab_err err;
	struct tally before;
	unsigned k;

	must(verb);
	must(back);
	before = tally_take();
	for (k = failing_first;; k += failing_step) {
		int r;

		assert_in_range(k, 1, ENDLESS);
		arm(k, ENOMEM);
		r = ask(verb, &err);
		if (!has_failed())
			break;
		if (r < 0 && err.code != -ECHILD)
			true_cause(&err, k);
		must(verb);
		must(back);
		same_tally(&before, k);
	}
	must(back);
	print_message("service, verb %d: %u operations\n", (int)verb, k - 1);
}

static void test_services(void **state)
{
	struct snapshot *before;

	(void)state;
	if (getenv("NETLAB_HOST_RAN"))
		skip();
	before = lab_begin();
	sweep_service(LAB_SERVICE_STOP, LAB_SERVICE_START);
	must(LAB_SERVICE_STOP);
	sweep_service(LAB_SERVICE_START, LAB_SERVICE_STOP);
	must(LAB_SERVICE_START);
	sweep_service(LAB_SERVICE_RESTART, LAB_SERVICE_START);
	lab_end(before);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_services),
	};

	return failing_run(NULL, tests, sizeof(tests) / sizeof(tests[0]));
}
