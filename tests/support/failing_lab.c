/* SPDX-License-Identifier: MIT */
/* A lab in which the k-th system operation fails. */
#include "support/failing_lab.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/program.h"
#include "sys/cgroup.h"
#include "sys/gate.h"
#include "sys/netns.h"
#include "sys/rtnl.h"
#include "topo/model.h"

char failing_state_dir[256];
struct topo *failing_topo;
const char *failing_source;
bool failing_limited;
unsigned failing_first, failing_step;

enum {
	SIDE_BY_SIDE = 4,
	OFTEN = 3,
};

/* --- the gate --- */

static struct {
	atomic_uint count; /* operations so far */
	unsigned target;   /* the one that fails; 0 = none */
	int error;         /* with which errno, or FAILING_DIES, or FAILING_KILLS */
	atomic_bool fired;
	atomic_uint over;                /* FAILING_KILLS: who came to the operation may go on */
	char op[64];                     /* its name */
	char names[FAILING_OPS_MAX][24]; /* of all, while none fails */
} * gate;

static int on_operation(const char *op)
{
	unsigned k = atomic_fetch_add(&gate->count, 1) + 1;

	if (gate->target == 0 && k < FAILING_OPS_MAX)
		(void)snprintf(gate->names[k], sizeof(gate->names[k]), "%s", op);
	if (k != gate->target)
		return 0;
	snprintf(gate->op, sizeof(gate->op), "%s", op);
	atomic_store(&gate->fired, true);
	if (gate->error == FAILING_DIES) {
		(void)kill(getpid(), SIGKILL);
		_exit(EXIT_FAILURE); /* PID 1 of a namespace cannot even kill itself */
	}
	if (gate->error != FAILING_KILLS)
		return -gate->error;
	while (atomic_load(&gate->over) == 0)
		(void)syscall(SYS_futex, &gate->over, FUTEX_WAIT, 0, NULL, NULL, 0);
	return 0;
}

void arm(unsigned k, int error)
{
	gate->target = k;
	gate->error = error;
	if (k > 0) /* what failed last is told until then */
		gate->op[0] = '\0';
	atomic_store(&gate->count, 0);
	atomic_store(&gate->fired, false);
	atomic_store(&gate->over, 0);
}

