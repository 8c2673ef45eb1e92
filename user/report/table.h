/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Samples added up by what they have in common, sorted: the rows of the text report.
 */
#ifndef GOTRACE_REPORT_TABLE_H
#define GOTRACE_REPORT_TABLE_H

#include "report/arena.h"
#include "report/report.h"

enum report_table_kind {
	REPORT_TABLE_SITES,		/* by the function, file and line of the leaf */
	REPORT_TABLE_STACKS,		/* one row a sample */
	REPORT_TABLE_TYPES,
	REPORT_TABLE_VIA,
	REPORT_TABLE_STARTS,		/* by the goroutine's function */
	REPORT_TABLE_STEPS,		/* by size before and after; ordered by these */
	REPORT_TABLE_CODED,		/* by site, code, and what was trimmed in front of it */
};

struct report_row {
	const char *label;		/* function, type or way in, as the binary has it */
	const struct report_sample *sample;	/* one of those that were added */
	struct report_sample sum;	/* figures only */
	/* Of growths. */
	uint64_t first;			/* from the smallest size of all, and no re-growth */
	uint64_t regrowths;
	uint32_t from, to;		/* the most frequent step; of equals the smallest */
	uint32_t largest;		/* size reached */
};

struct report_table {
	struct report_row *rows;	/* heaviest first by the metric, then by name */
	size_t nrows;
};

/* Rows live in the arena, their strings in the set's profile. -ENOMEM. */
int report_table__make(const struct report_set *set, enum report_table_kind kind,
		       enum report_metric metric, struct report_arena *a,
		       struct report_table *out);

#endif /* GOTRACE_REPORT_TABLE_H */
