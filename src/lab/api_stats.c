/* SPDX-License-Identifier: MIT */
/* libnetlab: what links did to packets, and the lab's seed, behind include/netlab/lab.h. */
#include "netlab/lab.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/names.h"
#include "base/units.h"
#include "lab/api.h"

int netlab_stats(struct netlab_lab *lab, char **ret, struct netlab_err *err)
{
	json_t *doc = NULL;
	int r;

	err = api_err(err);
	*ret = NULL;
	r = lab_stats(lab->state_dir, lab->name, &doc, err);
	return r < 0 ? r : api_take_json(doc, ret, err);
}

/* The member of an object, or an error with the nearest name that there is. */
static json_t *find(json_t *object, const char *what, const char *name, int errnum,
		    struct netlab_err *err)
{
	json_t *value = json_object_get(object, name), *unused;
	const char *names[64], *key, *near;
	size_t n = 0;

	if (value)
		return value;
	json_object_foreach(object, key, unused)
	{
		if (n < ARRAY_SIZE(names))
			names[n++] = key;
	}
	near = n ? name_nearest(name, names, n, sizeof(names[0])) : NULL;
	(void)err_set(err, errnum, "there is no %s '%s'", what, name);
	if (near)
		(void)err_hint(err, "did you mean '%s'?", near);
	(void)err_class(err, NETLAB_EXIT_USAGE);
	return NULL;
}

/* Adds one direction's. */
static int add(json_t *link, const char *direction, const char *counter, uint64_t *sum,
	       struct netlab_err *err)
{
	json_t *value = find(json_object_get(link, direction), "counter", counter, EINVAL, err);

	if (!value)
		return err->code;
	if (json_is_integer(value)) {
		*sum += (uint64_t)json_integer_value(value);
		return 0;
	}
	if (json_is_null(value))
		return err_set(err, EOPNOTSUPP, "what carries this link cannot tell '%s'", counter);
	return err_set(err, EINVAL, "'%s' is no number of packets or bytes", counter);
}

/* Whether the end, "node:interface", is the node's. */
static bool is_of(const char *end, const char *node)
{
	size_t len = strlen(node);

	return end && strncmp(end, node, len) == 0 && (end[len] == ':' || !end[len]);
}

/* The directions of a link that leave a node: "->" leaves the first end. */
static int directions(struct netlab_lab *lab, const char *link, const char *from, bool ret[2],
		      struct netlab_err *err)
{
	json_t *doc = NULL, *ends;
	int r;

	ret[0] = ret[1] = true;
	if (!from)
		return 0;
	r = lab_show(lab->state_dir, lab->name, &doc, err);
	if (r < 0)
		return r;
	ends = json_object_get(json_object_get(json_object_get(doc, "links"), link), "endpoints");
	for (size_t i = 0; i < 2; i++)
		ret[i] = is_of(json_string_value(json_array_get(ends, i)), from);
	json_decref(doc);
	if (ret[0] || ret[1])
		return 0;
	return err_set(err, ENOENT, "link '%s' has no end at node '%s'", link, from);
}

int netlab_stats_count(struct netlab_lab *lab, const char *link, const char *from,
		       const char *counter, uint64_t *ret, struct netlab_err *err)
{
	static const char *const names[] = { "->", "<-" };
	json_t *doc = NULL, *of;
	bool wanted[2] = { false, false };
	uint64_t sum = 0;
	int r;

	err = api_err(err);
	r = lab_stats(lab->state_dir, lab->name, &doc, err);
	if (r < 0)
		return r;
	of = find(json_object_get(doc, "links"), "link", link, ENOENT, err);
	r = of ? directions(lab, link, from, wanted, err) : err->code;
	for (size_t i = 0; i < 2 && r == 0; i++) {
		if (wanted[i])
			r = add(of, names[i], counter, &sum, err);
	}
	json_decref(doc);
	if (r == 0)
		*ret = sum;
	return r;
}

int netlab_lab_seed(struct netlab_lab *lab, uint64_t *ret, struct netlab_err *err)
{
	json_t *doc = NULL, *seed;
	int r;

	err = api_err(err);
	r = lab_show(lab->state_dir, lab->name, &doc, err);
	if (r < 0)
		return r;
	seed = json_object_get(doc, "seed");
	if (json_is_integer(seed))
		*ret = (uint64_t)json_integer_value(seed);
	else if (!json_is_string(seed) || units_parse_u64(json_string_value(seed), ret) < 0)
		r = err_set(err, EPROTO, "the lab does not tell its seed");
	json_decref(doc);
	return r;
}
