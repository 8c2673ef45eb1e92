/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The exactly-once sets of probes for a binary, and the constants of its runtime.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "probe/flow.h"
#include "probe/plan_parts.h"

#define MALLOCGC  "runtime.mallocgc"
#define COPYSTACK "runtime.copystack"
#define STACKFREE "runtime.stackfree"

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

/* Is this an allocator specialised by size class ("...SC7") or size ("...Size3")? */
static bool is_specialised(const char *name)
{
	static const char *const stems[] = {
		"Tiny", "SmallNoScan", "SmallNoscan", "SmallScanNoHeader", "SmallScanHeader",
	};

	if (strncmp(name, MALLOCGC, sizeof(MALLOCGC) - 1))
		return false;
	name += sizeof(MALLOCGC) - 1;
	for (size_t i = 0; i < sizeof(stems) / sizeof(stems[0]); i++) {
		const char *p = name + strlen(stems[i]);

		if (strncmp(name, stems[i], strlen(stems[i])))
			continue;
		if (!strncmp(p, "SC", 2))
			p += 2;
		else if (!strncmp(p, "Size", 4))
			p += 4;
		else
			continue;
		if (*p && p[strspn(p, "0123456789")] == '\0')
			return true;
	}
	return false;
}

/* A function's code in the file, *len bytes up to the next function. NULL: not there. */
static const uint8_t *code_of(const struct gobin *gb, const struct gobin_func *func, size_t *len)
{
	const uint8_t *code = gobin__bytes(gb, func->entry, len);

	if (code && func->end > func->entry && *len > func->end - func->entry)
		*len = func->end - func->entry;
	return code;
}

struct probe_point *plan__new_point(struct probe_plan *plan, const struct gobin *gb,
				    const struct gobin_func *func, const uint8_t **code,
				    size_t *len)
{
	struct probe_point *p;

	if (plan->npoints == PROBE_POINTS_MAX) {
		snprintf(plan->why, sizeof(plan->why), "more than %d probes", PROBE_POINTS_MAX);
		return NULL;
	}
	p = &plan->points[plan->npoints++];
	memset(p, 0, sizeof(*p));
	snprintf(p->func, sizeof(p->func), "%s", func->name);
	p->entry = func->entry;
	p->trap = PROBE_TRAP_EMULATED;
	*code = code_of(gb, func, len);
	if (!*code) {
		snprintf(p->why, sizeof(p->why), "its code is not in the file");
		return NULL;
	}
	p->nbytes = (uint32_t)(*len < PROBE_BYTES ? *len : PROBE_BYTES);
	memcpy(p->bytes, *code, p->nbytes);
	return p;
}

int plan__place(const struct gobin *gb, struct probe_point *p, uint32_t offset)
{
	p->vaddr = p->entry + offset;
	if (gobin__file_offset(gb, p->vaddr, &p->offset)) {
		snprintf(p->why, sizeof(p->why), "its code is not in the file");
		return -ENOTSUP;
	}
	return 0;
}

enum probe_trap plan__choose(const struct probe_site *site, uint64_t entry, uint32_t *offset)
{
	struct utsname kernel;

	*offset = site->offset;
	if (site->nop == PROBE_NO_NOP || uname(&kernel) || !probe_site__nop_is_call(kernel.release))
		return PROBE_TRAP_EMULATED;
	*offset = site->nop;
	return probe_site__nop_trap(entry + site->nop);
}

int plan__begin_point(struct probe_plan *plan, const struct gobin *gb, const struct gobin_func *func,
		      enum probe_prog push, enum probe_prog check, enum probe_site_kind *kind)
{
	struct probe_site site = { 0 };
	const uint8_t *code;
	uint32_t offset;
	size_t len = 0;
	struct probe_point *p = plan__new_point(plan, gb, func, &code, &len);

