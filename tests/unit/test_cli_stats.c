/* SPDX-License-Identifier: MIT */
/* stats, and what run makes of the statistics: tables, rates, --watch, --stats, --strict, against a fake lab. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/counters.h"
#include "cli/describe.h"
#include "cli/stats.h"
#include "support/fake_lab.h"

/* A document of one link and direction. */
#define ONE_LINK(members)                                                      \
	"{\"wire\": {\"restarts\": 0}, \"links\": {\"bottleneck\": {\"->\": {" \
	"\"offered\": 1000, \"delivered\": 1000, " members "}}}}"

static json_t *parse(const char *text)
{
	json_error_t where;
	json_t *doc = json_loads(text, JSON_DISABLE_EOF_CHECK, &where);

	if (!doc)
		fail_msg("no JSON (%s): %s", where.text, text);
	return doc;
}

/* --- the pure parts --- */

static void test_describe(void **state)
{
	static const struct {
		uint64_t n;
		const char *count, *bytes;
	} cases[] = {
		{ 0, "0", "0 B" },
		{ 999, "999", "999 B" },
		{ 1000, "1,000", "1.00 kB" },
		{ 12345, "12,345", "12.3 kB" },
		{ 999499, "999,499", "999 kB" },
		{ 999500, "999,500", "1.00 MB" },
		{ 1234567, "1,234,567", "1.23 MB" },
		{ UINT64_MAX, "18,446,744,073,709,551,615", "18.4 EB" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_buf_ struct buf count = { 0 }, bytes = { 0 };

		cli_describe_count(&count, cases[i].n);
		cli_describe_bytes(&bytes, cases[i].n);
		assert_string_equal(buf_text(&count), cases[i].count);
		assert_string_equal(buf_text(&bytes), cases[i].bytes);
	}
}

/* Shares are said as such, also those that JSON has as the integers 0 and 1. */
static void test_describe_shares(void **state)
{
	_cleanup_buf_ struct buf b = { 0 };
	json_t *asked = parse(
		"{\"loss\": {\"random\": 1}, \"corrupt\": 0, \"duplicate\": 0.25, \"reorder\": 1.0, \"gap\": 1, \"seed\": 1}");

	(void)state;
	cli_describe_impairment(&b, asked);
	assert_string_equal(buf_text(&b),
			    "loss 100% corrupt 0% duplicate 25% reorder 100% gap 1 seed 1");
	json_decref(asked);
	buf_deinit(&b);
	asked = parse(
		"{\"loss\": {\"burst\": {\"rate\": 0.5, \"length\": 1.0}}, \"rate_bps\": 1000}");
	cli_describe_impairment(&b, asked);
	assert_string_equal(buf_text(&b), "loss burst (rate 50% length 1) rate 1kbit");
	json_decref(asked);
}

static void test_rates(void **state)
{
	struct counters before = { .n = { [COUNT_DELIVERED] = 100,
					  [COUNT_BYTES_DELIVERED] = 150000,
					  [COUNT_LOSS] = 1 },
				   .known = UINT32_MAX };
	struct counters now = { .n = { [COUNT_DELIVERED] = 300,
				       [COUNT_BYTES_DELIVERED] = 450000,
				       [COUNT_LOSS] = 2,
				       [COUNT_HOST] = 3 },
				.known = UINT32_MAX };
	struct counter_rates r;

	(void)state;
	assert_true(counters_rates(&now, &before, 2, &r));
	assert_true(r.packets_per_s == 100);
	assert_true(r.bps == 1200000);
	assert_true(r.dropped_per_s == 2);
	/* no time, and counters that began anew */
	assert_false(counters_rates(&now, &before, 0, &r));
	assert_false(counters_rates(&before, &now, 2, &r));
	now.known = 0;
	assert_false(counters_rates(&now, &before, 2, &r));
}

static void test_lateness_bound(void **state)
{
	(void)state;
	assert_true(stats_lateness_bound_us(0) == 1000);
	assert_true(stats_lateness_bound_us(20000) == 1000);
	assert_true(stats_lateness_bound_us(100000) == 5000);
}

static const char links[] = "{\"bottleneck\": {\"endpoints\": [\"r1:eth1\", \"web:eth0\"],"
			    " \"->\": {\"delay_ns\": 100000000}, \"<-\": {}}}";

static void test_judge(void **state)
{
	static const struct {
		const char *stats, *why;
	} cases[] = {
		{ ONE_LINK(
			  "\"dropped_host\": 0, \"lateness_us\": {\"p50\": 9, \"p99\": 5000, \"max\": 9e6}"),
		  "" },
		{ ONE_LINK(
			  "\"dropped_host\": 0, \"lateness_us\": {\"p50\": 9, \"p99\": 5001, \"max\": 9e6}"),
		  "link 'bottleneck' from 'r1' to 'web': the slowest hundredth of the packets left 5.00 ms late or "
		  "more; 5.00 ms (5 % of the delay) is the bound\n" },
		{ ONE_LINK("\"dropped_host\": 1234, \"lateness_us\": null"),
		  "link 'bottleneck' from 'r1' to 'web': the host lost 1,234 of 1,000 packets\n" },
		{ ONE_LINK("\"dropped_loss\": 500, \"dropped_host\": null, \"lateness_us\": null"),
		  "" },
		/* one packet in a hundredth of few is bad luck */
		{ "{\"links\": {\"bottleneck\": {\"<-\": {\"delivered\": 99,"
		  " \"lateness_us\": {\"p50\": 1000, \"p99\": 4000, \"max\": 4000}}}}}",
		  "" },
		{ "{\"links\": {\"bottleneck\": {\"<-\": {\"delivered\": 99,"
		  " \"lateness_us\": {\"p50\": 1010, \"p99\": 4000, \"max\": 4000}}}}}",
		  "link 'bottleneck' from 'web' to 'r1': the slowest half of the packets left 1.01 ms late or more; "
		  "1.00 ms is the bound\n" },
		{ "{\"wire\": {\"restarts\": 2}, \"links\": {}}",
		  "the wire died and was started again 2 times: the packets that it held are lost\n" },
	};
	json_t *shown = parse(links);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_buf_ struct buf b = { 0 };
		json_t *stats = parse(cases[i].stats);

		assert_int_equal(stats_judge(&b, stats, shown), cases[i].why[0] ? 1 : 0);
		assert_string_equal(buf_text(&b), cases[i].why);
		json_decref(stats);
	}
	json_decref(shown);
}

