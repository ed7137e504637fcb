/* SPDX-License-Identifier: MIT */
/* A user's command as a child: exit codes, signals, time limit, nothing that survives its parent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "sys/command.h"
#include "sys/gate.h"

#define MS UINT64_C(1000000)

static sigset_t mask_before;

static int setup(void **state)
{
	(void)state;
	return sigprocmask(SIG_SETMASK, NULL, &mask_before);
}

/* What sys_command_run() leaves blocked must not reach the next test. */
static int teardown(void **state)
{
	(void)state;
	return sigprocmask(SIG_SETMASK, &mask_before, NULL);
}

static void test_exit_codes(void **state)
{
	static const struct {
		const char *name;
		const char *argv[4];
		int status;
		const char *message; /* NULL = none */
	} cases[] = {
		{ "0", { "true" }, 0, NULL },
		{ "its own", { "sh", "-c", "exit 42" }, 42, NULL },
		{ "its own 127", { "sh", "-c", "exit 127" }, 127, NULL },
		{ "signal", { "sh", "-c", "kill -SEGV $$" }, 128 + SIGSEGV, NULL },
		{ "not in PATH",
		  { "no-such-program-here" },
		  127,
		  "running 'no-such-program-here': no such program in PATH" },
		{ "no such file",
		  { "/nonexistent/x" },
		  127,
		  "running '/nonexistent/x': No such file or directory" },
		{ "below a file",
		  { "/etc/passwd/x" },
		  127,
		  "running '/etc/passwd/x': Not a directory" },
		{ "not executable",
		  { "/etc/passwd" },
		  126,
		  "running '/etc/passwd': Permission denied" },
		{ "directory", { "/" }, 126, "running '/': Permission denied" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sys_command c = { .argv = cases[i].argv };
		struct netlab_err err = { 0 };
		bool timed_out = true;
		int status = -1;

		if (sys_command_run(&c, &status, &timed_out, &err) != 0 ||
		    status != cases[i].status)
			fail_msg("%s: status %d: %s", cases[i].name, status, err.message);
		assert_false(timed_out);
		assert_string_equal(err.message, cases[i].message ? cases[i].message : "");
	}
}

static void test_missing_interpreter(void **state)
{
	static const char script[] = "#!/nonexistent/interpreter\n";
	char path[] = "/tmp/netlab-test-XXXXXX";
	const char *argv[] = { path, NULL };
	struct sys_command c = { .argv = argv };
	struct netlab_err err = { 0 };
	int status = -1, fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, script, strlen(script)), strlen(script));
	assert_int_equal(fchmod(fd, 0700), 0);
	(void)close(fd);
	assert_int_equal(sys_command_run(&c, &status, NULL, &err), 0);
	assert_int_equal(status, 127);
	assert_non_null(strstr(err.message, "its interpreter does not exist"));
	(void)unlink(path);
}

static void test_environment(void **state)
{
	const char *argv[] = { "sh", "-c", "test \"$NETLAB_LAB:$NETLAB_X\" = two:a=b", NULL };
	const char *env[] = { "NETLAB_LAB=two", "NETLAB_X=a=b", NULL };
	struct sys_command c = { .argv = argv, .env = env };
	int status = -1;

	(void)state;
	assert_int_equal(sys_command_run(&c, &status, NULL, NULL), 0);
	assert_int_equal(status, 0);
	assert_null(getenv("NETLAB_X")); /* the child's only */
}

static int report_mask(void *ctx, struct netlab_err *err)
{
	sigset_t now;

	(void)err;
	(void)sigprocmask(SIG_SETMASK, NULL, &now);
	for (int signo = 1; signo < 32; signo++) {
		if (sigismember(&now, signo) != sigismember(ctx, signo))
			return signo;
	}
	return 77;
}

static int explain_itself(void *ctx, struct netlab_err *err)
{
	(void)err_set(err, EBUSY, "%s", (const char *)ctx);
	return 9;
}

