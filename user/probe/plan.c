/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The exactly-once set of allocation probes for a binary, and the constants of its runtime.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/plan.h"

#define MALLOCGC "runtime.mallocgc"

/* Of a function that is searched for inlined copies, so much is looked at. */
#define CALLER_MAX 65536

/*
 * What mallocgc has been a dispatcher to since Go 1.24: exactly one of these serves each request.
 * They are the better sites where all are there: they come after the GC assist, which may move the
 * goroutine to another P and so to another block of tiny objects.
 */
static const char *const leaves[] = {
	"runtime.mallocgcTiny",
	"runtime.mallocgcSmallNoscan",
	"runtime.mallocgcSmallScanNoHeader",
	"runtime.mallocgcSmallScanHeader",
	"runtime.mallocgcLarge",
};

#define NLEAVES (int)(sizeof(leaves) / sizeof(leaves[0]))

/* The size class of a specialised allocator's name ("...SC7", "...Size3": class or size), or -1. */
static int specialised_class(const char *name)
{
	static const char *const stems[] = {
		"Tiny", "SmallNoScan", "SmallNoscan", "SmallScanNoHeader", "SmallScanHeader",
	};
	char *end;
	long n;

	for (size_t i = 0; i < sizeof(stems) / sizeof(stems[0]); i++) {
		const char *p = name + sizeof(MALLOCGC) - 1;

		if (strncmp(p, stems[i], strlen(stems[i])))
			continue;
		p += strlen(stems[i]);
		if (!strncmp(p, "SC", 2))
			p += 2;
		else if (!strncmp(p, "Size", 4))
			p += 4;
		else
			continue;
		if (!isdigit((unsigned char)*p))
			continue;
		n = strtol(p, &end, 10);
		if (!*end && n >= 0 && n < GOBIN_NCLASS_MAX)
			return (int)n;
	}
	return -1;
}

/* Decodes func and adds a point for it, refused or not. prog is what a push site runs. */
static int add_point(struct probe_plan *plan, const struct gobin *gb, const struct gobin_func *func,
		     enum probe_prog prog)
{
	struct probe_site site = { 0 };
	struct probe_point *p;
	const uint8_t *code;
	size_t avail = 0;

	if (plan->npoints == PROBE_POINTS_MAX) {
		snprintf(plan->why, sizeof(plan->why), "more than %d allocators", PROBE_POINTS_MAX);
		return -ENOTSUP;
	}
	p = &plan->points[plan->npoints++];
	memset(p, 0, sizeof(*p));
	snprintf(p->func, sizeof(p->func), "%s", func->name);
	p->entry = func->entry;
	p->prog = prog;
	code = gobin__bytes(gb, func->entry, &avail);
	if (!code) {
		snprintf(p->why, sizeof(p->why), "its code is not in the file");
		return -ENOTSUP;
	}
	if (func->end > func->entry && avail > func->end - func->entry)
		avail = func->end - func->entry;
	p->nbytes = (uint32_t)(avail < PROBE_BYTES ? avail : PROBE_BYTES);
	memcpy(p->bytes, code, p->nbytes);
	if (probe_site__find(code, avail, func->entry, &site, p->why))
		return -ENOTSUP;
	if (site.kind == PROBE_SITE_CHECK) {
		if (prog == PROBE_ALLOC_REST) {
			snprintf(p->why, sizeof(p->why), "it has no push %%rbp behind its stack check");
			return -ENOTSUP;
		}
		p->prog = PROBE_ALLOC_CHECK;
	}
	p->vaddr = func->entry + site.offset;
	if (gobin__file_offset(gb, p->vaddr, &p->offset)) {
		snprintf(p->why, sizeof(p->why), "its code is not in the file");
		return -ENOTSUP;
	}
	return 0;
}

static bool has_point(const struct probe_plan *plan, const char *name)
{
	for (int i = 0; i < plan->npoints; i++)
		if (!strcmp(plan->points[i].func, name))
			return true;
	return false;
}

