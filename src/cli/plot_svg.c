/* SPDX-License-Identifier: MIT */
/* Pictures of measurements, drawn by hand: a row of three panels for each link. */
#include "cli/plot_svg.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topo/model.h"

enum {
	PANELS = 3,
	PANEL_WIDTH = 380,
	PANEL_HEIGHT = 260,
	ROW_HEIGHT = PANEL_HEIGHT + 30, /* with the link's name above */
	TOP = 40,
	/* inside a panel, around the axes */
	LEFT = 56,
	RIGHT = 24,
	ABOVE = 30,
	BELOW = 42,
	TICKS = 5,
	POINTS_MAX = 256,
};

static const char *const colors[] = { "#1f6fb4", "#c0501f" };

struct series {
	double x[POINTS_MAX], y[POINTS_MAX];
	size_t n;
	double asked; /* of the axis that it belongs to */
	bool has_asked;
};

struct panel {
	const char *title, *x_label, *y_label;
	struct series way[2];
	bool asked_is_x; /* else a line across */
	double x0, y0;   /* where it stands in the picture */
	double low_x, high_x, low_y, high_y;
};

static void add_escaped(struct buf *b, const char *text)
{
	for (const char *p = text; *p; p++) {
		if (*p == '<')
			buf_puts(b, "&lt;");
		else if (*p == '>')
			buf_puts(b, "&gt;");
		else if (*p == '&')
			buf_puts(b, "&amp;");
		else if (*p == '"')
			buf_puts(b, "&quot;");
		else if ((unsigned char)*p >= ' ')
			buf_add(b, p, 1);
	}
}

static void add_text(struct buf *b, double x, double y, const char *anchor, int size,
		     const char *text)
{
	buf_printf(b, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"%d\">", x, y,
		   anchor, size);
	add_escaped(b, text);
	buf_puts(b, "</text>\n");
}

/* --- what is drawn --- */

