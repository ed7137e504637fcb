/* SPDX-License-Identifier: MIT */
/* The directory of a recording, from the command line's side. */
#include "cli/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/describe.h"
#include "cli/output.h"
#include "cli/target.h"
#include "lab/rundir.h"
#include "sys/fs.h"

enum { LOG_MAX_BYTES = 256 << 20 };

int cli_recording_open(struct cli *c, const struct cli_bring_up *u, struct cli_recording *ret)
{
	const struct topo *t = u->topology.topo;
	char dir[4096];
	const struct record_about about = {
		.lab = t->name,
		.seed = t->seed,
		.engine = t->engine == TOPO_ENGINE_WIRE ? "wire" : "auto",
		.source = u->topology.text,
		.source_len = u->topology.len,
		.source_dir = sys_dir_of(u->topology.file, dir, sizeof(dir)),
		.command = c->tail,
		.in_node = c->value[OPT_IN],
		.from_start = true,
	};

	*ret = (struct cli_recording){ .path = c->value[OPT_RECORD], .record.dir_fd = -1 };
	if (cli_has(c, OPT_BUNDLE)) {
		if (ret->path)
			return cli_fail_with(c, NETLAB_EXIT_USAGE,
					     "a bundle has the recording in it: leave out --record",
					     "--record and --bundle cannot be together");
		ret->path = c->value[OPT_BUNDLE];
	}
	if (!ret->path)
		return 0;
	if (record_dir_create(ret->path, &about, &ret->record.dir_fd, &ret->made, &c->err) < 0)
		return cli_fail(c, &c->err);
	return 0;
}

void cli_recording_discard(struct cli_recording *r)
{
	if (r->record.dir_fd < 0)
		return;
	record_dir_discard(r->made ? r->path : NULL, r->record.dir_fd);
	r->record.dir_fd = -1;
}

int cli_recorded_command(struct cli *c, const struct record_dir *d, const char ***ret_argv)
{
	int r = record_dir_command(d, ret_argv, &c->err);

	if (r < 0)
		return r;
	if (!*ret_argv) {
		(void)err_set(&c->err, EINVAL, "the recording '%s' does not say its command",
			      d->path);
		(void)err_hint(&c->err, "write it after --: a lab that ran already has none");
		(void)err_class(&c->err, NETLAB_EXIT_USAGE);
		return -EINVAL;
	}
	c->tail = *ret_argv;
	if (!c->value[OPT_IN])
		c->value[OPT_IN] = cli_json_string(d->about, "in", NULL);
	return 0;
}

void cli_recording_remove(const struct cli_recording *r)
{
	if (r->path)
		(void)sys_remove_tree(AT_FDCWD, r->path);
}

/* --- what is put beside it --- */

static int keep_log(int to_fd, const char *file, const char *path, struct netlab_err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int r = sys_read_file(path, LOG_MAX_BYTES, &text, &len);

	if (r == 0)
		r = sys_write_file(to_fd, file, text, len);
	return r < 0 ? err_errno(err, r, "keeping '%s'", file) : 0;
}

static int keep_node(int to_fd, const char *node, const char *from, struct netlab_err *err)
{
	char **names = NULL;
	size_t n = 0;
	int from_fd = sys_open_dir(AT_FDCWD, from), fd = -1, r;

	if (from_fd < 0)
		return err_errno(err, from_fd, "opening '%s'", from);
	r = sys_list_dir(from_fd, &names, &n);
	close(from_fd);
	if (r == 0 && n > 0) {
		r = sys_mkdir(to_fd, node);
		fd = r == 0 || r == -EEXIST ? sys_open_dir(to_fd, node) : r;
		r = fd < 0 ? fd : 0;
	}
	if (r < 0)
		(void)err_errno(err, r, "keeping the output of '%s'", node);
	for (size_t i = 0; i < n; i++) {
		char path[16384];

		(void)snprintf(path, sizeof(path), "%s/%s", from, names[i]);
		if (r == 0)
			r = keep_log(fd, names[i], path, err);
		free(names[i]);
	}
	free(names);
	if (fd >= 0)
		close(fd);
	return r;
}

