/* SPDX-License-Identifier: MIT */
/* netlab cp: files into nodes and out of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/target.h"

/** What one argument means; what lab_copy_end points into. */
struct end {
	char *node_text; /**< "NODE" or "LAB:NODE"; owned */
	struct cli_target at;
};

/**
 * The path in "NODE:path" or "LAB:NODE:path"; NULL for a path of the host's: one that begins with '/' or '.', or has no
 * ':' before its first '/'.
 */
static const char *path_in_node(const char *arg)
{
	size_t first = strcspn(arg, ":/"), second;

	if (arg[0] == '.' || arg[first] != ':')
		return NULL;
	second = first + 1 + strcspn(arg + first + 1, ":/");
	return arg + (arg[second] == ':' ? second : first) + 1;
}

static int find_end(struct cli *c, const char *arg, struct end *e, struct lab_copy_end *ret)
{
	const char *path = path_in_node(arg);
	int r;

	*ret = (struct lab_copy_end){ .path = path ? path : arg, .shown = arg };
	if (!path)
		return 0;
	if (!path[0]) {
		(void)err_set(&c->err, EINVAL, "cp: '%s' has no path", arg);
		(void)err_hint(&c->err, "write %s/ for the node's root directory", arg);
		return err_class(&c->err, NETLAB_EXIT_USAGE);
	}
	e->node_text = strndup(arg, (size_t)(path - 1 - arg));
	if (!e->node_text)
		return err_set(&c->err, ENOMEM, "out of memory");
	r = cli_target(c, e->node_text, &e->at);
	ret->lab = e->at.lab;
	ret->node = e->at.name;
	return r;
}

static bool is_stdio(const struct lab_copy_end *e)
{
	return !e->node && strcmp(e->path, "-") == 0;
}

static int check(struct cli *c, const struct lab_copy *copy)
{
	size_t stdio = is_stdio(&copy->to), nodes = copy->to.node != NULL;

	for (size_t i = 0; i < copy->n_from; i++) {
		stdio += is_stdio(&copy->from[i]);
		nodes += copy->from[i].node != NULL;
	}
	if (nodes > 0 && (stdio == 0 || (stdio == 1 && copy->n_from == 1)))
		return 0;
	if (nodes == 0) {
		(void)err_set(&c->err, EINVAL, "cp: no argument names a node");
		(void)err_hint(&c->err, "write NODE:path; for copies on this host there is cp(1)");
	} else {
		(void)err_set(&c->err, EINVAL, "cp: '-' goes with one other argument only");
	}
	return err_class(&c->err, NETLAB_EXIT_USAGE);
}

/** Of the nodes that are named, one that is not there is explained best. */
static void explain(struct cli *c, const struct lab_copy *copy)
{
	for (size_t i = 0; i <= copy->n_from && c->err.code == -ENOENT; i++) {
		const struct lab_copy_end *e = i < copy->n_from ? &copy->from[i] : &copy->to;

		if (e->node)
			cli_explain(c, e->lab, e->node, NULL);
	}
}

int cmd_cp(struct cli *c)
{
	size_t n = c->n_args;
	_cleanup_free_ struct end *ends = calloc(n, sizeof(*ends));
	_cleanup_free_ struct lab_copy_end *from = calloc(n, sizeof(*from));
	struct lab_copy copy = { .from = from, .n_from = n - 1 };
	int r = 0;

	if (!ends || !from) {
		(void)err_set(&c->err, ENOMEM, "out of memory");
		return cli_fail(c, &c->err);
	}
	for (size_t i = 0; i < n && r == 0; i++)
		r = find_end(c, c->args[i], &ends[i], i < n - 1 ? &from[i] : &copy.to);
	if (r == 0)
		r = check(c, &copy);
	if (r == 0) {
		copy.state_dir = c->state_dir;
		r = c->backend->copy(&copy, &c->err);
		if (r < 0)
			explain(c, &copy);
	}
	for (size_t i = 0; i < n; i++)
		free(ends[i].node_text);
	return r < 0 ? cli_fail(c, &c->err) : 0;
}
