/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pauses, late threads and delays as text: the figures of the fixture at their places, in the room
 * there is; what is advised, and what a binary that means no good makes of it.
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

static struct report_profile profile(const struct model *m, const struct report_options *opts)
{
	return gc_profile(m, opts, gc_frameless);
}

static void check_lines(const char *text, const char *const *lines, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!strstr(text, lines[i]))
			print_error("missing: %s\n", lines[i]);
		assert_non_null(strstr(text, lines[i]));
	}
}

static void test_text(void **state)
{
	static const char *const lines[] = {
		"Pauses and delays of api, pid 4711, go1.24.4, Linux 6.18.0\n",
		"\n207 pauses, 3 lost (21/s); the world was stopped for 31.7 ms, 0.32 % of the time\n"
		"25.0 ms of it went by until all threads had stopped\n",
		"\n     97  29.1 ms   300 us   300 us   300 us    250 us  GC mark termination\n"
		"     97  1.94 ms  20.0 us  20.0 us  20.0 us   7.00 us  GC sweep termination\n"
		"     13   650 us  50.0 us  50.0 us  50.0 us   5.00 us  read mem stats\n",
		"\n      3        -        -        -        -         -  gotrace.lost\n"
		"    210  31.7 ms  50.2 us   300 us   300 us    250 us  total\n",
		"\n     13   650 us  50.0 us  read mem stats        main.readStats stats.go:42\n",
		"\n     nsecs               : count    distribution\n     16384 -> 32767      : 97  ",
		"\n     32768 -> 65535      : 13       |****************************************|\n"
		"p50 50.0 us   p90 50.0 us   p99 50.0 us   p99.9 50.0 us   max 50.0 us\n",
		/* In 50 ms one cycle and one reading: 20 + 300 + 50 us, less what is just outside. */
		"\nwithin any        300 us    320 us    350 us    370 us   3.70 ms\n"
		"left (MMU)       70.00 %   96.80 %   99.30 %   99.63 %   99.63 %\n",
		".005   300 us    250 us  GC mark termination\n"
		"   asked      a goroutine of runtime.gcBgMarkWorker\n"
		"   late       ran on 120 us: main.copyBig (memmove) copy.go:17\n",
		"\n97 seen from begin to end: 96 by the size of the heap, 1 by runtime.GC\n"
		"concurrent marking took 4.98 ms on average, 4.98 ms at most\n"
		"heap 3.91 MiB -> 4.88 MiB -> 1.95 MiB live on average\n"
		"heap 3.91 MiB -> 4.88 MiB -> 1.95 MiB live in the last\n",
		"\n97 stops took 100 us or longer and had a thread that was the last to stop\n"
		"together 23.3 ms late, 240 us at most\n",
		"\n     97  23.3 ms   240 us  ran on          291  copyBig (memmove) copy.go:17\n",
		"\n23.3 ms  97 stops, ran on\n         main.copyBig copy.go:17\n",
		"\n1914 delays, 11 of them lost (191/s); 920 ms in all, 92.0 ms a second\n"
		"1110 mark assists, 840 ms, 9.00 ms at most; 330 ms of it marking\n",
		"\n   1009   800 ms   300 ms   500 ms  9.00 ms  assist   (*server).page page.go:31\n"
		"    503  50.0 ms        -        -  1.00 ms  sweep    (*server).page page.go:31\n",
		/* Assists and sweeps of a site are one row; barriers are no tax. */
		"\n 850 ms    8.50   800 ms  50.0 ms        -  main.(*server).page page.go:31\n"
		"40.0 ms    0.40  40.0 ms        -        -  main.readStats stats.go:42\n"
		"10.0 ms    0.10        -        -  10.0 ms  main.(*server).handle server.go:123\n"
		" 900 ms    9.00   840 ms  50.0 ms  10.0 ms  total\n",
		"\nseen: 210 pauses\nseen: 1916 delays, 2 under way\nlost: 3 pauses\n"
		"lost: 5 late threads\nlost: 11 delays\n             3  ring full\n",
		"\nprobe cost: 4001 hits",
	};
	struct report_options opts = gc_options(REPORT_PAUSES);
	struct model *m = gc_model();
	struct report_profile p = profile(m, &opts);
	char *text = render("text", &p, &opts, NULL);

	(void)state;
	check_lines(text, lines, sizeof(lines) / sizeof(lines[0]));
	/* Nothing was traced of the heap and the stacks, so nothing is said of them. */
	assert_null(strstr(text, "objects"));
	assert_null(strstr(text, "growth"));
	assert_null(strstr(text, "COPIES"));
	free(text);
	opts.groups = MODEL_ALLOC | MODEL_STACK;
	text = render("text", &p, &opts, NULL);
	assert_null(strstr(text, "pause"));
	assert_null(strstr(text, "delay"));
	free(text);
	report__profile_free(&p);
	model__free(m);
}

