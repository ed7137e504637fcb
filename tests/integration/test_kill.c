/* SPDX-License-Identifier: MIT */
/*
 * kill -9 of the command line, of the supervisor and of a node's init, at random instants of up, run, exec, down and of
 * a running lab. Each time the host must be as before, and the next command must clear the run directory away.
 *
 * The instants come from a seed that is printed; NETLAB_TEST_SEED gives another.
 *
 * netlab-test: timeout=700 heavy long
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "support/program.h"
#include "support/snapshot.h"
#include "support/world.h"
#include "sys/cgroup.h"

enum {
	UP_KILLS = 100, /* a third each: command line, supervisor, a node's init */
	RUN_KILLS = 30,
	EXEC_KILLS = 30,
	DOWN_KILLS = 20,
	LAB_KILLS = 20,
	VM_SHARE = 10, /* an emulated processor takes its time: there, one of so many of these */
	PATIENCE_MS = 10000,
};

/* its name, and what goes into node b */
static const char topology[] =
	"{ \"name\": \"%s\", \"nodes\": {"
	"  \"a\": { \"services\": [ { \"name\": \"one\", \"run\": [ \"sleep\", \"600\" ] } ] },"
	"  \"b\": {%s}, \"r\": { \"kind\": \"router\" }, \"sw\": { \"kind\": \"switch\" } },"
	"  \"links\": [ { \"endpoints\": [ \"a\", \"sw\" ], \"rate\": \"100mbit\" },"
	"               { \"endpoints\": [ \"sw\", \"r\" ] }, { \"endpoints\": [ \"r\", \"b\" ] } ] }";

static char file[256], state_dir[256];
static struct snapshot *clean; /* before anything */
/* cgroups are in no namespace: they must be told from those of the same test beside this one */
static char lab_name[32];
static bool limited; /* node b has cgroups */
static uint64_t random_state;

/* --- time and chance --- */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static unsigned scaled(unsigned kills)
{
	const char *vm = getenv("NETLAB_VM");

	return vm && strcmp(vm, "1") == 0 ? kills / VM_SHARE : kills;
}

static uint64_t random_below(uint64_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 11) % n;
}

