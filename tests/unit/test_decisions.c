/* SPDX-License-Identifier: MIT */
/* Files of decisions, and the directories of recordings: what is refused, and how it is said. */
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

#include "repro/decisions.h"
#include "repro/record_dir.h"

#define ID "tcp,from=10.0.0.1:*,to=10.0.0.2:80,flow=1,flags=S,len=0,nth=1"

static const char good[] = DECISIONS_HEAD "\n"
					  "# a comment\n"
					  "bottleneck -> 17 " ID " drop loss\n"
					  "\n"
					  "a--b.2 <- 1 " ID " delay=-5ns,dup,copy-delay=+7ns dice\n"
					  "bottleneck -> 18 " ID " hold=3 fault\n"
					  "end 3\n";

static void test_good(void **state)
{
	struct netlab_err err = { 0 };
	struct decisions d, again;
	struct buf b = { 0 };

	(void)state;
	if (decisions_parse(good, sizeof(good) - 1, "f", &d, &err) < 0)
		fail_msg("%s: %s", err.where, err.message);
	assert_true(d.is_complete);
	assert_int_equal(d.n, 3);
	assert_string_equal(d.items[0].link, "bottleneck");
	assert_ptr_equal(d.items[0].link, d.items[2].link);
	assert_int_equal(d.items[0].dir, 0);
	assert_int_equal(d.items[0].index, 17);
	assert_int_equal(d.items[0].verdict.actions, VERDICT_DROP);
	assert_int_equal(d.items[0].cause, DECISION_LOSS);
	assert_int_equal(d.items[1].dir, 1);
	assert_int_equal(d.items[1].verdict.actions,
			 VERDICT_DELAY | VERDICT_DUPLICATE | VERDICT_COPY_DELAY);
	assert_int_equal(d.items[1].verdict.delay_ns, -5);
	assert_int_equal(d.items[1].verdict.copy_delay_ns, 7);
	assert_int_equal(d.items[2].verdict.hold, 3);
	decisions_format(&b, d.items, d.n);
	assert_int_equal(decisions_parse(b.data, b.len, "f", &again, &err), 0);
	assert_true(again.is_complete && again.n == 3);
	decisions_deinit(&again);
	decisions_deinit(&d);
	decisions_deinit(&d);
	buf_deinit(&b);
}

/** Cut at any byte: what is left is read, or refused, and never taken for the whole. */
static void test_cut(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(good) - 1; n++) {
		struct netlab_err err = { 0 };
		struct decisions d;
		int r = decisions_parse(good, n, "f", &d, &err);

		if (n <= strlen(DECISIONS_HEAD))
			assert_int_equal(r, -EINVAL);
		else
			assert_int_equal(r, 0);
		assert_false(d.is_complete);
		decisions_deinit(&d);
	}
}

