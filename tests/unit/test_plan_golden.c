/* SPDX-License-Identifier: MIT */
/*
 * Whole plans against kept ones, byte for byte: tests/golden/NAME.plan, .plan.json, .plan.sh for the examples in
 * topologies/ and for tests/golden/everything.json.
 *
 * After a wanted change: unit_plan_golden --update, and read the difference before you commit it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plan/plan.h"
#include "support/topo_file.h"

typedef void print_fn(struct buf *b, const struct plan *p);

static const struct {
	const char *suffix;
	print_fn *print;
} formats[] = {
	{ "plan", plan_print_text },
	{ "plan.json", plan_print_json },
	{ "plan.sh", plan_print_sh },
};

enum { TEXT = 1, JSON = 2, SH = 4, ALL = 7 };

static const struct {
	const char *folder, *name;
	unsigned formats;
} cases[] = {
	{ "tests/golden", "uplink", TEXT | SH },
	{ "tests/golden", "everything", ALL },
	{ "topologies", "two-hosts", ALL },
	{ "topologies", "lan", TEXT | SH },
	{ "topologies", "dumbbell", ALL },
	{ "topologies", "two-routers-ipv6", ALL },
	{ "topologies", "star", TEXT },
	{ "topologies", "ring", TEXT | JSON },
	{ "topologies", "lossy-bottleneck", TEXT | SH },
	{ "topologies", "leaf-spine", TEXT | SH },
	{ "topologies", "loop-stp", TEXT | SH },
	{ "topologies", "parallel-links", TEXT },
};

static bool update;

static struct plan *plan_of(const struct topo *t)
{
	struct netlab_err err = { 0 };
	struct plan *p = NULL;

	if (plan_build(t, NULL, &p, &err) < 0)
		fail_msg("%s: %s", t->name, err.message);
	return p;
}

static void keep(const char *path, const struct buf *b)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(b->data, 1, b->len, f), b->len);
	assert_int_equal(fclose(f), 0);
}

static void compare(const char *path, const struct buf *b)
{
	char *want = read_whole_file(path, NULL), *w = want;
	const char *got = b->data;
	unsigned line = 1;

	if (!want)
		fail_msg("'%s' is not there: run this test with --update", path);
	for (; *w && *w == *got; w++, got++)
		line += *w == '\n';
	if (*w || *got)
		fail_msg(
			"%s:%u differs from the plan; when that is wanted, run this test with --update",
			path, line);
	free(want);
}

static void test_golden(void **state)
{
	size_t i = *(size_t *)*state;
	char path[256];
	struct topo *t;
	struct plan *p;

	snprintf(path, sizeof(path), "%s/%s.json", cases[i].folder, cases[i].name);
	t = topo_from_file(path);
	p = plan_of(t);
	for (size_t f = 0; f < sizeof(formats) / sizeof(formats[0]); f++) {
		_cleanup_buf_ struct buf b = { 0 };

		if (!(cases[i].formats & 1u << f))
			continue;
		formats[f].print(&b, p);
		assert_non_null(buf_text(&b));
		snprintf(path, sizeof(path), "tests/golden/%s.%s", cases[i].name,
			 formats[f].suffix);
		if (update)
			keep(path, &b);
		else
			compare(path, &b);
	}
	plan_free(p);
	topo_free(t);
}

/* Planned twice from two parses: not a byte may differ, in any format. */
static void test_plans_are_the_same_every_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char path[256];

		snprintf(path, sizeof(path), "%s/%s.json", cases[i].folder, cases[i].name);
		for (size_t f = 0; f < sizeof(formats) / sizeof(formats[0]); f++) {
			_cleanup_buf_ struct buf once = { 0 };
			_cleanup_buf_ struct buf again = { 0 };

			for (unsigned round = 0; round < 2; round++) {
				struct topo *t = topo_from_file(path);
				struct plan *p = plan_of(t);

				formats[f].print(round ? &again : &once, p);
				plan_free(p);
				topo_free(t);
			}
			assert_string_equal(buf_text(&once), buf_text(&again));
		}
	}
}

/* "address 10.0.0.0/31 on eth0 of node 'a'" and the like: every operation has words, and says what it is about. */
static void look_at_operations(const struct topo *t, bool seen[PLAN_OP_COUNT])
{
	struct plan *p = plan_of(t);

	for (size_t i = 0; i < p->n_ops; i++) {
		_cleanup_buf_ struct buf b = { 0 };

		plan_describe_op(&b, p, &p->ops[i]);
		assert_true(b.len > 4);
		seen[p->ops[i].kind] = true;
		if (p->ops[i].kind >= PLAN_BRIDGE && p->ops[i].kind <= PLAN_ROUTE)
			assert_non_null(strstr(buf_text(&b), p->topo->nodes[p->ops[i].node].name));
	}
	plan_free(p);
}

static void test_every_operation_is_described(void **state)
{
	struct topo *t = topo_from_file("tests/golden/everything.json");
	bool seen[PLAN_OP_COUNT] = { false };

	(void)state;
	look_at_operations(t, seen);
	t->engine = TOPO_ENGINE_WIRE;
	look_at_operations(t, seen);
	topo_free(t);
	t = topo_from_file("tests/golden/uplink.json");
	look_at_operations(t, seen);
	for (size_t k = 0; k < PLAN_OP_COUNT; k++)
		assert_true(seen[k]);
	topo_free(t);
}

static void test_an_odd_interface_name_makes_no_script(void **state)
{
	struct topo *t = topo_from_text(
		"{\"nodes\":{\"a\":{},\"b\":{}},\"links\":[{\"endpoints\":[\"a:$(reboot)\",\"b\"]}]}");
	struct plan *p = plan_of(t);
	_cleanup_buf_ struct buf b = { 0 };

	(void)state;
	plan_print_sh(&b, p);
	assert_non_null(strstr(buf_text(&b), "'$(reboot)' >&2\nexit 4\n"));
	assert_null(strstr(buf_text(&b), "link add"));
	plan_free(p);
	topo_free(t);
}

int main(int argc, char **argv)
{
	size_t index[sizeof(cases) / sizeof(cases[0])];
	struct CMUnitTest tests[sizeof(cases) / sizeof(cases[0]) + 3] = {
		cmocka_unit_test(test_plans_are_the_same_every_time),
		cmocka_unit_test(test_every_operation_is_described),
		cmocka_unit_test(test_an_odd_interface_name_makes_no_script),
	};

	update = argc > 1 && strcmp(argv[1], "--update") == 0;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		index[i] = i;
		tests[i + 3] = (struct CMUnitTest){
			.name = cases[i].name,
			.test_func = test_golden,
			.initial_state = &index[i],
		};
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
