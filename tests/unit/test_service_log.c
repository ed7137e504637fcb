/* SPDX-License-Identifier: MIT */
/* What a service writes, with times, into its log; and which lines of /proc/net/tcp listen. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/service_log.h"
#include "sys/follow.h"
#include "sys/fs.h"
#include "sys/gate.h"
#include "sys/listening.h"

struct bed {
	char dir[32];
	int dir_fd;
	struct service_log log;
	char heard[256];
};

static int set_up(void **state)
{
	static struct bed b;

	b = (struct bed){ .dir = "/tmp/netlab-log-XXXXXX" };
	assert_non_null(mkdtemp(b.dir));
	b.dir_fd = sys_open_dir(AT_FDCWD, b.dir);
	assert_true(b.dir_fd >= 0);
	assert_int_equal(service_log_open(&b.log, b.dir_fd, "node", "service"), 0);
	*state = &b;
	return 0;
}

static int tear_down(void **state)
{
	struct bed *b = *state;

	service_log_close(&b->log);
	service_log_close(&b->log);
	assert_int_equal(sys_remove_tree(b->dir_fd, "node"), 0);
	close(b->dir_fd);
	assert_int_equal(rmdir(b->dir), 0);
	return 0;
}

static void hear(void *ctx, const char *data, size_t len)
{
	(void)strncat(((struct bed *)ctx)->heard, data, len);
}

static void say(struct bed *b, const char *text)
{
	assert_int_equal(write(b->log.pipe_fds[1], text, strlen(text)), (ssize_t)strlen(text));
}

static char *text_of_log(const struct bed *b)
{
	char path[64], *text;
	size_t len;

	(void)snprintf(path, sizeof(path), "%s/node/service.log", b->dir);
	assert_int_equal(sys_read_file(path, 1 << 20, &text, &len), 0);
	return text;
}

/** Checks the log, every line of which has to begin with a time: '@' stands for it. */
static void check(const struct bed *b, const char *want)
{
	char *text = text_of_log(b), *at = text;

	for (; *want; want++) {
		if (*want != '@') {
			assert_int_equal(*at++, *want);
			continue;
		}
		for (const char *like = "0000-00-00T00:00:00.000Z "; *like; like++, at++) {
			if (*like == '0')
				assert_true(*at >= '0' && *at <= '9');
			else
				assert_int_equal(*at, *like);
		}
	}
	assert_int_equal(*at, '\0');
	free(text);
}

static void test_lines(void **state)
{
	struct bed *b = *state;

	assert_true(service_log_read(&b->log, NULL, NULL));
	say(b, "one\ntwo\n\nthr");
	assert_true(service_log_read(&b->log, hear, b));
	check(b, "@one\n@two\n@\n@thr"); /* what there is of a line is there at once */
	say(b, "ee");
	assert_true(service_log_read(&b->log, hear, b));
	say(b, "\nfour");
	assert_true(service_log_read(&b->log, hear, b));
	check(b, "@one\n@two\n@\n@three\n@four");
	assert_string_equal(b->heard, "one\ntwo\n\nthree\nfour");
}

/* What a run that ended in the middle of a line wrote stays apart from what the next one writes. */
static void test_new_run(void **state)
{
	struct bed *b = *state;

	service_log_new_run(&b->log);
	say(b, "one\ntw");
	assert_true(service_log_read(&b->log, NULL, NULL));
	service_log_new_run(&b->log);
	say(b, "three\n");
	assert_true(service_log_read(&b->log, NULL, NULL));
	service_log_new_run(&b->log);
	say(b, "fo");
	assert_true(service_log_read(&b->log, NULL, NULL));
	check(b, "@one\n@tw\n@three\n@fo");
	service_log_close(&b->log); /* of a node that was killed, and comes back */
	assert_int_equal(service_log_open(&b->log, b->dir_fd, "node", "service"), 0);
	service_log_new_run(&b->log);
	say(b, "five\n");
	assert_true(service_log_read(&b->log, NULL, NULL));
	check(b, "@one\n@tw\n@three\n@fo\n@five\n");
	service_log_close(&b->log);
	assert_int_equal(service_log_open(&b->log, b->dir_fd, "node", "service"), 0);
	service_log_new_run(&b->log);
	check(b, "@one\n@tw\n@three\n@fo\n@five\n");
}

static void test_much(void **state)
{
	struct bed *b = *state;
	size_t lines = 0;
	char *text;

	for (unsigned i = 0; i < 100; i++) { /* 100 * 400 bytes of the 64 KiB that a pipe holds */
		char many[401];

		memset(many, '\n', sizeof(many) - 1);
		many[sizeof(many) - 1] = '\0';
		say(b, many);
	}
	while (!service_log_read(&b->log, NULL, NULL))
		;
	text = text_of_log(b);
	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	assert_int_equal(lines, 100 * 400);
	assert_int_equal(strlen(text), 100 * 400 * (SERVICE_STAMP_BYTES + 1));
	free(text);
}

/* A log that cannot be written holds nobody up, and tells later what is missing. */
static void test_full_disk(void **state)
{
	struct bed *b = *state;
	int file = b->log.file_fd, full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	assert_true(full >= 0);
	say(b, "begin");
	assert_true(service_log_read(&b->log, NULL, NULL));
	b->log.file_fd = full;
	say(b, "ning\nlost\n");
	assert_true(service_log_read(&b->log, NULL, NULL));
	say(b, "still\nmid");
	assert_true(service_log_read(&b->log, NULL, NULL));
	assert_int_equal(b->log.lost, 5 + 30 + 31 + 28); /* with their times */
	b->log.file_fd = file;
	say(b, "dle\nfound\n");
	assert_true(service_log_read(&b->log, NULL, NULL));
	check(b, "@begin\n@netlab: 98 bytes are missing here: No space left on device\n@found\n");
	close(full);
}

