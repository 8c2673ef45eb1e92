/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What to do about it: the largest thing the figures show, where it is, and what usually helps. Only
 * what the figures support is said; where nothing stands out, nothing is.
 */
#include <inttypes.h>
#include <stdio.h>

#include "report/text.h"

/* Fewer growths than this are no pattern. */
#define LEAST_GROWTHS 20
/* Of one CPU, in percent, and in ns: below both there is little to gain. */
#define LEAST_SHARE 0.1
#define LEAST_MAX_NS 100000

#define NAME_WIDTH 48

static double share(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * part / whole : 0;
}

/* Which start had the most growths that were (again) or were not re-growths. */
static const struct report_row *top_start(const struct report_table *starts, bool again,
					  uint64_t *most)
{
	const struct report_row *best = NULL;

	*most = 0;
	for (size_t i = 0; i < starts->nrows; i++) {
		const struct report_row *row = &starts->rows[i];
		uint64_t n = again ? row->regrowths : row->sum.count - row->regrowths;

		if (n > *most) {
			*most = n;
			best = row;
		}
	}
	return best;
}

static uint64_t count_again(const struct report_table *starts)
{
	uint64_t n = 0;

	for (size_t i = 0; i < starts->nrows; i++)
		n += starts->rows[i].regrowths;
	return n;
}

static const char *name(struct text *t, const char *func)
{
	return text__func(t, func, NAME_WIDTH);
}

/* Growth after growth of one goroutine's function from the smallest size: they are new ones. */
static bool are_new(const struct report_row *start, uint64_t fresh)
{
	/* From 2 KiB to 512 KiB are eight steps; who needs more of them is no short job. */
	return start && start->first >= LEAST_GROWTHS / 2 && start->first * 8 >= fresh;
}

static void advise_regrowth(struct text *t, const struct report_table *starts, uint64_t again,
			    uint64_t n, char *text, size_t size)
{
	uint64_t most;
	const struct report_row *start = top_start(starts, true, &most);

	snprintf(text, size,
		 "advice: %.0f %% of the growths are re-growths, to a size that the collector had "
		 "shrunk the stack from, and %.0f %% of these are of goroutines started at %s. A run "
		 "with GODEBUG=gcshrinkstackoff=1 shows what they cost: stacks then keep the largest "
		 "size they had.",
		 share(again, n), share(most, again), name(t, start->label));
}

static void advise_new(struct text *t, const struct report_row *start, uint64_t fresh, uint64_t n,
		       const struct report_row *site, char *text, size_t size)
{
	char max[REPORT_BYTES_LEN];

	snprintf(text, size,
		 "advice: %.0f %% of the growths are of goroutines started at %s: %" PRIu64
		 " of them grew for the first time, %" PRIu64 " growths in all, up to %s. The most is "
		 "copied for %s (%.0f %% of the bytes). What usually helps: fewer new goroutines (a "
		 "pool of workers keeps its stacks), or smaller frames and less depth on that path.",
		 share(fresh, n), name(t, start->label), start->first, fresh,
		 report_print__bytes(start->largest, max), name(t, site->sample->frames[0].func),
		 share(site->sum.copied, t->p->growth.total.copied));
}

static void advise_site(struct text *t, const struct report_row *site, char *text, size_t size)
{
	snprintf(text, size,
		 "advice: %.0f %% of the bytes are copied when %s needs room. What usually helps: large "
		 "arrays on its stack or its callers' moved to the heap or made smaller, and less "
		 "depth; the stacks above show who calls it.",
		 share(site->sum.copied, t->p->growth.total.copied),
		 name(t, site->sample->frames[0].func));
}

/* Is the time too short for anything to be gained? Says so. */
static bool is_cheap(const struct text *t, char *text, size_t size)
{
	const struct report_sample *total = &t->p->growth.total;
	double cpu = t->p->seconds > 0 ? total->ns / t->p->seconds / 1e7 : 100;
	char max[REPORT_TIME_LEN];

	if (cpu >= LEAST_SHARE || total->max_ns >= LEAST_MAX_NS)
		return false;
	snprintf(text, size,
		 "advice: copying stacks took %.2g %% of one CPU and %s at the longest: there is "
		 "little to gain here.",
		 cpu, report_print__time(total->max_ns, max));
	return true;
}

int text_advice__growths(struct text *t)
{
	const struct report_set *set = &t->p->growth;
	uint64_t n = set->total.count - set->lost.count, again, fresh;
	struct report_table starts, sites;
	const struct report_row *start;
	char text[1024] = "";
	int err;

	if (n < LEAST_GROWTHS)
		return t->out.err;
	err = report_table__make(set, REPORT_TABLE_STARTS, REPORT_GROWTHS, t->arena, &starts);
	if (!err)
		err = report_table__make(set, REPORT_TABLE_SITES, REPORT_COPIED, t->arena, &sites);
	if (err)
		return err;

	again = count_again(&starts);
	start = top_start(&starts, false, &fresh);
	if (is_cheap(t, text, sizeof(text)))
		;
	else if (2 * again > n)
		advise_regrowth(t, &starts, again, n, text, sizeof(text));
	else if (2 * fresh > n && are_new(start, fresh))
		advise_new(t, start, fresh, n, &sites.rows[0], text, sizeof(text));
	else if (2 * sites.rows[0].sum.copied > set->total.copied)
		advise_site(t, &sites.rows[0], text, sizeof(text));
	if (*text) {
		report_print__f(&t->out, "\n");
		text__paragraph(t, text, 8);
	}
	return t->out.err;
}
