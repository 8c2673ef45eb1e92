/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The budget, held against a target that is made up: what its probes cost over any two seconds, how
 * often something is changed, and that what there is room for is watched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "budget.h"

#define MS   1000000ULL
#define S    (1000 * MS)
#define HIT  650.0
#define STEP (MS / 10)

/* What the target does at a time. */
struct load {
	double objects, copies, sweeps, gc;	/* a second */
	double cpus;			/* that it uses, without what the probes cost */
};

struct world {
	struct budget *budget;
	struct budget_look look;
	double hits[BUDGET_PARTS], cpu, objects, seen;
	double exact_busy;		/* ns until the probes that are to go have gone */
	uint64_t drained, alarm;
	bool in[BUDGET_PARTS];
	enum model_way alloc;
	struct model_change changes[256];
	int nchanges;
	uint64_t way_ns[MODEL_WAY_MAX];
	/* Each ms: what was spent and the CPU time, for the windows of two seconds. */
	double cost[200000], used[200000];
	size_t n;
};

static struct world w;

static void start(double percent, bool exact, bool sample, bool limited)
{
	const struct budget_options opts = {
		.percent = percent, .limited = limited, .seed = 12345,
		.part = { exact, sample, true, true, true, true },
	};

	memset(&w, 0, sizeof(w));
	w.look.now_ns = 1000 * S;
	w.budget = budget__new(&opts, &w.look);
	assert_non_null(w.budget);
	budget__set_cost(w.budget, HIT);
}

static void end(void)
{
	budget__free(w.budget);
}

static void apply(void)
{
	const struct budget_want *want = budget__want(w.budget);
	const struct model_change *c;

	for (int i = 0; (c = budget__change(w.budget, i)) != NULL; i++) {
		assert_true(c->from != c->to);
		assert_true((size_t)w.nchanges < sizeof(w.changes) / sizeof(w.changes[0]));
		w.changes[w.nchanges++] = *c;
	}
	/* Probes go on costing for 3 ms after the decision. */
	if (w.in[BUDGET_EXACT] && !want->in[BUDGET_EXACT])
		w.exact_busy = 3 * MS;
	memcpy(w.in, want->in, sizeof(w.in));
	w.alloc = want->alloc;
}

static void look(void)
{
	for (int i = 0; i < BUDGET_PARTS; i++)
		w.look.hits[i] = (uint64_t)w.hits[i];
	w.look.cpu_ns = (uint64_t)w.cpu;
	if (w.look.now_ns >= w.drained + S) {
		w.drained = w.look.objects_ns = w.look.now_ns;
		w.look.objects = (uint64_t)w.seen;
	}
	budget__look(w.budget, &w.look);
	apply();
}

static double min(double a, double b)
{
	return a < b ? a : b;
}

/* A tenth of a millisecond. One CPU does nothing but hit probes if there are too many. */
static double step(const struct load *l)
{
	bool exact = w.in[BUDGET_EXACT] || w.exact_busy > 0;
	double s = (double)STEP / S, cost = 0, most = 2 * (double)STEP / HIT, hits[BUDGET_PARTS] = { 0 };
	double objects = exact ? min(l->objects * s, most) : l->objects * s;

	hits[BUDGET_EXACT] = exact ? objects : 0;
	hits[BUDGET_SAMPLE] = w.in[BUDGET_SAMPLE] ? objects / 256 : 0;
	hits[BUDGET_STACK] = w.in[BUDGET_STACK] ? l->copies * s : 0;
	hits[BUDGET_TIMING] = w.in[BUDGET_TIMING] ? l->copies * s : 0;
	hits[BUDGET_SWEEPS] = w.in[BUDGET_SWEEPS] ? 2 * l->sweeps * s : 0;
	hits[BUDGET_GC] = (w.in[BUDGET_GC] ? l->gc * s : 0) + hits[BUDGET_SWEEPS];
	for (int i = 0; i < BUDGET_PARTS; i++) {
		w.hits[i] += hits[i];
		cost += i == BUDGET_SWEEPS ? 0 : hits[i] * HIT;
	}
	w.seen += objects;
	w.exact_busy -= (double)STEP;
	w.cpu += l->cpus * (double)STEP + (exact ? min(cost, (2 - l->cpus) * (double)STEP) : 0);
	return cost;
}

static void run(const struct load *l, uint64_t ns)
{
	uint64_t until = w.look.now_ns + ns;

	while (w.look.now_ns < until) {
		double cost = 0, cpu = w.cpu;

		for (int i = 0; i < 10; i++) {
			const struct budget_want *want = budget__want(w.budget);

			cost += step(l);
			w.look.now_ns += STEP;
			if (w.look.now_ns >= want->next_ns ||
			    (want->alarm_hits && w.hits[BUDGET_EXACT] / 2 >
			     (double)(w.alarm + want->alarm_hits))) {
				w.alarm = (uint64_t)w.hits[BUDGET_EXACT] / 2;
				look();
			}
			w.way_ns[budget__way(w.budget, MODEL_SUBJECT_ALLOC)] += STEP;
		}
		w.cost[w.n] = cost;
		w.used[w.n++] = w.cpu - cpu;
	}
}

