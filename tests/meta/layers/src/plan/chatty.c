/* SPDX-License-Identifier: MIT */
/* Planted: pure code that prints. The "printf(" in a comment or a string is no fault. */
#include <stdio.h>

void chatty(void);
void chatty(void)
{
	printf("printf(\n");
}