/* Copies of stacks stand beside the delays of the same site. */
static void test_tax_of_stacks(void **state)
{
	static const char *const lines[] = {
		"\n 910 ms    9.10   800 ms  50.0 ms        -  60.0 ms  ",
		"\n 960 ms    9.60   840 ms  50.0 ms  10.0 ms  60.0 ms  total\n",
	};
	static const char *const estimates[] = {
		"\n     SUM  % TIME   ASSIST    SWEEP    START    COPIES  CALL SITE\n",
		"\n ~970 ms    9.70   800 ms  50.0 ms        -   ~120 ms  ",
		"\n ~1.02 s   10.20   840 ms  50.0 ms  10.0 ms   ~120 ms  total\n",
	};
	struct model_growth g = {
		.stack = GC_ST_CALL, .from = 2048, .to = 4096, .count = 7, .copied = 700,
		.timed = 7, .ns = 60 * MS, .max_ns = 10 * MS,
	};
	struct report_options opts = gc_options(REPORT_PAUSES);
	struct model *m = gc_model();
	struct report_profile p;
	char *text;

	(void)state;
	assert_int_equal(model__set_growth(m, &g), 0);
	opts.groups = MODEL_GC | MODEL_STACK;
	p = profile(m, &opts);
	text = render("text", &p, &opts, NULL);
	check_lines(text, lines, 2);
	free(text);
	report__profile_free(&p);

	/* As many again that were not timed. */
	g.count = 14;
	assert_int_equal(model__set_growth(m, &g), 0);
	p = profile(m, &opts);
	text = render("text", &p, &opts, NULL);
	check_lines(text, estimates, 3);
	free(text);
	report__profile_free(&p);
	model__free(m);
}

