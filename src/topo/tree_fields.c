/* SPDX-License-Identifier: MIT */
/* The keys of a node that say what it sees: `share`, `rootfs`, `mounts`, `files`. */
#include "topo/node.h"
#include "topo/tree.h"

#include <string.h>

#include "base/cleanup.h"

/* --- share --- */

static const struct choice namespaces[] = {
	{ "pid", TOPO_NS_PID, NULL },
	{ "mnt", TOPO_NS_MNT, NULL },
	{ "uts", TOPO_NS_UTS, NULL },
	{ "ipc", TOPO_NS_IPC, NULL },
	{ "cgroup", TOPO_NS_CGROUP, NULL },
	{ "user", TOPO_NS_USER, NULL },
	{ 0 },
};

const char *topo_namespace_name(unsigned bit)
{
	return choice_name(namespaces, (int)bit);
}

static bool parse_share_list(struct parser *p, const struct path *at, const json_t *v,
			     const struct field *f, void *out)
{
	const struct field each = { .name = "share", .arg = namespaces };
	unsigned set = 0;
	bool good = true;

	(void)f;
	if (!json_is_array(v))
		return wrong_kind(p, at, v, "a list of namespaces", "e.g. [\"pid\"]");
	for (size_t i = 0; i < json_array_size(v); i++) {
		const struct path item = { .up = at, .index = i };
		const json_t *word = json_array_get(v, i);
		const char *text = json_string_value(word);
		int one = 0;

		if (text && strcmp(text, "net") == 0) {
			diag_error(
				&p->diags, &item,
				"run the program outside the nodes: `netlab run` without --in",
				"a node cannot share the network namespace: it would be on no link");
			good = false;
		} else if (!type_choice.parse(p, &item, word, &each, &one)) {
			good = false;
		}
		set |= (unsigned)one;
	}
	if (good)
		*(unsigned *)out = set;
	return good;
}

const struct value_type type_share_list = {
	parse_share_list,
	"share-list",
	"{\"description\":\"Kinds of namespaces.\",\"type\":\"array\",\"items\":{\"type\":\"string\",\"pattern\":"
	"\"^(pid|mnt|uts|ipc|cgroup|user)$\"}}",
	NULL,
};

/* --- rootfs --- */

enum { ROOTFS_PATH, ROOTFS_WRITABLE };

static const struct field rootfs_fields[] = {
	{ .name = "path",
	  .help = "Directory with the tree.",
	  .type = &type_path,
	  .offset = offsetof(struct rootfs_draft, path),
	  .bit = ROOTFS_PATH },
	{ .name = "writable",
	  .help = "The node writes into the directory itself, not into a layer of its own above it. Default: false.",
	  .type = &type_bool,
	  .offset = offsetof(struct rootfs_draft, writable),
	  .bit = ROOTFS_WRITABLE },
};

static const char *const rootfs_required[] = { "path", NULL };

const struct object_spec rootfs_spec = {
	.def = "root",
	.noun = "a root",
	.help = "A directory as the root of a node.",
	.fields = rootfs_fields,
	.n_fields = ARRAY_SIZE(rootfs_fields),
	.required = rootfs_required,
};

static bool parse_rootfs(struct parser *p, const struct path *at, const json_t *v,
			 const struct field *f, void *out)
{
	struct rootfs_draft draft = { 0 };

	if (!json_is_object(v)) {
		if (!type_path.parse(p, at, v, f, &draft.path))
			return false;
	} else if (!object_parse(p, at, v, &rootfs_spec, &draft) || !draft.path) {
		return false;
	}
	if (!host_path_check(p, at, draft.path))
		return false;
	*(struct rootfs_draft *)out = draft;
	return true;
}

const struct value_type type_rootfs = {
	parse_rootfs,
	"node-rootfs",
	"{\"oneOf\":[{\"type\":\"string\",\"minLength\":1},{\"$ref\":\"#/$defs/root\"}]}",
	NULL,
};

/* --- mounts --- */

enum { MOUNT_BIND, MOUNT_TMPFS, MOUNT_OVERLAY, MOUNT_AT, MOUNT_RW, MOUNT_SIZE, MOUNT_MODE };

