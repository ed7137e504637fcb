/* SPDX-License-Identifier: MIT */
/*
 * Labs without root: as an ordinary user, who gets a user namespace with each lab, and as the root of somebody's
 * `unshare -Ur`. The same verbs must work, and dying must clean up all the same.
 *
 * netlab-test: host
 */
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
#include <unistd.h>

#include "support/program.h"
#include "support/snapshot.h"
#include "support/world.h"

enum { PATIENCE_MS = 10000, ORDINARY = 65534 };

static const char topology[] =
	"{ \"name\": \"rootless\", \"nodes\": {"
	"  \"a\": { \"services\": [ { \"name\": \"one\", \"run\": [ \"sh\", \"-c\", \"echo ready; exec sleep 600\" ] } ] },"
	"  \"b\": { \"sysctls\": { \"net.ipv4.ip_forward\": 1 } },"
	"  \"r\": { \"kind\": \"router\" }, \"sw\": { \"kind\": \"switch\" } },"
	"  \"links\": [ { \"endpoints\": [ \"a\", \"sw\" ], \"rate\": \"100mbit\" },"
	"               { \"endpoints\": [ \"sw\", \"r\" ] }, { \"endpoints\": [ \"r\", \"b\" ] } ] }";

/* The program is copied to where everybody may read it; the state directory is the user's. */
static char netlab[256], file[256], state_dir[256];

#define AS_USER        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"
#define NETLAB(r, ...) RUN((r), AS_USER, netlab, "--state-dir", state_dir, __VA_ARGS__)
#define INSIDE(r, ...) \
	RUN((r), AS_USER, "unshare", "-Ur", netlab, "--state-dir", state_dir, __VA_ARGS__)

static void must(const struct program_run *r, int want)
{
	if (r->status != want)
		fail_msg("exit code %d instead of %d:\n%s%s", r->status, want, r->out, r->err);
}

static void has(const char *text, const char *what)
{
	if (!strstr(text, what))
		fail_msg("no '%s' in:\n%s", what, text);
}

static void same_as(const struct snapshot *before)
{
	char *difference = snapshot_wait(before, state_dir, PATIENCE_MS);

	if (difference)
		fail_msg("left:\n%s", difference);
}

static void test_user(void **state)
{
	struct snapshot *before = snapshot_take(state_dir);
	struct program_run r;

	(void)state;
	NETLAB(&r, "up", file);
	must(&r, 0);
	NETLAB(&r, "ls");
	has(r.out, "running");
	NETLAB(&r, "exec", "a", "--", "ping", "-nqc1", "-W5", "b");
	must(&r, 0);
	NETLAB(&r, "exec", "a", "--", "id", "-u");
	must(&r, 0);
	assert_string_equal(r.out, "0\n");
	NETLAB(&r, "exec", "b", "--", "cat", "/proc/sys/net/ipv4/ip_forward", "/etc/hosts");
	must(&r, 0);
	has(r.out, "1\n");
	has(r.out, " a\n");
	NETLAB(&r, "exec", "a", "--", "sh", "-c", "exit 7");
	must(&r, 7);
	NETLAB(&r, "link", "set", "a--sw", "rate=20mbit");
	must(&r, 0);
	NETLAB(&r, "show");
	must(&r, 0);
	has(r.out, "20mbit");
	NETLAB(&r, "link", "down", "a--sw");
	must(&r, 0);
	NETLAB(&r, "exec", "a", "--", "ping", "-nqc1", "-W1", "b");
	assert_int_not_equal(r.status, 0);
	NETLAB(&r, "link", "up", "a--sw");
	must(&r, 0);
	NETLAB(&r, "exec", "a", "--", "ping", "-nqc1", "-W5", "b");
	must(&r, 0);
	NETLAB(&r, "ps");
	must(&r, 0);
	has(r.out, "sleep 600");
	NETLAB(&r, "logs", "a/one");
	must(&r, 0);
	has(r.out, "ready");
	NETLAB(&r, "down");
	must(&r, 0);
	same_as(before);
	NETLAB(&r, "run", "--in", "a", file, "--", "ping", "-nqc1", "-W5", "b");
	must(&r, 0);
	same_as(before);
	snapshot_free(before);
}

