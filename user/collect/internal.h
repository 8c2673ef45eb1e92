/* SPDX-License-Identifier: GPL-2.0 */
/* What collect.c and drain.c share. */
#ifndef GOTRACE_COLLECT_INTERNAL_H
#define GOTRACE_COLLECT_INTERNAL_H

#include "collect/collect.h"
#include "gotrace.skel.h"

struct collect {
	struct gotrace_bpf *skel;
	struct bpf_program *progs[PROBE_PROG_MAX];
	int ncpu;			/* possible CPUs: values of a per-CPU map */
	uint32_t max_allocs, max_growths, max_stacks, max_shorts;
	bool has_allocs, has_growths;	/* whose programs are loaded */
	bool undisturbed;		/* reading the tables must not be preempted, see below */
	uint64_t corrupt;		/* of the present drain: stacks whose frames did not match their id */
	void *keys, *vals;		/* buffers of a batch, of any table */
	uint32_t batch;			/* entries they have room for */
};

/*
 * On some kernels a bpf() call on a table keeps this CPU's uprobe programs from running even while
 * the call is preempted, see probe__may_miss(). Between begin and end nothing that is scheduled as
 * usual preempts gotrace, so the target does not run on this CPU. No-ops on other kernels.
 */
void collect__undisturbed_begin(const struct collect *c);
void collect__undisturbed_end(const struct collect *c);

#endif /* GOTRACE_COLLECT_INTERNAL_H */
