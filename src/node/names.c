/* SPDX-License-Identifier: MIT */
/* A node's own files about names. */
#include "node/names.h"

#include <errno.h>
#include <stdbool.h>
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

static bool is_loopback(const char *address, size_t len)
{
	return strncmp(address, "127.", strlen("127.")) == 0 ||
	       (len == strlen("::1") && strncmp(address, "::1", len) == 0);
}

unsigned node_host_resolver(const char *text, struct buf *ret)
{
	static const char *const kept[] = { "search", "domain", "options" };
	unsigned n = 0;

	buf_puts(ret, "# From the host's, for a lab with an uplink.\n");
	while (*text) {
		size_t len = strcspn(text, "\n"), key = strcspn(text, " \t\n");
		const char *value = text + key + strspn(text + key, " \t");
		bool keep = false;

		if (key == strlen("nameserver") && strncmp(text, "nameserver", key) == 0) {
			keep = !is_loopback(value, strcspn(value, " \t\n"));
			n += keep;
		}
		for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
			keep = keep || (key == strlen(kept[i]) && strncmp(text, kept[i], key) == 0);
		if (keep) {
			buf_add(ret, text, len);
			buf_puts(ret, "\n");
		}
		text += len + (text[len] == '\n');
	}
	return n;
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
