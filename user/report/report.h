/* SPDX-License-Identifier: GPL-2.0 */
/*
 * report: how it is shown. A profile is the model with names put to its addresses, filtered and
 * trimmed as the command line asks; each format is one function that writes a profile to a stream.
 * A new format is one file beside this one and one row in the table of report.c.
 */
#ifndef GOTRACE_REPORT_H
#define GOTRACE_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "model/model.h"

/* One named frame. Strings live as long as the names object that gave them. */
struct report_frame {
	const char *func;		/* never NULL; "[libc.so.6]", "[unknown]" outside Go */
	const char *file;		/* "" if unknown */
	int line;			/* 0 if unknown */
	int start_line;			/* 0 if unknown */
	bool inlined;			/* inlined into the frame after it */
	bool go;			/* Go code of the binary */
};

/*
 * Where names come from; main binds it to a gobin, a load bias and the process's maps, tests to a
 * table. Both calls may be repeated for one address; whoever implements them may cache.
 */
struct report_names {
	void *ctx;
	/*
	 * Expands a pc of the process, innermost first, compiler-made wrappers left out (so 0 is a
	 * valid answer). exact: pc is the probed instruction itself, not a return address.
	 * Returns the number of frames, at most max.
	 */
	int (*frames)(void *ctx, uint64_t pc, bool exact, struct report_frame *out, int max);
	/*
	 * Is this pc of a function that has no frame there, so that its return address lies on top
	 * of the stack? False where that is not known.
	 */
	bool (*frameless)(void *ctx, uint64_t pc);
	/* Name of the type descriptor at this address of the process; "?" at worst. */
	const char *(*type)(void *ctx, uint64_t addr);
};

/* The main binary's mapping, for pprof. */
struct report_mapping {
	uint64_t start, limit, offset;	/* of its executable mapping, in the process */
	const char *file, *build_id;
};

/* What a report says of the run itself. Strings are the caller's. */
struct report_run {
	int pid;
	const char *command;		/* comm or base name of the executable */
	const char *go_version;		/* "go1.24.4" */
	const char *kernel;		/* uname -r */
	const char *mode;		/* "exact"; "auto: exact 82 %, sample 18 %" */
	const char *command_line;	/* gotrace's own */
	const char *gotrace_version;
	struct report_mapping mapping;
	double ns_per_hit;		/* measured cost of one probe hit, 0: not measured */
	double max_overhead;		/* what they may cost, percent; 0: they are not limited */
	double target_cpu_ns;		/* CPU time the target used since the start, 0: unknown */
};

enum report_metric {
	REPORT_BYTES = 0,		/* class bytes: what MemStats.TotalAlloc counts */
	REPORT_OBJECTS = 1,
	REPORT_GROWTHS = 2,		/* stack growths and re-growths; shrinks are not among them */
	REPORT_COPIED = 3,		/* bytes copied by them */
	REPORT_PAUSES = 4,		/* stop-the-world pauses, by who asked for them */
	REPORT_PAUSE_TIME = 5,		/* their time, ns */
	REPORT_ASSISTS = 6,		/* delays of all kinds: assists, sweeping, starting a cycle */
	REPORT_ASSIST_TIME = 7,		/* their time, ns */
};

struct report_options {
	enum report_metric metric;	/* which also says whose stacks a single-valued format shows */
	/* enum model_group: what was traced, and so is shown by text; 0 for MODEL_ALLOC. */
	unsigned int groups;
	/* Rows of a table, 20 if not positive; all groups share them in the text of an interval. */
	int top;
	bool runtime_frames;		/* keep leading runtime frames */
	/*
	 * Globs (fnmatch, the whole name, '*' matches '/' too) on function names, NULL-terminated;
	 * may be NULL. A stack is kept if any of its frames that are shown matches an include and
	 * none an exclude. Losses have no frames and are never filtered.
	 */
	const char **include, **exclude;
	/*
	 * Of stacks of allocations and delays only the call site is shown, as in the text of an interval:
	 * what calls it is not looked at, which saves most of the time with many stacks. Filters look
	 * at all frames: not with them, nor with runtime_frames.
	 */
	bool sites_only;
	bool interval;			/* figures since the last mark instead of since the start */
	uint64_t longer_ns;		/* -l: who was late is told of stops that took so long */
	int columns;			/* width of the terminal, 80 where there is none */
	bool color;
};

