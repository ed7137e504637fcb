/* SPDX-License-Identifier: MIT */
/*
 * Any words as a command line. Only the parser runs: verbs would read the files that the words name.
 * Input: words, each ended by a newline.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"

enum { WORDS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whether a pointer is one of the words, or points into one of them. */
static bool is_ours(const char *text, const char *words, size_t size)
{
	return text >= words && text < words + size;
}

static void check(const struct cli *c, int r, const char *words, size_t size)
{
	if (r < 0) {
		assert(r == -EINVAL);
		assert(c->err.exit == NETLAB_EXIT_USAGE);
		assert(c->err.message[0]);
		assert(c->err.hint[0]);
		return;
	}
	for (size_t i = 0; i < c->n_args; i++)
		assert(is_ours(c->args[i], words, size));
	for (int id = 0; id < OPT_COUNT; id++)
		assert(!c->value[id] || !*c->value[id] || is_ours(c->value[id], words, size));
	if (!c->command || c->value[OPT_HELP] || c->value[OPT_VERSION])
		return;
	assert(c->n_args >= c->command->min_args && c->n_args <= c->command->max_args);
	assert((c->command->tail == CLI_NO_TAIL) == (c->tail == NULL));
	assert(!c->tail || is_ours(c->tail[0], words, size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char name[] = "netlab";
	char *argv[WORDS_MAX + 2] = { name };
	char *words = malloc(size + 1);
	struct cli c = { 0 };
	int argc = 1, r;

	if (!words)
		return 0;
	memcpy(words, data, size);
	words[size] = '\0';
	for (char *p = words, *end; argc <= WORDS_MAX && (end = strchr(p, '\n')) != NULL;
	     p = end + 1) {
		*end = '\0';
		argv[argc++] = p;
	}
	r = cli_parse(&c, argc, argv);
	check(&c, r, words, size + 1);
	cli_deinit(&c);
	free(words);
	return 0;
}
