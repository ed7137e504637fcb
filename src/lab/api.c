/* SPDX-License-Identifier: MIT */
/* libnetlab: labs and their links, behind include/netlab/lab.h. Commands in nodes: api_exec.c. */
#include "netlab/lab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/err.h"
#include "lab/api.h"
#include "lab/doctor.h"
#include "sys/fs.h"

static int out_of_memory(struct netlab_err *err)
{
	(void)err_set(err, ENOMEM, "out of memory");
	return -ENOMEM;
}

static struct netlab_lab *lab_new(const char *name, const char *state_dir, int *ret_error,
				  struct netlab_err *err)
{
	struct netlab_lab *lab = calloc(1, sizeof(*lab));

	if (lab)
		lab->handle = (struct lab_handle){ .pidfd = -1, .up_fd = -1 };
	if (lab && name)
		lab->name = strdup(name);
	if (!lab || (name && !lab->name)) {
		free(lab);
		*ret_error = out_of_memory(err);
		return NULL;
	}
	*ret_error = lab_state_dir(state_dir, lab->state_dir, err);
	if (*ret_error < 0) {
		free(lab->name);
		free(lab);
		return NULL;
	}
	return lab;
}

static void lab_delete(struct netlab_lab *lab)
{
	lab_handle_deinit(&lab->handle);
	free(lab->name);
	free(lab);
}

/* --- up and down --- */

static int bring_up(const struct netlab_topology *t, const struct netlab_up_options *o,
		    struct netlab_lab *lab, struct netlab_err *err)
{
	char dir[4096];
	struct lab_up_options up = {
		.state_dir = lab->state_dir,
		.topo = t->topo,
		.source = t->text,
		.source_len = t->len,
		.source_dir = sys_dir_of(t->file, dir, sizeof(dir)),
		.timeout_ns = o->timeout_ns,
		.bound_to_caller = !o->detached,
		.on_phase = o->on_phase,
		.on_warning = o->on_warning,
		.ctx = o->ctx,
	};
	struct topo_overrides overrides;
	struct topo *other = NULL;
	int r;

	if (o->name || o->seed_set) {
		/* Seeds of links follow from the lab's, and that may follow from its name: it is read again. */
		r = api_overrides(o->name ? o->name : t->topo->name, o->seed_set ? &o->seed : NULL,
				  &overrides, err);
		if (r < 0)
			return r;
		r = api_parse(t->text, t->len, t->file, &overrides, NULL, &other, err);
		if (r < 0 || !other)
			return r;
		up.topo = other;
	}
	lab->name = strdup(up.topo->name);
	r = lab->name ? lab_up(&up, &lab->handle, err) : out_of_memory(err);
	lab->ours = r == 0 && !o->detached;
	if (other)
		topo_free(other);
	return r;
}

int netlab_up(const struct netlab_topology *t, const struct netlab_up_options *options,
	      struct netlab_lab **ret, struct netlab_err *err)
{
	static const struct netlab_up_options none;
	const struct netlab_up_options *o = options ? options : &none;
	struct netlab_lab *lab;
	int r;

	err = api_err(err);
	*ret = NULL;
	lab = lab_new(NULL, o->state_dir, &r, err);
	if (!lab)
		return r;
	r = bring_up(t, o, lab, err);
	if (r < 0) {
		lab_delete(lab);
		return r;
	}
	*ret = lab;
	return 0;
}

int netlab_open(const char *name, const char *state_dir, struct netlab_lab **ret,
		struct netlab_err *err)
{
	struct topo_overrides ignored;
	struct netlab_lab *lab;
	json_t *summary = NULL;
	int r;

	err = api_err(err);
	*ret = NULL;
	r = api_overrides(name, NULL, &ignored,
			  err); /* a name that is none must not become a path */
	if (r < 0)
		return r;
	lab = lab_new(name, state_dir, &r, err);
	if (!lab)
		return r;
	r = lab_summary(lab->state_dir, name, &summary, err);
	json_decref(summary);
	if (r < 0) {
		lab_delete(lab);
		return r;
	}
	*ret = lab;
	return 0;
}

