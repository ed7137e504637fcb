/* SPDX-License-Identifier: MIT */
/* Decisions to be carried out again, in shared memory. */
#include "wire/script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/names.h"

enum { HASHES = 4 };
enum met { NOT_MET, MET_BY_CLASS, MET };
#define PAYLOAD_KNOWN UINT32_MAX
#define HOSTS_KNOWN   (UINT32_MAX - 1)

struct slot {
	uint64_t hash;   /* 0 = free */
	uint32_t packet; /* 1 + index; PAYLOAD_KNOWN, HOSTS_KNOWN */
	uint32_t found;  /* HOSTS_KNOWN: a payload was found */
};

struct script {
	size_t bytes;
	struct script_size size;
	size_t n_slots; /* a power of two */
	size_t n_points;
	size_t lanes_at, packets_at, actions_at, points_at, slots_at;
};

static void *at(struct script *s, size_t offset)
{
	return (uint8_t *)s + offset;
}

struct script_packet *script_packets(struct script *s)
{
	return at(s, s->packets_at);
}

struct script_action *script_actions(struct script *s)
{
	return at(s, s->actions_at);
}

struct script_lane *script_lanes(struct script *s)
{
	return at(s, s->lanes_at);
}

const struct script_size *script_size(const struct script *s)
{
	return &s->size;
}

static struct script_point *points_of(struct script *s)
{
	return at(s, s->points_at);
}

static struct slot *slots_of(struct script *s)
{
	return at(s, s->slots_at);
}

/** Where everything is. */
static struct script layout(const struct script_size *size)
{
	struct script s = { .size = *size, .n_slots = 64 };

	while (s.n_slots < 2 * HASHES * size->n_packets)
		s.n_slots *= 2;
	s.lanes_at = (sizeof(s) + 63) / 64 * 64;
	s.packets_at = s.lanes_at + size->n_lanes * sizeof(struct script_lane);
	s.actions_at = s.packets_at + size->n_packets * sizeof(struct script_packet);
	s.points_at = s.actions_at + size->n_actions * sizeof(struct script_action);
	s.slots_at = s.points_at + size->n_actions * sizeof(struct script_point);
	s.bytes = s.slots_at + s.n_slots * sizeof(struct slot);
	return s;
}

static int map(int fd, size_t bytes, struct script **ret)
{
	void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (start == MAP_FAILED)
		return -errno;
	*ret = start;
	return 0;
}

int script_new(const struct script_size *size, struct script **ret, int *ret_fd)
{
	struct script head = layout(size);
	int fd = memfd_create("netlab-script", MFD_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = ftruncate(fd, (off_t)head.bytes) < 0 ? -errno : map(fd, head.bytes, ret);
	if (r < 0) {
		close(fd);
		return r;
	}
	**ret = head;
	*ret_fd = fd;
	return 0;
}

int script_map(int fd, struct script **ret)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < (off_t)sizeof(struct script))
		return -EINVAL;
	return map(fd, (size_t)st.st_size, ret);
}

struct script *script_unmap(struct script *s)
{
	if (s)
		(void)munmap(s, s->bytes);
	return NULL;
}

/* --- the table --- */

static uint64_t of_lane(uint64_t key, uint32_t lane)
{
	uint64_t h = hash_mix(key ^ hash_mix(lane));

	return h ? h : 1;
}

/** @return the hash's slot, or the free one where it belongs */
static struct slot *find(struct script *s, uint64_t hash)
{
	struct slot *slots = slots_of(s);
	size_t i = (size_t)hash & (s->n_slots - 1);

	while (slots[i].hash && slots[i].hash != hash)
		i = (i + 1) & (s->n_slots - 1);
	return &slots[i];
}

static void enter(struct script *s, uint64_t key, uint32_t lane, uint32_t packet)
{
	struct slot *slot;

	if (!key)
		return;
	slot = find(s, of_lane(key, lane));
	if (!slot->hash)
		*slot = (struct slot){ .hash = of_lane(key, lane), .packet = packet };
}

/** Whether what happens to a packet goes by its first byte. */
static bool is_segment(const struct identity *id)
{
	return id->kind == IDENTITY_TCP && id->len > 0;
}

static int by_place(const void *a, const void *b)
{
	const struct script_point *x = a, *y = b;

	if (x->flow != y->flow)
		return x->flow < y->flow ? -1 : 1;
	if (x->seq != y->seq)
		return x->seq < y->seq ? -1 : 1;
	return (x->nth > y->nth) - (x->nth < y->nth);
}

static void list_points(struct script *s)
{
	const struct script_packet *packets = script_packets(s);
	struct script_point *points = points_of(s);

	for (size_t i = 0; i < s->size.n_packets; i++) {
		const struct script_packet *p = &packets[i];

		if (p->lane == SCRIPT_NO_LANE || p->action == SCRIPT_NO_ACTION ||
		    !is_segment(&p->id))
			continue;
		points[s->n_points++] =
			(struct script_point){ .flow = of_lane(identity_flow_key(&p->id), p->lane),
					       .seq = p->id.seq,
					       .nth = p->id.nth,
					       .packet = (uint32_t)i };
	}
	qsort(points, s->n_points, sizeof(*points), by_place);
}

