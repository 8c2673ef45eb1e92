/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Growths of goroutine stacks from the model to the reports: names, sums, losses, filters and
 * intervals; text, folded and pprof read back. What a row of the fixture says is known beforehand.
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

static struct report_options options(enum report_metric metric)
{
	struct report_options opts = fixture_options();

	opts.metric = metric;
	opts.groups = MODEL_STACK;
	return opts;
}

static struct model *growth_model(void)
{
	const struct model_time time = { .start_ns = 1000000000,
					 .now_ns = 31000000000,
					 .start_wall_ns = 1735830245000000000 };
	struct model *m = model__new();

	assert_non_null(m);
	model__set_time(m, &time);
	add_growths(m);
	return m;
}

/* Everything that is in the model is in one of the sets. */
static struct report_profile profile(const struct model *m, const struct report_options *opts)
{
	struct report_profile p = make(m, growth_names, fixture_types, opts);
	struct report_sample sum = { 0 };

	for (size_t i = 0; i < p.growth.nsamples; i++) {
		const struct report_sample *s = &p.growth.samples[i];

		assert_true(s->kind == MODEL_GROWTH || s->kind == MODEL_REGROWTH);
		assert_string_equal(s->type, "");
		assert_string_equal(s->via, "");
		report__add(&sum, s);
	}
	assert_int_equal(p.growth.total.count, sum.count + p.growth.lost.count);
	assert_int_equal(p.growth.total.copied, sum.copied + p.growth.lost.copied);
	assert_int_equal(p.growth.total.ns, sum.ns);
	return p;
}

/* The sample of this leaf and step; there is one. */
static const struct report_sample *sample(const struct report_set *set, const char *leaf,
					  uint32_t from, enum model_growth_kind kind)
{
	const struct report_sample *found = NULL;

	for (size_t i = 0; i < set->nsamples; i++) {
		const struct report_sample *s = &set->samples[i];

		if (strcmp(s->frames[0].func, leaf) || s->from != from || s->kind != kind)
			continue;
		assert_null(found);
		found = s;
	}
	assert_non_null(found);
	return found;
}

static void test_sums(void **state)
{
	struct report_options opts = options(REPORT_COPIED);
	struct model *m = growth_model();
	struct report_profile p = profile(m, &opts);

	(void)state;
	assert_int_equal(p.growth.total.count, fixture_copies(false) + 17);
	assert_int_equal(p.growth.total.copied, fixture_copied(false) + 34001);
	assert_int_equal(p.growth.total.max_ns, 410009);
	assert_int_equal(p.shrink.total.count, fixture_copies(true));
	assert_int_equal(p.shrink.total.copied, fixture_copied(true));
	assert_int_equal(p.shrink.lost.count, 0);
	assert_int_equal(p.growth.lost.count, 17);
	/* One group's losses are not the other's. */
	assert_int_equal(p.alloc.lost.objects, 101);
	assert_int_equal(p.alloc.total.objects, 101);
	report__profile_free(&p);
	model__free(m);
}

