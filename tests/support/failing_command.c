/* SPDX-License-Identifier: MIT */
/* Command lines in whose course something fails, or somebody dies. */
#include "support/failing_command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/backend.h"
#include "cli/cli.h"
#include "support/failing_lab.h"

enum {
	WORDS_MAX = 24,
	LINE_MAX_BYTES = 2048,
	PATIENCE_MS = 60000,
	ENDLESS = 2000,
};

/* --- one command line --- */

/** The line with names for its signs, as words. @param[out] text  what they are in */
static void split(const char *line, char text[static LINE_MAX_BYTES],
		  char *words[static WORDS_MAX + 1])
{
	size_t n = 0, len = 0;
	char *save = NULL;

	for (; *line; line++) {
		const char *part = *line == '%'   ? failing_topo->name
				   : *line == '@' ? world_dir
						  : NULL;
		size_t part_len = part ? strlen(part) : 1;

		assert_in_range(len + part_len, 0, LINE_MAX_BYTES - 1);
		memcpy(text + len, part ? part : line, part_len);
		len += part_len;
	}
	text[len] = '\0';
	words[n++] = (char *)"netlab";
	words[n++] = (char *)"--state-dir";
	words[n++] = failing_state_dir;
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		assert_in_range(n, 0, WORDS_MAX - 1);
		words[n++] = word;
	}
	words[n] = NULL;
}

/** In the process of the command. */
static int run(const char *line, int out_fd, int err_fd)
{
	char text[LINE_MAX_BYTES], *words[WORDS_MAX + 1];
	struct cli_io io = {
		.in = stdin, .out = stdout, .err = stderr, .backend = &cli_backend_real
	};
	int n = 0, null = open("/dev/null", O_RDONLY | O_CLOEXEC), code;

	split(line, text, words);
	while (words[n])
		n++;
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out_fd, STDOUT_FILENO) < 0 ||
	    dup2(err_fd, STDERR_FILENO) < 0)
		return EXIT_FAILURE;
	close(null);
	close(out_fd);
	close(err_fd);
	code = cli_main(n, words, &io);
	fflush(NULL);
	return code;
}

static size_t read_back(int fd, char *ret, size_t size)
{
	off_t len = lseek(fd, 0, SEEK_END);
	ssize_t n = pread(fd, ret, size - 1, 0);

	ret[n > 0 ? n : 0] = '\0';
	close(fd);
	return (size_t)len;
}

