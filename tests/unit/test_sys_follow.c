/* SPDX-License-Identifier: MIT */
/* Following files that another process writes. Each step waits for the one before it, so there is no clock in here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/follow.h"
#include "sys/fs.h"

struct fixture {
	char dir[32];
	char first[64], second[64];
	pid_t writer;
	int go;         /* a byte to the writer: its next step */
	char seen[256]; /* what came, as "FILE:text" */
};

static void append(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd) < 0)
		_exit(1);
}

/* Appends to the first file, makes the second one, leaves a last line, ends. */
static void write_steps(const struct fixture *f, int go)
{
	char byte;

	if (read(go, &byte, 1) != 1)
		_exit(1);
	append(f->first, "two\n");
	if (read(go, &byte, 1) != 1)
		_exit(1);
	append(f->second, "three\n");
	if (read(go, &byte, 1) != 1)
		_exit(1);
	append(f->first, "last");
	_exit(0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fds[2];

	if (!f || pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	strcpy(f->dir, "/tmp/netlab-test-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	(void)snprintf(f->first, sizeof(f->first), "%s/first", f->dir);
	(void)snprintf(f->second, sizeof(f->second), "%s/second", f->dir);
	append(f->first, "one\n");
	f->writer = fork();
	if (f->writer == 0) {
		(void)close(fds[1]);
		write_steps(f, fds[0]);
	}
	(void)close(fds[0]);
	f->go = fds[1];
	*state = f;
	return f->writer < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)close(f->go);
	(void)kill(f->writer, SIGKILL);
	(void)waitpid(f->writer, NULL, 0);
	(void)unlink(f->first);
	(void)unlink(f->second);
	(void)rmdir(f->dir);
	free(f);
	return 0;
}

static int on_data(void *ctx, size_t file, const char *data, size_t len)
{
	struct fixture *f = ctx;
	size_t used = strlen(f->seen);

	(void)snprintf(f->seen + used, sizeof(f->seen) - used, "%zu:%.*s|", file, (int)len, data);
	return 0;
}

/* The same, and lets the writer take its next step. */
static int on_data_go(void *ctx, size_t file, const char *data, size_t len)
{
	struct fixture *f = ctx;

	(void)on_data(ctx, file, data, len);
	return write(f->go, "g", 1) == 1 ? 0 : -errno;
}

static void test_follow(void **state)
{
	struct fixture *f = *state;
	const char *paths[] = { f->first, f->second };
	struct netlab_err err = { 0 };
	int r;

	(void)signal(SIGPIPE, SIG_IGN);
	r = sys_follow(paths, 2, f->writer, -1, on_data_go, f, &err);
	/* when its last line arrives the writer may have ended */
	assert_true(r == 0 || r == -EPIPE);
	assert_string_equal(f->seen, "0:one\n|0:two\n|1:three\n|0:last|");
}

static void test_read_once(void **state)
{
	struct fixture *f = *state;
	const char *paths[] = { f->second, f->first };

	/* a file that is not there is empty; nothing is waited for */
	assert_int_equal(sys_follow(paths, 2, 0, -1, on_data, f, NULL), 0);
	assert_string_equal(f->seen, "1:one\n|");
}

static int stop(void *ctx, size_t file, const char *data, size_t len)
{
	(void)ctx;
	(void)file;
	(void)data;
	(void)len;
	return -ECANCELED;
}

static void test_stops_when_told(void **state)
{
	struct fixture *f = *state;
	const char *paths[] = { f->first };

	assert_int_equal(sys_follow(paths, 1, f->writer, -1, stop, f, NULL), -ECANCELED);
}

static void test_reader_gone(void **state)
{
	struct fixture *f = *state;
	const char *paths[] = { f->second };
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	(void)close(fds[0]);
	/* the writer lives on: only the missing reader can end this */
	assert_int_equal(sys_follow(paths, 1, f->writer, fds[1], on_data, f, NULL), 0);
	(void)close(fds[1]);
}

static void test_errors(void **state)
{
	struct fixture *f = *state;
	const char *missing[] = { "/nonexistent/dir/file" }, *link[] = { f->second };
	struct netlab_err err = { 0 };

	assert_int_equal(sys_follow(missing, 1, f->writer, -1, on_data, f, &err), -ENOENT);
	assert_string_equal(
		err.message,
		"watching the directory of '/nonexistent/dir/file': No such file or directory");
	/* a log that someone replaced by a symlink is not read */
	assert_int_equal(symlink("/etc/hostname", f->second), 0);
	assert_int_equal(sys_follow(link, 1, 0, -1, on_data, f, &err), -ELOOP);
}

/* A process that has ended before: what is there is all. */
static void test_ended_before(void **state)
{
	struct fixture *f = *state;
	const char *paths[] = { f->first };
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(sys_follow(paths, 1, pid, -1, on_data, f, NULL), 0);
	assert_string_equal(f->seen, "0:one\n|");
}

struct gap {
	struct fixture *f;
	size_t before, missing, after;
	char next[8];
};

enum { LINE = 32, LINES = 8192, DROPPED = 128 << 10 };

static int on_gap(void *ctx, size_t file, const char *data, size_t len)
{
	struct gap *g = ctx;

	(void)file;
	if (!data) {
		assert_int_equal(g->missing, 0);
		g->missing = len;
	} else if (g->missing) {
		if (g->after == 0)
			memcpy(g->next, data, 7);
		g->after += len;
	} else {
		/* what comes next is gone before it is read */
		int fd = open(g->f->second, O_WRONLY | O_CLOEXEC);

		assert_int_equal(sys_drop_front(fd, DROPPED), 0);
		(void)close(fd);
		g->before += len;
	}
	return 0;
}

/* A file that loses its front while it is read: what is missing is told, and it goes on with a line. */
static void test_gap(void **state)
{
	struct fixture *f = *state;
	const char *paths[] = { f->second };
	struct gap g = { .f = f };
	FILE *file = fopen(f->second, "we");

	assert_non_null(file);
	(void)fputs("a line that shifts the others\n",
		    file); /* 30 bytes: none begins where the file does then */
	for (unsigned i = 0; i < LINES; i++)
		(void)fprintf(file, "%07u %023u\n", i, 0u);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(sys_follow(paths, 1, 0, -1, on_gap, &g, NULL), 0);
	assert_int_equal(g.before, 64 << 10);
	assert_int_equal(g.before + g.missing + g.after, 30 + LINE * LINES);
	assert_int_equal((g.before + g.missing - 30) % LINE, 0);
	assert_int_equal(strtoul(g.next, NULL, 10), (g.before + g.missing - 30) / LINE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_follow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stops_when_told, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reader_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ended_before, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
