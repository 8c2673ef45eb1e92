/* SPDX-License-Identifier: GPL-2.0 */
/*
 * session: one trace of one process, from opening it to the last report.
 */
#ifndef GOTRACE_SESSION_H
#define GOTRACE_SESSION_H

#include "args.h"

/* Runs the whole trace. Returns gotrace's exit code; every failure has been reported on stderr. */
int session__run(const struct args *args);

/* "gotrace inspect": what gotrace sees in a binary or a process. Returns the exit code. */
int inspect__run(const struct args *args);

#endif /* GOTRACE_SESSION_H */
