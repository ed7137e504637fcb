/* SPDX-License-Identifier: MIT */
/**
 * @file client.h
 * One request to a lab's supervisor. Private to src/lab.
 */
#ifndef NETLAB_LAB_CLIENT_H
#define NETLAB_LAB_CLIENT_H

#include <jansson.h>

#include "lab/lab.h"

/**
 * Asks a lab.
 * @param[in]  request  stolen
 * @param[out] ret      new reference to the result; NULL = unwanted
 * @param[out] ret_fd   descriptor that came along (must hold -1 before); NULL = unwanted
 * @return 0; -ENOENT when the lab is not running; the lab's own error
 */
int lab_request(const char *state_dir, const char *name, json_t *request, json_t **ret, int *ret_fd,
		struct netlab_err *err);
/** The same with a descriptor that goes along; borrowed. */
int lab_request_passing(const char *state_dir, const char *name, json_t *request, int pass_fd,
			json_t **ret, struct netlab_err *err);
/** The same over a connection. */
int lab_request_fd(int fd, json_t *request, json_t **ret, int *ret_fd, struct netlab_err *err);
/** Removes what dead labs left in the state directory. */
void lab_sweep(const char *state_dir);

#endif
