/* SPDX-License-Identifier: MIT */
/* The same packet, found again: what identities survive, and what they do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "impair/identity.h"
#include "impair/recent.h"

enum { FIN = IDENTITY_FIN, SYN = IDENTITY_SYN, RST = IDENTITY_RST, PSH = 8, ACK = IDENTITY_ACK };

struct frame {
	uint8_t bytes[256];
	size_t len;
};

static void put(struct frame *f, const void *data, size_t n)
{
	assert_true(f->len + n <= sizeof(f->bytes));
	memcpy(f->bytes + f->len, data, n);
	f->len += n;
}

static void put16(struct frame *f, unsigned v)
{
	put(f, (uint8_t[]){ (uint8_t)(v >> 8), (uint8_t)v }, 2);
}

static void put32(struct frame *f, uint32_t v)
{
	put16(f, v >> 16);
	put16(f, v & 0xffff);
}

/** Ethernet and an IPv4 header from 10.0.0.FROM to 10.0.0.TO. */
static struct frame ipv4(unsigned from, unsigned to, uint8_t proto, size_t payload)
{
	struct frame f = { 0 };

	put(&f, "\2\0\0\0\0\1\2\0\0\0\0\2\x08\0", 14);
	put(&f, "\x45\0", 2);
	put16(&f, (unsigned)(20 + payload));
	put(&f, "\x12\x34\0\0\x40", 5);
	put(&f, &proto, 1);
	put16(&f, 0xbeef);
	put32(&f, 0x0a000000 | from);
	put32(&f, 0x0a000000 | to);
	return f;
}

static struct frame tcp(unsigned from, unsigned sport, unsigned to, unsigned dport, uint32_t seq,
			unsigned flags, size_t len)
{
	struct frame f = ipv4(from, to, 6, 20 + len);
	uint8_t payload[128] = { 0 };

	put16(&f, sport);
	put16(&f, dport);
	put32(&f, seq);
	put32(&f, seq * 77); /* acknowledgement: not looked at */
	put(&f, (uint8_t[]){ 0x50, (uint8_t)flags }, 2);
	put16(&f, seq & 0xffff); /* window: nor this */
	put32(&f, 0);
	put(&f, payload, len);
	return f;
}

static struct frame udp(unsigned from, unsigned sport, unsigned to, unsigned dport,
			const char *payload)
{
	struct frame f = ipv4(from, to, 17, 8 + strlen(payload));

	put16(&f, sport);
	put16(&f, dport);
	put16(&f, (unsigned)(8 + strlen(payload)));
	put16(&f, 0);
	put(&f, payload, strlen(payload));
	return f;
}

static struct frame echo(unsigned from, unsigned to, uint16_t id, uint16_t seq, const char *payload)
{
	struct frame f = ipv4(from, to, 1, 8 + strlen(payload));

	put(&f, "\x08\0\0\0", 4);
	put16(&f, id);
	put16(&f, seq);
	put(&f, payload, strlen(payload));
	return f;
}

static struct identity see(struct identity_table *t, struct frame f)
{
	struct identity id;

	assert_int_equal(identify(t, f.bytes, f.len, &id), 0);
	return id;
}

static void assert_text(const struct identity *id, const char *want)
{
	struct identity again;
	struct buf b = { 0 };
	const char *why = NULL;

	identity_format(&b, id);
	assert_string_equal(buf_text(&b), want);
	if (identity_parse(want, &again, &why) < 0)
		fail_msg("%s: %s", want, why);
	assert_true(identity_equal(id, &again));
	assert_int_equal(identity_key(id), identity_key(&again));
	assert_int_equal(identity_data_key(id), identity_data_key(&again));
	buf_deinit(&b);
}

