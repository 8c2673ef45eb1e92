/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What gotrace is asked to do: trace processes, or inspect a binary.
 */
#ifndef GOTRACE_SESSION_H
#define GOTRACE_SESSION_H

#include "args.h"

/* Traces until told to stop. Returns the exit code; every failure has been reported on stderr. */
int loop__run(const struct args *args);

/* "gotrace inspect": what gotrace sees in a binary or a process. Returns the exit code. */
int inspect__run(const struct args *args);

#endif /* GOTRACE_SESSION_H */
