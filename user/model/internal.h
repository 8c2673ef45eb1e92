/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the model share: model.c has stacks, totals, counters and time, table.c what
 * totals are kept in, sample.c what samples stand for, change.c what was watched how, pause.c the pauses
 * and who was late, window.c how much of a time the world was stopped, hist.c the histograms.
 */
#ifndef GOTRACE_MODEL_INTERNAL_H
#define GOTRACE_MODEL_INTERNAL_H

#include "model/model.h"

struct stack_entry;
struct table_entry;
struct pauses;

/* Rows of one size by key, in order of first arrival. Zeroed is empty. */
struct model_table {
	struct table_entry *index;
	char *rows;
	size_t n, cap, row_size;
};

/*
 * The row of the key: the one that is there, or a new one, zeroed. Keys are compared as bytes, all of
 * one size: no padding. Valid until the next call. NULL: out of memory.
 */
void *model_table__at(struct model_table *t, const void *key, size_t key_size, size_t row_size);
/* NULL past the end. */
void *model_table__row(const struct model_table *t, size_t i);
void model_table__free(struct model_table *t);

/*
 * How much of the time the world was stopped. Only what lies within the largest window before the
 * last pause is remembered.
 */
struct model_span {
	uint64_t begin, end;
};

struct model_stopped {
	struct model_span *spans;	/* a ring of SPANS_MAX */
	uint64_t nspans;		/* that there have been */
	struct {
		uint64_t oldest;	/* span of those that are in the window that ends with the last */
		uint64_t sum;		/* of their whole lengths */
		uint64_t worst;
	} window[MODEL_WINDOWS];
};

/* -ENOMEM. */
int model_stopped__add(struct model_stopped *s, uint64_t begin, uint64_t end);
void model_stopped__free(struct model_stopped *s);

/* Ways in which subjects were watched, and for how long until the last change of each. */
struct model_ways {
	struct model_change changes[2 * MODEL_CHANGES_MAX];
	uint64_t nchanges;		/* that there have been */
	struct {
		enum model_way way;
		uint64_t since_ns;	/* 0: from the start of the trace */
		uint64_t ns[MODEL_WAY_MAX];
	} subject[MODEL_SUBJECT_MAX];
};

/* Samples of one size class. */
struct model_class {
	struct model_class_total known;	/* the runtime's own, as last heard */
	struct model_class_total told;	/* of it, what the sites have, or are lost */
	struct model_class_total mark;	/* known - told at the last mark */
	double hits, squares;		/* of all sites, squares of bytes */
	double lost_bytes;		/* not yet settled */
};

struct model_classes {
	struct model_class of[MODEL_CLASS_TOTALS];
	bool known, ever;		/* now; before, until when .known are right */
	bool windows;			/* large objects were not all looked at */
	int nprocs;
};

struct model {
	struct model_classes classes;
	struct stack_entry *stacks;
	struct model_table allocs, growths, delays, pause_sites, late_sites;
	struct pauses *pauses;		/* NULL before the first */
	struct model_counters counters, mark;
	struct model_time time;
	struct model_ways ways;
};

/* The row of the key, made if it is new. NULL: out of memory. */
struct model_alloc *model__alloc_at(struct model *m, uint64_t stack, uint64_t type, uint32_t span_class);

/* sample.c's part of model__mark() and model__total(). */
void model_samples__mark(struct model *m);
void model_samples__total_var(const struct model *m, struct model_estimate *est);

/* pause.c's part of model__mark() and model__free(). */
void model_pauses__mark(struct model *m);
void model_pauses__free(struct model *m);

#endif /* GOTRACE_MODEL_INTERNAL_H */
