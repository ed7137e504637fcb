/* SPDX-License-Identifier: MIT */
/* ls, ps, show, logs: what there is to see of running labs; what run says of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "support/fake_lab.h"

/* --- ls, ps, show, logs --- */

static const char limited_show[] =
	"{\"name\": \"dumbbell\", \"seed\": 42, \"engine\": \"netem\", \"links\": {}, \"nodes\": {"
	" \"a\": {\"kind\": \"host\", \"state\": \"frozen\", \"pid\": 1, \"interfaces\": [],"
	"   \"limits\": {\"memory_bytes\": 67108864, \"cpu\": 0.5, \"pids\": 64},"
	"   \"usage\": {\"memory_bytes\": 13500000, \"memory_peak_bytes\": 67108864, \"oom_kills\": 2,"
	"     \"cpu_s\": 1.25, \"cpu_throttled_s\": 0.5, \"pids\": 3, \"pids_peak\": 64, \"pids_refused\": 7}},"
	" \"b\": {\"kind\": \"host\", \"state\": \"running\", \"pid\": 2, \"interfaces\": [], \"limits\": {},"
	"   \"usage\": {\"memory_bytes\": 1048576, \"memory_peak_bytes\": null, \"oom_kills\": 0, \"cpu_s\": null,"
	"     \"cpu_throttled_s\": null, \"pids\": 1, \"pids_peak\": null, \"pids_refused\": null}},"
	" \"c\": {\"kind\": \"host\", \"state\": \"running\", \"pid\": 3, \"interfaces\": []}}}";

static void test_usage(void **state)
{
	static const char table[] =
		"\n"
		"LIMITED         MEMORY     PEAK  OOM KILLS  CPU TIME  CPUS  PIDS  PEAK  REFUSED\n"
		"a        12.9mib/64mib  64.0mib          2    1.250s   0.5  3/64    64        7\n"
		"b               1.0mib        -          0         -     -     1     -        -\n";
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	fake_lab.show = limited_show;
	a = fake_cli("show", "dumbbell", NULL);
	assert_contains(a.out, "a     host  frozen     1");
	assert_contains(a.out, table);
	cli_answer_deinit(&a);
	a = fake_cli("ps", "dumbbell", NULL);
	assert_int_equal(a.code, 0);
	assert_contains(a.out, table);
}

/* `run` says whose memory ran out: where a limit of memory is asked, and only there. */
static void test_run_out_of_memory(void **state)
{
	static const char with[] =
		"{\"name\": \"dumbbell\", \"nodes\": {\"a\": {\"limits\": {\"memory\": \"64mib\"}}, \"b\": {}, \"c\": {}}}";
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	fake_lab.show = limited_show;
	a = fake_cli_input(with, "run", "-", "--", "true", NULL);
	assert_int_equal(a.code, 0);
	assert_contains(
		a.err,
		"netlab: node 'a' ran out of memory (its limit is 64mib): 2 processes were killed\n");
	cli_answer_deinit(&a);
	a = fake_cli_input("{\"name\": \"dumbbell\", \"nodes\": {\"a\": {}}}", "run", "-", "--",
			   "true", NULL);
	assert_null(strstr(a.err, "memory"));
}

static void test_ls(void **state)
{
	_cleanup_answer_ struct cli_answer a = fake_cli("ls", NULL),
					   json = fake_cli("ls", "--json", NULL);
	json_t *doc = answer_json(&json);

	(void)state;
	assert_string_equal(a.out, "NAME      NODES  LINKS  ENGINE  STATE   PID  UPTIME\n"
				   "dumbbell      5      4  netem   up     4711  2 min 5 s\n"
				   "ring          5      4  netem   up     4711  2 min 5 s\n");
	assert_int_equal(json_array_size(doc), 2);
	assert_int_equal(json_object_size(json_array_get(doc, 0)), 8);
	json_decref(doc);
	fake_lab.running[0] = NULL;
	cli_answer_deinit(&json);
	json = fake_cli("ls", "--json", NULL);
	assert_string_equal(json.out, "[]\n");
	cli_answer_deinit(&json);
	fake_lab.fail = "names";
	json = fake_cli("ls", "--json", NULL);
	assert_int_equal(json.code, 1);
}

