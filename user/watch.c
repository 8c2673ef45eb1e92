/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the probes cost, and what is done about it: hits and CPU time go to the budget, and what it
 * wants is done to the probes, in an order in which nothing is counted twice or goes uncounted that
 * need not. Each change is entered in the model, and told.
 */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate.h"
#include "check.h"
#include "session_parts.h"

#define NS_PER_S 1000000000ULL

/* The share of the target's CPU time above which the user is warned, in percent. */
#define COST_WARNING 5

/* Below so many hits a second the cost is nothing to look for. */
#define COST_MIN_RATE 1000

/* So many changes are told at once, then one in so many seconds. -v tells all. */
#define TOLD_FIRST 6
#define TOLD_EVERY 10

/* The cost of a hit is the machine's: it is measured once for all sessions, when it is asked for. */
double watch__ns_per_hit(const struct session *s)
{
	const char *text = getenv("GOTRACE_TEST_NS_PER_HIT");
	static bool measured;
	static double ns;

	if (!measured) {
		measured = true;
		ns = text ? strtod(text, NULL) : calibrate__ns_per_hit(s->multi);
	}
	return ns;
}

/* What there is now. Of objects, what there was when the model was brought up to date. */
static struct budget_look take_look(struct session *s)
{
	struct collect_hits hits;

	/* If that fails so do the drains, which say so. */
	if (collect__hits(s->collect, &hits))
		hits = s->watch.hits;
	s->watch.hits = hits;
	return (struct budget_look){
		.now_ns = session__now_ns(),
		.cpu_ns = target__cpu_ns(s->target),
		.hits = {
			[BUDGET_EXACT] = hits.exact,
			[BUDGET_SAMPLE] = hits.sample,
			[BUDGET_TIMING] = hits.timing,
			[BUDGET_SWEEPS] = hits.sweeps,
			[BUDGET_STACK] = hits.stack,
			[BUDGET_GC] = hits.gc,
		},
		.objects = s->watch.objects,
		.objects_ns = s->watch.drained_ns,
	};
}

/* Tells of a change, but of many not all. */
static void tell(struct session *s, const struct model_change *c)
{
	uint64_t n = model__changes_seen(s->model);

	if (s->args->quiet)
		return;
	if (!s->args->verbose && n > TOLD_FIRST && c->time_ns < s->watch.told_ns + TOLD_EVERY * NS_PER_S)
		return;
	s->watch.told_ns = c->time_ns;
	fprintf(stderr, "gotrace: pid %d: %s: %s -> %s: %s (%.0f hits/s; all probes %.2g %% of its CPU "
		"time)\n", s->pid, model__subject_name(c->subject),
		model__way_name(c->subject, c->from), model__way_name(c->subject, c->to),
		model__why_name(c->why), c->rate, c->cost);
}

static void enter_changes(struct session *s)
{
	const struct model_change *c;

	for (int i = 0; (c = budget__change(s->watch.budget, i)) != NULL; i++) {
		model__add_change(s->model, c);
		tell(s, c);
	}
}

static void flip(struct session *s, enum model_way way)
{
	static const enum gt_alloc_mode modes[] = {
		[MODEL_WAY_OFF] = GT_ALLOC_NONE,
		[MODEL_WAY_SAMPLE] = GT_ALLOC_SAMPLE,
		[MODEL_WAY_ALL] = GT_ALLOC_EXACT,
	};

	collect__set_alloc_mode(s->collect, modes[way]);
	s->watch.alloc = way;
}

static const enum probe_part parts[BUDGET_PARTS] = {
	[BUDGET_EXACT] = PROBE_PART_EXACT,   [BUDGET_SAMPLE] = PROBE_PART_SAMPLE,
	[BUDGET_TIMING] = PROBE_PART_TIMING, [BUDGET_SWEEPS] = PROBE_PART_SWEEPS,
	[BUDGET_STACK] = PROBE_PART_STACK,   [BUDGET_GC] = PROBE_PART_GC,
};

/*
 * Until the probes have gone, which takes the kernel one or two RCU grace periods, a target that hits
 * them without end makes the machine busy: gotrace must not wait for its turn meanwhile.
 */
static void take_out_at_once(struct session *s, enum probe_part part)
{
	const struct sched_param lowest = { .sched_priority = 1 }, none = { 0 };
	bool first = !sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &lowest);

	probe__take_out(s->probes, part);
	if (first)
		sched_setscheduler(0, SCHED_OTHER, &none);
}

/* Puts in what is wanted and is not there. The part that could not be, BUDGET_PARTS: all are there. */
static enum budget_part put_in(struct session *s)
{
	const struct budget_want *want = budget__want(s->watch.budget);
	char why[PROBE_WHY_MAX];

