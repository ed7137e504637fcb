/* SPDX-License-Identifier: MIT */
/* The limits of a topology file: each is named by the error that enforces it, before work is done for what is above. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "support/guarded.h"
#include "topo/model.h"

/** What parsing gave; free with result_deinit(). */
struct result {
	int r;
	struct topo *topo;
	struct topo_diags diags;
	double cpu_ms;
};

static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static struct result parse(const void *text, size_t len)
{
	struct guarded g = guarded_copy(text, len);
	struct result result = { 0 };
	double start = cpu_ms();

	result.r = topo_parse(g.text, len, "t.json", NULL, &result.diags, &result.topo);
	result.cpu_ms = cpu_ms() - start;
	assert_int_equal(result.r == 0, result.topo != NULL);
	assert_int_equal(result.r == -EINVAL, result.diags.n_errors > 0);
	guarded_deinit(&g);
	return result;
}

static struct result parse_buf(const struct buf *b)
{
	assert_non_null(buf_text(b));
	return parse(b->data, b->len);
}

static void result_deinit(struct result *r)
{
	topo_free(r->topo);
	topo_diags_deinit(&r->diags);
}

/** Exactly one error that says this, at this place. */
static void assert_error(const struct result *r, const char *where, const char *message)
{
	assert_int_equal(r->r, -EINVAL);
	assert_int_equal(r->diags.n, 1);
	assert_string_equal(r->diags.items[0].where, where);
	if (!strstr(r->diags.items[0].message, message))
		fail_msg("it said: %s", r->diags.items[0].message);
}

/** n members, with their number in place of each '#'. */
static void repeat(struct buf *b, const char *first, const char *member, size_t n, const char *last)
{
	buf_puts(b, first);
	for (size_t i = 0; i < n; i++) {
		buf_puts(b, i ? "," : "");
		for (const char *c = member; *c; c++) {
			if (*c == '#')
				buf_printf(b, "%zu", i);
			else
				buf_add(b, c, 1);
		}
	}
	buf_puts(b, last);
}

static void test_size(void **state)
{
	_cleanup_buf_ struct buf b = { 0 };
	struct result r;

	(void)state;
	buf_puts(&b, "{\"nodes\": {\"a\": {}}}");
	while (b.len < TOPO_FILE_MAX_BYTES)
		buf_add(&b, " \n", b.len % 2 ? 1 : 2);
	assert_int_equal(b.len, TOPO_FILE_MAX_BYTES);
	r = parse_buf(&b);
	assert_int_equal(r.r, 0);
	result_deinit(&r);
	buf_puts(&b, " ");
	r = parse_buf(&b);
	assert_error(&r, "t.json", "the limit is 16777216 (16 MiB)");
	result_deinit(&r);
}

static void test_depth(void **state)
{
	_cleanup_buf_ struct buf b = { 0 };
	struct result r;

	(void)state;
	/* the topology, its nodes, the node and the 61 arrays of a comment are 64 */
	buf_puts(&b, "{\"nodes\": {\"a\": {\"//\": ");
	for (int i = 0; i < 61; i++)
		buf_puts(&b, "[");
	for (int i = 0; i < 61; i++)
		buf_puts(&b, "]");
	buf_puts(&b, "}}}");
	r = parse_buf(&b);
	assert_int_equal(r.r, 0);
	result_deinit(&r);
	b.len = 0;
	for (int i = 0; i < 1000000; i++)
		buf_puts(&b, i % 2 ? "{\"a\":" : "\n[");
	r = parse_buf(&b);
	assert_error(&r, "t.json:34:1", "limit of 64");
	result_deinit(&r);
	/* brackets inside strings are none, escaped quotes do not end them */
	b.len = 0;
	buf_puts(&b, "{\"nodes\": {\"a\": {}}, \"//\": \"\\\"");
	for (int i = 0; i < 200; i++)
		buf_puts(&b, "[{");
	buf_puts(&b, "\\\\\"}");
	r = parse_buf(&b);
	assert_int_equal(r.r, 0);
	result_deinit(&r);
}