void script_index(struct script *s)
{
	struct script_packet *packets = script_packets(s);

	list_points(s);

	for (size_t i = 0; i < s->size.n_packets; i++) {
		const struct script_packet *p = &packets[i];

		if (p->lane == SCRIPT_NO_LANE)
			continue;
		enter(s, identity_key(&p->id), p->lane, (uint32_t)i + 1);
		enter(s, identity_data_key(&p->id), p->lane, (uint32_t)i + 1);
		enter(s, identity_payload_key(&p->id), p->lane, PAYLOAD_KNOWN);
		enter(s, identity_alike_key(&p->id), p->lane, HOSTS_KNOWN);
	}
}

static struct script_packet *packet_of(struct script *s, uint64_t key, uint32_t lane)
{
	const struct slot *slot = find(s, of_lane(key, lane));

	if (!slot->hash || slot->packet >= HOSTS_KNOWN)
		return NULL;
	return &script_packets(s)[slot->packet - 1];
}

static enum met met_of(const struct script_packet *p)
{
	return (enum met)atomic_load_explicit(&p->is_met, memory_order_relaxed);
}

static void meet(struct script_packet *p, enum met how)
{
	atomic_store_explicit(&p->is_met, how, memory_order_relaxed);
}

/** Finds a packet that was not met yet, and notes that it was. NULL = there is none */
static struct script_packet *look_up(struct script *s, uint32_t lane, const struct identity *id)
{
	uint64_t payload = identity_payload_key(id);
	struct slot *hosts = find(s, of_lane(identity_alike_key(id), lane));
	struct script_packet *p;

	if (payload && find(s, of_lane(payload, lane))->hash) {
		p = packet_of(s, identity_data_key(id), lane);
		/* one that was only taken for it does not count */
		if (!p || met_of(p) == MET)
			return NULL;
		hosts->found = 1;
		meet(p, MET);
		return p;
	}
	if (payload && hosts->found)
		return NULL;
	p = packet_of(s, identity_key(id), lane);
	if (!p || met_of(p) != NOT_MET)
		return NULL;
	/* a segment that something happens to is met by its first byte */
	if (p->action == SCRIPT_NO_ACTION || !is_segment(id))
		meet(p, payload ? MET_BY_CLASS : MET);
	return p;
}

/** @return the first point of the flow at `seq` or behind */
static size_t first_point(struct script *s, uint64_t flow, uint32_t seq)
{
	const struct script_point key = { .flow = flow, .seq = seq };
	const struct script_point *points = points_of(s);
	size_t low = 0, high = s->n_points;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (by_place(&points[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/** The packet whose first byte a segment has, as often as it came then; a loss before all else. NULL = none */
static struct script_packet *meet_points(struct script *s, uint32_t lane, const struct identity *id)
{
	uint64_t flow = of_lane(identity_flow_key(id), lane);
	struct script_packet *result = NULL;
	struct script_point *points = points_of(s), *head = NULL;

	for (size_t i = first_point(s, flow, id->seq); i < s->n_points; i++) {
		struct script_packet *p = &script_packets(s)[points[i].packet];

		if (points[i].flow != flow || points[i].seq - id->seq >= id->len)
			break;
		if (!head || head->seq != points[i].seq) {
			head = &points[i];
			head->came++;
		}
		if (points[i].nth != head->came)
			continue;
		meet(p, MET);
		if (!result ||
		    (script_actions(s)[p->action].drop && !script_actions(s)[result->action].drop))
			result = p;
	}
	return result;
}

/** Counts: there is one writer, so no locked instruction is needed. */
static void count(_Atomic uint64_t *n)
{
	atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

static void note_new(struct script_lane *l, uint64_t index, const struct identity *id)
{
	count(&l->n_new);
	if (atomic_load_explicit(&l->has_new, memory_order_relaxed))
		return;
	l->new_index = index;
	l->new_id = *id;
	atomic_store_explicit(&l->has_new, 1, memory_order_release);
}

const struct script_action *script_meet(struct script *s, uint32_t lane, uint64_t index,
					const struct identity *id)
{
	struct script_lane *l = &script_lanes(s)[lane];
	struct script_packet *p = look_up(s, lane, id), *segment = NULL;

	count(&l->n_seen);
	if (is_segment(id)) {
		segment = meet_points(s, lane, id);
		if (p && p->action != SCRIPT_NO_ACTION)
			p = segment;
		else if (segment)
			p = segment;
	}
	if (!p) {
		note_new(l, index, id);
		return NULL;
	}
	return p->action == SCRIPT_NO_ACTION ? NULL : &script_actions(s)[p->action];
}
