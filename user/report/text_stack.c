/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The growth of goroutine stacks as text. Every time is that of the copy itself. Shrinks are the
 * collector's doing, not that of the code on the stack: they have lines of their own and are in no
 * table of growths.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "report/text.h"

/* Growing functions in an interval that has allocations to show as well. */
#define INTERVAL_ROWS 5
/* Rows below which an interval has no room for them. */
#define INTERVAL_LEAST 9

#define BAR_MAX 20
#define STEP_WIDTH 20

static const char lost_label[] = "gotrace.lost";

/* "64K": for columns. Sizes of stacks are powers of two; what is none is shown in bytes. */
static char *short_size(uint32_t size, char buf[TEXT_SIZE_LEN])
{
	if (size >= 1 << 20 && !(size % (1 << 20)))
		snprintf(buf, TEXT_SIZE_LEN, "%uM", size >> 20);
	else if (size >= 1 << 10 && !(size % (1 << 10)))
		snprintf(buf, TEXT_SIZE_LEN, "%uK", size >> 10);
	else
		snprintf(buf, TEXT_SIZE_LEN, "%u", size);
	return buf;
}

char *text_stack__size(uint32_t size, char buf[TEXT_SIZE_LEN])
{
	if (size >= 1 << 20 && !(size % (1 << 20)))
		snprintf(buf, TEXT_SIZE_LEN, "%u MiB", size >> 20);
	else if (size >= 1 << 10 && !(size % (1 << 10)))
		snprintf(buf, TEXT_SIZE_LEN, "%u KiB", size >> 10);
	else
		snprintf(buf, TEXT_SIZE_LEN, "%u B", size);
	return buf;
}

const char *text_stack__about(const struct report_sample *s)
{
	return s->untimed ? "~" : "";
}

char *text_stack__cpu(const struct text *t, char buf[TEXT_SIZE_LEN])
{
	char share[TEXT_PERCENT_LEN];

	snprintf(buf, TEXT_SIZE_LEN, "%s%s", text_stack__about(&t->p->growth.total),
		 text__percent(text__share(t, t->p->growth.total.ns), share));
	return buf;
}

static double percent(const struct text *t, const struct report_sample *s)
{
	uint64_t total = report__value(&t->p->growth.total, t->growth_metric);

	return total ? 100.0 * report__value(s, t->growth_metric) / total : 0;
}

/* The time of one of n copies, "~1.21 us" if it is an estimate. Returns buf. */
static char *took(const struct report_sample *s, uint64_t n, char buf[REPORT_TIME_LEN])
{
	char time[REPORT_TIME_LEN - 1];

	/* No copy was timed at all. */
	if (s->untimed && !s->ns)
		return strcpy(buf, "-");
	snprintf(time, sizeof(time), "%s", report_print__time(s->ns / n, buf));
	snprintf(buf, REPORT_TIME_LEN, "%s%s", text_stack__about(s), time);
	return buf;
}

/* The figures of a row, up to and with the gap behind them. Returns their width. */
static int print_figures(struct text *t, const struct report_sample *s)
{
	char bytes[8], time[8];
	const char *bytes_unit = report_print__units(s->copied, bytes);
	const char *time_unit = report_print__time_units(s->ns, time);

	/* How long a lost copy took is not known. */
	if (!s->ns) {
		strcpy(time, "-");
		time_unit = "";
	}
	/* What marks an estimate takes the second blank of the gap. */
	report_print__f(&t->out, "%4s %-3s  %5.1f  %*" PRIu64 " %s%4s %-2s  ", bytes, bytes_unit,
			percent(t, s), t->count_width, s->count, s->untimed ? "~" : " ", time,
			time_unit);
	return 8 + 2 + 5 + 2 + t->count_width + 2 + 7 + 2;
}

static void print_head(struct text *t, enum report_table_kind kind)
{
	report_print__f(&t->out, "%s%8s  %5s  %*s  %7s  ", text__on(t, STYLE_BOLD), "COPIED",
			t->growth_metric == REPORT_GROWTHS ? "% NUM" : "%", t->count_width,
			"GROWTHS", "TIME");
	if (kind == REPORT_TABLE_STARTS)
		report_print__f(&t->out, "%7s  %7s  %5s  GOROUTINE", "FIRST", "AGAIN", "UP TO");
	else
		report_print__f(&t->out, "%-10s  %5s  GROWING FUNCTION", "MOSTLY", "UP TO");
	report_print__f(&t->out, "%s\n", text__off(t));
}

