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
		struct sys_command_end end = { .timed_out = true };
		struct netlab_err err = { 0 };

		if (sys_command_run(&c, &end, &err) != 0 || end.status != cases[i].status)
			fail_msg("%s: status %d: %s", cases[i].name, end.status, err.message);
		assert_false(end.timed_out);
		assert_string_equal(err.message, cases[i].message ? cases[i].message : "");
	}
}

static void test_missing_interpreter(void **state)
{
	static const char script[] = "#!/nonexistent/interpreter\n";
	char path[] = "/tmp/netlab-test-XXXXXX";
	const char *argv[] = { path, NULL };
	struct sys_command c = { .argv = argv };
	struct sys_command_end end = { .status = -1 };
	struct netlab_err err = { 0 };
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, script, strlen(script)), strlen(script));
	assert_int_equal(fchmod(fd, 0700), 0);
	(void)close(fd);
	assert_int_equal(sys_command_run(&c, &end, &err), 0);
	assert_int_equal(end.status, 127);
	assert_non_null(strstr(err.message, "its interpreter does not exist"));
	(void)unlink(path);
}

static void test_environment(void **state)
{
	const char *argv[] = { "sh", "-c",
			       "test \"$NETLAB_LAB:$NETLAB_X:$NETLAB_\" = two:a=b:ours && "
			       "test \"$(env | grep -c ^NETLAB_LAB=)\" = 1",
			       NULL };
	const char *env[] = { "NETLAB_LAB=two", "NETLAB_X=a=b", NULL };
	struct sys_command c = { .argv = argv, .env = env };
	struct sys_command_end end = { .status = -1 };

	(void)state;
	assert_int_equal(setenv("NETLAB_LAB", "one", 1), 0);
	assert_int_equal(setenv("NETLAB_", "ours", 1), 0);
	assert_int_equal(sys_command_run(&c, &end, NULL), 0);
	assert_int_equal(end.status, 0);
	assert_null(getenv("NETLAB_X")); /* the child's only */
	assert_string_equal(getenv("NETLAB_LAB"), "one");
	assert_int_equal(unsetenv("NETLAB_LAB"), 0);
	assert_int_equal(unsetenv("NETLAB_"), 0);
}

/* Such a script is given to sh in an argv that is made before the program is executed. */
static void test_script_without_first_line(void **state)
{
	enum { ARGS = 50000 };
	static const char *argv[ARGS + 2];
	static const char script[] = "test $# = 50000\n";
	char path[] = "/tmp/netlab-test-XXXXXX";
	struct sys_command c = { .argv = argv };
	struct sys_command_end end = { .status = -1 };
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, script, strlen(script)), strlen(script));
	assert_int_equal(fchmod(fd, 0700), 0);
	(void)close(fd);
	argv[0] = path;
	for (size_t i = 1; i <= ARGS; i++)
		argv[i] = "x";
	assert_int_equal(sys_command_run(&c, &end, NULL), 0);
	assert_int_equal(end.status, 0);
	(void)unlink(path);
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
	struct sys_command_end end = { .status = -1 };

	(void)state;
	assert_int_equal(sys_command_run(&c, &end, &err), 0);
	assert_int_equal(end.status, 9);
	assert_int_equal(err.code, -EBUSY);
	assert_string_equal(err.message, "the lift is full");
	assert_int_equal(sys_command_run(&c, &end, NULL), 0);
}

/* The child starts with the mask that we had; we keep the signals blocked. */
static void test_mask(void **state)
{
	struct sys_command c = { .child = report_mask, .ctx = &mask_before };
	sigset_t after;
	struct sys_command_end end = { .status = -1 };

	(void)state;
	assert_int_equal(sys_command_run(&c, &end, NULL), 0);
	assert_int_equal(end.status, 77);
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
		struct sys_command_end end = { .status = -1 };

		/* the round before left them blocked, and a child inherits that */
		assert_int_equal(sigprocmask(SIG_SETMASK, &mask_before, NULL), 0);
		(void)snprintf(script, sizeof(script),
			       "trap 'kill $p; exit 9' %s; sleep 30 & p=$!; kill -%s $PPID; wait",
			       names[i], names[i]);
		assert_int_equal(sys_command_run(&c, &end, NULL), 0);
		assert_false(end.timed_out);
		if (end.status != 9)
			fail_msg("%s: status %d", names[i], end.status);
	}
}