/* One call stack with names and what it is charged with. Frames are leaf first. */
struct report_sample {
	const struct report_frame *frames;
	/*
	 * Address of the instruction frames[i] is at: the probed one, or the return address - 1, as
	 * pprof wants it. Inlined frames share one; 0 for a frame gotrace made up. Of stacks that
	 * differ in addresses only, those of the first.
	 */
	const uint64_t *pcs;
	int nframes;
	int ntrimmed;			/* runtime frames left out in front of frames[0] */
	bool cut;			/* the stack ends before the goroutine's root */
	/* Of an allocation; else "" and 0. */
	const char *type;		/* "" for untyped bytes */
	const char *via;		/* way into the allocator: "newobject", "growslice", ... */
	uint64_t objects, bytes, class_bytes;
	/* Of them, what is an estimate, and how sure that is. Where any is, bytes are class bytes. */
	struct model_estimate est;
	/* Of copies of goroutine stacks; else "" and 0. */
	const char *start;		/* the goroutine's function */
	enum model_growth_kind kind;
	uint32_t from, to;		/* sizes in bytes */
	uint64_t count, copied, ns;	/* copied in bytes */
	uint64_t untimed;		/* of count: copies whose share of ns is an estimate */
	uint64_t max_ns;		/* of those timed since the start, whatever the period */
	/* Of pauses, delays and late threads: count, ns, max_ns, and */
	const char *what;		/* reason, kind of delay, how it was late; else "" */
	uint32_t code;			/* enum model_reason, model_delay_kind, model_late_how */
	uint64_t work_ns;		/* of assists: marking; of pauses: until all had stopped */
	uint64_t faults;		/* of late threads: page faults meanwhile */
	const char *leaf;		/* of late threads: runtime function it was interrupted in, or "" */
};

/* Samples of one kind and their sums, of which only the figures count. */
struct report_set {
	struct report_sample *samples;
	size_t nsamples;
	struct report_sample lost;	/* what could not be attributed, all causes; may be 0 */
	struct report_sample filtered;	/* what -I and -X left out */
	struct report_sample total;	/* samples + lost; not filtered */
};

struct report_profile {
	struct report_set alloc;
	struct report_set growth;	/* lost: copies of any kind, shrinks among them */
	struct report_set shrink;	/* lost: always 0; stacks may be of one unknown frame */
	/* Of the period as well. Stacks of pauses and late threads may be of one unknown frame. */
	struct report_set pause;	/* by stack of the requester and reason */
	struct report_set late;		/* who stopped last, by stack, how, and function trimmed */
	struct report_set delay;	/* assists, ...; losses include the stacks missing from the model */
	/* The longest pauses since the start, longest first, and the stacks of both sides. */
	struct report_pause {
		const struct model_pause *pause;
		const struct report_sample *requester;	/* frames only; never NULL */
		const struct report_sample *late;	/* frames only; NULL: none was late */
		const char *start;	/* function of the requesting goroutine */
		const char *late_start;	/* of the late one */
	} *worst;
	size_t nworst;
	const struct model *model;	/* for what is no matter of stacks: histograms, cycles */
	const struct report_names *names;
	struct model_counters counters;
	uint64_t nchecks, ndoubted;	/* of samples, since the start; size classes not borne out */
	double seconds;			/* of the period the figures cover */
	struct model_time time;
	/* private: memory behind the samples */
	void *arena;
};

