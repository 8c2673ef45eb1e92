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
};

struct report_row {
	const char *label;		/* function, type or way in, as the binary has it */
	const struct report_sample *sample;	/* one of those that were added */
	uint64_t objects, bytes, class_bytes;
};

struct report_table {
	struct report_row *rows;	/* heaviest first by opts->metric, then by name */
	size_t nrows;
};

/* Rows live in the arena, their strings in the profile. -ENOMEM. */
int report_table__make(const struct report_profile *p, enum report_table_kind kind,
		       enum report_metric metric, struct report_arena *a,
		       struct report_table *out);

#endif /* GOTRACE_REPORT_TABLE_H */