static void test_ls_color(void **state)
{
	_cleanup_answer_ struct cli_answer a = fake_cli_terminal("ls", NULL);

	(void)state;
	assert_true(strncmp(a.out, "\033[1mNAME", 8) == 0);
	cli_answer_deinit(&a);
	(void)setenv("NO_COLOR", "1", 1);
	a = fake_cli_terminal("ls", NULL);
	assert_null(strchr(a.out, '\033'));
	cli_answer_deinit(&a);
	a = fake_cli("ls", "--color", "always", NULL);
	assert_non_null(strchr(a.out, '\033'));
	cli_answer_deinit(&a);
	(void)unsetenv("NO_COLOR");
	a = fake_cli_terminal("--color=never", "ls", NULL);
	assert_null(strchr(a.out, '\033'));
}

static void test_ps(void **state)
{
	_cleanup_answer_ struct cli_answer a = fake_cli("ps", "ring", NULL);

	(void)state;
	assert_int_equal(a.code, 0);
	/* a command's own bytes do not steer the terminal */
	assert_string_equal(a.out, "NODE   PID  PPID  USER  STATE  COMMAND\n"
				   "web   5000  4711  root  S      http \\x1b[31m server\n");
	cli_answer_deinit(&a);
	a = fake_cli("ps", "rong", NULL);
	assert_int_equal(a.code, 1);
	assert_string_equal(a.err, "netlab: lab 'rong' is not running (did you mean 'ring'?)\n");
}

/* A topology's file in place of a lab's name: what that is, is told. */
static void test_file_for_name(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };
	char path[] = "/tmp/netlab-test-XXXXXX.json", told[128];
	static const char text[] = "{\"name\": \"ring\"}";
	int fd = mkstemps(path, 5);

	(void)state;
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
	(void)snprintf(told, sizeof(told), "netlab: '%s' is no name of a lab: ", path);
	/* of one lab or of several */
	for (int i = 0; i < 2; i++) {
		cli_answer_deinit(&a);
		a = fake_cli("show", path, NULL);
		assert_int_equal(a.code, 2);
		assert_contains(a.err, told);
		assert_contains(a.err, "(that is a file; the lab in it is 'ring')\n");
		fake_lab.running[1] = NULL;
	}
	(void)unlink(path);
	cli_answer_deinit(&a);
	a = fake_cli("ps", "nope.json", NULL);
	assert_int_equal(a.code, 1);
	assert_string_equal(a.err, "netlab: lab 'nope.json' is not running (a lab is named here, "
				   "not a file: see 'netlab ls')\n");
}

static void test_show(void **state)
{
	_cleanup_answer_ struct cli_answer a = fake_cli("show", "dumbbell", NULL);

	(void)state;
	assert_int_equal(a.code, 0);
	assert_string_equal(
		a.out,
		"lab 'dumbbell', engine netem, seed 42\n"
		"\n"
		"NODE    KIND    STATE    PID  INTERFACE  MAC                LINK        ADDRESSES\n"
		"client  host    running  101  eth0       02:00:00:00:00:01  client--r1  10.0.0.0/31 fd00::/127\n"
		"r1      router  dead     102  eth0       02:00:00:00:00:02  client--r1  -\n"
		"                              eth1       02:00:00:00:00:03  bottleneck  -\n"
		"web     host    running  103  -          -                  -           -\n"
		"\n"
		"SERVICE   STATE    PID IN NODE  RESTARTS  LAST EXIT\n"
		"r1/bgp    running            -         -          -\n"
		"r1/ospf   running            -         -          -\n"
		"web/http  exited             -         -          3\n"
		"\n"
		"LINK        JOIN    MTU  FROM         TO           ASKED               IN FORCE\n"
		"client--r1  patch  1500  client:eth0  r1:eth0      -                   -\n"
		"                         r1:eth0      client:eth0  -                   -\n"
		"bottleneck  netem  1400  r1:eth1      web:eth0     delay 20ms loss 1%  "
		"delay 20ms loss 1% limit 1000 packets\n"
		"                         web:eth0     r1:eth1      rate 10mbit         rate 10mbit\n");
}