/* --- stats --- */

static void test_stats(void **state)
{
	_cleanup_answer_ struct cli_answer a = fake_cli("stats", "dumbbell", NULL);

	(void)state;
	assert_int_equal(a.code, 0);
	assert_string_equal(
		a.out,
		"LINK        JOIN   FROM    TO        OFFERED  DELIVERED  DROPPED  CAUSE               AL"
		"SO                           QUEUED    BYTES  LATE US (P50/P99/MAX)\n"
		"client--r1  patch  client  r1             10         10        0  -                   - "
		"                                  0    840 B                      -\n"
		"                   r1      client          0          0        0  -                   - "
		"                                  0      0 B                      -\n"
		"bottleneck  wire   r1      web     1,234,567  1,234,000      570  loss 500, queue 70  du"
		"plicated 15, reordered 2     12/100  1.85 GB              21/80/312\n"
		"                   web     r1              0          0        0  -                   - "
		"                          0/64.0 kB      0 B                  0/0/0\n"
		"all links                          1,234,577  1,234,010      570  loss 500, queue 70  du"
		"plicated 15, reordered 2         12  1.85 GB              21/80/312\n");
	assert_string_equal(a.err, "");
}

static void test_stats_json(void **state)
{
	_cleanup_answer_ struct cli_answer a = fake_cli("stats", "--json", "dumbbell", NULL);
	_cleanup_answer_ struct cli_answer one = fake_cli("stats", "--json", "dumbbell:bottleneck",
							  NULL);
	json_t *doc = parse(a.out), *dir, *only = parse(one.out);

	(void)state;
	assert_int_equal(a.code, 0);
	assert_int_equal(json_object_size(json_object_get(doc, "links")), 2);
	dir = json_object_get(json_object_get(json_object_get(doc, "links"), "bottleneck"), "->");
	assert_int_equal(json_integer_value(json_object_get(dir, "offered")), 1234567);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(dir, "lateness_us"), "p50")),
		21);
	assert_null(json_object_get(dir, "rates"));
	assert_int_equal(json_object_size(json_object_get(only, "links")), 1);
	json_decref(doc);
	json_decref(only);
}

