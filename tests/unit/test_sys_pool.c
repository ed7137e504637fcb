/* SPDX-License-Identifier: MIT */
/* Functions in children, side by side: what they write and report, how they end, signals, nothing that is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/clock.h"
#include "sys/gate.h"
#include "sys/pool.h"
#include "sys/proc.h"

#define SOON (sys_monotonic_ns() + UINT64_C(60000000000))

/* What a child does. */
struct task {
	const char *output, *report;
	size_t flood; /* bytes of output beyond that */
	int exit, signo;
	bool forever, leaves_one; /* never ends; leaves a process that holds the pipes */
};

static int child(void *ctx, int report_fd)
{
	const struct task *t = ctx;
	char block[4096];

	memset(block, 'x', sizeof(block));
	if (t->leaves_one && fork() == 0) {
		(void)alarm(10); /* nobody is there to end it */
		(void)pause();
		_exit(0);
	}
	for (size_t n = 0; n < t->flood; n += sizeof(block))
		(void)!write(STDOUT_FILENO, block, sizeof(block));
	if (t->output)
		(void)!write(STDERR_FILENO, t->output, strlen(t->output));
	if (t->report)
		(void)!write(report_fd, t->report, strlen(t->report));
	if (t->signo)
		(void)raise(t->signo);
	while (t->forever)
		(void)pause();
	return t->exit;
}

static void start(struct sys_pool *p, struct task *t)
{
	assert_int_equal(sys_pool_start(p, child, t, t, NULL), 0);
}

static void wait_end(struct sys_pool *p, struct sys_pool_end *e)
{
	int signo = 0;

	assert_int_equal(sys_pool_wait(p, SOON, e, &signo), SYS_POOL_END);
}

static const char *text_of(const struct buf *b)
{
	return b->data ? b->data : "";
}

static void test_ends(void **state)
{
	struct task tasks[] = {
		{ .output = "hello\n", .report = "fine" },
		{ .exit = 42 },
		{ .signo = SIGUSR1, .report = "dies" },
		{ .flood = 1 << 20, .output = "the last", .exit = 1 },
		{ .leaves_one = true, .output = "alone", .exit = 7 },
	};
	unsigned seen = 0;
	struct sys_pool p;

	(void)state;
	assert_int_equal(sys_pool_init(&p, ARRAY_SIZE(tasks), NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(tasks); i++)
		start(&p, &tasks[i]);
	assert_int_equal(p.n, ARRAY_SIZE(tasks));
	while (p.n > 0) {
		struct sys_pool_end e;
		const struct task *t;

		wait_end(&p, &e);
		t = e.mark;
		seen |= 1u << (t - tasks);
		assert_int_equal(e.status, t->signo ? 128 + t->signo : t->exit);
		assert_int_equal(e.killed, t->signo != 0);
		assert_string_equal(text_of(&e.report), t->report ? t->report : "");
		if (t->flood) {
			assert_int_equal(e.output.len, SYS_POOL_OUTPUT_MAX);
			assert_string_equal(e.output.data + e.output.len - 8, "the last");
		} else {
			assert_string_equal(text_of(&e.output), t->output ? t->output : "");
		}
		assert_true(e.elapsed_ns > 0);
		sys_pool_end_deinit(&e);
	}
	assert_int_equal(seen, (1u << ARRAY_SIZE(tasks)) - 1);
	sys_pool_deinit(&p);
	sys_pool_deinit(&p);
}

/* A child has the signals that we had, we hold them, and get told. */
static void test_signals(void **state)
{
	struct task t = { .forever = true };
	struct sys_pool p;
	struct sys_pool_end e;
	sigset_t before, after;
	int signo = 0;

	(void)state;
	assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &before), 0);
	assert_int_equal(sys_pool_init(&p, 2, NULL), 0);
	start(&p, &t);
	start(&p, &t);
	assert_int_equal(sys_pool_wait(&p, sys_monotonic_ns() + 1000000, &e, &signo),
			 SYS_POOL_TIME);
	assert_int_equal(raise(SIGTERM), 0);
	assert_int_equal(sys_pool_wait(&p, SOON, &e, &signo), SYS_POOL_SIGNAL);
	assert_int_equal(signo, SIGTERM);
	sys_pool_signal(&p, SIGTERM);
	for (int i = 0; i < 2; i++) {
		wait_end(&p, &e);
		assert_int_equal(e.status, 128 + SIGTERM);
		assert_true(e.killed);
		sys_pool_end_deinit(&e);
	}
	sys_pool_deinit(&p);
	assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &after), 0);
	assert_int_equal(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
}

/* A signal that ends the children too is told first. */
static void test_signal_first(void **state)
{
	struct task t = { .forever = true };
	struct sys_pool p;
	struct sys_pool_end e;
	int signo = 0;

	(void)state;
	assert_int_equal(sys_pool_init(&p, 1, NULL), 0);
	start(&p, &t);
	assert_int_equal(raise(SIGINT), 0);
	sys_pool_signal(&p, SIGKILL);
	(void)usleep(
		50000); /* so that both are there; the order must hold whatever comes of this */
	assert_int_equal(sys_pool_wait(&p, SOON, &e, &signo), SYS_POOL_SIGNAL);
	assert_int_equal(signo, SIGINT);
	wait_end(&p, &e);
	sys_pool_end_deinit(&e);
	sys_pool_deinit(&p);
}

/* Whoever ends the pool, or dies with one, leaves no child. */
static void test_nothing_left(void **state)
{
	struct task t = { .forever = true, .output = "x" };
	struct sys_pool p;
	int fds[2];
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(sys_pool_init(&p, 3, NULL), 0);
	for (int i = 0; i < 3; i++)
		start(&p, &t);
	sys_pool_deinit(&p);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);

	/* killed: the pipe ends when the last that has it is gone */
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(fds[0]);
		if (sys_pool_init(&p, 2, NULL) < 0 || sys_pool_start(&p, child, &t, NULL, NULL) < 0)
			_exit(1);
		(void)!write(fds[1], "r", 1);
		for (;;)
			(void)pause();
	}
	(void)close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(read(fds[0], &byte, 1), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	(void)close(fds[0]);
}

static int calls_left;

static int fail_after(const char *op)
{
	(void)op;
	return calls_left-- == 0 ? -EMFILE : 0;
}

static void test_operations_fail(void **state)
{
	struct task t = { 0 };
	struct sys_pool p;

	(void)state;
	assert_int_equal(sys_pool_init(&p, 1, NULL), 0);
	sys_gate_hook = fail_after;
	for (int k = 0; k < 3; k++) {
		struct netlab_err err = { 0 };

		calls_left = k;
		assert_int_equal(sys_pool_start(&p, child, &t, NULL, &err), -EMFILE);
		assert_true(err.message[0]);
		assert_int_equal(p.n, 0);
	}
	sys_gate_hook = NULL;
	start(&p, &t);
	sys_pool_deinit(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_signal_first),
		cmocka_unit_test(test_nothing_left),
		cmocka_unit_test(test_operations_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
