/* SPDX-License-Identifier: MIT */
/* Quantities as people write them, both ways. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/units.h"

typedef int parse_fn(const char *text, uint64_t *ret, const char **ret_why);

struct good {
	parse_fn *parse;
	const char *text;
	uint64_t value;
};

static const struct good goods[] = {
	{ units_parse_time, "20ms", 20000000 },
	{ units_parse_time, "0ms", 0 },
	{ units_parse_time, "1ns", 1 },
	{ units_parse_time, "1.5us", 1500 },
	{ units_parse_time, "1s", 1000000000 },
	{ units_parse_time, "2m", 120000000000 },
	{ units_parse_time, "1h", 3600000000000 },
	{ units_parse_time, "0.5h", 1800000000000 },
	{ units_parse_time, "0.3ms", 300000 },
	{ units_parse_time, "0.0000005ms", 1 }, /* to the nearest */
	{ units_parse_time, "9223372036854775807ns", INT64_MAX },
	{ units_parse_time, "007ms", 7000000 },
	{ units_parse_time, "1.0000000000000000000000000000001s", 1000000000 },
	{ units_parse_rate, "10mbit", 10000000 },
	{ units_parse_rate, "1bit", 1 },
	{ units_parse_rate, "64kbit", 64000 },
	{ units_parse_rate, "1.5gbit", 1500000000 },
	{ units_parse_rate, "1byte", 8 },
	{ units_parse_rate, "1kbyte", 8000 },
	{ units_parse_rate, "2mbyte", 16000000 },
	{ units_parse_rate, "1gbyte", 8000000000 },
	{ units_parse_rate, "0bit", 0 },
	{ units_parse_size, "1500b", 1500 },
	{ units_parse_size, "2kb", 2000 },
	{ units_parse_size, "64kib", 65536 },
	{ units_parse_size, "1mb", 1000000 },
	{ units_parse_size, "1mib", 1048576 },
	{ units_parse_size, "3gb", 3000000000 },
	{ units_parse_size, "1gib", 1073741824 },
	{ units_parse_size, "0.5kib", 512 },
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(goods); i++) {
		uint64_t value = 99;

		print_message("%s\n", goods[i].text);
		assert_int_equal(goods[i].parse(goods[i].text, &value, NULL), 0);
		assert_int_equal(value, goods[i].value);
	}
}

struct bad {
	parse_fn *parse;
	const char *text;
	int code;
	const char *why; /* part of what is said */
};

static const struct bad bads[] = {
	{ units_parse_time, "", -EINVAL, "number and a unit" },
	{ units_parse_time, "20", -EINVAL, "write \"20ms\"" },
	{ units_parse_time, "20.5", -EINVAL, "needs a unit" },
	{ units_parse_time, "ms", -EINVAL, "number and a unit" },
	{ units_parse_time, "-1ms", -EINVAL, "number and a unit" },
	{ units_parse_time, "+1ms", -EINVAL, "number and a unit" },
	{ units_parse_time, " 1ms", -EINVAL, "number and a unit" },
	{ units_parse_time, "1 ms", -EINVAL, "number and a unit" },
	{ units_parse_time, "1ms ", -EINVAL, "units of time" },
	{ units_parse_time, "1.ms", -EINVAL, "number and a unit" },
	{ units_parse_time, ".5ms", -EINVAL, "number and a unit" },
	{ units_parse_time, "1e3ms", -EINVAL, "units of time" },
	{ units_parse_time, "0x10ms", -EINVAL, "units of time" },
	{ units_parse_time, "1MS", -EINVAL, "lower case" },
	{ units_parse_time, "1.5.5ms", -EINVAL, "units of time" },
	{ units_parse_time, "nan", -EINVAL, "number and a unit" },
	{ units_parse_time, "9223372036854775808ns", -ERANGE, "292 years" },
	{ units_parse_time, "99999999999999999999999h", -ERANGE, "292 years" },
	{ units_parse_time, "0.1ns", -ERANGE, "smallest" },
	{ units_parse_time, "0.0000001ms", -ERANGE, "smallest" },
	{ units_parse_rate, "10", -EINVAL, "write \"10mbit\"" },
	{ units_parse_rate, "10mbps", -EINVAL, "\"mbyte\" for megabytes" },
	{ units_parse_rate, "10Mbps", -EINVAL, "\"mbyte\" for megabytes" },
	{ units_parse_rate, "10bps", -EINVAL, "\"mbit\" for megabits" },
	{ units_parse_rate, "10kibit", -EINVAL, "steps of 1000" },
	{ units_parse_rate, "10Mbit", -EINVAL, "lower case" },
	{ units_parse_rate, "10m", -EINVAL, "units of rate" },
	{ units_parse_rate, "10%", -EINVAL, "units of rate" },
	{ units_parse_rate, "10000000000gbit", -ERANGE, "largest" },
	{ units_parse_rate, "0.4bit", -ERANGE, "smallest" },
	{ units_parse_size, "1500", -EINVAL, "write \"1500b\"" },
	{ units_parse_size, "1kbit", -EINVAL, "units of size" },
	{ units_parse_size, "1KB", -EINVAL, "lower case" },
	{ units_parse_size, "9999999999gib", -ERANGE, "largest" },
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bads); i++) {
		const char *why = NULL;
		uint64_t value = 99;

		print_message("'%s'\n", bads[i].text);
		assert_int_equal(bads[i].parse(bads[i].text, &value, &why), bads[i].code);
		assert_int_equal(value, 99);
		assert_non_null(why);
		if (!strstr(why, bads[i].why))
			fail_msg("'%s' said: %s", bads[i].text, why);
		assert_int_equal(bads[i].parse(bads[i].text, &value, NULL), bads[i].code);
	}
}