/* What a child that is a function has to say arrives as if it had been said here. */
static void test_child_error(void **state)
{
	struct sys_command c = { .child = explain_itself, .ctx = (void *)"the lift is full" };
	struct netlab_err err = { 0 };
	int status = -1;

	(void)state;
	assert_int_equal(sys_command_run(&c, &status, NULL, &err), 0);
	assert_int_equal(status, 9);
	assert_int_equal(err.code, -EBUSY);
	assert_string_equal(err.message, "the lift is full");
	assert_int_equal(sys_command_run(&c, &status, NULL, NULL), 0);
}

/* The child starts with the mask that we had; we keep the signals blocked. */
static void test_mask(void **state)
{
	struct sys_command c = { .child = report_mask, .ctx = &mask_before };
	sigset_t after;
	int status = -1;

	(void)state;
	assert_int_equal(sys_command_run(&c, &status, NULL, NULL), 0);
	assert_int_equal(status, 77);
	assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &after), 0);
	assert_int_equal(sigismember(&after, SIGTERM), 1);
	assert_int_equal(sigismember(&after, SIGINT), 1);
	assert_int_equal(sigismember(&after, SIGSEGV), 0);
}

/* Each signal that is sent to us while the command runs reaches the command. */
static void test_signals_are_passed_on(void **state)
{
	static const char *const names[] = { "TERM", "HUP", "INT", "QUIT", "USR1", "USR2" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char script[256];
		const char *argv[] = { "sh", "-c", script, NULL };
		struct sys_command c = { .argv = argv, .timeout_ns = 20000 * MS };
		bool timed_out = true;
		int status = -1;

		/* the round before left them blocked, and a child inherits that */
		assert_int_equal(sigprocmask(SIG_SETMASK, &mask_before, NULL), 0);
		(void)snprintf(script, sizeof(script),
			       "trap 'kill $p; exit 9' %s; sleep 30 & p=$!; kill -%s $PPID; wait",
			       names[i], names[i]);
		assert_int_equal(sys_command_run(&c, &status, &timed_out, NULL), 0);
		assert_false(timed_out);
		if (status != 9)
			fail_msg("%s: status %d", names[i], status);
	}
}

static void test_timeout(void **state)
{
	const char *mild[] = { "sleep", "30", NULL };
	/* deaf to SIGTERM, and so is what it starts */
	const char *stubborn[] = { "sh", "-c", "trap '' TERM; exec sleep 30", NULL };
	struct sys_command c = { .argv = mild, .timeout_ns = 50 * MS };
	bool timed_out = false;
	int status = -1;

	(void)state;
	assert_int_equal(sys_command_run(&c, &status, &timed_out, NULL), 0);
	assert_true(timed_out);
	assert_int_equal(status, 128 + SIGTERM);
	c.argv = stubborn;
	timed_out = false;
	assert_int_equal(sys_command_run(&c, &status, &timed_out, NULL), 0);
	assert_true(timed_out);
	assert_int_equal(status, 128 + SIGKILL);
}

