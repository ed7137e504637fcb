/* SPDX-License-Identifier: MIT */
/*
 * The kernel's netem as the oracle of src/impair: the same numbered frames through a netem of the same seed, set up as
 * netlab does it, and through a pipe. What is lost, doubled, corrupted or marked must be the same frame by frame, and each
 * arrives when, and in the order in which, the pipe says.
 *
 * Runs where sch_netem is and takes a seed (Linux 6.6): tools/vm. netlab-test: timeout=1200 timed long
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "impair/pipe.h"
#include "lab/shape.h"
#include "plan/plan.h"
#include "support/program.h"
#include "sys/rtnl.h"
#include "sys/tc.h"

enum {
	FRAMES = 2500,
	FRAME_BYTES = 200,
	HEADER_BYTES = 34, /* Ethernet and IPv4: netem marks what can carry a mark */
	TOS_AT = 15,
	CHECKSUM_AT = 24,
	ECT = 2,
	CE = 3,
	COPIES_MAX = 4,
	GAP_NS = 100000,
};

static const uint64_t ms = 1000000;
/* What the emulated processor of the VM may add to a delay. */
static const uint64_t late_ns = 80000000;

/* --- parameter sets --- */

#define LOSS_RANDOM .loss = { .model = IMPAIR_LOSS_RANDOM, .random = 0.1 }
#define LOSS_GEMODEL                            \
	.loss = { .model = IMPAIR_LOSS_GEMODEL, \
		  .p = 0.05,                    \
		  .r = 0.3,                     \
		  .one_minus_h = 0.7,           \
		  .one_minus_k = 0.01 }
#define LOSS_STATE                            \
	.loss = { .model = IMPAIR_LOSS_STATE, \
		  .p13 = 0.05,                \
		  .p31 = 0.3,                 \
		  .p32 = 0.2,                 \
		  .p23 = 0.5,                 \
		  .p14 = 0.01 }
#define LOSS_BURST .loss = { .model = IMPAIR_LOSS_BURST, .burst_rate = 0.05, .burst_length = 4 }

static const struct impairment losses[] = {
	{ LOSS_RANDOM }, { LOSS_GEMODEL }, { LOSS_STATE }, { LOSS_BURST }
};
static const char *const loss_names[] = { "random", "gemodel", "state", "burst" };

#define LOSS    IMPAIR_BIT(IMPAIR_LOSS)
#define DELAY   IMPAIR_BIT(IMPAIR_DELAY)
#define JITTER  (DELAY | IMPAIR_BIT(IMPAIR_JITTER))
#define DOUBLE  IMPAIR_BIT(IMPAIR_DUPLICATE)
#define CORRUPT IMPAIR_BIT(IMPAIR_CORRUPT)
/* longer than all takes to send: what overtakes has overtaken everything */
#define REORDER (DELAY | IMPAIR_BIT(IMPAIR_REORDER))
#define GAP     (REORDER | IMPAIR_BIT(IMPAIR_GAP))
#define RATE    (DELAY | IMPAIR_BIT(IMPAIR_RATE))
#define TABLE   (JITTER | IMPAIR_BIT(IMPAIR_DISTRIBUTION))
#define FREE    IMPAIR_BIT(IMPAIR_JITTER_REORDERS)
#define ECN     IMPAIR_BIT(IMPAIR_ECN)

/* Each with each loss model. */
static const struct mix {
	const char *name;
	uint32_t set;
	enum impair_distribution distribution;
} mixes[] = {
	{ "alone", LOSS, 0 },
	{ "duplicate", LOSS | DOUBLE, 0 },
	{ "corrupt", LOSS | CORRUPT, 0 },
	{ "jitter", LOSS | JITTER, 0 },
	{ "reorder", LOSS | REORDER, 0 },
	{ "reorder and gap", LOSS | GAP, 0 },
	{ "rate", LOSS | RATE, 0 },
	{ "ecn", LOSS | ECN, 0 },
	{ "ecn, duplicate", LOSS | ECN | DOUBLE, 0 },
	{ "all with a rate", LOSS | DOUBLE | CORRUPT | GAP | RATE, 0 },
	{ "all with jitter", LOSS | DOUBLE | CORRUPT | GAP | JITTER, 0 },
	{ "jitter that reorders", LOSS | DOUBLE | JITTER | FREE, IMPAIR_UNIFORM },
	{ "normal, reorders", LOSS | DOUBLE | TABLE | FREE, IMPAIR_NORMAL },
	{ "pareto, reorders", LOSS | CORRUPT | TABLE | FREE, IMPAIR_PARETO },
	{ "paretonormal, all", LOSS | DOUBLE | CORRUPT | GAP | TABLE | FREE, IMPAIR_PARETONORMAL },
};

