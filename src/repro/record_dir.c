/* SPDX-License-Identifier: MIT */
/* The directory of a recording. */
#include "repro/record_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/names.h"
#include "base/units.h"
#include "netlab/version.h"
#include "sys/fs.h"

enum {
	JSON_MAX_BYTES = 16 << 20,
	DECISIONS_FILE_MAX = 1 << 30,
};

/** The directory that a user named, be it by a symbolic link. @return descriptor, negative errno */
static int open_named(const char *path)
{
	char inside[4096];

	if ((size_t)snprintf(inside, sizeof(inside), "%s/.", path) >= sizeof(inside))
		return -ENAMETOOLONG;
	return sys_open_dir(AT_FDCWD, inside);
}

/* --- making one --- */

/** Of the topology's text: a record whose topology was edited is of another topology. */
static void digest(const char *text, size_t len, char ret[static 17])
{
	uint64_t h = hash_mix(len);

	for (size_t i = 0; i < len; i++)
		h = hash_mix(h ^ (unsigned char)text[i]);
	(void)snprintf(ret, 17, "%016" PRIx64, h);
}

/** JSON has no text that is not UTF-8: what is not cannot be told, and a replay has to be told it again. */
static json_t *text_or_null(const char *text)
{
	json_t *value = text ? json_string(text) : NULL;

	return value ? value : json_null();
}

static json_t *command_json(const struct record_about *a)
{
	json_t *list = json_array();

	for (const char *const *arg = a->command; arg && *arg; arg++) {
		if (json_array_append_new(list, json_string(*arg)) == 0)
			continue;
		json_decref(list);
		return json_null();
	}
	if (!a->command) {
		json_decref(list);
		return json_null();
	}
	return list;
}

static json_t *about_json(const struct record_about *a)
{
	char sum[17], when[32];
	time_t now = time(NULL);
	struct utsname host = { 0 };
	struct tm tm;

	(void)uname(&host);
	(void)gmtime_r(&now, &tm);
	(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	digest(a->source, a->source_len, sum);
	/* the seed as text: not every reader of JSON keeps 64 bits */
	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:o, s:o, s:s?, s:b}",
			 "format", RECORD_FORMAT, "netlab", NETLAB_VERSION, "kernel", host.release,
			 "machine", host.machine, "lab", a->lab, "seed",
			 json_sprintf("%" PRIu64, a->seed), "engine", a->engine, "started", when,
			 "topology", sum, "topology_dir", text_or_null(a->source_dir), "command",
			 command_json(a), "in", a->in_node, "from_start", a->from_start);
}

int record_dir_describe(int fd, const struct record_about *a, struct netlab_err *err)
{
	json_t *about = about_json(a);
	_cleanup_free_ char *text = about ? json_dumps(about, JSON_INDENT(2)) : NULL;
	int r;

	json_decref(about);
	if (!text)
		return err_set(err, ENOMEM, "out of memory");
	r = sys_write_file(fd, RECORD_TOPOLOGY, a->source, a->source_len);
	if (r < 0)
		return err_errno(err, r, "writing '" RECORD_TOPOLOGY "'");
	r = sys_write_file(fd, RECORD_ABOUT, text, strlen(text));
	if (r < 0) {
		(void)unlinkat(fd, RECORD_TOPOLOGY, 0);
		return err_errno(err, r, "writing '" RECORD_ABOUT "'");
	}
	return 0;
}

/** @return 0 when the directory is empty */
static int check_empty(int fd, struct netlab_err *err)
{
	char **names = NULL;
	size_t n = 0;
	int r = sys_list_dir(fd, &names, &n);

	for (size_t i = 0; r == 0 && i < n; i++)
		free(names[i]);
	free(names);
	if (r < 0)
		return err_errno(err, r, "looking into it");
	if (n == 0)
		return 0;
	(void)err_set(err, ENOTEMPTY, "the directory is not empty");
	return err_hint(err, "a recording wants a directory of its own: name a new one");
}

