/* SPDX-License-Identifier: MIT */
/**
 * @file values.h
 * The kinds of value that keys of the topology file have.
 */
#ifndef NETLAB_TOPO_VALUES_H
#define NETLAB_TOPO_VALUES_H

#include "topo/fields.h"

extern const struct value_type type_bool; /**< bool */
extern const struct value_type
	type_integer; /**< uint32_t, or int32_t where the range goes below 0; arg: struct range */
extern const struct value_type type_choice; /**< int; arg: struct choice list */
extern const struct value_type type_time;   /**< uint64_t, ns */
extern const struct value_type type_rate;   /**< uint64_t, bit/s */
extern const struct value_type type_size;   /**< uint32_t, bytes */
extern const struct value_type type_room;   /**< uint64_t, bytes, from 1 to INT64_MAX */
extern const struct value_type type_share;  /**< double, 0..1 */
extern const struct value_type type_count;  /**< double, >= 1 */
extern const struct value_type type_seed;   /**< uint64_t */
extern const struct value_type
	type_text; /**< const char *: any, names of others too, which are looked up later */
extern const struct value_type type_name;      /**< const char *, checked by name_check() */
extern const struct value_type type_addresses; /**< struct address_list */
extern const struct value_type type_mac;       /**< uint8_t[6] */
extern const struct value_type type_pairs;     /**< struct pair_list: environment variables */
extern const struct value_type type_sysctls;   /**< struct pair_list */
extern const struct value_type type_argv;      /**< const char *const * */
extern const struct value_type type_path;      /**< const char *: of a file of the host's */

struct address_list {
	struct ip_prefix *items;
	size_t n;
};

struct pair_list {
	struct topo_pair *items;
	size_t n;
};

/** Parses one "10.0.0.1/24" of an interface into *ret, with all that makes an address unfit for a host.
 *  @param[in] lo  the interface is lo: a missing length is the whole address, 127.0.0.0/8 is allowed */
bool address_parse(struct parser *p, const struct path *at, const json_t *v, bool lo,
		   struct ip_prefix *ret);
/** Parses a list of addresses, or one alone, or null for none. */
bool addresses_parse(struct parser *p, const struct path *at, const json_t *v, bool lo,
		     struct address_list *ret);

#endif
