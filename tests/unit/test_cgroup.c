/* SPDX-License-Identifier: MIT */
/* Where cgroups may be made: hosts of both versions, and of both at once, as trees of files. And what is written to and
   read from a cgroup's files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/cgroup.h"
#include "sys/fs.h"

#define BIT(use) SYS_CGROUP_BIT(SYS_CGROUP_##use)
#define ALL      (BIT(MEMORY) | BIT(CPU) | BIT(PIDS))

/** A host in a directory of its own. */
struct tree {
	char dir[32], mountinfo[64], own[64];
	struct sys_cgroup_host host;
};

static void put(const struct tree *t, const char *path, const char *text)
{
	char file[256];
	FILE *f;

	(void)snprintf(file, sizeof(file), "%s%s", t->dir, path);
	for (char *slash = strchr(file + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(file, 0755);
		*slash = '/';
	}
	f = fopen(file, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void get(const struct tree *t, const char *path, char ret[static 128])
{
	char file[256];

	(void)snprintf(file, sizeof(file), "%s%s", t->dir, path);
	if (sys_read_value(AT_FDCWD, file, ret, 128) < 0)
		fail_msg("%s is not there", file);
}

/** A cgroup's directory, in which processes may be moved about. */
static void put_cgroup(const struct tree *t, const char *dir)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	put(t, path, "");
}

/** One of v2, with what it gets and what it hands on. */
static void put_v2(const struct tree *t, const char *dir, const char *controllers,
		   const char *handed)
{
	char path[128];

	put_cgroup(t, dir);
	(void)snprintf(path, sizeof(path), "%s/cgroup.controllers", dir);
	put(t, path, controllers);
	(void)snprintf(path, sizeof(path), "%s/cgroup.subtree_control", dir);
	put(t, path, handed);
}

static int set_up(void **state)
{
	struct tree *t = calloc(1, sizeof(*t));

	if (!t)
		return -1;
	strcpy(t->dir, "/tmp/netlab-cgroup-XXXXXX");
	if (!mkdtemp(t->dir))
		return -1;
	(void)snprintf(t->mountinfo, sizeof(t->mountinfo), "%s/mountinfo", t->dir);
	(void)snprintf(t->own, sizeof(t->own), "%s/own", t->dir);
	t->host = (struct sys_cgroup_host){ t->mountinfo, t->own, t->dir };
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	struct tree *t = *state;

	(void)sys_remove_tree(AT_FDCWD, t->dir);
	free(t);
	return 0;
}

static void find(const struct tree *t, unsigned wanted, unsigned welcome,
		 struct sys_cgroup_places *ret)
{
	struct netlab_err err = { 0 };

	if (sys_cgroup_find(&t->host, wanted, welcome, ret, &err) < 0)
		fail_msg("%s (%s)", err.message, err.hint);
}

static void assert_place(const struct tree *t, const struct sys_cgroup *c, const char *dir,
			 unsigned uses, bool v2)
{
	assert_string_equal(c->dir + strlen(t->dir), dir);
	assert_int_equal(c->uses, uses);
	assert_int_equal(c->v2, v2);
}

static void assert_refused(const struct tree *t, unsigned wanted, const char *message,
			   const char *hint)
{
	struct sys_cgroup_places places;
	struct netlab_err err = { 0 };

	assert_true(sys_cgroup_find(&t->host, wanted, 0, &places, &err) < 0);
	if (!strstr(err.message, message) || !strstr(err.hint, hint))
		fail_msg("'%s' (%s), but not '%s' (%s)", err.message, err.hint, message, hint);
	assert_int_equal(err.exit, NETLAB_EXIT_UNSUPPORTED);
}

/* --- hosts --- */

/** One hierarchy for each controller, ours another cgroup in each; cpu and cpuacct in one. */
static void test_v1(void **state)
{
	struct tree *t = *state;
	struct sys_cgroup_places p;

	put(t, "/mountinfo",
	    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
	    "32 31 0:29 / /cg/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct\n"
	    "35 31 0:32 / /cg/memory rw - cgroup cgroup rw,memory\n"
	    "36 31 0:33 / /cg/a\\040b rw shared:9 - cgroup cgroup rw,pids\n"
	    "37 31 0:34 / /cg/freezer rw - cgroup cgroup rw,freezer\n");
	put(t, "/own", "9:name=systemd:/x\n8:pids:/\n4:memory:/jobs/7\n1:cpu,cpuacct:/c\n");
	put_cgroup(t, "/cg/cpu,cpuacct/c");
	put_cgroup(t, "/cg/memory/jobs/7");
	put_cgroup(t, "/cg/a b");
	put_cgroup(t, "/cg/freezer");
	find(t, ALL, BIT(CPU_TIME), &p);
	assert_int_equal(p.n, 3);
	assert_place(t, &p.at[0], "/cg/memory/jobs/7", BIT(MEMORY), false);
	assert_place(t, &p.at[1], "/cg/cpu,cpuacct/c", BIT(CPU) | BIT(CPU_TIME), false);
	assert_place(t, &p.at[2], "/cg/a b", BIT(PIDS), false);
	sys_cgroup_places_deinit(&p);
	/* not in /proc/self/cgroup: its root */
	find(t, BIT(FREEZER), 0, &p);
	assert_int_equal(p.n, 1);
	assert_place(t, &p.at[0], "/cg/freezer", BIT(FREEZER), false);
	sys_cgroup_places_deinit(&p);
}

/** Of a container's, part of the hierarchy is mounted; a path above the cgroup namespace leads nowhere. */
static void test_v1_in_a_container(void **state)
{
	struct tree *t = *state;
	struct sys_cgroup_places p;

	put(t, "/mountinfo",
	    "35 31 0:32 /docker/abc /cg/memory rw - cgroup cgroup rw,memory\n"
	    "36 31 0:33 / /cg/pids rw - cgroup cgroup rw,pids\n");
	put(t, "/own", "8:pids:/../x\n4:memory:/docker/abc/sub\n");
	put_cgroup(t, "/cg/memory/sub");
	put_cgroup(t, "/cg/pids");
	find(t, BIT(MEMORY) | BIT(PIDS), 0, &p);
	assert_int_equal(p.n, 2);
	assert_place(t, &p.at[0], "/cg/memory/sub", BIT(MEMORY), false);
	assert_place(t, &p.at[1], "/cg/pids", BIT(PIDS), false);
	sys_cgroup_places_deinit(&p);
}

/** A cgroup with processes hands nothing on: the nearest above that does, and is ours, is taken. */
static void test_v2(void **state)
{
	struct tree *t = *state;
	struct sys_cgroup_places p;

	put(t, "/mountinfo", "35 31 0:32 / /cg rw - cgroup2 cgroup2 rw,nsdelegate\n");
	put(t, "/own", "0::/user/app/scope\n");
	put_v2(t, "/cg", "cpu memory pids io\n", "cpu memory pids\n");
	put_v2(t, "/cg/user", "cpu memory pids\n", "memory pids\n");
	put_v2(t, "/cg/user/app", "memory pids\n", "memory pids\n");
	put_v2(t, "/cg/user/app/scope", "memory pids\n", "\n");
	find(t, BIT(MEMORY), BIT(PIDS) | BIT(CPU) | BIT(CPU_TIME) | BIT(FREEZER), &p);
	assert_int_equal(p.n, 1);
	/* what it has besides is taken along, processors are not to be had there */
	assert_place(t, &p.at[0], "/cg/user/app",
		     BIT(MEMORY) | BIT(PIDS) | BIT(CPU_TIME) | BIT(FREEZER), true);
	sys_cgroup_places_deinit(&p);
	find(t, BIT(CPU), 0, &p);
	assert_place(t, &p.at[0], "/cg", BIT(CPU), true);
	sys_cgroup_places_deinit(&p);
	/* no controller is needed to freeze */
	find(t, BIT(FREEZER), 0, &p);
	assert_place(t, &p.at[0], "/cg/user/app/scope", BIT(FREEZER), true);
	sys_cgroup_places_deinit(&p);
}

static void test_v2_refused(void **state)
{
	struct tree *t = *state;

	put(t, "/mountinfo", "35 31 0:32 / /cg rw - cgroup2 cgroup2 rw\n");
	put(t, "/own", "0::/box\n");
	put_v2(t, "/cg", "cpu memory\n", "cpu\n");
	put_v2(t, "/cg/box", "cpu\n", "\n");
	assert_refused(t, BIT(MEMORY), "/cg/box' hands its children no controller 'memory'",
		       "Delegate=yes");
	assert_refused(t, BIT(PIDS), "no cgroup hierarchy with the controller 'pids'",
		       "cgroup.subtree_control");
}

/** systemd's "hybrid": v1 has the controllers; a v2 hierarchy without any is there to freeze, and to count time. */
static void test_hybrid(void **state)
{
	struct tree *t = *state;
	struct sys_cgroup_places p;

	put(t, "/mountinfo",
	    "35 31 0:32 / /cg/memory rw - cgroup cgroup rw,memory\n"
	    "36 31 0:33 / /cg/freezer rw - cgroup cgroup rw,freezer\n"
	    "41 31 0:38 / /cg/unified rw - cgroup2 cgroup2 rw\n");
	put(t, "/own", "6:freezer:/\n4:memory:/\n0::/s\n");
	put_cgroup(t, "/cg/memory");
	put_cgroup(t, "/cg/freezer");
	put_v2(t, "/cg/unified", "hugetlb\n", "\n");
	put_v2(t, "/cg/unified/s", "\n", "\n");
	find(t, BIT(MEMORY), BIT(CPU_TIME) | BIT(PIDS) | BIT(FREEZER), &p);
	assert_int_equal(p.n, 2);
	assert_place(t, &p.at[0], "/cg/unified/s", BIT(CPU_TIME) | BIT(FREEZER), true);
	assert_place(t, &p.at[1], "/cg/memory", BIT(MEMORY), false);
	sys_cgroup_places_deinit(&p);
}

static void test_nothing(void **state)
{
	struct tree *t = *state;
	struct sys_cgroup_places p;
	struct netlab_err err = { 0 };

	put(t, "/mountinfo", "31 23 0:28 / / rw - ext4 /dev/vda rw\n");
	put(t, "/own", "");
	assert_refused(t, BIT(MEMORY), "no cgroup hierarchy with the controller 'memory'",
		       "mount -t cgroup2");
	find(t, 0, BIT(MEMORY) | BIT(FREEZER), &p);
	assert_int_equal(p.n, 0);
	assert_int_equal(unlink(t->own), 0);
	assert_int_equal(sys_cgroup_find(&t->host, 0, 0, &p, &err), -ENOENT);
	assert_non_null(strstr(err.message, t->own));
}

/** Not ours: an ordinary user's without delegation. */
static void test_not_writable(void **state)
{
	struct tree *t = *state;

	/* nobody's procs file is not there for us to write */
	put(t, "/mountinfo",
	    "35 31 0:32 / /cg/memory rw - cgroup cgroup rw,memory\n"
	    "36 31 0:33 / /cg/v2 rw - cgroup2 cgroup2 rw\n");
	put(t, "/own", "4:memory:/\n0::/\n");
	put(t, "/cg/memory/tasks", "");
	put(t, "/cg/v2/cgroup.controllers", "pids\n");
	put(t, "/cg/v2/cgroup.subtree_control", "pids\n");
	assert_refused(t, BIT(MEMORY), "(for 'memory') cannot be used", "run netlab as root");
	assert_refused(t, BIT(PIDS), "cannot be used", "run netlab as root");
	assert_refused(t, BIT(FREEZER), "/cg/v2' (for 'freezer') cannot be used",
		       "run netlab as root");
}

/* --- files --- */

static void test_limits(void **state)
{
	static const struct sys_cgroup_limits some = { 64 << 20, 500, 32 }, little = { 0, 10, 0 };
	struct tree *t = *state;
	struct netlab_err err = { 0 };
	struct sys_cgroup v1 = { .dir = t->dir, .uses = ALL },
			  v2 = { .dir = t->dir, .uses = ALL, .v2 = true };
	char text[128];

	put(t, "/memory.limit_in_bytes", "");
	put(t, "/memory.memsw.limit_in_bytes", "");
	put(t, "/cpu.cfs_period_us", "");
	put(t, "/cpu.cfs_quota_us", "");
	put(t, "/pids.max", "");
	assert_int_equal(sys_cgroup_limit(&v1, &some, &err), 0);
	get(t, "/memory.limit_in_bytes", text);
	assert_string_equal(text, "67108864");
	get(t, "/memory.memsw.limit_in_bytes", text);
	assert_string_equal(text, "67108864");
	get(t, "/cpu.cfs_period_us", text);
	assert_string_equal(text, "20000");
	get(t, "/cpu.cfs_quota_us", text);
	assert_string_equal(text, "10000");
	get(t, "/pids.max", text);
	assert_string_equal(text, "32");

	assert_int_equal(sys_cgroup_limit(&v2, &some, &err), -ENOENT);
	assert_int_equal(err.exit, NETLAB_EXIT_UNSUPPORTED);
	assert_non_null(strstr(err.message, "memory.max"));
	put(t, "/memory.max", ""); /* no memory.swap.max: a kernel without swap */
	put(t, "/cpu.max", "");
	assert_int_equal(sys_cgroup_limit(&v2, &some, &err), 0);
	get(t, "/memory.max", text);
	assert_string_equal(text, "67108864");
	get(t, "/cpu.max", text);
	assert_string_equal(text, "10000 20000");
	/* below the kernel's least quota the period grows */
	put(t, "/cpu.max", "");
	assert_int_equal(sys_cgroup_limit(&v2, &little, &err), 0);
	get(t, "/cpu.max", text);
	assert_string_equal(text, "1000 100000");
}

static void test_usage(void **state)
{
	struct tree *t = *state;
	struct sys_cgroup v1 = { .dir = t->dir, .uses = ALL | BIT(CPU_TIME) },
			  v2 = { .dir = t->dir, .uses = ALL | BIT(CPU_TIME), .v2 = true };
	struct sys_cgroup_usage u = SYS_CGROUP_USAGE_UNKNOWN;

	sys_cgroup_read_usage(&v1, &u);
	assert_int_equal(u.memory_bytes, -1);
	put(t, "/memory.usage_in_bytes", "4096\n");
	put(t, "/memory.max_usage_in_bytes", "8192\n");
	put(t, "/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
	put(t, "/cpuacct.usage", "5000000\n");
	put(t, "/cpu.stat", "nr_periods 1\nnr_throttled 1\nthrottled_time 7000\n");
	put(t, "/pids.current", "2\n");
	put(t, "/pids.peak", "9\n");
	put(t, "/pids.events", "max 4\n");
	sys_cgroup_read_usage(&v1, &u);
	assert_int_equal(u.memory_bytes, 4096);
	assert_int_equal(u.memory_peak_bytes, 8192);
	assert_int_equal(u.oom_kills, 3);
	assert_int_equal(u.cpu_us, 5000);
	assert_int_equal(u.throttled_us, 7);
	assert_int_equal(u.pids, 2);
	assert_int_equal(u.pids_peak, 9);
	assert_int_equal(u.pids_refused, 4);

	u = SYS_CGROUP_USAGE_UNKNOWN;
	put(t, "/memory.current", "100\n");
	put(t, "/memory.events", "low 0\nmax 5\noom 2\noom_kill 1\noom_group_kill 0\n");
	put(t, "/cpu.stat", "usage_usec 12\nuser_usec 1\nthrottled_usec 8\n");
	sys_cgroup_read_usage(&v2, &u);
	assert_int_equal(u.memory_bytes, 100);
	assert_int_equal(u.memory_peak_bytes, -1); /* before Linux 5.19 */
	assert_int_equal(u.oom_kills, 1);
	assert_int_equal(u.cpu_us, 12);
	assert_int_equal(u.throttled_us, 8);
}

static void test_members(void **state)
{
	struct tree *t = *state;
	_cleanup_free_ pid_t *pids = NULL;
	size_t n;

	put(t, "/cgroup.procs", "12\n7\n0\n4194303\n");
	assert_int_equal(sys_cgroup_members(t->dir, &pids, &n), 0);
	assert_int_equal(n, 4);
	assert_int_equal(pids[0], 12);
	assert_int_equal(pids[2], 0);
	assert_int_equal(pids[3], 4194303);
	assert_int_equal(sys_cgroup_members("/nonexistent", &pids, &n), -ENOENT);
}

/** The directory goes with all directories in it, and what is frozen is thawed first. */
static void test_removal(void **state)
{
	struct tree *t = *state;
	char dir[64], text[128];

	(void)snprintf(dir, sizeof(dir), "%s/netlab-x", t->dir);
	put(t, "/netlab-x/node-a/freezer.state", "FROZEN");
	put(t, "/netlab-x/node-b/cgroup.freeze", "1");
	sys_cgroup_thaw_below(dir);
	get(t, "/netlab-x/node-a/freezer.state", text);
	assert_string_equal(text, "THAWED");
	get(t, "/netlab-x/node-b/cgroup.freeze", text);
	assert_string_equal(text, "0");
	/* the kernel's files do not count there; here they do, so there are none */
	assert_true(sys_cgroup_remove(dir) < 0);
	put(t, "/deep/a/b/c/x", "");
	(void)snprintf(dir, sizeof(dir), "%s/deep/a/b/c/x", t->dir);
	assert_int_equal(unlink(dir), 0);
	(void)snprintf(dir, sizeof(dir), "%s/deep", t->dir);
	assert_int_equal(sys_cgroup_remove(dir), 0);
	assert_int_equal(access(dir, F_OK), -1);
	assert_int_equal(sys_cgroup_remove(dir), 0);
	sys_cgroup_thaw_below(dir);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(v1),     TEST(v1_in_a_container), TEST(v2),           TEST(v2_refused),
		TEST(hybrid), TEST(nothing),           TEST(not_writable), TEST(limits),
		TEST(usage),  TEST(members),           TEST(removal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
