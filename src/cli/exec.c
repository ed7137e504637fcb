/* SPDX-License-Identifier: MIT */
/* netlab exec: a command in a node. */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/target.h"

static int check_env(struct cli *c)
{
	for (size_t i = 0; i < c->n_env; i++) {
		const char *eq = strchr(c->env[i], '=');

		if (eq && eq != c->env[i])
			continue;
		(void)err_set(&c->err, EINVAL, "exec: --env '%s' is not of the form NAME=VALUE",
			      c->env[i]);
		return err_class(&c->err, NETLAB_EXIT_USAGE);
	}
	return 0;
}

/** The command's own 126 and 127 come without an error. */
static bool was_not_run(const struct cli *c, int status)
{
	return (status == NETLAB_EXIT_NOEXEC || status == NETLAB_EXIT_NOTFOUND) && c->err.code;
}

bool cli_try_exec(struct cli *c, const struct cli_target *at, struct lab_exec_options *o,
		  int *ret_status)
{
	o->state_dir = c->state_dir;
	o->lab = at->lab;
	o->node = at->name;
	*ret_status = 0;
	c->err = (struct netlab_err){ 0 };
	if (c->backend->exec(o, ret_status, &c->err) < 0) {
		cli_explain(c, at->lab, at->name, NULL);
		*ret_status = cli_fail(c, &c->err);
		return true;
	}
	return !was_not_run(c, *ret_status);
}

int cli_exec(struct cli *c, const struct cli_target *at, struct lab_exec_options *o)
{
	int status;

	if (!cli_try_exec(c, at, o, &status))
		(void)cli_fail(c, &c->err);
	return status;
}

int cmd_exec(struct cli *c)
{
	struct cli_target at;
	struct lab_exec_options o = {
		.argv = c->tail,
		.user = c->value[OPT_USER],
		.cwd = c->value[OPT_WORKDIR],
		.env = c->env,
		.terminal = cli_has(c, OPT_TERMINAL),
	};

	if (check_env(c) < 0 || cli_target(c, c->args[0], &at) < 0)
		return cli_fail(c, &c->err);
	return cli_exec(c, &at, &o);
}
