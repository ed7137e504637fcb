/* SPDX-License-Identifier: MIT */
/* The keys of a node, and how defaults fill in the ones that are not given. */
#include "topo/node.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/names.h"
#include "base/units.h"

static const struct choice kinds[] = {
	{ "host", TOPO_HOST, NULL },     { "router", TOPO_ROUTER, NULL },
	{ "switch", TOPO_SWITCH, NULL }, { "hub", TOPO_HUB, NULL },
	{ "uplink", TOPO_UPLINK, NULL }, { 0 },
};

const char *topo_kind_name(enum topo_kind kind)
{
	return choice_name(kinds, (int)kind);
}

/** Text of 1 to `max` bytes of [A-Za-z0-9_.-], first one a letter or digit. */
static bool is_word(const char *text, size_t max)
{
	return strlen(text) <= max && name_check(text) == NULL;
}

static bool parse_hostname(struct parser *p, const struct path *at, const json_t *v,
			   const struct field *f, void *out)
{
	const char *text = json_string_value(v);

	(void)f;
	if (!text)
		return wrong_kind(p, at, v, "a string", NULL);
	/* sethostname(2): at most 64 bytes, of which name_check() leaves 63; RFC 1123 labels are shorter still */
	if (!is_word(text, NAME_MAX_BYTES) || text[strlen(text) - 1] == '-' || strstr(text, "..")) {
		diag_error(&p->diags, at,
			   "1 to 63 letters, digits, '.', '_' and '-', a letter or digit first",
			   "'%s' is no host name", diag_quote(&p->diags, text));
		return false;
	}
	*(const char **)out = parser_strdup(p, text);
	return !p->oom;
}

static const struct value_type type_hostname = {
	parse_hostname,
	"hostname",
	"{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$\"}",
	NULL,
};

static bool parse_cwd(struct parser *p, const struct path *at, const json_t *v,
		      const struct field *f, void *out)
{
	const char *text = json_string_value(v);

	(void)f;
	if (!text)
		return wrong_kind(p, at, v, "a string", NULL);
	if (text[0] != '/' || strlen(text) >= 4096) {
		diag_error(&p->diags, at, "write the whole path, e.g. \"/srv/www\"",
			   "'%s' is not an absolute path", diag_quote(&p->diags, text));
		return false;
	}
	*(const char **)out = parser_strdup(p, text);
	return !p->oom;
}

static const struct value_type type_cwd = {
	parse_cwd, "path", "{\"type\":\"string\",\"pattern\":\"^/\",\"maxLength\":4095}", NULL
};

static bool parse_user(struct parser *p, const struct path *at, const json_t *v,
		       const struct field *f, void *out)
{
	const char *text = json_string_value(v);
	uint64_t number;

	(void)f;
	if (!text)
		return wrong_kind(p, at, v, "a string",
				  json_is_number(v) ? "write the number in quotes" : NULL);
	/* useradd(8): 32 bytes; '_' first is usual for daemons. The last number means "none" to the kernel. */
	if (!is_word(text + (text[0] == '_'), 31) ||
	    (text[strspn(text, "0123456789")] == '\0' &&
	     (units_parse_u64(text, &number) < 0 || number >= UINT32_MAX))) {
		diag_error(&p->diags, at, "the name or number of a user, e.g. \"nobody\"",
			   "'%s' is no user", diag_quote(&p->diags, text));
		return false;
	}
	*(const char **)out = parser_strdup(p, text);
	return !p->oom;
}

const struct value_type type_user = {
	parse_user, "user",
	"{\"type\":\"string\",\"pattern\":\"^_?[A-Za-z0-9][A-Za-z0-9_.-]{0,30}$\"}", NULL
};

#define OFFSET(member) .offset = offsetof(struct node_draft, member)

