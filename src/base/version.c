/* SPDX-License-Identifier: MIT */
/* Which version runs. */
#include "netlab/version.h"

const char *netlab_version(void)
{
	return NETLAB_VERSION;
}
