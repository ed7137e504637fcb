/* SPDX-License-Identifier: MIT */
/* Giving up what the programs of a node may not do. */
#include "node/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "sys/fs.h"
#include "sys/privilege.h"
#include "sys/user.h"
#include "sys/userns.h"

struct node_privileges node_privileges_of(const struct topo_privileges *t, bool confined,
					  const struct sys_filter *filter)
{
	return (struct node_privileges){
		.all = t->all, .confined = confined, .kept = t->kept, .filter = filter
	};
}

static int failed(int r, const char *what, struct netlab_err *err)
{
	if (r == 0)
		return 0;
	err_errno(err, r, "%s", what);
	err_class(err, NETLAB_EXIT_NETLAB);
	return r;
}

int node_privileges_apply(const struct node_privileges *p, const struct sys_user *user,
			  struct netlab_err *err)
{
	int r = 0;

	/* first of all: it gives all capabilities, for what is below */
	if (p->confined)
		r = failed(sys_enter_netns_owner(), "entering the nodes' user namespace", err);
	/* next: later we may lack CAP_SETPCAP */
	if (r == 0 && !p->all)
		r = failed(sys_bound(p->kept), "limiting its capabilities", err);
	/* next: what is kept may lack CAP_SETUID */
	if (r == 0 && user)
		r = sys_user_become(user, err);
	if (r < 0 || p->all)
		return r;
	if (!p->filter)
		return failed(-EPROTO, "no filter of system calls to start it with", err);
	r = failed(sys_keep_capabilities(p->kept), "giving up capabilities", err);
	if (r == 0)
		r = failed(sys_no_new_privileges(), "giving up setuid programs", err);
	if (r == 0)
		r = failed(sys_load_filter(p->filter), "loading the filter of system calls", err);
	return r;
}

/** The highest group that the user namespace has; (kernel: GID_T_MAX, net/ipv4/ping.h) at most 2^31 - 1. */
static unsigned highest_group(void)
{
	const unsigned most = INT32_MAX;
	unsigned highest = 0, first, outside, count;
	char map[4096];

	if (sys_read_value(AT_FDCWD, "/proc/self/gid_map", map, sizeof(map)) < 0)
		return 0;
	for (const char *line = map; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, "%u %u %u", &first, &outside, &count) != 3 || count == 0)
			continue;
		if (count > most || first > most - count)
			return most;
		if (first + count - 1 > highest)
			highest = first + count - 1;
	}
	return highest;
}

int node_allow_ping(void)
{
	char range[32];

	snprintf(range, sizeof(range), "0 %u", highest_group());
	return sys_write_value("/proc/sys/net/ipv4/ping_group_range", range);
}
