/* SPDX-License-Identifier: MIT */
/* The command line that ps shows. */
#include "sys/title.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys/proc.h"

/* The kernel takes the command line from where the process was given it (proc_pid_cmdline(5)): from there, and no more. */
static char *area;
static char **copied; /* the copy: never freed, for any string of it may be in use */
static size_t area_size;

char **sys_title_begin(int argc, char **argv)
{
	size_t size = 0, used = 0;
	char **copy, *text;

	/* execve(2) lays them out one behind the other; a caller of main() might not */
	for (int i = 0; i < argc; i++) {
		if (argv[i] != argv[0] + size)
			return argv;
		size += strlen(argv[i]) + 1;
	}
	copy = calloc((size_t)argc + 1, sizeof(*copy));
	text = malloc(size + 1);
	if (!copy || !text || size == 0) {
		free(copy);
		free(text);
		return argv;
	}
	memcpy(text, argv[0], size);
	for (int i = 0; i < argc; i++) {
		copy[i] = text + used;
		used += strlen(copy[i]) + 1;
	}
	area = argv[0];
	area_size = size;
	copied = copy;
	return copied;
}

void sys_title_set(const char *name)
{
	sys_set_comm(name);
	if (!area)
		return;
	memset(area, 0, area_size);
	/* its last byte stays 0: else the kernel reads on, into the environment */
	(void)snprintf(area, area_size, "%s", name);
}
