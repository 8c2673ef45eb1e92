/* SPDX-License-Identifier: GPL-2.0 */
/*
 * model/: pauses, who was late for them, cycles, delays, histograms and windows, against what sorting
 * and adding up by brute force say, and against input that no runtime would send.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gotrace/event.h"
#include "model/model.h"

static int setup(void **state)
{
	*state = model__new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	model__free(*state);
	return 0;
}

/* The same numbers on every machine. */
static uint64_t next_random(void)
{
	static uint64_t x = 88172645463325252ULL;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static struct model_pause pause_at(uint32_t seq, uint32_t reason, uint64_t begin, uint64_t stop,
				   uint64_t ns)
{
	return (struct model_pause){
		.seq = seq, .reason = reason, .begin_ns = begin, .stopped_ns = begin + stop,
		.restarting_ns = begin + ns, .restarted_ns = begin + ns, .stack = 5,
	};
}

static void add(struct model *m, const struct model_pause *p)
{
	assert_int_equal(model__add_pause(m, p), 0);
}

static int compare(const void *x, const void *y)
{
	const uint64_t *a = x, *b = y;

	return (*a > *b) - (*a < *b);
}

static void test_quantiles(void **state)
{
	static const double shares[] = { 0, .001, .01, .25, .5, .9, .99, .999, 1 };
	static uint64_t values[10007];
	static struct model_hist h;
	const size_t n = sizeof(values) / sizeof(values[0]);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		/* All magnitudes up to half an hour, small ones in plenty. */
		values[i] = next_random() >> (63 - next_random() % 42);
		model_hist__add(&h, values[i]);
	}
	qsort(values, n, sizeof(values[0]), compare);
	assert_int_equal(h.count, n);
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		size_t rank = (size_t)(shares[i] * n);
		uint64_t truth, got = model_hist__quantile(&h, shares[i]);

		if (rank == shares[i] * n && rank)
			rank--;
		truth = values[rank];
		assert_true(got >= truth);
		assert_true(got - truth <= truth / 64);
	}
	assert_int_equal(model_hist__quantile(&h, 1), values[n - 1]);
}

static void test_buckets(void **state)
{
	static struct model_hist h;
	uint64_t sum = 0;

	(void)state;
	assert_int_equal(model_hist__quantile(&h, .5), 0);
	assert_int_equal(model_hist__between(&h, 0, 1ULL << 43), 0);
	/* Each power of two, what is below it and above it: once. */
	for (int bit = 1; bit < 43; bit++) {
		model_hist__add(&h, (1ULL << bit) - 1);
		model_hist__add(&h, 1ULL << bit);
		model_hist__add(&h, (1ULL << bit) + (1ULL << bit) / 3);
		sum += 3 * (1ULL << bit) - 1 + (1ULL << bit) / 3;
	}
	assert_int_equal(h.sum, sum);
	for (int bit = 1; bit < 42; bit++)
		assert_int_equal(model_hist__between(&h, 1ULL << bit, 2ULL << bit), 3);
	assert_int_equal(model_hist__between(&h, 0, 2), 1);
	assert_int_equal(model_hist__between(&h, 0, 1ULL << 43), 3 * 42);
	/* Longer than any bucket: counted, and the longest is exact. */
	model_hist__add(&h, UINT64_MAX);
	assert_int_equal(model_hist__between(&h, 0, 1ULL << 43), 3 * 42 + 1);
	assert_int_equal(model_hist__quantile(&h, 1), UINT64_MAX);
}

static void test_reasons(void **state)
{
	(void)state;
	assert_string_equal(model__reason_name(0), "unknown");
	assert_string_equal(model__reason_name(MODEL_REASON_MARK_TERMINATION), "GC mark termination");
	assert_string_equal(model__reason_name(7), "read mem stats");
	assert_string_equal(model__reason_name(16), "ResetDebugLog (test)");
	assert_string_equal(model__reason_name(17), "unknown");
	assert_string_equal(model__reason_name(UINT32_MAX), "unknown");
	assert_true(model__is_gc(1) && model__is_gc(2));
	assert_false(model__is_gc(0) || model__is_gc(3) || model__is_gc(9));
}

