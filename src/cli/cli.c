/* SPDX-License-Identifier: MIT */
/* From a command line to its verb. */
#include "cli/cli.h"

#include <errno.h>

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/command.h"
#include "cli/output.h"
#include "netlab/version.h"

/* Whether --json is asked for although the command line could not be read to its end. */
static bool asks_for_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--json") == 0)
			return true;
	}
	return false;
}

static bool use_color(const struct cli *c, bool terminal)
{
	const char *no_color = getenv("NO_COLOR");

	if (cli_has(c, OPT_COLOR) && strcmp(c->value[OPT_COLOR], "auto") != 0)
		return strcmp(c->value[OPT_COLOR], "always") == 0;
	return terminal && !(no_color && *no_color); /* no-color.org: when present and not empty */
}

int cmd_help(struct cli *c)
{
	const struct cli_command *cmd;

	if (c->n_args == 0) {
		cli_print_help(c->io->out);
		return NETLAB_EXIT_OK;
	}
	cmd = cli_find_command(c->args[0]);
	if (!cmd) {
		(void)cli_unknown_command(c->args[0], &c->err);
		return cli_fail(c, &c->err);
	}
	cli_print_command_help(c->io->out, cmd);
	return NETLAB_EXIT_OK;
}

static int print_version(const struct cli *c)
{
	if (c->json)
		(void)fprintf(c->io->out, "{\"version\": \"%s\"}\n", NETLAB_VERSION);
	else
		(void)fprintf(c->io->out, "netlab %s\n", NETLAB_VERSION);
	return NETLAB_EXIT_OK;
}

static int dispatch(struct cli *c)
{
	if (cli_has(c, OPT_VERSION))
		return print_version(c);
	if (cli_has(c, OPT_HELP)) {
		if (c->command)
			cli_print_command_help(c->io->out, c->command);
		else
			cli_print_help(c->io->out);
		return NETLAB_EXIT_OK;
	}
	if (!c->command) {
		(void)err_set(&c->err, EINVAL, "no verb given");
		(void)err_hint(&c->err, "see 'netlab help'");
		(void)err_class(&c->err, NETLAB_EXIT_USAGE);
		return cli_fail(c, &c->err);
	}
	return c->command->run(c);
}

int cli_main(int argc, char **argv, const struct cli_io *io)
{
	struct cli c = { .io = io, .backend = io->backend };
	int r = cli_parse(&c, argc, argv), code;

	if (r < 0)
		c.json = c.json || asks_for_json(argc, argv);
	c.color_out = use_color(&c, io->out_is_terminal);
	c.color_err = use_color(&c, io->err_is_terminal);
	code = r < 0 ? cli_fail(&c, &c.err) : dispatch(&c);
	if (cli_flush(&c) < 0 && code == NETLAB_EXIT_OK)
		code = cli_fail(&c, &c.err);
	cli_deinit(&c);
	return code;
}
