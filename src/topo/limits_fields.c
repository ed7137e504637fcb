/* SPDX-License-Identifier: MIT */
/* The keys of a node's `limits`. */
#include "topo/node.h"

#include <math.h>

#include "base/cleanup.h"
#include "base/units.h"

enum { LIMIT_MEMORY, LIMIT_CPU, LIMIT_PIDS };

enum {
	/* the node's init alone takes half a megabyte, most of it the kernel's: stacks, page tables */
	MEMORY_MIN_MIB = 4,
	CPU_MIN_MILLI = 10, /* 1 ms, the kernel's least quota, of 100 ms */
	CPU_MAX = 8192,     /* processors; the kernel's own bound: CONFIG_NR_CPUS */
	PIDS_MIN = 2,       /* the init, and something to run */
	PIDS_MAX = 1 << 22, /* PID_MAX_LIMIT of 64-bit kernels */
};

static bool parse_memory(struct parser *p, const struct path *at, const json_t *v,
			 const struct field *f, void *out)
{
	const char *text = json_string_value(v), *why = NULL;
	uint64_t bytes;

	if (json_is_number(v)) {
		diag_error(&p->diags, at,
			   diag_hint(&p->diags,
				     "write it with its unit and in quotes, e.g. \"%gmib\"",
				     json_number_value(v)),
			   "'%s' is %g, which has no unit", f->name, json_number_value(v));
		return false;
	}
	if (!text)
		return wrong_kind(p, at, v, "a size, e.g. \"64mib\"", NULL);
	if (units_parse_size(text, &bytes, &why) < 0) {
		diag_error(&p->diags, at, text[0] == '-' ? "it cannot be negative" : why,
			   "'%s' cannot be \"%s\"", f->name, diag_quote(&p->diags, text));
		return false;
	}
	if (bytes < MEMORY_MIN_MIB * UINT64_C(1048576) || bytes > INT64_MAX) {
		diag_error(&p->diags, at,
			   diag_hint(&p->diags,
				     "at least %dmib: the node's first process needs some",
				     (int)MEMORY_MIN_MIB),
			   "'%s' \"%s\" is too %s", f->name, diag_quote(&p->diags, text),
			   bytes > INT64_MAX ? "large" : "small");
		return false;
	}
	*(uint64_t *)out = bytes;
	return true;
}

static const struct value_type type_memory = {
	parse_memory,
	"memory",
	"{\"description\":\"A number and a unit: kb, mb, gb (steps of 1000) or kib, mib, gib (steps of 1024).\","
	"\"type\":\"string\",\"pattern\":\"^[0-9]+([.][0-9]+)?([kmg]?b|[kmg]ib)$\",\"examples\":[\"64mib\"]}",
	NULL,
};

static bool parse_cpu(struct parser *p, const struct path *at, const json_t *v,
		      const struct field *f, void *out)
{
	double n = json_number_value(v), milli = rint(n * 1000);

	if (!json_is_number(v))
		return wrong_kind(p, at, v, "a number of processors, e.g. 0.5",
				  json_is_string(v) ? "write it without quotes" : NULL);
	if (!(milli >= CPU_MIN_MILLI && n <= CPU_MAX)) {
		diag_error(&p->diags, at, "1 is one processor, 0.5 half of one",
			   "'%s' is %g, but has to be from %g to %d", f->name, n,
			   CPU_MIN_MILLI / 1000.0, (int)CPU_MAX);
		return false;
	}
	*(uint32_t *)out = (uint32_t)milli;
	return true;
}

static const struct value_type type_cpu = {
	parse_cpu, "processors",
	"{\"description\":\"A number of processors, in thousandths.\",\"type\":\"number\",\"minimum\":0.01,"
	"\"maximum\":8192,\"examples\":[0.5]}",
	NULL
};

static const struct range pids_range = { PIDS_MIN, PIDS_MAX };

static const struct field limits_fields[] = {
	{ .name = "memory",
	  .help = "Memory of all its processes together, caches of files and swap included.",
	  .type = &type_memory,
	  .offset = offsetof(struct limits_draft, memory_bytes),
	  .bit = LIMIT_MEMORY },
	{ .name = "cpu",
	  .help = "Processor time of all its processes together, in processors.",
	  .type = &type_cpu,
	  .offset = offsetof(struct limits_draft, cpu_milli),
	  .bit = LIMIT_CPU },
	{ .name = "pids",
	  .help = "Processes and threads, the node's init among them.",
	  .type = &type_integer,
	  .arg = &pids_range,
	  .offset = offsetof(struct limits_draft, pids),
	  .bit = LIMIT_PIDS },
};

const struct object_spec limits_spec = {
	.def = "limits",
	.noun = "limits",
	.help = "What a node may use of the host.",
	.fields = limits_fields,
	.n_fields = ARRAY_SIZE(limits_fields),
};

static bool parse_limits(struct parser *p, const struct path *at, const json_t *v,
			 const struct field *f, void *out)
{
	struct limits_draft draft = { 0 };

	(void)f;
	if (!object_parse(p, at, v, &limits_spec, &draft))
		return false;
	*(struct limits_draft *)out = draft;
	return true;
}

const struct value_type type_limits = { parse_limits, NULL, NULL, &limits_spec };

struct topo_limits limits_merge(const struct limits_draft *own, bool own_given,
				const struct limits_draft *defaults, bool defaults_given)
{
	static const struct limits_draft nothing;
	const struct limits_draft *d = defaults_given ? defaults : &nothing,
				  *o = own_given ? own : &nothing;

	return (struct topo_limits){
		.given = own_given || defaults_given,
		.memory_bytes = o->set & 1u << LIMIT_MEMORY ? o->memory_bytes : d->memory_bytes,
		.cpu_milli = o->set & 1u << LIMIT_CPU ? o->cpu_milli : d->cpu_milli,
		.pids = o->set & 1u << LIMIT_PIDS ? o->pids : d->pids,
	};
}
