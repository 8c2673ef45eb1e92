/* SPDX-License-Identifier: GPL-2.0 */
/*
 * model: what happened. Stacks, allocation totals by (stack, type), growths of goroutine stacks,
 * stop-the-world pauses and who was late for them, delays by the collector, losses, and when it all
 * was. Plain data in, plain data out: no libbpf, no files, no names.
 * collect/ fills it, report/ reads it.
 *
 * Totals are cumulative since the start of the trace. model__mark() remembers the present totals,
 * so that an interval's figures are the difference between now and the last mark.
 */
#ifndef GOTRACE_MODEL_H
#define GOTRACE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct model;

struct model_stack {
	uint64_t id;
	uint32_t nframes;
	uint32_t flags;			/* enum gt_stack_flag of event.h */
	/* Leaf first: probed address (of a growth: return address), then return addresses; the model's. */
	const uint64_t *pc;
};

#define MODEL_SIZE_CLASSES 68
#define MODEL_SPAN_CLASSES (2 * MODEL_SIZE_CLASSES)	/* as GT_SPAN_CLASSES of event.h */
/* Not a sample: counted one by one, with its type. */
#define MODEL_COUNTED MODEL_SPAN_CLASSES

/*
 * Which part of some totals is estimated, and the variances of that part. All 0: they are exact. Of a
 * site in a class the variance is sq * (1 - share) + few; of several in one class, with the sums of sq and of
 * share, and the largest few. The sum of their variances would be too much: what one has the others have not.
 */
struct model_estimate {
	double objects, class_bytes;
	double objects_var, bytes_var;
	double objects_sq, bytes_sq;	/* squares of what each sample stands for */
	double objects_few, bytes_few;	/* for the number of samples may be small */
	double share;			/* of the samples of the span class */
};

struct model_alloc {
	uint64_t stack;			/* id; if there is no such stack it was lost */
	uint64_t type;			/* address of the type descriptor, 0: untyped */
	uint32_t span_class;		/* of samples, which know no type; MODEL_COUNTED: none */
	uint64_t objects, bytes, class_bytes;			/* since the start */
	uint64_t mark_objects, mark_bytes, mark_class_bytes;	/* at the last mark */
	uint32_t pass;			/* the model's own: the pass in which it was set last */
	struct model_estimate est, mark_est;	/* of the totals, the part that is estimated */
	struct model_weight {			/* sample.c's own */
		double hits, objects, class_bytes;
		double objects_sq, bytes_sq;	/* sums of the squares of what each stands for */
		double new_objects, new_bytes;	/* of them, not yet part of the totals */
		uint64_t site;			/* check.c's */
	} weight;
};

/* What samples of one stack and span class there have been since the last time. */
struct model_sample {
	uint64_t stack;
	uint32_t span_class;		/* below MODEL_SPAN_CLASSES; 0 and 1: large objects */
	uint64_t hits, objects, bytes, class_bytes;
	/* Sum of the squares of what each stands for: objects; of large objects: pages of 8 KiB. */
	uint64_t squares;
	/*
	 * What each object stands for, as probes are in for a part of the time only: 1 or more. Large
	 * objects are exact with 1.
	 */
	double scale;
};

/* What the runtime itself has counted by size class while it was sampled; class 0: large objects. */
struct model_class_total {
	double objects, class_bytes;
};

/*
 * Behind the size classes: objects that found room in a block that was there, of up to 16 bytes and no
 * pointers. Their blocks are objects of the class of 16 bytes.
 */
#define MODEL_CLASS_TINY   MODEL_SIZE_CLASSES
#define MODEL_CLASS_TOTALS (MODEL_SIZE_CLASSES + 1)

enum model_growth_kind {
	MODEL_GROWTH = 0,		/* a function needed more room */
	MODEL_REGROWTH = 1,		/* the same, to a size that the collector had shrunk it from */
	MODEL_SHRINK = 2,		/* the collector took room back */
};

