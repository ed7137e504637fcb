/* SPDX-License-Identifier: MIT */
/* Files into nodes and out of them: a child opens what is the host's, joins the nodes' mount namespaces, and copies. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "lab/client.h"
#include "lab/lab.h"
#include "sys/copy.h"
#include "sys/proc.h"
#include "sys/userns.h"

/** One of the nodes that are named. */
struct copy_node {
	const struct lab_copy_end *end; /**< the first that names it */
	int node_fd;                    /**< pidfd of its init; owned */
	char *cwd;                      /**< owned */
	bool rootless;
};

struct job {
	const struct lab_copy *c;
	struct copy_node *nodes; /**< owned */
	size_t n_nodes;
	struct sys_place *from; /**< of the child; as many as c->n_from */
	struct sys_place to;
	const struct copy_node *at; /**< the child is in this one; NULL = still outside */
	bool in_user;               /**< the child is in a lab's user namespace */
	bool few_ids;               /**< the caller is in one that has not all ids */
	struct netlab_err *err;
};

static bool is_stdio(const struct lab_copy_end *e)
{
	return !e->node && strcmp(e->path, "-") == 0;
}

static struct copy_node *find_node(struct job *j, const struct lab_copy_end *e)
{
	for (size_t i = 0; i < j->n_nodes; i++) {
		if (strcmp(j->nodes[i].end->node, e->node) == 0 &&
		    strcmp(j->nodes[i].end->lab, e->lab) == 0)
			return &j->nodes[i];
	}
	return NULL;
}

static int add_node(struct job *j, const struct lab_copy_end *e)
{
	struct copy_node *n = &j->nodes[j->n_nodes];
	const char *cwd;
	json_t *reply;
	int r;

	if (!e->node || find_node(j, e))
		return 0;
	*n = (struct copy_node){ .end = e, .node_fd = -1 };
	r = lab_request(j->c->state_dir, e->lab,
			json_pack("{s:s,s:s}", "op", "exec", "node", e->node), &reply, &n->node_fd,
			j->err);
	if (r < 0)
		return r;
	j->n_nodes++;
	cwd = json_string_value(json_object_get(reply, "cwd"));
	n->cwd = strdup(cwd ? cwd : "/");
	n->rootless = json_is_true(json_object_get(reply, "rootless")) && geteuid() != 0;
	json_decref(reply);
	return n->cwd ? 0 : err_set(j->err, ENOMEM, "out of memory");
}

/* --- in the child --- */

static int join(struct job *j, const struct lab_copy_end *e)
{
	const struct copy_node *n = find_node(j, e);
	bool user = n->rootless && !j->in_user;
	int r;

	if (n == j->at)
		return 0;
	r = sys_setns(n->node_fd, SYS_NS_MNT | (user ? SYS_NS_USER : 0));
	if (r < 0) {
		err_errno(j->err, r, "joining node '%s'", e->node);
		if (r == -ESRCH)
			err_hint(j->err, "the node died meanwhile");
		else if (r == -EPERM && j->in_user)
			err_hint(j->err, "without root, copy from one lab to another in two steps");
		else if (r == -EPERM)
			err_hint(j->err, "run as the user that started the lab, or as root");
		return r;
	}
	j->in_user = j->in_user || user;
	j->at = n;
	r = sys_copy_chdir(n->cwd);
	return r < 0 ? err_errno(j->err, r, "node '%s': changing to the directory '%s'", e->node,
				 n->cwd)
		     : 0;
}

static int open_dest(struct job *j)
{
	const struct lab_copy_end *e = &j->c->to;
	int r = e->node ? join(j, e) : 0;

	if (r == 0 && !is_stdio(e))
		r = sys_place_dest(e->path, e->shown, e->node, &j->to, j->err);
	if (r == 0 && j->c->n_from > 1 && !j->to.is_dir) {
		err_set(j->err, ENOTDIR, "'%s' is not a directory, for more than one source",
			e->shown);
		r = -ENOTDIR;
	}
	return r;
}

