/* SPDX-License-Identifier: MIT */
/**
 * @file model.h
 * A topology, checked: what the file says, references resolved to indexes, defaults merged in. Nothing computed: names,
 * addresses and routes that netlab fills in are the plan's (plan/plan.h). Owned by its arena; read-only once made.
 */
#ifndef NETLAB_TOPO_MODEL_H
#define NETLAB_TOPO_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/ip.h"
#include "topo/fault.h"
#include "topo/impairment.h"

enum {
	TOPO_FILE_MAX_BYTES = 16 * 1024 * 1024,
	TOPO_DEPTH_MAX = 64,
	TOPO_NODES_MAX = 100000,
	TOPO_LINKS_MAX = 100000,
	TOPO_EVENTS_MAX = 10000,
	TOPO_FAULTS_MAX = 1000,
	TOPO_REGEX_MAX = 256, /* bytes */
	TOPO_MTU_MIN = 68,    /* RFC 791; 1280 with IPv6 (RFC 8200), which the checker says */
	TOPO_MTU_MAX = 65535, /* veth's max_mtu is 65535: drivers/net/veth.c, ETH_MAX_MTU */
	TOPO_COST_MAX = 65535,
	TOPO_PATH_MAX = 4095, /* PATH_MAX less its end, linux/limits.h */
};

enum topo_engine { TOPO_ENGINE_AUTO, TOPO_ENGINE_NETEM, TOPO_ENGINE_WIRE };
enum topo_routing { TOPO_ROUTING_AUTO, TOPO_ROUTING_NONE };
enum topo_kind { TOPO_HOST, TOPO_ROUTER, TOPO_UPLINK, TOPO_SWITCH, TOPO_HUB };
enum topo_join { TOPO_JOIN_AUTO, TOPO_JOIN_PATCH, TOPO_JOIN_NETEM, TOPO_JOIN_WIRE };
enum topo_route_type { TOPO_ROUTE_UNICAST, TOPO_ROUTE_BLACKHOLE, TOPO_ROUTE_UNREACHABLE };

struct topo_pair {
	const char *key, *value;
};

/** An entry of a node's `interfaces`: settings for an interface that a link makes, or for "lo". */
struct topo_interface {
	const char *name;
	struct ip_prefix *addresses;
	size_t n_addresses;
	bool mac_set;
	uint8_t mac[6];
	uint32_t mtu; /**< 0 = not given */
};

struct topo_route {
	enum topo_route_type type;
	struct ip_prefix to; /**< network; family always set ("default" needs a via to tell it) */
	struct ip_addr via;  /**< family 0 = none */
	const char *dev;     /**< NULL = found from via */
	uint32_t metric;     /**< 0 = the kernel's default */
};

/** How a service shows that it can be used. */
enum topo_ready_kind {
	TOPO_READY_STARTED, /**< nothing is asked: it runs */
	TOPO_READY_TCP,     /**< something in the node listens on a port */
	TOPO_READY_LOG,     /**< a line of its output matches */
	TOPO_READY_EXEC,    /**< a program ends with exit code 0 */
	TOPO_READY_FILE,    /**< a file is there that was not, or has changed */
};

struct topo_ready {
	enum topo_ready_kind kind;
	uint32_t port;          /**< TCP */
	const char *regex;      /**< LOG: POSIX extended; compiles */
	const char *const *run; /**< EXEC: argv, NULL-terminated, at least one */
	const char *file;       /**< FILE: absolute, as the node sees it */
	uint64_t timeout_ns;    /**< > 0; but 0 when STARTED */
};

enum topo_restart_policy {
	TOPO_RESTART_NEVER,
	TOPO_RESTART_ON_FAILURE, /**< a signal, an exit code other than 0, or not ready in time */
	TOPO_RESTART_ALWAYS,
};

