/* SPDX-License-Identifier: GPL-2.0 */
/*
 * model: what happened. Stacks, allocation totals by (stack, type), growths of goroutine stacks,
 * losses, and when it all was. Plain data in, plain data out: no libbpf, no files, no names.
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

struct model_alloc {
	uint64_t stack;			/* id; if there is no such stack it was lost */
	uint64_t type;			/* address of the type descriptor, 0: untyped */
	uint64_t objects, bytes, class_bytes;			/* since the start */
	uint64_t mark_objects, mark_bytes, mark_class_bytes;	/* at the last mark */
};

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
	uint64_t count, copied, ns, max_ns;			/* since the start; copied in bytes */
	uint64_t mark_count, mark_copied, mark_ns;		/* at the last mark */
};

/* The event groups of -e; bits. */
enum model_group {
	MODEL_ALLOC = 1,
	MODEL_STACK = 2,
};

/* What was seen but could not be attributed, by cause, and what was attributed only in part. */
struct model_loss {
	/* Whose loss it is, 0 for MODEL_ALLOC. Of a stack copy: objects 1, bytes those copied. */
	enum model_group group;
	const char *cause;		/* "call-site table full"; static string */
	const char *key;		/* "allocs_full"; static string, stable, one of its group */
	uint64_t objects, bytes, class_bytes;
};

#define MODEL_LOSS_MAX 16

/* Counters of the collection as a whole. All cumulative. */
struct model_counters {
	uint64_t seen;			/* allocations that reached the probe */
	uint64_t left_out;		/* hits that are no calls, or are counted at their caller */
	uint64_t zero;			/* zero-size requests */
	uint64_t cut_depth, cut_read, cut_foreign;	/* walks cut short */
	uint64_t cut_full;		/* walks of which the table of stacks kept the beginning only */
	uint64_t growths_seen;		/* stack copies that were begun */
	uint64_t growths_unmatched;	/* begins without an end, and ends without a begin */
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
size_t model__nallocs(const struct model *m);
/* i-th in order of first arrival, NULL past the end; valid until the next model__set_alloc(). */
const struct model_alloc *model__alloc(const struct model *m, size_t i);

/*
 * Sets the cumulative totals of a growth; g's marks are not looked at. Totals never shrink: a
 * smaller one is -EINVAL and changes nothing, and so is an unknown kind. -ENOMEM.
 */
int model__set_growth(struct model *m, const struct model_growth *g);
size_t model__ngrowths(const struct model *m);
/* i-th in order of first arrival, NULL past the end; valid until the next model__set_growth(). */
const struct model_growth *model__growth(const struct model *m, size_t i);

void model__set_counters(struct model *m, const struct model_counters *c);
const struct model_counters *model__counters(const struct model *m);
/* What they grew by since the last mark, losses matched by key; the same as above before a mark. */
void model__counters_since_mark(const struct model *m, struct model_counters *out);
/* mark_ns is the model's own: what t has there is not looked at. It is start_ns before a mark. */
void model__set_time(struct model *m, const struct model_time *t);
const struct model_time *model__time(const struct model *m);

/* Remembers all totals and the time as the start of the next interval. */
void model__mark(struct model *m);

/* The sum over all allocs. */
struct model_alloc model__total(const struct model *m);
/* The sum over all causes of a group. */
struct model_loss model__total_loss(const struct model *m, enum model_group group);

#endif /* GOTRACE_MODEL_H */
