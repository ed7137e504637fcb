/* SPDX-License-Identifier: MIT */
/* netlab stats: what links did to packets, once or again and again. */
#include "cli/stats.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/units.h"
#include "cli/faults.h"
#include "cli/target.h"
#include "sys/clock.h"

#define BOLD                "\033[1m"
#define RESET               "\033[0m"
#define SECOND_NS           UINT64_C(1000000000)
#define INTERVAL_MIN_NS     UINT64_C(10000000)
#define DEFAULT_INTERVAL_NS SECOND_NS

struct watch {
	struct cli *c;
	struct cli_target at;
	json_t *shown;        /* lab_show(): names the ends of the links */
	json_t *now, *before; /* lab_stats(), owned */
	uint64_t now_ns, before_ns, start_ns, interval_ns;
	bool is_watching;
	struct sys_screen screen;
};

/* Keeps one link of the document, if one was asked for. */
static void keep_link(json_t *doc, const char *name)
{
	json_t *links = json_object_get(doc, "links"), *link;
	const char *key;
	void *next;

	json_object_foreach_safe(links, next, key, link)
	{
		if (name && strcmp(key, name) != 0)
			(void)json_object_del(links, key);
	}
}

/* Asks the lab; what was known before is kept for the rates. @return 0; negative errno with c->err */
static int look(struct watch *w)
{
	json_t *doc = NULL;
	int r = w->c->backend->stats(w->c->state_dir, w->at.lab, &doc, &w->c->err);

	if (r < 0)
		return r;
	keep_link(doc, w->at.name);
	json_decref(w->before);
	w->before = w->now;
	w->before_ns = w->now_ns;
	w->now = doc;
	w->now_ns = sys_monotonic_ns();
	return 0;
}

static double seconds_between(uint64_t before_ns, uint64_t now_ns)
{
	return (double)(now_ns - before_ns) / (double)SECOND_NS;
}

static int print_json(struct watch *w)
{
	double seconds = w->before ? seconds_between(w->before_ns, w->now_ns) : 0;
	json_t *doc;

	if (!w->is_watching)
		return cli_print_json(w->c, json_incref(w->now), NETLAB_EXIT_OK);
	doc = json_deep_copy(w->now);
	if (!doc ||
	    json_object_set_new(doc, "elapsed_s",
				json_real(seconds_between(w->start_ns, w->now_ns))) < 0 ||
	    stats_add_rates(doc, w->before, seconds) < 0) {
		json_decref(doc);
		doc = NULL;
	}
	return cli_print_json_line(w->c, doc) < 0 ? NETLAB_EXIT_RUNTIME : NETLAB_EXIT_OK;
}

/* Prints what a terminal has room for, and says what it has not. */
static void print_cropped(struct watch *w, const char *text)
{
	FILE *out = w->c->io->out;
	unsigned rows = w->screen.rows, columns = w->screen.columns;
	unsigned line = 0, left = 0;

	for (const char *p = text; *p; line++) {
		size_t len = strcspn(p, "\n");
		size_t shown = columns && len > columns ? columns : len;
		/* the last row stays free: a newline in it would scroll */
		bool fits = !rows || line + 2 < rows || (p[len] && !p[len + 1] && line + 2 == rows);
		bool header = line == 1 && w->c->color_out;

		if (fits)
			(void)fprintf(out, "%s%.*s%s\n", header ? BOLD : "", (int)shown, p,
				      header ? RESET : "");
		else
			left++;
		p += len + (p[len] == '\n');
	}
	if (left)
		(void)fprintf(out, "... %u more; name a link to see it", left);
}

static int print_table(struct watch *w)
{
	_cleanup_buf_ struct buf b = { 0 };
	struct stats_view view = {
		.now = w->now,
		.before = w->before,
		.seconds = w->before ? seconds_between(w->before_ns, w->now_ns) : 0,
		.with_rates = w->is_watching,
		.links = json_object_get(w->shown, "links"),
	};
	struct cli_table t;
	const char *text;

	stats_view_table(&t, &view);
	if (!w->is_watching)
		return cli_table_print(w->c, &t);
	buf_printf(&b, "lab '%s', %.1f s%s\n", w->at.lab, seconds_between(w->start_ns, w->now_ns),
		   w->screen.terminal ? ", q ends" : "");
	cli_table_render(&b, &t);
	if (!w->screen.terminal)
		buf_puts(&b, "\n");
	text = buf_text(&b);
	if (!text)
		return cli_print_buf(w->c, &b, NETLAB_EXIT_OK); /* which says so */
	sys_screen_clear(&w->screen);
	print_cropped(w, text);
	return NETLAB_EXIT_OK;
}

