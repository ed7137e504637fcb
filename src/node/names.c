/* SPDX-License-Identifier: MIT */
/* A node's own files about names. */
#include "node/names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "sys/fs.h"

int node_names_make(const struct node_boot *boot, struct netlab_err *err)
{
	_cleanup_free_ char *path = NULL;
	int r;

	if (!boot->plan->nodes[boot->node].resolv_conf)
		return 0;
	if (asprintf(&path, "%s/" NODE_RESOLV_CONF ".%u", boot->lab_dir, boot->node) < 0)
		return err_set(err, ENOMEM, "out of memory");
	r = sys_bind_ro(path, "/etc/resolv.conf");
	if (r < 0) {
		err_errno(err, r, "binding the node's resolv.conf over '/etc/resolv.conf'");
		if (r == -ENOENT)
			err_hint(err, "make an empty /etc/resolv.conf on this machine");
	}
	return r;
}

void node_nsswitch(const char *text, struct buf *ret)
{
	static const char key[] = "hosts:";

	while (*text) {
		const char *start = text + strspn(text, " \t");
		size_t len = strcspn(text, "\n");

		if (strncmp(start, key, sizeof(key) - 1) != 0)
			buf_add(ret, text, len);
		else
			buf_puts(ret, "# hosts: see the end");
		buf_puts(ret, "\n");
		text += len + (text[len] == '\n');
	}
	buf_puts(ret, "hosts: files dns\n");
}