/* What was spent from ms a to b, in percent of the CPU time or of a tenth of a CPU. */
static double percent(size_t a, size_t b)
{
	double cost = 0, used = 0, least = (double)(b - a) * MS / 10;

	for (size_t i = a; i < b; i++) {
		cost += w.cost[i];
		used += w.used[i];
	}
	return 100 * cost / (used > least ? used : least);
}

static int count(enum model_subject subject)
{
	int n = 0;

	for (int i = 0; i < w.nchanges; i++)
		n += w.changes[i].subject == subject;
	return n;
}

static const struct load quiet = { 1000, 10, 10, 30, 0.2 };
static const struct load busy = { 14e6, 20, 500, 1000, 2 };

static void test_quiet_is_exact(void **state)
{
	(void)state;
	start(1, true, true, true);
	run(&quiet, 30 * S);
	assert_int_equal(budget__way(w.budget, MODEL_SUBJECT_ALLOC), MODEL_WAY_ALL);
	assert_int_equal(w.nchanges, 1);
	assert_int_equal(w.changes[0].why, MODEL_WHY_FITS);
	/* Within three seconds. */
	assert_true(w.changes[0].time_ns < 1003 * S);
	assert_true(budget__want(w.budget)->alarm_hits > 0);
	assert_true(percent(0, 30000) < 1);
	end();
}

static void test_busy_is_sampled(void **state)
{
	const struct load server = { 400e3, 100, 500, 500, 1.5 };

	(void)state;
	start(1, true, true, true);
	run(&server, 60 * S);
	assert_int_equal(budget__way(w.budget, MODEL_SUBJECT_ALLOC), MODEL_WAY_SAMPLE);
	assert_int_equal(w.nchanges, 0);
	end();
}

/* Sampling alone is too dear: it is done for a part of the time, which is about what there is room for. */
static void test_windows(void **state)
{
	(void)state;
	start(0.5, true, true, true);
	run(&busy, 60 * S);
	assert_int_equal(budget__way(w.budget, MODEL_SUBJECT_ALLOC), MODEL_WAY_WINDOWS);
	assert_int_equal(count(MODEL_SUBJECT_ALLOC), 1);
	for (size_t i = 2000; i + 2000 < w.n; i += 100)
		assert_true(percent(i, i + 2000) < 0.75);
	assert_true(percent(2000, w.n) < 0.5);
	assert_true(percent(2000, w.n) > 0.2);
	end();
}

/*
 * From 1,000 allocations a second to 14 million and back, ten times: from two seconds after each jump
 * on, and over the two seconds after it, the budget holds.
 */
static void test_jumps(void **state)
{
	static const double budgets[] = { 0.5, 1, 5 };

	(void)state;
	for (size_t k = 0; k < sizeof(budgets) / sizeof(budgets[0]); k++) {
		start(budgets[k], true, true, true);
		run(&quiet, 5 * S);
		for (int i = 0; i < 10; i++) {
			run(&busy, 4 * S);
			run(&quiet, 4 * S);
		}
		for (size_t i = 5000; i + 4000 <= w.n; i += 4000)
			for (size_t j = i; j + 2000 <= i + 4000; j += 100)
				if (percent(j, j + 2000) > budgets[k])
					fail_msg("budget %g: %g from %zu ms on", budgets[k],
						 percent(j, j + 2000), j);
		if (count(MODEL_SUBJECT_ALLOC) > 40)
			fail_msg("%d changes", count(MODEL_SUBJECT_ALLOC));
		end();
	}
}

/* What is near the limit does not alternate. */
static void test_no_flapping(void **state)
{
	(void)state;
	for (int i = 1; i <= 40; i++) {
		const struct load l = { 500.0 * i, 10, 10, 30, 0.3 };
		const struct load heavy = { 500e3 * i, 10, 10, 30, 1 };

		start(1, true, true, true);
		run(&l, 60 * S);
		assert_true(count(MODEL_SUBJECT_ALLOC) <= 1);
		end();
		start(1, true, true, true);
		run(&heavy, 60 * S);
		assert_true(count(MODEL_SUBJECT_ALLOC) <= 3);
		end();
	}
}

/* A program that alternates by itself is not followed at any pace: tries get rarer. */
static void test_tries_get_rarer(void **state)
{
	(void)state;
	start(1, true, true, true);
	for (int i = 0; i < 20; i++) {
		run(&quiet, 3 * S);
		run(&busy, 3 * S);
	}
	assert_true(count(MODEL_SUBJECT_ALLOC) < 30);
	end();
}

