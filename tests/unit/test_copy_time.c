/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stack copies that were counted and not timed: what their times are taken to be, and that no report
 * shows an estimate as if it were none.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#include "growth_fixture.h"
#include "report_output.h"

static struct report_options options(void)
{
	struct report_options opts = fixture_options();

	opts.metric = REPORT_COPIED;
	opts.groups = MODEL_STACK;
	return opts;
}

static struct report_profile profile(const struct model *m, const struct report_options *opts)
{
	return make(m, growth_names, fixture_types, opts);
}

/* A growth of another function each. */
static void put_untimed(struct model *m, uint64_t place, uint32_t from, uint64_t count, uint64_t timed,
			uint64_t ns)
{
	const uint64_t pc[] = { 0x510000 + 0x100 * place, 0x502000 };
	const struct model_growth g = {
		.stack = 7000 + place, .start = WORKER, .from = from, .to = 2 * from,
		.count = count, .copied = 100 * count, .timed = timed, .ns = ns, .max_ns = ns ? 500 : 0,
	};

	model__add_stack(m, g.stack, pc, 2, 0);
	assert_int_equal(model__set_growth(m, &g), 0);
}

/* What was not timed is an estimate: by its own mean, by that of its step, by that of all. */
static void test_estimates(void **state)
{
	struct model_time time = { .start_ns = 1000000000, .now_ns = 11000000000,
				   .timing_end_ns = 2500000000 };
	struct report_options opts = options();
	struct model *m = model__new();
	const struct report_sample *own, *step, *all;
	struct report_profile p;
	char *text;

	(void)state;
	assert_non_null(m);
	model__set_time(m, &time);
	put_untimed(m, 0, 2048, 100, 10, 1000);
	put_untimed(m, 1, 2048, 30, 30, 7000);
	put_untimed(m, 2, 2048, 5, 0, 0);
	put_untimed(m, 3, 4096, 8, 0, 0);
	p = profile(m, &opts);
	assert_int_equal(p.growth.nsamples, 4);
	own = &p.growth.samples[0];
	step = &p.growth.samples[2];
	all = &p.growth.samples[3];
	assert_int_equal(own->ns, 100 * 100);
	assert_int_equal(own->untimed, 90);
	assert_int_equal(p.growth.samples[1].ns, 7000);
	assert_int_equal(p.growth.samples[1].untimed, 0);
	assert_int_equal(step->ns, 5 * 8000 / 40);
	assert_int_equal(step->untimed, 5);
	assert_int_equal(all->ns, 8 * 8000 / 40);
	assert_int_equal(p.growth.total.untimed, 90 + 5 + 8);
	assert_int_equal(p.growth.total.ns, 10000 + 7000 + 1000 + 1600);
	text = render("text", &p, &opts, NULL);
	assert_non_null(strstr(text, " copied in ~19.6 us\n"));
	assert_non_null(strstr(text, "a copy took ~137 ns on average, 500 ns at most; ~under 0.01 %"));
	assert_non_null(strstr(text, "copies were timed for the first 1.5 s (40 of 143): "));
	assert_non_null(strstr(text, "~19.6 us"));
	assert_non_null(strstr(text, "  ~133 ns   500 ns"));
	free(text);
	text = render("json", &p, &opts, NULL);
	assert_non_null(strstr(text, "\"timed\":10,\"ns\":10000,"));
	assert_non_null(strstr(text, "\"timed\":0,\"ns\":1000,"));
	free(text);
	report__profile_free(&p);

	/* An interval in which nothing was timed rests on what was before. */
	model__mark(m);
	put_untimed(m, 0, 2048, 107, 10, 1000);
	put_untimed(m, 1, 2048, 33, 32, 7500);
	opts.interval = true;
	p = profile(m, &opts);
	assert_int_equal(p.growth.samples[0].ns, 7 * 100);
	assert_int_equal(p.growth.samples[0].untimed, 7);
	assert_int_equal(p.growth.samples[1].ns, 500 + 7500 / 32);
	assert_int_equal(p.growth.samples[1].untimed, 1);
	text = render("text", &p, &opts, NULL);
	assert_non_null(strstr(text, " in ~"));
	free(text);
	report__profile_free(&p);
	model__free(m);
}

/* All were timed: nothing is an estimate, nothing is said of it. None was: there is no time. */
static void test_timed_all_or_none(void **state)
{
	struct report_options opts = options();
	struct model *m = model__new(), *none = model__new();
	struct report_profile p;
	char *text;

	(void)state;
	assert_non_null(m);
	add_growths(m);
	p = profile(m, &opts);
	text = render("text", &p, &opts, NULL);
	assert_int_equal(p.growth.total.untimed, 0);
	assert_null(strchr(text, '~'));
	assert_null(strstr(text, "copies were timed"));
	free(text);
	report__profile_free(&p);
	model__free(m);

	assert_non_null(none);
	put_untimed(none, 0, 2048, 100, 0, 0);
	p = profile(none, &opts);
	assert_int_equal(p.growth.total.ns, 0);
	text = render("text", &p, &opts, NULL);
	assert_non_null(strstr(text, " copied in -\n"));
	assert_non_null(strstr(text, "copies were timed (0 of 100): "));
	free(text);
	report__profile_free(&p);
	model__free(none);
}

/* Marks take no room that there is not. */
static void test_width(void **state)
{
	static const int widths[] = { 60, 80, 100, 200 };
	struct report_options opts = options();
	struct model *m = model__new();

	(void)state;
	assert_non_null(m);
	add_growths(m);
	put_untimed(m, 3, 4096, 8, 0, 0);
	for (int i = 0; i < 8; i++) {
		struct report_profile p;
		char *text, *rest, *line;

		opts.columns = widths[i / 2];
		opts.interval = i & 1;
		p = profile(m, &opts);
		text = rest = render("text", &p, &opts, NULL);
		assert_non_null(strchr(text, '~'));
		while ((line = next_line(&rest)))
			assert_true(report_print__width(line) <=
				    (size_t)(opts.columns < 80 ? 80 : opts.columns));
		free(text);
		report__profile_free(&p);
	}
	model__free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_estimates),
		cmocka_unit_test(test_timed_all_or_none),
		cmocka_unit_test(test_width),
	};

	return cmocka_run_group_tests_name("copy time", tests, NULL, NULL);
}
