/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pauses and delays as folded stacks and as pprof profiles: the sums are the model's, kinds and
 * reasons are told apart, losses are there.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gc_fixture.h"
#include "report_output.h"

#define LOST_NS (7 * MS)
#define LOST_COUNT 17

static struct report_options options(enum report_metric metric)
{
	struct report_options opts = fixture_options();

	opts.metric = metric;
	opts.groups = MODEL_GC;
	return opts;
}

/* The fixture, and delays whose stack did not arrive: their time is known, but not whose it was. */
static struct model *lossy_model(void)
{
	const struct model_delay d = { .stack = 4711, .kind = MODEL_ASSIST, .count = LOST_COUNT,
				       .ns = LOST_NS, .max_ns = MS };
	struct model *m = gc_model();

	assert_int_equal(model__set_delay(m, &d), 0);
	return m;
}

static struct report_profile profile(const struct model *m, const struct report_options *opts)
{
	return make(m, gc_names, fixture_types, opts);
}

static uint64_t folded_sum(const struct model *m, enum report_metric metric, const char *suffix)
{
	struct report_options opts = options(metric);
	struct report_profile p = profile(m, &opts);
	char *text = render("folded", &p, &opts, NULL);
	uint64_t sum = fold_sum(text, suffix);

	free(text);
	report__profile_free(&p);
	return sum;
}

static void test_folded(void **state)
{
	const uint64_t pauses = 2 * GC_CYCLES + GC_STATS;
	const uint64_t pause_ns = (GC_CYCLES * (20 + 300) + GC_STATS * 50) * US;
	struct model *m = lossy_model();

	(void)state;
	assert_int_equal(folded_sum(m, REPORT_PAUSES, ""), pauses + 3);
	assert_int_equal(folded_sum(m, REPORT_PAUSES, "gotrace.lost"), 3);
	assert_int_equal(folded_sum(m, REPORT_PAUSE_TIME, ""), pause_ns);
	assert_int_equal(folded_sum(m, REPORT_PAUSES, ";main.(*server).handle;[GC sweep termination]"),
			 GC_CYCLES);
	assert_int_equal(folded_sum(m, REPORT_PAUSE_TIME, ";[GC mark termination]"),
			 GC_CYCLES * 300 * US);
	assert_int_equal(folded_sum(m, REPORT_ASSISTS, ""), gc_delays_count() + 11 + LOST_COUNT);
	assert_int_equal(folded_sum(m, REPORT_ASSISTS, "gotrace.lost"), 11 + LOST_COUNT);
	assert_int_equal(folded_sum(m, REPORT_ASSIST_TIME, ""), 920 * MS + LOST_NS);
	/* One call site, two kinds. */
	assert_int_equal(folded_sum(m, REPORT_ASSISTS, "main.(*server).page;[mark assist]"), 1009);
	assert_int_equal(folded_sum(m, REPORT_ASSISTS, "main.(*server).page;[sweep]"), 503);
	assert_int_equal(folded_sum(m, REPORT_ASSIST_TIME, "main.(*server).handle;[gc start]"),
			 10 * MS);
	assert_int_equal(folded_sum(m, REPORT_ASSIST_TIME, "[barrier]"), 20 * MS);
	assert_int_equal(folded_sum(m, REPORT_BYTES, ""), 0);
	assert_int_equal(folded_sum(m, REPORT_GROWTHS, ""), 0);
	model__free(m);
}

static void check_types(const Gotrace__Pprof__Profile *msg, const char *number, const char *time,
			const char *first)
{
	assert_int_equal(msg->n_sample_type, 2);
	assert_string_equal(str(msg, msg->sample_type[0]->type), number);
	assert_string_equal(str(msg, msg->sample_type[0]->unit), "count");
	assert_string_equal(str(msg, msg->sample_type[1]->type), time);
	assert_string_equal(str(msg, msg->sample_type[1]->unit), "nanoseconds");
	assert_string_equal(str(msg, msg->default_sample_type), first);
	assert_string_equal(str(msg, msg->period_type->type), number);
	assert_int_equal(msg->period, 1);
}

static int64_t value_sum(const Gotrace__Pprof__Profile *msg, int i)
{
	int64_t sum = 0;

	for (size_t k = 0; k < msg->n_sample; k++)
		sum += msg->sample[k]->value[i];
	return sum;
}

static const char *word(const Gotrace__Pprof__Profile *msg, const Gotrace__Pprof__Sample *s,
			const char *key)
{
	const Gotrace__Pprof__Label *l = label(msg, s, key);

	assert_non_null(l);
	return str(msg, l->str);
}

static void test_pprof_pauses(void **state)
{
	struct model *m = lossy_model();

	(void)state;
	for (int time = 0; time < 2; time++) {
		struct report_options opts = options(time ? REPORT_PAUSE_TIME : REPORT_PAUSES);
		struct report_profile p = profile(m, &opts);
		Gotrace__Pprof__Profile *msg = decode(&p, &opts);
		const Gotrace__Pprof__Sample *lost = msg->sample[msg->n_sample - 1];

		check_references(msg);
		check_types(msg, "pauses", "pause", time ? "pause" : "pauses");
		assert_int_equal(msg->n_sample, p.pause.nsamples + 1);
		assert_int_equal(value_sum(msg, 0), p.pause.total.count);
		assert_int_equal(value_sum(msg, 1), p.pause.total.ns);
		for (size_t i = 0; i < p.pause.nsamples; i++) {
			assert_string_equal(word(msg, msg->sample[i], "reason"),
					    model__reason_name(p.pause.samples[i].code));
			assert_int_equal(msg->sample[i]->value[0], p.pause.samples[i].count);
			assert_null(label(msg, msg->sample[i], "cause"));
		}
		assert_int_equal(lost->value[0], 3);
		assert_int_equal(lost->value[1], 0);
		assert_string_equal(word(msg, lost, "cause"), "ring full");
		assert_null(label(msg, lost, "reason"));
		assert_true(has_comment(msg, "lost: 3 pauses, 0 ns"));
		assert_true(has_comment(msg, "ring full: 3 pauses, 0 ns"));
		assert_true(has_comment(msg, "unmatched: 0 pauses"));
		assert_false(has_comment(msg, "ring full: 5 pauses, 0 ns"));
		gotrace__pprof__profile__free_unpacked(msg, NULL);
		report__profile_free(&p);
	}
	model__free(m);
}

