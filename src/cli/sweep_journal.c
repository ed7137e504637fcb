/* SPDX-License-Identifier: MIT */
/* The journal of a sweep: which it is, then a line for each seed that is done, so that another one can go on with it. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "base/units.h"
#include "cli/output.h"
#include "cli/sweep.h"
#include "netlab/version.h"

/* Of the format: one who cannot read a later one says so. */
enum { FORMAT = 1 };

void sweep_what(const struct cli *c, const struct cli_topology *t, struct sweep_what *ret)
{
	*ret = (struct sweep_what){
		.topology = t->file,
		.in = c->value[OPT_IN],
		.engine = c->value[OPT_ENGINE],
		.timeout = c->value[OPT_TIMEOUT],
		.command = c->tail,
		.digest = name_hash(NAME_HASH_INIT, t->text), /* JSON: no NUL in it */
		.strict = cli_has(c, OPT_STRICT),
	};
}

static json_t *text_or_null(const char *text)
{
	return text ? cli_json_text(text, strlen(text)) : json_null();
}

static void add_line(struct buf *b, json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	if (!text) {
		b->failed = true;
		return;
	}
	buf_puts(b, text);
	buf_puts(b, "\n");
	free(text);
}

static json_t *json_of_command(const char *const *argv)
{
	json_t *list = json_array();

	for (; *argv; argv++)
		(void)json_array_append_new(list, cli_json_text(*argv, strlen(*argv)));
	return list;
}

static json_t *json_of_digest(uint64_t digest)
{
	return json_sprintf("%016" PRIx64, digest);
}

void sweep_journal_head(struct buf *b, const struct sweep_what *w)
{
	add_line(b,
		 json_pack("{s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b}", "netlab-sweep",
			   FORMAT, "version", NETLAB_VERSION, "topology", text_or_null(w->topology),
			   "digest", json_of_digest(w->digest), "command",
			   json_of_command(w->command), "in", text_or_null(w->in), "engine",
			   text_or_null(w->engine), "timeout", text_or_null(w->timeout), "strict",
			   w->strict, "recorded", w->recorded));
}

void sweep_journal_line(struct buf *b, uint64_t seed, const struct sweep_result *r)
{
	add_line(b, json_pack("{s:o, s:s, s:i, s:f, s:o}", "seed", cli_json_u64(seed), "verdict",
			      sweep_verdict_name(r->verdict), "exit", r->exit, "time_s", r->time_s,
			      "last_words", text_or_null(r->last_words)));
}

/* --- reading --- */

