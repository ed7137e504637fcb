/* SPDX-License-Identifier: MIT */
/*
 * argv -> struct cli, over the tables. getopt_long() is not used because it matches prefixes of option names: a script
 * that says --all must not mean something else when --all-labs is born.
 */
#include "cli/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static const char *const colors[] = { "auto", "always", "never", NULL };
static const char *const engines[] = { "auto", "netem", "wire", NULL };
static const char *const formats[] = { "text", "json", "sh", NULL };

const struct cli_option cli_options[OPT_COUNT] = {
	[OPT_JSON] = { "json", NULL, "print JSON on stdout", NULL, 0 },
	[OPT_QUIET] = { "quiet", NULL, "say nothing but answers and errors", NULL, 'q' },
	[OPT_VERBOSE] = { "verbose", NULL, "say more, such as how long each phase took", NULL,
			  'v' },
	[OPT_COLOR] = { "color", "WHEN",
			"auto (on a terminal, unless NO_COLOR is set), always, never", colors, 0 },
	[OPT_STATE_DIR] = { "state-dir", "DIR",
			    "where labs are kept (default: /run/netlab as root)", NULL, 0 },
	[OPT_HELP] = { "help", NULL, "explain the verb, or list the verbs", NULL, 'h' },
	[OPT_VERSION] = { "version", NULL, "print the version", NULL, 0 },
	[OPT_IN] = { "in", "NODE", "run the command in this node", NULL, 0 },
	[OPT_NAME] = { "name", "N", "name of the lab (default: the topology's)", NULL, 0 },
	[OPT_SEED] = { "seed", "S", "seed of everything random (default: the topology's)", NULL,
		       0 },
	[OPT_ENGINE] = { "engine", "E", "what shapes links: auto, netem, wire", engines, 0 },
	[OPT_TIMEOUT] = { "timeout", "T", "give up after this time, such as 30s", NULL, 0 },
	[OPT_FORMAT] = { "format", "F", "text, json, or sh (a script that builds the same lab)",
			 formats, 0 },
	[OPT_ALL] = { "all", NULL, "down: every lab that runs; fault rm: every rule", NULL, 'a' },
	[OPT_USER] = { "user", "USER", "run as this user (default: the node's)", NULL, 'u' },
	[OPT_WORKDIR] = { "workdir", "DIR", "run in this directory (default: the node's)", NULL,
			  'w' },
	[OPT_ENV] = { "env", "K=V", "add to the environment; may be repeated", NULL, 'e' },
	[OPT_TERMINAL] = { "terminal", NULL, "give the command a terminal of its own", NULL, 't' },
	[OPT_FOLLOW] = { "follow", NULL, "go on until the lab ends", NULL, 'f' },
	[OPT_FROM] = { "from", "NODE", "only the direction that leaves this node", NULL, 0 },
	[OPT_NONE] = { "none", NULL, "clear: to no impairment, not to the topology's", NULL, 0 },
	[OPT_WATCH] = { "watch", NULL, "look again and again, with rates", NULL, 0 },
	[OPT_INTERVAL] = { "interval", "T", "time between two looks (default: 1s)", NULL, 0 },
	[OPT_STRICT] = { "strict", NULL, "exit code 6 when this host was too slow for the links",
			 NULL, 0 },
	[OPT_DURATION] = { "duration", "T", "send probes for this long (default: 3s)", NULL, 0 },
	[OPT_PLOT] = { "plot", "FILE", "draw delay, jitter and rate into an SVG file", NULL, 0 },
	[OPT_SEEDS] = { "seeds", "A..B", "the seeds, such as 1..200 or 3,17,40..60", NULL, 0 },
	[OPT_JOBS] = { "jobs", "N", "labs at a time (default: one per processor)", NULL, 'j' },
	[OPT_UNTIL_FAIL] = { "until-fail", NULL, "stop at the first seed that fails", NULL, 0 },
	[OPT_RESUME] = { "resume", "FILE", "note in FILE what is done, and go on from there", NULL,
			 0 },
	[OPT_JUNIT] = { "junit", "FILE", "write the results as JUnit XML", NULL, 0 },
	[OPT_TRIES] = { "tries", "N", "runs without a failure before it is taken for none", NULL,
			0 },
	[OPT_OUTPUT] = { "output", "FILE", "write the topology here (default: LAB-shrunk.json)",
			 NULL, 'o' },
	[OPT_MATCH] = { "match", "EXPR", "packets that a pcap expression matches (default: all)",
			NULL, 0 },
	[OPT_NTH] = { "nth", "LIST", "which of them, counted from 1, such as 1,3-5", NULL, 0 },
	[OPT_EVERY] = { "every", "N", "every Nth of them", NULL, 0 },
	[OPT_FIRST] = { "first", "N", "the first N of them", NULL, 0 },
	[OPT_AFTER] = { "after", "T", "only packets that come later than in this time", NULL, 0 },
	[OPT_FOR] = { "for", "T", "only for this time", NULL, 0 },
	[OPT_DO] = { "do", "ACTION", "drop, duplicate, corrupt[=bit:N|=byte:N], delay=T, hold=N",
		     NULL, 0 },
	[OPT_DECISIONS] = { "decisions", "FILE", "carry out these, not the record's", NULL, 0 },
	[OPT_WRITE] = { "write", "FILE", "write to this file; - is standard output", NULL, 'w' },
	[OPT_PACKETS] = { "count", "N", "end after so many packets", NULL, 'c' },
	[OPT_RING] = { "ring", "N:SIZE", "files FILE.1, FILE.2..., the latest N of this size", NULL,
		       0 },
	[OPT_BUNDLE] = { "bundle", "DIR", "keep all that tells why, if the run fails", NULL, 0 },
	[OPT_RECORD] = { "record", "DIR", "record every packet to this new directory", NULL, 0 },
	[OPT_TIMES] = { "times", NULL, "put the time before each line", NULL, 0 },
	[OPT_STATS] = { "stats", "FILE", "write the final statistics as JSON; - is standard output",
			NULL, 0 },
	[OPT_NETNS_NAMES] = { "netns-names", NULL, "name the nodes for ip-netns(8), as LAB--NODE",
			      NULL, 0 },
};

