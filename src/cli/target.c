/* SPDX-License-Identifier: MIT */
/* LAB, NODE and LINK arguments. */
#include "cli/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/output.h"
#include "cli/topology.h"
#include "sys/fs.h"

/* Names in a message: a thousand would hide what is wrong. */
enum { NAMES_SHOWN = 8 };

const char *cli_state_dir_given(const struct cli *c)
{
	const char *env = getenv("NETLAB_STATE_DIR");

	if (c->value[OPT_STATE_DIR])
		return c->value[OPT_STATE_DIR];
	return env && *env ? env : NULL;
}

int cli_state_dir(struct cli *c)
{
	if (c->state_dir[0])
		return 0;
	return c->backend->state_dir(cli_state_dir_given(c), c->state_dir, &c->err);
}

static void add_names(struct buf *b, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n && i < NAMES_SHOWN; i++)
		buf_printf(b, "%s%s", i ? ", " : "", names[i]);
	if (n > NAMES_SHOWN)
		buf_printf(b, " and %zu more", n - NAMES_SHOWN);
}

/* "did you mean ...?", else what there is. */
static void hint_names(struct netlab_err *err, const char *name, const char *what,
		       const char *const *names, size_t n)
{
	_cleanup_buf_ struct buf b = { 0 };
	const char *near = name_nearest(name, names, n, sizeof(names[0]));

	if (near) {
		(void)err_hint(err, "did you mean '%s'?", near);
		return;
	}
	add_names(&b, names, n);
	if (n > 0 && buf_text(&b))
		(void)err_hint(err, "%s: %s", what, buf_text(&b));
}

static bool contains(char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

/* A topology's file where only a lab's name will do: says what that name is. */
static void hint_file(struct cli *c, const char *arg)
{
	struct netlab_err unwanted = { 0 };
	char name[NAME_MAX_BYTES + 1];

	if (!sys_may_block(arg) && cli_topology_lab_name(c, arg, name, &unwanted) == 0)
		(void)err_hint(&c->err, "that is a file; the lab in it is '%s'", name);
	else
		(void)err_hint(&c->err, "a lab is named here, not a file: see 'netlab ls'");
}

static int not_running(struct cli *c, const char *name, bool from_environment, char *const *names,
		       size_t n)
{
	int r = err_set(&c->err, ENOENT, "lab '%s'%s is not running", name,
			from_environment ? " (from NETLAB_LAB)" : "");

	if (cli_topology_reads_as_file(name))
		hint_file(c, name);
	else if (n == 0)
		(void)err_hint(&c->err, "no lab is; start one with 'netlab up TOPO'");
	else
		hint_names(&c->err, name, "running", (const char *const *)names, n);
	return r;
}

static int check_name(struct cli *c, const char *name)
{
	const char *why = name_check(name);

	if (!why)
		return 0;
	(void)err_set(&c->err, EINVAL, "'%s' is no name of a lab: %s", name, why);
	if (cli_topology_reads_as_file(name))
		hint_file(c, name);
	return err_class(&c->err, NETLAB_EXIT_USAGE);
}

int cli_lab(struct cli *c, const char *given, char ret[static NAME_MAX_BYTES + 1])
{
	const char *env = getenv("NETLAB_LAB");
	bool from_environment = !given && env && *env;
	const char *name = from_environment ? env : given;
	char **names = NULL;
	size_t n = 0;
	int r = name ? check_name(c, name) : 0;

	if (r == 0)
		r = cli_state_dir(c);
	if (r == 0)
		r = c->backend->names(c->state_dir, &names, &n, &c->err);
	if (r < 0)
		return r;
	if (name && !contains(names, n, name)) {
		r = not_running(c, name, from_environment, names, n);
	} else if (name || n == 1) {
		(void)snprintf(ret, NAME_MAX_BYTES + 1, "%s", name ? name : names[0]);
	} else if (n == 0) {
		r = err_set(&c->err, ENOENT, "no lab is running");
		(void)err_hint(&c->err, "start one with 'netlab up TOPO'");
	} else {
		_cleanup_buf_ struct buf b = { 0 };

		add_names(&b, (const char *const *)names, n);
		r = err_set(&c->err, EINVAL, "which lab? %zu are running: %s", n,
			    buf_text(&b) ? buf_text(&b) : "");
		(void)err_hint(&c->err, "name one");
		(void)err_class(&c->err, NETLAB_EXIT_USAGE);
	}
	c->backend->names_free(names, n);
	return r;
}

int cli_target(struct cli *c, const char *arg, struct cli_target *ret)
{
	const char *colon = strchr(arg, ':');
	char lab[256];

	if (!colon) {
		ret->name = arg;
		return cli_lab(c, NULL, ret->lab);
	}
	ret->name = colon + 1;
	(void)snprintf(lab, sizeof(lab), "%.*s", (int)(colon - arg < 255 ? colon - arg : 255), arg);
	return cli_lab(c, lab, ret->lab);
}

bool cli_lab_runs(struct cli *c, const char *lab)
{
	struct netlab_err ignored = { 0 };
	char **names = NULL;
	size_t n = 0;
	bool found;

	if (c->backend->names(c->state_dir, &names, &n, &ignored) < 0)
		return true;
	found = contains(names, n, lab);
	c->backend->names_free(names, n);
	return found;
}

int cli_subject(struct cli *c, struct cli_target *ret)
{
	const char *first = cli_arg(c, 0), *second = cli_arg(c, 1);
	int r = cli_state_dir(c);

	ret->name = second;
	if (r < 0)
		return r;
	/* a file that is there is no node */
	if (!first || second ||
	    (cli_topology_reads_as_file(first) && sys_path_check(first, false) == 0))
		return cli_lab(c, first, ret->lab);
	if (!strchr(first, ':') && (cli_lab_runs(c, first) || cli_lab(c, NULL, ret->lab) < 0))
		return cli_lab(c, first, ret->lab); /* which also says best what is wrong */
	return cli_target(c, first, ret);
}

int cli_show(struct cli *c, const char *lab, json_t **ret)
{
	return c->backend->show(c->state_dir, lab, ret, &c->err);
}

int cli_find(struct cli *c, const json_t *doc, const char *lab, const char *what, const char *name)
{
	json_t *table = json_object_get(doc, strcmp(what, "node") == 0 ? "nodes" : "links");
	const char **names;
	const char *key;
	json_t *value;
	size_t n = 0;
	int r;

	if (json_object_get(table, name))
		return 0;
	r = err_set(&c->err, ENOENT, "lab '%s' has no %s '%s'", lab, what, name);
	names = calloc(json_object_size(table) + 1, sizeof(*names));
	if (!names)
		return r; /* the error stands, without the help */
	json_object_foreach(table, key, value) names[n++] = key;
	hint_names(&c->err, name, strcmp(what, "node") == 0 ? "its nodes" : "its links", names, n);
	free(names);
	return r;
}

void cli_explain(struct cli *c, const char *lab, const char *node, const char *link)
{
	struct netlab_err cause = c->err;
	json_t *doc = NULL;

	if (cli_show(c, lab, &doc) < 0) {
		c->err = cause;
		return;
	}
	if ((!node || cli_find(c, doc, lab, "node", node) == 0) &&
	    (!link || cli_find(c, doc, lab, "link", link) == 0))
		c->err = cause;
	json_decref(doc);
}
