/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The profile: trimming, filters, merging, losses, intervals, and the way into the allocator.
 * Whatever is shown, filtered or lost adds up to what the model holds.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <cmocka.h>

#include "report/via.h"
#include "report_fixture.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static struct fixture fx;

/* Builds a profile of m; everything in it must add up to the model. */
static struct report_profile make(const struct model *m, const struct report_options *opts)
{
	struct report_names names;
	struct report_profile p;
	struct report_sample sum = { 0 };
	struct model_alloc total = model__total(m);

	fx = (struct fixture){ .names = fixture_names, .types = fixture_types };
	names = fixture_bind(&fx);
	assert_int_equal(report__profile(m, &names, opts, &p), 0);
	for (size_t i = 0; i < p.alloc.nsamples; i++) {
		sum.objects += p.alloc.samples[i].objects;
		sum.bytes += p.alloc.samples[i].bytes;
		sum.class_bytes += p.alloc.samples[i].class_bytes;
	}
	assert_int_equal(p.alloc.total.objects, sum.objects + p.alloc.lost.objects);
	assert_int_equal(p.alloc.total.bytes, sum.bytes + p.alloc.lost.bytes);
	assert_int_equal(p.alloc.total.class_bytes, sum.class_bytes + p.alloc.lost.class_bytes);
	if (!opts->interval)
		assert_int_equal(p.alloc.total.objects + p.alloc.filtered.objects,
				 total.objects + model__total_loss(m, MODEL_ALLOC).objects);
	return p;
}

/* A model of one allocation of 7 objects. */
static struct model *one(const uint64_t *pc, uint32_t n, uint32_t flags)
{
	struct model *m = model__new();

	assert_non_null(m);
	assert_int_equal(model__add_stack(m, 1, pc, n, flags), 0);
	assert_int_equal(model__set_alloc(m, 1, 0, 7, 71, 112), 0);
	return m;
}

static void test_trims_leading_runtime_frames(void **state)
{
	const uint64_t pc[] = { 0x401000, 0x401100, 0x500500, 0x501000 };
	struct report_options opts = fixture_options();
	struct model *m = one(pc, 4, 0);
	struct report_profile p = make(m, &opts);

	(void)state;
	assert_int_equal(p.alloc.nsamples, 1);
	assert_int_equal(p.alloc.samples[0].nframes, 2);
	assert_int_equal(p.alloc.samples[0].ntrimmed, 2);
	assert_string_equal(p.alloc.samples[0].frames[0].func, "main.init.0");
	assert_string_equal(p.alloc.samples[0].frames[1].func, "runtime.main");
	assert_int_equal(p.alloc.samples[0].pcs[0], 0x500500 - 1);
	assert_string_equal(p.alloc.samples[0].via, "newobject");
	assert_string_equal(p.alloc.samples[0].type, "");
	assert_false(p.alloc.samples[0].cut);
	assert_int_equal(fx.exact_lookups, 1);
	report__profile_free(&p);

	opts.runtime_frames = true;
	p = make(m, &opts);
	assert_int_equal(p.alloc.samples[0].nframes, 4);
	assert_int_equal(p.alloc.samples[0].ntrimmed, 0);
	assert_int_equal(p.alloc.samples[0].pcs[0], 0x401000);
	assert_int_equal(p.alloc.samples[0].pcs[1], 0x401100 - 1);
	report__profile_free(&p);
	model__free(m);
}

static void test_keeps_runtime_frames_if_nothing_else_remains(void **state)
{
	const uint64_t pc[] = { 0x401000, 0x401100, 0x501000 };
	struct report_options opts = fixture_options();
	struct model *m = one(pc, 3, GT_STACK_CUT_READ);
	struct report_profile p = make(m, &opts);

	(void)state;
	assert_int_equal(p.alloc.samples[0].nframes, 4);
	assert_string_equal(p.alloc.samples[0].frames[0].func, "runtime.mallocgc");
	assert_string_equal(p.alloc.samples[0].frames[3].func, "gotrace.truncated");
	assert_true(p.alloc.samples[0].cut);
	report__profile_free(&p);
	model__free(m);
}