static void test_nothing(void **state)
{
	struct model *m = *state;

	assert_int_equal(model__npauses(m), 0);
	assert_null(model__pause(m, 0));
	assert_int_equal(model__nworst(m), 0);
	assert_null(model__worst(m, 0));
	assert_null(model__pause_site(m, 0));
	assert_null(model__late_site(m, 0));
	assert_null(model__delay(m, 0));
	assert_int_equal(model__pause_hist(m, true, false)->count, 0);
	assert_int_equal(model__cycles(m).count, 0);
	assert_int_equal(model__worst_stopped(m, 0), 0);
	model__mark(m);
}

static void test_backwards(void **state)
{
	struct model_pause p = pause_at(1, 1, 100, 10, 30);
	struct model *m = *state;

	p.stopped_ns = 99;
	assert_int_equal(model__add_pause(m, &p), -EINVAL);
	p.stopped_ns = 131;
	assert_int_equal(model__add_pause(m, &p), -EINVAL);
	p.stopped_ns = 110;
	p.restarted_ns = 129;
	assert_int_equal(model__add_pause(m, &p), -EINVAL);
	assert_int_equal(model__npauses(m), 0);
	assert_int_equal(model__npause_sites(m), 0);
	p.restarted_ns = 130;
	p.requested_ns = 1000;
	add(m, &p);
	assert_int_equal(model__npauses(m), 1);
	/* All at one moment is no pause that can be measured, but it was one. */
	p = pause_at(2, 1, 100, 0, 0);
	add(m, &p);
	assert_int_equal(model__npauses(m), 2);
}

/* What is stopped in [from, from + ns) of pauses that do not overlap. */
static uint64_t stopped_in(const struct model_pause *p, size_t n, uint64_t from, uint64_t ns)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t begin = p[i].begin_ns > from ? p[i].begin_ns : from;
		uint64_t end = p[i].restarted_ns < from + ns ? p[i].restarted_ns : from + ns;

		sum += end > begin ? end - begin : 0;
	}
	return sum;
}

/* Windows that begin or end with a pause's begin or end: the sum is linear in between. */
static uint64_t brute_force(const struct model_pause *p, size_t n, uint64_t ns)
{
	uint64_t best = 0;

	for (size_t i = 0; i < n; i++) {
		const uint64_t from[] = {
			p[i].begin_ns, p[i].restarted_ns,
			p[i].begin_ns > ns ? p[i].begin_ns - ns : 0,
			p[i].restarted_ns > ns ? p[i].restarted_ns - ns : 0,
		};

		for (int k = 0; k < 4; k++) {
			uint64_t sum = stopped_in(p, n, from[k], ns);

			best = sum > best ? sum : best;
		}
	}
	return best;
}

static void test_windows(void **state)
{
	(void)state;
	for (int round = 0; round < 12; round++) {
		struct model_pause pauses[397];
		const size_t n = sizeof(pauses) / sizeof(pauses[0]);
		struct model *m = model__new();
		/* Denser and sparser, shorter and longer than the windows. */
		uint64_t gap = 1000ULL << (2 * (round % 7)), len = 1000ULL << (3 * (round % 5));
		uint64_t now = round & 1 ? 0 : 5000000000;

		for (size_t i = 0; i < n; i++) {
			now += next_random() % gap + (next_random() % 16 ? 0 : 16 * gap);
			pauses[i] = pause_at(i + 1, 1, now, 0, next_random() % len);
			now = pauses[i].restarted_ns;
			add(m, &pauses[i]);
		}
		for (int w = 0; w < MODEL_WINDOWS; w++)
			assert_int_equal(model__worst_stopped(m, w),
					 brute_force(pauses, n, model_windows[w]));
		model__free(m);
	}
}

static void test_window_bounds(void **state)
{
	struct model_pause p = pause_at(1, 1, 10, 0, 2500000);
	struct model *m = *state;

	/* A trace shorter than the window, and a pause longer than it. */
	add(m, &p);
	assert_int_equal(model__worst_stopped(m, 0), 1000000);
	assert_int_equal(model__worst_stopped(m, 1), 2500000);
	assert_int_equal(model__worst_stopped(m, 4), 2500000);
	assert_int_equal(model__worst_stopped(m, -1), 0);
	assert_int_equal(model__worst_stopped(m, MODEL_WINDOWS), 0);
	/* Time that two pauses claim is stopped once; time that runs backwards not again. */
	p = pause_at(2, 1, 1500010, 0, 2000000);
	add(m, &p);
	assert_int_equal(model__worst_stopped(m, 1), 3500000);
	p = pause_at(3, 1, 20, 0, 3000000);
	add(m, &p);
	assert_int_equal(model__worst_stopped(m, 1), 3500000);
	/* As far ahead as it goes. */
	p = pause_at(4, 1, UINT64_MAX - 100, 0, 100);
	add(m, &p);
	assert_int_equal(model__worst_stopped(m, 4), 3500000);
}