bool disarm(void)
{
	gate->target = UINT_MAX;
	atomic_store(&gate->over, 1);
	(void)syscall(SYS_futex, &gate->over, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	return has_failed();
}

bool somebody_waits(void)
{
	return has_failed() && gate->error == FAILING_KILLS && atomic_load(&gate->over) == 0;
}

int failed_with(void)
{
	return gate->error;
}

unsigned operations(void)
{
	return atomic_load(&gate->count);
}

bool has_failed(void)
{
	return atomic_load(&gate->fired);
}

const char *failed_op(void)
{
	return gate->op;
}

/** Whether so many operations before k have its name, and one after it. */
static bool is_among(unsigned k, unsigned often)
{
	unsigned before = 0, after = 0;

	for (unsigned i = 1; i < FAILING_OPS_MAX && gate->names[i][0]; i++) {
		if (strcmp(gate->names[i], gate->names[k]) == 0) {
			before += i < k;
			after += i > k;
		}
	}
	return before >= often && after > 0;
}

bool is_one_more(unsigned k)
{
	return is_among(k, OFTEN);
}

bool is_left_to_host(unsigned k)
{
	return getenv("NETLAB_HOST_RAN") && is_among(k, 1);
}

/* --- the lab --- */

/** Whether cgroups can be had here; a container's may be read-only. */
static bool can_limit(void)
{
	struct sys_cgroup_places places = { .n = 0 };
	int r = sys_cgroup_find(NULL,
				SYS_CGROUP_BIT(SYS_CGROUP_MEMORY) | SYS_CGROUP_BIT(SYS_CGROUP_CPU) |
					SYS_CGROUP_BIT(SYS_CGROUP_PIDS) |
					SYS_CGROUP_BIT(SYS_CGROUP_FREEZER),
				0, &places, NULL);

	sys_cgroup_places_deinit(&places);
	return r == 0;
}

static const char *usual_topology(char *ret, size_t size)
{
	static const char shape[] = "\"delay\": \"3ms\", \"loss\": \"1%\", \"rate\": \"100mbit\"";

	(void)snprintf(
		ret, size,
		"{ \"nodes\": {"
		"  \"a\": { \"services\": [ { \"name\": \"one\", \"run\": [ \"sleep\", \"600\" ] },"
		"                           { \"name\": \"two\", \"run\": [ \"sleep\", \"600\" ] } ] },"
		"  \"b\": { \"sysctls\": { \"net.ipv4.tcp_sack\": 0 }%s, \"files\": { \"/etc/x/y\": \"z\" },"
		"    \"mounts\": [ { \"bind\": \"/usr/share\", \"at\": \"/var/share\" }, { \"overlay\": \"/srv\" },"
		"                { \"tmpfs\": \"/opt\" } ] },"
		"  \"r\": { \"kind\": \"router\", \"rootfs\": \"/usr\", \"share\": [ \"pid\" ] }, \"sw\": { \"kind\": \"switch\" } },"
		"  \"links\": ["
		"  { \"name\": \"shaped\", \"endpoints\": [ \"a\", \"sw\" ], %s },"
		"  { \"name\": \"plain\", \"endpoints\": [ \"sw\", \"r\" ] },"
		"  { \"name\": \"far\", \"endpoints\": [ \"r\", \"b\" ], \"join\": \"wire\", \"->\": { %s } } ] }",
		failing_limited
			? ", \"limits\": { \"memory\": \"64mib\", \"cpu\": 1, \"pids\": 50 }"
			: "",
		shape, shape);
	return ret;
}

static struct topo *make_topo(const char *text)
{
	struct topo_diags diags = { 0 };
	struct topo *t = NULL;
	char usual[2048], name[32];
	const struct topo_overrides named = { .name = name };

	/* cgroups are in no namespace: they must be told from those of the same test beside this one */
	snprintf(name, sizeof(name), "sweep-%s", strrchr(world_dir, '-') + 1);
	failing_limited = can_limit();
	if (!text)
		text = usual_topology(usual, sizeof(usual));
	if (topo_parse(text, strlen(text), "sweep.json", &named, &diags, &t) < 0)
		fail_msg("%s: %s", diags.items[0].where, diags.items[0].message);
	topo_diags_deinit(&diags);
	failing_source = strdup(text);
	return t;
}

int up(struct netlab_err *err)
{
	struct lab_up_options o = { .state_dir = failing_state_dir,
				    .topo = failing_topo,
				    .source = failing_source,
				    .source_len = strlen(failing_source),
				    .netns_names = true };
	struct lab_handle handle = { .pidfd = -1, .up_fd = -1 };
	int r;

	*err = (struct netlab_err){ 0 };
	r = lab_up(&o, &handle, err);
	if (r == 0)
		lab_handle_deinit(&handle);
	return r;
}

void must_be_up(void)
{
	struct netlab_err err;

	if (up(&err) < 0)
		fail_msg("without a failure: %s", err.message);
}

void must_go_down(void)
{
	struct netlab_err err = { 0 };
	bool was_running;

	if (lab_down(failing_state_dir, failing_topo->name, &was_running, &err) < 0)
		fail_msg("down: %s", err.message);
}

struct snapshot *lab_begin(void)
{
	struct snapshot *before = snapshot_take(world_dir);

	arm(0, 0);
	must_be_up();
	return before;
}

void lab_end(struct snapshot *before)
{
	must_go_down();
	nothing_left(before, 0);
	snapshot_free(before);
}

void write_topology(void)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/lab.json", world_dir);
	program_write_file(path, failing_source);
}

void run_in(const char *node, const char *const *argv, int want)
{
	struct lab_exec_options o = { .state_dir = failing_state_dir,
				      .lab = failing_topo->name,
				      .node = node,
				      .argv = argv };
	struct netlab_err err = { 0 };
	int status = -1;

	if (lab_exec(&o, &status, &err) < 0)
		fail_msg("exec: %s", err.message);
	assert_int_equal(status, want);
}

/** The first address of a node's first interface. */
static struct in_addr address_of(const char *node)
{
	struct netlab_err err = { 0 };
	struct in_addr ret;
	json_t *lab = NULL, *n;
	char text[32];

	if (lab_show(failing_state_dir, failing_topo->name, &lab, &err) < 0)
		fail_msg("show: %s", err.message);
	n = json_object_get(json_object_get(lab, "nodes"), node);
	n = json_object_get(json_array_get(json_object_get(n, "interfaces"), 0), "addresses");
	(void)snprintf(text, sizeof(text), "%s", json_string_value(json_array_get(n, 0)));
	text[strcspn(text, "/")] = '\0';
	assert_int_equal(inet_pton(AF_INET, text, &ret), 1);
	json_decref(lab);
	return ret;
}

