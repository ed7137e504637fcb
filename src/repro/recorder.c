/* SPDX-License-Identifier: MIT */
/* The process that writes a recording. */
#include "repro/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "impair/identity.h"
#include "repro/decisions.h"
#include "repro/fates.h"
#include "repro/identities.h"
#include "repro/output.h"
#include "repro/pcapng.h"
#include "repro/record_dir.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/proc.h"
#include "wire/frame.h"

enum {
	FIRST_FD = 3,
	/* While packets come, so long is waited for more before they are looked at: a wake-up for each would take as much
	   of the machine as writing them does. */
	BATCH_MS = 2,
	HISTORY = 1 << 16, /* packets whose end may come later and still be told whose it was */
	NICE = -10,        /* after the wire, which is late at once; we have what the rings hold */
	AT_ONCE = 4096,    /* records between two looks at what the supervisor wants */
};

/** A direction of a link. */
struct way {
	struct identity_table *table; /* NULL until the first packet */
	uint64_t last_number;         /* as the wire counts, since it took the link on */
	uint64_t index;               /* since the recording began */
	struct fate_counts counts;
};

struct past {
	uint64_t way, number, index;
	struct identity id;
};

struct recording {
	const struct recorder *setup;
	struct tape *tape;
	struct way *ways; /* of link l, direction d: 2 * l + d */
	size_t n_ways;
	struct past *history; /* a ring */
	uint64_t n_history;
	struct output packets, decisions, identities;
	int64_t clock_offset; /* CLOCK_REALTIME - CLOCK_MONOTONIC, of the beginning */
	uint64_t n_unknown;   /* decisions about packets that are not in the history any more */
	struct buf comment;
	char error[TAPE_REASON_MAX];
};

static void fail(struct recording *r, const char *what, int code)
{
	if (!r->error[0])
		(void)snprintf(r->error, sizeof(r->error), "%s: %s", what, strerror(-code));
}

/* --- a record --- */

static struct way *way_of(struct recording *r, const struct tape_record *rec)
{
	size_t i = 2 * (size_t)rec->link + rec->dir;

	return i < r->n_ways ? &r->ways[i] : NULL;
}

static void write_packet(struct recording *r, const struct tape_record *rec, const char *comment)
{
	const struct pcapng_packet p = {
		.interface = 2 * rec->link + rec->dir,
		.realtime_ns = rec->arrival_ns + (uint64_t)r->clock_offset,
		.data = rec->frame,
		.len = rec->len,
		.wire_len = rec->len,
		.comment = comment,
	};
	uint8_t *written = pcapng_packet(&r->packets.buf, &p);

	/* left to the hardware that is not there: what reads the file shall not take it for damage */
	if (written && rec->vnet.gso_size == 0)
		frame_make_checksum(written, rec->len, &rec->vnet);
}

static void write_decision(struct recording *r, const struct tape_record *rec, uint64_t index,
			   const struct identity *id, const struct verdict *v,
			   enum decision_cause cause)
{
	const struct decision d = { .link = r->setup->topo->links[rec->link].name,
				    .dir = rec->dir,
				    .index = index,
				    .id = *id,
				    .verdict = *v,
				    .cause = cause };

	decision_format(&r->decisions.buf, &d);
	atomic_fetch_add_explicit(&r->tape->n_decisions, 1, memory_order_relaxed);
}

static void remember(struct recording *r, const struct tape_record *rec, const struct way *w,
		     const struct identity *id)
{
	r->history[r->n_history++ % HISTORY] = (struct past){
		.way = 2 * (uint64_t)rec->link + rec->dir,
		.number = rec->number,
		.index = w->index,
		.id = *id,
	};
}

static const struct past *recall(const struct recording *r, const struct tape_record *rec)
{
	uint64_t way = 2 * (uint64_t)rec->link + rec->dir;

	for (uint64_t i = r->n_history; i > 0 && r->n_history - i < HISTORY; i--) {
		const struct past *p = &r->history[(i - 1) % HISTORY];

		if (p->way == way && p->number == rec->number)
			return p;
	}
	return NULL;
}

static void take_packet(struct recording *r, struct way *w, const struct tape_record *rec,
			const struct verdict *v, enum decision_cause cause, const char *comment)
{
	struct identity_entry entry = { .link = rec->link, .dir = rec->dir };

	if (!w->table)
		w->table = identity_table_new();
	if (!w->table) {
		fail(r, "identifying packets", -ENOMEM);
		return;
	}
	/* numbers that are missing were lost to this host; a wire that was started again counts from 1 */
	w->index += rec->number > w->last_number && w->last_number > 0
			    ? rec->number - w->last_number
			    : 1;
	w->last_number = rec->number;
	if (identify(w->table, rec->frame, rec->len, &entry.id) < 0)
		fail(r, "identifying packets", -ENOMEM);
	entry.index = w->index;
	output_add(&r->identities, &entry, sizeof(entry));
	remember(r, rec, w, &entry.id);
	if (v->actions)
		write_decision(r, rec, w->index, &entry.id, v, cause);
	write_packet(r, rec, comment);
	atomic_fetch_add_explicit(&r->tape->n_packets, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&r->tape->n_bytes, rec->len, memory_order_relaxed);
}

