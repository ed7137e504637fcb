/* SPDX-License-Identifier: MIT */
/* netlab down: labs end. */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/target.h"
#include "cli/topology.h"

/* What one call of `down` does and found. */
struct stopping {
	json_t *done; /* [{"name","was_running"}] */
	int code;     /* the first failure's */
};

static void stop(struct cli *c, struct stopping *s, const char *name)
{
	bool was_running = false;
	int code;

	if (c->backend->down(c->state_dir, name, &was_running, &c->err) < 0) {
		code = cli_fail(c, &c->err);
		s->code = s->code ? s->code : code;
		return;
	}
	(void)json_array_append_new(
		s->done, json_pack("{s:s, s:b}", "name", name, "was_running", was_running));
	if (!c->json && !c->quiet)
		(void)fprintf(c->io->out,
			      was_running ? "lab '%s' is down\n" : "lab '%s' was not running\n",
			      name);
}

static void stop_all(struct cli *c, struct stopping *s)
{
	char **names = NULL;
	size_t n = 0;

	if (c->backend->names(c->state_dir, &names, &n, &c->err) < 0) {
		s->code = cli_fail(c, &c->err);
		return;
	}
	for (size_t i = 0; i < n; i++)
		stop(c, s, names[i]);
	if (n == 0)
		cli_note(c, "no lab is running");
	c->backend->names_free(names, n);
}

/* No argument: the only lab that runs; none is fine as well. */
static void stop_only(struct cli *c, struct stopping *s)
{
	char name[NAME_MAX_BYTES + 1];
	char **names = NULL;
	size_t n = 0;

	if (c->backend->names(c->state_dir, &names, &n, &c->err) < 0) {
		s->code = cli_fail(c, &c->err);
		return;
	}
	c->backend->names_free(names, n);
	if (n == 0)
		cli_note(c, "no lab is running");
	else if (cli_lab(c, NULL, name) < 0)
		s->code = cli_fail(c, &c->err);
	else
		stop(c, s, name);
}

static void stop_named(struct cli *c, struct stopping *s, const char *arg)
{
	char name[NAME_MAX_BYTES + 1];
	const char *why;
	int code;

	if (cli_topology_is_file(c, arg)) {
		if (cli_topology_lab_name(c, arg, name, &c->err) == 0) {
			stop(c, s, name);
			return;
		}
	} else {
		why = name_check(arg);
		if (!why) {
			stop(c, s, arg);
			return;
		}
		(void)err_set(&c->err, EINVAL, "'%s' is no name of a lab: %s", arg, why);
		(void)err_class(&c->err, NETLAB_EXIT_USAGE);
	}
	code = cli_fail(c, &c->err);
	s->code = s->code ? s->code : code;
}

int cmd_down(struct cli *c)
{
	struct stopping s = { .done = json_array() };

	if (cli_has(c, OPT_ALL) && c->n_args > 0) {
		(void)err_set(&c->err, EINVAL, "down: --all and '%s' together", c->args[0]);
		(void)err_hint(&c->err, "name labs, or say --all");
		(void)err_class(&c->err, NETLAB_EXIT_USAGE);
		s.code = cli_fail(c, &c->err);
	} else if (cli_state_dir(c) < 0) {
		s.code = cli_fail(c, &c->err);
	} else if (cli_has(c, OPT_ALL)) {
		stop_all(c, &s);
	} else if (c->n_args == 0) {
		stop_only(c, &s);
	} else {
		/* one that fails does not keep the others up */
		for (size_t i = 0; i < c->n_args; i++)
			stop_named(c, &s, c->args[i]);
	}
	if (c->json && s.code == 0)
		return cli_print_json(c, s.done, NETLAB_EXIT_OK);
	json_decref(s.done);
	return s.code;
}
