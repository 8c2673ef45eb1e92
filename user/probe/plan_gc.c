/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the collector is watched. Most functions here have several returns and no one instruction that
 * all ways pass, so their ends are sets of instructions (probe/flow.h).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/flow.h"
#include "probe/plan_parts.h"

struct part {
	const char *what;		/* for people */
	const char *func[2];		/* the name, and that of other versions */
	uint16_t begin;			/* enum gt_site_event; 0: its end tells all */
	uint16_t end;			/* 0: none */
	bool late;			/* calls that find nothing to do do not count */
	const char *caller;		/* in which a profile-guided build might have inlined it */
};

static const struct part delays[] = {
	{ "mark assists", { "runtime.gcAssistAlloc" }, GT_SITE_BEGIN + GT_DELAY_ASSIST,
	  GT_SITE_END + GT_DELAY_ASSIST, true, "runtime.mallocgc" },
	{ "the work of mark assists", { "runtime.gcAssistAlloc1" }, 0, GT_SITE_WORKED, true,
	  "runtime.gcAssistAlloc" },
	/* Its argument, what set it off, is in a register at its first instructions only. */
	{ "starts of GC cycles", { "runtime.gcStart" }, GT_SITE_BEGIN + GT_DELAY_GC_START,
	  GT_SITE_END + GT_DELAY_GC_START, false, "runtime.mallocgc" },
	{ "ragged barriers", { "runtime.forEachPInternal", "runtime.forEachP" },
	  GT_SITE_BEGIN + GT_DELAY_BARRIER, GT_SITE_END + GT_DELAY_BARRIER, false,
	  "runtime.gcMarkDone" },
};

static const struct part yields[] = {
	{ "threads that stop", { "runtime.gcstopm" }, GT_SITE_YIELD, 0, false, "runtime.schedule" },
	{ "what late threads ran", { "runtime.doSigPreempt" }, GT_SITE_SIGNAL, 0, false,
	  "runtime.sighandler" },
	{ "threads that stop in system calls",
	  { "runtime.entersyscallHandleGCWait", "runtime.entersyscall_gcwait" },
	  GT_SITE_YIELD_SYSCALL, 0, false, "runtime.reentersyscall" },
};

/* The name under which this Go has the function; NULL: under none. */
static const char *find(const struct gobin *gb, const struct part *part, struct gobin_func *f)
{
	for (int i = 0; i < 2 && part->func[i]; i++)
		if (!gobin__func_by_name(gb, part->func[i], f))
			return part->func[i];
	return NULL;
}

/* A point of the collector's program at offset of func; proven bytes must be in memory as in the file. */
static int add_site(struct probe_plan *plan, const struct gobin *gb, const struct gobin_func *func,
		    uint32_t offset, struct gt_site site, enum probe_trap trap, uint32_t proven)
{
	const uint8_t *code;
	size_t len = 0;
	struct probe_point *p = plan__new_point(plan, gb, func, &code, &len);

	if (!p || !code)
		return -ENOTSUP;
	p->prog = PROBE_GC;
	p->site = site;
	p->trap = trap;
	p->proven = proven;
	if (plan__place(gb, p, offset))
		return -ENOTSUP;
	for (const struct probe_point *q = plan->points; q < p; q++) {
		if (q->vaddr != p->vaddr)
			continue;
		snprintf(p->why, sizeof(p->why), "begin and end at one instruction");
		return -ENOTSUP;
	}
	return 0;
}

/* The function's code, or NULL with the reason in why. */
static const uint8_t *code_of(const struct gobin *gb, const struct gobin_func *func, size_t *len,
			      char *why)
{
	const uint8_t *code = gobin__bytes(gb, func->entry, len);

	if (code && func->end > func->entry && *len > func->end - func->entry)
		*len = func->end - func->entry;
	if (!code)
		snprintf(why, PROBE_WHY_MAX, "its code is not in the file");
	return code;
}

static int add_begin(struct probe_plan *plan, const struct gobin *gb, const struct gobin_func *func,
		     uint16_t event, char *why)
{
	struct gt_site at = { .event = event };
	struct probe_site site = { 0 };
	enum probe_trap trap;
	uint32_t offset;
	size_t len;
	const uint8_t *code = code_of(gb, func, &len, why);

	if (!code || probe_site__find(code, len, func->entry, &site, why))
		return -ENOTSUP;
	trap = plan__choose(&site, func->entry, &offset);
	/* The stack check's jump, taken, leads to a new start; its condition is below or equal, 6. */
	if (site.kind == PROBE_SITE_CHECK)
		at.cond = GT_COND_NOT_TAKEN | 6;
	return add_site(plan, gb, func, offset, at, trap, site.offset + 1);
}