static int keep_output(struct cli *c, const char *lab, int dir_fd, struct netlab_err *err)
{
	char logs[8192], **nodes = NULL;
	size_t n = 0;
	int from_fd, fd, r;

	(void)snprintf(logs, sizeof(logs), "%s/%s/" RUNDIR_LOGS, c->state_dir, lab);
	from_fd = sys_open_dir(AT_FDCWD, logs);
	if (from_fd < 0)
		return err_errno(err, from_fd, "opening '%s'", logs);
	r = sys_list_dir(from_fd, &nodes, &n);
	close(from_fd);
	if (r < 0)
		return err_errno(err, r, "reading '%s'", logs);
	r = sys_mkdir(dir_fd, RECORD_OUTPUT);
	fd = r == 0 || r == -EEXIST ? sys_open_dir(dir_fd, RECORD_OUTPUT) : r;
	r = fd < 0 ? err_errno(err, fd, "making '" RECORD_OUTPUT "'") : 0;
	for (size_t i = 0; i < n; i++) {
		char path[9000];

		(void)snprintf(path, sizeof(path), "%s/%s", logs, nodes[i]);
		if (r == 0)
			r = keep_node(fd, nodes[i], path, err);
		free(nodes[i]);
	}
	free(nodes);
	if (fd >= 0)
		close(fd);
	return r;
}

int cli_recording_keep(struct cli *c, const char *lab, int dir_fd, struct netlab_err *err)
{
	_cleanup_free_ char *text = NULL;
	json_t *stats = NULL;
	int r = c->backend->stats(c->state_dir, lab, &stats, err);

	if (r < 0)
		return r;
	text = json_dumps(stats, JSON_INDENT(2));
	json_decref(stats);
	if (!text)
		return err_set(err, ENOMEM, "out of memory");
	r = sys_write_file(dir_fd, RECORD_STATISTICS, text, strlen(text));
	if (r < 0)
		return err_errno(err, r, "writing '" RECORD_STATISTICS "'");
	return keep_output(c, lab, dir_fd, err);
}

/* --- the end --- */

static uint64_t count_of(const json_t *doc, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(doc, key));
}

static void say(struct cli *c, const char *dir, const json_t *doc, bool quiet)
{
	_cleanup_buf_ struct buf b = { 0 };
	uint64_t lost = count_of(doc, "lost_records");

	cli_describe_count(&b, count_of(doc, "packets"));
	buf_puts(&b, " packets and ");
	cli_describe_count(&b, count_of(doc, "decisions"));
	if (!quiet)
		cli_note(c, "recorded %s decisions%s%s", buf_text(&b) ? buf_text(&b) : "",
			 dir ? " to " : "", dir ? dir : "");
	if (lost > 0)
		cli_note(
			c,
			"warning: %" PRIu64
			" packets are missing in the recording: this host was too slow to write them",
			lost);
}

int cli_recording_stop(struct cli *c, const char *lab, const char *dir, bool quiet)
{
	struct netlab_err err = { 0 };
	json_t *doc = NULL;
	int r = c->backend->record_stop(c->state_dir, lab, &doc, &err), code = 0;

	if (doc && c->json && !dir)
		code = cli_print_json(c, json_incref(doc), 0);
	else if (doc)
		say(c, dir, doc, quiet);
	json_decref(doc);
	if (r < 0) {
		if (dir)
			(void)err_wrap(&err, "recording to '%s'", dir);
		c->err = err;
		return cli_fail(c, &err);
	}
	return code;
}

int cli_recording_close(struct cli *c, const char *lab, struct cli_recording *r, int status)
{
	struct netlab_err err = { 0 };
	int code = 0;

	if (r->record.dir_fd < 0)
		return status;
	/* a lab that has gone is told of by who takes it down */
	if (cli_lab_runs(c, lab)) {
		code = cli_recording_stop(c, lab, r->path, r->quiet);
		if (cli_recording_keep(c, lab, r->record.dir_fd, &err) < 0) {
			(void)err_wrap(&err, "recording to '%s'", r->path);
			c->err = code ? c->err : err;
			code = code ? code : cli_fail(c, &err);
		}
	}
	close(r->record.dir_fd);
	r->record.dir_fd = -1;
	return status ? status : code;
}