static struct impairment impairment_of(size_t loss, const struct mix *mix)
{
	struct impairment m = losses[loss];

	m.set = mix->set | IMPAIR_BIT(IMPAIR_SEED);
	m.seed = 0x123456789abcdef0 + loss;
	m.delay_ns = mix->set & IMPAIR_BIT(IMPAIR_REORDER) ? 3000 * ms : 400 * ms;
	m.jitter_ns = 150 * ms;
	m.distribution = mix->distribution;
	m.jitter_reorders = true;
	m.rate_bps =
		40000000; /* half the time between two frames, and more than corrupted headers */
	m.duplicate = 0.07;
	m.corrupt = 0.06;
	m.reorder = 0.3;
	m.gap = 4;
	m.ecn = true;
	return m;
}

/* --- frames --- */

static void make_frame(uint8_t *f, uint32_t number)
{
	static const uint8_t header[HEADER_BYTES] = {
		/* locally administered addresses, IPv4, ECT(0), to a documentation address */
		2, 0, 0, 0, 0,  2,   2, 0, 0,   0, 0, 1, 8,   0, 0x45, ECT, 0, FRAME_BYTES - 14,
		0, 0, 0, 0, 64, 253, 0, 0, 192, 0, 2, 1, 192, 0, 2,    2
	};

	memcpy(f, header, sizeof(header));
	for (size_t i = HEADER_BYTES; i + 4 <= FRAME_BYTES; i += 4) {
		uint32_t n = htonl(number);

		memcpy(f + i, &n, 4);
	}
	memset(f + FRAME_BYTES - (FRAME_BYTES - HEADER_BYTES) % 4, 0x5a,
	       (FRAME_BYTES - HEADER_BYTES) % 4);
}

/** One flipped bit spoils one of the numbers at most: two of three that are alike are right. @return 0 = not one of ours */
static uint32_t read_number(const uint8_t *f)
{
	uint32_t n[3];

	for (size_t i = 0; i < 3; i++) {
		memcpy(&n[i], f + HEADER_BYTES + 4 * i, 4);
		n[i] = ntohl(n[i]);
	}
	return n[0] == n[1] || n[0] == n[2] ? n[0] : n[1] == n[2] ? n[1] : 0;
}

/** What arrived of a frame, or should have. */
struct outcome {
	unsigned n, corrupted, marked;
	uint64_t at_ns[COPIES_MAX];
};

struct outcomes {
	struct outcome frames[FRAMES + 1]; /* by number */
	uint32_t order[2 * FRAMES + 1];    /* numbers, as they came */
	size_t n;
};

static void note(struct outcomes *o, uint32_t number, uint64_t at_ns)
{
	struct outcome *f = &o->frames[number];

	if (f->n == COPIES_MAX || o->n == ARRAY_SIZE(o->order))
		fail_msg("frame %u came more than %d times", number, COPIES_MAX);
	f->at_ns[f->n++] = at_ns;
	o->order[o->n++] = number;
}

/* --- through a pipe --- */

struct packet {
	uint32_t number;
	bool corrupted, marked;
};

static void *clone_packet(void *ctx, void *packet)
{
	struct packet *copy = malloc(sizeof(*copy));

	(void)ctx;
	assert_non_null(copy);
	*copy = *(struct packet *)packet;
	return copy;
}

static void corrupt_packet(void *ctx, void *packet, uint32_t random)
{
	(void)ctx;
	(void)random;
	((struct packet *)packet)->corrupted = true;
}

static bool mark_packet(void *ctx, void *packet)
{
	(void)ctx;
	((struct packet *)packet)->marked = true;
	return true;
}

static void drop_packet(void *ctx, void *packet, enum pipe_cause cause)
{
	(void)ctx;
	assert_int_equal(cause, PIPE_LOSS);
	free(packet);
}

