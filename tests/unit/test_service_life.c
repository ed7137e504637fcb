/* SPDX-License-Identifier: MIT */
/* The life of a service: what it does about starts, ends, signals and time. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/service_life.h"

#define MS       1000000ull
#define EXIT(c)  ((c) << 8)
#define DELAY    (100 * MS)
#define LONGEST  (1000 * MS)
#define TIMEOUT  (5000 * MS)
#define FAR_AWAY (1000000 * MS)

struct bed {
	struct topo_service about;
	struct service_life life;
	uint64_t now;
};

static struct bed *bed(enum topo_ready_kind ready, enum topo_restart_policy policy, uint32_t max)
{
	static struct bed b;

	b = (struct bed){
		.about = { .name = "s",
			   .ready = { .kind = ready,
				      .timeout_ns = ready == TOPO_READY_STARTED ? 0 : TIMEOUT },
			   .restart = { policy, DELAY, LONGEST, max } },
		.now = 1000 * MS,
	};
	service_life_init(&b.life, &b.about);
	assert_int_equal(b.life.state, SERVICE_WAITING);
	assert_true(service_life_next(&b.life) == SERVICE_NEVER);
	return &b;
}

static void start(struct bed *b)
{
	assert_int_equal(service_life_start(&b->life, b->now), SERVICE_DO_START);
	service_life_started(&b->life, b->now);
}

/** It ends, and its restart comes after just that pause. */
static void ends_and_comes_back(struct bed *b, int status, uint64_t pause)
{
	assert_int_equal(service_life_ended(&b->life, status, b->now), SERVICE_DO_NOTHING);
	assert_int_equal(b->life.state, SERVICE_BACKING_OFF);
	assert_true(service_life_next(&b->life) == b->now + pause);
	assert_int_equal(service_life_tick(&b->life, b->now + pause - 1), SERVICE_DO_NOTHING);
	b->now += pause;
	assert_int_equal(service_life_tick(&b->life, b->now), SERVICE_DO_START);
	service_life_started(&b->life, b->now);
}

static void test_plain(void **state)
{
	struct bed *b = bed(TOPO_READY_STARTED, TOPO_RESTART_NEVER, 0);

	(void)state;
	start(b);
	assert_int_equal(b->life.state, SERVICE_READY);
	assert_true(service_life_next(&b->life) == SERVICE_NEVER);
	/* asked again, it goes on */
	assert_int_equal(service_life_start(&b->life, b->now), SERVICE_DO_NOTHING);
	assert_int_equal(service_life_ended(&b->life, EXIT(7), b->now), SERVICE_DO_NOTHING);
	assert_int_equal(b->life.state, SERVICE_EXITED);
	assert_true(b->life.ended);
	assert_int_equal(b->life.status, EXIT(7));
	/* and may be started again by hand, which is no restart of its own */
	start(b);
	assert_int_equal(b->life.state, SERVICE_READY);
	assert_int_equal(b->life.restarts, 0);
}

static void test_ready(void **state)
{
	struct bed *b = bed(TOPO_READY_TCP, TOPO_RESTART_NEVER, 0);

	(void)state;
	start(b);
	assert_int_equal(b->life.state, SERVICE_STARTING);
	assert_true(service_life_next(&b->life) == b->now + TIMEOUT);
	assert_int_equal(service_life_tick(&b->life, b->now + TIMEOUT - 1), SERVICE_DO_NOTHING);
	service_life_ready(&b->life);
	assert_int_equal(b->life.state, SERVICE_READY);
	assert_true(b->life.was_ready);
	assert_int_equal(service_life_tick(&b->life, FAR_AWAY), SERVICE_DO_NOTHING);
}

static void test_not_in_time(void **state)
{
	struct bed *b = bed(TOPO_READY_TCP, TOPO_RESTART_ALWAYS, 0);

	(void)state;
	start(b);
	b->now += TIMEOUT;
	assert_int_equal(service_life_tick(&b->life, b->now), SERVICE_DO_KILL);
	assert_int_equal(service_life_tick(&b->life, b->now), SERVICE_DO_NOTHING);
	/* too late now */
	service_life_ready(&b->life);
	assert_int_equal(b->life.state, SERVICE_STARTING);
	/* nobody starts it again: whoever asked for it is told */
	assert_int_equal(service_life_ended(&b->life, SIGKILL, b->now), SERVICE_DO_NOTHING);
	assert_int_equal(b->life.state, SERVICE_FAILED);
	assert_int_equal(b->life.cause, SERVICE_NOT_IN_TIME);
}

