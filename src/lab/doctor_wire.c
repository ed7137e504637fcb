/* SPDX-License-Identifier: MIT */
/*
 * What the wire can move here.
 *
 * The scratch namespaces of the doctor's trials are the fabric; two veth pairs lead to one more namespace, from which
 * frames are sent through a wire as labs have it, and back into which it sends them. The wire counts what it delivered
 * and how late it was.
 */
#include "lab/doctor_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "lab/lab.h"
#include "sys/fs.h"
#include "sys/probe.h"
#include "sys/proc.h"
#include "sys/test_frame.h"
#include "wire/wire.h"
#include "sys/clock.h"

#define MS          UINT64_C(1000000)
#define DELAY_NS    (10 * MS)
#define INTERVAL_NS (1 * MS)
#define LATE_NS     (300 * MS)
#define WARM_UP_NS  (60 * MS)
#define FLOOD_NS    (240 * MS)
/* How long the wire may get no processor on a busy machine, in each of three measurements. */
#define STARVED_NS (2500 * MS)

/* Of processors and kernel: what was measured under another one says nothing. */
#define BOOT_ID "/proc/sys/kernel/random/boot_id"
/* A name that no lab can have. */
#define FILE_NAME "/.wire.json"

enum { PATIENCE_MS = 10000, MTU = 1500, FULL_FRAME = 1514, FILE_MAX = 4096, IFINDEX = 1101 };

/* Shared with the scratch: its results are texts. */
static struct doctor_wire *figures;

/* --- in the scratch --- */

/* Two pairs, from here (the fabric) to the peer's namespace. */
static int make_links(struct probe *p, struct netlab_err *err)
{
	int r = probe_start_peer(p);

	for (uint32_t i = 0; i < 2 && r == 0; i++) {
		const struct rt_end ends[2] = {
			{ .name = i ? "wire1" : "wire0",
			  .ifindex = IFINDEX + i,
			  .mac = { 2, 0, 0, 0, 1, (uint8_t)i } },
			{ .name = i ? "node1" : "node0",
			  .ifindex = IFINDEX + i,
			  .mac = { 2, 0, 0, 0, 2, (uint8_t)i },
			  .netns_pid = p->peer_pid },
		};

		r = rt_new_veth(&p->batch, ends, MTU, err);
		if (r == 0)
			r = rt_set_up(&p->batch, ends[0].ifindex, true, err);
	}
	return r == 0 ? rt_flush(&p->batch, err) : r;
}

/* Goes over to the nodes' side. */
static int enter_nodes(struct probe *p, struct sys_test_port *port, struct netlab_err *err)
{
	struct rt_batch b = { .fd = -1 };
	int r = sys_setns(p->peer_pidfd, SYS_NS_NET);

	if (r == 0) {
		b.fd = rt_open();
		r = b.fd < 0 ? b.fd : 0;
	}
	for (uint32_t i = 0; i < 2 && r == 0; i++)
		r = rt_set_up(&b, IFINDEX + i, true, err);
	if (r == 0)
		r = rt_flush(&b, err);
	rt_batch_deinit(&b);
	if (b.fd >= 0)
		(void)close(b.fd);
	return r == 0 ? sys_test_open(port, "node0") : r;
}

