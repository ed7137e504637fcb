/* SPDX-License-Identifier: MIT */
/* Files about names that all nodes share. */
#include "lab/names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "lab/supervisor.h"
#include "lab/uplink.h"
#include "node/names.h"
#include "sys/fs.h"

enum { RESOLV_CONF_MAX_BYTES = 65536 };

/** Writes a file of the run directory. */
static int write_file(struct supervisor *s, const char *name, const char *text,
		      struct netlab_err *err)
{
	int r = text ? sys_write_file(s->dir->fd, name, text, strlen(text)) : -ENOMEM;

	return r < 0 ? err_errno(err, r, "writing '%s/%s'", s->dir->path, name) : 0;
}

/** By path: a descriptor of the caller's would lead to the caller's mounts, which cannot be bound here. */
static int bind_file(struct supervisor *s, const char *name, const char *target,
		     struct netlab_err *err)
{
	_cleanup_free_ char *path = NULL;
	int r;

	if (asprintf(&path, "%s/%s", s->dir->path, name) < 0)
		return err_set(err, ENOMEM, "out of memory");
	r = sys_bind_ro(path, target);
	if (r < 0)
		err_errno(err, r, "binding the lab's %s over '%s'", name, target);
	return r;
}

static int make_hosts(struct supervisor *s, struct netlab_err *err)
{
	int r;

	if (!s->plan->hosts)
		return 0;
	r = write_file(s, RUNDIR_HOSTS, s->plan->hosts, err);
	if (r == 0)
		r = bind_file(s, RUNDIR_HOSTS, "/etc/hosts", err);
	if (r == -ENOENT)
		err_hint(err, "make an empty /etc/hosts on this machine, or say \"hosts\": false");
	return r;
}

/** Of the host's resolv.conf what is of use from elsewhere: servers that are not the host itself, search, options. */
static int write_hosts_resolver(struct supervisor *s, struct netlab_err *err)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_buf_ struct buf ours = { 0 };
	size_t len;
	int r = sys_read_file("/etc/resolv.conf", RESOLV_CONF_MAX_BYTES, &text, &len);

	if (r < 0 && r != -ENOENT)
		return err_errno(err, r, "reading '/etc/resolv.conf'");
	if (node_host_resolver(text ? text : "", &ours) == 0)
		supervisor_warn(s,
				"the host's resolv.conf names no server that an uplink leads to: "
				"give the nodes \"dns\"");
	return write_file(s, NODE_RESOLV_CONF, buf_text(&ours), err);
}

/** What one node has of its own is written here, where the node's init finds it. */
static int make_resolvers(struct supervisor *s, struct netlab_err *err)
{
	struct netlab_err why = { 0 };
	int r = uplink_node(s->topo) != SIZE_MAX
			? write_hosts_resolver(s, err)
			: write_file(s, NODE_RESOLV_CONF, PLAN_RESOLV_CONF, err);

	for (size_t i = 0; i < s->topo->n_nodes && r == 0; i++) {
		char name[64];

		if (!s->plan->nodes[i].resolv_conf)
			continue;
		snprintf(name, sizeof(name), NODE_RESOLV_CONF ".%zu", i);
		r = write_file(s, name, s->plan->nodes[i].resolv_conf, err);
	}
	if (r < 0)
		return r;
	r = bind_file(s, NODE_RESOLV_CONF, "/etc/resolv.conf", &why);
	if (r == 0 || r == -ENOENT)
		return 0; /* without the file resolvers ask nobody else either */
	if (err)
		*err = why;
	return r;
}

/** The host's file with another line about hosts: the others, about users, are right in nodes too. */
static int make_nsswitch(struct supervisor *s, struct netlab_err *err)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_buf_ struct buf ours = { 0 };
	size_t len;
	int r = sys_read_file("/etc/nsswitch.conf", NODE_NSSWITCH_MAX_BYTES, &text, &len);

	if (r == -ENOENT)
		return 0; /* the C library's own order is files and DNS */
	if (r < 0)
		return err_errno(err, r, "reading '/etc/nsswitch.conf'");
	node_nsswitch(text, &ours);
	r = write_file(s, NODE_NSSWITCH, buf_text(&ours), err);
	return r < 0 ? r : bind_file(s, NODE_NSSWITCH, "/etc/nsswitch.conf", err);
}

/** The host's cache of names would answer with the host's names. */
static int hide_nscd(struct supervisor *s, struct netlab_err *err)
{
	static const char *const places[] = { "/run/nscd", "/var/run/nscd" };

	(void)s;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		int r = sys_dir_exists(AT_FDCWD, places[i]) ? sys_mount("tmpfs", places[i]) : 0;

		if (r < 0)
			return err_errno(err, r, "covering '%s'", places[i]);
	}
	return 0;
}

int names_make(struct supervisor *s, struct netlab_err *err)
{
	int r = make_hosts(s, err);

	if (r == 0)
		r = make_resolvers(s, err);
	if (r == 0)
		r = make_nsswitch(s, err);
	return r < 0 ? r : hide_nscd(s, err);
}
