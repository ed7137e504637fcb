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

int plan_note(struct build *b, int r)
{
	if (r >= 0 || b->err->exit != NETLAB_EXIT_INVALID)
		return r;
	if (b->tell)
		b->tell(b->tell_ctx, b->err);
	if (b->n_problems++ == 0)
		b->first = *b->err;
	if (b->n_problems == PLAN_PROBLEMS_MAX)
		return r;
	*b->err = (struct netlab_err){ 0 };
	return 0;
}

/** What is left to look at once the plan cannot be made: it needs nothing but addresses. */
static int check_routes(struct build *b)
{
	int r = 0;

	for (size_t n = 0; n < b->topo->n_nodes && r == 0 && !b->unaddressed; n++)
		r = topo_is_ip(&b->topo->nodes[n]) ? plan_explicit_routes(b, n) : 0;
	return r;
}

static int make_plan(struct build *b)
{
	static int (*const steps[])(struct build *) = {
		plan_make_interfaces, plan_make_segments, plan_make_addresses,
		plan_make_joins,      plan_make_nodes,    plan_make_resolvers,
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && r == 0; i++)
		r = steps[i](b);
	if (r == 0 && b->n_problems)
		return check_routes(b);
	if (r == 0)
		r = plan_make_subnets(b);
	return r == 0 ? plan_make_ops(b) : r;
}

static int build(struct build *b, struct plan **ret)
{
	int r;

	b->plan = calloc(1, sizeof(*b->plan));
	if (!b->plan)
		return plan_no_memory(b);
	b->plan->topo = b->topo;
	r = make_plan(b);
	arena_deinit(&b->scratch);
	/* a host that cannot do something is no matter before the file is right */
	if (b->n_problems && r != -ENOMEM) {
		*b->err = b->first;
		r = b->first.code;
	}
	if (r < 0) {
		plan_free(b->plan);
		return r;
	}
	*ret = b->plan;
	return 0;
}

int plan_build(const struct topo *topo, const struct plan_host *host, struct plan **ret,
	       struct netlab_err *err)
{
	struct netlab_err ignored = { 0 };
	struct build b = { .topo = topo, .host = host, .err = err ? err : &ignored };

	return build(&b, ret);
}

int plan_check(const struct topo *topo, const struct plan_host *host, plan_problem_fn *tell,
	       void *ctx, struct netlab_err *err)
{
	struct netlab_err ignored = { 0 };
	struct build b = {
		.topo = topo,
		.host = host,
		.err = err ? err : &ignored,
		.tell = tell,
		.tell_ctx = ctx,
	};
	struct plan *plan = NULL;
	int r = build(&b, &plan);

	plan_free(plan);
	return r;
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	free(p->ops);
	arena_deinit(&p->arena);
	free(p);
}
