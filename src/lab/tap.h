/* SPDX-License-Identifier: MIT */
/**
 * @file tap.h
 * Sockets that hear what passes a link or an interface, opened by the supervisor for whoever asks. Private to src/lab.
 */
#ifndef NETLAB_LAB_TAP_H
#define NETLAB_LAB_TAP_H

#include <jansson.h>

#include "netlab/err.h"

struct supervisor;

/**
 * Answers `capture`: "link", or "node" with "interface" and, for what the node sends, "out".
 * @param[out] ret_fd  a packet socket (sys/packet.h)
 * @return {"interfaces": [{"ifindex", "name", "description"}]}; NULL with *err
 */
json_t *tap_open(struct supervisor *s, const json_t *request, int *ret_fd, struct netlab_err *err);

#endif