static void sleep_until(uint64_t at_ns)
{
	const struct timespec t = { .tv_sec = (time_t)(at_ns / (1000 * MS)),
				    .tv_nsec = (long)(at_ns % (1000 * MS)) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static int nothing_came(struct netlab_err *err)
{
	return err_set(err, EIO, "the wire delivered nothing in %.1f s; is this machine very busy?",
		       (double)STARVED_NS / 1e9);
}

static int measure_lateness(const struct wire *w, struct sys_test_port *port,
			    struct netlab_err *err)
{
	const struct sys_test_mark mark = { .run = 0 };
	struct wire_counters c = { .delivered = 0 };
	uint64_t start = sys_monotonic_ns(), at = start;

	while (at < start + LATE_NS) {
		sleep_until(at);
		(void)sys_test_send(port, &mark, 1, SYS_TEST_FRAME_MIN, NULL);
		at += INTERVAL_NS;
	}
	do {
		at += 2 * DELAY_NS;
		sleep_until(at);
		wire_read(w, 0, 0, &c);
	} while (c.late_n == 0 && at < start + STARVED_NS);
	if (c.late_n == 0)
		return nothing_came(err);
	figures->late_p50_us = (double)c.late_p50_ns / 1000;
	figures->late_p99_us = (double)c.late_p99_ns / 1000;
	return 0;
}

/* As many frames as there is time for. @param[out] ret_n, ret_bits  delivered each second */
static int measure_flood(const struct wire *w, struct sys_test_port *port, size_t len,
			 double *ret_n, double *ret_bits, struct netlab_err *err)
{
	const struct sys_test_mark mark = { .run = 0 };
	struct wire_counters from = { .delivered = 0 }, to = { .delivered = 0 };
	uint64_t start = sys_monotonic_ns(), now = start, began = 0;

	while (now < start + WARM_UP_NS + FLOOD_NS ||
	       (to.delivered == from.delivered && now < start + STARVED_NS)) {
		(void)sys_test_send(port, &mark, SYS_TEST_BATCH, len, NULL);
		now = sys_monotonic_ns();
		if (!began && now >= start + WARM_UP_NS) {
			wire_read(w, 0, 0, &from);
			to = from;
			began = now;
		} else if (now >= start + WARM_UP_NS + FLOOD_NS) {
			wire_read(w, 0, 0, &to);
		}
	}
	if (to.delivered == from.delivered)
		return nothing_came(err);
	*ret_n = (double)(to.delivered - from.delivered) / ((double)(now - began) / 1e9);
	*ret_bits = 8 * (double)(to.delivered_bytes - from.delivered_bytes) /
		    ((double)(now - began) / 1e9);
	return 0;
}

static int measure(struct probe *p, struct netlab_err *err)
{
	struct netlab_err none = { 0 };
	struct wire w = { .fd = -1 };
	struct wire_link l = { .ifindex = { IFINDEX, IFINDEX + 1 },
			       .mtu = MTU,
			       .trace_fd = { -1, -1 },
			       .rules_fd = -1 };
	struct sys_test_port port = { .fd = -1 };
	double unused;
	int r = make_links(p, err);

	figures->has_netem = rt_probe_netem(p->rtnl_fd, &none) == 0;
	for (unsigned d = 0; d < 2; d++)
		l.asked[d] = (struct impairment){ .set = IMPAIR_BIT(IMPAIR_DELAY),
						  .delay_ns = DELAY_NS };
	if (r == 0)
		r = wire_start(&w, 1, err);
	if (r == 0)
		r = wire_add(&w, 0, &l, err);
	if (r == 0)
		r = enter_nodes(p, &port, err);
	if (r == 0)
		r = measure_lateness(&w, &port, err);
	l.asked[0] = l.asked[1] = (struct impairment){ .set = 0 };
	if (r == 0)
		r = wire_change(&w, 0, &l, err);
	if (r == 0)
		r = measure_flood(&w, &port, SYS_TEST_FRAME_MIN, &figures->packets_per_s, &unused,
				  err);
	if (r == 0)
		r = measure_flood(&w, &port, FULL_FRAME, &unused, &figures->bits_per_s, err);
	/* the end of the scratch ends the wire, and closes the sockets */
	return r;
}

static void try_wire(struct probe *p, const char *arg, struct probe_result *r)
{
	struct netlab_err err = { 0 };

	(void)arg;
	probe_fail(r, measure(p, &err), err.message);
}

/* --- in the caller --- */

int doctor_measure_wire(struct doctor_wire *ret, struct netlab_err *err)
{
	const struct probe_trial trial = { .fn = try_wire, .place = PROBE_SCRATCH };
	struct probe_result result;
	int r;

	figures = mmap(NULL, sizeof(*figures), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (figures == MAP_FAILED) {
		figures = NULL;
		return err_errno(err, ENOMEM, "measuring the wire");
	}
	r = probe_run(&trial, 1, &result, PATIENCE_MS, err);
	if (r == 0 && result.error < 0)
		r = err_set(err, result.error, "measuring the wire: %s", result.detail);
	if (r == 0)
		*ret = *figures;
	(void)munmap(figures, sizeof(*figures));
	figures = NULL;
	return r;
}

/* --- kept --- */

static void read_boot_id(char ret[static 64])
{
	if (sys_read_value(AT_FDCWD, BOOT_ID, ret, 64) <= 0)
		ret[0] = '\0';
}

static int path_of(const char *state_dir, char ret[static 4096])
{
	return snprintf(ret, 4096, "%s%s", state_dir, FILE_NAME) < 4096 ? 0 : -ENAMETOOLONG;
}

/* @return what is kept of this boot, a new reference; NULL = nothing */
static json_t *read_kept(const char *state_dir)
{
	_cleanup_free_ char *text = NULL;
	char boot[64], path[4096];
	const char *measured;
	size_t len;
	json_t *doc;

	if (path_of(state_dir, path) < 0 || sys_read_file(path, FILE_MAX, &text, &len) < 0)
		return NULL;
	doc = json_loadb(text, len, 0, NULL);
	measured = json_string_value(json_object_get(doc, "boot_id"));
	read_boot_id(boot);
	if (measured && strcmp(measured, boot) == 0)
		return doc;
	json_decref(doc);
	return NULL;
}

static double larger(double a, double b)
{
	return a > b ? a : b;
}

int doctor_store_wire(const char *state_dir, const struct doctor_wire *w, struct netlab_err *err)
{
	char boot[64], path[4096], temporary[4096 + 16];
	json_t *doc, *before = read_kept(state_dir);
	int r = path_of(state_dir, path);

	read_boot_id(boot);
	/* what it moved once it can move: at another time it was busy */
	doc = json_pack(
		"{s:s, s:b, s:f, s:f}", "boot_id", boot, "has_netem", w->has_netem, "packets_per_s",
		larger(w->packets_per_s,
		       json_number_value(json_object_get(before, "packets_per_s"))),
		"bits_per_s",
		larger(w->bits_per_s, json_number_value(json_object_get(before, "bits_per_s"))));
	json_decref(before);
	/* whole or not at all, for who reads it meanwhile */
	(void)snprintf(temporary, sizeof(temporary), "%s.%d", path, (int)getpid());
	errno = ENOMEM;
	if (r == 0 && (!doc || json_dump_file(doc, temporary, JSON_COMPACT) < 0))
		r = -errno;
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	json_decref(doc);
	if (r < 0) {
		(void)unlink(temporary);
		return err_errno(err, r, "keeping what was measured in '%s'", path);
	}
	return 0;
}

uint64_t doctor_moved_bps(const char *given, bool only_wire)
{
	char state_dir[4096];
	double bps = 0;
	uint64_t unit;
	json_t *doc;

	if (lab_state_dir_name(given, state_dir) < 0)
		return 0;
	doc = read_kept(state_dir);
	if (only_wire || json_is_false(json_object_get(doc, "has_netem")))
		bps = json_number_value(json_object_get(doc, "bits_per_s"));
	json_decref(doc);
	if (!(bps > 0) || bps > 1e18)
		return 0;
	/* three digits: it is a measurement */
	for (unit = 1; bps / (double)unit >= 1000;)
		unit *= 10;
	return (uint64_t)(bps / (double)unit) * unit;
}

/* --- told --- */

/* Later than that, run --strict would not trust a link of up to 20 ms. */
#define LATE_US 1000.0

static json_t *figures_json(const struct doctor_wire *w)
{
	return json_pack("{s:f, s:f, s:{s:f, s:f}}", "packets_per_s", w->packets_per_s,
			 "gbit_per_s", w->bits_per_s / 1e9, "lateness_us", "p50", w->late_p50_us,
			 "p99", w->late_p99_us);
}

int doctor_wire(const char *state_dir, json_t **ret, struct netlab_err *err)
{
	struct doctor_wire w = { .packets_per_s = 0 };
	struct netlab_err why = { 0 };
	bool present = doctor_measure_wire(&w, &why) == 0;
	bool slow = present && w.late_p99_us > LATE_US;
	char detail[256];

	if (present)
		(void)snprintf(detail, sizeof(detail),
			       "%.0f packets/s of %d bytes, %.2f Gb/s at MTU %d; at 10 ms and 1000 "
			       "packets/s half leave %.0f us late, a hundredth %.0f us",
			       w.packets_per_s, (int)SYS_TEST_FRAME_MIN, w.bits_per_s / 1e9,
			       (int)MTU, w.late_p50_us, w.late_p99_us);
	else
		(void)snprintf(detail, sizeof(detail), "%.200s", why.message);
	if (present && state_dir && doctor_store_wire(state_dir, &w, &why) < 0)
		(void)snprintf(detail + strlen(detail), sizeof(detail) - strlen(detail),
			       " (not kept: %.60s)", why.message);
	*ret = json_pack(
		"{s:s, s:s, s:b, s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "name", "wire-speed",
		"kind", "measurement", "present", present, "required", false, "status",
		slow      ? "limited"
		: present ? "ok"
			  : "missing",
		"need", "some-labs", "needed_for", "links of the wire: what this host can move",
		"without", "links that ask for more lose packets, which `netlab stats` counts",
		"remedy",
		present ? "run on a faster or less busy host"
			: "mend what is missing above first: without it there is no wire",
		"detail", detail, "wire", present ? figures_json(&w) : json_null());
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}
