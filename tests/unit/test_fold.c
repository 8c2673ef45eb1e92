/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The model within its limit: rows and the sum of what was folded are always the whole, what is used
 * most stays, and memory ends where it is to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "gotrace/event.h"
#include "model/model.h"
#include "report_fixture.h"

#define FRAMES 23

/* Of the address sanitizer, with which unit tests are built; not every compiler brings its header. */
size_t __sanitizer_get_current_allocated_bytes(void);

struct sum {
	uint64_t objects, bytes, class_bytes;
};

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

/* Sets a pair, with its stack if it became a row, as a drain does. */
static void set(struct model *m, uint64_t i, uint64_t objects, uint64_t class_bytes, struct sum *sum)
{
	uint64_t rows = model__rows_made(m), pc[FRAMES];

	assert_int_equal(model__set_alloc(m, i, i % 3, objects, 7 * objects, class_bytes), 0);
	sum->objects += objects;
	sum->bytes += 7 * objects;
	sum->class_bytes += class_bytes;
	if (model__rows_made(m) == rows)
		return;
	for (uint64_t k = 0; k < FRAMES; k++)
		pc[k] = 4096 + (i >> k) % 64;
	assert_int_equal(model__add_stack(m, i, pc, FRAMES, 0), 0);
}

static void assert_whole(const struct model *m, const struct sum *sum)
{
	struct model_alloc total = model__total(m), rows = *model__other(m);

	for (size_t i = 0; i < model__nallocs(m); i++) {
		rows.objects += model__alloc(m, i)->objects;
		rows.bytes += model__alloc(m, i)->bytes;
		rows.class_bytes += model__alloc(m, i)->class_bytes;
	}
	assert_int_equal(rows.objects, sum->objects);
	assert_int_equal(rows.bytes, sum->bytes);
	assert_int_equal(rows.class_bytes, sum->class_bytes);
	assert_int_equal(total.objects, sum->objects);
	assert_int_equal(total.bytes, sum->bytes);
	assert_int_equal(total.class_bytes, sum->class_bytes);
}

static bool is_heavy(uint64_t i)
{
	return i % 997 == 5;
}

/* A million pairs, n times, the i-th with more each time. */
static void pass(struct model *m, uint64_t pairs, uint64_t n, struct sum *sum)
{
	*sum = (struct sum){ 0 };
	model__begin_allocs(m);
	for (uint64_t i = 1; i <= pairs; i++)
		set(m, i, n * (1 + i % 13), n * (is_heavy(i) ? 1000000 + i : 16 + i % 1009), sum);
	model__end_allocs(m);
}

static void test_no_limit(void **state)
{
	struct model *m = *state;
	struct sum sum;

	pass(m, 5003, 1, &sum);
	assert_int_equal(model__nallocs(m), 5003);
	assert_int_equal(model__nfolded(m), 0);
	assert_whole(m, &sum);
}

static void test_million(void **state)
{
	const size_t limit = 96 << 20, pairs = 1000003;
	struct model *m = *state;
	size_t before = __sanitizer_get_current_allocated_bytes();
	struct sum sum;

	model__set_limit(m, limit);
	for (uint64_t n = 1; n <= 3; n++) {
		pass(m, pairs, n, &sum);
		assert_whole(m, &sum);
		assert_true(__sanitizer_get_current_allocated_bytes() - before < limit);
	}
	assert_true(model__nfolded(m) > pairs / 2);
	assert_int_equal(model__nfolded(m) + model__nallocs(m), pairs);
	for (uint64_t i = 1; i <= pairs; i++)
		assert_int_equal(model__has_alloc(m, i, i % 3) || !is_heavy(i), true);
	assert_int_equal(model__nstacks(m), model__nallocs(m));
}

/* A limit that not even the folded ones can be remembered in. */
static void test_closed(void **state)
{
	const size_t limit = 1 << 20, pairs = 200003;
	struct model *m = *state;
	size_t before = __sanitizer_get_current_allocated_bytes(), rows = 0;
	struct sum sum;

	model__set_limit(m, limit);
	for (uint64_t n = 1; n <= 3; n++) {
		pass(m, pairs, n, &sum);
		assert_whole(m, &sum);
		assert_true(__sanitizer_get_current_allocated_bytes() - before < limit);
		if (n > 1)
			assert_int_equal(model__nallocs(m), rows);
		rows = model__nallocs(m);
	}
	assert_true(rows > 0);
}