/* main.readBody is inlined into a frame whose innermost line is runtime.makeslice. */
static void test_trims_a_part_of_a_location(void **state)
{
	const uint64_t pc[] = { 0x401000, 0x402000, 0x500200 };
	struct report_options opts = fixture_options();
	struct model *m = one(pc, 3, 0);
	struct report_profile p = make(m, &opts);

	(void)state;
	assert_int_equal(p.alloc.samples[0].nframes, 2);
	assert_string_equal(p.alloc.samples[0].frames[0].func, "main.readBody");
	assert_false(p.alloc.samples[0].frames[0].inlined);
	assert_string_equal(p.alloc.samples[0].via, "makeslice");
	report__profile_free(&p);

	opts.runtime_frames = true;
	p = make(m, &opts);
	assert_int_equal(p.alloc.samples[0].nframes, 4);
	assert_true(p.alloc.samples[0].frames[1].inlined);
	assert_int_equal(p.alloc.samples[0].pcs[1], p.alloc.samples[0].pcs[2]);
	report__profile_free(&p);
	model__free(m);
}

/* No pc of this stack has a frame: all were wrappers, or the names know nothing. */
static void test_stack_without_frames(void **state)
{
	const uint64_t pc[] = { 0x999, 0 };
	struct report_options opts = fixture_options();
	struct model *m = one(pc, 2, 0);
	struct report_profile p = make(m, &opts);

	(void)state;
	assert_int_equal(p.alloc.nsamples, 1);
	assert_int_equal(p.alloc.samples[0].nframes, 1);
	assert_string_equal(p.alloc.samples[0].frames[0].func, "[unknown]");
	assert_int_equal(p.alloc.samples[0].pcs[0], 0x999);
	report__profile_free(&p);
	model__free(m);
}

static void test_each_pc_is_looked_up_once(void **state)
{
	struct report_options opts = fixture_options();
	struct model *m = fixture_model();
	struct report_profile p = make(m, &opts);
	int pcs = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fixture_names); i++)
		pcs += i && fixture_names[i].pc && fixture_names[i].pc != fixture_names[i - 1].pc;
	assert_int_equal(fx.lookups, pcs + 1);
	report__profile_free(&p);
	model__free(m);
}

/* Stacks that differ in trimmed frames only become one sample; other types and ways in do not. */
static void test_merges_what_looks_the_same(void **state)
{
	static const uint64_t stacks[][4] = {
		{ 0x401000, 0x401300, 0x500500, 0 },
		{ 0x401000, 0x401400, 0x401300, 0x500500 }, /* rawstring <- makeslice: makeslice */
		{ 0x401000, 0x401100, 0x500500, 0 },	    /* newobject */
	};
	struct report_options opts = fixture_options();
	struct model *m = model__new();
	struct report_profile p;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		model__add_stack(m, i + 1, stacks[i], stacks[i][3] ? 4 : 3, 0);
		model__set_alloc(m, i + 1, 0, 3 + i, 30, 48);
	}
	model__set_alloc(m, 1, 0x600300, 11, 110, 176);
	p = make(m, &opts);
	assert_int_equal(p.alloc.nsamples, 3);
	assert_int_equal(p.alloc.samples[0].objects, 3 + 4);
	assert_string_equal(p.alloc.samples[0].via, "makeslice");
	assert_string_equal(p.alloc.samples[1].via, "newobject");
	assert_int_equal(p.alloc.samples[2].objects, 11);
	assert_string_equal(p.alloc.samples[2].type, "telemetry.Span");
	report__profile_free(&p);
	model__free(m);
}

static void check_filter(const char **include, const char **exclude, uint64_t kept)
{
	struct report_options opts = fixture_options();
	struct model *m = fixture_model();
	struct model_counters c = *model__counters(m);
	struct report_profile p;

	c.loss[c.nloss++] = (struct model_loss){ MODEL_ALLOC, "full", "full", 17, 170, 272 };
	model__set_counters(m, &c);
	opts.include = include;
	opts.exclude = exclude;
	p = make(m, &opts);
	assert_int_equal(p.alloc.total.objects - p.alloc.lost.objects, kept);
	assert_int_equal(p.alloc.lost.objects, 17);
	report__profile_free(&p);
	model__free(m);
}

static uint64_t all_objects(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < FIXTURE_NALLOCS; i++)
		sum += fixture_allocs[i].objects;
	return sum;
}

static void test_filters(void **state)
{
	const char *json[] = { "encoding/json.*", NULL };
	const char *json_or_init[] = { "*json*", "main.init.?", NULL };
	const char *bare[] = { "json", NULL };
	const char *everything[] = { "*", NULL };
	const char *trimmed[] = { "runtime.newobject", NULL };
	const char *cut[] = { "gotrace.truncated", NULL };
	const char *none[] = { NULL };
	const uint64_t in_json = 7919 + 65537, in_init = 127, in_cut = 31337 + 13;

	(void)state;
	check_filter(NULL, NULL, all_objects());
	check_filter(none, none, all_objects());
	check_filter(json, NULL, in_json);
	check_filter(json_or_init, NULL, in_json + in_init);
	check_filter(bare, NULL, 0); /* a glob covers the whole name */
	check_filter(NULL, json, all_objects() - in_json);
	check_filter(json_or_init, json, in_init);
	check_filter(everything, NULL, all_objects());
	check_filter(NULL, everything, 0);
	check_filter(NULL, trimmed, all_objects()); /* not shown, not matched */
	check_filter(NULL, cut, all_objects() - in_cut);
}

