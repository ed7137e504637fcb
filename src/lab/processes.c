/* SPDX-License-Identifier: MIT */
/* Who runs in a lab's nodes: the host's /proc, sorted by PID namespace. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/units.h"
#include "lab/enter.h"
#include "lab/lab.h"
#include "node/init.h"
#include "sys/fs.h"
#include "sys/ns_pids.h"

/** What tells a node's processes: its PID namespace or, where that is the lab's, its network namespace. */
struct node_ns {
	const char *node;
	ino_t inode;
	bool frozen;
};

static ino_t namespace_of(const char *pid, const char *kind)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%.20s/ns/%s", pid, kind);
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

static ino_t telling_namespace(const char *pid, ino_t of_lab)
{
	ino_t inode = namespace_of(pid, "pid");

	return inode && inode == of_lab ? namespace_of(pid, "net") : inode;
}

/** /proc/PID/cmdline with blanks for NULs; a process without one (a zombie) shows its name in brackets, and so do our
 *  own in a node: they never exec'ed, and have the command line of a program that uses the library (sys/title.h). */
static void read_command(const char *pid, const char *comm, char *ret, size_t size)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%.20s/cmdline", pid);
	n = sys_read_value(AT_FDCWD, path, ret, size);
	if (n <= 0 || strcmp(comm, NODE_INIT_COMM) == 0 || strcmp(comm, ENTER_MONITOR_COMM) == 0 ||
	    strcmp(comm, ENTER_COMM) == 0) {
		snprintf(ret, size, "[%s]", comm);
		return;
	}
	for (ssize_t i = 0; i < n - 1; i++) {
		if (ret[i] == '\0')
			ret[i] = ' ';
	}
}

/** A command line may hold any bytes; JSON takes UTF-8 only. */
static json_t *lossy_string(char *text)
{
	json_t *s = json_string(text);

	if (s)
		return s;
	for (char *c = text; *c; c++) {
		if (*c & 0x80)
			*c = '?';
	}
	return json_string(text);
}

static json_t *user_name(uid_t uid)
{
	const struct passwd *pw = getpwuid(uid);

	return pw ? json_string(pw->pw_name) : json_sprintf("%u", (unsigned)uid);
}

/** Reads one process; NULL when it is gone. */
static json_t *read_process(const char *pid, const struct node_ns *ns)
{
	char path[64], stat_text[512], command[1024], *open_paren, *close_paren;
	struct stat st;
	char state;
	int ppid;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	if (sys_read_value(AT_FDCWD, path, stat_text, sizeof(stat_text)) <= 0)
		return NULL;
	snprintf(path, sizeof(path), "/proc/%.20s", pid);
	if (stat(path, &st) < 0)
		return NULL;
	/* proc_pid_stat(5): "pid (comm) state ppid"; comm may hold anything, so its end is the last parenthesis */
	open_paren = strchr(stat_text, '(');
	close_paren = strrchr(stat_text, ')');
	if (!open_paren || !close_paren || sscanf(close_paren + 1, " %c %d", &state, &ppid) != 2)
		return NULL;
	*close_paren = '\0';
	read_command(pid, open_paren + 1, command, sizeof(command));
	return json_pack("{s:s,s:I,s:i,s:o,s:o,s:b,s:o}", "node", ns->node, "pid",
			 (json_int_t)strtol(pid, NULL, 10), "ppid", ppid, "user",
			 user_name(st.st_uid), "state", json_stringn_nocheck(&state, 1), "frozen",
			 ns->frozen, "command", lossy_string(command));
}

static int find_namespaces(const json_t *lab, ino_t of_lab, struct node_ns **ret, size_t *ret_n)
{
	json_t *nodes = json_object_get(lab, "nodes"), *node;
	struct node_ns *ns = calloc(json_object_size(nodes) + 1, sizeof(*ns));
	const char *name;
	size_t n = 0;

	if (!ns)
		return -ENOMEM;
	json_object_foreach(nodes, name, node)
	{
		char pid[24];

		snprintf(pid, sizeof(pid), "%lld",
			 (long long)json_integer_value(json_object_get(node, "pid")));
		ns[n].node = name;
		ns[n].inode = telling_namespace(pid, of_lab);
		ns[n].frozen = strcmp(json_string_value(json_object_get(node, "state")),
				      "frozen") == 0;
		if (ns[n].inode)
			n++;
	}
	*ret = ns;
	*ret_n = n;
	return 0;
}

static int by_inode(const void *a, const void *b)
{
	const struct node_ns *x = a, *y = b;

	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

static int by_node(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	int order = strcmp(json_string_value(json_object_get(x, "node")),
			   json_string_value(json_object_get(y, "node")));
	json_int_t p = json_integer_value(json_object_get(x, "pid"));
	json_int_t q = json_integer_value(json_object_get(y, "pid"));

	return order ? order : p < q ? -1 : p > q;
}

static json_t *sorted(json_t *list)
{
	size_t n = json_array_size(list);
	json_t **items = calloc(n + 1, sizeof(*items)), *out = json_array();

	for (size_t i = 0; i < n && items; i++)
		items[i] = json_array_get(list, i);
	if (items && n > 1)
		qsort(items, n, sizeof(*items), by_node);
	for (size_t i = 0; i < n && items; i++)
		json_array_append(out, items[i]);
	free(items);
	json_decref(list);
	return out;
}

struct search {
	const struct node_ns *ns, *found;
	size_t n;
};

static bool find_node_ns(void *ctx, ino_t inode)
{
	struct search *s = ctx;
	struct node_ns key = { .inode = inode };

	s->found = inode ? bsearch(&key, s->ns, s->n, sizeof(*s->ns), by_inode) : NULL;
	return s->found != NULL;
}

/** Also what runs in PID namespaces that a node's processes have made, a container's or an inner lab's. */
static const struct node_ns *node_of(const char *pid, ino_t of_lab, const struct node_ns *ns,
				     size_t n)
{
	struct search s = { .ns = ns, .n = n };

	if (!find_node_ns(&s, telling_namespace(pid, of_lab)))
		(void)sys_pid_ns_above(pid, find_node_ns, &s);
	return s.found;
}

static void add_processes(json_t *list, ino_t of_lab, const struct node_ns *ns, size_t n)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;

	while (proc && (e = readdir(proc))) {
		const struct node_ns *found;
		json_t *process;
		uint64_t pid;

		if (units_parse_u64(e->d_name, &pid) < 0)
			continue;
		found = node_of(e->d_name, of_lab, ns, n);
		process = found ? read_process(e->d_name, found) : NULL;
		if (process)
			json_array_append_new(list, process);
	}
	if (proc)
		closedir(proc);
}

int lab_processes(const char *state_dir, const char *name, json_t **ret, struct netlab_err *err)
{
	_cleanup_free_ struct node_ns *ns = NULL;
	json_t *lab, *list;
	char pid[24];
	ino_t of_lab;
	size_t n = 0;
	int r = lab_show(state_dir, name, &lab, err);

	if (r < 0)
		return r;
	snprintf(pid, sizeof(pid), "%lld",
		 (long long)json_integer_value(json_object_get(lab, "pid")));
	of_lab = namespace_of(pid, "pid");
	r = find_namespaces(lab, of_lab, &ns, &n);
	list = json_array();
	if (r < 0 || !list) {
		json_decref(list);
		json_decref(lab);
		return err_set(err, ENOMEM, "out of memory");
	}
	if (n > 1)
		qsort(ns, n, sizeof(*ns), by_inode);
	if (n > 0)
		add_processes(list, of_lab, ns, n);
	*ret = sorted(list);
	json_decref(lab);
	return 0;
}