static void test_ring(void **state)
{
	const uint64_t n = MODEL_PAUSES_MAX + 1009;
	struct model *m = *state;
	uint64_t sum = 0;

	for (uint64_t i = 0; i < n; i++) {
		struct model_pause p = pause_at(i + 1, 1 + i % 3, 10000 * i, i % 7, i % 1013);

		p.stopped_ns = p.begin_ns;
		add(m, &p);
		sum += i % 1013;
	}
	assert_int_equal(model__npauses(m), MODEL_PAUSES_MAX);
	assert_int_equal(model__pause(m, 0)->seq, 1010);
	assert_int_equal(model__pause(m, MODEL_PAUSES_MAX - 1)->seq, n);
	assert_null(model__pause(m, MODEL_PAUSES_MAX));
	/* The sums have all of them. */
	assert_int_equal(model__npause_sites(m), 3);
	assert_int_equal(model__pause_site(m, 0)->count + model__pause_site(m, 1)->count +
			 model__pause_site(m, 2)->count, n);
	assert_int_equal(model__pause_site(m, 0)->ns + model__pause_site(m, 1)->ns +
			 model__pause_site(m, 2)->ns, sum);
	assert_int_equal(model__pause_hist(m, true, false)->count +
			 model__pause_hist(m, false, false)->count, n);
}

/* More pauses within a second than are remembered: some are missing from the sum, never too many. */
static void test_window_overflow(void **state)
{
	const uint64_t n = 3 * 65536;
	struct model *m = *state;

	for (uint64_t i = 0; i < n; i++) {
		struct model_pause p = pause_at(i + 1, 1, 1000 * i, 0, 500);

		add(m, &p);
	}
	assert_int_equal(model__worst_stopped(m, 0), 500000);
	assert_int_equal(model__worst_stopped(m, 2), 25000000);
	assert_int_equal(model__worst_stopped(m, 4), 65536 * 500);
}

static void test_worst(void **state)
{
	struct model *m = *state;
	uint64_t truth[1009];

	for (size_t i = 0; i < 1009; i++) {
		struct model_pause p;

		/* 7 is prime to 1009: each length once, but 0 and 1 are longest twice. */
		truth[i] = 1000 + i * 7 % 1009;
		if (truth[i] < 1002)
			truth[i] = 5000;
		p = pause_at(i + 1, 1, 10000 * i, 0, truth[i]);
		add(m, &p);
		assert_int_equal(model__nworst(m), i < 9 ? i + 1 : 10);
	}
	qsort(truth, 1009, sizeof(truth[0]), compare);
	for (size_t i = 0; i < 10; i++) {
		const struct model_pause *p = model__worst(m, i);

		assert_int_equal(p->restarted_ns - p->begin_ns, truth[1008 - i]);
	}
	assert_null(model__worst(m, 10));
	assert_true(model__worst(m, 0)->seq < model__worst(m, 1)->seq);
}

static struct model_late late_at(uint32_t seq, uint64_t stopped_ns, uint64_t stack)
{
	return (struct model_late){
		.seq = seq, .stopped_ns = stopped_ns, .late_ns = stopped_ns - 100, .stack = stack,
		.how = MODEL_LATE_RAN, .faults = 2,
	};
}

static const struct model_pause *last(const struct model *m)
{
	return model__pause(m, model__npauses(m) - 1);
}

