/* SPDX-License-Identifier: MIT */
/* netlab fault: rules for chosen packets, while the lab runs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/faults.h"
#include "cli/output.h"
#include "cli/target.h"

/* args[0] is the action, args[1] the link or the rule. */
enum { ARG_SUBJECT = 1 };

__attribute__((format(printf, 3, 4))) static int usage(struct cli *c, const char *hint,
						       const char *fmt, ...)
{
	char message[200];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	(void)err_set(&c->err, EINVAL, "fault %s: %s", c->args[0], message);
	(void)err_hint(&c->err, "%s", hint);
	(void)err_class(&c->err, NETLAB_EXIT_USAGE);
	return -EINVAL;
}

/* --- the rule that the options say --- */

static bool read_count(const char *text, json_int_t *ret)
{
	char *end;
	long long n;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	n = strtoll(text, &end, 10);
	*ret = n;
	return *end == '\0' && errno == 0;
}

static bool is_word(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && strncmp(text, word, len) == 0;
}

/* "corrupt=byte:60", "delay=200ms", "hold=3". @return NULL: none of them */
static json_t *read_action_with(const char *text, size_t len, const char *value)
{
	const char *place = strchr(value, ':');
	json_int_t n;

	if (is_word(text, len, "delay"))
		return json_pack("{s:s}", "delay", value);
	if (is_word(text, len, "hold") || is_word(text, len, "hold_until"))
		return read_count(value, &n) ? json_pack("{s:I}", "hold_until", n) : NULL;
	if (!is_word(text, len, "corrupt") || !place || !read_count(place + 1, &n))
		return NULL;
	if (strncmp(value, "bit:", 4) == 0)
		return json_pack("{s:{s:I}}", "corrupt", "bit", n);
	return strncmp(value, "byte:", 5) == 0 ? json_pack("{s:{s:I}}", "corrupt", "byte", n)
					       : NULL;
}

/* What --do says. NULL with c->err. */
static json_t *read_action(struct cli *c, const char *text)
{
	static const char *const plain[] = { "drop", "duplicate", "corrupt" };
	const char *value = strchr(text, '=');
	json_t *action = value ? read_action_with(text, (size_t)(value - text), value + 1) : NULL;

	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		if (strcmp(text, plain[i]) == 0)
			action = json_string(text);
	}
	if (!action)
		(void)usage(c,
			    "it is one of drop, duplicate, corrupt, corrupt=bit:N, corrupt=byte:N, "
			    "delay=T, hold=N",
			    "'--do %s' is nothing that can be done to a packet", text);
	return action;
}

static int add_count(struct cli *c, json_t *rule, enum cli_option_id id, const char *key)
{
	json_int_t n;

	if (!c->value[id])
		return 0;
	if (!read_count(c->value[id], &n))
		return usage(c, "a number of packets, e.g. 3", "--%s '%s' is no number", key,
			     c->value[id]);
	json_object_set_new(rule, key, json_integer(n));
	return 0;
}

/* @return NULL with c->err */
static json_t *read_rule(struct cli *c, const char *link)
{
	static const struct {
		enum cli_option_id id;
		const char *key;
	} texts[] = { { OPT_FROM, "from" },
		      { OPT_MATCH, "match" },
		      { OPT_AFTER, "after" },
		      { OPT_FOR, "for" } };
	json_t *action, *rule;
	int r = 0;

	if (!c->value[OPT_DO]) {
		(void)usage(c, "e.g. --do drop, --do delay=200ms", "--do is missing");
		return NULL;
	}
	action = read_action(c, c->value[OPT_DO]);
	if (!action)
		return NULL;
	rule = json_pack("{s:s,s:o}", "link", link, "do", action);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (c->value[texts[i].id])
			r |= json_object_set_new(rule, texts[i].key,
						 json_string(c->value[texts[i].id]));
	}
	if (c->value[OPT_NTH])
		r |= json_object_set_new(rule, "nth", lab_fault_nth(c->value[OPT_NTH]));
	if (r < 0) { /* without what jansson makes nothing of, the rule would be for more packets */
		json_decref(rule);
		(void)usage(c, "see what follows --from, --match, --nth, --after and --for",
			    "a text is not valid UTF-8");
		return NULL;
	}
	if (add_count(c, rule, OPT_EVERY, "every") < 0 ||
	    add_count(c, rule, OPT_FIRST, "first") < 0) {
		json_decref(rule);
		return NULL;
	}
	return rule;
}

/* --- actions --- */

