/* SPDX-License-Identifier: MIT */
/*
 * The k-th system operation fails, for every k there is: of bringing a lab up, of changing its links, of running a
 * command in it, of taking it down. Each time the caller must hear the true cause, and nothing may remain.
 *
 * Operations pass sys_gate() (sys/gate.h). The hook is inherited by the supervisor and the nodes' inits and counts in
 * memory that all of them share, so "the k-th" is counted over the whole lab.
 *
 * netlab-test: timeout=1500
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lab/lab.h"
#include "support/snapshot.h"
#include "support/world.h"
#include "sys/cgroup.h"
#include "sys/gate.h"
#include "sys/netns.h"
#include "sys/rtnl.h"
#include "topo/model.h"

enum {
	DIES = -1, /* instead of an errno: the process that comes to the operation ends there */
	PATIENCE_MS = 5000,
	OPS_MAX = 4096,
	AGAIN_EVERY = 8, /* the name is free again: tried after each so many failures */
};

static struct {
	atomic_uint count; /* operations so far */
	unsigned target;   /* the one that fails; 0 = none */
	int error;         /* with which errno, or DIES */
	atomic_bool fired;
	char op[64]; /* its name */
	char names[OPS_MAX][24];
} * gate;

static char state_dir[256];
static struct topo *topo;
static bool limited; /* node b has cgroups */

static int on_operation(const char *op)
{
	unsigned k = atomic_fetch_add(&gate->count, 1) + 1;

	if (k < OPS_MAX)
		snprintf(gate->names[k], sizeof(gate->names[k]), "%s", op);
	if (k != gate->target)
		return 0;
	snprintf(gate->op, sizeof(gate->op), "%s", op);
	atomic_store(&gate->fired, true);
	if (gate->error == DIES)
		_exit(EXIT_FAILURE); /* PID 1 of a namespace cannot even kill itself */
	return -gate->error;
}

static void arm(unsigned k, int error)
{
	gate->target = k;
	gate->error = error;
	gate->op[0] = '\0';
	atomic_store(&gate->count, 0);
	atomic_store(&gate->fired, false);
}

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

/** A switch, a router, services, file trees of all kinds, both address families, sysctls, and links that shape: one by the
 *  kernel where it has netem, one by the wire. */
static struct topo *make_topo(void)
{
	static const char shape[] = "\"delay\": \"3ms\", \"loss\": \"1%\", \"rate\": \"100mbit\"";
	struct topo_diags diags = { 0 };
	struct topo *t = NULL;
	char text[2048], name[32];
	const struct topo_overrides named = { .name = name };
	int n;

	/* cgroups are in no namespace: they must be told from those of the same test beside this one */
	snprintf(name, sizeof(name), "sweep-%s", strrchr(world_dir, '-') + 1);
	limited = can_limit();
	n = snprintf(
		text, sizeof(text),
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
		limited ? ", \"limits\": { \"memory\": \"64mib\", \"cpu\": 1, \"pids\": 50 }" : "",
		shape, shape);
	if (topo_parse(text, (size_t)n, "sweep.json", &named, &diags, &t) < 0)
		fail_msg("%s: %s", diags.items[0].where, diags.items[0].message);
	topo_diags_deinit(&diags);
	return t;
}

static int up(struct netlab_err *err)
{
	struct lab_up_options o = { .state_dir = state_dir, .topo = topo, .netns_names = true };
	struct lab_handle handle = { .pidfd = -1, .up_fd = -1 };
	int r;

	*err = (struct netlab_err){ 0 };
	r = lab_up(&o, &handle, err);
	if (r == 0)
		lab_handle_deinit(&handle);
	return r;
}

static void must_be_up(void)
{
	struct netlab_err err;

	if (up(&err) < 0)
		fail_msg("without a failure: %s", err.message);
}

static void must_go_down(void)
{
	struct netlab_err err = { 0 };
	bool was_running;

	if (lab_down(state_dir, topo->name, &was_running, &err) < 0)
		fail_msg("down: %s", err.message);
}

static void nothing_left(const struct snapshot *before, unsigned k)
{
	char *difference = snapshot_wait(before, world_dir, PATIENCE_MS);

	if (difference)
		fail_msg("operation %u ('%s', error %d) left:\n%s", k, gate->op, gate->error,
			 difference);
}