static int count_lines(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* All groups in as many rows as user/output.c reckons with; and no line is wider than the screen. */
static void test_fits(void **state)
{
	static const int widths[] = { 60, 80, 100, 200 };
	struct report_options opts = gc_options(REPORT_BYTES);
	struct model *m = gc_model();

	(void)state;
	opts.interval = true;
	for (unsigned int groups = MODEL_GC; groups < 8; groups++) {
		for (opts.top = 3; opts.top <= 17; opts.top++) {
			struct report_profile p = profile(m, &opts);
			char *text;

			opts.groups = groups;
			text = render("text", &p, &opts, NULL);
			assert_true(count_lines(text) <= opts.top + 6);
			assert_non_null(strstr(text, "pauses: "));
			assert_non_null(strstr(text, "delays: "));
			free(text);
			report__profile_free(&p);
		}
	}
	opts.groups = MODEL_GC | MODEL_STACK;
	for (int i = 0; i < 8; i++) {
		struct report_profile p;
		char *text, *rest, *line;

		opts.columns = widths[i / 2];
		opts.interval = i & 1;
		p = profile(m, &opts);
		rest = text = render("text", &p, &opts, NULL);
		while ((line = next_line(&rest))) {
			if (report_print__width(line) > (opts.columns < 80 ? 82U : (unsigned)opts.columns))
				print_error("%s\n", line);
			assert_true(report_print__width(line) <=
				    (opts.columns < 80 ? 82U : (unsigned)opts.columns));
		}
		free(text);
		report__profile_free(&p);
	}
	model__free(m);
}

static void test_text_of_nothing(void **state)
{
	static const char *const lines[] = {
		"\n0 pauses; the world was stopped for 0 ns\n",
		"\n0 stops took 100 us or longer",
		"\n0 delays\n",
		"\nlost: 0 pauses, 0 late threads, 0 delays\n",
	};
	struct report_options opts = gc_options(REPORT_PAUSES);
	struct model *m = model__new();
	struct report_profile p = profile(m, &opts);
	char *text = render("text", &p, &opts, NULL);

	(void)state;
	check_lines(text, lines, sizeof(lines) / sizeof(lines[0]));
	assert_null(strstr(text, "advice"));
	assert_null(strstr(text, "tax"));
	assert_null(strstr(text, "distribution"));
	free(text);
	opts.interval = true;
	text = render("text", &p, &opts, NULL);
	assert_non_null(strstr(text, "pauses: 0/s, 0 ns at most"));
	free(text);
	report__profile_free(&p);
	model__free(m);
}

/* What is said of m, which is freed: only the expected, if any. */
static void check_advice(struct model *m, const char *const *expected, int n)
{
	const struct model_time time = { .start_ns = GC_START_NS,
					 .now_ns = GC_START_NS + 10000 * MS };
	struct report_options opts = gc_options(REPORT_PAUSES);
	struct report_profile p;
	const char *at;
	char *text;

	opts.columns = 500;
	model__set_time(m, &time);
	p = profile(m, &opts);
	at = text = render("text", &p, &opts, NULL);
	for (int i = 0; i < n; i++) {
		/* The dearest first. */
		at = strstr(at, "\nadvice: ");
		assert_non_null(at);
		at += strlen("\nadvice: ");
		if (strncmp(at, expected[i], strlen(expected[i])))
			print_error("%s\n", at);
		assert_memory_equal(at, expected[i], strlen(expected[i]));
	}
	assert_null(strstr(at, "\nadvice: "));
	free(text);
	report__profile_free(&p);
	model__free(m);
}

/* Ten pauses of 20 ms that a thread was late for by 18 ms. */
static struct model *late_model(uint64_t stack, enum model_late_how how)
{
	struct model *m = model__new();

	assert_non_null(m);
	gc_add_stacks(m);
	for (uint32_t i = 0; i < 10; i++) {
		struct model_pause p = gc_pause(i + 1, MODEL_REASON_SWEEP_TERMINATION, 100 * i, 18000,
						20000);
		struct model_late l = gc_late(&p, 18000, stack, how);

		model__add_late(m, &l);
		assert_int_equal(model__add_pause(m, &p), 0);
	}
	return m;
}

static void test_advice(void **state)
{
	static const char *const all[] = {
		"call sites spend 92.0 ms a second for the collector's sake, and 87 % of it goes to "
		"mark assists at main.(*server).page at page.go:31: 1009, up to 9.00 ms, "
		"62 % of it waiting rather than marking. What usually helps: allocate less there",
		"10 GC cycles a second, with a heap of 1.95 MiB live on average.",
		"79 % of the time of all pauses is spent until all threads have stopped, and 100 % of "
		"the lateness is at one place: main.copyBig (memmove) at copy.go:17 was last 97 times, "
		"up to 240 us. It ran on: ",
	};
	static const char *const waited[] = {
		"90 % of the time of all pauses is spent until all threads have stopped, and 100 % of "
		"the lateness is at one place: main.(*server).page at page.go:31 was last 10 times, up "
		"to 18.0 ms. It could have stopped but had no CPU. What usually helps: more CPU",
	};
	static const char *const quiet[] = {
		"nothing stands out: the world was stopped for 0.01 % of the time, 100 us at the "
		"longest, and the collector delayed call sites for 0 ns a second.",
	};
	static const char *const stats[] = {
		"10 of 10 pauses, 100 % of their time, are not the collector's but for read mem stats, "
		"asked for by main.readStats at stats.go:42, up to 9.00 ms. runtime.ReadMemStats stops "
		"the world: runtime/metrics has the same figures and does not.",
	};
	struct model *m;

	(void)state;
	check_advice(gc_model(), all, 3);
	check_advice(late_model(GC_ST_CALL, MODEL_LATE_WAITED), waited, 1);
	m = model__new();
	gc_add_stacks(m);
	for (uint32_t i = 0; i < 10; i++) {
		struct model_pause p = gc_pause(i + 1, 7, 100 * i, 5, 100);

		assert_int_equal(model__add_pause(m, &p), 0);
	}
	check_advice(m, quiet, 1);
	m = model__new();
	gc_add_stacks(m);
	for (uint32_t i = 0; i < 10; i++) {
		struct model_pause p = gc_pause(i + 1, 7, 100 * i, 5, 9000);

		assert_int_equal(model__add_pause(m, &p), 0);
	}
	check_advice(m, stats, 1);
}

/* Names of a binary that means no good, figures as large as they get, times that mean nothing. */
static void test_hostile(void **state)
{
	struct fixture_name names[NHOSTILE + 1] = { 0 };
	struct report_options opts = gc_options(REPORT_PAUSES);
	struct model *m = model__new();

	(void)state;
	memset(long_name, 'x', sizeof(long_name) - 1);
	for (size_t i = 0; i < NHOSTILE; i++)
		names[i] = (struct fixture_name){
			i + 1, { .func = hostile[i], .file = hostile[i], .line = -1, .go = true }
		};
	for (size_t i = 0; i < NHOSTILE; i++) {
		uint64_t pc[NHOSTILE], begin = i & 1 ? UINT64_MAX - 1000 : i;
		struct model_pause p = {
			.seq = i * 77777777, .reason = i * 12345, .begin_ns = begin,
			.stopped_ns = UINT64_MAX - 500, .restarting_ns = UINT64_MAX,
			.restarted_ns = UINT64_MAX, .stack = i + 1, .start = i + 1, .cycle = i,
			.heap_begin = UINT64_MAX, .heap_end = UINT64_MAX,
		};
		struct model_late l = {
			.seq = p.seq, .how = i % 7, .late_ns = UINT64_MAX >> i, .how_ns = UINT64_MAX,
			.stopped_ns = i, .stack = i + 1, .start = i + 1, .sampled = i & 2,
			.faults = UINT32_MAX,
		};
		struct model_delay d = {
			.stack = i + 1, .kind = i % MODEL_DELAY_MAX, .count = UINT64_MAX >> i,
			.ns = UINT64_MAX >> 8 >> i, .work_ns = UINT64_MAX, .max_ns = UINT64_MAX,
		};

		for (size_t k = 0; k < NHOSTILE; k++)
			pc[k] = (i + k) % NHOSTILE + 1;
		assert_int_equal(model__add_stack(m, i + 1, pc, NHOSTILE, 0), 0);
		assert_int_equal(model__add_late(m, &l), 0);
		assert_int_equal(model__add_pause(m, &p), 0);
		assert_int_equal(model__set_delay(m, &d), 0);
	}
	for (int columns = 60; columns <= 200; columns += 35) {
		struct report_profile p;
		char *text;

		opts.columns = columns;
		opts.interval = !opts.interval;
		p = make(m, names, fixture_types, &opts);
		text = render("text", &p, &opts, NULL);
		check_harmless(text);
		free(text);
		report__profile_free(&p);
	}
	model__free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_tax_of_stacks),
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_text_of_nothing),
		cmocka_unit_test(test_advice),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests_name("text gc", tests, NULL, NULL);
}
