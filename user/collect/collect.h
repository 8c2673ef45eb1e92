/* SPDX-License-Identifier: GPL-2.0 */
/*
 * collect: loads the BPF side and brings what it gathered into the model.
 */
#ifndef GOTRACE_COLLECT_H
#define GOTRACE_COLLECT_H

#include <stdbool.h>
#include <stdint.h>

#include "gotrace/config.h"
#include "model/model.h"
#include "probe/plan.h"

struct bpf_program;
struct collect;

/*
 * The runtime's own totals, runtime.memstats.heapStats of the process (struct gobin_runtime says how it is
 * laid out), and how to read its memory: 0 or a negative errno.
 */
struct collect_totals {
	uint64_t addr;			/* 0: not known */
	size_t size, tiny;		/* of a heapStatsDelta; where in it tinyAllocCount is */
	int (*read)(void *ctx, uint64_t addr, void *buf, size_t len);
	void *ctx;
};

struct collect_options {
	struct gt_config config;
	struct collect_totals totals;
	bool multi;			/* load the programs for uprobe_multi links */
	bool needed[PROBE_PROG_MAX];	/* programs to load */
	bool no_task_layout;		/* threads that are late are of no interest */
	/* Entries of the tables; 0: the default. Tables of groups without a program have 1. */
	uint32_t max_allocs, max_samples, max_growths, max_delays, max_stacks, max_shorts;
};

#define COLLECT_WHY_MAX 256

/* Lets libbpf's own messages through (-vv) or keeps them quiet, which is the default. */
void collect__verbose(bool on);

/* Has this kernel the ring buffer that PROBE_GC's program writes to? True where that cannot be tried. */
bool collect__has_ring(void);

/*
 * Loads programs and tables. On failure writes the reason to why (COLLECT_WHY_MAX bytes) and returns
 * -EPERM (not permitted), -ENOTSUP (this kernel lacks something) or another negative errno.
 */
int collect__open(const struct collect_options *opts, struct collect **out, char *why);
void collect__free(struct collect *c);

/* The loaded programs by enum probe_prog; NULL where not needed. Owned by c. */
struct bpf_program *const *collect__progs(const struct collect *c);

/*
 * Tells the programs that all probes are in place, or are about to go. What has a begin and an end is
 * begun only in between.
 */
void collect__set_tracing(struct collect *c, bool on);

/* The same for the probes of the collector alone, which come and go while the others stay. */
void collect__set_gc_tracing(struct collect *c, bool on);

/*
 * Says that the probes of the collector have gone for a while: what was under way will end unseen. Its
 * delays stay among those under way.
 */
void collect__forget_gc(struct collect *c);

/*
 * Which table allocations go to, from now on: hits of the other way's probes only count as left_out. So to
 * change it, the new probes are put in, then this is called, then the old ones are taken out, and no
 * allocation is counted twice or missed. GT_ALLOC_NONE after collect__open(). Reads the runtime's totals,
 * which are those of the time in GT_ALLOC_SAMPLE.
 */
void collect__set_alloc_mode(struct collect *c, enum gt_alloc_mode mode);

/*
 * What each sample stands for that is brought into the model from the next drain on, 1 or more: the time
 * since the last drain over that in which the probes were in. 1 after collect__open(). To be followed by a
 * drain before it is set anew.
 */
void collect__set_sample_scale(struct collect *c, double scale);

/* What of each duration is the probes' own and is to be left out, in ns: calibrate__pair_ns(). */
void collect__set_pair_ns(struct collect *c, uint64_t ns);

/* Says that the probes on sweeping are about to go: sweeps under way by then will never end. */
void collect__end_sweeps(struct collect *c);

/*
 * Says that the probes that time stack copies are about to go: from now on copies are not timed, those
 * under way included.
 */
void collect__end_timing(struct collect *c);

/* Hits so far, told apart as in enum budget_part; those that counted for nothing are of exact. */
struct collect_hits {
	uint64_t exact, sample, timing, stack, gc;
	uint64_t sweeps;		/* of gc */
};

/* Reads the counters alone, which is cheap. 0, -ENOMEM or the errno of a failed map access. */
int collect__hits(struct collect *c, struct collect_hits *out);

/*
 * Has user space woken by the descriptor below whenever one CPU has counted so many allocations, a
 * power of two; 0: never, which is the default.
 */
void collect__set_alarm(struct collect *c, uint64_t hits);
/* Readable after an alarm; -1: this kernel has no ring buffer (Linux 5.8 has). */
int collect__alarm_fd(const struct collect *c);
/* To be called before hits are read: from now on there may be another one. */
void collect__clear_alarm(struct collect *c);

/* Readable when drain is not to wait for its turn, since the ring of events fills; -1: no events. */
int collect__events_fd(const struct collect *c);

/*
 * Brings the model up to date: new stacks, totals, events, counters. Totals are only read, so nothing
 * is lost between two calls; events are taken out of their ring. A stack whose frames do not hash to its
 * id is left out and counted. 0, -ENOMEM, or the errno of a failed map access.
 */
int collect__drain(struct collect *c, struct model *m);

/*
 * Are samples scaled to the runtime's own totals? Not where these were not found, and no more once they
 * could not be read or did not make sense.
 */
bool collect__has_totals(const struct collect *c);

/* Fill of the tables: entries used and room. */
struct collect_usage {
	uint32_t allocs, max_allocs, samples, max_samples, growths, max_growths;
	uint32_t delays, max_delays, stacks, max_stacks;
};

struct collect_usage collect__usage(const struct collect *c, const struct model *m);

#endif /* GOTRACE_COLLECT_H */