static void test_stats_one_link(void **state)
{
	_cleanup_answer_ struct cli_answer a = fake_cli("stats", "dumbbell", "client--r1", NULL);

	(void)state;
	assert_int_equal(a.code, 0);
	assert_contains(a.out, "client--r1  patch  client");
	assert_null(strstr(a.out, "bottleneck"));
	assert_null(strstr(a.out, "all links"));
}

static void test_stats_wrong(void **state)
{
	static const struct {
		const char *args[4];
		int code;
		const char *err;
	} cases[] = {
		{ { "dumbbell", "bottelneck" },
		  1,
		  "netlab: lab 'dumbbell' has no link 'bottelneck' (did you mean 'bottleneck'?)\n" },
		{ { "dumbell" },
		  1,
		  "netlab: lab 'dumbell' is not running (did you mean 'dumbbell'?)\n" },
		{ { "dumbbell", "--interval", "2s" },
		  2,
		  "netlab: stats: --interval needs --watch\n" },
		{ { "dumbbell", "--watch", "--interval", "2" },
		  2,
		  "netlab: stats: --interval '2' is no time: " },
		{ { "dumbbell", "--watch", "--interval", "9ms" },
		  2,
		  "netlab: stats: --interval '9ms' is shorter than 10ms\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *const *args = cases[i].args;
		_cleanup_answer_ struct cli_answer a = fake_cli(
			"stats", args[0], args[1], args[1] ? args[2] : NULL,
			args[1] && args[2] ? args[3] : NULL, NULL);

		assert_int_equal(a.code, cases[i].code);
		assert_string_equal(a.out, "");
		assert_int_equal(strncmp(a.err, cases[i].err, strlen(cases[i].err)), 0);
	}
	{
		_cleanup_answer_ struct cli_answer a = { 0 };

		fake_lab.fail = "stats";
		a = fake_cli("stats", "dumbbell", "--json", NULL);
		assert_int_equal(a.code, 1);
		assert_string_equal(a.err, "netlab: the fake fails\n");
		assert_contains(a.out, "\"error\"");
	}
}

#define BUSY(delivered, bytes)                                                                 \
	"{\"links\": {\"bottleneck\": {\"join\": \"wire\", \"->\": {\"delivered\": " delivered \
	", \"bytes_delivered\": " bytes "}}}}"

static void test_watch(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };
	size_t blocks = 0;

	(void)state;
	fake_lab.stats[0] = BUSY("10", "840");
	fake_lab.stats[1] = BUSY("1000010", "840");
	fake_lab.waits = 2;
	a = fake_cli("stats", "dumbbell", "--watch", "--interval", "10ms", NULL);
	assert_int_equal(a.code, 0);
	assert_string_equal(a.err, "");
	/* blocks with an empty line after each; no escape sequences into a pipe */
	assert_null(strchr(a.out, '\033'));
	for (const char *p = a.out; (p = strstr(p, "lab 'dumbbell', ")) != NULL; p++)
		blocks++;
	assert_int_equal(blocks, 3);
	assert_int_equal(strncmp(a.out,
				 "lab 'dumbbell', 0.0 s\nLINK        JOIN  FROM  TO   PKT/S  "
				 "MBIT/S  DROP/S  OFFERED",
				 80),
			 0);
	assert_contains(a.out, "bottleneck  wire  r1    web      -       -       -        -");
	assert_string_equal(a.out + strlen(a.out) - 2, "\n\n");
	assert_int_equal(fake_lab.looks, 3);
}

