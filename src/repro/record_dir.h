/* SPDX-License-Identifier: MIT */
/**
 * @file record_dir.h
 * The directory that a recorded run leaves (`run --record DIR`, `record start DIR`), and that replay, sweep and shrink work on.
 *
 *   record.json      what it is of: format version, netlab's and the kernel's version, lab, seed, engine, start, command;
 *                    written first
 *   topology.json    the topology's text, as it was given
 *   packets.pcapng   every packet of every link, in order of arrival (pcapng.h)
 *   decisions        what was decided about them (decisions.h)
 *   identities       which packet each was: binary, for replay (identities.h)
 *   summary.json     written last, when the recording ended in order: packets, decisions, records that were lost, and why
 *                    it ended. Without it the recorder was killed
 *   statistics.json  as `netlab stats --json` has it, at the end
 *   output/NODE/SERVICE.log  what services wrote
 *
 * Nothing in it depends on where it is: it can be copied.
 */
#ifndef NETLAB_REPRO_RECORD_DIR_H
#define NETLAB_REPRO_RECORD_DIR_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netlab/err.h"
#include "repro/decisions.h"
#include "repro/identities.h"
#include "topo/model.h"

#define RECORD_ABOUT      "record.json"
#define RECORD_TOPOLOGY   "topology.json"
#define RECORD_PACKETS    "packets.pcapng"
#define RECORD_DECISIONS  "decisions"
#define RECORD_IDENTITIES "identities"
#define RECORD_SUMMARY    "summary.json"
#define RECORD_STATISTICS "statistics.json"
#define RECORD_OUTPUT     "output"

enum { RECORD_FORMAT = 1 };

/** What a recording is of. All borrowed. */
struct record_about {
	const char *lab;
	uint64_t seed;
	const char *engine; /**< as asked: "auto", "wire" */
	const char *source; /**< text of the topology */
	size_t source_len;
	/** what relative paths in it count from, ending in '/'; NULL = unknown, as is one that is not UTF-8 */
	const char *source_dir;
	const char *const
		*command; /**< argv that runs meanwhile; NULL = none, as is one that is not UTF-8 */
	const char *in_node; /**< where it runs; NULL = outside the nodes */
	bool from_start;     /**< the lab came up under the recording, not before */
};

/**
 * Makes the directory, which must not exist or be empty.
 * @param[out] ret_fd    of the directory, the caller's
 * @param[out] ret_made  whether it did not exist before; may be NULL
 * @return 0; -ENOTEMPTY, -EROFS, -EACCES, ...; nothing that was made is left then
 */
int record_dir_make(const char *path, int *ret_fd, bool *ret_made, struct netlab_err *err);
/** Writes record.json and topology.json into it. @return 0; -ENOSPC, ...; neither is left then */
int record_dir_describe(int fd, const struct record_about *about, struct netlab_err *err);
/**
 * Makes the directory, which must not exist or be empty, and writes record.json and topology.json.
 * @param[out] ret_fd    of the directory, the caller's
 * @param[out] ret_made  whether it did not exist before; may be NULL
 * @return 0; -ENOTEMPTY, -EROFS, -EACCES, -ENOSPC...; nothing that was made is left then
 */
int record_dir_create(const char *path, const struct record_about *about, int *ret_fd,
		      bool *ret_made, struct netlab_err *err);

/**
 * Nothing was recorded: removes what record_dir_create() made, and closes the directory.
 * @param[in] path  to remove it as well; NULL = it was there before
 */
void record_dir_discard(const char *path, int fd);

/** A recording that was opened. */
struct record_dir {
	char *path; /**< owned; as given, without a slash at its end */
	int fd;     /**< of the directory; -1 = not open */
	char *lab;  /**< owned */
	uint64_t seed;
	char *source; /**< text of the topology; owned */
	size_t source_len;
	char *source_dir; /**< owned; NULL = unknown */
	bool from_start;
	uint64_t n_packets, n_decisions, n_lost; /**< as the summary says */
	json_t *about, *summary;                 /**< owned */
};

/**
 * Opens a recording, read-only, and checks that it is whole: of this version, ended in order, topology as it was recorded.
 * @param[out] ret  free it with record_dir_deinit()
 * @return 0; -ENOENT, -ENOTDIR...; -EINVAL: no recording, or damaged; -EPROTONOSUPPORT: of another version; -ENODATA: its
 *         end is missing, the recorder was killed or the disk was full. Class INVALID, with the file in err->where
 */
int record_dir_open(const char *path, struct record_dir *ret, struct netlab_err *err);
void record_dir_deinit(struct record_dir *d);

/**
 * The command that ran meanwhile.
 * @param[out] ret  NULL-terminated; free the array, not the words, which are the recording's. NULL: it does not say
 * @return 0; -EINVAL: damaged (class INVALID); -ENOMEM
 */
int record_dir_command(const struct record_dir *d, const char ***ret, struct netlab_err *err);
/**
 * Parses its topology, with the name and the seed that it had.
 * @param[in] name  for the lab; NULL = as recorded
 */
int record_dir_topology(const struct record_dir *d, const char *name, struct topo_diags *diags,
			struct topo **ret, struct netlab_err *err);
/** Reads its decisions. @return 0; as decisions_parse(); -ENODATA when they are cut off */
int record_dir_decisions(const struct record_dir *d, struct decisions *ret, struct netlab_err *err);
/** Reads which packet each was. @return 0; as identities_read(); -ENODATA when they are not as many as packets. Class INVALID */
int record_dir_identities(const struct record_dir *d, struct identities *ret,
			  struct netlab_err *err);
/** Whether all decisions are of links of this topology. @return 0; -EINVAL: which is not */
int record_dir_match(const struct decisions *d, const struct topo *t, struct netlab_err *err);

#endif