/** The names outside of the lab, which are its own while it runs. */
static void no_names(unsigned k)
{
	char path[128], target[8];

	snprintf(path, sizeof(path), SYS_NETNS_DIR "/%s--a", topo->name);
	if (readlink(path, target, sizeof(target)) >= 0)
		fail_msg("operation %u ('%s', error %d) left names in " SYS_NETNS_DIR, k, gate->op,
			 gate->error);
}

/** The message must give the cause that was planted, and as what it came. */
static void true_cause(const struct netlab_err *err, unsigned k)
{
	if (err->code != -gate->error || !strstr(err->message, strerror(gate->error)))
		fail_msg("operation %u ('%s') failed with '%s', but the error is %d: %s", k,
			 gate->op, strerror(gate->error), err->code, err->message);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/** How many operations bringing the lab up takes. */
static unsigned count_up(void)
{
	unsigned n;

	arm(0, 0);
	must_be_up();
	n = atomic_load(&gate->count);
	must_go_down();
	assert_in_range(n, 50, OPS_MAX);
	return n;
}

/** What a node's kernel says: interfaces' flags are not in describe(). */
static void run_in(const char *node, const char *const *argv, int want)
{
	struct lab_exec_options o = {
		.state_dir = state_dir, .lab = topo->name, .node = node, .argv = argv
	};
	struct netlab_err err = { 0 };
	int status = -1;

	if (lab_exec(&o, &status, &err) < 0)
		fail_msg("exec: %s", err.message);
	assert_int_equal(status, want);
}

/* Several: one may be lost where the kernel puts in the first qdisc of a device (docs/adr 11). */
static void pings(void)
{
	run_in("a",
	       (const char *const[]){ "sh", "-c", "exec ping -nqc5 -i0.2 -W2 b >/dev/null", NULL },
	       0);
}

/* --- up --- */

/**
 * A failure that may be survived: the operation was a try whose failure has a meaning of its own, and the lab that came
 * up must be whole.
 */
static void survived(unsigned k)
{
	struct netlab_err err = { 0 };
	json_t *summary = NULL;

	if (lab_summary(state_dir, topo->name, &summary, &err) < 0)
		fail_msg("operation %u ('%s'): up succeeded, but: %s", k, gate->op, err.message);
	assert_string_equal(json_string_value(json_object_get(summary, "state")), "running");
	json_decref(summary);
	/* the wire does with fewer threads where it gets no socket for another */
	if (strncmp(gate->op, "packet ", strlen("packet ")) == 0) {
		arm(0, 0);
		pings();
		must_go_down();
		return;
	}
	fail_msg("operation %u ('%s') failed and nobody noticed", k, gate->op);
}

static void same_signal_mask(const sigset_t *before)
{
	sigset_t now;

	sigprocmask(SIG_SETMASK, NULL, &now);
	for (int s = 1; s < NSIG; s++)
		assert_int_equal(sigismember(&now, s), sigismember(before, s));
}

static void sweep_up(int error, bool again)
{
	struct snapshot *before = snapshot_take(world_dir);
	double start = seconds();
	unsigned n = count_up(), k;
	sigset_t mask_before;

	sigprocmask(SIG_SETMASK, NULL, &mask_before);
	nothing_left(before, 0);
	no_names(0);
	for (k = 1; k <= n; k++) {
		struct netlab_err err;
		int r;

		arm(k, error);
		r = up(&err);
		assert_true(atomic_load(&gate->fired));
		if (r == 0)
			survived(k);
		else
			true_cause(&err, k);
		nothing_left(before, k);
		no_names(k);
		same_signal_mask(&mask_before);
		if (again && k % AGAIN_EVERY == 0) {
			arm(0, 0);
			must_be_up();
			must_go_down();
			nothing_left(before, k);
		}
	}
	snapshot_free(before);
	print_message("up: %u operations, each failed with %s: %.1f s\n", n, strerror(error),
		      seconds() - start);
}

static void test_up_out_of_memory(void **state)
{
	(void)state;
	sweep_up(ENOMEM, true);
}

static void test_up_not_permitted(void **state)
{
	(void)state;
	if (getenv("NETLAB_HOST_RAN")) /* the VM is slow, and the host has tried this one */
		skip();
	sweep_up(EPERM, false);
}

static void test_up_no_space(void **state)
{
	(void)state;
	if (getenv("NETLAB_HOST_RAN"))
		skip();
	sweep_up(ENOSPC, false);
}

/** Up may succeed only if the dead one was a service's process on its way to exec: that is a service that ended at once,
 *  and the lab says so. */
static void count_services(unsigned *running, unsigned *exited)
{
	struct netlab_err err = { 0 };
	json_t *lab = NULL, *services, *service;
	size_t i;

	*running = *exited = 0;
	if (lab_show(state_dir, topo->name, &lab, &err) < 0)
		fail_msg("show: %s", err.message);
	services = json_object_get(json_object_get(json_object_get(lab, "nodes"), "a"), "services");
	json_array_foreach(services, i, service)
	{
		const char *state = json_string_value(json_object_get(service, "state"));

		*running += strcmp(state, "ready") == 0;
		*exited += strcmp(state, "exited") == 0;
	}
	json_decref(lab);
}

static void a_service_died(unsigned k)
{
	const struct timespec moment = { .tv_nsec = 10 * 1000 * 1000 };
	double start = seconds();
	unsigned running, exited;

	/* that it died, its node tells the supervisor in its own time */
	for (;;) {
		count_services(&running, &exited);
		if (exited > 0 || seconds() - start > PATIENCE_MS / 1000.0)
			break;
		nanosleep(&moment, NULL);
	}
	if (running != 1 || exited != 1)
		fail_msg("up succeeded although somebody died at operation %u ('%s')", k, gate->op);
}

/** Whoever comes to the k-th operation dies there: the caller, the supervisor, or a node's init. */
static void test_up_death(void **state)
{
	struct snapshot *before = snapshot_take(world_dir);
	double start = seconds();
	unsigned n = count_up(), callers = 0, k;

	(void)state;
	for (k = 1; k <= n; k++) {
		struct netlab_err err = { 0 };
		int status;
		pid_t pid;

		arm(k, DIES);
		fflush(NULL);
		pid = fork();
		if (pid == 0)
			_exit(up(&err) < 0 ? 2 : 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(atomic_load(&gate->fired));
		callers += WEXITSTATUS(status) == EXIT_FAILURE;
		if (WEXITSTATUS(status) == 0)
			a_service_died(k);
		arm(0, 0);
		must_go_down(); /* a later command sweeps what a dead caller could not */
		nothing_left(before, k);
	}
	assert_in_range(callers, 3, n); /* or the roles were not all there */
	snapshot_free(before);
	print_message("up: death at each of %u operations (%u of them the caller's): %.1f s\n", n,
		      callers, seconds() - start);
}

/* --- a running lab --- */

/** Everything about the lab but the time, and what was used meanwhile, as text. */
static char *describe(void)
{
	struct netlab_err err = { 0 };
	json_t *lab = NULL;
	char *text;

	if (lab_show(state_dir, topo->name, &lab, &err) < 0)
		fail_msg("show: %s", err.message);
	json_object_del(lab, "uptime_s");
	json_object_del(json_object_get(json_object_get(lab, "nodes"), "b"), "usage");
	text = json_dumps(lab, JSON_INDENT(1) | JSON_SORT_KEYS);
	json_decref(lab);
	return text;
}

static unsigned sweep_change(const struct lab_link_change *c, const struct lab_link_change *back,
			     int error)
{
	struct netlab_err err = { 0 };
	unsigned n, k;
	char *before, *changed;

	arm(0, 0);
	assert_int_equal(lab_link_change(state_dir, topo->name, c, &err), 0);
	n = atomic_load(&gate->count);
	changed = describe();
	assert_int_equal(lab_link_change(state_dir, topo->name, back, &err), 0);
	before = describe();
	for (k = 1; k <= n; k++) {
		bool unnoticed;
		char *after;

		arm(k, error);
		err = (struct netlab_err){ 0 };
		unnoticed = lab_link_change(state_dir, topo->name, c, &err) == 0;
		if (atomic_load(&gate->count) < k) {
			/* the first change has started the wire, which runs by now: a change takes less */
			assert_true(unnoticed && k > 1);
			arm(0, 0);
			assert_int_equal(lab_link_change(state_dir, topo->name, back, &err), 0);
			break;
		}
		/* the wire's observer of a handover that is over may go on hearing more than it needs */
		if (unnoticed && strcmp(gate->op, "packet filter") != 0)
			fail_msg("link change: operation %u ('%s') failed and nobody noticed", k,
				 gate->op);
		if (!unnoticed)
			true_cause(&err, k);
		arm(0, 0);
		after = describe();
		if (strcmp(unnoticed ? changed : before, after) != 0)
			fail_msg("link change: after operation %u ('%s') failed\n%s\nis now\n%s", k,
				 gate->op, unnoticed ? changed : before, after);
		free(after);
		if (unnoticed)
			assert_int_equal(lab_link_change(state_dir, topo->name, back, &err), 0);
		/* whatever a failed change left half done, a ping would not get through, or the next change not */
		pings();
	}
	assert_int_equal(lab_link_change(state_dir, topo->name, c, &err), 0);
	assert_int_equal(lab_link_change(state_dir, topo->name, back, &err), 0);
	free(changed);
	free(before);
	return k - 1;
}

static void test_link_changes(void **state)
{
	static const char *const faster[] = { "rate=200mbit" }, *const cut[] = { "carrier=false" },
				 *const joined[] = { "carrier=true" },
				 *const codel[] = { "rate=300mbit", "aqm=codel" };
	const struct {
		struct lab_link_change to, back;
	} changes[] = {
		{ { .verb = LAB_LINK_SET, .link = "shaped", .settings = faster, .n_settings = 1 },
		  { .verb = LAB_LINK_CLEAR, .link = "shaped" } },
		{ { .verb = LAB_LINK_SET,
		    .link = "far",
		    .from = "r",
		    .settings = faster,
		    .n_settings = 1 },
		  { .verb = LAB_LINK_CLEAR, .link = "far", .from = "r" } },
		/* from a patch to the wire, and from the wire to a patch */
		{ { .verb = LAB_LINK_SET, .link = "plain", .settings = codel, .n_settings = 2 },
		  { .verb = LAB_LINK_CLEAR, .link = "plain" } },
		{ { .verb = LAB_LINK_DOWN, .link = "plain" },
		  { .verb = LAB_LINK_UP, .link = "plain" } },
		{ { .verb = LAB_LINK_DOWN, .link = "far" },
		  { .verb = LAB_LINK_UP, .link = "far" } },
		{ { .verb = LAB_LINK_DOWN, .link = "shaped", .from = "a" },
		  { .verb = LAB_LINK_UP, .link = "shaped", .from = "a" } },
		{ { .verb = LAB_LINK_SET, .link = "far", .settings = cut, .n_settings = 1 },
		  { .verb = LAB_LINK_SET, .link = "far", .settings = joined, .n_settings = 1 } },
	};
	struct snapshot *before = snapshot_take(world_dir);
	double start = seconds();
	unsigned n = 0;

	(void)state;
	arm(0, 0);
	must_be_up();
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		n += sweep_change(&changes[i].to, &changes[i].back, ENOMEM);
	/* and back, from where the third leads */
	assert_int_equal(lab_link_change(state_dir, topo->name, &changes[2].to, NULL), 0);
	n += sweep_change(&changes[2].back, &changes[2].to, ENOMEM);
	assert_int_equal(lab_link_change(state_dir, topo->name, &changes[2].back, NULL), 0);
	must_go_down();
	nothing_left(before, 0);
	snapshot_free(before);
	print_message("link changes: %u operations: %.1f s\n", n, seconds() - start);
}

static void sweep_exec(const char *node)
{
	static const char *const argv[] = { "true", NULL };
	struct lab_exec_options o = {
		.state_dir = state_dir, .lab = topo->name, .node = node, .argv = argv
	};
	struct snapshot *before = snapshot_take(world_dir), *running;
	unsigned n, k;
	int status;

	arm(0, 0);
	must_be_up();
	running = snapshot_take(world_dir);
	arm(0, 0);
	run_in(node, argv,
	       0); /* the first one makes the node's tree: for one with `files`, 'up' has done so */
	nothing_left(running, 0); /* its monitor ends after it */
	arm(0, 0);
	run_in(node, argv, 0);
	n = atomic_load(&gate->count);
	assert_in_range(n, 3, 100);
	for (k = 1; k <= n; k++) {
		struct netlab_err err = { 0 };

		arm(k, ENOMEM);
		if (lab_exec(&o, &status, &err) == 0)
			fail_msg("exec: operation %u ('%s') failed and nobody noticed", k,
				 gate->op);
		true_cause(&err, k);
		arm(0, 0);
		nothing_left(running, k);
	}
	must_go_down();
	nothing_left(before, 0);
	snapshot_free(running);
	snapshot_free(before);
	print_message("exec in '%s': %u operations\n", node, n);
}

/** In a node without cgroups and in one with them. */
static void test_exec(void **state)
{
	(void)state;
	sweep_exec("a");
	if (limited)
		sweep_exec("b");
}

static void check_state(const char *node, const char *want)
{
	struct netlab_err err = { 0 };
	json_t *lab = NULL;

	if (lab_show(state_dir, topo->name, &lab, &err) < 0)
		fail_msg("show: %s", err.message);
	assert_string_equal(json_string_value(json_object_get(
				    json_object_get(json_object_get(lab, "nodes"), node), "state")),
			    want);
	json_decref(lab);
}

/** Freezing and thawing: a failure leaves the node as it was, and the next try succeeds. Each time it is a new lab: the
 *  first time, the cgroup has to be made. */
static void sweep_freeze(const char *node, const struct snapshot *before)
{
	struct netlab_err err = { 0 };
	unsigned n[2], total = 0;

	arm(0, 0);
	must_be_up();
	for (unsigned on = 1; on <= 1; on--) {
		arm(0, 0);
		assert_int_equal(lab_freeze(state_dir, topo->name, node, on, &err), 0);
		n[on] = atomic_load(&gate->count);
		assert_in_range(n[on], 1, 100);
		total += n[on];
	}
	must_go_down();
	for (unsigned on = 1; on <= 1; on--) {
		for (unsigned k = 1; k <= n[on]; k++) {
			arm(0, 0);
			must_be_up();
			if (!on)
				assert_int_equal(
					lab_freeze(state_dir, topo->name, node, true, &err), 0);
			arm(k, EPERM);
			err = (struct netlab_err){ 0 };
			if (lab_freeze(state_dir, topo->name, node, on, &err) == 0)
				fail_msg("freeze: operation %u ('%s') failed and nobody noticed", k,
					 gate->op);
			true_cause(&err, k);
			arm(0, 0);
			check_state(node, on ? "running" : "frozen");
			assert_int_equal(lab_freeze(state_dir, topo->name, node, on, &err), 0);
			check_state(node, on ? "frozen" : "running");
			must_go_down();
			nothing_left(before, k);
		}
	}
	print_message("freeze and thaw '%s': %u operations\n", node, total);
}

static void test_freeze(void **state)
{
	struct snapshot *before = snapshot_take(world_dir);

	(void)state;
	if (limited) {
		sweep_freeze("a", before);
		sweep_freeze("b", before);
	}
	snapshot_free(before);
}

/** `down` either says what failed, and then a second one gets through, or takes everything down all the same. */
static void test_down(void **state)
{
	struct snapshot *before = snapshot_take(world_dir);
	unsigned n, k, noticed = 0;

	(void)state;
	arm(0, 0);
	must_be_up();
	arm(0, 0);
	must_go_down();
	n = atomic_load(&gate->count);
	assert_in_range(n, 1, 100);
	for (k = 1; k <= n; k++) {
		struct netlab_err err = { 0 };
		bool was_running;

		arm(0, 0);
		must_be_up();
		arm(k, ENOMEM);
		if (lab_down(state_dir, topo->name, &was_running, &err) < 0) {
			true_cause(&err, k);
			noticed++;
			arm(0, 0);
			must_go_down();
		}
		nothing_left(before, k);
	}
	snapshot_free(before);
	print_message("down: %u operations, %u failures reported\n", n, noticed);
}

/* --- the frame --- */

static int set_up(void **state)
{
	int fd = rt_open();
	struct netlab_err err = { 0 };

	(void)state;
	gate = mmap(NULL, sizeof(*gate), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(gate != MAP_FAILED);
	snprintf(state_dir, sizeof(state_dir), "%s/labs", world_dir);
	assert_int_equal(mkdir(state_dir, 0700), 0);
	print_message("this kernel has %s netem\n", rt_probe_netem(fd, &err) == 0 ? "" : "no");
	close(fd);
	topo = make_topo();
	snapshot_cgroup_word = topo->name;
	sys_gate_hook = on_operation;
	return 0;
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(test_up_out_of_memory), cmocka_unit_test(test_up_not_permitted),
		cmocka_unit_test(test_up_no_space),      cmocka_unit_test(test_up_death),
		cmocka_unit_test(test_link_changes),     cmocka_unit_test(test_exec),
		cmocka_unit_test(test_freeze),           cmocka_unit_test(test_down),
	};

	return cmocka_run_group_tests_name("failure sweep", all, set_up, NULL) ? 1 : 0;
}

int main(void)
{
	return world_run(tests);
}