static void test_lates_meet_their_pauses(void **state)
{
	const struct model_late lates[] = {
		late_at(3, 180, 31), late_at(3, 190, 32), late_at(3, 185, 33), late_at(2, 140, 21),
		late_at(7, 170, 71),
	};
	struct model *m = *state;
	struct model_pause p;

	for (size_t i = 0; i < sizeof(lates) / sizeof(lates[0]); i++)
		assert_int_equal(model__add_late(m, &lates[i]), 0);
	p = pause_at(1, 1, 100, 0, 100);
	add(m, &p);
	assert_false(last(m)->has_late);
	/* The last to stop of three; what was for 2 will not be asked for again. */
	p.seq = 3;
	add(m, &p);
	assert_true(last(m)->has_late);
	assert_int_equal(last(m)->late.stack, 32);
	p.seq = 2;
	add(m, &p);
	assert_false(last(m)->has_late);
	p.seq = 7;
	add(m, &p);
	assert_int_equal(last(m)->late.stack, 71);
	/* One that comes after its pause. */
	assert_int_equal(model__add_late(m, &lates[4]), 0);
	p.seq = 7;
	add(m, &p);
	assert_false(last(m)->has_late);
	assert_int_equal(model__nlate_sites(m), 2);
	assert_int_equal(model__late_site(m, 0)->stack, 32);
	assert_int_equal(model__late_site(m, 0)->count, 1);
	assert_int_equal(model__late_site(m, 0)->ns, 90);
	assert_int_equal(model__late_site(m, 0)->faults, 2);
}

static void test_requester_is_late(void **state)
{
	struct model_late other = late_at(1, 150, 9);
	struct model_pause p = pause_at(1, 1, 100, 60, 100);
	struct model *m = *state;

	p.has_late = true;
	p.late = late_at(1, 160, 4);
	p.late.how = MODEL_LATE_WOKEN;
	model__add_late(m, &other);
	add(m, &p);
	assert_int_equal(last(m)->late.how, MODEL_LATE_WOKEN);
	assert_int_equal(last(m)->late.stack, 4);
	/* The other was later. */
	p.seq = 2;
	other = late_at(2, 161, 9);
	model__add_late(m, &other);
	add(m, &p);
	assert_int_equal(last(m)->late.how, MODEL_LATE_RAN);
	assert_int_equal(last(m)->late.stack, 9);
}

/* Late threads without end whose pauses never come: the newest are kept, and nothing grows. */
static void test_lates_are_bounded(void **state)
{
	struct model *m = *state;
	struct model_pause p = pause_at(100001, 1, 100, 0, 100);
	struct model_late l;

	for (uint32_t seq = UINT32_MAX - 1000; seq != 100003; seq++) {
		l = late_at(seq, 150, seq);
		assert_int_equal(model__add_late(m, &l), 0);
	}
	add(m, &p);
	assert_true(last(m)->has_late);
	assert_int_equal(last(m)->late.stack, 100001);
	p.seq = 100002;
	add(m, &p);
	assert_int_equal(last(m)->late.stack, 100002);
	/* Sequence numbers jump and wrap around. */
	p.seq = UINT32_MAX;
	add(m, &p);
	l = late_at(0, 150, 77);
	model__add_late(m, &l);
	p.seq = 0;
	add(m, &p);
	assert_int_equal(last(m)->late.stack, 77);
}

static void test_hostile_enums(void **state)
{
	struct model_delay d = { .stack = 1, .kind = (enum model_delay_kind)4, .count = 1 };
	struct model *m = *state;
	struct model_pause p = pause_at(1, UINT32_MAX, 100, 60, 100);
	struct model_late l = late_at(1, 150, 9);

	l.how = (enum model_late_how)99;
	p.trigger = (enum model_trigger)77;
	model__add_late(m, &l);
	add(m, &p);
	assert_int_equal(last(m)->late.how, MODEL_LATE_UNKNOWN);
	assert_int_equal(last(m)->trigger, MODEL_TRIGGER_NONE);
	assert_int_equal(model__pause_site(m, 0)->reason, UINT32_MAX);
	assert_int_equal(model__set_delay(m, &d), -EINVAL);
	d.kind = (enum model_delay_kind)-1;
	assert_int_equal(model__set_delay(m, &d), -EINVAL);
	assert_int_equal(model__ndelays(m), 0);
}

/* First pause, then the second so many ns after the first's end. */
static void add_cycle(struct model *m, uint32_t *seq, uint32_t cycle, uint64_t begin,
		      uint64_t mark_ns)
{
	struct model_pause p = pause_at(++*seq, MODEL_REASON_SWEEP_TERMINATION, begin, 1, 10);

	p.cycle = cycle;
	p.trigger = MODEL_TRIGGER_HEAP;
	p.heap_begin = 1000;
	add(m, &p);
	p = pause_at(++*seq, MODEL_REASON_MARK_TERMINATION, begin + 10 + mark_ns, 1, 10);
	p.cycle = cycle;
	p.heap_begin = 1500;
	p.heap_end = 700 + cycle;
	add(m, &p);
}

