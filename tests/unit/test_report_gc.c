/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pauses, late threads and delays from the model to the text: names, sums, losses, filters and
 * intervals. What the fixture has is known beforehand.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "gc_fixture.h"
#include "report_output.h"

static void check_sum(const struct report_set *set)
{
	struct report_sample sum = set->lost;

	for (size_t i = 0; i < set->nsamples; i++)
		report__add(&sum, &set->samples[i]);
	assert_int_equal(set->total.count, sum.count);
	assert_int_equal(set->total.ns, sum.ns);
	assert_int_equal(set->total.work_ns, sum.work_ns);
	assert_int_equal(set->total.faults, sum.faults);
	assert_int_equal(set->total.max_ns, sum.max_ns);
}

static struct report_profile profile_by(const struct model *m, const struct report_options *opts,
					bool (*frameless)(void *ctx, uint64_t pc))
{
	struct report_profile p = gc_profile(m, opts, frameless);

	check_sum(&p.pause);
	check_sum(&p.late);
	check_sum(&p.delay);
	return p;
}

static struct report_profile profile(const struct model *m, const struct report_options *opts)
{
	return profile_by(m, opts, gc_frameless);
}

/* The sample of this code and first frame; there is one. */
static const struct report_sample *sample(const struct report_set *set, uint32_t code,
					  const char *func)
{
	const struct report_sample *found = NULL;

	for (size_t i = 0; i < set->nsamples; i++) {
		const struct report_sample *s = &set->samples[i];

		if (s->code != code || strcmp(s->frames[0].func, func))
			continue;
		assert_null(found);
		found = s;
	}
	assert_non_null(found);
	return found;
}

static void test_pauses(void **state)
{
	struct report_options opts = gc_options(REPORT_PAUSES);
	struct model *m = gc_model();
	struct report_profile p = profile(m, &opts);
	const struct report_sample *s;

	(void)state;
	assert_int_equal(p.pause.nsamples, 3);
	assert_int_equal(p.pause.total.count, 2 * GC_CYCLES + GC_STATS + 3);
	assert_int_equal(p.pause.lost.count, 3);
	assert_int_equal(p.pause.total.ns, GC_CYCLES * 320 * US + GC_STATS * 50 * US);
	assert_int_equal(p.pause.total.work_ns, GC_CYCLES * 257 * US + GC_STATS * 5 * US);
	assert_int_equal(p.pause.total.max_ns, 300 * US);
	s = sample(&p.pause, 7, "main.readStats");
	assert_int_equal(s->count, GC_STATS);
	assert_string_equal(s->what, "read mem stats");
	assert_string_equal(s->leaf, "");
	assert_int_equal(s->ntrimmed, 2);
	/* A return address. */
	assert_int_equal(s->pcs[0], 0x620000 - 1);
	s = sample(&p.pause, MODEL_REASON_SWEEP_TERMINATION, "main.(*server).handle");
	assert_int_equal(s->count, GC_CYCLES);
	/* Nothing but the runtime is left: trimmed is only what switched stacks. */
	s = sample(&p.pause, MODEL_REASON_MARK_TERMINATION, "runtime.gcMarkDone");
	assert_int_equal(s->ntrimmed, 1);
	assert_int_equal(report__value(s, REPORT_PAUSES), GC_CYCLES);
	assert_int_equal(report__value(s, REPORT_PAUSE_TIME), GC_CYCLES * 300 * US);
	assert_ptr_equal(report__set(&p, REPORT_PAUSES), &p.pause);
	assert_ptr_equal(report__set(&p, REPORT_PAUSE_TIME), &p.pause);
	assert_int_equal(report__group(REPORT_PAUSES), MODEL_GC);
	assert_ptr_equal(p.model, m);
	report__profile_free(&p);
	model__free(m);
}

