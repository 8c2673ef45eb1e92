/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stop-the-world pauses and GC cycles as text, and the frame of what is said of the collector. A pause
 * is from the begin of the stop to when the world runs again. Every pause counts, whatever -I and -X
 * leave out, but for the table of who asked.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/text.h"
#include "report/via.h"

/* Rows of delays in an interval that has other groups to show, and from how many on it has them. */
#define INTERVAL_ROWS 5
#define INTERVAL_LEAST 9

#define STARS 40
#define HIST_END (1ULL << 43)		/* where the last bucket of a histogram ends */
#define REASON_WIDTH 20
#define LAST_COLUMN 55			/* where the reason begins, less the width of the count */

static const char lost_label[] = "gotrace.lost";

/* All pauses of one reason; the last of a table is their sum. */
struct reason {
	const char *name;
	uint64_t count, ns, max_ns;
	struct model_hist *whole, *stopping;	/* NULL: none of them is remembered one by one */
};

#define TOTAL MODEL_REASON_MAX

static void add_site(struct reason *r, const struct model_pause_site *s)
{
	r->count += s->count;
	r->ns += s->ns;
	if (s->max_ns > r->max_ns)
		r->max_ns = s->max_ns;
}

static int add_pause(struct text *t, struct reason *r, const struct model_pause *p)
{
	if (!r->whole) {
		r->whole = report_arena__alloc(t->arena, 2, sizeof(*r->whole));
		if (!r->whole)
			return -ENOMEM;
		r->stopping = r->whole + 1;
	}
	model_hist__add(r->whole, p->restarted_ns - p->begin_ns);
	model_hist__add(r->stopping, p->stopped_ns - p->begin_ns);
	return 0;
}

/* Reasons of a Go to come are unknown. */
static uint32_t row_of(uint32_t reason)
{
	return reason < MODEL_REASON_MAX ? reason : MODEL_REASON_UNKNOWN;
}

static int sum_reasons(struct text *t, struct reason *rows)
{
	const struct model *m = t->p->model;
	int err = 0;

	for (uint32_t i = 0; i < MODEL_REASON_MAX; i++)
		rows[i] = (struct reason){ .name = model__reason_name(i) };
	rows[TOTAL] = (struct reason){ .name = "total" };
	for (size_t i = 0; i < model__npause_sites(m); i++) {
		const struct model_pause_site *s = model__pause_site(m, i);

		add_site(&rows[row_of(s->reason)], s);
		add_site(&rows[TOTAL], s);
	}
	for (size_t i = 0; i < model__npauses(m) && !err; i++) {
		const struct model_pause *p = model__pause(m, i);

		err = add_pause(t, &rows[row_of(p->reason)], p);
		if (!err)
			err = add_pause(t, &rows[TOTAL], p);
	}
	return err;
}

static char *quantile(const struct model_hist *h, double p, char buf[REPORT_TIME_LEN])
{
	return h ? report_print__time(model_hist__quantile(h, p), buf) : strcpy(buf, "-");
}

static void print_reason(struct text *t, const struct reason *r, enum text_style style)
{
	char total[REPORT_TIME_LEN], max[REPORT_TIME_LEN], p50[REPORT_TIME_LEN],
	     p99[REPORT_TIME_LEN], stop[REPORT_TIME_LEN];
	bool plain = style == STYLE_DIM;

	report_print__f(&t->out, "%*" PRIu64 "  %7s  %7s  %7s  %7s  %8s  %s%s%s\n", t->count_width,
			r->count, report_print__time(r->ns, total), quantile(r->whole, .5, p50),
			quantile(r->whole, .99, p99), report_print__time(r->max_ns, max),
			quantile(r->stopping, .99, stop), plain ? "" : text__on(t, style),
			text__shorten(t, r->name, t->columns - LAST_COLUMN),
			plain ? "" : text__off(t));
}

static int compare_reasons(const void *x, const void *y)
{
	const struct reason *a = x, *b = y;
	int order = (a->ns < b->ns) - (a->ns > b->ns);

	return order ? order : strcmp(a->name, b->name);
}

