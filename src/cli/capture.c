/* SPDX-License-Identifier: MIT */
/* netlab capture: pcapng of a link or an interface, live. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/headers.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/target.h"
#include "lab/capture.h"
#include "repro/pcapng.h"
#include "sys/fs.h"
#include "sys/match.h"
#include "wire/frame.h"

enum { ARG_FILTER = 1, RING_FILES_MAX = 100000, RING_BYTES_MIN = 4096 };

struct capturing {
	struct cli *c;
	struct lab_capture from;
	struct sys_match match;
	const char *file; /* NULL = standard output */
	int out;          /* -1 = not open */
	bool is_new;      /* the file was not there before */
	struct buf buf;
	uint64_t left;       /* packets to go; UINT64_MAX = no end */
	uint64_t n;          /* captured */
	uint64_t ring_files; /* 0 = one file */
	uint64_t ring_bytes;
	uint64_t file_number, file_bytes;
};

/* --- where it goes --- */

static void ring_name(const struct capturing *k, uint64_t number, char ret[static 4096])
{
	(void)snprintf(ret, 4096, "%s.%" PRIu64, k->file, number);
}

/* Of the file that is open. */
static void file_name(const struct capturing *k, char ret[static 4096])
{
	if (k->ring_files)
		ring_name(k, k->file_number, ret);
	else
		(void)snprintf(ret, 4096, "%s", k->file);
}

/* Only whole blocks stay in a file: what reads it takes the half of one for damage. */
static int flush(struct capturing *k)
{
	int r;

	if (k->buf.failed)
		return err_set(&k->c->err, ENOMEM, "out of memory");
	if (k->buf.len == 0)
		return 0;
	r = sys_write_all(k->out, k->buf.data, k->buf.len);
	if (r < 0 && k->file)
		(void)!ftruncate(k->out, (off_t)k->file_bytes);
	else
		k->file_bytes += k->buf.len;
	k->buf.len = 0;
	return r < 0 ? err_errno(&k->c->err, r, "writing '%s'",
				 k->file ? k->file : "standard output")
		     : 0;
}

static void head(struct capturing *k)
{
	pcapng_section(&k->buf, NULL);
	for (unsigned i = 0; i < k->from.n_interfaces; i++)
		pcapng_interface(&k->buf, k->from.interfaces[i].name, k->from.interfaces[i].about);
}

static int open_file(struct capturing *k)
{
	char name[4096];

	k->file_bytes = 0;
	if (!k->file) {
		k->out = STDOUT_FILENO;
		return 0;
	}
	file_name(k, name);
	k->out = sys_open_output(name, &k->is_new);
	return k->out < 0 ? err_errno(&k->c->err, k->out, "opening '%s'", name) : 0;
}

/* After a failure a new file stays only where something was written to it. */
static void close_file(struct capturing *k, bool failed)
{
	char name[4096];

	if (!k->file || k->out < 0)
		return;
	close(k->out);
	file_name(k, name);
	if (failed && k->is_new && k->file_bytes == 0)
		(void)unlink(name);
}

/* The next file of the ring; the oldest goes. */
static int next_file(struct capturing *k)
{
	char oldest[4096];
	int r = flush(k);

	if (r < 0)
		return r;
	close(k->out);
	k->file_number++;
	r = open_file(k);
	if (r == 0 && k->file_number > k->ring_files) {
		ring_name(k, k->file_number - k->ring_files, oldest);
		(void)unlink(oldest);
	}
	if (r == 0)
		head(k);
	return r;
}

/* --- packets --- */

/* Puts the VLAN tag back that the kernel took out; there is room before the frame. */
static void put_vlan(struct lab_captured *p)
{
	if (!p->info.has_vlan || p->len < ETHERNET_HEADER)
		return;
	p->data = ethernet_put_vlan(p->data, p->info.vlan_protocol, p->info.vlan_tci);
	p->len += VLAN_TAG;
}