static void check_delay(const Gotrace__Pprof__Profile *msg, const Gotrace__Pprof__Sample *got,
			const struct report_sample *s)
{
	static const char *const kinds[] = { "assist", "sweep", "gc start", "barrier" };
	const Gotrace__Pprof__Label *marking = label(msg, got, "marking");

	assert_int_equal(got->value[0], s->count);
	assert_int_equal(got->value[1], s->ns);
	assert_string_equal(word(msg, got, "kind"), kinds[s->code]);
	assert_int_equal(!!marking, s->code == MODEL_ASSIST);
	if (!marking)
		return;
	assert_int_equal(marking->num, s->work_ns / s->count);
	assert_string_equal(str(msg, marking->num_unit), "nanoseconds");
}

static void test_pprof_delays(void **state)
{
	struct model *m = lossy_model();

	(void)state;
	for (int time = 0; time < 2; time++) {
		struct report_options opts = options(time ? REPORT_ASSIST_TIME : REPORT_ASSISTS);
		struct report_profile p = profile(m, &opts);
		Gotrace__Pprof__Profile *msg = decode(&p, &opts);
		size_t n = p.delay.nsamples;

		check_references(msg);
		check_types(msg, "assists", "assist", time ? "assist" : "assists");
		assert_int_equal(n, GC_NDELAYS);
		assert_int_equal(msg->n_sample, n + 2);
		assert_int_equal(value_sum(msg, 0), p.delay.total.count);
		assert_int_equal(value_sum(msg, 1), 920 * MS + LOST_NS);
		for (size_t i = 0; i < n; i++)
			check_delay(msg, msg->sample[i], &p.delay.samples[i]);
		assert_int_equal(msg->sample[n]->value[0], 11);
		assert_int_equal(msg->sample[n]->value[1], 0);
		assert_string_equal(word(msg, msg->sample[n], "cause"), "table of stacks full");
		assert_int_equal(msg->sample[n + 1]->value[0], LOST_COUNT);
		assert_int_equal(msg->sample[n + 1]->value[1], LOST_NS);
		assert_string_equal(word(msg, msg->sample[n + 1], "cause"), "stack missing");
		assert_true(has_comment(msg, "lost: 28 delays, 7000000 ns"));
		assert_true(has_comment(msg, "unmatched: 0 delays"));
		gotrace__pprof__profile__free_unpacked(msg, NULL);
		report__profile_free(&p);
	}
	model__free(m);
}

/* What go tool pprof makes of it. */
static void test_pprof_is_read_by_go(void **state)
{
	struct report_options opts = options(REPORT_ASSIST_TIME);
	struct report_run run = fixture_run();
	char path[] = "/tmp/gotrace-test-XXXXXX", cmd[256];
	struct report_profile p;
	struct model *m;
	FILE *f;

	(void)state;
	if (system("command -v go >/dev/null 2>&1"))
		skip();
	m = gc_model();
	p = profile(m, &opts);
	f = fdopen(mkstemp(path), "w");
	assert_non_null(f);
	assert_int_equal(report__pprof(f, &p, &run, &opts), 0);
	fclose(f);
	snprintf(cmd, sizeof(cmd),
		 "go tool pprof -top -tagfocus kind=sweep %s 2>/dev/null |"
		 " grep -q '^ *50ms .*main.(\\*server).page'", path);
	assert_int_equal(system(cmd), 0);
	snprintf(cmd, sizeof(cmd),
		 "go tool pprof -top -sample_index=assists -tagfocus kind=assist %s 2>/dev/null |"
		 " grep -q '^ *1009 .*main.(\\*server).page'", path);
	assert_int_equal(system(cmd), 0);
	unlink(path);
	report__profile_free(&p);
	model__free(m);
}

static void test_nothing(void **state)
{
	struct model *m = model__new();

	(void)state;
	for (int metric = REPORT_PAUSES; metric <= REPORT_ASSIST_TIME; metric++) {
		struct report_options opts = options((enum report_metric)metric);
		struct report_profile p = profile(m, &opts);
		Gotrace__Pprof__Profile *msg = decode(&p, &opts);

		check_references(msg);
		assert_int_equal(msg->n_sample, 0);
		assert_int_equal(folded_sum(m, opts.metric, ""), 0);
		gotrace__pprof__profile__free_unpacked(msg, NULL);
		report__profile_free(&p);
	}
	model__free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_folded),
		cmocka_unit_test(test_pprof_pauses),
		cmocka_unit_test(test_pprof_delays),
		cmocka_unit_test(test_pprof_is_read_by_go),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests_name("report gc formats", tests, NULL, NULL);
}
