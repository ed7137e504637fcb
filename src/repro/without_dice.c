/* SPDX-License-Identifier: MIT */
/* Topologies without dice. */
#include "repro/without_dice.h"

#include <string.h>

#include "base/cleanup.h"

/* Keys that roll dice, and what says that they do not. */
static const struct {
	enum impair_key key;
	const char *name, *nothing;
} dice[] = {
	{ IMPAIR_LOSS, "loss", "0%" },       { IMPAIR_DUPLICATE, "duplicate", "0%" },
	{ IMPAIR_CORRUPT, "corrupt", "0%" }, { IMPAIR_REORDER, "reorder", "0%" },
	{ IMPAIR_JITTER, "jitter", "0ms" },
};

/* What means something beside them only. */
static const char *const beside[] = { "gap", "distribution", "jitter_reorders", "ecn" };

static void take_out(json_t *object)
{
	for (size_t i = 0; i < ARRAY_SIZE(dice); i++)
		(void)json_object_del(object, dice[i].name);
	for (size_t i = 0; i < ARRAY_SIZE(beside); i++)
		(void)json_object_del(object, beside[i]);
}

/** What a preset or the defaults would bring back is asked to be nothing. */
static int override(json_t *link, const char *way, const struct impairment *m)
{
	json_t *object = json_object_get(link, way);
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(dice) && r == 0; i++) {
		if (!impair_asks(m, dice[i].key))
			continue;
		if (!object) {
			object = json_object();
			r = json_object_set_new(link, way, object);
		}
		if (r == 0)
			r = json_object_set_new(object, dice[i].name, json_string(dice[i].nothing));
	}
	return r;
}

/** Keys of links may stand here as well. */
static void take_out_of_defaults(json_t *root)
{
	json_t *link = json_object_get(json_object_get(root, "defaults"), "link");

	take_out(link);
	take_out(json_object_get(link, "->"));
	take_out(json_object_get(link, "<-"));
}

static int take_out_of_links(json_t *root, const struct topo *t)
{
	json_t *links = json_object_get(root, "links");
	int r = 0;

	for (size_t i = 0; i < t->n_links && r == 0; i++) {
		json_t *link = json_array_get(links, i);
		bool preset = json_object_get(link, "preset") ||
			      json_object_get(json_object_get(link, "->"), "preset") ||
			      json_object_get(json_object_get(link, "<-"), "preset") ||
			      json_object_get(root, "defaults");

		take_out(link);
		take_out(json_object_get(link, "->"));
		take_out(json_object_get(link, "<-"));
		if (!preset)
			continue;
		r = override(link, "->", &t->links[i].dir[0]);
		if (r == 0)
			r = override(link, "<-", &t->links[i].dir[1]);
	}
	return r;
}

/** What an event's preset would bring. */
static int override_event(json_t *event, const struct topo_event *e)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(dice) && r == 0; i++) {
		if (impair_asks(&e->keys[0], dice[i].key) || impair_asks(&e->keys[1], dice[i].key))
			r = json_object_set_new(event, dice[i].name, json_string(dice[i].nothing));
	}
	return r;
}

/** An event that has nothing more to say is one no more. */
static int take_out_of_timeline(json_t *root, const struct topo *t)
{
	static const char *const beside_keys[] = { "at", "when", "link", "from", "ramp" };
	json_t *events = json_object_get(root, "timeline");
	int r = 0;

	for (size_t i = json_array_size(events); i-- > 0 && r == 0;) {
		json_t *event = json_array_get(events, i);
		size_t left;

		if (!json_object_get(event, "link"))
			continue;
		take_out(event);
		left = json_object_size(event);
		for (size_t k = 0; k < ARRAY_SIZE(beside_keys); k++)
			left -= json_object_get(event, beside_keys[k]) != NULL;
		if (left == 0)
			(void)json_array_remove(events, i);
		else if (json_object_get(event, "preset") && i < t->n_events)
			r = override_event(event, &t->timeline[i]);
	}
	return r;
}

/** {"trace": "FILE"} anywhere. */
static int make_absolute(json_t *v, const char *dir)
{
	const char *key;
	json_t *item;
	size_t i;
	int r = 0;

	json_array_foreach(v, i, item)
	{
		r = r ? r : make_absolute(item, dir);
	}
	json_object_foreach(v, key, item)
	{
		const char *file = json_string_value(item);

		if (file && strcmp(key, "trace") == 0 && file[0] != '/')
			r = r ? r : json_object_set_new(v, key, json_sprintf("%s%s", dir, file));
		else
			r = r ? r : make_absolute(item, dir);
	}
	return r;
}

json_t *without_dice(const char *text, size_t len, const struct topo *t, const char *source_dir)
{
	json_t *root = json_loadb(text, len, 0, NULL);
	int r = root ? 0 : -1;

	if (r == 0) {
		(void)json_object_del(root, "faults");
		take_out_of_defaults(root);
		r = take_out_of_timeline(root, t);
		if (r == 0)
			r = take_out_of_links(root, t);
	}
	if (r == 0 && source_dir)
		r = make_absolute(json_object_get(root, "links"), source_dir);
	if (r == 0 && source_dir)
		r = make_absolute(json_object_get(root, "defaults"), source_dir);
	if (r == 0)
		return root;
	json_decref(root);
	return NULL;
}
