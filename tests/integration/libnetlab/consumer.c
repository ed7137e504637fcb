/* SPDX-License-Identifier: MIT */
/*
 * A program outside the project that uses all of libnetlab: installed headers and netlab.pc are all that it knows. It is
 * C and C++ at once, as the headers are. usage: consumer STATE_DIR
 */
#include <errno.h>
#include <netlab/lab.h>
#include <netlab/topology.h>
#include <netlab/version.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char two_hosts[] = "{\"name\": \"base\", \"nodes\": {\"a\": {}, \"b\": {}},\n"
				" \"links\": [{\"endpoints\": [\"a\", \"b\"]}]}\n";
static const char broken[] =
	"{\"nodes\": {\"a\": {\"kin\": \"router\"}},\n"
	" \"links\": [{\"endpoints\": [\"a\", \"nobody\"], \"dellay\": \"1ms\"}]}\n";

static const char *state_dir;

#define CHECK(condition)                                                                        \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			exit(1);                                                                \
		}                                                                               \
	} while (0)

/* Success, or the library's own words. */
#define MUST(call)                                                                                 \
	do {                                                                                       \
		int must_ = (call);                                                                \
		if (must_ != 0) {                                                                  \
			fprintf(stderr, "%s:%d: %s: %d: %s: %s (%s)\n", __FILE__, __LINE__, #call, \
				must_, err.where, err.message, err.hint);                          \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

static struct netlab_err err;

static void topologies(void)
{
	struct netlab_topology *t = NULL;
	struct netlab_topology_options options = {};
	struct netlab_diags *diags = NULL;
	char *text = NULL, *again = NULL;
	size_t errors = 0;

	CHECK(netlab_topology_parse(broken, strlen(broken), "broken.json", NULL, &diags, &t,
				    &err) == -EINVAL);
	CHECK(t == NULL && err.exit == NETLAB_EXIT_INVALID);
	CHECK(netlab_diags_errors(diags) >= 3);
	for (size_t i = 0; i < netlab_diags_count(diags); i++) {
		const struct netlab_diag *d = netlab_diags_get(diags, i);

		CHECK(strncmp(d->where, "broken.json", strlen("broken.json")) == 0 &&
		      d->message[0]);
		errors += !d->warning;
	}
	CHECK(errors == netlab_diags_errors(diags));
	CHECK(netlab_diags_get(diags, netlab_diags_count(diags)) == NULL);
	CHECK(strstr(err.message, "more error") != NULL);
	netlab_diags_free(diags);

	/* nobody has to listen */
	CHECK(netlab_topology_parse(broken, strlen(broken), "broken.json", NULL, NULL, &t, NULL) ==
	      -EINVAL);
	CHECK(netlab_topology_load("/no/such/file.json", NULL, NULL, &t, &err) == -ENOENT);
	CHECK(strcmp(err.where, "/no/such/file.json") == 0);
	options.name = "../escape";
	CHECK(netlab_topology_parse(two_hosts, strlen(two_hosts), "x", &options, NULL, &t, &err) ==
	      -EINVAL);
	CHECK(err.exit == NETLAB_EXIT_USAGE);

	options.name = "other";
	options.seed_set = true;
	options.seed = UINT64_MAX;
	MUST(netlab_topology_parse(two_hosts, strlen(two_hosts), "x", &options, &diags, &t, &err));
	CHECK(netlab_diags_errors(diags) == 0);
	netlab_diags_free(diags);
	CHECK(strcmp(netlab_topology_name(t), "other") == 0);
	CHECK(netlab_topology_seed(t) == UINT64_MAX);
	CHECK(netlab_topology_nodes(t) == 2 && netlab_topology_links(t) == 1);
	CHECK(strcmp(netlab_topology_node(t, 1), "b") == 0 && netlab_topology_node(t, 2) == NULL);
	CHECK(strcmp(netlab_topology_link(t, 0), "a--b") == 0 &&
	      netlab_topology_link(t, 1) == NULL);

	MUST(netlab_topology_plan(t, NETLAB_PLAN_SH, &text, &err));
	MUST(netlab_topology_plan(t, NETLAB_PLAN_SH, &again, &err));
	CHECK(strncmp(text, "#!", 2) == 0 && strcmp(text, again) == 0);
	netlab_free(text);
	netlab_free(again);
	MUST(netlab_topology_plan(t, NETLAB_PLAN_JSON, &text, &err));
	CHECK(text[0] == '{' && strstr(text, "\"veth\"") != NULL);
	netlab_free(text);
	MUST(netlab_topology_plan(t, NETLAB_PLAN_TEXT, &text, &err));
	CHECK(strstr(text, "veth") != NULL);
	netlab_free(text);
	CHECK(netlab_topology_plan(t, (enum netlab_plan_format)7, &text, &err) == -EINVAL);
	MUST(netlab_schema(&text, &err));
	CHECK(strstr(text, "\"$schema\"") != NULL);
	netlab_free(text);
	netlab_topology_free(t);
}

static int ping(struct netlab_lab *lab)
{
	const char *argv[] = { "ping", "-c", "1", "-W", "1", "b", NULL };
	char *output = NULL;
	size_t len;
	int status = -1;

	MUST(netlab_exec_output(lab, "a", argv, &output, &len, &status, &err));
	CHECK(len == strlen(output) && strncmp(output, "PING b", 6) == 0);
	netlab_free(output);
	return status;
}

static void commands(struct netlab_lab *lab)
{
	const char *env[] = { "WORD=a b", NULL };
	const char *say[] = { "sh", "-c", "echo \"$WORD $NETLAB_NODE $NETLAB_LAB $PWD\"; exit 3",
			      NULL };
	const char *both[] = { "sh", "-c", "echo out; echo err >&2; echo out", NULL };
	const char *missing[] = { "no-such-program", NULL }, *cat[] = { "cat", NULL };
	const char *nothing[] = { NULL };
	struct netlab_process *p = NULL;
	struct netlab_exec_options o = {};
	char *output = NULL, answer[64] = "";
	int status = -1, in[2], out[2];

	CHECK(pipe(in) == 0 && pipe(out) == 0);
	o.env = env;
	o.cwd = "/tmp";
	o.redirect = true;
	o.stdin_fd = -1;
	o.stdout_fd = out[1];
	o.stderr_fd = -1;
	MUST(netlab_exec(lab, "b", say, &o, &status, &err));
	CHECK(status == 3 && read(out[0], answer, sizeof(answer) - 1) > 0);
	CHECK(strcmp(answer, "a b b one /tmp\n") == 0);

	CHECK(write(in[1], "through", 7) == 7);
	close(in[1]);
	o.stdin_fd = in[0];
	MUST(netlab_exec(lab, "b", cat, &o, &status, &err));
	CHECK(status == 0 && read(out[0], answer, sizeof(answer)) == 7);
	close(in[0]);
	close(out[0]);
	close(out[1]);

	MUST(netlab_exec_output(lab, "a", both, &output, NULL, &status, &err));
	CHECK(status == 0 && strcmp(output, "out\nerr\nout\n") == 0);
	netlab_free(output);

	memset(&err, 0, sizeof(err));
	MUST(netlab_exec(lab, "a", missing, NULL, &status, &err));
	CHECK(status == 127 && strstr(err.message, "no-such-program") != NULL);
	memset(&err, 0, sizeof(err));
	MUST(netlab_exec_output(lab, "a", missing, &output, NULL, &status, &err));
	CHECK(status == 127 && strstr(err.message, "no-such-program") != NULL);
	netlab_free(output);
	CHECK(netlab_exec(lab, "nobody", say, NULL, &status, &err) == -ENOENT);
	CHECK(strstr(err.message, "nobody") != NULL);
	CHECK(netlab_exec_output(lab, "nobody", say, &output, NULL, &status, &err) == -ENOENT);
	CHECK(output == NULL);
	CHECK(netlab_exec(lab, "a", nothing, NULL, &status, &err) == -EINVAL);
	CHECK(err.exit == NETLAB_EXIT_USAGE && strstr(err.message, "no command") != NULL);
	CHECK(netlab_exec_output(lab, "a", nothing, &output, NULL, &status, &err) == -EINVAL);
	CHECK(netlab_spawn(lab, "a", nothing, NULL, &p, &err) == -EINVAL && p == NULL);
}

static void processes(struct netlab_lab *lab)
{
	const char *wait_for_ever[] = { "sleep", "1000000", NULL };
	/* says that it is ready, then takes the signal between two sleeps */
	const char *trap[] = { "sh", "-c",
			       "trap 'exit 7' USR1; echo ready; while :; do sleep 0.05; done",
			       NULL };
	struct netlab_exec_options o = {};
	struct netlab_process *p = NULL;
	char ready[8] = "";
	int status = -1, in[2], out[2];

	MUST(netlab_spawn(lab, "a", wait_for_ever, NULL, &p, &err));
	CHECK(netlab_process_wait(p, 0, &status, &err) == -ETIME);
	CHECK(netlab_process_signal(p, SIGALRM) == -EINVAL);
	CHECK(netlab_process_signal(p, SIGRTMIN) == -EINVAL);
	CHECK(netlab_process_signal(p, 12345) == -EINVAL);
	CHECK(netlab_process_signal(p, SIGTERM) == 0);
	MUST(netlab_process_wait(p, 20000, &status, &err));
	CHECK(status == 128 + SIGTERM);
	MUST(netlab_process_wait(p, 0, &status, &err));
	CHECK(status == 128 + SIGTERM && netlab_process_signal(p, SIGTERM) == -ESRCH);
	netlab_process_free(p);

	CHECK(pipe(in) == 0 && pipe(out) == 0);
	o.redirect = true;
	o.stdin_fd = in[0];
	o.stdout_fd = out[1];
	o.stderr_fd = -1;
	MUST(netlab_spawn(lab, "a", trap, &o, &p, &err));
	CHECK(read(out[0], ready, sizeof(ready) - 1) == 6);
	CHECK(netlab_process_signal(p, SIGUSR1) == 0);
	{
		struct pollfd ended = { netlab_process_fd(p), POLLIN, 0 };

		CHECK(poll(&ended, 1, 20000) == 1);
	}
	MUST(netlab_process_wait(p, 0, &status, &err));
	CHECK(status == 7);
	netlab_process_free(p);
	close(in[0]);
	close(in[1]);
	close(out[0]);
	close(out[1]);

	/* killed with its object */
	MUST(netlab_spawn(lab, "a", wait_for_ever, NULL, &p, &err));
	netlab_process_free(p);
}

static void links(struct netlab_lab *lab)
{
	const char *rate[] = { "rate=1mbit", NULL }, *wrong[] = { "rate=fast", NULL };
	char *text = NULL;

	CHECK(ping(lab) == 0);
	MUST(netlab_link_down(lab, "a--b", "b", &err));
	CHECK(ping(lab) == 1);
	MUST(netlab_link_up(lab, "a--b", NULL, &err));
	CHECK(ping(lab) == 0);

	MUST(netlab_link_set(lab, "a--b", "a", rate, &err));
	MUST(netlab_show(lab, &text, &err));
	CHECK(strstr(text, "\"rate_bps\": 1000000") != NULL);
	netlab_free(text);
	MUST(netlab_link_none(lab, "a--b", NULL, &err));
	MUST(netlab_link_clear(lab, "a--b", NULL, &err));
	CHECK(netlab_link_set(lab, "a--b", NULL, wrong, &err) == -EINVAL);
	CHECK(strstr(err.message, "rate") != NULL);
	CHECK(netlab_link_down(lab, "a--z", NULL, &err) == -ENOENT);
	CHECK(netlab_link_down(lab, "a--b", "z", &err) == -ENOENT);
	CHECK(netlab_link_down(lab, "a--b", "\xff", &err) == -EINVAL &&
	      strstr(err.message, "UTF-8"));
	CHECK(ping(lab) == 0);
}

static void statistics(struct netlab_lab *lab)
{
	uint64_t before = 0, after = 0, both = 0, seed = 0;
	char *text = NULL;

	MUST(netlab_stats_count(lab, "a--b", "a", "offered", &before, &err));
	CHECK(ping(lab) == 0);
	MUST(netlab_stats_count(lab, "a--b", "a", "offered", &after, &err));
	CHECK(after > before);
	MUST(netlab_stats_count(lab, "a--b", NULL, "offered", &both, &err));
	CHECK(both > after);
	MUST(netlab_stats(lab, &text, &err));
	CHECK(strstr(text, "\"a--b\"") != NULL && strstr(text, "\"offered\"") != NULL);
	netlab_free(text);

	both = 4711;
	CHECK(netlab_stats_count(lab, "a--z", NULL, "offered", &both, &err) == -ENOENT);
	CHECK(strcmp(err.hint, "did you mean 'a--b'?") == 0);
	CHECK(netlab_stats_count(lab, "a--b", NULL, "ofered", &both, &err) == -EINVAL);
	CHECK(strcmp(err.hint, "did you mean 'offered'?") == 0);
	CHECK(netlab_stats_count(lab, "a--b", "z", "offered", &both, &err) == -ENOENT);
	CHECK(strstr(err.message, "no end at node 'z'") != NULL);
	CHECK(netlab_stats_count(lab, "a--b", NULL, "lateness_us", &both, NULL) < 0);
	CHECK(both == 4711);

	MUST(netlab_lab_seed(lab, &seed, &err));
	CHECK(seed != 0);
}

/* Rules are for the packets that they say, and every member of theirs arrives where it should. */
static void faults(struct netlab_lab *lab)
{
	static const char requests[] = "icmp6 && ip6[40] == 128";
	struct netlab_fault rule = {};
	uint64_t matched = 4711, acted = 4711, dropped = 0;
	uint32_t id = 0, other = 0;
	char *text = NULL;

	MUST(netlab_fault_list(lab, &text, &err));
	CHECK(strcmp(text, "[]") == 0);
	netlab_free(text);
	MUST(netlab_fault_remove(lab, 0, &err)); /* none are all */

	rule.link = "a--b";
	rule.from = "a";
	rule.match = requests;
	rule.nth = "1,3-4";
	MUST(netlab_fault_add(lab, &rule, &id, &err));
	MUST(netlab_fault_count(lab, id, &matched, &acted, &err));
	CHECK(id > 0 && matched == 0 && acted == 0);
	CHECK(ping(lab) == 1 && ping(lab) == 0 && ping(lab) == 1 && ping(lab) == 1);
	CHECK(ping(lab) == 0);
	MUST(netlab_fault_count(lab, id, &matched, &acted, &err));
	CHECK(matched == 5 && acted == 3);
	MUST(netlab_stats_count(lab, "a--b", "a", "dropped_fault", &dropped, &err));
	CHECK(dropped == 3);
	MUST(netlab_fault_remove(lab, id, &err));
	CHECK(ping(lab) == 0);
	CHECK(netlab_fault_remove(lab, id, &err) == -ENOENT);
	CHECK(netlab_fault_count(lab, id, &matched, &acted, &err) == -ENOENT && matched == 5);

	/* as the topology file has it; both directions are counted together */
	MUST(netlab_fault_add_json(lab,
				   "{\"link\": \"a--b\", \"match\": \"icmp6 && ip6[40] >= 128 && "
				   "ip6[40] <= 129\", \"do\": \"duplicate\"}",
				   &other, &err));
	CHECK(other != id && ping(lab) == 0);
	MUST(netlab_fault_count(lab, other, &matched, NULL, &err));
	MUST(netlab_fault_count(lab, other, NULL, &acted, &err));
	CHECK(matched >= 2 && acted == matched);
	MUST(netlab_fault_remove(lab, other, NULL));

	rule.from = rule.match = rule.nth = NULL;
	rule.action = NETLAB_FAULT_DELAY;
	rule.value = 1500000;
	rule.every = 7;
	rule.after_ns = 3000000000000;
	rule.for_ns = 2000000000;
	MUST(netlab_fault_add(lab, &rule, NULL, &err));
	rule.every = 0;
	rule.first = 9;
	rule.after_ns = 0;
	rule.action = NETLAB_FAULT_HOLD;
	rule.value = 3;
	rule.match = "tcp port 1";
	MUST(netlab_fault_add(lab, &rule, NULL, &err));
	rule.for_ns = 0;
	rule.first = 0;
	rule.action = NETLAB_FAULT_CORRUPT_BYTE;
	rule.value = 60;
	MUST(netlab_fault_add(lab, &rule, NULL, &err));
	rule.action = NETLAB_FAULT_CORRUPT_BIT;
	rule.value = 480;
	MUST(netlab_fault_add(lab, &rule, NULL, &err));
	rule.action = NETLAB_FAULT_CORRUPT;
	MUST(netlab_fault_add(lab, &rule, NULL, &err));
	rule.action = NETLAB_FAULT_DUPLICATE;
	MUST(netlab_fault_add(lab, &rule, NULL, &err));
	MUST(netlab_fault_list(lab, &text, &err));
	CHECK(strstr(text, "\"delay 1.5ms\"") && strstr(text, "\"every 7\""));
	CHECK(strstr(text, "\"after\": \"3000s\"") && strstr(text, "\"for\": \"2s\""));
	CHECK(strstr(text, "\"hold until 3\"") && strstr(text, "\"first 9\""));
	CHECK(strstr(text, "\"corrupt byte 60\"") && strstr(text, "\"corrupt bit 480\""));
	CHECK(strstr(text, "\"corrupt\"") && strstr(text, "\"duplicate\""));
	netlab_free(text);
	MUST(netlab_fault_remove(lab, 0, &err));
	MUST(netlab_fault_list(lab, &text, &err));
	CHECK(strcmp(text, "[]") == 0);
	netlab_free(text);
}

static void wrong_faults(struct netlab_lab *lab)
{
	struct netlab_fault rule = {};
	uint32_t id = 4711;

	CHECK(netlab_fault_add(lab, &rule, &id, &err) == -EINVAL && strstr(err.message, "no link"));
	rule.link = "a--z";
	CHECK(netlab_fault_add(lab, &rule, &id, &err) == -EINVAL && strstr(err.message, "a--z"));
	rule.link = "a--b";
	rule.from = "z";
	CHECK(netlab_fault_add(lab, &rule, &id, &err) == -EINVAL && strstr(err.message, "'z'"));
	rule.from = NULL;
	rule.match = "tcp prot 80";
	CHECK(netlab_fault_add(lab, &rule, &id, &err) == -EINVAL);
	CHECK(strstr(err.message, "tcp prot 80") != NULL);
	rule.match = "\xff";
	CHECK(netlab_fault_add(lab, &rule, &id, &err) == -EINVAL && strstr(err.message, "UTF-8"));
	rule.match = NULL;
	rule.nth = "0";
	CHECK(netlab_fault_add(lab, &rule, &id, &err) == -EINVAL && strstr(err.message, "\"0\""));
	rule.nth = "1,";
	CHECK(netlab_fault_add(lab, &rule, &id, &err) == -EINVAL);
	rule.nth = "1,\xff";
	CHECK(netlab_fault_add(lab, &rule, &id, &err) == -EINVAL && strstr(err.message, "UTF-8"));
	rule.nth = "1";
	rule.every = 2;
	CHECK(netlab_fault_add(lab, &rule, &id, &err) == -EINVAL);
	rule.every = 0;
	rule.action = NETLAB_FAULT_HOLD;
	rule.value = UINT64_MAX;
	CHECK(netlab_fault_add(lab, &rule, &id, &err) == -EINVAL);
	rule.action = (enum netlab_fault_action)7;
	CHECK(netlab_fault_add(lab, &rule, &id, &err) == -EINVAL);
	CHECK(err.exit == NETLAB_EXIT_USAGE && strstr(err.message, "action") != NULL);

	CHECK(netlab_fault_add_json(lab, "{\"link\": ", &id, &err) == -EINVAL);
	CHECK(err.exit == NETLAB_EXIT_USAGE && strcmp(err.where, "fault:1:9") == 0);
	CHECK(netlab_fault_add_json(lab, "[]", &id, &err) == -EINVAL);
	CHECK(netlab_fault_add_json(lab, "{\"link\": \"a--b\"}", &id, NULL) == -EINVAL);
	CHECK(netlab_fault_remove(lab, 4711, &err) == -ENOENT && strstr(err.message, "4711"));
	CHECK(id == 4711);
}

/* Removes a recording; all its files have to be there. */
static void remove_recording(const char *dir)
{
	static const char *const files[] = { "record.json", "topology.json", "packets.pcapng",
					     "decisions",   "identities",    "summary.json" };
	char path[200];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		CHECK(unlink(path) == 0);
	}
	CHECK(rmdir(dir) == 0);
}

static void recordings(struct netlab_lab *lab)
{
	char dir[] = "/tmp/netlab-consumer.XXXXXX", other[64], path[64], kept[4096], *text = NULL;
	FILE *file;
	size_t n;

	CHECK(mkdtemp(dir) != NULL);
	snprintf(other, sizeof(other), "%s.other", dir);
	CHECK(netlab_record_stop(lab, &text, &err) == -ENOENT && text == NULL);
	CHECK(netlab_record_start(lab, "/no/such/directory", &err) == -ENOENT);
	MUST(netlab_record_start(lab, dir, &err)); /* empty: it may be there */
	CHECK(netlab_record_start(lab, other, &err) == -EBUSY);
	CHECK(access(other, F_OK) != 0);
	CHECK(netlab_record_start(lab, dir, &err) == -ENOTEMPTY);
	CHECK(ping(lab) == 0);
	MUST(netlab_record_stop(lab, &text, &err));
	CHECK(strstr(text, "\"state\": \"ended\"") && strstr(text, "\"packets\": "));
	CHECK(strstr(text, "\"packets\": 0") == NULL);
	netlab_free(text);

	/* it can be replayed: it has the topology as it was given */
	snprintf(path, sizeof(path), "%s/topology.json", dir);
	CHECK((file = fopen(path, "r")) != NULL);
	n = fread(kept, 1, sizeof(kept) - 1, file);
	fclose(file);
	kept[n] = '\0';
	CHECK(strcmp(kept, two_hosts) == 0);
	remove_recording(dir);

	MUST(netlab_record_start(lab, other, &err)); /* it makes it */
	MUST(netlab_record_stop(lab, NULL, NULL));
	remove_recording(other);
}

/* A recording that nobody ended does with its lab. The lab is freed. */
static void recorded_to_its_end(struct netlab_lab *lab)
{
	char dir[] = "/tmp/netlab-consumer.XXXXXX";

	CHECK(mkdtemp(dir) != NULL);
	MUST(netlab_record_start(lab, dir, &err));
	CHECK(ping(lab) == 0);
	netlab_lab_free(lab); /* its maker: it ends */
	remove_recording(dir);
}

/* What the lab's supervisor is, as seen by pidfd: it tells the end of the lab. */
static int lab_pidfd(const char *name)
{
	struct netlab_lab *lab = NULL;
	char *text = NULL, *found, *at;
	long pid = 0;
	int fd;

	MUST(netlab_list(state_dir, &text, &err));
	for (at = text; (found = strstr(at, "\"name\": \"")) != NULL; at = found + 1) {
		if (strncmp(found + 9, name, strlen(name)) == 0)
			break;
	}
	CHECK(found != NULL);
	/* keys of a row may stand in any order: the row is between its braces */
	while (*found != '{')
		found--;
	CHECK((at = strstr(found, "\"pid\": ")) != NULL);
	pid = strtol(at + 7, NULL, 10);
	netlab_free(text);
	CHECK(pid > 1);
	fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	CHECK(fd >= 0);
	MUST(netlab_open(name, state_dir, &lab, &err)); /* it is there, and stays */
	netlab_lab_free(lab);
	return fd;
}

/* A lab ends with the process that made it, even when that is killed. */
static void dies_with_its_process(const struct netlab_topology *t)
{
	struct netlab_up_options o = {};
	struct netlab_lab *lab = NULL;
	struct pollfd end = { -1, POLLIN, 0 };
	char byte = 0;
	int ready[2];
	pid_t child;

	CHECK(pipe(ready) == 0);
	child = fork();
	if (child == 0) {
		o.name = "orphan";
		o.state_dir = state_dir;
		MUST(netlab_up(t, &o, &lab, &err));
		CHECK(write(ready[1], "r", 1) == 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	CHECK(read(ready[0], &byte, 1) == 1);
	close(ready[0]);
	end.fd = lab_pidfd("orphan");
	CHECK(kill(child, SIGKILL) == 0);
	CHECK(waitpid(child, NULL, 0) == child);
	CHECK(poll(&end, 1, 20000) == 1);
	close(end.fd);
	CHECK(netlab_open("orphan", state_dir, &lab, &err) != 0 && lab == NULL);
}

static void outlives_its_object(const struct netlab_topology *t)
{
	struct netlab_up_options o = {};
	struct netlab_lab *lab = NULL;

	o.name = "detached";
	o.state_dir = state_dir;
	o.detached = true;
	MUST(netlab_up(t, &o, &lab, &err));
	netlab_lab_free(lab);
	MUST(netlab_open("detached", state_dir, &lab, &err));
	CHECK(ping(lab) == 0);
	MUST(netlab_down(lab, &err));
	netlab_lab_free(lab);
	/* the supervisor was our child, and nobody's object any more */
	CHECK(waitpid(-1, NULL, 0) > 0);
}

static unsigned phases;

static void on_phase(void *ctx, const char *phase, double elapsed_ms)
{
	CHECK(*(const char *)ctx == 'c' && phase[0] && elapsed_ms >= 0);
	phases++;
}

static void *ask_often(void *object)
{
	struct netlab_lab *lab = (struct netlab_lab *)object;
	struct netlab_err why;
	char want[100];

	(void)snprintf(want, sizeof(want), "\"name\": \"%s\"", netlab_lab_name(lab));
	for (int i = 0; i < 300; i++) {
		char *text = NULL;

		CHECK(netlab_show(lab, &text, &why) == 0 && strstr(text, want));
		netlab_free(text);
	}
	return NULL;
}

/* One object is used by one thread at a time: two may be used by two. */
static void two_threads(struct netlab_lab *one, struct netlab_lab *two)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, ask_often, one) == 0);
	(void)ask_often(two);
	CHECK(pthread_join(thread, NULL) == 0);
}