static void test_timeout(void **state)
{
	const char *mild[] = { "sleep", "30", NULL };
	/* deaf to SIGTERM, and so is what it starts */
	const char *stubborn[] = { "sh", "-c", "trap '' TERM; exec sleep 30", NULL };
	struct sys_command c = { .argv = mild, .timeout_ns = 50 * MS };
	struct sys_command_end end = { .status = -1 };

	(void)state;
	assert_int_equal(sys_command_run(&c, &end, NULL), 0);
	assert_true(end.timed_out);
	assert_int_equal(end.status, 128 + SIGTERM);
	c.argv = stubborn;
	assert_int_equal(sys_command_run(&c, &end, NULL), 0);
	assert_true(end.timed_out);
	assert_int_equal(end.status, 128 + SIGKILL);
}

/* A pipe that the command and all that it starts hold open. */
static int inherited_pipe(int *ret_write)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	*ret_write = fds[1];
	return fds[0];
}

/* Whether nobody holds the other end of the pipe any more. */
static bool is_let_go(int fd, int patience_ms)
{
	struct pollfd held = { .fd = fd, .events = 0 };

	return poll(&held, 1, patience_ms) == 1 && (held.revents & POLLHUP);
}

/* What the command leaves behind ends with it, whether it ends by itself or its time is up, by whatever ways it went. */
static void test_leaves_nothing(void **state)
{
	static const struct {
		const char *script;
		uint64_t timeout_ns;
		int status;
	} cases[] = {
		{ "sleep 600 & exit 3", 0, 3 },
		{ "(sleep 600 & sleep 600 &) & exit 3", 0, 3 },
		{ "trap '' TERM; sleep 600 & exit 3", 0, 3 },
		{ "sleep 600 & kill -STOP $!; exit 3", 0, 3 },
		{ "sleep 600; true", 100 * MS, 128 + SIGTERM },
		{ "trap '' TERM; sleep 600 & sleep 600; true", 100 * MS, 128 + SIGKILL },
		/* a daemon goes too when its end is asked for */
		{ "setsid sh -c 'sleep 600 & sleep 600' & sleep 600", 200 * MS, 128 + SIGTERM },
		{ "setsid sleep 600 & kill -KILL $$", 0, 128 + SIGKILL },
		{ "setsid sleep 600 & trap 'exit 4' TERM; kill -TERM $PPID; sleep 600 & wait", 0,
		  4 },
		/* a script can stop what it waits for by a trap of its own */
		{ "trap 'exit 5' TERM; sleep 600; true", 100 * MS, 5 },
	};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		const char *script = cases[i / 2].script;
		const char *const argv[] = { "sh", "-c", script, NULL };
		struct sys_command c = { .argv = argv,
					 .timeout_ns = cases[i / 2].timeout_ns,
					 .own_group = i % 2 };
		struct sys_command_end end = { .status = -1 };
		int write_fd, fd = inherited_pipe(&write_fd);

		assert_int_equal(sigprocmask(SIG_SETMASK, &mask_before, NULL), 0);
		assert_int_equal(sys_command_run(&c, &end, NULL), 0);
		(void)close(write_fd);
		if (end.status != cases[i / 2].status || end.left != 0 || !is_let_go(fd, 0))
			fail_msg("%s: status %d, %u left", script, end.status, end.left);
		assert_int_equal(end.timed_out, cases[i / 2].timeout_ns > 0);
		(void)close(fd);
	}
}

/* A daemon, which has made itself a session, outlives a command that ends by itself. */
static void test_leaves_daemons(void **state)
{
	/* it is there before the shell ends: it has written */
	const char *argv[] = { "sh", "-c",
			       "setsid sh -c 'echo $$; exec sleep 600' & sleep 600 & "
			       "while ! [ -s \"$FILE\" ]; do sleep 0.01; done; exit 6",
			       NULL };
	char file[] = "/tmp/netlab-test-XXXXXX", name[64], text[32] = "";
	const char *env[] = { name, NULL };
	struct sys_command c = { .argv = argv, .env = env };
	struct sys_command_end end = { .status = -1 };
	int write_fd, fd = inherited_pipe(&write_fd), out = mkstemp(file), old = dup(STDOUT_FILENO);

	(void)state;
	(void)snprintf(name, sizeof(name), "FILE=%s", file);
	(void)fflush(stdout);
	assert_int_equal(dup2(out, STDOUT_FILENO), STDOUT_FILENO);
	assert_int_equal(sys_command_run(&c, &end, NULL), 0);
	assert_int_equal(dup2(old, STDOUT_FILENO), STDOUT_FILENO);
	(void)close(write_fd);
	assert_int_equal(end.status, 6);
	assert_int_equal(end.left, 0);
	assert_false(is_let_go(fd, 0));
	assert_true(pread(out, text, sizeof(text) - 1, 0) > 0);
	/* nobody else held the pipe */
	assert_int_equal(kill(atoi(text), SIGKILL), 0);
	assert_true(is_let_go(fd, 20000));
	(void)unlink(file);
	(void)close(out);
	(void)close(old);
	(void)close(fd);
}

