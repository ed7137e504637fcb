/* SPDX-License-Identifier: MIT */
/* From bytes to a checked topology. */
#include "topo/parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "topo/scan.h"

/** The base name without its extension. */
static const char *name_from_file(struct document *d, const char *file)
{
	const char *base = strrchr(file, '/');
	char *name = parser_strdup(&d->p, base ? base + 1 : file);
	char *dot = name ? strrchr(name, '.') : NULL;

	if (dot && dot != name)
		*dot = '\0';
	return name;
}

static void set_name(struct document *d, const char *file, const struct topo_overrides *o)
{
	struct diag_sink *diags = &d->p.diags;
	struct topo *t = d->p.topo;
	const char *wrong;

	if (o && o->name) {
		wrong = name_check(o->name);
		if (wrong)
			diag_error_at(diags, "--name", 0, 0, wrong,
				      "'%s' is no name that can be used for a lab",
				      diag_quote(diags, o->name));
		t->name = parser_strdup(&d->p, o->name);
		return;
	}
	t->name = d->top.name;
	if (t->name)
		return;
	t->name = name_from_file(d, file);
	/* one that was given and is no good was reported where it stands */
	if (!t->name || (d->top.given & 1u << TOP_NAME))
		return;
	wrong = name_check(t->name);
	if (wrong)
		diag_error(diags, &d->root, "give the lab a name: \"name\": \"my-lab\"",
			   "the lab's name would be '%s', from the file's, but %s",
			   diag_quote(diags, t->name), wrong);
}

static void set_top(struct document *d, const char *file, const struct topo_overrides *o)
{
	struct top_draft *top = &d->top;
	struct topo *t = d->p.topo;

	set_name(d, file, o);
	t->engine = (enum topo_engine)top->engine;
	if (o && o->engine_set)
		t->engine = o->engine;
	t->routing = (enum topo_routing)top->routing;
	t->ecmp = top->ecmp;
	t->hosts = top->hosts;
	t->seed = top->seed;
	if (!(top->set & 1u << TOP_SEED) && t->name)
		t->seed = hash_seed(hash_mix(name_hash(NAME_HASH_INIT, t->name)));
	if (o && o->seed_set)
		t->seed = o->seed;
}

/** Paths in the file count from its own directory, which the caller may know by a better name. */
static void set_dir(struct document *d, const char *file, const struct topo_overrides *o)
{
	const char *dir = o && o->dir ? o->dir : file, *slash = strrchr(dir, '/');

	if (!slash)
		return;
	d->p.dir = dir;
	d->p.dir_len = (size_t)(slash - dir) + 1;
	if (dir[0] == '/') {
		d->p.topo->dir = arena_printf(d->p.arena, "%.*s", (int)d->p.dir_len, dir);
		d->p.oom |= !d->p.topo->dir;
	}
}

static void parse_document(struct document *d, const json_t *root, const char *file,
			   const struct topo_overrides *o)
{
	struct topo *t = d->p.topo;

	d->json = root;
	set_dir(d, file, o);
	t->ipv4 = t->ipv6 = true;
	(void)ip_parse_prefix("10.0.0.0/8", &t->ipv4_pool);
	(void)ip_parse_prefix("fd00:6e6c::/32", &t->ipv6_pool);
	d->top.hosts = true;
	if (!object_parse(&d->p, &d->root, root, &top_spec, &d->top))
		return;
	d->top.given = json_object_get(root, "name") ? 1u << TOP_NAME : 0;
	d->p.in_defaults = true;
	if (d->top.defaults.value)
		(void)object_parse(&d->p, &d->top.defaults.at, d->top.defaults.value,
				   &defaults_spec, &d->defaults);
	d->p.in_defaults = false;
	set_top(d, file, o);
	if (!d->p.oom)
		parse_nodes(d);
	if (!d->p.oom)
		parse_links(d);
	if (!d->p.oom)
		resolve_interfaces(d);
	if (!d->p.oom)
		check_services(d);
	if (!d->p.oom)
		parse_timeline(d);
	if (!d->p.oom)
		parse_faults(d);
	if (!d->p.oom)
		check_document(d);
}

static int parse_text(struct document *d, const char *text, size_t len, const char *file,
		      const struct topo_overrides *o)
{
	json_error_t error = { 0 };
	json_t *root;

	if (!scan_limits(&d->p.diags, text, len))
		return 0;
	if (!text)
		text = "";
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	/* jansson 2.14 tells of memory that ran out inside a string as of an invalid token: so it is asked twice */
	if (!root)
		root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!root) {
		if (json_error_code(&error) == json_error_out_of_memory || error.text[0] == '\0')
			return -ENOMEM;
		scan_syntax_error(&d->p.diags, text, len, &error);
		return 0;
	}
	parse_document(d, root, file, o);
	json_decref(root);
	return d->p.oom ? -ENOMEM : 0;
}

int topo_parse(const char *text, size_t len, const char *file,
	       const struct topo_overrides *overrides, struct topo_diags *diags, struct topo **ret)
{
	struct document d = { .p.diags = { .out = diags, .file = file } };
	struct topo *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	d.p.topo = t;
	d.p.arena = &t->arena;
	r = parse_text(&d, text, len, file, overrides);
	diag_finish(&d.p.diags);
	map_deinit(&d.interfaces);
	if (r == 0 && diags->failed)
		r = -ENOMEM;
	if (r == 0 && diags->n_errors > 0)
		r = -EINVAL;
	if (r == 0) {
		t->index = malloc(sizeof(*t->index));
		if (!t->index)
			r = -ENOMEM;
	}
	if (r == 0) {
		*t->index = (struct topo_index){ d.nodes, d.links };
		*ret = t;
		return 0;
	}
	map_deinit(&d.nodes);
	map_deinit(&d.links);
	topo_free(t);
	return r;
}

void topo_free(struct topo *t)
{
	if (!t)
		return;
	if (t->index) {
		map_deinit(&t->index->nodes);
		map_deinit(&t->index->links);
		free(t->index);
	}
	arena_deinit(&t->arena);
	free(t);
}

size_t topo_find_node(const struct topo *t, const char *name)
{
	if (t->index)
		return map_get(&t->index->nodes, name);
	for (size_t i = 0; i < t->n_nodes; i++) {
		if (strcmp(t->nodes[i].name, name) == 0)
			return i;
	}
	return SIZE_MAX;
}

size_t topo_find_link(const struct topo *t, const char *name)
{
	if (t->index)
		return map_get(&t->index->links, name);
	for (size_t i = 0; i < t->n_links; i++) {
		if (strcmp(t->links[i].name, name) == 0)
			return i;
	}
	return SIZE_MAX;
}
