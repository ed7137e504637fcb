/* SPDX-License-Identifier: MIT */
/* netlab link: what links do to packets, shown and changed while the lab runs. */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/show.h"
#include "cli/target.h"

/* args[0] is the action, args[1] the link, the rest are settings. */
enum { ARG_LINK = 1, ARG_SETTINGS = 2 };

static int usage(struct cli *c, const char *hint, const char *message)
{
	(void)err_set(&c->err, EINVAL, "link %s: %s", c->args[0], message);
	(void)err_hint(&c->err, "%s", hint);
	(void)err_class(&c->err, NETLAB_EXIT_USAGE);
	return -EINVAL;
}

/* What the action takes; the settings themselves are the lab's to read, for it knows what it holds. */
static int check(struct cli *c, const struct lab_link_change *change)
{
	if (c->n_args <= ARG_LINK)
		return usage(c, "see 'netlab show' for the links there are", "the link is missing");
	if (change->verb == LAB_LINK_SET && change->n_settings == 0)
		return usage(c, "e.g. delay=20ms loss=1%", "what to set is missing");
	if (change->verb != LAB_LINK_SET && change->n_settings > 0)
		return usage(c, "only 'link set' does", "it takes no settings");
	if (change->verb != LAB_LINK_CLEAR && change->none)
		return usage(c, "only 'link clear' does", "it does not take --none");
	return 0;
}

static int change_link(struct cli *c, enum lab_link_verb verb)
{
	struct lab_link_change change = {
		.verb = verb,
		.from = c->value[OPT_FROM],
		.settings = c->n_args > ARG_SETTINGS ? &c->args[ARG_SETTINGS] : NULL,
		.n_settings = c->n_args > ARG_SETTINGS ? c->n_args - ARG_SETTINGS : 0,
		.none = cli_has(c, OPT_NONE),
	};
	struct cli_target at;

	if (check(c, &change) < 0 || cli_target(c, c->args[ARG_LINK], &at) < 0)
		return cli_fail(c, &c->err);
	change.link = at.name;
	if (c->backend->link_change(c->state_dir, at.lab, &change, &c->err) < 0) {
		cli_explain(c, at.lab, change.from, at.name);
		if (c->err.code ==
		    -EINVAL) /* a setting that cannot be read, or cannot be together with the rest */
			(void)err_class(&c->err, NETLAB_EXIT_USAGE);
		return cli_fail(c, &c->err);
	}
	return c->json ? cli_print_json(c, json_pack("{s:s, s:s}", "lab", at.lab, "link", at.name),
					NETLAB_EXIT_OK)
		       : NETLAB_EXIT_OK;
}

static int show(struct cli *c)
{
	struct cli_target at = { .name = NULL };
	json_t *doc = NULL, *links;
	int r, code;

	if (c->n_args > ARG_SETTINGS || cli_has(c, OPT_FROM) || cli_has(c, OPT_NONE)) {
		(void)usage(c, "usage: netlab link show [LINK]",
			    "it takes one link and no options");
		return cli_fail(c, &c->err);
	}
	r = c->n_args > ARG_LINK ? cli_target(c, c->args[ARG_LINK], &at) : cli_lab(c, NULL, at.lab);
	if (r < 0 || cli_show(c, at.lab, &doc) < 0)
		return cli_fail(c, &c->err);
	links = json_incref(json_object_get(doc, "links"));
	if (at.name) {
		r = cli_find(c, doc, at.lab, "link", at.name);
		if (r == 0) {
			json_t *only = json_pack("{s:O}", at.name, json_object_get(links, at.name));

			json_decref(links);
			links = only;
		}
	}
	json_decref(doc);
	if (r < 0)
		code = cli_fail(c, &c->err);
	else if (c->json)
		return cli_print_json(c, links, NETLAB_EXIT_OK);
	else
		code = cli_print_links(c, links);
	json_decref(links);
	return code;
}

int cmd_link(struct cli *c)
{
	const char *action = c->args[0]; /* one of the table's: cli_parse() saw to it */

	if (strcmp(action, "set") == 0)
		return change_link(c, LAB_LINK_SET);
	if (strcmp(action, "clear") == 0)
		return change_link(c, LAB_LINK_CLEAR);
	if (strcmp(action, "down") == 0)
		return change_link(c, LAB_LINK_DOWN);
	if (strcmp(action, "up") == 0)
		return change_link(c, LAB_LINK_UP);
	return show(c);
}
