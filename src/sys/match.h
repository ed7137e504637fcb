/* SPDX-License-Identifier: MIT */
/**
 * @file match.h
 * Packets that match a pcap expression: compiled by libpcap, told apart in the kernel.
 */
#ifndef NETLAB_SYS_MATCH_H
#define NETLAB_SYS_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netlab/err.h"

enum { SYS_MATCH_INSN_BYTES = 8 /**< of an instruction */ };

/** A compiled expression, for frames with an Ethernet header. */
struct sys_match {
	void *insns; /**< owned */
	uint16_t n;
};

/**
 * Compiles an expression of pcap-filter(7). Names of hosts are not for it: what resolves them is this host's, not the lab's.
 * @param[in] expression  "" matches every frame
 * @return 0; -EINVAL with libpcap's words in *err (class INVALID); -ENOENT when there is no libpcap
 */
int sys_match_compile(const char *expression, struct sys_match *ret, struct netlab_err *err);
/** To be called once in a process before sys_match_frame() where another process compiled. @return 0; -ENOENT when there is no libpcap */
int sys_match_prepare(void);
/** @return whether a frame, which begins with its Ethernet header, matches */
bool sys_match_frame(const struct sys_match *m, const void *frame, size_t len);
/** Idempotent. */
void sys_match_deinit(struct sys_match *m);

/**
 * Opens a socket that is readable when a frame that matches has come into an interface of this network namespace.
 * Non-blocking, close-on-exec. Closing it takes an RCU grace period: see sys_match_mute().
 * @return descriptor; negative errno
 */
int sys_match_listen(const struct sys_match *m, uint32_t ifindex);
/** @return how many frames have matched since the last call, those that found no room included; negative errno */
int64_t sys_match_count(int fd);
/** Nothing matches any more: the socket stays, and costs the interface one instruction a frame. @return 0; negative errno */
int sys_match_mute(int fd);

#endif