	for (int i = 0; i < BUDGET_PARTS; i++) {
		if (!want->in[i] || probe__is_in(s->probes, parts[i]) ||
		    !probe__put_in(s->probes, parts[i], why))
			continue;
		/* A target that is going has other worries. */
		if (!s->args->quiet && target__state(s->target) == TARGET_ALIVE)
			fprintf(stderr, "gotrace: warning: pid %d: %s\n", s->pid, why);
		return (enum budget_part)i;
	}
	return BUDGET_PARTS;
}

/* Takes out what is not wanted. Times and sweeps do not come back. */
static void take_out(struct session *s)
{
	const struct budget_want *want = budget__want(s->watch.budget);
	struct model_time t = *model__time(s->model);

	for (int i = 0; i < BUDGET_PARTS; i++) {
		if (want->in[i] || !probe__is_in(s->probes, parts[i]))
			continue;
		if (i == BUDGET_TIMING)
			collect__end_timing(s->collect);
		if (i == BUDGET_SWEEPS)
			collect__end_sweeps(s->collect);
		if (i == BUDGET_GC)
			collect__set_gc_tracing(s->collect, false);
		probe__take_out(s->probes, parts[i]);
		if (i == BUDGET_GC)
			collect__forget_gc(s->collect);
		if (i == BUDGET_TIMING)
			t.timing_end_ns = session__now_ns();
		if (i == BUDGET_SWEEPS)
			t.sweep_end_ns = session__now_ns();
	}
	model__set_time(s->model, &t);
}

/*
 * A window ends, or what it stands for is to be told before: of the period, so much has not been
 * accounted for, and this is the part of it that was looked at.
 */
static void set_scale(struct session *s, bool ends)
{
	uint64_t now = session__now_ns();
	double on = now > s->watch.window_seen_ns ? (double)(now - s->watch.window_seen_ns) : 1, scale;

	scale = ends ? s->watch.window_left / on : s->watch.window_scale;
	if (scale < 1)
		scale = 1;
	collect__set_sample_scale(s->collect, scale);
	s->watch.window_left -= scale * on;
	s->watch.window_seen_ns = now;
}

static void open_window(struct session *s, uint64_t period_ns)
{
	/* What has come before stands for itself, or for its own window. */
	session__drain(s);
	flip(s, MODEL_WAY_SAMPLE);
	s->watch.window_ns = s->watch.window_seen_ns = session__now_ns();
	s->watch.window_left = (double)period_ns;
	s->watch.window_scale = (double)period_ns / (double)budget__want(s->watch.budget)->open_ns;
}

/*
 * Where the runtime's own totals are known they are those of the time between windows too, and samples
 * only say whose they are. Where they are not, a window ends with the flip, to the microsecond.
 */
static void close_window(struct session *s)
{
	if (!collect__has_totals(s->collect))
		flip(s, MODEL_WAY_OFF);
	take_out_at_once(s, PROBE_PART_SAMPLE);
	set_scale(s, true);
	s->watch.window_ns = 0;
	session__drain(s);
	collect__set_sample_scale(s->collect, 1);
}

void watch__before_drain(struct session *s)
{
	if (s->watch.window_ns)
		set_scale(s, false);
}

void watch__drained(struct session *s)
{
	s->watch.objects = model__total(s->model).objects;
	s->watch.drained_ns = model__time(s->model)->now_ns;
}

/* Allocations count the other way from here on. */
static void flip_as_wanted(struct session *s)
{
	const struct budget_want *want = budget__want(s->watch.budget);
	bool is_open = want->period_ns && want->alloc == MODEL_WAY_SAMPLE;
	enum model_way way = want->alloc;

	if (s->watch.window_ns && !is_open)
		close_window(s);
	if (!s->watch.window_ns && is_open)
		open_window(s, want->period_ns);
	if (want->period_ns && collect__has_totals(s->collect))
		way = MODEL_WAY_SAMPLE;
	if (way != s->watch.alloc)
		flip(s, way);
}

/*
 * Does what the budget wants. What counts the other way is in place before it does, but for what is
 * given up because it is dear: that goes at once.
 */
static void apply(struct session *s)
{
	const struct budget_want *want = budget__want(s->watch.budget);
	enum budget_part failed;

	enter_changes(s);
	collect__set_alarm(s->collect, want->alarm_hits);
	if (!want->tracing)
		collect__set_tracing(s->collect, false);
	if (!want->in[BUDGET_EXACT] && probe__is_in(s->probes, PROBE_PART_EXACT)) {
		if (want->in[BUDGET_SAMPLE] && probe__is_in(s->probes, PROBE_PART_SAMPLE))
			flip_as_wanted(s);
		else
			flip(s, MODEL_WAY_OFF);
		take_out_at_once(s, PROBE_PART_EXACT);
	}
	for (int i = 0; i < BUDGET_PARTS; i++) {
		failed = put_in(s);
		if (failed == BUDGET_PARTS)
			break;
		budget__failed(s->watch.budget, failed);
		enter_changes(s);
	}
	flip_as_wanted(s);
	take_out(s);
	if (want->tracing && !s->watch.tracing)
		collect__set_tracing(s->collect, true);
	s->watch.tracing = want->tracing;
	collect__set_gc_tracing(s->collect, want->tracing && want->in[BUDGET_GC]);
}