static const struct field node_fields[] = {
	{ .name = "kind",
	  .help = "host, router (forwards), switch (learning bridge), hub (bridge that floods) or uplink (router out of the lab). Default: host.",
	  .type = &type_choice,
	  .arg = kinds,
	  OFFSET(kind),
	  .bit = NODE_KIND },
	{ .name = "stp",
	  .help = "Spanning tree, for a switch. Default: false.",
	  .type = &type_bool,
	  OFFSET(stp),
	  .bit = NODE_STP },
	{ .name = "interfaces",
	  .help = "Settings of the interfaces that links make, and of lo.",
	  .type = &type_interfaces,
	  OFFSET(interfaces),
	  .bit = NODE_INTERFACES },
	{ .name = "routes",
	  .help = "Routes besides the automatic ones.",
	  .type = &type_routes,
	  OFFSET(routes),
	  .bit = NODE_ROUTES },
	{ .name = "sysctls",
	  .help = "Kernel settings, written in the node.",
	  .type = &type_sysctls,
	  OFFSET(sysctls),
	  .bit = NODE_SYSCTLS },
	{ .name = "env",
	  .help = "Environment variables of all processes of the node.",
	  .type = &type_pairs,
	  OFFSET(env),
	  .bit = NODE_ENV },
	{ .name = "hostname",
	  .help = "Host name. Default: the node's name.",
	  .type = &type_hostname,
	  OFFSET(hostname),
	  .bit = NODE_HOSTNAME },
	{ .name = "cwd",
	  .help = "Working directory of its processes. Default: /.",
	  .type = &type_cwd,
	  OFFSET(cwd),
	  .bit = NODE_CWD },
	{ .name = "user",
	  .help = "User that its processes run as. Default: the node's root.",
	  .type = &type_user,
	  OFFSET(user),
	  .bit = NODE_USER },
	{ .name = "services",
	  .help = "Programs, started in this order.",
	  .type = &type_services,
	  OFFSET(services),
	  .bit = NODE_SERVICES },
	{ .name = "mounts",
	  .help = "What is mounted in its file tree.",
	  .type = &type_mounts,
	  OFFSET(mounts),
	  .bit = NODE_MOUNTS },
	{ .name = "files",
	  .help = "Files and directories that are made in its file tree.",
	  .type = &type_files,
	  OFFSET(files),
	  .bit = NODE_FILES },
	{ .name = "rootfs",
	  .help = "Directory that is its root. Default: the host's tree, read-only.",
	  .type = &type_rootfs,
	  OFFSET(rootfs),
	  .bit = NODE_ROOTFS },
	{ .name = "limits",
	  .help = "What the node may use of the host, by cgroup. {}: no limit, but its use is counted.",
	  .type = &type_limits,
	  OFFSET(limits),
	  .bit = NODE_LIMITS },
	{ .name = "capabilities",
	  .help = "Capabilities that its processes keep, or a change of the default ones.",
	  .type = &type_capabilities,
	  OFFSET(capabilities),
	  .bit = NODE_CAPABILITIES },
	{ .name = "dns",
	  .help = "Its resolv.conf: a text, or servers, search and options. Default: no server.",
	  .type = &type_dns,
	  OFFSET(dns),
	  .bit = NODE_DNS },
	{ .name = "share",
	  .help = "Namespaces that are not its own but the lab's. Default: none.",
	  .type = &type_share_list,
	  OFFSET(share),
	  .bit = NODE_SHARE },
	{ .name = "privileged",
	  .help = "Its processes may do all that netlab may. Default: false.",
	  .type = &type_bool,
	  OFFSET(privileged),
	  .bit = NODE_PRIVILEGED },
};

#undef OFFSET

const struct object_spec node_spec = {
	.def = "node",
	.noun = "a node",
	.help = "A machine of the lab.",
	.fields = node_fields,
	.n_fields = ARRAY_SIZE(node_fields),
};

static const char *key_of(const void *item)
{
	return *(const char *const *)item;
}

const void *node_merge_items(struct parser *p, const void *own, size_t n_own, const void *defaults,
			     size_t n_defaults, size_t size, size_t *ret_n)
{
	const char *mine = own, *theirs = defaults;
	char *merged = NULL;
	size_t n = 0;

	*ret_n = n_own;
	if (n_defaults > 0)
		merged = parser_array(p, n_own + n_defaults, size);
	if (!merged)
		return own;
	for (size_t i = 0; i < n_defaults; i++) {
		const char *item = theirs + i * size;
		bool overridden = false;

		for (size_t j = 0; j < n_own && !overridden; j++)
			overridden = strcmp(key_of(mine + j * size), key_of(item)) == 0;
		if (!overridden)
			memcpy(merged + n++ * size, item, size);
	}
	if (n_own > 0)
		memcpy(merged + n * size, mine, n_own * size);
	*ret_n = n + n_own;
	return merged;
}

static void merge_pairs(struct parser *p, const struct pair_list *own,
			const struct pair_list *defaults, const struct topo_pair **ret,
			size_t *ret_n)
{
	*ret = node_merge_items(p, own->items, own->n, defaults->items, defaults->n, sizeof(**ret),
				ret_n);
}

bool node_merge(struct parser *p, const struct node_draft *draft, const struct node_draft *defaults,
		struct topo_node *ret)
{
	static const struct node_draft nothing;
	/* Defaults that make no sense on a switch are meant for the other nodes. */
	const struct node_draft *d = defaults;
	struct topo_node node = { 0 };

	node.kind = (enum topo_kind)(draft->set & 1u << NODE_KIND ? draft->kind : d->kind);
	if (draft->set & 1u << NODE_STP)
		node.stp = draft->stp;
	else if (node.kind == TOPO_SWITCH)
		node.stp = d->stp;
	if (!topo_is_ip(&node))
		d = &nothing;
	node.interfaces = draft->set & 1u << NODE_INTERFACES ? draft->interfaces.items
							     : d->interfaces.items;
	node.n_interfaces = draft->set & 1u << NODE_INTERFACES ? draft->interfaces.n
							       : d->interfaces.n;
	node.routes = draft->set & 1u << NODE_ROUTES ? draft->routes.items : d->routes.items;
	node.n_routes = draft->set & 1u << NODE_ROUTES ? draft->routes.n : d->routes.n;
	merge_pairs(p, &draft->sysctls, &d->sysctls, &node.sysctls, &node.n_sysctls);
	merge_pairs(p, &draft->env, &d->env, &node.env, &node.n_env);
	node.hostname = draft->hostname ? draft->hostname : d->hostname;
	node.cwd = draft->cwd ? draft->cwd : d->cwd;
	node.user = draft->user ? draft->user : d->user;
	node_merge_privileges(draft, d, &node.privileges);
	node.dns = draft->dns ? draft->dns : d->dns;
	node.services = draft->set & 1u << NODE_SERVICES ? draft->services.items
							 : d->services.items;
	node.n_services = draft->set & 1u << NODE_SERVICES ? draft->services.n : d->services.n;
	node.limits = limits_merge(&draft->limits, draft->set & 1u << NODE_LIMITS, &d->limits,
				   d->set & 1u << NODE_LIMITS);
	node_merge_tree(p, draft, d, &node);
	*ret = node;
	return !p->oom;
}
