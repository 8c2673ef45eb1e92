/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The probes that sample allocations.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "probe/plan_parts.h"

#define MALLOCGC "runtime.mallocgc"

enum callee { REFILL, NEXT_FREE, ALLOC_LARGE, NCALLEES };

static const char *const callees[NCALLEES] = {
	[REFILL] = "runtime.(*mcache).refill",
	[NEXT_FREE] = "runtime.(*mcache).nextFree",
	[ALLOC_LARGE] = "runtime.(*mcache).allocLarge",
};

/*
 * Which of them have been inlined where they are called from: a bit for each. That is in nextFree, in
 * mallocgc and all that begins with its name, which are the allocators of one size class or kind.
 */
static unsigned int find_copies(const struct gobin *gb)
{
	uint64_t n = gobin__info(gb)->nfuncs;
	unsigned int found = 0;
	struct gobin_func f;

	for (uint64_t i = 0; i < n; i++)
		if (!gobin__func(gb, i, &f) && (!strncmp(f.name, MALLOCGC, sizeof(MALLOCGC) - 1) ||
						!strcmp(f.name, callees[NEXT_FREE])))
			found |= plan__copies(gb, callees, NCALLEES, &f);
	return found;
}

/* Is there such a function, and is it called wherever it is needed? If not, plan->why tells why. */
static bool is_whole(struct probe_plan *plan, const struct gobin *gb, enum callee which,
		     unsigned int copies, struct gobin_func *f)
{
	plan->why[0] = '\0';
	if (gobin__func_by_name(gb, callees[which], f))
		snprintf(plan->why, sizeof(plan->why), "the function %s is missing", callees[which]);
	else if (copies & (1u << which))
		snprintf(plan->why, sizeof(plan->why), "%s is inlined: samples would be missed",
			 callees[which]);
	return !plan->why[0];
}

static int add_sample(struct probe_plan *plan, const struct gobin *gb, const struct gobin_func *f,
		      enum probe_site_kind *kind)
{
	int n = plan->npoints;
	int err = plan__begin_point(plan, gb, f, PROBE_SAMPLE, PROBE_SAMPLE, kind);

	if (n < plan->npoints)
		plan->points[n].part = PROBE_PART_SAMPLE;
	return err;
}

/*
 * Profile-guided builds dissolve refill into nextFree, its only caller, which calls it when the span is
 * full, and for each 64 objects is called without.
 */
static int add_refill(struct probe_plan *plan, const struct gobin *gb, unsigned int copies,
		      enum probe_site_kind *kind)
{
	char why[PROBE_WHY_MAX];
	struct gobin_func f;

	if (is_whole(plan, gb, REFILL, copies, &f))
		return add_sample(plan, gb, &f, kind);
	snprintf(why, sizeof(why), "%s", plan->why);
	if (!is_whole(plan, gb, NEXT_FREE, copies, &f)) {
		snprintf(plan->why, sizeof(plan->why), "%s", why);
		return -ENOTSUP;
	}
	plan->sample_next_free = true;
	return add_sample(plan, gb, &f, kind);
}

static int add_large(struct probe_plan *plan, const struct gobin *gb, unsigned int copies,
		     enum probe_site_kind *kind)
{
	struct gobin_func f;

	return is_whole(plan, gb, ALLOC_LARGE, copies, &f) ? add_sample(plan, gb, &f, kind) : -ENOTSUP;
}

int probe_plan__sample(const struct gobin *gb, struct probe_plan *plan)
{
	enum probe_site_kind refill = PROBE_SITE_PUSH, large = PROBE_SITE_PUSH;
	int err = plan__begin(gb, plan);
	unsigned int copies;

	if (err)
		return err;
	copies = find_copies(gb);
	err = add_refill(plan, gb, copies, &refill);
	if (!err)
		err = add_large(plan, gb, copies, &large);
	if (!err && refill != large) {
		snprintf(plan->why, sizeof(plan->why), "%s and %s do not begin alike",
			 plan->points[0].func, callees[ALLOC_LARGE]);
		err = -ENOTSUP;
	}
	if (err)
		return plan__end(plan, err);
	plan->large = plan->points[plan->npoints - 1].vaddr;
	plan->sample_check = large == PROBE_SITE_CHECK;
	plan->heap_stats = probe_globals__heap_stats(gb);
	if (!plan->heap_stats)
		snprintf(plan->missing, sizeof(plan->missing), "the runtime's own totals: what the "
			 "collector takes back from a P half used is in no sample, and not in the totals");
	return 0;
}

void plan_sample__config(const struct probe_plan *plan, const struct gobin *gb, uint64_t bias,
			 struct gt_config *cfg)
{
	const struct gobin_runtime *rt = gobin__runtime(gb);
	uint32_t classes[GOBIN_NCLASS_MAX];
	int n = gobin__size_classes(gb, classes);

	cfg->large = plan->large ? plan->large + bias : 0;
	cfg->sample_check = plan->sample_check;
	cfg->mcache_alloc = rt->mcache_alloc;
	cfg->span_count = rt->span_count;
	cfg->span_nelems = plan->sample_next_free ? rt->span_nelems : 0;
	cfg->span_has_before = rt->span_has_before;
	for (int i = 0; i < n && i < GT_SIZE_CLASSES; i++)
		cfg->class_size[i] = (uint16_t)classes[i];
}
