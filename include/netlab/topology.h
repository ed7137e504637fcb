/* SPDX-License-Identifier: MIT */
/**
 * @file topology.h
 * Topologies of libnetlab: read and check a file, see every problem at once, print what bringing it up would do.
 *
 * Nothing here touches the kernel or needs a privilege. Strings that are returned as `const char *` belong to the object
 * that they were asked of; those returned by `char **` belong to the caller, who frees them with netlab_free().
 * Functions that take a `struct netlab_err *` accept NULL, and fill it in only when they fail. Options and their
 * members may be zero: initialise the struct with zeros, and set what you want.
 *
 * The library is of soname 0: structs may grow from one minor version to the next, and programs are then rebuilt.
 */
#ifndef NETLAB_TOPOLOGY_H
#define NETLAB_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netlab/err.h"
#include "netlab/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A topology that was read and found valid. Immutable. */
struct netlab_topology;
/** Everything that was found in a file: errors and warnings, in file order. Immutable. */
struct netlab_diags;

/** One finding. Belongs to its netlab_diags. */
struct netlab_diag {
	bool warning;        /**< asked for, but will not behave as it reads; else an error */
	const char *where;   /**< "FILE:LINE:COLUMN", or "FILE: " and a JSON Pointer */
	const char *message; /**< what is wrong */
	const char *hint;    /**< what to do about it; NULL = nothing to say */
};

/** What a caller may set in place of what the file says. */
struct netlab_topology_options {
	const char *name; /**< of the lab, 1 to 63 of [A-Za-z0-9_.-]; NULL = the file's */
	bool seed_set;    /**< false = the file's seed */
	uint64_t seed;
};

/**
 * Reads and checks a topology file.
 * @param[in]  path       a file of at most 16 MiB
 * @param[in]  options    NULL = as the file says
 * @param[out] ret_diags  all findings, warnings too, whatever the outcome; free with netlab_diags_free(). NULL = unwanted
 * @param[out] ret        the topology, free with netlab_topology_free(); NULL unless 0 is returned
 * @param[out] err        the first error
 * @return 0; -EINVAL when there are errors (class NETLAB_EXIT_INVALID); -ENOENT, -EACCES, ... when the file cannot be
 *         read; -EFBIG; -ENOMEM
 */
NETLAB_API int netlab_topology_load(const char *path, const struct netlab_topology_options *options,
				    struct netlab_diags **ret_diags, struct netlab_topology **ret,
				    struct netlab_err *err);

/**
 * The same for bytes in memory.
 * @param[in]  text       JSON, not necessarily NUL-terminated; any bytes are safe
 * @param[in]  len        how many bytes, at most 16 MiB
 * @param[in]  file       what findings call it; its base name without extension is the lab's name where neither the text
 *                        nor the options give one
 * @param[in]  options    NULL = as the text says
 * @param[out] ret_diags  as above
 * @param[out] ret        as above
 * @param[out] err        as above
 * @return as above
 */
NETLAB_API int netlab_topology_parse(const char *text, size_t len, const char *file,
				     const struct netlab_topology_options *options,
				     struct netlab_diags **ret_diags, struct netlab_topology **ret,
				     struct netlab_err *err);

/** Frees it; labs that were brought up from it go on. NULL is nothing. */
NETLAB_API void netlab_topology_free(struct netlab_topology *t);

/** @return the name that the lab will have */
NETLAB_API const char *netlab_topology_name(const struct netlab_topology *t);
/** @return the seed of all randomness, given or made from the name */
NETLAB_API uint64_t netlab_topology_seed(const struct netlab_topology *t);
/** @return how many nodes, switches and hubs included */
NETLAB_API size_t netlab_topology_nodes(const struct netlab_topology *t);
/** @return name of the node in file order, from 0; NULL beyond the last */
NETLAB_API const char *netlab_topology_node(const struct netlab_topology *t, size_t index);
/** @return how many links */
NETLAB_API size_t netlab_topology_links(const struct netlab_topology *t);
/** @return name of the link in file order ("a--b" where the file gives none), from 0; NULL beyond the last */
NETLAB_API const char *netlab_topology_link(const struct netlab_topology *t, size_t index);

/** @return how many findings; 0 for NULL */
NETLAB_API size_t netlab_diags_count(const struct netlab_diags *d);
/** @return how many of them are errors; 0 for NULL */
NETLAB_API size_t netlab_diags_errors(const struct netlab_diags *d);
/** @return the finding in file order, from 0; NULL beyond the last */
NETLAB_API const struct netlab_diag *netlab_diags_get(const struct netlab_diags *d, size_t index);
/** Frees it. NULL is nothing. */
NETLAB_API void netlab_diags_free(struct netlab_diags *d);

/** How a plan is printed. */
enum netlab_plan_format {
	NETLAB_PLAN_TEXT, /**< for people: a line per operation, in order */
	NETLAB_PLAN_JSON, /**< {"name","seed","ops":[...]} */
	NETLAB_PLAN_SH,   /**< a script of ip, tc, unshare and nsenter that builds the same lab */
};

/**
 * What bringing the topology up would do, on a kernel that can do everything. The same topology gives the same bytes.
 * @param[in]  t       the topology
 * @param[in]  format  one of enum netlab_plan_format
 * @param[out] ret     the text; free with netlab_free()
 * @param[out] err     what failed
 * @return 0; -EINVAL when it cannot be planned (an address pool that is too small); -EOPNOTSUPP; -ENOMEM
 */
NETLAB_API int netlab_topology_plan(const struct netlab_topology *t, enum netlab_plan_format format,
				    char **ret, struct netlab_err *err);

/**
 * The JSON Schema of topology files.
 * @param[out] ret  the text; free with netlab_free()
 * @param[out] err  what failed
 * @return 0; -ENOMEM
 */
NETLAB_API int netlab_schema(char **ret, struct netlab_err *err);

/** Frees a text that this library returned. NULL is nothing. */
NETLAB_API void netlab_free(char *text);

#ifdef __cplusplus
}
#endif
#endif
