/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What to do about the collector and the pauses: what costs most, where it is, and what usually helps,
 * the dearest first. Only what the figures support is said; where nothing stands out, that is.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/text.h"

/* Fewer than this are no pattern. */
#define LEAST_PAUSES 5
#define LEAST_DELAYS 20
#define LEAST_CYCLES 5
/* In percent of the time: below it there is little to gain. */
#define LEAST_SHARE 0.5
/* A pause that may be felt, however rare. */
#define LEAST_MAX_NS 1000000
/* Cycles that follow one another so fast on so small a heap can be made fewer by memory. */
#define MANY_CYCLES 5
#define SMALL_HEAP (256 << 20)

#define NAME_WIDTH 48
#define FINDINGS 4			/* each look_at function below has one at most */

#define FINDING_LEN 1024

struct finding {
	uint64_t ns;			/* what it costs */
	char text[FINDING_LEN];
};

struct doctor {
	struct text *t;
	struct finding found[FINDINGS];
	int nfound;
};

static double share(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * part / whole : 0;
}

/* "main.copyBig (memmove) at copy.go:17" */
static const char *site_name(struct text *t, const struct report_sample *s)
{
	const struct report_frame *f = &s->frames[0];
	const char *func = text__func(t, f->func, NAME_WIDTH), *leaf = strrchr(s->leaf, '.');
	const char *file = text__shorten(t, text__clean(t, report_print__base(f->file)), NAME_WIDTH);
	size_t size = strlen(func) + strlen(file) + NAME_WIDTH * 4 + 32;
	char *name = report_arena__alloc(t->arena, size, 1), *end = name;

	if (!name)
		return func;
	end += sprintf(end, "%s", func);
	if (leaf && leaf[1])
		end += snprintf(end, NAME_WIDTH * 4, " (%s)",
				text__shorten(t, text__clean(t, leaf + 1), NAME_WIDTH / 2));
	if (*file && f->line)
		sprintf(end, " at %s:%d", file, f->line);
	return name;
}

/* The next finding, whose text the caller writes. */
static char *finding(struct doctor *d, uint64_t ns)
{
	d->found[d->nfound].ns = ns;
	return d->found[d->nfound++].text;
}

/* What helps against lateness of this kind. */
static const char *remedy(enum model_late_how how)
{
	static const char *const words[MODEL_LATE_MAX] = {
		[MODEL_LATE_RAN] =
			"ran on: code that cannot be preempted, such as the copying or clearing of "
			"much memory at once, or a loop in assembly. What usually helps: smaller "
			"pieces",
		[MODEL_LATE_WAITED] =
			"could have stopped but had no CPU. What usually helps: more CPU, or a "
			"GOMAXPROCS that is not above what the cgroup's quota or the neighbours leave",
		[MODEL_LATE_AWAY] =
			"did not run in user space: in the kernel (page faults, for one) or not "
			"scheduled. What usually helps: memory that is touched before it is needed, "
			"and fewer threads than CPUs",
		[MODEL_LATE_UNKNOWN] =
			"stopped last; what kept it was not seen",
		[MODEL_LATE_WOKEN] =
			"asked for the stop itself, and was woken late when all others had stopped. "
			"What usually helps: more CPU, or fewer threads that compete for it",
	};

	return words[how];
}

/* Stopping takes most of the pauses, and one place is last most of the time. */
static int look_at_stopping(struct doctor *d, uint64_t pauses, uint64_t ns, uint64_t stopping)
{
	const struct report_set *late = &d->t->p->late;
	struct report_table table;
	const struct report_row *top;
	char time[REPORT_TIME_LEN];
	int err;

	if (pauses < LEAST_PAUSES || 2 * stopping < ns || !late->nsamples)
		return 0;
	err = report_table__make(late, REPORT_TABLE_CODED, REPORT_PAUSE_TIME, d->t->arena, &table);
	if (err)
		return err;
	top = &table.rows[0];
	if (2 * top->sum.ns < late->total.ns || 4 * top->sum.ns < stopping)
		return 0;
	snprintf(finding(d, top->sum.ns), FINDING_LEN,
		 "advice: %.0f %% of the time of all pauses is spent until all threads have stopped, "
		 "and %.0f %% of the lateness is at one place: %s was last %" PRIu64
		 " time%s, up to %s. It %s.",
		 share(stopping, ns), share(top->sum.ns, late->total.ns),
		 site_name(d->t, top->sample), top->sum.count, text__plural(top->sum.count),
		 report_print__time(top->sum.max_ns, time),
		 remedy((enum model_late_how)top->sample->code));
	return 0;
}

