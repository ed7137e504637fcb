/* SPDX-License-Identifier: MIT */
/* The doctor's table, put together from its parts. */
#include "lab/doctor_table.h"

#include "base/cleanup.h"

static const struct doctor_table *const tables[] = { &doctor_node_checks, &doctor_link_checks,
						     &doctor_host_checks };

size_t doctor_n_checks(void)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		n += tables[i]->n;
	return n;
}

const struct doctor_check *doctor_check_at(size_t index)
{
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		if (index < tables[i]->n)
			return &tables[i]->checks[index];
		index -= tables[i]->n;
	}
	return NULL;
}
