/* SPDX-License-Identifier: MIT */
/*
 * At operations of what changes a running lab somebody is killed: whoever acts, the command line or the supervisor. The lab is as
 * before, or it is gone, and nothing of it is left.
 *
 * netlab-test: timeout=600 host heavy long
 */
#include <stdlib.h>

#include "support/failing_command.h"
#include "support/failing_lab.h"

/* one link is joined by the kernel, one by the wire */
static const char topology[] =
	"{ \"nodes\": { \"a\": { \"services\": ["
	"    { \"name\": \"one\", \"run\": [ \"sleep\", \"600\" ] },"
	"    { \"name\": \"two\", \"run\": [ \"sleep\", \"600\" ], \"after\": [ \"one\" ] } ] }, \"b\": {} },"
	"  \"links\": [ { \"name\": \"plain\", \"endpoints\": [ \"a\", \"b\" ] },"
	"  { \"name\": \"far\", \"endpoints\": [ \"a\", \"b\" ], \"join\": \"wire\", \"delay\": \"1ms\" } ] }";

/* their failures are swept elsewhere: failure_change, failure_node, failure_restart */
static const struct command_case others[] = {
	{ .line = "service stop %:a/one", .undo = { "service start %:a", "restart %:a" } },
	{ .line = "service start %:a/one",
	  .ready = { "service stop %:a/one" },
	  .undo = { "service start %:a", "restart %:a" } },
	{ .line = "service restart %:a", .undo = { "restart %:a" }, .every = 4 },
	{ .line = "kill %:a", .undo = { "restart %:a" }, .every = 2 },
	{ .line = "restart %:a", .undo = { "restart %:a" }, .every = 29 },
	{ .line = "exec %:b -- true", .every = 3 },
	{ .line = "link set %:plain rate=100mbit aqm=codel",
	  .undo = { "link clear %:plain" },
	  .every = 4 },
};
static const struct command_case freezing[] = {
	{ .line = "freeze %:a", .undo = { "thaw %:a" } },
	{ .line = "thaw %:a", .ready = { "freeze %:a" }, .undo = { "thaw %:a" } },
};

static void test_murders(void **state)
{
	struct snapshot *before = lab_begin();

	(void)state;
	murder_commands(others, sizeof(others) / sizeof(others[0]), before);
	if (failing_limited)
		murder_commands(freezing, sizeof(freezing) / sizeof(freezing[0]), before);
	lab_end(before);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_murders),
	};

	return failing_run(topology, tests, sizeof(tests) / sizeof(tests[0]));
}