struct topo_restart {
	enum topo_restart_policy policy;
	uint64_t delay_ns; /**< before the first; each further one in a row waits twice as long */
	uint64_t max_delay_ns; /**< at most this; who has run for so long begins anew */
	uint32_t max;          /**< how many in a row; 0 = any number */
};

/** Signals by name: their numbers are the kernel's, and the parser has none. */
enum topo_signal {
	TOPO_SIGTERM,
	TOPO_SIGHUP,
	TOPO_SIGINT,
	TOPO_SIGQUIT,
	TOPO_SIGKILL,
	TOPO_SIGUSR1,
	TOPO_SIGUSR2,
	TOPO_SIGWINCH,
};

/** A service that has to be ready first. */
struct topo_after {
	const char *text; /**< as the file has it: "NAME" or "NODE/NAME" */
	size_t node;      /**< index; TOPO_OWN_NODE for the node that has the service */
	size_t service;   /**< index into its services */
};

#define TOPO_OWN_NODE SIZE_MAX

/** A service of a node, by indexes. */
struct topo_place {
	size_t node, service;
};

struct topo_service {
	const char *name;
	const char *const *run; /**< argv, NULL-terminated, at least one */
	const struct topo_pair *env;
	size_t n_env;
	const char *user; /**< NULL = the node's */
	const struct topo_after *after;
	size_t n_after;
	struct topo_ready ready;
	struct topo_restart restart;
	enum topo_signal stop_signal;
};

/** What the programs of a node may do; sets of capabilities as in base/capabilities.h. */
struct topo_privileges {
	bool all;      /**< "privileged" */
	uint64_t kept; /**< capabilities */
	uint64_t
		asked; /**< those of them that the file names: a host that lacks one is no host for it */
};

/** What a node's resolv.conf holds. */
struct topo_dns {
	const char *text;           /**< as it stands; NULL = made of what follows */
	const char *const *servers; /**< addresses, or names of nodes */
	size_t n_servers;
	const char *const *search;
	size_t n_search;
	const char *const *options;
	size_t n_options;
};

/** By cgroup. Zero = no limit. */
struct topo_limits {
	bool given; /**< the node gets cgroups: also without any limit, for what they count */
	uint64_t memory_bytes; /**< swap included */
	uint32_t cpu_milli;    /**< thousandths of a processor */
	uint32_t pids;
};

/** Namespaces of a node, as bits of topo_node.share. */
enum topo_namespace {
	TOPO_NS_PID = 1u << 0,
	TOPO_NS_MNT = 1u << 1,
	TOPO_NS_UTS = 1u << 2,
	TOPO_NS_IPC = 1u << 3,
	TOPO_NS_CGROUP = 1u << 4,
	TOPO_NS_USER = 1u << 5,
};

enum topo_mount_kind { TOPO_MOUNT_BIND, TOPO_MOUNT_TMPFS, TOPO_MOUNT_OVERLAY };

/** An entry of `mounts`. */
struct topo_mount {
	enum topo_mount_kind kind;
	const char *source;  /**< BIND, OVERLAY: path of the host's */
	const char *at;      /**< path in the node, absolute, without ".." */
	bool rw;             /**< BIND */
	uint64_t size_bytes; /**< TMPFS; 0 = the kernel's default, half of the memory */
	uint32_t mode;       /**< TMPFS: of its root */
};

/** An entry of `files`: a file, or a directory. */
struct topo_file {
	const char *path; /**< in the node, absolute, without "..", no slash at the end */
	bool directory;
	const char *content; /**< of a file; NULL when it is taken from one of the host's */
	const char *from;    /**< path of the host's */
	uint32_t mode;
	const char *
		owner; /**< "USER" or "USER:GROUP", of the node's /etc/passwd and /etc/group; NULL = root */
};

/** The file tree of a node, where it is not the default one (docs/adr 14). */
struct topo_tree {
	const char *rootfs; /**< directory of the host's; NULL = the host's own tree */
	bool writable;      /**< rootfs: what the node writes lands in that directory */
	const struct topo_mount *mounts;
	size_t n_mounts;
	const struct topo_file *files;
	size_t n_files;
};