int record_dir_make(const char *path, int *ret_fd, bool *ret_made, struct netlab_err *err)
{
	int made = sys_mkdir(AT_FDCWD, path), r = 0, fd;

	if (made < 0 && made != -EEXIST)
		return err_errno(err, made, "recording to '%s'", path);
	fd = open_named(path);
	if (fd < 0)
		r = err_errno(err, fd, "opening the directory");
	if (r == 0)
		r = check_empty(fd, err);
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		if (made == 0)
			(void)sys_rmdir(AT_FDCWD, path);
		return err_wrap(err, "recording to '%s'", path);
	}
	*ret_fd = fd;
	if (ret_made)
		*ret_made = made == 0;
	return 0;
}

int record_dir_create(const char *path, const struct record_about *about, int *ret_fd,
		      bool *ret_made, struct netlab_err *err)
{
	bool made = false;
	int fd = -1, r = record_dir_make(path, &fd, &made, err);

	if (r < 0)
		return r;
	r = record_dir_describe(fd, about, err);
	if (r < 0) {
		close(fd);
		if (made)
			(void)sys_rmdir(AT_FDCWD, path);
		return err_wrap(err, "recording to '%s'", path);
	}
	*ret_fd = fd;
	if (ret_made)
		*ret_made = made;
	return 0;
}

void record_dir_discard(const char *path, int fd)
{
	static const char *const files[] = { RECORD_ABOUT,     RECORD_TOPOLOGY,   RECORD_PACKETS,
					     RECORD_DECISIONS, RECORD_IDENTITIES, RECORD_SUMMARY,
					     RECORD_STATISTICS };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		(void)unlinkat(fd, files[i], 0);
	close(fd);
	if (path)
		(void)sys_rmdir(AT_FDCWD, path);
}

/* --- opening one --- */

/** Says in which file of the record the trouble is. @return the code */
static int at(const struct record_dir *d, const char *file, struct netlab_err *err)
{
	if (err && err->where[0] == '\0')
		(void)err_where(err, "%s/%s", d->path, file);
	return err_class(err, NETLAB_EXIT_INVALID);
}

static int read_file(const struct record_dir *d, const char *file, size_t max, char **ret,
		     size_t *ret_len, struct netlab_err *err)
{
	char path[4096];
	int r;

	if ((size_t)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", d->fd, file) >=
	    sizeof(path))
		return err_set(err, ENAMETOOLONG, "the path is too long");
	r = sys_read_file(path, max, ret, ret_len);
	if (r == 0)
		return 0;
	(void)err_errno(err, r, "the recording cannot be read");
	return at(d, file, err), r;
}

static int read_json(const struct record_dir *d, const char *file, json_t **ret,
		     struct netlab_err *err)
{
	_cleanup_free_ char *text = NULL;
	json_error_t where;
	size_t len = 0;
	int r = read_file(d, file, JSON_MAX_BYTES, &text, &len, err);

	if (r < 0)
		return r;
	*ret = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
	if (json_is_object(*ret))
		return 0;
	if (*ret)
		(void)err_set(err, EINVAL, "the recording is damaged: this is no object");
	else
		(void)err_set(err, EINVAL, "the recording is damaged: line %d: %s", where.line,
			      where.text);
	return at(d, file, err), -EINVAL;
}

static char *take_string(const json_t *doc, const char *key)
{
	const char *text = json_string_value(json_object_get(doc, key));

	return text ? strdup(text) : NULL;
}

static int check_version(const struct record_dir *d, struct netlab_err *err)
{
	json_int_t format = json_integer_value(json_object_get(d->about, "format"));
	const char *by = json_string_value(json_object_get(d->about, "netlab"));

	if (format == RECORD_FORMAT)
		return 0;
	if (format == 0) {
		(void)err_set(err, EINVAL, "this is no recording: it does not say its format");
		return at(d, RECORD_ABOUT, err), -EINVAL;
	}
	(void)err_set(err, EPROTONOSUPPORT,
		      "the recording is of format %" JSON_INTEGER_FORMAT
		      ", this netlab (" NETLAB_VERSION ") reads format %d",
		      format, RECORD_FORMAT);
	(void)err_hint(err, "use the netlab that made it, version %s", by ? by : "unknown");
	return at(d, RECORD_ABOUT, err), -EPROTONOSUPPORT;
}

