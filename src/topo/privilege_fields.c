/* SPDX-License-Identifier: MIT */
/* The keys of a node that say what its programs may do: `capabilities`; and what becomes of them with `privileged`. */
#include "topo/node.h"

#include "base/capabilities.h"
#include "base/cleanup.h"

static bool parse_capability(struct parser *p, const struct path *at, const json_t *v,
			     uint64_t *set)
{
	const char *name = json_string_value(v), *meant;
	int number;

	if (!name)
		return wrong_kind(p, at, v, "the name of a capability", "e.g. \"net_admin\"");
	number = capability_number(name);
	if (number < 0) {
		meant = capability_nearest(name);
		diag_error(&p->diags, at,
			   meant ? diag_hint(&p->diags, "did you mean '%s'?", meant)
				 : "see capabilities(7); write \"net_admin\" for CAP_NET_ADMIN",
			   "'%s' is no capability", diag_quote(&p->diags, name));
		return false;
	}
	if (capability_is_reserved((unsigned)number)) {
		diag_error(
			&p->diags, at,
			"write \"privileged\": true, and trust what runs there as you trust root",
			"a node gets '%s' only together with all others", name);
		return false;
	}
	*set |= CAPABILITY_BIT(number);
	return true;
}

static bool parse_set(struct parser *p, const struct path *at, const json_t *v,
		      const struct field *f, void *out)
{
	uint64_t set = 0;
	bool good = true;

	(void)f;
	if (!json_is_array(v))
		return wrong_kind(p, at, v, "a list of capabilities",
				  "e.g. [\"net_admin\", \"net_raw\"]");
	if (!list_fits(p, at, json_array_size(v)))
		return false;
	for (size_t i = 0; i < json_array_size(v); i++) {
		const struct path item = { .up = at, .index = i };

		if (!parse_capability(p, &item, json_array_get(v, i), &set))
			good = false;
	}
	if (good)
		*(uint64_t *)out = set;
	return good;
}

/* What 'add' knows, 'drop' knows, and so the list: the schema says it once. */
static const struct value_type type_capability_set = {
	parse_set,
	"capability-set",
	"{\"type\":\"array\",\"items\":{\"enum\":[\"chown\",\"dac_override\",\"dac_read_search\","
	"\"fowner\",\"fsetid\",\"kill\",\"setgid\",\"setuid\",\"setpcap\",\"linux_immutable\","
	"\"net_bind_service\",\"net_broadcast\",\"net_admin\",\"net_raw\",\"ipc_lock\",\"ipc_owner\","
	"\"sys_chroot\",\"sys_admin\",\"sys_nice\",\"sys_resource\",\"lease\",\"audit_write\","
	"\"setfcap\"]}}",
	NULL,
};

enum { CHANGE_ADD, CHANGE_DROP };

struct change_draft {
	uint32_t set;
	uint64_t add, drop;
};

static const struct field change_fields[] = {
	{ .name = "add",
	  .help = "Besides the default ones.",
	  .type = &type_capability_set,
	  .offset = offsetof(struct change_draft, add),
	  .bit = CHANGE_ADD },
	{ .name = "drop",
	  .help = "Of the default ones, those that are taken away.",
	  .type = &type_capability_set,
	  .offset = offsetof(struct change_draft, drop),
	  .bit = CHANGE_DROP },
};

const struct object_spec capabilities_spec = {
	.def = "capability-change",
	.noun = "capabilities",
	.help = "A change of the default capabilities.",
	.fields = change_fields,
	.n_fields = ARRAY_SIZE(change_fields),
};

static bool parse_capabilities(struct parser *p, const struct path *at, const json_t *v,
			       const struct field *f, void *out)
{
	struct topo_privileges *ret = out;
	struct change_draft change = { 0 };
	uint64_t exactly;

	if (json_is_array(v)) {
		if (!parse_set(p, at, v, f, &exactly))
			return false;
		*ret = (struct topo_privileges){ .kept = exactly, .asked = exactly };
		return true;
	}
	if (!json_is_object(v))
		return wrong_kind(
			p, at, v, "a list of capabilities or an object",
			"e.g. [\"net_admin\", \"net_raw\"], or {\"add\": [\"sys_nice\"]}");
	if (!object_parse(p, at, v, &capabilities_spec, &change))
		return false;
	if (change.add & change.drop) {
		diag_error(&p->diags, at, "name it in one of the two",
			   "'%s' cannot be both added and dropped",
			   capability_name((unsigned)__builtin_ctzll(change.add & change.drop)));
		return false;
	}
	*ret = (struct topo_privileges){
		.kept = (CAPABILITIES_DEFAULT | change.add) & ~change.drop,
		.asked = change.add,
	};
	return true;
}

const struct value_type type_capabilities = {
	parse_capabilities,
	"capabilities",
	"{\"oneOf\":[{\"$ref\":\"#/$defs/capability-set\"},{\"$ref\":\"#/$defs/capability-change\"}]}",
	NULL,
};

bool node_check_privileges(struct parser *p, const struct path *at, const struct node_draft *draft)
{
	const struct path key = { .up = at, .key = "capabilities" };

	if (!(draft->set & 1u << NODE_CAPABILITIES) || !(draft->set & 1u << NODE_PRIVILEGED) ||
	    !draft->privileged)
		return true;
	diag_error(&p->diags, &key, "leave out one of the two",
		   "'capabilities' has no meaning beside \"privileged\": true, which keeps all");
	return false;
}

void node_merge_privileges(const struct node_draft *draft, const struct node_draft *defaults,
			   struct topo_privileges *ret)
{
	static const struct topo_privileges by_default = { .kept = CAPABILITIES_DEFAULT };
	const uint32_t both = 1u << NODE_CAPABILITIES | 1u << NODE_PRIVILEGED;
	/* one question, two keys: a node that answers it does not take half an answer from the defaults */
	const struct node_draft *d = draft->set & both ? draft : defaults;

	*ret = d->set & 1u << NODE_CAPABILITIES ? d->capabilities : by_default;
	if (d->set & 1u << NODE_PRIVILEGED && d->privileged)
		*ret = (struct topo_privileges){ .all = true };
}