/* Copies of goroutine stacks that share what led to them. Keyed by the first five. */
struct model_growth {
	uint64_t stack;			/* id; leaf: the function that needed the room */
	uint64_t start;			/* entry of the goroutine's function, 0: unknown */
	uint32_t from, to;		/* sizes in bytes */
	enum model_growth_kind kind;
	uint64_t count, copied;		/* since the start; copied in bytes */
	uint64_t timed, ns, max_ns;	/* how many of them were timed, and the times of these */
	uint64_t mark_count, mark_copied, mark_timed, mark_ns;	/* at the last mark */
};

/* What call sites are held up by for the collector's sake. */
enum model_delay_kind {
	MODEL_ASSIST = 0,		/* mark assist, in proportion to what is allocated */
	MODEL_SWEEP = 1,		/* sweeping before a span is taken */
	MODEL_GC_START = 2,		/* starting a cycle */
	MODEL_BARRIER = 3,		/* waiting for every P to pass a safe point */
	MODEL_DELAY_MAX = 4,
};

/* Delays of one kind at one stack. Keyed by the first two. */
struct model_delay {
	uint64_t stack;
	enum model_delay_kind kind;
	uint64_t count, ns, work_ns, max_ns;	/* since the start; work_ns: of assists, marking */
	uint64_t mark_count, mark_ns, mark_work_ns;
};

/* Why the world was stopped: stwReason of Go 1.21 and later; older reasons are given these numbers. */
enum model_reason {
	MODEL_REASON_UNKNOWN = 0,
	MODEL_REASON_MARK_TERMINATION = 1,
	MODEL_REASON_SWEEP_TERMINATION = 2,
	/* The others are of interest by their name only. */
	MODEL_REASON_MAX = 17,
};

/* "GC mark termination", as in the runtime; "unknown" for what it does not know. Static string. */
const char *model__reason_name(uint32_t reason);
/* Is it one of the two pauses of a GC cycle? */
bool model__is_gc(uint32_t reason);

/* What set off a cycle: gcTriggerKind + 1. */
enum model_trigger {
	MODEL_TRIGGER_NONE = 0,
	MODEL_TRIGGER_HEAP = 1,		/* the heap reached the goal */
	MODEL_TRIGGER_TIME = 2,		/* two minutes without a cycle */
	MODEL_TRIGGER_CYCLE = 3,	/* runtime.GC, debug.FreeOSMemory */
	MODEL_TRIGGER_MAX = 4,
};

/* How a thread was late. */
enum model_late_how {
	MODEL_LATE_RAN = 0,		/* ran code that cannot be preempted */
	MODEL_LATE_WAITED = 1,		/* was runnable, but had no CPU */
	MODEL_LATE_AWAY = 2,		/* ran no user code: in the kernel, or without a CPU */
	MODEL_LATE_UNKNOWN = 3,		/* nothing was seen but that it was late */
	MODEL_LATE_WOKEN = 4,		/* the requester itself, after all others had stopped */
	MODEL_LATE_MAX = 5,
};

/* A thread that was late for a pause. Times in ns of CLOCK_MONOTONIC. */
struct model_late {
	uint32_t seq;			/* of the pause */
	uint32_t tid;
	enum model_late_how how;
	uint64_t late_ns;		/* from the begin of the stop to when this thread stopped */
	uint64_t how_ns;		/* how much of it went as how says */
	uint64_t stopped_ns;
	uint64_t goid, start;		/* its goroutine and the entry of that's function; 0: unknown */
	uint64_t stack;			/* id; 0: none */
	bool sampled;			/* the stack is where it was interrupted, see struct gt_late */
	bool syscall;			/* it stopped by entering a system call */
	uint32_t samples, faults;	/* how often it was interrupted; page faults in between */
};

/* One stop of the world. Times in ns of CLOCK_MONOTONIC; see struct gt_pause. */
struct model_pause {
	uint32_t seq;			/* 1, 2, 3 ... in the order of the stops */
	uint32_t reason;		/* enum model_reason, or a larger number of a Go to come */
	uint64_t requested_ns, begin_ns, stopped_ns, restarting_ns, restarted_ns;
	uint64_t goid, start;		/* who asked for it */
	uint64_t stack;			/* id; 0: none */
	uint32_t tid;
	uint32_t cycle;			/* number of the GC cycle as in NumGC; 0: unknown */
	enum model_trigger trigger;	/* of the cycle, where this pause began it */
	uint64_t heap_begin, heap_end;	/* live and not yet swept heap, bytes; 0: unknown */
	/* The last to stop of those who were late, if any was; how tells what it was. */
	bool has_late;
	struct model_late late;
};

