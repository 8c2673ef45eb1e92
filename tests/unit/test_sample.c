/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Samples: what sites are charged with, that nothing of the runtime's totals is lost or charged twice, and
 * that the interval that is told holds the true figure as often as it says.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/model.h"
#include "report/estimate.h"

#define CLASS_32   9			/* span class: size class 4, no pointers */
#define SPAN	   256
#define SIZE	   32

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

/* So many full spans of 32 byte objects were charged to the stack. */
static void add_spans(struct model *m, uint64_t stack, uint64_t hits, double scale)
{
	const struct model_sample s = {
		.stack = stack, .span_class = CLASS_32, .hits = hits, .objects = hits * SPAN,
		.bytes = hits * SPAN * SIZE, .class_bytes = hits * SPAN * SIZE,
		.squares = hits * SPAN * SPAN, .scale = scale,
	};

	assert_int_equal(model__add_sample(m, &s), 0);
}

static void add_large(struct model *m, uint64_t hits, uint64_t pages, double scale)
{
	const struct model_sample s = {
		.stack = 7, .span_class = 1, .hits = hits, .objects = hits,
		.bytes = hits * (pages * 8192 - 5), .class_bytes = hits * pages * 8192,
		.squares = hits * pages * pages, .scale = scale,
	};

	assert_int_equal(model__add_sample(m, &s), 0);
}

static void set_total(struct model *m, uint64_t objects)
{
	struct model_class_total totals[MODEL_CLASS_TOTALS] = { 0 };

	totals[CLASS_32 >> 1] = (struct model_class_total){ (double)objects, (double)objects * SIZE };
	model__set_class_totals(m, totals, 2);
	model__settle(m);
}

static void test_as_they_are(void **state)
{
	struct model *m = *state;
	const struct model_alloc *a;

	add_spans(m, 3, 11, 1);
	add_spans(m, 5, 2, 1);
	model__set_class_totals(m, NULL, 2);
	model__settle(m);
	a = model__alloc(m, 0);
	assert_int_equal(a->stack, 3);
	assert_int_equal(a->span_class, CLASS_32);
	assert_int_equal(a->objects, 11 * SPAN);
	assert_int_equal(a->class_bytes, 11 * SPAN * SIZE);
	assert_int_equal(a->bytes, a->class_bytes);
	assert_true(a->est.class_bytes == (double)a->class_bytes);
	assert_true(a->est.bytes_var > 0 && a->est.objects_var > 0);
	add_spans(m, 3, 1, 1);
	model__settle(m);
	assert_int_equal(model__alloc(m, 0)->objects, 12 * SPAN);
	assert_int_equal(model__total(m).objects, 14 * SPAN);
}

static void test_bad_samples(void **state)
{
	struct model *m = *state;
	struct model_sample s = { .stack = 1, .span_class = MODEL_SPAN_CLASSES, .scale = 1 };

	assert_int_equal(model__add_sample(m, &s), -EINVAL);
	s.span_class = 2;
	s.scale = 0.5;
	assert_int_equal(model__add_sample(m, &s), -EINVAL);
	s.scale = NAN;
	assert_int_equal(model__add_sample(m, &s), -EINVAL);
	assert_int_equal(model__nallocs(m), 0);
}

/* What the runtime has counted is divided by the samples, whatever these add up to. */
static void test_totals_are_divided(void **state)
{
	struct model *m = *state;

	add_spans(m, 3, 30, 1);
	add_spans(m, 5, 10, 1);
	set_total(m, 20000);
	assert_int_equal(model__alloc(m, 0)->objects, 15000);
	assert_int_equal(model__alloc(m, 1)->objects, 5000);
	assert_int_equal(model__total(m).objects, 20000);
	assert_int_equal(model__total(m).class_bytes, 20000 * SIZE);
	/* Only what is new is divided by new samples. */
	add_spans(m, 5, 1, 1);
	set_total(m, 20300);
	assert_int_equal(model__alloc(m, 0)->objects, 15000);
	assert_int_equal(model__alloc(m, 1)->objects, 5300);
}

