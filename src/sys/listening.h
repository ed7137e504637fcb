/* SPDX-License-Identifier: MIT */
/**
 * @file listening.h
 * Which TCP ports of this network namespace are listened on: looked up, not tried by connecting, which a server would notice.
 */
#ifndef NETLAB_SYS_LISTENING_H
#define NETLAB_SYS_LISTENING_H

#include <stdbool.h>
#include <stdint.h>

/** @return 1 when a socket, of whatever family and address, listens on the port; 0; negative errno when it cannot be told */
int sys_tcp_listening(uint16_t port);

/** What a line of /proc/net/tcp or /proc/net/tcp6 says. @source net/ipv4/tcp_ipv4.c, tcp4_seq_show() */
enum sys_tcp_line {
	SYS_TCP_OTHER,     /**< the heading, or a line that is none */
	SYS_TCP_HERE,      /**< a socket that listens on the port */
	SYS_TCP_ELSEWHERE, /**< one that listens on another */
	SYS_TCP_CONNECTED, /**< one that does not listen: those follow those that do */
};
enum sys_tcp_line sys_tcp_line(const char *line, uint16_t port);

#endif
