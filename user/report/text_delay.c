/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Delays by the collector as text: what call sites wait for and work for it inside their own latency,
 * and all that memory costs them beside one another.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "report/text.h"

#define KIND_WIDTH 7

/* Up to and with the gap behind them; returns their width. marks: it is assists. */
static int print_figures(struct text *t, const struct report_sample *s, const char *kind, bool marks)
{
	char time[REPORT_TIME_LEN] = "-", work[REPORT_TIME_LEN] = "-", wait[REPORT_TIME_LEN] = "-",
	     max[REPORT_TIME_LEN] = "-";

	if (s->ns)
		report_print__time(s->ns, time);
	if (s->max_ns)
		report_print__time(s->max_ns, max);
	if (marks) {
		report_print__time(s->work_ns, work);
		report_print__time(s->ns > s->work_ns ? s->ns - s->work_ns : 0, wait);
	}
	report_print__f(&t->out, "%*" PRIu64 "  %7s  %7s  %7s  %7s  %-*s  ", t->count_width, s->count,
			time, work, wait, max, KIND_WIDTH, kind);
	return t->count_width + 2 + 4 * 9 + KIND_WIDTH + 2;
}

static void print_rows(struct text *t, const struct report_table *table, size_t top)
{
	struct report_sample more = { 0 };
	int used;

	report_print__f(&t->out, "%s%*s  %7s  %7s  %7s  %7s  %-*s  CALL SITE%s\n",
			text__on(t, STYLE_BOLD), t->count_width, "DELAYS", "TIME", "MARKING", "WAITING",
			"MAX", KIND_WIDTH, "KIND", text__off(t));
	for (size_t i = 0; i < table->nrows; i++) {
		const struct report_row *row = &table->rows[i];

		if (i >= top) {
			report__add(&more, &row->sum);
			continue;
		}
		used = print_figures(t, &row->sum, row->sample->what,
				     row->sample->code == MODEL_ASSIST);
		text__site(t, row->sample, t->columns - used);
	}
	if (table->nrows > top) {
		print_figures(t, &more, "", false);
		report_print__f(&t->out, "... %zu more\n", table->nrows - top);
	}
}

static int print_table(struct text *t)
{
	const struct report_set *set = &t->p->delay;
	struct report_table table;
	int err;

	err = report_table__make(set, REPORT_TABLE_CODED, REPORT_ASSIST_TIME, t->arena, &table);
	if (err)
		return err;
	report_print__f(&t->out, "\n");
	print_rows(t, &table, t->top);
	if (report__counts(&set->lost)) {
		print_figures(t, &set->lost, "", false);
		report_print__f(&t->out, "%sgotrace.lost%s\n", text__on(t, STYLE_ALARM), text__off(t));
	}
	print_figures(t, &set->total, "", false);
	report_print__f(&t->out, "%stotal%s\n", text__on(t, STYLE_BOLD), text__off(t));
	return t->out.err;
}

static void print_kinds(struct text *t)
{
	static const char *const names[MODEL_DELAY_MAX] = {
		[MODEL_ASSIST] = "mark assists", [MODEL_SWEEP] = "sweeps before a span",
		[MODEL_GC_START] = "starts of a cycle", [MODEL_BARRIER] = "barriers over all Ps",
	};
	const struct report_set *set = &t->p->delay;
	char time[REPORT_TIME_LEN], max[REPORT_TIME_LEN];

	for (uint32_t kind = 0; kind < MODEL_DELAY_MAX; kind++) {
		struct report_sample sum = { 0 };

		for (size_t i = 0; i < set->nsamples; i++) {
			if (set->samples[i].code == kind)
				report__add(&sum, &set->samples[i]);
		}
		if (!sum.count)
			continue;
		report_print__f(&t->out, "%" PRIu64 " %s, %s, %s at most", sum.count, names[kind],
				report_print__time(sum.ns, time),
				report_print__time(sum.max_ns, max));
		if (kind == MODEL_ASSIST)
			report_print__f(&t->out, "; %s of it marking",
					report_print__time(sum.work_ns, time));
		report_print__f(&t->out, "\n");
	}
}