/* Pauses of one reason that were requested at one stack. */
struct model_pause_site {
	uint64_t stack;
	uint32_t reason;
	uint64_t count, ns, max_ns, stop_ns;	/* ns: whole pauses; stop_ns: until all had stopped */
	uint64_t mark_count, mark_ns, mark_stop_ns;
};

/* Who was last, and so decided how long it took to stop: by stack and how. */
struct model_late_site {
	uint64_t stack;
	enum model_late_how how;
	bool sampled;
	uint64_t count, ns, max_ns, faults;	/* ns: late_ns */
	uint64_t mark_count, mark_ns, mark_faults;
};

/*
 * A histogram of durations in ns: counts by buckets of which no one is wider than 1/64 of its lower
 * bound. Zeroed is empty.
 */
#define MODEL_HIST_SUB 64
#define MODEL_HIST_SLOTS (MODEL_HIST_SUB * 38)	/* up to 2^43 ns, over two hours */
struct model_hist {
	uint64_t count, sum, max;
	uint64_t slots[MODEL_HIST_SLOTS];
};

void model_hist__add(struct model_hist *h, uint64_t ns);
/* Smallest value that a share p (0 to 1) of all is not above, to 1/64; the exact one for p = 1. */
uint64_t model_hist__quantile(const struct model_hist *h, double p);
/* How many were in [lo, hi) ns, where both are powers of two (or lo 0). */
uint64_t model_hist__between(const struct model_hist *h, uint64_t lo, uint64_t hi);

/* The event groups of -e; bits. */
enum model_group {
	MODEL_ALLOC = 1,
	MODEL_STACK = 2,
	MODEL_GC = 4,
};

/* What was seen but could not be attributed, by cause, and what was attributed only in part. */
struct model_loss {
	/*
	 * Whose loss it is, 0 for MODEL_ALLOC. Of a stack copy: objects 1, bytes those copied. Of
	 * MODEL_GC: objects is the number of events.
	 */
	enum model_group group;
	const char *cause;		/* "call-site table full"; static string */
	const char *key;		/* "allocs_full"; static string, stable, one of its group */
	uint64_t objects, bytes, class_bytes;
};

#define MODEL_LOSS_MAX 24

/* Counters of the collection as a whole. All cumulative. */
struct model_counters {
	uint64_t seen;			/* allocations that reached the probe */
	uint64_t samples_seen;		/* samples that did */
	uint64_t samples_lost;		/* of them; the loss rows have what they stand for */
	uint64_t checks_seen;		/* allocations that were looked at to hold samples against them */
	uint64_t checks_lost;		/* of them */
	uint64_t left_out;		/* hits that are no calls, or are counted at their caller */
	uint64_t zero;			/* zero-size requests */
	uint64_t cut_depth, cut_read, cut_foreign;	/* walks cut short */
	uint64_t cut_full;		/* walks of which the table of stacks kept the beginning only */
	uint64_t growths_seen;		/* stack copies */
	uint64_t growths_begun;		/* begins of them that were seen, to time them */
	uint64_t growths_unmatched;	/* begins without an end */
	uint64_t gc_hits;		/* of the probes of MODEL_GC */
	uint64_t pauses_seen;		/* pauses that were begun and ended */
	uint64_t pauses_unmatched;	/* begins without an end, and ends without a begin */
	uint64_t delays_seen;		/* delays that were begun */
	uint64_t delays_unmatched;	/* ends without a begin */
	uint64_t delays_under_way;	/* begins whose end is still to come */
	uint64_t unsure;		/* objects whose type or block could not be read */
	uint64_t retries;
	uint64_t corrupt_stacks;	/* stacks whose frames did not match their id */
	struct model_loss loss[MODEL_LOSS_MAX];
	int nloss;
};

