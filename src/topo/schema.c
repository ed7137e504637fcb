/* SPDX-License-Identifier: MIT */
/* The JSON Schema of the file format, from the parser's own tables. */
#include "topo/values.h"

#include <stdlib.h>

#include "base/cleanup.h"

/** What has been defined already, and what still has to be. */
struct schema {
	json_t *defs; /**< name under $defs to schema; owned */
	bool failed;
};

static void define_object(struct schema *s, const struct object_spec *spec);

/** Puts a new reference into an object. */
static void put(struct schema *s, json_t *object, const char *key, json_t *value)
{
	if (!value || json_object_set_new(object, key, value) < 0)
		s->failed = true;
}

static json_t *choices_schema(struct schema *s, const struct choice *c)
{
	json_t *words = json_array();

	for (; c->name; c++) {
		if (!c->later && json_array_append_new(words, json_string(c->name)) < 0)
			s->failed = true;
	}
	return json_pack("{s:o}", "enum", words);
}

static json_t *integer_schema(const struct range *range)
{
	return json_pack("{s:s,s:I,s:I}", "type", "integer", "minimum", (json_int_t)range->min,
			 "maximum", (json_int_t)range->max);
}

static json_t *type_schema(struct schema *s, const struct field *f)
{
	const struct value_type *type = f->type;
	const char *def = type->object ? type->object->def : type->def;

	if (type->object) {
		define_object(s, type->object);
	} else if (!def) {
		return f->type == &type_integer ? integer_schema(f->arg)
						: choices_schema(s, f->arg);
	} else if (!json_object_get(s->defs, def)) {
		put(s, s->defs, def, json_loads(type->schema, 0, NULL));
	}
	return json_pack("{s:o}", "$ref", json_sprintf("#/$defs/%s", def));
}

static void add_fields(struct schema *s, const struct object_spec *spec, bool is_default,
		       json_t *properties)
{
	for (size_t i = 0; i < spec->n_fields; i++) {
		const struct field *f = &spec->fields[i];
		json_t *schema;

		if (f->later || (f->own && is_default))
			continue;
		schema = type_schema(s, f);
		put(s, schema, "description", json_string(f->help));
		put(s, properties, f->name, schema);
	}
	if (spec->inner)
		add_fields(s, spec->inner, is_default, properties);
}

static json_t *object_schema(struct schema *s, const struct object_spec *spec)
{
	json_t *properties = json_object(), *required = json_array(), *schema;

	add_fields(s, spec, spec->is_default, properties);
	for (const char *const *name = spec->required; name && *name; name++) {
		if (json_array_append_new(required, json_string(*name)) < 0)
			s->failed = true;
	}
	schema = json_pack("{s:s,s:s,s:o,s:{s:b},s:b}", "type", "object", "description", spec->help,
			   "properties", properties, "patternProperties", "^//", 1,
			   "additionalProperties", 0);
	if (json_array_size(required) > 0)
		put(s, schema, "required", required);
	else
		json_decref(required);
	return schema;
}

static void define_object(struct schema *s, const struct object_spec *spec)
{
	if (json_object_get(s->defs, spec->def))
		return;
	put(s, s->defs, spec->def,
	    json_null()); /* breaks the circle of an object that holds itself */
	put(s, s->defs, spec->def, object_schema(s, spec));
}

/* Objects that no field's type names, only the text of a list's or map's schema does. */
static const struct object_spec *const elements[] = {
	&node_spec,  &link_spec,    &interface_spec, &route_spec, &service_spec,
	&dns_spec,   &loss_spec,    &trace_spec,     &event_spec, &capabilities_spec,
	&fault_spec, &restart_spec, &rootfs_spec,    &mount_spec, &file_spec,
};

/* The same of types. */
static const struct value_type *const texts[] = { &type_rate };

void topo_print_schema(struct buf *b)
{
	struct schema s = { .defs = json_object() };
	json_t *schema = object_schema(&s, &top_spec);
	_cleanup_free_ char *text = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(elements); i++)
		define_object(&s, elements[i]);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		put(&s, s.defs, texts[i]->def, json_loads(texts[i]->schema, 0, NULL));
	put(&s, schema, "$schema", json_string("https://json-schema.org/draft/2020-12/schema"));
	put(&s, schema, "title", json_string("netlab topology"));
	if (schema && json_object_set(schema, "$defs", s.defs) == 0 && !s.failed)
		text = json_dumps(schema, JSON_INDENT(2));
	if (text) {
		buf_puts(b, text);
		buf_puts(b, "\n");
	} else {
		b->failed = true;
	}
	json_decref(schema);
	json_decref(s.defs);
}