	if (!p)
		return -ENOTSUP;
	p->prog = push;
	if (probe_site__find(code, len, func->entry, &site, p->why))
		return -ENOTSUP;
	p->prog = site.kind == PROBE_SITE_CHECK ? check : push;
	p->proven = site.offset + 1;
	if (kind)
		*kind = site.kind;
	p->trap = plan__choose(&site, func->entry, &offset);
	return plan__place(gb, p, offset);
}

/*
 * The end of copystack: an instruction that every way to its return passes, which must be the call of
 * stackfree. There the old stack is in registers, and the goroutine where copystack has put it aside.
 */
static int add_copy(struct probe_plan *plan, const struct gobin *gb, const struct gobin_func *func)
{
	struct probe_flow_end end = { 0 };
	struct gobin_func stackfree;
	const uint8_t *code;
	size_t len = 0;
	struct probe_point *p = plan__new_point(plan, gb, func, &code, &len);

	if (!p)
		return -ENOTSUP;
	p->prog = PROBE_STACK_COPY;
	p->part = PROBE_PART_STACK;
	if (probe_flow__end(code, len, &end, p->why))
		return -ENOTSUP;
	if (gobin__func_by_name(gb, STACKFREE, &stackfree) ||
	    !probe_flow__calls(code, len, func->entry, end.offset, stackfree.entry)) {
		snprintf(p->why, sizeof(p->why), "its last step at +0x%x is not the call of " STACKFREE,
			 end.offset);
		return -ENOTSUP;
	}
	if (probe_flow__first_arg(code, len, end.offset, &plan->copy_gp, p->why))
		return -ENOTSUP;
	p->proven = end.size;
	return plan__place(gb, p, end.offset);
}

static int add_point(struct probe_plan *plan, const struct gobin *gb, const struct gobin_func *func)
{
	int n = plan->npoints, err;

	err = plan__begin_point(plan, gb, func, PROBE_ALLOC_PUSH, PROBE_ALLOC_CHECK, NULL);
	if (n < plan->npoints)
		plan->points[n].part = PROBE_PART_EXACT;
	return err;
}

static bool has_point(const struct probe_plan *plan, const char *name)
{
	for (int i = 0; i < plan->npoints; i++)
		if (!strcmp(plan->points[i].func, name))
			return true;
	return false;
}

unsigned int plan__copies(const struct gobin *gb, const char *const *callees, int n,
			  const struct gobin_func *caller)
{
	struct gobin_frame frames[16];
	uint64_t end = caller->end - caller->entry > CALLER_MAX ? caller->entry + CALLER_MAX :
								  caller->end;
	unsigned int found = 0;
	int nframes;

	for (uint64_t pc = caller->entry; pc < end; pc = gobin__expand_end(gb, pc)) {
		nframes = gobin__expand(gb, pc, frames, 16);
		for (int i = 0; i < nframes - 1; i++)
			for (int j = 0; j < n; j++)
				if (!strcmp(frames[i].func, callees[j]))
					found |= 1u << (j < 31 ? j : 31);
	}
	return found;
}

bool plan__is_inlined(const struct gobin *gb, const char *const *callees, int n, const char *caller)
{
	struct gobin_func f;

	return !gobin__func_by_name(gb, caller, &f) && plan__copies(gb, callees, n, &f);
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
		if (plan__is_inlined(gb, &callee, 1, callers[i])) {
			snprintf(plan->why, sizeof(plan->why), MALLOCGC " is inlined into %s: "
				 "allocations would be missed", callers[i]);
			return -ENOTSUP;
		}
	}
	return add_point(plan, gb, &f);
}

/* The leaves from the first one on. Returns 1 if they are not all there, 0 or -ENOTSUP if they are. */
static int plan_leaves(const struct gobin *gb, struct probe_plan *plan, int first)
{
	struct gobin_func f[NLEAVES];
	int err = 0;

	for (int i = first; i < NLEAVES; i++)
		if (gobin__func_by_name(gb, leaves[i], &f[i]))
			return 1;
	if (plan__is_inlined(gb, leaves + first, NLEAVES - first, MALLOCGC))
		return 1;
	for (int i = first; i < NLEAVES; i++)
		if (add_point(plan, gb, &f[i]))
			err = -ENOTSUP;
	return err;
}

