/* SPDX-License-Identifier: MIT */
/* lookup NAME: the addresses that the C library's resolver finds, one a line; what it says when there are none. Built with
   musl by test_names.py, to see what that makes of a node's files. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found, *a;
	char text[128];
	int r = argc == 2 ? getaddrinfo(argv[1], NULL, &hints, &found) : EAI_NONAME;

	if (r) {
		(void)fprintf(stderr, "%s\n", gai_strerror(r));
		return 1;
	}
	for (a = found; a; a = a->ai_next) {
		if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0,
				NI_NUMERICHOST) == 0)
			(void)puts(text);
	}
	freeaddrinfo(found);
	return 0;
}