/* A part's begin and its ends. */
static int add_span(struct probe_plan *plan, const struct gobin *gb, const struct gobin_func *func,
		    const struct part *part, char *why)
{
	const struct gt_site begin = { .event = part->begin, .flags = GT_SITE_IN_FRAME };
	struct probe_flow_span span;
	size_t len;
	const uint8_t *code = code_of(gb, func, &len, why);
	int err;

	if (!code || probe_flow__span(code, len, part->late, &span, why))
		return -ENOTSUP;
	if (!part->begin)
		err = 0;
	else
		err = span.begin ? add_site(plan, gb, func, span.begin, begin, PROBE_TRAP_EMULATED,
					    span.size)
				 : add_begin(plan, gb, func, part->begin, why);
	for (int i = 0; i < span.nends && !err; i++) {
		const struct gt_site end = { .event = part->end, .cond = span.ends[i].cond };

		err = add_site(plan, gb, func, span.ends[i].offset, end, PROBE_TRAP_EMULATED, span.size);
	}
	return err;
}

/*
 * The ends of a function with its result: before its returns where it is known to be by then, or else
 * on the returns themselves, which are single-stepped.
 */
static int add_result(struct probe_plan *plan, const struct gobin *gb, const struct gobin_func *func,
		      uint16_t event, char *why)
{
	struct probe_flow_exit exits[PROBE_FLOW_ENDS];
	uint32_t returns[PROBE_FLOW_ENDS], size;
	struct gt_site at = { .event = event, .result = GT_RESULT_AX };
	size_t len;
	const uint8_t *code = code_of(gb, func, &len, why);
	int n = code ? probe_flow__exits(code, len, exits, PROBE_FLOW_ENDS, &size, why) : 0, err = 0;
	bool known = n > 0;

	for (int i = 0; i < n; i++)
		known = known && exits[i].result != PROBE_RESULT_UNKNOWN && exits[i].result <= INT16_MAX;
	for (int i = 0; i < n && known && !err; i++) {
		at.cond = exits[i].cond;
		at.result = (int16_t)exits[i].result;
		err = add_site(plan, gb, func, exits[i].offset, at, PROBE_TRAP_EMULATED, size);
	}
	if (!code || known)
		return code ? err : -ENOTSUP;
	n = probe_flow__returns(code, len, returns, PROBE_FLOW_ENDS, &size, why);
	for (int i = 0; i < n && !err; i++)
		err = add_site(plan, gb, func, returns[i], at, PROBE_TRAP_STEPPED, size);
	return n < 0 ? -ENOTSUP : err;
}

/* Takes back the points from n on, and says what goes without them. */
static void leave_out(struct probe_plan *plan, int n, const char *what, const char *why)
{
	size_t used = strlen(plan->missing);

	for (int i = n; i < plan->npoints && !*why; i++)
		why = plan->points[i].why;
	snprintf(plan->missing + used, sizeof(plan->missing) - used, "%s%s (%.120s)",
		 used ? "; " : "", what, *why ? why : "no room for its probes");
	plan->npoints = n;
}

static void add_part(const struct gobin *gb, struct probe_plan *plan, const struct part *part)
{
	char why[PROBE_WHY_MAX] = "";
	int n = plan->npoints, err;
	struct gobin_func f;
	const char *name = find(gb, part, &f);

	if (!name) {
		snprintf(why, sizeof(why), "the function %s is missing", part->func[0]);
		err = -ENOTSUP;
	} else if (plan__is_inlined(gb, &name, 1, part->caller)) {
		snprintf(why, sizeof(why), "%s is inlined into %s", name, part->caller);
		err = -ENOTSUP;
	} else {
		err = part->end ? add_span(plan, gb, &f, part, why)
				: add_begin(plan, gb, &f, part->begin, why);
	}
	if (err)
		leave_out(plan, n, part->what, why);
}

/*
 * Sweeping to make up for what is allocated: each call of sweepone in deductSweepCredit. Where there is
 * no debt there is no hit.
 */
static void add_sweep(const struct gobin *gb, struct probe_plan *plan)
{
	const struct gt_site begin = { .event = GT_SITE_BEGIN + GT_DELAY_SWEEP, .flags = GT_SITE_IN_FRAME };
	const struct gt_site end = { .event = GT_SITE_END + GT_DELAY_SWEEP };
	struct probe_flow_call call = { 0 };
	struct gobin_func f, sweepone;
	char why[PROBE_WHY_MAX] = "";
	const uint8_t *code;
	size_t len;
	int n = plan->npoints, err = -ENOTSUP;

	if (gobin__func_by_name(gb, "runtime.deductSweepCredit", &f) ||
	    gobin__func_by_name(gb, "runtime.sweepone", &sweepone)) {
		snprintf(why, sizeof(why), "the function runtime.deductSweepCredit is missing");
	} else {
		code = code_of(gb, &f, &len, why);
		if (code && !probe_flow__call(code, len, f.entry, sweepone.entry, &call, why) &&
		    !add_site(plan, gb, &f, call.offset, begin, PROBE_TRAP_EMULATED, call.size))
			err = add_site(plan, gb, &f, call.after, end, PROBE_TRAP_EMULATED, call.size);
	}
	if (err)
		leave_out(plan, n, "sweeping", why);
	/* How often spans are swept is up to the heap and its limit: it may be too often to watch. */
	for (int i = n; i < plan->npoints; i++)
		plan->points[i].part = PROBE_PART_SWEEPS;
}