static void through_pipe(const struct impairment *m, const uint64_t *sent_ns, struct outcomes *ret)
{
	static const struct pipe_owner owner = { .clone = clone_packet,
						 .corrupt = corrupt_packet,
						 .mark = mark_packet,
						 .drop = drop_packet };
	struct impairment wide = *m;
	struct packet *p;
	struct pipe pipe;
	uint64_t next, left_ns;

	/* netem's queue counts what is in flight: here neither's is to overflow */
	wide.set |= IMPAIR_BIT(IMPAIR_QUEUE);
	wide.queue = 2 * FRAMES;
	assert_int_equal(
		pipe_init(&pipe, &(struct pipe_setup){ .asked = &wide, .mtu = 1500 }, &owner), 0);
	for (uint32_t i = 1; i <= FRAMES; i++) {
		p = calloc(1, sizeof(*p));
		assert_non_null(p);
		p->number = i;
		pipe_offer(&pipe, sent_ns[i], p, FRAME_BYTES);
	}
	while ((next = pipe_next(&pipe)) != PIPE_NEVER) {
		p = pipe_take(&pipe, next, &left_ns);
		if (!p)
			continue;
		ret->frames[p->number].corrupted += p->corrupted;
		ret->frames[p->number].marked += p->marked;
		note(ret, p->number, left_ns);
		free(p);
	}
	pipe_deinit(&pipe);
}

/* --- through the kernel --- */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t); /* the clock of the stamps of packets */
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int packet_socket(const char *ifname)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = (int)if_nametoindex(ifname) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), on = 1, bytes = 64 << 20;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void receive_one(int fd, bool ecn, struct outcomes *ret)
{
	uint8_t frame[FRAME_BYTES + 1], want[FRAME_BYTES], control[256];
	struct iovec iov = { frame, sizeof(frame) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &msg, 0);
	struct timespec stamp = { 0 };
	uint32_t number;

	assert_int_equal(n, FRAME_BYTES);
	number = read_number(frame);
	assert_in_range(number, 1, FRAMES);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS)
			memcpy(&stamp, CMSG_DATA(c), sizeof(stamp));
	}
	make_frame(want, number);
	if (ecn && frame[TOS_AT] == CE) {
		ret->frames[number].marked++;
		memcpy(want + TOS_AT, frame + TOS_AT, 1);
		memcpy(want + CHECKSUM_AT, frame + CHECKSUM_AT, 2);
	}
	ret->frames[number].corrupted += memcmp(frame, want, FRAME_BYTES) != 0;
	note(ret, number, (uint64_t)stamp.tv_sec * 1000000000 + (uint64_t)stamp.tv_nsec);
}

static bool receive_until(int fd, uint64_t end_ns, size_t n, bool ecn, struct outcomes *ret)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (ret->n < n && now_ns() < end_ns) {
		if (poll(&p, 1, 100) > 0)
			receive_one(fd, ecn, ret);
	}
	return ret->n == n;
}

/** Sends all and stamps each. What has come meanwhile is read on the way. */
static void through_kernel(const struct impairment *m, uint64_t *ret_sent_ns, size_t *ret_stalls,
			   int in, int out, struct outcomes *ret)
{
	bool ecn = impair_asks(m, IMPAIR_ECN);
	uint8_t frame[FRAME_BYTES];

	*ret_stalls = 0;
	for (uint32_t i = 1; i <= FRAMES; i++) {
		struct pollfd p = { .fd = out, .events = POLLIN };
		uint64_t until = i > 1 ? ret_sent_ns[i - 1] + GAP_NS : 0;

		do {
			while (poll(&p, 1, 0) > 0)
				receive_one(out, ecn, ret);
		} while (now_ns() < until);
		make_frame(frame, i);
		ret_sent_ns[i] = now_ns();
		assert_int_equal(send(in, frame, sizeof(frame), 0), sizeof(frame));
		/* the processor was away in between: netem's time of this frame is not known well */
		*ret_stalls += now_ns() - ret_sent_ns[i] > late_ns / 2;
	}
}

static int seed_one(void *ctx, const struct rt_qdisc *q)
{
	struct rt_batch batch = { .fd = rt_open() };
	const struct impairment *m = ctx;
	struct rt_netem_amendment a = { .set_seed = true, .seed = m->seed };
	struct netlab_err err = { 0 };

	if (strcmp(q->kind, "netem") != 0)
		return 0;
	assert_true(batch.fd >= 0);
	if (rt_amend_netem(&batch, q, &a, &err) < 0 || rt_flush(&batch, &err) < 0)
		fail_msg("seed: %s", err.message);
	close(batch.fd);
	rt_batch_deinit(&batch);
	return 0;
}