/* The line of a growth is its function's first one, so the name goes before the place. */
static void print_site(struct text *t, const struct report_frame *f, int room)
{
	const char *func = text__func(t, f->func, room), *base;
	char line[16] = "";

	base = text__clean(t, report_print__base(f->file));
	if (f->line)
		snprintf(line, sizeof(line), ":%d", f->line);
	report_print__f(&t->out, "%s", func);
	if (*base && report_print__width(func) + 1 + report_print__width(base) + strlen(line) <=
			     (size_t)(room > 0 ? room : 0))
		report_print__f(&t->out, " %s%s%s%s", text__on(t, STYLE_DIM), base, line,
				text__off(t));
	report_print__f(&t->out, "\n");
}

static void print_row(struct text *t, const struct report_row *row, enum report_table_kind kind)
{
	char from[TEXT_SIZE_LEN], to[TEXT_SIZE_LEN], largest[TEXT_SIZE_LEN], step[2 * TEXT_SIZE_LEN + 2];
	int used = print_figures(t, &row->sum), n;

	short_size(row->largest, largest);
	if (kind == REPORT_TABLE_STARTS) {
		n = snprintf(NULL, 0, "%7" PRIu64 "  %7" PRIu64 "  %5s  ", row->first,
			     row->regrowths, largest);
		report_print__f(&t->out, "%7" PRIu64 "  %7" PRIu64 "  %5s  %s\n", row->first,
				row->regrowths, largest,
				text__func(t, row->label, t->columns - used - n));
		return;
	}
	snprintf(step, sizeof(step), "%s->%s", short_size(row->from, from),
		 short_size(row->to, to));
	n = snprintf(NULL, 0, "%-10s  %5s  ", step, largest);
	report_print__f(&t->out, "%-10s  %5s  ", step, largest);
	print_site(t, &row->sample->frames[0], t->columns - used - n);
}

/* A line without the columns that only a single row can fill. */
static void print_sum(struct text *t, const struct report_sample *sum,
		      enum report_table_kind kind)
{
	print_figures(t, sum);
	report_print__f(&t->out, "%*s", kind == REPORT_TABLE_STARTS ? 25 : 19, "");
}

/* Rows beyond the top; returns how many there are. */
static size_t sum_rest(const struct report_table *table, size_t top, struct report_sample *more)
{
	*more = (struct report_sample){ 0 };
	for (size_t i = top; i < table->nrows; i++)
		report__add(more, &table->rows[i].sum);
	return table->nrows > top ? table->nrows - top : 0;
}

static void print_rows(struct text *t, const struct report_table *table,
		       enum report_table_kind kind, size_t top)
{
	struct report_sample more;
	size_t rest = sum_rest(table, top, &more);

	print_head(t, kind);
	for (size_t i = 0; i < table->nrows && i < top; i++)
		print_row(t, &table->rows[i], kind);
	if (rest) {
		print_sum(t, &more, kind);
		report_print__f(&t->out, "... %zu more\n", rest);
	}
}

static int print_table(struct text *t, enum report_table_kind kind)
{
	const struct report_set *set = &t->p->growth;
	struct report_table table;
	int err;

	err = report_table__make(set, kind, t->growth_metric, t->arena, &table);
	if (err)
		return err;
	report_print__f(&t->out, "\n");
	print_rows(t, &table, kind, t->top);
	if (report__counts(&set->lost)) {
		print_sum(t, &set->lost, kind);
		report_print__f(&t->out, "%s%s%s\n", text__on(t, STYLE_ALARM), lost_label,
				text__off(t));
	}
	print_sum(t, &set->total, kind);
	report_print__f(&t->out, "%stotal%s\n", text__on(t, STYLE_BOLD), text__off(t));
	return t->out.err;
}

/*
 * A row of the steps; timed: how many of the copies have a time. most is the count that a whole bar
 * stands for, 0: no bar.
 */
