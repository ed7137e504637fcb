/* SPDX-License-Identifier: MIT */
/* The checker that the crash tests rely on sees each kind of thing that could be left behind: one of each is left
   behind on purpose. */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/program.h"
#include "support/snapshot.h"
#include "support/world.h"

enum { SHORT_MS = 50, LONG_MS = 5000 };

/** After something was left: the difference names it. After it was cleared away: no difference. */
static void expect(const struct snapshot *before, const char *line)
{
	char *difference = snapshot_wait(before, world_dir, SHORT_MS);

	assert_non_null(difference);
	if (!strstr(difference, line))
		fail_msg("no '%s' in:\n%s", line, difference);
	free(difference);
}

static void expect_nothing(struct snapshot *before)
{
	char *difference = snapshot_wait(before, world_dir, LONG_MS);

	if (difference)
		fail_msg("still there:\n%s", difference);
	snapshot_free(before);
}

/** A child that does nothing, in other namespaces if asked, until it is killed. */
static pid_t sleeper(int namespaces)
{
	int ready[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		close(ready[0]);
		if (unshare(namespaces) == 0 && write(ready[1], "r", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void test_process(void **state)
{
	struct snapshot *before = snapshot_take(world_dir);
	pid_t pid = sleeper(0);
	char line[64];

	(void)state;
	snprintf(line, sizeof(line), "+ process %d ", (int)pid);
	expect(before, line);
	kill(pid, SIGKILL);
	expect_nothing(before);
}

/** The orphan's parent ends at once; the orphan becomes ours, and is seen as well. */
static void test_orphan(void **state)
{
	struct snapshot *before = snapshot_take(world_dir);
	struct program_run r;
	pid_t pid;

	(void)state;
	assert_int_equal(RUN(&r, "sh", "-c", "sleep 600 & exit 0"), 0);
	while ((pid = program_find("sleep")) == 0) /* it may not have got to exec */
		assert_int_equal(sched_yield(), 0);
	expect(before, " sleep");
	kill(pid, SIGKILL);
	expect_nothing(before);
}

static void test_namespace(void **state)
{
	struct snapshot *before = snapshot_take(world_dir);
	pid_t pid = sleeper(CLONE_NEWNET | CLONE_NEWUTS);

	(void)state;
	expect(before, "+ namespace net:[");
	expect(before, "+ namespace uts:[");
	kill(pid, SIGKILL);
	expect_nothing(before);
}

static void test_veth(void **state)
{
	struct snapshot *before = snapshot_take(world_dir);
	struct program_run r;

	(void)state;
	assert_int_equal(RUN(&r, "ip", "link", "add", "leak0", "type", "veth", "peer", "leak1"), 0);
	expect(before, "+ interface leak1\n");
	assert_int_equal(RUN(&r, "ip", "link", "del", "leak0"), 0);
	expect_nothing(before);
}

static void test_mount(void **state)
{
	char path[128];
	struct snapshot *before;

	(void)state;
	snprintf(path, sizeof(path), "%s/mount", world_dir);
	assert_int_equal(mkdir(path, 0700), 0);
	before = snapshot_take(world_dir);
	assert_int_equal(mount("leak", path, "tmpfs", 0, NULL), 0);
	expect(before, path);
	assert_int_equal(umount(path), 0);
	expect_nothing(before);
	rmdir(path);
}

/** A namespace that no process is in, kept by a file. */
static void test_kept_namespace(void **state)
{
	struct snapshot *before;
	struct program_run r;
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/kept", world_dir);
	program_write_file(path, "");
	before = snapshot_take(world_dir);
	{
		char own[140];

		snprintf(own, sizeof(own), "--net=%s", path);
		assert_int_equal(RUN(&r, "unshare", own, "true"), 0);
	}
	expect(before, "net:[");
	assert_int_equal(umount(path), 0);
	expect_nothing(before);
	unlink(path);
}

static void test_file_and_socket(void **state)
{
	struct snapshot *before = snapshot_take(world_dir);
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)state;
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/lab-control", world_dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	expect(before, "+ file ");
	unlink(a.sun_path);
	expect(before, "+ socket "); /* the file is gone, the socket is not */
	close(fd);
	expect_nothing(before);
}

static void test_descriptor(void **state)
{
	struct snapshot *before = snapshot_take(world_dir);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	expect(before, "+ descriptor ");
	close(fd);
	expect_nothing(before);
}

static void test_cgroup(void **state)
{
	static const char *const places[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids",
					      "/sys/fs/cgroup" };
	struct snapshot *before = snapshot_take(world_dir);
	char path[128] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "%s/netlab-snapshot-%d", places[i], (int)getpid());
		if (mkdir(path, 0700) == 0)
			break;
		path[0] = '\0';
	}
	if (path[0]) { /* a container may have read-only cgroups: then netlab cannot leave any either */
		expect(before, "+ cgroup ");
		rmdir(path);
	}
	expect_nothing(before);
}

/** What goes missing counts as well. */
static void test_gone(void **state)
{
	char path[128];
	struct snapshot *before;

	(void)state;
	snprintf(path, sizeof(path), "%s/precious", world_dir);
	program_write_file(path, "x");
	before = snapshot_take(world_dir);
	unlink(path);
	expect(before, "- file ");
	program_write_file(path, "x");
	expect_nothing(before);
	unlink(path);
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(test_process),         cmocka_unit_test(test_orphan),
		cmocka_unit_test(test_namespace),       cmocka_unit_test(test_veth),
		cmocka_unit_test(test_mount),           cmocka_unit_test(test_kept_namespace),
		cmocka_unit_test(test_file_and_socket), cmocka_unit_test(test_descriptor),
		cmocka_unit_test(test_cgroup),          cmocka_unit_test(test_gone),
	};

	return cmocka_run_group_tests_name("snapshot", all, NULL, NULL) ? 1 : 0;
}

int main(void)
{
	return world_run(tests);
}