static double number_at(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

static const json_t *check_of(const json_t *way, const char *key)
{
	return json_object_get(json_object_get(way, "checks"), key);
}

static void read_delay(const json_t *way, struct series *s)
{
	const json_t *list = json_object_get(way, "delay_quantiles_us");
	const json_t *check = check_of(way, "delay");

	s->n = json_array_size(list) < POINTS_MAX ? json_array_size(list) : POINTS_MAX;
	for (size_t i = 0; i < s->n; i++) {
		s->x[i] = json_number_value(json_array_get(list, i)) / 1000;
		s->y[i] = s->n > 1 ? (double)i / (double)(s->n - 1) : 1;
	}
	s->has_asked = check != NULL;
	s->asked = number_at(check, "asked_us") / 1000;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* How far delays are from their median. */
static void read_jitter(const json_t *way, struct series *s)
{
	const json_t *check = check_of(way, "jitter");
	double median;

	read_delay(way, s);
	s->has_asked = check != NULL;
	s->asked = number_at(check, "asked_us") / 1000;
	if (s->n == 0)
		return;
	median = s->x[s->n / 2];
	for (size_t i = 0; i < s->n; i++)
		s->x[i] = fabs(s->x[i] - median);
	qsort(s->x, s->n, sizeof(s->x[0]), compare);
}

static void read_rate(const json_t *way, struct series *s)
{
	const json_t *over = json_object_get(way, "rate_over_time");
	const json_t *list = json_object_get(over, "rates_bps");
	const json_t *check = check_of(way, "rate");
	double bin_s = number_at(over, "bin_s");

	s->n = json_array_size(list) < POINTS_MAX ? json_array_size(list) : POINTS_MAX;
	for (size_t i = 0; i < s->n; i++) {
		s->x[i] = ((double)i + 0.5) * bin_s;
		s->y[i] = json_number_value(json_array_get(list, i)) / 1e6;
	}
	s->asked = number_at(check, "asked_bps") / 1e6;
	s->has_asked = s->asked > 0;
}

/* --- a panel --- */

static void widen(double value, double *low, double *high)
{
	*low = fmin(*low, value);
	*high = fmax(*high, value);
}

static void find_ranges(struct panel *p)
{
	p->low_x = p->low_y = INFINITY;
	p->high_x = p->high_y = -INFINITY;
	for (int d = 0; d < 2; d++) {
		const struct series *s = &p->way[d];
		/* the very last quantile is one packet: it would press the others against the axis */
		size_t shown = p->asked_is_x && s->n > 2 ? s->n - 1 : s->n;

		for (size_t i = 0; i < shown; i++) {
			widen(s->x[i], &p->low_x, &p->high_x);
			widen(s->y[i], &p->low_y, &p->high_y);
		}
		if (s->n && s->has_asked && p->asked_is_x)
			widen(s->asked, &p->low_x, &p->high_x);
		else if (s->n && s->has_asked)
			widen(s->asked, &p->low_y, &p->high_y);
	}
	p->low_y = 0;
	p->high_y = p->asked_is_x ? 1 : p->high_y * 1.1;
	if (!p->asked_is_x)
		p->low_x = 0;
	/* all in one place: a range all the same */
	if (p->high_x - p->low_x < 1e-3) {
		p->low_x = fmax(0, p->low_x - 0.5);
		p->high_x += 0.5;
	}
	if (!(p->high_y > 0))
		p->high_y = 1;
}

static double at_x(const struct panel *p, double x)
{
	double share = (x - p->low_x) / (p->high_x - p->low_x);

	share = fmin(1, fmax(0, share));
	return p->x0 + LEFT + share * (PANEL_WIDTH - LEFT - RIGHT);
}

static double at_y(const struct panel *p, double y)
{
	double share = (y - p->low_y) / (p->high_y - p->low_y);

	share = fmin(1, fmax(0, share));
	return p->y0 + PANEL_HEIGHT - BELOW - share * (PANEL_HEIGHT - ABOVE - BELOW);
}

static void add_axes(struct buf *b, const struct panel *p)
{
	char label[32];

	buf_printf(b,
		   "<rect x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"%d\" fill=\"none\" "
		   "stroke=\"#888\"/>\n",
		   p->x0 + LEFT, p->y0 + ABOVE, PANEL_WIDTH - LEFT - RIGHT,
		   PANEL_HEIGHT - ABOVE - BELOW);
	for (int i = 0; i <= TICKS; i++) {
		double x = p->low_x + (p->high_x - p->low_x) * i / TICKS;
		double y = p->low_y + (p->high_y - p->low_y) * i / TICKS;

		(void)snprintf(label, sizeof(label), "%.4g", x);
		add_text(b, at_x(p, x), p->y0 + PANEL_HEIGHT - BELOW + 14, "middle", 10, label);
		(void)snprintf(label, sizeof(label), "%.3g", y);
		add_text(b, p->x0 + LEFT - 6, at_y(p, y) + 4, "end", 10, label);
		buf_printf(
			b,
			"<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#e4e4e4\"/>\n",
			p->x0 + LEFT, at_y(p, y), p->x0 + PANEL_WIDTH - RIGHT, at_y(p, y));
	}
	add_text(b, p->x0 + LEFT, p->y0 + ABOVE - 8, "start", 12, p->title);
	add_text(b, p->x0 + (PANEL_WIDTH + LEFT) / 2.0, p->y0 + PANEL_HEIGHT - 10, "middle", 11,
		 p->x_label);
	buf_printf(b,
		   "<text transform=\"translate(%.1f %.1f) rotate(-90)\" text-anchor=\"middle\" "
		   "font-size=\"11\">",
		   p->x0 + 14, p->y0 + PANEL_HEIGHT / 2.0);
	add_escaped(b, p->y_label);
	buf_puts(b, "</text>\n");
}

static void add_series(struct buf *b, const struct panel *p, int d)
{
	const struct series *s = &p->way[d];

	if (s->n == 0)
		return;
	buf_printf(b, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" points=\"",
		   colors[d]);
	for (size_t i = 0; i < s->n; i++)
		buf_printf(b, "%s%.1f,%.1f", i ? " " : "", at_x(p, s->x[i]), at_y(p, s->y[i]));
	buf_puts(b, "\"/>\n");
	if (!s->has_asked)
		return;
	buf_printf(b, "<line class=\"asked\" stroke=\"%s\" stroke-dasharray=\"5 4\" ", colors[d]);
	if (p->asked_is_x)
		buf_printf(b, "x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
			   at_x(p, s->asked), at_y(p, 0), at_x(p, s->asked), at_y(p, p->high_y));
	else
		buf_printf(b, "x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
			   at_x(p, p->low_x), at_y(p, s->asked), at_x(p, p->high_x),
			   at_y(p, s->asked));
}

static void add_panel(struct buf *b, struct panel *p)
{
	if (p->way[0].n == 0 && p->way[1].n == 0) {
		add_text(b, p->x0 + LEFT, p->y0 + ABOVE - 8, "start", 12, p->title);
		add_text(b, p->x0 + PANEL_WIDTH / 2.0, p->y0 + PANEL_HEIGHT / 2.0, "middle", 12,
			 "not measured");
		return;
	}
	find_ranges(p);
	add_axes(b, p);
	for (int d = 0; d < 2; d++)
		add_series(b, p, d);
}

static void add_link(struct buf *b, const char *name, const json_t *link, double y)
{
	struct panel panels[PANELS] = {
		{ .title = "delay",
		  .x_label = "ms",
		  .y_label = "share of packets",
		  .asked_is_x = true },
		{ .title = "jitter: distance from the median",
		  .x_label = "ms",
		  .y_label = "share of packets",
		  .asked_is_x = true },
		{ .title = "rate over time", .x_label = "s", .y_label = "Mb/s" },
	};
	const json_t *ends = json_object_get(link, "endpoints");
	char heading[512];

	for (int d = 0; d < 2; d++) {
		const json_t *way = json_object_get(link, topo_arrow(d));

		read_delay(way, &panels[0].way[d]);
		read_jitter(way, &panels[1].way[d]);
		read_rate(way, &panels[2].way[d]);
	}
	add_text(b, LEFT, y + 14, "start", 15, name);
	for (int d = 0; d < 2; d++) {
		const char *from = json_string_value(json_array_get(ends, (size_t)d));
		const char *to = json_string_value(json_array_get(ends, (size_t)!d));

		(void)snprintf(heading, sizeof(heading), "%s to %s", from ? from : "?",
			       to ? to : "?");
		buf_printf(b, "<g fill=\"%s\">", colors[d]);
		add_text(b, PANEL_WIDTH + d * PANEL_WIDTH, y + 14, "start", 12, heading);
		buf_puts(b, "</g>\n");
	}
	for (int i = 0; i < PANELS; i++) {
		panels[i].x0 = i * PANEL_WIDTH;
		panels[i].y0 = y + 16;
		add_panel(b, &panels[i]);
	}
}

void plot_svg(struct buf *b, const json_t *verified)
{
	const json_t *links = json_object_get(verified, "links");
	const char *lab = json_string_value(json_object_get(verified, "name")), *name;
	double y = TOP;
	json_t *link;

	buf_printf(b,
		   "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%zu\" "
		   "font-family=\"sans-serif\">\n"
		   "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n<g fill=\"#222\">\n",
		   PANELS * PANEL_WIDTH, TOP + json_object_size(links) * ROW_HEIGHT);
	buf_printf(b, "<text x=\"%d\" y=\"24\" font-size=\"17\">lab ", LEFT);
	add_escaped(b, lab ? lab : "?");
	buf_puts(b, ": links as measured; dashed: as asked</text>\n");
	json_object_foreach((json_t *)links, name, link)
	{
		add_link(b, name, link, y);
		y += ROW_HEIGHT;
	}
	buf_puts(b, "</g>\n</svg>\n");
}
