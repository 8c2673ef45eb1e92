/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The life of one trace: open, start, look at the target now and then, detach, report.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "calibrate.h"
#include "check.h"
#include "session_parts.h"

#define NS_PER_S 1000000000ULL

/* The share of the target's CPU time above which the user is warned, in percent. */
#define COST_WARNING 5

/* What the probes on sweeping may cost, in percent of the target's CPU time, two hits a sweep. */
#define SWEEPS_MAX 0.25

/* What it may cost to time stack copies, which are counted without. */
#define TIMING_MAX 0.5

/* Below so many hits a second the cost is nothing to look for. */
#define COST_MIN_RATE 1000

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t session__now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t session__hits(const struct session *s)
{
	const struct model_counters *c = model__counters(s->model);

	return c->seen + c->left_out + c->zero + c->checks_seen + c->samples_seen + c->growths_begun +
	       c->growths_seen + c->gc_hits;
}

static void note(const struct session *s, const char *what)
{
	if (!s->args->quiet)
		fprintf(stderr, "gotrace: pid %d %s\n", target__pid(s->target), what);
}

void session__drain(struct session *s)
{
	struct model_time t = *model__time(s->model);
	uint64_t cpu = target__cpu_ns(s->target);
	int err = collect__drain(s->collect, s->model);

	if (err) {
		fprintf(stderr, "gotrace: reading the tables failed: %s\n", strerror(-err));
		s->code = EXIT_FAILED;
	}
	t.now_ns = session__now_ns();
	model__set_time(s->model, &t);
	/* Of a process that has gone the last figure stays. */
	if (cpu > s->start_cpu_ns)
		s->run.target_cpu_ns = (double)(cpu - s->start_cpu_ns);
}

/* The cost of a hit is the machine's: it is measured once for all sessions, when it is asked for. */
static double ns_per_hit(const struct session *s)
{
	static bool measured;
	static double ns;

	if (!measured) {
		measured = true;
		ns = calibrate__ns_per_hit(s->multi);
	}
	return ns;
}

/* As above: the machine's. */
static uint64_t pair_ns(const struct session *s)
{
	static bool measured;
	static double ns;

	if (!measured) {
		measured = true;
		ns = calibrate__pair_ns(s->multi);
	}
	return (uint64_t)ns;
}

static void start_watch(const struct session *s, struct watch *w, uint64_t hits)
{
	*w = (struct watch){ session__now_ns(), target__cpu_ns(s->target), hits };
}

/*
 * What hits have cost since the last look, in percent of the target's CPU time, and how many they are
 * a second. 0: too few of them, or too short a time, to tell.
 */
static double cost_since(const struct session *s, struct watch *w, uint64_t hits, double *rate)
{
	const struct watch was = *w;
	uint64_t now = session__now_ns(), cpu = target__cpu_ns(s->target);

	*rate = 0;
	if (now - was.ns < NS_PER_S / 2 || cpu <= was.cpu_ns)
		return 0;
	start_watch(s, w, hits);
	*rate = (double)(hits - was.hits) * 1e9 / (double)(now - was.ns);
	if (*rate < COST_MIN_RATE)
		return 0;
	return 100 * (double)(hits - was.hits) * ns_per_hit(s) / (double)(cpu - was.cpu_ns);
}

/* Warns once if the probes cost the target more than it may like. */
static void watch_cost(struct session *s)
{
	double rate = 0, percent = 0;

	if (!s->warned)
		percent = cost_since(s, &s->cost, session__hits(s), &rate);
	if (percent > 0)
		s->run.ns_per_hit = ns_per_hit(s);
	if (percent <= COST_WARNING)
		return;
	s->warned = true;
	if (!s->args->quiet)
		fprintf(stderr, "gotrace: warning: the probes are hit %.0f times/s and cost pid %d %.0f ns a "
			"hit, %.0f %% of its CPU time\n", rate, s->pid, s->run.ns_per_hit, percent);
}

/* Takes out a set of probes that is not worth its cost; those that stay are judged anew. */
static uint64_t take_out(struct session *s, enum probe_part part)
{
	probe__let_go(s->probes, part);
	start_watch(s, &s->cost, session__hits(s));
	return session__now_ns();
}

static uint64_t count_sweeps(const struct model *m)
{
	uint64_t n = 0;

	for (size_t i = 0; i < model__ndelays(m); i++)
		if (model__delay(m, i)->kind == MODEL_SWEEP)
			n += model__delay(m, i)->count;
	return n;
}

/*
 * Sweeping a span takes a microsecond or two, so timing it may cost as much as it does. Where it is
 * frequent, the first second tells enough.
 */