static void test_cycles(void **state)
{
	struct model *m = *state;
	struct model_cycles c;
	struct model_pause p;
	uint32_t seq = 0;

	/* The end of a cycle whose begin was not seen. */
	p = pause_at(++seq, MODEL_REASON_MARK_TERMINATION, 50, 1, 10);
	add(m, &p);
	assert_int_equal(model__cycles(m).count, 0);
	add_cycle(m, &seq, 1, 100, 17);
	assert_int_equal(model__cycles(m).count, 1);
	/* Work was left: the world ran again, and stopped once more for the same cycle. */
	p = pause_at(++seq, MODEL_REASON_MARK_TERMINATION, 160, 1, 10);
	p.cycle = 1;
	p.heap_begin = 1600;
	p.heap_end = 800;
	add(m, &p);
	c = model__cycles(m);
	assert_int_equal(c.count, 1);
	assert_int_equal(c.mark_ns, 50);
	assert_int_equal(c.last_heap_end, 1600);
	assert_int_equal(c.last_heap_live, 800);
	add_cycle(m, &seq, 2, 1000, 23);
	/* Another pause in between is of no matter. */
	p = pause_at(++seq, MODEL_REASON_SWEEP_TERMINATION, 2000, 1, 10);
	p.cycle = 3;
	p.trigger = MODEL_TRIGGER_CYCLE;
	add(m, &p);
	p = pause_at(++seq, 7, 2020, 1, 10);
	add(m, &p);
	p = pause_at(++seq, MODEL_REASON_MARK_TERMINATION, 2041, 1, 10);
	p.cycle = 3;
	add(m, &p);
	c = model__cycles(m);
	assert_int_equal(c.count, 3);
	assert_int_equal(c.mark_ns, 50 + 23 + 31);
	assert_int_equal(c.max_mark_ns, 50);
	assert_int_equal(c.by_trigger[MODEL_TRIGGER_HEAP], 2);
	assert_int_equal(c.by_trigger[MODEL_TRIGGER_CYCLE], 1);
	/* The third's heap is not known. */
	assert_int_equal(c.nheap, 2);
	assert_int_equal(c.heap_begin, 2000);
	assert_int_equal(c.heap_end, 1600 + 1500);
	assert_int_equal(c.heap_live, 800 + 702);
	assert_int_equal(c.last_heap_live, 702);
}

/* Events were lost: a begin is not put together with the end of another cycle. */
static void test_cycles_with_gaps(void **state)
{
	struct model *m = *state;
	struct model_pause p;

	/* The number of the cycle tells. */
	p = pause_at(1, MODEL_REASON_SWEEP_TERMINATION, 100, 1, 10);
	p.cycle = 5;
	add(m, &p);
	p = pause_at(4, MODEL_REASON_MARK_TERMINATION, 200, 1, 10);
	p.cycle = 6;
	add(m, &p);
	assert_int_equal(model__cycles(m).count, 0);
	p = pause_at(9, MODEL_REASON_MARK_TERMINATION, 300, 1, 10);
	p.cycle = 5;
	add(m, &p);
	assert_int_equal(model__cycles(m).count, 1);
	/* Where it is not known, a gap in the sequence does. */
	p = pause_at(10, MODEL_REASON_SWEEP_TERMINATION, 400, 1, 10);
	add(m, &p);
	p = pause_at(12, MODEL_REASON_MARK_TERMINATION, 500, 1, 10);
	add(m, &p);
	assert_int_equal(model__cycles(m).count, 1);
	p = pause_at(13, MODEL_REASON_SWEEP_TERMINATION, 600, 1, 10);
	add(m, &p);
	/* Its clock runs backwards: no time of marking, rather than 2^64 ns. */
	p = pause_at(14, MODEL_REASON_MARK_TERMINATION, 550, 1, 10);
	add(m, &p);
	assert_int_equal(model__cycles(m).count, 2);
	assert_int_equal(model__cycles(m).mark_ns, 190);
}

