/* SPDX-License-Identifier: MIT */
/* netlab record: a running lab is recorded from now on. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/recording.h"
#include "cli/target.h"
#include "repro/record_dir.h"

/* args[0] is the action. */
enum { ARG_FIRST = 1, ARG_SECOND = 2 };

static int usage(struct cli *c, const char *message)
{
	(void)err_set(&c->err, EINVAL, "record %s: %s", c->args[0], message);
	(void)err_hint(&c->err, "usage: netlab record start DIR [LAB], or record stop [LAB]");
	(void)err_class(&c->err, NETLAB_EXIT_USAGE);
	return cli_fail(c, &c->err);
}

static const char *arg(const struct cli *c, size_t i)
{
	return c->n_args > i ? c->args[i] : NULL;
}

static int start(struct cli *c)
{
	const char *dir = arg(c, ARG_FIRST);
	char lab[NAME_MAX_BYTES + 1];
	bool made = false;
	int fd = -1, r;

	if (!dir)
		return usage(c, "the directory to record to is missing");
	if (cli_lab(c, arg(c, ARG_SECOND), lab) < 0)
		return cli_fail(c, &c->err);
	if (record_dir_make(dir, &fd, &made, &c->err) < 0)
		return cli_fail(c, &c->err);
	r = c->backend->record_start(c->state_dir, lab, fd, &c->err);
	if (r < 0) {
		record_dir_discard(made ? dir : NULL, fd);
		(void)err_wrap(&c->err, "recording to '%s'", dir);
		return cli_fail(c, &c->err);
	}
	close(fd);
	if (c->json)
		return cli_print_json(c, json_pack("{s:s, s:s}", "lab", lab, "directory", dir),
				      NETLAB_EXIT_OK);
	cli_note(c, "recording lab '%s' to %s; 'netlab record stop' ends it", lab, dir);
	return NETLAB_EXIT_OK;
}

static int stop(struct cli *c)
{
	char lab[NAME_MAX_BYTES + 1];

	if (arg(c, ARG_SECOND))
		return usage(c, "it takes a lab and nothing else");
	if (cli_lab(c, arg(c, ARG_FIRST), lab) < 0)
		return cli_fail(c, &c->err);
	return cli_recording_stop(c, lab, NULL, false);
}

int cmd_record(struct cli *c)
{
	return strcmp(c->args[0], "start") == 0 ? start(c) : stop(c);
}