/* kill -9 of us takes the command with us, and all that it has started. */
static void test_dies_with_parent(void **state)
{
	static const char *const scripts[] = {
		"echo up; exec sleep 600",
		"sleep 600 & setsid sh -c 'echo up; sleep 600 & sleep 600' & sleep 600",
		"trap '' TERM; (sleep 600; sleep 600) & echo up; sleep 600",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		int write_fd, fd = inherited_pipe(&write_fd), status;
		pid_t pid = fork();
		char data[16];

		assert_true(pid >= 0);
		if (pid == 0) {
			const char *argv[] = { "sh", "-c", scripts[i], NULL };
			struct sys_command c = { .argv = argv };
			struct sys_command_end end;

			(void)close(fd);
			(void)dup2(write_fd, STDOUT_FILENO);
			(void)close(write_fd);
			_exit(sys_command_run(&c, &end, NULL) == 0 ? 0 : 1);
		}
		(void)close(write_fd);
		assert_int_equal(read(fd, data, sizeof(data)), 3);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!is_let_go(fd, 20000))
			fail_msg("%s: something still runs", scripts[i]);
		(void)close(fd);
	}
}

/* Who kills the keeper has killed the command; it is told, and is no success. */
static void test_keeper_is_killed(void **state)
{
	const char *argv[] = { "sh", "-c", "kill -KILL $PPID; exec sleep 600", NULL };
	struct sys_command c = { .argv = argv };
	struct sys_command_end end = { .status = -1 };
	struct netlab_err err = { 0 };

	(void)state;
	assert_int_equal(sys_command_run(&c, &end, &err), 0);
	assert_int_equal(end.status, 128 + SIGKILL);
	assert_string_equal(err.message, "'sh' and what watches it were killed");
}

/* A power failure's signal is the keeper's own; sent by somebody else it does nothing. */
static void test_foreign_signal(void **state)
{
	const char *argv[] = { "sh", "-c", "kill -PWR $PPID; sleep 0.1; exit 7", NULL };
	struct sys_command c = { .argv = argv };
	struct sys_command_end end = { .status = -1 };

	(void)state;
	assert_int_equal(sys_command_run(&c, &end, NULL), 0);
	assert_int_equal(end.status, 7);
}

static int gate_countdown;

static int failing_gate(const char *op)
{
	(void)op;
	return --gate_countdown == 0 ? -EMFILE : 0;
}

static int do_nothing(void *ctx, struct netlab_err *err)
{
	(void)ctx;
	(void)err;
	return 0;
}

/* Without a child there is no status, and the signals are ours again. */
static void test_operations_fail(void **state)
{
	const char *argv[] = { "true", NULL };
	struct sys_command c = { .argv = argv };
	struct netlab_err err = { 0 };
	sigset_t after;
	struct sys_command_end end = { .status = -1 };

	(void)state;
	sys_gate_hook = failing_gate;
	for (int function = 0; function <= 1; function++) {
		/* our pipe and process, then the keeper's, for a function a pipe as well */
		int operations = function ? 4 : 3;

		c.child = function ? do_nothing : NULL;
		for (int k = 1; k <= operations; k++) {
			gate_countdown = k;
			end.status = -1;
			assert_int_equal(sys_command_run(&c, &end, &err), -EMFILE);
			assert_int_equal(end.status, -1);
			assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &after), 0);
			assert_int_equal(sigismember(&after, SIGTERM),
					 sigismember(&mask_before, SIGTERM));
		}
		gate_countdown = operations + 1;
		assert_int_equal(sys_command_run(&c, &end, &err), 0);
		assert_int_equal(teardown(state), 0);
	}
	sys_gate_hook = NULL;
}

/* As root no directory can be closed to us: what execvp() says then is given. */
static void test_exec_error(void **state)
{
	const char *had = getenv("PATH");
	char dir[] = "/tmp/netlab-test-XXXXXX", path[128], file[64],
	     *old = strdup(had ? had : "/bin:/usr/bin");
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
		cmocka_unit_test_setup_teardown(test_script_without_first_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_child_error, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mask, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signals_are_passed_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timeout, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leaves_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leaves_daemons, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keeper_is_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign_signal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dies_with_parent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_operations_fail, setup, teardown),
		cmocka_unit_test(test_exec_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
