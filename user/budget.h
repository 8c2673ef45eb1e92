/* SPDX-License-Identifier: GPL-2.0 */
/*
 * budget: what the probes may cost the target, and which of them are in place so that they do not
 * cost more. Plain decisions: no clock is read, no probe is touched, nothing is printed. session.c
 * looks at the hits now and then, tells them here, and does what is wanted.
 *
 * The budget is a share of the target's CPU time, and of a tenth of one CPU where it uses less: of a
 * program that does next to nothing a share is nothing, and a few hits would be too many.
 *
 * It is an account. Time and the target's CPU time pay in, hits are paid from it, and no more is saved
 * up than half a second brings: so a burst is let pass if it is short, and what was overdrawn is
 * saved afterwards. What is given up when it is overdrawn, in this order, of what costs anything
 * worth mentioning: the times of stack copies, sweeps, exactness of allocations (which are sampled
 * then, all the time or in windows), stack copies, allocations. The collector's probes go when all
 * together still costs twice the budget: then all do. What was given up is tried again after a
 * while that doubles each time it did not last; times and sweeps are not.
 */
#ifndef GOTRACE_BUDGET_H
#define GOTRACE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "model/model.h"

/* Probes whose hits are told apart. */
enum budget_part {
	BUDGET_EXACT = 0,		/* each allocation */
	BUDGET_SAMPLE = 1,		/* spans that are filled, large allocations */
	BUDGET_TIMING = 2,		/* begins of stack copies */
	BUDGET_SWEEPS = 3,		/* sweeping; its hits are among those of the collector */
	BUDGET_STACK = 4,		/* ends of stack copies */
	BUDGET_GC = 5,			/* the collector */
	BUDGET_PARTS = 6,
};

struct budget_options {
	double percent;			/* what may be spent */
	/* False: only timing and sweeps are given up, where they cost more than their shares. */
	bool limited;
	bool part[BUDGET_PARTS];	/* which there are, and may be put in */
	uint64_t seed;			/* of where in a second a window is */
};

/* What there is at one time. All are totals since the start. */
struct budget_look {
	uint64_t now_ns;
	uint64_t cpu_ns;		/* of the target; 0: unknown, as it was the last time */
	uint64_t hits[BUDGET_PARTS];
	uint64_t objects;		/* allocated, an estimate where they are sampled ... */
	uint64_t objects_ns;		/* ... by then */
};

struct budget_want {
	bool in[BUDGET_PARTS];		/* parts that are to be in place */
	enum model_way alloc;		/* whose hits count: MODEL_WAY_OFF, _SAMPLE or _ALL */
	bool tracing;			/* false: all probes are to go, to come back later */
	uint64_t period_ns;		/* what a window stands for; 0: sampling is not in windows */
	uint64_t open_ns;		/* how long it is planned to be */
	/* A wake-up after so many hits of one CPU, a power of two; 0: none is needed. */
	uint64_t alarm_hits;
	uint64_t next_ns;		/* when to look again */
};

struct budget;

/* NULL: out of memory. opts is copied; look is where it starts. */
struct budget *budget__new(const struct budget_options *opts, const struct budget_look *look);
void budget__free(struct budget *b);

/* What one hit costs, in ns. Before it is known, or if it is 0, it is taken for a microsecond. */
void budget__set_cost(struct budget *b, double ns_per_hit);

/* Judges what there is. The times of looks never go back. */
void budget__look(struct budget *b, const struct budget_look *look);
const struct budget_want *budget__want(const struct budget *b);

/* What the last look has changed: the i-th, NULL past the end. */
#define BUDGET_CHANGES_MAX 8
const struct model_change *budget__change(const struct budget *b, int i);

/* A part could not be put in: it is done without, and tried again as if it had been too dear. */
void budget__failed(struct budget *b, enum budget_part part);

/* How a subject is watched now. */
enum model_way budget__way(const struct budget *b, enum model_subject subject);

#endif /* GOTRACE_BUDGET_H */
