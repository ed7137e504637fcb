/* SPDX-License-Identifier: MIT */
/* Fault rules: how they are read and printed, which packets they mean, what they decide together, what expressions match. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "impair/rules.h"
#include "sys/match.h"
#include "topo/model.h"

static const uint64_t second = 1000000000;

/* --- reading and printing --- */

static struct topo *make_topo(void)
{
	static const char text[] =
		"{\"nodes\": {\"a\": {}, \"b\": {}}, \"links\": [{\"endpoints\": [\"a\", \"b\"]}]}";
	struct topo_diags diags = { 0 };
	struct topo *t = NULL;

	assert_int_equal(topo_parse(text, strlen(text), "t.json", NULL, &diags, &t), 0);
	topo_diags_deinit(&diags);
	return t;
}

/** What is printed is what was read, and again. */
static void test_there_and_back(void **state)
{
	static const char *const rules[] = {
		"{\"link\": \"a--b\", \"do\": \"drop\"}",
		("{\"link\": \"a--b\", \"from\": \"b\", \"match\": \"tcp[0] = \\\"x\\\"\", \"nth\": [1, \"3-5\", 9], "
		 "\"do\": \"duplicate\"}"),
		"{\"link\": \"a--b\", \"every\": 10, \"do\": \"corrupt\"}",
		"{\"link\": \"a--b\", \"first\": 3, \"do\": {\"corrupt\": {\"bit\": 480}}}",
		"{\"link\": \"a--b\", \"do\": {\"corrupt\": {\"byte\": 60}}}",
		"{\"link\": \"a--b\", \"after\": \"2s\", \"for\": \"500ms\", \"do\": {\"delay\": \"200ms\"}}",
		"{\"link\": \"a--b\", \"for\": \"1ms\", \"do\": {\"hold_until\": 3}}",
		"{\"link\": \"a--b\", \"after\": \"0ms\", \"do\": {\"hold_until\": 3}}",
	};
	struct topo *t = make_topo();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		struct arena texts = ARENA_INIT;
		_cleanup_buf_ struct buf b = { 0 };
		struct netlab_err err = { 0 };
		struct topo_fault f;

		if (topo_read_fault(t, rules[i], &texts, &f, &err) < 0)
			fail_msg("%s: %s", rules[i], err.message);
		topo_print_fault(&b, t, &f);
		assert_string_equal(buf_text(&b), rules[i]);
		arena_deinit(&texts);
	}
	topo_free(t);
}

static void test_in_words(void **state)
{
	static const struct {
		const char *rule, *which, *action;
	} cases[] = {
		{ "{\"link\": \"a--b\", \"do\": \"drop\"}", "all", "drop" },
		{ "{\"link\": \"a--b\", \"nth\": \"3-5\", \"do\": \"duplicate\"}", "3-5",
		  "duplicate" },
		{ "{\"link\": \"a--b\", \"nth\": [1, \"3-5\"], \"do\": \"corrupt\"}", "1,3-5",
		  "corrupt" },
		{ "{\"link\": \"a--b\", \"every\": 7, \"do\": {\"corrupt\": {\"bit\": 4}}}",
		  "every 7", "corrupt bit 4" },
		{ "{\"link\": \"a--b\", \"first\": 7, \"do\": {\"corrupt\": {\"byte\": 4}}}",
		  "first 7", "corrupt byte 4" },
		{ "{\"link\": \"a--b\", \"do\": {\"delay\": \"200ms\"}}", "all", "delay 200ms" },
		{ "{\"link\": \"a--b\", \"do\": {\"hold\": 3}}", "all", "hold until 3" },
	};
	struct topo *t = make_topo();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_buf_ struct buf which = { 0 }, action = { 0 };
		struct arena texts = ARENA_INIT;
		struct topo_fault f;

		assert_int_equal(topo_read_fault(t, cases[i].rule, &texts, &f, NULL), 0);
		fault_print_which(&which, &f.rule);
		fault_print_action(&action, &f.rule);
		assert_string_equal(buf_text(&which), cases[i].which);
		assert_string_equal(buf_text(&action), cases[i].action);
		arena_deinit(&texts);
	}
	topo_free(t);
}