static void print_step(struct text *t, const char *label, const struct report_sample *s,
		       uint64_t timed, uint64_t most)
{
	char bytes[8], mean[REPORT_TIME_LEN] = "-", max[REPORT_TIME_LEN] = "-";
	const char *unit = report_print__units(s->copied, bytes);
	int room = t->columns - (STEP_WIDTH + 2 + t->count_width + 2 + 8 + 2 + 7 + 2 + 7 + 4);
	int bar = room < BAR_MAX ? room : BAR_MAX, n = 0;

	if (timed) {
		took(s, timed, mean);
		report_print__time(s->max_ns, max);
	}
	report_print__f(&t->out, "%-*s  %*" PRIu64 "  %4s %-3s %8s  %7s", STEP_WIDTH, label,
			t->count_width, s->count, bytes, unit, mean, max);
	if (most && bar > 4) {
		n = (int)((double)s->count / most * bar);
		report_print__f(&t->out, "  |");
		for (int i = 0; i < bar; i++)
			report_print__f(&t->out, "%c", i < n || (!i && s->count) ? '*' : ' ');
		report_print__f(&t->out, "|");
	}
	report_print__f(&t->out, "\n");
}

static int print_steps(struct text *t, const struct report_set *set, const char *what)
{
	char from[TEXT_SIZE_LEN], to[TEXT_SIZE_LEN], label[64];
	struct report_sample more;
	struct report_table table;
	uint64_t most = 1;
	size_t rest;
	int err;

	err = report_table__make(set, REPORT_TABLE_STEPS, REPORT_GROWTHS, t->arena, &table);
	if (err)
		return err;
	for (size_t i = 0; i < table.nrows && i < t->top; i++)
		most = table.rows[i].sum.count > most ? table.rows[i].sum.count : most;
	report_print__f(&t->out, "\n%s%-*s  %*s  %8s  %7s  %7s%s\n", text__on(t, STYLE_BOLD),
			STEP_WIDTH, "     FROM    TO", t->count_width, what, "COPIED", "MEAN",
			"MAX", text__off(t));
	for (size_t i = 0; i < table.nrows && i < t->top; i++) {
		const struct report_sample *s = table.rows[i].sample;

		snprintf(label, sizeof(label), "%9s -> %s", text_stack__size(s->from, from),
			 text_stack__size(s->to, to));
		print_step(t, label, &table.rows[i].sum, table.rows[i].sum.count, most);
	}
	rest = sum_rest(&table, t->top, &more);
	if (rest) {
		snprintf(label, sizeof(label), "... %zu more", rest);
		print_step(t, label, &more, more.count, 0);
	}
	if (report__counts(&set->lost))
		print_step(t, lost_label, &set->lost, 0, 0);
	print_step(t, "total", &set->total, set->total.count - set->lost.count, 0);
	return t->out.err;
}

static void print_stack(struct text *t, const struct report_sample *s)
{
	char from[TEXT_SIZE_LEN], to[TEXT_SIZE_LEN], bytes[REPORT_BYTES_LEN], head[160];

	snprintf(head, sizeof(head), "%s  %" PRIu64 " %s%s, %s -> %s, goroutine ",
		 report_print__bytes(s->copied, bytes), s->count,
		 s->kind == MODEL_REGROWTH ? "re-growth" : "growth", text__plural(s->count),
		 text_stack__size(s->from, from), text_stack__size(s->to, to));
	report_print__f(&t->out, "%s%5.1f %%%s  %s%s\n", text__on(t, STYLE_BOLD), percent(t, s),
			text__off(t), head,
			text__func(t, s->start, t->columns - 9 - (int)strlen(head)));
	text__frames(t, s);
}

/* Stacks are long: a quarter as many as rows of a table. */
static int print_stacks(struct text *t)
{
	size_t shown = (t->top + 3) / 4, rest;
	struct report_sample more;
	struct report_table table;
	char buf[REPORT_BYTES_LEN];
	int err;

	err = report_table__make(&t->p->growth, REPORT_TABLE_STACKS, t->growth_metric, t->arena,
				 &table);
	if (err)
		return err;
	text__title(t, "Heaviest stacks, growing function first");
	for (size_t i = 0; i < table.nrows && i < shown; i++)
		print_stack(t, table.rows[i].sample);
	rest = sum_rest(&table, shown, &more);
	if (rest)
		report_print__f(&t->out, "%5.1f %%  %s  %" PRIu64 " growths in %zu more\n",
				percent(t, &more), report_print__bytes(more.copied, buf),
				more.count, rest);
	return t->out.err;
}

