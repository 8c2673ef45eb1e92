/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How long stack copies took that were counted and not timed, as told by those that were.
 */
#ifndef GOTRACE_REPORT_COPY_TIME_H
#define GOTRACE_REPORT_COPY_TIME_H

#include "model/model.h"
#include "report/arena.h"

struct copy_step;

struct copy_times {
	struct copy_step *steps;	/* by from and to */
	uint64_t timed, ns;		/* of all */
};

/* Sums up all copies of the model; tmp outlives times, which is to be cleared. 0 or -ENOMEM. */
int copy_times__make(struct copy_times *times, const struct model *m, struct report_arena *tmp);
void copy_times__clear(struct copy_times *times);

/*
 * An estimate for n copies like those of g, in ns: by the mean of g's own since the start; if none of
 * them was timed by that of all of its step, or else of all copies; 0 if none was timed at all.
 */
uint64_t copy_times__estimate(const struct copy_times *times, const struct model_growth *g, uint64_t n);

#endif /* GOTRACE_REPORT_COPY_TIME_H */