static void test_bad_rule(void **state)
{
	struct topo *t = make_topo();
	struct arena texts = ARENA_INIT;
	struct netlab_err err = { 0 };
	struct topo_fault f;

	(void)state;
	assert_int_equal(
		topo_read_fault(t, "{\"link\": \"a--x\", \"do\": \"drop\"}", &texts, &f, &err),
		-EINVAL);
	assert_string_equal(err.message, "fault: there is no link 'a--x'");
	assert_string_equal(err.hint, "did you mean 'a--b'?");
	assert_int_equal(err.exit, NETLAB_EXIT_USAGE);
	assert_int_equal(topo_read_fault(t, "[", &texts, &f, &err), -EPROTO);
	arena_deinit(&texts);
	topo_free(t);
}

/* --- which packets --- */

static void test_numbers(void **state)
{
	const struct fault nth = { .which = FAULT_NTH, .n_nth = 2, .nth = { { 5, 6 }, { 2, 2 } } },
			   every = { .which = FAULT_EVERY, .count = 3 },
			   first = { .which = FAULT_FIRST, .count = 2 },
			   all = { .which = FAULT_ALL };
	static const char wanted[4][8] = { ".x..xx.", "..x..x.", "xx.....", "xxxxxxx" };
	const struct fault *const faults[] = { &nth, &every, &first, &all };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		for (uint64_t k = 1; k <= 7; k++)
			assert_int_equal(rule_means(faults[i], k), wanted[i][k - 1] == 'x');
	}
}

static void test_windows(void **state)
{
	struct fault f = { .windowed = true, .after_ns = 2 * second, .for_ns = second };

	(void)state;
	assert_false(rule_is_on(&f, RULE_NOT_BEGUN, 100 * second));
	assert_false(rule_is_on(&f, 10 * second, 9 * second));
	assert_false(rule_is_on(&f, 10 * second, 12 * second - 1));
	assert_true(rule_is_on(&f, 10 * second, 12 * second));
	assert_true(rule_is_on(&f, 10 * second, 13 * second - 1));
	assert_false(rule_is_on(&f, 10 * second, 13 * second));
	f.for_ns = UINT64_MAX;
	assert_true(rule_is_on(&f, 10 * second, UINT64_MAX - 1));
	f.windowed = false;
	assert_true(rule_is_on(&f, RULE_NOT_BEGUN, 0));
}

/* --- together --- */

static bool match_bits(void *ctx, size_t i)
{
	return *(const unsigned *)ctx >> i & 1;
}

static struct pipe_ruling decide(const struct rule *rules, size_t n, unsigned matching,
				 uint32_t len, bool is_copy)
{
	const struct pipe_arrival a = { .arrival_ns = second, .len = len, .is_copy = is_copy };
	struct pipe_ruling r = { 0 };

	rules_decide(rules, n, &a, match_bits, &matching, &r);
	return r;
}

static void test_together(void **state)
{
	static const uint64_t since = 0;
	const struct fault faults[] = {
		{ .action = FAULT_DUPLICATE },
		{ .action = FAULT_CORRUPT, .place = FAULT_BYTE, .at = 60 },
		{ .action = FAULT_DELAY, .delay_ns = 5 },
		{ .action = FAULT_DELAY, .delay_ns = 7 },
		{ .action = FAULT_HOLD, .hold = 3 },
		{ .action = FAULT_DROP, .which = FAULT_NTH, .n_nth = 1, .nth = { { 2, 2 } } },
	};
	struct rule_counts counts[ARRAY_SIZE(faults)] = { 0 };
	struct rule rules[ARRAY_SIZE(faults)];
	struct pipe_ruling r;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		rules[i] = (struct rule){ (uint32_t)i + 1, &faults[i], &since, &counts[i] };
	r = decide(rules, ARRAY_SIZE(faults), 0x3f, 100, false);
	assert_true(r.duplicate && r.corrupt && !r.drop);
	assert_int_equal(r.damage, PIPE_DAMAGE_BYTE);
	assert_int_equal(r.at, 60);
	assert_int_equal(r.extra_ns, 12);
	assert_ptr_equal(r.hold_counter, &counts[4].matched);
	assert_int_equal(r.hold_until, 4);
	assert_int_equal(r.rule, 1);
	/* the second is dropped: nothing else is done to it, and all count it */
	r = decide(rules, ARRAY_SIZE(faults), 0x3f, 100, false);
	assert_true(r.drop && !r.duplicate && !r.corrupt && r.extra_ns == 0 && !r.hold_counter);
	assert_int_equal(r.rule, 6);
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		assert_int_equal(counts[i].matched, 2);
		assert_int_equal(counts[i].acted, 1);
	}
	/* too short to be damaged there; matched by one rule only */
	r = decide(rules, ARRAY_SIZE(faults), 1u << 1, 60, false);
	assert_false(r.corrupt);
	assert_int_equal(counts[1].matched, 3);
	assert_int_equal(counts[1].acted, 1);
	assert_int_equal(counts[0].matched, 2);
	/* copies are nobody's */
	r = decide(rules, ARRAY_SIZE(faults), 0x3f, 100, true);
	assert_false(r.duplicate);
	assert_int_equal(counts[0].matched, 2);
}