/* What has no sample waits for one, and is shown meanwhile; samples wait for their total. */
static void test_each_waits_for_the_other(void **state)
{
	struct model *m = *state;

	set_total(m, 1000);
	assert_int_equal(model__unsampled(m).objects, 1000);
	assert_int_equal(model__unsampled(m).class_bytes, 1000 * SIZE);
	assert_int_equal(model__total(m).objects, 1000);
	model__mark(m);
	add_spans(m, 3, 1, 1);
	set_total(m, 1500);
	assert_int_equal(model__unsampled(m).objects, 0);
	assert_int_equal(model__unsampled(m).mark_objects, 1000);
	assert_int_equal(model__alloc(m, 0)->objects, 1500);
	/* A total that shrinks, as before Go 1.19, takes nothing away. */
	add_spans(m, 3, 1, 1);
	set_total(m, 1400);
	assert_int_equal(model__alloc(m, 0)->objects, 1500);
	set_total(m, 1600);
	assert_int_equal(model__alloc(m, 0)->objects, 1600);
	/* Once it is not known any more, samples are what they are, and what is known stays. */
	add_spans(m, 3, 1, 1);
	model__set_class_totals(m, NULL, 2);
	model__settle(m);
	assert_int_equal(model__alloc(m, 0)->objects, 1600 + SPAN);
}

static void test_lost_is_nobody_elses(void **state)
{
	struct model *m = *state;

	add_spans(m, 3, 3, 1);
	model__add_lost_sample(m, CLASS_32 >> 1, SPAN * SIZE);
	set_total(m, 4 * SPAN);
	assert_int_equal(model__alloc(m, 0)->objects, 3 * SPAN);
	assert_int_equal(model__total(m).objects, 3 * SPAN);
}

static void test_large_objects_are_exact(void **state)
{
	struct model *m = *state;
	const struct model_alloc *a;

	add_large(m, 13, 5, 1);
	set_total(m, 0);
	a = model__alloc(m, 0);
	assert_int_equal(a->objects, 13);
	assert_int_equal(a->bytes, 13 * (5 * 8192 - 5));
	assert_int_equal(a->class_bytes, 13 * 5 * 8192);
	assert_true(a->est.class_bytes == 0 && a->est.bytes_var == 0);
	assert_true(model__total(m).est.bytes_var == 0);
}

/* Each of n that are seen with a chance of 1 in 4 stands for 4: the variance is n * 4 * 3. */
static void test_large_objects_in_windows(void **state)
{
	struct model *m = *state;
	const struct model_alloc *a;

	add_large(m, 1000, 5, 4);
	model__settle(m);
	a = model__alloc(m, 0);
	assert_int_equal(a->objects, 4000);
	assert_int_equal(a->class_bytes, 4000 * 5 * 8192);
	assert_true(fabs(a->est.objects_var / 12000 - 1) < 0.01);
	assert_true(fabs(a->est.bytes_var / (12000 * pow(5 * 8192, 2)) - 1) < 0.01);
}

/* Objects that share blocks of 16 bytes are counted by the runtime, and divided among who takes blocks. */
static void test_tiny_objects(void **state)
{
	struct model *m = *state;
	struct model_class_total totals[MODEL_CLASS_TOTALS] = { 0 };
	struct model_sample s = {
		.stack = 3, .span_class = 5, .hits = 1, .objects = 512, .bytes = 8192,
		.class_bytes = 8192, .squares = 512 * 512, .scale = 1,
	};

	assert_int_equal(model__add_sample(m, &s), 0);
	s.stack = 5;
	s.span_class = 4;		/* 16 bytes with pointers: none of them is tiny */
	assert_int_equal(model__add_sample(m, &s), 0);
	totals[2] = (struct model_class_total){ 1024, 16384 };
	totals[MODEL_CLASS_TINY].objects = 1000;
	model__set_class_totals(m, totals, 1);
	model__settle(m);
	assert_int_equal(model__alloc(m, 0)->objects, 1512);
	assert_int_equal(model__alloc(m, 0)->class_bytes, 8192);
	assert_int_equal(model__alloc(m, 1)->objects, 512);
}

/* What the sites of a class may be off they take from each other. */
static void test_total_is_surer_than_its_sites(void **state)
{
	struct model *m = *state;
	double sites;

	add_spans(m, 3, 500, 1);
	add_spans(m, 5, 500, 1);
	set_total(m, 1000 * SPAN);
	sites = model__alloc(m, 0)->est.bytes_var + model__alloc(m, 1)->est.bytes_var;
	assert_true(model__total(m).est.bytes_var < sites / 100);
}

