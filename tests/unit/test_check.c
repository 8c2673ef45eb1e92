/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Samples held against checks: which of them is believed, what becomes of totals that were divided
 * before, and that nothing is gained or lost by it.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "gotrace/event.h"
#include "model/model.h"

/* Of 32 bytes, without pointers. */
#define SPAN_CLASS 9
#define SIZE	   32
#define SPAN	   256

/* Addresses below this one lead from a call site to the allocator. */
#define LEADING_END 1000

static bool is_leading(void *ctx, uint64_t pc)
{
	(void)ctx;
	return pc < LEADING_END;
}

/* Call site n has two stacks: one that ends in the sampler's probe, one in the counter's. */
static uint64_t sampled_stack(int n)
{
	return 100 + (uint64_t)n;
}

static uint64_t checked_stack(int n)
{
	return 200 + (uint64_t)n;
}

#define SITES 3

static int setup(void **state)
{
	struct model *m = model__new();

	if (!m)
		return -1;
	model__set_leading(m, is_leading, NULL);
	for (int n = 0; n < SITES; n++) {
		const uint64_t site = 5000 + 100 * (uint64_t)n;
		const uint64_t sampled[] = { 11, 13, 17, site, 7000 };
		const uint64_t checked[] = { 23, site, 7000 };

		if (model__add_stack(m, sampled_stack(n), sampled, 5, 0) ||
		    model__add_stack(m, checked_stack(n), checked, 3, 0))
			return -1;
	}
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	model__free(*state);
	return 0;
}

static void add_samples(struct model *m, int site, uint64_t hits)
{
	const struct model_sample s = {
		.stack = sampled_stack(site),
		.span_class = SPAN_CLASS,
		.hits = hits,
		.objects = hits * SPAN,
		.bytes = hits * SPAN * SIZE,
		.class_bytes = hits * SPAN * SIZE,
		.squares = hits * SPAN * SPAN,
		.scale = 1,
	};

	if (hits)
		assert_int_equal(model__add_sample(m, &s), 0);
}

/* A check in which each site allocated so many. */
static void check(struct model *m, const uint64_t n[SITES])
{
	for (int i = 0; i < SITES; i++)
		if (n[i])
			assert_int_equal(model__add_check(m, checked_stack(i), SPAN_CLASS, n[i]), 0);
	assert_int_equal(model__end_check(m), 0);
}

/* Totals of a call site, by both of its stacks. */
static struct model_alloc site_total(const struct model *m, int site)
{
	struct model_alloc sum = { 0 };

	for (size_t i = 0; i < model__nallocs(m); i++) {
		const struct model_alloc *a = model__alloc(m, i);

		if (a->stack != sampled_stack(site) && a->stack != checked_stack(site))
			continue;
		sum.objects += a->objects;
		sum.class_bytes += a->class_bytes;
		sum.est.bytes_var += a->est.bytes_var;
	}
	return sum;
}

static double share(const struct model *m, int site)
{
	return (double)site_total(m, site).class_bytes / (double)model__total(m).class_bytes;
}

static void test_in_step(void **state)
{
	static const uint64_t seen[SITES] = { 2550, 10, 0 };
	struct model *m = *state;

	/* One of 256 is the second site's, but always the one that needs the next span. */
	for (int second = 0; second < 20; second++) {
		add_samples(m, 1, 1009);
		model__settle(m);
		check(m, seen);
	}
	assert_int_equal(model__nchecks(m), 20);
	assert_int_equal(model__ndoubted(m), 1);
	assert_int_equal(model__total(m).objects, 20 * 1009 * SPAN);
	assert_int_equal(model__total(m).class_bytes, 20 * 1009 * SPAN * SIZE);
	/* Four seconds were divided by samples. The rest is the first site's, until it has its share. */
	assert_true(fabs(share(m, 0) - 16.0 / 20) < 1e-6);
	for (int second = 0; second < 2000; second++) {
		add_samples(m, 1, 1009);
		model__settle(m);
	}
	assert_true(fabs(share(m, 0) - 2550.0 / 2560) < 1e-3);
	assert_true(fabs(share(m, 1) - 10.0 / 2560) < 1e-3);
	assert_int_equal(model__total(m).objects, 2020 * 1009 * SPAN);
}

