/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The most that the world was stopped within a window of a given length, kept as the pauses come.
 *
 * Of all windows with the largest sum there is one that ends with a pause. One that ends within a
 * pause can be moved on to the end of it, and loses no more than it gains; one that ends in between
 * can be moved back to the end of the pause before, and loses nothing. So that only windows that
 * end with a pause are looked at, when it ends.
 */
#include <errno.h>
#include <stdlib.h>

#include "model/internal.h"

/*
 * Pauses that the largest window may hold. That many in a second would leave 15 us for each with
 * what is between them: if they do come, the oldest are left out of the sum.
 */
#define SPANS_MAX 65536

const uint64_t model_windows[MODEL_WINDOWS] = {
	1000000, 10000000, 50000000, 100000000, 1000000000,
};

static struct model_span *span(const struct model_stopped *s, uint64_t i)
{
	return &s->spans[i % SPANS_MAX];
}

/* Brings a window on, to end with the span that has just been added. */
static void move_window(struct model_stopped *s, int i)
{
	uint64_t last = s->nspans - 1, end = span(s, last)->end, stopped;
	uint64_t start = end > model_windows[i] ? end - model_windows[i] : 0;
	const struct model_span *oldest = span(s, s->window[i].oldest);

	s->window[i].sum += end - span(s, last)->begin;
	while (oldest->end <= start) {
		s->window[i].sum -= oldest->end - oldest->begin;
		oldest = span(s, ++s->window[i].oldest);
	}
	stopped = s->window[i].sum;
	if (oldest->begin < start)
		stopped -= start - oldest->begin;
	if (stopped > s->window[i].worst)
		s->window[i].worst = stopped;
}

/* Takes the span out whose place is needed. */
static void drop_oldest(struct model_stopped *s)
{
	uint64_t i = s->nspans - SPANS_MAX;

	for (int k = 0; k < MODEL_WINDOWS; k++) {
		if (s->window[k].oldest != i)
			continue;
		s->window[k].sum -= span(s, i)->end - span(s, i)->begin;
		s->window[k].oldest++;
	}
}

int model_stopped__add(struct model_stopped *s, uint64_t begin, uint64_t end)
{
	uint64_t before;

	if (!s->spans) {
		s->spans = calloc(SPANS_MAX, sizeof(*s->spans));
		if (!s->spans)
			return -ENOMEM;
	}
	/* One pause follows the other; time that two claim is time stopped once. */
	before = s->nspans ? span(s, s->nspans - 1)->end : 0;
	if (begin < before)
		begin = before;
	if (begin >= end)
		return 0;
	if (s->nspans >= SPANS_MAX)
		drop_oldest(s);
	*span(s, s->nspans++) = (struct model_span){ begin, end };
	for (int i = 0; i < MODEL_WINDOWS; i++)
		move_window(s, i);
	return 0;
}

void model_stopped__free(struct model_stopped *s)
{
	free(s->spans);
	*s = (struct model_stopped){ 0 };
}