int text_delay__summary(struct text *t)
{
	const struct report_sample *total = &t->p->delay.total;
	char time[REPORT_TIME_LEN], rate[REPORT_TIME_LEN];

	text__title(t, "Delays by the collector");
	report_print__f(&t->out, "%" PRIu64 " delay%s", total->count, text__plural(total->count));
	if (t->p->delay.lost.count)
		report_print__f(&t->out, ", %" PRIu64 " of them lost", t->p->delay.lost.count);
	if (total->count && t->p->seconds > 0)
		report_print__f(&t->out, " (%.0f/s); %s in all, %s a second",
				text__rate(t, total->count), report_print__time(total->ns, time),
				report_print__time(text__rate(t, total->ns), rate));
	report_print__f(&t->out, "\n");
	if (!report__counts(total))
		return t->out.err;
	print_kinds(t);
	if (t->p->time.sweep_end_ns > t->p->time.start_ns)
		report_print__f(&t->out, "sweeps were watched for the first %.1f s: more would have cost "
				"too much\n",
				(t->p->time.sweep_end_ns - t->p->time.start_ns) / 1e9);
	return print_table(t);
}

/* What a call site pays, by what for; the last of the copies of its goroutines' stacks. */
struct tax {
	uint64_t assist, sweep, start, copies;
	bool about;			/* the time of the copies is an estimate */
};

static bool same_site(const struct report_sample *a, const struct report_sample *b)
{
	const struct report_frame *f = &a->frames[0], *g = &b->frames[0];

	return f->line == g->line && !strcmp(f->func, g->func) && !strcmp(f->file, g->file);
}

/* Barriers are waited for by the collector's own goroutines: no call site pays for them. */
static bool is_taxed(const struct report_sample *s)
{
	return s->code != MODEL_BARRIER;
}

static void add_copies(struct tax *tax, const struct report_sample *s)
{
	tax->copies += s->ns;
	tax->about |= s->untimed > 0;
}

/* Of all samples, or of those at one site. */
static struct tax sum_tax(const struct text *t, const struct report_sample *site)
{
	const struct report_set *delay = &t->p->delay, *growth = &t->p->growth;
	struct tax tax = { 0 };
	uint64_t *const sums[MODEL_DELAY_MAX] = {
		[MODEL_ASSIST] = &tax.assist, [MODEL_SWEEP] = &tax.sweep,
		[MODEL_GC_START] = &tax.start,
	};

	for (size_t i = 0; i < delay->nsamples; i++) {
		const struct report_sample *s = &delay->samples[i];

		if (is_taxed(s) && (!site || same_site(s, site)))
			*sums[s->code] += s->ns;
	}
	for (size_t i = 0; i < growth->nsamples; i++) {
		if (!site || same_site(&growth->samples[i], site))
			add_copies(&tax, &growth->samples[i]);
	}
	return tax;
}

static void print_time(struct text *t, uint64_t ns)
{
	char time[REPORT_TIME_LEN] = "-";

	if (ns)
		report_print__time(ns, time);
	report_print__f(&t->out, "%7s  ", time);
}

/* Width of a column in which times may be estimates. */
static int about_width(const struct text *t)
{
	return t->p->growth.total.untimed ? 8 : 7;
}

static void print_about(struct text *t, uint64_t ns, bool about)
{
	char time[REPORT_TIME_LEN] = "-", text[REPORT_TIME_LEN + 1];

	if (ns)
		report_print__time(ns, time);
	snprintf(text, sizeof(text), "%s%s", ns && about ? "~" : "", time);
	report_print__f(&t->out, "%*s  ", about_width(t), text);
}

