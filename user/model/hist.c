/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The histogram of durations: each power of two from 64 ns on is divided into MODEL_HIST_SUB equal
 * buckets; below that each ns has its own.
 */
#include "model/model.h"

#define SUB_BITS 6
_Static_assert(MODEL_HIST_SUB == 1 << SUB_BITS, "buckets are found by shifting");

/* Its bucket, which may be past the last one. */
static uint64_t slot_of(uint64_t ns)
{
	int shift;

	if (ns < MODEL_HIST_SUB)
		return ns;
	shift = 63 - __builtin_clzll(ns) - SUB_BITS;
	return (uint64_t)shift * MODEL_HIST_SUB + (ns >> shift);
}

/* The largest value of a bucket. */
static uint64_t top_of(uint64_t slot)
{
	uint64_t shift;

	if (slot < 2 * MODEL_HIST_SUB)
		return slot;
	shift = slot / MODEL_HIST_SUB - 1;
	return ((slot % MODEL_HIST_SUB + MODEL_HIST_SUB + 1) << shift) - 1;
}

void model_hist__add(struct model_hist *h, uint64_t ns)
{
	uint64_t slot = slot_of(ns);

	h->slots[slot < MODEL_HIST_SLOTS ? slot : MODEL_HIST_SLOTS - 1]++;
	h->count++;
	h->sum += ns;
	if (ns > h->max)
		h->max = ns;
}

uint64_t model_hist__quantile(const struct model_hist *h, double p)
{
	double rank = p * h->count;
	uint64_t n = 0, top;

	for (uint64_t i = 0; i < MODEL_HIST_SLOTS - 1; i++) {
		n += h->slots[i];
		if (n && n >= rank) {
			top = top_of(i);
			return top < h->max ? top : h->max;
		}
	}
	/* The last bucket also has all that is too long for any. */
	return h->max;
}

uint64_t model_hist__between(const struct model_hist *h, uint64_t lo, uint64_t hi)
{
	uint64_t n = 0, end = slot_of(hi);

	for (uint64_t i = slot_of(lo); i < end && i < MODEL_HIST_SLOTS; i++)
		n += h->slots[i];
	return n;
}