static void take_late(struct recording *r, const struct tape_record *rec, const struct verdict *v,
		      enum decision_cause cause, const char *comment)
{
	const struct past *p = recall(r, rec);

	if (p)
		write_decision(r, rec, p->index, &p->id, v, cause);
	else
		r->n_unknown++;
	write_packet(r, rec, comment);
}

static void take(struct recording *r, const struct tape_record *rec)
{
	struct way *w = way_of(r, rec);
	enum decision_cause cause;
	const char *comment;
	struct verdict v;

	if (!w)
		return;
	fate_verdict(rec, r->setup->replayed, &v, &cause);
	r->comment.len = 0;
	fate_comment(&r->comment, rec, &v, cause);
	comment = r->comment.len ? buf_text(&r->comment) : NULL;
	fate_count(&w->counts, rec);
	if (rec->kind == TAPE_PACKET)
		take_packet(r, w, rec, &v, cause, comment);
	else
		take_late(r, rec, &v, cause, comment);
}

/* --- all of them --- */

/** The oldest of those that the rings have first. @return its ring; -1 = all are empty */
static int choose(struct tape *t)
{
	uint64_t oldest = UINT64_MAX;
	int ring = -1;

	for (unsigned i = 0; i < t->n_rings; i++) {
		const struct tape_record *rec = tape_peek(t, i);

		if (!rec || (ring >= 0 && rec->arrival_ns >= oldest))
			continue;
		oldest = rec->arrival_ns;
		ring = (int)i;
	}
	return ring;
}

static void check_outputs(struct recording *r)
{
	struct output *all[] = { &r->packets, &r->decisions, &r->identities };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (all[i]->error < 0)
			fail(r, all[i]->name, all[i]->error);
	}
}

static void flush(struct recording *r, bool all)
{
	output_flush(&r->packets, all);
	output_flush(&r->decisions, all);
	output_flush(&r->identities, all);
	check_outputs(r);
}

/** @return how many records were taken; fewer than AT_ONCE: there are no more */
static unsigned take_some(struct recording *r)
{
	unsigned n = 0;
	int ring;

	while (n < AT_ONCE && !r->error[0] && (ring = choose(r->tape)) >= 0) {
		take(r, tape_peek(r->tape, (unsigned)ring));
		tape_drop(r->tape, (unsigned)ring);
		flush(r, false);
		n++;
	}
	return n;
}

/** Sleeps until a worker has something, or the supervisor. */
static void sleep_on(struct recording *r)
{
	struct pollfd p = { .fd = r->setup->wake_fd, .events = POLLIN };
	uint64_t count;

	atomic_store(&r->tape->sleeps, true);
	atomic_thread_fence(memory_order_seq_cst);
	/* what came before they could know that we sleep */
	if (choose(r->tape) >= 0 || atomic_load(&r->tape->stops)) {
		atomic_store(&r->tape->sleeps, false);
		return;
	}
	if (poll(&p, 1, -1) > 0)
		(void)!read(p.fd, &count, sizeof(count));
	atomic_store(&r->tape->sleeps, false);
}

static void run(struct recording *r)
{
	bool busy = false;

	while (!r->error[0]) {
		/* before the rings are looked at: what was there when it was set is all there will be */
		bool stops = atomic_load(&r->tape->stops);
		unsigned n = take_some(r);

		if (n == AT_ONCE)
			continue;
		if (stops)
			return;
		if (n > 0 || busy) {
			busy = n > 0;
			(void)poll(NULL, 0, BATCH_MS);
			continue;
		}
		flush(r, true);
		sleep_on(r);
	}
}

/* --- beginning and end --- */

static void add_interfaces(struct recording *r)
{
	const struct topo *t = r->setup->topo;

	for (size_t l = 0; l < t->n_links; l++) {
		const struct topo_end *ends = t->links[l].ends;

		for (unsigned d = 0; d < 2; d++) {
			char name[512], about[512];
			const char *from = t->nodes[ends[d].node].name,
				   *to = t->nodes[ends[!d].node].name;

			(void)snprintf(name, sizeof(name), "%s: %s > %s", t->links[l].name, from,
				       to);
			(void)snprintf(about, sizeof(about), "from %s:%s to %s:%s", from,
				       ends[d].ifname, to, ends[!d].ifname);
			pcapng_interface(&r->packets.buf, name, about);
			output_flush(&r->packets, false);
		}
	}
}

