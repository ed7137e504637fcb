/* SPDX-License-Identifier: MIT */
/* The program netlab: a clean environment, then the command line. */
#include <stdlib.h>
#include <unistd.h>

#include "cli/backend.h"
#include "cli/cli.h"
#include "netlab/err.h"
#include "sys/fs.h"
#include "sys/title.h"

int main(int argc, char **argv)
{
	/* libnl-route reads these and would end the process or read another /proc (lib/utils.c, get_psched_settings) */
	static const char *const not_for_libnl[] = { "HZ", "TICKS_PER_USEC", "PROC_ROOT",
						     "PROC_NET_PSCHED" };
	struct cli_io io = {
		.in = stdin,
		.out = stdout,
		.err = stderr,
		.in_is_terminal = isatty(STDIN_FILENO),
		.out_is_terminal = isatty(STDOUT_FILENO),
		.err_is_terminal = isatty(STDERR_FILENO),
		.backend = &cli_backend_real,
	};

	for (size_t i = 0; i < sizeof(not_for_libnl) / sizeof(not_for_libnl[0]); i++)
		(void)unsetenv(not_for_libnl[i]);
	if (sys_fill_stdio() < 0)
		return NETLAB_EXIT_RUNTIME;
	return cli_main(argc, sys_title_begin(argc, argv), &io);
}