int netlab_down(struct netlab_lab *lab, struct netlab_err *err)
{
	int r = lab_down(lab->state_dir, lab->name, NULL, api_err(err));

	if (r < 0)
		return r;
	lab->ours = false;
	/* The supervisor is our child where we brought it up: its exit code is nobody's business. */
	if (lab->handle.pid > 0) {
		while (waitpid(lab->handle.pid, NULL, 0) < 0 && errno == EINTR)
			;
		lab->handle.pid = 0;
	}
	return 0;
}

void netlab_lab_free(struct netlab_lab *lab)
{
	if (!lab)
		return;
	if (lab->ours)
		(void)netlab_down(lab, NULL);
	lab_delete(lab);
}

const char *netlab_lab_name(const struct netlab_lab *lab)
{
	return lab->name;
}

const char *netlab_lab_state_dir(const struct netlab_lab *lab)
{
	return lab->state_dir;
}

/* --- what there is --- */

int api_take_json(json_t *doc, char **ret, struct netlab_err *err)
{
	*ret = doc ? json_dumps(doc, JSON_INDENT(2)) : NULL;
	json_decref(doc);
	return *ret ? 0 : out_of_memory(err);
}

int netlab_list(const char *state_dir, char **ret, struct netlab_err *err)
{
	char dir[4096], **names;
	json_t *list;
	size_t n;
	int r;

	err = api_err(err);
	*ret = NULL;
	r = lab_state_dir(state_dir, dir, err);
	if (r < 0)
		return r;
	r = lab_names(dir, &names, &n, err);
	if (r < 0)
		return r;
	list = json_array();
	for (size_t i = 0; i < n; i++) {
		json_t *row = NULL;

		/* one that ended since it was listed is no longer a lab that runs */
		if (lab_summary(dir, names[i], &row, api_err(NULL)) == 0)
			(void)json_array_append_new(list, row);
	}
	lab_names_free(names, n);
	return api_take_json(list, ret, err);
}

int netlab_show(struct netlab_lab *lab, char **ret, struct netlab_err *err)
{
	json_t *doc = NULL;
	int r;

	err = api_err(err);
	*ret = NULL;
	r = lab_show(lab->state_dir, lab->name, &doc, err);
	return r < 0 ? r : api_take_json(doc, ret, err);
}

int netlab_doctor(char **ret, struct netlab_err *err)
{
	json_t *doc = NULL;
	int r;

	err = api_err(err);
	*ret = NULL;
	r = doctor_run(&doc, err);
	return r < 0 ? r : api_take_json(doc, ret, err);
}

/* --- links --- */

static int change_link(struct netlab_lab *lab, const struct lab_link_change *c,
		       struct netlab_err *err)
{
	return lab_link_change(lab->state_dir, lab->name, c, api_err(err));
}

int netlab_link_set(struct netlab_lab *lab, const char *link, const char *from,
		    const char *const *settings, struct netlab_err *err)
{
	struct lab_link_change c = {
		.verb = LAB_LINK_SET,
		.link = link,
		.from = from,
		.settings = settings,
	};

	while (settings && settings[c.n_settings])
		c.n_settings++;
	return change_link(lab, &c, err);
}

int netlab_link_clear(struct netlab_lab *lab, const char *link, const char *from,
		      struct netlab_err *err)
{
	return change_link(
		lab,
		&(struct lab_link_change){ .verb = LAB_LINK_CLEAR, .link = link, .from = from },
		err);
}

int netlab_link_none(struct netlab_lab *lab, const char *link, const char *from,
		     struct netlab_err *err)
{
	return change_link(
		lab,
		&(struct lab_link_change){
			.verb = LAB_LINK_CLEAR, .link = link, .from = from, .none = true },
		err);
}

int netlab_link_down(struct netlab_lab *lab, const char *link, const char *from,
		     struct netlab_err *err)
{
	return change_link(
		lab, &(struct lab_link_change){ .verb = LAB_LINK_DOWN, .link = link, .from = from },
		err);
}

int netlab_link_up(struct netlab_lab *lab, const char *link, const char *from,
		   struct netlab_err *err)
{
	return change_link(
		lab, &(struct lab_link_change){ .verb = LAB_LINK_UP, .link = link, .from = from },
		err);
}