static int begin(struct recording *r)
{
	const struct identities_head head = identities_head();
	int dir = r->setup->dir_fd, e;
	uint64_t before;

	r->n_ways = 2 * r->setup->topo->n_links;
	r->ways = calloc(r->n_ways + 1, sizeof(*r->ways));
	r->history = calloc(HISTORY, sizeof(*r->history));
	if (!r->ways || !r->history) {
		fail(r, "beginning", -ENOMEM);
		return -ENOMEM;
	}
	before = sys_monotonic_ns();
	r->clock_offset = (int64_t)(sys_realtime_ns() - before);
	e = output_open(&r->packets, dir, RECORD_PACKETS);
	if (e == 0)
		e = output_open(&r->decisions, dir, RECORD_DECISIONS);
	if (e == 0)
		e = output_open(&r->identities, dir, RECORD_IDENTITIES);
	if (e < 0) {
		fail(r, "making its files", e);
		return e;
	}
	pcapng_section(&r->packets.buf,
		       "recorded by netlab: what did not pass untouched has a comment");
	add_interfaces(r);
	decisions_format_head(&r->decisions.buf);
	output_add(&r->identities, &head, sizeof(head));
	flush(r, true);
	return r->error[0] ? -EIO : 0;
}

static json_t *counts_json(const struct fate_counts *c)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "packets",
			 (json_int_t)c->packets, "bytes", (json_int_t)c->bytes, "dropped_loss",
			 (json_int_t)c->dropped[PIPE_LOSS], "dropped_queue",
			 (json_int_t)c->dropped[PIPE_QUEUE], "dropped_fault",
			 (json_int_t)c->dropped[PIPE_FAULT], "dropped_down",
			 (json_int_t)c->dropped[PIPE_DOWN], "dropped_host",
			 (json_int_t)c->dropped[PIPE_HOST], "duplicated", (json_int_t)c->duplicated,
			 "corrupted", (json_int_t)c->corrupted, "reordered",
			 (json_int_t)c->reordered, "marked", (json_int_t)c->marked);
}

static json_t *links_json(const struct recording *r)
{
	const struct topo *t = r->setup->topo;
	json_t *links = json_object();

	for (size_t l = 0; l < t->n_links; l++)
		json_object_set_new(links, t->links[l].name,
				    json_pack("{s:o, s:o}", "->",
					      counts_json(&r->ways[2 * l].counts), "<-",
					      counts_json(&r->ways[2 * l + 1].counts)));
	return links;
}

/** The last file: with it the recording is one. */
static int write_summary(struct recording *r)
{
	struct tape *t = r->tape;
	bool complete = !r->error[0] && !t->flaw[0];
	json_t *doc = json_pack(
		"{s:b, s:s?, s:I, s:I, s:I, s:I, s:I, s:o}", "complete", complete, "error",
		r->error[0]  ? r->error
		: t->flaw[0] ? t->flaw
			     : NULL,
		"packets", (json_int_t)atomic_load(&t->n_packets), "bytes",
		(json_int_t)atomic_load(&t->n_bytes), "decisions",
		(json_int_t)atomic_load(&t->n_decisions), "lost_records", (json_int_t)tape_lost(t),
		"unknown_packets", (json_int_t)r->n_unknown, "links",
		r->ways ? links_json(r) : json_object());
	_cleanup_free_ char *text = doc ? json_dumps(doc, JSON_INDENT(2)) : NULL;

	json_decref(doc);
	if (!text)
		return -ENOMEM;
	return sys_write_file(r->setup->dir_fd, RECORD_SUMMARY, text, strlen(text));
}

static void end(struct recording *r)
{
	uint64_t now = sys_realtime_ns();
	int e;

	for (size_t i = 0; i < r->n_ways && !r->error[0]; i++) {
		const struct fate_counts *c = &r->ways[i].counts;
		uint64_t dropped = 0;

		for (int cause = 0; cause < PIPE_CAUSES; cause++)
			dropped += c->dropped[cause];
		pcapng_statistics(&r->packets.buf, (uint32_t)i, now, c->packets, dropped);
		output_flush(&r->packets, false);
	}
	if (!r->error[0]) {
		decisions_format_end(&r->decisions.buf, (size_t)atomic_load(&r->tape->n_decisions));
		flush(r, true);
	}
	e = write_summary(r);
	if (e < 0)
		fail(r, "writing '" RECORD_SUMMARY "'", e);
}

void recorder_main(const struct recorder *setup)
{
	struct recording r = { .setup = setup, .tape = setup->tape };
	int keep[] = { setup->wake_fd, setup->dir_fd, setup->began_fd };
	sigset_t all;
	int e;

	(void)sys_die_with_parent(true);
	if (getppid() != setup->parent)
		_exit(1);
	/* In the wire's session, whose processor time is the wire's before it is ours, a wire that is busy would starve us. */
	sys_own_share();
	sys_prefer_me(NICE);
	sys_set_comm("netlab-recorder");
	sys_close_all_but(FIRST_FD, keep, ARRAY_SIZE(keep));
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	e = begin(&r);
	if (e == 0)
		(void)!write(setup->began_fd, "", 1);
	close(setup->began_fd);
	if (e == 0)
		run(&r);
	end(&r);
	if (r.error[0])
		(void)snprintf(setup->tape->reason, sizeof(setup->tape->reason), "%s", r.error);
	atomic_store(&setup->tape->state, r.error[0] ? TAPE_FAILED : TAPE_DONE);
	_exit(r.error[0] ? 1 : 0);
}
