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

struct collect_options {
	struct gt_config config;
	bool multi;			/* load the programs for uprobe_multi links */
	bool needed[PROBE_PROG_MAX];	/* programs to load */
	bool no_task_layout;		/* threads that are late are of no interest */
	/* Entries of the tables; 0: the default. Tables of groups without a program have 1. */
	uint32_t max_allocs, max_growths, max_delays, max_stacks, max_shorts;
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

/* What of each duration is the probes' own and is to be left out, in ns: calibrate__pair_ns(). */
void collect__set_pair_ns(struct collect *c, uint64_t ns);

/* Says that the probes on sweeping are about to go: sweeps under way by then will never end. */
void collect__end_sweeps(struct collect *c);

/*
 * Says that the probes that time stack copies are about to go: from now on copies are not timed, those
 * under way included.
 */
void collect__end_timing(struct collect *c);

/* Readable when drain is not to wait for its turn, since the ring of events fills; -1: no events. */
int collect__events_fd(const struct collect *c);

/*
 * Brings the model up to date: new stacks, totals, events, counters. Totals are only read, so nothing
 * is lost between two calls; events are taken out of their ring. A stack whose frames do not hash to its
 * id is left out and counted. 0, -ENOMEM, or the errno of a failed map access.
 */
int collect__drain(struct collect *c, struct model *m);

/* Fill of the tables: entries used and room. */
struct collect_usage {
	uint32_t allocs, max_allocs, growths, max_growths, delays, max_delays, stacks, max_stacks;
};

struct collect_usage collect__usage(const struct collect *c, const struct model *m);

#endif /* GOTRACE_COLLECT_H */
