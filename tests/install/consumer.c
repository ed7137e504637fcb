/* SPDX-License-Identifier: MIT */
/* A program outside the project: installed headers and netlab.pc are all that it knows. */
#include <netlab/version.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
	/* Header and library were installed together. */
	if (strcmp(netlab_version(), NETLAB_VERSION) != 0)
		return 1;
	puts(NETLAB_VERSION);
	return 0;
}
