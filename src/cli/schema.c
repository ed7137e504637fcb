/* SPDX-License-Identifier: MIT */
/* netlab schema: the JSON Schema of topology files. */
#include "base/buf.h"
#include "cli/command.h"
#include "cli/output.h"
#include "topo/model.h"

int cmd_schema(struct cli *c)
{
	_cleanup_buf_ struct buf b = { 0 };

	topo_print_schema(&b);
	return cli_print_buf(c, &b, NETLAB_EXIT_OK);
}