/* Two stacks that look the same are as sure as the one they are shown as. */
static void test_stacks_that_look_the_same(void **state)
{
	struct model *m = *state;
	struct model_estimate both = { 0 }, one;

	add_spans(m, 3, 300, 1);
	add_spans(m, 5, 300, 1);
	add_spans(m, 8, 400, 1);
	model__settle(m);
	estimate__add(&both, &model__alloc(m, 0)->est);
	one = both;
	assert_true(one.bytes_var == model__alloc(m, 0)->est.bytes_var);
	estimate__add(&both, &model__alloc(m, 1)->est);
	/* 0.6 * 0.4 of 1000 samples. */
	assert_true(fabs(both.objects_var / (240.0 * SPAN * SPAN) - 1) < 0.02);
	assert_true(both.objects_var < 2 * one.objects_var);
}

static void test_interval(void **state)
{
	struct model *m = *state;
	struct model_estimate part;
	const struct model_alloc *a;

	add_spans(m, 3, 100, 1);
	model__settle(m);
	model__mark(m);
	add_spans(m, 3, 50, 1);
	add_spans(m, 5, 150, 1);
	model__settle(m);
	a = model__alloc(m, 0);
	part = estimate__since(&a->est, &a->mark_est);
	assert_true(part.objects == 50 * SPAN);
	assert_true(part.objects_sq == 50.0 * SPAN * SPAN);
	assert_true(part.share == a->est.share);
}

static uint64_t seed = 88172645463325252ULL;

static double uniform(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (double)(seed >> 11) / 9007199254740992.0;
}

/* In percent, how often the interval of a site with share p of n spans holds what is true. */
static int coverage(int n, double p)
{
	const int runs = 2000;
	int held = 0;

	for (int run = 0; run < runs; run++) {
		struct model *m = model__new();
		double truth = p * n * SPAN, error, got = 0;
		int hits = 0;

		for (int i = 0; i < n; i++)
			hits += uniform() < p;
		if (hits)
			add_spans(m, 3, (uint64_t)hits, 1);
		if (hits < n)
			add_spans(m, 5, (uint64_t)(n - hits), 1);
		set_total(m, (uint64_t)n * SPAN);
		/* A site without a sample is not shown at all. */
		if (hits) {
			const struct model_alloc *a = model__alloc(m, 0);
			const struct report_sample s = { .est = a->est };

			got = (double)a->objects;
			error = report__error(&s, REPORT_OBJECTS);
			held += fabs(got - truth) <= error;
		} else {
			held++;
		}
		model__free(m);
	}
	return held * 100 / runs;
}

static void test_coverage(void **state)
{
	static const int ns[] = { 10, 30, 100, 1000 };
	static const double ps[] = { 0.01, 0.05, 0.2, 0.5, 0.9, 0.99 };

	(void)state;
	for (size_t i = 0; i < sizeof(ns) / sizeof(ns[0]); i++) {
		for (size_t k = 0; k < sizeof(ps) / sizeof(ps[0]); k++) {
			int percent = coverage(ns[i], ps[k]);

			/* One less: there are only so many runs. */
			if (percent < 94)
				fail_msg("%d spans, share %.2f: %d %%", ns[i], ps[k], percent);
		}
	}
	/* Nor is it too wide where there are many. */
	assert_true(coverage(1000, 0.5) < 98);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_as_they_are, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_samples, setup, teardown),
		cmocka_unit_test_setup_teardown(test_totals_are_divided, setup, teardown),
		cmocka_unit_test_setup_teardown(test_each_waits_for_the_other, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_is_nobody_elses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large_objects_are_exact, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large_objects_in_windows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tiny_objects, setup, teardown),
		cmocka_unit_test_setup_teardown(test_total_is_surer_than_its_sites, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stacks_that_look_the_same, setup, teardown),
		cmocka_unit_test_setup_teardown(test_interval, setup, teardown),
		cmocka_unit_test(test_coverage),
	};

	return cmocka_run_group_tests_name("sample", tests, NULL, NULL);
}