static void test_borne_out(void **state)
{
	/* Not quite the same each time, as it is with random windows. */
	static const uint64_t seen[][SITES] = {
		{ 503, 297, 199 }, { 491, 311, 197 }, { 499, 293, 211 }, { 509, 307, 193 }, { 487, 313, 203 },
	};
	struct model *m = *state;

	add_samples(m, 0, 5003);
	add_samples(m, 1, 3001);
	add_samples(m, 2, 1999);
	for (int i = 0; i < 5; i++)
		check(m, seen[i]);
	model__settle(m);
	assert_int_equal(model__ndoubted(m), 0);
	assert_int_equal(site_total(m, 0).objects, 5003 * SPAN);
	assert_int_equal(site_total(m, 2).objects, 1999 * SPAN);
}

/* Checks that see other things each time are no reason to doubt samples that saw all of them. */
static void test_phases(void **state)
{
	static const uint64_t seen[][SITES] = {
		{ 1009, 0, 0 }, { 0, 1013, 0 }, { 1019, 0, 0 }, { 997, 0, 3 }, { 0, 0, 1021 },
	};
	struct model *m = *state;

	add_samples(m, 0, 4001);
	add_samples(m, 1, 3001);
	add_samples(m, 2, 3001);
	for (int i = 0; i < 5; i++)
		check(m, seen[i]);
	assert_int_equal(model__ndoubted(m), 0);
}

static void test_too_few(void **state)
{
	static const uint64_t seen[SITES] = { 2550, 10, 0 };
	struct model *m = *state;

	add_samples(m, 1, 1009);
	for (int i = 0; i < 3; i++)
		check(m, seen);
	assert_int_equal(model__ndoubted(m), 0);
	check(m, seen);
	assert_int_equal(model__ndoubted(m), 1);
}

static void test_incomplete(void **state)
{
	static const uint64_t seen[SITES] = { 2550, 10, 0 };
	struct model *m = *state;
	struct model_counters c = { 0 };

	add_samples(m, 1, 1009);
	for (int i = 0; i < 10; i++) {
		c.checks_lost++;
		model__set_counters(m, &c);
		check(m, seen);
	}
	assert_int_equal(model__nchecks(m), 0);
	assert_int_equal(model__ndoubted(m), 0);
}

/* What is estimated by checks says how sure that is. */
static void test_variance(void **state)
{
	static const uint64_t seen[][SITES] = {
		{ 900, 100, 0 }, { 800, 200, 0 }, { 700, 300, 0 }, { 600, 400, 0 },
	};
	struct model *m = *state;
	double sd;

	for (int round = 0; round < 25; round++) {
		add_samples(m, 1, 1009);
		model__settle(m);
		for (int i = 0; i < 4; i++)
			check(m, seen[i]);
	}
	for (int i = 0; i < 400; i++) {
		add_samples(m, 1, 1009);
		model__settle(m);
	}
	assert_int_equal(model__ndoubted(m), 1);
	assert_true(fabs(share(m, 0) - 0.75) < 1e-3);
	/* Of 100 checks whose shares differ by 0.11: 0.011. */
	sd = sqrt(site_total(m, 0).est.bytes_var) / (double)model__total(m).class_bytes;
	assert_true(sd > 0.010 && sd < 0.013);
}

static void test_bad_input(void **state)
{
	struct model *m = *state;

	assert_int_equal(model__add_check(m, checked_stack(0), 0, 1), -EINVAL);
	assert_int_equal(model__add_check(m, checked_stack(0), MODEL_SPAN_CLASSES, 1), -EINVAL);
	/* A stack that was lost has no site, and is one of its own. */
	assert_int_equal(model__add_check(m, 4711, SPAN_CLASS, 1), 0);
	assert_int_equal(model__end_check(m), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_in_step, setup, teardown),
		cmocka_unit_test_setup_teardown(test_borne_out, setup, teardown),
		cmocka_unit_test_setup_teardown(test_phases, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_few, setup, teardown),
		cmocka_unit_test_setup_teardown(test_incomplete, setup, teardown),
		cmocka_unit_test_setup_teardown(test_variance, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_input, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
