/* SPDX-License-Identifier: MIT */
/* The keys of a node's `interfaces`. */
#include "topo/node.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/names.h"

enum { INTERFACE_ADDRESSES, INTERFACE_MAC, INTERFACE_MTU };

struct interface_draft {
	uint32_t set;
	struct address_list addresses;
	uint8_t mac[6];
	uint32_t mtu;
};

static const struct range mtu_range = { TOPO_MTU_MIN, TOPO_MTU_MAX };

static const struct field interface_fields[] = {
	{ .name = "addresses",
	  .help = "Addresses of the interface, with prefix length.",
	  .type = &type_addresses,
	  .offset = offsetof(struct interface_draft, addresses),
	  .bit = INTERFACE_ADDRESSES,
	  .own = true },
	{ .name = "mac",
	  .help = "MAC address. Default: from the topology, the same every time.",
	  .type = &type_mac,
	  .offset = offsetof(struct interface_draft, mac),
	  .bit = INTERFACE_MAC,
	  .own = true },
	{ .name = "mtu",
	  .help = "MTU in bytes. Default: the link's.",
	  .type = &type_integer,
	  .arg = &mtu_range,
	  .offset = offsetof(struct interface_draft, mtu),
	  .bit = INTERFACE_MTU },
};

const struct object_spec interface_spec = {
	.def = "interface",
	.noun = "an interface",
	.help = "Settings of an interface that a link makes, or of lo.",
	.fields = interface_fields,
	.n_fields = ARRAY_SIZE(interface_fields),
};

static bool parse_interfaces(struct parser *p, const struct path *at, const json_t *v,
			     const struct field *f, void *out)
{
	struct interface_list list = { 0 };
	size_t index = 0;
	const char *key;
	json_t *value;

	(void)f;
	if (!json_is_object(v))
		return wrong_kind(p, at, v, "an object of interfaces by name",
				  "e.g. {\"eth0\": {\"addresses\": [\"10.0.1.1/24\"]}}");
	if (!list_fits(p, at, json_object_size(v)))
		return false;
	list.items = parser_array(p, json_object_size(v), sizeof(*list.items));
	if (!list.items)
		return false;
	json_object_foreach((json_t *)v, key, value)
	{
		const struct path item = { .up = at, .key = key, .index = index++ };
		struct interface_draft draft = { 0 };
		const char *wrong;

		if (is_comment(key))
			continue;
		wrong = name_check_interface(key);
		if (wrong) {
			diag_error(&p->diags, &item, wrong,
				   "'%s' is no interface name that can be used",
				   diag_quote(&p->diags, key));
			continue;
		}
		if (!object_parse(p, &item, value, &interface_spec, &draft))
			continue;
		if (strcmp(key, "lo") == 0 && draft.set & 1u << INTERFACE_MAC) {
			diag_error(&p->diags, &item, NULL, "'lo' has no MAC address");
			continue;
		}
		list.items[list.n] = (struct topo_interface){
			.name = parser_strdup(p, key),
			.addresses = draft.addresses.items,
			.n_addresses = draft.addresses.n,
			.mac_set = (draft.set & 1u << INTERFACE_MAC) != 0,
			.mtu = draft.mtu,
		};
		memcpy(list.items[list.n++].mac, draft.mac, sizeof(draft.mac));
	}
	*(struct interface_list *)out = list;
	return !p->oom;
}

const struct value_type type_interfaces = {
	parse_interfaces,
	"interfaces",
	"{\"description\":\"Interfaces by name.\",\"type\":\"object\",\"patternProperties\":{\"^//\":true,"
	"\"^[^/:% ]{1,15}$\":{\"$ref\":\"#/$defs/interface\"}},\"additionalProperties\":false}",
	NULL,
};
