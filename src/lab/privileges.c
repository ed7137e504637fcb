/* SPDX-License-Identifier: MIT */
/* What the programs of a lab's nodes may do. */
#include "lab/privileges.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/capabilities.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "lab/node_nets.h"
#include "sys/privilege.h"

static int check_node(const struct topo_node *n, struct netlab_err *err)
{
	uint64_t lacking;

	if (n->privileges.all && sys_in_user_namespace()) {
		err_set(err, EPERM,
			"node '%s': \"privileged\" is for root: in a user namespace there is nothing "
			"more to grant than its user may do anyway",
			n->name);
		err_class(err, NETLAB_EXIT_UNSUPPORTED);
		return err_hint(err, "leave it out, or run netlab as root of the host");
	}
	lacking = n->privileges.asked ? n->privileges.asked & ~sys_bounding_set() : 0;
	if (!lacking)
		return 0;
	err_set(err, EPERM, "node '%s': capability '%s' cannot be granted: netlab has not got it",
		n->name, capability_name((unsigned)__builtin_ctzll(lacking)));
	err_class(err, NETLAB_EXIT_UNSUPPORTED);
	return err_hint(err, "give it to the container or service that netlab runs in (capsh "
			     "--print shows what there is), or leave it out");
}

static int need_filter(struct supervisor *s, struct netlab_err *err)
{
	return s->filter.code ? 0 : sys_filter_make(&s->filter, err);
}

int privileges_prepare(struct supervisor *s, struct netlab_err *err)
{
	int r = 0;

	for (size_t i = 0; i < s->topo->n_nodes && r == 0; i++) {
		const struct topo_node *n = &s->topo->nodes[i];

		r = check_node(n, err);
		if (r == 0 && !n->privileges.all && n->n_services + n->n_commands > 0)
			r = need_filter(s, err);
	}
	return r;
}

static const char digits[] = "0123456789abcdef";

/** @return malloc'ed hexadecimal text of a filter; NULL when out of memory */
static char *filter_to_text(const struct sys_filter *f)
{
	const uint8_t *bytes = f->code;
	char *text = malloc(2 * f->bytes + 1), *at = text;

	if (!text)
		return NULL;
	for (size_t i = 0; i < f->bytes; i++) {
		*at++ = digits[bytes[i] >> 4];
		*at++ = digits[bytes[i] & 15];
	}
	*at = '\0';
	return text;
}

static int digit(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static int filter_from_text(const char *text, struct sys_filter *ret)
{
	size_t n = strlen(text) / 2;
	uint8_t *bytes = malloc(n + 1);

	if (!bytes)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0) {
			free(bytes);
			return -EPROTO;
		}
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	*ret = (struct sys_filter){ .code = bytes, .bytes = n };
	return 0;
}

json_t *privileges_pack(struct supervisor *s, size_t node, struct netlab_err *err)
{
	const struct topo_privileges *p = &s->topo->nodes[node].privileges;
	_cleanup_free_ char *text = NULL;

	if (p->all)
		return json_pack("{s:b,s:b}", "all", 1, "confined", 0);
	if (need_filter(s, err) < 0)
		return NULL;
	text = filter_to_text(&s->filter);
	if (!text) {
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	return json_pack("{s:b,s:b,s:I,s:s}", "all", 0, "confined", node_nets_confine(s, node),
			 "kept", (json_int_t)p->kept, "filter", text);
}

int privileges_unpack(const json_t *v, struct node_privileges *ret, struct sys_filter *filter,
		      struct netlab_err *err)
{
	const char *text = json_string_value(json_object_get(v, "filter"));
	int r = -EPROTO;

	*ret = (struct node_privileges){
		.all = json_is_true(json_object_get(v, "all")),
		.confined = json_is_true(json_object_get(v, "confined")),
		.kept = (uint64_t)json_integer_value(json_object_get(v, "kept")),
		.filter = filter,
	};
	if (ret->all)
		return 0;
	/* never less than was meant: what is not understood is not run */
	if (text && json_is_integer(json_object_get(v, "kept")) &&
	    json_is_boolean(json_object_get(v, "confined")))
		r = filter_from_text(text, filter);
	if (r == 0)
		return 0;
	if (r == -ENOMEM)
		return err_set(err, ENOMEM, "out of memory");
	err_set(err, EPROTO, "the lab does not say what a command may do in this node");
	return err_hint(
		err, "it was started by another version of netlab: `netlab down` it with that one");
}

json_t *privileges_report(const struct topo_node *node)
{
	json_t *names = json_array();

	for (unsigned c = 0; c < CAPABILITIES; c++) {
		if (node->privileges.kept & CAPABILITY_BIT(c))
			json_array_append_new(names, json_string(capability_name(c)));
	}
	return names;
}
