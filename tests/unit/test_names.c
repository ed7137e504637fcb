/* SPDX-License-Identifier: MIT */
/* Names: what is allowed, what was meant, hashes and the table that they serve. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "base/names.h"

#define X63 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void test_names(void **state)
{
	static const struct {
		const char *name;
		const char *why; /* NULL = good */
	} cases[] = {
		{ "a", NULL },
		{ "0", NULL },
		{ "web-1.example_x", NULL },
		{ X63, NULL },
		{ "a-", NULL },
		{ "", "empty" },
		{ X63 "x", "63 bytes" },
		{ "-a", "starts with" },
		{ ".", "starts with" },
		{ "..", "starts with" },
		{ "_a", "starts with" },
		{ "a/b", "letters, digits" },
		{ "../a", "starts with" },
		{ "a b", "letters, digits" },
		{ "a:b", "letters, digits" },
		{ "a\n", "letters, digits" },
		{ "a\xc3\xa4", "letters, digits" },
		{ "a--b", "'--'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *why = name_check(cases[i].name);

		print_message("'%s'\n", cases[i].name);
		if (!cases[i].why) {
			assert_null(why);
			continue;
		}
		assert_non_null(why);
		assert_non_null(strstr(why, cases[i].why));
	}
}

static void test_link_names(void **state)
{
	(void)state;
	assert_null(name_check_link("a--b"));
	assert_null(name_check_link("a--b.2"));
	assert_null(name_check_link(X63 "--" X63 ".1234567890"));
	assert_non_null(name_check_link(X63 "--" X63 ".12345678901"));
	assert_non_null(name_check_link(""));
	assert_non_null(name_check_link("a/b"));
	assert_non_null(name_check_link("-a"));
}

static void test_interfaces(void **state)
{
	static const char *const good[] = { "eth0",   "up0",    "a", "123456789012345",
					    "eth0.5", "br-lan", "@x" };
	static const char *const bad[] = { "",     "1234567890123456",
					   ".",    "..",
					   "all",  "default",
					   "a/b",  "a:b",
					   "a b",  "a\t",
					   "a%d",  "a\"",
					   "\x7f", "\xc3\xa4" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_null(name_check_interface(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_non_null(name_check_interface(bad[i]));
}

static void test_nearest(void **state)
{
	static const char *const words[] = { "loss",  "delay", "jitter", "rate",
					     "queue", NULL,    "",       "a" };
	static const struct {
		int number;
		const char *name;
	} table[] = { { 1, "nodes" }, { 2, "links" }, { 3, "defaults" } };
	char huge[1000];

	(void)state;
	assert_string_equal(name_nearest("lose", words, ARRAY_SIZE(words), sizeof(words[0])),
			    "loss");
	assert_string_equal(name_nearest("dealy", words, ARRAY_SIZE(words), sizeof(words[0])),
			    "delay");
	assert_string_equal(name_nearest("jiter", words, ARRAY_SIZE(words), sizeof(words[0])),
			    "jitter");
	assert_string_equal(name_nearest("loss", words, ARRAY_SIZE(words), sizeof(words[0])),
			    "loss");
	assert_null(name_nearest("bandwidth", words, ARRAY_SIZE(words), sizeof(words[0])));
	assert_null(name_nearest("", words, ARRAY_SIZE(words), sizeof(words[0])));
	/* one letter is no likeness to another */
	assert_null(name_nearest("b", words, ARRAY_SIZE(words), sizeof(words[0])));
	assert_null(name_nearest("x", words, 0, sizeof(words[0])));
	assert_string_equal(
		name_nearest("noeds", &table[0].name, ARRAY_SIZE(table), sizeof(table[0])),
		"nodes");
	memset(huge, 'a', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	assert_null(name_nearest(huge, words, ARRAY_SIZE(words), sizeof(words[0])));
	huge[64] = '\0';
	assert_null(name_nearest(huge, words, ARRAY_SIZE(words), sizeof(words[0])));
}

static void test_hash(void **state)
{
	(void)state;
	/* published: FNV-1a of "" and "foobar" (draft-eastlake-fnv), the first output of splitmix64 seeded with 0 */
	assert_true(name_hash(NAME_HASH_INIT, "") == 0xcbf29ce484222325ull);
	assert_true(name_hash(NAME_HASH_INIT, "foobar") == 0x85944171f73967e8ull);
	assert_true(name_hash(name_hash(NAME_HASH_INIT, "foo"), "bar") == 0x85944171f73967e8ull);
	assert_true(hash_mix(0) == 0xe220a8397b1dcdafull);
}

static void test_map(void **state)
{
	struct map m = MAP_INIT;
	static char names[5000][8];
	size_t old = 0;

	(void)state;
	assert_true(map_get(&m, "x") == MAP_NONE);
	assert_null(map_ref(&m, "x"));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(names[i], sizeof(names[i]), "n%zu", i);
		assert_int_equal(map_add(&m, names[i], i, NULL), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(map_get(&m, names[i]), i);
		assert_int_equal(map_add(&m, names[i], 77, &old), 1);
		assert_int_equal(old, i);
	}
	*map_ref(&m, "n7") = 70;
	assert_int_equal(map_get(&m, "n7"), 70);
	assert_null(map_ref(&m, "n5000"));
	assert_true(map_get(&m, "n5000") == MAP_NONE);
	map_deinit(&m);
	map_deinit(&m);
	assert_true(map_get(&m, "n7") == MAP_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),      cmocka_unit_test(test_link_names),
		cmocka_unit_test(test_interfaces), cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_hash),       cmocka_unit_test(test_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