/* When and how long, in ns of CLOCK_MONOTONIC, and the wall clock at the start. */
struct model_time {
	uint64_t start_ns, now_ns, mark_ns;
	int64_t start_wall_ns;		/* CLOCK_REALTIME at start_ns */
	uint64_t sweep_end_ns;		/* until when MODEL_SWEEP was watched; 0: all the time */
	uint64_t timing_end_ns;		/* until when stack copies were timed; 0: all the time */
};

struct model *model__new(void);		/* NULL: out of memory */
void model__free(struct model *m);

/*
 * Adds a stack (copied). A second one of the same id is ignored. -EINVAL (no frames, or more than
 * GT_MAX_FRAMES), -ENOMEM.
 */
int model__add_stack(struct model *m, uint64_t id, const uint64_t *pc, uint32_t nframes,
		     uint32_t flags);
/* NULL if unknown. */
const struct model_stack *model__stack(const struct model *m, uint64_t id);
size_t model__nstacks(const struct model *m);

/*
 * Sets the cumulative totals of (stack, type). Totals never shrink: a smaller one is -EINVAL and
 * changes nothing. -ENOMEM.
 */
int model__set_alloc(struct model *m, uint64_t stack, uint64_t type, uint64_t objects,
		     uint64_t bytes, uint64_t class_bytes);
/*
 * Adds samples to what is to be settled. What they make of it is known by model__settle(). -EINVAL (no
 * such class, or a scale below 1), -ENOMEM.
 */
int model__add_sample(struct model *m, const struct model_sample *s);
/* Adds bytes of samples that were lost, so that nobody else is charged for them. Scaled. */
void model__add_lost_sample(struct model *m, uint32_t size_class, double class_bytes);
/*
 * The runtime's own totals, MODEL_CLASS_TOTALS of them, cumulative, of the times that are sampled; NULL:
 * they are not known, or no more from the last time on. Each P may have one span of a class under way,
 * which no total has: nprocs says how many Ps.
 */
void model__set_class_totals(struct model *m, const struct model_class_total *totals, int nprocs);
/*
 * Makes totals out of samples. Where the runtime's own are known, what a class has grown by since the last
 * time is divided among the sites by their samples since then; if there was none, it waits for the
 * next. The variances are those of the sums so far.
 *
 * Of the objects of a span the site that needed the next one is charged with all. So a site's sum is
 * that of n independent draws, each of weight w, that hit with its share p of the span class: its
 * variance is the sum of w^2 (1 - p), and as n may be small, three mean w^2 more.
 */
void model__settle(struct model *m);
/*
 * Checks: times in which each allocation is looked at beside the samples. A class whose samples differ
 * from several of them by more than chance is divided by the checks' shares from then on, until the
 * totals agree with these; what a site was charged with before stays.
 *
 * Samples and checks of one call site have different ends of their stacks: is_leading says whether an
 * address of the process is of a function that only leads from the call site to the probe.
 */
void model__set_leading(struct model *m, bool (*is_leading)(void *ctx, uint64_t pc), void *ctx);
/* Adds to the check under way. -EINVAL (no class of small objects), -ENOMEM. */
int model__add_check(struct model *m, uint64_t stack, uint32_t span_class, uint64_t objects);
/* Ends it. Where anything of it was lost, by the counters, it does not count. -ENOMEM. */
int model__end_check(struct model *m);
unsigned int model__nchecks(const struct model *m);
/* Span classes whose samples the checks do not bear out. */
int model__ndoubted(const struct model *m);
/* What is known by the runtime's totals and has no sample yet. Its numbers are exact, its sites unknown. */
struct model_alloc model__unsampled(const struct model *m);
size_t model__nallocs(const struct model *m);
bool model__has_alloc(const struct model *m, uint64_t stack, uint64_t type);
/* How many there ever were; grows when model__set_alloc() has made a new one. */
uint64_t model__rows_made(const struct model *m);

