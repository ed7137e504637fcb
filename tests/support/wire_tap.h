/* SPDX-License-Identifier: MIT */
/**
 * @file wire_tap.h
 * A wire process on a bed of links, and frames by hand at their ends. One at a time; everything fails the test when it
 * cannot be done.
 */
#ifndef NETLAB_TESTS_SUPPORT_WIRE_TAP_H
#define NETLAB_TESTS_SUPPORT_WIRE_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/wire_bed.h"

enum {
	ETHERTYPE_TEST = 0x88b5, /* IEEE 802 local experimental */
	WAIT_MS = 5000,
	QUIET_MS = 300,
	MS = 1000 * 1000,
	FRAME_MAX = 70000,
};

extern struct bed tap_bed;
extern struct wire tap_wire;
extern struct netlab_err tap_error;

/** Makes the bed and starts the wire; no link is added yet. */
void tap_start(size_t n_links, uint32_t mtu, bool offload);
/** A cmocka teardown: after each test, also a failed one. */
int tap_stop(void **state);
/** Fails the test with tap_error when r is negative. */
void tap_must(int r);
void tap_add(size_t link, const struct wire_link *l);
void tap_change(size_t link, const struct wire_link *l);
/** Makes a patch link of it, as the lab does: redirects both ways. */
void tap_patch(size_t link);
/** A direction's counters, once it was offered so many packets and holds none of them any more. */
struct wire_counters tap_counters(size_t link, unsigned dir, uint64_t offered);
/** offered + duplicated = delivered + dropped + queued */
void assert_conserved(const struct wire_counters *c);
/** CLOCK_MONOTONIC */
uint64_t tap_now_ns(void);
void tap_pause(uint64_t ns);

/** A frame from left to right, with a number in it. @return len */
size_t make_frame(uint8_t *frame, size_t len, uint16_t ethertype, uint32_t number);
uint32_t number_of(const uint8_t *frame);
void send_frame(int fd, const uint8_t *frame, size_t len);
/** @param[out] frame  room for FRAME_MAX. @return length; 0 when nothing came in time */
size_t tap_receive(int fd, uint8_t *frame, int wait_ms);
/** Sends a frame and receives it, the same byte for byte. */
void assert_passes(int from, int to, const uint8_t *frame, size_t len);

#endif