/** Nobody else gets at the lab: another user cannot, and root does not by mistake. */
static void test_others(void **state)
{
	struct snapshot *before = snapshot_take(state_dir);
	struct program_run r;

	(void)state;
	NETLAB(&r, "up", file);
	must(&r, 0);
	RUN(&r, "setpriv", "--reuid=1", "--regid=1", "--clear-groups", netlab, "--state-dir",
	    state_dir, "ls");
	must(&r, 4);
	has(r.err, "another user");
	RUN(&r, netlab, "--state-dir", state_dir, "ls");
	must(&r, 4);
	has(r.err, "another user");
	NETLAB(&r, "down");
	must(&r, 0);
	same_as(before);
	snapshot_free(before);
}

static void test_killed(void **state)
{
	struct snapshot *before = snapshot_take(state_dir);
	struct program_run r, session;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		pid_t supervisor;

		NETLAB(&r, "up", file);
		must(&r, 0);
		supervisor = program_find("netlab-lab");
		assert_true(supervisor > 0);
		program_start(&session, (const char *const[]){ AS_USER, netlab, "--state-dir",
							       state_dir, "exec", "-t", "b", "--",
							       "sleep", "600", NULL });
		while (i > 0 && program_find("netlab-exec") == 0)
			;
		kill(supervisor, SIGKILL);
		program_wait(&session, PATIENCE_MS);
		assert_int_not_equal(session.status, 0);
		NETLAB(&r, "down", "rootless");
		must(&r, 0);
		same_as(before);
	}
	snapshot_free(before);
}

/** Root in a user namespace: no further one is needed. Each command comes from a namespace of its own. */
static void test_inside_user_namespace(void **state)
{
	struct snapshot *before = snapshot_take(state_dir);
	struct program_run r;
	char script[2048];

	(void)state;
	snprintf(
		script, sizeof(script),
		"n='%s --state-dir %s'; set -e; $n up %s; $n ls | grep -q running;"
		"$n exec a -- ping -nqc1 -W5 b; $n link set a--sw rate=20mbit; $n show | grep -q 20mbit;"
		"$n run --name second %s -- true; $n down rootless",
		netlab, state_dir, file, file);
	RUN(&r, AS_USER, "unshare", "-Ur", "sh", "-c", script);
	must(&r, 0);
	same_as(before);
	/* the lab outlives the unshare that it was started in, and its user can stop it */
	INSIDE(&r, "up", file);
	must(&r, 0);
	INSIDE(&r, "ls");
	has(r.out, "running");
	NETLAB(&r, "down", "rootless");
	must(&r, 0);
	same_as(before);
	snapshot_free(before);
}