static void test_watch_json(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };
	json_t *first, *second, *rates;
	const char *line;

	(void)state;
	fake_lab.stats[0] = BUSY("10", "840");
	fake_lab.stats[1] = BUSY("1000010", "840");
	fake_lab.waits = 1;
	a = fake_cli_terminal("stats", "dumbbell", "--watch", "--json", NULL);
	assert_int_equal(a.code, 0);
	assert_null(strchr(a.out, '\033'));
	line = strchr(a.out, '\n');
	assert_non_null(line);
	first = parse(a.out);
	second = parse(line + 1);
	rates = json_object_get(
		json_object_get(json_object_get(json_object_get(first, "links"), "bottleneck"),
				"->"),
		"rates");
	assert_true(json_is_null(rates));
	rates = json_object_get(
		json_object_get(json_object_get(json_object_get(second, "links"), "bottleneck"),
				"->"),
		"rates");
	assert_true(json_real_value(json_object_get(rates, "delivered_per_s")) > 1000);
	assert_true(json_real_value(json_object_get(rates, "delivered_bps")) == 0);
	assert_true(json_real_value(json_object_get(second, "elapsed_s")) >
		    json_real_value(json_object_get(first, "elapsed_s")));
	json_decref(first);
	json_decref(second);
}

static void test_watch_terminal(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };
	size_t len;

	(void)state;
	fake_lab.waits = 1;
	a = fake_cli_terminal("stats", "dumbbell", "--watch", NULL);
	assert_int_equal(a.code, 0);
	/* a screen of its own, and at the end the old one */
	assert_int_equal(strncmp(a.out, "\033[?1049h\033[?25l\033[H\033[Jlab ", 24), 0);
	len = strlen(a.out);
	assert_true(len > 14);
	assert_string_equal(a.out + len - 14, "\033[?25h\033[?1049l");
	cli_answer_deinit(&a);
	fake_lab.waits = 0;
	fake_lab.signo = 15;
	a = fake_cli_terminal("stats", "dumbbell", "--watch", NULL);
	assert_int_equal(a.code, 128 + 15);
	assert_contains(a.out, "\033[?1049l");
}

static void test_watch_ends(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	fake_lab.waits = 5;
	fake_lab.ends_after_looks = 2;
	a = fake_cli("stats", "dumbbell", "--watch", NULL);
	assert_int_equal(a.code, 0);
	assert_string_equal(a.err, "netlab: lab 'dumbbell' has ended\n");
	assert_int_equal(fake_lab.looks, 3);
}

/* --- run --- */

#define HOST_LOSS \
	ONE_LINK("\"dropped_host\": 3, \"lateness_us\": {\"p50\": 9, \"p99\": 50, \"max\": 90}")

static void run_with(struct cli_answer *a, const char *stats, int status, const char *option,
		     const char *value)
{
	fake_lab_reset();
	fake_lab.running[2] = "two";
	fake_lab.status = status;
	if (stats)
		fake_lab.stats[0] = stats;
	cli_answer_deinit(a);
	*a = option ? fake_cli_input(two_hosts, "run", "-", option, value ? value : "-q", "--",
				     "cmd", NULL)
		    : fake_cli_input(two_hosts, "run", "-", "--", "cmd", NULL);
	/* whatever they say, the lab is taken down */
	assert_contains(buf_text(&fake_lab.calls), "down two in /fake\n");
}

