/* SPDX-License-Identifier: MIT */
/* Planning, step by step. */
#include "plan/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "plan/build.h"

int plan_invalid(struct build *b, const char *fmt, ...)
{
	char text[sizeof(b->err->message)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_set(b->err, EINVAL, "%s", text);
	return err_class(b->err, NETLAB_EXIT_INVALID);
}

int plan_no_memory(struct build *b)
{
	return err_errno(b->err, ENOMEM, "planning '%s'", b->topo->name);
}

int plan_build(const struct topo *topo, const struct plan_host *host, struct plan **ret,
	       struct netlab_err *err)
{
	static int (*const steps[])(struct build *) = {
		plan_make_interfaces, plan_make_segments,  plan_make_addresses, plan_make_joins,
		plan_make_nodes,      plan_make_resolvers, plan_make_subnets,   plan_make_ops,
	};
	struct netlab_err ignored = { 0 };
	struct build b = { .topo = topo, .host = host, .err = err ? err : &ignored };
	int r = 0;

	b.plan = calloc(1, sizeof(*b.plan));
	if (!b.plan)
		return plan_no_memory(&b);
	b.plan->topo = topo;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && r == 0; i++)
		r = steps[i](&b);
	arena_deinit(&b.scratch);
	if (r < 0) {
		plan_free(b.plan);
		return r;
	}
	*ret = b.plan;
	return 0;
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	free(p->ops);
	arena_deinit(&p->arena);
	free(p);
}
