/* SPDX-License-Identifier: MIT */
/* Names: what may reach a path, an interface or a log, and which known one was meant. */
#include "base/names.h"

#include <string.h>

enum {
	NEAREST_MAX_BYTES = 64, /* longer names are not looked up: nobody misspells those */
};

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name_byte(char c)
{
	return is_alnum(c) || c == '_' || c == '.' || c == '-';
}

static const char *check_bytes(const char *name)
{
	if (name[0] == '\0')
		return "a name cannot be empty";
	if (!is_alnum(name[0]))
		return "a name starts with a letter or a digit";
	for (; *name; name++) {
		if (!is_name_byte(*name))
			return "a name consists of letters, digits, '_', '.' and '-'";
	}
	return NULL;
}

const char *name_check(const char *name)
{
	const char *wrong = check_bytes(name);

	if (wrong)
		return wrong;
	if (strlen(name) > NAME_MAX_BYTES)
		return "a name has at most 63 bytes";
	if (strstr(name, "--"))
		return "a name has no '--' inside (it joins the two names of an unnamed link)";
	return NULL;
}

const char *name_check_link(const char *name)
{
	const char *wrong = check_bytes(name);

	if (wrong)
		return wrong;
	if (strlen(name) > 2 * NAME_MAX_BYTES + 2 + 11)
		return "a link's name has at most 139 bytes";
	return NULL;
}

const char *name_check_interface(const char *name)
{
	static const char *const taken[] = { ".", "..", "all", "default" };

	if (name[0] == '\0')
		return "an interface name cannot be empty";
	if (strlen(name) > IFNAME_MAX_BYTES)
		return "an interface name has at most 15 bytes";
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		if (strcmp(name, taken[i]) == 0)
			return "'.', '..', 'all' and 'default' cannot be interface names: /proc/sys/net has "
			       "directories of that name";
	}
	for (; *name; name++) {
		unsigned char c = (unsigned char)*name;

		/* the kernel refuses '/', ':' and blanks; '%' it reads as a pattern */
		if (c <= ' ' || c >= 0x7f || c == '/' || c == ':' || c == '%' || c == '"' ||
		    c == '\'' || c == '\\')
			return "an interface name has printable ASCII characters only and none of / : % \" ' \\";
	}
	return NULL;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	if (b < a)
		a = b;
	return c < a ? c : a;
}

/* Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours cost 1 each. */
static size_t edit_distance(const char *a, size_t la, const char *b, size_t lb)
{
	size_t rows[3][NEAREST_MAX_BYTES + 1];
	size_t *before = rows[0], *last = rows[1], *now = rows[2];

	for (size_t j = 0; j <= lb; j++) {
		before[j] = 0;
		last[j] = j;
	}
	for (size_t i = 1; i <= la; i++) {
		size_t *spare = before;

		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			now[j] = min3(last[j] + 1, now[j - 1] + 1,
				      last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[lb];
}

const char *name_nearest(const char *name, const char *const *candidates, size_t n, size_t stride)
{
	size_t len = strlen(name), best = SIZE_MAX;
	const char *nearest = NULL;

	if (len == 0 || len > NEAREST_MAX_BYTES)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		const char *candidate = *(
			const char *const *)(const void *)((const char *)candidates + i * stride);
		size_t other, near, distance;

		other = candidate ? strlen(candidate) : 0;
		if (other == 0 || other > NEAREST_MAX_BYTES)
			continue;
		/* a third of the letters may be wrong, but never all of a short name */
		near = (len > other ? len : other) / 3;
		if (near == 0)
			near = 1;
		if ((len > other ? len - other : other - len) > near || (len == 1 && other == 1))
			continue;
		distance = edit_distance(name, len, candidate, other);
		if (distance <= near && distance < best) {
			best = distance;
			nearest = candidate;
		}
	}
	return nearest;
}

uint64_t name_hash(uint64_t h, const char *text)
{
	for (; *text; text++) {
		h ^= (unsigned char)*text;
		h *= 0x100000001b3ull;
	}
	return h;
}

uint64_t hash_mix(uint64_t x)
{
	/* splitmix64 (Steele, Lea, Flood 2014), finaliser variant 13 */
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}