static void test_nodes(void **state)
{
	_cleanup_buf_ struct buf b = { 0 };
	struct result r;

	(void)state;
	repeat(&b, "{\"nodes\":{\"//\":1,\"// x\":{},", "\"n#\":{}", TOPO_NODES_MAX, "}}");
	r = parse_buf(&b);
	assert_int_equal(r.r, 0);
	assert_int_equal(r.topo->n_nodes, TOPO_NODES_MAX);
	result_deinit(&r);
	b.len = 0;
	repeat(&b, "{\"nodes\":{", "\"n#\":{}", TOPO_NODES_MAX + 1, "}}");
	r = parse_buf(&b);
	assert_error(&r, "t.json: /nodes", "limit of 100000");
	result_deinit(&r);
	/* a million: it has to be refused before they are parsed */
	b.len = 0;
	repeat(&b, "{\"nodes\":{", "\"n#\":{}", 1000000, "}}");
	r = parse_buf(&b);
	assert_error(&r, "t.json: /nodes", "limit of 100000");
	print_message("a million nodes: refused in %.1f ms\n", r.cpu_ms);
	assert_true(r.cpu_ms < 100);
	result_deinit(&r);
	/* the key with an escape in it escapes the first look only */
	b.len = 0;
	repeat(&b, "{\"\\u006eodes\":{", "\"n#\":{}", TOPO_NODES_MAX + 1, "}}");
	r = parse_buf(&b);
	assert_error(&r, "t.json: /nodes", "limit of 100000");
	result_deinit(&r);
}

static void test_links(void **state)
{
	_cleanup_buf_ struct buf b = { 0 };
	struct result r;

	(void)state;
	repeat(&b, "{\"nodes\":{\"a\":{},\"b\":{}},\"links\":[",
	       "{\"endpoints\":[\"a\",\"b\"],\"//\":#}", TOPO_LINKS_MAX, "]}");
	r = parse_buf(&b);
	assert_int_equal(r.r, 0);
	assert_int_equal(r.topo->n_links, TOPO_LINKS_MAX);
	assert_string_equal(r.topo->links[TOPO_LINKS_MAX - 1].name, "a--b.100000");
	assert_string_equal(r.topo->links[TOPO_LINKS_MAX - 1].ends[1].ifname, "eth99999");
	result_deinit(&r);
	b.len = 0;
	repeat(&b, "{\"nodes\":{\"a\":{},\"b\":{}},\"links\":[", "[#]", TOPO_LINKS_MAX + 1, "]}");
	r = parse_buf(&b);
	assert_error(&r, "t.json: /links", "limit of 100000");
	assert_true(r.cpu_ms < 100);
	result_deinit(&r);
	b.len = 0;
	repeat(&b, "{\"nodes\":{\"a\":{},\"b\":{}},\"link\\u0073\":[", "[#]", TOPO_LINKS_MAX + 1,
	       "]}");
	r = parse_buf(&b);
	assert_error(&r, "t.json: /links", "limit of 100000");
	result_deinit(&r);
}

