/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What loop.c (the loop over all sessions), session.c (the life of one), setup.c (from a pid to
 * attached probes) and output.c (what the user sees) share.
 */
#ifndef GOTRACE_SESSION_PARTS_H
#define GOTRACE_SESSION_PARTS_H

#include <sys/utsname.h>

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

/* What there was at the last look at what some probes cost. */
struct watch {
	uint64_t ns, cpu_ns;		/* the clock, and the CPU time of the target */
	uint64_t hits;
};

/* When samples are held against a look at each allocation: check.c's own. */
struct check {
	bool possible;
	uint64_t next_ns, period_ns;
	uint64_t seed;
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
	struct check check;
	struct watch cost;		/* of all probes */
	struct watch sweeping;		/* of those on sweeping */
	struct watch timing;		/* of those that only time stack copies */
	bool warned;			/* of what they cost */
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
