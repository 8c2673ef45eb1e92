/* SPDX-License-Identifier: GPL-2.0 */
/*
 * model/: what goes in comes out, in order of arrival, and an interval is the difference of two
 * moments. Counts are primes and sizes distinct, so that no two sums agree by chance.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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

static void test_free_null(void **state)
{
	(void)state;
	model__free(NULL);
}

static void test_empty(void **state)
{
	struct model *m = *state;

	assert_int_equal(model__nstacks(m), 0);
	assert_int_equal(model__nallocs(m), 0);
	assert_null(model__stack(m, 0));
	assert_null(model__stack(m, 1));
	assert_null(model__alloc(m, 0));
	assert_int_equal(model__total(m).objects, 0);
	assert_int_equal(model__total_loss(m, MODEL_ALLOC).objects, 0);
	model__mark(m);
}

static void test_stack_is_copied(void **state)
{
	struct model *m = *state;
	uint64_t pc[] = { 11, 13, 17 };
	const struct model_stack *s;

	assert_int_equal(model__add_stack(m, 5, pc, 3, GT_STACK_CUT_READ), 0);
	pc[0] = 0;
	s = model__stack(m, 5);
	assert_non_null(s);
	assert_int_equal(s->id, 5);
	assert_int_equal(s->nframes, 3);
	assert_int_equal(s->flags, GT_STACK_CUT_READ);
	assert_int_equal(s->pc[0], 11);
	assert_int_equal(s->pc[2], 17);
}

static void test_second_stack_of_an_id_is_ignored(void **state)
{
	struct model *m = *state;
	const uint64_t a[] = { 11, 13 }, b[] = { 19 };

	assert_int_equal(model__add_stack(m, 5, a, 2, 0), 0);
	assert_int_equal(model__add_stack(m, 5, b, 1, 0), 0);
	assert_int_equal(model__nstacks(m), 1);
	assert_int_equal(model__stack(m, 5)->nframes, 2);
}

static void test_stack_bounds(void **state)
{
	struct model *m = *state;
	uint64_t pc[GT_MAX_FRAMES + 1] = { 0 };

	assert_int_equal(model__add_stack(m, 1, pc, 0, 0), -EINVAL);
	assert_int_equal(model__add_stack(m, 2, pc, GT_MAX_FRAMES + 1, 0), -EINVAL);
	assert_int_equal(model__add_stack(m, 3, pc, GT_MAX_FRAMES, 0), 0);
	assert_int_equal(model__add_stack(m, 4, pc, UINT32_MAX, 0), -EINVAL);
	assert_int_equal(model__nstacks(m), 1);
}

static void test_totals_never_shrink(void **state)
{
	struct model *m = *state;

	assert_int_equal(model__set_alloc(m, 1, 2, 7, 70, 112), 0);
	assert_int_equal(model__set_alloc(m, 1, 2, 11, 110, 176), 0);
	assert_int_equal(model__set_alloc(m, 1, 2, 11, 110, 176), 0);
	assert_int_equal(model__set_alloc(m, 1, 2, 10, 111, 177), -EINVAL);
	assert_int_equal(model__set_alloc(m, 1, 2, 12, 109, 177), -EINVAL);
	assert_int_equal(model__set_alloc(m, 1, 2, 12, 111, 175), -EINVAL);
	assert_int_equal(model__nallocs(m), 1);
	assert_int_equal(model__alloc(m, 0)->objects, 11);
	assert_int_equal(model__alloc(m, 0)->bytes, 110);
	assert_int_equal(model__alloc(m, 0)->class_bytes, 176);
}

/* The same stack with another type, and the other way round, is another total. */
static void test_key_is_stack_and_type(void **state)
{
	struct model *m = *state;

	assert_int_equal(model__set_alloc(m, 1, 2, 3, 3, 8), 0);
	assert_int_equal(model__set_alloc(m, 2, 1, 5, 5, 16), 0);
	assert_int_equal(model__set_alloc(m, 1, 0, 7, 7, 24), 0);
	assert_int_equal(model__nallocs(m), 3);
	assert_int_equal(model__alloc(m, 1)->stack, 2);
	assert_int_equal(model__alloc(m, 1)->type, 1);
	assert_int_equal(model__total(m).objects, 15);
	assert_int_equal(model__total(m).class_bytes, 48);
}

