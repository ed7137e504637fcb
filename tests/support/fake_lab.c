/* SPDX-License-Identifier: MIT */
/* A backend of the command line that starts nothing. */
#include "support/fake_lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "cli/cli.h"

struct fake_lab fake_lab;

const char two_hosts[] =
	"{\"name\": \"two\", \"seed\": 7, \"nodes\": {\"alpha\": {}, \"beta\": {}},\n"
	" \"links\": [{\"endpoints\": [\"alpha\", \"beta\"]}]}\n";
const char two_broken[] = "{\"name\": \"two\", \"nodes\": {\"alpha\": {\"knid\": 1}},\n"
			  " \"links\": [{\"endpoints\": [\"alpha\", \"gamma\"]}]}\n";

static const char default_show[] =
	"{\"name\": \"dumbbell\", \"seed\": 42, \"engine\": \"netem\","
	" \"nodes\": {"
	"  \"client\": {\"kind\": \"host\", \"state\": \"running\", \"pid\": 101, \"services\": [], \"interfaces\": ["
	"    {\"name\": \"eth0\", \"mac\": \"02:00:00:00:00:01\", \"addresses\": [\"10.0.0.0/31\", \"fd00::/127\"],"
	"     \"link\": \"client--r1\"}]},"
	"  \"r1\": {\"kind\": \"router\", \"state\": \"dead\", \"pid\": 102, \"services\": [{\"name\": \"bgp\", \"state\": \"running\"}, {\"name\": \"ospf\", \"state\": \"running\"}], \"interfaces\": ["
	"    {\"name\": \"eth0\", \"mac\": \"02:00:00:00:00:02\", \"addresses\": [], \"link\": \"client--r1\"},"
	"    {\"name\": \"eth1\", \"mac\": \"02:00:00:00:00:03\", \"addresses\": [], \"link\": \"bottleneck\"}]},"
	"  \"web\": {\"kind\": \"host\", \"state\": \"running\", \"pid\": 103, \"services\": [{\"name\": \"http\", \"state\": \"exited\", \"exit_code\": 3}], \"interfaces\": []}},"
	" \"links\": {"
	"  \"client--r1\": {\"endpoints\": [\"client:eth0\", \"r1:eth0\"], \"join\": \"patch\", \"mtu\": 1500,"
	"    \"->\": {}, \"<-\": {}},"
	"  \"bottleneck\": {\"endpoints\": [\"r1:eth1\", \"web:eth0\"], \"join\": \"netem\", \"reason\": \"the kernel has it\", \"mtu\": 1400,"
	"    \"->\": {\"delay_ns\": 20000000, \"loss\": {\"random\": 0.01}}, \"<-\": {\"rate_bps\": 10000000},"
	"    \"in_force\": {\"->\": {\"delay_ns\": 20000000, \"loss\": {\"random\": 0.01}, \"limit_packets\": 1000},"
	"                   \"<-\": \"rate 10mbit\"}}}}";

static const char default_stats[] =
	"{\"name\": \"dumbbell\", \"wire\": {\"restarts\": 0}, \"links\": {"
	" \"client--r1\": {\"join\": \"patch\","
	"   \"->\": {\"offered\": 10, \"delivered\": 10, \"dropped_host\": null, \"bytes_delivered\": 840, \"queued\": 0, \"lateness_us\": null},"
	"   \"<-\": {\"offered\": 0, \"delivered\": 0, \"dropped_host\": null, \"bytes_delivered\": 0, \"queued\": 0, \"lateness_us\": null}},"
	" \"bottleneck\": {\"join\": \"wire\","
	"   \"->\": {\"offered\": 1234567, \"delivered\": 1234000, \"dropped_loss\": 500, \"dropped_queue\": 70, \"dropped_fault\": 0,"
	"     \"dropped_down\": 0, \"dropped_host\": 0, \"duplicated\": 15, \"corrupted\": 0, \"reordered\": 2, \"marked\": 0,"
	"     \"bytes_offered\": 1851850500, \"bytes_delivered\": 1851000000, \"queued\": 12, \"queue_limit_packets\": 100,"
	"     \"lateness_us\": {\"p50\": 21, \"p99\": 80.5, \"max\": 312}},"
	"   \"<-\": {\"offered\": 0, \"delivered\": 0, \"dropped_loss\": 0, \"dropped_queue\": 0, \"dropped_fault\": 0,"
	"     \"dropped_down\": 0, \"dropped_host\": 0, \"duplicated\": 0, \"corrupted\": 0, \"reordered\": 0, \"marked\": 0,"
	"     \"bytes_offered\": 0, \"bytes_delivered\": 0, \"queued\": 0, \"queue_limit_bytes\": 64000,"
	"     \"lateness_us\": {\"p50\": 0, \"p99\": 0, \"max\": 0}}}}}";