/** Without subordinate ids there is root alone; with them, all the users that daemons become. */
static void test_users(void **state)
{
	struct snapshot *before = snapshot_take(state_dir);
	struct program_run r;
	char ids[300], other[300];

	(void)state;
	NETLAB(&r, "up", file);
	must(&r, 0);
	NETLAB(&r, "exec", "-u", "daemon", "a", "--", "true");
	must(&r, 126);
	has(r.err, "usermod --add-subuids");
	NETLAB(&r, "exec", "a", "--", "cat", "/proc/self/setgroups",
	       "/proc/sys/net/ipv4/ping_group_range");
	assert_string_equal(r.out, "deny\n0\t0\n");
	NETLAB(&r, "down");
	must(&r, 0);

	snprintf(ids, sizeof(ids), "%s/subids", world_dir);
	snprintf(other, sizeof(other), "%s/no-subids", world_dir);
	program_write_file(ids, "somebody:1:1\n65534:200000:1000\n");
	program_write_file(other, "somebody:1:1\n");
	/* the world has its own mounts */
	RUN(&r, "mount", "--bind", ids, "/etc/subuid");
	must(&r, 0);
	RUN(&r, "mount", "--bind", ids, "/etc/subgid");
	must(&r, 0);
	NETLAB(&r, "up", file);
	must(&r, 0);
	assert_string_equal(r.err, "");
	NETLAB(&r, "exec", "a", "--", "sh", "-c", "tr -s ' ' </proc/self/uid_map");
	assert_string_equal(r.out,
			    " 0 0 1\n 1 1 1000\n"); /* as the lab's user namespace has them */
	NETLAB(&r, "exec", "-u", "daemon", "a", "--", "sh", "-c", "id -un; ping -nqc1 -W5 b");
	must(&r, 0);
	has(r.out, "daemon\n");
	/* as a daemon does it */
	NETLAB(&r, "exec", "a", "--", "setpriv", "--reuid=1", "--regid=1", "--init-groups", "id",
	       "-u");
	must(&r, 0);
	assert_string_equal(r.out, "1\n");
	NETLAB(&r, "exec", "-u", "1001", "a", "--", "true");
	must(&r, 126);
	NETLAB(&r, "down");
	must(&r, 0);

	/* half a grant is none */
	RUN(&r, "mount", "--bind", other, "/etc/subgid");
	must(&r, 0);
	NETLAB(&r, "up", file);
	must(&r, 0);
	NETLAB(&r, "exec", "-u", "daemon", "a", "--", "true");
	must(&r, 126);
	NETLAB(&r, "down");
	must(&r, 0);
	RUN(&r, "umount", "/etc/subgid");

	/* granted, but it fails: said, and the lab is there with root alone */
	RUN(&r, "mount", "--bind", "/bin/false", "/usr/bin/newgidmap");
	must(&r, 0);
	NETLAB(&r, "up", file);
	must(&r, 0);
	has(r.err, "newgidmap: it failed");
	NETLAB(&r, "exec", "-u", "daemon", "a", "--", "true");
	must(&r, 126);
	NETLAB(&r, "down");
	must(&r, 0);
	RUN(&r, "umount", "/usr/bin/newgidmap", "/etc/subgid", "/etc/subuid");
	must(&r, 0);
	same_as(before);
	snapshot_free(before);
}

/** What no user namespace can give is refused with the reason. */
static void test_refused(void **state)
{
	struct snapshot *before = snapshot_take(state_dir);
	struct program_run r;
	char privileged[300];

	(void)state;
	snprintf(privileged, sizeof(privileged), "%s/privileged.json", world_dir);
	program_write_file(
		privileged,
		"{ \"name\": \"rootless\", \"nodes\": { \"a\": { \"privileged\": true }, \"b\": {} },"
		"  \"links\": [ { \"endpoints\": [ \"a\", \"b\" ] } ] }");
	NETLAB(&r, "up", privileged);
	must(&r, 4);
	has(r.err, "node 'a': \"privileged\" is for root");
	INSIDE(&r, "up", privileged);
	must(&r, 4);
	has(r.err, "node 'a': \"privileged\" is for root");
	same_as(before);
	snapshot_free(before);
}