/* A small file must not be able to ask for any amount of work. */
static void test_defaults(void **state)
{
	static const struct {
		const char *first, *member, *last, *where;
	} cases[] = {
		{ "{\"defaults\":{\"node\":{\"env\":{", "\"E#\":\"\"", "}}},\"nodes\":{\"a\":{}}}",
		  "t.json: /defaults/node/env" },
		{ "{\"nodes\":{\"a\":{\"sysctls\":{", "\"net.x#\":1", "}}}}",
		  "t.json: /nodes/a/sysctls" },
		{ "{\"defaults\":{\"node\":{\"interfaces\":{", "\"e#\":{}",
		  "}}},\"nodes\":{\"a\":{}}}", "t.json: /defaults/node/interfaces" },
		{ "{\"defaults\":{\"node\":{\"routes\":[", "{\"//\":#}",
		  "]}},\"nodes\":{\"a\":{}}}", "t.json: /defaults/node/routes" },
		{ "{\"defaults\":{\"node\":{\"services\":[", "{\"//\":#}",
		  "]}},\"nodes\":{\"a\":{}}}", "t.json: /defaults/node/services" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_buf_ struct buf b = { 0 };
		struct result r;

		repeat(&b, cases[i].first, cases[i].member, 257, cases[i].last);
		r = parse_buf(&b);
		assert_error(&r, cases[i].where, "257 entries; the limit");
		assert_non_null(strstr(r.diags.items[0].message, "256"));
		result_deinit(&r);
	}
}

/* Many problems: the list ends somewhere, and says so. */
static void test_many_problems(void **state)
{
	_cleanup_buf_ struct buf b = { 0 };
	struct result r;

	(void)state;
	repeat(&b, "{\"nodes\":{\"a\":{", "\"x#\":0", 200000, "}}}");
	r = parse_buf(&b);
	assert_int_equal(r.r, -EINVAL);
	assert_int_equal(r.diags.n, 1001);
	assert_string_equal(r.diags.items[0].where, "t.json: /nodes/a/x0");
	assert_string_equal(r.diags.items[999].where, "t.json: /nodes/a/x999");
	assert_string_equal(r.diags.items[1000].where, "t.json");
	assert_non_null(strstr(r.diags.items[1000].message, "more errors than these 1000"));
	result_deinit(&r);
	/* warnings have an end of their own, which makes no error of them */
	b.len = 0;
	repeat(&b, "{\"nodes\":{", "\"n#\":{}", 5000, "}}");
	r = parse_buf(&b);
	assert_int_equal(r.r, 0);
	assert_int_equal(r.diags.n, 201);
	assert_true(r.diags.items[200].warning);
	assert_non_null(strstr(r.diags.items[200].message, "more warnings than these 200"));
	result_deinit(&r);
	/* ... and hide no error that comes after them */
	b.len = 0;
	repeat(&b, "{\"nodes\":{", "\"n#\":{}", 5000,
	       "},\"links\":[{\"endpoints\":[\"n1\",\"n1\"]}]}");
	r = parse_buf(&b);
	assert_int_equal(r.r, -EINVAL);
	assert_int_equal(r.diags.n_errors, 1);
	result_deinit(&r);
}

/* A key of megabytes is not repeated in every message about what is below it. */
static void test_long_key(void **state)
{
	_cleanup_buf_ struct buf b = { 0 };
	struct result r;

	(void)state;
	buf_puts(&b, "{\"nodes\":{\"");
	for (int i = 0; i < 2000000; i++)
		buf_puts(&b, "\xc3\xa4"); /* never cut inside a character */
	repeat(&b, "\":{", "\"x#\":0", 2000, "}}}");
	r = parse_buf(&b);
	assert_int_equal(r.diags.n, 1001);
	for (size_t i = 0; i < r.diags.n; i++) {
		assert_true(strlen(r.diags.items[i].where) < 400);
		assert_true(strlen(r.diags.items[i].message) < 400);
		assert_null(strstr(r.diags.items[i].where, "\xc3..."));
		assert_null(strstr(r.diags.items[i].message, "\xc3..."));
	}
	result_deinit(&r);
}

/* Every beginning of a file, each flush against memory that cannot be read; and every byte of it changed. */
static void test_cut_and_changed(void **state)
{
	static const char text[] =
		"{\"name\":\"x\",\"seed\":\"0x1f\",\"defaults\":{\"link\":{\"mtu\":1500}},\"nodes\":{\"a\":{\"kind\":\"router\","
		"\"interfaces\":{\"up\":{\"addresses\":[\"10.0.0.1/24\"],\"mac\":\"02:00:00:00:00:01\"}},\"routes\":[{\"to\":"
		"\"default\",\"via\":\"10.0.0.2\"}],\"services\":[{\"name\":\"s\",\"run\":[\"a\"]}]},\"b\\u00e4\":{},\"b\":{}},"
		"\"links\":[{\"endpoints\":[\"a:up\",\"b\"],\"delay\":\"20ms\",\"loss\":{\"burst\":{\"rate\":\"1%\",\"length\":4}"
		"},\"->\":{\"rate\":\"1.5mbit\",\"queue\":\"64kib\"}}]}";
	static const char changes[] = { '\0', '"',  '{', '}', '[',  ']',       ',',
					':',  '\\', '/', '0', '\n', (char)0xff };
	size_t len = sizeof(text) - 1;
	char copy[sizeof(text)];

	(void)state;
	for (size_t n = 0; n < len; n++) {
		struct result r = parse(text, n);

		assert_int_equal(r.r, -EINVAL);
		assert_true(r.diags.n >= 1);
		result_deinit(&r);
	}
	for (size_t i = 0; i < len; i++) {
		for (size_t j = 0; j < ARRAY_SIZE(changes); j++) {
			struct result r;

			memcpy(copy, text, sizeof(text));
			copy[i] = changes[j];
			r = parse(copy, len);
			result_deinit(&r);
		}
	}
}

static void test_null(void **state)
{
	struct topo_diags diags = { 0 };
	struct topo *t = NULL;

	(void)state;
	assert_int_equal(topo_parse(NULL, 0, "t.json", NULL, &diags, &t), -EINVAL);
	assert_string_equal(diags.items[0].message, "the file is empty");
	topo_diags_deinit(&diags);
	topo_diags_deinit(&diags);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size),     cmocka_unit_test(test_depth),
		cmocka_unit_test(test_nodes),    cmocka_unit_test(test_links),
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_many_problems),
		cmocka_unit_test(test_long_key), cmocka_unit_test(test_cut_and_changed),
		cmocka_unit_test(test_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
