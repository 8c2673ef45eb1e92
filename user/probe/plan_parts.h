/* SPDX-License-Identifier: GPL-2.0 */
/* What plan.c (allocations, stack growth), plan_sample.c and plan_gc.c (the collector) share. */
#ifndef GOTRACE_PROBE_PLAN_PARTS_H
#define GOTRACE_PROBE_PLAN_PARTS_H

#include "probe/plan.h"

/* An empty plan. -ENOTSUP for a binary of which too little is known. */
int plan__begin(const struct gobin *gb, struct probe_plan *plan);
/* Says why there is no plan, if that lies with a point. Returns err. */
int plan__end(struct probe_plan *plan, int err);

/* A new point on func, with *code and *len to look for its place in. NULL: refused. */
struct probe_point *plan__new_point(struct probe_plan *plan, const struct gobin *gb,
				    const struct gobin_func *func, const uint8_t **code,
				    size_t *len);
/*
 * Decodes func and adds a point on its first instructions, refused or not: push or check is its
 * program, as its place is the push of the frame pointer or the stack check's jump. 0 or -ENOTSUP.
 */
int plan__begin_point(struct probe_plan *plan, const struct gobin *gb, const struct gobin_func *func,
		      enum probe_prog push, enum probe_prog check, enum probe_site_kind *kind);
/* Puts the point at offset of its function. 0 or -ENOTSUP. */
int plan__place(const struct gobin *gb, struct probe_point *p, uint32_t offset);
/* Where of a site the probe is best put on this kernel, as *offset, and how it is then reached. */
enum probe_trap plan__choose(const struct probe_site *site, uint64_t entry, uint32_t *offset);

/*
 * Which of n callees has the compiler inlined into caller? A bit for each, the last for all from 31 on.
 */
unsigned int plan__copies(const struct gobin *gb, const char *const *callees, int n,
			  const struct gobin_func *caller);

/*
 * Has the compiler inlined one of n callees into caller? Profile-guided builds do that; a probe on the
 * callee then misses the copies.
 */
bool plan__is_inlined(const struct gobin *gb, const char *const *callees, int n, const char *caller);

/* The part of probe_plan__config() that is about samples. */
void plan_sample__config(const struct probe_plan *plan, const struct gobin *gb, uint64_t bias,
			 struct gt_config *cfg);
/* The part of probe_plan__config() that is about the collector. */
void plan_gc__config(const struct probe_plan *plan, const struct gobin *gb, uint64_t bias,
		     struct gt_config *cfg);

#endif /* GOTRACE_PROBE_PLAN_PARTS_H */