static const char default_verify[] =
	"{\"name\": \"dumbbell\", \"ok\": true, \"links\": {"
	" \"bottleneck\": {\"join\": \"wire\", \"endpoints\": [\"r1:eth1\", \"web:eth0\"], \"ok\": true,"
	"  \"->\": {\"checks\": {"
	"    \"delay\": {\"verdict\": \"ok\", \"asked_us\": 20000.0, \"expected_us\": 20001.5, \"achieved_us\": 20060.0,"
	"      \"low_us\": 20050.0, \"high_us\": 20070.0, \"tolerance_us\": 900.0},"
	"    \"loss\": {\"verdict\": \"ok\", \"asked\": 0.01, \"expected\": 0.01, \"achieved\": 0.0125, \"low\": 0.008, \"high\": 0.02,"
	"      \"tolerance\": 0.0},"
	"    \"corrupt\": {\"verdict\": \"ok\", \"asked\": 0.0, \"expected\": 0.0, \"achieved\": 0.0, \"low\": 0.0, \"high\": 0.003,"
	"      \"tolerance\": 0.0}},"
	"   \"sent\": 1200, \"received\": 1185, \"lost\": 15, \"delay_quantiles_us\": [20000.0, 20060.0, 20100.0]},"
	"  \"<-\": {\"checks\": {"
	"    \"rate\": {\"verdict\": \"ok\", \"asked_bps\": 1e7, \"expected_bps\": 1e7, \"achieved_bps\": 9.99e6, \"low_bps\": 9.98e6,"
	"      \"high_bps\": 1e7, \"tolerance_bps\": 3e5}},"
	"   \"sent\": 1200, \"received\": 1200, \"lost\": 0,"
	"   \"rate_over_time\": {\"bin_s\": 0.5, \"rates_bps\": [9.9e6, 1e7, 1.01e7]}}},"
	" \"client--r1\": {\"join\": \"patch\", \"endpoints\": [\"client:eth0\", \"r1:eth0\"], \"ok\": true, \"note\": \"no carrier, as asked\"}}}";

static const char default_doctor[] =
	"[{\"name\": \"namespaces\", \"kind\": \"kernel\", \"present\": true, \"required\": true,"
	"  \"needed_for\": \"labs\", \"remedy\": \"\", \"detail\": \"6.18\"},"
	" {\"name\": \"sch_netem\", \"kind\": \"kernel\", \"present\": false, \"required\": false,"
	"  \"needed_for\": \"delay\", \"remedy\": \"modprobe sch_netem\", \"detail\": \"\"}]";

static const char default_wire[] =
	"{\"name\": \"wire-speed\", \"kind\": \"measurement\", \"present\": true, \"required\": false,"
	" \"needed_for\": \"the wire\", \"remedy\": \"another host\", \"detail\": \"300000 packets/s\","
	" \"wire\": {\"packets_per_s\": 300000.0, \"gbit_per_s\": 4.1, \"lateness_us\": {\"p50\": 20.0, \"p99\": 80.0}}}";