static int plan_pauses(const struct gobin *gb, struct probe_plan *plan)
{
	static const char *const names[] = {
		"runtime.stopTheWorldWithSema", "runtime.startTheWorldWithSema",
	};
	struct gobin_func f[2];
	int err = 0;

	for (int i = 0; i < 2; i++) {
		if (gobin__func_by_name(gb, names[i], &f[i])) {
			snprintf(plan->why, sizeof(plan->why), "the function %s is missing", names[i]);
			return -ENOTSUP;
		}
	}
	err = add_begin(plan, gb, &f[0], GT_SITE_STOP, plan->why);
	if (!err && gobin__info(gb)->minor < 23)
		err = add_result(plan, gb, &f[0], GT_SITE_STOPPED, plan->why);
	if (!err)
		err = add_begin(plan, gb, &f[1], GT_SITE_RESTART, plan->why);
	if (!err)
		err = add_result(plan, gb, &f[1], GT_SITE_RESTARTED, plan->why);
	return err;
}

int probe_plan__gc(const struct gobin *gb, struct probe_plan *plan)
{
	int err = plan__begin(gb, plan);

	if (!err)
		err = plan_pauses(gb, plan);
	if (err)
		return plan__end(plan, err);
	for (size_t i = 0; i < sizeof(yields) / sizeof(yields[0]); i++)
		add_part(gb, plan, &yields[i]);
	for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++)
		add_part(gb, plan, &delays[i]);
	add_sweep(gb, plan);
	probe_globals__find(gb, &plan->globals);
	return 0;
}

static uint32_t slot_of(uint64_t addr, uint64_t mul)
{
	return (uint32_t)((addr * mul) >> (64 - GT_SITE_BITS));
}

/* Puts the sites into the table; false if two of them want one slot. */
static bool fill_sites(const struct probe_plan *plan, uint64_t bias, uint64_t mul, struct gt_site *sites)
{
	memset(sites, 0, GT_SITES * sizeof(*sites));
	for (int i = 0; i < plan->npoints; i++) {
		const struct probe_point *p = &plan->points[i];
		struct gt_site *site = &sites[slot_of(p->vaddr + bias, mul)];

		if (p->prog != PROBE_GC)
			continue;
		if (site->addr)
			return false;
		*site = p->site;
		site->addr = p->vaddr + bias;
	}
	return true;
}

void probe_plan__sites(const struct probe_plan *plan, uint64_t bias, struct gt_config *cfg)
{
	/* Some forty of 256 slots: one odd multiplier in about twenty keeps them apart. */
	cfg->site_mul = 0x9e3779b97f4a7c15ULL;
	while (!fill_sites(plan, bias, cfg->site_mul, cfg->sites))
		cfg->site_mul = cfg->site_mul * 0xd1342543de82ef95ULL + 2;
}

static void range_of(const struct gobin *gb, const char *name, uint64_t bias, __gt_u64 *start,
		     __gt_u64 *end)
{
	struct gobin_func f;

	if (gobin__func_by_name(gb, name, &f))
		return;
	*start = f.entry + bias;
	*end = f.end + bias;
}

void plan_gc__config(const struct probe_plan *plan, const struct gobin *gb, uint64_t bias,
		     struct gt_config *cfg)
{
	const struct gobin_runtime *rt = gobin__runtime(gb);
	int minor = gobin__info(gb)->minor;

	cfg->m_curg = rt->m_curg;
	cfg->m_preemptoff = rt->m_preemptoff;
	cfg->p_assist_time = rt->p_assist_time;
	cfg->stop_has_reason = minor >= 21;
	cfg->restart_args = minor >= 23 ? GT_RESTART_ALL : minor == 22 ? GT_RESTART_START
								      : GT_RESTART_NONE;
	if (plan->globals.cycles) {
		cfg->heap_live = plan->globals.heap_live + bias;
		cfg->cycles = plan->globals.cycles + bias;
	}
	range_of(gb, "runtime.gcStart", bias, &cfg->gcstart_start, &cfg->gcstart_end);
	range_of(gb, "runtime.gcMarkDone", bias, &cfg->gcmarkdone_start, &cfg->gcmarkdone_end);
	probe_plan__sites(plan, bias, cfg);
}
