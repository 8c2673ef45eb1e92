/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Checks of samples: now and then, at random, each allocation is looked at for a few milliseconds. What
 * comes of it is the model's (model/check.c).
 */
#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "report/via.h"

#define NS_PER_MS 1000000ULL
#define NS_PER_S  (1000 * NS_PER_MS)

/* How long each allocation is looked at. Nothing else is done meanwhile: it is not worth a timer. */
#define CHECK_NS (3 * NS_PER_MS)

/* How long the probes are hit for that: it takes them a while to come and go. */
#define PROBED_NS (40.0 * NS_PER_MS)

/* Between two checks, on average: at first, and at most. */
#define PERIOD_MIN_NS (NS_PER_S / 2)
#define PERIOD_MAX_NS (30 * NS_PER_S)

/*
 * The share of one CPU that they may cost: so many come soon, because a doubt needs several, then they are
 * less frequent.
 */
#define CHECKS_SOON 8
#define SHARE_SOON  0.02
#define SHARE_LATER 0.003

/* Anything from half to three halves of the period, so that it is in step with nothing. */
static uint64_t at_random(struct check *c)
{
	c->seed = c->seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return c->period_ns / 2 + (uint64_t)((double)(c->seed >> 33) / (double)(1u << 31) *
					     (double)c->period_ns);
}

static bool is_leading(void *ctx, uint64_t pc)
{
	const struct session *s = ctx;
	struct gobin_func f;

	return !gobin__func_at(s->gb, pc - s->bias, &f) && report__is_runtime(f.name);
}

void check__start(struct session *s)
{
	struct check *c = &s->check;

	c->possible = false;
	for (int i = 0; i < s->plan->npoints; i++)
		c->possible = c->possible || s->plan->points[i].part == PROBE_PART_EXACT;
	c->seed = s->start_ns ^ (uint64_t)s->pid << 32;
	c->period_ns = PERIOD_MIN_NS;
	c->next_ns = s->start_ns + at_random(c);
	model__set_leading(s->model, is_leading, s);
}

/* Looks at all allocations for a while. Returns false if the probes cannot be put in. */
static bool look(struct session *s)
{
	const struct timespec while_ = { .tv_nsec = CHECK_NS };
	char why[PROBE_WHY_MAX];

	if (probe__put_in(s->probes, PROBE_PART_EXACT, why))
		return false;
	collect__set_alloc_mode(s->collect, GT_ALLOC_CHECK);
	nanosleep(&while_, NULL);
	collect__set_alloc_mode(s->collect, GT_ALLOC_SAMPLE);
	probe__let_go(s->probes, PROBE_PART_EXACT);
	return true;
}

/* While nothing else is left out. */
static uint64_t hits_of_checks(const struct session *s)
{
	const struct model_counters *c = model__counters(s->model);

	return c->checks_seen + c->left_out + c->zero;
}

/* What a check may cost at most, ns: as much as the budget allows within a second. */
static double allowance(const struct session *s, double cpu_ns, double ns)
{
	return s->args->max_overhead / 100 * cpu_ns * (double)NS_PER_S / ns;
}

/* Would a check cost more than it may? By what was allocated, and run, since the last look. */
static bool is_too_dear(struct session *s, const struct budget_look *now)
{
	struct check *c = &s->check;
	double ns = (double)(now->objects_ns - c->last.objects_ns);
	double objects = (double)(now->objects - c->last.objects);
	double cpu_ns = (double)(now->cpu_ns - c->last.cpu_ns);
	double look_ns = (double)(now->now_ns - c->last.now_ns);

	/* Objects are known by the last drain: before the next one there is nothing new. */
	if (ns > 0 && look_ns > 0) {
		c->is_dear = c->last.now_ns && s->watch.limited &&
			     objects / ns * PROBED_NS * s->run.ns_per_hit > allowance(s, cpu_ns, look_ns);
		c->last = *now;
	}
	return c->is_dear;
}

void check__look(struct session *s, const struct budget_look *now)
{
	struct check *c = &s->check;
	bool dear = is_too_dear(s, now), soon;
	uint64_t hits, begin = session__now_ns();
	double cost;

	if (!c->possible || dear || begin < c->next_ns || probe__is_leaving(s->probes))
		return;
	c->possible = look(s);
	session__drain(s);
	if (model__end_check(s->model))
		s->code = EXIT_FAILED;
	/* With those of the one before that came while its probes went. */
	hits = hits_of_checks(s) - c->hits;
	c->hits += hits;
	cost = (double)hits * (s->run.ns_per_hit > 0 ? s->run.ns_per_hit : 1000);
	soon = model__nchecks(s->model) < CHECKS_SOON;
	c->period_ns = (uint64_t)(cost / (soon ? SHARE_SOON : SHARE_LATER));
	if (!soon && c->period_ns < PERIOD_MIN_NS * 4)
		c->period_ns = PERIOD_MIN_NS * 4;
	if (c->period_ns < PERIOD_MIN_NS)
		c->period_ns = PERIOD_MIN_NS;
	if (c->period_ns > PERIOD_MAX_NS)
		c->period_ns = PERIOD_MAX_NS;
	c->next_ns = session__now_ns() + at_random(c);
}
