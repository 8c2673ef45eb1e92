/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What was watched how: times, changes that are kept, and how the formats tell of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "report_fixture.h"
#include "report_output.h"

#define S 1000000000ULL

static struct model *traced(uint64_t seconds)
{
	const struct model_time time = { .start_ns = 100 * S, .now_ns = (100 + seconds) * S };
	struct model *m = model__new();

	assert_non_null(m);
	model__set_time(m, &time);
	model__start_way(m, MODEL_SUBJECT_ALLOC, MODEL_WAY_SAMPLE);
	model__start_way(m, MODEL_SUBJECT_STACK, MODEL_WAY_ALL);
	return m;
}

static void put(struct model *m, uint64_t second, enum model_subject subject, enum model_way to,
		enum model_why why)
{
	const struct model_change c = {
		.time_ns = (100 + second) * S, .subject = subject, .from = model__way(m, subject),
		.to = to, .why = why, .cost = 0.5, .rate = 1000,
	};

	model__add_change(m, &c);
}

static void test_times(void **state)
{
	struct model *m = traced(100);
	char ways[REPORT_WAYS_LEN];

	(void)state;
	assert_string_equal(report__ways(m, MODEL_SUBJECT_ALLOC, ways), "sample");
	put(m, 18, MODEL_SUBJECT_ALLOC, MODEL_WAY_ALL, MODEL_WHY_FITS);
	assert_int_equal(model__way_ns(m, MODEL_SUBJECT_ALLOC, MODEL_WAY_SAMPLE), 18 * S);
	assert_int_equal(model__way_ns(m, MODEL_SUBJECT_ALLOC, MODEL_WAY_ALL), 82 * S);
	assert_int_equal(model__way_ns(m, MODEL_SUBJECT_STACK, MODEL_WAY_ALL), 100 * S);
	assert_string_equal(report__ways(m, MODEL_SUBJECT_ALLOC, ways), "exact 82 %, sample 18 %");
	assert_string_equal(report__ways(m, MODEL_SUBJECT_STACK, ways), "on");
	put(m, 99, MODEL_SUBJECT_ALLOC, MODEL_WAY_SAMPLE, MODEL_WHY_OVER);
	put(m, 99, MODEL_SUBJECT_ALLOC, MODEL_WAY_WINDOWS, MODEL_WHY_OVER);
	assert_string_equal(report__ways(m, MODEL_SUBJECT_ALLOC, ways),
			    "exact 81 %, sample 18 %, windows 1 %");
	model__free(m);
}

/* The first and the last ones, in order, whatever their number. */
static void test_many_changes(void **state)
{
	(void)state;
	for (size_t n = 0; n < 500; n += 7) {
		size_t kept = n < 2 * MODEL_CHANGES_MAX ? n : 2 * MODEL_CHANGES_MAX;
		struct model *m = traced(1000);

		for (size_t i = 0; i < n; i++)
			put(m, i, MODEL_SUBJECT_STACK, i % 2 ? MODEL_WAY_ALL : MODEL_WAY_OFF,
			    MODEL_WHY_OVER);
		assert_int_equal(model__changes_seen(m), n);
		assert_null(model__change(m, kept));
		for (size_t i = 0; i < kept; i++) {
			size_t which = i < MODEL_CHANGES_MAX ? i : n - kept + i;

			assert_int_equal(model__change(m, i)->time_ns, (100 + which) * S);
		}
		model__free(m);
	}
}

static char *write_all(const struct model *m, const char *format)
{
	struct report_options opts = fixture_options();
	struct report_run run = fixture_run();
	struct report_profile p;
	char *out = NULL;
	size_t size;
	FILE *f;

	opts.groups = MODEL_ALLOC | MODEL_STACK;
	run.max_overhead = 1;
	assert_int_equal(report__profile(m, &(struct report_names){ .frames = NULL }, &opts, &p), 0);
	f = open_memstream(&out, &size);
	assert_non_null(f);
	assert_int_equal(report__format(format)->write(f, &p, &run, &opts), 0);
	fclose(f);
	report__profile_free(&p);
	return out;
}

static void test_formats(void **state)
{
	struct model *m = traced(100);
	char *out;

	(void)state;
	out = write_all(m, "text");
	assert_null(strstr(out, "What gotrace did"));
	free(out);
	for (int i = 0; i < 30; i++)
		put(m, (uint64_t)i, MODEL_SUBJECT_STACK, i % 2 ? MODEL_WAY_ALL : MODEL_WAY_OFF,
		    i % 2 ? MODEL_WHY_AGAIN : MODEL_WHY_OVER);
	out = write_all(m, "text");
	assert_non_null(strstr(out, "What gotrace did"));
	assert_non_null(strstr(out, "stack copies: on 85 %, off 15 % of the time"));
	assert_non_null(strstr(out, "... 14 more"));
	assert_non_null(strstr(out, "on -> off"));
	assert_non_null(strstr(out, "over the budget"));
	free(out);
	out = write_all(m, "json");
	assert_non_null(strstr(out, "\"max_overhead\":1.0"));
	assert_non_null(strstr(out, "{\"kind\":\"way\",\"subject\":\"stack\",\"way\":\"off\","
			       "\"ns\":15000000000}"));
	assert_non_null(strstr(out, "{\"kind\":\"change\",\"time_ns\":101000000000,\"subject\":\"stack\","
			       "\"from\":\"off\",\"to\":\"on\",\"why\":\"again\",\"cost_percent\":0.5,"
			       "\"hits_per_second\":1000.0}"));
	assert_non_null(strstr(out, "\"changes\":30"));
	free(out);
	model__free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_many_changes),
		cmocka_unit_test(test_formats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