static void test_losses(void **state)
{
	struct report_options opts = fixture_options();
	struct model *m = fixture_model();
	struct model_counters c = { .seen = 1, .nloss = 2 };
	struct report_profile p;

	(void)state;
	c.loss[0] = (struct model_loss){ MODEL_ALLOC, "table full", "full", 101, 1010, 1616 };
	c.loss[1] = (struct model_loss){ MODEL_ALLOC, "collision", "collision", 0, 0, 0 };
	model__set_counters(m, &c);
	model__set_alloc(m, 4242, 0x600000, 19, 190, 304);
	model__set_alloc(m, 4243, 0, 23, 230, 368);
	p = make(m, &opts);
	assert_int_equal(p.alloc.lost.objects, 101 + 19 + 23);
	assert_int_equal(p.alloc.lost.bytes, 1010 + 190 + 230);
	assert_int_equal(p.alloc.lost.class_bytes, 1616 + 304 + 368);
	assert_int_equal(p.alloc.lost.nframes, 1);
	assert_string_equal(p.alloc.lost.frames[0].func, "gotrace.lost");
	assert_int_equal(p.counters.nloss, 3);
	assert_string_equal(p.counters.loss[2].cause, "stack missing");
	assert_int_equal(p.counters.loss[2].objects, 42);
	report__profile_free(&p);

	/* No free row: nothing may be lost on the way to the report. */
	c.nloss = MODEL_LOSS_MAX;
	for (int i = 0; i < MODEL_LOSS_MAX; i++)
		c.loss[i] = (struct model_loss){ MODEL_ALLOC, "cause", "key", 1, 1, 1 };
	model__set_counters(m, &c);
	p = make(m, &opts);
	assert_int_equal(p.alloc.lost.objects, MODEL_LOSS_MAX + 42);
	assert_string_equal(p.counters.loss[MODEL_LOSS_MAX - 1].cause, "other");
	report__profile_free(&p);
	model__free(m);
}

static void test_interval(void **state)
{
	struct report_options opts = fixture_options();
	struct model *m = fixture_model();
	struct model_time time = *model__time(m);
	struct model_counters c = *model__counters(m);
	struct report_profile p;

	(void)state;
	c.loss[c.nloss++] = (struct model_loss){ MODEL_ALLOC, "full", "full", 17, 170, 272 };
	model__set_counters(m, &c);
	model__mark(m);
	c.loss[0].objects += 2;
	c.seen += 5;
	time.now_ns += 500000000;
	model__set_counters(m, &c);
	model__set_time(m, &time);
	model__set_alloc(m, 1, 0x600000, fixture_allocs[0].objects + 3,
			 fixture_allocs[0].bytes + 303, fixture_allocs[0].class_bytes + 336);

	opts.interval = true;
	p = make(m, &opts);
	assert_int_equal(p.alloc.nsamples, 1);
	assert_int_equal(p.alloc.samples[0].objects, 3);
	assert_int_equal(p.alloc.samples[0].bytes, 303);
	assert_int_equal(p.alloc.samples[0].class_bytes, 336);
	assert_int_equal(p.alloc.lost.objects, 2);
	assert_int_equal(p.counters.seen, 5);
	assert_true(p.seconds > 0.499 && p.seconds < 0.501);
	report__profile_free(&p);

	opts.interval = false;
	p = make(m, &opts);
	assert_int_equal(p.alloc.total.objects, all_objects() + 3 + 19);
	assert_true(p.seconds > 30.49 && p.seconds < 30.51);
	report__profile_free(&p);
	model__free(m);
}

static void test_empty_model(void **state)
{
	struct report_options opts = fixture_options();
	struct model *m = model__new();
	struct report_profile p = make(m, &opts), zero = { 0 };

	(void)state;
	assert_int_equal(p.alloc.nsamples, 0);
	assert_int_equal(p.alloc.total.objects, 0);
	assert_true(p.seconds == 0);
	report__profile_free(&p);
	report__profile_free(&p);
	report__profile_free(&zero);
	report__profile_free(NULL);
	model__free(m);
}

