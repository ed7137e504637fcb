/* SPDX-License-Identifier: MIT */
/* Recordings that links' rates follow. A name's pointer, not its text, tells which reading of a file is meant: the file
   may have changed between two. */
#include "lab/trace_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "lab/traces.h"
#include "sys/fs.h"

struct lab_trace {
	struct lab_trace *next;
	char *name; /**< as the topology or the change has it; owned */
	bool loop;
	bool of_topology; /**< kept to the end: `link clear` returns to it */
	int fd;           /**< memfd; owned */
};

static bool follows_trace(const struct impairment *m)
{
	return impair_asks(m, IMPAIR_RATE) && m->rate_trace;
}

int trace_store_read(struct supervisor *s, struct impairment *m, struct netlab_err *err)
{
	struct trace parsed = { 0 };
	struct lab_trace *t;
	int r;

	if (!follows_trace(m) || trace_store_fd(s, m) >= 0)
		return 0;
	/* a pipe without a writer must not stop the lab */
	if (sys_may_block(m->rate_trace)) {
		err_set(err, EINVAL, "trace: this is not a regular file");
		err_class(err, NETLAB_EXIT_INVALID);
		return err_where(err, "%s", m->rate_trace);
	}
	r = lab_trace_read(m->rate_trace, &parsed, err);
	if (r < 0)
		return r;
	parsed.loop = m->rate_trace_loop;
	t = calloc(1, sizeof(*t));
	if (t)
		t->name = strdup(m->rate_trace);
	if (!t || !t->name) {
		free(t);
		trace_deinit(&parsed);
		return err_set(err, ENOMEM, "out of memory");
	}
	t->loop = m->rate_trace_loop;
	t->fd = wire_pack_trace(&parsed);
	trace_deinit(&parsed);
	if (t->fd < 0) {
		r = err_errno(err, t->fd, "keeping trace '%s'", t->name);
		free(t->name);
		free(t);
		return r;
	}
	t->next = s->traces;
	s->traces = t;
	m->rate_trace = t->name;
	return 0;
}

static const struct lab_trace *find_of_topology(const struct supervisor *s,
						const struct impairment *m)
{
	for (const struct lab_trace *t = s->traces; t; t = t->next) {
		if (t->of_topology && t->loop == m->rate_trace_loop &&
		    strcmp(t->name, m->rate_trace) == 0)
			return t;
	}
	return NULL;
}

void trace_store_find(const struct supervisor *s, struct impairment *m)
{
	const struct lab_trace *t = follows_trace(m) ? find_of_topology(s, m) : NULL;

	if (t)
		m->rate_trace = t->name;
}

int trace_store_load(struct supervisor *s, struct netlab_err *err)
{
	for (size_t i = 0; i < s->topo->n_links * 2; i++) {
		struct impairment *m = &s->links[i / 2].asked[i % 2];
		int r;

		if (!follows_trace(m))
			continue;
		if (!find_of_topology(s, m)) {
			r = trace_store_read(s, m, err);
			if (r < 0)
				return err_wrap(err, "link '%s'", s->topo->links[i / 2].name);
			s->traces->of_topology = true;
		}
		trace_store_find(s, m);
	}
	for (size_t i = 0; i < s->topo->n_events * 2; i++) {
		const struct topo_event *e = &s->topo->timeline[i / 2];
		struct impairment m = e->keys[i % 2];

		if (e->action != TOPO_CHANGE || !follows_trace(&m) || find_of_topology(s, &m))
			continue;
		if (trace_store_read(s, &m, err) < 0)
			return err_wrap(err, "link '%s'", s->topo->links[e->link].name);
		s->traces->of_topology = true;
	}
	return 0;
}

int trace_store_fd(const struct supervisor *s, const struct impairment *m)
{
	if (!follows_trace(m))
		return -1;
	for (const struct lab_trace *t = s->traces; t; t = t->next) {
		if (t->name == m->rate_trace)
			return t->fd;
	}
	return -1;
}

static bool is_mentioned(const struct supervisor *s, const struct lab_trace *t)
{
	if (t->of_topology)
		return true;
	for (size_t i = 0; i < s->topo->n_links * 2; i++) {
		const struct impairment *m = &s->links[i / 2].asked[i % 2];

		if (follows_trace(m) && m->rate_trace == t->name)
			return true;
	}
	return false;
}

void trace_store_sweep(struct supervisor *s)
{
	struct lab_trace **at = &s->traces;

	while (*at) {
		struct lab_trace *t = *at;

		if (is_mentioned(s, t)) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		close(t->fd);
		free(t->name);
		free(t);
	}
}