static void test_many_keep_their_order(void **state)
{
	const uint64_t n = 10007;
	struct model *m = *state;
	uint64_t objects = 0;

	for (uint64_t i = 0; i < n; i++) {
		uint64_t pc = i * 64;

		assert_int_equal(model__add_stack(m, i * 0x10001, &pc, 1, 0), 0);
		assert_int_equal(model__set_alloc(m, i * 0x10001, i % 3, i, 2 * i, 3 * i), 0);
		objects += i;
	}
	assert_int_equal(model__nstacks(m), n);
	assert_int_equal(model__nallocs(m), n);
	for (uint64_t i = 0; i < n; i++) {
		assert_int_equal(model__alloc(m, i)->stack, i * 0x10001);
		assert_int_equal(model__alloc(m, i)->objects, i);
		assert_int_equal(model__stack(m, i * 0x10001)->pc[0], i * 64);
	}
	assert_null(model__alloc(m, n));
	assert_int_equal(model__total(m).objects, objects);
	assert_int_equal(model__total(m).bytes, 2 * objects);
	assert_int_equal(model__total(m).class_bytes, 3 * objects);
}

static void test_mark(void **state)
{
	struct model_time time = {
		.start_ns = 100, .now_ns = 200, .mark_ns = 999, .start_wall_ns = -7
	};
	struct model *m = *state;
	struct model_alloc sum;

	model__set_time(m, &time);
	assert_int_equal(model__time(m)->mark_ns, 100);
	assert_int_equal(model__time(m)->start_wall_ns, -7);

	model__set_alloc(m, 1, 0, 7, 70, 112);
	model__mark(m);
	assert_int_equal(model__time(m)->mark_ns, 200);
	model__set_alloc(m, 1, 0, 18, 180, 288);
	model__set_alloc(m, 2, 0, 13, 131, 208);
	time.now_ns = 300;
	model__set_time(m, &time);
	assert_int_equal(model__time(m)->mark_ns, 200);
	assert_int_equal(model__time(m)->now_ns, 300);

	sum = model__total(m);
	assert_int_equal(sum.objects - sum.mark_objects, 11 + 13);
	assert_int_equal(sum.bytes - sum.mark_bytes, 110 + 131);
	assert_int_equal(sum.class_bytes - sum.mark_class_bytes, 176 + 208);
	assert_int_equal(model__alloc(m, 1)->mark_objects, 0);
}

static void test_counters(void **state)
{
	struct model_counters c = {
		.seen = 101,
		.left_out = 3,
		.zero = 5,
		.cut_depth = 7,
		.cut_read = 11,
		.cut_foreign = 13,
		.unsure = 17,
		.retries = 19,
		.corrupt_stacks = 23,
		.loss = { { MODEL_ALLOC, "table full", "full", 29, 290, 464 },
			  { MODEL_ALLOC, "collision", "coll", 31, 310, 496 } },
		.nloss = 2,
	};
	struct model *m = *state;
	struct model_counters now;

	model__set_counters(m, &c);
	assert_memory_equal(model__counters(m), &c, sizeof(c));
	assert_int_equal(model__total_loss(m, MODEL_ALLOC).objects, 60);
	assert_int_equal(model__total_loss(m, MODEL_ALLOC).bytes, 600);
	assert_int_equal(model__total_loss(m, MODEL_ALLOC).class_bytes, 960);
	model__counters_since_mark(m, &now);
	assert_int_equal(now.seen, 101);

	model__mark(m);
	c.seen = 138;
	c.zero = 4; /* shrank: not 2^64 - 1 */
	c.loss[0].objects = 66;
	c.loss[2] = (struct model_loss){ MODEL_ALLOC, "new", "new", 41, 410, 656 };
	c.nloss = 3;
	model__set_counters(m, &c);
	model__counters_since_mark(m, &now);
	assert_int_equal(now.seen, 37);
	assert_int_equal(now.zero, 0);
	assert_int_equal(now.left_out + now.cut_depth + now.cut_read + now.cut_foreign, 0);
	assert_int_equal(now.unsure + now.retries + now.corrupt_stacks, 0);
	assert_int_equal(now.nloss, 3);
	assert_int_equal(now.loss[0].objects, 37);
	assert_int_equal(now.loss[0].bytes, 0);
	assert_int_equal(now.loss[1].objects, 0);
	assert_int_equal(now.loss[2].class_bytes, 656);
}

