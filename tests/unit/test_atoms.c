/* SPDX-License-Identifier: MIT */
/* A recorded run taken apart: expressions that find the packets again, rules, words, and the topology without dice. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "repro/atoms.h"
#include "repro/expression.h"
#include "repro/without_dice.h"
#include "sys/match.h"

/* --- frames --- */

/** Ethernet, then as said; the payload behind. */
static size_t make_udp4(uint8_t *f, uint32_t data)
{
	static const uint8_t head[42] = { [12] = 0x08, [14] = 0x45, [17] = 32, [23] = 17, [26] = 10,
					  0,           0,           0,         10,        0,
					  0,           1,           0x90,      0,         0x1b,
					  0x58,        0,           12 };

	memcpy(f, head, sizeof(head));
	for (int i = 0; i < 4; i++)
		f[42 + i] = (uint8_t)(data >> (24 - 8 * i));
	return 46;
}

static size_t make_tcp4(uint8_t *f, uint8_t flags, const char *data)
{
	static const uint8_t head[54] = { [12] = 0x08, [14] = 0x45, [23] = 6, [26] = 10,  0, 0,
					  0,           10,          0,        0,          1, 0x90,
					  0,           0x1b,        0x58,     [46] = 0x50 };
	size_t len = strlen(data);

	memcpy(f, head, sizeof(head));
	f[17] = (uint8_t)(40 + len);
	f[47] = flags;
	memcpy(f + 54, data, len);
	return 54 + len;
}

static size_t make_tcp6(uint8_t *f, uint8_t flags, const char *data)
{
	size_t len = strlen(data);

	memset(f, 0, 74);
	f[12] = 0x86;
	f[13] = 0xdd;
	f[14] = 0x60;
	f[19] = (uint8_t)(20 + len);
	f[20] = 6;
	f[22] = f[38] = 0xfd;
	f[53] = 1;
	f[54] = 0x90;
	f[56] = 0x1b;
	f[57] = 0x58;
	f[66] = 0x50;
	f[67] = flags;
	memcpy(f + 74, data, len);
	return 74 + len;
}

static size_t make_echo4(uint8_t *f, uint8_t number)
{
	memset(f, 0, 42);
	f[12] = 0x08;
	f[14] = 0x45;
	f[17] = 28;
	f[23] = 1;
	f[26] = f[30] = 10;
	f[33] = 1;
	f[34] = 8;
	f[41] = number;
	return 42;
}

static size_t make_arp(uint8_t *f)
{
	memset(f, 0, 42);
	f[12] = 0x08;
	f[13] = 0x06;
	return 42;
}

/** A fragment of a UDP packet of IPv4: `field` as in its header; the payload behind that. */
static size_t make_fragment4(uint8_t *f, uint16_t field)
{
	size_t len = make_udp4(f, 0x66726167);

	f[20] = (uint8_t)(field >> 8);
	f[21] = (uint8_t)field;
	return len;
}

static size_t make_fragment6(uint8_t *f, uint16_t field)
{
	memset(f, 0, 78);
	f[12] = 0x86;
	f[13] = 0xdd;
	f[14] = 0x60;
	f[19] = 24;
	f[20] = 44;
	f[22] = f[38] = 0xfd;
	f[53] = 1;
	f[54] = 17;
	f[56] = (uint8_t)(field >> 8);
	f[57] = (uint8_t)field;
	f[62] = 0x90;
	f[64] = 0x1b;
	f[65] = 0x58;
	f[66] = 15;
	return 78;
}

static bool matches(const char *expression, const uint8_t *frame, size_t len)
{
	struct sys_match m = { 0 };
	struct netlab_err err = { 0 };
	bool yes;

	if (sys_match_compile(expression, &m, &err) < 0)
		fail_msg("%s", err.message);
	yes = sys_match_frame(&m, frame, len);
	sys_match_deinit(&m);
	return yes;
}

