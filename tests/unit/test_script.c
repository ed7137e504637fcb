/* SPDX-License-Identifier: MIT */
/* Decisions made into a script: which packets meet them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "repro/replay.h"
#include "wire/script.h"

static const char topology[] =
	"{\"nodes\": {\"a\": {}, \"b\": {}}, \"links\": [{\"name\": \"l\", \"endpoints\": [\"a\", \"b\"]}]}";

#define TCP "tcp,from=10.0.0.1:*,to=10.0.0.2:80,flow=1,flags="
#define UDP "udp,from=10.0.0.1:*,to=10.0.0.2:53,flow=1,len=4,"

struct bed {
	struct topo *topo;
	struct topo_diags diags;
	struct decisions decisions;
	struct replay *replay;
	struct script *script;
};

static void make(struct bed *b, const char *lines, const struct identities *all)
{
	struct netlab_err err = { 0 };
	char text[4096];
	int n = snprintf(text, sizeof(text), "%s\n%s", DECISIONS_HEAD, lines);

	*b = (struct bed){ 0 };
	assert_int_equal(
		topo_parse(topology, sizeof(topology) - 1, "t.json", NULL, &b->diags, &b->topo), 0);
	if (decisions_parse(text, (size_t)n, "f", &b->decisions, &err) < 0)
		fail_msg("%s: %s", err.where, err.message);
	if (replay_new(&b->decisions, all, b->topo, &b->replay, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(script_map(replay_fd(b->replay), &b->script), 0); /* as the wire does */
}

static void clean(struct bed *b)
{
	(void)script_unmap(b->script);
	replay_free(b->replay);
	decisions_deinit(&b->decisions);
	topo_free(b->topo);
	topo_diags_deinit(&b->diags);
}

static struct identity parse(const char *text)
{
	struct identity id;
	const char *why = NULL;

	if (identity_parse(text, &id, &why) < 0)
		fail_msg("%s: %s", text, why);
	return id;
}

static const struct script_action *meet(struct bed *b, uint32_t lane, const char *text)
{
	const struct identity id = parse(text);

	return script_meet(b->script, lane, 1, &id);
}

static void test_met_once(void **state)
{
	const struct script_action *a;
	struct bed b;

	(void)state;
	make(&b,
	     "l -> 1 " TCP "S,len=0,nth=1 drop loss\nl <- 1 " TCP
	     "S,len=0,nth=2 dup,copy-delay=+7ns dice\n",
	     NULL);
	assert_null(meet(&b, 1, TCP "S,len=0,nth=1")); /* the other direction */
	assert_int_equal(replay_met(b.replay), 0);
	a = meet(&b, 0, TCP "S,len=0,nth=1");
	assert_non_null(a);
	assert_true(a->drop);
	assert_null(meet(&b, 0, TCP "S,len=0,nth=1"));
	a = meet(&b, 1, TCP "S,len=0,nth=2");
	assert_true(a && a->duplicate && a->copy.delay_ns == 7);
	assert_int_equal(replay_met(b.replay), 2);
	clean(&b);
}

/** A stream that is cut elsewhere: the byte decides, the nth time that it comes. */
static void test_segments(void **state)
{
	struct bed b;

	(void)state;
	make(&b,
	     "l -> 1 " TCP "A,seq=1001,len=500,nth=1 drop loss\nl -> 9 " TCP
	     "A,seq=1001,len=500,nth=2 delay=+5ns fault\n",
	     NULL);
	assert_null(meet(&b, 0, TCP "A,seq=401,len=600,nth=1"));
	assert_null(meet(
		&b, 0, "tcp,from=10.0.0.1:*,to=10.0.0.2:80,flow=2,flags=A,seq=801,len=300,nth=1"));
	assert_null(meet(&b, 0, TCP "A,seq=1001,len=0,nth=1")); /* an acknowledgement */
	assert_true(meet(&b, 0, TCP "A,seq=801,len=300,nth=1")->drop);
	assert_true(meet(&b, 0, TCP "A,seq=1001,len=500,nth=1")->lets_pass);
	assert_null(meet(&b, 0, TCP "A,seq=1001,len=500,nth=2"));
	assert_int_equal(replay_met(b.replay), 2);
	clean(&b);
}

static void test_payloads(void **state)
{
	struct identity_entry known[] = {
		{ .index = 1, .id = parse(UDP "nth=1,data=00000000000000aa,nth-data=1") },
		{ .index = 2, .id = parse(UDP "nth=2,data=00000000000000bb,nth-data=1") },
	};
	struct identities all = { known, 2 };
	struct bed b;

	(void)state;
	make(&b, "l -> 2 " UDP "nth=2,data=00000000000000bb,nth-data=1 drop loss\n", &all);
	/* the first is sent twice: the second of all is not the second's */
	assert_null(meet(&b, 0, UDP "nth=1,data=00000000000000aa,nth-data=1"));
	assert_null(meet(&b, 0, UDP "nth=2,data=00000000000000aa,nth-data=2"));
	/* one with a payload of its own, where payloads are known: new */
	assert_null(meet(&b, 0, UDP "nth=2,data=00000000000000cc,nth-data=1"));
	assert_true(meet(&b, 0, UDP "nth=3,data=00000000000000bb,nth-data=1")->drop);
	clean(&b);
	/* no payload comes again: the class and its count */
	make(&b, "l -> 2 " UDP "nth=2,data=00000000000000bb,nth-data=1 drop loss\n", &all);
	assert_null(meet(&b, 0, UDP "nth=1,data=00000000000000dd,nth-data=1"));
	assert_true(meet(&b, 0, UDP "nth=2,data=00000000000000ee,nth-data=1")->drop);
	clean(&b);
}

static void test_report(void **state)
{
	struct bed b;
	struct buf text = { 0 };
	json_t *doc;

	(void)state;
	make(&b, "l -> 7 " TCP "S,len=0,nth=1 drop loss\nl -> 7 " TCP "S,len=0,nth=1 mark codel\n",
	     NULL);
	assert_null(meet(&b, 0, TCP "R,len=0,nth=1"));
	doc = replay_report(b.replay);
	assert_int_equal(json_integer_value(json_object_get(doc, "decisions")), 2);
	assert_int_equal(json_array_size(json_object_get(doc, "missed")), 2);
	json_decref(doc);
	replay_print(&text, b.replay);
	assert_string_equal(
		buf_text(&text),
		"replay: 0 of 2 decisions met their packet\n"
		"  met no packet: l -> drop of TCP SYN 10.0.0.1:* > 10.0.0.2:80, the 1st of flow 1\n"
		"  met no packet: l -> mark of TCP SYN 10.0.0.1:* > 10.0.0.2:80, the 1st of flow 1\n"
		"  l ->: 0 of 1 packets came again, 1 is new, the first as number 1: TCP RST "
		"10.0.0.1:* > 10.0.0.2:80, the 1st of flow 1\n");
	buf_deinit(&text);
	clean(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_met_once),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_payloads),
		cmocka_unit_test(test_report),
	};

	return cmocka_run_group_tests_name("script", tests, NULL, NULL);
}
