/* SPDX-License-Identifier: MIT */
/**
 * @file cmocka.h
 * A lab per test case, for tests that are written with cmocka (https://cmocka.org).
 *
 *   #include <stdarg.h>            what cmocka.h needs before it
 *   #include <stddef.h>
 *   #include <stdint.h>
 *   #include <setjmp.h>
 *   #include <cmocka.h>
 *   #include <netlab/cmocka.h>
 *
 *   static struct netlab_fixture two_hosts = { .topology = "{\"nodes\": {\"a\": {}, \"b\": {}}, ...}" };
 *
 *   static void test_answers(void **state)
 *   {
 *           struct netlab_lab *lab = netlab_test_lab(state);
 *
 *           netlab_assert_exec(lab, "a", "ping", "-c", "1", "b");
 *   }
 *   ...
 *           const struct CMUnitTest tests[] = { NETLAB_TEST(test_answers, &two_hosts) };
 *
 * Each test case has a lab of its own, with a name that no other has, so that programs of tests run side by side (ctest -j).
 * It is up when the case begins and gone when the case has ended, however it did. Where this host cannot have labs the
 * case is skipped, with the reason; with NETLAB_MUST_WORK=1 in the environment that is a failure. NETLAB_SEED in the
 * environment is the seed of every lab, so `netlab sweep`'s and yours are the same; a failing case prints its lab's.
 *
 * This header is the program's own code: it needs cmocka, the library does not. It is safe in C++.
 */
#ifndef NETLAB_CMOCKA_H
#define NETLAB_CMOCKA_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#ifdef __cplusplus
extern "C" { /* cmocka 1.1 does not say so itself */
#endif
#include <cmocka.h>
#ifdef __cplusplus
}
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netlab/lab.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What the cases of a program share. Set the first members, leave the others zero. */
struct netlab_fixture {
	const char *topology;  /**< text of a topology; or: */
	const char *file;      /**< a topology file */
	const char *state_dir; /**< NULL = the default */
	/* while a case runs */
	struct netlab_lab *lab; /**< NULL: this host cannot have it */
	uint64_t seed;
};

/** The entry of a case that runs in a lab of its own. @param fixture  a struct netlab_fixture * */
#define NETLAB_TEST(function, fixture)                                                          \
	{                                                                                       \
#function, function, netlab_test_setup, netlab_test_teardown, (void *)(fixture) \
	}

/** Fails the case, with the library's own words, unless a call returned 0. */
#define netlab_assert_ok(call, err)                                              \
	do {                                                                     \
		int netlab_result_ = (call);                                     \
		if (netlab_result_ != 0) {                                       \
			print_error("%s: %s%s%s%s%s%s\n", #call, (err)->where,   \
				    (err)->where[0] ? ": " : "", (err)->message, \
				    (err)->hint[0] ? " (" : "", (err)->hint,     \
				    (err)->hint[0] ? ")" : "");                  \
			_fail(__FILE__, __LINE__);                               \
		}                                                                \
	} while (0)

/** Runs a command in a node; fails the case, with what it wrote, unless its exit code is 0. */
#define netlab_assert_exec(lab, node, ...) netlab_assert_exec_status(lab, node, 0, __VA_ARGS__)

/** The same for another exit code: what must fail has to fail as it should. */
#define netlab_assert_exec_status(lab, node, status, ...)                                    \
	do {                                                                                 \
		const char *netlab_argv_[] = { __VA_ARGS__, NULL };                          \
		netlab_test_exec(lab, node, netlab_argv_, status, NULL, __FILE__, __LINE__); \
	} while (0)

/** Runs a command in a node; fails the case, with what it wrote, unless its exit code is 0 and the text is in there. */
#define netlab_assert_exec_says(lab, node, text, ...)                                   \
	do {                                                                            \
		const char *netlab_argv_[] = { __VA_ARGS__, NULL };                     \
		netlab_test_exec(lab, node, netlab_argv_, 0, text, __FILE__, __LINE__); \
	} while (0)

/** Changes what a link does, e.g. netlab_assert_link(lab, "wan", "a", "delay=20ms", "loss=1%"); from: NULL = both ways. */
#define netlab_assert_link(lab, link, from, ...)                                                   \
	do {                                                                                       \
		const char *netlab_settings_[] = { __VA_ARGS__, NULL };                            \
		static struct netlab_err netlab_err_;                                              \
		netlab_assert_ok(netlab_link_set(lab, link, from, netlab_settings_, &netlab_err_), \
				 &netlab_err_);                                                    \
	} while (0)

/** Fails the case unless a counter (see netlab_stats_count()) is within low .. high. */
#define netlab_assert_count(lab, link, from, counter, low, high) \
	netlab_test_count(lab, link, from, counter, low, high, __FILE__, __LINE__)

/** The lab of the case; skips the case where this host cannot have it (cmocka skips no case before it has begun). */
static inline struct netlab_lab *netlab_test_lab(void **state)
{
	struct netlab_fixture *f = (struct netlab_fixture *)*state;

	if (!f->lab)
		skip();
	return f->lab;
}