/* What helps against pauses for this reason; NULL: they are asked for on purpose, or the GC's. */
static const char *instead(uint32_t reason)
{
	/* Numbers of stwReason, see model__reason_name(). */
	switch (reason) {
	case 4:
	case 5:
		return "goroutine profiles stop the world: take them less often";
	case 6:
		return "runtime.Stack of all goroutines stops the world while it writes: take it less "
		       "often";
	case 7:
		return "runtime.ReadMemStats stops the world: runtime/metrics has the same figures and "
		       "does not";
	case 9:
		return "runtime.GOMAXPROCS with a new number stops the world: set it once, at the start";
	default:
		return NULL;
	}
}

/* Pauses that are no matter of the collector. */
static int look_at_others(struct doctor *d, uint64_t pauses, uint64_t ns)
{
	const struct report_set *set = &d->t->p->pause;
	struct report_table table;
	char time[REPORT_TIME_LEN];
	int err;

	err = report_table__make(set, REPORT_TABLE_CODED, REPORT_PAUSE_TIME, d->t->arena, &table);
	if (err)
		return err;
	for (size_t i = 0; i < table.nrows; i++) {
		const struct report_row *row = &table.rows[i];
		const char *advice = instead(row->sample->code);

		if (!advice || row->sum.count < LEAST_PAUSES || 4 * row->sum.ns < ns)
			continue;
		snprintf(finding(d, row->sum.ns), FINDING_LEN,
			 "advice: %" PRIu64 " of %" PRIu64 " pauses, %.0f %% of their time, are not the "
			 "collector's but for %s, asked for by %s, up to %s. %s.",
			 row->sum.count, pauses, share(row->sum.ns, ns), row->sample->what,
			 site_name(d->t, row->sample),
			 report_print__time(row->sum.max_ns, time), advice);
		break;
	}
	return 0;
}

/* What one site pays for the collector. */
static void advise_delays(struct doctor *d, const struct report_row *top)
{
	static const char *const kinds[MODEL_DELAY_MAX] = {
		[MODEL_ASSIST] = "mark assists", [MODEL_SWEEP] = "sweeping",
		[MODEL_GC_START] = "starting cycles", [MODEL_BARRIER] = "barriers",
	};
	const struct report_sample *total = &d->t->p->delay.total, *sum = &top->sum;
	const char *helps = top->sample->code == MODEL_GC_START ?
		"fewer cycles, and shorter stops of the world: a cycle's first is part of its start" :
		"allocate less there, or give the collector more room (a higher GOGC, or GOMEMLIMIT "
		"where memory is bounded)";
	char max[REPORT_TIME_LEN], rate[REPORT_TIME_LEN], waiting[64] = "";

	if (top->sample->code == MODEL_ASSIST && 2 * sum->work_ns < sum->ns)
		snprintf(waiting, sizeof(waiting), ", %.0f %% of it waiting rather than marking",
			 share(sum->ns - sum->work_ns, sum->ns));
	snprintf(finding(d, sum->ns), FINDING_LEN,
		 "advice: call sites spend %s a second for the collector's sake, and %.0f %% of it goes "
		 "to %s at %s: %" PRIu64 ", up to %s%s. What usually helps: %s.",
		 report_print__time(text__rate(d->t, total->ns), rate), share(sum->ns, total->ns),
		 kinds[top->sample->code],
		 site_name(d->t, top->sample), sum->count, report_print__time(sum->max_ns, max),
		 waiting, helps);
}

/* The largest delay that a call site pays for; barriers are the collector's own. */
static int look_at_delays(struct doctor *d)
{
	const struct report_set *set = &d->t->p->delay;
	struct report_table table;
	size_t i = 0;
	int err;

	if (set->total.count < LEAST_DELAYS || text__share(d->t, set->total.ns) < LEAST_SHARE)
		return 0;
	err = report_table__make(set, REPORT_TABLE_CODED, REPORT_ASSIST_TIME, d->t->arena, &table);
	if (err)
		return err;
	while (i < table.nrows && table.rows[i].sample->code == MODEL_BARRIER)
		i++;
	if (i < table.nrows && 10 * table.rows[i].sum.ns > set->total.ns)
		advise_delays(d, &table.rows[i]);
	return 0;
}