/** Waits for its end, and kills who has to be killed when the time has come. @param[in] victim  0 = the command itself */
static int wait_for(pid_t pid, pid_t victim)
{
	double start = seconds();
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), status;

	assert_true(pidfd >= 0);
	for (;;) {
		struct pollfd p = { .fd = pidfd, .events = POLLIN };

		if (poll(&p, 1, failed_with() == FAILING_KILLS ? 1 : 1000) > 0)
			break;
		if (somebody_waits()) {
			(void)kill(victim ? victim : pid, SIGKILL);
			(void)disarm();
		}
		if (seconds() - start > PATIENCE_MS / 1000.0) {
			(void)kill(pid, SIGKILL);
			fail_msg("after '%s' failed, the command does not end", failed_op());
		}
	}
	close(pidfd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void command_with(struct command *ret, const char *line, pid_t victim)
{
	int out_fd = memfd_create("out", MFD_CLOEXEC), err_fd = memfd_create("err", MFD_CLOEXEC);
	pid_t pid;

	assert_true(out_fd >= 0 && err_fd >= 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(run(line, out_fd, err_fd));
	ret->code = wait_for(pid, victim);
	ret->out_len = read_back(out_fd, ret->out, sizeof(ret->out));
	(void)read_back(err_fd, ret->err, sizeof(ret->err));
}

void command(struct command *ret, const char *line)
{
	command_with(ret, line, 0);
}

void must_command(const char *line)
{
	struct command c;

	command(&c, line);
	if (c.code != 0)
		fail_msg("'%s' after '%s' failed: exit code %d: %s", line, failed_op(), c.code,
			 c.err);
}

void command_wrong(const struct command *c, unsigned k, const char *why)
{
	fail_msg("operation %u ('%s', error %d): %s\nexit code %d: %s", k, failed_op(),
		 failed_with(), why, c->code, c->err);
}

/* --- what was, and has to be again --- */

/** The links, the fault rules, and how the nodes are; not what has another number each time. */
static char *shape(void)
{
	struct netlab_err err = { 0 };
	json_t *lab = NULL, *ret = json_object(), *node, *fault;
	const char *name;
	char *text;
	size_t i;

	if (lab_show(failing_state_dir, failing_topo->name, &lab, &err) < 0)
		fail_msg("show, after '%s' failed: %s", failed_op(), err.message);
	json_object_foreach(json_object_get(lab, "nodes"), name, node)
		json_object_set(ret, name, json_object_get(node, "state"));
	json_array_foreach(json_object_get(lab, "faults"), i, fault)
	{
		json_object_del(fault, "id");
		json_object_del(fault, "->");
		json_object_del(fault, "<-");
	}
	json_object_set(ret, "links", json_object_get(lab, "links"));
	if (json_array_size(json_object_get(lab, "faults")) > 0)
		json_object_set(ret, "faults", json_object_get(lab, "faults"));
	text = json_dumps(ret, JSON_INDENT(1) | JSON_SORT_KEYS);
	json_decref(ret);
	json_decref(lab);
	return text;
}

/** Ends the test with the first line that differs. */
static void different(const char *before, const char *now, unsigned k)
{
	size_t at = 0;

	for (size_t i = 0; before[i] && before[i] == now[i]; i++) {
		if (before[i] == '\n')
			at = i + 1;
	}
	fail_msg("after operation %u ('%s', error %d) there is '%.*s' instead of '%.*s' in\n%s", k,
		 failed_op(), failed_with(), (int)strcspn(now + at, "\n"), now + at,
		 (int)strcspn(before + at, "\n"), before + at, now);
}

/** At once; after a murder in a while, for what died is to be brought back. */
static void same_shape(const char *before, unsigned k)
{
	double start = seconds();

	for (;;) {
		char *now = shape();

		if (strcmp(before, now) == 0) {
			free(now);
			return;
		}
		if (failed_with() > 0 || seconds() - start > FAILING_PATIENCE_MS / 1000.0)
			different(before, now, k);
		free(now);
		(void)poll(NULL, 0, 10);
	}
}

static void get_ready(const struct command_case *c)
{
	for (size_t i = 0; i < COMMAND_LINES_MAX && c->ready[i]; i++)
		must_command(c->ready[i]);
}

static void undo(const struct command_case *c)
{
	struct command ignored;

	for (size_t i = 0; i < COMMAND_LINES_MAX && c->undo[i]; i++)
		command(&ignored, c->undo[i]);
	if (c->clean)
		c->clean();
}

/** All of it, from the beginning to where it began. */
static void must_work(const struct command_case *c)
{
	get_ready(c);
	must_command(c->line);
	undo(c);
}

/* --- failures --- */

static void check_failure(const struct command_case *c, const struct command *did, unsigned k)
{
	if (did->code != 0) {
		if (did->code != (c->code ? c->code : 1))
			command_wrong(did, k, "this is not its exit code");
		if (!strstr(did->err, strerror(failed_with())))
			command_wrong(did, k, "the message does not give the cause");
	} else if (!c->may_survive || !c->may_survive(did)) {
		command_wrong(did, k, "nobody noticed");
	}
	if (c->check)
		c->check(did, k);
}

void sweep_command(const struct command_case *c)
{
	double start = seconds();
	struct tally before;
	char *was;
	unsigned k;

	arm(0, 0);
	must_work(c); /* what is made once, and stays */
	was = shape();
	before = tally_take();
	for (k = failing_first;; k += failing_step) {
		struct command did;

		assert_in_range(k, 1, ENDLESS);
		get_ready(c);
		arm(k, c->error ? c->error : ENOMEM);
		command(&did, c->line);
		if (!disarm()) {
			assert_int_equal(did.code, 0);
			undo(c);
			break;
		}
		check_failure(c, &did, k);
		undo(c);
		same_shape(was, k);
		must_work(c);
		same_shape(was, k);
		packets_pass();
		same_tally(&before, k);
	}
	arm(0, 0);
	free(was);
	assert_in_range(k, failing_first + (failing_first == 1), ENDLESS);
	if (failing_first == 1)
		print_message("%s: %u operations: %.1f s\n", c->line, k - 1, seconds() - start);
}

/* --- murders --- */

static pid_t supervisor(void)
{
	struct netlab_err err = { 0 };
	json_t *summary = NULL;
	pid_t pid;

	if (lab_summary(failing_state_dir, failing_topo->name, &summary, &err) < 0)
		return 0;
	pid = (pid_t)json_integer_value(json_object_get(summary, "pid"));
	json_decref(summary);
	return pid;
}

/** How often the wire has been brought back. */
static json_int_t restarts(void)
{
	struct netlab_err err = { 0 };
	json_t *lab = NULL;
	json_int_t n;

	if (lab_show(failing_state_dir, failing_topo->name, &lab, &err) < 0)
		fail_msg("show, after '%s' came to its death: %s", failed_op(), err.message);
	n = json_integer_value(json_object_get(json_object_get(lab, "wire"), "restarts"));
	json_decref(lab);
	return n;
}

/** A part of the lab may have died, which needs a moment to be noticed, and another to be brought back. */
static void must_work_soon(const struct command_case *c, unsigned k)
{
	double start = seconds();
	struct command did;

	for (;;) {
		size_t i = 0;

		did.code = 0;
		while (did.code == 0 && i < COMMAND_LINES_MAX && c->ready[i])
			command(&did, c->ready[i++]);
		if (did.code == 0)
			command(&did, c->line);
		undo(c);
		if (did.code == 0)
			return;
		if (seconds() - start > FAILING_PATIENCE_MS / 1000.0)
			command_wrong(&did, k, "it does not work any more");
		(void)poll(NULL, 0, 10);
	}
}

/** A new lab, and nothing is left of the old one. */
static void bring_back(const struct command_case *c, const struct snapshot *outside, unsigned k)
{
	must_go_down();
	if (c->clean)
		c->clean();
	nothing_left(outside, k);
	no_names(k);
	must_be_up();
	must_work(c);
}

void murder_command(const struct command_case *c, enum command_victim victim,
		    const struct snapshot *outside)
{
	static const char *const names[] = { "whoever acts", "the command line", "the supervisor" };
	/* a new lab after each takes its time, and how an old one ends has little to do with what it was at */
	unsigned every = (c->every ? c->every : 1) * (victim == COMMAND_SUPERVISOR ? 3 : 1);
	unsigned k, gone = 0;
	double start = seconds();
	struct tally before;
	char *was;

	arm(0, 0);
	must_work(c);
	was = shape();
	before = tally_take();
	for (k = failing_first;; k += failing_step * every) {
		struct command did;

		assert_in_range(k, 1, ENDLESS);
		get_ready(c);
		arm(k, victim == COMMAND_ACTOR ? FAILING_DIES : FAILING_KILLS);
		command_with(&did, c->line, victim == COMMAND_SUPERVISOR ? supervisor() : 0);
		if (!disarm()) {
			assert_int_equal(did.code, 0);
			undo(c);
			break;
		}
		if (did.code != 0 && did.code != 128 + SIGKILL && !did.err[0])
			command_wrong(&did, k, "nothing is said");
		if (c->check_murder)
			c->check_murder(k);
		if (supervisor()) {
			undo(c);
			must_work_soon(c, k);
			same_shape(was, k);
			packets_pass();
		} else {
			gone++;
		}
		/* a wire that dies too often ends its lab */
		if (!supervisor() || restarts() > 0) {
			bring_back(c, outside, k);
			before = tally_take();
		} else {
			same_tally(&before, k);
		}
	}
	arm(0, 0);
	free(was);
	if (failing_first == 1)
		print_message(
			"%s: %s killed at up to %u operations, the lab with it at %u: %.1f s\n",
			c->line, names[victim], k - 1, gone, seconds() - start);
}

void murder_commands(const struct command_case *cases, size_t n, const struct snapshot *outside)
{
	for (size_t i = 0; i < n; i++) {
		for (enum command_victim v = 0; v < COMMAND_VICTIMS; v++)
			murder_command(&cases[i], v, outside);
	}
}
