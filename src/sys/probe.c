/* SPDX-License-Identifier: MIT */
/*
 * Trials in scratch namespaces.
 *
 * The scratch is a child that is PID 1 of a PID namespace of its own, as a lab's supervisor is: whatever a trial starts
 * or makes ends with it. It reports each result as it comes, so that a kernel that gets stuck at one costs that one
 * and those behind it.
 */
#include "sys/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/fs.h"
#include "sys/proc.h"
#include "sys/sock.h"
#include "sys/userns.h"
#include "sys/clock.h"

enum { NOT_YET = 1, SCRATCH_OK = 'y' };

/* From the scratch to the caller. */
struct report {
	uint32_t trial;
	struct probe_result result;
};

void probe_fail(struct probe_result *r, int error, const char *words)
{
	if (error >= 0)
		return;
	r->error = error;
	(void)snprintf(r->detail, sizeof(r->detail), "%s",
		       words && words[0] ? words : strerror(-error));
}

/* --- in the scratch --- */

void probe_privilege(struct probe *p, const char *arg, struct probe_result *r)
{
	int e;

	(void)arg;
	/* On a host that lets users make namespaces but gives them no power in there (AppArmor), this is
	   where it shows. */
	e = sys_mounts_private();
	if (e == 0)
		e = sys_sethostname("scratch");
	probe_fail(r, e, NULL);
	if (e < 0)
		(void)snprintf(r->detail, sizeof(r->detail),
			       "namespaces can be made, but give no power: %s", strerror(-e));
	else
		(void)snprintf(r->detail, sizeof(r->detail), "%s",
			       p->rootless ? "by a user namespace" : "root");
}

int probe_start_peer(struct probe *p)
{
	pid_t pid;

	if (p->peer_pidfd >= 0)
		return 0;
	pid = sys_clone(SYS_NS_NET | SYS_NS_MNT | SYS_NS_UTS | SYS_NS_IPC | SYS_NS_PID,
			&p->peer_pidfd);
	if (pid == 0) {
		(void)sys_die_with_parent(true);
		for (;;)
			(void)pause();
	}
	if (pid < 0) {
		p->peer_pidfd = -1;
		return (int)pid;
	}
	p->peer_pid = pid;
	return 0;
}

static int add_stranger(void *ctx, const struct rt_link_state *state)
{
	enum { LO_IFINDEX = 1 };
	struct probe *p = ctx;
	size_t used = strlen(p->strangers);

	if (state->ifindex != LO_IFINDEX)
		(void)snprintf(p->strangers + used, sizeof(p->strangers) - used, "%s%s",
			       used ? ", " : "", state->name);
	return 0;
}

void probe_empty_namespace(struct probe *p, const char *arg, struct probe_result *r)
{
	(void)arg;
	if (!p->strangers[0])
		return;
	r->limited = true;
	(void)snprintf(r->detail, sizeof(r->detail), "each new namespace has %s", p->strangers);
}

static void scratch(const struct probe_trial *trials, size_t n, int fd, bool rootless)
	__attribute__((noreturn));

static void scratch(const struct probe_trial *trials, size_t n, int fd, bool rootless)
{
	struct probe p = {
		.rootless = rootless,
		.peer_pidfd = -1,
		.links_error = NOT_YET,
		.base_error = NOT_YET,
		.netem_error = NOT_YET,
	};
	char go;

	(void)sys_die_with_parent(true);
	if (rootless && sys_sock_recv(fd, &go, sizeof(go), NULL, NULL) != 1)
		_exit(1);
	p.rtnl_fd = rt_open();
	p.batch.fd = p.rtnl_fd;
	if (p.rtnl_fd >= 0)
		(void)rt_each_link(p.rtnl_fd, add_stranger, &p);
	(void)sys_mounts_private(); /* probe_privilege() reports it */
	for (size_t i = 0; i < n; i++) {
		struct report report = { .trial = (uint32_t)i };

		if (trials[i].place != PROBE_SCRATCH)
			continue;
		if (p.rtnl_fd < 0)
			probe_fail(&report.result, p.rtnl_fd, "no rtnetlink socket");
		else
			trials[i].fn(&p, trials[i].arg, &report.result);
		if (sys_sock_send(fd, &report, sizeof(report), NULL, 0) < 0)
			break;
	}
	_exit(0);
}