/* Cycles are many because the heap is small, or because they are asked for. */
static void look_at_cycles(struct doctor *d)
{
	const struct model_cycles c = model__cycles(d->t->p->model);
	double rate = text__rate(d->t, c.count);
	/* While it marks the collector takes a quarter of the CPUs, of which there is at least one. */
	uint64_t cost = c.mark_ns / 4;
	char live[REPORT_BYTES_LEN];

	if (c.count < LEAST_CYCLES || rate < MANY_CYCLES)
		return;
	if (2 * c.by_trigger[MODEL_TRIGGER_CYCLE] > c.count)
		snprintf(finding(d, cost), FINDING_LEN,
			 "advice: %.0f GC cycles a second, %.0f %% of them asked for by runtime.GC or "
			 "debug.FreeOSMemory. What usually helps: leave it to the runtime.",
			 rate, share(c.by_trigger[MODEL_TRIGGER_CYCLE], c.count));
	else if (c.nheap && c.heap_live / c.nheap < SMALL_HEAP)
		snprintf(finding(d, cost), FINDING_LEN,
			 "advice: %.0f GC cycles a second, with a heap of %s live on average. What "
			 "usually helps: a higher GOGC, or GOGC=off with a GOMEMLIMIT that leaves room; "
			 "either makes cycles fewer at the price of memory.",
			 rate, report_print__bytes(c.heap_live / c.nheap, live));
}

/* Is there so little of everything that nothing can be gained? */
static bool is_cheap(const struct text *t, uint64_t ns, uint64_t max)
{
	return text__share(t, ns) < LEAST_SHARE && max < LEAST_MAX_NS &&
	       text__share(t, t->p->delay.total.ns) < LEAST_SHARE;
}

static int compare_findings(const void *x, const void *y)
{
	const struct finding *a = x, *b = y;

	return (a->ns < b->ns) - (a->ns > b->ns);
}

/* Looks at everything there is to look at. */
static int examine(struct doctor *d, uint64_t pauses, uint64_t ns, uint64_t stopping, uint64_t max)
{
	int err;

	look_at_cycles(d);
	if (is_cheap(d->t, ns, max))
		return 0;
	err = look_at_stopping(d, pauses, ns, stopping);
	if (!err)
		err = look_at_others(d, pauses, ns);
	return err ? err : look_at_delays(d);
}

static void print_findings(struct doctor *d, uint64_t ns, uint64_t max)
{
	char stopped[TEXT_PERCENT_LEN], delayed[REPORT_TIME_LEN], time[REPORT_TIME_LEN], text[256];

	qsort(d->found, d->nfound, sizeof(d->found[0]), compare_findings);
	for (int i = 0; i < d->nfound; i++) {
		report_print__f(&d->t->out, "\n");
		text__paragraph(d->t, d->found[i].text, 8);
	}
	if (d->nfound)
		return;
	snprintf(text, sizeof(text),
		 "advice: %s stands out: the world was stopped for %s of the time, %s at the longest, "
		 "and the collector delayed call sites for %s a second.",
		 is_cheap(d->t, ns, max) ? "nothing" : "no place",
		 text__percent(text__share(d->t, ns), stopped), report_print__time(max, time),
		 report_print__time(text__rate(d->t, d->t->p->delay.total.ns), delayed));
	report_print__f(&d->t->out, "\n");
	text__paragraph(d->t, text, 8);
}

int text_advice__gc(struct text *t)
{
	struct doctor d = { .t = t };
	uint64_t pauses = 0, ns = 0, stopping = 0, max = 0;
	int err;

	for (int gc = 0; gc < 2; gc++) {
		const struct model_hist *h = model__pause_hist(t->p->model, gc, false);

		pauses += h->count;
		ns += h->sum;
		max = h->max > max ? h->max : max;
		stopping += model__pause_hist(t->p->model, gc, true)->sum;
	}
	if ((!pauses && !t->p->delay.total.count) || t->p->seconds <= 0)
		return t->out.err;
	err = examine(&d, pauses, ns, stopping, max);
	if (err)
		return err;
	print_findings(&d, ns, max);
	return t->out.err;
}