/*
 * Has the compiler inlined one of n callees into caller? Profile-guided builds do that to the
 * allocators; a probe on the callee then misses the copies.
 */
static bool is_inlined_into(const struct gobin *gb, const char *const *callees, int n,
			    const char *caller)
{
	struct gobin_frame frames[16];
	struct gobin_func f;
	uint64_t end;
	int nframes;

	if (gobin__func_by_name(gb, caller, &f))
		return false;
	end = f.end - f.entry > CALLER_MAX ? f.entry + CALLER_MAX : f.end;
	for (uint64_t pc = f.entry; pc < end; pc++) {
		nframes = gobin__expand(gb, pc, frames, 16);
		for (int i = 0; i < nframes - 1; i++)
			for (int j = 0; j < n; j++)
				if (!strcmp(frames[i].func, callees[j]))
					return true;
	}
	return false;
}

/* One probe for everything: up to Go 1.23, and where a profile-guided build has mixed the leaves. */
static int plan_mallocgc(const struct gobin *gb, struct probe_plan *plan)
{
	static const char *const callee = MALLOCGC;
	static const char *const callers[] = {
		"runtime.newobject", "runtime.makeslice", "runtime.growslice",
		"runtime.slicebytetostring", "runtime.rawstring",
	};
	struct gobin_func f;

	if (gobin__func_by_name(gb, MALLOCGC, &f)) {
		snprintf(plan->why, sizeof(plan->why), "the function " MALLOCGC " is missing");
		return -ENOTSUP;
	}
	for (size_t i = 0; i < sizeof(callers) / sizeof(callers[0]); i++) {
		if (is_inlined_into(gb, &callee, 1, callers[i])) {
			snprintf(plan->why, sizeof(plan->why), MALLOCGC " is inlined into %s: "
				 "allocations would be missed", callers[i]);
			return -ENOTSUP;
		}
	}
	return add_point(plan, gb, &f, PROBE_ALLOC_PUSH);
}

/* The leaves from the first one on. Returns 1 if they are not all there, 0 or -ENOTSUP if they are. */
static int plan_leaves(const struct gobin *gb, struct probe_plan *plan, int first)
{
	struct gobin_func f[NLEAVES];
	int err = 0;

	for (int i = first; i < NLEAVES; i++)
		if (gobin__func_by_name(gb, leaves[i], &f[i]))
			return 1;
	if (is_inlined_into(gb, leaves + first, NLEAVES - first, MALLOCGC))
		return 1;
	for (int i = first; i < NLEAVES; i++)
		if (add_point(plan, gb, &f[i], PROBE_ALLOC_PUSH))
			err = -ENOTSUP;
	return err;
}

/*
 * What serves the requests that no specialised allocator does (they end with class max): the leaves
 * but for the tiny one, or mallocgc for all larger sizes.
 */
static int plan_general(const struct gobin *gb, struct probe_plan *plan, int max)
{
	uint32_t classes[GOBIN_NCLASS_MAX];
	struct gobin_func mallocgc;
	int err = plan_leaves(gb, plan, 1);

	if (err <= 0)
		return err;
	if (max >= gobin__size_classes(gb, classes) ||
	    gobin__func_by_name(gb, MALLOCGC, &mallocgc)) {
		snprintf(plan->why, sizeof(plan->why), "the function " MALLOCGC " is missing");
		return -ENOTSUP;
	}
	plan->rest_min = classes[max] + 1;
	return add_point(plan, gb, &mallocgc, PROBE_ALLOC_REST);
}

