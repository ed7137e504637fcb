/* SPDX-License-Identifier: MIT */
/**
 * @file fields.h
 * Objects of the topology file as tables of their keys. One table per object drives the parser, the suggestion for a
 * misspelt key and the JSON Schema, so that the three cannot disagree.
 *
 * Theory of operation. An object is parsed into a *target*: a struct whose first member is `uint32_t set`. Each key has
 * a field with a value type; the type's parse function writes at `offset` into the target, and when it succeeded the
 * field's bit is set. Keys that begin with "//" are comments. A key that a later version will know has `later` set: it
 * is refused, never ignored. To make such a key work, clear `later` and give it a type and an offset.
 */
#ifndef NETLAB_TOPO_FIELDS_H
#define NETLAB_TOPO_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "topo/diag.h"
#include "topo/model.h"

enum {
	/* Defaults count for every node: without a bound a small file could ask for any amount of work. */
	DEFAULTS_LIST_MAX = 256,
};

struct field;

/** What parsing carries along. */
struct parser {
	struct diag_sink diags;
	struct topo *topo;
	struct arena *arena; /**< the topology's */
	bool oom;
	bool in_defaults; /**< inside `defaults` */
	/** What relative paths count from, up to and with its last slash; NULL = nothing. Borrowed. */
	const char *dir;
	size_t dir_len;
};

/**
 * Parses one value.
 * @param[in]  f    the field; its `arg` holds what the type needs (bounds, choices)
 * @param[out] out  written only on success
 * @return whether the value was good; if not, a diagnostic was added (or p->oom set)
 */
typedef bool value_fn(struct parser *p, const struct path *at, const json_t *v,
		      const struct field *f, void *out);

struct value_type {
	value_fn *parse;
	const char *
		def; /**< name under $defs in the schema; NULL: the schema comes from the field's arg */
	const char *schema; /**< JSON text of that definition; NULL: an object, see `object` */
	const struct object_spec *object;
};

/** One allowed word; a list ends with a NULL name. */
struct choice {
	const char *name;
	int value;
	const char *later; /**< not NULL: refused, and this says what it is */
};

/** Bounds of an integer. */
struct range {
	int64_t min, max;
};

struct field {
	const char *name;
	const char *help;  /**< one sentence, for the schema and for documentation */
	const char *later; /**< not NULL: "not in this version"; says what the key is about */
	const struct value_type *type;
	const void *arg; /**< const struct choice * or const struct range *, as the type needs */
	size_t offset;
	unsigned bit;
	bool own; /**< belongs to one object only, so it cannot stand in `defaults` */
};

struct object_spec {
	const char *def;  /**< name under $defs */
	const char *noun; /**< "a link": for messages */
	const char *help;
	const struct field *fields;
	size_t n_fields;
	/** Another object's keys that count here too, written to the target at inner_offset; NULL = none. */
	const struct object_spec *inner;
	size_t inner_offset;
	/** Where a key that is unknown here may belong instead, with the words that say so; NULL = nowhere. */
	const struct object_spec *elsewhere;
	const char *elsewhere_text;
	const char *const *required; /**< names, NULL-terminated; NULL = none */
	bool is_default;             /**< keys marked `own` are not in the schema */
};

/** @return whether the key is a comment */
static inline bool is_comment(const char *key)
{
	return key[0] == '/' && key[1] == '/';
}

/**
 * Parses an object by its table.
 * @return whether it was an object; single keys may have been refused (their bits are clear)
 */
bool object_parse(struct parser *p, const struct path *at, const json_t *v,
		  const struct object_spec *spec, void *target);

/** Copies text into the topology. @return NULL and p->oom when out of memory */
char *parser_strdup(struct parser *p, const char *text);
/** Zeroed array of the topology. @return NULL and p->oom when out of memory */
void *parser_array(struct parser *p, size_t n, size_t size);

/** "a string", "a number", ...: what a JSON value is. */
const char *json_kind(const json_t *v);
/** Adds "'x' is a number, but has to be a string" for a value of the wrong kind. @return false */
bool wrong_kind(struct parser *p, const struct path *at, const json_t *v, const char *wanted,
		const char *hint);

/** Enforces DEFAULTS_LIST_MAX inside `defaults`. @return whether so many entries are allowed */
bool list_fits(struct parser *p, const struct path *at, size_t n);

/** @return the choice of that value's name; never NULL for a value of the list */
const char *choice_name(const struct choice *choices, int value);

/* The tables. */
extern const struct object_spec top_spec, defaults_spec, addressing_spec;
extern const struct object_spec node_spec, interface_spec, route_spec, service_spec,
	capabilities_spec, limits_spec;
extern const struct object_spec rootfs_spec, mount_spec, file_spec;
extern const struct object_spec link_spec, link_defaults_spec, direction_spec;
extern const struct object_spec dns_spec;
extern const struct object_spec loss_spec, burst_spec, gemodel_spec, state_spec, slot_spec,
	trace_spec;
extern const struct object_spec ready_spec, restart_spec;
extern const struct object_spec event_spec, when_spec, event_exec_spec;
extern const struct object_spec fault_spec;

#endif