/* --- in the caller --- */

void probe_explain_user_namespaces(struct probe_result *r)
{
	sys_userns_remedy("/proc/sys", r->remedy, sizeof(r->remedy));
}

static int64_t now_ms(void)
{
	return (int64_t)(sys_monotonic_ns() / 1000000);
}

/* Hears the scratch until it ends. Marks what it has heard of in `heard`. */
static void listen_to(int fd, struct probe_result *results, bool *heard, size_t n, int timeout_ms)
{
	int64_t deadline = now_ms() + timeout_ms;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = deadline - now_ms();
		struct report report;
		int r = poll(&p, 1, left > 0 ? (int)left : 0);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0 || sys_sock_recv(fd, &report, sizeof(report), NULL, NULL) !=
				      (ssize_t)sizeof(report))
			return;
		if (report.trial >= n)
			return;
		results[report.trial] = report.result;
		heard[report.trial] = true;
	}
}

static void not_tried(const struct probe_trial *trial, int error, const char *why,
		      struct probe_result *r)
{
	*r = (struct probe_result){ .error = error, .untried = trial->fn != probe_privilege };
	(void)snprintf(r->detail, sizeof(r->detail), "%s", why);
}

static int run_scratch(const struct probe_trial *trials, size_t n, struct probe_result *results,
		       bool *heard, int timeout_ms)
{
	unsigned namespaces = SYS_NS_MNT | SYS_NS_UTS | SYS_NS_IPC | SYS_NS_PID | SYS_NS_NET;
	bool rootless = geteuid() != 0;
	const char go = SCRATCH_OK;
	int pair[2], pidfd, r;
	pid_t pid;

	r = sys_sock_pair(pair);
	if (r < 0)
		return r;
	pid = sys_clone(namespaces | (rootless ? SYS_NS_USER : 0), &pidfd);
	if (pid == 0) {
		(void)close(pair[0]);
		scratch(trials, n, pair[1], rootless);
	}
	(void)close(pair[1]);
	r = pid < 0 ? pid : 0;
	if (r == 0 && rootless)
		r = sys_userns_map_one(pid);
	if (r == 0 && rootless)
		r = sys_sock_send(pair[0], &go, sizeof(go), NULL, 0);
	if (r == 0)
		listen_to(pair[0], results, heard, n, timeout_ms);
	(void)close(pair[0]);
	if (pid > 0) {
		(void)sys_pidfd_signal(pidfd, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		(void)close(pidfd);
	}
	return r;
}

int probe_run(const struct probe_trial *trials, size_t n, struct probe_result *results,
	      int timeout_ms, struct netlab_err *err)
{
	bool *heard = calloc(n + 1, sizeof(*heard));
	int r;

	if (!heard)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++)
		results[i] = (struct probe_result){ 0 };
	for (size_t i = 0; i < n; i++) {
		struct probe here = { .rootless = geteuid() != 0, .rtnl_fd = -1, .peer_pidfd = -1 };

		if (trials[i].place == PROBE_HERE)
			trials[i].fn(&here, trials[i].arg, &results[i]);
	}
	r = run_scratch(trials, n, results, heard, timeout_ms);
	for (size_t i = 0; i < n; i++) {
		char why[96];

		if (trials[i].place != PROBE_SCRATCH)
			continue;
		if (r < 0) {
			(void)snprintf(why, sizeof(why), "no scratch namespaces: %s", strerror(-r));
			not_tried(&trials[i], r, why, &results[i]);
		} else if (!heard[i]) {
			not_tried(&trials[i], -ETIME, "the trial did not come to an end",
				  &results[i]);
		}
		if (trials[i].fn == probe_privilege && results[i].error < 0)
			probe_explain_user_namespaces(&results[i]);
	}
	free(heard);
	return 0;
}