static void test_text(void **state)
{
	struct identity_table *t = identity_table_new();
	struct frame vlan = { 0 }, arp = { 0 }, six = { 0 }, runt = { .len = 5 };
	struct frame f = udp(1, 40000, 2, 53, "abc"), part = ipv4(1, 2, 17, 4);
	struct identity id;

	(void)state;
	id = see(t, tcp(1, 40000, 2, 80, 1000, SYN, 0));
	assert_text(&id, "tcp,from=10.0.0.1:*,to=10.0.0.2:80,flow=1,flags=S,len=0,nth=1");
	id = see(t, tcp(1, 40000, 2, 80, 1001, PSH | ACK, 100));
	assert_text(&id, "tcp,from=10.0.0.1:*,to=10.0.0.2:80,flow=1,flags=A,seq=1,len=100,nth=1");
	id = see(t, tcp(1, 40000, 2, 80, 1101, FIN | ACK, 0));
	assert_text(&id, "tcp,from=10.0.0.1:*,to=10.0.0.2:80,flow=1,flags=FA,seq=101,len=0,nth=1");
	id = see(t, tcp(1, 40000, 2, 80, 1101, 0, 0));
	assert_text(&id,
		    "tcp,from=10.0.0.1:*,to=10.0.0.2:80,flow=1,flags=none,seq=101,len=0,nth=1");
	id = see(t, tcp(1, 179, 2, 179, 7, RST, 0));
	assert_text(&id, "tcp,from=10.0.0.1:179,to=10.0.0.2:179,flow=1,flags=R,len=0,nth=1");
	id = see(t, f);
	assert_int_equal(id.nth_data, 1);
	assert_int_not_equal(id.data, 0);
	id.data = 0x0123456789abcdef; /* the digest's value is nobody's business */
	assert_text(&id, "udp,from=10.0.0.1:*,to=10.0.0.2:53,flow=1,len=3,nth=1,"
			 "data=0123456789abcdef,nth-data=1");
	id = see(t, udp(1, 5000, 2, 5001, ""));
	assert_text(&id, "udp,from=10.0.0.1:5000,to=10.0.0.2:5001,len=0,nth=1");
	id = see(t, echo(1, 2, 4711, 3, ""));
	assert_text(&id, "icmp,from=10.0.0.1,to=10.0.0.2,flow=1,type=8.0,seq=3,len=0,nth=1");

	/* a tag, and one more inside */
	put(&vlan, f.bytes, 12);
	put(&vlan, "\x88\xa8\x60\x07\x81\0\0\x09", 8);
	put(&vlan, f.bytes + 12, f.len - 12);
	id = see(t, vlan);
	id.data = id.nth_data = 0;
	assert_text(&id, "udp,vlan=7,from=10.0.0.1:*,to=10.0.0.2:53,flow=1,len=3,nth=1");

	put(&arp, f.bytes, 12);
	put(&arp, "\x08\x06", 2);
	id = see(t, arp);
	assert_text(&id, "frame,type=0x0806,len=0,nth=1");
	id = see(t, runt);
	assert_int_equal(id.kind, IDENTITY_FRAME);
	assert_int_equal(id.len, 5);

	/* the second part of a datagram has no ports */
	part.bytes[20] = 0x20;
	part.bytes[21] = 0xb9;
	put32(&part, 0);
	id = see(t, part);
	id.data = id.nth_data = 0;
	assert_text(&id, "ip,from=10.0.0.1,to=10.0.0.2,type=17,seq=1480,len=4,nth=1");

	/* IPv6 with a hop-by-hop header before UDP, and Ethernet's padding behind */
	put(&six, f.bytes, 12);
	put(&six, "\x86\xdd\x60\0\0\0\0\x10\0\x40", 10);
	put(&six, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	put(&six, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 16);
	put(&six, "\x11\0\1\4\0\0\0\0", 8);
	put(&six, "\x9c\x40\0\x35\0\x08\0\0", 8);
	put(&six, "\0\0\0\0", 4);
	id = see(t, six);
	assert_text(&id, "udp,from=[fd00::1]:*,to=[fd00::2]:53,flow=1,len=0,nth=1");
	identity_table_free(t);
}

/** A TCP connection's frames of one direction; `again` is one that is sent twice. */
static size_t connection(struct identity_table *t, unsigned port, uint32_t isn, int again,
			 struct identity *ret)
{
	size_t n = 0;

	ret[n++] = see(t, tcp(1, port, 2, 80, isn, SYN, 0));
	for (int i = 0; i < 5; i++) {
		ret[n++] = see(t, tcp(1, port, 2, 80, isn + 1 + 100 * (uint32_t)i, ACK, 100));
		if (i == again)
			ret[n++] = see(t, tcp(1, port, 2, 80, isn + 1 + 100 * (uint32_t)i,
					      PSH | ACK, 100));
	}
	ret[n++] = see(t, tcp(1, port, 2, 80, isn + 501, FIN | ACK, 0));
	return n;
}

/** Another run: other ports, another initial sequence number (that wraps), a retransmission more. */
static void test_tcp_survives(void **state)
{
	struct identity_table *one = identity_table_new(), *two = identity_table_new();
	struct identity a[2][10], b[2][10];
	size_t n, m;

	(void)state;
	for (unsigned c = 0; c < 2; c++) {
		n = connection(one, 40000 + c, 123456 + c, -1, a[c]);
		m = connection(two, 50001 - c, c ? 17 : UINT32_MAX - 250, 2, b[c]);
		assert_int_equal(n + 1, m);
		for (size_t i = 0, j = 0; i < n; i++, j++) {
			assert_true(identity_equal(&a[c][i], &b[c][j]));
			assert_int_equal(a[c][i].flow, c + 1);
			if (i == 3) {
				j++;
				assert_int_equal(b[c][j].nth, 2);
				assert_int_not_equal(identity_key(&b[c][j]),
						     identity_key(&a[c][i]));
			}
		}
	}
	identity_table_free(one);
	identity_table_free(two);
}

static void test_flows(void **state)
{
	struct identity_table *t = identity_table_new();

	(void)state;
	/* the same SYN again is no new flow; one with another number is */
	assert_int_equal(see(t, tcp(1, 40000, 2, 80, 5, SYN, 0)).flow, 1);
	assert_int_equal(see(t, tcp(1, 40000, 2, 80, 5, SYN, 0)).nth, 2);
	assert_int_equal(see(t, tcp(1, 40000, 2, 80, 9, SYN, 0)).flow, 2);
	assert_int_equal(see(t, tcp(1, 40000, 2, 80, 10, ACK, 1)).seq, 1);
	/* other hosts, ports and protocols count for themselves */
	assert_int_equal(see(t, tcp(3, 40000, 2, 80, 9, SYN, 0)).flow, 1);
	assert_int_equal(see(t, tcp(1, 40000, 2, 81, 9, SYN, 0)).flow, 1);
	assert_int_equal(see(t, udp(1, 40000, 2, 80, "")).flow, 1);
	assert_int_equal(see(t, udp(1, 40001, 2, 80, "")).flow, 2);
	assert_int_equal(see(t, udp(1, 40000, 2, 80, "")).flow, 1);
	/* both ports are ephemeral: neither is known */
	assert_int_equal(see(t, udp(2, 40000, 1, 50000, "")).port[0], 0);
	assert_int_equal(see(t, udp(2, 40000, 1, 50001, "")).flow, 2);
	/* a flow that was begun before we came: its first packet is where it begins */
	assert_int_equal(see(t, tcp(9, 40000, 2, 80, 7000, ACK, 50)).seq, 0);
	assert_int_equal(see(t, tcp(9, 40000, 2, 80, 7050, ACK, 50)).seq, 50);
	/* pings of two processes */
	assert_int_equal(see(t, echo(1, 2, 77, 1, "x")).flow, 1);
	assert_int_equal(see(t, echo(1, 2, 78, 1, "x")).flow, 2);
	assert_int_equal(see(t, echo(1, 2, 77, 2, "x")).seq, 2);
	identity_table_free(t);
}

/** What is sent again has the same content: those after it keep their numbers, by content. */
static void test_data(void **state)
{
	static const char *const first[] = { "one", "two", "six", "ten" };
	static const char *const second[] = { "one", "two", "two", "six", "ten" };
	struct identity_table *one = identity_table_new(), *two = identity_table_new();
	struct identity a[4], b[5];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		a[i] = see(one, udp(1, 40000, 2, 69, first[i]));
	for (unsigned i = 0; i < 5; i++)
		b[i] = see(two, udp(1, 41111, 2, 69, second[i]));
	assert_int_equal(identity_data_key(&a[3]), identity_data_key(&b[4]));
	assert_int_not_equal(identity_key(&a[3]), identity_key(&b[4]));
	assert_int_equal(b[2].nth_data, 2);
	assert_int_not_equal(identity_data_key(&b[1]), identity_data_key(&b[2]));
	/* other content: the class finds it */
	a[0] = see(one, udp(1, 40000, 2, 53, "abc"));
	b[0] = see(two, udp(1, 40000, 2, 53, "xyz"));
	assert_int_not_equal(identity_data_key(&a[0]), identity_data_key(&b[0]));
	assert_int_equal(identity_key(&a[0]), identity_key(&b[0]));
	/* what is behind the packet is not its content */
	{
		struct frame f = udp(7, 40000, 2, 53, "abc"), padded = f;

		put(&padded, "\xff\xff\xff", 3);
		a[0] = see(one, f);
		a[1] = see(one, padded);
		assert_int_equal(a[0].data, a[1].data);
		assert_int_equal(a[1].nth, 2);
	}
	identity_table_free(one);
	identity_table_free(two);
}

static void test_recent(void **state)
{
	struct recent r = { .max = 100 };

	(void)state;
	for (uint64_t k = 1; k <= 100; k++)
		recent_get(&r, k)->a = (uint32_t)k;
	for (uint64_t k = 1; k <= 100; k++)
		assert_int_equal(recent_get(&r, k)->a, k);
	/* 1 is asked for all the time, 2 never */
	for (uint64_t k = 101; k <= 350; k++) {
		recent_get(&r, k)->a = (uint32_t)k;
		assert_int_equal(recent_get(&r, 1)->a, 1);
	}
	assert_int_equal(recent_get(&r, 2)->a, 0);
	assert_int_equal(recent_get(&r, 350)->a, 350);
	assert_int_equal(recent_get(&r, 300)->a, 300);
	assert_true(r.younger.n <= 100 && r.older.n <= 100);
	recent_deinit(&r);
	recent_deinit(&r);
}

static void test_bad_text(void **state)
{
	static const char *const bad[] = {
		"",
		"tcp",
		"sctp,from=10.0.0.1:1,to=10.0.0.2:2,len=0,nth=1",
		"tcp,from=10.0.0.1:1,to=10.0.0.2:2,len=0,nth=1",
		"tcp,from=10.0.0.1,to=10.0.0.2:2,flags=S,len=0,nth=1",
		"tcp,from=10.0.0.1:0,to=10.0.0.2:2,flags=S,len=0,nth=1",
		"tcp,from=10.0.0.1:65536,to=10.0.0.2:2,flags=S,len=0,nth=1",
		"tcp,from=10.0.0.1:1,to=[fd00::2]:2,flags=S,len=0,nth=1",
		"tcp,from=[10.0.0.1]:1,to=[10.0.0.2]:2,flags=S,len=0,nth=1",
		"tcp,from=fd00::1:1,to=fd00::2:2,flags=S,len=0,nth=1",
		"tcp,from=[fd00:0::1]:1,to=[fd00::2]:2,flags=S,len=0,nth=1",
		"tcp,from=10.0.0.1:1,to=10.0.0.2:2,flags=AS,len=0,nth=1",
		"tcp,from=10.0.0.1:1,to=10.0.0.2:2,flags=S,len=0,nth=0",
		"tcp,from=10.0.0.1:1,to=10.0.0.2:2,flags=S,len=00,nth=1",
		"tcp,from=10.0.0.1:1,to=10.0.0.2:2,flags=S,seq=0,len=0,nth=1",
		"tcp,from=10.0.0.1:1,to=10.0.0.2:2,flags=S,len=4294967296,nth=1",
		"tcp,from=10.0.0.1:1,to=10.0.0.2:2,flags=S,len=0,nth=1 ",
		"tcp,from=10.0.0.1:1,to=10.0.0.2:2,flags=S,len=0,nth=1,data=0123456789abcdef,nth-data=1",
		"udp,from=10.0.0.1:1,to=10.0.0.2:2,len=0,nth=1,data=0123456789abcde,nth-data=1",
		"udp,from=10.0.0.1:1,to=10.0.0.2:2,len=0,nth=1,data=0123456789ABCDEF,nth-data=1",
		"udp,from=10.0.0.1:1,to=10.0.0.2:2,len=0,nth=1,data=0123456789abcdef",
		"udp,vlan=0,from=10.0.0.1:1,to=10.0.0.2:2,len=0,nth=1",
		"udp,vlan=4096,from=10.0.0.1:1,to=10.0.0.2:2,len=0,nth=1",
		"icmp,from=10.0.0.1,to=10.0.0.2,type=8,len=0,nth=1",
		"ip,from=10.0.0.1,to=10.0.0.2,type=256,len=0,nth=1",
		"frame,type=0x806,len=0,nth=1",
		"frame,from=10.0.0.1,to=10.0.0.2,type=0x0806,len=0,nth=1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct identity id;
		const char *why = NULL;

		if (identity_parse(bad[i], &id, &why) == 0)
			fail_msg("accepted: %s", bad[i]);
		assert_non_null(why);
	}
}

static void assert_words(const char *text, const char *want)
{
	struct identity id;
	struct buf b = { 0 };

	assert_int_equal(identity_parse(text, &id, NULL), 0);
	identity_describe(&b, &id);
	assert_string_equal(buf_text(&b), want);
	buf_deinit(&b);
}

static void test_describe(void **state)
{
	(void)state;
	assert_words("tcp,from=10.0.0.2:80,to=10.0.0.1:*,flow=2,flags=SA,len=0,nth=1",
		     "TCP SYN+ACK 10.0.0.2:80 > 10.0.0.1:*, the 1st of flow 2");
	assert_words("tcp,from=10.0.0.2:80,to=10.0.0.1:*,flow=2,flags=A,seq=1449,len=1448,nth=22",
		     "TCP bytes 1449 to 2896 10.0.0.2:80 > 10.0.0.1:*, the 22nd of flow 2");
	assert_words("tcp,from=[fd00::1]:80,to=[fd00::2]:80,flags=A,len=0,nth=113",
		     "TCP ACK [fd00::1]:80 > [fd00::2]:80, the 113th");
	assert_words(
		"udp,from=10.0.0.2:80,to=10.0.0.1:1,len=5,nth=9,data=0123456789abcdef,nth-data=3",
		"UDP of 5 bytes 10.0.0.2:80 > 10.0.0.1:1, the 3rd with its content");
	assert_words("frame,type=0x0806,len=28,nth=1",
		     "a frame of type 0x0806 with 28 bytes, the 1st");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),     cmocka_unit_test(test_tcp_survives),
		cmocka_unit_test(test_flows),    cmocka_unit_test(test_data),
		cmocka_unit_test(test_recent),   cmocka_unit_test(test_bad_text),
		cmocka_unit_test(test_describe),
	};

	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
