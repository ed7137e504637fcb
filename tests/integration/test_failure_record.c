/* SPDX-License-Identifier: MIT */
/*
 * The k-th system operation of `record start`, `record stop` and `run --record` fails, or somebody dies there, for every k there
 * is: the error gives the cause, no half of a recording is left, links are as they were, and the next recording is whole.
 *
 * netlab-test: timeout=600 host heavy long
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "repro/record_dir.h"
#include "support/failing_command.h"
#include "support/failing_lab.h"
#include "sys/fs.h"

/* a link that recording hands over to the wire, and one that is its already */
static const char topology[] =
	"{ \"nodes\": { \"a\": {}, \"b\": { \"services\": [ { \"name\": \"one\", \"run\": [ \"echo\", \"x\" ] } ] } },"
	"  \"links\": [ { \"name\": \"plain\", \"endpoints\": [ \"a\", \"b\" ] },"
	"  { \"name\": \"far\", \"endpoints\": [ \"a\", \"b\" ], \"join\": \"wire\", \"delay\": \"1ms\" } ] }";

static const char *place(void)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/record", world_dir);
	return path;
}

static void clean(void)
{
	(void)sys_remove_tree(AT_FDCWD, place());
}

static void clean_and_make(void)
{
	clean();
	assert_int_equal(mkdir(place(), 0700), 0);
}

