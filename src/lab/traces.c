/* SPDX-License-Identifier: MIT */
/* Files of traces. */
#include "lab/traces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "sys/fs.h"

int lab_trace_read(const char *path, struct trace *ret, struct netlab_err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int r = sys_read_file(path, LAB_TRACE_MAX_BYTES, &text, &len);

	if (r == 0) {
		r = trace_parse(text, len, path, ret, err);
		if (r < 0 && err && err->where[0] == '\0')
			(void)err_where(err, "%s", path);
		return r;
	}
	if (r == -EFBIG)
		(void)err_set(err, r, "trace: the file is larger than %d MiB",
			      LAB_TRACE_MAX_BYTES >> 20);
	else if (r == -EISDIR)
		(void)err_set(err, r, "trace: this is a directory, not a file");
	else
		(void)err_errno(err, r, "trace");
	if (r == -ENOENT)
		(void)err_hint(
			err,
			"a relative path counts from the directory of the topology file, or in `link set` from here");
	(void)err_where(err, "%s", path);
	(void)err_class(err, NETLAB_EXIT_INVALID);
	return r;
}

struct paths {
	const char **items; /**< borrowed from the topology */
	size_t n;
};

static bool is_known(const struct paths *p, const char *path)
{
	for (size_t i = 0; i < p->n; i++) {
		if (strcmp(p->items[i], path) == 0)
			return true;
	}
	return false;
}

static int check_one(const struct topo_link *link, unsigned dir, lab_trace_problem_fn *tell,
		     void *ctx)
{
	struct netlab_err err = { 0 };
	struct trace t = { 0 };
	int r = lab_trace_read(link->dir[dir].rate_trace, &t, &err);

	if (r == 0) {
		trace_deinit(&t);
		return 0;
	}
	err_wrap(&err, "link '%s'", link->name);
	tell(ctx, false, &err);
	return -EINVAL;
}

int lab_traces_check(const struct topo *t, lab_trace_problem_fn *tell, void *ctx)
{
	struct paths known = { .items = calloc(2 * t->n_links + 1, sizeof(*known.items)) };
	int r = 0;

	if (!known.items)
		return -ENOMEM;
	for (size_t i = 0; i < 2 * t->n_links; i++) {
		const struct impairment *m = &t->links[i / 2].dir[i % 2];

		if (!impair_asks(m, IMPAIR_RATE) || !m->rate_trace ||
		    is_known(&known, m->rate_trace))
			continue;
		known.items[known.n++] = m->rate_trace;
		if (check_one(&t->links[i / 2], i % 2, tell, ctx) < 0)
			r = -EINVAL;
	}
	free(known.items);
	return r;
}
