/* SPDX-License-Identifier: MIT */
/* A program outside the project: installed headers and netlab.pc are all that it knows. */
#include <netlab/version.h>
#include <stdio.h>

int main(void)
{
	puts(NETLAB_VERSION);
	return 0;
}
