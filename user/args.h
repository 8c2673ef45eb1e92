/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The command line: what the user asked for, checked as far as it can be without looking at the
 * target.
 */
#ifndef GOTRACE_ARGS_H
#define GOTRACE_ARGS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "report/report.h"

/* Exit codes. A release never changes them. */
enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_TARGET = 3,		/* this target cannot be traced */
	EXIT_KERNEL = 4,		/* not permitted, or not supported by this kernel */
};

#define ARGS_LIST_MAX 64
#define ARGS_PIDS_MAX 16

struct args_output {
	const char *name;		/* as given, with its %p %t %h %c */
	const struct report_format *format;
};

/* What gotrace takes itself before it has seen anything, in bytes, and the least --memlimit. */
#define ARGS_OWN_BYTES	  (24U << 20)
#define ARGS_MEMLIMIT_MIN (32U << 20)

/* How allocations are counted: -a. */
enum args_alloc {
	ARGS_ALLOC_AUTO = 0,
	ARGS_ALLOC_EXACT = 1,		/* each one */
	ARGS_ALLOC_SAMPLE = 2,		/* by spans that are filled, and large ones */
	ARGS_ALLOC_OFF = 3,
};

struct args {
	bool inspect;			/* gotrace inspect SUBJECT */
	const char *subject;
	pid_t pids[ARGS_PIDS_MAX];
	int npids;
	uint64_t duration_ns;		/* 0: until interrupted */
	uint64_t interval_ns;
	bool interval_given;
	struct args_output outputs[ARGS_LIST_MAX];
	int noutputs;
	const char *include[ARGS_LIST_MAX + 1], *exclude[ARGS_LIST_MAX + 1];
	struct report_options report;	/* groups: what was asked for */
	bool metric_given;
	enum args_alloc alloc;
	uint64_t memlimit;		/* bytes that gotrace may take itself */
	double max_overhead;		/* percent of the target's CPU time */
	bool overhead_given;
	bool stats, dry_run, force, quiet;
	int verbose;
	char *command_line;
};

/* Parses; on a usage error writes a message and exits with EXIT_USAGE, as -h and -V exit with 0. */
void args__parse(int argc, char **argv, struct args *out);
void args__free(struct args *a);

#endif /* GOTRACE_ARGS_H */
