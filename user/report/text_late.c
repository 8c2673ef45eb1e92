/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who was late: the threads that were the last to stop, and so decided how long it took. By where
 * they were, and what kept them.
 */
#include <inttypes.h>
#include <stdio.h>

#include "report/text.h"

#define HOW_WIDTH 10

const char *text_late__how(enum model_late_how how)
{
	static const char *const words[MODEL_LATE_MAX] = {
		[MODEL_LATE_RAN] = "ran on", [MODEL_LATE_WAITED] = "had no CPU",
		[MODEL_LATE_AWAY] = "was away", [MODEL_LATE_UNKNOWN] = "unknown",
		[MODEL_LATE_WOKEN] = "woke late",
	};

	return words[how];
}

static void print_head(struct text *t, bool faults)
{
	report_print__f(&t->out, "\n%s%*s  %7s  %7s  %-*s  ", text__on(t, STYLE_BOLD), t->count_width,
			"STOPS", "LATE", "MAX", HOW_WIDTH, "HOW");
	if (faults)
		report_print__f(&t->out, "%7s  ", "FAULTS");
	report_print__f(&t->out, "LAST TO STOP%s\n", text__off(t));
}

/* The figures of a row, up to and with the gap behind them; returns their width. */
static int print_figures(struct text *t, const struct report_sample *s, const char *how, bool faults)
{
	char time[REPORT_TIME_LEN] = "-", max[REPORT_TIME_LEN] = "-";

	if (s->ns) {
		report_print__time(s->ns, time);
		report_print__time(s->max_ns, max);
	}
	report_print__f(&t->out, "%*" PRIu64 "  %7s  %7s  %-*s  ", t->count_width, s->count, time,
			max, HOW_WIDTH, how);
	if (faults)
		report_print__f(&t->out, "%7" PRIu64 "  ", s->faults);
	return t->count_width + 2 + 9 + 9 + HOW_WIDTH + 2 + (faults ? 9 : 0);
}

static int print_table(struct text *t)
{
	const struct report_set *set = &t->p->late;
	/* Now and then a page fault is nothing to look at. */
	bool faults = set->total.faults > set->total.count;
	struct report_sample more = { 0 };
	struct report_table table;
	int err, used;

	err = report_table__make(set, REPORT_TABLE_CODED, REPORT_PAUSE_TIME, t->arena, &table);
	if (err)
		return err;
	print_head(t, faults);
	for (size_t i = 0; i < table.nrows; i++) {
		const struct report_row *row = &table.rows[i];

		if (i >= t->top) {
			report__add(&more, &row->sum);
			continue;
		}
		used = print_figures(t, &row->sum,
				     text_late__how((enum model_late_how)row->sample->code), faults);
		text__site(t, row->sample, t->columns - used);
	}
	if (table.nrows > t->top) {
		print_figures(t, &more, "", faults);
		report_print__f(&t->out, "... %zu more\n", table.nrows - t->top);
	}
	if (report__counts(&set->lost)) {
		print_figures(t, &set->lost, "", faults);
		report_print__f(&t->out, "%sgotrace.lost%s\n", text__on(t, STYLE_ALARM), text__off(t));
	}
	print_figures(t, &set->total, "", faults);
	report_print__f(&t->out, "%stotal%s\n", text__on(t, STYLE_BOLD), text__off(t));
	return t->out.err;
}

/* Stacks are long: a quarter as many as rows of a table. */
static int print_stacks(struct text *t)
{
	size_t shown = (t->top + 3) / 4, rest;
	struct report_sample more = { 0 };
	struct report_table table;
	char time[REPORT_TIME_LEN];
	int err;

	err = report_table__make(&t->p->late, REPORT_TABLE_STACKS, REPORT_PAUSE_TIME, t->arena,
				 &table);
	if (err || !table.nrows)
		return err;
	text__title(t, "Heaviest stacks of late threads");
	for (size_t i = 0; i < table.nrows; i++) {
		const struct report_sample *s = table.rows[i].sample;

		if (i >= shown) {
			report__add(&more, s);
			continue;
		}
		report_print__f(&t->out, "%s%7s%s  %" PRIu64 " stop%s, %s\n", text__on(t, STYLE_BOLD),
				report_print__time(s->ns, time), text__off(t), s->count,
				text__plural(s->count),
				text_late__how((enum model_late_how)s->code));
		text__frames(t, s);
	}
	rest = table.nrows > shown ? table.nrows - shown : 0;
	if (rest)
		report_print__f(&t->out, "%7s  %" PRIu64 " stops in %zu more\n",
				report_print__time(more.ns, time), more.count, rest);
	return t->out.err;
}

int text_late__summary(struct text *t)
{
	const struct report_sample *total = &t->p->late.total;
	uint64_t stops = total->count - t->p->late.lost.count;
	char longer[REPORT_TIME_LEN], time[REPORT_TIME_LEN];
	int err;

	text__title(t, "Who was late");
	report_print__f(&t->out, "%" PRIu64 " stop%s took ", stops, text__plural(stops));
	if (t->longer_ns)
		report_print__f(&t->out, "%s or longer", report_print__time(t->longer_ns, longer));
	else
		report_print__f(&t->out, "long");
	report_print__f(&t->out, " and had a thread that was the last to stop");
	if (stops)
		report_print__f(&t->out, "\ntogether %s late, %s at most",
				report_print__time(total->ns, time),
				report_print__time(total->max_ns, longer));
	report_print__f(&t->out, "\n");
	if (!report__counts(total))
		return t->out.err;
	err = print_table(t);
	return err ? err : print_stacks(t);
}