/* The time counts over restarts. */
static void test_not_in_time_with_restarts(void **state)
{
	struct bed *b = bed(TOPO_READY_TCP, TOPO_RESTART_ON_FAILURE, 0);
	uint64_t began = b->now;

	(void)state;
	start(b);
	ends_and_comes_back(b, EXIT(0), DELAY); /* 0 before it is ready is a failure */
	ends_and_comes_back(b, EXIT(1), 2 * DELAY);
	assert_true(service_life_next(&b->life) == began + TIMEOUT);
	assert_int_equal(service_life_ended(&b->life, EXIT(1), began + TIMEOUT - 1),
			 SERVICE_DO_NOTHING);
	assert_int_equal(b->life.state, SERVICE_BACKING_OFF);
	assert_int_equal(service_life_tick(&b->life, began + TIMEOUT), SERVICE_DO_NOTHING);
	assert_int_equal(b->life.state, SERVICE_FAILED);
	assert_int_equal(b->life.cause, SERVICE_NOT_IN_TIME);
	assert_true(service_life_next(&b->life) == SERVICE_NEVER);
}

/* Once it was ready, each start has that time for itself, and missing it is a failure like others. */
static void test_not_in_time_again(void **state)
{
	struct bed *b = bed(TOPO_READY_TCP, TOPO_RESTART_ON_FAILURE, 0);

	(void)state;
	start(b);
	service_life_ready(&b->life);
	b->now += 100 * TIMEOUT;
	ends_and_comes_back(b, EXIT(1), DELAY);
	b->now += TIMEOUT;
	assert_int_equal(service_life_tick(&b->life, b->now), SERVICE_DO_KILL);
	ends_and_comes_back(b, SIGKILL, 2 * DELAY);
	service_life_ready(&b->life);
	assert_int_equal(b->life.state, SERVICE_READY);
	assert_int_equal(b->life.restarts, 2);
}

static void test_ended_early(void **state)
{
	struct bed *b = bed(TOPO_READY_LOG, TOPO_RESTART_NEVER, 0);

	(void)state;
	start(b);
	(void)service_life_ended(&b->life, EXIT(0), b->now);
	assert_int_equal(b->life.state, SERVICE_FAILED);
	assert_int_equal(b->life.cause, SERVICE_ENDED_EARLY);
}

static void test_policies(void **state)
{
	static const struct {
		enum topo_restart_policy policy;
		int status;
		enum service_state then;
	} cases[] = {
		{ TOPO_RESTART_NEVER, EXIT(0), SERVICE_EXITED },
		{ TOPO_RESTART_NEVER, SIGSEGV, SERVICE_EXITED },
		{ TOPO_RESTART_ON_FAILURE, EXIT(0), SERVICE_EXITED },
		{ TOPO_RESTART_ON_FAILURE, EXIT(1), SERVICE_BACKING_OFF },
		{ TOPO_RESTART_ON_FAILURE, SIGTERM, SERVICE_BACKING_OFF },
		{ TOPO_RESTART_ALWAYS, EXIT(0), SERVICE_BACKING_OFF },
		{ TOPO_RESTART_ALWAYS, EXIT(1), SERVICE_BACKING_OFF },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bed *b = bed(TOPO_READY_STARTED, cases[i].policy, 0);

		start(b);
		(void)service_life_ended(&b->life, cases[i].status, b->now);
		assert_int_equal(b->life.state, cases[i].then);
	}
}

static void test_pauses_grow(void **state)
{
	static const uint64_t pauses[] = {
		DELAY, 2 * DELAY, 4 * DELAY, 8 * DELAY, LONGEST, LONGEST
	};
	struct bed *b = bed(TOPO_READY_STARTED, TOPO_RESTART_ALWAYS, 0);

	(void)state;
	start(b);
	for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		b->now += LONGEST - 1; /* not long enough to begin anew */
		ends_and_comes_back(b, EXIT(0), pauses[i]);
	}
	for (unsigned i = 0; i < 200; i++) /* and they overflow nothing */
		ends_and_comes_back(b, EXIT(0), LONGEST);
	b->now += LONGEST;
	ends_and_comes_back(b, EXIT(0), DELAY);
	assert_int_equal(b->life.restarts, 207);
}