/** @return whether it was the answer that came */
static bool is_answered(int fd, uint16_t id)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint8_t packet[256];

	while (poll(&p, 1, 20) > 0) {
		ssize_t n = recv(fd, packet, sizeof(packet), 0);
		struct icmphdr head;

		if (n < (ssize_t)(sizeof(struct iphdr) + sizeof(head)))
			continue;
		memcpy(&head, packet + sizeof(struct iphdr), sizeof(head));
		if (head.type == ICMP_ECHOREPLY && head.un.echo.id == id)
			return true;
	}
	return false;
}

/** In a process of its own, which moves into the node's network namespace. @return exit code */
static int ask_for_echo(struct in_addr to)
{
	const struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = to };
	struct icmphdr echo = { .type = ICMP_ECHO, .un.echo.id = htons((uint16_t)getpid()) };
	double start = seconds();
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), SYS_NETNS_DIR "/%s--a", failing_topo->name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		return 2;
	fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	echo.checksum = (uint16_t) ~(echo.type + echo.un.echo.id +
				     (echo.type + echo.un.echo.id > 0xffff));
	do {
		/* a queue that is being replaced may refuse it */
		(void)sendto(fd, &echo, sizeof(echo), 0, (const struct sockaddr *)&address,
			     sizeof(address));
		if (is_answered(fd, echo.un.echo.id))
			return 0;
	} while (seconds() - start < FAILING_PATIENCE_MS / 1000.0);
	return 1;
}

void packets_pass(void)
{
	struct in_addr to = address_of("b");
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(ask_for_echo(to));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("after '%s' failed, no packet gets from 'a' to 'b' and back (%d)",
			 failed_op(), WEXITSTATUS(status));
}

char *describe(void)
{
	struct netlab_err err = { 0 };
	json_t *lab = NULL;
	char *text;

	if (lab_show(failing_state_dir, failing_topo->name, &lab, &err) < 0)
		fail_msg("show: %s", err.message);
	json_object_del(lab, "uptime_s");
	json_object_del(lab, "recording");
	json_object_del(json_object_get(json_object_get(lab, "nodes"), "b"), "usage");
	text = json_dumps(lab, JSON_INDENT(1) | JSON_SORT_KEYS);
	json_decref(lab);
	return text;
}

void check_state(const char *node, const char *want)
{
	struct netlab_err err = { 0 };
	json_t *lab = NULL;

	if (lab_show(failing_state_dir, failing_topo->name, &lab, &err) < 0)
		fail_msg("show: %s", err.message);
	assert_string_equal(json_string_value(json_object_get(
				    json_object_get(json_object_get(lab, "nodes"), node), "state")),
			    want);
	json_decref(lab);
}

/* --- what has to be true after a failure --- */

/** The names outside of the lab, which are its own while it runs. */
void no_names(unsigned k)
{
	char path[128], target[8];

	snprintf(path, sizeof(path), SYS_NETNS_DIR "/%s--a", failing_topo->name);
	if (readlink(path, target, sizeof(target)) >= 0)
		fail_msg("operation %u ('%s', error %d) left names in " SYS_NETNS_DIR, k,
			 failed_op(), gate->error);
}

void nothing_left(const struct snapshot *before, unsigned k)
{
	char *difference = snapshot_wait(before, world_dir, FAILING_PATIENCE_MS);

	if (difference)
		fail_msg("operation %u ('%s', error %d) left:\n%s", k, failed_op(), gate->error,
			 difference);
}

void true_cause(const struct netlab_err *err, unsigned k)
{
	if (err->code != -gate->error || !strstr(err->message, strerror(gate->error)))
		fail_msg("operation %u ('%s') failed with '%s', but the error is %d: %s", k,
			 failed_op(), strerror(gate->error), err->code, err->message);
}

void unnoticed(const char *what, unsigned k)
{
	fail_msg("%s: operation %u ('%s') failed and nobody noticed", what, k, failed_op());
}

