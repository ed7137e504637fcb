/* SPDX-License-Identifier: MIT */
/**
 * @file impairment.h
 * What one direction of a link does to packets, as asked (impairment.md, "The model"). A plain value: the parser fills
 * it, the planner turns it into qdiscs, `link set` merges one into another, and the wire engine will run it.
 * A key that was not given has its bit clear in `set`: "unset" differs from "zero".
 */
#ifndef NETLAB_TOPO_IMPAIRMENT_H
#define NETLAB_TOPO_IMPAIRMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "netlab/err.h"

enum impair_key {
	IMPAIR_DELAY,
	IMPAIR_JITTER,
	IMPAIR_DISTRIBUTION,
	IMPAIR_JITTER_REORDERS,
	IMPAIR_RATE,
	IMPAIR_QUEUE,
	IMPAIR_ECN,
	IMPAIR_LOSS,
	IMPAIR_DUPLICATE,
	IMPAIR_CORRUPT,
	IMPAIR_REORDER,
	IMPAIR_GAP,
	IMPAIR_OVERHEAD,
	IMPAIR_CELL,
	IMPAIR_CELL_OVERHEAD,
	IMPAIR_SLOT,
	IMPAIR_SEED,
	IMPAIR_DOWN,
	IMPAIR_AQM,
	IMPAIR_KEY_COUNT
};

#define IMPAIR_BIT(key) (1u << (key))

enum impair_distribution { IMPAIR_UNIFORM, IMPAIR_NORMAL, IMPAIR_PARETO, IMPAIR_PARETONORMAL };

enum impair_queue_unit { IMPAIR_QUEUE_PACKETS, IMPAIR_QUEUE_BYTES, IMPAIR_QUEUE_TIME };

enum impair_aqm { IMPAIR_DROPTAIL, IMPAIR_CODEL };

enum impair_loss_model {
	IMPAIR_LOSS_RANDOM,
	IMPAIR_LOSS_BURST,
	IMPAIR_LOSS_GEMODEL,
	IMPAIR_LOSS_STATE
};

/** Loss: the members of the chosen model count. All are probabilities 0..1, but burst_length. */
struct impair_loss {
	enum impair_loss_model model;
	double random;
	/** mean loss rate; mean length of a burst in packets, >= 1 */
	double burst_rate, burst_length;
	double p, r, one_minus_h, one_minus_k; /**< Gilbert-Elliott as tc-netem(8) writes it */
	double p13, p31, p32, p23, p14;        /**< 4-state Markov, in tc's command line order */
};

/** netem's slot: bursts of packets released together. */
struct impair_slot {
	uint64_t min_ns, max_ns; /**< uniform between the two; used when dist_delay_ns is 0 */
	enum impair_distribution distribution; /**< for dist_delay_ns, dist_jitter_ns */
	uint64_t dist_delay_ns, dist_jitter_ns;
	uint32_t packets, bytes; /**< budget of a slot; 0 = no limit */
};

struct impairment {
	uint32_t set; /**< IMPAIR_BIT()s of the keys that were given */
	uint64_t delay_ns;
	uint64_t jitter_ns;
	enum impair_distribution distribution;
	bool jitter_reorders;
	uint64_t rate_bps; /**< > 0 when set, unless a trace is */
	/** rate: {"trace": FILE}: its path, resolved against the topology's directory; NULL = rate_bps counts.
	 *  Borrowed: lives as long as the topology, or as the arena given to impairment_parse_setting(). */
	const char *rate_trace;
	bool rate_trace_loop;
	enum impair_queue_unit queue_unit;
	uint64_t queue; /**< packets, bytes or ns, by queue_unit */
	enum impair_aqm aqm;
	bool ecn;
	struct impair_loss loss;
	double duplicate, corrupt, reorder; /**< 0..1 */
	uint32_t gap;
	int32_t overhead;
	uint32_t cell;
	int32_t cell_overhead;
	struct impair_slot slot;
	uint64_t seed;
	bool down;
	int preset; /**< while a file is parsed only: topo/presets.h */
};

static inline bool impair_asks(const struct impairment *m, enum impair_key key)
{
	return m->set & IMPAIR_BIT(key);
}
/** A probability on netem's scale, where UINT32_MAX is 100 %, rounded as tc does it (iproute2 lib/utils.c, tc/q_netem.c). */
uint32_t impair_share_to_u32(double share);
/** @return whether anything but `down`, `seed` and zero values is asked: the link needs shaping, not a plain patch */
bool impairment_is_shaping(const struct impairment *m);
/** Copies the keys that `from` sets over those of `into`; the others keep their values. */
void impairment_merge(struct impairment *into, const struct impairment *from);
/** The Gilbert-Elliott parameters that a burst model stands for: r = 1/length, p = r*P/(1-P), 1-h = 1, 1-k = 0
 *  (research/netem.md 1.4). Other models are returned as they are. */
struct impair_loss impair_loss_solve(const struct impair_loss *loss);
/** Name of a key as it is written in the file ("delay", "cell_overhead"). */
const char *impair_key_name(enum impair_key key);
const char *impair_aqm_name(enum impair_aqm aqm);
const char *impair_distribution_name(enum impair_distribution d);

/**
 * Parses one `key=value` of `link set`, e.g. "delay=20ms", "loss=1%", "loss=burst:0.5%,4",
 * "loss=gemodel:1%,10%,70%,0.1%", "loss=state:p13,p31,p32,p23,p14", "down=true", "slot=20ms,30ms", "queue=50packets",
 * "rate=trace:FILE", "rate=trace:FILE,once", "preset=lte".
 * @param[in] dir    0 = "->", 1 = "<-": a preset has values for each
 * @param[in] texts  keeps the name of a trace; NULL = a trace is refused
 * @return 0; -EINVAL with the message and hint in *err; -ENOMEM
 */
int impairment_parse_setting(const char *setting, unsigned dir, struct impairment *into,
			     struct arena *texts, struct netlab_err *err);
/** Checks what only the whole can show, and no engine could do (gap without reorder, ecn with nothing that would drop,
 *  loss rates above 100 %...). @return 0; -EINVAL with *err */
int impairment_check(const struct impairment *m, struct netlab_err *err);
/**
 * What the kernel's netem cannot do of it, whatever the kernel: a key and the reason, "'aqm' \"codel\": netem's queue
 * only drops at its end". A static text. @return NULL when it can do it all
 */
const char *impairment_beyond_netem(const struct impairment *m);

/**
 * The JSON text of an impairment: only the keys that are set, units in the key (cli.md): {"delay_ns":20000000,
 * "jitter_ns":.., "distribution":"normal", "jitter_reorders":true, "rate_bps":..|"rate_trace":{"trace":FILE,"loop":true}, "queue_packets"|"queue_bytes"|"queue_ns":..,
 * "ecn":true, "loss":{"random":0.01}|{"burst":{"rate","length"}}|{"gemodel":{"p","r","1-h","1-k"}}|{"state":{..}},
 * "duplicate":..,"corrupt":..,"reorder":..,"gap":..,"overhead_bytes":..,"cell_bytes":..,"cell_overhead_bytes":..,
 * "slot":{..},"seed":..,"down":true,"aqm":"codel"}
 */
void impairment_format_json(struct buf *b, const struct impairment *m);
/** One line for people: "delay 20ms jitter 1ms rate 10mbit loss 1%"; "" when nothing is set. */
void impairment_format_text(struct buf *b, const struct impairment *m);

#endif
