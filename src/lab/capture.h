/* SPDX-License-Identifier: MIT */
/**
 * @file capture.h
 * Listening to a link, or to an interface of a node, of a running lab. Of a link both directions are heard as packets come to
 * it, before anything is done to them; of an interface what the node receives and what it sends.
 */
#ifndef NETLAB_LAB_CAPTURE_H
#define NETLAB_LAB_CAPTURE_H

#include <stddef.h>
#include <stdint.h>

#include "netlab/err.h"
#include "sys/packet.h"

enum { LAB_CAPTURE_INTERFACES = 2 };

struct lab_capture_interface {
	char name[320], about[320];
	unsigned socket;
	uint32_t ifindex;
};

struct lab_capture {
	/** readable when there is something; they keep their network namespace alive, so close them when the lab ends */
	int fds[2];
	unsigned n_sockets;
	int lab_fd; /**< end-of-file when the lab ends */
	struct lab_capture_interface interfaces[LAB_CAPTURE_INTERFACES];
	unsigned n_interfaces;
	uint64_t lost;
	struct sys_packet_batch *batch; /**< owned */
	uint8_t *room;                  /**< owned */
};

struct lab_captured {
	unsigned interface; /**< index */
	uint8_t *data;      /**< may be changed; SYS_PACKET_HEADROOM bytes before it, too */
	uint32_t len;
	struct sys_packet_info info;
};

/**
 * @param[in] name       of a link, or of a node where there is an interface
 * @param[in] interface  NULL = a link
 * @return 0; -ENOENT: no such lab, link, node or interface; ...
 */
int lab_capture_open(const char *state_dir, const char *lab, const char *name,
		     const char *interface, struct lab_capture *ret, struct netlab_err *err);
/** @return 0 to go on; negative errno */
typedef int lab_capture_fn(void *ctx, struct lab_captured *p);
/** Reads a batch. @return how many were there, 0 = none; what fn returned; negative errno */
int lab_capture_read(struct lab_capture *c, unsigned socket, lab_capture_fn *fn, void *ctx);
/** @return how many packets found no room so far */
uint64_t lab_capture_lost(struct lab_capture *c);
void lab_capture_close(struct lab_capture *c);

#endif