/*
 * The limit, in bytes, of what stacks, pauses and the totals by (stack, type) may take, and a report
 * that is made of them; 0: none, as it is at first. Where it is reached, the half of the pairs with the
 * fewest bytes are folded: their stacks are forgotten and their totals become part of one sum, now and
 * later. Then there is room for new pairs. Once not even the folded ones can be remembered, all new
 * ones go to the sum. What a pair is charged for is an estimate on the safe side (fold.c).
 *
 * With a limit, totals are set in passes: between begin and end each pair there is is set once, those
 * that have been folded too. What a pass has not ended is not in the sum.
 */
void model__set_limit(struct model *m, uint64_t bytes);
void model__begin_allocs(struct model *m);
void model__end_allocs(struct model *m);
/* The sum over what was folded; its stack and type say nothing. The model's. */
const struct model_alloc *model__other(const struct model *m);
/* How many pairs were folded; those that came after remembering them had ended are not counted. */
size_t model__nfolded(const struct model *m);

/* i-th in order of first arrival, NULL past the end; valid until the next model__set_alloc() or
 * model__end_allocs(). */
const struct model_alloc *model__alloc(const struct model *m, size_t i);

/*
 * Sets the cumulative totals of a growth; g's marks are not looked at. Totals never shrink: a
 * smaller one is -EINVAL and changes nothing, and so is an unknown kind. -ENOMEM.
 */
int model__set_growth(struct model *m, const struct model_growth *g);
size_t model__ngrowths(const struct model *m);
/* i-th in order of first arrival, NULL past the end; valid until the next model__set_growth(). */
const struct model_growth *model__growth(const struct model *m, size_t i);

/* The same for a delay. */
int model__set_delay(struct model *m, const struct model_delay *d);
size_t model__ndelays(const struct model *m);
const struct model_delay *model__delay(const struct model *m, size_t i);

/*
 * Adds a thread that was late; it is kept until the pause of its seq comes. Of several for one pause
 * the one that stopped last is what decided. -ENOMEM.
 */
int model__add_late(struct model *m, const struct model_late *l);
/*
 * Adds a pause; they come in the order of seq. p's own late is taken if has_late is set (the requester
 * itself was late) and it stopped after those added before; otherwise the last of those is. -EINVAL
 * if its times run backwards (requested_ns is not looked at). -ENOMEM.
 */
int model__add_pause(struct model *m, const struct model_pause *p);
/*
 * The pauses that are remembered one by one, oldest first: the last MODEL_PAUSES_MAX. NULL past the
 * end; valid until the next model__add_pause().
 */
#define MODEL_PAUSES_MAX 65536
size_t model__npauses(const struct model *m);
const struct model_pause *model__pause(const struct model *m, size_t i);
/* The MODEL_WORST_MAX longest of all since the start, longest first. */
#define MODEL_WORST_MAX 10
size_t model__nworst(const struct model *m);
const struct model_pause *model__worst(const struct model *m, size_t i);

/* All pauses since the start by site, and all last ones by site; in order of first arrival. */
size_t model__npause_sites(const struct model *m);
const struct model_pause_site *model__pause_site(const struct model *m, size_t i);
size_t model__nlate_sites(const struct model *m);
const struct model_late_site *model__late_site(const struct model *m, size_t i);

/* Durations of the pauses of GC cycles (gc) or of all others, whole or until all had stopped. */
const struct model_hist *model__pause_hist(const struct model *m, bool gc, bool stopping);

/*
 * GC cycles: from the end of the first pause to the begin of the second is the concurrent mark phase.
 * Counted are cycles of which both were seen.
 */
struct model_cycles {
	uint64_t count, by_trigger[MODEL_TRIGGER_MAX];
	uint64_t mark_ns, max_mark_ns;
	/* Sums over the cycles whose heap is known: at the begin, at the end of marking, live then. */
	uint64_t nheap, heap_begin, heap_end, heap_live;
	uint64_t last_heap_begin, last_heap_end, last_heap_live;
};
struct model_cycles model__cycles(const struct model *m);

/*
 * The most that the world was stopped within any window of so many ns since the start, in ns. The
 * minimum mutator utilisation is 1 - stopped / window. Windows: those of model_windows[].
 */