static int open_sources(struct job *j, bool in_nodes)
{
	int r = 0;

	for (size_t i = 0; i < j->c->n_from && r == 0; i++) {
		const struct lab_copy_end *e = &j->c->from[i];

		if ((e->node != NULL) != in_nodes || is_stdio(e))
			continue;
		r = e->node ? join(j, e) : 0;
		if (r == 0)
			r = sys_place_source(e->path, e->shown, e->node, &j->from[i], j->err);
	}
	return r;
}

/** The host's first: there is no way back. */
static int open_all(struct job *j)
{
	bool into_node = j->c->to.node;
	int r = open_sources(j, false);

	if (r == 0 && !into_node)
		r = open_dest(j);
	if (r == 0)
		r = open_sources(j, true);
	if (r == 0 && into_node)
		r = open_dest(j);
	return r;
}

static int copy_all(struct job *j)
{
	int r = 0;

	/* Without root the ids of a lab are the caller's subordinate ones, and files that belonged to them outside would be
	   nothing that the caller could even remove. */
	if (j->in_user)
		j->to.owners = j->c->to.node ? SYS_OWNERS_KNOWN : SYS_OWNERS_CALLER;
	else if (j->few_ids)
		j->to.owners = SYS_OWNERS_KNOWN;

	for (size_t i = 0; i < j->c->n_from && r == 0; i++) {
		if (is_stdio(&j->c->from[i]))
			r = sys_copy_from_stdin(&j->to, j->err);
		else if (is_stdio(&j->c->to))
			r = sys_copy_to_stdout(&j->from[i], j->err);
		else
			r = sys_copy(&j->from[i], &j->to, j->err);
	}
	return r;
}

static void child(struct job *j, pid_t parent, int report_fd)
{
	struct netlab_err err = { 0 };
	struct sys_nofile before;
	int r;

	(void)sys_die_with_parent(true);
	if (getppid() != parent)
		_exit(NETLAB_EXIT_RUNTIME); /* it died before it could have taken us along */
	sys_raise_nofile(&before);          /* a source holds one, a level of directories two */
	j->err = &err;
	r = open_all(j);
	if (r == 0)
		r = copy_all(j);
	if (r < 0)
		(void)!write(report_fd, &err, sizeof(err));
	_exit(r < 0 ? NETLAB_EXIT_RUNTIME : 0);
}

/* --- outside --- */

static int run_child(struct job *j)
{
	struct netlab_err *err = j->err, why = { 0 };
	pid_t self = getpid(), pid;
	int report[2], status = 0;

	if (pipe2(report, O_CLOEXEC) < 0)
		return err_errno(err, errno, "pipe");
	pid = sys_clone(0, NULL);
	if (pid == 0) {
		close(report[0]);
		child(j, self, report[1]);
	}
	close(report[1]);
	if (pid < 0) {
		close(report[0]);
		return err_errno(err, pid, "fork");
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (read(report[0], &why, sizeof(why)) == sizeof(why))
		*err = why;
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE)
		err_set(err, EPIPE, "nobody reads standard output");
	else if (status)
		err_set(err, ECHILD, "copying was ended by signal %d", WTERMSIG(status));
	close(report[0]);
	return status ? err->code : 0;
}

int lab_copy(const struct lab_copy *c, struct netlab_err *err)
{
	struct netlab_err unwanted = { 0 };
	struct job j = { .c = c,
			 .err = err ? err : &unwanted,
			 .to = { .dir_fd = -1 },
			 .few_ids = !sys_has_all_ids() };
	int r = 0;

	j.nodes = calloc(c->n_from + 1, sizeof(*j.nodes));
	j.from = calloc(c->n_from + 1, sizeof(*j.from));
	if (!j.nodes || !j.from) {
		free(j.nodes);
		free(j.from);
		return err_set(err, ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < c->n_from && r == 0; i++)
		r = add_node(&j, &c->from[i]);
	if (r == 0)
		r = add_node(&j, &c->to);
	if (r == 0)
		r = run_child(&j);
	for (size_t i = 0; i < j.n_nodes; i++) {
		close(j.nodes[i].node_fd);
		free(j.nodes[i].cwd);
	}
	free(j.nodes);
	free(j.from);
	return r;
}
