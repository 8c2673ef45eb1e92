/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A service whose world is stopped now and then, whose threads are late for it, and whose call sites
 * pay for the collector, with counts that are prime and sums that are known.
 */
#ifndef GOTRACE_TESTS_GC_FIXTURE_H
#define GOTRACE_TESTS_GC_FIXTURE_H

#include "report_fixture.h"

#define GC_START_NS 1000000000ULL
#define MS 1000000ULL
#define US 1000ULL

enum gc_stack {
	GC_ST_ALLOC = 1,		/* a cycle begun by an allocation */
	GC_ST_WORKER,			/* marking ended by a worker of the collector */
	GC_ST_STATS,			/* runtime.ReadMemStats */
	GC_ST_COPY,			/* interrupted in memmove */
	GC_ST_CLEAR,			/* interrupted in a function that has a frame */
	GC_ST_CALL,			/* not interrupted */
	GC_ST_ASSIST,
	GC_ST_ASSIST2,
	GC_ST_SWEEP,
	GC_ST_BARRIER,
	GC_ST_MAX,
};

#define GC_COPY_PC 0x611000		/* in memmove, which has no frame */
#define GC_WORKER_START 0x620100
#define GC_MAIN_START 0x620200

static const struct fixture_name gc_names[] = {
	{ 0x610000, FIXTURE_GO("runtime.gcStart", "/go/src/runtime/mgc.go", 601, 590) },
	{ 0x610100, FIXTURE_GO("runtime.mallocgc", "/go/src/runtime/malloc.go", 1130, 1009) },
	{ 0x610200, FIXTURE_GO("runtime.gcMarkDone", "/go/src/runtime/mgc.go", 820, 810) },
	{ 0x610300, FIXTURE_GO("runtime.gcBgMarkWorker", "/go/src/runtime/mgc.go", 1400, 1300) },
	{ 0x610210, FIXTURE_GO("runtime.systemstack_switch", "/go/src/runtime/asm_amd64.s", 516, 515) },
	{ 0x610400, FIXTURE_GO("runtime.ReadMemStats", "/go/src/runtime/mstats.go", 350, 340) },
	{ 0x610500, FIXTURE_GO("runtime.gcAssistAlloc", "/go/src/runtime/mgcmark.go", 417, 410) },
	{ 0x610600, FIXTURE_GO("runtime.deductSweepCredit", "/go/src/runtime/mgcsweep.go", 900, 880) },
	{ 0x610700, FIXTURE_GO("runtime.forEachP", "/go/src/runtime/proc.go", 2000, 1990) },
	{ GC_COPY_PC, FIXTURE_GO("runtime.memmove", "/go/src/runtime/memmove_amd64.s", 300, 36) },
	{ 0x612000, FIXTURE_GO("runtime.memclrHasPointers", "/go/src/runtime/mbitmap.go", 1500, 1490) },
	{ 0x620000, FIXTURE_GO("main.readStats", "/src/api/stats.go", 42, 40) },
	{ 0x620010, FIXTURE_GO("main.copyBig", "/src/api/copy.go", 17, 11) },
	{ 0x620020, FIXTURE_GO("main.stray", "/src/api/copy.go", 99, 90) },
	{ 0x620030, FIXTURE_GO("main.(*server).handle", "/src/api/server.go", 123, 100) },
	{ 0x620040, FIXTURE_GO("main.(*server).page", "/src/api/page.go", 31, 30) },
	{ GC_WORKER_START, FIXTURE_GO("runtime.gcBgMarkWorker", "/go/src/runtime/mgc.go", 1300, 1300) },
	{ GC_MAIN_START, FIXTURE_GO("main.main", "/src/api/main.go", 9, 9) },
	{ 0x502000, FIXTURE_GO("runtime.goexit", "/go/src/runtime/asm_amd64.s", 1700, 1699) },
	{ 0, { 0 } },
};