static void print_reasons(struct text *t, struct reason *rows)
{
	uint64_t lost = t->p->pause.lost.count;

	qsort(rows, TOTAL, sizeof(*rows), compare_reasons);
	report_print__f(&t->out, "\n%s%*s  %7s  %7s  %7s  %7s  %8s  REASON%s\n",
			text__on(t, STYLE_BOLD), t->count_width, "PAUSES", "TOTAL", "p50", "p99",
			"MAX", "STOPPING", text__off(t));
	for (uint32_t i = 0; i < TOTAL; i++) {
		if (rows[i].count)
			print_reason(t, &rows[i], STYLE_DIM);
	}
	if (lost)
		report_print__f(&t->out, "%*" PRIu64 "  %7s  %7s  %7s  %7s  %8s  %s%s%s\n",
				t->count_width, lost, "-", "-", "-", "-", "-",
				text__on(t, STYLE_ALARM), lost_label, text__off(t));
	rows[TOTAL].count += lost;
	print_reason(t, &rows[TOTAL], STYLE_BOLD);
	report_print__f(&t->out, "%sSTOPPING is the time until all threads had stopped, p99%s\n",
			text__on(t, STYLE_DIM), text__off(t));
	if (rows[TOTAL].whole && rows[TOTAL].whole->count + lost < rows[TOTAL].count)
		report_print__f(&t->out, "%sp50, p99 and STOPPING are those of the last %d pauses%s\n",
				text__on(t, STYLE_DIM), MODEL_PAUSES_MAX, text__off(t));
}

static void print_pause_totals(struct text *t, const struct reason *total)
{
	char time[REPORT_TIME_LEN], stop[REPORT_TIME_LEN], share[TEXT_PERCENT_LEN];
	const struct model *m = t->p->model;
	uint64_t stopping = model__pause_hist(m, true, true)->sum +
			    model__pause_hist(m, false, true)->sum;

	report_print__f(&t->out, "%" PRIu64 " pause%s", total->count, text__plural(total->count));
	if (t->p->pause.lost.count)
		report_print__f(&t->out, ", %" PRIu64 " lost", t->p->pause.lost.count);
	if (total->count && t->p->seconds > 0)
		report_print__f(&t->out, " (%.*f/s)", text__rate(t, total->count) < 10 ? 1 : 0,
				text__rate(t, total->count));
	report_print__f(&t->out, "; the world was stopped for %s",
			report_print__time(total->ns, time));
	if (total->count && t->p->seconds > 0)
		report_print__f(&t->out, ", %s of the time",
				text__percent(text__share(t, total->ns), share));
	report_print__f(&t->out, "\n");
	if (total->count)
		report_print__f(&t->out, "%s of it went by until all threads had stopped\n",
				report_print__time(stopping, stop));
}

/* A histogram as bcc's tools print it, without the empty rows before the first. */
static void print_hist(struct text *t, const struct model_hist *h, const char *what)
{
	uint64_t lo, hi, most = 1, first = UINT64_MAX, n;

	for (lo = 0, hi = 2; lo <= h->max && lo < HIST_END; lo = hi, hi *= 2) {
		n = model_hist__between(h, lo, hi);
		most = n > most ? n : most;
		if (n && first == UINT64_MAX)
			first = lo;
	}
	report_print__f(&t->out, "\n%s%s%s\n%10s %-13s : %-8s distribution\n",
			text__on(t, STYLE_BOLD), what, text__off(t), "nsecs", "", "count");
	for (lo = 0, hi = 2; lo <= h->max && lo < HIST_END; lo = hi, hi *= 2) {
		int stars, i;

		if (lo < first)
			continue;
		n = model_hist__between(h, lo, hi);
		stars = (int)((double)n / most * STARS);
		report_print__f(&t->out, "%10" PRIu64 " -> %-10" PRIu64 " : %-8" PRIu64 " |", lo,
				hi - 1, n);
		for (i = 0; i < STARS; i++)
			report_print__f(&t->out, "%c", i < stars ? '*' : ' ');
		report_print__f(&t->out, "|\n");
	}
}

static void print_quantiles(struct text *t, const struct model_hist *h)
{
	static const struct {
		const char *name;
		double p;
	} shown[] = { { "p50", .5 }, { "p90", .9 }, { "p99", .99 }, { "p99.9", .999 }, { "max", 1 } };
	char buf[REPORT_TIME_LEN];

	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		report_print__f(&t->out, "%s%s %s", i ? "   " : "", shown[i].name,
				quantile(h, shown[i].p, buf));
	report_print__f(&t->out, "\n");
}

static void print_hists(struct text *t)
{
	const char *const titles[] = { "Other pauses", "Pauses of the collector" };

	for (int gc = 1; gc >= 0; gc--) {
		const struct model_hist *h = model__pause_hist(t->p->model, gc, false);

		if (!h->count)
			continue;
		print_hist(t, h, titles[gc]);
		print_quantiles(t, h);
	}
}

