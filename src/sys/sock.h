/* SPDX-License-Identifier: MIT */
/**
 * @file sock.h
 * Unix SEQPACKET sockets between the processes of a lab: whole messages, with descriptors.
 */
#ifndef NETLAB_SYS_SOCK_H
#define NETLAB_SYS_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { SYS_SOCK_FDS_MAX = 4 };

/** @return 0 and two connected close-on-exec sockets; negative errno */
int sys_sock_pair(int ret_fds[2]);
/** Listens at a path (mode 0600). @return the socket (non-blocking, close-on-exec), negative errno */
int sys_sock_listen(const char *path);
/** @return a connected socket; negative errno (-ENOENT, -ECONNREFUSED: nobody there) */
int sys_sock_connect(const char *path);
/** Accepts a connection. @return non-blocking socket and its peer's uid (as our user namespace sees it); negative errno */
int sys_sock_accept(int listen_fd, uid_t *ret_uid);
/** Pid of the process that listens at the other end of a connected socket, as seen from here. @return >0, negative errno */
pid_t sys_sock_peer_pid(int fd);
/** Sends one message. @return 0; -EAGAIN on a full non-blocking socket; -EPIPE when nobody is there */
int sys_sock_send(int fd, const void *data, size_t len, const int *fds, unsigned n_fds);
/**
 * Receives one message.
 * @param[in,out] fds  received descriptors (owned by the caller), *n_fds of them; NULL = unwanted ones are closed
 * @return length; 0 = end; -EAGAIN; -EMSGSIZE when it does not fit
 */
ssize_t sys_sock_recv(int fd, void *data, size_t size, int *fds, unsigned *n_fds);

#endif
