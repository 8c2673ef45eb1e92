/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Private to pprof*.c: the message under construction. An error is remembered, and everything after
 * it is harmless.
 */
#ifndef GOTRACE_REPORT_PPROF_H
#define GOTRACE_REPORT_PPROF_H

#include "model/hash.h"
#include "report/arena.h"
#include "report/report.h"

#include "profile.pb-c.h"

struct pprof_string;
struct pprof_seen;
struct pprof_function;
struct pprof_location;
struct pprof_kind;

struct pprof {
	const struct report_profile *p;
	const struct report_set *set;	/* what of it the file is about */
	const struct pprof_kind *kind;	/* how it is shown */
	const struct report_run *run;
	struct report_arena *arena;
	struct pprof_string *strings;
	struct pprof_seen *seen;
	struct pprof_function *functions;
	struct pprof_location *locations;
	Gotrace__Pprof__Profile msg;
	int err;			/* -ENOMEM; set once, everything after is harmless */
};

/* pprof_tables.c */
void *pprof__alloc(struct pprof *b, size_t n, size_t size);
/* Index of a clean string in the string table, 0 after an error. */
int64_t pprof__intern(struct pprof *b, const char *s);
/* Index of a string of the caller's, which outlives the builder. */
int64_t pprof__string(struct pprof *b, const char *s);
void pprof__add_stack(struct pprof *b, Gotrace__Pprof__Sample *msg, const struct report_sample *s);
/* The tables, gathered while everything else was added, go into the message. */
void pprof__add_tables(struct pprof *b);
/* Frees everything but b itself. */
void pprof__clear(struct pprof *b);

#define PPROF_VALUES_MAX 3
#define PPROF_LABELS_MAX 7

/* pprof_samples.c: what the sets of a profile differ in. */
struct pprof_kind {
	const char *types[PPROF_VALUES_MAX][2];	/* sample types and their units */
	int ntypes;
	const char *period[2];
	const char *noun, *unit;	/* what the first value counts, the last one measures */
	bool exact;			/* all are counted, however allocations are */
	void (*values)(const struct report_sample *s, int64_t *values);
	void (*labels)(struct pprof *b, Gotrace__Pprof__Sample *msg, const struct report_sample *s);
};

const struct pprof_kind *pprof__kind(enum report_metric metric);
void pprof__add_types(struct pprof *b, enum report_metric metric);
void pprof__add_samples(struct pprof *b);
/* The figures of a row of the losses; false if it is another set's, or has none. */
bool pprof__loss(const struct pprof *b, int row, struct report_sample *s);

#endif /* GOTRACE_REPORT_PPROF_H */