/* Asked for: nothing is trimmed. What was not interrupted was in no function worth a hint. */
static void test_runtime_frames(void **state)
{
	struct report_options opts = gc_options(REPORT_PAUSES);
	struct model *m = gc_model();
	struct model_pause pause = gc_pause(901, 7, 9900, 110, 150);
	struct report_profile p;

	(void)state;
	pause.late = gc_late(&pause, 110, GC_ST_STATS, MODEL_LATE_WOKEN);
	pause.has_late = true;
	assert_int_equal(model__add_pause(m, &pause), 0);
	p = profile(m, &opts);
	assert_string_equal(sample(&p.late, MODEL_LATE_WOKEN, "main.readStats")->leaf, "");
	report__profile_free(&p);
	opts.runtime_frames = true;
	p = profile(m, &opts);
	assert_int_equal(sample(&p.pause, 7, "runtime.systemstack_switch")->nframes, 4);
	assert_int_equal(sample(&p.late, MODEL_LATE_RAN, "runtime.memmove")->ntrimmed, 0);
	assert_string_equal(sample(&p.late, MODEL_LATE_RAN, "runtime.memmove")->leaf, "");
	assert_int_equal(sample(&p.delay, MODEL_SWEEP, "runtime.deductSweepCredit")->count, 503);
	report__profile_free(&p);
	model__free(m);
}

static void test_delays(void **state)
{
	struct report_options opts = gc_options(REPORT_ASSISTS);
	struct model *m = gc_model();
	struct report_profile p = profile(m, &opts);
	const struct report_sample *s;

	(void)state;
	assert_int_equal(p.delay.nsamples, GC_NDELAYS);
	assert_int_equal(p.delay.total.count, gc_delays_count() + 11);
	assert_int_equal(p.delay.lost.count, 11);
	assert_int_equal(p.delay.total.ns, 920 * MS);
	assert_int_equal(p.delay.total.work_ns, 330 * MS);
	s = sample(&p.delay, MODEL_ASSIST, "main.(*server).page");
	assert_string_equal(s->what, "assist");
	assert_int_equal(s->count, 1009);
	assert_int_equal(s->work_ns, 300 * MS);
	assert_int_equal(s->ntrimmed, 2);
	/* The probed instruction is looked up as it is, the others one before. */
	assert_int_equal(s->pcs[-2], 0x610500);
	assert_int_equal(s->pcs[-1], 0x610100 - 1);
	assert_string_equal(sample(&p.delay, MODEL_SWEEP, "main.(*server).page")->what, "sweep");
	assert_string_equal(sample(&p.delay, MODEL_GC_START, "main.(*server).handle")->what, "start");
	assert_string_equal(sample(&p.delay, MODEL_BARRIER, "runtime.forEachP")->what, "barrier");
	assert_int_equal(report__value(s, REPORT_ASSISTS), 1009);
	assert_int_equal(report__value(s, REPORT_ASSIST_TIME), 800 * MS);
	assert_ptr_equal(report__set(&p, REPORT_ASSIST_TIME), &p.delay);
	report__profile_free(&p);
	model__free(m);
}

static void test_lates(void **state)
{
	struct report_options opts = gc_options(REPORT_PAUSES);
	struct model *m = gc_model();
	struct report_profile p = profile(m, &opts);
	const struct report_sample *s;

	(void)state;
	/* Of two for each pause the last one. */
	assert_int_equal(p.late.nsamples, 1);
	assert_int_equal(p.late.lost.count, 5);
	s = sample(&p.late, MODEL_LATE_RAN, "main.copyBig");
	assert_int_equal(s->count, GC_CYCLES);
	assert_int_equal(s->ns, GC_CYCLES * 240 * US);
	assert_int_equal(s->faults, 3 * GC_CYCLES);
	assert_string_equal(s->what, "ran on");
	assert_string_equal(s->leaf, "runtime.memmove");
	assert_int_equal(s->nframes, 3);
	assert_int_equal(s->ntrimmed, 1);
	/* Interrupted at this instruction; called by that. */
	assert_int_equal(s->pcs[-1], GC_COPY_PC);
	assert_int_equal(s->pcs[0], 0x620010 - 1);
	report__profile_free(&p);
	model__free(m);
}