/* kill -9 of us takes the command with us. */
/* What the command leaves behind in its group ends with it, whether it ends by itself or its time is up. */
static void test_own_group(void **state)
{
	static const struct {
		const char *script;
		uint64_t timeout_ns;
		int status;
	} cases[] = {
		{ "sleep 600 & exit 3", 0, 3 },
		{ "sleep 600; true", 100 * MS, 128 + SIGTERM },
		{ "trap '' TERM; sleep 600 & sleep 600; true", 100 * MS, 128 + SIGKILL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *const argv[] = { "sh", "-c", cases[i].script, NULL };
		struct sys_command c = { .argv = argv,
					 .timeout_ns = cases[i].timeout_ns,
					 .own_group = true };
		struct pollfd held = { .events = 0 };
		bool timed_out = false;
		int fds[2], status = -1;

		assert_int_equal(pipe(fds), 0);
		assert_int_equal(sys_command_run(&c, &status, &timed_out, NULL), 0);
		assert_int_equal(status, cases[i].status);
		assert_int_equal(timed_out, cases[i].timeout_ns > 0);
		/* whoever is left holds the pipe */
		(void)close(fds[1]);
		held.fd = fds[0];
		assert_int_equal(poll(&held, 1, 20000), 1);
		assert_true(held.revents & POLLHUP);
		(void)close(fds[0]);
	}
}

static void test_dies_with_parent(void **state)
{
	struct pollfd end = { .events = POLLIN };
	char data[16];
	int fds[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		const char *argv[] = { "sh", "-c", "echo up; exec sleep 60", NULL };
		struct sys_command c = { .argv = argv };

		(void)close(fds[0]);
		(void)dup2(fds[1], STDOUT_FILENO);
		(void)close(fds[1]);
		_exit(sys_command_run(&c, &status, NULL, NULL) == 0 ? 0 : 1);
	}
	(void)close(fds[1]);
	assert_int_equal(read(fds[0], data, sizeof(data)), 3);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* only the command holds the other end now */
	end.fd = fds[0];
	assert_int_equal(poll(&end, 1, 20000), 1);
	assert_int_equal(read(fds[0], data, sizeof(data)), 0);
	(void)close(fds[0]);
}

static int gate_countdown;

static int failing_gate(const char *op)
{
	(void)op;
	return --gate_countdown == 0 ? -EMFILE : 0;
}

/* Without a child there is no status, and the signals are ours again. */
static void test_operations_fail(void **state)
{
	const char *argv[] = { "true", NULL };
	struct sys_command c = { .argv = argv };
	struct netlab_err err = { 0 };
	sigset_t after;
	int status = -1;

	(void)state;
	sys_gate_hook = failing_gate;
	for (int k = 1; k <= 2; k++) {
		gate_countdown = k;
		assert_int_equal(sys_command_run(&c, &status, NULL, &err), -EMFILE);
		assert_int_equal(status, -1);
		assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &after), 0);
		assert_int_equal(sigismember(&after, SIGTERM), sigismember(&mask_before, SIGTERM));
	}
	gate_countdown = 3;
	assert_int_equal(sys_command_run(&c, &status, NULL, &err), 0);
	sys_gate_hook = NULL;
}

/* As root no directory can be closed to us: what execvp() says then is given. */
static void test_exec_error(void **state)
{
	char dir[] = "/tmp/netlab-test-XXXXXX", path[128], file[64], *old = strdup(getenv("PATH"));
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "/nonexistent:%s:/bin", dir);
	(void)snprintf(file, sizeof(file), "%s/no-such-program", dir);
	assert_int_equal(setenv("PATH", path, 1), 0);
	assert_int_equal(sys_exec_error("no-such-program", EACCES), ENOENT);
	assert_int_equal(sys_exec_error("no-such-program", ENOEXEC), ENOEXEC);
	assert_int_equal(sys_exec_error("./no-such-program", EACCES), EACCES);
	/* it is there, and may not be executed */
	fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(sys_exec_error("no-such-program", EACCES), EACCES);
	assert_int_equal(unlink(file), 0);
	/* a directory of that name is no program */
	assert_int_equal(mkdir(file, 0700), 0);
	assert_int_equal(sys_exec_error("no-such-program", EACCES), ENOENT);
	assert_int_equal(rmdir(file), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(setenv("PATH", old, 1), 0);
	free(old);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_exit_codes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing_interpreter, setup, teardown),
		cmocka_unit_test_setup_teardown(test_environment, setup, teardown),
		cmocka_unit_test_setup_teardown(test_child_error, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mask, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signals_are_passed_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timeout, setup, teardown),
		cmocka_unit_test_setup_teardown(test_own_group, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dies_with_parent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_operations_fail, setup, teardown),
		cmocka_unit_test(test_exec_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
