/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the model share: model.c has stacks, totals, counters and time, table.c what
 * totals are kept in, sample.c what samples stand for, check.c what is made of them where they are in
 * step with the program, fold.c what becomes of totals that there is no room for, change.c what was
 * watched how, pause.c the pauses and who was late, window.c how much of a time the world was stopped,
 * hist.c the histograms.
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

/* The row of the key; NULL if there is none. */
void *model_table__find(const struct model_table *t, const void *key, size_t key_size);
/*
 * The row of the key: the one that is there, or a new one, zeroed. Keys are compared as bytes, all of
 * one size, without padding. Valid until the next call. NULL: out of memory.
 */
void *model_table__at(struct model_table *t, const void *key, size_t key_size, size_t row_size);
/* NULL past the end. */
void *model_table__row(const struct model_table *t, size_t i);
/* Drops the rows that are not wanted; the others keep their order. */
void model_table__keep(struct model_table *t, bool (*wanted)(void *ctx, void *row, const void *key),
		       void *ctx);
void model_table__free(struct model_table *t);

struct alloc_key {
	uint64_t stack, type, span_class;
};

/* Keys that have been folded: hashes of them, 0: empty. One that is wrongly found does no harm. */
struct model_keys {
	uint64_t *slots;
	size_t nslots, n;
};

/* What keeps the model within its limit; fold.c. */
struct model_fold {
	uint64_t limit;			/* bytes; 0: none */
	uint64_t used;			/* as estimated, reports included */
	struct model_keys keys;
	bool closed;			/* nothing new becomes a row */
	uint64_t made;			/* rows */
	uint32_t pass;			/* number of the present one, 1, 2, 3 ... */
	struct model_alloc sum;		/* of the present pass: what has no row */
	struct model_alloc other;	/* of the last one that was ended */
	size_t nfolded;			/* keys */
};

/* Is there a row for this new key? Makes room for it where there is a limit. */
bool model_fold__admits(struct model *m, const struct alloc_key *key);
/* Takes totals in of a key that has no row. */
void model_fold__add(struct model *m, uint64_t objects, uint64_t bytes, uint64_t class_bytes);
void model_fold__mark(struct model *m);
/* What a new row and a new stack take of the limit. */
void model_fold__charge_row(struct model *m);
void model_fold__charge_stack(struct model *m, uint32_t nframes);
void model_fold__free(struct model *m);
/* Drops the stacks that no row is of; model.c. */
void model_stacks__keep_used(struct model *m);

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

/* Checks of one span class. */
struct model_check_class {
	double open;			/* objects in the one under way */
	double sum, squares;		/* of all of them */
	unsigned int checks;		/* those in which there were any */
	bool doubted;			/* the samples are not borne out: shares are by checks */
};

struct model_checks {
	struct model_table sites;
	struct model_check_class of[MODEL_SPAN_CLASSES];
	unsigned int count;
	int ndoubted;
	uint64_t lost;			/* counters.checks_lost at the end of the last one */
	bool (*is_leading)(void *ctx, uint64_t pc);
	void *ctx;
};

struct model {
	struct model_classes classes;
	struct model_checks checks;
	struct stack_entry *stacks;
	struct model_table allocs, growths, delays, pause_sites, late_sites;
	struct pauses *pauses;		/* NULL before the first */
	struct model_fold fold;
	struct model_counters counters, mark;
	struct model_time time;
	struct model_ways ways;
};

/* The row of the key, made if it is new. NULL: out of memory. */
struct model_alloc *model__alloc_at(struct model *m, uint64_t stack, uint64_t type, uint32_t span_class);

/* check.c: what tells the call site of a stack from others; 0: it has none. */
uint64_t model_checks__site(const struct model *m, uint64_t stack);
/* Are a span class's samples not borne out by checks? */
bool model_checks__doubts(const struct model *m, uint32_t span_class);
/* Divides what such a class has gained among its sites. */
void model_checks__divide(struct model *m, uint32_t span_class, const struct model_class_total *gain);

/* Calls use for each stack that a call site is known by. */
void model_checks__use_stacks(struct model *m, void (*use)(struct model *m, uint64_t stack));

/* Adds to the estimated part of a row's totals. */
void model_samples__give(struct model_alloc *a, double objects, double class_bytes);
/* sample.c's part of model__mark() and model__total(). */
void model_samples__mark(struct model *m);
void model_samples__total_var(const struct model *m, struct model_estimate *est);

/* What the pauses that are remembered one by one take, in bytes. */
size_t model_pauses__bytes(const struct model *m);
/* pause.c's part of model__mark() and model__free(). */
void model_pauses__mark(struct model *m);
void model_pauses__free(struct model *m);

#endif /* GOTRACE_MODEL_INTERNAL_H */
