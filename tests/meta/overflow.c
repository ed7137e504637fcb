/* SPDX-License-Identifier: MIT */
/* Planted faults, one per argument, that the sanitizer build must stop. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "";
	/* volatile: the compiler must neither see the fault coming nor remove it. */
	volatile size_t length = 8;

	if (strcmp(kind, "heap") == 0) {
		volatile char *bytes = malloc(length);

		if (!bytes)
			return 0;
		bytes[length] = 1;
		free((void *)bytes);
	} else if (strcmp(kind, "leak") == 0) {
		char *volatile lost = malloc(length);

		lost = NULL;
		(void)lost;
	} else if (strcmp(kind, "integer") == 0) {
		volatile int top = INT_MAX;

		top = top + 1;
	}
	puts("the planted fault went unnoticed");
	return 0;
}