void fake_lab_reset(void)
{
	buf_deinit(&fake_lab.calls);
	fake_lab = (struct fake_lab){
		.running = { "dumbbell", "ring" },
		.show = default_show,
		.doctor = default_doctor,
		.stats = { default_stats },
		.verify = default_verify,
		.wire = default_wire,
	};
	fake_lab.failure = (struct netlab_err){
		.code = -EIO,
		.exit = NETLAB_EXIT_RUNTIME,
		.message = "the fake fails",
	};
	(void)unsetenv("NETLAB_LAB");
	(void)unsetenv("NETLAB_STATE_DIR");
	(void)unsetenv("NO_COLOR");
}

/* Whether the named function shall fail; if so *err is set. */
static int fails(const char *name, struct netlab_err *err)
{
	if (!fake_lab.fail || strcmp(fake_lab.fail, name) != 0)
		return 0;
	*err = fake_lab.failure;
	return err->code;
}

static bool runs(const char *name)
{
	if (fake_lab.any_runs)
		return true;
	for (size_t i = 0; fake_lab.running[i]; i++) {
		if (strcmp(fake_lab.running[i], name) == 0)
			return true;
	}
	return false;
}

static int fake_state_dir(const char *given, char ret[static 4096], struct netlab_err *err)
{
	buf_printf(&fake_lab.calls, "state_dir %s\n", given ? given : "default");
	(void)snprintf(ret, 4096, "%s", given ? given : "/fake");
	return fails("state_dir", err);
}

static int fake_up(const struct lab_up_options *o, struct lab_handle *ret, struct netlab_err *err)
{
	buf_printf(&fake_lab.calls, "up %s in %s seed=%" PRIu64 " timeout=%" PRIu64 "%s\n",
		   o->topo->name, o->state_dir, o->topo->seed, o->timeout_ns,
		   o->netns_names       ? o->bound_to_caller ? " bound names" : " names"
		   : o->bound_to_caller ? " bound"
					: "");
	for (size_t i = 0; fake_lab.phases[i]; i++)
		o->on_phase(o->ctx, fake_lab.phases[i], fake_lab.phase_ms);
	if (fake_lab.warning)
		o->on_warning(o->ctx, fake_lab.warning);
	if (fails("up", err))
		return err->code;
	*ret = (struct lab_handle){ .pid = 4711, .pidfd = -1 };
	return 0;
}

static void fake_handle_deinit(struct lab_handle *h)
{
	buf_printf(&fake_lab.calls, "handle_deinit %d\n", (int)h->pid);
}

static int fake_down(const char *state_dir, const char *name, bool *ret_was_running,
		     struct netlab_err *err)
{
	buf_printf(&fake_lab.calls, "down %s in %s\n", name, state_dir);
	*ret_was_running = !fake_lab.ends_early && runs(name);
	return fails("down", err);
}

static int fake_names(const char *state_dir, char ***ret, size_t *ret_n, struct netlab_err *err)
{
	char **names;
	size_t n = 0;

	(void)state_dir;
	if (fails("names", err))
		return err->code;
	names = calloc(9, sizeof(*names));
	for (; names && fake_lab.running[n]; n++)
		names[n] = strdup(fake_lab.running[n]);
	*ret = names;
	*ret_n = n;
	return 0;
}