struct mount_draft {
	uint32_t set;
	const char *bind, *tmpfs, *overlay, *at;
	bool rw;
	uint64_t size;
	uint32_t mode;
};

#define OFFSET(member) .offset = offsetof(struct mount_draft, member)

static const struct field mount_fields[] = {
	{ .name = "bind",
	  .help = "File or directory of the host's, with all that is mounted below it.",
	  .type = &type_path,
	  OFFSET(bind),
	  .bit = MOUNT_BIND },
	{ .name = "tmpfs",
	  .help = "Where in the node a file system in memory is mounted.",
	  .type = &type_inside,
	  OFFSET(tmpfs),
	  .bit = MOUNT_TMPFS },
	{ .name = "overlay",
	  .help = "Directory of the host's of which the node gets a copy that it can write to.",
	  .type = &type_path,
	  OFFSET(overlay),
	  .bit = MOUNT_OVERLAY },
	{ .name = "at",
	  .help = "Where in the node, for bind and overlay. Default: the same path as on the host.",
	  .type = &type_inside,
	  OFFSET(at),
	  .bit = MOUNT_AT },
	{ .name = "rw",
	  .help = "The node may write through a bind to the host's files. Default: false.",
	  .type = &type_bool,
	  OFFSET(rw),
	  .bit = MOUNT_RW },
	{ .name = "size",
	  .help = "The most that a tmpfs holds. Default: half of the memory.",
	  .type = &type_room,
	  OFFSET(size),
	  .bit = MOUNT_SIZE },
	{ .name = "mode",
	  .help = "Permissions of a tmpfs. Default: 0755.",
	  .type = &type_mode,
	  OFFSET(mode),
	  .bit = MOUNT_MODE },
};

#undef OFFSET

const struct object_spec mount_spec = {
	.def = "mount",
	.noun = "a mount",
	.help = "A bind, a tmpfs or an overlay.",
	.fields = mount_fields,
	.n_fields = ARRAY_SIZE(mount_fields),
};

static bool given(const struct mount_draft *d, unsigned bit)
{
	return d->set & 1u << bit;
}

/** Says which keys do not go together. */
static bool check_mount(struct parser *p, const struct path *at, const json_t *v,
			const struct mount_draft *d)
{
	unsigned kinds = (unsigned)!!json_object_get(v, "bind") + !!json_object_get(v, "tmpfs") +
			 !!json_object_get(v, "overlay");
	const char *wrong = NULL, *only = NULL;

	if (kinds != 1) {
		diag_error(
			&p->diags, at,
			"e.g. {\"bind\": \"/srv/www\", \"at\": \"/www\"} or {\"tmpfs\": \"/data\", \"size\": "
			"\"64mib\"}",
			"a mount is one of 'bind', 'tmpfs' and 'overlay', and this has %s",
			kinds ? "several" : "none of them");
		return false;
	}
	if (given(d, MOUNT_TMPFS) && given(d, MOUNT_AT)) {
		wrong = "at";
		only = "a tmpfs is mounted where 'tmpfs' says";
	} else if (!given(d, MOUNT_BIND) && given(d, MOUNT_RW)) {
		wrong = "rw";
		only = "only a bind leads to files of the host's";
	} else if (!given(d, MOUNT_TMPFS) && (given(d, MOUNT_SIZE) || given(d, MOUNT_MODE))) {
		wrong = given(d, MOUNT_SIZE) ? "size" : "mode";
		only = "it is for a tmpfs";
	}
	if (!wrong)
		return true;
	diag_error(&p->diags, at, only, "this mount cannot have '%s'", wrong);
	return false;
}

static bool parse_mount(struct parser *p, const struct path *at, const json_t *v,
			struct topo_mount *ret)
{
	struct mount_draft d = { .mode = 0755 };
	const char *host;

