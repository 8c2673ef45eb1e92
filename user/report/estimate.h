/* SPDX-License-Identifier: GPL-2.0 */
/*
 * estimate: what a report says of allocations that were sampled.
 */
#ifndef GOTRACE_REPORT_ESTIMATE_H
#define GOTRACE_REPORT_ESTIMATE_H

#include "report/arena.h"
#include "report/report.h"

/* What an estimate has grown by since the mark, its variances left out: estimate__add() makes them. */
struct model_estimate estimate__since(const struct model_estimate *now,
				      const struct model_estimate *mark);
/*
 * Adds to a sample's estimate what one of its stacks says of how sure it is, not the figures themselves.
 * All stacks of a sample are of one span class.
 */
void estimate__add(struct model_estimate *to, const struct model_estimate *from);
/* What is known of the objects of samples in place of a type: "~32 B, no pointers". NULL: out of memory. */
const char *estimate__class_name(struct report_arena *arena, const struct model_alloc *a);
/*
 * Objects of classes of which no sample has come yet, with a made-up stack; they are as the runtime has
 * counted them, so that only their sites are unknown. All 0 if there are none.
 */
struct report_sample estimate__unsampled(const struct model *m, bool interval);

#endif /* GOTRACE_REPORT_ESTIMATE_H */