static void test_run_strict(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	run_with(&a, NULL, 0, "--strict", NULL);
	assert_int_equal(a.code, 0);
	assert_string_equal(a.err, "");

	run_with(&a, HOST_LOSS, 0, "--strict", NULL);
	assert_int_equal(a.code, 6);
	assert_contains(
		a.err,
		"netlab: link 'bottleneck' from 'r1' to 'web': the host lost 3 of 1,000 packets\n"
		"netlab: lab 'two': this run cannot be trusted: the host was too slow to keep what the links "
		"promise (");
	assert_contains(a.err, "'netlab doctor'");

	/* the command's own failure comes first; that the host was slow is said all the same */
	run_with(&a, HOST_LOSS, 42, "--strict", NULL);
	assert_int_equal(a.code, 42);
	assert_contains(a.err, "the host lost 3 of 1,000 packets");

	/* what cannot be looked at cannot be vouched for */
	run_with(&a, "{", 0, "--strict", NULL);
	assert_int_equal(a.code, 125);
	assert_contains(a.err, "the fake has no JSON of statistics");
}

static void test_run_warns(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };

	(void)state;
	run_with(&a, HOST_LOSS, 0, NULL, NULL);
	assert_int_equal(a.code, 0);
	assert_contains(
		a.err,
		"netlab: warning: the host was too slow and lost 3 packets, most of them of link 'bottleneck'");
	run_with(&a, NULL, 0, NULL, NULL);
	assert_string_equal(a.err, "netlab: lab 'two', seed 7\n");
	/* nobody asked for them */
	run_with(&a, "{", 0, NULL, NULL);
	assert_int_equal(a.code, 0);
	assert_string_equal(a.err, "netlab: lab 'two', seed 7\n");
	run_with(&a, NULL, 0, "-v", NULL);
	assert_contains(a.err, "bottleneck  wire");
}

static void test_run_stats(void **state)
{
	_cleanup_answer_ struct cli_answer a = { 0 };
	char path[] = "/tmp/netlab-test-XXXXXX";
	int fd = mkstemp(path);
	json_t *doc;
	char data[8192];
	ssize_t n;

	(void)state;
	assert_true(fd >= 0);
	run_with(&a, NULL, 0, "--stats", path);
	assert_int_equal(a.code, 0);
	n = read(fd, data, sizeof(data) - 1);
	assert_true(n > 0);
	data[n] = '\0';
	doc = parse(data);
	assert_int_equal(json_object_size(json_object_get(doc, "links")), 2);
	json_decref(doc);
	(void)close(fd);
	(void)unlink(path);

	run_with(&a, NULL, 0, "--stats", "-");
	doc = parse(a.out);
	json_decref(doc);

	run_with(&a, NULL, 0, "--stats", "/dev/full");
	assert_int_equal(a.code, 125);
	assert_contains(a.err, "--stats: writing '/dev/full': No space left on device");

	/* told before anything is started */
	fake_lab_reset();
	cli_answer_deinit(&a);
	a = fake_cli_input(two_hosts, "run", "-", "--stats", "/nonexistent/x", "--", "cmd", NULL);
	assert_int_equal(a.code, 125);
	assert_string_equal(
		a.err, "netlab: --stats: opening '/nonexistent/x': No such file or directory\n");
	assert_null(strstr(buf_text(&fake_lab.calls), "up "));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, fake_lab_setup, fake_lab_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_describe),
		cmocka_unit_test(test_describe_shares),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_lateness_bound),
		cmocka_unit_test(test_judge),
		TEST(stats),
		TEST(stats_json),
		TEST(stats_one_link),
		TEST(stats_wrong),
		TEST(watch),
		TEST(watch_json),
		TEST(watch_terminal),
		TEST(watch_ends),
		TEST(run_strict),
		TEST(run_warns),
		TEST(run_stats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