static void fake_names_free(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

static int fake_summary(const char *state_dir, const char *name, json_t **ret,
			struct netlab_err *err)
{
	(void)state_dir;
	if (fails("summary", err))
		return err->code;
	*ret = json_pack("{s:s, s:i, s:i, s:s, s:i, s:s, s:f, s:s}", "name", name, "nodes", 5,
			 "links", 4, "engine", "netem", "pid", 4711, "started",
			 "2026-01-01T00:00:00Z", "uptime_s", 125.5, "state", "up");
	return 0;
}

static int fake_show(const char *state_dir, const char *name, json_t **ret, struct netlab_err *err)
{
	buf_printf(&fake_lab.calls, "show %s in %s\n", name, state_dir);
	if (fails("show", err))
		return err->code;
	*ret = json_loads(fake_lab.show, 0, NULL);
	return *ret ? 0 : err_set(err, EIO, "the fake has no JSON to show");
}

static int fake_stats(const char *state_dir, const char *name, json_t **ret, struct netlab_err *err)
{
	int i = fake_lab.looks++;

	(void)state_dir;
	buf_printf(&fake_lab.calls, "stats %s\n", name);
	if (fails("stats", err))
		return err->code;
	if (fake_lab.ends_after_looks && i >= fake_lab.ends_after_looks) {
		fake_lab.running[0] = NULL;
		return err_set(err, ENOENT, "lab '%s' is not running", name);
	}
	while (i > 0 && (i > 3 || !fake_lab.stats[i]))
		i--;
	*ret = json_loads(fake_lab.stats[i], 0, NULL);
	return *ret ? 0 : err_set(err, EIO, "the fake has no JSON of statistics");
}

static enum sys_screen_event fake_screen_wait(struct sys_screen *s, uint64_t deadline_ns)
{
	(void)deadline_ns;
	if (fake_lab.waits-- > 0)
		return SYS_SCREEN_TIME;
	s->signo = fake_lab.signo;
	return SYS_SCREEN_END;
}

static int fake_processes(const char *state_dir, const char *name, json_t **ret,
			  struct netlab_err *err)
{
	buf_printf(&fake_lab.calls, "processes %s in %s\n", name, state_dir);
	if (fails("processes", err))
		return err->code;
	*ret = json_pack("[{s:s, s:i, s:i, s:s, s:s, s:s}]", "node", "web", "pid", 5000, "ppid",
			 4711, "user", "root", "state", "S", "command", "http \033[31m server");
	return 0;
}

static int fake_link_change(const char *state_dir, const char *name,
			    const struct lab_link_change *change, struct netlab_err *err)
{
	static const char *const verbs[] = { "set", "clear", "down", "up" };

	(void)state_dir;
	buf_printf(&fake_lab.calls, "link %s %s:%s from=%s%s", verbs[change->verb], name,
		   change->link, change->from ? change->from : "both", change->none ? " none" : "");
	for (size_t i = 0; i < change->n_settings; i++)
		buf_printf(&fake_lab.calls, " %s", change->settings[i]);
	buf_puts(&fake_lab.calls, "\n");
	return fails("link_change", err);
}

static int fake_service(const char *state_dir, const char *name,
			const struct lab_service_request *q, json_t **ret, struct netlab_err *err)
{
	static const char *const verbs[] = { "start", "stop", "restart", "status" };

	(void)state_dir;
	buf_printf(&fake_lab.calls, "service %s %s:%s/%s timeout=%llu\n", verbs[q->verb], name,
		   q->node, q->service ? q->service : "*", (unsigned long long)q->timeout_ns);
	if (fails("service", err))
		return err->code;
	*ret = json_pack("{s:s,s:[{s:s,s:s,s:i,s:i}]}", "node", q->node, "services", "name",
			 q->service ? q->service : "http", "state", "ready", "pid_in_node", 7,
			 "restarts", 2);
	return 0;
}

static int fake_node_kill(const char *state_dir, const char *name, const char *node,
			  struct netlab_err *err)
{
	(void)state_dir;
	buf_printf(&fake_lab.calls, "kill %s:%s\n", name, node);
	return fails("node_kill", err);
}

static int fake_node_restart(const char *state_dir, const char *name, const char *node,
			     uint64_t timeout_ns, json_t **ret, struct netlab_err *err)
{
	(void)state_dir;
	buf_printf(&fake_lab.calls, "restart %s:%s timeout=%llu\n", name, node,
		   (unsigned long long)timeout_ns);
	if (fails("node_restart", err))
		return err->code;
	*ret = json_pack("{s:s,s:[]}", "node", node, "services");
	return 0;
}

static int fake_fault_add(const char *state_dir, const char *name, const json_t *rule,
			  uint32_t *ret_id, struct netlab_err *err)
{
	char *text = json_dumps(rule, JSON_COMPACT | JSON_SORT_KEYS);

	(void)state_dir;
	buf_printf(&fake_lab.calls, "fault add %s %s\n", name, text);
	free(text);
	*ret_id = 3;
	return fails("fault_add", err);
}

static int fake_fault_remove(const char *state_dir, const char *name, uint32_t id,
			     size_t *ret_removed, struct netlab_err *err)
{
	(void)state_dir;
	buf_printf(&fake_lab.calls, "fault rm %s %u\n", name, id);
	*ret_removed = id ? 1 : 2;
	return fails("fault_remove", err);
}

static int fake_faults(const char *state_dir, const char *name, json_t **ret,
		       struct netlab_err *err)
{
	(void)state_dir;
	buf_printf(&fake_lab.calls, "faults %s\n", name);
	if (fails("faults", err))
		return err->code;
	*ret = json_loads(
		"[{\"id\": 1, \"link\": \"a--b\", \"from\": \"b\", \"match\": \"icmp\", \"packets\": "
		"\"1,3-5\", \"action\": \"drop\", \"<-\": {\"matched\": 4, \"acted\": 2}}, {\"id\": 2, "
		"\"link\": \"a--b\", \"packets\": \"all\", \"action\": \"delay 1ms\", \"->\": {\"matched\": 7, "
		"\"acted\": 7}, \"<-\": {\"matched\": 0, \"acted\": 0}}]",
		0, NULL);
	return 0;
}

static int fake_freeze(const char *state_dir, const char *name, const char *node, bool on,
		       struct netlab_err *err)
{
	(void)state_dir;
	buf_printf(&fake_lab.calls, "%s %s:%s\n", on ? "freeze" : "thaw", name, node);
	return fails("freeze", err);
}

static void record_words(const char *what, const char *const *words)
{
	buf_printf(&fake_lab.calls, " %s=[", what);
	for (size_t i = 0; words && words[i]; i++)
		buf_printf(&fake_lab.calls, "%s%s", i ? "|" : "", words[i]);
	buf_puts(&fake_lab.calls, "]");
}

static int not_executed(struct netlab_err *err)
{
	if (fake_lab.not_executed)
		(void)err_set(err, ENOENT, "running 'nothing': not found");
	return 0;
}

static int fake_exec(const struct lab_exec_options *o, int *ret_status, struct netlab_err *err)
{
	buf_printf(&fake_lab.calls, "exec %s:%s user=%s cwd=%s%s", o->lab, o->node,
		   o->user ? o->user : "-", o->cwd ? o->cwd : "-", o->terminal ? " terminal" : "");
	record_words("env", o->env);
	record_words("argv", o->argv);
	buf_puts(&fake_lab.calls, "\n");
	if (fails("exec", err))
		return err->code;
	if (fake_lab.only_program && strcmp(o->argv[0], fake_lab.only_program) != 0) {
		*ret_status = NETLAB_EXIT_NOTFOUND;
		(void)err_set(err, ENOENT, "cannot run '%s': not found", o->argv[0]);
		return 0;
	}
	*ret_status = fake_lab.status;
	return not_executed(err);
}

static void record_end(const struct lab_copy_end *e)
{
	if (e->node)
		buf_printf(&fake_lab.calls, " %s:%s:%s", e->lab, e->node, e->path);
	else
		buf_printf(&fake_lab.calls, " %s", e->path);
}

static int fake_copy(const struct lab_copy *c, struct netlab_err *err)
{
	buf_puts(&fake_lab.calls, "copy");
	for (size_t i = 0; i < c->n_from; i++)
		record_end(&c->from[i]);
	record_end(&c->to);
	buf_puts(&fake_lab.calls, "\n");
	return fails("copy", err);
}

static int fake_log_path(const char *state_dir, const char *lab, const char *node,
			 const char *service, char ret[static 4096], struct netlab_err *err)
{
	(void)snprintf(ret, 4096, "%s/%s/log/%s/%s", state_dir, lab, node, service);
	return fails("log_path", err);
}

static int fake_verify(const struct lab_verify_options *o, json_t **ret, struct netlab_err *err)
{
	buf_printf(&fake_lab.calls, "verify %s duration=%" PRIu64, o->lab, o->duration_ns);
	for (size_t i = 0; o->links && i < o->n_links; i++)
		buf_printf(&fake_lab.calls, " %s", o->links[i]);
	buf_puts(&fake_lab.calls, "\n");
	if (fails("verify", err))
		return err->code;
	o->on_progress(o->ctx, 0, 2);
	o->on_progress(o->ctx, 2, 2);
	*ret = json_loads(fake_lab.verify, 0, NULL);
	return *ret ? 0 : err_set(err, EIO, "the fake has no JSON of verify");
}

static int fake_doctor(json_t **ret, struct netlab_err *err)
{
	if (fails("doctor", err))
		return err->code;
	*ret = json_loads(fake_lab.doctor, 0, NULL);
	return *ret ? 0 : err_set(err, EIO, "the fake has no JSON for doctor");
}

static int fake_doctor_wire(const char *state_dir, json_t **ret, struct netlab_err *err)
{
	buf_printf(&fake_lab.calls, "doctor_wire %s\n", state_dir ? state_dir : "-");
	if (fails("doctor_wire", err))
		return err->code;
	*ret = json_loads(fake_lab.wire, 0, NULL);
	return *ret ? 0 : err_set(err, EIO, "the fake has no JSON for the wire");
}

static uint64_t fake_moved_bps(const char *given, bool only_wire)
{
	(void)given;
	(void)only_wire;
	return fake_lab.moved_bps;
}

/* The status of a command with that environment. */
static int status_of(const char *const *env)
{
	if (!fake_lab.only_env)
		return fake_lab.status;
	for (; env && *env; env++) {
		if (strcmp(*env, fake_lab.only_env) == 0)
			return fake_lab.status;
	}
	return 0;
}

static int fake_command_run(const struct sys_command *c, struct sys_command_end *ret,
			    struct netlab_err *err)
{
	buf_puts(&fake_lab.calls, "command");
	record_words("env", c->env);
	record_words("argv", c->argv);
	buf_printf(&fake_lab.calls, "%s\n", c->timeout_ns ? " timeout" : "");
	if (fails("command_run", err))
		return err->code;
	*ret = (struct sys_command_end){ .timed_out = fake_lab.timed_out,
					 .left = fake_lab.left,
					 .left_pid = 4711 };
	if (fake_lab.says)
		(void)!write(STDOUT_FILENO, fake_lab.says, strlen(fake_lab.says));
	ret->status = c->child ? c->child(c->ctx, err) : status_of(c->env);
	return c->child ? 0 : not_executed(err);
}

static int fake_follow(const char *const *paths, size_t n, pid_t until, int out_fd,
		       sys_follow_fn *fn, void *ctx, struct netlab_err *err)
{
	(void)out_fd;
	buf_printf(&fake_lab.calls, "follow until=%d", (int)until);
	for (size_t i = 0; i < n; i++)
		buf_printf(&fake_lab.calls, " %s", paths[i]);
	buf_puts(&fake_lab.calls, "\n");
	if (fails("follow", err))
		return err->code;
	for (size_t i = 0; i < n && i < 4; i++) {
		const char *data = fake_lab.log_data[i];
		int r = data ? fn(ctx, i, data, strlen(data)) : 0;

		if (r == 0 && i == 0 && fake_lab.log_gap)
			r = fn(ctx, i, NULL, fake_lab.log_gap);
		if (r == 0 && i == 0 && fake_lab.log_gap)
			r = fn(ctx, i, data, strlen(data));
		if (r)
			return r;
	}
	return 0;
}

const struct cli_backend fake_lab_backend = {
	.state_dir = fake_state_dir,
	.up = fake_up,
	.handle_deinit = fake_handle_deinit,
	.down = fake_down,
	.names = fake_names,
	.names_free = fake_names_free,
	.summary = fake_summary,
	.show = fake_show,
	.processes = fake_processes,
	.stats = fake_stats,
	.link_change = fake_link_change,
	.service = fake_service,
	.node_kill = fake_node_kill,
	.node_restart = fake_node_restart,
	.fault_add = fake_fault_add,
	.fault_remove = fake_fault_remove,
	.faults = fake_faults,
	.freeze = fake_freeze,
	.exec = fake_exec,
	.copy = fake_copy,
	.log_path = fake_log_path,
	.verify = fake_verify,
	.doctor = fake_doctor,
	.doctor_wire = fake_doctor_wire,
	.moved_bps = fake_moved_bps,
	.command_run = fake_command_run,
	.follow = fake_follow,
	.screen_wait = fake_screen_wait,
};

enum { ARGS_MAX = 32 };

static struct cli_answer call(bool terminal, const char *input, const char *first, va_list ap)
{
	struct cli_answer a = { 0 };
	size_t out_len, err_len;
	char *argv[ARGS_MAX + 2] = { (char *)"netlab" };
	struct cli_io io = { .backend = &fake_lab_backend,
			     .in_is_terminal = terminal,
			     .out_is_terminal = terminal,
			     .err_is_terminal = terminal };
	int argc = 1;

	for (const char *arg = first; arg && argc <= ARGS_MAX; arg = va_arg(ap, const char *))
		argv[argc++] = (char *)arg;
	io.in = fmemopen((char *)(input && *input ? input : "\n"),
			 input && *input ? strlen(input) : 1, "r");
	io.out = open_memstream(&a.out, &out_len);
	io.err = open_memstream(&a.err, &err_len);
	if (!io.in || !io.out || !io.err)
		abort(); /* the test machine is out of memory */
	a.code = cli_main(argc, argv, &io);
	(void)fclose(io.in);
	(void)fclose(io.out);
	(void)fclose(io.err);
	return a;
}

struct cli_answer fake_cli(const char *first, ...)
{
	struct cli_answer a;
	va_list ap;

	va_start(ap, first);
	a = call(false, NULL, first, ap);
	va_end(ap);
	return a;
}

struct cli_answer fake_cli_terminal(const char *first, ...)
{
	struct cli_answer a;
	va_list ap;

	va_start(ap, first);
	a = call(true, NULL, first, ap);
	va_end(ap);
	return a;
}

struct cli_answer fake_cli_input(const char *input, const char *first, ...)
{
	struct cli_answer a;
	va_list ap;

	va_start(ap, first);
	a = call(false, input, first, ap);
	va_end(ap);
	return a;
}

void cli_answer_deinit(struct cli_answer *a)
{
	free(a->out);
	free(a->err);
	*a = (struct cli_answer){ 0 };
}

int fake_lab_setup(void **state)
{
	(void)state;
	fake_lab_reset();
	return 0;
}

int fake_lab_teardown(void **state)
{
	(void)state;
	buf_deinit(&fake_lab.calls);
	return 0;
}

/* --- what tests say of the answers --- */

void assert_calls(const char *expected)
{
	assert_string_equal(buf_text(&fake_lab.calls), expected);
}

void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is not in:\n%s", part, text);
}

json_t *answer_json(const struct cli_answer *a)
{
	json_error_t where;
	json_t *doc = json_loads(a->out, 0, &where);

	if (!doc)
		fail_msg("no JSON (%s): %s", where.text, a->out);
	return doc;
}