static int add(struct cli *c)
{
	struct cli_target at;
	uint32_t id = 0;
	json_t *rule;
	int r;

	if (c->n_args != ARG_SUBJECT + 1) {
		(void)usage(c, "see 'netlab show' for the links there are",
			    c->n_args > ARG_SUBJECT ? "it takes one link" : "the link is missing");
		return cli_fail(c, &c->err);
	}
	if (cli_target(c, c->args[ARG_SUBJECT], &at) < 0)
		return cli_fail(c, &c->err);
	rule = read_rule(c, at.name);
	if (!rule)
		return cli_fail(c, &c->err);
	r = c->backend->fault_add(c->state_dir, at.lab, rule, &id, &c->err);
	json_decref(rule);
	if (r < 0) {
		cli_explain(c, at.lab, c->value[OPT_FROM], at.name);
		return cli_fail(c, &c->err);
	}
	if (c->json)
		return cli_print_json(c,
				      json_pack("{s:s,s:I}", "lab", at.lab, "id", (json_int_t)id),
				      NETLAB_EXIT_OK);
	(void)fprintf(c->io->out, "%u\n", id);
	return NETLAB_EXIT_OK;
}

static int list(struct cli *c)
{
	char lab[NAME_MAX_BYTES + 1];
	json_t *faults = NULL;
	int code;

	if (cli_lab(c, cli_arg(c, ARG_SUBJECT), lab) < 0 ||
	    c->backend->faults(c->state_dir, lab, &faults, &c->err) < 0)
		return cli_fail(c, &c->err);
	if (c->json)
		return cli_print_json(c, faults, NETLAB_EXIT_OK);
	code = cli_print_faults(c, faults);
	json_decref(faults);
	return code;
}

static int remove_all(struct cli *c, const char *given)
{
	char lab[NAME_MAX_BYTES + 1];
	size_t removed = 0;

	if (cli_lab(c, given, lab) < 0 ||
	    c->backend->fault_remove(c->state_dir, lab, 0, &removed, &c->err) < 0)
		return cli_fail(c, &c->err);
	return c->json ? cli_print_json(
				 c,
				 json_pack("{s:s,s:I}", "lab", lab, "removed", (json_int_t)removed),
				 NETLAB_EXIT_OK)
		       : NETLAB_EXIT_OK;
}

static int remove_one(struct cli *c, const char *which)
{
	struct cli_target at;
	size_t removed = 0;
	json_int_t id;

	if (cli_target(c, which, &at) < 0)
		return cli_fail(c, &c->err);
	if (!read_count(at.name, &id) || id < 1 || id > UINT32_MAX) {
		(void)usage(c, "'netlab fault ls' lists them by their numbers",
			    "'%s' is no number of a rule", which);
		return cli_fail(c, &c->err);
	}
	if (c->backend->fault_remove(c->state_dir, at.lab, (uint32_t)id, &removed, &c->err) < 0)
		return cli_fail(c, &c->err);
	return c->json ? cli_print_json(c,
					json_pack("{s:s,s:I}", "lab", at.lab, "removed",
						  (json_int_t)removed),
					NETLAB_EXIT_OK)
		       : NETLAB_EXIT_OK;
}

/* What belongs to `add` only. */
static int check_options(struct cli *c)
{
	static const enum cli_option_id rules[] = { OPT_FROM,  OPT_MATCH, OPT_NTH, OPT_EVERY,
						    OPT_FIRST, OPT_AFTER, OPT_FOR, OPT_DO };

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (strcmp(c->args[0], "add") != 0 && cli_has(c, rules[i]))
			return usage(c, "only 'fault add' does", "it does not take --%s",
				     cli_options[rules[i]].name);
	}
	if (strcmp(c->args[0], "rm") != 0 && cli_has(c, OPT_ALL))
		return usage(c, "only 'fault rm' does", "it does not take --all");
	return c->n_args > ARG_SUBJECT + 1 ? usage(c, "see 'netlab fault --help'",
						   "'%s' is one too many", c->args[ARG_SUBJECT + 1])
					   : 0;
}

int cmd_fault(struct cli *c)
{
	const char *action = c->args[0]; /* one of the table's: cli_parse() saw to it */

	if (check_options(c) < 0)
		return cli_fail(c, &c->err);
	if (strcmp(action, "add") == 0)
		return add(c);
	if (strcmp(action, "ls") == 0)
		return list(c);
	if (cli_has(c, OPT_ALL))
		return remove_all(c, cli_arg(c, ARG_SUBJECT));
	if (c->n_args <= ARG_SUBJECT) {
		(void)usage(c, "see 'netlab fault ls', or say --all", "which rule is missing");
		return cli_fail(c, &c->err);
	}
	return remove_one(c, c->args[ARG_SUBJECT]);
}