/* --- expressions --- */

/* Frames: Ethernet, then as said. Addresses do not matter. */
static const uint8_t ipv4_tcp[54] = {
	[12] = 0x08, [14] = 0x45, [23] = 6, [36] = 0, 80, [46] = 0x50
};
static const uint8_t vlan_tcp[58] = {
	[12] = 0x81, [15] = 5, [16] = 0x08, [18] = 0x45, [27] = 6, [40] = 0, 80, [50] = 0x50
};
static const uint8_t ipv6_tcp[74] = { [12] = 0x86, 0xdd, 0x60, [20] = 6, [56] = 0, 80 };
/* hop-by-hop options of 8 bytes, then TCP */
static const uint8_t ipv6_options_tcp[82] = {
	[12] = 0x86, 0xdd, 0x60, [20] = 0, [54] = 6, [64] = 0, 80
};
static const uint8_t ipv4_udp_first[42] = {
	[12] = 0x08, [14] = 0x45, [20] = 0x20, [23] = 17, [36] = 0, 53
};
static const uint8_t ipv4_udp_rest[42] = {
	[12] = 0x08, [14] = 0x45, [21] = 0x40, [23] = 17, [36] = 0, 53
};
static const uint8_t ipv6_udp_first[70] = {
	[12] = 0x86, 0xdd, 0x60, [20] = 44, [54] = 17, [64] = 0, 53
};

#define FRAME(f) f, sizeof(f)

/** What docs/links.md says of VLAN tags, extension headers and fragments. */
static void test_expressions(void **state)
{
	static const struct {
		const char *expression;
		const uint8_t *frame;
		size_t len;
		bool matches;
	} cases[] = {
		{ "", FRAME(vlan_tcp), true },
		{ "tcp port 80", FRAME(ipv4_tcp), true },
		{ "tcp port 81", FRAME(ipv4_tcp), false },
		{ "tcp port 80", FRAME(vlan_tcp), false },
		{ "vlan and tcp port 80", FRAME(vlan_tcp), true },
		{ "vlan 5", FRAME(vlan_tcp), true },
		{ "vlan 6", FRAME(vlan_tcp), false },
		{ "vlan and tcp port 80", FRAME(ipv4_tcp), false },
		{ "tcp port 80", FRAME(ipv6_tcp), true },
		{ "icmp", FRAME(ipv6_tcp), false },
		{ "tcp port 80", FRAME(ipv6_options_tcp), false },
		{ "ip6 protochain 6", FRAME(ipv6_options_tcp), true },
		{ "ip6 protochain 17", FRAME(ipv6_options_tcp), false },
		{ "udp", FRAME(ipv4_udp_first), true },
		{ "udp", FRAME(ipv4_udp_rest), true },
		{ "udp port 53", FRAME(ipv4_udp_first), true },
		{ "udp port 53", FRAME(ipv4_udp_rest), false },
		{ "ip[6:2] & 0x1fff != 0", FRAME(ipv4_udp_first), false },
		{ "ip[6:2] & 0x1fff != 0", FRAME(ipv4_udp_rest), true },
		{ "udp", FRAME(ipv6_udp_first), true },
		{ "udp port 53", FRAME(ipv6_udp_first), false },
		{ "ip6[6] = 44", FRAME(ipv6_udp_first), true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sys_match m = { 0 };
		struct netlab_err err = { 0 };

		if (sys_match_compile(cases[i].expression, &m, &err) < 0)
			fail_msg("%s", err.message);
		if (sys_match_frame(&m, cases[i].frame, cases[i].len) != cases[i].matches)
			fail_msg("case %zu: '%s' should %smatch", i, cases[i].expression,
				 cases[i].matches ? "" : "not ");
		/* the empty frame matches nothing but "" */
		assert_int_equal(sys_match_frame(&m, cases[i].frame, 0),
				 cases[i].expression[0] == '\0');
		sys_match_deinit(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_in_words),
		cmocka_unit_test(test_bad_rule),       cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_windows),        cmocka_unit_test(test_together),
		cmocka_unit_test(test_expressions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