static int compare_one(void *ctx, const struct rt_qdisc *q)
{
	const char *difference;

	if (strcmp(q->kind, "netem") != 0)
		return 0;
	difference = shape_difference(ctx, &q->netem);
	if (difference)
		fail_msg("the kernel holds another '%s'", difference);
	return 0;
}

static void set_netem(const struct impairment *m)
{
	struct impairment wide = *m;
	struct plan_qdisc q;
	struct netlab_err err = { 0 };
	struct buf b = { 0 };
	unsigned line;
	int fd = rt_open();

	wide.set |= IMPAIR_BIT(IMPAIR_QUEUE);
	wide.queue = 4 * FRAMES;
	assert_int_equal(plan_qdisc_build(&wide, 1500, &q, &err), 0);
	/* away with the last one: a change would keep some of it */
	buf_puts(&b, "qdisc replace dev oracle0 root pfifo\nqdisc replace dev oracle0 root ");
	plan_qdisc_print(&b, &q);
	buf_puts(&b, "\n");
	if (tc_batch(buf_text(&b), strlen(buf_text(&b)), &line, &err) < 0)
		fail_msg("%s: %s", buf_text(&b), err.message);
	buf_deinit(&b);
	assert_true(fd >= 0);
	assert_int_equal(rt_each_qdisc(fd, seed_one, &wide), 0);
	assert_int_equal(rt_each_qdisc(fd, compare_one, &q), 0);
	close(fd);
}

/* --- comparison --- */

static bool is_late(uint64_t got_ns, uint64_t want_ns)
{
	return got_ns + ms / 10 < want_ns || got_ns > want_ns + late_ns;
}

static void sort_times(struct outcome *o)
{
	for (unsigned i = 1; i < o->n; i++) {
		for (unsigned j = i; j > 0 && o->at_ns[j] < o->at_ns[j - 1]; j--) {
			uint64_t t = o->at_ns[j];

			o->at_ns[j] = o->at_ns[j - 1];
			o->at_ns[j - 1] = t;
		}
	}
}

struct totals {
	unsigned lost, doubled, corrupted, marked, late;
};

/** @return how many frames are not as they should be; some of them are named */
static unsigned compare(const char *name, struct outcomes *kernel, struct outcomes *pipe,
			struct totals *ret)
{
	unsigned wrong = 0;

	*ret = (struct totals){ 0 };
	for (uint32_t i = 1; i <= FRAMES; i++) {
		struct outcome *k = &kernel->frames[i], *p = &pipe->frames[i];

		ret->lost += p->n == 0;
		ret->doubled += p->n > 1;
		ret->corrupted += p->corrupted;
		ret->marked += p->marked;
		/* netem's copies share their bytes: a mark on one is on both */
		if (p->marked)
			p->marked = p->n;
		if (k->n != p->n || k->corrupted != p->corrupted || k->marked != p->marked) {
			if (wrong++ < 5)
				print_error("%s: frame %u came %u times (%u corrupted, %u marked), "
					    "not %u (%u, %u)\n",
					    name, i, k->n, k->corrupted, k->marked, p->n,
					    p->corrupted, p->marked);
			continue;
		}
		sort_times(k);
		sort_times(p);
		for (unsigned j = 0; j < k->n; j++) {
			if (is_late(k->at_ns[j], p->at_ns[j]) && ret->late++ < 3)
				print_error("%s: frame %u came %.3f ms after its time\n", name, i,
					    (double)(int64_t)(k->at_ns[j] - p->at_ns[j]) / 1e6);
		}
	}
	return wrong;
}

static unsigned misplaced(const struct outcomes *kernel, const struct outcomes *pipe)
{
	unsigned n = 0;

	for (size_t i = 0; i < kernel->n && i < pipe->n; i++)
		n += kernel->order[i] != pipe->order[i];
	return n;
}