const struct cli_command *cli_find_command(const char *name)
{
	for (size_t i = 0; i < cli_n_commands; i++) {
		if (strcmp(cli_commands[i].name, name) == 0)
			return &cli_commands[i];
	}
	return NULL;
}

/* Reports wrong usage: "VERB: message (hint)"; without a hint the reader is sent to --help. */
__attribute__((format(printf, 3, 4))) static int usage(struct cli *c, const char *hint,
						       const char *fmt, ...)
{
	struct netlab_err *err = &c->err;
	const char *verb = c->command ? c->command->name : NULL;
	char message[sizeof(err->message)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	(void)err_set(err, EINVAL, "%s%s%s", verb ? verb : "", verb ? ": " : "", message);
	if (hint)
		(void)err_hint(err, "%s", hint);
	else
		(void)err_hint(err, verb ? "see 'netlab %s --help'" : "see 'netlab help'", verb);
	return err_class(err, NETLAB_EXIT_USAGE);
}

/* "did you mean ...?" in the caller's buffer; NULL when nothing is near. */
static const char *did_you_mean(char ret[static 128], const char *before, const char *near)
{
	if (!near)
		return NULL;
	(void)snprintf(ret, 128, "did you mean '%s%s'?", before, near);
	return ret;
}

/* "usage: netlab VERB ..." in the caller's buffer. */
static const char *usage_line(char ret[static 256], const struct cli_command *cmd)
{
	int n = snprintf(ret, 256, "usage: netlab %s ", cmd->name);

	/* a synopsis of two lines is indented for --help */
	for (const char *p = cmd->synopsis; *p && n < 255; p++) {
		char ch = *p == '\n' ? ' ' : *p;
		const char *next = p + strspn(p, "\n ");

		if (n < 250 && *p == '\n' && strncmp(next, "netlab ", strlen("netlab ")) == 0)
			n += snprintf(&ret[n], 256 - (size_t)n, ", or");
		if (ch != ' ' || ret[n - 1] != ' ')
			ret[n++] = ch;
	}
	ret[n] = '\0';
	return ret;
}

int cli_unknown_command(const char *name, struct netlab_err *err)
{
	const char *near = name_nearest(name, &cli_commands[0].name, cli_n_commands,
					sizeof(cli_commands[0]));

	(void)err_set(err, EINVAL, "unknown verb '%s'", name);
	if (near)
		(void)err_hint(err, "did you mean '%s'?", near);
	else
		(void)err_hint(err, "see 'netlab help'");
	return err_class(err, NETLAB_EXIT_USAGE);
}

/* The options that may stand here: before the verb is known, only the global ones. */
static uint64_t allowed(const struct cli *c)
{
	return OPT_GLOBAL | (c->command ? c->command->options : 0);
}

static int unknown_option(struct cli *c, const char *word)
{
	const char *names[OPT_COUNT];
	const char *near;
	char hint[128];
	size_t n = 0;

	for (int id = 0; id < OPT_COUNT; id++) {
		if (allowed(c) & OPT_BIT(id))
			names[n++] = cli_options[id].name;
	}
	near = name_nearest(word, names, n, sizeof(names[0]));
	return usage(c, did_you_mean(hint, "--", near), "unknown option '--%s'", word);
}

/* Looks a word up in a NULL-terminated list. Returns 0, or reports it with what there is. */
static int check_choice(struct cli *c, const char *before, const char *value,
			const char *const *choices, const char *hint_before)
{
	const char *near;
	char list[128] = "", hint[128];
	size_t n = 0;

	for (; choices[n]; n++) {
		if (strcmp(choices[n], value) == 0)
			return 0;
		(void)strncat(list, n ? ", " : "", sizeof(list) - strlen(list) - 1);
		(void)strncat(list, choices[n], sizeof(list) - strlen(list) - 1);
	}
	near = name_nearest(value, choices, n, sizeof(choices[0]));
	return usage(c, did_you_mean(hint, hint_before, near), "%s'%s' is none of %s", before,
		     value, list);
}

static int set_option(struct cli *c, enum cli_option_id id, const char *value)
{
	const struct cli_option *o = &cli_options[id];

	if (o->choices) {
		char before[64];

		(void)snprintf(before, sizeof(before), "--%s: ", o->name);
		if (check_choice(c, before, value, o->choices, "") < 0)
			return -EINVAL;
	}
	c->value[id] = o->value ? value : "";
	if (id == OPT_JSON)
		c->json = true;
	else if (id == OPT_QUIET)
		c->quiet = true;
	else if (id == OPT_VERBOSE)
		c->verbose++;
	else if (id == OPT_ENV)
		c->env[c->n_env++] = value;
	return 0;
}

/* Takes "name", "name=value" or "name" "value"; *i is the index of the word in argv. */
static int take_long(struct cli *c, int argc, char **argv, int *i)
{
	const char *word = argv[*i] + 2;
	const char *eq = strchr(word, '=');
	size_t len = eq ? (size_t)(eq - word) : strlen(word);

	for (int id = 0; id < OPT_COUNT; id++) {
		const struct cli_option *o = &cli_options[id];

		if (!(allowed(c) & OPT_BIT(id)) || strlen(o->name) != len ||
		    strncmp(o->name, word, len) != 0)
			continue;
		if (!o->value && eq)
			return usage(c, NULL, "--%s takes no value", o->name);
		if (!o->value || eq)
			return set_option(c, (enum cli_option_id)id, eq ? eq + 1 : "");
		if (*i + 1 >= argc)
			return usage(c, NULL, "--%s: its value %s is missing", o->name, o->value);
		return set_option(c, (enum cli_option_id)id, argv[++*i]);
	}
	{
		char name[64];

		/* longer than any option: cut, it is near none */
		(void)snprintf(name, sizeof(name), "%.*s",
			       (int)(len < sizeof(name) ? len : sizeof(name)), word);
		return unknown_option(c, name);
	}
}

/* Takes "-q", "-qv", "-wDIR" or "-w" "DIR". */
static int take_short(struct cli *c, int argc, char **argv, int *i)
{
	for (const char *p = argv[*i] + 1; *p; p++) {
		int id = 0;

		while (id < OPT_COUNT &&
		       !(cli_options[id].letter == *p && (allowed(c) & OPT_BIT(id))))
			id++;
		if (id == OPT_COUNT)
			return usage(c, NULL, "unknown option '-%c'", *p);
		if (!cli_options[id].value) {
			(void)set_option(c, (enum cli_option_id)id, "");
			continue;
		}
		if (p[1])
			return set_option(c, (enum cli_option_id)id, p + 1);
		if (*i + 1 >= argc)
			return usage(c, NULL, "-%c: its value %s is missing", *p,
				     cli_options[id].value);
		return set_option(c, (enum cli_option_id)id, argv[++*i]);
	}
	return 0;
}

/* The counts of arguments, once all words are read. */
static int check_counts(struct cli *c)
{
	const struct cli_command *cmd = c->command;
	char line[256];

	if (c->n_args < cmd->min_args)
		return usage(c, usage_line(line, cmd), "%s is missing", cmd->missing);
	if (c->n_args > cmd->max_args) {
		const char *hint = usage_line(line, cmd);

		if ((cmd->tail == CLI_TAIL_AFTER_DASHES || cmd->tail == CLI_TAIL_IF_DASHES) &&
		    !c->tail)
			hint = "write '--' before the command";
		return usage(c, hint, "unexpected argument '%s'", c->args[cmd->max_args]);
	}
	if (cmd->tail == CLI_TAIL_IF_DASHES && !c->tail)
		return 0;
	if (cmd->tail != CLI_NO_TAIL && (!c->tail || !c->tail[0]))
		return usage(c, usage_line(line, cmd), "the command to run is missing");
	return 0;
}

/* A word that is no option: the verb, an argument, or the first of the command to run. Returns 1 for the last. */
static int take_word(struct cli *c, char **argv, int i)
{
	if (!c->command) {
		c->command = cli_find_command(argv[i]);
		return c->command ? 0 : cli_unknown_command(argv[i], &c->err);
	}
	if (c->command->tail == CLI_TAIL_AFTER_ARGS && c->n_args == c->command->max_args) {
		c->tail = (const char *const *)&argv[i];
		return 1;
	}
	c->args[c->n_args++] = argv[i];
	return 0;
}

int cli_parse(struct cli *c, int argc, char **argv)
{
	const char *action;
	bool dashes = false;
	int r = 0;

	c->args = calloc((size_t)argc + 1, sizeof(*c->args));
	c->env = calloc((size_t)argc + 1, sizeof(*c->env));
	if (!c->args || !c->env)
		return err_errno(&c->err, ENOMEM, "reading the command line");
	for (int i = 1; i < argc && r == 0; i++) {
		if (!dashes && strcmp(argv[i], "--") == 0) {
			dashes = true;
			if (c->command && c->command->tail != CLI_NO_TAIL) {
				c->tail = (const char *const *)&argv[i + 1];
				break;
			}
		} else if (!dashes && strncmp(argv[i], "--", 2) == 0) {
			r = take_long(c, argc, argv, &i);
		} else if (!dashes && argv[i][0] == '-' && argv[i][1]) {
			r = take_short(c, argc, argv, &i);
		} else {
			r = take_word(c, argv, i);
		}
	}
	if (r == 1)
		r = 0;
	/* `netlab up --help` is no wrong usage although TOPO is missing */
	if (r < 0 || !c->command || cli_has(c, OPT_HELP) || cli_has(c, OPT_VERSION))
		return r;
	action = cli_arg(c, 0);
	if (c->command->actions && action) {
		char before[64];

		(void)snprintf(before, sizeof(before), "%s ", c->command->name);
		r = check_choice(c, "", action, c->command->actions, before);
	}
	return r < 0 ? r : check_counts(c);
}

void cli_deinit(struct cli *c)
{
	free(c->args);
	free(c->env);
	c->args = c->env = NULL;
}
