/* SPDX-License-Identifier: MIT */
/* netlab shell: an interactive shell whose prompt names the node. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
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

enum { SHELL_PATH_MAX = 4000 };

/** What a shell is started with. */
struct session {
	char prompt[2 * NAME_MAX_BYTES + sizeof("NETLAB_PROMPT=:")];
	char ps1[2 * NAME_MAX_BYTES + sizeof("PS1=[:] \\$ ")];
	char shell[SHELL_PATH_MAX + sizeof("SHELL=")];
	const char *env[4], *argv[4];
};

static void prepare(struct session *s, const struct cli *c, const char *shell)
{
	bool interactive = c->io->in_is_terminal;

	(void)snprintf(s->shell, sizeof(s->shell), "SHELL=%s", shell);
	s->env[0] = s->prompt;
	s->env[1] = s->ps1;
	s->env[2] = s->shell;
	s->env[3] = NULL;
	s->argv[0] = shell;
	s->argv[1] = s->argv[2] = s->argv[3] = NULL;
	if (interactive && strcmp(base(shell), "bash") == 0) {
		s->argv[1] = "-c";
		s->argv[2] = bash_starter;
	} else if (
		interactive) { /* with its input from a pipe the shell shows no prompt, but runs what it reads */
		s->argv[1] = "-i";
	}
}

int cmd_shell(struct cli *c)
{
	const char *mine = getenv("SHELL");
	const char *const shells[] = { mine, "/bin/bash", "/bin/sh" };
	struct cli_target at;
	struct session s;
	struct lab_exec_options o = {
		.env = s.env,
		.argv = s.argv,
		.user = c->value[OPT_USER],
		.cwd = c->value[OPT_WORKDIR],
		.terminal = c->io->in_is_terminal && c->io->out_is_terminal,
	};
	int status = NETLAB_EXIT_NOTFOUND;

	if (cli_target(c, c->args[0], &at) < 0)
		return cli_fail(c, &c->err);
	(void)snprintf(s.prompt, sizeof(s.prompt), "NETLAB_PROMPT=%s:%s", at.lab, at.name);
	(void)snprintf(s.ps1, sizeof(s.ps1), "PS1=[%s:%s] %s ", at.lab, at.name,
		       geteuid() == 0 ? "#" : "$");
	/* a tree of the node's own need not have the caller's: the first that can be run there */
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		if (!shells[i] || shells[i][0] != '/' || strlen(shells[i]) > SHELL_PATH_MAX)
			continue;
		prepare(&s, c, shells[i]);
		if (cli_try_exec(c, &at, &o, &status))
			return status;
	}
	(void)err_hint(&c->err, "`netlab exec %s -- PROGRAM` runs one that the node has",
		       c->args[0]);
	(void)cli_fail(c, &c->err);
	return status;
}