/* Up to and with the gap behind the figures; returns their width. */
static int print_tax(struct text *t, const struct tax *tax)
{
	uint64_t sum = tax->assist + tax->sweep + tax->start + tax->copies;
	bool copies = t->groups & MODEL_STACK;
	double share = text__share(t, sum);

	print_about(t, sum, tax->about);
	report_print__f(&t->out, "%6.*f  ", share < 100 ? 2 : 0, share < 1e6 ? share : 1e6);
	print_time(t, tax->assist);
	print_time(t, tax->sweep);
	print_time(t, tax->start);
	if (copies)
		print_about(t, tax->copies, tax->about);
	return 3 * 9 + 8 + (2 + about_width(t)) * (copies ? 2 : 1);
}

static void print_tax_rows(struct text *t, const struct report_table *table)
{
	struct tax rest = sum_tax(t, NULL), tax;
	const struct tax total = rest;
	int used;

	report_print__f(&t->out, "%s%*s  %6s  %7s  %7s  %7s  ", text__on(t, STYLE_BOLD), about_width(t),
			"SUM", "% TIME", "ASSIST", "SWEEP", "START");
	if (t->groups & MODEL_STACK)
		report_print__f(&t->out, "%*s  ", about_width(t), "COPIES");
	report_print__f(&t->out, "CALL SITE%s\n", text__off(t));
	for (size_t i = 0; i < table->nrows && i < t->top; i++) {
		tax = sum_tax(t, table->rows[i].sample);
		rest.assist -= tax.assist;
		rest.sweep -= tax.sweep;
		rest.start -= tax.start;
		rest.copies -= tax.copies;
		used = print_tax(t, &tax);
		text__site(t, table->rows[i].sample, t->columns - used);
	}
	if (table->nrows > t->top) {
		print_tax(t, &rest);
		report_print__f(&t->out, "... %zu more\n", table->nrows - t->top);
	}
	print_tax(t, &total);
	report_print__f(&t->out, "%stotal%s\n", text__on(t, STYLE_BOLD), text__off(t));
	report_print__f(&t->out, "%% TIME is SUM of the time of the run; goroutines may pay at the same "
			"time\n");
}

int text_delay__tax(struct text *t)
{
	const struct report_set *delay = &t->p->delay, *growth = &t->p->growth;
	struct report_set all = { 0 };
	struct report_table table;
	int err;

	all.samples = report_arena__alloc(t->arena, delay->nsamples + growth->nsamples,
					  sizeof(*all.samples));
	if (!all.samples)
		return -ENOMEM;
	for (size_t i = 0; i < delay->nsamples; i++) {
		if (is_taxed(&delay->samples[i]))
			all.samples[all.nsamples++] = delay->samples[i];
	}
	for (size_t i = 0; i < growth->nsamples; i++)
		all.samples[all.nsamples++] = growth->samples[i];
	if (!all.nsamples)
		return 0;
	err = report_table__make(&all, REPORT_TABLE_SITES, REPORT_ASSIST_TIME, t->arena, &table);
	if (err)
		return err;
	text__title(t, "The memory tax by call site");
	print_tax_rows(t, &table);
	return t->out.err;
}

int text_delay__interval(struct text *t, size_t rows)
{
	const struct report_set *set = &t->p->delay;
	char time[REPORT_TIME_LEN];
	struct report_table table;
	int err;

	err = report_table__make(set, REPORT_TABLE_CODED, REPORT_ASSIST_TIME, t->arena, &table);
	if (err)
		return err;
	report_print__f(&t->out, "%sdelays:%s %.0f/s, %s/s", text__on(t, STYLE_BOLD), text__off(t),
			text__rate(t, set->total.count),
			report_print__time(text__rate(t, set->total.ns), time));
	if (set->lost.count)
		report_print__f(&t->out, "%s, lost %" PRIu64 "%s", text__on(t, STYLE_ALARM),
				set->lost.count, text__off(t));
	report_print__f(&t->out, "\n");
	/* The line, the head, and a row at least. */
	if (rows < 3 || !table.nrows)
		return t->out.err;
	rows -= 2;
	print_rows(t, &table, table.nrows > rows ? rows - 1 : rows);
	return t->out.err;
}
