/* SPDX-License-Identifier: MIT */
/*
 * Which TCP ports are listened on. By /proc/net: sock_diag would need a module (inet_diag) that a network namespace of an
 * ordinary user cannot have loaded. Sockets that listen come first in it, so the number of connections costs nothing.
 */
#include "sys/listening.h"

#include <errno.h>
#include <stdio.h>

enum { TCP_STATE_LISTEN = 10 }; /* net/tcp_states.h */

enum sys_tcp_line sys_tcp_line(const char *line, uint16_t port)
{
	unsigned local = 0, state = 0;

	/* "  0: 00000000:0050 00000000:0000 0A ..."; an IPv6 address has 32 digits */
	if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &local, &state) != 2)
		return SYS_TCP_OTHER;
	if (state != TCP_STATE_LISTEN)
		return SYS_TCP_CONNECTED;
	return local == port ? SYS_TCP_HERE : SYS_TCP_ELSEWHERE;
}

static int look(const char *path, uint16_t port)
{
	FILE *file = fopen(path, "re");
	enum sys_tcp_line what = SYS_TCP_OTHER;
	char line[256];

	if (!file)
		return -errno;
	while (what != SYS_TCP_HERE && what != SYS_TCP_CONNECTED && fgets(line, sizeof(line), file))
		what = sys_tcp_line(line, port);
	(void)fclose(file);
	return what == SYS_TCP_HERE;
}

int sys_tcp_listening(uint16_t port)
{
	int r4 = look("/proc/self/net/tcp", port), r6;

	if (r4 > 0)
		return 1;
	r6 = look("/proc/self/net/tcp6", port); /* not there without IPv6 */
	if (r6 > 0)
		return 1;
	return r4 < 0 && r6 < 0 ? r4 : 0;
}
