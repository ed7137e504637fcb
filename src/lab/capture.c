/* SPDX-License-Identifier: MIT */
/* Listening to a link or an interface of a running lab. */
#include "lab/capture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "lab/client.h"
#include "lab/rundir.h"
#include "sys/packet.h"

enum { FRAME_BYTES = 68 * 1024 };

static int add_socket(struct lab_capture *c, json_t *request, struct netlab_err *err)
{
	json_t *doc = NULL, *in;
	int fd = -1, r = lab_request_fd(c->lab_fd, request, &doc, &fd, err);
	size_t i;

	if (r == 0 && fd < 0)
		r = err_set(err, EPROTO, "the lab gave no socket");
	if (r < 0) {
		json_decref(doc);
		return r;
	}
	json_array_foreach(json_object_get(doc, "interfaces"), i, in)
	{
		struct lab_capture_interface *to = &c->interfaces[c->n_interfaces];
		const char *name = json_string_value(json_object_get(in, "name"));
		const char *about = json_string_value(json_object_get(in, "description"));

		if (c->n_interfaces == LAB_CAPTURE_INTERFACES)
			break;
		to->socket = c->n_sockets;
		to->ifindex = (uint32_t)json_integer_value(json_object_get(in, "ifindex"));
		(void)snprintf(to->name, sizeof(to->name), "%s", name ? name : "");
		(void)snprintf(to->about, sizeof(to->about), "%s", about ? about : "");
		c->n_interfaces++;
	}
	c->fds[c->n_sockets++] = fd;
	json_decref(doc);
	return 0;
}

static json_t *ask_node(const char *node, const char *interface, bool out)
{
	return json_pack("{s:s, s:s, s:s, s:b}", "op", "capture", "node", node, "interface",
			 interface, "out", out);
}

int lab_capture_open(const char *state_dir, const char *lab, const char *name,
		     const char *interface, struct lab_capture *ret, struct netlab_err *err)
{
	struct lab_capture c = { .fds = { -1, -1 } };
	int r = 0;

	c.lab_fd = rundir_connect(state_dir, lab);
	if (c.lab_fd < 0)
		return err_set(err, ENOENT, "lab '%s' is not running", lab);
	c.batch = sys_packet_batch_new();
	c.room = malloc((size_t)SYS_PACKET_BATCH * FRAME_BYTES);
	if (!c.batch || !c.room)
		r = err_set(err, ENOMEM, "out of memory");
	for (unsigned i = 0; i < SYS_PACKET_BATCH && r == 0; i++)
		sys_packet_place(c.batch, i, c.room + (size_t)i * FRAME_BYTES + SYS_PACKET_HEADROOM,
				 FRAME_BYTES - SYS_PACKET_HEADROOM, NULL, 0);
	if (r == 0 && !interface)
		r = add_socket(&c, json_pack("{s:s, s:s}", "op", "capture", "link", name), err);
	for (unsigned out = 0; out < 2 && r == 0 && interface; out++)
		r = add_socket(&c, ask_node(name, interface, out), err);
	if (r < 0) {
		lab_capture_close(&c);
		return r;
	}
	*ret = c;
	return 0;
}

static const struct lab_capture_interface *find(const struct lab_capture *c, unsigned socket,
						uint32_t ifindex, unsigned *ret)
{
	for (unsigned i = 0; i < c->n_interfaces; i++) {
		if (c->interfaces[i].socket == socket && c->interfaces[i].ifindex == ifindex) {
			*ret = i;
			return &c->interfaces[i];
		}
	}
	return NULL;
}

int lab_capture_read(struct lab_capture *c, unsigned socket, lab_capture_fn *fn, void *ctx)
{
	int n = sys_packet_receive(c->fds[socket], c->batch, SYS_PACKET_BATCH), r = 0;

	if (n == -EAGAIN)
		return 0;
	/* a frame whose offloads the kernel cannot describe: gone, with this error */
	if (n == -EINVAL)
		return 1;
	for (int i = 0; i < n && r == 0; i++) {
		struct lab_captured p = { .data = c->room + (size_t)i * FRAME_BYTES +
						  SYS_PACKET_HEADROOM };
		struct sys_packet_info info;

		sys_packet_about(c->batch, (unsigned)i, &info);
		if (!find(c, socket, info.ifindex, &p.interface) || info.is_cut)
			continue;
		p.len = info.len;
		p.info = info;
		r = fn(ctx, &p);
	}
	return r < 0 ? r : n;
}

uint64_t lab_capture_lost(struct lab_capture *c)
{
	for (unsigned i = 0; i < c->n_sockets; i++) {
		int64_t n = sys_packet_overruns(c->fds[i]);

		c->lost += n > 0 ? (uint64_t)n : 0;
	}
	return c->lost;
}

void lab_capture_close(struct lab_capture *c)
{
	for (unsigned i = 0; i < c->n_sockets; i++)
		close(c->fds[i]);
	if (c->lab_fd >= 0)
		close(c->lab_fd);
	c->batch = sys_packet_batch_free(c->batch);
	free(c->room);
	*c = (struct lab_capture){ .lab_fd = -1, .fds = { -1, -1 } };
}
