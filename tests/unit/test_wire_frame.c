/* SPDX-License-Identifier: MIT */
/* Frames in memory: pools, VLAN tags, checksums, marks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "wire/frame.h"

static struct frame_pool pool;

static int set_up(void **state)
{
	(void)state;
	frame_pool_init(&pool, 1 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	frame_pool_deinit(&pool);
	return 0;
}

static struct frame *make(const uint8_t *data, size_t len)
{
	struct frame *f = frame_new(&pool, len);

	assert_non_null(f);
	memcpy(f->data, data, len);
	f->vnet = (struct sys_vnet){ 0 };
	return f;
}

static void test_pool(void **state)
{
	static const size_t sizes[] = {
		1,    FRAME_SMALL,     FRAME_SMALL + 1, FRAME_MEDIUM, FRAME_MEDIUM + 1,
		9014, FRAME_LARGE + 1, FRAME_HUGE
	};
	struct frame *f, *all[64];
	size_t n = 0, bytes;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		f = frame_new(&pool, sizes[i]);
		assert_non_null(f);
		assert_int_equal(f->len, sizes[i]);
		memset(f->data, 0xaa, sizes[i]); /* ASan knows how far it may go */
		frame_free(&pool, f);
		bytes = pool.bytes;
		f = frame_new(&pool, sizes[i]);
		assert_int_equal(pool.bytes, bytes); /* the same again */
		frame_free(&pool, f);
	}
	assert_null(frame_new(&pool, FRAME_HUGE + 1));
	/* no more than the limit, and all of it again later */
	while ((f = frame_new(&pool, FRAME_HUGE)))
		all[n++] = f;
	assert_true(n >= 10);
	assert_true(pool.bytes <= pool.max_bytes);
	assert_null(frame_new(&pool, FRAME_HUGE));
	for (size_t i = 0; i < n; i++)
		frame_free(&pool, all[i]);
	assert_non_null(all[0] = frame_new(&pool, FRAME_HUGE));
	frame_free(&pool, all[0]);
}

static void test_vlan(void **state)
{
	uint8_t data[60];
	struct frame *f;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	f = make(data, sizeof(data));
	f->vnet = (struct sys_vnet){
		.flags = SYS_VNET_NEEDS_CSUM, .csum_start = 34, .csum_offset = 6, .hdr_len = 42
	};
	frame_put_vlan(f, 0x88a8, 0x6007);
	assert_int_equal(f->len, sizeof(data) + 4);
	assert_memory_equal(f->data, data, 12);
	assert_memory_equal(f->data + 12, "\x88\xa8\x60\x07", 4);
	assert_memory_equal(f->data + 16, data + 12, sizeof(data) - 12);
	assert_int_equal(f->vnet.csum_start, 38);
	assert_int_equal(f->vnet.csum_offset, 6);
	assert_int_equal(f->vnet.hdr_len, 46);
	frame_free(&pool, f);
}

/* 192.0.2.1 -> 192.0.2.2, UDP 1 -> 2, 3 bytes "abc". */
static const uint8_t udp[] = {
	2,    0, 0, 0,  0,   2, 2, 0, 0,  0,  0,    1,    8, 0, /* Ethernet */
	0x45, 2, 0, 31, 0,   0, 0, 0, 64, 17, 0xf6, 0xc8,       /* IPv4, ECT(0) */
	192,  0, 2, 1,  192, 0, 2, 2, 0,  1,  0,    2,    0, 11, 0, 0, 'a', 'b', 'c', /* UDP */
};
enum { IP_AT = 14, UDP_AT = 34, UDP_LEN = 11 };