/* The share of the worst window of each length that was left to the program. */
static void print_mmu(struct text *t)
{
	const struct model *m = t->p->model;
	char time[REPORT_TIME_LEN];

	report_print__f(&t->out, "\n%sMost stopped%s  ", text__on(t, STYLE_BOLD), text__off(t));
	for (int i = 0; i < MODEL_WINDOWS; i++)
		report_print__f(&t->out, "  %5u ms", (unsigned int)(model_windows[i] / 1000000));
	report_print__f(&t->out, "\nwithin any    ");
	for (int i = 0; i < MODEL_WINDOWS; i++)
		report_print__f(&t->out, "  %8s",
				report_print__time(model__worst_stopped(m, i), time));
	report_print__f(&t->out, "\nleft (MMU)    ");
	for (int i = 0; i < MODEL_WINDOWS; i++)
		report_print__f(&t->out, "  %6.2f %%",
				100 - 100.0 * model__worst_stopped(m, i) / model_windows[i]);
	report_print__f(&t->out, "\n");
}

/* Does a sample tell less than the function that its goroutine was started with? */
static bool is_vague(const struct report_sample *s, const char *start)
{
	if (report__is_runtime(s->frames[0].func))
		return true;
	return !strcmp(s->frames[0].func, "[unknown]") && strcmp(start, "[unknown]");
}

/* Who it was: the first function that is not the runtime's, or what its goroutine runs. */
static void print_who(struct text *t, const char *label, const struct report_sample *s,
		      const char *start, const char *how)
{
	int room = t->columns - 14 - (int)report_print__width(how);

	report_print__f(&t->out, "   %-9s  %s", label, how);
	if (!is_vague(s, start))
		text__site(t, s, room);
	else
		report_print__f(&t->out, "a goroutine of %s\n", text__func(t, start, room - 15));
}

static void print_worst(struct text *t, const struct report_pause *w)
{
	const struct model_pause *p = w->pause;
	char when[16], time[REPORT_TIME_LEN], stop[REPORT_TIME_LEN], how[64];
	int64_t wall = t->p->time.start_wall_ns + (int64_t)(p->begin_ns - t->p->time.start_ns);

	text__clock(t, p->begin_ns, "%H:%M:%S", when, sizeof(when));
	report_print__f(&t->out, "%s.%03d  %7s  %8s  %s\n", when,
			(int)((wall % 1000000000 + 1000000000) % 1000000000 / 1000000),
			report_print__time(p->restarted_ns - p->begin_ns, time),
			report_print__time(p->stopped_ns - p->begin_ns, stop),
			model__reason_name(p->reason));
	print_who(t, "asked", w->requester, w->start, "");
	if (!w->late)
		return;
	snprintf(how, sizeof(how), "%s %s: ", text_late__how(p->late.how),
		 report_print__time(p->late.how_ns, time));
	print_who(t, "late", w->late, w->late_start, how);
}

static void print_all_worst(struct text *t)
{
	text__title(t, "Longest pauses");
	report_print__f(&t->out, "%s%-12s  %7s  %8s  REASON%s\n", text__on(t, STYLE_BOLD), "AT",
			"PAUSE", "STOPPING", text__off(t));
	for (size_t i = 0; i < t->p->nworst && i < t->top; i++)
		print_worst(t, &t->p->worst[i]);
}

static void print_requester(struct text *t, const struct report_row *row)
{
	char time[REPORT_TIME_LEN], max[REPORT_TIME_LEN];

	report_print__f(&t->out, "%*" PRIu64 "  %7s  %7s  %-*s  ", t->count_width, row->sum.count,
			report_print__time(row->sum.ns, time),
			report_print__time(row->sum.max_ns, max), REASON_WIDTH,
			text__shorten(t, row->sample->what, REASON_WIDTH));
	text__site(t, row->sample, t->columns - t->count_width - 22 - REASON_WIDTH);
}

