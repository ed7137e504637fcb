/* SPDX-License-Identifier: MIT */
/* The packets of a recording, read back: each is the one that the identities say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "repro/fates.h"
#include "repro/frames.h"
#include "repro/identities.h"
#include "repro/pcapng.h"
#include "sys/fs.h"

static const char topology[] = "{\"nodes\": {\"a\": {}, \"b\": {}}, "
			       "\"links\": [{\"name\": \"l\", \"endpoints\": [\"a\", \"b\"]}]}";
static const char summary[] = "{\"complete\": true, \"packets\": 3, \"decisions\": 0}";

struct place {
	char path[64];
	struct record_dir dir;
	struct buf packets, identities;
};

static void setup(struct place *p)
{
	const struct identities_head head = identities_head();
	const struct record_about about = {
		.lab = "x", .engine = "wire", .source = topology, .source_len = strlen(topology)
	};
	struct netlab_err err = { 0 };
	int fd = -1;

	*p = (struct place){ .path = "/tmp/netlab-frames-XXXXXX" };
	assert_non_null(mkdtemp(p->path));
	if (record_dir_create(p->path, &about, &fd, NULL, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(sys_write_file(fd, RECORD_SUMMARY, summary, strlen(summary)), 0);
	close(fd);
	if (record_dir_open(p->path, &p->dir, &err) < 0)
		fail_msg("%s: %s", err.where, err.message);
	buf_add(&p->identities, &head, sizeof(head));
	pcapng_section(&p->packets, "for a test");
	pcapng_interface(&p->packets, "l: a > b", NULL);
	pcapng_interface(&p->packets, "l: b > a", NULL);
}

static void teardown(struct place *p)
{
	buf_deinit(&p->packets);
	buf_deinit(&p->identities);
	record_dir_deinit(&p->dir);
	assert_int_equal(sys_remove_tree(AT_FDCWD, p->path), 0);
}

static void put_packet(struct place *p, unsigned dir, const char *bytes, const char *comment)
{
	pcapng_packet(&p->packets, &(struct pcapng_packet){ .interface = dir,
							    .data = bytes,
							    .len = (uint32_t)strlen(bytes),
							    .wire_len = (uint32_t)strlen(bytes),
							    .comment = comment });
}

static void put_identity(struct place *p, unsigned dir, uint64_t index)
{
	const struct identity_entry e = { .dir = dir,
					  .index = index,
					  .id = { .kind = IDENTITY_FRAME, .nth = 1 } };

	buf_add(&p->identities, &e, sizeof(e));
}

static int read_back(struct place *p, struct frames *ret, struct netlab_err *err)
{
	*ret = (struct frames){ 0 };
	*err = (struct netlab_err){ 0 };
	assert_false(p->packets.failed || p->identities.failed);
	assert_int_equal(sys_write_file(p->dir.fd, RECORD_PACKETS, p->packets.data, p->packets.len),
			 0);
	assert_int_equal(
		sys_write_file(p->dir.fd, RECORD_IDENTITIES, p->identities.data, p->identities.len),
		0);
	return frames_read(&p->dir, ret, err);
}

static void check_frame(const struct frames *f, size_t i, unsigned dir, uint64_t index,
			const char *bytes)
{
	assert_true(i < f->n);
	assert_int_equal(f->items[i].link, 0);
	assert_int_equal(f->items[i].dir, dir);
	assert_int_equal(f->items[i].index, index);
	assert_int_equal(f->items[i].len, strlen(bytes));
	assert_memory_equal(&f->bytes[f->items[i].at], bytes, strlen(bytes));
}

/** Indexes are the identities' own: numbers that are missing were lost to the host. */
static void test_indexes(void **state)
{
	struct netlab_err err;
	struct frames f;
	struct place p;

	(void)state;
	setup(&p);
	put_packet(&p, 0, "one", NULL);
	put_identity(&p, 0, 1);
	put_packet(&p, 1, "back", "netlab: drop loss");
	put_identity(&p, 1, 1);
	put_packet(&p, 0, "seventh", NULL);
	put_identity(&p, 0, 7);
	pcapng_statistics(&p.packets, 0, 1, 2, 0);
	if (read_back(&p, &f, &err) < 0)
		fail_msg("%s: %s", err.where, err.message);
	assert_int_equal(f.n, 3);
	check_frame(&f, 0, 0, 1, "one");
	check_frame(&f, 1, 1, 1, "back");
	check_frame(&f, 2, 0, 7, "seventh");
	frames_deinit(&f);
	teardown(&p);
}

/** A packet whose end came late is in the file twice: those after it are still who they are. */
static void test_late_ends(void **state)
{
	struct netlab_err err;
	struct frames f;
	struct place p;

	(void)state;
	setup(&p);
	put_packet(&p, 0, "one", NULL);
	put_identity(&p, 0, 1);
	put_packet(&p, 0, "two", NULL);
	put_identity(&p, 0, 2);
	put_packet(&p, 0, "one", "netlab: drop codel " FATE_LATE_COMMENT);
	put_packet(&p, 0, "three", "netlab: drop loss");
	put_identity(&p, 0, 3);
	if (read_back(&p, &f, &err) < 0)
		fail_msg("%s: %s", err.where, err.message);
	assert_int_equal(f.n, 3);
	check_frame(&f, 1, 0, 2, "two");
	check_frame(&f, 2, 0, 3, "three");
	frames_deinit(&f);
	teardown(&p);
}

/** Files that do not belong together, or of which one was cut where a packet ends. */
static void test_misfits(void **state)
{
	enum { ONE_IDENTITY, ONE_PACKET, OTHER_WAY, CASES };

	(void)state;
	for (int i = 0; i < CASES; i++) {
		struct netlab_err err;
		struct frames f;
		struct place p;

		setup(&p);
		put_packet(&p, 0, "one", NULL);
		put_identity(&p, i == OTHER_WAY, 1);
		if (i == ONE_IDENTITY)
			put_packet(&p, 0, "two", NULL);
		if (i == ONE_PACKET)
			put_identity(&p, 0, 2);
		assert_int_equal(read_back(&p, &f, &err), -EINVAL);
		assert_int_equal(err.exit, NETLAB_EXIT_INVALID);
		assert_non_null(strstr(err.message, "not those that"));
		assert_non_null(strstr(err.where, RECORD_PACKETS));
		assert_int_equal(f.n, 0);
		teardown(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_indexes),
		cmocka_unit_test(test_late_ends),
		cmocka_unit_test(test_misfits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
