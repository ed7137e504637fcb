/* SPDX-License-Identifier: MIT */
/* How each link is joined: by what is asked of it, what the file and the command line wish, and what the kernel has. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plan/plan.h"
#include "topo/model.h"

static const struct plan_host no_netem = { .no_netem = true };

/* A topology of one link, with these members besides its ends; `top` goes to the top level. */
static struct topo *one_link(const char *top, const char *members)
{
	struct topo_diags diags = { 0 };
	struct topo *t = NULL;
	char text[1024];
	int n = snprintf(text, sizeof(text),
			 "{\"name\": \"t\", \"nodes\": {\"a\": {}, \"b\": {}}%s, \"links\": "
			 "[{\"endpoints\": [\"a\", \"b\"]%s}]}",
			 top, members);

	if (topo_parse(text, (size_t)n, "t.json", NULL, &diags, &t) < 0)
		fail_msg("%s: %s", text, diags.n ? diags.items[0].message : "?");
	topo_diags_deinit(&diags);
	return t;
}

struct expected {
	const char *top, *members;
	const struct plan_host *host;
	enum plan_join join;
	const char *reason;
	bool no_offload;
};

static size_t count_ops(const struct plan *p, enum plan_op_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_ops; i++)
		n += p->ops[i].kind == kind;
	return n;
}

static void assert_joined(const struct expected *e)
{
	struct topo *t = one_link(e->top, e->members);
	struct netlab_err err = { 0 };
	struct plan *p = NULL;
	bool wire = e->join == PLAN_JOIN_WIRE;

	if (plan_build(t, e->host, &p, &err) < 0)
		fail_msg("%s%s: %s", e->top, e->members, err.message);
	if (p->links[0].join != e->join || !strstr(p->links[0].reason, e->reason))
		fail_msg("%s%s: %s, %s", e->top, e->members, plan_join_name(p->links[0].join),
			 p->links[0].reason);
	/* of one that is to be shaped later too */
	assert_int_equal(p->links[0].needs_wire != NULL,
			 strstr(e->top, "codel") && !strstr(e->members, "\"join\": \"netem\""));
	assert_int_equal(p->links[0].no_offload, e->no_offload);
	assert_int_equal(count_ops(p, PLAN_OFFLOAD), e->no_offload ? 2 : 0);
	assert_int_equal(count_ops(p, PLAN_WIRE), wire);
	assert_int_equal(count_ops(p, PLAN_REDIRECT), wire ? 0 : 2);
	if (e->join != PLAN_JOIN_NETEM)
		assert_int_equal(count_ops(p, PLAN_QDISC), 0);
	plan_free(p);
	topo_free(t);
}

