/* SPDX-License-Identifier: MIT */
/* netlab shell: an interactive shell whose prompt names the node. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/target.h"

/*
 * bash forgets an inherited PS1 when its start-up files set one, so it gets a start-up file of ours, which reads theirs
 * first. It comes through a pipe: a file would have to be found again in the node's own mounts. The outer bash only
 * makes that pipe.
 */
static const char bash_starter[] = "exec \"$BASH\" --rcfile <(printf '%s\\n' "
				   "'[ -r /etc/bash.bashrc ] && . /etc/bash.bashrc' "
				   "'[ -r ~/.bashrc ] && . ~/.bashrc' "
				   "'PS1=\"[$NETLAB_PROMPT] $PS1\"') -i";

static const char *base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int cmd_shell(struct cli *c)
{
	const char *shell = getenv("SHELL");
	struct cli_target at;
	char prompt[2 * NAME_MAX_BYTES + sizeof("NETLAB_PROMPT=:")],
		ps1[2 * NAME_MAX_BYTES + sizeof("PS1=[:] \\$ ")];
	char shell_env[4096];
	const char *env[] = { prompt, ps1, shell_env, NULL };
	const char *plain[] = { NULL, "-i", NULL };
	const char *bash[] = { NULL, "-c", bash_starter, NULL };
	struct lab_exec_options o = {
		.env = env,
		.user = c->value[OPT_USER],
		.cwd = c->value[OPT_WORKDIR],
		.terminal = c->io->in_is_terminal && c->io->out_is_terminal,
	};

	/* nodes share the host's files in this version, so what can be executed here can be there */
	if (!shell || shell[0] != '/' || strlen(shell) > 4000 || access(shell, X_OK) < 0)
		shell = "/bin/sh";
	if (cli_target(c, c->args[0], &at) < 0)
		return cli_fail(c, &c->err);
	(void)snprintf(prompt, sizeof(prompt), "NETLAB_PROMPT=%s:%s", at.lab, at.name);
	(void)snprintf(ps1, sizeof(ps1), "PS1=[%s:%s] %s ", at.lab, at.name,
		       geteuid() == 0 ? "#" : "$");
	(void)snprintf(shell_env, sizeof(shell_env), "SHELL=%s", shell);
	plain[0] = bash[0] = shell;
	/* with its input from a pipe the shell shows no prompt, but runs what it reads */
	if (!c->io->in_is_terminal)
		plain[1] = NULL;
	o.argv = c->io->in_is_terminal && strcmp(base(shell), "bash") == 0 ? bash : plain;
	return cli_exec(c, &at, &o);
}