static void test_names(void **state)
{
	struct fixture fx = { .names = growth_names, .types = fixture_types };
	struct report_names names = fixture_bind(&fx);
	struct report_options opts = options(REPORT_COPIED);
	struct model *m = growth_model();
	const struct report_sample *s;
	struct report_profile p;

	(void)state;
	assert_int_equal(report__profile(m, &names, &opts, &p), 0);
	/* All pcs are return addresses; exact are the three starts only. */
	assert_int_equal(fx.exact_lookups, 3);
	s = sample(&p.growth, "main.(*template).render", 2048, MODEL_GROWTH);
	assert_int_equal(s->pcs[0], 0x510000 - 1);
	assert_int_equal(s->count, 20011);
	/* The function itself, not what is inlined at its entry. */
	assert_string_equal(s->start, "net/http.(*conn).serve");
	/* runtime.growslice needed the room: its caller's site. */
	s = sample(&p.growth, "main.(*server).handle", 2048, MODEL_GROWTH);
	assert_int_equal(s->count, 1009);
	assert_int_equal(s->ntrimmed, 1);
	/* A wrapper started it: the outermost function of the stack. */
	s = sample(&p.growth, "main.walk", 2048, MODEL_GROWTH);
	assert_string_equal(s->start, "main.worker");
	s = sample(&p.growth, "main.walk", 65536, MODEL_GROWTH);
	assert_true(s->cut);
	assert_string_equal(s->frames[s->nframes - 1].func, "gotrace.truncated");
	/* Growths and re-growths of one stack stay apart. */
	assert_int_equal(sample(&p.growth, "main.walk", 32768, MODEL_GROWTH)->count, 7);
	assert_int_equal(sample(&p.growth, "main.walk", 32768, MODEL_REGROWTH)->count, 409);
	/* A shrink needs no stack. */
	s = sample(&p.shrink, "[unknown]", 16384, MODEL_SHRINK);
	assert_int_equal(s->count, 31);
	assert_string_equal(s->start, "net/http.(*conn).serve");
	report__profile_free(&p);
	model__free(m);
}

/* Nothing is known: neither the start's name nor where a cut stack would have led. */
static void test_unknown_start(void **state)
{
	const uint64_t pc[] = { 0x510100, WALK };
	struct model_growth g = { .from = 2048, .to = 4096, .count = 3, .stack = 1 };
	struct report_options opts = options(REPORT_COPIED);
	struct model *m = model__new();
	struct report_profile p;

	(void)state;
	model__add_stack(m, 1, pc, 2, GT_STACK_CUT_DEPTH);
	model__set_growth(m, &g);
	p = profile(m, &opts);
	assert_string_equal(p.growth.samples[0].start, "[unknown]");
	report__profile_free(&p);
	model__free(m);
}

static void test_missing_stack(void **state)
{
	struct model_growth g = {
		.stack = 4242, .from = 2048, .to = 4096, .count = 19, .copied = 1900, .ns = 23
	};
	struct report_options opts = options(REPORT_GROWTHS);
	struct model *m = growth_model();
	struct model_counters c = { .nloss = MODEL_LOSS_MAX };
	struct report_profile p;

	(void)state;
	model__set_growth(m, &g);
	p = profile(m, &opts);
	assert_int_equal(p.growth.lost.count, 17 + 19);
	assert_int_equal(p.growth.lost.copied, 34001 + 1900);
	assert_int_equal(p.counters.nloss, 3);
	assert_int_equal(p.counters.loss[2].group, MODEL_STACK);
	assert_string_equal(p.counters.loss[2].key, "stack_missing");
	report__profile_free(&p);

	/* The table of causes is full of the other group's: nothing is lost on the way. */
	for (int i = 0; i < MODEL_LOSS_MAX; i++)
		c.loss[i] = (struct model_loss){ MODEL_ALLOC, "cause", "key", 1 + i, 1, 1 };
	model__set_counters(m, &c);
	p = profile(m, &opts);
	assert_int_equal(p.growth.lost.count, 19);
	assert_int_equal(p.alloc.lost.objects, MODEL_LOSS_MAX * (MODEL_LOSS_MAX + 1) / 2);
	assert_string_equal(p.counters.loss[MODEL_LOSS_MAX - 2].cause, "other");
	report__profile_free(&p);
	model__free(m);
}

static void test_filters(void **state)
{
	const char *json[] = { "encoding/json.*", NULL }, *worker[] = { "main.worker", NULL };
	struct report_options opts = options(REPORT_GROWTHS);
	struct model *m = growth_model();
	struct report_profile p;

	(void)state;
	opts.include = json;
	p = profile(m, &opts);
	assert_int_equal(p.growth.total.count, 20011 + 3001 + 17);
	assert_int_equal(p.growth.total.count + p.growth.filtered.count, fixture_copies(false) + 17);
	assert_int_equal(p.shrink.total.count, 0);
	assert_int_equal(p.shrink.filtered.count, fixture_copies(true));
	report__profile_free(&p);

	opts.include = NULL;
	opts.exclude = worker;
	p = profile(m, &opts);
	assert_int_equal(p.growth.filtered.count, 409 + 7 + 13);
	assert_int_equal(p.shrink.filtered.count, 419);
	report__profile_free(&p);
	model__free(m);
}