static uint64_t count_regrowths(const struct report_set *set)
{
	uint64_t n = 0;

	for (size_t i = 0; i < set->nsamples; i++)
		n += set->samples[i].kind == MODEL_REGROWTH ? set->samples[i].count : 0;
	return n;
}

/* How many copies the times rest on, where that is not all. */
static void print_estimates(struct text *t)
{
	const struct report_set *growth = &t->p->growth, *shrink = &t->p->shrink;
	uint64_t n = growth->total.count - growth->lost.count + shrink->total.count;
	uint64_t untimed = growth->total.untimed + shrink->total.untimed;
	const struct model_time *time = &t->p->time;
	char period[64] = "", line[256];

	if (!untimed)
		return;
	if (time->timing_end_ns > time->start_ns)
		snprintf(period, sizeof(period), "for the first %.1f s ",
			 (time->timing_end_ns - time->start_ns) / 1e9);
	snprintf(line, sizeof(line),
		 "copies were timed %s(%" PRIu64 " of %" PRIu64 "): the longest one is of these, and ~ "
		 "marks times that are estimates", period, n - untimed, n);
	text__paragraph(t, line, 2);
}

static void print_totals(struct text *t)
{
	const struct report_set *set = &t->p->growth;
	const struct report_sample *total = &set->total, *shrunk = &t->p->shrink.total;
	uint64_t timed = total->count - set->lost.count, again = count_regrowths(set);
	char bytes[REPORT_BYTES_LEN], time[REPORT_TIME_LEN], max[REPORT_TIME_LEN];
	char cpu[TEXT_SIZE_LEN];

	report_print__f(&t->out, "%" PRIu64 " growth%s, %" PRIu64 " re-growth%s",
			timed - again, text__plural(timed - again), again, text__plural(again));
	if (set->lost.count)
		report_print__f(&t->out, ", %" PRIu64 " lost", set->lost.count);
	if (total->count && t->p->seconds > 0)
		report_print__f(&t->out, " (%.0f/s)", text__rate(t, total->count));
	report_print__f(&t->out, "; %s copied in %s\n", report_print__bytes(total->copied, bytes),
			took(total, 1, time));
	if (timed)
		report_print__f(&t->out, "a copy took %s on average, %s at most",
				took(total, timed, time),
				report_print__time(total->max_ns, max));
	if (timed && t->p->seconds > 0)
		report_print__f(&t->out, "; %s of one CPU", text_stack__cpu(t, cpu));
	if (timed)
		report_print__f(&t->out, "\n");
	report_print__f(&t->out, "%" PRIu64 " shrink%s by the collector", shrunk->count,
			text__plural(shrunk->count));
	if (shrunk->count)
		report_print__f(&t->out, ", %s copied in %s, %s at most",
				report_print__bytes(shrunk->copied, bytes),
				took(shrunk, 1, time), report_print__time(shrunk->max_ns, max));
	report_print__f(&t->out, "\n");
	print_estimates(t);
}

int text_stack__summary(struct text *t)
{
	int err = 0;

	text__title(t, "Goroutine stack growth");
	print_totals(t);
	if (report__counts(&t->p->growth.total)) {
		err = print_table(t, REPORT_TABLE_SITES);
		if (!err)
			err = print_table(t, REPORT_TABLE_STARTS);
		if (!err)
			err = print_steps(t, &t->p->growth, "GROWTHS");
	}
	if (!err && report__counts(&t->p->shrink.total))
		err = print_steps(t, &t->p->shrink, "SHRINKS");
	if (!err && t->p->growth.nsamples)
		err = print_stacks(t);
	return err ? err : text_advice__growths(t);
}

/*
 * With allocations above it, the growths get a line, and a few rows if there are many. Without, they
 * have all rows.
 */