struct via_case {
	const char *via, *type;
	const char *funcs[6]; /* leaf first */
};

static const struct via_case via_cases[] = {
	{ "newobject", "T", { "runtime.mallocgc", "runtime.newobject", "main.f" } },
	{ "closure",
	  "struct { F uintptr; X0 int }",
	  { "runtime.mallocgc", "runtime.newobject", "main.f" } },
	{ "newobject", "T", { "runtime.mallocgcSmallScanNoHeaderSC3", "main.f" } },
	{ "newobject", "", { "runtime.mallocgcTinySC2", "main.f" } },
	{ "closure", "struct { F uintptr; X0 int }", { "runtime.mallocgc", "main.f" } },
	{ "closure",
	  "noalg.struct { F uintptr; R int }",
	  { "runtime.mallocgcSmallNoScanSC2", "main.f" } },
	{ "newobject", "struct { Fx uintptr }", { "runtime.mallocgc", "main.f" } },
	{ "makeslice",
	  "",
	  { "runtime.mallocgcLarge", "runtime.mallocgc", "runtime.makeslice", "main.f" } },
	{ "makeslice", "", { "runtime.mallocgc", "runtime.makeslicecopy", "main.f" } },
	{ "makeslice",
	  "",
	  { "runtime.mallocgc", "runtime.makeslice", "runtime.makeslice64", "main.f" } },
	{ "growslice", "", { "runtime.mallocgc", "runtime.growslice", "main.f" } },
	{ "growslice",
	  "",
	  { "runtime.mallocgc", "runtime.growslice", "runtime.growsliceBuf", "main.f" } },
	{ "growslice", "", { "runtime.mallocgc", "runtime.moveSliceNoCap", "main.f" } },
	{ "string",
	  "",
	  { "runtime.mallocgc", "runtime.rawstring", "runtime.rawstringtmp",
	    "runtime.concatstrings", "runtime.concatstring2", "main.f" } },
	{ "string", "", { "runtime.mallocgc", "runtime.slicebytetostring", "main.f" } },
	{ "string",
	  "",
	  { "runtime.mallocgc", "runtime.rawbyteslice", "runtime.stringtoslicebyte", "main.f" } },
	{ "string",
	  "",
	  { "runtime.mallocgc", "runtime.rawruneslice", "runtime.stringtoslicerune", "main.f" } },
	{ "string", "", { "runtime.mallocgc", "runtime.intstring", "main.f" } },
	{ "map",
	  "T",
	  { "runtime.mallocgc", "runtime.newobject", "runtime.makemap_small", "main.f" } },
	{ "map",
	  "T",
	  { "runtime.mallocgc", "runtime.newarray", "internal/runtime/maps.newGroups",
	    "internal/runtime/maps.(*Map).growToSmall", "runtime.mapassign_faststr", "main.f" } },
	{ "map", "T", { "runtime.mallocgc", "internal/runtime/maps.newarray", "main.f" } },
	{ "chan", "T", { "runtime.mallocgc", "runtime.makechan", "main.f" } },
	{ "conversion", "int", { "runtime.mallocgc", "runtime.convT64", "main.f" } },
	{ "conversion", "string", { "runtime.mallocgc", "runtime.convTstring", "main.f" } },
	{ "goroutine",
	  "runtime.g",
	  { "runtime.mallocgc", "runtime.newobject", "runtime.malg", "runtime.newproc1",
	    "runtime.newproc.func1", "runtime.systemstack" } },
	{ "defer",
	  "runtime._defer",
	  { "runtime.mallocgc", "runtime.newobject", "runtime.newdefer", "runtime.deferproc",
	    "main.f" } },
	{ "panic",
	  "T",
	  { "runtime.mallocgc", "runtime.newobject", "runtime.goPanicIndex", "main.f" } },
	{ "array", "T", { "runtime.mallocgc", "runtime.newarray", "main.f" } },
	{ "newobject", "T", { "runtime.mallocgc", "reflect.unsafe_New", "reflect.New", "main.f" } },
	{ "array",
	  "T",
	  { "runtime.mallocgc", "reflect.unsafe_NewArray", "reflect.MakeSlice", "main.f" } },
	{ "growslice",
	  "T",
	  { "runtime.mallocgc", "runtime.growslice", "reflect.growslice", "main.f" } },
	{ "growslice", "T", { "runtime.mallocgc", "reflect.growslice", "main.f" } },
	{ "map", "T", { "runtime.mallocgc", "reflect.mapassign_faststr0", "main.f" } },
	{ "chan", "T", { "runtime.mallocgc", "reflect.makechan", "main.f" } },
	{ "string",
	  "",
	  { "runtime.mallocgc", "internal/bytealg.MakeNoZero", "strings.(*Builder).grow" } },
	{ "runtime", "T", { "runtime.mallocgc", "runtime.persistentSomething", "main.f" } },
	{ "runtime", "T", { "runtime.mallocgc", "runtime.bgsweep", "runtime.goexit" } },
	{ "runtime", "T", { "runtime.mallocgc" } },
	{ "runtime", "T", { "main.f" } },
};