static void compare_set(size_t loss, const struct mix *mix, int in, int out)
{
	static struct outcomes kernel, pipe;
	static uint64_t sent_ns[FRAMES + 1];
	struct impairment m = impairment_of(loss, mix);
	struct totals t;
	unsigned wrong, disorder;
	char name[128];
	size_t stalls;

	snprintf(name, sizeof(name), "%s, %s", loss_names[loss], mix->name);
	memset(&kernel, 0, sizeof(kernel));
	memset(&pipe, 0, sizeof(pipe));
	set_netem(&m);
	through_kernel(&m, sent_ns, &stalls, in, out, &kernel);
	through_pipe(&m, sent_ns, &pipe);
	if (impair_asks(&m, IMPAIR_REORDER) && sent_ns[FRAMES] - sent_ns[1] > m.delay_ns)
		fail_msg("%s: sending took longer than the delay: this host is too slow", name);
	receive_until(out, now_ns() + 15000 * ms, pipe.n, impair_asks(&m, IMPAIR_ECN), &kernel);
	/* one too many would come now */
	receive_until(out, now_ns() + 200 * ms, SIZE_MAX, impair_asks(&m, IMPAIR_ECN), &kernel);
	wrong = compare(name, &kernel, &pipe, &t);
	/* Where jitter reorders, frames whose times are close may change places by what sending takes. */
	disorder = impair_asks(&m, IMPAIR_JITTER_REORDERS) ? 0 : misplaced(&kernel, &pipe);
	print_message("%-30s %4u lost %4u doubled %4u corrupted %4u marked; %u wrong, %u out of "
		      "place, %u late, %zu stalls\n",
		      name, t.lost, t.doubled, t.corrupted, t.marked, wrong, disorder, t.late,
		      stalls);
	assert_int_equal(wrong, 0);
	assert_int_equal(disorder, 0);
	/* an emulated processor that was away is late with what was due then, and no more */
	assert_true(t.late <= FRAMES / 50 + stalls);
	assert_true(t.lost > 0 || t.marked > 0);
}

static int in = -1, out = -1;

/** Another seed, or a loss that is a little more, is seen. */
static void test_can_fail(void **state)
{
	static struct outcomes kernel, pipe;
	static uint64_t sent_ns[FRAMES + 1];
	struct impairment m = impairment_of(0, &mixes[0]), other = m;
	struct totals t;
	size_t stalls;

	(void)state;
	set_netem(&m);
	memset(&kernel, 0, sizeof(kernel));
	through_kernel(&m, sent_ns, &stalls, in, out, &kernel);
	receive_until(out, now_ns() + 500 * ms, SIZE_MAX, false, &kernel);
	memset(&pipe, 0, sizeof(pipe));
	other.seed++;
	through_pipe(&other, sent_ns, &pipe);
	assert_true(compare("(meant) another seed", &kernel, &pipe, &t) > 100);
	memset(&pipe, 0, sizeof(pipe));
	other = m;
	other.loss.random += 0.005;
	through_pipe(&other, sent_ns, &pipe);
	assert_in_range(compare("(meant) more loss", &kernel, &pipe, &t), 1, 100);
	memset(&pipe, 0, sizeof(pipe));
	through_pipe(&m, sent_ns, &pipe);
	assert_int_equal(compare("the same", &kernel, &pipe, &t), 0);
}

static void test_mix(void **state)
{
	for (size_t loss = 0; loss < ARRAY_SIZE(losses); loss++)
		compare_set(loss, *state, in, out);
}

/* --- the place --- */

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static int make_place(void **state)
{
	struct program_run r;

	(void)state;
	/* the kernel sends nothing of its own without IPv6 */
	write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	assert_int_equal(
		RUN(&r, "ip", "link", "add", "oracle0", "type", "veth", "peer", "name", "oracle1"),
		0);
	assert_int_equal(RUN(&r, "ip", "link", "set", "oracle0", "up"), 0);
	assert_int_equal(RUN(&r, "ip", "link", "set", "oracle1", "up"), 0);
	in = packet_socket("oracle0");
	out = packet_socket("oracle1");
	return 0;
}

static int leave_place(void **state)
{
	(void)state;
	close(in);
	close(out);
	return 0;
}

static bool have_netem(void)
{
	struct program_run r;

	return RUN(&r, "tc", "qdisc", "add", "dev", "lo", "root", "netem") == 0 &&
	       RUN(&r, "tc", "qdisc", "del", "dev", "lo", "root") == 0;
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(mixes) + 1] = { cmocka_unit_test(test_can_fail) };

	if (unshare(CLONE_NEWNET) < 0) {
		printf("skipped: no network namespace: %s\n", strerror(errno));
		return 77;
	}
	if (!have_netem()) {
		printf("skipped: this kernel has no sch_netem\n");
		return 77;
	}
	for (size_t i = 0; i < ARRAY_SIZE(mixes); i++)
		tests[i + 1] = (struct CMUnitTest){ .name = mixes[i].name,
						    .test_func = test_mix,
						    .initial_state = (void *)&mixes[i] };
	return cmocka_run_group_tests(tests, make_place, leave_place);
}
