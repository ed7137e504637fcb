/* SPDX-License-Identifier: MIT */
/* What a service writes, with times, into its log; and which lines of /proc/net/tcp listen. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/service_log.h"
#include "sys/fs.h"
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
		cmocka_unit_test_setup_teardown(test_much, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full_disk, set_up, tear_down),
		cmocka_unit_test(test_stamp),
		cmocka_unit_test(test_listening),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
