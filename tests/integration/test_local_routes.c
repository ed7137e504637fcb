/* SPDX-License-Identifier: MIT */
/*
 * Waiting for the local route of an IPv6 address, as `up` does: who hears of routes and asks again each time that there is
 * something to hear must not wait for what is there already. The kernel tells of a route a moment before a lookup finds it,
 * and who asks in that moment hears nothing more.
 *
 * Two processes: one adds the route, in the place of the kernel's worker that does when an address was added; one hears of it
 * and asks. The moment is as long as it takes to tell everybody who hears of routes; so there are many of them, and the one
 * who asks is told first, for it is the last who began to listen (netlink_update_subscriptions() puts it in front).
 *
 * netlab-test: serial
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/ip.h"
#include "plan/plan.h"
#include "sys/clock.h"
#include "sys/proc.h"
#include "sys/rtnl.h"

enum {
	LISTENERS = 300,
	ROUNDS = 100, /* what a listener is told in them fits its receive buffer */
	WAIT_SECONDS = 3,
	PATIENCE_S = 20,
};

enum turn { NOBODYS, ADDERS, ADDED, FAILED };

struct bed {
	_Atomic(enum turn) *turn; /* shared with the adder */
	struct ip_addr addr;
	struct rt_batch batch;
	pid_t adder;
};

static int change_route(struct rt_batch *b, int type, const struct ip_addr *a)
{
	const struct rtmsg header = {
		.rtm_family = AF_INET6,
		.rtm_dst_len = 128,
		.rtm_table = RT_TABLE_LOCAL,
		.rtm_type = RTN_LOCAL,
		.rtm_protocol = RTPROT_KERNEL,
	};
	const int flags = type == RTM_NEWROUTE ? NLM_F_CREATE | NLM_F_EXCL : 0;
	struct nl_msg *msg = rt_message(type, flags, &header, sizeof(header));

	if (msg && (nla_put(msg, RTA_DST, sizeof(a->bytes), a->bytes) < 0 ||
		    nla_put_u32(msg, RTA_OIF, PLAN_LO_IFINDEX) < 0))
		return -ENOMEM;
	return rt_add(b, "rtnl newroute", msg, NULL) < 0 ? -ENOMEM : rt_flush(b, NULL);
}

/** Each its own processor, where there are two: a waker takes the woken to its own. */
static void stay_on(bool first)
{
	cpu_set_t all, one;
	int cpu = first ? 0 : CPU_SETSIZE - 1;

	if (sched_getaffinity(0, sizeof(all), &all) < 0)
		return;
	while (cpu >= 0 && cpu < CPU_SETSIZE && !CPU_ISSET(cpu, &all))
		cpu += first ? 1 : -1;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	(void)sched_setaffinity(0, sizeof(one), &one);
}

/** The other process. */
static void add_when_told(const struct bed *bed)
{
	struct rt_batch b = { .fd = rt_open() };

	(void)sys_die_with_parent(true);
	stay_on(false);
	for (;;) {
		while (atomic_load(bed->turn) != ADDERS)
			(void)sched_yield(); /* there may be one processor */
		atomic_store(bed->turn,
			     change_route(&b, RTM_NEWROUTE, &bed->addr) == 0 ? ADDED : FAILED);
	}
}

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

typedef int ask_fn(int fd, const struct ip_addr *a);

static int ask_for_dump(int fd, const struct ip_addr *a)
{
	bool heard;

	return rt_has_local_route(fd, a, &heard);
}

/** @return what is found in the moment when the route has been told of */
static int one_round(struct bed *bed, ask_fn *ask)
{
	const uint64_t patient_until = sys_monotonic_ns() + PATIENCE_S * 1000000000ull;
	int fd = bed->batch.fd, found;

	assert_int_equal(rt_hear_routes(fd, true), 0);
	atomic_store(bed->turn, ADDERS);
	for (unsigned i = 1; !is_readable(fd); i++) {
		if (i % 64 == 0) /* there may be one processor */
			(void)sched_yield();
		assert_true(i % 64 || sys_monotonic_ns() < patient_until);
		assert_int_not_equal(atomic_load(bed->turn), FAILED);
	}
	found = ask(fd, &bed->addr);
	while (atomic_load(bed->turn) == ADDERS)
		(void)sched_yield();
	assert_int_equal(atomic_load(bed->turn), ADDED);
	assert_int_equal(rt_hear_routes(fd, false), 0);
	assert_int_equal(rt_is_local(fd, &bed->addr), 1);
	assert_int_equal(change_route(&bed->batch, RTM_DELROUTE, &bed->addr), 0);
	return found;
}