/* Two functions that one line calls: what it was in is worth a row of its own. */
static void test_leaves(void **state)
{
	struct report_options opts = gc_options(REPORT_PAUSES);
	struct model *m = gc_model();
	struct model_pause pause = gc_pause(901, 7, 9900, 110, 150);
	struct model_late late = gc_late(&pause, 110, GC_ST_CLEAR, MODEL_LATE_RAN);
	struct report_profile p;
	char *text;

	(void)state;
	model__add_late(m, &late);
	assert_int_equal(model__add_pause(m, &pause), 0);
	p = profile(m, &opts);
	assert_int_equal(p.late.nsamples, 2);
	assert_string_equal(p.late.samples[1].frames[0].func, "main.copyBig");
	assert_string_equal(p.late.samples[1].leaf, "runtime.memclrHasPointers");
	opts.columns = 120;
	text = render("text", &p, &opts, NULL);
	assert_non_null(strstr(text, "     97  23.3 ms   240 us  ran on          291  "
				     "main.copyBig (memmove) copy.go:17\n"));
	assert_non_null(strstr(text, "      1   110 us   110 us  ran on            3  "
				     "main.copyBig (memclrHasPointers) copy.go:17\n"));
	free(text);
	report__profile_free(&p);
	model__free(m);
}

static bool never_frameless(void *ctx, uint64_t pc)
{
	(void)ctx;
	(void)pc;
	return false;
}

/* The word on top of the stack is a frame only where the names vouch for it. */
static void test_stray_words(void **state)
{
	static bool (*const doubts[])(void *, uint64_t) = { NULL, never_frameless };
	struct report_options opts = gc_options(REPORT_PAUSES);
	struct model *m = gc_model();

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct report_profile p = profile_by(m, &opts, doubts[i]);
		const struct report_sample *s = sample(&p.late, MODEL_LATE_RAN,
						       "main.(*server).handle");

		assert_int_equal(s->nframes, 2);
		assert_int_equal(s->pcs[0], 0x620030 - 1);
		assert_string_equal(s->leaf, "runtime.memmove");
		report__profile_free(&p);
	}
	model__free(m);
}

/* One stack, looked up in each of its ways; they do not get in each other's. */
static void test_modes(void **state)
{
	struct report_options opts = gc_options(REPORT_PAUSES);
	struct model *m = gc_model();
	struct model_pause p1 = gc_pause(901, 8, 9000, 1, 2), p2 = p1, p3 = p1;
	struct model_late l2 = gc_late(&p2, 1, GC_ST_CALL, MODEL_LATE_AWAY), l3 = l2;
	struct model_delay d = { .stack = GC_ST_CALL, .kind = MODEL_SWEEP, .count = 1, .ns = 1 };
	struct report_profile p;

	(void)state;
	p1.stack = GC_ST_CALL;
	l2.seq = p2.seq = 902;
	l3.seq = p3.seq = 903;
	l3.sampled = true;
	assert_int_equal(model__add_pause(m, &p1), 0);
	assert_int_equal(model__add_late(m, &l2), 0);
	assert_int_equal(model__add_pause(m, &p2), 0);
	assert_int_equal(model__add_late(m, &l3), 0);
	assert_int_equal(model__add_pause(m, &p3), 0);
	assert_int_equal(model__set_delay(m, &d), 0);
	p = profile(m, &opts);
	assert_int_equal(sample(&p.pause, 8, "main.(*server).page")->pcs[0], 0x620040 - 1);
	assert_int_equal(p.late.nsamples, 3);
	/* By the address of the call, and by that of the instruction it was interrupted at. */
	assert_int_equal(p.late.samples[1].pcs[0], 0x620040 - 1);
	assert_int_equal(p.late.samples[1].pcs[1], 0x620030 - 1);
	assert_int_equal(p.late.samples[1].nframes, 3);
	assert_int_equal(p.late.samples[2].pcs[0], 0x620040);
	assert_int_equal(p.late.samples[2].nframes, 2);
	report__profile_free(&p);
	model__free(m);
}

