/* SPDX-License-Identifier: MIT */
/* libnetlab: fault rules of a running lab, behind include/netlab/lab.h. */
#include "netlab/lab.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "lab/api.h"

/* --- a rule as the topology has it --- */

static json_t *time_of(uint64_t ns)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%" PRIu64 "ns", ns);
	return json_string(text);
}

/* NULL: there is no such action, or no memory. */
static json_t *action_of(const struct netlab_fault *f)
{
	switch (f->action) {
	case NETLAB_FAULT_DROP:
		return json_string("drop");
	case NETLAB_FAULT_DUPLICATE:
		return json_string("duplicate");
	case NETLAB_FAULT_CORRUPT:
		return json_string("corrupt");
	case NETLAB_FAULT_CORRUPT_BIT:
		return json_pack("{s:{s:I}}", "corrupt", "bit", (json_int_t)f->value);
	case NETLAB_FAULT_CORRUPT_BYTE:
		return json_pack("{s:{s:I}}", "corrupt", "byte", (json_int_t)f->value);
	case NETLAB_FAULT_DELAY:
		return json_pack("{s:o}", "delay", time_of(f->value));
	case NETLAB_FAULT_HOLD:
		return json_pack("{s:I}", "hold_until", (json_int_t)f->value);
	}
	return NULL;
}

static int wrong(struct netlab_err *err, const char *what, const char *hint)
{
	(void)err_set(err, EINVAL, "the fault rule %s", what);
	(void)err_hint(err, "%s", hint);
	(void)err_class(err, NETLAB_EXIT_USAGE);
	return -EINVAL;
}

/* What is wrong with the values is found where those of topologies are. */
static int describe(const struct netlab_fault *f, json_t **ret, struct netlab_err *err)
{
	json_t *rule;
	int r = 0;

	if (!f->link)
		return wrong(err, "names no link", "set its member 'link'");
	if (f->action > NETLAB_FAULT_HOLD)
		return wrong(err, "has an action that there is not",
			     "set its member 'action' to one of enum netlab_fault_action");
	rule = json_object();
	r |= json_object_set_new(rule, "link", json_string(f->link));
	if (f->from)
		r |= json_object_set_new(rule, "from", json_string(f->from));
	if (f->match)
		r |= json_object_set_new(rule, "match", json_string(f->match));
	if (f->nth)
		r |= json_object_set_new(rule, "nth", lab_fault_nth(f->nth));
	if (f->every)
		r |= json_object_set_new(rule, "every", json_integer(f->every));
	if (f->first)
		r |= json_object_set_new(rule, "first", json_integer(f->first));
	if (f->after_ns)
		r |= json_object_set_new(rule, "after", time_of(f->after_ns));
	if (f->for_ns)
		r |= json_object_set_new(rule, "for", time_of(f->for_ns));
	r |= json_object_set_new(rule, "do", action_of(f));
	if (r == 0) {
		*ret = rule;
		return 0;
	}
	/* jansson takes no text that is not UTF-8, and says no more than that */
	json_decref(rule);
	return wrong(err, "has a text that is not UTF-8, or memory is out",
		     "see its members 'link', 'from', 'match' and 'nth'");
}

/* --- the rules of a lab --- */

int netlab_fault_add(struct netlab_lab *lab, const struct netlab_fault *fault, uint32_t *ret_id,
		     struct netlab_err *err)
{
	json_t *rule = NULL;
	int r;

	err = api_err(err);
	r = describe(fault, &rule, err);
	if (r < 0)
		return r;
	r = lab_fault_add(lab->state_dir, lab->name, rule, ret_id, err);
	json_decref(rule);
	return r;
}

int netlab_fault_add_json(struct netlab_lab *lab, const char *rule, uint32_t *ret_id,
			  struct netlab_err *err)
{
	json_error_t error;
	json_t *doc = json_loads(rule, JSON_REJECT_DUPLICATES, &error);
	int r;

	err = api_err(err);
	if (!doc) {
		(void)err_set(err, EINVAL, "the fault rule is no JSON: %s", error.text);
		(void)err_where(err, "fault:%d:%d", error.line, error.column);
		(void)err_hint(err, "it is an object like {\"link\": \"a--b\", \"do\": \"drop\"}");
		(void)err_class(err, NETLAB_EXIT_USAGE);
		return -EINVAL;
	}
	r = lab_fault_add(lab->state_dir, lab->name, doc, ret_id, err);
	json_decref(doc);
	return r;
}

int netlab_fault_remove(struct netlab_lab *lab, uint32_t id, struct netlab_err *err)
{
	return lab_fault_remove(lab->state_dir, lab->name, id, NULL, api_err(err));
}

int netlab_fault_list(struct netlab_lab *lab, char **ret, struct netlab_err *err)
{
	json_t *doc = NULL;
	int r;

	err = api_err(err);
	*ret = NULL;
	r = lab_faults(lab->state_dir, lab->name, &doc, err);
	return r < 0 ? r : api_take_json(doc, ret, err);
}

/* A rule for one direction has the other's object not at all: that counts as nothing. */
static uint64_t sum(const json_t *fault, const char *key)
{
	static const char *const directions[] = { "->", "<-" };
	uint64_t n = 0;

	for (size_t i = 0; i < 2; i++)
		n += (uint64_t)json_integer_value(
			json_object_get(json_object_get(fault, directions[i]), key));
	return n;
}

int netlab_fault_count(struct netlab_lab *lab, uint32_t id, uint64_t *ret_matched,
		       uint64_t *ret_acted, struct netlab_err *err)
{
	json_t *doc = NULL, *fault;
	size_t i;
	int r;

	err = api_err(err);
	r = lab_faults(lab->state_dir, lab->name, &doc, err);
	if (r < 0)
		return r;
	json_array_foreach(doc, i, fault)
	{
		if (json_integer_value(json_object_get(fault, "id")) != (json_int_t)id)
			continue;
		if (ret_matched)
			*ret_matched = sum(fault, "matched");
		if (ret_acted)
			*ret_acted = sum(fault, "acted");
		json_decref(doc);
		return 0;
	}
	json_decref(doc);
	(void)err_set(err, ENOENT, "fault %" PRIu32 ": no such rule in this lab", id);
	(void)err_hint(err, "netlab_fault_list() lists them");
	return -ENOENT;
}
