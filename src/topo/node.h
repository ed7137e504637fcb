/* SPDX-License-Identifier: MIT */
/**
 * @file node.h
 * Nodes while they are parsed.
 */
#ifndef NETLAB_TOPO_NODE_H
#define NETLAB_TOPO_NODE_H

#include "topo/values.h"

enum node_key {
	NODE_KIND,
	NODE_STP,
	NODE_INTERFACES,
	NODE_ROUTES,
	NODE_SYSCTLS,
	NODE_ENV,
	NODE_HOSTNAME,
	NODE_CWD,
	NODE_USER,
	NODE_SERVICES,
	NODE_CAPABILITIES,
	NODE_PRIVILEGED,
	NODE_DNS,
	NODE_LIMITS,
	NODE_SHARE,
	NODE_ROOTFS,
	NODE_MOUNTS,
	NODE_FILES,
};

struct interface_list {
	struct topo_interface *items;
	size_t n;
};

struct route_list {
	struct topo_route *items;
	size_t n;
};

struct service_list {
	struct topo_service *items;
	size_t n;
};

/** What `limits` says. */
struct limits_draft {
	uint32_t set;
	uint64_t memory_bytes;
	uint32_t cpu_milli, pids;
};

struct mount_list {
	struct topo_mount *items;
	size_t n;
};

struct file_list {
	struct topo_file *items;
	size_t n;
};

struct rootfs_draft {
	uint32_t set;
	const char *path;
	bool writable;
};

/** What a node's object says. */
struct node_draft {
	uint32_t set; /**< NODE_* */
	int kind;
	bool stp;
	struct interface_list interfaces;
	struct route_list routes;
	struct pair_list sysctls, env;
	const char *hostname, *cwd, *user;
	struct service_list services;
	struct topo_privileges capabilities;
	bool privileged;
	const struct topo_dns *dns;
	struct limits_draft limits;
	unsigned share;
	struct rootfs_draft rootfs;
	struct mount_list mounts;
	struct file_list files;
};

extern const struct value_type type_interfaces; /**< struct interface_list */
extern const struct value_type type_routes;     /**< struct route_list */
extern const struct value_type type_services;   /**< struct service_list */
extern const struct value_type type_dns;        /**< const struct topo_dns * */
extern const struct value_type type_user;       /**< const char * */
extern const struct value_type type_limits;     /**< struct limits_draft */

/** The node's limits: its own keys, and the defaults' where it has none. */
struct topo_limits limits_merge(const struct limits_draft *own, bool own_given,
				const struct limits_draft *defaults, bool defaults_given);
extern const struct value_type type_share_list; /**< unsigned, set of enum topo_namespace */
extern const struct value_type type_rootfs;     /**< struct rootfs_draft */
extern const struct value_type type_mounts;     /**< struct mount_list */
extern const struct value_type type_files;      /**< struct file_list */

/** What a draft and the defaults come to: the file tree, and the namespaces that are shared. */
void node_merge_tree(struct parser *p, const struct node_draft *draft,
		     const struct node_draft *defaults, struct topo_node *ret);
/** Checks what only the whole node tells. @param[in] at  the node's object */
void node_check_tree(struct parser *p, const struct path *at, const struct node_draft *draft,
		     const struct topo_node *node);

extern const struct value_type type_capabilities; /**< struct topo_privileges */

/** @return whether an object's keys about privileges go together; if not, a diagnostic was added */
bool node_check_privileges(struct parser *p, const struct path *at, const struct node_draft *draft);
/** What a draft and the defaults come to. */
void node_merge_privileges(const struct node_draft *draft, const struct node_draft *defaults,
			   struct topo_privileges *ret);

/**
 * The defaults' items, and the node's own in place of those of the same key.
 * @param[in]  size   of an item, whose first member is its key (const char *)
 * @param[out] ret_n  how many there are
 * @return an array of the arena's, or `own` where there is nothing to merge; when out of memory (p->oom) `own`, too
 */
const void *node_merge_items(struct parser *p, const void *own, size_t n_own, const void *defaults,
			     size_t n_defaults, size_t size, size_t *ret_n);
/** Makes the node of a draft and the defaults; the name is not set. @return false when out of memory (p->oom) */
bool node_merge(struct parser *p, const struct node_draft *draft, const struct node_draft *defaults,
		struct topo_node *ret);

#endif