/** The expression of each frame finds it, and, with data, none of the others. */
static void test_expressions(void **state)
{
	enum { FRAMES = 16 };
	static uint8_t frames[FRAMES][128];
	struct identity_table *t = identity_table_new();
	struct identity ids[FRAMES];
	size_t len[FRAMES];

	(void)state;
	len[0] = make_udp4(frames[0], 1);
	len[1] = make_udp4(frames[1], 0xfffffffe);
	len[2] = make_tcp4(frames[2], 2, "");
	len[3] = make_tcp4(frames[3], 0x18, "hello");
	len[4] = make_tcp4(frames[4], 0x18, "hella");
	len[5] = make_tcp6(frames[5], 0x12, "");
	len[6] = make_tcp6(frames[6], 0x10, "more than four words");
	len[7] = make_echo4(frames[7], 3);
	len[8] = make_echo4(frames[8], 4);
	len[9] = make_arp(frames[9]);
	/* first, middle and last: the headers' lengths and ports are of the whole, or not there */
	len[10] = make_fragment4(frames[10], 0x2000);
	len[11] = make_fragment4(frames[11], 0x2001);
	len[12] = make_fragment4(frames[12], 0x0002);
	len[13] = make_fragment6(frames[13], 0x0001);
	len[14] = make_fragment6(frames[14], 0x0009);
	len[15] = make_fragment6(frames[15], 0x0010);
	for (size_t i = 0; i < FRAMES; i++)
		assert_int_equal(identify(t, frames[i], len[i], &ids[i]), 0);
	for (size_t i = 0; i < FRAMES; i++) {
		_cleanup_buf_ struct buf with = { 0 }, without = { 0 };

		expression_format(&with, &ids[i], true, frames[i], len[i]);
		expression_format(&without, &ids[i], false, frames[i], len[i]);
		print_message("%s\n", buf_text(&with));
		for (size_t j = 0; j < FRAMES; j++) {
			if (matches(buf_text(&with), frames[j], len[j]) != (i == j))
				fail_msg("'%s' and frame %zu", buf_text(&with), j);
		}
		assert_true(matches(buf_text(&without), frames[i], len[i]));
	}
	identity_table_free(t);
}

/* --- atoms --- */

struct bed {
	struct topo *topo;
	struct plan *plan;
	struct frames frames;
	struct decisions decisions;
	struct atoms atoms;
};

static void begin(struct bed *b, const char *decisions, bool with_data)
{
	static const char text[] =
		"{\"addressing\": {\"ipv6\": false}, \"nodes\": {\"a\": {}, \"b\": {}}, "
		"\"links\": [{\"endpoints\": [\"a\", \"b\"]}]}";
	struct topo_diags diags = { 0 };
	struct netlab_err err = { 0 };

	assert_int_equal(topo_parse(text, strlen(text), "t.json", NULL, &diags, &b->topo), 0);
	topo_diags_deinit(&diags);
	assert_int_equal(plan_build(b->topo, NULL, &b->plan, NULL), 0);
	/* seven datagrams: data 1, 2, 1, 2... */
	b->frames.items = calloc(7, sizeof(*b->frames.items));
	b->frames.bytes = calloc(7, 64);
	for (size_t i = 0; i < 7; i++, b->frames.n++) {
		b->frames.items[i] = (struct frame_kept){ .index = i + 1, .at = i * 64 };
		b->frames.items[i].len = (uint32_t)make_udp4(&b->frames.bytes[i * 64],
							     1 + (uint32_t)i % 2);
		b->frames.items[i].wire_len = b->frames.items[i].len;
	}
	if (decisions_parse(decisions, strlen(decisions), "d", &b->decisions, &err) < 0)
		fail_msg("%s", err.message);
	if (atoms_make(&b->decisions, &b->frames, b->topo, with_data, &b->atoms, &err) < 0)
		fail_msg("%s", err.message);
}