static const uint64_t gc_stacks[GC_ST_MAX][8] = {
	[GC_ST_ALLOC] = { 0x610000, 0x610100, 0x620030, 0x502000 },
	[GC_ST_WORKER] = { 0x610210, 0x610200, 0x610300, 0x502000 },
	[GC_ST_STATS] = { 0x610210, 0x610400, 0x620000, 0x502000 },
	/* What lies on top of the stack is the return address here, and a stray word elsewhere. */
	[GC_ST_COPY] = { GC_COPY_PC, 0x620010, 0x620030, 0x502000 },
	[GC_ST_CLEAR] = { 0x612000, 0x620020, 0x620010, 0x620030, 0x502000 },
	[GC_ST_CALL] = { 0x620040, 0x620030, 0x502000 },
	[GC_ST_ASSIST] = { 0x610500, 0x610100, 0x620040, 0x620030, 0x502000 },
	[GC_ST_ASSIST2] = { 0x610500, 0x610100, 0x620000, 0x502000 },
	[GC_ST_SWEEP] = { 0x610600, 0x610100, 0x620040, 0x620030, 0x502000 },
	[GC_ST_BARRIER] = { 0x610700, 0x610200, 0x610300, 0x502000 },
};

static inline bool gc_frameless(void *ctx, uint64_t pc)
{
	(void)ctx;
	return pc == GC_COPY_PC;
}

static inline void gc_add_stacks(struct model *m)
{
	for (size_t i = 1; i < GC_ST_MAX; i++) {
		uint32_t n = 0;

		while (gc_stacks[i][n])
			n++;
		if (model__add_stack(m, i, gc_stacks[i], n, 0))
			abort();
	}
}

/* Pause seq of a reason, ms after the start, stopping and stopped for so many us. */
static inline struct model_pause gc_pause(uint32_t seq, uint32_t reason, uint64_t ms,
					  uint64_t stop_us, uint64_t us)
{
	struct model_pause p = {
		.seq = seq, .reason = reason, .begin_ns = GC_START_NS + ms * MS,
		.stack = reason == MODEL_REASON_SWEEP_TERMINATION ? GC_ST_ALLOC :
			 reason == MODEL_REASON_MARK_TERMINATION ? GC_ST_WORKER : GC_ST_STATS,
		.start = reason == MODEL_REASON_MARK_TERMINATION ? GC_WORKER_START : GC_MAIN_START,
	};

	p.requested_ns = p.begin_ns - 100;
	p.stopped_ns = p.begin_ns + stop_us * US;
	p.restarting_ns = p.restarted_ns = p.begin_ns + us * US;
	return p;
}

static inline struct model_late gc_late(const struct model_pause *p, uint64_t late_us, uint64_t stack,
					enum model_late_how how)
{
	return (struct model_late){
		.seq = p->seq, .tid = 7, .how = how, .late_ns = late_us * US,
		.how_ns = late_us * US / 2, .stopped_ns = p->begin_ns + late_us * US,
		.stack = stack, .start = GC_MAIN_START,
		.sampled = stack == GC_ST_COPY || stack == GC_ST_CLEAR,
		.samples = stack == GC_ST_COPY || stack == GC_ST_CLEAR, .faults = 3,
	};
}

#define GC_CYCLES 97
#define GC_STATS 13

/*
 * 97 cycles of two pauses, 100 ms apart: 20 us and, with a late thread, 300 us. 13 times somebody
 * reads statistics, 50 us each.
 */