/* By who asked for them; of the two pauses of a cycle that is who happened to end marking. */
static int print_requesters(struct text *t)
{
	struct report_sample more = { 0 };
	struct report_table table;
	char time[REPORT_TIME_LEN];
	int err;

	err = report_table__make(&t->p->pause, REPORT_TABLE_CODED, REPORT_PAUSE_TIME, t->arena,
				 &table);
	if (err || !table.nrows)
		return err;
	report_print__f(&t->out, "\n%s%*s  %7s  %7s  %-*s  ASKED BY%s\n", text__on(t, STYLE_BOLD),
			t->count_width, "PAUSES", "TOTAL", "MAX", REASON_WIDTH, "REASON",
			text__off(t));
	for (size_t i = 0; i < table.nrows; i++) {
		if (i < t->top)
			print_requester(t, &table.rows[i]);
		else
			report__add(&more, &table.rows[i].sum);
	}
	if (table.nrows > t->top)
		report_print__f(&t->out, "%*" PRIu64 "  %7s  %7s  %-*s  ... %zu more\n",
				t->count_width, more.count, report_print__time(more.ns, time), "",
				REASON_WIDTH, "", table.nrows - t->top);
	return t->out.err;
}

static int print_pauses(struct text *t)
{
	struct reason rows[TOTAL + 1];
	int err;

	err = sum_reasons(t, rows);
	if (err)
		return err;
	text__title(t, "Stop-the-world pauses");
	print_pause_totals(t, &rows[TOTAL]);
	if (!rows[TOTAL].count)
		return t->out.err;
	print_reasons(t, rows);
	err = print_requesters(t);
	if (err)
		return err;
	print_hists(t);
	print_mmu(t);
	print_all_worst(t);
	return t->out.err;
}

static void print_heap(struct text *t, uint64_t begin, uint64_t end, uint64_t live,
		       const char *when)
{
	char from[REPORT_BYTES_LEN], to[REPORT_BYTES_LEN], left[REPORT_BYTES_LEN];

	report_print__f(&t->out, "heap %s -> %s -> %s live %s\n", report_print__bytes(begin, from),
			report_print__bytes(end, to), report_print__bytes(live, left), when);
}

static void print_cycles(struct text *t)
{
	static const char *const triggers[MODEL_TRIGGER_MAX] = {
		[MODEL_TRIGGER_HEAP] = "by the size of the heap",
		[MODEL_TRIGGER_TIME] = "by time",
		[MODEL_TRIGGER_CYCLE] = "by runtime.GC",
		[MODEL_TRIGGER_NONE] = "by what is not known",
	};
	const struct model_cycles c = model__cycles(t->p->model);
	char mean[REPORT_TIME_LEN], max[REPORT_TIME_LEN];
	const char *gap = ": ";

	if (!c.count)
		return;
	text__title(t, "GC cycles");
	report_print__f(&t->out, "%" PRIu64 " seen from begin to end", c.count);
	for (int i = 1; i <= MODEL_TRIGGER_MAX; i++) {
		uint64_t n = c.by_trigger[i % MODEL_TRIGGER_MAX];

		if (n)
			report_print__f(&t->out, "%s%" PRIu64 " %s", gap, n,
					triggers[i % MODEL_TRIGGER_MAX]);
		gap = n ? ", " : gap;
	}
	report_print__f(&t->out, "\nconcurrent marking took %s on average, %s at most\n",
			report_print__time(c.mark_ns / c.count, mean),
			report_print__time(c.max_mark_ns, max));
	if (!c.nheap)
		return;
	print_heap(t, c.heap_begin / c.nheap, c.heap_end / c.nheap, c.heap_live / c.nheap,
		   "on average");
	print_heap(t, c.last_heap_begin, c.last_heap_end, c.last_heap_live, "in the last");
}

int text_gc__summary(struct text *t)
{
	int err;

	err = print_pauses(t);
	if (err)
		return err;
	print_cycles(t);
	err = text_late__summary(t);
	if (!err)
		err = text_delay__summary(t);
	if (!err)
		err = text_delay__tax(t);
	return err ? err : text_advice__gc(t);
}

/* A line for the pauses, one for the delays, and a few rows if there are many. */
int text_gc__rows(struct text *t, size_t *rows)
{
	struct report_table table;
	size_t n = INTERVAL_ROWS;
	int err;

	err = report_table__make(&t->p->delay, REPORT_TABLE_CODED, REPORT_ASSIST_TIME, t->arena,
				 &table);
	if (err)
		return err;
	*rows = 2;
	if (t->groups == MODEL_GC) {
		*rows = t->top + 4;
	} else if (table.nrows && t->top >= INTERVAL_LEAST) {
		if (n > t->top / 3)
			n = t->top / 3;
		/* The lines, the head of the table, its rows, and how many more there are. */
		*rows = 3 + (table.nrows > n ? n + 1 : table.nrows);
	}
	return 0;
}