static void watch_sweeps(struct session *s)
{
	struct model_time t = *model__time(s->model);
	double rate, percent;

	if (!(s->groups & MODEL_GC) || t.sweep_end_ns)
		return;
	percent = cost_since(s, &s->sweeping, 2 * count_sweeps(s->model), &rate);
	if (percent <= SWEEPS_MAX)
		return;
	collect__end_sweeps(s->collect);
	t.sweep_end_ns = take_out(s, PROBE_PART_SWEEPS);
	model__set_time(s->model, &t);
	if (!s->args->quiet)
		fprintf(stderr, "gotrace: pid %d sweeps %.0f spans/s before it allocates: watching that "
			"would cost %.1f %% of its CPU time; the first %.1f s must do\n", s->pid,
			rate / 2, percent, (double)(t.sweep_end_ns - s->start_ns) / 1e9);
}

/* A stack copy is counted at its end; that it is timed costs another hit, as much as the first. */
static void watch_timing(struct session *s)
{
	struct model_time t = *model__time(s->model);
	double rate, percent;

	if (!(s->groups & MODEL_STACK) || t.timing_end_ns)
		return;
	percent = cost_since(s, &s->timing, model__counters(s->model)->growths_begun, &rate);
	if (percent <= TIMING_MAX)
		return;
	collect__end_timing(s->collect);
	t.timing_end_ns = take_out(s, PROBE_PART_TIMING);
	model__set_time(s->model, &t);
	if (!s->args->quiet)
		fprintf(stderr, "gotrace: pid %d copies %.0f stacks/s: timing each would cost %.1f %% of "
			"its CPU time; those of the first %.1f s must do, all are counted\n", s->pid,
			rate, percent, (double)(t.timing_end_ns - s->start_ns) / 1e9);
}

static void check_target(struct session *s)
{
	switch (target__state(s->target)) {
	case TARGET_ALIVE:
		break;
	case TARGET_GONE:
		note(s, "has exited; this is what was gathered");
		s->ended = true;
		break;
	case TARGET_EXECED:
		note(s, "runs another program now; this is what was gathered before");
		s->ended = true;
		break;
	}
}

void session__tick(struct session *s)
{
	if (s->ended)
		return;
	check_target(s);
	if (s->ended)
		return;
	session__drain(s);
	if (s->args->alloc == ARGS_ALLOC_SAMPLE)
		check__look(s);
	watch_sweeps(s);
	watch_timing(s);
	watch_cost(s);
}

/* What the reports say of the run; the outputs' names need the time. */
static void describe(struct session *s)
{
	struct model_time t = { .start_wall_ns = (int64_t)clock_ns(CLOCK_REALTIME) };

	model__set_time(s->model, &t);
	uname(&s->kernel);
	s->run.pid = target__pid(s->target);
	s->run.command = target__command(s->target);
	s->run.go_version = gobin__info(s->gb)->version;
	s->run.kernel = s->kernel.release;
	s->run.mode = s->args->alloc == ARGS_ALLOC_SAMPLE ? "sample" : "exact";
	s->run.command_line = s->args->command_line;
	s->run.gotrace_version = GOTRACE_VERSION;
}

int session__open(struct session *s, const struct args *args, pid_t pid, struct screen *screen)
{
	s->args = args;
	s->pid = pid;
	s->screen = screen;
	s->code = setup__open(s);
	if (!s->code) {
		describe(s);
		s->code = output__check(s);
	}
	return s->code;
}

int session__start(struct session *s)
{
	struct model_time t = *model__time(s->model);

	if (s->groups & (MODEL_STACK | MODEL_GC))
		collect__set_pair_ns(s->collect, pair_ns(s));
	s->code = setup__attach(s);
	if (s->code)
		return s->code;
	collect__set_alloc_mode(s->collect, s->args->alloc == ARGS_ALLOC_SAMPLE ? GT_ALLOC_SAMPLE :
				GT_ALLOC_EXACT);
	collect__set_tracing(s->collect, true);
	s->start_ns = session__now_ns();
	s->start_cpu_ns = target__cpu_ns(s->target);
	t.start_ns = t.now_ns = t.mark_ns = s->start_ns;
	model__set_time(s->model, &t);
	check__start(s);
	start_watch(s, &s->cost, 0);
	start_watch(s, &s->sweeping, 0);
	start_watch(s, &s->timing, 0);
	output__start_line(s);
	/* Between opening and attaching the process may have gone or become another. */
	check_target(s);
	return 0;
}

void session__detach(struct session *s)
{
	uint64_t begin = session__now_ns();

	collect__set_alloc_mode(s->collect, GT_ALLOC_NONE);
	collect__set_tracing(s->collect, false);
	probe__detach(s->probes);
	s->probes = NULL;
	s->detach_ms = (double)(session__now_ns() - begin) / 1e6;
}

void session__finish(struct session *s)
{
	session__drain(s);
	if (session__hits(s))
		s->run.ns_per_hit = ns_per_hit(s);
	output__write(s, true);
	output__end_block(s);
}

void session__close(struct session *s)
{
	probe__detach(s->probes);
	names__free(s->names);
	collect__free(s->collect);
	gobin__free(s->gb);
	target__free(s->target);
	model__free(s->model);
	free(s->plan);
}
