/* SPDX-License-Identifier: MIT */
/* Fault rules in memfds. */
#include "wire/rule_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire/wire.h"

struct slot {
	struct fault fault;
	uint64_t since_ns;
	struct rule_counts counts[2];
	uint64_t program; /* its first instruction, and how many */
	uint32_t n_insns;
	uint32_t id;
	bool dirs[2];
};

struct packed_rules {
	uint64_t n, n_insns;
	struct slot slots[];
	/* then the instructions of all of them */
};

struct wire_rules {
	int fd;
	struct rule_map *map;
};

static size_t bytes_of(uint64_t n, uint64_t n_insns)
{
	return sizeof(struct packed_rules) + n * sizeof(struct slot) +
	       n_insns * SYS_MATCH_INSN_BYTES;
}

static char *programs_of(struct packed_rules *p)
{
	return (char *)&p->slots[p->n];
}

/* --- mapping --- */

static bool is_sound(const struct packed_rules *p, size_t bytes)
{
	const size_t most = SIZE_MAX / 4;

	if (bytes < sizeof(*p) || p->n > most / sizeof(struct slot) ||
	    p->n_insns > most / SYS_MATCH_INSN_BYTES || bytes_of(p->n, p->n_insns) != bytes)
		return false;
	for (uint64_t i = 0; i < p->n; i++) {
		const struct slot *s = &p->slots[i];

		if (s->program > p->n_insns || s->n_insns > p->n_insns - s->program ||
		    s->n_insns > UINT16_MAX)
			return false;
	}
	return true;
}

static int list_rules(struct rule_map *m)
{
	struct packed_rules *p = m->packed;

	for (unsigned d = 0; d < 2; d++) {
		m->rules[d] = calloc(p->n + 1, sizeof(*m->rules[d]));
		m->matches[d] = calloc(p->n + 1, sizeof(*m->matches[d]));
		if (!m->rules[d] || !m->matches[d])
			return -ENOMEM;
		for (uint64_t i = 0; i < p->n; i++) {
			struct slot *s = &p->slots[i];

			if (!s->dirs[d])
				continue;
			m->rules[d][m->n[d]] = (struct rule){ .id = s->id,
							      .fault = &s->fault,
							      .since_ns = &s->since_ns,
							      .counts = &s->counts[d] };
			m->matches[d][m->n[d]++] = (struct sys_match){
				.insns = programs_of(p) + s->program * SYS_MATCH_INSN_BYTES,
				.n = (uint16_t)s->n_insns
			};
		}
	}
	return 0;
}

int rule_map_new(int fd, struct rule_map **ret)
{
	struct rule_map *m;
	struct stat st;
	int r = sys_match_prepare();

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < (off_t)sizeof(struct packed_rules))
		return -EINVAL;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->bytes = (size_t)st.st_size;
	m->packed = mmap(NULL, m->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (m->packed == MAP_FAILED) {
		r = -errno;
		free(m);
		return r;
	}
	r = is_sound(m->packed, m->bytes) ? list_rules(m) : -EINVAL;
	if (r < 0) {
		rule_map_free(m);
		return r;
	}
	*ret = m;
	return 0;
}

struct rule_map *rule_map_free(struct rule_map *m)
{
	if (!m)
		return NULL;
	for (unsigned d = 0; d < 2; d++) {
		free(m->rules[d]);
		free(m->matches[d]);
	}
	(void)munmap(m->packed, m->bytes);
	free(m);
	return NULL;
}

const struct rule *rule_map_find(const struct rule_map *m, unsigned dir, uint32_t id)
{
	for (size_t i = 0; m && i < m->n[dir]; i++) {
		if (m->rules[dir][i].id == id)
			return &m->rules[dir][i];
	}
	return NULL;
}

/* --- the supervisor's side --- */

static void fill(struct packed_rules *p, const struct wire_rule *rules, size_t n)
{
	uint64_t program = 0;

	p->n = n;
	for (size_t i = 0; i < n; i++)
		p->n_insns += rules[i].match->n;
	for (size_t i = 0; i < n; i++) {
		const struct wire_rule *r = &rules[i];

		p->slots[i] = (struct slot){ .fault = *r->fault,
					     .since_ns = r->since_ns,
					     .counts = { { r->matched[0], r->acted[0] },
							 { r->matched[1], r->acted[1] } },
					     .program = program,
					     .n_insns = r->match->n,
					     .id = r->id,
					     .dirs = { r->dirs[0], r->dirs[1] } };
		if (r->match->n > 0)
			memcpy(programs_of(p) + program * SYS_MATCH_INSN_BYTES, r->match->insns,
			       (size_t)r->match->n * SYS_MATCH_INSN_BYTES);
		program += r->match->n;
	}
}

int wire_rules_new(const struct wire_rule *rules, size_t n, struct wire_rules **ret)
{
	struct wire_rules *w = calloc(1, sizeof(*w));
	struct packed_rules *p;
	uint64_t n_insns = 0;
	size_t bytes;
	int r = 0;

	if (!w)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		n_insns += rules[i].match->n;
	bytes = bytes_of(n, n_insns);
	w->fd = memfd_create("netlab-rules", MFD_CLOEXEC);
	if (w->fd < 0 || ftruncate(w->fd, (off_t)bytes) < 0)
		r = -errno;
	p = r == 0 ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, 0) : MAP_FAILED;
	if (r == 0 && p == MAP_FAILED)
		r = -errno;
	if (r == 0) {
		fill(p, rules, n);
		(void)munmap(p, bytes);
		r = rule_map_new(w->fd, &w->map);
	}
	if (r < 0) {
		wire_rules_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

struct wire_rules *wire_rules_free(struct wire_rules *w)
{
	if (!w)
		return NULL;
	rule_map_free(w->map);
	if (w->fd >= 0)
		close(w->fd);
	free(w);
	return NULL;
}

int wire_rules_fd(const struct wire_rules *w)
{
	return w ? w->fd : -1;
}

void wire_rules_begin(struct wire_rules *w, uint64_t since_ns)
{
	for (uint64_t i = 0; w && i < w->map->packed->n; i++) {
		struct slot *s = &w->map->packed->slots[i];

		if (rule_read(&s->since_ns) == RULE_NOT_BEGUN)
			rule_write(&s->since_ns, since_ns);
	}
}

void wire_rules_read(const struct wire_rules *w, uint32_t id, unsigned dir, uint64_t *ret_matched,
		     uint64_t *ret_acted)
{
	const struct rule *r = w ? rule_map_find(w->map, dir, id) : NULL;

	*ret_matched = r ? rule_read(&r->counts->matched) : 0;
	*ret_acted = r ? rule_read(&r->counts->acted) : 0;
}