/** Tells what failed in the library. Private. */
static inline void netlab_test_print(const char *what, const struct netlab_err *err)
{
	print_error("%s: %s%s%s%s%s%s\n", what, err->where, err->where[0] ? ": " : "", err->message,
		    err->hint[0] ? " (" : "", err->hint, err->hint[0] ? ")" : "");
}

/** NAME.PID.N: cut so that it is a good name for a lab. Private. */
static inline void netlab_test_name(const char *base, char *ret, size_t size)
{
	static unsigned count;

	(void)snprintf(ret, size, "%.30s.%ld.%u", base, (long)getpid(), ++count);
}

/** @return whether a text is one. Private. */
static inline bool netlab_test_seed(const char *text, uint64_t *ret)
{
	char *end;
	unsigned long long seed;

	errno = 0;
	seed = strtoull(text, &end, 0);
	if (errno || *end || *text < '0' || *text > '9')
		return false;
	*ret = seed;
	return true;
}

/** Brings the lab of a case up. @return 0, also where this host cannot have it (see netlab_test_lab()); -1 fails the case */
static inline int netlab_test_setup(void **state)
{
	struct netlab_fixture *f = (struct netlab_fixture *)*state;
	const char *seed = getenv("NETLAB_SEED"), *must = getenv("NETLAB_MUST_WORK");
	static struct netlab_err err;
	static struct netlab_up_options options;
	struct netlab_topology *t = NULL;
	char name[64];
	int r;

	r = f->file ? netlab_topology_load(f->file, NULL, NULL, &t, &err)
		    : netlab_topology_parse(f->topology, strlen(f->topology), "test", NULL, NULL,
					    &t, &err);
	if (r < 0) {
		netlab_test_print("the fixture's topology", &err);
		return -1;
	}
	netlab_test_name(netlab_topology_name(t), name, sizeof(name));
	memset(&options, 0, sizeof(options));
	options.name = name;
	options.state_dir = f->state_dir;
	options.seed_set = true;
	options.seed = netlab_topology_seed(t);
	if (seed && !netlab_test_seed(seed, &options.seed)) {
		print_error("NETLAB_SEED: '%s' is no seed (a whole number of 64 bits)\n", seed);
		netlab_topology_free(t);
		return -1;
	}
	f->seed = options.seed;
	r = netlab_up(t, &options, &f->lab, &err);
	netlab_topology_free(t);
	if (r == 0)
		return 0;
	netlab_test_print("the fixture's lab", &err);
	if (err.exit == NETLAB_EXIT_UNSUPPORTED && !(must && strcmp(must, "1") == 0))
		return 0;
	return -1;
}

/** Takes it down. @return 0; -1 when something is left */
static inline int netlab_test_teardown(void **state)
{
	struct netlab_fixture *f = (struct netlab_fixture *)*state;
	static struct netlab_err err;
	int r;

	if (!f->lab)
		return 0;
	r = netlab_down(f->lab, &err);
	if (r < 0)
		netlab_test_print("taking the lab down", &err);
	netlab_lab_free(f->lab);
	f->lab = NULL;
	return r < 0 ? -1 : 0;
}

/** Says where a failing case stood, and with which seed it can be had again; does not return. Private. */
static inline void netlab_test_fail(struct netlab_lab *lab, const char *file, int line)
{
	uint64_t seed;

	if (netlab_lab_seed(lab, &seed, NULL) == 0)
		print_error("lab '%s': NETLAB_SEED=%llu\n", netlab_lab_name(lab),
			    (unsigned long long)seed);
	_fail(file, line);
}

/** See netlab_assert_exec(). Private. */
static inline void netlab_test_exec(struct netlab_lab *lab, const char *node,
				    const char *const *argv, int status, const char *text,
				    const char *file, int line)
{
	static struct netlab_err err;
	char *output = NULL;
	int got = -1, r;

	memset(&err, 0, sizeof(err));
	r = netlab_exec_output(lab, node, argv, &output, NULL, &got, &err);
	if (r == 0 && got == status && (!text || strstr(output, text))) {
		netlab_free(output);
		return;
	}
	if (r < 0)
		netlab_test_print(argv[0], &err);
	else if (got != status)
		print_error("'%s' in node '%s' ended with %d, not %d; it wrote:\n%s", argv[0], node,
			    got, status, output);
	else
		print_error("'%s' in node '%s' did not write '%s', but:\n%s", argv[0], node, text,
			    output);
	netlab_free(output);
	netlab_test_fail(lab, file, line);
}

/** See netlab_assert_count(). Private. */
static inline void netlab_test_count(struct netlab_lab *lab, const char *link, const char *from,
				     const char *counter, uint64_t low, uint64_t high,
				     const char *file, int line)
{
	static struct netlab_err err;
	uint64_t n = 0;

	if (netlab_stats_count(lab, link, from, counter, &n, &err) == 0) {
		if (n >= low && n <= high)
			return;
		print_error("link '%s', from %s: %s is %llu, not within %llu .. %llu\n", link,
			    from ? from : "both ends", counter, (unsigned long long)n,
			    (unsigned long long)low, (unsigned long long)high);
	} else {
		netlab_test_print(counter, &err);
	}
	netlab_test_fail(lab, file, line);
}

#ifdef __cplusplus
}
#endif
#endif
