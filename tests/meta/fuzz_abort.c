/* SPDX-License-Identifier: MIT */
/* A fuzz target that aborts on one input: the corpus runner must report it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size >= 5 && memcmp(data, "abort", 5) == 0)
		abort();
	return 0;
}
