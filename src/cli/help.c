/* SPDX-License-Identifier: MIT */
/* Usage, printed from the tables of verbs and options. */
#include "cli/command.h"

#include <string.h>

#include "base/cleanup.h"

/* "  -n, --name NAME" and its explanation, in two columns. */
static void print_option(FILE *out, const struct cli_option *o)
{
	char left[64];

	(void)snprintf(left, sizeof(left), "  %c%c%s --%s%s%s", o->letter ? '-' : ' ',
		       o->letter ? o->letter : ' ', o->letter ? "," : " ", o->name,
		       o->value ? " " : "", o->value ? o->value : "");
	(void)fprintf(out, "%-22s %s\n", left, o->help);
}

static void print_options(FILE *out, const char *title, uint64_t which)
{
	if (!which)
		return;
	(void)fprintf(out, "\n%s:\n", title);
	for (int id = 0; id < OPT_COUNT; id++) {
		if (which & OPT_BIT(id))
			print_option(out, &cli_options[id]);
	}
}

void cli_print_help(FILE *out)
{
	(void)fputs("netlab: network labs from topology files, for tests\n"
		    "\n"
		    "Usage: netlab [global options] VERB [options] [arguments]\n"
		    "\n"
		    "Verbs:\n",
		    out);
	for (size_t i = 0; i < cli_n_commands; i++)
		(void)fprintf(out, "  %-8s %s\n", cli_commands[i].name, cli_commands[i].purpose);
	print_options(out, "Global options, before or after the verb", OPT_GLOBAL);
	(void)fputs(
		"\n"
		"'netlab help VERB' or 'netlab VERB --help' explains one verb. Manual: netlab(1).\n",
		out);
}

void cli_print_command_help(FILE *out, const struct cli_command *cmd)
{
	(void)fprintf(out, "netlab %s: %s\n\nUsage: netlab %s%s%s\n", cmd->name, cmd->purpose,
		      cmd->name, cmd->synopsis[0] ? " " : "", cmd->synopsis);
	if (cmd->details)
		(void)fprintf(out, "\n%s", cmd->details);
	print_options(out, "Options", cmd->options);
	(void)fprintf(out, "\nExample:\n  %s\n\nGlobal options: see 'netlab help'.\n",
		      cmd->example);
}
