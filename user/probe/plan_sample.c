/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The probes that sample allocations.
 */
#include <errno.h>
#include <stdio.h>

#include "probe/plan_parts.h"

#define REFILL	   "runtime.(*mcache).refill"
#define ALLOCLARGE "runtime.(*mcache).allocLarge"

/* Who calls them, all versions together: a function that a version does not have inlines nothing. */
static const char *const callers[] = {
	"runtime.(*mcache).nextFree", "runtime.mallocgc", "runtime.mallocgcLarge",
	"runtime.mallocgcTiny", "runtime.mallocgcSmallNoscan", "runtime.mallocgcSmallScanNoHeader",
	"runtime.mallocgcSmallScanHeader",
};

/* A point on a function that must be called for each sample. */
static int add_sample(struct probe_plan *plan, const struct gobin *gb, const char *name,
		      enum probe_site_kind *kind)
{
	struct gobin_func f;
	int err, n = plan->npoints;

	if (gobin__func_by_name(gb, name, &f)) {
		snprintf(plan->why, sizeof(plan->why), "the function %s is missing", name);
		return -ENOTSUP;
	}
	for (size_t i = 0; i < sizeof(callers) / sizeof(callers[0]); i++) {
		if (plan__is_inlined(gb, &name, 1, callers[i])) {
			snprintf(plan->why, sizeof(plan->why), "%s is inlined into %s: samples would "
				 "be missed", name, callers[i]);
			return -ENOTSUP;
		}
	}
	err = plan__begin_point(plan, gb, &f, PROBE_SAMPLE, PROBE_SAMPLE, kind);
	if (n < plan->npoints)
		plan->points[n].part = PROBE_PART_SAMPLE;
	return err;
}

int probe_plan__sample(const struct gobin *gb, struct probe_plan *plan)
{
	enum probe_site_kind refill = PROBE_SITE_PUSH, large = PROBE_SITE_PUSH;
	int err = plan__begin(gb, plan);

	if (err)
		return err;
	err = add_sample(plan, gb, REFILL, &refill);
	if (!err)
		err = add_sample(plan, gb, ALLOCLARGE, &large);
	if (!err && refill != large) {
		snprintf(plan->why, sizeof(plan->why), REFILL " and " ALLOCLARGE " do not begin alike");
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
	cfg->span_has_before = rt->span_has_before;
	for (int i = 0; i < n && i < GT_SIZE_CLASSES; i++)
		cfg->class_size[i] = (uint16_t)classes[i];
}