static void test_interval(void **state)
{
	struct report_options opts = options(REPORT_COPIED);
	struct model *m = growth_model();
	struct model_growth g = *model__growth(m, 0);
	struct report_profile p;
	char *text;

	(void)state;
	model__mark(m);
	g.count += 11;
	g.timed += 11;
	g.copied += 11000;
	g.ns += 1100;
	assert_int_equal(model__set_growth(m, &g), 0);
	opts.interval = true;
	p = profile(m, &opts);
	assert_int_equal(p.growth.nsamples, 1);
	assert_int_equal(p.growth.total.count, 11);
	assert_int_equal(p.growth.total.copied, 11000);
	assert_int_equal(p.growth.total.ns, 1100);
	assert_int_equal(p.shrink.nsamples, 0);
	text = render("text", &p, &opts, NULL);
	assert_non_null(strstr(text, "\nstacks: 0 growths/s (0 again), 0 B/s copied"));
	assert_non_null(strstr(text, "     11  1.10 us  2K->4K         4K  main.(*template).render"));
	free(text);
	report__profile_free(&p);
	model__free(m);
}

/* Growths and bytes of a row with a share: "12.3 MiB  45.6  7890  1.2 ms". */
static bool row_figures(const char *line, double *pct, uint64_t *count)
{
	unsigned long long n;
	double bytes;
	char unit[4], rest[8];

	if (sscanf(line, "%lf %3[KMGTPEiB] %lf %llu %7s", &bytes, unit, pct, &n, rest) != 5)
		return false;
	*count = n;
	return true;
}

/* The tables by site and by start add up to their last lines; returns how many there are. */
static int check_tables(char *text, uint64_t total)
{
	uint64_t sum = 0, n;
	double pct, pcts = 0;
	int tables = 0;
	char *line;

	while ((line = next_line(&text))) {
		if (!row_figures(line, &pct, &n))
			continue;
		if (strstr(line, "  total")) {
			assert_int_equal(n, sum);
			assert_int_equal(n, total);
			assert_true(pcts > 99 && pcts < 101);
			sum = pcts = 0;
			tables++;
		} else {
			sum += n;
			pcts += pct;
		}
	}
	assert_int_equal(sum, 0);
	return tables;
}

static void test_text_tables_add_up(void **state)
{
	struct report_options opts = options(REPORT_COPIED);
	struct model *m = growth_model();

	(void)state;
	for (int top = 1; top <= 6; top++) {
		struct report_profile p;
		char *text;

		opts.top = top;
		opts.metric = top & 1 ? REPORT_COPIED : REPORT_GROWTHS;
		p = profile(m, &opts);
		text = render("text", &p, &opts, NULL);
		assert_int_equal(check_tables(text, p.growth.total.count), 2);
		free(text);
		report__profile_free(&p);
	}
	model__free(m);
}