static void test_show_parts(void **state)
{
	static const struct {
		const char *args[2];
		const char *calls;
		size_t nodes, links;
	} cases[] = {
		{ { "dumbbell", NULL }, "show dumbbell in /fake\n", 3, 2 },
		{ { "dumbbell", "r1" }, "show dumbbell in /fake\n", 1, 2 },
		{ { "dumbbell", "client" }, "show dumbbell in /fake\n", 1, 1 },
		{ { "dumbbell", "bottleneck" }, "show dumbbell in /fake\n", 0, 1 },
		{ { "ring:web", NULL }, "show ring in /fake\n", 1, 1 },
	};
	_cleanup_answer_ struct cli_answer a = { 0 };
	json_t *doc;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_answer_ struct cli_answer part = fake_cli(
			"show", "--json", cases[i].args[0], cases[i].args[1], NULL);

		assert_int_equal(part.code, 0);
		doc = answer_json(&part);
		assert_contains(buf_text(&fake_lab.calls), cases[i].calls);
		assert_int_equal(json_object_size(json_object_get(doc, "nodes")), cases[i].nodes);
		assert_int_equal(json_object_size(json_object_get(doc, "links")), cases[i].links);
		json_decref(doc);
	}
	a = fake_cli("show", "dumbbell", "clinet", NULL);
	assert_int_equal(a.code, 1);
	assert_string_equal(
		a.err,
		"netlab: lab 'dumbbell' has no node or link 'clinet' (did you mean 'client'?)\n");
	cli_answer_deinit(&a);
	a = fake_cli("show", "dumbbell", "client--r2", NULL);
	assert_string_equal(
		a.err,
		"netlab: lab 'dumbbell' has no link 'client--r2' (did you mean 'client--r1'?)\n");
	cli_answer_deinit(&a);
	a = fake_cli("show", NULL);
	assert_int_equal(a.code, 2);

	/* one lab runs: what it is need not be said */
	fake_lab.running[1] = NULL;
	cli_answer_deinit(&a);
	a = fake_cli("show", "bottleneck", NULL);
	assert_int_equal(a.code, 0);
	assert_contains(a.out, "\nbottleneck  netem");
	assert_contains(a.out, "\njoin: the kernel has it\n");
	assert_null(strstr(a.out, "client--r1"));
}

#define STAMP_1 "2026-11-22T05:13:44.123Z "
#define STAMP_2 "2026-11-22T05:13:45.000Z "

