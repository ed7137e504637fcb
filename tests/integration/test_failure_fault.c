/* SPDX-License-Identifier: MIT */
/*
 * The k-th system operation of `fault add` and `fault rm` fails, or somebody dies there, for every k there is: the rules are as the
 * command says, links are joined as they were, and packets pass.
 *
 * netlab-test: timeout=600 host heavy long
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support/failing_command.h"
#include "support/failing_lab.h"

/* one link is joined by the kernel, one by the wire */
static const char topology[] =
	"{ \"nodes\": { \"a\": {}, \"b\": {} },"
	"  \"links\": [ { \"name\": \"plain\", \"endpoints\": [ \"a\", \"b\" ] },"
	"  { \"name\": \"far\", \"endpoints\": [ \"a\", \"b\" ], \"join\": \"wire\", \"delay\": \"1ms\" } ] }";

static size_t rules(void)
{
	struct netlab_err err = { 0 };
	json_t *list = NULL;
	size_t n;

	if (lab_faults(failing_state_dir, failing_topo->name, &list, &err) < 0)
		fail_msg("fault ls: %s", err.message);
	n = json_array_size(list);
	json_decref(list);
	return n;
}

static void check_added(const struct command *c, unsigned k)
{
	if (rules() != (c->code == 0))
		command_wrong(c, k, "the rules are not as it says");
}

static void check_removed(const struct command *c, unsigned k)
{
	if (rules() != (c->code != 0))
		command_wrong(c, k, "the rules are not as it says");
}

/** The wire's observer of a handover that is over may go on hearing more than it needs. */
static bool is_spare(const struct command *c)
{
	(void)c;
	return strcmp(failed_op(), "packet filter") == 0;
}

static const struct command_case faults[] = {
	{ .line = "fault add %:plain --match icmp --nth 99 --do drop",
	  .undo = { "fault rm --all %" },
	  .check = check_added,
	  .may_survive = is_spare,
	  .every = 2 },
	{ .line = "fault add %:far --match icmp --nth 99 --do drop",
	  .undo = { "fault rm --all %" },
	  .check = check_added,
	  .may_survive = is_spare,
	  .every = 4 },
	{ .line = "fault rm --all %",
	  .ready = { "fault add %:plain --match icmp --nth 99 --do drop" },
	  .undo = { "fault rm --all %" },
	  .check = check_removed,
	  .may_survive = is_spare,
	  .every = 4 },
	{ .line = "fault rm --all %",
	  .ready = { "fault add %:far --match icmp --nth 99 --do drop" },
	  .undo = { "fault rm --all %" },
	  .check = check_removed,
	  .may_survive = is_spare,
	  .every = 4 },
};

static void test_failures(void **state)
{
	struct snapshot *before = lab_begin();

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sweep_command(&faults[i]);
	lab_end(before);
}

static void test_murders(void **state)
{
	struct snapshot *before = lab_begin();

	(void)state;
	murder_commands(faults, sizeof(faults) / sizeof(faults[0]), before);
	lab_end(before);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_murders),
	};

	return failing_run(topology, tests, sizeof(tests) / sizeof(tests[0]));
}