#define MODEL_WINDOWS 5
extern const uint64_t model_windows[MODEL_WINDOWS];	/* 1, 10, 50, 100 ms, 1 s */
uint64_t model__worst_stopped(const struct model *m, int window);

/* What is watched, and can be given up where that costs too much. */
enum model_subject {
	MODEL_SUBJECT_ALLOC = 0,	/* allocations */
	MODEL_SUBJECT_STACK = 1,	/* stack copies */
	MODEL_SUBJECT_TIMING = 2,	/* their times */
	MODEL_SUBJECT_GC = 3,		/* the collector */
	MODEL_SUBJECT_SWEEPS = 4,	/* sweeping before a span is taken */
	MODEL_SUBJECT_MAX = 5,
};

/* How it is watched: the second and the third are of allocations only. */
enum model_way {
	MODEL_WAY_OFF = 0,		/* not */
	MODEL_WAY_WINDOWS = 1,		/* sampled for a part of the time, which stands for all of it */
	MODEL_WAY_SAMPLE = 2,		/* sampled */
	MODEL_WAY_ALL = 3,		/* each one */
	MODEL_WAY_MAX = 4,
};

/* Why that was changed. */
enum model_why {
	MODEL_WHY_OVER = 0,		/* the budget was overdrawn */
	MODEL_WHY_FITS = 1,		/* it has room for more */
	MODEL_WHY_SHARE = 2,		/* it cost more than it is worth */
	MODEL_WHY_STOP = 3,		/* all together cost twice the budget */
	MODEL_WHY_AGAIN = 4,		/* it is tried again, after a while */
	MODEL_WHY_FAILED = 5,		/* the kernel did not put the probes in */
	MODEL_WHY_MAX = 6,
};

/* gotrace changed what it watches how. */
struct model_change {
	uint64_t time_ns;
	enum model_subject subject;
	enum model_way from, to;
	enum model_why why;
	double cost;			/* of all probes before, percent of the target's CPU time */
	double rate;			/* hits of the subject's probes before, a second */
};

/* "allocations", "exact", "over the budget": for people. Static strings. */
const char *model__subject_name(enum model_subject subject);
const char *model__way_name(enum model_subject subject, enum model_way way);
const char *model__why_name(enum model_why why);

/* Says how a subject is watched from the start on. */
void model__start_way(struct model *m, enum model_subject subject, enum model_way way);
/*
 * Adds a change; they come in the order of time. The first MODEL_CHANGES_MAX are kept, and of those
 * after them the last ones that as many more have room for. Times by way are of all.
 */
#define MODEL_CHANGES_MAX 64
void model__add_change(struct model *m, const struct model_change *c);
/* All that there were, and the i-th of those that are kept, oldest first; NULL past the end. */
uint64_t model__changes_seen(const struct model *m);
const struct model_change *model__change(const struct model *m, size_t i);
/* How long a subject was watched in one way until now, ns. */
uint64_t model__way_ns(const struct model *m, enum model_subject subject, enum model_way way);
/* How it is watched now. */
enum model_way model__way(const struct model *m, enum model_subject subject);

void model__set_counters(struct model *m, const struct model_counters *c);
const struct model_counters *model__counters(const struct model *m);
/* What they grew by since the last mark, losses matched by key; the same as above before a mark. */
void model__counters_since_mark(const struct model *m, struct model_counters *out);
/* mark_ns is the model's own: what t has there is not looked at. It is start_ns before a mark. */
void model__set_time(struct model *m, const struct model_time *t);
const struct model_time *model__time(const struct model *m);

/* Remembers all totals and the time as the start of the next interval. */
void model__mark(struct model *m);

/*
 * The sum over all allocs, what was folded, and what is unsampled. Sites of a class share what is known of
 * it as a whole, so the variance is that of the classes' totals, not the sum of the sites'.
 */
struct model_alloc model__total(const struct model *m);
/* The sum over all causes of a group. */
struct model_loss model__total_loss(const struct model *m, enum model_group group);

#endif /* GOTRACE_MODEL_H */
