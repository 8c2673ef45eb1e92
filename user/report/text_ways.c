/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The part of the text on what gotrace did: what it watched how, and when and why it changed that, so
 * that its probes cost no more than they may.
 */
#include <inttypes.h>

#include "report/text.h"

/* Of many changes the first and the last ones are shown, so many of each. */
#define SHOWN 8

static void print_change(struct text *t, const struct model_change *c)
{
	char when[32], ways[32];

	text__clock(t, c->time_ns, "%H:%M:%S", when, sizeof(when));
	snprintf(ways, sizeof(ways), "%s -> %s", model__way_name(c->subject, c->from),
		 model__way_name(c->subject, c->to));
	report_print__f(&t->out, "%s.%03d  %-21s  %-17s  %5.2f %%  %s\n", when,
			(int)((uint64_t)(t->p->time.start_wall_ns +
					 (int64_t)(c->time_ns - t->p->time.start_ns)) /
			      1000000 % 1000),
			model__subject_name(c->subject), ways, c->cost,
			model__why_name(c->why));
}

static void print_subject(struct text *t, enum model_subject subject)
{
	char ways[REPORT_WAYS_LEN];

	for (int way = 0; way < MODEL_WAY_MAX; way++) {
		if ((int)model__way(t->p->model, subject) == way ||
		    !model__way_ns(t->p->model, subject, (enum model_way)way))
			continue;
		report_print__f(&t->out, "%s: %s of the time\n", model__subject_name(subject),
				report__ways(t->p->model, subject, ways));
		return;
	}
}

void text_ways__summary(struct text *t)
{
	const struct model *m = t->p->model;
	const struct model_change *c;
	uint64_t seen = model__changes_seen(m), last;
	size_t kept = 0;

	if (!seen)
		return;
	while (model__change(m, kept))
		kept++;
	last = kept > SHOWN ? kept - SHOWN : 0;
	text__title(t, "What gotrace did");
	for (int i = 0; i < MODEL_SUBJECT_MAX; i++)
		print_subject(t, (enum model_subject)i);
	report_print__f(&t->out, "\n%s%-12s  %-21s  %-17s  %7s  %s%s\n", text__on(t, STYLE_BOLD), "AT",
			"WHAT", "FROM -> TO", "COST", "WHY", text__off(t));
	for (size_t i = 0; (c = model__change(m, i)) != NULL; i++) {
		if (i >= SHOWN && i < last) {
			report_print__f(&t->out, "... %" PRIu64 " more\n", seen - SHOWN - (kept - last));
			i = last;
			c = model__change(m, i);
		}
		print_change(t, c);
	}
	report_print__f(&t->out, "%sCOST is that of all probes just before, in %% of the target's CPU "
			"time%s\n", text__on(t, STYLE_DIM), text__off(t));
}
