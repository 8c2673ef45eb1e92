/* SPDX-License-Identifier: GPL-2.0 */
/* What collect.c, drain.c, samples.c and events.c share. */
#ifndef GOTRACE_COLLECT_INTERNAL_H
#define GOTRACE_COLLECT_INTERNAL_H

#include "collect/collect.h"
#include "gotrace.skel.h"

/* What the reading of events has to remember from one to the next. */
struct collect_events {
	struct model *model;		/* of the present drain */
	int err;
	uint64_t longer_ns;
	uint32_t seq, cycle;		/* of the pause before; 0: none yet */
	uint32_t late_seq;		/* of the late thread before, and when it stopped */
	uint64_t late_stopped_ns;
	bool cycles_wrong;		/* what was taken for work.cycles does not count cycles */
	uint64_t aged;			/* begins given up */
	uint64_t cut;			/* under way when their probes went */
};

struct collect {
	struct gotrace_bpf *skel;
	struct bpf_program *progs[PROBE_PROG_MAX];
	int ncpu;			/* possible CPUs: values of a per-CPU map */
	uint32_t max_allocs, max_samples, max_growths, max_delays, max_stacks, max_shorts;
	bool has_allocs, has_samples, has_growths, has_gc; /* whose programs are loaded */
	struct collect_samples *samples;
	struct checked *checks;		/* checks.c's own */
	struct ring_buffer *ring;
	struct ring_buffer *alarms;	/* NULL: none on this kernel */
	struct gt_cpu *hits_room;	/* for collect__hits() */
	struct collect_events events;
	bool undisturbed;		/* reading the tables must not be preempted, see below */
	uint64_t corrupt;		/* of the present drain: stacks whose frames did not match their id */
	struct gt_cpu *cpus, *cpus_now;	/* counters as they were read last; and room for the next */
	bool tracing;			/* hits may come */
	bool quiet;			/* there was none between the last two looks */
	bool missed_stack;		/* in the present drain a stack was not there, or damaged */
	bool stacks_missing;		/* in the one before: it may be there by now */
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

/* Brings one stack into the model, if its frames are what its id says. 0 or a negative errno. */
int collect__stack(struct collect *c, struct model *m, uint64_t id);

/*
 * samples.c: the table of samples is cumulative, but what a sample stands for changes. So what there was
 * at the last drain is remembered, and the model is given the difference.
 */
int collect_samples__open(struct collect *c, const struct collect_totals *totals);
/* Begins, goes on or ends to add up the runtime's totals, before a change of the mode. */
void collect_samples__set_mode(struct collect *c, enum gt_alloc_mode mode);
void collect_samples__free(struct collect *c);
/* Entries of the table that hold something. */
uint32_t collect_samples__count(const struct collect *c);
/* One entry of the table, all CPUs. */
int collect_samples__entry(struct collect *c, struct model *m, const void *key, const void *vals);
/* Brings losses into the counters, and what has come since the last drain into the model's totals. */
void collect_samples__settle(struct collect *c, struct model *m, struct model_counters *sum,
			     const struct gt_cpu *cpus);

/*
 * checks.c: entries of the table of allocations that are checks, all CPUs; the model is given what has come
 * since the last drain.
 */
int collect_checks__entry(struct collect *c, struct model *m, const struct gt_alloc_key *key,
			  uint64_t objects);
void collect_checks__free(struct collect *c);
/* hits.c: what the probes cost. */
int collect_hits__open(struct collect *c);
void collect_hits__free(struct collect *c);

/* events.c: the ring, the clock that its times need, and begins that still wait for their end. */
int collect_events__open(struct collect *c);
int collect_events__drain(struct collect *c, struct model *m);
void collect_events__set_clock(struct collect *c);
/* Counts them, and gives up those that are too old. */
uint64_t collect_events__pending(struct collect *c);
/* kernel.c: what this kernel's BTF tells; 0 where it does not. */
struct collect_kernel {
	struct gt_task_layout task;
	int32_t preempt_disable, preempt_enable; /* numbers of functions that programs may call */
};
/* Read once, by a child. */
struct collect_kernel collect__kernel(void);

/*
 * alone.c: puts the calls into the programs that disable preemption. False: the kernel has no such
 * functions, and the programs must not get to them (gt_config.can_be_alone).
 */
bool collect__let_alone(const struct collect_kernel *kernel, struct bpf_program *const *progs,
			int nprogs);

#endif /* GOTRACE_COLLECT_INTERNAL_H */
