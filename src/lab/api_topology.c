/* SPDX-License-Identifier: MIT */
/* libnetlab: topologies, behind include/netlab/topology.h. */
#include "netlab/topology.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/names.h"
#include "lab/api.h"
#include "plan/plan.h"
#include "sys/fs.h"

struct netlab_diags {
	struct topo_diags diags; /* owns the texts */
	struct netlab_diag *items;
};

static int out_of_memory(struct netlab_err *err)
{
	(void)err_set(err, ENOMEM, "out of memory");
	return -ENOMEM;
}

struct netlab_err *api_err(struct netlab_err *err)
{
	static _Thread_local struct netlab_err unwanted;

	return err ? err : &unwanted;
}

void netlab_free(char *text)
{
	free(text);
}

/* --- findings --- */

/* Takes the findings over. NULL: out of memory, and they are freed. */
static struct netlab_diags *diags_new(struct topo_diags *diags)
{
	struct netlab_diags *d = calloc(1, sizeof(*d));

	if (d)
		d->items = calloc(diags->n + 1, sizeof(*d->items));
	if (!d || !d->items) {
		free(d);
		topo_diags_deinit(diags);
		return NULL;
	}
	d->diags = *diags;
	for (size_t i = 0; i < diags->n; i++) {
		const struct topo_diag *from = &diags->items[i];

		d->items[i] = (struct netlab_diag){
			.warning = from->warning,
			.where = from->where,
			.message = from->message,
			.hint = from->hint,
		};
	}
	*diags = (struct topo_diags){ .n = 0 };
	return d;
}

size_t netlab_diags_count(const struct netlab_diags *d)
{
	return d ? d->diags.n : 0;
}

size_t netlab_diags_errors(const struct netlab_diags *d)
{
	return d ? d->diags.n_errors : 0;
}

const struct netlab_diag *netlab_diags_get(const struct netlab_diags *d, size_t index)
{
	return d && index < d->diags.n ? &d->items[index] : NULL;
}

void netlab_diags_free(struct netlab_diags *d)
{
	if (!d)
		return;
	topo_diags_deinit(&d->diags);
	free(d->items);
	free(d);
}

/* --- reading --- */

/* The first error stands for all of them. */
static void report_first(const struct topo_diags *diags, struct netlab_err *err)
{
	size_t i = 0;

	while (i < diags->n && diags->items[i].warning)
		i++;
	if (i == diags->n)
		return;
	(void)err_set(err, EINVAL, "%s", diags->items[i].message);
	if (diags->n_errors > 1) {
		size_t used = strlen(err->message);

		(void)snprintf(err->message + used, sizeof(err->message) - used,
			       " (and %zu more error%s)", diags->n_errors - 1,
			       diags->n_errors == 2 ? "" : "s");
	}
	(void)err_where(err, "%s", diags->items[i].where);
	if (diags->items[i].hint)
		(void)err_hint(err, "%s", diags->items[i].hint);
	(void)err_class(err, NETLAB_EXIT_INVALID);
}

int api_overrides(const char *name, const uint64_t *seed, struct topo_overrides *ret,
		  struct netlab_err *err)
{
	const char *why = name ? name_check(name) : NULL;

	if (why) {
		(void)err_set(err, EINVAL, "'%s' is no name for a lab: %s", name, why);
		(void)err_class(err, NETLAB_EXIT_USAGE);
		return -EINVAL;
	}
	*ret = (struct topo_overrides){ .name = name };
	if (seed) {
		ret->seed_set = true;
		ret->seed = *seed;
	}
	return 0;
}

int api_parse(const char *text, size_t len, const char *file,
	      const struct topo_overrides *overrides, struct netlab_diags **ret_diags,
	      struct topo **ret, struct netlab_err *err)
{
	struct topo_diags diags = { .n = 0 };
	struct topo_overrides o = *overrides;
	char dir[4096];
	int r;

	o.dir = sys_dir_of(file, dir, sizeof(dir));
	r = topo_parse(text, len, file, &o, &diags, ret);

	if (r < 0 && diags.n_errors > 0)
		report_first(&diags, err);
	else if (r < 0)
		(void)err_errno(err, r, "checking the topology '%s'", file);
	if (!ret_diags) {
		topo_diags_deinit(&diags);
		return r;
	}
	*ret_diags = diags_new(&diags);
	if (*ret_diags)
		return r;
	if (r == 0)
		topo_free(*ret);
	return out_of_memory(err);
}

/* Takes text and file (both malloc'ed) over. */
static int topology_new(char *text, size_t len, char *file,
			const struct netlab_topology_options *options,
			struct netlab_diags **ret_diags, struct netlab_topology **ret,
			struct netlab_err *err)
{
	struct netlab_topology *t = calloc(1, sizeof(*t));
	struct topo_overrides overrides;
	int r;

