/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the files of a recording, and all that replay and shrink make of them. A line "%%X" begins a file: a record.json,
 * t topology.json, s summary.json, d decisions, i identities, p packets.pcapng. What would not be found by chance, or grow old
 * in the corpus, is put in: without %%a and %%s they are those that the rest asks for (the topology's digest, the number of
 * packets), and identities get the head of today, unless they are given as I.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "repro/atoms.h"
#include "repro/identities.h"
#include "repro/replay.h"
#include "repro/without_dice.h"
#include "support/record_place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum {
	MARK_BYTES = 4, /* "%%X\n" */
	TRIED_MAX = 8,  /* for each an expression is compiled, which takes its time */
};

static struct record_place place;

static void clean(void)
{
	record_place_remove(&place);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	record_place_make(&place);
	(void)atexit(clean);
	return 0;
}

/* --- the files --- */

static const char *file_of(uint8_t letter)
{
	static const struct {
		char letter;
		const char *file;
	} files[] = {
		{ 'a', RECORD_ABOUT },      { 't', RECORD_TOPOLOGY },   { 's', RECORD_SUMMARY },
		{ 'd', RECORD_DECISIONS },  { 'i', RECORD_IDENTITIES }, { 'p', RECORD_PACKETS },
		{ 'I', RECORD_IDENTITIES },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (files[i].letter == letter)
			return files[i].file;
	}
	return NULL;
}

static bool is_mark(const uint8_t *at, size_t left)
{
	return left >= MARK_BYTES && at[0] == '%' && at[1] == '%' && file_of(at[2]) &&
	       at[3] == '\n';
}

/** Where the file ends that begins here: at the next mark, which begins a line. */
static size_t file_len(const uint8_t *at, size_t left)
{
	for (size_t i = 0; i < left; i++) {
		if (at[i] == '\n' && is_mark(at + i + 1, left - i - 1))
			return i;
	}
	return left;
}

static void put_identities(const uint8_t *entries, size_t len)
{
	const struct identities_head head = identities_head();
	uint8_t *file = malloc(sizeof(head) + len);

	if (!file)
		abort();
	memcpy(file, &head, sizeof(head));
	memcpy(file + sizeof(head), entries, len);
	record_place_put(&place, RECORD_IDENTITIES, file, sizeof(head) + len);
	free(file);
}

static void put_files(const uint8_t *data, size_t size)
{
	struct record_about about = { .lab = "fuzz", .engine = "auto", .source = "" };
	bool has_about = false, has_summary = false;
	char summary[64];
	size_t packets = 0;

	record_place_clear(&place);
	while (is_mark(data, size)) {
		const uint8_t *file = data + MARK_BYTES;
		size_t len = file_len(file, size - MARK_BYTES);

		if (data[2] == 't') {
			about.source = (const char *)file;
			about.source_len = len;
		}
		has_about |= data[2] == 'a';
		has_summary |= data[2] == 's';
		if (data[2] == 'i') {
			packets = len / sizeof(struct identity_entry);
			put_identities(file, len);
		} else {
			record_place_put(&place, file_of(data[2]), file, len);
		}
		data += MARK_BYTES + len;
		size -= MARK_BYTES + len;
		if (size > 0) { /* the end of the line before the mark */
			data++;
			size--;
		}
	}
	(void)snprintf(summary, sizeof(summary), "{\"complete\": true, \"packets\": %zu}", packets);
	if (!has_summary)
		record_place_put(&place, RECORD_SUMMARY, summary, strlen(summary));
	if (!has_about && record_dir_describe(place.fd, &about, NULL) < 0)
		abort();
}

/* --- what is made of them --- */

/** @return r == 0 */
static bool done(int r, const struct netlab_err *err)
{
	if (r == 0)
		return true;
	assert(r < 0 && r != -ENOMEM && err->code == r && err->message[0]);
	return false;
}

/** Each rule is one that a topology file may have. */
static void check_rules(const struct buf *b, const struct topo *t)
{
	json_t *rules = json_loadb(b->data, b->len, 0, NULL), *rule;
	size_t i;

	assert(rules);
	json_array_foreach(rules, i, rule)
	{
		char *text = json_dumps(rule, 0);
		struct netlab_err err = { 0 };
		struct arena texts = { 0 };
		struct topo_fault fault;

		assert(text && topo_read_fault(t, text, &texts, &fault, &err) == 0);
		arena_deinit(&texts);
		free(text);
	}
	json_decref(rules);
}

static void check_shrink(const struct record_dir *d, struct decisions *decisions,
			 const struct topo *t)
{
	struct buf rules = { 0 }, words = { 0 };
	struct frames frames = { 0 };
	struct netlab_err err = { 0 };
	struct plan *plan = NULL;
	size_t all[TRIED_MAX * 8];
	json_t *base = without_dice(d->source, d->source_len, t, d->source_dir);

	assert(base);
	json_decref(base);
	if (decisions->n > TRIED_MAX || !done(frames_read(d, &frames, &err), &err))
		return;
	for (int with_data = 0; with_data < 2; with_data++) {
		struct atoms atoms = { 0 };

		if (!done(atoms_make(decisions, &frames, t, with_data, &atoms, &err), &err))
			break;
		assert(atoms.n <= sizeof(all) / sizeof(all[0]));
		for (size_t i = 0; i < atoms.n; i++)
			all[i] = i;
		atoms_print(&rules, &atoms, all, atoms.n, t);
		assert(buf_text(&rules));
		check_rules(&rules, t);
		if (with_data && plan_build(t, NULL, &plan, &err) == 0)
			atoms_describe(&words, &atoms, all, atoms.n, t, plan, &frames);
		atoms_deinit(&atoms);
		buf_deinit(&rules);
	}
	plan_free(plan);
	buf_deinit(&words);
	frames_deinit(&frames);
}

static void check_replay(const struct record_dir *d, const struct decisions *decisions,
			 const struct topo *t)
{
	struct identities ids = { 0 };
	struct netlab_err err = { 0 };
	struct replay *replay = NULL;
	struct buf words = { 0 };

	if (!done(record_dir_identities(d, &ids, &err), &err))
		return;
	for (size_t i = 0; i < ids.n; i++) {
		identity_format(&words, &ids.items[i].id);
		identity_describe(&words, &ids.items[i].id);
	}
	if (done(replay_new(decisions, &ids, t, &replay, &err), &err)) {
		json_t *report = replay_report(replay);

		assert(report && replay_met(replay) == 0);
		json_decref(report);
		replay_print(&words, replay);
		replay_free(replay);
	}
	buf_deinit(&words);
	identities_deinit(&ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct topo_diags diags = { 0 };
	struct decisions decisions = { 0 };
	struct netlab_err err = { 0 };
	const char **command;
	struct topo *t = NULL;
	struct record_dir d;

	put_files(data, size);
	if (!done(record_dir_open(place.path, &d, &err), &err)) {
		assert(err.exit == NETLAB_EXIT_INVALID && strstr(err.where, place.path));
		return 0;
	}
	assert(d.lab && d.source);
	if (done(record_dir_command(&d, &command, &err), &err))
		free(command);
	if (done(record_dir_topology(&d, NULL, &diags, &t, &err), &err) &&
	    done(record_dir_decisions(&d, &decisions, &err), &err) &&
	    done(record_dir_match(&decisions, t, &err), &err)) {
		check_replay(&d, &decisions, t);
		check_shrink(&d, &decisions, t);
	}
	decisions_deinit(&decisions);
	topo_free(t);
	topo_diags_deinit(&diags);
	record_dir_deinit(&d);
	return 0;
}
