/* SPDX-License-Identifier: MIT */
/**
 * @file decisions.h
 * What was decided about packets in a run, as a text file of one line a decision: the file `decisions` of a record
 * (record_dir.h), what `replay` carries out and what `shrink` takes away from.
 *
 * Format. The first line is "netlab-decisions 1". Then, one a line, six words with one blank between them:
 *
 *   LINK DIRECTION INDEX IDENTITY VERDICT CAUSE
 *   bottleneck -> 17 tcp,from=10.0.0.1:*,to=10.0.0.2:80,flow=1,flags=S,seq=0,len=0,nth=1 drop loss
 *
 * LINK is the topology's name of it; DIRECTION "->" from its first end to its second, or "<-"; INDEX the packet's place among
 * all of that direction in the recorded run, from 1 (for people, and to find it in packets.pcapng; replay goes by
 * IDENTITY: impair/identity.h). VERDICT is what happened, joined by commas, in this order:
 *
 *   drop            the packet is lost; nothing else then, but a copy that was made goes on
 *   mark            Congestion Experienced was set
 *   corrupt=N       one bit was flipped: the number that frame_corrupt() was given (without GSO the bit is N modulo bits)
 *   corrupt-bit=N   bit N was flipped, counted as on the wire: 0 is the first byte's most significant
 *   corrupt-byte=N  byte N was inverted, from 0
 *   ahead           it went before all others, past queue and delay
 *   delay=+NNNns    it was so much later (or, "-", earlier) than the link's own delay has it
 *   hold=N          it was held until N of its direction had passed
 *   dup             a copy went on as well; what happened to the copy: copy-corrupt=N, copy-ahead, copy-delay=+NNNns
 *
 * CAUSE is who decided. Lines starting with "#" and empty lines are passed over. The last line is "end N", N being the number
 * of decisions: a file without it was cut off. Packets without a line passed untouched.
 */
#ifndef NETLAB_REPRO_DECISIONS_H
#define NETLAB_REPRO_DECISIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "impair/identity.h"
#include "netlab/err.h"

#define DECISIONS_HEAD "netlab-decisions 1"

enum {
	DECISIONS_MAX = 4 * 1000 * 1000,
	DECISIONS_LINE_MAX = 1024,
};

/** Of a delay, either way: the link's own, and the time of day, can be added to it. */
#define VERDICT_DELAY_MAX_NS INT64_C(1000000000000000000)

enum decision_cause {
	DECISION_LOSS,   /**< "loss": the loss model lost (or marked) it */
	DECISION_QUEUE,  /**< "queue": it was full */
	DECISION_CODEL,  /**< "codel": CoDel dropped or marked it as it left the queue */
	DECISION_DOWN,   /**< "down": the direction was cut */
	DECISION_HOST,   /**< "host": this machine could not pass it on */
	DECISION_FAULT,  /**< "fault": a rule of the topology's `faults` */
	DECISION_DICE,   /**< "dice": duplicate, corrupt, reorder or jitter */
	DECISION_REPLAY, /**< "replay": given, in a replay that is recorded itself */
	DECISION_CAUSES
};

enum {
	VERDICT_DROP = 1 << 0,
	VERDICT_MARK = 1 << 1,
	VERDICT_CORRUPT = 1 << 2,
	VERDICT_AHEAD = 1 << 3,
	VERDICT_DELAY = 1 << 4,
	VERDICT_HOLD = 1 << 5,
	VERDICT_DUPLICATE = 1 << 6,
	VERDICT_COPY_CORRUPT = 1 << 7,
	VERDICT_COPY_AHEAD = 1 << 8,
	VERDICT_COPY_DELAY = 1 << 9,
	VERDICT_CORRUPT_BIT = 1 << 10,
	VERDICT_CORRUPT_BYTE = 1 << 11,
};

/** What happened to a packet. What its `actions` do not name is 0. */
struct verdict {
	unsigned actions;      /**< VERDICT_*; never none */
	uint32_t corrupt;      /**< CORRUPT */
	uint32_t corrupt_at;   /**< CORRUPT_BIT or CORRUPT_BYTE, of which there is one at most */
	uint32_t copy_corrupt; /**< COPY_CORRUPT */
	uint32_t hold;         /**< HOLD; at least 1 */
	int64_t delay_ns;      /**< DELAY: added to the link's own delay; not 0 */
	int64_t copy_delay_ns; /**< COPY_DELAY; not 0 */
};

struct decision {
	const char *
		link; /**< its name; owned by struct decisions, the same pointer for the same link */
	unsigned dir;   /**< 0 "->", 1 "<-" */
	uint64_t index; /**< from 1 */
	struct identity id;
	struct verdict verdict;
	enum decision_cause cause;
};

/** A file of decisions, in its order. Zero-initialise. */
struct decisions {
	struct decision *items; /**< owned; may be reordered and shortened at will */
	size_t n, size;
	bool is_complete; /**< the last line was there */
	struct arena names;
};

/**
 * Reads the text of a file. A text that was cut off is read as far as it has whole lines; is_complete tells.
 * @param[in]  file  its name, for err->where, which is FILE:LINE
 * @param[out] ret   free it with decisions_deinit(); empty on failure
 * @return 0; -EINVAL (what is wrong, and in which line); -EPROTONOSUPPORT: of another version; -EFBIG; -ENOMEM
 */
int decisions_parse(const char *text, size_t len, const char *file, struct decisions *ret,
		    struct netlab_err *err);
/** Frees it. Idempotent. */
void decisions_deinit(struct decisions *d);

/** Writes the first line. */
void decisions_format_head(struct buf *b);
/** Writes a decision's line. */
void decision_format(struct buf *b, const struct decision *d);
/** Writes the last line. */
void decisions_format_end(struct buf *b, size_t n);
/** Writes a whole file: head, `n` decisions, end. */
void decisions_format(struct buf *b, const struct decision *items, size_t n);

/** Writes what happened: "drop", "delay=+5000000ns,dup"... */
void verdict_format(struct buf *b, const struct verdict *v);
/** Reads exactly what verdict_format() writes. @param[out] ret_why  static. @return 0; -EINVAL */
int verdict_parse(const char *text, struct verdict *ret, const char **ret_why);
/** Says it in words that follow a packet's: "is lost", "comes 5ms late and is marked (Congestion Experienced)"... */
void verdict_describe(struct buf *b, const struct verdict *v);
const char *decision_cause_name(enum decision_cause cause);

#endif