struct topo_node {
	const char *name;
	enum topo_kind kind;
	bool stp; /**< switch only */
	const struct topo_interface *interfaces;
	size_t n_interfaces;
	const struct topo_route *routes;
	size_t n_routes;
	/** keys with dots ("net.ipv4.ip_forward"), slashes already refused */
	const struct topo_pair *sysctls;
	size_t n_sysctls;
	const struct topo_pair *env;
	size_t n_env;
	const char *hostname; /**< never NULL: the node's name when not given */
	const char *cwd;      /**< absolute; NULL = "/" */
	const char *user;     /**< NULL = root of the node */
	struct topo_privileges privileges;
	const struct topo_dns *dns; /**< NULL = no server */
	struct topo_limits limits;
	unsigned share; /**< set of enum topo_namespace that are the supervisor's */
	struct topo_tree tree;
	const struct topo_service *services;
	size_t n_services;
	/** what the timeline runs here: services that start later, named "timeline--N", N being the event's number from 1 */
	const struct topo_service *commands;
	size_t n_commands;
};

struct topo_end {
	size_t node; /**< index into topo->nodes */
	/** never NULL: as given by "node:ifname", else the next free of the node's eth0, eth1... in file order (names that
	 *  the file gives on that node are passed over) */
	const char *ifname;
	/** of the link's `addresses` and of the node's `interfaces` entry, in this order */
	const struct ip_prefix *addresses;
	size_t n_addresses;
	bool mac_set;
	uint8_t mac[6];
	uint32_t mtu; /**< 0 = the link's */
};

struct topo_link {
	const char *name; /**< never NULL: "a--b", "a--b.2" when not given */
	struct topo_end ends[2];
	uint32_t mtu;  /**< 0 = 1500 */
	uint32_t cost; /**< 1.. ; default 1 */
	bool offload;  /**< keep segmentation offloads although the link shapes */
	bool carrier;  /**< default true; false: the ends see a cut cable */
	enum topo_join join;
	/** [0] "->" from ends[0] to ends[1], [1] "<-"; both with the common keys merged in and
	 * `seed` always set (hash of lab seed, link, direction when not given) */
	struct impairment dir[2];
};

enum topo_trigger {
	TOPO_AT,       /**< at_ns after the lab became ready */
	TOPO_ON_LOG,   /**< a line of a service's log matches */
	TOPO_ON_PACKET /**< the nth frame that matches, in either direction of a link */
};
enum topo_action { TOPO_CHANGE, TOPO_EXEC };
enum topo_basis {
	TOPO_BASIS_PRESENT, /**< only the keys named change */
	TOPO_BASIS_FILE,    /**< "clear": back to what the link's object says first */
};
enum topo_carrier { TOPO_CARRIER_KEEP, TOPO_CARRIER_OFF, TOPO_CARRIER_ON };

/** An entry of `timeline`. */
struct topo_event {
	enum topo_trigger trigger;
	uint64_t at_ns;
	size_t log_node, log_service; /**< ON_LOG: indexes */
	const char *regex;            /**< ON_LOG: POSIX extended; compiles */
	size_t packet_link;           /**< ON_PACKET: index */
	const char *match; /**< ON_PACKET: a pcap expression, not compiled; "" = every frame */
	uint64_t nth;      /**< ON_PACKET: from 1 */
	enum topo_action action;
	/* CHANGE */
	size_t link;  /**< index */
	bool dirs[2]; /**< which directions it is for */
	enum topo_basis basis;
	struct impairment keys[2]; /**< of each direction; `set` tells which */
	enum topo_carrier carrier;
	uint64_t ramp_ns; /**< 0 = at once */
	/* EXEC */
	size_t node;    /**< index */
	size_t command; /**< of the node's commands */
};

