/* SPDX-License-Identifier: MIT */
/* Fault rules at work on one direction. */
#include "impair/rules.h"

bool rule_is_on(const struct fault *f, uint64_t since_ns, uint64_t now_ns)
{
	if (!f->windowed)
		return true;
	if (since_ns == RULE_NOT_BEGUN || now_ns < since_ns || now_ns - since_ns < f->after_ns)
		return false;
	return now_ns - since_ns - f->after_ns < f->for_ns;
}

bool rule_means(const struct fault *f, uint64_t number)
{
	switch (f->which) {
	case FAULT_ALL:
		return true;
	case FAULT_NTH:
		for (uint32_t i = 0; i < f->n_nth; i++) {
			if (number >= f->nth[i].first && number <= f->nth[i].last)
				return true;
		}
		return false;
	case FAULT_EVERY:
		return number % f->count == 0;
	case FAULT_FIRST:
		return number <= f->count;
	}
	return false;
}

/** @return whether there is something to do: a place past the packet's end is none */
static bool can_act(const struct fault *f, uint32_t len)
{
	if (f->action != FAULT_CORRUPT || f->place == FAULT_ANYWHERE)
		return true;
	return (f->place == FAULT_BIT ? f->at / 8 : f->at) < len;
}

static void act(const struct rule *r, struct pipe_ruling *ret)
{
	static const enum pipe_damage damages[] = { [FAULT_ANYWHERE] = PIPE_DAMAGE_SEEDED,
						    [FAULT_BIT] = PIPE_DAMAGE_BIT,
						    [FAULT_BYTE] = PIPE_DAMAGE_BYTE };
	const struct fault *f = r->fault;

	switch (f->action) {
	case FAULT_DROP:
		ret->drop = true;
		break;
	case FAULT_DUPLICATE:
		ret->duplicate = true;
		break;
	case FAULT_CORRUPT:
		ret->corrupt = true;
		ret->damage = damages[f->place];
		ret->at = f->at;
		break;
	case FAULT_DELAY:
		ret->extra_ns += (int64_t)f->delay_ns;
		break;
	case FAULT_HOLD:
		ret->hold_counter = &r->counts->matched;
		ret->hold_until = r->counts->matched + f->hold;
		break;
	}
	if (!ret->rule)
		ret->rule = r->id;
	rule_write(&r->counts->acted, r->counts->acted + 1);
}

void rules_decide(const struct rule *rules, size_t n, const struct pipe_arrival *a,
		  rule_match *matches, void *ctx, struct pipe_ruling *ret)
{
	bool means[RULES_MAX];
	size_t drops = SIZE_MAX;

	if (a->is_copy)
		return;
	if (n > RULES_MAX)
		n = RULES_MAX;
	for (size_t i = 0; i < n; i++) {
		const struct rule *r = &rules[i];

		means[i] = rule_is_on(r->fault, rule_read(r->since_ns), a->arrival_ns) &&
			   matches(ctx, i);
		if (!means[i])
			continue;
		rule_write(&r->counts->matched, r->counts->matched + 1);
		means[i] = rule_means(r->fault, r->counts->matched) && can_act(r->fault, a->len);
		if (means[i] && r->fault->action == FAULT_DROP && drops == SIZE_MAX)
			drops = i;
	}
	if (drops != SIZE_MAX) {
		act(&rules[drops], ret);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (means[i])
			act(&rules[i], ret);
	}
}