	if (!t || !text || !file) {
		free(t);
		free(text);
		free(file);
		return out_of_memory(err);
	}
	*t = (struct netlab_topology){ .text = text, .len = len, .file = file };
	r = api_overrides(options ? options->name : NULL,
			  options && options->seed_set ? &options->seed : NULL, &overrides, err);
	if (r == 0)
		r = api_parse(text, len, file, &overrides, ret_diags, &t->topo, err);
	if (r < 0) {
		t->topo = NULL;
		netlab_topology_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

static int too_large(const char *file, struct netlab_err *err)
{
	(void)err_set(err, EFBIG, "the topology is larger than %d MiB", TOPO_FILE_MAX_BYTES >> 20);
	(void)err_where(err, "%s", file);
	(void)err_class(err, NETLAB_EXIT_INVALID);
	return -EFBIG;
}

int netlab_topology_load(const char *path, const struct netlab_topology_options *options,
			 struct netlab_diags **ret_diags, struct netlab_topology **ret,
			 struct netlab_err *err)
{
	char *text = NULL;
	size_t len = 0;
	int r;

	err = api_err(err);
	*ret = NULL;
	if (ret_diags)
		*ret_diags = NULL;
	r = sys_read_file(path, TOPO_FILE_MAX_BYTES, &text, &len);
	if (r == -EFBIG)
		return too_large(path, err);
	if (r < 0) {
		(void)err_errno(err, r, "reading the topology");
		(void)err_where(err, "%s", path);
		(void)err_class(err, NETLAB_EXIT_INVALID);
		return r;
	}
	return topology_new(text, len, strdup(path), options, ret_diags, ret, err);
}

int netlab_topology_parse(const char *text, size_t len, const char *file,
			  const struct netlab_topology_options *options,
			  struct netlab_diags **ret_diags, struct netlab_topology **ret,
			  struct netlab_err *err)
{
	char *copy;

	err = api_err(err);
	*ret = NULL;
	if (ret_diags)
		*ret_diags = NULL;
	if (len > TOPO_FILE_MAX_BYTES)
		return too_large(file, err);
	copy = malloc(len + 1);
	if (copy) {
		if (len > 0)
			memcpy(copy, text, len);
		copy[len] = '\0';
	}
	return topology_new(copy, len, strdup(file), options, ret_diags, ret, err);
}

void netlab_topology_free(struct netlab_topology *t)
{
	if (!t)
		return;
	if (t->topo)
		topo_free(t->topo);
	free(t->text);
	free(t->file);
	free(t);
}

/* --- what it says --- */

const char *netlab_topology_name(const struct netlab_topology *t)
{
	return t->topo->name;
}

uint64_t netlab_topology_seed(const struct netlab_topology *t)
{
	return t->topo->seed;
}

size_t netlab_topology_nodes(const struct netlab_topology *t)
{
	return t->topo->n_nodes;
}

const char *netlab_topology_node(const struct netlab_topology *t, size_t index)
{
	return index < t->topo->n_nodes ? t->topo->nodes[index].name : NULL;
}

size_t netlab_topology_links(const struct netlab_topology *t)
{
	return t->topo->n_links;
}

const char *netlab_topology_link(const struct netlab_topology *t, size_t index)
{
	return index < t->topo->n_links ? t->topo->links[index].name : NULL;
}

/* --- texts --- */

/* Hands a buffer's text to the caller. */
static int take_text(struct buf *b, char **ret, struct netlab_err *err)
{
	if (!b->data && !b->failed)
		buf_puts(b, "");
	if (b->failed || !b->data)
		return out_of_memory(err);
	*ret = TAKE_PTR(b->data);
	return 0;
}

int netlab_topology_plan(const struct netlab_topology *t, enum netlab_plan_format format,
			 char **ret, struct netlab_err *err)
{
	_cleanup_buf_ struct buf b = { 0 };
	struct plan *plan = NULL;
	int r;

	err = api_err(err);
	*ret = NULL;
	r = plan_build(t->topo, NULL, &plan, err);
	if (r < 0)
		return r;
	switch (format) {
	case NETLAB_PLAN_TEXT:
		plan_print_text(&b, plan);
		break;
	case NETLAB_PLAN_JSON:
		plan_print_json(&b, plan);
		break;
	case NETLAB_PLAN_SH:
		plan_print_sh(&b, plan);
		break;
	default:
		plan_free(plan);
		(void)err_set(err, EINVAL, "there is no plan format %d", (int)format);
		(void)err_class(err, NETLAB_EXIT_USAGE);
		return -EINVAL;
	}
	plan_free(plan);
	return take_text(&b, ret, err);
}

int netlab_schema(char **ret, struct netlab_err *err)
{
	_cleanup_buf_ struct buf b = { 0 };

	err = api_err(err);
	*ret = NULL;
	topo_print_schema(&b);
	return take_text(&b, ret, err);
}