/* The longest pause that ended in the interval; exact for those that are remembered. */
static uint64_t longest(const struct text *t)
{
	const struct model *m = t->p->model;
	uint64_t max = 0, ns;

	for (size_t i = model__npauses(m); i-- > 0;) {
		const struct model_pause *p = model__pause(m, i);

		if (p->restarted_ns <= t->p->time.mark_ns)
			break;
		ns = p->restarted_ns - p->begin_ns;
		max = ns > max ? ns : max;
	}
	return max;
}

/* Who was late for the longest, if there is room for it. */
static int print_latest(struct text *t, int width)
{
	struct report_table table;
	const char *name;
	int err;

	err = report_table__make(&t->p->late, REPORT_TABLE_CODED, REPORT_PAUSE_TIME, t->arena,
				 &table);
	if (err || !table.nrows)
		return err;
	width = t->columns - width - (int)strlen(", late: ");
	name = text__func(t, table.rows[0].sample->frames[0].func, width);
	if ((int)report_print__width(name) <= width)
		report_print__f(&t->out, ", late: %s", name);
	return 0;
}

static int print_pause_line(struct text *t)
{
	struct report_sample all = t->p->pause.total;
	uint64_t lost = t->p->pause.lost.count;
	char max[REPORT_TIME_LEN], share[TEXT_PERCENT_LEN], line[128];
	int width, err;

	report__add(&all, &t->p->pause.filtered);
	width = snprintf(line, sizeof(line), "%.0f/s, %s at most, %s stopped",
			 text__rate(t, all.count), report_print__time(longest(t), max),
			 text__percent(text__share(t, all.ns), share));
	width += (int)strlen("pauses: ") + (lost ? snprintf(NULL, 0, ", lost %" PRIu64, lost) : 0);
	report_print__f(&t->out, "%spauses:%s %s", text__on(t, STYLE_BOLD), text__off(t), line);
	err = print_latest(t, width);
	if (lost)
		report_print__f(&t->out, "%s, lost %" PRIu64 "%s", text__on(t, STYLE_ALARM), lost,
				text__off(t));
	report_print__f(&t->out, "\n");
	return err;
}

int text_gc__interval(struct text *t, size_t rows)
{
	int err = print_pause_line(t);

	return err ? err : text_delay__interval(t, rows - 1);
}

static void print_lost(struct text *t, const struct report_set *set, const char *what)
{
	if (set->lost.count)
		report_print__f(&t->out, "%slost: %" PRIu64 " %s%s%s\n", text__on(t, STYLE_ALARM),
				set->lost.count, what, text__plural(set->lost.count), text__off(t));
}

/* What was seen, and what of it is told. */
static void print_balance(struct text *t, const struct report_set *set, uint64_t seen,
			  uint64_t under_way, uint64_t unmatched, const char *what)
{
	uint64_t told = set->total.count + set->filtered.count + under_way;

	report_print__f(&t->out, "seen: %" PRIu64 " %s%s", seen, what, text__plural(seen));
	if (under_way)
		report_print__f(&t->out, ", %" PRIu64 " under way", under_way);
	if (unmatched)
		report_print__f(&t->out, "; %s%" PRIu64 " begins or ends without the other%s",
				text__on(t, STYLE_ALARM), unmatched, text__off(t));
	if (seen > told)
		report_print__f(&t->out, "; %" PRIu64 " not in the tables yet", seen - told);
	else if (seen < told)
		report_print__f(&t->out, "; %" PRIu64 " more in the tables by then", told - seen);
	report_print__f(&t->out, "\n");
}

void text_gc__losses(struct text *t)
{
	const struct report_profile *p = t->p;
	const struct model_counters *c = &p->counters;
	uint64_t filtered = p->pause.filtered.count + p->late.filtered.count +
			    p->delay.filtered.count;

	print_balance(t, &p->pause, c->pauses_seen, 0, c->pauses_unmatched, "pause");
	print_balance(t, &p->delay, c->delays_seen, c->delays_under_way, c->delays_unmatched,
		      "delay");
	print_lost(t, &p->pause, "pause");
	print_lost(t, &p->late, "late thread");
	print_lost(t, &p->delay, "delay");
	if (p->pause.lost.count || p->late.lost.count || p->delay.lost.count)
		text__causes(t, MODEL_GC);
	else
		report_print__f(&t->out, "lost: 0 pauses, 0 late threads, 0 delays\n");
	if (filtered)
		report_print__f(&t->out,
				"filtered out: %" PRIu64 " pauses, %" PRIu64 " late threads, %" PRIu64
				" delays\n", p->pause.filtered.count, p->late.filtered.count,
				p->delay.filtered.count);
}
