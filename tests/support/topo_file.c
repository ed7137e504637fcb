/* SPDX-License-Identifier: MIT */
/* Topologies from files. */
#include "support/topo_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

const char *const zoo_files[] = {
	"../shared/data/zoo/attmpls.json",   "../shared/data/zoo/bellsouth.json",
	"../shared/data/zoo/geant2012.json", "../shared/data/zoo/kdl.json",
	"../shared/data/zoo/uscarrier.json", NULL,
};

char *read_whole_file(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "r");
	size_t len = 0, size = 0;
	char *text = NULL;

	if (!f)
		return NULL;
	do {
		size = size ? 2 * size : 4096;
		text = realloc(text, size);
		assert_non_null(text);
		len += fread(text + len, 1, size - 1 - len, f);
	} while (len == size - 1);
	text[len] = '\0';
	fclose(f);
	if (ret_len)
		*ret_len = len;
	return text;
}

static struct topo *parse(const char *text, size_t len, const char *name)
{
	struct topo_diags diags = { 0 };
	struct topo *t = NULL;
	int r = topo_parse(text, len, name, NULL, &diags, &t);

	for (size_t i = 0; i < diags.n && r < 0; i++)
		print_error("%s: %s\n", diags.items[i].where, diags.items[i].message);
	topo_diags_deinit(&diags);
	assert_int_equal(r, 0);
	return t;
}

struct topo *topo_from_file(const char *path)
{
	size_t len = 0;
	char *text = read_whole_file(path, &len);
	struct topo *t;

	if (!text)
		fail_msg("cannot read '%s'", path);
	t = parse(text, len, path);
	free(text);
	return t;
}

struct topo *topo_from_text(const char *text)
{
	return parse(text, strlen(text), "test.json");
}

void need_zoo(void)
{
	if (access(zoo_files[0], R_OK) == 0)
		return;
	if (getenv("NETLAB_MUST_WORK"))
		fail_msg("'%s' is not there", zoo_files[0]);
	skip();
}
