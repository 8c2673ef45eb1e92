/* SPDX-License-Identifier: GPL-2.0 */
/*
 * plan: which probes see what a Go program does exactly once, and where they go in this binary. One
 * plan per group of events, made from the binary alone; nothing is attached.
 */
#ifndef GOTRACE_PROBE_PLAN_H
#define GOTRACE_PROBE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "gobin/gobin.h"
#include "gotrace/config.h"
#include "probe/globals.h"
#include "probe/site.h"

/* The BPF program that a probe runs: bpf/gotrace.bpf.c. */
enum probe_prog {
	PROBE_ALLOC_PUSH = 0,
	PROBE_ALLOC_CHECK = 1,
	PROBE_ALLOC_DIRECT = 2,
	PROBE_STACK_PUSH = 3,
	PROBE_STACK_CHECK = 4,
	PROBE_STACK_COPY = 5,
	PROBE_GC = 6,
	PROBE_PROG_MAX = 7,
};

/* Points that are put in and taken out together, whatever becomes of the others: probe__put_in(). */
enum probe_part {
	PROBE_PART_GC = 0,
	PROBE_PART_SWEEPS = 1,		/* delays by sweeping */
	PROBE_PART_STACK = 2,		/* ends of stack copies, which tell all but their time */
	PROBE_PART_TIMING = 3,		/* begins of stack copies, which only time them */
	PROBE_PART_EXACT = 4,		/* each allocation */
	PROBE_PART_SAMPLE = 5,		/* spans that are filled, and large allocations */
	PROBE_PART_MAX = 6,
};

#define PROBE_PARTS_ALL ((1u << PROBE_PART_MAX) - 1)

#define PROBE_BYTES 24

struct probe_point {
	char func[64];			/* name in the binary */
	enum probe_prog prog;
	uint64_t entry;			/* the function's address in the file */
	uint64_t vaddr;			/* the probe's address in the file */
	uint64_t offset;		/* the probe's offset in the file */
	uint8_t bytes[PROBE_BYTES];	/* the function's first bytes, for people */
	uint32_t nbytes;
	struct gt_site site;		/* of PROBE_GC; without its address */
	enum probe_part part;
	enum probe_trap trap;
	uint32_t proven;		/* bytes from the entry on that must be in memory as in the file */
	char why[PROBE_WHY_MAX];	/* not "": refused, and why */
};

/*
 * Go 1.26 with specialised allocators of every small class needs 69, stack copies need 2, the
 * collector some 35.
 */
#define PROBE_POINTS_MAX 144

struct probe_plan {
	struct probe_point points[PROBE_POINTS_MAX];
	int npoints;
	uint64_t caller_start, caller_end; /* whose calls PROBE_ALLOC_DIRECT leaves out; 0: unused */
	uint32_t copy_gp;		/* of PROBE_STACK_COPY: see struct gt_config */
	struct probe_globals globals;
	char why[PROBE_WHY_MAX];	/* why there is no plan; "" if there is one */
	char missing[PROBE_WHY_MAX];	/* what of the group goes without, and why; "" if nothing */
};

/*
 * Plans the allocation probes. Returns 0, or -ENOTSUP when this binary's allocations cannot be
 * counted exactly once; plan->why and the points' own why say what is missing. plan is filled as far
 * as it goes in either case.
 *
 * Source: runtime/malloc.go and malloc_generated.go of Go 1.18 to 1.27. Up to 1.26 every allocation
 * passes runtime.mallocgc, from 1.24 on its way to one of five leaves. From 1.27 the compiler calls
 * allocators specialised by size class directly, and mallocgc dispatches to the same ones.
 */
int probe_plan__alloc(const struct gobin *gb, struct probe_plan *plan);

/*
 * Plans the two probes on each copy of a goroutine's stack: runtime.copystack's begin, which only
 * times it and is a part of its own, and its call of stackfree, which must be passed on every way to
 * its return and tells all else. As above.
 *
 * Source: runtime/stack.go of Go 1.18 to 1.27. copystack is called by newstack, which grows stacks,
 * and shrinkstack. It runs on a system stack, so its own stack check never leads to a copy.
 */
int probe_plan__stack(const struct gobin *gb, struct probe_plan *plan);

/*
 * Plans the probes on the collector: stop-the-world pauses (without them there is no plan), threads that
 * are late for them, assists, sweeping, cycle starts and barriers, of which each is left out, and named
 * in plan->missing, where it has no safe place.
 *
 * Source: runtime/proc.go, mgc.go, mgcmark.go, mgcsweep.go, signal_unix.go of Go 1.18 to 1.27.
 */
int probe_plan__gc(const struct gobin *gb, struct probe_plan *plan);

/* Appends the points of a group's plan to those of a trace. -ENOTSUP: more than there is room for. */
int probe_plan__add(struct probe_plan *plan, const struct probe_plan *group);

/* The part of it that tells PROBE_GC's program its sites. */
void probe_plan__sites(const struct probe_plan *plan, uint64_t bias, struct gt_config *cfg);

/* What the BPF side must know of this binary's runtime, for a process with this load bias. */
void probe_plan__config(const struct probe_plan *plan, const struct gobin *gb, uint64_t bias,
			struct gt_config *cfg);

#endif /* GOTRACE_PROBE_PLAN_H */