static int on_packet(void *ctx, struct lab_captured *p)
{
	struct capturing *k = ctx;
	struct pcapng_packet out = { .interface = p->interface,
				     .realtime_ns = p->info.realtime_ns };

	if (k->left == 0)
		return 0;
	if (p->info.vnet.gso_size == 0)
		frame_make_checksum(p->data, p->len, &p->info.vnet);
	put_vlan(p);
	if (!sys_match_frame(&k->match, p->data, p->len))
		return 0;
	out.data = p->data;
	out.len = out.wire_len = p->len;
	pcapng_packet(&k->buf, &out);
	k->n++;
	k->left -= k->left != UINT64_MAX;
	if (k->ring_files && k->file_bytes + k->buf.len >= k->ring_bytes)
		return next_file(k);
	return 0;
}

/* @return 0; negative errno; *ret_more: the sockets may have more */
static int read_all(struct capturing *k, bool *ret_more)
{
	*ret_more = false;
	for (unsigned i = 0; i < k->from.n_sockets && k->left > 0; i++) {
		int n = lab_capture_read(&k->from, i, on_packet, k);

		if (n < 0) {
			if (!k->c->err.code)
				(void)err_errno(&k->c->err, n, "reading packets");
			return n;
		}
		*ret_more = *ret_more || n > 0;
	}
	return 0;
}

/* Until the count is full, the lab or the user ends it, or nobody reads. */
static int loop(struct capturing *k, int signal_fd)
{
	struct pollfd p[] = {
		{ .fd = k->from.fds[0], .events = POLLIN },
		{ .fd = k->from.n_sockets > 1 ? k->from.fds[1] : -1, .events = POLLIN },
		{ .fd = k->from.lab_fd, .events = POLLIN },
		{ .fd = signal_fd, .events = POLLIN },
		{ .fd = k->file ? -1 : STDOUT_FILENO, .events = 0 },
	};

	while (k->left > 0) {
		bool more = true;
		int r = 0;

		if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
			return err_errno(&k->c->err, errno, "poll");
		for (unsigned round = 0; r == 0 && more && round < 64; round++)
			r = read_all(k, &more);
		if (r == 0)
			r = flush(k);
		if (r < 0)
			return r;
		if (p[2].revents || p[3].revents || (p[4].revents & (POLLERR | POLLHUP)))
			return 0;
	}
	return 0;
}

/* --- what was asked --- */

static int usage(struct cli *c, const char *hint, const char *option, const char *value,
		 const char *why)
{
	(void)err_set(&c->err, EINVAL, "%s'%s' %s", option, value, why);
	(void)err_hint(&c->err, "%s", hint);
	return err_class(&c->err, NETLAB_EXIT_USAGE);
}

static int read_ring(struct capturing *k)
{
	const char *text = k->c->value[OPT_RING], *colon = text ? strchr(text, ':') : NULL;
	const char *why = NULL;
	char files[24];

	if (!text)
		return 0;
	if (!k->file)
		return usage(k->c, "name a file with -w", "--ring: ", text,
			     "has no file to write to");
	if (!colon || (size_t)(colon - text) >= sizeof(files))
		return usage(k->c, "write FILES:SIZE, such as 5:10mb", "--ring: ", text,
			     "does not say how many files, and of what size");
	memcpy(files, text, (size_t)(colon - text));
	files[colon - text] = '\0';
	if (units_parse_u64(files, &k->ring_files) < 0 || k->ring_files == 0 ||
	    k->ring_files > RING_FILES_MAX)
		return usage(k->c, "write FILES:SIZE, such as 5:10mb", "--ring: ", text,
			     "has no number of files from 1 to 100000");
	if (units_parse_size(colon + 1, &k->ring_bytes, &why) < 0)
		return usage(k->c, why, "--ring: ", text, "has no size of a file");
	if (k->ring_bytes < RING_BYTES_MIN)
		return usage(k->c, "make it 4kib or more", "--ring: ", text,
			     "has files too small for a packet");
	k->file_number = 1;
	return 0;
}