static void test_worst(void **state)
{
	struct report_options opts = gc_options(REPORT_PAUSES);
	struct model *m = gc_model();
	struct model_pause longest = gc_pause(901, 7, 9900, 5, 7000);
	struct report_profile p;
	char *text;

	(void)state;
	longest.start = 0;
	longest.stack = 4242;
	assert_int_equal(model__add_pause(m, &longest), 0);
	p = profile(m, &opts);
	assert_int_equal(p.nworst, MODEL_WORST_MAX);
	/* A stack that is not known is one unknown frame. */
	assert_int_equal(p.worst[0].pause->seq, 901);
	assert_string_equal(p.worst[0].requester->frames[0].func, "[unknown]");
	assert_string_equal(p.worst[0].start, "[unknown]");
	assert_null(p.worst[0].late);
	assert_string_equal(p.worst[1].requester->frames[0].func, "runtime.gcMarkDone");
	assert_string_equal(p.worst[1].start, "runtime.gcBgMarkWorker");
	assert_string_equal(p.worst[1].late->frames[0].func, "main.copyBig");
	assert_string_equal(p.worst[1].late->leaf, "runtime.memmove");
	assert_string_equal(p.worst[1].late_start, "main.main");
	report__profile_free(&p);

	/* Where there is no stack the text tells whose goroutine it was. */
	longest = gc_pause(902, 7, 9950, 5, 8000);
	longest.stack = 0;
	assert_int_equal(model__add_pause(m, &longest), 0);
	p = profile(m, &opts);
	text = render("text", &p, &opts, NULL);
	assert_non_null(strstr(text, "read mem stats\n   asked      a goroutine of main.main\n"));
	assert_non_null(strstr(text, "read mem stats\n   asked      [unknown]\n"));
	free(text);
	report__profile_free(&p);
	model__free(m);
}

static void test_missing_stacks(void **state)
{
	struct model_delay d = {
		.stack = 4242, .kind = MODEL_SWEEP, .count = 19, .ns = 23 * MS, .max_ns = MS
	};
	struct report_options opts = gc_options(REPORT_ASSISTS);
	struct model *m = gc_model();
	struct model_pause pause = gc_pause(901, 7, 9900, 5, 50);
	struct model_late late = gc_late(&pause, 5, 0, MODEL_LATE_WAITED);
	struct report_profile p;

	(void)state;
	pause.stack = 4242;
	model__add_late(m, &late);
	assert_int_equal(model__add_pause(m, &pause), 0);
	assert_int_equal(model__set_delay(m, &d), 0);
	p = profile(m, &opts);
	assert_int_equal(p.delay.lost.count, 11 + 19);
	assert_int_equal(p.delay.total.count, gc_delays_count() + 11 + 19);
	assert_int_equal(p.delay.total.ns, 943 * MS);
	assert_int_equal(p.counters.nloss, 4);
	assert_string_equal(p.counters.loss[3].key, "delay_stack_missing");
	assert_int_equal(p.counters.loss[3].objects, 19);
	/* A pause is known without a stack, and so is that somebody was late. */
	assert_int_equal(sample(&p.pause, 7, "[unknown]")->count, 1);
	assert_int_equal(sample(&p.late, MODEL_LATE_WAITED, "[unknown]")->count, 1);
	assert_int_equal(p.pause.lost.count, 3);
	report__profile_free(&p);
	model__free(m);
}

/* The table of causes is full, and no row of it is of delays. */
static void test_full_table_of_losses(void **state)
{
	static const char *const keys[] = { "pause_a", "late_a", "a" };
	static const enum model_group groups[] = { MODEL_GC, MODEL_GC, MODEL_STACK };
	struct model_delay d = { .stack = 4242, .kind = MODEL_SWEEP, .count = 19, .ns = 23 };
	struct report_options opts = gc_options(REPORT_ASSISTS);
	struct model_counters c = { .nloss = MODEL_LOSS_MAX };
	struct model *m = gc_model();
	struct report_profile p;

	(void)state;
	for (int i = 0; i < MODEL_LOSS_MAX; i++)
		c.loss[i] = (struct model_loss){ groups[i % 3], "cause", keys[i % 3], 1 << i % 3, 0, 0 };
	model__set_counters(m, &c);
	model__set_delay(m, &d);
	p = profile(m, &opts);
	assert_int_equal(p.counters.nloss, MODEL_LOSS_MAX);
	assert_int_equal(p.delay.lost.count, 19);
	assert_int_equal(p.pause.lost.count, 8 * 1);
	assert_int_equal(p.late.lost.count, 8 * 2);
	assert_int_equal(p.growth.lost.count, 8 * 4);
	assert_int_equal(p.alloc.lost.objects, 0);
	report__profile_free(&p);
	model__free(m);
}

