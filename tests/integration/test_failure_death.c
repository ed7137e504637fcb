/* SPDX-License-Identifier: MIT */
/*
 * Whoever comes to the k-th system operation of bringing a lab up dies there, or the caller does, for every k there is: nothing
 * remains.
 *
 * netlab-test: timeout=600 heavy long
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/failing_command.h"
#include "support/failing_lab.h"

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

/** Up may succeed only if the dead one was a service's process on its way to exec: that is a service that ended at once,
 *  and the lab says so. */
static void count_services(unsigned *running, unsigned *exited)
{
	struct netlab_err err = { 0 };
	json_t *lab = NULL, *services, *service;
	size_t i;

	*running = *exited = 0;
	if (lab_show(failing_state_dir, failing_topo->name, &lab, &err) < 0)
		fail_msg("show: %s", err.message);
	services = json_object_get(json_object_get(json_object_get(lab, "nodes"), "a"), "services");
	json_array_foreach(services, i, service)
	{
		const char *state = json_string_value(json_object_get(service, "state"));

		*running += strcmp(state, "ready") == 0;
		*exited += strcmp(state, "exited") == 0;
	}
	json_decref(lab);
}

static void a_service_died(unsigned k)
{
	const struct timespec moment = { .tv_nsec = 10 * 1000 * 1000 };
	double start = seconds();
	unsigned running, exited;

	/* that it died, its node tells the supervisor in its own time */
	for (;;) {
		count_services(&running, &exited);
		if (exited > 0 || seconds() - start > FAILING_PATIENCE_MS / 1000.0)
			break;
		nanosleep(&moment, NULL);
	}
	if (running != 1 || exited != 1)
		fail_msg("up succeeded although somebody died at operation %u ('%s')", k,
			 failed_op());
}

/** Whoever comes to the k-th operation dies there: the caller, the supervisor, or a node's init. */
static void test_up_death(void **state)
{
	static bool left_to_host[FAILING_OPS_MAX + 1];
	struct snapshot *before = snapshot_take(world_dir);
	double start = seconds();
	unsigned n = count_up(), callers = 0, tried = 0, k;

	(void)state;
	for (k = 1; k <= n; k++)
		left_to_host[k] = is_left_to_host(k);
	for (k = failing_first; k <= n; k += failing_step) {
		struct netlab_err err = { 0 };
		int status;
		pid_t pid;

		if (left_to_host[k])
			continue;
		tried++;
		arm(k, FAILING_DIES);
		fflush(NULL);
		pid = fork();
		if (pid == 0)
			_exit(up(&err) < 0 ? 2 : 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(has_failed());
		callers += WIFSIGNALED(status);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			a_service_died(k);
		arm(0, 0);
		must_go_down(); /* a later command sweeps what a dead caller could not */
		nothing_left(before, k);
		no_names(k);
	}
	if (failing_first == 1) /* the roles were all there */
		assert_in_range(callers, 1, tried - 1);
	snapshot_free(before);
	print_message("up: death at %u of %u operations (%u of them the caller's): %.1f s\n", tried,
		      n, callers, seconds() - start);
}

enum { MURDER_EVERY = 2 }; /* operations */

/** The caller is killed while anybody is at the k-th operation: there is no lab, or a whole one that it has let go. */
static void test_up_murder(void **state)
{
	struct snapshot *before;
	double start = seconds();
	unsigned n, k, alive = 0;

	(void)state;
	if (getenv("NETLAB_HOST_RAN")) /* the VM is slow, and the host has tried this one */
		skip();
	write_topology();
	before = snapshot_take(world_dir);
	n = count_up();
	nothing_left(before, 0);
	for (k = failing_first; k <= n; k += failing_step * MURDER_EVERY) {
		struct netlab_err err = { 0 };
		json_t *summary = NULL;
		struct command did;

		arm(k, FAILING_KILLS);
		command(&did, "up --netns-names --name % @/lab.json");
		(void)disarm();
		assert_int_equal(did.code, 128 + SIGKILL);
		if (lab_summary(failing_state_dir, failing_topo->name, &summary, &err) == 0) {
			alive++;
			assert_string_equal(json_string_value(json_object_get(summary, "state")),
					    "running");
			json_decref(summary);
		}
		must_go_down();
		nothing_left(before, k);
		no_names(k);
	}
	snapshot_free(before);
	print_message(
		"up: its caller killed at one in %d of %u operations, the lab lives on at %u: %.1f s\n",
		MURDER_EVERY, n, alive, seconds() - start);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_up_death),
		cmocka_unit_test(test_up_murder),
	};

	return failing_run(NULL, tests, sizeof(tests) / sizeof(tests[0]));
}
