/* SPDX-License-Identifier: MIT */
/**
 * @file api.h
 * What the parts of libnetlab's public interface (api_topology.c, api.c, api_exec.c, ...) share. Private to them.
 */
#ifndef NETLAB_LAB_API_H
#define NETLAB_LAB_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lab/lab.h"
#include "netlab/topology.h"
#include "topo/model.h"

struct netlab_topology {
	struct topo *topo; /**< owned */
	char *text; /**< owned; kept, so that it can be read again with another name or seed */
	size_t len;
	char *file; /**< owned */
};

struct netlab_lab {
	char *name; /**< owned */
	char state_dir[4096];
	struct lab_handle handle; /**< pid 0: not brought up by this process, or down */
	bool ours;                /**< it ends with the object */
};

/** @return `err`, or where it is NULL one to throw away: inside the library there is always one */
struct netlab_err *api_err(struct netlab_err *err);
/**
 * The text of a document.
 * @param[in]  doc  stolen; NULL = there was no memory for it
 * @param[out] ret  malloc'ed; NULL on failure
 * @return 0; -ENOMEM
 */
int api_take_json(json_t *doc, char **ret, struct netlab_err *err);
/**
 * Name and seed that a caller gives in place of the file's.
 * @param[in] name  NULL = the file's
 * @param[in] seed  NULL = the file's
 * @return 0; -EINVAL with *err of class USAGE
 */
int api_overrides(const char *name, const uint64_t *seed, struct topo_overrides *ret,
		  struct netlab_err *err);
/** topo_parse() with findings for the public. @return 0 and a topology to free with topo_free(); -EINVAL; -ENOMEM */
int api_parse(const char *text, size_t len, const char *file,
	      const struct topo_overrides *overrides, struct netlab_diags **ret_diags,
	      struct topo **ret, struct netlab_err *err);

#endif