static int read_about(struct record_dir *d, struct netlab_err *err)
{
	const char *seed;
	int r = read_json(d, RECORD_ABOUT, &d->about, err);

	if (r == -ENOENT) {
		(void)err_set(err, ENOENT, "this is no recording: it has no '" RECORD_ABOUT "'");
		(void)err_hint(err, "name a directory that `run --record` or `record start` made");
		return at(d, RECORD_ABOUT, err), -ENOENT;
	}
	if (r == 0)
		r = check_version(d, err);
	if (r < 0)
		return r;
	d->lab = take_string(d->about, "lab");
	d->source_dir = take_string(d->about, "topology_dir");
	d->from_start = json_is_true(json_object_get(d->about, "from_start"));
	seed = json_string_value(json_object_get(d->about, "seed"));
	if (d->lab && !name_check(d->lab) && seed && units_parse_u64(seed, &d->seed) == 0)
		return 0;
	(void)err_set(err, EINVAL, "the recording is damaged: 'lab' or 'seed' is missing or bad");
	return at(d, RECORD_ABOUT, err), -EINVAL;
}

static int read_source(struct record_dir *d, struct netlab_err *err)
{
	const char *want = json_string_value(json_object_get(d->about, "topology"));
	char sum[17];
	int r = read_file(d, RECORD_TOPOLOGY, TOPO_FILE_MAX_BYTES, &d->source, &d->source_len, err);

	if (r < 0)
		return r;
	digest(d->source, d->source_len, sum);
	if (want && strcmp(want, sum) == 0)
		return 0;
	(void)err_set(err, EINVAL,
		      "this is not the topology that was recorded: its digest is %s, not %s", sum,
		      want ? want : "given");
	(void)err_hint(err, "put the original back; decisions only fit the topology that they "
			    "were made in");
	return at(d, RECORD_TOPOLOGY, err), -EINVAL;
}

static int read_summary(struct record_dir *d, struct netlab_err *err)
{
	const char *why;
	int r = read_json(d, RECORD_SUMMARY, &d->summary, err);

	if (r == -ENOENT) {
		(void)err_set(
			err, ENODATA,
			"the recording is incomplete: it goes on, or its recorder was killed or had no room");
		(void)err_hint(err, "end it by `netlab record stop`, or record anew");
		(void)err_where(err, "%s", d->path);
		(void)err_class(err, NETLAB_EXIT_INVALID);
		return -ENODATA;
	}
	if (r < 0)
		return r;
	d->n_packets = (uint64_t)json_integer_value(json_object_get(d->summary, "packets"));
	d->n_decisions = (uint64_t)json_integer_value(json_object_get(d->summary, "decisions"));
	d->n_lost = (uint64_t)json_integer_value(json_object_get(d->summary, "lost_records"));
	if (json_is_true(json_object_get(d->summary, "complete")))
		return 0;
	why = json_string_value(json_object_get(d->summary, "error"));
	(void)err_set(err, ENODATA, "the recording is incomplete: %s", why ? why : "unknown why");
	(void)err_hint(err, "record anew");
	return at(d, RECORD_SUMMARY, err), -ENODATA;
}

int record_dir_open(const char *path, struct record_dir *ret, struct netlab_err *err)
{
	struct record_dir d = { .fd = -1 };
	size_t len = strlen(path);
	int r;

	while (len > 1 && path[len - 1] == '/')
		len--;
	d.path = strndup(path, len);
	if (!d.path)
		return err_set(err, ENOMEM, "out of memory");
	d.fd = open_named(d.path);
	r = d.fd;
	if (d.fd < 0) {
		(void)err_errno(err, d.fd, "opening the recording '%s'", d.path);
		(void)err_class(err, NETLAB_EXIT_INVALID);
	}
	if (r >= 0)
		r = read_about(&d, err);
	if (r == 0)
		r = read_source(&d, err);
	if (r == 0)
		r = read_summary(&d, err);
	if (r < 0) {
		record_dir_deinit(&d);
		return r;
	}
	*ret = d;
	return 0;
}