static void test_too_often(void **state)
{
	struct bed *b = bed(TOPO_READY_STARTED, TOPO_RESTART_ON_FAILURE, 2);

	(void)state;
	start(b);
	ends_and_comes_back(b, EXIT(1), DELAY);
	ends_and_comes_back(b, EXIT(1), 2 * DELAY);
	b->now += LONGEST; /* stable: they do not count any more */
	ends_and_comes_back(b, EXIT(1), DELAY);
	ends_and_comes_back(b, EXIT(1), 2 * DELAY);
	(void)service_life_ended(&b->life, EXIT(1), b->now);
	assert_int_equal(b->life.state, SERVICE_FAILED);
	assert_int_equal(b->life.cause, SERVICE_TOO_OFTEN);
	start(b); /* by hand it may begin anew */
	ends_and_comes_back(b, EXIT(1), DELAY);
}

static void test_stop(void **state)
{
	struct bed *b = bed(TOPO_READY_STARTED, TOPO_RESTART_ALWAYS, 0);

	(void)state;
	start(b);
	assert_int_equal(service_life_stop(&b->life, b->now), SERVICE_DO_SIGNAL);
	assert_int_equal(b->life.state, SERVICE_STOPPING);
	assert_true(service_life_runs(&b->life));
	assert_int_equal(service_life_stop(&b->life, b->now), SERVICE_DO_NOTHING);
	assert_true(service_life_next(&b->life) == b->now + SERVICE_GRACE_NS);
	b->now += SERVICE_GRACE_NS;
	assert_int_equal(service_life_tick(&b->life, b->now), SERVICE_DO_KILL);
	assert_int_equal(service_life_tick(&b->life, b->now), SERVICE_DO_NOTHING);
	/* its policy is for ends that nobody asked for */
	assert_int_equal(service_life_ended(&b->life, SIGKILL, b->now), SERVICE_DO_NOTHING);
	assert_int_equal(b->life.state, SERVICE_STOPPED);
	assert_true(service_life_next(&b->life) == SERVICE_NEVER);
	assert_int_equal(service_life_tick(&b->life, FAR_AWAY), SERVICE_DO_NOTHING);
}

static void test_stop_what_does_not_run(void **state)
{
	struct bed *b = bed(TOPO_READY_STARTED, TOPO_RESTART_ALWAYS, 0);

	(void)state;
	assert_int_equal(service_life_stop(&b->life, b->now), SERVICE_DO_NOTHING);
	assert_int_equal(b->life.state, SERVICE_STOPPED);
	start(b);
	(void)service_life_ended(&b->life, EXIT(1), b->now);
	assert_int_equal(service_life_stop(&b->life, b->now), SERVICE_DO_NOTHING);
	assert_int_equal(b->life.state, SERVICE_STOPPED);
	assert_int_equal(service_life_tick(&b->life, FAR_AWAY), SERVICE_DO_NOTHING);

	b = bed(TOPO_READY_STARTED, TOPO_RESTART_NEVER, 0);
	start(b);
	(void)service_life_ended(&b->life, EXIT(1), b->now);
	assert_int_equal(service_life_stop(&b->life, b->now), SERVICE_DO_NOTHING);
	assert_int_equal(b->life.state, SERVICE_EXITED);
}

static void test_restart(void **state)
{
	struct bed *b = bed(TOPO_READY_TCP, TOPO_RESTART_NEVER, 0);

	(void)state;
	start(b);
	service_life_ready(&b->life);
	assert_int_equal(service_life_restart(&b->life, b->now), SERVICE_DO_SIGNAL);
	b->now += 10 * MS;
	assert_int_equal(service_life_ended(&b->life, EXIT(0), b->now), SERVICE_DO_START);
	service_life_started(&b->life, b->now);
	assert_int_equal(b->life.state, SERVICE_STARTING);
	assert_false(b->life.was_ready);
	assert_true(service_life_next(&b->life) == b->now + TIMEOUT);
	assert_int_equal(b->life.restarts, 0);

	/* a start while it stops is a restart; a stop takes that back */
	service_life_ready(&b->life);
	(void)service_life_stop(&b->life, b->now);
	assert_int_equal(service_life_start(&b->life, b->now), SERVICE_DO_NOTHING);
	assert_true(b->life.again);
	(void)service_life_stop(&b->life, b->now);
	assert_int_equal(service_life_ended(&b->life, EXIT(0), b->now), SERVICE_DO_NOTHING);
	assert_int_equal(b->life.state, SERVICE_STOPPED);
	assert_int_equal(service_life_restart(&b->life, b->now), SERVICE_DO_START);
}

