/* SPDX-License-Identifier: MIT */
/* What the programs of nodes may do: the names, the keys of the file, and what the kernel makes of the filter. */
#include <errno.h>
#include <linux/fs.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <seccomp.h>

#include "base/buf.h"
#include "base/capabilities.h"
#include "base/cleanup.h"
#include "support/guarded.h"
#include "sys/privilege.h"
#include "sys/syscall_filter.h"
#include "topo/model.h"

#ifndef FS_IOC_SHUTDOWN
#define FS_IOC_SHUTDOWN _IOR('X', 125, uint32_t)
#endif

/* --- names --- */

/** libcap knows the kernel's numbers; a table of our own must not disagree. */
static void test_names(void **state)
{
	(void)state;
	for (unsigned c = 0; c < CAPABILITIES; c++) {
		char *theirs = cap_to_name((cap_value_t)c);

		assert_non_null(theirs);
		assert_string_equal(theirs + strlen("cap_"), capability_name(c));
		assert_int_equal(capability_number(capability_name(c)), c);
		cap_free(theirs);
	}
	assert_int_equal(capability_number("cap_net_raw"), -1);
	assert_int_equal(capability_number(""), -1);
	assert_string_equal(capability_nearest("CAP_NET_RAW"), "net_raw");
	assert_string_equal(capability_nearest("net_amdin"), "net_admin");
	assert_null(capability_nearest("an utterly different thing that is longer than any name"));
}

/** By default there is nothing that would be refused when asked for, and nothing of what the issue forbids. */
static void test_default(void **state)
{
	static const char *const never[] = { "sys_module", "sys_boot",       "sys_time",
					     "sys_rawio",  "sys_ptrace",     "mknod",
					     "sys_admin",  "dac_read_search" };

	(void)state;
	for (unsigned c = 0; c < CAPABILITIES; c++) {
		if (CAPABILITIES_DEFAULT & CAPABILITY_BIT(c))
			assert_false(capability_is_reserved(c));
	}
	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		assert_false(CAPABILITIES_DEFAULT & CAPABILITY_BIT(capability_number(never[i])));
}

/* --- the file --- */

static struct topo *parse(const char *text)
{
	struct guarded g = guarded_copy(text, strlen(text));
	struct topo_diags diags = { 0 };
	struct topo *t = NULL;
	int r = topo_parse(g.text, strlen(text), "test.json", NULL, &diags, &t);

	for (size_t i = 0; i < diags.n; i++)
		print_message("%s: %s\n", diags.items[i].where, diags.items[i].message);
	assert_int_equal(r, 0);
	topo_diags_deinit(&diags);
	guarded_deinit(&g);
	return t;
}