/** No user namespaces for this user: an error that says so. */
static void test_forbidden(void **state)
{
	struct snapshot *before = snapshot_take(state_dir);
	struct program_run r;
	char script[1024];

	(void)state;
	/* an own user namespace, whose limit of further ones is 0, as a sysctl of the host would be */
	snprintf(script, sizeof(script),
		 "echo 0 >/proc/sys/user/max_user_namespaces; exec %s --state-dir %s up %s", netlab,
		 state_dir, file);
	RUN(&r, AS_USER, "unshare", "-U", "--map-current-user", "--keep-caps", "sh", "-c", script);
	must(&r, 4);
	has(r.err, "max_user_namespaces");
	same_as(before);
	/* root, but without the capabilities that make it so */
	RUN(&r, "chown", "root", state_dir);
	must(&r, 0);
	RUN(&r, "setpriv", "--bounding-set=-all", "--inh-caps=-all", netlab, "--state-dir",
	    state_dir, "up", file);
	must(&r, 4);
	has(r.err, "CAP_SYS_ADMIN");
	RUN(&r, "chown", "65534", state_dir);
	must(&r, 0);
	same_as(before);
	snapshot_free(before);
}

/** The default state directory: $XDG_RUNTIME_DIR/netlab. */
static void test_runtime_dir(void **state)
{
	struct program_run r;
	char runtime[300];

	(void)state;
	snprintf(runtime, sizeof(runtime), "XDG_RUNTIME_DIR=%s", state_dir);
	RUN(&r, "env", "-u", "NETLAB_STATE_DIR", runtime, AS_USER, netlab, "run", file, "--", "sh",
	    "-c", "echo $NETLAB_STATE_DIR");
	must(&r, 0);
	has(r.out, state_dir);
	has(r.out, "/netlab\n");
	snprintf(runtime, sizeof(runtime), "%s/netlab", state_dir);
	assert_int_equal(rmdir(runtime), 0); /* empty, or this fails */
}

/** A place where nothing can be executed is good enough for a lab's directory, and its mount keeps what it forbids. */
static void test_state_dir_noexec(void **state)
{
	struct program_run r;

	(void)state;
	/* the world has its own mounts */
	RUN(&r, "mount", "-t", "tmpfs", "-o", "noexec,mode=0700,uid=65534", "netlab", state_dir);
	must(&r, 0);
	NETLAB(&r, "up", file);
	must(&r, 0);
	NETLAB(&r, "exec", "a", "--", "grep", "/etc/hosts", "/proc/self/mountinfo");
	must(&r, 0);
	has(r.out, " ro,nosuid,nodev,noexec,");
	NETLAB(&r, "down");
	must(&r, 0);
	RUN(&r, "umount", state_dir);
	must(&r, 0);
}

static int set_up(void **state)
{
	struct program_run r;

	(void)state;
	snapshot_cgroup_word = "rootless";
	snprintf(netlab, sizeof(netlab), "%s/netlab", world_dir);
	snprintf(file, sizeof(file), "%s/rootless.json", world_dir);
	snprintf(state_dir, sizeof(state_dir), "%s/labs", world_dir);
	assert_int_equal(mkdir(state_dir, 0700), 0);
	assert_int_equal(chown(state_dir, ORDINARY, ORDINARY), 0);
	program_write_file(file, topology);
	assert_int_equal(RUN(&r, "install", "-m755", getenv("NETLAB"), netlab), 0);
	return 0;
}

static int clean_up(void **state)
{
	struct program_run r;

	(void)state;
	return NETLAB(&r, "down", "--all");
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test_teardown(test_user, clean_up),
		cmocka_unit_test_teardown(test_others, clean_up),
		cmocka_unit_test_teardown(test_killed, clean_up),
		cmocka_unit_test_teardown(test_inside_user_namespace, clean_up),
		cmocka_unit_test_teardown(test_users, clean_up),
		cmocka_unit_test_teardown(test_refused, clean_up),
		cmocka_unit_test_teardown(test_forbidden, clean_up),
		cmocka_unit_test(test_runtime_dir),
		cmocka_unit_test(test_state_dir_noexec),
	};
	struct program_run r;

	if (RUN(&r, AS_USER, "unshare", "-Urn", "true") != 0)
		return world_skip("this kernel lets ordinary users make no user namespaces");
	return cmocka_run_group_tests_name("rootless", all, set_up, NULL) ? 1 : 0;
}

int main(void)
{
	return world_run(tests);
}
