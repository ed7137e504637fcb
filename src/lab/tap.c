/* SPDX-License-Identifier: MIT */
/* Sockets that hear what passes a link or an interface. */
#include "lab/tap.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "lab/supervisor.h"
#include "sys/packet.h"
#include "sys/proc.h"
#include "sys/sock.h"

enum { BUFFER_BYTES = 32 << 20 };

static int by_first(const struct sys_ifrange *a, const struct sys_ifrange *b)
{
	return a->first > b->first;
}

/** Opens a socket in the caller's network namespace that hears up to two interfaces. @return descriptor; negative errno */
static int open_here(enum sys_packet_kind kind, const uint32_t *ifindex, unsigned n)
{
	struct sys_ifrange ranges[2];
	int fd = sys_packet_open(kind, BUFFER_BYTES), r;

	if (fd < 0)
		return fd;
	for (unsigned i = 0; i < n; i++)
		ranges[i] = (struct sys_ifrange){ ifindex[i], ifindex[i] };
	if (n == 2 && by_first(&ranges[0], &ranges[1])) {
		ranges[0] = (struct sys_ifrange){ ifindex[1], ifindex[1] };
		ranges[1] = (struct sys_ifrange){ ifindex[0], ifindex[0] };
	}
	r = sys_packet_hear(fd, kind, ranges, n);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

static int child_main(int sock, int pidfd, enum sys_packet_kind kind, uint32_t ifindex)
{
	int r = sys_setns(pidfd, SYS_NS_NET), fd;

	fd = r < 0 ? r : open_here(kind, &ifindex, 1);
	r = fd < 0 ? fd : 0;
	return sys_sock_send(sock, &r, sizeof(r), &fd, fd >= 0) < 0;
}

/** The same in a node's namespace, by a child that goes there. */
static int open_there(int pidfd, enum sys_packet_kind kind, uint32_t ifindex)
{
	int pair[2], r = sys_sock_pair(pair), fd = -1, code = -ECHILD;
	unsigned n_fds = 1;
	pid_t pid;

	if (r < 0)
		return r;
	pid = sys_clone(0, NULL);
	if (pid == 0)
		_exit(child_main(pair[1], pidfd, kind, ifindex));
	close(pair[1]);
	if (pid > 0) {
		if (sys_sock_recv(pair[0], &code, sizeof(code), &fd, &n_fds) !=
		    (ssize_t)sizeof(code))
			code = -ECHILD;
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close(pair[0]);
	if (pid < 0)
		return pid;
	if (code < 0)
		return code;
	return n_fds == 1 ? fd : -EMFILE;
}

static json_t *tap_link(struct supervisor *s, size_t link, int *ret_fd, struct netlab_err *err)
{
	const struct topo_link *t = &s->topo->links[link];
	const struct plan_fabric_end *ends = s->plan->links[link].ends;
	const uint32_t ifindex[] = { ends[0].ifindex, ends[1].ifindex };
	json_t *list = json_array();

	*ret_fd = open_here(SYS_PACKET_INCOMING, ifindex, 2);
	if (*ret_fd < 0) {
		json_decref(list);
		(void)err_errno(err, *ret_fd, "link '%s': listening to it", t->name);
		return NULL;
	}
	for (unsigned d = 0; d < 2; d++) {
		const char *from = s->topo->nodes[t->ends[d].node].name,
			   *to = s->topo->nodes[t->ends[!d].node].name;

		json_array_append_new(
			list,
			json_pack("{s:I, s:o, s:o}", "ifindex", (json_int_t)ifindex[d], "name",
				  json_sprintf("%s: %s > %s", t->name, from, to), "description",
				  json_sprintf("from %s:%s to %s:%s", from, t->ends[d].ifname, to,
					       t->ends[!d].ifname)));
	}
	return json_pack("{s:o}", "interfaces", list);
}

static const struct plan_interface *find_interface(const struct plan_node *n, const char *name)
{
	for (size_t i = 0; i < n->n_interfaces; i++) {
		if (strcmp(n->interfaces[i].name, name) == 0)
			return &n->interfaces[i];
	}
	return NULL;
}

static json_t *tap_node(struct supervisor *s, size_t node, const char *interface, bool out,
			int *ret_fd, struct netlab_err *err)
{
	const char *name = s->topo->nodes[node].name;
	const struct plan_interface *in = find_interface(&s->plan->nodes[node], interface);
	int pidfd;

	if (!in) {
		(void)err_set(err, ENOENT, "node '%s' has no interface '%s'", name, interface);
		(void)err_hint(err, "'netlab show' lists those that links make");
		return NULL;
	}
	if (supervisor_refuse_dead(s, node, err) < 0)
		return NULL;
	pidfd = sys_pidfd_open(s->nodes[node].pid);
	*ret_fd = pidfd < 0 ? pidfd
			    : open_there(pidfd, out ? SYS_PACKET_OUTGOING : SYS_PACKET_INCOMING,
					 in->ifindex);
	if (pidfd >= 0)
		close(pidfd);
	if (*ret_fd < 0) {
		(void)err_errno(err, *ret_fd, "listening to '%s:%s'", name, interface);
		return NULL;
	}
	return json_pack("{s:[{s:I, s:o, s:s}]}", "interfaces", "ifindex", (json_int_t)in->ifindex,
			 "name", json_sprintf("%s:%s %s", name, interface, out ? "out" : "in"),
			 "description", out ? "what the node sends" : "what the node receives");
}

json_t *tap_open(struct supervisor *s, const json_t *request, int *ret_fd, struct netlab_err *err)
{
	const char *link = json_string_value(json_object_get(request, "link"));
	const char *node = json_string_value(json_object_get(request, "node"));
	const char *interface = json_string_value(json_object_get(request, "interface"));
	size_t i;

	if (link) {
		i = topo_find_link(s->topo, link);
		if (i != SIZE_MAX)
			return tap_link(s, i, ret_fd, err);
		(void)err_set(err, ENOENT, "link '%s': no such link in this lab", link);
	} else if (node && interface) {
		i = topo_find_node(s->topo, node);
		if (i != SIZE_MAX)
			return tap_node(s, i, interface,
					json_is_true(json_object_get(request, "out")), ret_fd, err);
		(void)err_set(err, ENOENT, "node '%s': no such node in this lab", node);
	} else {
		(void)err_set(err, EPROTO, "malformed request");
	}
	return NULL;
}