static int refuse(struct netlab_err *err, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(struct netlab_err *err, const char *path, const char *fmt, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	(void)err_set(err, EINVAL, "--resume: '%s' %s", path, why);
	(void)err_hint(err, "name another file, or remove this one to begin anew");
	return err_class(err, NETLAB_EXIT_USAGE);
}

/* A member that is a text or null, against what is asked now. */
static bool same(const json_t *head, const char *key, const char *now)
{
	const char *then = cli_json_string(head, key, NULL);

	return then && now ? strcmp(then, now) == 0 : then == now;
}

static void describe_option(char ret[static 128], const char *key, const char *value)
{
	(void)snprintf(ret, 128, "%s --%s%s%.64s", value ? "with" : "without", key,
		       value ? " " : "", value ? value : "");
}

static int check_option(const json_t *head, const char *key, const char *now, const char *path,
			struct netlab_err *err)
{
	char was[128], is[128];

	if (same(head, key, now))
		return 0;
	describe_option(was, key, cli_json_string(head, key, NULL));
	describe_option(is, key, now);
	return refuse(err, path, "is of a sweep %s, and this one is %s", was, is);
}

static int check_head(const json_t *head, const struct sweep_what *w, const char *path,
		      struct netlab_err *err)
{
	json_t *digest = json_of_digest(w->digest), *command = json_of_command(w->command);
	int r = 0;

	if (!json_is_integer(json_object_get(head, "netlab-sweep")))
		r = refuse(err, path, "is no journal of a sweep");
	else if (json_integer_value(json_object_get(head, "netlab-sweep")) != FORMAT)
		r = refuse(err, path,
			   "was written by netlab %s, whose journals this one cannot read",
			   cli_json_string(head, "version", "of another version"));
	else if (!json_equal(json_object_get(head, "digest"), digest))
		r = refuse(err, path, "is of a sweep of another topology: '%s' as it was then",
			   cli_json_string(head, "topology", "?"));
	else if (!json_equal(json_object_get(head, "command"), command))
		r = refuse(err, path, "is of a sweep of another command: '%s'%s",
			   json_string_value(json_array_get(json_object_get(head, "command"), 0)),
			   json_array_size(json_object_get(head, "command")) > 1
				   ? " with its arguments"
				   : "");
	json_decref(digest);
	json_decref(command);
	if (r == 0)
		r = check_option(head, "in", w->in, path, err);
	if (r == 0)
		r = check_option(head, "engine", w->engine, path, err);
	if (r == 0)
		r = check_option(head, "timeout", w->timeout, path, err);
	if (r == 0 && json_is_true(json_object_get(head, "strict")) != w->strict)
		r = refuse(err, path, "is of a sweep %s --strict, and this one is %s",
			   w->strict ? "without" : "with", w->strict ? "with it" : "without");
	if (r == 0 && json_is_true(json_object_get(head, "recorded")) != w->recorded)
		r = refuse(err, path, "is of a sweep %s recording, and this one is %s",
			   w->recorded ? "without" : "with", w->recorded ? "with it" : "without");
	return r;
}

/* @return 0; -EINVAL when it is no line of a journal; -ENOMEM */
static int take_result(const json_t *line, struct sweep *s)
{
	const json_t *number = json_object_get(line, "seed"),
		     *time = json_object_get(line, "time_s");
	struct sweep_result r = {
		.verdict = sweep_verdict_of(cli_json_string(line, "verdict", "")),
		.exit = (int)json_integer_value(json_object_get(line, "exit")),
		.time_s = json_number_value(time),
	};
	uint64_t seed = (uint64_t)json_integer_value(number);
	size_t place;

	if (r.verdict == SWEEP_NOT_RUN || !json_is_number(time) ||
	    (!json_is_integer(number) &&
	     units_parse_u64(cli_json_string(line, "seed", ""), &seed) < 0))
		return -EINVAL;
	place = sweep_seed_place(&s->seeds, seed);
	/* of two results of one seed the first counts: it was there when the second began */
	if (place == SIZE_MAX || s->results[place].verdict != SWEEP_NOT_RUN)
		return 0;
	return sweep_note_resumed(s, place, &r, cli_json_string(line, "last_words", NULL));
}

/* A file without one whole line: nothing, or the beginning of the first. */
static int check_beginning(const char *text, size_t len, const char *path, struct netlab_err *err)
{
	static const char first[] = "{\"netlab-sweep\":";
	size_t n = len < sizeof(first) - 1 ? len : sizeof(first) - 1;

	return memcmp(text, first, n) == 0 ? 0 : refuse(err, path, "is no journal of a sweep");
}

int sweep_journal_read(const char *text, size_t len, const char *path, const struct sweep_what *w,
		       struct sweep *s, size_t *ret_whole, struct netlab_err *err)
{
	size_t number = 0, whole = len;
	int r = 0;

	while (whole > 0 && text[whole - 1] != '\n')
		whole--;
	*ret_whole = whole;
	if (whole == 0)
		return check_beginning(text, len, path, err);
	for (const char *p = text, *end = text + whole; p < end && r == 0; number++) {
		size_t n = strcspn(p, "\n");
		json_t *line = json_loadb(p, n, JSON_ALLOW_NUL, NULL);

		if (!json_is_object(line))
			r = refuse(err, path,
				   number ? "is damaged: line %zu is no result of a seed"
					  : "is no journal of a sweep",
				   number + 1);
		else if (number == 0)
			r = check_head(line, w, path, err);
		else
			r = take_result(line, s);
		if (r == -EINVAL && !err->code)
			r = refuse(err, path, "is damaged: line %zu is no result of a seed",
				   number + 1);
		else if (r < 0 && !err->code)
			r = err_errno(err, r, "reading '%s'", path);
		json_decref(line);
		p += n + 1;
	}
	return r;
}