static uint16_t sum_of(const uint8_t *data, size_t len, uint32_t start)
{
	uint32_t sum = start;

	for (size_t i = 0; i < len; i++)
		sum += (uint32_t)data[i] << (i % 2 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/** Sum of the pseudo header: addresses, protocol, length. */
static uint16_t pseudo_sum(void)
{
	return sum_of(udp + IP_AT + 12, 8, 17 + UDP_LEN);
}

/** Every bit in turn: exactly one differs from what the frame would be with its checksum made. */
static void test_corrupt(void **state)
{
	uint8_t whole[sizeof(udp)];
	uint16_t check;

	(void)state;
	assert_int_equal(sum_of(udp + IP_AT, 20, 0), 0xffff);
	memcpy(whole, udp, sizeof(udp));
	check = (uint16_t)~sum_of(udp + UDP_AT, UDP_LEN, pseudo_sum());
	whole[UDP_AT + 6] = (uint8_t)(check >> 8);
	whole[UDP_AT + 7] = (uint8_t)check;
	for (uint32_t bit = 0; bit < 8 * sizeof(udp); bit++) {
		struct frame *f = make(udp, sizeof(udp));
		unsigned differ = 0;

		f->vnet = (struct sys_vnet){ .flags = SYS_VNET_NEEDS_CSUM,
					     .csum_start = UDP_AT,
					     .csum_offset = 6 };
		f->data[UDP_AT + 6] = (uint8_t)(pseudo_sum() >> 8);
		f->data[UDP_AT + 7] = (uint8_t)pseudo_sum();
		frame_corrupt(f, bit);
		for (size_t i = 0; i < sizeof(udp); i++)
			differ += (unsigned)__builtin_popcount((unsigned)f->data[i] ^ whole[i]);
		assert_int_equal(differ, 1);
		assert_int_equal(f->data[bit / 8] ^ whole[bit / 8], 1u << bit % 8);
		assert_int_equal(f->vnet.flags, 0);
		frame_free(&pool, f);
	}
}

/** A GSO frame is damaged where no later checksum mends it, and stays a GSO frame. */
static void test_corrupt_gso(void **state)
{
	(void)state;
	for (uint32_t random = 0; random < 8; random++) {
		struct frame *f = make(udp, sizeof(udp));

		f->vnet = (struct sys_vnet){ .flags = SYS_VNET_NEEDS_CSUM,
					     .gso_type = 1,
					     .gso_size = 2,
					     .csum_start = UDP_AT,
					     .csum_offset = 6 };
		frame_corrupt(f, random);
		assert_int_not_equal(f->data[IP_AT] >> 4, 4);
		assert_int_equal(f->data[IP_AT] & 15, 5);
		assert_int_equal(f->vnet.gso_size, 2);
		/* "abc" in parts of 2 makes two packets, each with 42 bytes of headers */
		assert_int_equal(frame_wire_len(f), sizeof(udp) + 42);
		frame_free(&pool, f);
	}
}

static void test_mark(void **state)
{
	static const struct {
		const char *name;
		uint8_t ecn;
		bool can;
	} cases[] = { { "not capable", 0, false },
		      { "ECT(1)", 1, true },
		      { "ECT(0)", 2, true },
		      { "marked already", 3, true } };
	uint8_t six[54] = { [12] = 0x86, [13] = 0xdd, [14] = 0x60 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct frame *f = make(udp, sizeof(udp));
		uint16_t check;

		f->data[IP_AT + 1] = (uint8_t)(0xb8 | cases[i].ecn);
		f->data[IP_AT + 10] = f->data[IP_AT + 11] = 0;
		check = (uint16_t)~sum_of(f->data + IP_AT, 20, 0);
		f->data[IP_AT + 10] = (uint8_t)(check >> 8);
		f->data[IP_AT + 11] = (uint8_t)check;
		frame_put_vlan(f, 0x8100, 5);
		if (frame_mark(f) != cases[i].can)
			fail_msg("%s", cases[i].name);
		assert_int_equal(f->data[IP_AT + 4 + 1], 0xb8 | (cases[i].can ? 3 : 0));
		assert_int_equal(sum_of(f->data + IP_AT + 4, 20, 0), 0xffff);
		frame_free(&pool, f);

		six[15] = (uint8_t)(cases[i].ecn << 4 | 0xf);
		f = make(six, sizeof(six));
		assert_int_equal(frame_mark(f), cases[i].can);
		assert_int_equal(f->data[15], (cases[i].can ? 3 : 0) << 4 | 0xf);
		frame_free(&pool, f);
	}
	{
		/* neither IPv4 nor IPv6, or too short to be */
		struct frame *f = make(udp, 20);

		assert_false(frame_mark(f));
		f->data[13] = 6;
		assert_false(frame_mark(f));
		frame_free(&pool, f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pool),    cmocka_unit_test(test_vlan),
		cmocka_unit_test(test_corrupt), cmocka_unit_test(test_corrupt_gso),
		cmocka_unit_test(test_mark),
	};

	return cmocka_run_group_tests_name("wire_frame", tests, set_up, tear_down);
}
