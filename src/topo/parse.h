/* SPDX-License-Identifier: MIT */
/**
 * @file parse.h
 * From the JSON document to nodes and links; what the parts of the parser share.
 */
#ifndef NETLAB_TOPO_PARSE_H
#define NETLAB_TOPO_PARSE_H

#include "topo/link.h"
#include "topo/node.h"

/** Where a thing stands in the file, kept for checks that come later. */
struct origin {
	const char *
		key; /**< node: its name as the file has it, good or not; borrowed from the document */
	uint32_t index;          /**< how many members come before it */
	uint32_t n_addresses[2]; /**< link: of each end, by its own `addresses` */
	uint32_t set;            /**< keys that its object gives itself: NODE_*, LINK_* */
};

/** A value that is parsed later than it is met: nodes need the defaults, links need the nodes. */
struct section {
	const json_t *value; /**< borrowed from the document; NULL = not given */
	struct path at;
};

enum top_key {
	TOP_VERSION,
	TOP_NAME,
	TOP_SEED,
	TOP_ENGINE,
	TOP_ADDRESSING, /**< written to the topology itself */
	TOP_ROUTING,
	TOP_ECMP,
	TOP_HOSTS,
	TOP_DEFAULTS,
	TOP_NODES,
	TOP_LINKS,
	TOP_TIMELINE,
	TOP_FAULTS,
};

/** What the top level says. */
struct top_draft {
	uint32_t set;   /**< TOP_* of the keys that were good */
	uint32_t given; /**< TOP_NAME when the key is there, good or not */
	uint32_t version;
	const char *name;
	uint64_t seed;
	int engine, routing;
	bool ecmp, hosts;
	struct section defaults, nodes, links, timeline, faults;
};

/** What `defaults` says. */
struct defaults_draft {
	uint32_t set;
	struct node_draft node;
	struct link_draft link;
};

/** Names to indexes, kept with the topology (topo->index). */
struct topo_index {
	struct map nodes, links;
};

/** Everything about a file while it is parsed. */
struct document {
	struct parser p;
	const json_t *json; /**< the root; borrowed */
	struct path root;
	struct top_draft top;
	struct defaults_draft defaults;
	struct origin *node_origins; /**< per node; owned by the topology's arena, as the next */
	struct origin *link_origins; /**< per link */
	struct map nodes, links;     /**< name to index */
	struct map interfaces;       /**< "NODE INDEX:INTERFACE" to 2 * link + end */
};

/** Parses `nodes` into the topology. */
void parse_nodes(struct document *d);
/** Parses `links` into the topology; nodes have to be there. */
void parse_links(struct document *d);
/** Names the interfaces of all link ends: those given, and ethN for the others. Fills in what `interfaces` says of them. */
void resolve_interfaces(struct document *d);
/** Finds what services come after, and refuses circles. */
void check_services(struct document *d);
/** Parses `timeline` into the topology; nodes and links have to be there. */
void parse_timeline(struct document *d);
/** Parses `faults` into the topology; nodes and links have to be there. */
void parse_faults(struct document *d);
/** Checks what a timeline makes of its links. */
void check_timeline(struct document *d);
/** Checks that only the whole allows: references, addresses used twice, what cannot work together. */
void check_document(struct document *d);
/** Servers of `dns` that are nodes. */
void check_dns(struct document *d);
/** Names that will not lead to their nodes. */
void check_names(struct document *d);
/** The part of it that is about addresses. */
void check_addresses(struct document *d);

/** Finds a node by its name; says so if there is none, with the nearest that there is.
 *  @param[out] ret  its index; MAP_NONE = there is none @return whether there is one */
bool find_node(struct document *d, const struct path *at, const char *name, size_t *ret);
/** Finds a link in the same way. */
bool find_link(struct document *d, const struct path *at, const char *name, size_t *ret);
/**
 * Which directions of a link a `from` means: from that node; NULL = both.
 * @param[in]  link  index of a link, whose ends may be missing
 * @param[out] ret   0 = from the first end to the second
 * @return whether there is such a node and it is an end of the link; if not, a diagnostic was added
 */
bool find_directions(struct document *d, const struct path *at, const char *from, size_t link,
		     bool ret[2]);

/** Place of a node's object. */
struct path node_path(const struct document *d, size_t node);
/** Place of a link's object. */
struct path link_path(const struct document *d, size_t link);
/** @return what has that interface name in a node: 2 * link + end; MAP_NONE */
size_t find_interface(const struct document *d, size_t node, const char *ifname);

#endif
