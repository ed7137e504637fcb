/* SPDX-License-Identifier: MIT */
/* docs/topology.md and netlab-topology(5) know every key that the parser knows, and their examples are good. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "topo/link.h"

static void read_text(struct buf *b, const char *name)
{
	_cleanup_buf_ struct buf path = { 0 };
	const char *top = getenv("NETLAB_TOP");
	char block[4096];
	size_t n;
	FILE *f;

	buf_printf(&path, "%s/%s", top ? top : ".", name);
	f = fopen(buf_text(&path), "rb");
	if (!f)
		fail_msg("cannot read %s: %s", buf_text(&path), strerror(errno));
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		buf_add(b, block, n);
	fclose(f);
	assert_non_null(buf_text(b));
}

/** Whether the man page has the word in a line that marks up keys or values. */
static bool man_has(const char *page, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = strstr(page, word); at; at = strstr(at + 1, word)) {
		const char *line = at;

		while (line > page && line[-1] != '\n')
			line--;
		if ((at[-1] == ' ') && (at[len] == ' ' || at[len] == '\n') &&
		    (strncmp(line, ".It Ic ", 7) == 0 || strncmp(line, ".Ic ", 4) == 0))
			return true;
	}
	/* lists of refused keys run on */
	return false;
}

/** The lists of refused keys go over several lines: any line of that section will do. */
static bool man_refuses(const char *page, const char *word)
{
	const char *section = strstr(page, ".Ss Not in this version"), *end, *at;
	size_t len = strlen(word);

	assert_non_null(section);
	end = strstr(section, ".Ss Limits");
	assert_non_null(end);
	for (at = strstr(section, word); at && at < end; at = strstr(at + 1, word)) {
		if ((at[-1] == ' ' || at[-1] == '\n') && (at[len] == ' ' || at[len] == '\n'))
			return true;
	}
	return false;
}

static void check_spec(const struct object_spec *spec, const char *md, const char *man)
{
	for (size_t i = 0; i < spec->n_fields; i++) {
		const struct field *f = &spec->fields[i];
		char quoted[64], in_object[64];

		print_message("%s: %s\n", spec->def, f->name);
		snprintf(quoted, sizeof(quoted), "`%s`", f->name);
		snprintf(in_object, sizeof(in_object), "\"%s\"",
			 f->name); /* models: {"burst": {...}} */
		assert_true(strstr(md, quoted) || strstr(md, in_object));
		if (f->later)
			assert_true(man_refuses(man, f->name));
		else
			assert_true(man_has(man, f->name));
		assert_non_null(f->help);
		assert_true(f->later || f->help[strlen(f->help) - 1] == '.');
	}
}

static void test_keys(void **state)
{
	static const struct object_spec *const specs[] = {
		&top_spec,        &addressing_spec, &defaults_spec, &node_spec,
		&interface_spec,  &route_spec,      &service_spec,  &link_spec,
		&impairment_spec, &loss_spec,       &burst_spec,    &gemodel_spec,
		&state_spec,      &slot_spec,       &trace_spec,    &event_spec,
		&when_spec,       &event_exec_spec, &fault_spec,    &ready_spec,
		&restart_spec,    &limits_spec,     &rootfs_spec,   &mount_spec,
		&file_spec,
	};
	_cleanup_buf_ struct buf md = { 0 }, man = { 0 };

	(void)state;
	read_text(&md, "docs/topology.md");
	read_text(&man, "docs/man/netlab-topology.5");
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++)
		check_spec(specs[i], buf_text(&md), buf_text(&man));
}

static void test_examples(void **state)
{
	_cleanup_buf_ struct buf md = { 0 };
	size_t n = 0;

	(void)state;
	read_text(&md, "docs/topology.md");
	for (const char *at = strstr(buf_text(&md), "```json\n"); at;
	     at = strstr(at, "```json\n")) {
		const char *start = at + strlen("```json\n"), *end = strstr(start, "```");
		struct topo_diags diags = { 0 };
		struct topo *t = NULL;
		int r;

		assert_non_null(end);
		r = topo_parse(start, (size_t)(end - start), "example.json", NULL, &diags, &t);
		for (size_t i = 0; i < diags.n; i++)
			print_message("%s: %s\n", diags.items[i].where, diags.items[i].message);
		assert_int_equal(r, 0);
		assert_int_equal(diags.n, 0);
		topo_free(t);
		topo_diags_deinit(&diags);
		at = end;
		n++;
	}
	assert_true(n >= 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_examples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