static int read_filter(struct capturing *k)
{
	_cleanup_buf_ struct buf b = { 0 };
	int r;

	for (size_t i = ARG_FILTER; i < k->c->n_args; i++)
		buf_printf(&b, "%s%s", i > ARG_FILTER ? " " : "", k->c->args[i]);
	if (!buf_text(&b))
		return err_set(&k->c->err, ENOMEM, "out of memory");
	r = sys_match_compile(buf_text(&b), &k->match, &k->c->err);
	if (r < 0)
		(void)err_class(&k->c->err, NETLAB_EXIT_USAGE);
	return r;
}

static int read_options(struct capturing *k)
{
	struct cli *c = k->c;
	const char *count = c->value[OPT_PACKETS];

	k->file = c->value[OPT_WRITE];
	if (k->file && strcmp(k->file, "-") == 0)
		k->file = NULL;
	if (!k->file && isatty(STDOUT_FILENO))
		return usage(c, "write to a file with -w FILE, or into a pipe: | wireshark -k -i -",
			     "", "capture", "writes pcapng, which is not for a terminal");
	k->left = UINT64_MAX;
	if (count && (units_parse_u64(count, &k->left) < 0 || k->left == 0))
		return usage(c, "write a whole number from 1", "--count: ", count,
			     "is no number of packets");
	return read_ring(k) < 0 ? c->err.code : read_filter(k);
}

/* LINK, LAB:LINK, NODE:IF or LAB:NODE:IF. A lab that runs is meant before a node of that name. */
static int open_target(struct capturing *k)
{
	struct cli *c = k->c;
	_cleanup_free_ char *copy = strdup(c->args[0]);
	char lab[NAME_MAX_BYTES + 1], *first = copy, *second, *third = NULL;
	int r;

	if (!copy)
		return err_set(&c->err, ENOMEM, "out of memory");
	second = strchr(copy, ':');
	if (second)
		*second++ = '\0';
	if (second)
		third = strchr(second, ':');
	if (third)
		*third++ = '\0';
	if (cli_state_dir(c) < 0)
		return c->err.code;
	if (second && (third || cli_lab_runs(c, first))) {
		r = cli_lab(c, first, lab);
		first = second;
		second = third;
	} else {
		r = cli_lab(c, NULL, lab);
	}
	if (r < 0)
		return r;
	r = c->backend->capture_open(c->state_dir, lab, first, second, &k->from, &c->err);
	if (r < 0)
		cli_explain(c, lab, second ? first : NULL, second ? NULL : first);
	return r;
}

static void say(struct capturing *k)
{
	uint64_t lost = lab_capture_lost(&k->from);

	cli_note(k->c, "%" PRIu64 " packet%s captured", k->n, k->n == 1 ? "" : "s");
	if (lost > 0)
		cli_note(k->c, "warning: %" PRIu64 " more came too fast for this host", lost);
}

int cmd_capture(struct cli *c)
{
	struct capturing k = { .c = c, .out = -1, .from = { .lab_fd = -1 } };
	sigset_t signals;
	int r = read_options(&k), signal_fd = -1;

	if (r == 0)
		r = open_target(&k);
	if (r == 0)
		r = open_file(&k);
	if (r == 0) {
		sigemptyset(&signals);
		sigaddset(&signals, SIGINT);
		sigaddset(&signals, SIGTERM);
		sigaddset(&signals, SIGHUP);
		(void)sigprocmask(SIG_BLOCK, &signals, NULL);
		(void)signal(SIGPIPE, SIG_IGN);
		signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
		head(&k);
		r = signal_fd < 0 ? err_errno(&c->err, errno, "signalfd") : flush(&k);
		if (r == 0)
			r = loop(&k, signal_fd);
		if (r == -EPIPE && !k.file)
			r = 0; /* whoever looked has seen enough */
		if (r == 0)
			say(&k);
	}
	lab_capture_close(&k.from);
	close_file(&k, r < 0);
	if (signal_fd >= 0)
		close(signal_fd);
	sys_match_deinit(&k.match);
	buf_deinit(&k.buf);
	return r < 0 ? cli_fail(c, &c->err) : NETLAB_EXIT_OK;
}
