/* SPDX-License-Identifier: MIT */
/**
 * @file libpcap.h
 * libpcap's functions, loaded by the first who needs them: most commands and labs have no pcap expression, and Debian's libpcap
 * brings eight more libraries for capturing from D-Bus, a quarter of what starting netlab would take (ADR 18).
 */
#ifndef NETLAB_SYS_LIBPCAP_H
#define NETLAB_SYS_LIBPCAP_H

#include <pcap/pcap.h>

#include "netlab/err.h"

/** As in pcap(3) and pcap-filter(7). */
struct libpcap {
	__typeof__(pcap_open_dead) *open_dead;
	__typeof__(pcap_compile) *compile;
	__typeof__(pcap_geterr) *geterr;
	__typeof__(pcap_freecode) *freecode;
	__typeof__(pcap_close) *close;
	__typeof__(bpf_filter) *filter;
};

/**
 * Loads libpcap, which then stays. Every call gives the same answer; any thread may call it.
 * @param[in,out] err  may be NULL
 * @return libpcap's functions; NULL when there is no libpcap, or one that lacks a function
 */
const struct libpcap *libpcap_load(struct netlab_err *err);

#endif
