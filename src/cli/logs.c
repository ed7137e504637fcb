/* SPDX-License-Identifier: MIT */
/* netlab logs: what services wrote. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/target.h"
#include "node/service_log.h"

/* A line longer than this is printed in pieces: a service that writes no newline must not fill our memory. */
enum { LINE_MAX_BYTES = 64 * 1024 };

struct log {
	char *node, *service; /* owned */
	char *path;           /* owned */
	struct buf line;      /* what came since the last newline */
	size_t in_stamp;      /* so many bytes of the line's time have come */
	char stamp[SERVICE_STAMP_BYTES];
	bool begins; /* nothing of the line has been printed yet */
};

struct logs {
	struct cli *c;
	struct log *items;
	size_t n;
};

static void logs_deinit(struct logs *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->items[i].node);
		free(l->items[i].service);
		free(l->items[i].path);
		buf_deinit(&l->items[i].line);
	}
	free(l->items);
}

static int add_log(struct logs *l, const char *lab, const char *node, const char *service)
{
	struct cli *c = l->c;
	char path[4096];
	struct log *more, *log;
	int r = c->backend->log_path(c->state_dir, lab, node, service, path, &c->err);

	if (r < 0)
		return r;
	more = reallocarray(l->items, l->n + 1, sizeof(*more));
	if (!more)
		return err_errno(&c->err, ENOMEM, "listing the services");
	l->items = more;
	log = &l->items[l->n++];
	*log = (struct log){ .node = strdup(node),
			     .service = strdup(service),
			     .path = strdup(path) };
	return log->node && log->service && log->path
		       ? 0
		       : err_errno(&c->err, ENOMEM, "listing the services");
}

static int add_node(struct logs *l, const char *lab, const char *node, const json_t *doc,
		    const char *service)
{
	struct cli *c = l->c;
	/* what starts with the lab, and what the timeline starts */
	const json_t *services = json_object_get(doc, "services"),
		     *commands = json_object_get(doc, "commands");
	size_t n_services = json_array_size(services),
	       n_all = n_services + json_array_size(commands);
	_cleanup_free_ const char **names = calloc(n_all + 1, sizeof(*names));
	const char *near;
	bool found = false;
	int r = 0;
	size_t n = 0;

	if (!names)
		return err_errno(&c->err, ENOMEM, "listing the services");
	for (size_t i = 0; i < n_all && r == 0; i++) {
		const json_t *one = i < n_services ? json_array_get(services, i)
						   : json_array_get(commands, i - n_services);
		const char *name = cli_json_string(one, "name", "");

		names[n++] = name;
		if (service && strcmp(service, name) != 0)
			continue;
		found = true;
		r = add_log(l, lab, node, name);
	}
	if (r < 0 || found || !service)
		return r;
	r = err_set(&c->err, ENOENT, "node '%s' has no service '%s'", node, service);
	near = n ? name_nearest(service, names, n, sizeof(names[0])) : NULL;
	if (near)
		(void)err_hint(&c->err, "did you mean '%s/%s'?", node, near);
	else
		(void)err_hint(&c->err, n ? "see 'netlab show'" : "it has none");
	return r;
}

/* Fills the list from the argument: nothing, NODE or NODE/SERVICE. */
static int find_logs(struct logs *l, char *lab)
{
	struct cli *c = l->c;
	_cleanup_free_ char *arg = c->n_args ? strdup(c->args[0]) : NULL;
	char *slash = arg ? strchr(arg, '/') : NULL;
	struct cli_target at = { .name = NULL };
	json_t *doc = NULL, *nodes, *node;
	const char *key;
	int r;

	if (slash)
		*slash = '\0';
	if (c->n_args && !arg)
		return err_errno(&c->err, ENOMEM, "reading the command line");
	r = arg ? cli_target(c, arg, &at) : cli_lab(c, NULL, at.lab);
	if (r == 0)
		r = cli_show(c, at.lab, &doc);
	if (r < 0)
		return r;
	(void)snprintf(lab, NAME_MAX_BYTES + 1, "%s", at.lab);
	nodes = json_object_get(doc, "nodes");
	if (at.name) {
		r = cli_find(c, doc, at.lab, "node", at.name);
		if (r == 0)
			r = add_node(l, at.lab, at.name, json_object_get(nodes, at.name),
				     slash ? slash + 1 : NULL);
	} else {
		json_object_foreach(nodes, key, node)
		{
			if (r == 0)
				r = add_node(l, at.lab, key, node, NULL);
		}
	}
	json_decref(doc);
	return r;
}

