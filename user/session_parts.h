/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What loop.c (the loop over all sessions), session.c (the life of one), setup.c (from a pid to
 * attached probes) and output.c (what the user sees) share.
 */
#ifndef GOTRACE_SESSION_PARTS_H
#define GOTRACE_SESSION_PARTS_H

#include <sys/utsname.h>

#include "budget.h"
#include "collect/collect.h"
#include "gobin/gobin.h"
#include "model/model.h"
#include "probe/attach.h"
#include "report/names.h"
#include "session.h"
#include "target/target.h"

/* stdout, which all sessions share. */
struct screen {
	bool terminal;			/* tables are redrawn */
	bool color;
	bool tables;			/* tables are printed every interval */
	bool failed;			/* a closed pipe or a full disk: nothing more goes there */
	int sessions;			/* how many share it */
};

/* watch.c: what the probes cost. */
struct watch {
	struct budget *budget;
	bool limited;			/* what they may cost is */
	bool warned;			/* of what they cost; only where it is not */
	bool tracing;			/* collect__set_tracing() */
	enum model_way alloc;		/* collect__set_alloc_mode() */
	struct collect_hits hits;	/* at the last look */
	/* By the last drain. */
	uint64_t drained_ns, objects;
	/* Sampling in windows. */
	uint64_t window_ns;		/* when the present one was opened; 0: there is none */
	uint64_t window_seen_ns;	/* until when its samples are in the model */
	double window_left;		/* of what it stands for, what they do not stand for, ns */
	double window_scale;		/* what they are planned to stand for */
	uint64_t cost_ns, cost_cpu_ns, cost_hits; /* at the last look whether to warn */
	uint64_t told_ns;		/* when a change was told of */
};

/* When samples are held against a look at each allocation: check.c's own. */
struct check {
	bool possible;
	uint64_t next_ns, period_ns;
	uint64_t hits;			/* of all of them, by the end of the last one */
	uint64_t seed;
	struct budget_look last;	/* what was known when it was asked last whether a check is dear */
	bool is_dear;			/* and what came of it */
};

/* One trace of one process. */
struct session {
	const struct args *args;
	struct screen *screen;
	pid_t pid;
	struct target *target;
	struct gobin *gb;
	struct probe_plan *plan;	/* of all groups that are traced */
	unsigned int groups;		/* which are: enum model_group */
	struct collect *collect;
	struct probe_set *probes;
	struct model *model;
	struct names *names;
	struct utsname kernel;
	struct report_run run;
	uint64_t bias;			/* what was added to the file's addresses */
	bool multi;			/* uprobe_multi links */
	int nprobes;
	double attach_ms, detach_ms;
	uint64_t start_ns;		/* CLOCK_MONOTONIC when the probes were in place */
	uint64_t start_cpu_ns;		/* CPU time of the target by then */
	struct watch watch;
	struct check check;
	char mode[128];			/* of run: how allocations were counted */
	bool ended;			/* the target has gone, or runs another program */
	bool written[ARGS_LIST_MAX];	/* outputs that a snapshot has made: ours to overwrite */
	int code;			/* exit code so far */
};

uint64_t session__now_ns(void);

/* Opens a session and attaches. 0, or the exit code after a message. */
int session__open(struct session *s, const struct args *args, pid_t pid, struct screen *screen);
/* Puts the probes in and starts the clock. 0, or the exit code after a message. */
int session__start(struct session *s);
/* Brings the model up to now and looks whether the target is still there and what it pays. */
void session__tick(struct session *s);
/* Brings the model up to now. */
void session__drain(struct session *s);
/* Takes the probes out. */
void session__detach(struct session *s);
/* The last of the figures, the outputs and the summary; after the detaching. */
void session__finish(struct session *s);
void session__close(struct session *s);

/*
 * Decides what is watched how from the start on; watch__parts() are the bits of enum probe_part to be put
 * in, and watch__start() begins to count. -ENOMEM.
 */
int watch__open(struct session *s);
unsigned int watch__parts(const struct session *s);
void watch__start(struct session *s);
/* Looks what the probes cost, and puts them in and takes them out as the budget has it. */
void watch__look(struct session *s);
/* When to do so again, if nothing is alarming before; UINT64_MAX: with each session__tick(). */
uint64_t watch__next_ns(const struct session *s);
/* To be called before each drain, and after it. */
void watch__before_drain(struct session *s);
void watch__drained(struct session *s);
/* Before the probes go for good. */
void watch__end(struct session *s);
void watch__close(struct session *s);
/* Cost of a hit on this machine; measured by the first call. */
double watch__ns_per_hit(const struct session *s);

/* All probe hits so far, those that were left out included. */
uint64_t session__hits(const struct session *s);

/*
 * Opens target, binary and BPF side. Returns 0, or the exit code after a message. What was opened
 * stays in s for session.c to close.
 */
int setup__open(struct session *s);
/* Puts the probes in. 0, or the exit code after a message. */
int setup__attach(struct session *s);

/* Checks that the outputs can be written, before anything is attached. 0 or the exit code. */
int output__check(struct session *s);
/* Prints or redraws the interval's table, where there is one; the first of several sessions clears. */
void output__interval(struct session *s, bool first);
/* Writes every output; at the end also the summary on stdout. */
void output__write(struct session *s, bool end);
void output__start_line(const struct session *s);
void output__end_block(const struct session *s);

#endif /* GOTRACE_SESSION_PARTS_H */
