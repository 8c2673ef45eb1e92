/* SPDX-License-Identifier: GPL-2.0 */
/*
 * check: when samples are held against a look at each allocation.
 */
#ifndef GOTRACE_CHECK_H
#define GOTRACE_CHECK_H

#include "session_parts.h"

/* Once the probes are in: checks are possible where each allocation can be counted as well. */
void check__start(struct session *s);
/* Now and then while allocations are sampled all the time: does a check if it is time for one. */
void check__look(struct session *s);

#endif /* GOTRACE_CHECK_H */