static void test_counters_bound_their_rows(void **state)
{
	struct model_counters c = { .nloss = MODEL_LOSS_MAX + 1 };
	struct model *m = *state;

	for (int i = 0; i < MODEL_LOSS_MAX; i++)
		c.loss[i] = (struct model_loss){ MODEL_ALLOC, "cause", "key", 1, 1, 1 };
	model__set_counters(m, &c);
	assert_int_equal(model__total_loss(m, MODEL_ALLOC).objects, MODEL_LOSS_MAX);
	c.nloss = -1;
	model__set_counters(m, &c);
	assert_int_equal(model__total_loss(m, MODEL_ALLOC).objects, 0);
}

static int set_growth(struct model *m, uint64_t stack, uint64_t start, uint32_t from, uint32_t to,
		      enum model_growth_kind kind, uint64_t n)
{
	const struct model_growth g = {
		.stack = stack, .start = start, .from = from, .to = to, .kind = kind,
		.count = n, .copied = 1531 * n, .timed = n / 2, .ns = 977 * n, .max_ns = 1009 + n,
		.mark_count = 999, .mark_copied = 999, .mark_timed = 999, .mark_ns = 999,
	};

	return model__set_growth(m, &g);
}

/* Each of the five makes a growth another one. */
static void test_key_of_a_growth(void **state)
{
	struct model *m = *state;

	assert_int_equal(model__ngrowths(m), 0);
	assert_null(model__growth(m, 0));
	assert_int_equal(set_growth(m, 1, 2, 2048, 4096, MODEL_GROWTH, 3), 0);
	assert_int_equal(set_growth(m, 2, 2, 2048, 4096, MODEL_GROWTH, 5), 0);
	assert_int_equal(set_growth(m, 1, 1, 2048, 4096, MODEL_GROWTH, 7), 0);
	assert_int_equal(set_growth(m, 1, 2, 4096, 4096, MODEL_GROWTH, 11), 0);
	assert_int_equal(set_growth(m, 1, 2, 2048, 8192, MODEL_GROWTH, 13), 0);
	assert_int_equal(set_growth(m, 1, 2, 2048, 4096, MODEL_REGROWTH, 17), 0);
	assert_int_equal(set_growth(m, 1, 2, 2048, 4096, MODEL_SHRINK, 19), 0);
	assert_int_equal(set_growth(m, 1, 2, 2048, 4096, MODEL_GROWTH, 23), 0);
	assert_int_equal(set_growth(m, 1, 2, 2048, 4096, MODEL_SHRINK + 1, 1), -EINVAL);
	assert_int_equal(model__ngrowths(m), 7);
	assert_int_equal(model__growth(m, 0)->count, 23);
	assert_int_equal(model__growth(m, 0)->copied, 1531 * 23);
	assert_int_equal(model__growth(m, 0)->timed, 11);
	assert_int_equal(model__growth(m, 0)->ns, 977 * 23);
	assert_int_equal(model__growth(m, 0)->max_ns, 1009 + 23);
	assert_int_equal(model__growth(m, 0)->mark_count, 0);
	assert_int_equal(model__growth(m, 0)->mark_timed, 0);
	assert_int_equal(model__growth(m, 5)->kind, MODEL_REGROWTH);
	assert_int_equal(model__growth(m, 4)->to, 8192);
	assert_null(model__growth(m, 7));
	assert_int_equal(model__nallocs(m), 0);
}

