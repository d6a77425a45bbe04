/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The script that draws the files of --gnuplot, beside them: a picture above the other for each
 * figure, all with the same time from left to right.
 *
 * Called by export_gnuplot.c when all points are known, since it names only files that there are.
 */
#include "gnuplot.h"

#include "out.h"

/* Colours that the colour-blind tell apart (Okabe and Ito), without the yellow. */
static const char *const colors[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
				     "#e69f00", "#56b4e9", "#000000"};
#define OTHERS_COLOR "#aaaaaa"

/*
 * @above: anything is above 0. Gnuplot has no range for what is 0 all along, and a line on the axis
 * looks as if nothing had been measured.
 */
static void panel_begin(struct text *s, const char *title, const char *unit, bool above)
{
	text_printf(s, "\nset title \"%s%s\"\nset ylabel \"%s\"\nset yrange [0:%s]\nplot \\\n",
		    title, above ? "" : ": 0 all along", unit, above ? "*" : "1");
}

/*
 * @title: NULL: it has none of its own.
 *
 * A point stands at the end of its interval; a smoothed one amid those that it is the mean of.
 */
static void panel_line(const struct gnuplot *g, struct text *s, const char *file, const char *title,
		       const char *color, bool *any)
{
	const char *style = g->frame.smooth > 1 ? "histeps" : "fsteps";

	text_printf(s, "%s\t\"%s\" with %s linecolor rgb \"%s\" ", *any ? ", \\\n" : "", file,
		    style, color);
	if (title)
		text_printf(s, "title \"%s\"", title);
	else
		text_str(s, "notitle");
	*any = true;
}

/* Commands by how many requests there were; those in front have a colour each. */
static void rank_commands(const struct gnuplot *g, enum calls_view view,
			  unsigned int ret[WIRE_COMMANDS])
{
	for (unsigned int c = 0; c < WIRE_COMMANDS; c++) {
		uint64_t total = g->commands[view][c][FIGURE_SENT].total;
		unsigned int at = c;

		for (; at && g->commands[view][ret[at - 1]][FIGURE_SENT].total < total; at--)
			ret[at] = ret[at - 1];
		ret[at] = c;
	}
}

static size_t panel_figure(const struct gnuplot *g, enum calls_view view, size_t figure,
			   struct text *s)
{
	static const char *const titles[FIGURES] = {"began", "sent", "acknowledged", "answered"};
	unsigned int ranked[WIRE_COMMANDS];
	bool any = false, others = false, above = false;
	char name[64];

	rank_commands(g, view, ranked);
	for (size_t i = 0; i < WIRE_COMMANDS; i++)
		above |= g->commands[view][i][figure].points.above;
	for (size_t i = 0; i < WIRE_COMMANDS; i++) {
		bool colored = i < ARRAY_SIZE(colors);
		const char *title = wire_command_name(ranked[i]);

		if (!g->commands[view][ranked[i]][figure].points.begun)
			continue;
		if (!any)
			panel_begin(s, titles[figure], "requests / 10 ms", above);
		(void)snprintf(name, sizeof(name), "%s.%s", title, gnuplot_figure_names[figure]);
		panel_line(g, s, name,
			   colored  ? title
			   : others ? NULL
				    : "others",
			   colored ? colors[i] : OTHERS_COLOR, &any);
		others |= !colored;
	}
	text_str(s, any ? "\n" : "");
	return any;
}

static size_t panel_levels(const struct gnuplot *g, enum calls_view view, struct text *s)
{
	bool any = false, above = false;

	for (size_t i = 0; i < LEVELS; i++)
		above |= g->levels[view][i].points.above;
	for (size_t i = 0; i < LEVELS; i++) {
		if (!g->levels[view][i].points.begun)
			continue;
		if (!any)
			panel_begin(s, "at the end of each interval", "requests", above);
		panel_line(g, s, gnuplot_level_names[i], gnuplot_level_names[i], colors[i], &any);
	}
	text_str(s, any ? "\n" : "");
	return any;
}

static size_t panel_tcp(const struct gnuplot *g, size_t i, struct text *s)
{
	static const char *const units[TCP_FIGURES] = {"segments", "bytes", "retransmissions",
						       "us"};
	bool any = false;

	if (!g->tcp[i].begun)
		return 0;
	panel_begin(s, gnuplot_tcp_names[i], units[i], g->tcp[i].above);
	panel_line(g, s, gnuplot_tcp_names[i], gnuplot_tcp_names[i], colors[0], &any);
	text_str(s, "\n");
	return 1;
}

/**
 * gnuplot_script() - rpc.gp, which draws what there is
 * @view: whose requests were kept
 * @t:    gets a row for it
 *
 * Names of files and titles are all ours: nothing of the recording is in the script.
 */
void gnuplot_script(const struct gnuplot *g, enum calls_view view, struct table *t)
{
	CLEANUP(text_free) struct text panels = {0}, s = {0};
	uint32_t file = files_add(g->frame.files);
	size_t count = 0;

	for (size_t i = 0; i < FIGURES; i++)
		count += panel_figure(g, view, i, &panels);
	count += panel_levels(g, view, &panels);
	for (size_t i = 0; i < TCP_FIGURES; i++)
		count += panel_tcp(g, i, &panels);
	if (!count)
		return;
	text_printf(&s,
		    "# Draws the files beside it: gnuplot rpc.gp makes rpc.svg; for a PNG\n"
		    "# gnuplot -e 'form=\"png\"' rpc.gp\n"
		    "if (!exists(\"form\")) form = \"svg\"\n"
		    "set terminal @form size 1200,%zu\n"
		    "set output \"rpc.\".form\n"
		    "set multiplot layout %zu,1\n"
		    "set datafile separator tab\n"
		    /* One column of names, as wide as the longest. */
		    "set key outside right top vertical maxcols 1 noenhanced font \",9\"\n"
		    "set grid\n"
		    "set lmargin 12\nset rmargin 30\n"
		    "set xrange [%.6f:%.6f]\nset xlabel \"s from the %s\"\n",
		    count * 240, count,
		    (double)plot_since_zero(&g->frame, g->frame.from_ns) / (double)NSEC_PER_SEC,
		    (double)plot_since_zero(&g->frame, g->frame.to_ns) / (double)NSEC_PER_SEC,
		    g->rec->triggered ? "trigger" : "start");
	if (g->rec->triggered)
		text_str(&s,
			 "set arrow from 0, graph 0 to 0, graph 1 nohead linecolor rgb \"red\"\n");
	text_add(&s, text_c(&panels), panels.len);
	text_str(&s, "\nunset multiplot\n");
	s.failed |= !text_ok(&panels);
	files_flush(g->frame.files, file, &s, 0);
	files_name(g->frame.files, file, "rpc.gp");
	table_row(t);
	table_text(t, "rpc.gp");
	table_none(t);
	table_text(t, "draws them: gnuplot rpc.gp");
}