void record_dir_deinit(struct record_dir *d)
{
	if (d->path && d->fd >= 0)
		close(d->fd);
	free(d->path);
	free(d->lab);
	free(d->source);
	free(d->source_dir);
	json_decref(d->about);
	json_decref(d->summary);
	*d = (struct record_dir){ .fd = -1 };
}

/* --- what is in it --- */

int record_dir_command(const struct record_dir *d, const char ***ret, struct netlab_err *err)
{
	const json_t *list = json_object_get(d->about, "command"), *word;
	size_t n = json_array_size(list), i;
	const char **argv;

	*ret = NULL;
	if (n == 0)
		return 0;
	argv = calloc(n + 1, sizeof(*argv));
	if (!argv)
		return err_set(err, ENOMEM, "out of memory");
	json_array_foreach(list, i, word)
	{
		argv[i] = json_string_value(word);
		if (argv[i])
			continue;
		free(argv);
		(void)err_set(err, EINVAL,
			      "the recording is damaged: 'command' is no list of texts");
		return at(d, RECORD_ABOUT, err), -EINVAL;
	}
	*ret = argv;
	return 0;
}

int record_dir_topology(const struct record_dir *d, const char *name, struct topo_diags *diags,
			struct topo **ret, struct netlab_err *err)
{
	const char *engine = json_string_value(json_object_get(d->about, "engine"));
	struct topo_overrides o = {
		.name = name ? name : d->lab,
		.seed_set = true,
		.seed = d->seed,
		.engine_set = engine && strcmp(engine, "wire") == 0,
		.engine = TOPO_ENGINE_WIRE,
		.dir = d->source_dir,
	};
	char file[4096];
	int r;

	(void)snprintf(file, sizeof(file), "%s/" RECORD_TOPOLOGY, d->path);
	r = topo_parse(d->source, d->source_len, file, &o, diags, ret);
	if (r < 0) {
		(void)err_set(err, r, "the topology of the recording is invalid: %s",
			      diags->n_errors ? diags->items[0].message : "out of memory");
		(void)err_where(err, "%s", diags->n_errors ? diags->items[0].where : file);
		(void)err_class(err, NETLAB_EXIT_INVALID);
	}
	return r;
}

int record_dir_decisions(const struct record_dir *d, struct decisions *ret, struct netlab_err *err)
{
	_cleanup_free_ char *text = NULL;
	char file[4096];
	size_t len = 0;
	int r = read_file(d, RECORD_DECISIONS, DECISIONS_FILE_MAX, &text, &len, err);

	if (r < 0)
		return r;
	(void)snprintf(file, sizeof(file), "%s/" RECORD_DECISIONS, d->path);
	r = decisions_parse(text, len, file, ret, err);
	if (r == 0 && !ret->is_complete) {
		decisions_deinit(ret);
		r = -ENODATA;
		(void)err_set(err, ENODATA,
			      "the decisions are cut off: their last line is missing");
		(void)err_where(err, "%s", file);
	}
	if (r < 0)
		(void)err_class(err, NETLAB_EXIT_INVALID);
	return r;
}

int record_dir_identities(const struct record_dir *d, struct identities *ret,
			  struct netlab_err *err)
{
	int r = identities_read(d->fd, RECORD_IDENTITIES, ret, err);

	if (r == 0 && ret->n != d->n_packets) {
		(void)err_set(err, ENODATA,
			      "the recording is damaged: of %" PRIu64 " packets %zu are identified",
			      d->n_packets, ret->n);
		identities_deinit(ret);
		r = -ENODATA;
	}
	return r < 0 ? (at(d, RECORD_IDENTITIES, err), r) : 0;
}

int record_dir_match(const struct decisions *d, const struct topo *t, struct netlab_err *err)
{
	const char *last = NULL;

	for (size_t i = 0; i < d->n; i++) {
		const char *link = d->items[i].link;

		if (link == last)
			continue;
		last = link;
		if (topo_find_link(t, link) != SIZE_MAX)
			continue;
		(void)err_set(err, EINVAL,
			      "the decisions are of another topology: '%s' has no link '%s'",
			      t->name, link);
		(void)err_class(err, NETLAB_EXIT_INVALID);
		return -EINVAL;
	}
	return 0;
}