	if (!object_parse(p, at, v, &mount_spec, &d) || !check_mount(p, at, v, &d))
		return false;
	host = d.bind ? d.bind : d.overlay;
	if (!host && !d.tmpfs)
		return false; /* told already */
	if (host && !host_path_check(p, at, host))
		return false;
	if (host && !d.at) {
		const struct path key = { .up = at, .key = d.bind ? "bind" : "overlay" };

		/* a mistake in it was told already when it was given itself */
		d.at = given(&d, MOUNT_AT) ? NULL : tree_path(p, &key, host);
		if (!d.at)
			return false;
	}
	*ret = (struct topo_mount){
		.kind = d.bind    ? TOPO_MOUNT_BIND
			: d.tmpfs ? TOPO_MOUNT_TMPFS
				  : TOPO_MOUNT_OVERLAY,
		.source = host,
		.at = d.tmpfs ? d.tmpfs : d.at,
		.rw = d.rw,
		.size_bytes = d.size,
		.mode = d.mode,
	};
	return true;
}

static bool parse_mounts(struct parser *p, const struct path *at, const json_t *v,
			 const struct field *f, void *out)
{
	struct mount_list list = { 0 };
	bool good = true;

	(void)f;
	if (!json_is_array(v))
		return wrong_kind(p, at, v, "a list of mounts",
				  "e.g. [{\"bind\": \"/srv/www\", \"at\": \"/www\"}]");
	if (!list_fits(p, at, json_array_size(v)))
		return false;
	list.items = parser_array(p, json_array_size(v), sizeof(*list.items));
	for (size_t i = 0; list.items && i < json_array_size(v); i++) {
		const struct path item = { .up = at, .index = i };

		if (parse_mount(p, &item, json_array_get(v, i), &list.items[list.n]))
			list.n++;
		else
			good = false;
	}
	if (good && !p->oom)
		*(struct mount_list *)out = list;
	return good && !p->oom;
}

const struct value_type type_mounts = {
	parse_mounts,
	"mounts",
	"{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/mount\"}}",
	NULL,
};

/* --- files --- */

enum { FILE_CONTENT, FILE_FROM, FILE_MODE, FILE_OWNER };

struct file_draft {
	uint32_t set;
	const char *content, *from, *owner;
	uint32_t mode;
};

#define OFFSET(member) .offset = offsetof(struct file_draft, member)

static const struct field file_fields[] = {
	{ .name = "content",
	  .help = "What is in it. Default: nothing.",
	  .type = &type_text,
	  OFFSET(content),
	  .bit = FILE_CONTENT },
	{ .name = "from",
	  .help = "File of the host's that it is a copy of.",
	  .type = &type_path,
	  OFFSET(from),
	  .bit = FILE_FROM },
	{ .name = "mode",
	  .help = "Its permissions. Default: 0644, of a directory 0755.",
	  .type = &type_mode,
	  OFFSET(mode),
	  .bit = FILE_MODE },
	{ .name = "owner",
	  .help = "Its user, or user:group, by names of the node. Default: root.",
	  .type = &type_owner,
	  OFFSET(owner),
	  .bit = FILE_OWNER },
};

#undef OFFSET

const struct object_spec file_spec = {
	.def = "file",
	.noun = "a file",
	.help = "A file or directory of a node.",
	.fields = file_fields,
	.n_fields = ARRAY_SIZE(file_fields),
};

static bool parse_file(struct parser *p, const struct path *at, const json_t *v,
		       struct topo_file *ret)
{
	const char *path = tree_path(p, at, at->key);
	struct file_draft d = { 0 };
	bool directory = path && at->key[strlen(at->key) - 1] == '/';

	if (json_is_string(v)) {
		d.set = 1u << FILE_CONTENT;
		if (!type_text.parse(p, at, v, NULL, &d.content))
			return false;
	} else if (!json_is_object(v)) {
		return wrong_kind(p, at, v, "the text of the file, or an object",
				  "e.g. {\"content\": \"...\", \"mode\": \"0640\"}");
	} else if (!object_parse(p, at, v, &file_spec, &d)) {
		return false;
	}
	if (!path || (d.from && !host_path_check(p, at, d.from)))
		return false;
	if ((d.set & 1u << FILE_CONTENT && d.set & 1u << FILE_FROM) ||
	    (directory && (d.set & (1u << FILE_CONTENT | 1u << FILE_FROM)))) {
		diag_error(&p->diags, at,
			   directory ? "a path that ends in '/' is a directory's"
				     : "leave one of the two out",
			   directory ? "a directory has neither 'content' nor 'from'"
				     : "a file has its 'content' here or 'from' a file, not both");
		return false;
	}
	*ret = (struct topo_file){
		.path = path,
		.directory = directory,
		.content = d.from || directory ? NULL
			   : d.content         ? d.content
					       : "",
		.from = d.from,
		.mode = d.set & 1u << FILE_MODE ? d.mode
			: directory             ? 0755
						: 0644,
		.owner = d.owner,
	};
	return true;
}