/* The samples a metric is about, and its value of one of them. */
enum model_group report__group(enum report_metric metric);
const struct report_set *report__set(const struct report_profile *p, enum report_metric metric);
uint64_t report__value(const struct report_sample *s, enum report_metric metric);
/* The set in whose lost a row of the counters is. */
const struct report_set *report__set_of_loss(const struct report_profile *p,
					     const struct model_loss *l);
/*
 * How far an estimate may be off: half the width of the interval that holds the true value in 19 of 20
 * cases, in objects or bytes. 0: it is exact.
 */
double report__error(const struct report_sample *s, enum report_metric metric);
/* Does it have any figure that is not 0? */
bool report__counts(const struct report_sample *s);
/* Adds from's figures to to's; max_ns is the larger one. */
void report__add(struct report_sample *to, const struct report_sample *from);

/*
 * Builds a profile out of the model. The model, the names and the options' strings outlive it.
 * -ENOMEM. report__profile_free() accepts NULL and a zeroed struct.
 */
int report__profile(const struct model *m, const struct report_names *names,
		    const struct report_options *opts, struct report_profile *out);
void report__profile_free(struct report_profile *p);

/*
 * How a subject was watched, with the shares of time: "exact 82 %, sample 18 %", or "exact" if it was
 * the same all the time. Returns buf.
 */
#define REPORT_WAYS_LEN 96
char *report__ways(const struct model *m, enum model_subject subject, char buf[REPORT_WAYS_LEN]);

/* A format: name as in -f, suffix as in -o. */
struct report_format {
	const char *name;
	const char *suffixes[4];	/* ".pb.gz", ".pprof", NULL */
	bool binary;			/* not to be written to a terminal */
	const char *view;		/* printf format of the command that shows the file %s */
	/* Writes the whole report to out. 0 or a negative errno; does not close out. */
	int (*write)(FILE *out, const struct report_profile *p, const struct report_run *run,
		     const struct report_options *opts);
};

/*
 * By name ("pprof") or by a file name's suffix ("x.pb.gz"); NULL if there is none. x.trace.json is
 * not json: traces for viewers have that name everywhere.
 */
const struct report_format *report__format(const char *name);
const struct report_format *report__format_of(const char *filename);
/* All names, for messages: "text, folded, pprof, json". */
const char *report__format_names(void);

int report__text(FILE *out, const struct report_profile *p, const struct report_run *run,
		 const struct report_options *opts);
int report__folded(FILE *out, const struct report_profile *p, const struct report_run *run,
		   const struct report_options *opts);
int report__pprof(FILE *out, const struct report_profile *p, const struct report_run *run,
		  const struct report_options *opts);
int report__json(FILE *out, const struct report_profile *p, const struct report_run *run,
		 const struct report_options *opts);
/* The JSON schema of the lines that report__json() writes. 0 or a negative errno. */
int report__json_schema(FILE *out);

/*
 * Output files that appear whole or not at all: opened beside their final name, renamed by
 * commit. A symbolic link is followed. What is no regular file (a FIFO, /dev/full, /dev/stdout) is
 * written directly. expand replaces %p %t %h %c %% in a template (malloc'ed result, NULL: out of
 * memory); %t is wall_ns in UTC as 20060102T150405Z, slashes in the command become '_', any other
 * letter after a % stays as it is.
 */
struct report_file;

char *report__expand_name(const char *tmpl, int pid, const char *command, int64_t wall_ns);
/* Can this output be written? 0, -EEXIST (and !force), -EISDIR, -ENOENT, -EACCES, ... */
int report__check_output(const char *path, bool force);
/* -errno on failure. "-" is stdout. */
int report__file_open(const char *path, bool force, struct report_file **out, FILE **stream);
/*
 * Flushes, closes and renames; frees f. A failure leaves nothing behind. -EEXIST (and !force) if
 * something has taken the name meanwhile. A stream whose writer failed is to be aborted instead.
 */
int report__file_commit(struct report_file *f);
/* Removes what was written; frees f. NULL-safe. */
void report__file_abort(struct report_file *f);

#endif /* GOTRACE_REPORT_H */