/** What is in the place; -1 = it is not there. */
static int entries(void)
{
	DIR *dir = opendir(place());
	int n = -2; /* . and .. */

	if (!dir)
		return -1;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void check_no_place(const struct command *c, unsigned k)
{
	if (c->code != 0 && entries() != -1)
		command_wrong(c, k, "the directory is left");
}

static void check_empty_place(const struct command *c, unsigned k)
{
	if (c->code != 0 && entries() != 0)
		command_wrong(c, k, "the directory that was there is not as it was");
}

/** Whether the wire carries the link that is not its own. */
static bool wire_has_all(void)
{
	struct netlab_err err = { 0 };
	json_t *lab = NULL;
	const char *join;
	bool ret;

	if (lab_show(failing_state_dir, failing_topo->name, &lab, &err) < 0)
		fail_msg("show: %s", err.message);
	join = json_string_value(
		json_object_get(json_object_get(json_object_get(lab, "links"), "plain"), "join"));
	assert_non_null(join);
	ret = strcmp(join, "wire") == 0;
	json_decref(lab);
	return ret;
}

/** Either it is whole, or it says that it is not. */
static void check_stopped(const struct command *c, unsigned k)
{
	struct netlab_err err = { 0 };
	bool told = strstr(c->err, "links stay with the wire") != NULL;
	struct record_dir d;
	int r = record_dir_open(place(), &d, &err);

	if (r == 0)
		record_dir_deinit(&d);
	else if (r != -ENODATA)
		command_wrong(c, k, err.message);
	if (r == 0 && c->code != 0 && !told)
		command_wrong(c, k, "it fails, and the recording is whole");
	if (r < 0 && c->code == 0)
		command_wrong(c, k, "the recording is not whole, and nobody was told");
	if (wire_has_all() && c->code == 0)
		command_wrong(c, k, "links did not go back, and nobody was told");
	if (!wire_has_all() && told)
		command_wrong(c, k, "the links did go back");
}

/** Whoever died: what is there is no recording, or whole, or says that it is not. */
static void check_honest(unsigned k)
{
	struct netlab_err err = { 0 };
	struct record_dir d;
	int r = entries() <= 0 ? -ENOENT : record_dir_open(place(), &d, &err);

	if (r == 0)
		record_dir_deinit(&d);
	else if (r != -ENODATA && r != -ENOENT)
		fail_msg("after a murder at operation %u ('%s'): %s", k, failed_op(), err.message);
}

/** The link was given back at the second try. */
static bool may_be_mended(const struct command *c)
{
	(void)c;
	return true; /* check_stopped() looks */
}

/** The wire's observer of a handover that is over may go on hearing more than it needs. */
static bool is_spare(const struct command *c)
{
	(void)c;
	return strcmp(failed_op(), "packet filter") == 0;
}

static const struct command_case starting = {
	.line = "record start @/record %",
	.undo = { "record stop %" },
	.check = check_no_place,
	.check_murder = check_honest,
	.clean = clean,
	.may_survive = is_spare,
};
static const struct command_case starting_there = {
	.line = "record start @/record %",
	.undo = { "record stop %" },
	.check = check_empty_place,
	.clean = clean_and_make,
	.may_survive = is_spare,
	.error = EMFILE,
};
static const struct command_case stopping = {
	.line = "record stop %",
	.ready = { "record start @/record %", "exec %:a -- ping -nqc2 -i0.01 b" },
	.undo = { "record stop %" },
	.check = check_stopped,
	.check_murder = check_honest,
	.clean = clean,
	.may_survive = may_be_mended,
};

static void test_requests(void **state)
{
	struct snapshot *before = lab_begin();

	(void)state;
	sweep_command(&starting);
	clean_and_make();
	sweep_command(&starting_there);
	clean();
	sweep_command(&stopping);
	lab_end(before);
}

static void test_murders(void **state)
{
	struct snapshot *before = lab_begin();

	(void)state;
	for (enum command_victim v = 0; v < COMMAND_VICTIMS; v++) {
		murder_command(&starting, v, before);
		murder_command(&stopping, v, before);
	}
	lab_end(before);
}

/* --- run --record --- */

static const char run_line[] = "run --record @/record --name % @/lab.json -- true";

/** How many operations it takes, but for those that come when it has ended. */
static unsigned count_run(const struct snapshot *before)
{
	unsigned n;

	arm(0, 0);
	must_command(run_line);
	n = operations();
	check_honest(0);
	clean();
	nothing_left(before, 0);
	return n;
}

/** What it says is true, and what it left is a recording, or says that it is none. */
static void check_run(const struct command *c, unsigned k)
{
	struct netlab_err err = { 0 };
	struct record_dir d;
	int r;

	/* the wire does with fewer threads and an observer that hears more; a run directory is removed under its own name, too;
	   whether the lab runs still may be found out by asking it */
	bool may_survive = strncmp(failed_op(), "packet ", 7) == 0 ||
			   strcmp(failed_op(), "rename") == 0 || strcmp(failed_op(), "open") == 0;

	if (c->code != 125 && (c->code != 0 || !may_survive))
		command_wrong(c, k, "this is not its exit code");
	if (c->code != 0 && !strstr(c->err, strerror(failed_with())))
		command_wrong(c, k, "the message does not give the cause");
	if (c->code == 0 && entries() < 0)
		command_wrong(c, k, "there is no recording");
	if (entries() < 0)
		return;
	r = record_dir_open(place(), &d, &err);
	if (r == 0)
		record_dir_deinit(&d);
	else if (r != -ENODATA || c->code == 0)
		command_wrong(c, k, err.message);
}

static void test_run(void **state)
{
	struct snapshot *before;
	unsigned n, k;
	double start = seconds();

	(void)state;
	write_topology();
	before = snapshot_take(world_dir);
	n = count_run(before);
	for (k = failing_first; k <= n; k += failing_step) {
		struct command did;

		arm(k, ENOMEM);
		command(&did, run_line);
		if (disarm())
			check_run(&did, k);
		clean();
		nothing_left(before, k);
	}
	print_message("run --record: %u operations: %.1f s\n", n, seconds() - start);
	snapshot_free(before);
}

enum { MURDER_EVERY = 3 }; /* operations */

/** The lab goes with its command line, whoever dies. */
static void murder_run(int how, const struct snapshot *before)
{
	unsigned n = count_run(before), k;
	double start = seconds();

	for (k = failing_first; k <= n; k += failing_step * MURDER_EVERY) {
		struct command did;

		arm(k, how);
		command(&did, run_line);
		(void)disarm();
		must_go_down(); /* a later command sweeps what a dead caller could not */
		check_honest(k);
		clean();
		nothing_left(before, k);
	}
	print_message("run --record: %s killed at one in %d of %u operations: %.1f s\n",
		      how == FAILING_DIES ? "whoever acts" : "the command line", MURDER_EVERY, n,
		      seconds() - start);
}

static void test_run_murders(void **state)
{
	struct snapshot *before;

	(void)state;
	write_topology();
	before = snapshot_take(world_dir);
	murder_run(FAILING_DIES, before);
	murder_run(FAILING_KILLS, before);
	snapshot_free(before);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_murders),
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_run_murders),
	};

	return failing_run(topology, tests, sizeof(tests) / sizeof(tests[0]));
}