static void end(struct bed *b)
{
	atoms_deinit(&b->atoms);
	decisions_deinit(&b->decisions);
	frames_deinit(&b->frames);
	plan_free(b->plan);
	topo_free(b->topo);
	*b = (struct bed){ 0 };
}

#define LINE(index, verdict, cause)                                                      \
	"a--b -> " index " udp,from=10.0.0.0:*,to=10.0.0.1:7000,flow=1,len=4,nth=" index \
	" " verdict " " cause "\n"

static void test_atoms(void **state)
{
	static const char decisions[] = DECISIONS_HEAD "\n" LINE("2", "drop", "loss")
		LINE("3", "corrupt=9,delay=+5000000ns,dup", "dice") LINE("4", "drop", "queue")
			LINE("5", "mark", "loss") LINE("6", "drop", "loss")
				LINE("7", "delay=-1ns,dup,copy-delay=+7000000ns", "dice") "end 6\n";
	static const size_t all[] = { 0, 1, 2, 3, 4, 5, 6 };
	_cleanup_buf_ struct buf by_data = { 0 }, by_class = { 0 }, words = { 0 };
	struct bed b = { 0 };

	(void)state;
	begin(&b, decisions, true);
	/* the delay of the last is none that a rule can make, and the mark is none; the full queue comes by itself */
	assert_int_equal(b.atoms.n, 7);
	assert_int_equal(b.atoms.n_unsaid, 2);
	assert_int_equal(b.atoms.n_by_itself, 1);
	atoms_print(&by_data, &b.atoms, all, 7, b.topo);
	/* packets 2 and 6 are the 1st and 3rd with data 2: one rule; bit 9 is the second lowest of byte 1 */
	assert_string_equal(
		buf_text(&by_data),
		"[{\"link\": \"a--b\", \"from\": \"a\", \"match\": \"src host 10.0.0.0 and dst host 10.0.0.1 and udp "
		"dst port 7000 and udp[4:2] = 12 and udp[8:4] = 0x00000002\", \"nth\": [1, 3], \"do\": \"drop\"}, "
		"{\"link\": \"a--b\", \"from\": \"a\", \"match\": \"src host 10.0.0.0 and dst host 10.0.0.1 and udp "
		"dst port 7000 and udp[4:2] = 12 and udp[8:4] = 0x00000001\", \"nth\": [2, 4], \"do\": "
		"\"duplicate\"}, "
		"{\"link\": \"a--b\", \"from\": \"a\", \"match\": \"src host 10.0.0.0 and dst host 10.0.0.1 and udp "
		"dst port 7000 and udp[4:2] = 12 and udp[8:4] = 0x00000001\", \"nth\": [2], \"do\": {\"corrupt\": "
		"{\"bit\": 14}}}, "
		"{\"link\": \"a--b\", \"from\": \"a\", \"match\": \"src host 10.0.0.0 and dst host 10.0.0.1 and udp "
		"dst port 7000 and udp[4:2] = 12 and udp[8:4] = 0x00000001\", \"nth\": [2], \"do\": {\"delay\": "
		"\"5ms\"}}, "
		"{\"link\": \"a--b\", \"from\": \"a\", \"match\": \"src host 10.0.0.0 and dst host 10.0.0.1 and udp "
		"dst port 7000 and udp[4:2] = 12 and udp[8:4] = 0x00000001\", \"nth\": [4], \"do\": {\"delay\": "
		"\"7ms\"}}]");
	atoms_describe(&words, &b.atoms, (const size_t[]){ 0, 5, 6 }, 3, b.topo, b.plan, &b.frames);
	assert_string_equal(
		buf_text(&words),
		"the datagram of 4 bytes from a to b port 7000 that begins with 0x00000002 is lost, the datagram of 4 "
		"bytes from a to b port 7000 that begins with 0x00000001, when it comes for the 4th time, comes twice "
		"and 7ms late");
	end(&b);
	begin(&b, decisions, false);
	atoms_print(&by_class, &b.atoms, (const size_t[]){ 0, 4 }, 2, b.topo);
	assert_string_equal(
		buf_text(&by_class),
		"[{\"link\": \"a--b\", \"from\": \"a\", \"match\": \"src host 10.0.0.0 and dst host 10.0.0.1 and udp "
		"dst port 7000 and udp[4:2] = 12\", \"nth\": [2, 6], \"do\": \"drop\"}]");
	words.len = 0;
	atoms_describe(&words, &b.atoms, (const size_t[]){ 4 }, 1, b.topo, b.plan, &b.frames);
	assert_string_equal(buf_text(&words),
			    "the 6th datagram of 4 bytes from a to b port 7000 is lost");
	end(&b);
}