/* In this order: times of stack copies, sweeps, exactness, then stack copies. */
static void test_order(void **state)
{
	const struct load l = { 2000, 60000, 30000, 100, 0.5 };
	int last = -1;

	(void)state;
	start(1, true, true, true);
	run(&l, 5 * S);
	for (int i = 0; i < w.nchanges; i++) {
		static const int rank[MODEL_SUBJECT_MAX] = {
			[MODEL_SUBJECT_TIMING] = 0, [MODEL_SUBJECT_SWEEPS] = 1,
			[MODEL_SUBJECT_ALLOC] = 2, [MODEL_SUBJECT_STACK] = 3,
		};

		if (w.changes[i].why != MODEL_WHY_OVER && w.changes[i].why != MODEL_WHY_SHARE)
			continue;
		assert_true(rank[w.changes[i].subject] >= last);
		last = rank[w.changes[i].subject];
	}
	assert_int_equal(budget__way(w.budget, MODEL_SUBJECT_TIMING), MODEL_WAY_OFF);
	assert_int_equal(budget__way(w.budget, MODEL_SUBJECT_STACK), MODEL_WAY_OFF);
	assert_int_equal(budget__way(w.budget, MODEL_SUBJECT_GC), MODEL_WAY_ALL);
	end();
}

/* The collector alone costs twice the budget: all stops, and comes back less and less often. */
static void test_hard_stop(void **state)
{
	const struct load l = { 100, 0, 0, 40000, 0.5 };
	int stops = 0;

	(void)state;
	start(1, true, true, true);
	run(&l, 2 * S);
	assert_false(budget__want(w.budget)->tracing);
	for (int i = 0; i < BUDGET_PARTS; i++)
		assert_false(budget__want(w.budget)->in[i]);
	run(&l, 118 * S);
	for (int i = 0; i < w.nchanges; i++)
		stops += w.changes[i].why == MODEL_WHY_STOP && w.changes[i].subject == MODEL_SUBJECT_GC;
	assert_in_range(stops, 2, 6);
	assert_true(percent(0, 120000) < 1);
	end();
}

/* After the load has gone all comes back. */
static void test_recovers(void **state)
{
	const struct load l = { 100, 100000, 0, 40000, 0.5 };

	(void)state;
	start(1, true, true, true);
	run(&l, 10 * S);
	run(&quiet, 60 * S);
	assert_int_equal(budget__way(w.budget, MODEL_SUBJECT_ALLOC), MODEL_WAY_ALL);
	assert_int_equal(budget__way(w.budget, MODEL_SUBJECT_STACK), MODEL_WAY_ALL);
	assert_int_equal(budget__way(w.budget, MODEL_SUBJECT_GC), MODEL_WAY_ALL);
	end();
}

/* Where nothing can be sampled, allocations are counted or not. */
static void test_exact_or_nothing(void **state)
{
	(void)state;
	start(1, true, false, true);
	assert_int_equal(budget__way(w.budget, MODEL_SUBJECT_ALLOC), MODEL_WAY_ALL);
	run(&busy, 30 * S);
	assert_int_equal(budget__way(w.budget, MODEL_SUBJECT_ALLOC), MODEL_WAY_OFF);
	assert_true(percent(0, 30000) < 1);
	run(&quiet, 60 * S);
	assert_int_equal(budget__way(w.budget, MODEL_SUBJECT_ALLOC), MODEL_WAY_ALL);
	end();
}

/* Without a budget only what is not worth its cost goes: times and sweeps. */
static void test_unlimited(void **state)
{
	const struct load l = { 14e6, 60000, 60000, 40000, 2 };

	(void)state;
	start(1, true, false, false);
	assert_true(budget__want(w.budget)->next_ns == UINT64_MAX);
	assert_int_equal(budget__want(w.budget)->alarm_hits, 0);
	for (int i = 0; i < 5; i++) {
		run(&l, S);
		look();
	}
	assert_int_equal(w.nchanges, 2);
	assert_int_equal(w.changes[0].subject, MODEL_SUBJECT_TIMING);
	assert_int_equal(w.changes[0].why, MODEL_WHY_SHARE);
	assert_int_equal(w.changes[1].subject, MODEL_SUBJECT_SWEEPS);
	assert_true(budget__want(w.budget)->in[BUDGET_EXACT]);
	end();
}

/* What cannot be put in is done without. */
static void test_failed(void **state)
{
	(void)state;
	start(1, true, true, true);
	run(&quiet, 5 * S);
	assert_true(budget__want(w.budget)->in[BUDGET_EXACT]);
	budget__failed(w.budget, BUDGET_EXACT);
	assert_int_equal(budget__change(w.budget, 0)->why, MODEL_WHY_FAILED);
	assert_null(budget__change(w.budget, 1));
	assert_int_equal(budget__want(w.budget)->alloc, MODEL_WAY_SAMPLE);
	budget__failed(w.budget, BUDGET_SAMPLE);
	assert_int_equal(budget__want(w.budget)->alloc, MODEL_WAY_OFF);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quiet_is_exact),
		cmocka_unit_test(test_busy_is_sampled),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_jumps),
		cmocka_unit_test(test_no_flapping),
		cmocka_unit_test(test_tries_get_rarer),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_hard_stop),
		cmocka_unit_test(test_recovers),
		cmocka_unit_test(test_exact_or_nothing),
		cmocka_unit_test(test_unlimited),
		cmocka_unit_test(test_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