static void test_via(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(via_cases); i++) {
		const struct via_case *c = &via_cases[i];
		struct report_frame frames[6] = { 0 };
		int n = 0, nruntime = 0;

		for (; n < 6 && c->funcs[n]; n++)
			frames[n].func = c->funcs[n];
		while (nruntime < n && report__is_runtime(frames[nruntime].func))
			nruntime++;
		assert_string_equal(report__via(frames, n, nruntime, c->type), c->via);
	}
}

static void test_is_runtime(void **state)
{
	(void)state;
	assert_true(report__is_runtime("runtime.mallocgc"));
	assert_true(report__is_runtime("internal/runtime/maps.NewMap"));
	assert_true(report__is_runtime("runtime/internal/sys.Prefetch"));
	assert_false(report__is_runtime("runtime/debug.Stack"));
	assert_false(report__is_runtime("runtime"));
	assert_false(report__is_runtime("runtimex.f"));
	assert_false(report__is_runtime("example.com/runtime.f"));
	assert_false(report__is_runtime(""));
}

/* Names of many pcs, computed: a function of its own for each. */
static int computed_frames(void *ctx, uint64_t pc, bool exact, struct report_frame *out, int max)
{
	static char names[4096][16];
	char *name = names[pc % 4096];

	(void)ctx;
	(void)exact;
	(void)max;
	snprintf(name, sizeof(names[0]), "main.f%d", (int)(pc % 4096));
	out[0] = (struct report_frame){ .func = name, .file = "/main.go", .line = 1, .go = true };
	return 1;
}

/* 100,000 stacks of 30 frames, all different. Time is printed, not judged. */
static void test_many_stacks(void **state)
{
	const uint64_t n = 100003;
	struct report_names names = { .frames = computed_frames, .type = fixture_type_name };
	struct report_options opts = fixture_options();
	struct model *m = model__new();
	struct report_profile p;
	struct report_run run = fixture_run();
	struct timespec start, end;
	uint64_t x = 1;
	FILE *null = fopen("/dev/null", "w");

	(void)state;
	assert_non_null(null);
	for (uint64_t i = 1; i <= n; i++) {
		uint64_t pc[30];

		for (int k = 0; k < 30; k++) {
			x = x * 6364136223846793005ULL + 1442695040888963407ULL;
			pc[k] = 4096 + (x >> 40) % 4096;
		}
		assert_int_equal(model__add_stack(m, i, pc, 30, 0), 0);
		assert_int_equal(model__set_alloc(m, i, 0, 1, 10, 16), 0);
	}
	clock_gettime(CLOCK_MONOTONIC, &start);
	assert_int_equal(report__profile(m, &names, &opts, &p), 0);
	assert_int_equal(p.alloc.total.objects, n);
	assert_int_equal(p.alloc.nsamples, n);
	assert_int_equal(report__text(null, &p, &run, &opts), 0);
	assert_int_equal(report__folded(null, &p, &run, &opts), 0);
	assert_int_equal(report__pprof(null, &p, &run, &opts), 0);
	clock_gettime(CLOCK_MONOTONIC, &end);
	print_message("profile and three formats of %d stacks: %.2f s\n", (int)n,
		      end.tv_sec - start.tv_sec + (end.tv_nsec - start.tv_nsec) / 1e9);
	fclose(null);
	report__profile_free(&p);
	model__free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trims_leading_runtime_frames),
		cmocka_unit_test(test_keeps_runtime_frames_if_nothing_else_remains),
		cmocka_unit_test(test_trims_a_part_of_a_location),
		cmocka_unit_test(test_stack_without_frames),
		cmocka_unit_test(test_each_pc_is_looked_up_once),
		cmocka_unit_test(test_merges_what_looks_the_same),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_losses),
		cmocka_unit_test(test_interval),
		cmocka_unit_test(test_empty_model),
		cmocka_unit_test(test_via),
		cmocka_unit_test(test_is_runtime),
		cmocka_unit_test(test_many_stacks),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