static uint64_t interval_bytes(const struct model *m)
{
	const struct model_alloc *other = model__other(m), *a;
	uint64_t sum;

	assert_true(other->class_bytes >= other->mark_class_bytes);
	sum = other->class_bytes - other->mark_class_bytes;
	for (size_t i = 0; i < model__nallocs(m); i++) {
		a = model__alloc(m, i);
		assert_true(a->class_bytes >= a->mark_class_bytes);
		sum += a->class_bytes - a->mark_class_bytes;
	}
	return sum;
}

/* Rows that are folded take along what they were at the mark. */
static void test_interval(void **state)
{
	struct model *m = *state;
	uint64_t before = 0;
	struct sum sum;

	model__set_limit(m, 4 << 20);
	for (uint64_t n = 1; n <= 9; n++) {
		pass(m, 701 * n, n, &sum);
		assert_int_equal(interval_bytes(m), sum.class_bytes - before);
		before = sum.class_bytes;
		model__mark(m);
		assert_int_equal(interval_bytes(m), 0);
	}
	assert_true(model__nfolded(m) > 0);
}

/* Stacks that others need outlive the rows. */
static void test_stacks_in_use(void **state)
{
	const struct model_growth growth = {
		.stack = 1, .from = 2048, .to = 4096, .kind = MODEL_GROWTH, .count = 3, .copied = 500
	};
	const struct model_delay delay = { .stack = 2, .kind = MODEL_ASSIST, .count = 5, .ns = 70 };
	struct model *m = *state;
	struct sum sum;

	model__set_limit(m, 1 << 20);
	assert_int_equal(model__set_growth(m, &growth), 0);
	assert_int_equal(model__set_delay(m, &delay), 0);
	pass(m, 20011, 1, &sum);
	assert_false(model__has_alloc(m, 1, 1));
	assert_false(model__has_alloc(m, 2, 2));
	assert_non_null(model__stack(m, 1));
	assert_non_null(model__stack(m, 2));
	assert_null(model__stack(m, 3));
}

/* As many functions as pcs, so that all stacks differ. */
static int name_frames(void *ctx, uint64_t pc, bool exact, struct report_frame *out, int max)
{
	static char names[128][16];
	char *name = names[(pc - 4096) % 128];

	(void)ctx;
	(void)exact;
	(void)max;
	snprintf(name, sizeof(names[0]), "main.f%d", (int)(pc - 4096));
	*out = (struct report_frame){ .func = name, .file = "f.go", .line = 1, .go = true };
	return 1;
}

/* The report has a row for the sum, stays within the limit, and is whole. */
static void test_report(void **state)
{
	struct fixture fixture = { .names = fixture_names, .types = fixture_types };
	struct report_names names = fixture_bind(&fixture);
	const struct report_run run = fixture_run();
	struct report_options opts = fixture_options();
	const size_t limit = 16 << 20;
	struct model *m = *state;
	size_t before = __sanitizer_get_current_allocated_bytes();
	FILE *null = fopen("/dev/null", "w");
	struct report_profile p;
	const struct report_sample *other = NULL;
	struct sum sum;

	assert_non_null(null);
	names.frames = name_frames;
	model__set_limit(m, limit);
	pass(m, 100003, 1, &sum);
	assert_int_equal(report__profile(m, &names, &opts, &p), 0);
	assert_int_equal(p.alloc.total.objects, sum.objects);
	assert_int_equal(p.alloc.total.class_bytes, sum.class_bytes);
	assert_int_equal(p.alloc.lost.objects, 0);
	assert_true(p.alloc.nsamples > 1000);
	for (size_t i = 0; i < p.alloc.nsamples; i++)
		if (!strcmp(p.alloc.samples[i].frames[0].func, "gotrace.other"))
			other = &p.alloc.samples[i];
	assert_non_null(other);
	assert_int_equal(other->objects, model__other(m)->objects);
	assert_int_equal(other->class_bytes, model__other(m)->class_bytes);
	assert_int_equal(report__pprof(null, &p, &run, &opts), 0);
	assert_int_equal(report__text(null, &p, &run, &opts), 0);
	assert_true(__sanitizer_get_current_allocated_bytes() - before < limit);
	report__profile_free(&p);
	fclose(null);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_million, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_interval, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stacks_in_use, setup, teardown),
		cmocka_unit_test_setup_teardown(test_report, setup, teardown),
	};

	return cmocka_run_group_tests_name("fold", tests, NULL, NULL);
}