static void running_labs(void)
{
	struct netlab_up_options o = {};
	struct netlab_topology *t = NULL;
	struct netlab_lab *one = NULL, *two = NULL, *same = NULL;
	char *text = NULL, context = 'c';

	MUST(netlab_topology_parse(two_hosts, strlen(two_hosts), "x", NULL, NULL, &t, &err));
	o.name = "one";
	o.state_dir = state_dir;
	o.on_phase = on_phase;
	o.ctx = &context;
	MUST(netlab_up(t, &o, &one, &err));
	CHECK(phases > 0);
	CHECK(netlab_up(t, &o, &same, &err) == -EEXIST && same == NULL);
	CHECK(netlab_up(t, &o, &same, NULL) == -EEXIST);
	o.name = "two";
	o.seed_set = true;
	o.seed = 7;
	MUST(netlab_up(t, &o, &two, &err));
	o.name = "not/a/name";
	CHECK(netlab_up(t, &o, &same, &err) == -EINVAL && err.exit == NETLAB_EXIT_USAGE);
	o.name = "one";
	o.state_dir = "/dev/null";
	CHECK(netlab_up(t, &o, &same, &err) < 0 && err.exit == NETLAB_EXIT_UNSUPPORTED);

	CHECK(strcmp(netlab_lab_name(two), "two") == 0);
	CHECK(strcmp(netlab_lab_state_dir(two), state_dir) == 0);
	MUST(netlab_show(two, &text, &err));
	CHECK(strstr(text, "\"seed\": 7") != NULL);
	netlab_free(text);
	MUST(netlab_list(state_dir, &text, &err));
	CHECK(strstr(text, "\"one\"") && strstr(text, "\"two\""));
	netlab_free(text);

	two_threads(one, two);
	CHECK(netlab_open("three", state_dir, &same, &err) == -ENOENT && same == NULL);
	CHECK(netlab_open("../one", state_dir, &same, &err) == -EINVAL);
	MUST(netlab_open("one", state_dir, &same, &err));
	CHECK(ping(same) == 0);
	netlab_lab_free(same); /* not its maker: it goes on */

	CHECK(ping(two) == 0);
	commands(one);
	processes(one);
	statistics(one);
	links(one);
	faults(one);
	wrong_faults(one);
	recordings(one);
	dies_with_its_process(t);

	MUST(netlab_down(one, &err));
	MUST(netlab_down(one, &err));
	CHECK(netlab_show(one, &text, &err) == -ENOENT && text == NULL);
	CHECK(netlab_fault_list(one, &text, &err) == -ENOENT && text == NULL);
	CHECK(netlab_record_stop(one, &text, &err) == -ENOENT && text == NULL);
	netlab_lab_free(one);
	recorded_to_its_end(two);
	outlives_its_object(t);
	MUST(netlab_list(state_dir, &text, &err));
	CHECK(strcmp(text, "[]") == 0);
	netlab_free(text);
	netlab_topology_free(t);
}

/* The next free descriptor: it grows when one is left open. */
static int lowest_fd(void)
{
	int fd = dup(0);

	CHECK(fd >= 0);
	close(fd);
	return fd;
}

int main(int argc, char **argv)
{
	char *text = NULL;
	int fd = lowest_fd();

	CHECK(argc == 2);
	state_dir = argv[1];
	CHECK(strcmp(netlab_version(), NETLAB_VERSION) == 0);
	topologies();
	MUST(netlab_doctor(&text, &err));
	CHECK(text[0] == '[' && strstr(text, "\"veth\"") != NULL);
	netlab_free(text);
	running_labs();
	netlab_topology_free(NULL);
	netlab_diags_free(NULL);
	netlab_lab_free(NULL);
	netlab_process_free(NULL);
	netlab_free(NULL);
	CHECK(lowest_fd() == fd);
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
	puts("all of it works");
	return 0;
}
