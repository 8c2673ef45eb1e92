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
	int err;

	watch__before_drain(s);
	err = collect__drain(s->collect, s->model);
	if (err) {
		fprintf(stderr, "gotrace: reading the tables failed: %s\n", strerror(-err));
		s->code = EXIT_FAILED;
	}
	t.now_ns = session__now_ns();
	model__set_time(s->model, &t);
	watch__drained(s);
	/* Of a process that has gone the last figure stays. */
	if (cpu > s->start_cpu_ns)
		s->run.target_cpu_ns = (double)(cpu - s->start_cpu_ns);
}

/* The machine's: it is measured once for all sessions, when it is asked for. */
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
	watch__look(s);
}

/* What the reports say of the run; the outputs' names need the time. */
static void describe(struct session *s)
{
	static const char *const modes[] = {
		[ARGS_ALLOC_AUTO] = "auto", [ARGS_ALLOC_EXACT] = "exact",
		[ARGS_ALLOC_SAMPLE] = "sample", [ARGS_ALLOC_OFF] = "off",
	};
	struct model_time t = { .start_wall_ns = (int64_t)clock_ns(CLOCK_REALTIME) };

	model__set_time(s->model, &t);
	uname(&s->kernel);
	s->run.pid = target__pid(s->target);
	s->run.command = target__command(s->target);
	s->run.go_version = gobin__info(s->gb)->version;
	s->run.kernel = s->kernel.release;
	s->run.mode = modes[s->args->alloc];
	s->run.max_overhead = s->watch.limited ? s->args->max_overhead : 0;
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
	watch__start(s);
	collect__set_tracing(s->collect, true);
	s->start_ns = session__now_ns();
	s->start_cpu_ns = target__cpu_ns(s->target);
	t.start_ns = t.now_ns = t.mark_ns = s->start_ns;
	model__set_time(s->model, &t);
	output__start_line(s);
	/* Between opening and attaching the process may have gone or become another. */
	check_target(s);
	return 0;
}

void session__detach(struct session *s)
{
	uint64_t begin = session__now_ns();

	watch__end(s);
	collect__set_tracing(s->collect, false);
	probe__detach(s->probes);
	s->probes = NULL;
	s->detach_ms = (double)(session__now_ns() - begin) / 1e6;
}

void session__finish(struct session *s)
{
	session__drain(s);
	if (session__hits(s))
		s->run.ns_per_hit = watch__ns_per_hit(s);
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
	watch__close(s);
}