/* Adds every specialised allocator. 0 or -ENOTSUP. */
static int plan_specialised(const struct gobin *gb, struct probe_plan *plan)
{
	uint64_t n = gobin__info(gb)->nfuncs;
	struct gobin_func f;
	int err = 0;

	for (uint64_t i = 0; i < n; i++)
		if (!gobin__func(gb, i, &f) && is_specialised(f.name) && !has_point(plan, f.name) &&
		    add_point(plan, gb, &f))
			err = -ENOTSUP;
	return err;
}

/*
 * Beside the specialised allocators (their points are made): the leaves but for the tiny one. Where
 * a profile-guided build has dissolved any of all these into mallocgc, mallocgc counts what comes
 * its way, and the specialised ones only what they are called for directly.
 */
static int plan_beside_specialised(const struct gobin *gb, struct probe_plan *plan)
{
	const char *names[PROBE_POINTS_MAX];
	struct gobin_func mallocgc;
	int err = 1, n = plan->npoints;

	for (int i = 0; i < n; i++)
		names[i] = plan->points[i].func;
	if (!plan__is_inlined(gb, names, n, MALLOCGC))
		err = plan_leaves(gb, plan, 1);
	if (err <= 0)
		return err;
	err = plan_mallocgc(gb, plan);
	if (err || gobin__func_by_name(gb, MALLOCGC, &mallocgc))
		return -ENOTSUP;
	plan->caller_start = mallocgc.entry;
	plan->caller_end = mallocgc.end;
	for (int i = 0; i < n; i++) {
		if (plan->points[i].prog != PROBE_ALLOC_PUSH) {
			snprintf(plan->points[i].why, PROBE_WHY_MAX, "it has no push %%rbp");
			return -ENOTSUP;
		}
		plan->points[i].prog = PROBE_ALLOC_DIRECT;
	}
	return 0;
}

int plan__begin(const struct gobin *gb, struct probe_plan *plan)
{
	plan->npoints = 0;
	plan->caller_start = plan->caller_end = 0;
	plan->copy_gp = 0;
	plan->large = plan->heap_stats = 0;
	plan->sample_check = plan->sample_next_free = false;
	plan->why[0] = plan->missing[0] = '\0';
	memset(&plan->globals, 0, sizeof(plan->globals));
	/* Then the version is a lower bound, and the runtime's layout that of another Go perhaps. */
	if (gobin__info(gb)->version_source == GOBIN_VERSION_PCLNTAB) {
		snprintf(plan->why, sizeof(plan->why), "the binary does not say which Go built it");
		return -ENOTSUP;
	}
	return 0;
}

int plan__end(struct probe_plan *plan, int err)
{
	for (int i = 0; err && i < plan->npoints && !plan->why[0]; i++)
		if (plan->points[i].why[0])
			snprintf(plan->why, sizeof(plan->why), "%s: %.180s", plan->points[i].func,
				 plan->points[i].why);
	return err;
}

int probe_plan__alloc(const struct gobin *gb, struct probe_plan *plan)
{
	int err = plan__begin(gb, plan);

	if (err)
		return err;
	/* runtime/malloc.go, redZoneSize: it would have to be added to each request. */
	if (gobin__info(gb)->asan) {
		snprintf(plan->why, sizeof(plan->why), "it is built with -asan, whose red zones "
			 "gotrace does not know");
		return -ENOTSUP;
	}
	err = plan_specialised(gb, plan);
	if (!err && plan->npoints) {
		err = plan_beside_specialised(gb, plan);
	} else if (!err) {
		err = plan_leaves(gb, plan, 0);
		if (err > 0)
			err = plan_mallocgc(gb, plan);
	}
	return plan__end(plan, err);
}

