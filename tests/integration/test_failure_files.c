/* SPDX-License-Identifier: MIT */
/*
 * The k-th system operation of `cp` and of `capture` fails, or somebody dies there, for every k there is: the error gives the
 * cause, and no half-written file is left.
 *
 * netlab-test: timeout=600 host heavy long
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/failing_command.h"
#include "support/failing_lab.h"
#include "sys/fs.h"

enum { BIG = 300 * 1024 }; /* several blocks: sys/copy.c */

/* somebody talks all the time, for captures to end */
static const char topology[] =
	"{ \"nodes\": { \"a\": { \"services\": [ { \"name\": \"talk\", \"run\": [ \"ping\", \"-4qi0.01\", \"b\" ] } ] },"
	"  \"b\": {} }, \"links\": [ { \"name\": \"plain\", \"endpoints\": [ \"a\", \"b\" ] } ] }";

static const char *path_of(const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", world_dir, name);
	return path;
}

static void make_file(const char *name, size_t size)
{
	FILE *f = fopen(path_of(name), "we");

	assert_non_null(f);
	for (size_t i = 0; i < size; i++)
		assert_true(fputc('a' + (int)(i % 23), f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/** Two files, a link, a FIFO, and a directory below. */
static void make_tree(void)
{
	assert_int_equal(mkdir(path_of("tree"), 0755), 0);
	assert_int_equal(mkdir(path_of("tree/below"), 0755), 0);
	make_file("tree/big", BIG);
	make_file("tree/below/small", 10);
	assert_int_equal(symlink("big", path_of("tree/link")), 0);
	assert_int_equal(mkfifo(path_of("tree/fifo"), 0600), 0);
}

static off_t size_of(const char *name)
{
	struct stat st;

	return lstat(path_of(name), &st) == 0 ? st.st_size : -1;
}

static void clean(void)
{
	(void)sys_remove_tree(AT_FDCWD, path_of("out"));
}

/* --- what is there afterwards --- */

static void check_no_out(const struct command *c, unsigned k)
{
	if (c->code != 0 && size_of("out") >= 0)
		command_wrong(c, k, "a part of it is left");
}

static off_t part_size;

static int on_entry(const char *path, const struct stat *st, int flag, struct FTW *where)
{
	(void)where;
	if (flag == FTW_F && S_ISREG(st->st_mode) &&
	    st->st_size != (strstr(path, "small") ? 10 : BIG))
		part_size = st->st_size;
	return 0;
}

/** What is there of the tree is whole files. */
static void check_whole_files(const struct command *c, unsigned k)
{
	part_size = -1;
	(void)nftw(path_of("out"), on_entry, 16, FTW_PHYS);
	if (part_size >= 0)
		command_wrong(c, k, "a part of a file is left");
}

/** Nothing of the file in the node. */
static void check_node(const struct command *c, unsigned k)
{
	struct command look;

	command(&look, "exec %:b -- test -e /tmp/out");
	if (look.code == 0)
		command_wrong(c, k, "a part of it is left in the node");
}

/** In the node all is whole files. */
static void check_tree_in_node(const struct command *c, unsigned k)
{
	struct command look;

	command(&look, "exec %:b -- find /tmp/out -type f ! -size 10c ! -size 307200c");
	if (look.out_len > 0)
		command_wrong(c, k, "a part of a file is left in the node");
}

/** What it had captured is whole packets, or nothing. */
static void check_capture(const struct command *c, unsigned k)
{
	off_t size = size_of("out");

	if (c->code == 0 || size < 0)
		return;
	/* every block of pcapng is of a multiple of four bytes, and says so at its end, too */
	if (size == 0 || size % 4)
		command_wrong(c, k, "an empty file, or half a packet, is left");
}

/** Whether the first word is a lab is asked twice. */
static bool is_asked_twice(const struct command *c)
{
	(void)c;
	return strcmp(failed_op(), "open") == 0 && size_of("out") > 0;
}

static const struct command_case cases[] = {
	{ .line = "cp @/tree/big %:b:/tmp/out",
	  .undo = { "exec %:b -- rm -rf /tmp/out" },
	  .check = check_node,
	  .every = 2 },
	{ .line = "cp @/tree %:b:/tmp/out",
	  .undo = { "exec %:b -- rm -rf /tmp/out" },
	  .check = check_tree_in_node,
	  .every = 3 },
	{ .line = "cp %:b:/tmp/in/big @/out", .check = check_no_out, .clean = clean, .every = 2 },
	{ .line = "cp %:b:/tmp/in @/out", .check = check_whole_files, .clean = clean, .every = 3 },
	{ .line = "cp %:b:/tmp/in/big -" },
	{ .line = "cp %:b:/tmp/in/big %:a:/tmp/out",
	  .undo = { "exec %:a -- rm -rf /tmp/out" },
	  .every = 3 },
	{ .line = "capture %:plain -c 3 -w @/out",
	  .check = check_capture,
	  .clean = clean,
	  .may_survive = is_asked_twice },
	{ .line = "capture %:a:eth0 -c 3 -w @/out icmp",
	  .check = check_capture,
	  .clean = clean,
	  .may_survive = is_asked_twice },
};

/** What is copied out of the node has to be there, in each new lab. */
static void bring_in(void)
{
	must_command("cp @/tree %:b:/tmp/in");
}

static void test_failures(void **state)
{
	struct snapshot *before;

	(void)state;
	make_tree();
	before = lab_begin();
	bring_in();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		sweep_command(&cases[i]);
	lab_end(before);
}

static void test_murders(void **state)
{
	struct snapshot *before = lab_begin();

	(void)state;
	bring_in();
	for (enum command_victim v = 0; v < COMMAND_VICTIMS; v++) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct command_case c = cases[i];

			/* a new lab begins without what is copied out */
			c.ready[0] = strstr(c.line, "/tmp/in") ? "cp @/tree/. %:b:/tmp/in" : NULL;
			murder_command(&c, v, before);
		}
	}
	lab_end(before);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_murders),
	};

	return failing_run(topology, tests, sizeof(tests) / sizeof(tests[0]));
}