static void start_ways(struct session *s)
{
	for (int i = 0; i < MODEL_SUBJECT_MAX; i++)
		model__start_way(s->model, (enum model_subject)i,
				 budget__way(s->watch.budget, (enum model_subject)i));
}

/* Which parts there are points of; those of allocations as -a allows. */
static void find_parts(const struct session *s, bool part[BUDGET_PARTS])
{
	for (int i = 0; i < BUDGET_PARTS; i++)
		for (int j = 0; j < s->plan->npoints; j++)
			part[i] = part[i] || s->plan->points[j].part == parts[i];
	/* There they are for checks only. */
	if (s->args->alloc == ARGS_ALLOC_SAMPLE)
		part[BUDGET_EXACT] = false;
}

int watch__open(struct session *s)
{
	const struct budget_look look = {
		.now_ns = session__now_ns(), .cpu_ns = target__cpu_ns(s->target),
	};
	struct budget_options opts = {
		.percent = s->args->max_overhead,
		.limited = s->args->overhead_given ||
			   (s->args->alloc == ARGS_ALLOC_AUTO && s->groups & MODEL_ALLOC),
		.seed = look.now_ns ^ (uint64_t)s->pid << 32,
	};

	find_parts(s, opts.part);
	/* Perf-event uprobes take over 100 ms each to go: too long for what has to end at once. */
	if (!s->multi && s->args->alloc == ARGS_ALLOC_AUTO && opts.part[BUDGET_SAMPLE])
		opts.part[BUDGET_EXACT] = false;
	s->watch.limited = opts.limited;
	s->watch.budget = budget__new(&opts, &look);
	if (!s->watch.budget)
		return -ENOMEM;
	start_ways(s);
	return 0;
}

unsigned int watch__parts(const struct session *s)
{
	const struct budget_want *want = budget__want(s->watch.budget);
	unsigned int bits = 0;

	for (int i = 0; i < BUDGET_PARTS; i++)
		if (want->in[i])
			bits |= 1u << parts[i];
	return bits;
}

void watch__start(struct session *s)
{
	flip(s, budget__want(s->watch.budget)->alloc);
	check__start(s);
	s->watch.tracing = true;
	s->watch.cost_ns = s->start_ns;
	s->watch.cost_cpu_ns = s->start_cpu_ns;
}

static void start_cost(struct session *s, const struct budget_look *look)
{
	s->watch.cost_ns = look->now_ns;
	s->watch.cost_cpu_ns = look->cpu_ns;
	s->watch.cost_hits = session__hits(s);
}

/* Warns once if the probes cost the target more than it may like, where nothing keeps them from it. */
static void warn_of_cost(struct session *s, const struct budget_look *look)
{
	uint64_t hits = session__hits(s) - s->watch.cost_hits, ns = look->now_ns - s->watch.cost_ns;
	double rate, percent;

	/* What stays after something was given up is judged anew. */
	if (budget__change(s->watch.budget, 0)) {
		start_cost(s, look);
		return;
	}
	if (s->watch.limited || s->watch.warned || ns < NS_PER_S / 2 ||
	    look->cpu_ns <= s->watch.cost_cpu_ns)
		return;
	rate = (double)hits * 1e9 / (double)ns;
	percent = 100 * (double)hits * s->run.ns_per_hit /
		  (double)(look->cpu_ns - s->watch.cost_cpu_ns);
	start_cost(s, look);
	if (rate < COST_MIN_RATE || percent <= COST_WARNING)
		return;
	s->watch.warned = true;
	if (!s->args->quiet)
		fprintf(stderr, "gotrace: warning: the probes are hit %.0f times/s and cost pid %d %.0f ns a "
			"hit, %.0f %% of its CPU time; --max-overhead limits that\n", rate, s->pid,
			s->run.ns_per_hit, percent);
}

void watch__look(struct session *s)
{
	struct budget_look look;

	/* What it costs is measured when all is in place: the target does not wait for it. */
	if (s->run.ns_per_hit <= 0) {
		s->run.ns_per_hit = watch__ns_per_hit(s);
		budget__set_cost(s->watch.budget, s->run.ns_per_hit);
	}
	collect__clear_alarm(s->collect);
	look = take_look(s);
	budget__look(s->watch.budget, &look);
	apply(s);
	if (s->watch.alloc == MODEL_WAY_SAMPLE)
		check__look(s, &look);
	warn_of_cost(s, &look);
}

uint64_t watch__next_ns(const struct session *s)
{
	return budget__want(s->watch.budget)->next_ns;
}

void watch__end(struct session *s)
{
	if (s->watch.window_ns)
		close_window(s);
	flip(s, MODEL_WAY_OFF);
	collect__set_alarm(s->collect, 0);
}

void watch__close(struct session *s)
{
	budget__free(s->watch.budget);
}
