/* SPDX-License-Identifier: MIT */
/* Checks that only the whole document allows. */
#include "topo/parse.h"

void check_document(struct document *d)
{
	(void)d;
}