static void test_growths_never_shrink(void **state)
{
	const struct model_growth was = {
		.stack = 1, .count = 11, .copied = 1100, .timed = 7, .ns = 110, .max_ns = 13
	};
	struct model_growth g = was;
	struct model *m = *state;

	assert_int_equal(model__set_growth(m, &g), 0);
	assert_int_equal(model__set_growth(m, &g), 0);
	g.count--;
	assert_int_equal(model__set_growth(m, &g), -EINVAL);
	g = was;
	g.copied--;
	assert_int_equal(model__set_growth(m, &g), -EINVAL);
	g = was;
	g.timed--;
	assert_int_equal(model__set_growth(m, &g), -EINVAL);
	g = was;
	g.ns--;
	assert_int_equal(model__set_growth(m, &g), -EINVAL);
	g = was;
	g.max_ns--;
	g.count++;
	assert_int_equal(model__set_growth(m, &g), -EINVAL);
	assert_int_equal(model__ngrowths(m), 1);
	assert_int_equal(model__growth(m, 0)->count, 11);
	assert_int_equal(model__growth(m, 0)->max_ns, 13);
}

static void test_growths_are_marked(void **state)
{
	struct model *m = *state;

	for (uint64_t i = 0; i < 1009; i++)
		assert_int_equal(set_growth(m, i, 7, 2048, 4096, MODEL_GROWTH, i), 0);
	model__mark(m);
	assert_int_equal(set_growth(m, 997, 7, 2048, 4096, MODEL_GROWTH, 1010), 0);
	assert_int_equal(set_growth(m, 1009, 7, 2048, 4096, MODEL_GROWTH, 3), 0);
	assert_int_equal(model__ngrowths(m), 1010);
	for (uint64_t i = 0; i < 1010; i++) {
		const struct model_growth *g = model__growth(m, i);

		assert_int_equal(g->stack, i);
		assert_int_equal(g->count - g->mark_count, i == 997 ? 13 : i == 1009 ? 3 : 0);
		assert_int_equal(g->copied - g->mark_copied, 1531 * (g->count - g->mark_count));
		assert_int_equal(g->timed - g->mark_timed, i == 997 ? 7 : i == 1009 ? 1 : 0);
		assert_int_equal(g->ns - g->mark_ns, 977 * (g->count - g->mark_count));
	}
}

/* The two groups may have causes of one key; each is its own. */
static void test_losses_by_group(void **state)
{
	struct model_counters c = {
		.growths_seen = 211,
		.growths_unmatched = 3,
		.loss = { { MODEL_ALLOC, "table full", "full", 29, 290, 464 },
			  { MODEL_STACK, "table full", "full", 31, 310, 0 },
			  { .cause = "no group", .key = "none", .objects = 37 } },
		.nloss = 3,
	};
	struct model *m = *state;
	struct model_counters now;

	model__set_counters(m, &c);
	assert_int_equal(model__total_loss(m, MODEL_ALLOC).objects, 29 + 37);
	assert_int_equal(model__total_loss(m, MODEL_ALLOC).class_bytes, 464);
	assert_int_equal(model__total_loss(m, MODEL_STACK).objects, 31);
	assert_int_equal(model__total_loss(m, MODEL_STACK).bytes, 310);
	model__mark(m);
	c.growths_seen = 224;
	c.growths_unmatched = 8;
	c.loss[1].objects = 48;
	model__set_counters(m, &c);
	model__counters_since_mark(m, &now);
	assert_int_equal(now.growths_seen, 13);
	assert_int_equal(now.growths_unmatched, 5);
	assert_int_equal(now.loss[0].objects, 0);
	assert_int_equal(now.loss[1].objects, 17);
	assert_int_equal(now.loss[2].objects, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_free_null),
		cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stack_is_copied, setup, teardown),
		cmocka_unit_test_setup_teardown(test_second_stack_of_an_id_is_ignored, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_stack_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_totals_never_shrink, setup, teardown),
		cmocka_unit_test_setup_teardown(test_key_is_stack_and_type, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_keep_their_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mark, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counters, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counters_bound_their_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_key_of_a_growth, setup, teardown),
		cmocka_unit_test_setup_teardown(test_growths_never_shrink, setup, teardown),
		cmocka_unit_test_setup_teardown(test_growths_are_marked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_losses_by_group, setup, teardown),
	};

	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