static bool parse_files(struct parser *p, const struct path *at, const json_t *v,
			const struct field *f, void *out)
{
	struct file_list list = { 0 };
	struct map paths = MAP_INIT;
	bool good = true;
	const char *key;
	json_t *value;
	size_t index = 0;

	(void)f;
	if (!json_is_object(v))
		return wrong_kind(p, at, v, "an object of files by path",
				  "e.g. {\"/etc/frr/daemons\": \"ospfd=yes\\n\"}");
	if (!list_fits(p, at, json_object_size(v)))
		return false;
	list.items = parser_array(p, json_object_size(v), sizeof(*list.items));
	if (!list.items)
		return false;
	json_object_foreach((json_t *)v, key, value)
	{
		const struct path item = { .up = at, .key = key, .index = index++ };
		int added;

		if (is_comment(key))
			continue;
		if (!parse_file(p, &item, value, &list.items[list.n])) {
			good = false;
			continue;
		}
		added = map_add(&paths, list.items[list.n].path, list.n, NULL);
		if (added > 0) {
			diag_error(&p->diags, &item, "leave one of the two out",
				   "'%s' is given twice", diag_quote(&p->diags, key));
			good = false;
		}
		p->oom |= added < 0;
		list.n++;
	}
	map_deinit(&paths);
	if (good && !p->oom)
		*(struct file_list *)out = list;
	return good && !p->oom;
}

const struct value_type type_files = {
	parse_files,
	"files",
	"{\"description\":\"By path in the node; one that ends in '/' is a directory.\",\"type\":\"object\","
	"\"patternProperties\":{\"^//\":true,\"^/[^/]\":{\"oneOf\":[{\"type\":\"string\"},{\"$ref\":\"#/$defs/file\"}]}},"
	"\"additionalProperties\":false}",
	NULL,
};

/* --- the node --- */

void node_merge_tree(struct parser *p, const struct node_draft *draft,
		     const struct node_draft *defaults, struct topo_node *ret)
{
	const struct rootfs_draft *rootfs = draft->set & 1u << NODE_ROOTFS ? &draft->rootfs
									   : &defaults->rootfs;
	const struct mount_list *mounts = draft->set & 1u << NODE_MOUNTS ? &draft->mounts
									 : &defaults->mounts;

	ret->share = draft->set & 1u << NODE_SHARE ? draft->share : defaults->share;
	ret->tree.rootfs = rootfs->path;
	ret->tree.writable = rootfs->writable;
	ret->tree.mounts = mounts->items;
	ret->tree.n_mounts = mounts->n;
	ret->tree.files = node_merge_items(p, draft->files.items, draft->files.n,
					   defaults->files.items, defaults->files.n,
					   sizeof(*ret->tree.files), &ret->tree.n_files);
}

void node_check_tree(struct parser *p, const struct path *at, const struct node_draft *draft,
		     const struct topo_node *node)
{
	const struct path share = { .up = at, .key = "share" };

	if (node->share & TOPO_NS_UTS && draft->set & 1u << NODE_HOSTNAME)
		diag_error(&p->diags, &share, "leave \"uts\" or 'hostname' out",
			   "a node that shares the host name cannot have one of its own");
	if (!(node->share & TOPO_NS_MNT))
		return;
	if (node->tree.rootfs)
		diag_error(&p->diags, &share, "leave \"mnt\" or 'rootfs' out",
			   "a node that shares the host's file tree cannot have one of its own");
	if (node->tree.n_files > 0)
		diag_error(
			&p->diags, &share, "leave \"mnt\" or 'files' out",
			"the files of a node that shares the host's file tree would be the host's");
	if (node->tree.n_mounts > 0)
		diag_error(&p->diags, &share, "leave \"mnt\" or 'mounts' out",
			   "a node that shares the host's file tree mounts nothing");
}
