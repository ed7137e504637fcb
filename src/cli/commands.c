/* SPDX-License-Identifier: MIT */
/* The verbs: only those that work are listed. */
#include "cli/command.h"

#include <limits.h>

#include "base/cleanup.h"

static const char *const fault_actions[] = { "add", "ls", "rm", NULL };
static const char *const record_actions[] = { "start", "stop", NULL };
static const char *const service_actions[] = { "start", "stop", "restart", "status", NULL };
static const char *const link_actions[] = { "show", "set", "clear", "down", "up", NULL };

#define UP_OPTIONS \
	(OPT_BIT(OPT_NAME) | OPT_BIT(OPT_SEED) | OPT_BIT(OPT_ENGINE) | OPT_BIT(OPT_TIMEOUT))

#define LAB_TEXT  "LAB may be left out where only one lab runs, or where NETLAB_LAB names it.\n"
#define NODE_TEXT "NODE is a node's name, or LAB:node where more than one lab runs.\n"

const struct cli_command cli_commands[] = {
	{
		.name = "check",
		.run = cmd_check,
		.synopsis = "TOPO",
		.purpose = "validate a topology file and print every problem",
		.details =
			"TOPO is a file, or - for standard input. Warnings name what was asked for but will not\n"
			"behave as it reads; they do not change the exit code. Exit code 3: there are errors.\n"
			"Traces that the file names are read, and pcap expressions compiled.\n",
		.example = "netlab check topology.json",
		.min_args = 1,
		.max_args = 1,
		.missing = "the topology file",
	},
	{
		.name = "plan",
		.run = cmd_plan,
		.synopsis = "TOPO [--format text|json|sh] [--name N] [--seed S] [--engine E]",
		.purpose = "print what 'up' would do, in order; touches nothing",
		.details =
			"--format sh prints a script of ip, tc, unshare and nsenter that builds the same lab.\n",
		.example = "netlab plan topology.json --format sh > lab.sh",
		.options = OPT_BIT(OPT_FORMAT) | OPT_BIT(OPT_NAME) | OPT_BIT(OPT_SEED) |
			   OPT_BIT(OPT_ENGINE),
		.min_args = 1,
		.max_args = 1,
		.missing = "the topology file",
	},
	{
		.name = "up",
		.run = cmd_up,
		.synopsis = "TOPO [--name N] [--seed S] [--engine E] [--timeout T] [--netns-names]",
		.purpose = "bring a lab up; returns when it is usable",
		.details =
			"Usable: links up, addresses valid, routes in, services ready. On failure nothing remains.\n"
			"The time that --timeout gives is for all of it (default: 60s).\n"
			"With --netns-names 'ip netns exec LAB--NODE' finds the nodes; root only.\n",
		.example = "netlab up topology.json",
		.options = UP_OPTIONS | OPT_BIT(OPT_NETNS_NAMES),
		.min_args = 1,
		.max_args = 1,
		.missing = "the topology file",
	},
	{
		.name = "down",
		.run = cmd_down,
		.synopsis = "[LAB|TOPO]... [--all]",
		.purpose = "stop labs; returns when all their kernel objects are gone",
		.details =
			"A lab that does not run is no error. An argument with a '/' in it, or a file that ends\n"
			"in .json, is a topology, whose lab is meant.\n" LAB_TEXT,
		.example = "netlab down dumbbell",
		.options = OPT_BIT(OPT_ALL),
		.max_args = UINT_MAX,
	},
	{
		.name = "run",
		.run = cmd_run,
		.synopsis =
			"TOPO [--in NODE] [--name N] [--seed S] [--engine E] [--timeout T] [--strict]\n"
			"                  [--stats FILE] [--record DIR | --bundle DIR] [--netns-names] -- CMD...",
		.purpose = "bring a lab up, run a command, take the lab down",
		.details =
			"CMD runs outside the nodes, or in NODE with --in. NETLAB_LAB and NETLAB_STATE_DIR are set, so\n"
			"that it can call 'netlab exec', and NETLAB_SEED. Signals are passed on to it. The lab ends however\n"
			"this ends. The exit code is CMD's (128 + N for signal N); 124 when the time of --timeout, which\n"
			"counts from the start, is up; 125 when netlab itself failed; 126, 127 when CMD cannot be\n"
			"executed or is not found. --strict: 6 when CMD succeeded, but this host was too slow to\n"
			"keep what the links promise: it lost packets, or they left late. --record: every packet, and what\n"
			"was decided about it, goes to a new directory, for Wireshark and 'netlab replay'; every link is then\n"
			"the wire's. --bundle: the same, kept only if the run fails, with routes, neighbours, qdiscs and sockets\n"
			"of each node and repro.json.\n",
		.example = "netlab run topology.json -- netlab exec a ping -c 1 b",
		.options = UP_OPTIONS | OPT_BIT(OPT_IN) | OPT_BIT(OPT_STRICT) | OPT_BIT(OPT_STATS) |
			   OPT_BIT(OPT_NETNS_NAMES) | OPT_BIT(OPT_RECORD) | OPT_BIT(OPT_BUNDLE),
		.min_args = 1,
		.max_args = 1,
		.missing = "the topology file",
		.tail = CLI_TAIL_AFTER_DASHES,
	},
	{
		.name = "sweep",
		.run = cmd_sweep,
		.synopsis =
			"TOPO --seeds A..B [--jobs N] [--until-fail] [--record DIR]\n"
			"                    [--resume FILE|DIR] [--junit FILE] [--in NODE] [--name N] [--engine E]\n"
			"                    [--timeout T] [--strict] -- CMD...",
		.purpose =
			"run a command once per seed, labs side by side, and list the seeds that fail",
		.details =
			"Each seed is a lab of its own, in which CMD runs as by 'run', with NETLAB_SEED set as well;\n"
			"its standard input is empty, and what a failing one wrote last is in the table. A seed fails\n"
			"when CMD's exit code is not 0, or when the time of --timeout, which each has for itself, is up.\n"
			"--record: every seed is recorded as by 'run --record'; DIR/seed-N of those that fail is kept.\n"
			"--resume: a sweep that was interrupted, kill -9 included, goes on: FILE, made where it is not\n"
			"there, or the DIR of --record has what is done. That of another sweep is refused.\n"
			"Exit code 0: all passed; 1: some failed; 2: wrong usage; 3: TOPO cannot be used; 6: none failed,\n"
			"but this host was too slow to trust some (--strict); 125: netlab itself failed; 126, 127: CMD\n"
			"cannot be executed or is not found; 128 + N: ended by signal N.\n",
		.example = "netlab sweep topology.json --seeds 1..200 --timeout 10s -- ./test.sh",
		.options = (UP_OPTIONS & ~OPT_BIT(OPT_SEED)) | OPT_BIT(OPT_IN) |
			   OPT_BIT(OPT_STRICT) | OPT_BIT(OPT_RECORD) | OPT_BIT(OPT_SEEDS) |
			   OPT_BIT(OPT_JOBS) | OPT_BIT(OPT_UNTIL_FAIL) | OPT_BIT(OPT_RESUME) |
			   OPT_BIT(OPT_JUNIT),
		.min_args = 1,
		.max_args = 1,
		.missing = "the topology file",
		.tail = CLI_TAIL_AFTER_DASHES,
		.own_codes = true,
	},
	{
		.name = "shrink",
		.run = cmd_shrink,
		.synopsis =
			"DIR [--jobs N] [--tries N] [--timeout T] [--output FILE] [--in NODE] [-- CMD...]",
		.purpose = "find the few decisions that make a recorded run fail",
		.details =
			"DIR is of 'run --record'. What happened to packets in that run is put in by fault rules, into the\n"
			"same topology without dice; what is not needed to make CMD (default: the recorded command) fail is\n"
			"left out, piece by piece, in labs of their own side by side. What is left is written as a\n"
			"topology and said in words. What does not fail by rules is replayed with fewer and fewer of its\n"
			"decisions, and a file for 'replay --decisions' comes of it. CMD fails when its exit code is not 0,\n"
			"or when the time of --timeout, which each run has for itself, is up. --tries (default: as often as\n"
			"the whole suggests): for failures that come only now and then. The result is run ten times at the\n"
			"end. Ctrl-C writes what is left until then.\n"
			"Exit code 0: done; 1: it did not fail with all of it, fails with nothing, or failed but once; 2: wrong\n"
			"usage; 3: DIR cannot be used; 125: netlab itself failed; 126, 127: CMD cannot be executed or is not\n"
			"found; 128 + N: ended by signal N.\n",
		.example = "netlab shrink trouble --timeout 5s -- ./test.sh",
		.options = OPT_BIT(OPT_JOBS) | OPT_BIT(OPT_TRIES) | OPT_BIT(OPT_TIMEOUT) |
			   OPT_BIT(OPT_OUTPUT) | OPT_BIT(OPT_IN),
		.min_args = 1,
		.max_args = 1,
		.missing = "the recording",
		.tail = CLI_TAIL_IF_DASHES,
		.own_codes = true,
	},
	{
		.name = "exec",
		.run = cmd_exec,
		.synopsis = "NODE [-u USER[:GROUP]] [-w DIR] [-e K=V]... [-t] [--] CMD...",
		.purpose = "run a command in a node",
		.details = NODE_TEXT
		"The exit code is CMD's (128 + N for signal N); 125 when netlab itself failed; 126, 127\n"
		"when CMD cannot be executed or is not found. CMD gets stdin, stdout and stderr of the caller,\n"
		"or with -t a terminal; no other descriptor.\n",
		.example = "netlab exec a ping -c 1 b",
		.options = OPT_BIT(OPT_USER) | OPT_BIT(OPT_WORKDIR) | OPT_BIT(OPT_ENV) |
			   OPT_BIT(OPT_TERMINAL),
		.min_args = 1,
		.max_args = 1,
		.missing = "the node",
		.tail = CLI_TAIL_AFTER_ARGS,
	},
	{
		.name = "shell",
		.run = cmd_shell,
		.synopsis = "NODE [-u USER[:GROUP]] [-w DIR]",
		.purpose = "an interactive shell in a node",
		.details = NODE_TEXT
		"It is the first of $SHELL, /bin/bash and /bin/sh that the node has; its prompt names the\n"
		"lab and the node.\n",
		.example = "netlab shell a",
		.options = OPT_BIT(OPT_USER) | OPT_BIT(OPT_WORKDIR),
		.min_args = 1,
		.max_args = 1,
		.missing = "the node",
	},
	{
		.name = "cp",
		.run = cmd_cp,
		.synopsis = "SRC... DST",
		.purpose = "copy files and directories into nodes and out of them",
		.details =
			"SRC and DST are NODE:path or LAB:NODE:path in a node, else paths here (one with a ':' begins\n"
			"with ./); - is standard input or output. Directories are copied whole, into DST where that is\n"
			"a directory, else under its name; DIR/. means what is in DIR. Modes, times, symbolic links\n"
			"and, as far as allowed, owners are kept. Relative paths in a node count from its cwd.\n",
		.example = "netlab cp site/. web:/srv/www",
		.min_args = 2,
		.max_args = UINT_MAX,
		.missing = "what to copy, and where to",
	},
	{
		.name = "ls",
		.run = cmd_ls,
		.synopsis = "",
		.purpose = "list the labs that run",
		.example = "netlab ls",
	},
	{
		.name = "ps",
		.run = cmd_ps,
		.synopsis = "[LAB]",
		.purpose = "list the processes of a lab by node",
		.details = LAB_TEXT,
		.example = "netlab ps dumbbell",
		.max_args = 1,
	},
	{
		.name = "show",
		.run = cmd_show,
		.synopsis = "[LAB [NODE|LINK]]",
		.purpose = "show everything about a lab, one of its nodes or one of its links",
		.details =
			"Addresses, links, impairments as asked and as the kernel holds them, engine, seeds, pids.\n" LAB_TEXT,
		.example = "netlab show dumbbell bottleneck",
		.max_args = 2,
	},
	{
		.name = "logs",
		.run = cmd_logs,
		.synopsis = "[NODE[/SERVICE]] [-f] [--times]",
		.purpose = "print what services wrote",
		.details = NODE_TEXT
		"With more than one service each line begins with NODE/SERVICE. What the timeline runs as\n"
		"its event N is NODE/timeline--N. Of each the last 4 to 8 MiB are kept.\n",
		.example = "netlab logs web/http -f",
		.options = OPT_BIT(OPT_FOLLOW) | OPT_BIT(OPT_TIMES),
		.max_args = 1,
	},
	{
		.name = "service",
		.run = cmd_service,
		.synopsis = "start|stop|restart|status NODE[/SERVICE] [--timeout T]",
		.purpose = "start and stop services of a node, while the lab runs",
		.details = NODE_TEXT
		"Without a SERVICE all of the node are meant. 'start' and 'restart' return when it is ready, or\n"
		"say why it will not be; 'stop' when it has ended: its stop signal, and SIGKILL after two\n"
		"seconds. What it comes after is not asked. States: waiting, starting, ready, backing-off,\n"
		"stopping, stopped, exited, failed.\n",
		.example = "netlab service restart web/http",
		.actions = service_actions,
		.options = OPT_BIT(OPT_TIMEOUT),
		.min_args = 2,
		.max_args = 2,
		.missing = "what to do (start, stop, restart, status), or of which NODE/SERVICE",
	},
	{
		.name = "kill",
		.run = cmd_kill,
		.synopsis = "NODE",
		.purpose = "cut a node's power",
		.details = NODE_TEXT
		"It falls silent and dies, without a goodbye to anybody. Its links stay: the other ends keep\n"
		"their carrier, and what is sent to it is lost. 'restart' brings it back.\n",
		.example = "netlab kill r2",
		.min_args = 1,
		.max_args = 1,
		.missing = "the node",
	},
	{
		.name = "restart",
		.run = cmd_restart,
		.synopsis = "NODE [--timeout T]",
		.purpose = "bring a node back, dead or alive",
		.details = NODE_TEXT
		"One that lives is killed first. It comes back as 'up' made it: addresses, MACs, routes,\n"
		"neighbours, sysctls; its links do what they do now. Returns when its services are ready; that\n"
		"may take the time of --timeout (default: 60s).\n",
		.example = "netlab restart r2",
		.options = OPT_BIT(OPT_TIMEOUT),
		.min_args = 1,
		.max_args = 1,
		.missing = "the node",
	},
	{
		.name = "link",
		.run = cmd_link,
		.synopsis = "show|set|clear|down|up [LINK] [--from NODE] [--none] [KEY=VALUE...]",
		.purpose = "show and change what links do to packets, while the lab runs",
		.details =
			"LINK is a link's name (one without a name is a--b), or LAB:link. Without --from both\n"
			"directions are meant.\n"
			"  show [LINK]              what was asked, and what the kernel holds\n"
			"  set LINK KEY=VALUE...    change the keys that are named, keep the others\n"
			"  clear LINK [--none]      back to the topology's values; --none: to no impairment\n"
			"  down LINK, up LINK       cut it, mend it\n"
			"The keys are those of the topology file, see netlab-topology(5); also preset=lte (the\n"
			"link's first end is the user's), loss=burst:1%,4, rate=trace:FILE[,once].\n",
		.example = "netlab link set a--b --from a delay=20ms loss=1%",
		.actions = link_actions,
		.options = OPT_BIT(OPT_FROM) | OPT_BIT(OPT_NONE),
		.min_args = 1,
		.max_args = UINT_MAX,
		.missing = "what to do (show, set, clear, down, up)",
	},
	{
		.name = "fault",
		.run = cmd_fault,
		.synopsis =
			"add LINK [--from NODE] [--match EXPR] [--nth LIST|--every N|--first N]\n"
			"                     [--after T] [--for T] --do ACTION\n"
			"       netlab fault ls [LAB]\n"
			"       netlab fault rm ID|--all [LAB]",
		.purpose = "do something to chosen packets, while the lab runs",
		.details =
			"Rules as in the topology's 'faults', see netlab-topology(5). LINK is a link's name or LAB:link, ID\n"
			"a rule's number or LAB:number.\n"
			"  add LINK    prints the rule's number; its times count from now\n"
			"  ls          the rules, how many packets matched and on how many they acted (there + back)\n"
			"  rm          what the rule holds goes on its way\n" LAB_TEXT,
		.example =
			"netlab fault add a--b --match 'tcp[tcpflags] & tcp-syn != 0' --nth 1 --do drop",
		.actions = fault_actions,
		.options = OPT_BIT(OPT_FROM) | OPT_BIT(OPT_MATCH) | OPT_BIT(OPT_NTH) |
			   OPT_BIT(OPT_EVERY) | OPT_BIT(OPT_FIRST) | OPT_BIT(OPT_AFTER) |
			   OPT_BIT(OPT_FOR) | OPT_BIT(OPT_DO) | OPT_BIT(OPT_ALL),
		.min_args = 1,
		.max_args = UINT_MAX,
		.missing = "what to do (add, ls, rm)",
	},
	{
		.name = "freeze",
		.run = cmd_freeze,
		.synopsis = "NODE",
		.purpose = "stop all processes of a node where they are",
		.details = NODE_TEXT
		"None of them gets any processor time, nor notices, until 'netlab thaw'. The node's kernel\n"
		"goes on: it answers pings, forwards packets, and takes what comes for its sockets.\n",
		.example = "netlab freeze r1",
		.min_args = 1,
		.max_args = 1,
		.missing = "the node",
	},
	{
		.name = "thaw",
		.run = cmd_thaw,
		.synopsis = "NODE",
		.purpose = "let the processes of a frozen node go on",
		.details = NODE_TEXT "A node that is not frozen is no error.\n",
		.example = "netlab thaw r1",
		.min_args = 1,
		.max_args = 1,
		.missing = "the node",
	},
	{
		.name = "stats",
		.run = cmd_stats,
		.synopsis = "[LAB [LINK]] [--watch] [--interval T]",
		.purpose = "count what links did to packets",
		.details =
			"Per link and direction: packets and bytes, drops by cause (loss, queue, fault, down, host),\n"
			"what waits, and how late packets left, in microseconds. '-' is what the kernel cannot tell.\n"
			"--watch shows it again and again, with rates since the last look, until q or Ctrl-C, or until\n"
			"the lab ends; into a file or pipe, a block each time (with --json, an object a line).\n" LAB_TEXT,
		.example = "netlab stats dumbbell bottleneck --watch",
		.options = OPT_BIT(OPT_WATCH) | OPT_BIT(OPT_INTERVAL),
		.max_args = 2,
	},
	{
		.name = "verify",
		.run = cmd_verify,
		.synopsis =
			"[LAB|TOPO] [LINK...] [--duration T] [--plot FILE] [--name N] [--seed S]\n"
			"                     [--engine E] [--timeout T]",
		.purpose = "measure links and compare with what is asked of them",
		.details =
			"Sends probes of its own over each link, or those that are named, both ways: delay, jitter,\n"
			"loss, duplicates, damage, order, rate, with 95 % bounds. A topology (as for 'down') is brought\n"
			"up, measured and taken down, with the options of 'up'. Best on a quiet lab: other traffic is in\n"
			"the way, and probes count in the statistics and draw from the links' seeds.\n"
			"Exit code 6: a link does not do what is asked, or this host is too slow to tell. -v shows also\n"
			"what was not asked for and did not happen.\n" LAB_TEXT,
		.example = "netlab verify topology.json --plot links.svg",
		.options = UP_OPTIONS | OPT_BIT(OPT_DURATION) | OPT_BIT(OPT_PLOT),
		.max_args = UINT_MAX,
	},
	{
		.name = "record",
		.run = cmd_record,
		.synopsis = "start DIR [LAB] | stop [LAB]",
		.purpose = "record every packet of a running lab",
		.details =
			"DIR is a new directory, or an empty one. packets.pcapng in it is for Wireshark and tshark: what\n"
			"did not pass untouched has a comment; 'decisions' says what was decided, a line each. All links go\n"
			"to the wire while the lab is recorded, without losing a packet. See also run --record.\n" LAB_TEXT,
		.example = "netlab record start trouble",
		.actions = record_actions,
		.min_args = 1,
		.max_args = 3,
		.missing = "what to do (start, stop)",
	},
	{
		.name = "capture",
		.run = cmd_capture,
		.synopsis = "LINK|NODE:IF [-w FILE] [-c N] [--ring N:SIZE] [FILTER...]",
		.purpose = "capture the packets of a link or an interface as pcapng, live",
		.details =
			"Of a link, packets as they come to it, each direction an interface of the capture; of a node's\n"
			"interface, what it receives and what it sends. Works on any link, however it is joined. FILTER\n"
			"is a pcap expression. Ends with the lab, on a signal, or after N packets.\n"
			"With more than one lab: LAB:LINK, LAB:NODE:IF.\n",
		.example = "netlab capture bottleneck | wireshark -k -i -",
		.options = OPT_BIT(OPT_WRITE) | OPT_BIT(OPT_PACKETS) | OPT_BIT(OPT_RING),
		.min_args = 1,
		.max_args = UINT_MAX,
		.missing = "the link or interface",
	},
	{
		.name = "replay",
		.run = cmd_replay,
		.synopsis =
			"DIR [--in NODE] [--decisions FILE] [--name N] [--timeout T] [--strict]\n"
			"                     [--stats FILE] [--record DIR] [-- CMD...]",
		.purpose = "run a recorded lab again with the same decisions",
		.details =
			"DIR is what run --record or record start made. Its lab comes up, all links the wire's, and CMD runs\n"
			"as by 'run' (default: the command of the recording, in its node). In place of dice and fault rules\n"
			"the recorded decisions are carried out, on the packets that are the same by class, flow and count,\n"
			"whatever their ports, sequence numbers and timing: docs/reproducing.md. Then it says which decisions\n"
			"met no packet, and where the runs parted; --json: as a document after what CMD printed. The exit\n"
			"code is CMD's, as for 'run'. --decisions FILE: as in DIR, some lines taken out, 'end N' corrected.\n",
		.example = "netlab replay trouble -- ./test.sh",
		.options = OPT_BIT(OPT_NAME) | OPT_BIT(OPT_TIMEOUT) | OPT_BIT(OPT_IN) |
			   OPT_BIT(OPT_STRICT) | OPT_BIT(OPT_STATS) | OPT_BIT(OPT_RECORD) |
			   OPT_BIT(OPT_DECISIONS),
		.min_args = 1,
		.max_args = 1,
		.missing = "the directory of the recording",
		.tail = CLI_TAIL_IF_DASHES,
	},
	{
		.name = "doctor",
		.run = cmd_doctor,
		.synopsis = "",
		.purpose = "say what this host can do, and the remedy for what it cannot",
		.details = "Exit code 4: something is missing without which no lab comes up.\n",
		.example = "netlab doctor",
	},
	{
		.name = "schema",
		.run = cmd_schema,
		.synopsis = "",
		.purpose = "print the JSON Schema of topology files",
		.example = "netlab schema > netlab.schema.json",
	},
	{
		.name = "help",
		.run = cmd_help,
		.synopsis = "[VERB]",
		.purpose = "explain a verb, or list the verbs",
		.example = "netlab help up",
		.max_args = 1,
	},
};

const size_t cli_n_commands = ARRAY_SIZE(cli_commands);