static int print_line(struct logs *l, struct log *log)
{
	FILE *out = l->c->io->out;
	int r = 0;

	if (log->line.failed)
		return err_errno(&l->c->err, ENOMEM, "printing '%s'", log->path);
	if (l->c->json) {
		/* without the blank that follows it */
		r = cli_print_json_line(
			l->c,
			json_pack("{s:s, s:s, s:s#, s:o}", "node", log->node, "service",
				  log->service, "time", log->stamp, SERVICE_STAMP_BYTES - 1, "line",
				  cli_json_text(log->line.data ? log->line.data : "",
						log->line.len)));
		if (r < 0)
			(void)err_errno(&l->c->err, ENOMEM, "printing '%s'", log->path);
	} else {
		(void)fprintf(out, "%s/%s | ", log->node, log->service);
		if (cli_has(l->c, OPT_TIMES))
			(void)fwrite(log->stamp, 1, sizeof(log->stamp), out);
		(void)fwrite(log->line.data ? log->line.data : "", 1, log->line.len, out);
		(void)fputc('\n', out);
	}
	buf_deinit(&log->line);
	return r;
}

/* The text of one service as it wrote it, with the times or without. */
static void print_text(struct logs *l, struct log *log, const char *text, size_t len)
{
	if (log->begins && cli_has(l->c, OPT_TIMES))
		(void)fwrite(log->stamp, 1, sizeof(log->stamp), l->c->io->out);
	log->begins = false;
	(void)fwrite(text, 1, len, l->c->io->out);
}

/* The log has lost what comes here. */
static int print_gap(struct logs *l, struct log *log, size_t len)
{
	FILE *out = l->c->io->out;
	bool as_it_is = l->n == 1 && !l->c->json, in_line = log->in_stamp == sizeof(log->stamp);
	int r = !as_it_is && log->line.len > 0 ? print_line(l, log) : 0;

	log->in_stamp = 0;
	if (l->c->json && r == 0)
		return cli_print_json_line(l->c, json_pack("{s:s, s:s, s:I}", "node", log->node,
							   "service", log->service, "missing_bytes",
							   (json_int_t)len));
	if (as_it_is && in_line && !log->begins)
		(void)fputc('\n', out);
	if (!as_it_is)
		(void)fprintf(out, "%s/%s | ", log->node, log->service);
	(void)fprintf(
		out,
		"netlab: %zu bytes are missing here: of a log the last %d to %d MiB are kept\n",
		len, SERVICE_LOG_KEEP_BYTES >> 20, SERVICE_LOG_MAX_BYTES >> 20);
	return r;
}

/* sys_follow()'s: text for one service, lines with a prefix (or JSON) for several. In the file, a time is before each. */
static int on_data(void *ctx, size_t i, const char *data, size_t len)
{
	struct logs *l = ctx;
	struct log *log = &l->items[i];
	bool as_it_is = l->n == 1 && !l->c->json;
	int r = data ? 0 : print_gap(l, log, len);

	while (data && len > 0 && r == 0) {
		const char *end;
		size_t n;

		if (log->in_stamp < sizeof(log->stamp)) {
			log->stamp[log->in_stamp++] = *data++;
			len--;
			log->begins = log->in_stamp == sizeof(log->stamp);
			continue;
		}
		end = memchr(data, '\n', len);
		n = end ? (size_t)(end - data) : len;
		if (as_it_is)
			print_text(l, log, data, end ? n + 1 : n);
		else
			buf_add(&log->line, data, n);
		if (!as_it_is && (end || log->line.len >= LINE_MAX_BYTES))
			r = print_line(l, log);
		if (end)
			log->in_stamp = 0;
		data += end ? n + 1 : n;
		len -= end ? n + 1 : n;
	}
	if (r == 0 && cli_has(l->c, OPT_FOLLOW))
		r = cli_flush(l->c);
	return r;
}

static int print_logs(struct logs *l, const char *lab)
{
	struct cli *c = l->c;
	_cleanup_free_ const char **paths = calloc(l->n, sizeof(*paths));
	json_t *summary = NULL;
	pid_t until = 0;
	int r;

	if (!paths)
		return err_errno(&c->err, ENOMEM, "listing the services");
	for (size_t i = 0; i < l->n; i++)
		paths[i] = l->items[i].path;
	if (cli_has(c, OPT_FOLLOW)) {
		r = c->backend->summary(c->state_dir, lab, &summary, &c->err);
		if (r < 0)
			return r;
		until = (pid_t)json_integer_value(json_object_get(summary, "pid"));
		json_decref(summary);
	}
	r = c->backend->follow(paths, l->n, until, fileno(c->io->out), on_data, l, &c->err);
	/* a last line without its newline */
	for (size_t i = 0; i < l->n && r == 0; i++) {
		if (l->items[i].line.len > 0)
			r = print_line(l, &l->items[i]);
	}
	return r;
}

int cmd_logs(struct cli *c)
{
	struct logs l = { .c = c };
	char lab[NAME_MAX_BYTES + 1];
	int code = NETLAB_EXIT_OK, r = find_logs(&l, lab);

	if (r == 0 && l.n == 0)
		cli_note(c, "there are no services in %s%s", c->n_args ? "node " : "lab ",
			 c->n_args ? c->args[0] : lab);
	else if (r == 0)
		r = print_logs(&l, lab);
	if (r < 0)
		code = cli_fail(c, &c->err);
	logs_deinit(&l);
	return code;
}
