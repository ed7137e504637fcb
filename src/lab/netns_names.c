/* SPDX-License-Identifier: MIT */
/* Names for `ip netns`. */
#include "lab/netns_names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/names.h"
#include "lab/rundir.h"
#include "lab/supervisor.h"
#include "sys/fs.h"
#include "sys/netns.h"

enum {
	NAME_BYTES = 2 * NAME_MAX_BYTES + sizeof("--"),
	FILE_MAX_BYTES = 32 * 1024 * 1024, /* a line for each of 100,000 nodes */
};

static int fail(const struct supervisor *s, int r, const char *name, struct netlab_err *err)
{
	err_errno(err, r, "naming a network namespace '%s' in " SYS_NETNS_DIR, name);
	if (r == -EEXIST) {
		err_hint(
			err,
			"something else has that name; give the lab another --name, or see `ip netns`");
	} else if (r == -EACCES || r == -EPERM || r == -EROFS) {
		err_class(err, NETLAB_EXIT_UNSUPPORTED);
		err_hint(err,
			 "only the host's root can; `netlab exec` and nsenter(1) need no name");
	}
	return err_wrap(err, "lab '%s'", s->topo->name);
}

static int write_journal(struct supervisor *s, struct netlab_err *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	int r;

	for (size_t i = 0; i < s->topo->n_nodes; i++)
		buf_printf(&text, "%s--%s %d\n", s->topo->name, s->topo->nodes[i].name,
			   (int)s->nodes[i].host_pid);
	if (!buf_text(&text))
		return err_set(err, ENOMEM, "out of memory");
	r = sys_write_file(s->dir->fd, NETNS_NAMES_FILE, buf_text(&text), strlen(buf_text(&text)));
	return r < 0 ? err_errno(err, r, "writing '%s/" NETNS_NAMES_FILE "'", s->dir->path) : 0;
}

int netns_names_make(struct supervisor *s, struct netlab_err *err)
{
	char name[NAME_BYTES];
	int r = 0;

	if (!s->options->netns_names)
		return 0;
	netns_names_sweep(s->dir->fd);
	r = write_journal(s, err);
	for (size_t i = 0; i < s->topo->n_nodes && r == 0; i++) {
		snprintf(name, sizeof(name), "%s--%s", s->topo->name, s->topo->nodes[i].name);
		r = sys_netns_name(name, s->nodes[i].host_pid);
		if (r < 0)
			r = fail(s, r, name, err);
	}
	return r;
}

void netns_names_sweep(int run_dir_fd)
{
	_cleanup_free_ char *text = NULL;
	char path[64], name[NAME_BYTES];
	size_t len;
	int pid;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/" NETNS_NAMES_FILE, run_dir_fd);
	if (sys_read_file(path, FILE_MAX_BYTES, &text, &len) < 0)
		return;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (sscanf(line, "%128s %d", name, &pid) == 2 && !strchr(name, '/'))
			sys_netns_unname(name, pid);
	}
}
