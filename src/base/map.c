/* SPDX-License-Identifier: MIT */
/* A table from strings to indexes: open addressing with linear probing, at most three quarters full. */
#include "base/map.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"

/** @return the slot that has the key or where it belongs; the table has a free slot */
static struct map_slot *find(struct map_slot *slots, size_t size, const char *key)
{
	size_t i = (size_t)hash_mix(name_hash(NAME_HASH_INIT, key)) & (size - 1);

	while (slots[i].key && strcmp(slots[i].key, key) != 0)
		i = (i + 1) & (size - 1);
	return &slots[i];
}

static int grow(struct map *m)
{
	size_t size = m->size ? m->size * 2 : 32;
	struct map_slot *slots = calloc(size, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < m->size; i++) {
		if (m->slots[i].key)
			*find(slots, size, m->slots[i].key) = m->slots[i];
	}
	free(m->slots);
	m->slots = slots;
	m->size = size;
	return 0;
}

int map_add(struct map *m, const char *key, size_t value, size_t *ret_old)
{
	struct map_slot *slot;

	if (m->n >= m->size / 4 * 3 && grow(m) < 0)
		return -ENOMEM;
	slot = find(m->slots, m->size, key);
	if (slot->key) {
		if (ret_old)
			*ret_old = slot->value;
		return 1;
	}
	*slot = (struct map_slot){ .key = key, .value = value };
	m->n++;
	return 0;
}

size_t map_get(const struct map *m, const char *key)
{
	const struct map_slot *slot;

	if (m->n == 0)
		return MAP_NONE;
	slot = find(m->slots, m->size, key);
	return slot->key ? slot->value : MAP_NONE;
}

size_t *map_ref(struct map *m, const char *key)
{
	struct map_slot *slot = m->n ? find(m->slots, m->size, key) : NULL;

	return slot && slot->key ? &slot->value : NULL;
}

void map_deinit(struct map *m)
{
	free(m->slots);
	*m = (struct map){ 0 };
}