static inline void gc_add_pauses(struct model *m)
{
	uint32_t seq = 0;

	for (uint64_t i = 0; i < GC_CYCLES; i++) {
		struct model_pause a = gc_pause(++seq, MODEL_REASON_SWEEP_TERMINATION, 100 * i, 7, 20);
		struct model_pause b = gc_pause(++seq, MODEL_REASON_MARK_TERMINATION, 100 * i + 5, 250,
						300);
		struct model_late copy = gc_late(&b, 240, GC_ST_COPY, MODEL_LATE_RAN);
		struct model_late call = gc_late(&b, 110, GC_ST_CALL, MODEL_LATE_AWAY);

		a.trigger = i ? MODEL_TRIGGER_HEAP : MODEL_TRIGGER_CYCLE;
		a.cycle = b.cycle = i + 1;
		a.heap_begin = 4096000;
		b.heap_begin = 5120000;
		b.heap_end = 2048000;
		if (model__add_pause(m, &a) || model__add_late(m, &copy) ||
		    model__add_late(m, &call) || model__add_pause(m, &b))
			abort();
		if (i < GC_STATS) {
			a = gc_pause(++seq, 7, 100 * i + 50, 5, 50);
			if (model__add_pause(m, &a))
				abort();
		}
	}
}

static const struct model_delay gc_delays[] = {
	{ .stack = GC_ST_ASSIST, .kind = MODEL_ASSIST, .count = 1009, .ns = 800 * MS,
	  .work_ns = 300 * MS, .max_ns = 9 * MS },
	{ .stack = GC_ST_ASSIST2, .kind = MODEL_ASSIST, .count = 101, .ns = 40 * MS,
	  .work_ns = 30 * MS, .max_ns = 2 * MS },
	{ .stack = GC_ST_SWEEP, .kind = MODEL_SWEEP, .count = 503, .ns = 50 * MS, .max_ns = 1 * MS },
	{ .stack = GC_ST_ALLOC, .kind = MODEL_GC_START, .count = 97, .ns = 10 * MS, .max_ns = 3 * MS },
	{ .stack = GC_ST_BARRIER, .kind = MODEL_BARRIER, .count = 193, .ns = 20 * MS,
	  .max_ns = 5 * MS },
};

#define GC_NDELAYS (sizeof(gc_delays) / sizeof(gc_delays[0]))

static inline uint64_t gc_delays_count(void)
{
	uint64_t n = 0;

	for (size_t i = 0; i < GC_NDELAYS; i++)
		n += gc_delays[i].count;
	return n;
}

/* All of it, with losses: 3 pauses, 5 late threads, 11 delays. */
static inline struct model *gc_model(void)
{
	const struct model_time time = { .start_ns = GC_START_NS,
					 .now_ns = GC_START_NS + 10000 * MS,
					 .start_wall_ns = 1735830245000000000 };
	struct model_counters c = {
		.pauses_seen = 2 * GC_CYCLES + GC_STATS + 3,
		.delays_seen = gc_delays_count() + 11 + 2,
		.delays_under_way = 2,
		.gc_hits = 4001,
		.loss = {
			{ MODEL_GC, "ring full", "pauses_lost", 3, 0, 0 },
			{ MODEL_GC, "ring full", "lates_lost", 5, 0, 0 },
			{ MODEL_GC, "table of stacks full", "delay_stacks_full", 11, 0, 0 },
		},
		.nloss = 3,
	};
	struct model *m = model__new();

	if (!m)
		abort();
	gc_add_stacks(m);
	gc_add_pauses(m);
	for (size_t i = 0; i < GC_NDELAYS; i++) {
		if (model__set_delay(m, &gc_delays[i]))
			abort();
	}
	model__set_time(m, &time);
	model__set_counters(m, &c);
	return m;
}

static inline struct report_options gc_options(enum report_metric metric)
{
	struct report_options opts = fixture_options();

	opts.metric = metric;
	opts.groups = MODEL_GC;
	opts.longer_ns = 100 * US;
	return opts;
}

/* A profile by names that know which functions have no frame, or do not. */
static inline struct report_profile gc_profile(const struct model *m,
					       const struct report_options *opts,
					       bool (*frameless)(void *ctx, uint64_t pc))
{
	struct fixture fx = { .names = gc_names, .types = fixture_types };
	struct report_names names = fixture_bind(&fx);
	struct report_profile p;

	names.frameless = frameless;
	if (report__profile(m, &names, opts, &p))
		abort();
	return p;
}

#endif /* GOTRACE_TESTS_GC_FIXTURE_H */
