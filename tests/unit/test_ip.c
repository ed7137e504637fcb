/* SPDX-License-Identifier: MIT */
/* IP addresses and prefixes: text, networks, arithmetic. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/ip.h"

static struct ip_addr addr(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_parse_addr(text, &a), 0);
	return a;
}

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p;

	assert_int_equal(ip_parse_prefix(text, &p), 0);
	return p;
}

static void test_parse(void **state)
{
	static const struct {
		const char *text, *canonical;
	} good[] = {
		{ "10.0.0.1/24", "10.0.0.1/24" },
		{ "10.0.0.1", "10.0.0.1/32" },
		{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "FD00:0:0::1/64", "fd00::1/64" },
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1/128" },
		{ "::/0", "::/0" },
	};
	static const char *const bad[] = {
		"",
		"/",
		"10.0.0.1/",
		"10.0.0.1/33",
		"10.0.0.1/-1",
		"10.0.0.1/+8",
		"10.0.0.1/ 8",
		"10.0.0/24",
		"10.0.0.256/24",
		"010.0.0.1.1/8",
		"::1/129",
		"::1/1000",
		"fe80::1%eth0/64",
		"a",
		"10.0.0.1/24/24",
		"10.0.0.1 /24",
		"10.0.0.1/0x8",
		"1111111111111111111111111111111111111111111111111111111111111111111111111/8",
	};
	struct ip_prefix p;
	char text[IP_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		p = prefix(good[i].text);
		assert_string_equal(ip_format_prefix(&p, text), good[i].canonical);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		print_message("'%s'\n", bad[i]);
		assert_int_equal(ip_parse_prefix(bad[i], &p), -EINVAL);
	}
	assert_int_equal(ip_parse_addr("10.0.0.1/24", &p.addr), -EINVAL);
}

static void test_network(void **state)
{
	static const struct {
		const char *text, *network;
	} cases[] = {
		{ "10.1.2.3/8", "10.0.0.0/8" },
		{ "10.1.2.3/31", "10.1.2.2/31" },
		{ "10.1.2.3/32", "10.1.2.3/32" },
		{ "10.1.2.3/0", "0.0.0.0/0" },
		{ "192.0.2.129/26", "192.0.2.128/26" },
		{ "2001:db8:ffff::1/33", "2001:db8:8000::/33" },
		{ "fd00::ff/127", "fd00::fe/127" },
	};
	char text[IP_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ip_prefix p = prefix(cases[i].text), n = ip_network(&p);

		assert_string_equal(ip_format_prefix(&n, text), cases[i].network);
	}
}

static void test_contains(void **state)
{
	static const struct {
		const char *net, *addr;
		bool inside;
	} cases[] = {
		{ "10.0.0.0/8", "10.255.0.1", true },
		{ "10.0.0.0/8", "11.0.0.1", false },
		{ "0.0.0.0/0", "1.2.3.4", true },
		{ "0.0.0.0/0", "::1", false },
		{ "10.0.0.4/31", "10.0.0.5", true },
		{ "10.0.0.4/31", "10.0.0.6", false },
		{ "10.0.0.5/32", "10.0.0.5", true },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "::/0", "ff02::1", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ip_prefix net = prefix(cases[i].net);
		struct ip_addr a = addr(cases[i].addr);

		assert_int_equal(ip_contains(&net, &a), cases[i].inside);
	}
}

static void test_overlaps(void **state)
{
	struct ip_prefix wide = prefix("10.0.0.0/8"), narrow = prefix("10.5.0.0/16"),
			 other = prefix("11.0.0.0/16");
	struct ip_prefix six = prefix("::/0");

	(void)state;
	assert_true(ip_overlaps(&wide, &narrow));
	assert_true(ip_overlaps(&narrow, &wide));
	assert_true(ip_overlaps(&wide, &wide));
	assert_false(ip_overlaps(&narrow, &other));
	assert_false(ip_overlaps(&six, &wide));
}

static void test_compare(void **state)
{
	struct ip_addr a = addr("10.0.0.1"), b = addr("10.0.0.2"), six = addr("::");

	(void)state;
	assert_true(ip_compare(&a, &b) < 0);
	assert_true(ip_compare(&b, &a) > 0);
	assert_int_equal(ip_compare(&a, &a), 0);
	assert_true(ip_compare(&b, &six) < 0);
	assert_true(ip_equal(&a, &a));
	assert_false(ip_equal(&a, &b));
	assert_int_equal(ip_bits(&a), 32);
	assert_int_equal(ip_len_bytes(&six), 16);
}

static void test_add(void **state)
{
	static const struct {
		const char *from;
		uint64_t n;
		unsigned shift;
		const char *to; /* NULL = runs over the end */
	} cases[] = {
		{ "10.0.0.0", 1, 0, "10.0.0.1" },
		{ "10.0.0.255", 1, 0, "10.0.1.0" },
		{ "10.0.0.0", 3, 1, "10.0.0.6" },
		{ "10.0.0.0", 1, 8, "10.0.1.0" },
		{ "10.0.0.0", 257, 12, "10.16.16.0" },
		{ "255.255.255.255", 1, 0, NULL },
		{ "0.0.0.0", 1ull << 32, 0, NULL },
		{ "0.0.0.0", 1, 31, "128.0.0.0" },
		{ "0.0.0.0", 2, 31, NULL },
		{ "fd00::", 1, 64, "fd00:0:0:1::" },
		{ "fd00::ffff:ffff:ffff:ffff", 1, 0, "fd00:0:0:1::" },
		{ "fd00::", UINT64_MAX, 0, "fd00::ffff:ffff:ffff:ffff" },
		{ "fd00::", UINT64_MAX, 1, "fd00::1:ffff:ffff:ffff:fffe" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1, 0, NULL },
		{ "::", UINT64_MAX, 64, "ffff:ffff:ffff:ffff::" },
		{ "::", UINT64_MAX, 65, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ip_addr a = addr(cases[i].from);
		char text[IP_TEXT_MAX];
		bool fits = ip_add(&a, cases[i].n, cases[i].shift);

		print_message("%s + %llu << %u\n", cases[i].from, (unsigned long long)cases[i].n,
			      cases[i].shift);
		assert_int_equal(fits, cases[i].to != NULL);
		if (cases[i].to)
			assert_string_equal(ip_format_addr(&a, text), cases[i].to);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),    cmocka_unit_test(test_network),
		cmocka_unit_test(test_contains), cmocka_unit_test(test_overlaps),
		cmocka_unit_test(test_compare),  cmocka_unit_test(test_add),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