static void test_keys(void **state)
{
	const uint64_t raw = CAPABILITY_BIT(CAPABILITY_NET_RAW),
		       nice = CAPABILITY_BIT(CAPABILITY_SYS_NICE),
		       kill = CAPABILITY_BIT(CAPABILITY_KILL);
	const struct {
		const char *defaults, *node;
		struct topo_privileges want;
	} cases[] = {
		{ "{}", "{}", { .kept = CAPABILITIES_DEFAULT } },
		{ "{}", "{\"capabilities\": []}", { .kept = 0 } },
		{ "{}",
		  "{\"capabilities\": [\"net_raw\", \"net_raw\", \"sys_nice\"]}",
		  { .kept = raw | nice, .asked = raw | nice } },
		{ "{}",
		  "{\"capabilities\": {\"add\": [\"sys_nice\"], \"drop\": [\"kill\"]}}",
		  { .kept = (CAPABILITIES_DEFAULT | nice) & ~kill, .asked = nice } },
		{ "{}", "{\"capabilities\": {}}", { .kept = CAPABILITIES_DEFAULT } },
		{ "{}", "{\"privileged\": true}", { .all = true } },
		{ "{}",
		  "{\"privileged\": false, \"capabilities\": [\"net_raw\"]}",
		  { .kept = raw, .asked = raw } },
		{ "{\"capabilities\": [\"net_raw\"]}", "{}", { .kept = raw, .asked = raw } },
		{ "{\"capabilities\": [\"net_raw\"]}",
		  "{\"capabilities\": {\"drop\": [\"kill\"]}}",
		  { .kept = CAPABILITIES_DEFAULT & ~kill } },
		{ "{\"privileged\": true}", "{}", { .all = true } },
		/* a node that says one of the two keys does not inherit the other */
		{ "{\"privileged\": true}",
		  "{\"capabilities\": [\"net_raw\"]}",
		  { .kept = raw, .asked = raw } },
		{ "{\"privileged\": true}",
		  "{\"privileged\": false}",
		  { .kept = CAPABILITIES_DEFAULT } },
		{ "{\"capabilities\": [\"net_raw\"]}", "{\"privileged\": true}", { .all = true } },
		/* a switch runs nothing of the file's, but exec does run there */
		{ "{\"privileged\": true}",
		  "{\"kind\": \"switch\"}",
		  { .kept = CAPABILITIES_DEFAULT } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[512];
		struct topo *t;

		snprintf(text, sizeof(text),
			 "{\"defaults\": {\"node\": %s}, \"nodes\": {\"n\": %s}}",
			 cases[i].defaults, cases[i].node);
		print_message("%s\n", text);
		t = parse(text);
		assert_int_equal(t->nodes[0].privileges.all, cases[i].want.all);
		assert_int_equal(t->nodes[0].privileges.kept, cases[i].want.kept);
		assert_int_equal(t->nodes[0].privileges.asked, cases[i].want.asked);
		topo_free(t);
	}
}

static void test_bad_keys(void **state)
{
	static const struct {
		const char *node, *message;
	} cases[] = {
		{ "{\"capabilities\": \"net_raw\"}",
		  "'capabilities' is a string, but has to be a list of capabilities or an object" },
		{ "{\"capabilities\": [1]}", "but has to be the name of a capability" },
		{ "{\"capabilities\": [\"CAP_NET_RAW\"]}", "'CAP_NET_RAW' is no capability" },
		{ "{\"capabilities\": [\"sys_module\"]}",
		  "a node gets 'sys_module' only together with all others" },
		{ "{\"capabilities\": {\"add\": [\"sys_ptrace\"]}}",
		  "a node gets 'sys_ptrace' only together with all others" },
		{ "{\"capabilities\": {\"add\": [\"kill\"], \"drop\": [\"kill\"]}}",
		  "'kill' cannot be both added and dropped" },
		{ "{\"capabilities\": {\"keep\": []}}", "capabilities has no key 'keep'" },
		{ "{\"capabilities\": [], \"privileged\": true}",
		  "'capabilities' has no meaning beside \"privileged\": true" },
		{ "{\"privileged\": 1}", "'privileged' is a number" },
		{ "{\"kind\": \"switch\", \"privileged\": true}",
		  "a switch cannot have 'privileged'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct topo_diags diags = { 0 };
		char text[512];
		struct topo *t;

		snprintf(text, sizeof(text), "{\"nodes\": {\"n\": %s}}", cases[i].node);
		assert_int_equal(topo_parse(text, strlen(text), "t.json", NULL, &diags, &t),
				 -EINVAL);
		if (!strstr(diags.items[0].message, cases[i].message))
			fail_msg("%s: %s", cases[i].node, diags.items[0].message);
		topo_diags_deinit(&diags);
	}
}

/** The schema lists what the parser takes, no more and no less. */
static void test_schema(void **state)
{
	_cleanup_buf_ struct buf b = { 0 };
	const char *list, *end;

	(void)state;
	topo_print_schema(&b);
	list = strstr(buf_text(&b), "\"capability-set\"");
	assert_non_null(list);
	end = strchr(strchr(list, '['), ']');
	for (unsigned c = 0; c < CAPABILITIES; c++) {
		char quoted[64];
		const char *at;

		snprintf(quoted, sizeof(quoted), "\"%s\"", capability_name(c));
		at = strstr(list, quoted);
		print_message("%s\n", quoted);
		assert_int_equal(at && at < end, !capability_is_reserved(c));
	}
}

/* --- the kernel --- */

/** Does `what` in a child under the filter; its exit code. */
static int under_filter(int (*what)(void))
{
	struct sys_filter filter = { 0 };
	int status;
	pid_t pid;

	assert_int_equal(sys_filter_make(&filter, NULL), 0);
	pid = fork();
	if (pid == 0) {
		if (sys_no_new_privileges() < 0 || sys_load_filter(&filter) < 0)
			_exit(99);
		_exit(what());
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	sys_filter_deinit(&filter);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/** With arguments that are good for nothing: unfiltered, these give EINVAL, EBADF, EFAULT or ENOSYS, or EPERM without
 *  privilege; under the filter always EPERM. @return 0, or the number of the first that is not refused, from 1 */
static int try_refused(void)
{
	for (int i = 0; sys_filter_refused[i]; i++) {
		int number = seccomp_syscall_resolve_name(sys_filter_refused[i]);

		if (number < 0) /* not on this architecture */
			continue;
		errno = 0;
		if (syscall(number, -1, -1, -1, -1, -1) != -1 || errno != EPERM)
			return i + 1;
	}
	return 0;
}

static int try_arguments(void)
{
	const unsigned long noise = 0xdeadul << 32; /* where the kernel does not look */

	if (unshare(CLONE_NEWUSER) != -1 || errno != EPERM)
		return 1;
	if (syscall(SYS_unshare, noise | CLONE_NEWUSER | CLONE_NEWNET) != -1 || errno != EPERM)
		return 2;
	if (syscall(SYS_clone, CLONE_NEWUSER | 17, 0, 0, 0, 0) != -1 || errno != EPERM)
		return 3;
	if (syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS)
		return 4;
	if (ioctl(0, TIOCSTI, "x") != -1 || errno != EPERM)
		return 5;
	if (syscall(SYS_ioctl, -1, noise | TIOCSTI, "x") != -1 || errno != EPERM)
		return 6;
	if (socket(AF_VSOCK, SOCK_STREAM, 0) != -1 || errno != EPERM)
		return 7;
	if (ioctl(-1, FIFREEZE, 0) != -1 || errno != EPERM)
		return 8;
	if (ioctl(-1, FS_IOC_SHUTDOWN, 0) != -1 || errno != EPERM)
		return 9;
	return 0;
}

/** What libseccomp has no name for. */
static int try_young(void)
{
	enum { FILE_SETATTR = 469, OPEN_TREE_ATTR = 467 };

	if (syscall(OPEN_TREE_ATTR, -1, -1, -1, -1, -1) != -1 || errno != EPERM)
		return 1;
	for (long number = FILE_SETATTR + 1; number < 1000; number++) {
		if (syscall(number, -1, -1, -1, -1, -1) != -1 || errno != ENOSYS)
			return 2;
	}
	return 0;
}

/** What is not refused is untouched: the kernel's own answers come. */
static int try_allowed(void)
{
	int status;
	pid_t pid;

	if (ioctl(-1, FIONREAD, &status) != -1 || errno != EBADF)
		return 1;
	if (socket(AF_INET, SOCK_DGRAM, 0) < 0)
		return 2;
	if (syscall(SYS_unshare, 0) != 0)
		return 3;
	pid = fork();
	if (pid == 0)
		_exit(7);
	if (waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 7)
		return 4;
	if (system("true") != 0) /* posix_spawn() takes the C library's other way to clone */
		return 5;
	return 0;
}

static void test_filter(void **state)
{
	(void)state;
	assert_int_equal(under_filter(try_refused), 0);
	assert_int_equal(under_filter(try_arguments), 0);
	assert_int_equal(under_filter(try_young), 0);
	assert_int_equal(under_filter(try_allowed), 0);
}

/** Without the filter, these programs say so: or else they could not fail. */
static void test_filter_is_the_reason(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(syscall(SYS_add_key, "user", "netlab-unit", "x", (size_t)-1, 0) == -1 &&
		      errno == EPERM);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/** What is given up is gone, and cannot be had again. */
static void test_keep(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0 || !(sys_bounding_set() & CAPABILITY_BIT(CAPABILITY_SETPCAP)))
		skip();
	pid = fork();
	if (pid == 0) {
		const uint64_t raw = CAPABILITY_BIT(CAPABILITY_NET_RAW);
		cap_t now;
		char *text;

		if (sys_bound(raw) < 0 || sys_bounding_set() != raw ||
		    sys_keep_capabilities(raw) < 0)
			_exit(1);
		now = cap_get_proc();
		text = cap_to_text(now, NULL);
		if (strcmp(text, "cap_net_raw=ep") != 0)
			_exit(2);
		_exit(sys_bound(0) == -EPERM ? 0 : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_bad_keys),
		cmocka_unit_test(test_schema),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_filter_is_the_reason),
		cmocka_unit_test(test_keep),
	};

	return cmocka_run_group_tests_name("privileges", tests, NULL, NULL);
}