int probe_plan__stack(const struct gobin *gb, struct probe_plan *plan)
{
	static const char *const callee = COPYSTACK;
	static const char *const callers[] = {
		"runtime.newstack", "runtime.shrinkstack", "runtime.scanstack",
	};
	struct gobin_func f;
	int err = plan__begin(gb, plan);

	if (err)
		return err;
	if (gobin__func_by_name(gb, COPYSTACK, &f)) {
		snprintf(plan->why, sizeof(plan->why), "the function " COPYSTACK " is missing");
		return -ENOTSUP;
	}
	for (size_t i = 0; i < sizeof(callers) / sizeof(callers[0]); i++) {
		if (plan__is_inlined(gb, &callee, 1, callers[i])) {
			snprintf(plan->why, sizeof(plan->why), COPYSTACK " is inlined into %s: "
				 "copies would be missed", callers[i]);
			return -ENOTSUP;
		}
	}
	err = plan__begin_point(plan, gb, &f, PROBE_STACK_PUSH, PROBE_STACK_CHECK, NULL);
	/* Without it copies are still counted, just not timed. */
	if (plan->npoints)
		plan->points[0].part = PROBE_PART_TIMING;
	if (add_copy(plan, gb, &f))
		err = -ENOTSUP;
	return plan__end(plan, err);
}

int probe_plan__add(struct probe_plan *plan, const struct probe_plan *group)
{
	if (group->npoints > PROBE_POINTS_MAX - plan->npoints)
		return -ENOTSUP;
	memcpy(plan->points + plan->npoints, group->points,
	       (size_t)group->npoints * sizeof(plan->points[0]));
	plan->npoints += group->npoints;
	if (group->caller_end) {
		plan->caller_start = group->caller_start;
		plan->caller_end = group->caller_end;
	}
	if (group->copy_gp)
		plan->copy_gp = group->copy_gp;
	if (group->large) {
		plan->large = group->large;
		plan->heap_stats = group->heap_stats;
		plan->sample_check = group->sample_check;
		plan->sample_next_free = group->sample_next_free;
	}
	if (group->globals.cycles)
		plan->globals = group->globals;
	return 0;
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

/* Where a function begins in the process, 0 if there is none of this name. */
static uint64_t address_of(const struct gobin *gb, const char *name, uint64_t bias)
{
	struct gobin_func f;

	return gobin__func_by_name(gb, name, &f) ? 0 : f.entry + bias;
}

/* What tells how a goroutine that does not run was left: runtime/asm_amd64.s. */
static void fill_goroutine(const struct gobin *gb, uint64_t bias, struct gt_config *cfg)
{
	const struct gobin_runtime *rt = gobin__runtime(gb);
	struct gobin_func f;

	cfg->g_stack = rt->g_stack;
	cfg->g_sched_sp = rt->g_sched_sp;
	cfg->g_sched_bp = rt->g_sched_bp;
	cfg->g_goid = rt->g_goid;
	cfg->g_startpc = rt->g_startpc;
	cfg->morestack = address_of(gb, "runtime.morestack", bias);
	cfg->morestack_noctxt = address_of(gb, "runtime.morestack_noctxt", bias);
	cfg->mcall = address_of(gb, "runtime.mcall", bias);
	cfg->switch_has_frame = rt->switch_has_frame;
	if (!gobin__func_by_name(gb, "runtime.systemstack_switch", &f)) {
		cfg->switch_start = f.entry + bias;
		cfg->switch_end = f.end + bias;
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
	cfg->caller_start = plan->caller_start + bias;
	cfg->caller_end = plan->caller_end + bias;
	cfg->g_m = rt->g_m;
	cfg->m_p = rt->m_p;
	cfg->p_mcache = rt->p_mcache;
	cfg->mcache_tiny = rt->mcache_tiny;
	cfg->copy_gp = plan->copy_gp;
	cfg->id_mask = ~0ULL;
	fill_classes(gb, cfg);
	fill_goroutine(gb, bias, cfg);
	plan_sample__config(plan, gb, bias, cfg);
	plan_gc__config(plan, gb, bias, cfg);
}