struct topo {
	struct arena arena;
	const char *name;
	uint64_t seed; /**< given, or the hash of the name */
	enum topo_engine engine;
	enum topo_routing routing;
	bool ecmp, hosts;
	bool ipv4, ipv6; /**< families that netlab addresses */
	struct ip_prefix ipv4_pool, ipv6_pool;
	struct topo_node *nodes;
	size_t n_nodes;
	struct topo_link *links;
	size_t n_links;
	const char
		*dir; /**< absolute, that relative paths in the file count from; NULL = not known */
	const struct topo_event *timeline; /**< in file order */
	size_t n_events;
	const struct topo_fault *faults; /**< in file order */
	size_t n_faults;
	/** all services in an order to start them in; NULL = that of the nodes and their services */
	const struct topo_place *start_order;
	size_t n_start_order;
	struct topo_index *index; /**< names to indexes, topo.c's; NULL = search one by one */
};

/** One finding about a file. */
struct topo_diag {
	bool warning;
	const char *where; /**< "FILE:LINE:COLUMN" or "FILE: /json/pointer" */
	const char *message;
	const char *hint; /**< NULL = none */
};

struct topo_diags {
	struct arena arena; /**< owns the texts */
	struct topo_diag *items;
	size_t n, size;
	size_t n_errors;
	bool failed; /**< out of memory: the list is incomplete */
};

/** What the command line overrides before defaults are derived. Zero = nothing. */
struct topo_overrides {
	const char *name; /**< NULL = the file's */
	bool seed_set;
	uint64_t seed;
	bool engine_set;
	enum topo_engine engine;
	/** What relative paths in the file count from: a directory that ends in a slash. NULL = the directory in `file` */
	const char *dir;
};

/**
 * Parses and checks a topology. Pure: no I/O.
 * @param[in]  text        the bytes; any bytes are safe
 * @param[in]  len         how many
 * @param[in]  file        the file's name for diagnostics; its base name without extension is the default lab name
 * @param[in]  overrides   may be NULL
 * @param[out] diags       every problem and warning, in file order; initialise with zero, free with topo_diags_deinit()
 * @param[out] ret         the topology, to be freed with topo_free(); only set when there was no error
 * @return 0; -EINVAL when diags has errors; -ENOMEM
 */
int topo_parse(const char *text, size_t len, const char *file,
	       const struct topo_overrides *overrides, struct topo_diags *diags, struct topo **ret);
void topo_free(struct topo *t);
void topo_diags_deinit(struct topo_diags *d);

/** The JSON Schema (draft 2020-12) of the file format, from the parser's own tables. */
void topo_print_schema(struct buf *b);

/** @return index of the node or SIZE_MAX */
size_t topo_find_node(const struct topo *t, const char *name);
/** @return index of the link or SIZE_MAX */
size_t topo_find_link(const struct topo *t, const char *name);
const char *topo_kind_name(enum topo_kind kind);
/** "never", "on-failure", "always" */
const char *topo_restart_name(enum topo_restart_policy policy);
/** "SIGTERM", ... */
const char *topo_signal_name(enum topo_signal signal);
/** "pid", "mnt", ...: the name of one bit of enum topo_namespace. */
const char *topo_namespace_name(unsigned bit);
/** A direction's key in the file and in every answer: "->" is from the first endpoint to the second. */
static inline const char *topo_arrow(unsigned dir)
{
	return dir == 0 ? "->" : "<-";
}
/** Hosts and routers (an uplink is one) have addresses; switches and hubs forward frames. */
static inline bool topo_is_ip(const struct topo_node *n)
{
	return n->kind != TOPO_SWITCH && n->kind != TOPO_HUB;
}
/** An uplink is a router that leads out of the lab. */
static inline bool topo_forwards(const struct topo_node *n)
{
	return n->kind == TOPO_ROUTER || n->kind == TOPO_UPLINK;
}

#endif
