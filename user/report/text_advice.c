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

/* So many first growths from the smallest size can only be those of new goroutines. */
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
	char max[TEXT_SIZE_LEN];

	snprintf(text, size,
		 "advice: %.0f %% of the growths are of goroutines started at %s: %" PRIu64
		 ", of which %" PRIu64 " are a goroutine's first, up to %s. Most of all is copied for "
		 "%s (%.0f %% of the bytes). What usually helps: fewer new goroutines (workers that are "
		 "used again keep their stacks), or smaller frames and less depth in what they call.",
		 share(fresh, n), name(t, start->label), fresh, start->first,
		 text_stack__size(start->largest, max), name(t, site->sample->frames[0].func),
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
	char max[REPORT_TIME_LEN], cpu[TEXT_SIZE_LEN];

	if (t->p->seconds <= 0 || total->ns / t->p->seconds / 1e7 >= LEAST_SHARE ||
	    total->max_ns >= LEAST_MAX_NS)
		return false;
	snprintf(text, size,
		 "advice: copying stacks took %s of one CPU, %s at the longest: there is little to "
		 "gain here.",
		 text_stack__cpu(t, cpu), report_print__time(total->max_ns, max));
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