static size_t *kind_of(struct tally *t, const char *line)
{
	size_t len = strcspn(line, " "), i = 0;

	while (i < t->n && (strncmp(t->kinds[i].kind, line, len) != 0 || t->kinds[i].kind[len]))
		i++;
	if (i == t->n) {
		assert_in_range(len, 1, sizeof(t->kinds[i].kind) - 1);
		assert_in_range(i, 0, sizeof(t->kinds) / sizeof(t->kinds[0]) - 1);
		(void)snprintf(t->kinds[t->n++].kind, sizeof(t->kinds[i].kind), "%.*s", (int)len,
			       line);
	}
	return &t->kinds[i].n;
}

static size_t supervisor_descriptors(void)
{
	struct netlab_err err = { 0 };
	json_t *summary = NULL;
	char path[64];
	size_t n = 0;
	DIR *dir;

	if (lab_summary(failing_state_dir, failing_topo->name, &summary, &err) < 0)
		fail_msg("after '%s' failed: %s", failed_op(), err.message);
	(void)snprintf(path, sizeof(path), "/proc/%d/fd",
		       (int)json_integer_value(json_object_get(summary, "pid")));
	json_decref(summary);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static struct tally count_things(void)
{
	struct snapshot *s = snapshot_take(world_dir);
	struct tally t = { .n = 0 };

	for (size_t i = 0; i < s->n; i++)
		++*kind_of(&t, s->lines[i]);
	snapshot_free(s);
	*kind_of(&t, "supervisor") = supervisor_descriptors();
	return t;
}

/** @return the first kind of which there are more or fewer; NULL */
static const char *difference(const struct tally *before, struct tally *now)
{
	struct tally was = *before;

	for (size_t i = 0; i < was.n; i++) {
		if (*kind_of(now, was.kinds[i].kind) != was.kinds[i].n)
			return before->kinds[i].kind;
	}
	return now->n > was.n ? now->kinds[was.n].kind : NULL;
}

static void wait_a_moment(void)
{
	const struct timespec moment = { .tv_nsec = 20 * 1000 * 1000 };

	(void)world_reap();
	nanosleep(&moment, NULL);
}

struct tally tally_take(void)
{
	struct tally last = count_things(), now;
	unsigned same = 0;

	/* what the last request leaves goes within a moment: a connection, a process */
	for (unsigned tries = 0; same < 5; tries++) {
		assert_in_range(tries, 0, FAILING_PATIENCE_MS / 20);
		wait_a_moment();
		now = count_things();
		same = difference(&last, &now) ? 0 : same + 1;
		last = now;
	}
	return last;
}

void same_tally(const struct tally *before, unsigned k)
{
	double start = seconds();

	for (;;) {
		struct tally now = count_things(), was = *before;
		const char *kind = difference(before, &now);

		if (!kind)
			return;
		if (seconds() - start > FAILING_PATIENCE_MS / 1000.0)
			fail_msg(
				"after operation %u ('%s') failed there are %zu of kind '%s', not %zu",
				k, failed_op(), *kind_of(&now, kind), kind, *kind_of(&was, kind));
		wait_a_moment();
	}
}

double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- the frame --- */

static const char *topology;
static const struct CMUnitTest *all;
static size_t n_all;

static int set_up(void **state)
{
	struct netlab_err err = { 0 };
	int fd = rt_open();

	(void)state;
	gate = mmap(NULL, sizeof(*gate), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(gate != MAP_FAILED);
	snprintf(failing_state_dir, sizeof(failing_state_dir), "%s/labs", world_dir);
	assert_int_equal(mkdir(failing_state_dir, 0700), 0);
	print_message("this kernel has %s netem\n", rt_probe_netem(fd, &err) == 0 ? "" : "no");
	close(fd);
	failing_topo = make_topo(topology);
	snapshot_cgroup_word = failing_topo->name;
	sys_gate_hook = on_operation;
	return 0;
}

static int run_all(void)
{
	return _cmocka_run_group_tests("failing lab", all, n_all, set_up, NULL) ? 1 : 0;
}

int failing_run(const char *text, const struct CMUnitTest *tests, size_t n)
{
	int code, status;

	topology = text;
	all = tests;
	n_all = n;
	failing_step = SIDE_BY_SIDE;
	fflush(NULL);
	for (failing_first = 1; failing_first < failing_step; failing_first++) {
		pid_t pid = fork();

		if (pid < 0) {
			perror("fork");
			return 1;
		}
		if (pid == 0)
			exit(world_run(run_all));
	}
	code = world_run(run_all);
	while (wait(&status) > 0) {
		if (!WIFEXITED(status) || (WEXITSTATUS(status) && code != 1))
			code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	}
	return code;
}
