/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The way into the allocator, read from the runtime frames between user code and mallocgc.
 */
#ifndef GOTRACE_REPORT_VIA_H
#define GOTRACE_REPORT_VIA_H

#include <stdbool.h>

#include "report/report.h"

/* Is this a function of the Go runtime itself, by its package? */
bool report__is_runtime(const char *func);

/*
 * Names the way in: "newobject", "makeslice", ... or "runtime". frames is the whole stack, leaf
 * first; the first nruntime of them are runtime frames. type is the name of what was allocated.
 * Returns a static string, the same pointer for the same name.
 */
const char *report__via(const struct report_frame *frames, int nframes, int nruntime,
			const char *type);

#endif /* GOTRACE_REPORT_VIA_H */
