/* SPDX-License-Identifier: GPL-2.0 */
/*
 * names: puts a Go binary's names to the addresses of a process that runs it.
 */
#ifndef GOTRACE_REPORT_NAMES_H
#define GOTRACE_REPORT_NAMES_H

#include "gobin/gobin.h"
#include "report/report.h"

struct names;

/* Base name of the file mapped at addr, for code outside of the Go binary; NULL if there is none. */
typedef const char *(*names_module_fn)(void *ctx, uint64_t addr);

/*
 * gb and what module returns outlive the names. bias is what was added to the file's addresses when
 * the process was loaded. NULL: out of memory.
 */
struct names *names__new(const struct gobin *gb, uint64_t bias, names_module_fn module, void *ctx);
void names__free(struct names *n);
/* For report__profile(); valid as long as n. */
const struct report_names *names__report(const struct names *n);

#endif /* GOTRACE_REPORT_NAMES_H */