enum { MUCH_MIB = 20, MIB = 1 << 20 };

/** Has the service write lines of 1 KiB, numbered. */
static void write_much(struct bed *b)
{
	for (unsigned i = 0; i < MUCH_MIB * 1024; i++) {
		char line[1025];

		(void)snprintf(line, sizeof(line), "%07u %01015d\n", i, 0);
		say(b, line);
		if (i % 32 == 31)
			while (!service_log_read(&b->log, NULL, NULL))
				;
	}
}

static struct stat stat_of_log(const struct bed *b)
{
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/node/service.log", b->dir);
	assert_int_equal(stat(path, &st), 0);
	return st;
}

struct reader {
	size_t missing, bytes;
	unsigned first; /* number of its first line */
	bool begun;
};

static int read_log(void *ctx, size_t file, const char *data, size_t len)
{
	struct reader *r = ctx;

	(void)file;
	if (!data) {
		assert_false(r->begun);
		r->missing = len;
		return 0;
	}
	if (!r->begun)
		r->first = (unsigned)strtoul(data + SERVICE_STAMP_BYTES, NULL, 10);
	r->begun = true;
	r->bytes += len;
	assert_null(memchr(data, '\0', len));
	return 0;
}

/* A log keeps its end: whoever reads it later is told how much is missing and begins with a line. */
static void test_bounded(void **state)
{
	struct bed *b = *state;
	char path[64];
	const char *paths[] = { path };
	struct reader r = { 0 };
	struct stat st;
	size_t line = SERVICE_STAMP_BYTES + 1024;

	(void)snprintf(path, sizeof(path), "%s/node/service.log", b->dir);
	write_much(b);
	st = stat_of_log(b);
	assert_int_equal(st.st_size, MUCH_MIB * 1024 * line);
	assert_in_range(st.st_blocks * 512, SERVICE_LOG_KEEP_BYTES, SERVICE_LOG_MAX_BYTES + MIB);
	assert_int_equal(sys_follow(paths, 1, 0, -1, read_log, &r, NULL), 0);
	assert_int_equal(r.missing + r.bytes, (size_t)st.st_size);
	assert_int_equal(r.missing, r.first * line);
	assert_in_range(r.bytes, SERVICE_LOG_KEEP_BYTES - MIB, SERVICE_LOG_MAX_BYTES);

	/* a node that is restarted goes on with it, and with its bound */
	service_log_close(&b->log);
	assert_int_equal(service_log_open(&b->log, b->dir_fd, "node", "service"), 0);
	assert_int_equal(b->log.size, (uint64_t)st.st_size);
	write_much(b);
	st = stat_of_log(b);
	assert_int_equal(st.st_size, 2 * MUCH_MIB * 1024 * line);
	assert_true(st.st_blocks * 512 <= SERVICE_LOG_MAX_BYTES + MIB);
}

static int no_holes(const char *op)
{
	return strcmp(op, "fallocate") == 0 ? -EOPNOTSUPP : 0;
}

/* Where nothing can be dropped it keeps its beginning, and the service goes on. */
static void test_no_holes(void **state)
{
	static const char end[] = "netlab: the log ends here, with 8 MiB: it cannot lose its "
				  "front: Operation not supported\n";
	struct bed *b = *state;
	struct stat st;
	char path[64], *text;
	size_t len;

	sys_gate_hook = no_holes;
	write_much(b);
	sys_gate_hook = NULL;
	st = stat_of_log(b);
	assert_in_range(st.st_size, SERVICE_LOG_MAX_BYTES, SERVICE_LOG_MAX_BYTES + MIB);
	(void)snprintf(path, sizeof(path), "%s/node/service.log", b->dir);
	assert_int_equal(sys_read_file(path, 16 * MIB, &text, &len), 0);
	assert_string_equal(text + len - strlen(end), end);
	free(text);
}

static void test_stamp(void **state)
{
	char stamp[SERVICE_STAMP_BYTES + 1];

	(void)state;
	service_log_stamp(1763788424123999999ull, stamp);
	assert_string_equal(stamp, "2025-11-22T05:13:44.123Z ");
	service_log_stamp(0, stamp);
	assert_string_equal(stamp, "1970-01-01T00:00:00.000Z ");
}

static void test_listening(void **state)
{
	static const struct {
		const char *line;
		enum sys_tcp_line what;
	} cases[] = {
		{ "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt",
		  SYS_TCP_OTHER },
		{ "", SYS_TCP_OTHER },
		{ "   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0",
		  SYS_TCP_HERE },
		{ "  17: 0100007F:0051 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0",
		  SYS_TCP_ELSEWHERE },
		{ "   1: 0100007F:0050 0100007F:C350 01 00000000:00000000 00:00000000 00000000  0",
		  SYS_TCP_CONNECTED },
		{ "   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A "
		  "00000000:00000000",
		  SYS_TCP_HERE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(sys_tcp_line(cases[i].line, 80), cases[i].what);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lines, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_new_run, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_much, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full_disk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_holes, set_up, tear_down),
		cmocka_unit_test(test_stamp),
		cmocka_unit_test(test_listening),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