static void test_filters(void **state)
{
	const char *page[] = { "main.*page", NULL }, *copy[] = { "main.copy*", NULL };
	struct report_options opts = gc_options(REPORT_ASSISTS);
	struct model *m = gc_model();
	struct report_profile p;

	(void)state;
	opts.include = page;
	p = profile(m, &opts);
	assert_int_equal(p.delay.total.count, 1009 + 503 + 11);
	assert_int_equal(p.delay.filtered.count, 101 + 97 + 193);
	assert_int_equal(p.pause.total.count, 3);
	assert_int_equal(p.pause.filtered.count, 2 * GC_CYCLES + GC_STATS);
	assert_int_equal(p.late.filtered.count, GC_CYCLES);
	/* The longest are shown whatever is filtered. */
	assert_int_equal(p.nworst, MODEL_WORST_MAX);
	report__profile_free(&p);
	opts.include = NULL;
	opts.exclude = copy;
	p = profile(m, &opts);
	assert_int_equal(p.late.filtered.count, GC_CYCLES);
	assert_int_equal(p.delay.filtered.count, 0);
	report__profile_free(&p);
	model__free(m);
}

static void test_interval(void **state)
{
	struct report_options opts = gc_options(REPORT_ASSISTS);
	struct model *m = gc_model();
	struct model_time time = *model__time(m);
	struct model_pause pause = gc_pause(901, 7, 10400, 30, 170);
	struct model_late late = gc_late(&pause, 30, GC_ST_COPY, MODEL_LATE_RAN);
	struct model_delay d = gc_delays[0];
	struct report_profile p;
	char *text;

	(void)state;
	model__mark(m);
	time.now_ns += 1000 * MS;
	model__set_time(m, &time);
	model__add_late(m, &late);
	assert_int_equal(model__add_pause(m, &pause), 0);
	d.count += 13;
	d.ns += 26 * MS;
	d.work_ns += 7 * MS;
	assert_int_equal(model__set_delay(m, &d), 0);
	opts.interval = true;
	p = profile(m, &opts);
	assert_int_equal(p.pause.total.count, 1);
	assert_int_equal(p.pause.total.ns, 170 * US);
	assert_int_equal(p.pause.total.work_ns, 30 * US);
	assert_int_equal(p.late.total.count, 1);
	assert_int_equal(p.late.total.faults, 3);
	assert_int_equal(p.delay.total.count, 13);
	assert_int_equal(p.delay.total.ns, 26 * MS);
	assert_int_equal(p.delay.total.work_ns, 7 * MS);
	text = render("text", &p, &opts, NULL);
	/* The longest of the interval, not of the run. */
	assert_non_null(strstr(text, "\npauses: 1/s, 170 us at most, 0.02 % stopped, "
				     "late: main.copyBig\n"));
	assert_non_null(strstr(text, "\ndelays: 13/s, 26.0 ms/s\n"));
	assert_non_null(strstr(text, "     13  26.0 ms  7.00 ms  19.0 ms  9.00 ms  assist   "
				     "(*server).page page.go:31\n"));
	free(text);
	report__profile_free(&p);
	model__free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pauses),
		cmocka_unit_test(test_runtime_frames),
		cmocka_unit_test(test_delays),
		cmocka_unit_test(test_lates),
		cmocka_unit_test(test_leaves),
		cmocka_unit_test(test_stray_words),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_worst),
		cmocka_unit_test(test_missing_stacks),
		cmocka_unit_test(test_full_table_of_losses),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_interval),
	};

	return cmocka_run_group_tests_name("report gc", tests, NULL, NULL);
}
