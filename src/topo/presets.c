/* SPDX-License-Identifier: MIT */
/* Ready-made links, each with where its numbers come from (also in docs/links.md). A round trip is split in halves. What
   no source gives (jitter of the mobile and satellite ones, loss) is 0: a recorded trace says more than an invented number. */
#include "topo/presets.h"

#include <string.h>

#include "base/cleanup.h"

enum preset { LAN, WIFI, BAD_WIFI, DSL, CABLE, THREE_G, LTE, FIVE_G, LEO, GEO, PRESETS };

#define US   1000ull
#define MS   1000000ull
#define KBIT 1000ull
#define MBIT 1000000ull

#define COMPLETE                                                                          \
	(IMPAIR_BIT(IMPAIR_DELAY) | IMPAIR_BIT(IMPAIR_JITTER) | IMPAIR_BIT(IMPAIR_RATE) | \
	 IMPAIR_BIT(IMPAIR_LOSS))
#define LINE(delay, rate)                                                \
	{                                                                \
		.set = COMPLETE, .delay_ns = (delay), .rate_bps = (rate) \
	}
#define RADIO(delay, spread, rate, lost)                                                  \
	{                                                                                 \
		.set = COMPLETE | IMPAIR_BIT(IMPAIR_DISTRIBUTION), .delay_ns = (delay),   \
		.jitter_ns = (spread), .distribution = IMPAIR_PARETO, .rate_bps = (rate), \
		.loss = {                                                                 \
			.model = IMPAIR_LOSS_RANDOM,                                      \
			.random = (lost)                                                  \
		}                                                                         \
	}

/* Up, then down. */
static const struct impairment values[PRESETS][2] = {
	/* Computed: 1000BASE-T; four hops of store-and-forward of a full frame at 1 Gbit/s take 4 x 12.3 us, 100 m of
	   copper 0.5 us. */
	[LAN] = { LINE(50 * US, 1000 * MBIT), LINE(50 * US, 1000 * MBIT) },
	/* K. Sui et al., "Characterizing and Improving WiFi Latency in Large-Scale Operational Networks", MobiSys 2016 (47
	   access points, two months): an access point after tuning, round trip over the wireless hop 10 ms median and 50 ms
	   at most; before it 50 ms and 250 ms. The Pareto spread gives median and maximum. Rates: IEEE 802.11n, 20 MHz, one
	   stream, MCS 7 and MCS 0. Loss: the FCC's Measuring Broadband America counts above 1 % as its worst class. */
	[WIFI] = { RADIO(6 * MS, 4 * MS, 65 * MBIT, 0), RADIO(6 * MS, 4 * MS, 65 * MBIT, 0) },
	[BAD_WIFI] = { RADIO(30 * MS, 23 * MS, 6500 * KBIT, 0.01),
		       RADIO(30 * MS, 23 * MS, 6500 * KBIT, 0.01) },
	/* WebPageTest, connectivity profiles "DSL", "Cable", "3G": 384 kbit/s / 1.5 Mbit/s / 50 ms round trip;
	   1 Mbit/s / 5 Mbit/s / 28 ms; 768 kbit/s / 1.6 Mbit/s / 300 ms. */
	[DSL] = { LINE(25 * MS, 384 * KBIT), LINE(25 * MS, 1500 * KBIT) },
	[CABLE] = { LINE(14 * MS, 1 * MBIT), LINE(14 * MS, 5 * MBIT) },
	[THREE_G] = { LINE(150 * MS, 768 * KBIT), LINE(150 * MS, 1600 * KBIT) },
	/* Opensignal, State of Mobile: USA, May 2019, users of 4G: 6.3 Mbit/s up, 21.3 Mbit/s down, 44.1 to 66.4 ms by
	   state: 55 ms. */
	[LTE] = { LINE(27500 * US, 6300 * KBIT), LINE(27500 * US, 21300 * KBIT) },
	/* Ookla, 5G worldwide, Q3 2021, medians: 21.08 Mbit/s up, 166.13 Mbit/s down; latency of 5G, USA, first half of
	   2024, best operator: 47 ms. */
	[FIVE_G] = { LINE(23500 * US, 21080 * KBIT), LINE(23500 * US, 166130 * KBIT) },
	/* Ookla, Starlink, USA, medians, Q1 2025: 14.84 Mbit/s up, 104.71 Mbit/s down, 45 ms (June 2025). */
	[LEO] = { LINE(22500 * US, 14840 * KBIT), LINE(22500 * US, 104710 * KBIT) },
	/* Ookla, Viasat, USA, medians, Q2 2021: 3.38 Mbit/s up, 18.13 Mbit/s down, 630 ms. Physics (RFC 2488, section 2):
	   558 ms at the edge of the satellite's view. */
	[GEO] = { LINE(315 * MS, 3380 * KBIT), LINE(315 * MS, 18130 * KBIT) },
};

const struct choice preset_choices[] = {
	{ "lan", LAN, NULL },
	{ "wifi", WIFI, NULL },
	{ "bad-wifi", BAD_WIFI, NULL },
	{ "dsl", DSL, NULL },
	{ "cable", CABLE, NULL },
	{ "3g", THREE_G, NULL },
	{ "lte", LTE, NULL },
	{ "5g", FIVE_G, NULL },
	{ "leo", LEO, NULL },
	{ "geo", GEO, NULL },
	{ 0 },
};

_Static_assert(ARRAY_SIZE(preset_choices) == PRESETS + 1, "a name for every preset");

const struct impairment *preset_get(int preset, unsigned dir)
{
	return &values[preset][dir];
}

int preset_find(const char *name)
{
	for (const struct choice *c = preset_choices; c->name; c++) {
		if (strcmp(c->name, name) == 0)
			return c->value;
	}
	return -1;
}