static void test_logs(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };
	json_t *doc;

	(void)state;
	/* one service: its bytes as they are */
	fake_lab.log_data[0] = STAMP_1 "hello\n" STAMP_2 "wor\001ld";
	a = fake_cli("logs", "dumbbell:web", NULL);
	assert_int_equal(a.code, 0);
	assert_string_equal(a.out, "hello\nwor\001ld");
	assert_contains(buf_text(&fake_lab.calls), "follow until=0 /fake/dumbbell/log/web/http\n");

	/* and with the times at which it wrote them */
	cli_answer_deinit(&a);
	a = fake_cli("logs", "dumbbell:web", "--times", NULL);
	assert_string_equal(a.out, STAMP_1 "hello\n" STAMP_2 "wor\001ld");

	/* several: a prefix on each line, and a newline where the last one has none */
	fake_lab_reset();
	fake_lab.running[1] = NULL;
	fake_lab.log_data[0] = STAMP_1 "one\n" STAMP_2 "two";
	fake_lab.log_data[1] = STAMP_1 "\n";
	fake_lab.log_data[2] = STAMP_2 "three\n";
	cli_answer_deinit(&a);
	a = fake_cli("logs", NULL);
	assert_string_equal(a.out, "r1/bgp | one\nr1/ospf | \nweb/http | three\nr1/bgp | two\n");
	cli_answer_deinit(&a);
	a = fake_cli("logs", "--times", NULL);
	assert_string_equal(a.out, "r1/bgp | " STAMP_1 "one\nr1/ospf | " STAMP_1
				   "\nweb/http | " STAMP_2 "three\nr1/bgp | " STAMP_2 "two\n");

	fake_lab_reset();
	fake_lab.log_data[0] = STAMP_2 "caf\xe9\n";
	cli_answer_deinit(&a);
	a = fake_cli("logs", "dumbbell:r1/ospf", "-f", "--json", NULL);
	assert_contains(buf_text(&fake_lab.calls),
			"follow until=4711 /fake/dumbbell/log/r1/ospf\n");
	doc = answer_json(&a);
	assert_string_equal(json_string_value(json_object_get(doc, "node")), "r1");
	assert_string_equal(json_string_value(json_object_get(doc, "service")), "ospf");
	assert_string_equal(json_string_value(json_object_get(doc, "time")),
			    "2026-11-22T05:13:45.000Z");
	assert_string_equal(json_string_value(json_object_get(doc, "line")), "caf\xef\xbf\xbd");
	json_decref(doc);
}

#define MISSING "netlab: 5000 bytes are missing here: of a log the last 4 to 8 MiB are kept\n"

/* A log that has lost something while it was read, in the middle of a line, and goes on. */
static void test_logs_gap(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	fake_lab.log_gap = 5000;
	fake_lab.log_data[0] = STAMP_1 "one\n" STAMP_2 "tw";
	a = fake_cli("logs", "dumbbell:web", NULL);
	assert_string_equal(a.out, "one\ntw\n" MISSING "one\ntw");
	cli_answer_deinit(&a);
	a = fake_cli("logs", "dumbbell:r1", NULL);
	assert_string_equal(a.out, "r1/bgp | one\nr1/bgp | tw\nr1/bgp | " MISSING
				   "r1/bgp | one\nr1/bgp | tw\n");
	cli_answer_deinit(&a);
	a = fake_cli("logs", "dumbbell:web", "--json", NULL);
	assert_contains(a.out, "{\"node\":\"web\",\"service\":\"http\",\"missing_bytes\":5000}\n");
}

static void test_logs_unknown(void **state)
{
	static const struct {
		const char *arg, *err;
		int code;
	} cases[] = {
		{ "dumbbell:r1/bpg",
		  "netlab: node 'r1' has no service 'bpg' (did you mean 'r1/bgp'?)\n", 1 },
		{ "dumbbell:client/x", "netlab: node 'client' has no service 'x' (it has none)\n",
		  1 },
		{ "dumbbell:client", "netlab: there are no services in node dumbbell:client\n", 0 },
		{ "dumbbell:wed/http",
		  "netlab: lab 'dumbbell' has no node 'wed' (did you mean 'web'?)\n", 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_answer_ struct cli_answer a = fake_cli("logs", cases[i].arg, NULL);

		assert_int_equal(a.code, cases[i].code);
		assert_string_equal(a.err, cases[i].err);
		assert_string_equal(a.out, "");
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, fake_lab_setup, fake_lab_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(usage),        TEST(run_out_of_memory),
		TEST(ls),           TEST(ls_color),
		TEST(ps),           TEST(show),
		TEST(show_parts),   TEST(file_for_name),
		TEST(logs),         TEST(logs_gap),
		TEST(logs_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
