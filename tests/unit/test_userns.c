/* SPDX-License-Identifier: MIT */
/* Labs without root: which ids a user has, and what is said on hosts that allow no user namespaces. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "sys/fs.h"
#include "sys/userns.h"

static char dir[] = "/tmp/netlab-userns-XXXXXX";

/** Writes a file below `dir`. @return its path, in static memory */
static const char *file(const char *name, const char *text)
{
	static char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	return path;
}

static void test_subids(void **state)
{
	static const struct {
		const char *text, *name;
		uid_t uid;
		int want;
		struct sys_subids ids;
	} cases[] = {
		{ "ann:100000:65536\n", "ann", 1000, 0, { 100000, 65536 } },
		{ "bob:1:2\nann:100000:65536", "ann", 1000, 0, { 100000, 65536 } },
		{ "1000:5:7\n", "ann", 1000, 0, { 5, 7 } },
		{ "1000:5:7\n", NULL, 1000, 0, { 5, 7 } },
		{ "ann:5:7\nann:100:200\n", "ann", 1000, 0, { 5, 7 } },
		{ "ann:x:7\n\n:::\nann\nann:1\nann:100:200\n", "ann", 1000, 0, { 100, 200 } },
		{ "ann:4294967290:4\n", "ann", 1000, 0, { 4294967290, 4 } },
		{ "ann:4294967290:6\n", "ann", 1000, -ENOENT, { 0 } },
		{ "ann:1:4294967295\n", "ann", 1000, -ENOENT, { 0 } },
		{ "ann:1:0\n", "ann", 1000, -ENOENT, { 0 } },
		{ "anna:1:1\n", "ann", 1000, -ENOENT, { 0 } },
		{ "ann:1:1\n", NULL, 1000, -ENOENT, { 0 } },
		{ "", "ann", 1000, -ENOENT, { 0 } },
	};
	struct sys_subids got = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		got = (struct sys_subids){ 0 };
		print_message("%s\n", cases[i].text);
		assert_int_equal(sys_subids_find(file("subuid", cases[i].text), cases[i].name,
						 cases[i].uid, &got),
				 cases[i].want);
		assert_int_equal(got.start, cases[i].ids.start);
		assert_int_equal(got.count, cases[i].ids.count);
	}
	assert_int_equal(sys_subids_find("/nonexistent", "ann", 1000, &got), -ENOENT);
}

/** Hosts as they are found: which setting is to blame, and the line that mends it. */
static void test_remedy(void **state)
{
	static const struct {
		const char *clone, *most, *apparmor; /* NULL = this kernel has no such file */
		const char *want;
	} cases[] = {
		{ "0\n", "15000\n", NULL,
		  "`sysctl -w kernel.unprivileged_userns_clone=1` as root" },
		{ "1\n", "0\n", NULL, "`sysctl -w user.max_user_namespaces=15000` as root" },
		{ NULL, "0\n", "1\n", "`sysctl -w user.max_user_namespaces=15000` as root" },
		{ NULL, "15000\n", "1\n",
		  "`sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` as root, or give netlab an "
		  "AppArmor profile with the rule 'userns,'" },
		{ NULL, "15000\n", "0\n", "in a container, allow it CAP_SYS_ADMIN" },
		{ NULL, NULL, NULL, "run netlab as root" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char kernel[64], user[64], got[320];
		int fd = open(dir, O_DIRECTORY | O_CLOEXEC);

		(void)sys_remove_tree(fd, "kernel");
		(void)sys_remove_tree(fd, "user");
		(void)close(fd);
		snprintf(kernel, sizeof(kernel), "%s/kernel", dir);
		snprintf(user, sizeof(user), "%s/user", dir);
		assert_int_equal(mkdir(kernel, 0700), 0);
		assert_int_equal(mkdir(user, 0700), 0);
		if (cases[i].clone)
			file("kernel/unprivileged_userns_clone", cases[i].clone);
		if (cases[i].most)
			file("user/max_user_namespaces", cases[i].most);
		if (cases[i].apparmor)
			file("kernel/apparmor_restrict_unprivileged_userns", cases[i].apparmor);
		sys_userns_remedy(dir, got, sizeof(got));
		if (!strstr(got, cases[i].want) || !strstr(got, "run netlab as root"))
			fail_msg("case %zu: %s", i, got);
		assert_true(strlen(got) < sizeof(got) - 1); /* all of it */
	}
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	int fd = open("/tmp", O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_int_equal(sys_remove_tree(fd, dir + strlen("/tmp/")), 0);
	return close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_subids),
		cmocka_unit_test(test_remedy),
	};

	return cmocka_run_group_tests_name("userns", tests, make_dir, remove_dir);
}
