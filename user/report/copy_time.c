/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a copy takes depends on its sizes and on what is on the stack, so those of one stack and step
 * tell most, then those of the same step.
 */
#include <errno.h>

#include "model/hash.h"
#include "report/copy_time.h"

struct copy_step {
	struct {
		uint32_t from, to;
	} key;
	uint64_t timed, ns;
	UT_hash_handle hh;
};

static struct copy_step *find(const struct copy_times *times, const struct model_growth *g)
{
	struct copy_step *step;

	HASH_FIND(hh, times->steps, (&(uint32_t[2]){ g->from, g->to }), sizeof(step->key), step);
	return step;
}

int copy_times__make(struct copy_times *times, const struct model *m, struct report_arena *tmp)
{
	for (size_t i = 0; i < model__ngrowths(m); i++) {
		const struct model_growth *g = model__growth(m, i);
		struct copy_step *step = find(times, g);

		if (!step) {
			step = report_arena__alloc(tmp, 1, sizeof(*step));
			if (!step)
				return -ENOMEM;
			step->key.from = g->from;
			step->key.to = g->to;
			HASH_ADD(hh, times->steps, key, sizeof(step->key), step);
			if (!hash__added(step))
				return -ENOMEM;
		}
		step->timed += g->timed;
		step->ns += g->ns;
		times->timed += g->timed;
		times->ns += g->ns;
	}
	return 0;
}

void copy_times__clear(struct copy_times *times)
{
	HASH_CLEAR(hh, times->steps);
}

/* n times the mean; damaged figures may lead anywhere. */
static uint64_t times_mean(uint64_t n, uint64_t ns, uint64_t timed)
{
	double sum = (double)n * (double)ns / (double)timed;

	return sum < 1e18 ? (uint64_t)sum : (uint64_t)1e18;
}

uint64_t copy_times__estimate(const struct copy_times *times, const struct model_growth *g, uint64_t n)
{
	const struct copy_step *step = find(times, g);

	if (g->timed)
		return times_mean(n, g->ns, g->timed);
	if (step && step->timed)
		return times_mean(n, step->ns, step->timed);
	return times->timed ? times_mean(n, times->ns, times->timed) : 0;
}