static int print(struct watch *w)
{
	return w->c->json ? print_json(w) : print_table(w);
}

/* Draws until the user, the reader or the lab ends it. @return the exit code; negative errno with c->err */
static int watch(struct watch *w)
{
	struct cli *c = w->c;
	uint64_t next_ns = w->start_ns;

	for (;;) {
		enum sys_screen_event event = SYS_SCREEN_REDRAW;
		int code = print(w), r;

		if (code)
			return code;
		if (cli_flush(c) < 0)
			return c->err.code;
		/* absolute, so that slow looks do not add up; those that are missed are left out */
		while (next_ns <= sys_monotonic_ns())
			next_ns += w->interval_ns;
		do {
			event = c->backend->screen_wait(&w->screen, next_ns);
			if (event == SYS_SCREEN_REDRAW && print(w) == 0)
				(void)cli_flush(c);
		} while (event == SYS_SCREEN_REDRAW);
		if (event == SYS_SCREEN_END)
			return w->screen.signo ? 128 + w->screen.signo : NETLAB_EXIT_OK;
		r = look(w);
		if (r < 0)
			return r;
	}
}

static int run_watch(struct watch *w)
{
	struct cli *c = w->c;
	bool terminal = c->io->out_is_terminal && !c->json;
	int r = sys_screen_begin(&w->screen, terminal && c->io->in_is_terminal ? c->io->in : NULL,
				 c->io->out, terminal);

	if (r < 0) {
		(void)err_errno(&c->err, r, "watching lab '%s'", w->at.lab);
		return cli_fail(c, &c->err);
	}
	r = watch(w);
	sys_screen_end(&w->screen);
	if (r >= 0)
		return r;
	if (!cli_lab_runs(c, w->at.lab)) {
		cli_note(c, "lab '%s' has ended", w->at.lab);
		return NETLAB_EXIT_OK;
	}
	return cli_fail(c, &c->err);
}

static int read_interval(struct cli *c, uint64_t *ret_ns)
{
	const char *text = c->value[OPT_INTERVAL], *why = NULL;

	*ret_ns = DEFAULT_INTERVAL_NS;
	if (!text)
		return 0;
	if (!cli_has(c, OPT_WATCH))
		(void)err_set(&c->err, EINVAL, "stats: --interval needs --watch");
	else if (units_parse_time(text, ret_ns, &why) < 0)
		(void)err_set(&c->err, EINVAL, "stats: --interval '%s' is no time: %s", text,
			      why ? why : "write 1s");
	else if (*ret_ns < INTERVAL_MIN_NS)
		(void)err_set(&c->err, EINVAL, "stats: --interval '%s' is shorter than 10ms", text);
	else
		return 0;
	return err_class(&c->err, NETLAB_EXIT_USAGE);
}

int cmd_stats(struct cli *c)
{
	struct watch w = { .c = c, .is_watching = cli_has(c, OPT_WATCH) };
	int code, r = read_interval(c, &w.interval_ns);

	if (r == 0)
		r = cli_subject(c, &w.at);
	if (r == 0)
		r = cli_show(c, w.at.lab, &w.shown);
	if (r == 0 && w.at.name)
		r = cli_find(c, w.shown, w.at.lab, "link", w.at.name);
	w.start_ns = sys_monotonic_ns();
	if (r == 0)
		r = look(&w);
	if (r < 0)
		code = cli_fail(c, &c->err);
	else
		code = w.is_watching ? run_watch(&w) : print(&w);
	if (r == 0 && !w.is_watching && !w.at.name)
		cli_note_idle_faults(c, json_object_get(w.now, "faults"));
	json_decref(w.shown);
	json_decref(w.now);
	json_decref(w.before);
	return code;
}
