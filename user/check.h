/* SPDX-License-Identifier: GPL-2.0 */
/*
 * check: when samples are held against a look at each allocation.
 */
#ifndef GOTRACE_CHECK_H
#define GOTRACE_CHECK_H

#include "session_parts.h"

/* Once the probes are in: checks are possible where each allocation can be counted as well. */
void check__start(struct session *s);
/*
 * To be called now and then while allocations are sampled: does a check if it is time for one. Where the
 * probes' cost is limited, and so many allocations are made that a check would break the limit for a
 * moment, there is none.
 */
void check__look(struct session *s, const struct budget_look *now);

#endif /* GOTRACE_CHECK_H */