static void test_cannot_run(void **state)
{
	struct bed *b = bed(TOPO_READY_STARTED, TOPO_RESTART_ALWAYS, 0);

	(void)state;
	assert_int_equal(service_life_start(&b->life, b->now), SERVICE_DO_START);
	service_life_cannot_run(&b->life);
	assert_int_equal(b->life.state, SERVICE_FAILED);
	assert_int_equal(b->life.cause, SERVICE_CANNOT_RUN);
	assert_int_equal(service_life_tick(&b->life, FAR_AWAY), SERVICE_DO_NOTHING);
}

/** For want of a process: tried again as if it had ended, by the same policy, pauses and limit. */
static void test_not_now(void **state)
{
	struct bed *b = bed(TOPO_READY_STARTED, TOPO_RESTART_ON_FAILURE, 2);

	(void)state;
	assert_int_equal(service_life_start(&b->life, b->now), SERVICE_DO_START);
	for (uint64_t pause = DELAY; pause <= 2 * DELAY; pause *= 2) {
		service_life_not_now(&b->life, b->now);
		assert_int_equal(b->life.state, SERVICE_BACKING_OFF);
		assert_int_equal(b->life.cause, SERVICE_CANNOT_RUN);
		assert_int_equal(service_life_tick(&b->life, b->now + pause - 1),
				 SERVICE_DO_NOTHING);
		b->now += pause;
		assert_int_equal(service_life_tick(&b->life, b->now), SERVICE_DO_START);
	}
	/* as often as allowed */
	service_life_not_now(&b->life, b->now);
	assert_int_equal(b->life.state, SERVICE_FAILED);
	assert_int_equal(b->life.cause, SERVICE_CANNOT_RUN);

	/* it comes, and nothing is left of why it did not */
	b = bed(TOPO_READY_STARTED, TOPO_RESTART_ALWAYS, 0);
	(void)service_life_start(&b->life, b->now);
	service_life_not_now(&b->life, b->now);
	b->now += DELAY;
	assert_int_equal(service_life_tick(&b->life, b->now), SERVICE_DO_START);
	service_life_started(&b->life, b->now);
	assert_int_equal(b->life.state, SERVICE_READY);
	assert_int_equal(b->life.cause, SERVICE_NO_CAUSE);
	assert_int_equal(b->life.restarts, 0);

	/* stopped meanwhile */
	b = bed(TOPO_READY_STARTED, TOPO_RESTART_ALWAYS, 0);
	(void)service_life_start(&b->life, b->now);
	service_life_not_now(&b->life, b->now);
	assert_int_equal(service_life_stop(&b->life, b->now), SERVICE_DO_NOTHING);
	assert_int_equal(b->life.state, SERVICE_STOPPED);
	assert_int_equal(b->life.cause, SERVICE_NO_CAUSE);

	/* the time to be ready in is up, and that is why */
	b = bed(TOPO_READY_TCP, TOPO_RESTART_ALWAYS, 0);
	(void)service_life_start(&b->life, b->now);
	service_life_not_now(&b->life, b->now);
	assert_int_equal(service_life_tick(&b->life, b->now + TIMEOUT), SERVICE_DO_NOTHING);
	assert_int_equal(b->life.state, SERVICE_FAILED);
	assert_int_equal(b->life.cause, SERVICE_CANNOT_RUN);

	/* not to be started again at all */
	b = bed(TOPO_READY_STARTED, TOPO_RESTART_NEVER, 0);
	(void)service_life_start(&b->life, b->now);
	service_life_not_now(&b->life, b->now);
	assert_int_equal(b->life.state, SERVICE_FAILED);
	assert_int_equal(b->life.cause, SERVICE_CANNOT_RUN);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(service_state_name(SERVICE_WAITING), "waiting");
	assert_string_equal(service_state_name(SERVICE_BACKING_OFF), "backing-off");
	assert_string_equal(service_state_name(SERVICE_FAILED), "failed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_ready),
		cmocka_unit_test(test_not_in_time),
		cmocka_unit_test(test_not_in_time_with_restarts),
		cmocka_unit_test(test_not_in_time_again),
		cmocka_unit_test(test_ended_early),
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_pauses_grow),
		cmocka_unit_test(test_too_often),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_stop_what_does_not_run),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_cannot_run),
		cmocka_unit_test(test_not_now),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