static void test_share(void **state)
{
	static const struct {
		const char *text;
		double value;
	} good[] = {
		{ "1%", 0.01 },
		{ "0.01", 0.01 },
		{ "0%", 0 },
		{ "100%", 1 },
		{ "1", 1 },
		{ "0", 0 },
		{ "0.3%", 0.003 },
		{ "12.5%", 0.125 },
		{ "33.333333333333%", 0.33333333333333 },
		{ "0.05%", 5e-4 },
		{ "0.000001%", 1e-8 },
	};
	static const struct {
		const char *text;
		int code;
	} bad[] = {
		{ "", -EINVAL },     { "%", -EINVAL },      { "-1%", -EINVAL },
		{ "1%%", -EINVAL },  { "1 %", -EINVAL },    { "1.%", -EINVAL },
		{ ".5", -EINVAL },   { "1.2.3", -EINVAL },  { "nan", -EINVAL },
		{ "1e-2", -EINVAL }, { "120%", -ERANGE },   { "1.1", -ERANGE },
		{ "inf", -EINVAL },  { "1% 25%", -EINVAL }, { "100.0000001%", -ERANGE },
	};
	double value = 7;
	char long_text[2000];
	const char *why = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(units_parse_share(good[i].text, &value, NULL), 0);
		if (value != good[i].value) /* to the last bit */
			fail_msg("%s gave %.17g", good[i].text, value);
	}
	value = 7;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		print_message("'%s'\n", bad[i].text);
		assert_int_equal(units_parse_share(bad[i].text, &value, &why), bad[i].code);
		assert_true(value == 7);
		assert_non_null(why);
	}
	memset(long_text, '9', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	assert_int_equal(units_parse_share(long_text, &value, NULL), -EINVAL);
}

static void test_u64(void **state)
{
	static const char *const bad[] = { "", "0x", "-1", "+1", " 1", "1 ", "1.5", "0xg", "abc" };
	uint64_t value = 7;

	(void)state;
	assert_int_equal(units_parse_u64("18446744073709551615", &value), 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(units_parse_u64("0xffffFFFFffffffff", &value), 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(units_parse_u64("0", &value), 0);
	assert_int_equal(value, 0);
	value = 7;
	assert_int_equal(units_parse_u64("18446744073709551616", &value), -ERANGE);
	assert_int_equal(units_parse_u64("0x10000000000000000", &value), -ERANGE);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(units_parse_u64(bad[i], &value), -EINVAL);
	assert_int_equal(value, 7);
}

static void check_time(uint64_t ns, const char *text)
{
	_cleanup_buf_ struct buf b = { 0 };
	uint64_t back = 0;

	units_format_time(&b, ns);
	if (text)
		assert_string_equal(buf_text(&b), text);
	assert_int_equal(units_parse_time(buf_text(&b), &back, NULL), 0);
	assert_true(back == ns);
}

static void check_rate(uint64_t bps, const char *text)
{
	_cleanup_buf_ struct buf b = { 0 };
	uint64_t back = 0;

	units_format_rate(&b, bps);
	if (text)
		assert_string_equal(buf_text(&b), text);
	assert_int_equal(units_parse_rate(buf_text(&b), &back, NULL), 0);
	assert_true(back == bps);
}

static void check_size(uint64_t bytes, const char *text)
{
	_cleanup_buf_ struct buf b = { 0 };
	uint64_t back = 1;

	units_format_size(&b, bytes);
	assert_string_equal(buf_text(&b), text);
	assert_int_equal(units_parse_size(buf_text(&b), &back, NULL), 0);
	assert_true(back == bytes);
}

static void check_share(double share, const char *text)
{
	_cleanup_buf_ struct buf b = { 0 };
	double back = 0;

	units_format_share(&b, share);
	if (text)
		assert_string_equal(buf_text(&b), text);
	assert_int_equal(units_parse_share(buf_text(&b), &back, NULL), 0);
	if (back != share)
		fail_msg("%.17g became %s, which is %.17g", share, buf_text(&b), back);
}

static void test_format(void **state)
{
	uint64_t x = 42;

	(void)state;
	check_time(0, "0ms");
	check_time(1, "1ns");
	check_time(1500000, "1.5ms");
	check_time(20000000, "20ms");
	check_time(1000, "1us");
	check_time(1000000001, "1.000000001s");
	check_time(3600000000000, "3600s");
	check_time(INT64_MAX, NULL);
	check_size(0, "0b");
	check_size(1501, "1501b");
	check_size(1500, "1500b");
	check_size(64000, "64kb");
	check_size(67108864, "64mib");
	check_size(3 * UINT64_C(1073741824), "3gib");
	check_size(UINT64_C(2000000000), "2gb");
	check_rate(0, "0bit");
	check_rate(10000000, "10mbit");
	check_rate(1500000, "1.5mbit");
	check_rate(999, "999bit");
	check_rate(2500000000, "2.5gbit");
	check_rate(INT64_MAX, NULL);
	check_share(0, "0%");
	check_share(0.01, "1%");
	check_share(1, "100%");
	check_share(0.125, "12.5%");
	check_share(0.005, "0.5%");
	check_share(1e-7, "0.00001%");
	check_share(1.0 / 3, NULL);
	check_share(5e-324, NULL);
	for (int i = 0; i < 20000; i++) {
		x = x * 6364136223846793005ull + 1442695040888963407ull;
		check_time(x >> (1 + i % 60), NULL);
		check_rate(x >> (1 + i % 60), NULL);
		check_share((double)(x >> 11) / 9007199254740992.0 / (double)(1 + i % 1000), NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),   cmocka_unit_test(test_bad),
		cmocka_unit_test(test_share),  cmocka_unit_test(test_u64),
		cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