/** One decision about one frame, in words. */
static void assert_words(size_t (*make)(uint8_t *f, uint16_t arg), uint16_t arg, const char *want)
{
	static const char lost[] = DECISIONS_HEAD "\n" LINE("1", "drop", "loss") "end 1\n";
	struct identity_table *t = identity_table_new();
	_cleanup_buf_ struct buf words = { 0 };
	struct bed b = { 0 };

	begin(&b, lost, true);
	b.frames.items[0].len = b.frames.items[0].wire_len = (uint32_t)make(b.frames.bytes, arg);
	assert_int_equal(
		identify(t, b.frames.bytes, b.frames.items[0].len, &b.decisions.items[0].id), 0);
	identity_table_free(t);
	atoms_describe(&words, &b.atoms, (const size_t[]){ 0 }, 1, b.topo, b.plan, &b.frames);
	assert_string_equal(buf_text(&words), want);
	end(&b);
}

static size_t make_text(uint8_t *f, uint16_t arg)
{
	static const char *const texts[] = { "GET /a \"b\\\"\r\n and more", "ok\177fine", "\n" };

	return make_tcp4(f, 0x10, texts[arg]);
}

static void test_words(void **state)
{
	(void)state;
	assert_words(make_text, 0,
		     "the TCP segment with 22 bytes from a to b port 7000 that begins with "
		     "\"GET /a \\\"b\\\\\\\"\\r\\n an\" is lost");
	assert_words(make_text, 1,
		     "the TCP segment with 7 bytes from a to b port 7000 that begins with "
		     "0x6f6b7f66696e65 is lost");
	assert_words(
		make_text, 2,
		"the TCP segment with 1 byte from a to b port 7000 that begins with \"\\n\" is lost");
	assert_words(
		make_fragment4, 0x2000,
		"the fragment from byte 0 of a UDP packet from a to b port 7000 that begins with "
		"\"frag\" is lost");
	assert_words(make_fragment4, 0x0002,
		     "the first fragment from byte 16 of a UDP packet from a to b is lost");
}

static void test_packet_that_is_not_there(void **state)
{
	static const char decisions[] = DECISIONS_HEAD "\n" LINE("2", "drop", "loss") "end 1\n";
	struct netlab_err err = { 0 };
	struct atoms atoms = { 0 };
	struct bed b = { 0 };

	(void)state;
	begin(&b, decisions, true);
	b.frames.n = 1;
	assert_int_equal(atoms_make(&b.decisions, &b.frames, b.topo, true, &atoms, &err), -EINVAL);
	assert_non_null(strstr(err.message, "packet 2 of link 'a--b'"));
	end(&b);
}

/* --- without dice --- */

static void assert_without_dice(const char *text, const char *expected)
{
	struct topo_diags diags = { 0 };
	struct topo *t = NULL;
	json_t *is, *wanted;

	assert_int_equal(topo_parse(text, strlen(text), "t.json", NULL, &diags, &t), 0);
	topo_diags_deinit(&diags);
	is = without_dice(text, strlen(text), t, "/from/");
	wanted = json_loads(expected, 0, NULL);
	assert_non_null(is);
	assert_non_null(wanted);
	if (!json_equal(is, wanted)) {
		char *got = json_dumps(is, 0);

		fail_msg("got %s", got);
	}
	json_decref(is);
	json_decref(wanted);
	topo_free(t);
}