static void test_text(void **state)
{
	static const char *const lines[] = {
		"Goroutine stacks of api, pid 4711, go1.24.4, Linux 6.18.0\n",
		"\n44057 growths, 409 re-growths, 17 lost (1483/s); 138 MiB copied in 84.7 ms\n",
		", 410 us at most; 0.28 % of one CPU\n",
		"\n450 shrinks by the collector, 4.06 MiB copied in 2.14 ms, 20.0 us at most\n",
		"   1009  1.21 ms  2K->4K         4K  main.(*server).handle\n",
		"    434  8.47 ms  32K->64K     128K  main.walk walk.go:19\n",
		"  44032  76.2 ms    21020        0    16K  http.(*conn).serve\n",
		"    434  8.47 ms       13      409   128K  main.worker\n",
		"\n    2 KiB -> 4 KiB      21033  33.5 MiB  1.48 us  91.3 us  |****",
		"\n   64 KiB -> 32 KiB       419  4.00 MiB  5.00 us  20.0 us  |****",
		"409 re-growths, 32 KiB -> 64 KiB, goroutine main.worker\n",
		"\n         main.walk walk.go:27\n         ... 7 more of it\n",
		"are of goroutines started at net/http.(*conn).serve:\n",
		"\nseen: 44933 stack copies; 3 begins without an end\n",
		"\nlost: 17 stack copies, 33.2 KiB (0.0 % of all bytes copied)\n",
		"            17  33.2 KiB  growth table full\n",
	};
	struct report_options opts = options(REPORT_COPIED);
	struct model *m = growth_model();
	struct report_profile p = profile(m, &opts);
	char *text = render("text", &p, &opts, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (!strstr(text, lines[i]))
			print_error("missing: %s\n", lines[i]);
		assert_non_null(strstr(text, lines[i]));
	}
	/* Nothing was traced of the heap, so nothing is said of it. */
	assert_null(strstr(text, "objects"));
	assert_null(strstr(text, "call-site table full"));
	free(text);
	opts.groups = 0;
	text = render("text", &p, &opts, NULL);
	assert_null(strstr(text, "growth"));
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

/* Both groups, in 24 rows as user/output.c reckons them, and in one. */
static void test_interval_fits(void **state)
{
	struct fixture_name table[64] = { 0 };
	struct report_options opts = options(REPORT_BYTES);
	struct model *m = fixture_model();
	int n = 0;

	(void)state;
	for (const struct fixture_name *f = fixture_names; f->pc; f++)
		table[n++] = *f;
	for (const struct fixture_name *f = growth_names; f->pc; f++)
		table[n++] = *f;
	add_growths(m);
	opts.interval = true;
	opts.groups = MODEL_ALLOC | MODEL_STACK;
	for (opts.top = 1; opts.top <= 17; opts.top++) {
		struct report_profile p = make(m, table, fixture_types, &opts);
		char *text = render("text", &p, &opts, NULL), *stacks = strstr(text, "stacks: ");

		assert_true(count_lines(text) <= opts.top + (opts.top == 1 ? 6 : 5));
		assert_non_null(stacks);
		assert_true(strstr(text, "CALL SITE") < stacks);
		assert_int_equal(!!strstr(stacks, "GROWING FUNCTION"), opts.top >= 9);
		free(text);
		report__profile_free(&p);
	}
	model__free(m);
}

static uint64_t folded_sum(const struct report_profile *p, enum report_metric metric,
			   const char *suffix)
{
	struct report_options opts = options(metric);
	char *text = render("folded", p, &opts, NULL);
	uint64_t sum = fold_sum(text, suffix);

	free(text);
	return sum;
}

static void test_folded(void **state)
{
	struct report_options opts = options(REPORT_COPIED);
	struct model *m = growth_model();
	struct report_profile p = profile(m, &opts);

	(void)state;
	assert_int_equal(folded_sum(&p, REPORT_GROWTHS, ""), p.growth.total.count);
	assert_int_equal(folded_sum(&p, REPORT_COPIED, ""), p.growth.total.copied);
	assert_int_equal(folded_sum(&p, REPORT_GROWTHS, "gotrace.lost"), 17);
	assert_int_equal(folded_sum(&p, REPORT_OBJECTS, ""), 101);
	assert_int_equal(folded_sum(&p, REPORT_GROWTHS,
				    "main.(*server).handle;main.(*template).render"), 20011);
	report__profile_free(&p);
	model__free(m);
}

static void check_growth_labels(const Gotrace__Pprof__Profile *msg,
				const Gotrace__Pprof__Sample *got, const struct report_sample *s)
{
	assert_int_equal(got->value[0], s->count);
	assert_int_equal(got->value[1], (int64_t)(s->to - s->from) * (int64_t)s->count);
	assert_int_equal(got->value[2], s->copied);
	assert_int_equal(label(msg, got, "from")->num, s->from);
	assert_int_equal(label(msg, got, "to")->num, s->to);
	assert_string_equal(str(msg, label(msg, got, "to")->num_unit), "bytes");
	assert_string_equal(str(msg, label(msg, got, "start")->str), s->start);
	assert_string_equal(str(msg, label(msg, got, "kind")->str),
			    s->kind == MODEL_REGROWTH ? "regrowth" : "growth");
	assert_null(label(msg, got, "bytes"));
	assert_null(label(msg, got, "type"));
	assert_null(label(msg, got, "via"));
}

static void test_pprof(void **state)
{
	static const char *const types[][2] = {
		{ "growths", "count" }, { "stack_space", "bytes" }, { "copied", "bytes" }
	};
	struct report_options opts = options(REPORT_GROWTHS);
	struct model *m = growth_model();
	struct report_profile p = profile(m, &opts);
	Gotrace__Pprof__Profile *msg = decode(&p, &opts);
	const Gotrace__Pprof__Sample *lost = msg->sample[msg->n_sample - 1];

	(void)state;
	check_references(msg);
	assert_int_equal(msg->n_sample_type, 3);
	for (int i = 0; i < 3; i++) {
		assert_string_equal(str(msg, msg->sample_type[i]->type), types[i][0]);
		assert_string_equal(str(msg, msg->sample_type[i]->unit), types[i][1]);
	}
	assert_string_equal(str(msg, msg->default_sample_type), "copied");
	assert_int_equal(msg->n_sample, p.growth.nsamples + 1);
	for (size_t i = 0; i < p.growth.nsamples; i++)
		check_growth_labels(msg, msg->sample[i], &p.growth.samples[i]);
	assert_int_equal(lost->value[0], 17);
	assert_int_equal(lost->value[1], 0);
	assert_int_equal(lost->value[2], 34001);
	assert_string_equal(str(msg, label(msg, lost, "cause")->str), "growth table full");
	assert_null(label(msg, lost, "kind"));
	assert_true(has_comment(msg, "lost: 17 stack copies, 34001 bytes"));
	assert_true(has_comment(msg, "shrunk by the collector: 450 stack copies, 4252000 bytes"));
	assert_true(has_comment(msg, "unmatched: 3 stack copies"));
	gotrace__pprof__profile__free_unpacked(msg, NULL);
	report__profile_free(&p);
	model__free(m);
}

static void test_pprof_is_read_by_go(void **state)
{
	struct report_options opts = options(REPORT_COPIED);
	struct report_run run = fixture_run();
	char path[] = "/tmp/gotrace-test-XXXXXX", cmd[256], line[1024];
	unsigned long long n, space, copied, sums[2] = { 0 };
	struct report_profile p;
	struct model *m;
	FILE *f;

	(void)state;
	if (system("command -v go >/dev/null 2>&1"))
		skip();
	m = growth_model();
	p = profile(m, &opts);
	f = fdopen(mkstemp(path), "w");
	assert_non_null(f);
	assert_int_equal(report__pprof(f, &p, &run, &opts), 0);
	fclose(f);
	snprintf(cmd, sizeof(cmd), "go tool pprof -raw %s 2>/dev/null", path);
	f = popen(cmd, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		int end = 0;

		if (sscanf(line, " %llu %llu %llu%n", &n, &space, &copied, &end) == 3 &&
		    line[end] == ':') {
			sums[0] += n;
			sums[1] += copied;
		}
	}
	assert_int_equal(pclose(f), 0);
	assert_int_equal(sums[0], p.growth.total.count);
	assert_int_equal(sums[1], p.growth.total.copied);
	snprintf(cmd, sizeof(cmd),
		 "go tool pprof -top -sample_index=growths -tagfocus kind=regrowth %s 2>/dev/null |"
		 " grep -q '^ *409 .*main.walk'", path);
	assert_int_equal(system(cmd), 0);
	unlink(path);
	report__profile_free(&p);
	model__free(m);
}

/* Each name is a site, a start and a file once; each row is a step of no size that Go has. */
static struct model *hostile_growths(struct fixture_name *names)
{
	struct model *m = model__new();
	uint64_t pc[NHOSTILE];

	memset(long_name, 'x', sizeof(long_name) - 1);
	for (size_t i = 0; i < NHOSTILE; i++)
		names[i] = (struct fixture_name){
			i + 1, { .func = hostile[i], .file = hostile[i], .line = -1, .go = true }
		};
	for (size_t i = 0; i < NHOSTILE; i++) {
		const struct model_growth g = {
			.stack = i + 1, .start = i + 1, .from = UINT32_MAX - i, .to = i,
			.kind = i % 3, .count = UINT64_MAX >> 8 >> i, .copied = UINT64_MAX >> 8 >> i,
			.timed = i & 1, .ns = UINT64_MAX >> 8 >> i, .max_ns = UINT64_MAX,
		};

		for (size_t k = 0; k < NHOSTILE; k++)
			pc[k] = (i + k) % NHOSTILE + 1;
		assert_int_equal(model__add_stack(m, i + 1, pc, NHOSTILE, 0), 0);
		assert_int_equal(model__set_growth(m, &g), 0);
	}
	return m;
}

static void check_hostile_text(const struct model *m, const struct fixture_name *names,
			       struct report_options *opts)
{
	struct report_profile p = make(m, names, fixture_types, opts);
	char *text = render("text", &p, opts, NULL), *rest = text, *line;

	check_harmless(text);
	while ((line = next_line(&rest))) {
		/* Numbers of 17 digits are shown whole, whatever the width. */
		size_t width = report_print__width(line);

		if (width > (size_t)opts->columns + 40)
			print_error("%s\n", line);
		assert_true(width <= (size_t)opts->columns + 40);
	}
	free(text);
	report__profile_free(&p);
}

static void test_hostile_names(void **state)
{
	struct fixture_name names[NHOSTILE + 1] = { 0 };
	struct report_options opts = options(REPORT_COPIED);
	struct model *m = hostile_growths(names);
	struct report_profile p;
	Gotrace__Pprof__Profile *msg;
	char *text;

	(void)state;
	for (int columns = 60; columns <= 200; columns += 35) {
		opts.columns = columns;
		opts.groups = columns & 1 ? MODEL_STACK : MODEL_ALLOC | MODEL_STACK;
		opts.interval = !opts.interval;
		check_hostile_text(m, names, &opts);
	}
	opts.interval = false;
	p = make(m, names, fixture_types, &opts);
	text = render("folded", &p, &opts, NULL);
	check_harmless(text);
	assert_int_equal(fold_sum(text, ""), p.growth.total.copied);
	free(text);
	msg = decode(&p, &opts);
	check_references(msg);
	for (size_t i = 0; i < msg->n_string_table; i++)
		check_harmless(msg->string_table[i]);
	gotrace__pprof__profile__free_unpacked(msg, NULL);
	report__profile_free(&p);
	model__free(m);
}

/* No line of real data is wider than the terminal. */
static void test_text_width(void **state)
{
	static const int widths[] = { 60, 80, 100, 200 };
	struct report_options opts = options(REPORT_COPIED);
	struct model *m = growth_model();

	(void)state;
	for (int i = 0; i < 8; i++) {
		struct report_profile p;
		char *text, *rest, *line;

		opts.columns = widths[i / 2];
		opts.interval = i & 1;
		p = profile(m, &opts);
		text = rest = render("text", &p, &opts, NULL);
		while ((line = next_line(&rest))) {
			size_t limit = opts.columns < 80 ? 80 : opts.columns;

			if (report_print__width(line) > limit)
				print_error("%s\n", line);
			assert_true(report_print__width(line) <= limit);
		}
		free(text);
		report__profile_free(&p);
	}
	model__free(m);
}

static void test_text_of_nothing(void **state)
{
	struct report_options opts = options(REPORT_COPIED);
	struct model *m = model__new();
	struct report_profile p = profile(m, &opts);
	char *text;

	(void)state;
	text = render("text", &p, &opts, NULL);
	assert_non_null(strstr(text, "\n0 growths, 0 re-growths; 0 B copied in 0 ns\n"));
	assert_non_null(strstr(text, "\n0 shrinks by the collector\n"));
	assert_non_null(strstr(text, "\nseen: 0 stack copies\nlost: 0 stack copies\n"));
	assert_null(strstr(text, "advice"));
	assert_null(strstr(text, "Heaviest"));
	free(text);
	opts.interval = true;
	text = render("text", &p, &opts, NULL);
	assert_non_null(strstr(text, "stacks: 0 growths/s"));
	free(text);
	report__profile_free(&p);
	model__free(m);
}

/* What the summary says of a single row of the fixture, times n. */
static void check_advice(size_t row, uint64_t n, const char *expected)
{
	const struct fixture_growth *f = &fixture_growths[row];
	const struct model_time time = { .start_ns = 1, .now_ns = 1000000001 };
	struct model_growth g = {
		.stack = 1, .start = f->start, .from = f->from, .to = f->to, .kind = f->kind,
		.count = n, .copied = 1000 * n, .timed = n, .ns = 1000 * n, .max_ns = 1000 + n,
	};
	struct report_options opts = options(REPORT_COPIED);
	struct model *m = model__new();
	struct report_profile p;
	uint32_t npcs = 0;
	char *text;

	opts.columns = 500;
	while (f->pc[npcs])
		npcs++;
	model__set_time(m, &time);
	model__add_stack(m, 1, f->pc, npcs, 0);
	model__set_growth(m, &g);
	p = profile(m, &opts);
	text = render("text", &p, &opts, NULL);
	if (expected)
		assert_non_null(strstr(text, expected));
	else
		assert_null(strstr(text, "advice"));
	free(text);
	report__profile_free(&p);
	model__free(m);
}

static void test_advice(void **state)
{
	(void)state;
	check_advice(0, 19, NULL);
	check_advice(0, 997, "advice: copying stacks took 0.10 % of one CPU, 2.00 us at the longest");
	check_advice(0, 10007, "advice: 100 % of the growths are of goroutines started at "
			       "net/http.(*conn).serve: 10007, of which 10007 are a goroutine's first");
	check_advice(4, 10007, "advice: 100 % of the growths are re-growths, to a size that the "
			       "collector had shrunk the stack from, and 100 % of these are of "
			       "goroutines started at main.worker. A run with "
			       "GODEBUG=gcshrinkstackoff=1");
}

static void test_times(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "0 ns" }, { 999, "999 ns" }, { 1000, "1.00 us" }, { 999499, "999 us" },
		{ 999500, "1.00 ms" }, { 12340000, "12.3 ms" }, { 1000000000, "1.00 s" },
		{ 9999000000000, "9999 s" }, { 36000000000000, "10 h" },
		{ UINT64_MAX, "5124096 h" },
	};
	char buf[REPORT_TIME_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(report_print__time(cases[i].ns, buf), cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_unknown_start),
		cmocka_unit_test(test_missing_stack),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_interval),
		cmocka_unit_test(test_text_tables_add_up),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_interval_fits),
		cmocka_unit_test(test_folded),
		cmocka_unit_test(test_pprof),
		cmocka_unit_test(test_pprof_is_read_by_go),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_text_width),
		cmocka_unit_test(test_text_of_nothing),
		cmocka_unit_test(test_advice),
		cmocka_unit_test(test_times),
	};

	return cmocka_run_group_tests_name("report growth", tests, NULL, NULL);
}