int text_stack__rows(struct text *t, size_t *rows)
{
	struct report_table table;
	size_t n = INTERVAL_ROWS;
	int err;

	err = report_table__make(&t->p->growth, REPORT_TABLE_SITES, t->growth_metric, t->arena,
				 &table);
	if (err)
		return err;
	*rows = 1;
	if (!(t->groups & MODEL_ALLOC)) {
		*rows = t->top + 3;
	} else if (table.nrows && t->top >= INTERVAL_LEAST) {
		if (n > t->top / 3)
			n = t->top / 3;
		/* The line, the head of the table, its rows, and how many more there are. */
		*rows = 2 + (table.nrows > n ? n + 1 : table.nrows);
	}
	return 0;
}

static void print_interval_line(struct text *t)
{
	const struct report_sample *total = &t->p->growth.total;
	uint64_t lost = t->p->growth.lost.count;
	char bytes[REPORT_BYTES_LEN], time[REPORT_TIME_LEN], line[128], sum[32], missing[32] = "";
	int width;

	width = snprintf(line, sizeof(line), "%.0f growths/s (%.0f again), %s/s copied",
			 text__rate(t, total->count), text__rate(t, count_regrowths(&t->p->growth)),
			 report_print__bytes(text__rate(t, total->copied), bytes));
	width += snprintf(sum, sizeof(sum), " in %s%s/s", text_stack__about(total),
			  report_print__time(text__rate(t, total->ns), time));
	if (lost)
		width += snprintf(missing, sizeof(missing), ", lost %" PRIu64, lost);
	/* A line that wraps would push the first one off the screen. */
	if ((int)strlen("stacks: ") + width > t->columns)
		*sum = '\0';
	report_print__f(&t->out, "%sstacks:%s %s%s%s%s%s\n", text__on(t, STYLE_BOLD), text__off(t),
			line, sum, text__on(t, STYLE_ALARM), missing, text__off(t));
}

int text_stack__interval(struct text *t, size_t rows)
{
	struct report_table table;
	int err;

	err = report_table__make(&t->p->growth, REPORT_TABLE_SITES, t->growth_metric, t->arena,
				 &table);
	if (err)
		return err;
	print_interval_line(t);
	if (rows < 3 || !table.nrows)
		return t->out.err;
	rows -= 2;
	print_rows(t, &table, REPORT_TABLE_SITES, table.nrows > rows ? rows - 1 : rows);
	return t->out.err;
}

/* As for allocations: the tables and the counters are read some microseconds apart. */
static void print_balance(struct text *t)
{
	const struct report_profile *p = t->p;
	uint64_t told = p->growth.total.count + p->growth.filtered.count + p->shrink.total.count +
			p->shrink.filtered.count;
	uint64_t seen = p->counters.growths_seen, unmatched = p->counters.growths_unmatched;

	report_print__f(&t->out, "seen: %" PRIu64 " stack cop%s", seen, seen == 1 ? "y" : "ies");
	if (unmatched)
		report_print__f(&t->out, "; %s%" PRIu64 " begins without an end%s",
				text__on(t, STYLE_ALARM), unmatched, text__off(t));
	if (seen > told)
		report_print__f(&t->out, "; %" PRIu64 " not in the tables yet", seen - told);
	else if (seen < told)
		report_print__f(&t->out, "; %" PRIu64 " more in the tables by then", told - seen);
	report_print__f(&t->out, "\n");
}

void text_stack__losses(struct text *t)
{
	const struct report_sample *lost = &t->p->growth.lost;
	struct report_sample filtered = t->p->growth.filtered;
	char buf[REPORT_BYTES_LEN];

	print_balance(t);
	if (lost->count || lost->copied) {
		report_print__f(&t->out, "%slost: %" PRIu64 " stack cop%s, %s%s (%.1f %% of all "
				"%s)\n", text__on(t, STYLE_ALARM), lost->count,
				lost->count == 1 ? "y" : "ies",
				report_print__bytes(lost->copied, buf), text__off(t),
				percent(t, lost),
				t->growth_metric == REPORT_GROWTHS ? "growths" : "bytes copied");
		text__causes(t, MODEL_STACK);
	} else {
		report_print__f(&t->out, "lost: 0 stack copies\n");
	}
	report__add(&filtered, &t->p->shrink.filtered);
	if (report__counts(&filtered))
		report_print__f(&t->out,
				"filtered out: %" PRIu64 " stack copies, %s (not in the total)\n",
				filtered.count, report_print__bytes(filtered.copied, buf));
}
