/* SPDX-License-Identifier: MIT */
/* Values that are addresses: IP with prefix length, MAC. */
#include "topo/values.h"

#include <string.h>

/** Why an address cannot be a host's. @return NULL when it can */
static const char *unfit(const struct ip_prefix *p, bool lo)
{
	static const struct ip_addr v6_loopback = { .family = IP_V6, .bytes = { [15] = 1 } };
	const uint8_t *b = p->addr.bytes;
	struct ip_prefix net = ip_network(p);
	bool zero = true, host_ones = p->len < 31, host_zeros = host_ones;

	for (unsigned i = 0; i < ip_len_bytes(&p->addr); i++)
		zero &= b[i] == 0;
	if (zero)
		return "it is the unspecified address";
	if (p->addr.family == IP_V6) {
		if (b[0] == 0xff)
			return "it is a multicast address";
		if (ip_equal(&p->addr, &v6_loopback))
			return "every node has it on lo already";
		return NULL;
	}
	if (b[0] >= 224 && b[0] < 240)
		return "it is a multicast address";
	if (b[0] == 127) {
		if (!lo)
			return "127.0.0.0/8 belongs to lo";
		return b[1] == 0 && b[2] == 0 && b[3] == 1 ? "every node has it on lo already"
							   : NULL;
	}
	if (b[0] == 255 && b[1] == 255 && b[2] == 255 && b[3] == 255)
		return "it is the broadcast address";
	for (unsigned i = p->len; i < 32; i++)
		host_ones = host_ones && (b[i / 8] & (0x80u >> (i % 8)));
	host_zeros = host_zeros && ip_equal(&net.addr, &p->addr);
	if (lo)
		return NULL;
	if (host_zeros)
		return "it is the address of the network itself (all host bits 0)";
	if (host_ones)
		return "it is the network's broadcast address (all host bits 1)";
	return NULL;
}

bool address_parse(struct parser *p, const struct path *at, const json_t *v, bool lo,
		   struct ip_prefix *ret)
{
	const char *text = json_string_value(v), *why;
	struct ip_prefix prefix;

	if (!text)
		return wrong_kind(p, at, v, "an address, e.g. \"10.0.1.1/24\"", NULL);
	if (ip_parse_prefix(text, &prefix) < 0) {
		diag_error(&p->diags, at, "write it like \"10.0.1.1/24\" or \"2001:db8::1/64\"",
			   "\"%s\" is not an IP address with prefix length",
			   diag_quote(&p->diags, text));
		return false;
	}
	if (!lo && !strchr(text, '/')) {
		diag_error(&p->diags, at,
			   diag_hint(&p->diags, "say how large the network is, e.g. \"%s/%u\"",
				     text, prefix.addr.family == IP_V4 ? 24 : 64),
			   "\"%s\" has no prefix length", text);
		return false;
	}
	why = unfit(&prefix, lo);
	if (why) {
		diag_error(&p->diags, at, NULL, "\"%s\" cannot be the address of an interface: %s",
			   text, why);
		return false;
	}
	*ret = prefix;
	return true;
}

bool addresses_parse(struct parser *p, const struct path *at, const json_t *v, bool lo,
		     struct address_list *ret)
{
	struct address_list list = { 0 };
	bool good = true;

	if (json_is_null(v)) {
		*ret = list;
		return true;
	}
	if (!json_is_array(v) && !json_is_string(v))
		return wrong_kind(p, at, v, "an address or a list of addresses",
				  "e.g. [\"10.0.1.1/24\"]");
	list.n = json_is_array(v) ? json_array_size(v) : 1;
	list.items = parser_array(p, list.n, sizeof(*list.items));
	if (!list.items)
		return false;
	if (json_is_string(v)) {
		good = address_parse(p, at, v, lo, &list.items[0]);
	} else {
		for (size_t i = 0; i < list.n; i++) {
			const struct path item = { .up = at, .index = i };

			good &= address_parse(p, &item, json_array_get(v, i), lo, &list.items[i]);
		}
	}
	if (good)
		*ret = list;
	return good;
}

static bool parse_addresses(struct parser *p, const struct path *at, const json_t *v,
			    const struct field *f, void *out)
{
	/* .../interfaces/lo/addresses */
	bool lo = at->up && at->up->key && strcmp(at->up->key, "lo") == 0;

	(void)f;
	return addresses_parse(p, at, v, lo, out);
}

const struct value_type type_addresses = {
	parse_addresses,
	"addresses",
	"{\"description\":\"Addresses with prefix length, one or a list.\",\"oneOf\":[{\"type\":\"string\"},{\"type\":"
	"\"array\",\"items\":{\"type\":\"string\"}},{\"type\":\"null\"}],\"examples\":[[\"10.0.1.1/24\","
	"\"2001:db8::1/64\"]]}",
	NULL,
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool parse_mac(struct parser *p, const struct path *at, const json_t *v,
		      const struct field *f, void *out)
{
	const char *text = json_string_value(v);
	uint8_t mac[6], any = 0;

	(void)f;
	if (!text)
		return wrong_kind(p, at, v, "a MAC address", "e.g. \"02:00:00:00:00:01\"");
	for (size_t i = 0; i < 6; i++) {
		int high = -1, low = -1;

		if (strlen(text) == 17) {
			high = hex_digit(text[3 * i]);
			low = hex_digit(text[3 * i + 1]);
		}
		if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':')) {
			diag_error(
				&p->diags, at,
				"write six pairs of hexadecimal digits, e.g. \"02:00:00:00:00:01\"",
				"\"%s\" is not a MAC address", diag_quote(&p->diags, text));
			return false;
		}
		mac[i] = (uint8_t)(high * 16 + low);
		any |= mac[i];
	}
	if (any == 0) {
		diag_error(&p->diags, at, "e.g. \"02:00:00:00:00:01\"",
			   "a MAC address cannot be all zeros");
		return false;
	}
	if (mac[0] & 1) {
		diag_error(
			&p->diags, at,
			diag_hint(
				&p->diags,
				"make the first byte even and locally administered, e.g. \"%02x%s\"",
				(mac[0] & 0xfc) | 2, text + 2),
			"\"%s\" is a multicast MAC address: no interface can have it", text);
		return false;
	}
	memcpy(out, mac, sizeof(mac));
	return true;
}

const struct value_type type_mac = {
	parse_mac,
	"mac",
	"{\"type\":\"string\",\"pattern\":\"^[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}$\",\"examples\":"
	"[\"02:00:00:00:00:01\"]}",
	NULL,
};