static void test_bad(void **state)
{
	static const struct {
		const char *lines, *where, *says;
	} cases[] = {
		{ "a -> 1 " ID " drop\n", "f:2", "six words" },
		{ "a -> 1 " ID " drop loss more\n", "f:2", "six words" },
		{ "a  -> 1 " ID " drop\n", "f:2", "direction ''" },
		{ "#\n\na!b -> 1 " ID " drop loss\n", "f:4", "link 'a!b'" },
		{ "a => 1 " ID " drop loss\n", "f:2", "direction '=>'" },
		{ "a -> 0 " ID " drop loss\n", "f:2", "index '0'" },
		{ "a -> -1 " ID " drop loss\n", "f:2", "index '-1'" },
		{ "a -> 1 tcp drop loss\n", "f:2", "identity 'tcp'" },
		{ "a -> 1 " ID " lose loss\n", "f:2", "verdict 'lose'" },
		{ "a -> 1 " ID " drop bad luck\n", "f:2", "six words" },
		{ "a -> 1 " ID " drop luck\n", "f:2", "cause 'luck'" },
		{ "a -> 1 " ID " drop,mark loss\n", "f:2", "dropped cannot" },
		{ "a -> 1 " ID " dup,drop loss\n", "f:2", "in this order" },
		{ "a -> 1 " ID " drop,drop loss\n", "f:2", "in this order" },
		{ "a -> 1 " ID " drop, loss\n", "f:2", "in this order" },
		{ "a -> 1 " ID " ,drop loss\n", "f:2", "in this order" },
		{ "a -> 1 " ID " copy-ahead dice\n", "f:2", "only with 'dup'" },
		{ "a -> 1 " ID " ahead,delay=+1ns dice\n", "f:2", "neither delayed" },
		{ "a -> 1 " ID " delay=1ns dice\n", "f:2", "in this order" },
		{ "a -> 1 " ID " delay=+0ns dice\n", "f:2", "in this order" },
		{ "a -> 1 " ID " delay=+1ms dice\n", "f:2", "in this order" },
		{ "a -> 1 " ID " delay=+9223372036854775808ns dice\n", "f:2", "in this order" },
		{ "a -> 1 " ID " delay=-1000000000000000001ns dice\n", "f:2", "in this order" },
		{ "a -> 1 " ID " corrupt dice\n", "f:2", "in this order" },
		{ "a -> 1 " ID " corrupt=4294967296 dice\n", "f:2", "in this order" },
		{ "a -> 1 " ID " hold=0 fault\n", "f:2", "at least 1" },
		{ "end 1\n", "f:2", "counts 1" },
		{ "end x\n", "f:2", "end 'x'" },
		{ "end 0\na -> 1 " ID " drop loss\n", "f:3", "after the line" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct netlab_err err = { 0 };
		struct decisions d;
		char text[1024];
		int n = snprintf(text, sizeof(text), "%s\n%s", DECISIONS_HEAD, cases[i].lines);

		if (decisions_parse(text, (size_t)n, "f", &d, &err) != -EINVAL)
			fail_msg("accepted: %s", cases[i].lines);
		if (!strstr(err.message, cases[i].says) || strcmp(err.where, cases[i].where) != 0)
			fail_msg("%s -> %s: %s", cases[i].lines, err.where, err.message);
	}
}

static void test_version(void **state)
{
	static const char other[] = "netlab-decisions 22\nend 0\n";
	struct netlab_err err = { 0 };
	struct decisions d;

	(void)state;
	assert_int_equal(decisions_parse(other, sizeof(other) - 1, "f", &d, &err),
			 -EPROTONOSUPPORT);
	assert_non_null(strstr(err.message, "another version"));
	assert_string_equal(err.where, "f:1");
	assert_int_equal(decisions_parse("", 0, "f", &d, &err), -EINVAL);
	assert_non_null(strstr(err.message, "empty"));
}

/* --- directories --- */

static const char topology[] = "{\"name\": \"pair\", \"nodes\": {\"a\": {}, \"b\": {}}, "
			       "\"links\": [{\"name\": \"l\", \"endpoints\": [\"a\", \"b\"]}]}";

struct place {
	char top[64], dir[96];
};

static void write_file(const struct place *p, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

static struct record_about about_of(const char *source)
{
	return (struct record_about){ .lab = "pair",
				      .seed = UINT64_MAX,
				      .engine = "wire",
				      .source = source,
				      .source_len = strlen(source),
				      .source_dir = "/",
				      .from_start = true };
}

static void make(struct place *p)
{
	struct record_about about = about_of(topology);
	struct netlab_err err = { 0 };
	int fd = -1;

	(void)snprintf(p->top, sizeof(p->top), "/tmp/netlab-record-XXXXXX");
	assert_non_null(mkdtemp(p->top));
	(void)snprintf(p->dir, sizeof(p->dir), "%s/rec", p->top);
	if (record_dir_create(p->dir, &about, &fd, NULL, &err) < 0)
		fail_msg("%s", err.message);
	close(fd);
	write_file(p, RECORD_SUMMARY,
		   "{\"complete\": true, \"packets\": 7, \"decisions\": 3, \"lost_records\": 0}");
	write_file(p, RECORD_DECISIONS, good);
}

static void clean(const struct place *p)
{
	static const char *const files[] = { RECORD_ABOUT, RECORD_TOPOLOGY, RECORD_SUMMARY,
					     RECORD_DECISIONS };
	char path[256];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", p->dir, files[i]);
		(void)unlink(path);
	}
	(void)rmdir(p->dir);
	assert_int_equal(rmdir(p->top), 0);
}

static void test_dir(void **state)
{
	struct record_about about = about_of(topology);
	struct netlab_err err = { 0 };
	struct topo_diags diags = { 0 };
	struct record_dir d;
	struct decisions decisions;
	struct topo *t = NULL;
	struct place p;
	char slashed[128];
	int fd = -1;

	(void)state;
	make(&p);
	/* it is not written over */
	assert_int_equal(record_dir_create(p.dir, &about, &fd, NULL, &err), -ENOTEMPTY);
	assert_non_null(strstr(err.message, "not empty"));
	(void)snprintf(slashed, sizeof(slashed), "%s//", p.dir);
	if (record_dir_open(slashed, &d, &err) < 0)
		fail_msg("%s: %s", err.where, err.message);
	assert_string_equal(d.lab, "pair");
	assert_int_equal(d.seed, UINT64_MAX);
	assert_int_equal(d.n_packets, 7);
	assert_int_equal(record_dir_topology(&d, NULL, &diags, &t, &err), 0);
	assert_int_equal(t->seed, UINT64_MAX);
	assert_int_equal(t->engine, TOPO_ENGINE_WIRE);
	assert_int_equal(record_dir_decisions(&d, &decisions, &err), 0);
	assert_int_equal(record_dir_match(&decisions, t, &err), -EINVAL);
	assert_non_null(strstr(err.message, "no link 'bottleneck'"));
	decisions.n = 0;
	assert_int_equal(record_dir_match(&decisions, t, &err), 0);
	decisions_deinit(&decisions);
	topo_free(t);
	topo_diags_deinit(&diags);
	record_dir_deinit(&d);
	clean(&p);
}

static void test_bad_dir(void **state)
{
	static const struct {
		const char *file, *text; /* NULL = remove it */
		int code;
		const char *says;
	} cases[] = {
		{ RECORD_ABOUT, NULL, -ENOENT, "no recording" },
		{ RECORD_ABOUT, "", -EINVAL, "damaged: line" },
		{ RECORD_ABOUT, "[]", -EINVAL, "no object" },
		{ RECORD_ABOUT, "{}", -EINVAL, "does not say its format" },
		{ RECORD_ABOUT, "{\"format\": 2, \"netlab\": \"9.9\"}", -EPROTONOSUPPORT,
		  "format 2" },
		{ RECORD_ABOUT, "{\"format\": 1, \"lab\": \"x\"}", -EINVAL, "'lab' or 'seed'" },
		{ RECORD_ABOUT, "{\"format\": 1, \"lab\": \"../x\", \"seed\": \"1\"}", -EINVAL,
		  "'lab'" },
		{ RECORD_TOPOLOGY, NULL, -ENOENT, "cannot be read" },
		{ RECORD_TOPOLOGY, "{\"nodes\": {}}", -EINVAL,
		  "not the topology that was recorded" },
		{ RECORD_SUMMARY, NULL, -ENODATA, "incomplete" },
		{ RECORD_SUMMARY, "{\"compl", -EINVAL, "damaged" },
		{ RECORD_SUMMARY, "{\"complete\": false, \"error\": \"disk full\"}", -ENODATA,
		  "disk full" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct netlab_err err = { 0 };
		struct record_dir d = { .fd = -1 };
		struct place p;
		char path[256];
		int r;

		make(&p);
		(void)snprintf(path, sizeof(path), "%s/%s", p.dir, cases[i].file);
		if (cases[i].text)
			write_file(&p, cases[i].file, cases[i].text);
		else
			assert_int_equal(unlink(path), 0);
		r = record_dir_open(p.dir, &d, &err);
		if (r != cases[i].code || !strstr(err.message, cases[i].says) || !err.where[0] ||
		    err.exit != NETLAB_EXIT_INVALID)
			fail_msg("%zu: %d %s: %s", i, r, err.where, err.message);
		clean(&p);
	}
}

static void test_words(void **state)
{
	static const struct {
		const char *verdict, *words;
	} cases[] = {
		{ "drop", "is lost" },
		{ "drop,dup,copy-delay=-2000000ns",
		  "is lost and a copy of it comes, the copy 2ms early" },
		{ "mark,delay=+1500us", NULL },
		{ "mark,delay=+5000000ns",
		  "is marked (Congestion Experienced) and comes 5ms late" },
		{ "corrupt-byte=3", "is damaged" },
		{ "ahead,dup,copy-corrupt=1,copy-ahead",
		  "comes before all others and it comes twice, the copy damaged, the copy before all others" },
		{ "hold=3", "comes behind the next 3" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct verdict v;
		struct buf b = { 0 };

		assert_int_equal(verdict_parse(cases[i].verdict, &v, NULL) == 0,
				 cases[i].words != NULL);
		if (!cases[i].words)
			continue;
		verdict_describe(&b, &v);
		assert_string_equal(buf_text(&b), cases[i].words);
		buf_deinit(&b);
	}
}

/** What JSON cannot say is left out, and what is no command is none. */
static void test_command(void **state)
{
	static const char *const commands[][3] = { { "a", "b", NULL }, { "a", "\xff", NULL } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct record_about about = about_of(topology);
		struct netlab_err err = { 0 };
		struct record_dir d;
		const char **argv = NULL;
		struct place p;
		char path[256];
		int fd;

		make(&p);
		(void)snprintf(path, sizeof(path), "%s/", p.dir);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		about.command = commands[i];
		about.source_dir = i == 0 ? "/" : "/\xff/";
		assert_int_equal(record_dir_describe(fd, &about, &err), 0);
		close(fd);
		assert_int_equal(record_dir_open(p.dir, &d, &err), 0);
		assert_int_equal(record_dir_command(&d, &argv, &err), 0);
		if (i == 0) {
			assert_string_equal(argv[1], "b");
			assert_null(argv[2]);
			assert_string_equal(d.source_dir, "/");
		} else {
			assert_null(argv);
			assert_null(d.source_dir);
		}
		free(argv);
		(void)json_object_set_new(d.about, "command", json_pack("[s,i]", "a", 1));
		assert_int_equal(record_dir_command(&d, &argv, &err), -EINVAL);
		assert_non_null(strstr(err.message, "'command' is no list of texts"));
		assert_int_equal(err.exit, NETLAB_EXIT_INVALID);
		record_dir_deinit(&d);
		clean(&p);
	}
}

/** Decisions that were cut at the end of a line. */
static void test_cut_decisions(void **state)
{
	struct netlab_err err = { 0 };
	struct decisions decisions;
	struct record_dir d;
	struct place p;

	(void)state;
	make(&p);
	write_file(&p, RECORD_DECISIONS, DECISIONS_HEAD "\nbottleneck -> 17 " ID " drop loss\n");
	assert_int_equal(record_dir_open(p.dir, &d, &err), 0);
	assert_int_equal(record_dir_decisions(&d, &decisions, &err), -ENODATA);
	assert_non_null(strstr(err.message, "cut off"));
	assert_int_equal(decisions.n, 0);
	record_dir_deinit(&d);
	clean(&p);
}

static void test_nowhere(void **state)
{
	struct record_about about = about_of(topology);
	struct netlab_err err = { 0 };
	struct record_dir d;
	int fd = -1;

	(void)state;
	assert_int_equal(record_dir_open("/nonexistent/rec", &d, &err), -ENOENT);
	assert_int_equal(record_dir_open("/dev/null", &d, &err), -ENOTDIR);
	assert_int_equal(record_dir_create("/nonexistent/rec", &about, &fd, NULL, &err), -ENOENT);
	assert_int_equal(record_dir_create("/dev/null", &about, &fd, NULL, &err), -ENOTDIR);
	assert_int_equal(fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),          cmocka_unit_test(test_cut),
		cmocka_unit_test(test_bad),           cmocka_unit_test(test_version),
		cmocka_unit_test(test_dir),           cmocka_unit_test(test_bad_dir),
		cmocka_unit_test(test_cut_decisions), cmocka_unit_test(test_nowhere),
		cmocka_unit_test(test_command),       cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests_name("decisions", tests, NULL, NULL);
}