static void test_without_dice(void **state)
{
	(void)state;
	assert_without_dice(
		"{\"nodes\": {\"a\": {}, \"b\": {}}, \"links\": [{\"endpoints\": [\"a\", \"b\"], \"delay\": \"5ms\", "
		"\"loss\": \"1%\", \"->\": {\"jitter\": \"1ms\", \"rate\": {\"trace\": \"x.trace\"}}}], "
		"\"faults\": [{\"link\": \"a--b\", \"do\": \"drop\"}]}",
		"{\"nodes\": {\"a\": {}, \"b\": {}}, \"links\": [{\"endpoints\": [\"a\", \"b\"], \"delay\": \"5ms\", "
		"\"->\": {\"rate\": {\"trace\": \"/from/x.trace\"}}}]}");
	/* what a preset or the defaults say is taken back */
	assert_without_dice(
		"{\"nodes\": {\"a\": {}, \"b\": {}}, \"defaults\": {\"link\": {\"corrupt\": \"1%\", \"delay\": \"2ms\"}}, "
		"\"links\": [{\"endpoints\": [\"a\", \"b\"], \"preset\": \"bad-wifi\"}]}",
		"{\"nodes\": {\"a\": {}, \"b\": {}}, \"defaults\": {\"link\": {\"delay\": \"2ms\"}}, "
		"\"links\": [{\"endpoints\": [\"a\", \"b\"], \"preset\": \"bad-wifi\", "
		"\"->\": {\"loss\": \"0%\", \"corrupt\": \"0%\", \"jitter\": \"0ms\"}, "
		"\"<-\": {\"loss\": \"0%\", \"corrupt\": \"0%\", \"jitter\": \"0ms\"}}]}");
	/* of the timeline, too; an event that has nothing more to say goes */
	assert_without_dice(
		"{\"nodes\": {\"a\": {}, \"b\": {}}, \"links\": [{\"endpoints\": [\"a\", \"b\"]}], \"timeline\": ["
		"{\"at\": \"1s\", \"link\": \"a--b\", \"loss\": \"1%\"}, {\"at\": \"2s\", \"link\": \"a--b\", \"loss\": "
		"\"1%\", \"delay\": \"5ms\"}, {\"at\": \"3s\", \"link\": \"a--b\", \"down\": true}]}",
		"{\"nodes\": {\"a\": {}, \"b\": {}}, \"links\": [{\"endpoints\": [\"a\", \"b\"]}], \"timeline\": ["
		"{\"at\": \"2s\", \"link\": \"a--b\", \"delay\": \"5ms\"}, {\"at\": \"3s\", \"link\": \"a--b\", "
		"\"down\": true}]}");
	/* presets of events as those of links */
	assert_without_dice(
		"{\"nodes\": {\"a\": {}, \"b\": {}}, \"links\": [{\"endpoints\": [\"a\", \"b\"]}], \"timeline\": ["
		"{\"at\": \"1s\", \"link\": \"a--b\", \"loss\": \"1%\"}, "
		"{\"at\": \"2s\", \"link\": \"a--b\", \"preset\": \"bad-wifi\"}]}",
		"{\"nodes\": {\"a\": {}, \"b\": {}}, \"links\": [{\"endpoints\": [\"a\", \"b\"]}], \"timeline\": ["
		"{\"at\": \"2s\", \"link\": \"a--b\", \"preset\": \"bad-wifi\", \"loss\": \"0%\", "
		"\"jitter\": \"0ms\"}]}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expressions),
		cmocka_unit_test(test_atoms),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_packet_that_is_not_there),
		cmocka_unit_test(test_without_dice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