static void test_choice(void **state)
{
	static const struct expected cases[] = {
		{ "", "", NULL, PLAN_JOIN_PATCH, "nothing is asked", false },
		{ "", ", \"loss\": \"0%\"", &no_netem, PLAN_JOIN_PATCH, "nothing is asked", false },
		{ "", ", \"delay\": \"1ms\"", NULL, PLAN_JOIN_NETEM, "has sch_netem", true },
		{ "", ", \"delay\": \"1ms\", \"offload\": true", NULL, PLAN_JOIN_NETEM,
		  "has sch_netem", false },
		{ "", ", \"delay\": \"1ms\"", &no_netem, PLAN_JOIN_WIRE, "no sch_netem", true },
		{ "", ", \"rate\": \"1mbit\"", &no_netem, PLAN_JOIN_WIRE, "no sch_netem", true },
		/* what netem cannot do */
		{ "", ", \"rate\": {\"trace\": \"x\"}", NULL, PLAN_JOIN_WIRE,
		  "'rate' along a trace", true },
		{ "", ", \"<-\": {\"rate\": \"1mbit\", \"aqm\": \"codel\"}", NULL, PLAN_JOIN_WIRE,
		  "'aqm'", true },
		{ "", ", \"rate\": \"1mbit\", \"jitter\": \"1ms\", \"jitter_reorders\": true", NULL,
		  PLAN_JOIN_WIRE, "'jitter_reorders' beside 'rate'", true },
		{ "", ", \"delay\": \"4s\", \"jitter\": \"3s\"", NULL, PLAN_JOIN_WIRE,
		  "'jitter' above", true },
		/* wishes */
		{ ", \"engine\": \"wire\"", "", NULL, PLAN_JOIN_PATCH, "nothing is asked", false },
		{ ", \"engine\": \"wire\"", ", \"delay\": \"1ms\"", NULL, PLAN_JOIN_WIRE,
		  "engine is 'wire'", true },
		{ ", \"engine\": \"wire\"", ", \"delay\": \"1ms\", \"join\": \"netem\"", NULL,
		  PLAN_JOIN_NETEM, "the file says", true },
		{ ", \"engine\": \"netem\"", ", \"delay\": \"1ms\"", NULL, PLAN_JOIN_NETEM,
		  "engine is 'netem'", true },
		{ ", \"engine\": \"netem\"", "", &no_netem, PLAN_JOIN_PATCH, "nothing is asked",
		  false },
		{ "", ", \"join\": \"wire\"", NULL, PLAN_JOIN_WIRE, "the file says", false },
		{ ", \"engine\": \"netem\"", ", \"join\": \"wire\", \"delay\": \"1ms\"", NULL,
		  PLAN_JOIN_WIRE, "the file says", true },
		{ "", ", \"join\": \"wire\", \"delay\": \"1ms\", \"offload\": true", NULL,
		  PLAN_JOIN_WIRE, "the file says", false },
		{ "", ", \"join\": \"netem\"", NULL, PLAN_JOIN_NETEM, "the file says", true },
		/* what the timeline will ask */
		{ ", \"timeline\": [{\"at\": \"1s\", \"link\": \"a--b\", \"rate\": \"1mbit\"}, "
		  "{\"at\": \"2s\", \"link\": \"a--b\", \"from\": \"b\", \"aqm\": \"codel\"}]",
		  ", \"delay\": \"1ms\"", NULL, PLAN_JOIN_WIRE, "its timeline", true },
		{ ", \"timeline\": [{\"at\": \"1s\", \"link\": \"a--b\", \"rate\": \"1mbit\"}, "
		  "{\"when\": {\"packet\": [\"a--b\"]}, \"link\": \"a--b\", \"aqm\": \"codel\"}]",
		  "", NULL, PLAN_JOIN_PATCH, "nothing is asked", false },
		{ ", \"timeline\": [{\"at\": \"1s\", \"link\": \"a--b\", \"rate\": \"1mbit\", \"delay\": \"3ms\"}]",
		  ", \"delay\": \"1ms\"", NULL, PLAN_JOIN_NETEM, "has sch_netem", true },
		{ ", \"timeline\": [{\"at\": \"1s\", \"link\": \"a--b\", \"aqm\": \"codel\"}]",
		  ", \"rate\": \"1mbit\", \"join\": \"netem\"", NULL, PLAN_JOIN_NETEM,
		  "the file says", true },
		/* a cut is nobody's work */
		{ "", ", \"join\": \"wire\", \"down\": true", NULL, PLAN_JOIN_WIRE, "the file says",
		  false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_joined(&cases[i]);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *top, *members;
		const struct plan_host *host;
		int code;
		enum netlab_exit exit;
		const char *message, *hint;
	} cases[] = {
		{ ", \"engine\": \"netem\"", ", \"delay\": \"1ms\"", &no_netem, -EOPNOTSUPP,
		  NETLAB_EXIT_UNSUPPORTED, "link 'a--b': this kernel has no sch_netem",
		  "leave out \"engine\"" },
		{ "", ", \"join\": \"netem\"", &no_netem, -EOPNOTSUPP, NETLAB_EXIT_UNSUPPORTED,
		  "link 'a--b': this kernel has no sch_netem", "leave out \"join\"" },
		{ ", \"engine\": \"netem\"", ", \"rate\": {\"trace\": \"x\"}", NULL, -EOPNOTSUPP,
		  NETLAB_EXIT_UNSUPPORTED, "link 'a--b': netem cannot do 'rate' along a trace",
		  "wire" },
		{ "", ", \"join\": \"netem\", \"rate\": \"1mbit\", \"aqm\": \"codel\"", NULL,
		  -EOPNOTSUPP, NETLAB_EXIT_UNSUPPORTED, "netem cannot do 'aqm'", "wire" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct topo *t = one_link(cases[i].top, cases[i].members);
		struct netlab_err err = { 0 };
		struct plan *p = NULL;

		assert_int_equal(plan_build(t, cases[i].host, &p, &err), cases[i].code);
		assert_int_equal(err.exit, cases[i].exit);
		if (!strstr(err.message, cases[i].message) || !strstr(err.hint, cases[i].hint))
			fail_msg("'%s' (%s)", err.message, err.hint);
		topo_free(t);
	}
}

/* A wire link is told with its reason and what is asked of it; no script can make it, which the script says. */
static void test_printing(void **state)
{
	static const struct {
		void (*print)(struct buf *b, const struct plan *p);
		const char *wants[4];
	} cases[] = {
		{ plan_print_text,
		  { "  wire between L0.a and L0.b (link 'a--b': the lab's engine is 'wire'); from 'a': ",
		    "delay 1ms", "from 'b': " } },
		{ plan_print_json,
		  { "{\"op\":\"wire\",\"link\":\"a--b\",\"reason\":\"the lab's engine is 'wire'\"",
		    "\"devices\":[\"L0.a\",\"L0.b\"]", "\"->\":{\"delay_ns\":1000000" } },
		{ plan_print_sh, { "\nlab='t'\n", "carries this link: \"a--b >&2\nexit 4\n" } },
	};
	struct topo *t = one_link(", \"engine\": \"wire\"", ", \"delay\": \"1ms\"");
	struct plan *p = NULL;

	(void)state;
	assert_int_equal(plan_build(t, NULL, &p, NULL), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_buf_ struct buf b = { 0 };

		cases[i].print(&b, p);
		for (size_t w = 0; w < 4 && cases[i].wants[w]; w++) {
			if (!strstr(buf_text(&b), cases[i].wants[w]))
				fail_msg("no '%s' in:\n%s", cases[i].wants[w], buf_text(&b));
		}
	}
	plan_free(p);
	topo_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_printing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
