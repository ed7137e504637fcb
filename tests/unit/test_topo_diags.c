/* SPDX-License-Identifier: MIT */
/*
 * Bad topologies: every file tests/golden/diags/X.json has its findings in X.txt, and tests/golden/schema.json is the
 * schema. After a wanted change: NETLAB_UPDATE_GOLDEN=1, and read the difference.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "support/guarded.h"
#include "topo/model.h"

static const char *top(void)
{
	const char *dir = getenv("NETLAB_TOP");

	return dir ? dir : ".";
}

static void read_file(struct buf *b, const char *path)
{
	FILE *f = fopen(path, "rb");
	char block[4096];
	size_t n;

	if (!f)
		fail_msg("cannot read %s: %s (NETLAB_UPDATE_GOLDEN=1 makes it)", path,
			 strerror(errno));
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		buf_add(b, block, n);
	assert_int_equal(fclose(f), 0);
	assert_false(b->failed);
}

static void compare(const char *path, const struct buf *is)
{
	_cleanup_buf_ struct buf should = { 0 };

	if (getenv("NETLAB_UPDATE_GOLDEN")) {
		FILE *f = fopen(path, "wb");

		assert_non_null(f);
		assert_int_equal(fwrite(is->data, 1, is->len, f), is->len);
		assert_int_equal(fclose(f), 0);
		return;
	}
	read_file(&should, path);
	if (should.len != is->len || memcmp(buf_text(&should), buf_text(is), is->len) != 0)
		fail_msg("%s differs; now it is\n%s", path, buf_text(is));
}

static void print_diags(struct buf *b, const struct topo_diags *diags)
{
	size_t errors = 0;

	for (size_t i = 0; i < diags->n; i++) {
		const struct topo_diag *d = &diags->items[i];

		errors += !d->warning;
		buf_printf(b, "%s: %s: %s\n", d->where, d->warning ? "warning" : "error",
			   d->message);
		if (d->hint)
			buf_printf(b, "    %s\n", d->hint);
	}
	assert_int_equal(errors, diags->n_errors);
}

static void check_one(const char *dir, const char *name)
{
	_cleanup_buf_ struct buf text = { 0 }, found = { 0 }, path = { 0 };
	struct topo_diags diags = { 0 };
	struct topo *t = NULL;
	struct guarded g;
	int r;

	print_message("%s\n", name);
	buf_printf(&path, "%s/%s", dir, name);
	read_file(&text, buf_text(&path));
	g = guarded_copy(text.data, text.len);
	r = topo_parse(g.text, text.len, name, NULL, &diags, &t);
	assert_int_equal(r, diags.n_errors > 0 ? -EINVAL : 0);
	assert_int_equal(t != NULL, r == 0);
	assert_true(diags.n > 0);
	print_diags(&found, &diags);
	topo_free(t);
	topo_diags_deinit(&diags);
	guarded_deinit(&g);
	path.len -= strlen(".json");
	buf_puts(&path, ".txt");
	compare(buf_text(&path), &found);
}

static int is_json(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return n > 5 && strcmp(e->d_name + n - 5, ".json") == 0;
}

static void test_diags(void **state)
{
	_cleanup_buf_ struct buf dir = { 0 };
	struct dirent **entries;
	int n;

	(void)state;
	buf_printf(&dir, "%s/tests/golden/diags", top());
	n = scandir(buf_text(&dir), &entries, is_json, alphasort);
	assert_true(n >= 20);
	for (int i = 0; i < n; i++) {
		check_one(buf_text(&dir), entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}

static void test_schema(void **state)
{
	_cleanup_buf_ struct buf schema = { 0 }, path = { 0 };

	(void)state;
	topo_print_schema(&schema);
	assert_non_null(buf_text(&schema));
	buf_printf(&path, "%s/tests/golden/schema.json", top());
	compare(buf_text(&path), &schema);
}

/** Every "$ref" leads to a definition, and no key that is refused is offered. */
static void check_references(const json_t *v, const json_t *defs)
{
	const char *key;
	json_t *value;
	size_t i;

	json_array_foreach((json_t *)v, i, value) check_references(value, defs);
	json_object_foreach((json_t *)v, key, value)
	{
		if (strcmp(key, "$ref") == 0) {
			const char *to = json_string_value(value);

			assert_non_null(to);
			assert_memory_equal(to, "#/$defs/", 8);
			if (!json_object_get(defs, to + 8))
				fail_msg("nothing defines %s", to);
		}
		check_references(value, defs);
	}
}

static void test_schema_content(void **state)
{
	static const struct {
		const char *def, *key;
		bool there;
	} cases[] = {
		{ NULL, "nodes", true },
		{ NULL, "timeline", true },
		{ NULL, "faults", true },
		{ "fault", "match", true },
		{ "node", "services", true },
		{ "node", "mounts", true },
		{ "node", "privileged", true },
		{ "service", "run", true },
		{ "service", "ready", true },
		{ "ready", "tcp", true },
		{ "restart-how", "max", true },
		{ "link", "endpoints", true },
		{ "link", "loss", true },
		{ "link", "->", true },
		{ "link", "preset", true },
		{ "direction", "delay", true },
		{ "direction", "carrier", false },
		{ "link-defaults", "delay", true },
		{ "link-defaults", "name", false },
		{ "link-defaults", "endpoints", false },
	};
	_cleanup_buf_ struct buf text = { 0 };
	json_t *schema, *defs;

	(void)state;
	topo_print_schema(&text);
	schema = json_loads(buf_text(&text), JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(schema);
	defs = json_object_get(schema, "$defs");
	check_references(schema, defs);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		json_t *object = cases[i].def ? json_object_get(defs, cases[i].def) : schema;

		print_message("%s %s\n", cases[i].def ? cases[i].def : "top", cases[i].key);
		assert_non_null(object);
		assert_int_equal(json_object_get(json_object_get(object, "properties"),
						 cases[i].key) != NULL,
				 cases[i].there);
	}
	assert_non_null(strstr(buf_text(&text), "\"wire\""));
	assert_non_null(strstr(buf_text(&text), "\"uplink\""));
	json_decref(schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_diags),
		cmocka_unit_test(test_schema),
		cmocka_unit_test(test_schema_content),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