static void test_delays(void **state)
{
	struct model_delay d = {
		.stack = 3, .kind = MODEL_SWEEP, .count = 7, .ns = 70, .work_ns = 5, .max_ns = 20
	};
	struct model *m = *state;

	assert_int_equal(model__set_delay(m, &d), 0);
	d.kind = MODEL_ASSIST;
	assert_int_equal(model__set_delay(m, &d), 0);
	d.stack = 4;
	assert_int_equal(model__set_delay(m, &d), 0);
	assert_int_equal(model__ndelays(m), 3);
	assert_int_equal(model__delay(m, 0)->kind, MODEL_SWEEP);
	assert_int_equal(model__delay(m, 2)->stack, 4);
	d.ns = 69;
	assert_int_equal(model__set_delay(m, &d), -EINVAL);
	d.ns = 80;
	d.work_ns = 4;
	assert_int_equal(model__set_delay(m, &d), -EINVAL);
	d.work_ns = 6;
	d.count = 6;
	assert_int_equal(model__set_delay(m, &d), -EINVAL);
	d.count = 8;
	d.max_ns = 19;
	assert_int_equal(model__set_delay(m, &d), -EINVAL);
	assert_int_equal(model__delay(m, 2)->ns, 70);
	d.max_ns = 21;
	model__mark(m);
	assert_int_equal(model__set_delay(m, &d), 0);
	assert_int_equal(model__delay(m, 2)->ns, 80);
	assert_int_equal(model__delay(m, 2)->mark_ns, 70);
	assert_int_equal(model__delay(m, 2)->mark_count, 7);
	assert_int_equal(model__delay(m, 2)->mark_work_ns, 5);
}

static void test_mark(void **state)
{
	struct model_counters c = {
		.gc_hits = 101, .pauses_seen = 11, .pauses_unmatched = 3, .delays_seen = 37,
		.delays_unmatched = 5, .delays_under_way = 2,
		.loss = { { MODEL_GC, "cause", "pause_lost", 13, 0, 0 },
			  { MODEL_STACK, "cause", "pause_lost", 17, 0, 0 } },
		.nloss = 2,
	}, got;
	struct model *m = *state;
	struct model_late l = late_at(2, 150, 9);
	struct model_pause p = pause_at(1, 1, 100, 60, 100);

	add(m, &p);
	p.seq = 2;
	model__add_late(m, &l);
	add(m, &p);
	model__set_counters(m, &c);
	model__mark(m);
	p = pause_at(3, 1, 300, 7, 50);
	l.seq = 3;
	model__add_late(m, &l);
	add(m, &p);
	assert_int_equal(model__npause_sites(m), 1);
	assert_int_equal(model__pause_site(m, 0)->count, 3);
	assert_int_equal(model__pause_site(m, 0)->mark_count, 2);
	assert_int_equal(model__pause_site(m, 0)->ns - model__pause_site(m, 0)->mark_ns, 50);
	assert_int_equal(model__pause_site(m, 0)->stop_ns, 127);
	assert_int_equal(model__pause_site(m, 0)->mark_stop_ns, 120);
	assert_int_equal(model__pause_site(m, 0)->max_ns, 100);
	assert_int_equal(model__late_site(m, 0)->mark_count, 1);
	assert_int_equal(model__late_site(m, 0)->mark_ns, 50);
	assert_int_equal(model__late_site(m, 0)->mark_faults, 2);

	c.gc_hits += 7;
	c.pauses_seen += 2;
	c.pauses_unmatched += 1;
	c.delays_seen += 19;
	c.delays_unmatched += 4;
	c.delays_under_way = 1;
	c.loss[0].objects += 23;
	model__set_counters(m, &c);
	model__counters_since_mark(m, &got);
	assert_int_equal(got.gc_hits, 7);
	assert_int_equal(got.pauses_seen, 2);
	assert_int_equal(got.pauses_unmatched, 1);
	assert_int_equal(got.delays_seen, 19);
	assert_int_equal(got.delays_unmatched, 4);
	/* How many there are now, not how many more. */
	assert_int_equal(got.delays_under_way, 1);
	assert_int_equal(got.loss[0].objects, 23);
	assert_int_equal(got.loss[1].objects, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantiles),
		cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_reasons),
		TEST(test_nothing),
		TEST(test_backwards),
		cmocka_unit_test(test_windows),
		TEST(test_window_bounds),
		TEST(test_window_overflow),
		TEST(test_ring),
		TEST(test_worst),
		TEST(test_lates_meet_their_pauses),
		TEST(test_requester_is_late),
		TEST(test_lates_are_bounded),
		TEST(test_hostile_enums),
		TEST(test_cycles),
		TEST(test_cycles_with_gaps),
		TEST(test_delays),
		TEST(test_mark),
	};

	return cmocka_run_group_tests_name("pauses", tests, NULL, NULL);
}