/** Lets a random part of a time go by: the instant of the murder. */
static void random_instant(uint64_t span_ns)
{
	uint64_t at = now_ns() + random_below(span_ns + 1);
	struct timespec t = { .tv_sec = (time_t)(at / 1000000000u),
			      .tv_nsec = (long)(at % 1000000000u) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

/* --- the program --- */

#define NETLAB(r, ...) RUN((r), "netlab", "--state-dir", state_dir, __VA_ARGS__)
#define START(r, ...)                                                                              \
	program_start((r), (const char *const[]){ "netlab", "--state-dir", state_dir, __VA_ARGS__, \
						  NULL })

static void must(struct program_run *r, int want)
{
	if (r->status != want)
		fail_msg("exit code %d instead of %d:\n%s%s", r->status, want, r->out, r->err);
}

static void up(void)
{
	struct program_run r;

	NETLAB(&r, "up", file);
	must(&r, 0);
}

static void down(void)
{
	struct program_run r;

	NETLAB(&r, "down", lab_name);
	must(&r, 0);
}

/** What `ls` says of the lab's state, NULL when it does not run. */
static const char *state_of_lab(void)
{
	static struct program_run r;
	char *at, *end;

	NETLAB(&r, "--json", "ls");
	must(&r, 0);
	at = strstr(r.out, "\"state\"");
	at = at ? strchr(at + strlen("\"state\""), '"') : NULL;
	end = at ? strchr(at + 1, '"') : NULL;
	if (!end)
		return NULL;
	*end = '\0';
	return at + 1;
}

/** Median time of a few runs, for the instants to fall into. */
static uint64_t typical_ns(void (*what)(void), void (*after)(void))
{
	uint64_t took[3];

	for (unsigned i = 0; i < 3; i++) {
		uint64_t start = now_ns();

		what();
		took[i] = now_ns() - start;
		if (after)
			after();
		for (unsigned j = i; j > 0 && took[j - 1] > took[j]; j--) {
			uint64_t t = took[j];

			took[j] = took[j - 1];
			took[j - 1] = t;
		}
	}
	return took[1];
}

/* --- what is left --- */

static void same_as(const struct snapshot *before, const char *dir, const char *after_what)
{
	char *difference = snapshot_wait(before, dir, PATIENCE_MS);

	if (difference)
		fail_msg("after %s:\n%s", after_what, difference);
}

/** Processes, namespaces, interfaces, mounts go by themselves; the run directory and the cgroups that are recorded there
 *  go with the next command. */
static void nothing_left(const char *after_what)
{
	snapshot_cgroup_word = "no cgroup's name";
	same_as(clean, NULL, after_what);
	snapshot_cgroup_word = lab_name;
	if (state_of_lab())
		fail_msg("after %s: the lab is still listed", after_what);
	same_as(clean, state_dir, after_what);
}

/** After a murder: either nothing is there, or a lab that is whole. */
static void gone_or_whole(const char *after_what)
{
	const char *state = state_of_lab();
	struct program_run r;

	if (state) {
		if (strcmp(state, "running") != 0)
			fail_msg("after %s: the lab is %s", after_what, state);
		NETLAB(&r, "exec", "a", "--", "ping", "-nqc1", "-W5", "b");
		must(&r, 0);
		down();
	}
	nothing_left(after_what);
}

/* --- up --- */

/** A process that the command line started, at the wanted depth below it: 0 itself, 1 supervisor, 2 a node's init. */
static pid_t find_victim(pid_t cli, unsigned depth)
{
	pid_t pids[64], pid = cli;

	while (depth-- > 0) {
		unsigned n = program_children(pid, pids, 64);

		if (n == 0)
			return 0;
		pid = pids[random_below(n)];
	}
	return pid;
}

static bool is_called(pid_t pid, const char *comm)
{
	char path[64], text[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	fclose(f);
	text[strcspn(text, "\n")] = '\0';
	return strcmp(text, comm) == 0;
}

/** The kernel needs a moment to end a node, and until then it is not dead. */
static void becomes_degraded(void)
{
	uint64_t start = now_ns();
	const char *state;

	do {
		assert_true(now_ns() - start < PATIENCE_MS * UINT64_C(1000000));
		state = state_of_lab();
		assert_non_null(state);
	} while (strcmp(state, "degraded") != 0);
}

/** `up` was robbed of its supervisor or of a node: it failed and says why, or it was through already. */
static void check_failed_up(const struct program_run *r, unsigned depth, bool is_node)
{
	const char *state;

	if (r->status == 1) {
		/* the supervisor's children are the nodes, the wire and, for a moment, tc */
		const char *why = depth == 1 ? "supervisor was killed by signal 9" : "died";

		if (!strstr(r->err, why) && !strstr(r->err, "tc was killed by signal 9") &&
		    !strstr(r->err, "the wire was killed by signal 9"))
			fail_msg("no '%s' in: %s", why, r->err);
		nothing_left(why);
		return;
	}
	if (r->status != 0)
		fail_msg("exit code %d: %s", r->status, r->err);
	state = state_of_lab();
	if (depth == 1)
		assert_null(state);
	else if (is_node)
		becomes_degraded();
	down();
	nothing_left("up");
}

static void test_up(void **state)
{
	static const char *const names[] = { "command line", "supervisor", "node" };
	uint64_t typical = typical_ns(up, down);
	unsigned kills[3] = { 0 }, tries = 0, failed = 0;

	(void)state;
	nothing_left("nothing");
	while (kills[0] + kills[1] + kills[2] < scaled(UP_KILLS)) {
		unsigned depth = (kills[0] + kills[1] + kills[2]) % 3;
		struct program_run r;
		bool is_node;
		pid_t victim;

		if (++tries > 10 * scaled(UP_KILLS))
			fail_msg("hardly ever anybody to kill at depth %u", depth);
		START(&r, "up", file);
		random_instant(typical * 11 / 10);
		victim = find_victim(r.pid, depth);
		is_node = victim && depth == 2 && is_called(victim, "netlab-init");
		if (victim && kill(victim, SIGKILL) == 0)
			kills[depth]++;
		else
			victim = 0;
		program_wait(&r, 60000);
		failed += r.status != 0;
		if (victim && depth > 0)
			check_failed_up(&r, depth, is_node);
		else
			gone_or_whole(names[depth]);
	}
	print_message(
		"up (%.1f ms): killed %u command lines, %u supervisors, %u nodes; %u did not come up\n",
		(double)typical / 1e6, kills[0], kills[1], kills[2], failed);
	/* or the instants were all after the end */
	assert_true(failed > scaled(UP_KILLS) / 4);
}

/* --- run --- */

static void run_true(void)
{
	struct program_run r;

	NETLAB(&r, "run", file, "--", "true");
	must(&r, 0);
}

static void test_run(void **state)
{
	uint64_t typical = typical_ns(run_true, NULL);
	unsigned kills = 0;

	(void)state;
	for (unsigned i = 0; i < scaled(RUN_KILLS); i++) {
		bool inside = i % 2, supervisor = i % 3 == 2;
		struct program_run r;
		pid_t victim;

		if (inside)
			START(&r, "run", "--in", "a", file, "--", "sleep", "600");
		else
			START(&r, "run", file, "--", "sleep", "600");
		random_instant(typical * 3 / 2);
		victim = find_victim(r.pid, supervisor);
		if (!victim)
			victim = r.pid;
		/* of the children of `run` any will do: its supervisor, or what waits for the command */
		kill(victim, SIGKILL);
		kills++;
		if (victim != r.pid) {
			struct program_run ignored;

			/* without its lab the command may go on: that is for `run` to say when it ends */
			NETLAB(&ignored, "ls");
			kill(r.pid, SIGTERM);
		}
		program_wait(&r, 60000);
		assert_int_not_equal(r.status, 0);
		nothing_left("run");
	}
	print_message("run (%.1f ms): %u kills\n", (double)typical / 1e6, kills);
}

/* --- exec --- */

static void exec_true(void)
{
	struct program_run r;

	NETLAB(&r, "exec", "a", "--", "true");
	must(&r, 0);
}

/**
 * The command must not outlive the `exec` that was killed, nor the monitor inside the node; not with another user, nor
 * on a terminal. Its orphans must be the node's: this test does not reap any before `exec` is done.
 */
static void test_exec(void **state)
{
	unsigned monitors = 0, callers = 0;
	struct snapshot *running;
	uint64_t typical;
	struct program_run r;

	(void)state;
	up();
	running = snapshot_take(NULL);
	typical = typical_ns(exec_true, NULL);
	for (unsigned i = 0; i < scaled(EXEC_KILLS); i++) {
		pid_t victim;

		if (i % 3 == 0)
			START(&r, "exec", "a", "--", "sleep", "600");
		else if (i % 3 == 1)
			START(&r, "exec", "-u", "nobody", "a", "--", "sleep", "600");
		else
			START(&r, "exec", "-t", "a", "--", "sleep", "600");
		if (i % 2) {
			uint64_t start = now_ns();

			while ((victim = program_find("netlab-exec")) == 0)
				assert_true(now_ns() - start < PATIENCE_MS * UINT64_C(1000000));
			random_instant(typical / 4);
			kill(victim, SIGKILL);
			monitors++;
		} else {
			random_instant(typical * 3 / 2);
			kill(r.pid, SIGKILL);
			callers++;
		}
		program_wait(&r, 60000);
		must(&r, 128 + SIGKILL);
		same_as(running, NULL, "exec");
	}
	snapshot_free(running);
	down();
	nothing_left("exec");
	print_message("exec (%.1f ms): killed %u callers, %u monitors\n", (double)typical / 1e6,
		      callers, monitors);
}

/* --- down --- */

static void test_down(void **state)
{
	uint64_t start, typical;

	(void)state;
	up();
	start = now_ns();
	down();
	typical = now_ns() - start;
	for (unsigned i = 0; i < scaled(DOWN_KILLS); i++) {
		struct program_run r;
		pid_t victim;

		up();
		victim = 0;
		START(&r, "down", lab_name);
		random_instant(typical * 5 / 4);
		if (i % 2) {
			/* supervisors of labs that are up are ours: their parents ended */
			pid_t pids[64];
			unsigned n = program_children(getpid(), pids, 64);

			for (unsigned j = 0; j < n; j++) {
				if (pids[j] != r.pid)
					victim = pids[j];
			}
		}
		kill(victim ? victim : r.pid, SIGKILL);
		program_wait(&r, 60000);
		if (victim)
			must(&r, 0); /* down is down, whoever did it */
		down();
		nothing_left("down");
	}
	print_message("down (%.1f ms): %u kills\n", (double)typical / 1e6, scaled(DOWN_KILLS));
}

/* --- a running lab --- */

/** Pid of a node's init as `show` gives it, or with NULL of the supervisor as `ls` does. */
static pid_t pid_of(const char *node)
{
	struct program_run r;
	const char *at;

	if (node)
		NETLAB(&r, "--json", "show", lab_name);
	else
		NETLAB(&r, "--json", "ls");
	must(&r, 0);
	if (node) {
		char key[64];

		snprintf(key, sizeof(key), "\"%s\": {", node);
		at = strstr(r.out, "\"nodes\"");
		at = at ? strstr(at, key) : NULL;
	} else {
		at = r.out;
	}
	at = at ? strstr(at, "\"pid\": ") : NULL;
	if (!at)
		fail_msg("no pid of '%s' in: %s", node ? node : "the lab", r.out);
	return (pid_t)atoi(at + strlen("\"pid\": "));
}

/** Services run and a session is open: none of that survives the supervisor, nor keeps anything of it alive. */
static void murder_supervisor(void)
{
	struct program_run session, terminal, freeze;

	START(&session, "exec", "b", "--", "sleep", "600");
	START(&terminal, "exec", "-t", "a", "--", "sleep", "600");
	random_instant(20000000);
	if (limited &&
	    random_below(2)) { /* in v1 what is frozen outlives even this, until somebody looks */
		NETLAB(&freeze, "freeze", random_below(2) ? "b" : "r");
		must(&freeze, 0);
		kill(pid_of(NULL), SIGKILL);
		assert_null(state_of_lab());
	} else {
		kill(pid_of(NULL), SIGKILL);
	}
	program_wait(&session, 60000);
	program_wait(&terminal, 60000);
	assert_int_not_equal(session.status, 0);
	assert_int_not_equal(terminal.status, 0);
	nothing_left("the supervisor's death");
}

/** The others go on, the dead one is named, and `down` works. */
static void murder_node(const char *node, const char *others[2])
{
	struct program_run r, session;
	bool in_dead = strcmp(node, "a") == 0;

	START(&session, "exec", in_dead ? "a" : "b", "--", "sleep", "600");
	random_instant(20000000);
	kill(pid_of(node), SIGKILL);
	becomes_degraded();
	NETLAB(&r, "exec", node, "--", "true");
	must(&r, 125);
	assert_non_null(strstr(r.err, node));
	assert_non_null(strstr(r.err, "dead"));
	if (others) {
		NETLAB(&r, "exec", others[0], "--", "ping", "-nqc1", "-W5", others[1]);
		must(&r, 0);
	}
	NETLAB(&r, "--json", "show", lab_name);
	must(&r, 0);
	assert_non_null(strstr(r.out, "\"dead\""));
	NETLAB(&r, "ps", lab_name);
	must(&r, 0);
	if (!in_dead)
		kill(session.pid, SIGTERM);
	program_wait(&session, 60000);
	assert_int_not_equal(session.status, 0);
	down();
	nothing_left("a node's death");
}

static void test_running(void **state)
{
	static const char *rb[2] = { "r", "b" }, *ar[2] = { "a", "r" };

	(void)state;
	for (unsigned i = 0; i < scaled(LAB_KILLS); i++) {
		up();
		switch (i % 4) {
		case 0:
			murder_supervisor();
			break;
		case 1:
			murder_node("a", rb);
			break;
		case 2:
			murder_node("b", ar);
			break;
		default:
			murder_node("sw", rb);
			break;
		}
	}
	print_message("running labs: %u kills\n", scaled(LAB_KILLS));
}

/* --- the frame --- */

/** With limits, where cgroups can be had: a container's may be read-only. */
static void write_topology(void)
{
	struct sys_cgroup_places places = { .n = 0 };
	char text[2048];

	limited = sys_cgroup_find(NULL,
				  SYS_CGROUP_BIT(SYS_CGROUP_MEMORY) |
					  SYS_CGROUP_BIT(SYS_CGROUP_PIDS) |
					  SYS_CGROUP_BIT(SYS_CGROUP_FREEZER),
				  0, &places, NULL) == 0;
	sys_cgroup_places_deinit(&places);
	snprintf(lab_name, sizeof(lab_name), "victim-%s", strrchr(world_dir, '-') + 1);
	snprintf(text, sizeof(text), topology, lab_name,
		 limited ? "\"limits\": { \"memory\": \"64mib\", \"pids\": 60 }" : "");
	program_write_file(file, text);
	print_message("%s cgroups\n", limited ? "with" : "without");
}

static int set_up(void **state)
{
	const char *seed = getenv("NETLAB_TEST_SEED");

	(void)state;
	random_state = seed ? strtoull(seed, NULL, 0) : 1;
	print_message("NETLAB_TEST_SEED=%" PRIu64 "\n", random_state);
	random_state = random_state * UINT64_C(0x9e3779b97f4a7c15) + 1;
	snprintf(state_dir, sizeof(state_dir), "%s/labs", world_dir);
	assert_int_equal(mkdir(state_dir, 0700), 0);
	snprintf(file, sizeof(file), "%s/victim.json", world_dir);
	write_topology();
	snapshot_cgroup_word = lab_name;
	clean = snapshot_take(
		state_dir); /* no files: so also what a snapshot without files must equal */
	return 0;
}

/** A test that failed leaves its lab to no other. */
static int clean_up(void **state)
{
	struct program_run r;

	(void)state;
	return NETLAB(&r, "down", "--all");
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test_teardown(test_up, clean_up),
		cmocka_unit_test_teardown(test_run, clean_up),
		cmocka_unit_test_teardown(test_exec, clean_up),
		cmocka_unit_test_teardown(test_down, clean_up),
		cmocka_unit_test_teardown(test_running, clean_up),
	};

	return cmocka_run_group_tests_name("kill", all, set_up, NULL) ? 1 : 0;
}

int main(void)
{
	return world_run(tests);
}