/* Adds every specialised allocator. Returns the largest class served, 0: none, or -ENOTSUP. */
static int plan_specialised(const struct gobin *gb, struct probe_plan *plan)
{
	const char *names[PROBE_POINTS_MAX];
	uint64_t n = gobin__info(gb)->nfuncs;
	struct gobin_func f;
	int class, max = 0, err = 0;

	for (uint64_t i = 0; i < n; i++) {
		if (gobin__func(gb, i, &f) || strncmp(f.name, MALLOCGC, sizeof(MALLOCGC) - 1))
			continue;
		class = specialised_class(f.name);
		if (class < 0 || has_point(plan, f.name))
			continue;
		/* "...Size3" of the tiny allocators is a size in bytes: all are served by class 2. */
		if (strstr(f.name, "Size"))
			class = 2;
		if (class > max)
			max = class;
		if (add_point(plan, gb, &f, PROBE_ALLOC_PUSH))
			err = -ENOTSUP;
	}
	for (int i = 0; i < plan->npoints; i++)
		names[i] = plan->points[i].func;
	if (!err && max && is_inlined_into(gb, names, plan->npoints, MALLOCGC)) {
		snprintf(plan->why, sizeof(plan->why), "a specialised allocator is inlined into "
			 MALLOCGC ": allocations would be missed");
		err = -ENOTSUP;
	}
	return err ? err : max;
}

int probe_plan__alloc(const struct gobin *gb, struct probe_plan *plan)
{
	int max, err;

	plan->npoints = 0;
	plan->rest_min = 0;
	plan->why[0] = '\0';
	/* Then the version is a lower bound, and the runtime's layout that of another Go perhaps. */
	if (gobin__info(gb)->version_source == GOBIN_VERSION_PCLNTAB) {
		snprintf(plan->why, sizeof(plan->why), "the binary does not say which Go built it");
		return -ENOTSUP;
	}
	max = plan_specialised(gb, plan);
	if (max > 0)
		err = plan_general(gb, plan, max);
	else
		err = max < 0 ? max : plan_leaves(gb, plan, 0);
	if (err > 0)
		err = plan_mallocgc(gb, plan);
	if (!err)
		return 0;
	for (int i = 0; i < plan->npoints && !plan->why[0]; i++)
		if (plan->points[i].why[0])
			snprintf(plan->why, sizeof(plan->why), "%s: %.180s", plan->points[i].func,
				 plan->points[i].why);
	return err;
}

/* Spreads the size classes over the tables by which a request finds its class. */
static void fill_classes(const struct gobin *gb, struct gt_config *cfg)
{
	uint32_t classes[GOBIN_NCLASS_MAX], size;
	int n = gobin__size_classes(gb, classes), c = 0;

	for (int i = 0; i < GT_CLASS_SMALL; i++) {
		size = (uint32_t)i * 8;
		while (c < n - 1 && classes[c] < size)
			c++;
		cfg->class_small[i] = (uint16_t)classes[c];
	}
	for (int i = 0; i < GT_CLASS_LARGE; i++) {
		size = GT_CLASS_SMALL_MAX + (uint32_t)i * 128;
		while (c < n - 1 && classes[c] < size)
			c++;
		cfg->class_large[i] = (uint16_t)classes[c];
	}
}

void probe_plan__config(const struct probe_plan *plan, const struct gobin *gb, uint64_t bias,
			struct gt_config *cfg)
{
	const struct gobin_runtime *rt = gobin__runtime(gb);
	const struct gobin_info *info = gobin__info(gb);

	memset(cfg, 0, sizeof(*cfg));
	cfg->text_start = info->text + bias;
	cfg->text_end = info->etext + bias;
	cfg->small_max = rt->small_max;
	cfg->header_min = rt->header_min;
	cfg->header = rt->malloc_header;
	cfg->rest_min = plan->rest_min;
	cfg->g_m = rt->g_m;
	cfg->m_p = rt->m_p;
	cfg->p_mcache = rt->p_mcache;
	cfg->mcache_tiny = rt->mcache_tiny;
	cfg->id_mask = ~0ULL;
	fill_classes(gb, cfg);
}