static void test_told_is_found(void **state)
{
	struct bed *bed = *state;
	unsigned early = 0;
	int listeners[LISTENERS];

	for (size_t i = 0; i < LISTENERS; i++) {
		listeners[i] = rt_open();
		assert_true(listeners[i] >= 0);
		/* one that has said nothing yet has no address, and is not told */
		assert_int_equal(rt_is_local(listeners[i], &bed->addr), 0);
		assert_int_equal(rt_hear_routes(listeners[i], true), 0);
	}
	for (unsigned i = 0; i < ROUNDS; i++)
		early += one_round(bed, rt_is_local) == 0;
	print_message("%u of %d lookups came before their route\n", early, ROUNDS);
	for (unsigned i = 0; i < ROUNDS; i++)
		assert_int_equal(one_round(bed, ask_for_dump), 1);
	for (size_t i = 0; i < LISTENERS; i++)
		close(listeners[i]);
}

static void test_which(void **state)
{
	struct bed *bed = *state;
	struct ip_addr other = bed->addr;

	other.bytes[15] ^= 1;
	assert_int_equal(ask_for_dump(bed->batch.fd, &bed->addr), 0);
	assert_int_equal(change_route(&bed->batch, RTM_NEWROUTE, &bed->addr), 0);
	assert_int_equal(ask_for_dump(bed->batch.fd, &bed->addr), 1);
	assert_int_equal(ask_for_dump(bed->batch.fd, &other), 0);
	assert_int_equal(change_route(&bed->batch, RTM_DELROUTE, &bed->addr), 0);
	assert_int_equal(ask_for_dump(bed->batch.fd, &bed->addr), 0);
}

/** What was told before or during a dump is read past, and said. */
static void test_heard(void **state)
{
	struct bed *bed = *state;
	int teller = rt_open();
	struct rt_batch b = { .fd = teller };
	bool heard = false;

	assert_int_equal(rt_hear_routes(bed->batch.fd, true), 0);
	assert_int_equal(rt_has_local_route(bed->batch.fd, &bed->addr, &heard), 0);
	assert_false(heard);
	assert_int_equal(change_route(&b, RTM_NEWROUTE, &bed->addr), 0);
	assert_int_equal(rt_has_local_route(bed->batch.fd, &bed->addr, &heard), 1);
	assert_true(heard);
	assert_false(is_readable(bed->batch.fd));
	assert_int_equal(rt_hear_routes(bed->batch.fd, false), 0);
	assert_int_equal(change_route(&b, RTM_DELROUTE, &bed->addr), 0);
	rt_batch_deinit(&b);
	close(teller);
}

/** As `up` waits, with a route that comes at any time: before the first question, between the parts of its answer, later. */
static void test_wait(void **state)
{
	const uint64_t until = sys_monotonic_ns() + WAIT_SECONDS * 1000000000ull;
	struct bed *bed = *state;
	int fd = bed->batch.fd;
	unsigned rounds = 0, between = 0;

	while (sys_monotonic_ns() < until) {
		bool heard = false;
		int r;

		assert_int_equal(rt_hear_routes(fd, true), 0);
		atomic_store(bed->turn, ADDERS);
		while ((r = rt_has_local_route(fd, &bed->addr, &heard)) == 0) {
			struct pollfd p = { .fd = fd, .events = POLLIN };

			between += heard;
			assert_true(heard || poll(&p, 1, PATIENCE_S * 1000) == 1);
			heard = false;
		}
		assert_int_equal(r, 1);
		while (atomic_load(bed->turn) == ADDERS)
			(void)sched_yield();
		assert_int_equal(rt_hear_routes(fd, false), 0);
		/* what is told of it from now on is nobody's */
		assert_int_equal(change_route(&bed->batch, RTM_DELROUTE, &bed->addr), 0);
		rounds++;
	}
	print_message("%u routes, %u of them between two parts of a dump\n", rounds, between);
}

static int make_bed(void **state)
{
	static struct bed bed;

	if (unshare(CLONE_NEWNET | (geteuid() == 0 ? 0 : CLONE_NEWUSER)) < 0) {
		print_message("skipped: no network namespace: %s\n", strerror(errno));
		exit(getenv("NETLAB_MUST_WORK") ? 1 : 77);
	}
	bed.turn = mmap(NULL, sizeof(*bed.turn), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	assert_ptr_not_equal(bed.turn, MAP_FAILED);
	assert_int_equal(ip_parse_addr("fd00::9", &bed.addr), 0);
	bed.batch.fd = rt_open();
	assert_true(bed.batch.fd >= 0);
	assert_int_equal(rt_set_up(&bed.batch, PLAN_LO_IFINDEX, true, NULL), 0);
	assert_int_equal(rt_flush(&bed.batch, NULL), 0);
	bed.adder = fork();
	if (bed.adder == 0)
		add_when_told(&bed);
	assert_true(bed.adder > 0);
	stay_on(true);
	*state = &bed;
	return 0;
}

static int end_bed(void **state)
{
	struct bed *bed = *state;

	(void)kill(bed->adder, SIGKILL);
	assert_int_equal(waitpid(bed->adder, NULL, 0), bed->adder);
	rt_batch_deinit(&bed->batch);
	close(bed->batch.fd);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_which),
		cmocka_unit_test(test_heard),
		cmocka_unit_test(test_told_is_found),
		cmocka_unit_test(test_wait),
	};

	return cmocka_run_group_tests(tests, make_bed, end_bed);
}
