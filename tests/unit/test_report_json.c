// SPDX-License-Identifier: GPL-2.0
/*
 * The json format: each line is a value of the schema and has no field that the schema does not
 * know, and the figures are those of the model.
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
#include <jansson.h>

#include "gc_fixture.h"
#include "growth_fixture.h"
#include "report_output.h"

static json_t *schema;

/* --- a validator for as much of JSON schema as ours uses; anything else fails -------------------- */

static bool valid(const json_t *s, const json_t *v);

static const json_t *resolve(const json_t *s)
{
	const char *ref = json_string_value(json_object_get(s, "$ref"));
	const json_t *to;

	if (!ref)
		return s;
	assert_int_equal(strncmp(ref, "#/$defs/", 8), 0);
	to = json_object_get(json_object_get(schema, "$defs"), ref + 8);
	assert_non_null(to);
	return to;
}

static bool has_type(const char *type, const json_t *v)
{
	if (!strcmp(type, "object"))
		return json_is_object(v);
	if (!strcmp(type, "array"))
		return json_is_array(v);
	if (!strcmp(type, "string"))
		return json_is_string(v);
	if (!strcmp(type, "integer"))
		return json_is_integer(v);
	if (!strcmp(type, "number"))
		return json_is_number(v);
	assert_string_equal(type, "boolean");
	return json_is_boolean(v);
}

static bool valid_object(const json_t *s, const json_t *v)
{
	const json_t *known = json_object_get(s, "properties"), *name, *member;
	const json_t *others = json_object_get(s, "additionalProperties");
	const char *key;
	size_t i;

	json_array_foreach(json_object_get(s, "required"), i, name) {
		if (!json_object_get(v, json_string_value(name)))
			return false;
	}
	json_object_foreach((json_t *)v, key, member) {
		const json_t *of = json_object_get(known, key);

		if (!of)
			of = others;
		if (!of || !valid(of, member))
			return false;
	}
	return true;
}

static bool valid(const json_t *s, const json_t *v)
{
	const json_t *type, *list, *item;
	bool found = false;
	size_t i;

	s = resolve(s);
	if (json_object_get(s, "const"))
		return json_equal(json_object_get(s, "const"), v);
	list = json_object_get(s, "enum");
	if (list) {
		json_array_foreach(list, i, item)
			found = found || json_equal(item, v);
		return found;
	}
	type = json_object_get(s, "type");
	assert_non_null(type);
	if (!has_type(json_string_value(type), v))
		return false;
	json_array_foreach(v, i, item) {
		if (!valid(json_object_get(s, "items"), item))
			return false;
	}
	return !json_is_object(v) || valid_object(s, v);
}

/* Is it a line of exactly one kind? */
static bool valid_line(const json_t *v)
{
	const json_t *of;
	int n = 0;
	size_t i;

	json_array_foreach(json_object_get(schema, "oneOf"), i, of)
		n += valid(of, v);
	return n == 1;
}

static int load_schema(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	if (report__json_schema(f) || fclose(f))
		return -1;
	schema = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	return schema ? 0 : -1;
}

static int free_schema(void **state)
{
	(void)state;
	json_decref(schema);
	return 0;
}

/* --- lines ------------------------------------------------------------------------------------------ */

static struct fixture fixture = { .types = fixture_types };
static struct report_names names;

static struct report_profile profile(const struct model *m, const struct fixture_name *table,
				     const struct report_options *opts)
{
	struct report_profile p;

	fixture.names = table;
	names = fixture_bind(&fixture);
	names.frameless = gc_frameless;
	assert_int_equal(report__profile(m, &names, opts, &p), 0);
	return p;
}

/* All lines as an array; each is checked. */
static json_t *lines_of(const struct report_profile *p, const struct report_options *opts)
{
	char *text = render("json", p, opts, NULL), *rest = text, *line;
	json_t *all = json_array(), *v;

	check_harmless(text);
	while ((line = next_line(&rest))) {
		v = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
		if (!v || !valid_line(v))
			print_error("%s\n", line);
		assert_non_null(v);
		assert_true(valid_line(v));
		json_array_append_new(all, v);
	}
	free(text);
	return all;
}

static const char *text_of(const json_t *v, const char *key)
{
	const char *s = json_string_value(json_object_get(v, key));

	assert_non_null(s);
	return s;
}

static uint64_t number(const json_t *v, const char *key)
{
	const json_t *n = json_object_get(v, key);

	assert_true(json_is_integer(n));
	return json_integer_value(n);
}

static bool is_kind(const json_t *line, const char *kind)
{
	return !strcmp(text_of(line, "kind"), kind);
}

static size_t count(const json_t *lines, const char *kind)
{
	const json_t *line;
	size_t i, n = 0;

	json_array_foreach(lines, i, line)
		n += is_kind(line, kind);
	return n;
}

static uint64_t sum(const json_t *lines, const char *kind, const char *key)
{
	const json_t *line;
	uint64_t n = 0;
	size_t i;

	json_array_foreach(lines, i, line)
		n += is_kind(line, kind) ? number(line, key) : 0;
	return n;
}

/* The n-th line of its kind. */
static const json_t *nth(const json_t *lines, const char *kind, size_t n)
{
	const json_t *line;
	size_t i;

	json_array_foreach(lines, i, line) {
		if (is_kind(line, kind) && !n--)
			return line;
	}
	fail_msg("no such line: %s", kind);
	return NULL;
}

static const json_t *last(const json_t *lines)
{
	const json_t *line = json_array_get(lines, json_array_size(lines) - 1);

	assert_true(is_kind(line, "total"));
	assert_int_equal(count(lines, "total"), 1);
	return line;
}

/* Part of a line as text, to be compared; malloc'ed into one buffer. */
static const char *dump(const json_t *v, const char *key)
{
	static char buf[4096];
	const json_t *part = json_object_get(v, key);
	size_t len = json_dumpb(part, buf, sizeof(buf) - 1, JSON_COMPACT | JSON_ENCODE_ANY);

	assert_in_range(len, 1, sizeof(buf) - 1);
	buf[len] = '\0';
	return buf;
}

/* --- tests ------------------------------------------------------------------------------------------ */

static void test_schema(void **state)
{
	const json_t *of, *defs = json_object_get(schema, "$defs");
	json_t *v = json_pack("{s:s,s:i,s:i}", "kind", "mmu", "window_ns", 1, "worst_stopped_ns", 2);
	size_t i, n = 0;

	(void)state;
	json_array_foreach(json_object_get(schema, "oneOf"), i, of) {
		const json_t *properties = json_object_get(resolve(of), "properties");

		assert_non_null(json_object_get(json_object_get(properties, "kind"), "const"));
		n++;
	}
	assert_int_equal(n, 12);
	assert_true(json_object_size(defs) > n);
	/* The validator sees what is missing, of another type, and not known. */
	assert_true(valid_line(v));
	json_object_set_new(v, "more", json_integer(1));
	assert_false(valid_line(v));
	json_object_del(v, "more");
	json_object_set_new(v, "window_ns", json_string("1"));
	assert_false(valid_line(v));
	json_object_del(v, "window_ns");
	assert_false(valid_line(v));
	json_decref(v);
}

static void test_header(void **state)
{
	struct report_options opts = fixture_options();
	struct model *m = fixture_model();
	struct report_profile p;
	json_t *lines;
	const json_t *h;

	(void)state;
	opts.longer_ns = 50000;
	for (unsigned int groups = 0; groups < 8; groups++) {
		opts.groups = groups;
		p = profile(m, fixture_names, &opts);
		lines = lines_of(&p, &opts);
		h = json_array_get(lines, 0);
		assert_true(is_kind(h, "header"));
		assert_int_equal(number(h, "format"), 1);
		assert_int_equal(number(h, "pid"), 4711);
		assert_string_equal(text_of(h, "command"), "api");
		assert_string_equal(text_of(h, "go"), "go1.24.4");
		assert_string_equal(text_of(h, "gotrace"), "0.1.0");
		assert_int_equal(number(h, "start_unix_ns"), 1735830245000000000);
		assert_int_equal(number(h, "start_ns"), 1000000000);
		assert_int_equal(number(h, "end_ns"), 31000000000);
		if (!groups)
			assert_string_equal(dump(h, "groups"), "[\"alloc\"]");
		if (groups == 7)
			assert_string_equal(dump(h, "groups"), "[\"alloc\",\"stack\",\"gc\"]");
		if (groups & MODEL_GC)
			assert_int_equal(number(h, "longer_ns"), 50000);
		else
			assert_null(json_object_get(h, "longer_ns"));
		assert_int_equal(count(lines, "alloc") > 0, !groups || groups & MODEL_ALLOC);
		assert_int_equal(count(lines, "mmu"), groups & MODEL_GC ? MODEL_WINDOWS : 0);
		assert_int_equal(!!json_object_get(last(lines), "alloc_bytes"),
				 !groups || groups & MODEL_ALLOC);
		assert_int_equal(!!json_object_get(last(lines), "copied"), !!(groups & MODEL_STACK));
		assert_int_equal(!!json_object_get(last(lines), "assists"), !!(groups & MODEL_GC));
		json_decref(lines);
		report__profile_free(&p);
	}
	model__free(m);
}

static void test_allocs(void **state)
{
	struct report_options opts = fixture_options();
	struct model *m = fixture_model();
	struct report_profile p = profile(m, fixture_names, &opts);
	json_t *lines = lines_of(&p, &opts);
	const json_t *line = nth(lines, "alloc", 2);

	(void)state;
	assert_int_equal(count(lines, "alloc"), p.alloc.nsamples);
	assert_int_equal(sum(lines, "alloc", "objects"), p.alloc.total.objects);
	assert_int_equal(sum(lines, "alloc", "bytes"), p.alloc.total.class_bytes);
	assert_int_equal(sum(lines, "alloc", "requested_bytes"), p.alloc.total.bytes);
	assert_int_equal(number(last(lines), "alloc_objects"), p.alloc.total.objects);
	assert_int_equal(number(json_object_get(last(lines), "seen"), "allocs"),
			 p.counters.seen);
	assert_int_equal(number(line, "objects"), 7919);
	assert_int_equal(number(line, "bytes"), 64872448);
	assert_int_equal(number(line, "requested_bytes"), 60001234);
	assert_null(json_object_get(line, "type"));
	assert_null(json_object_get(line, "cut"));
	assert_string_equal(text_of(line, "via"), "makeslice");
	assert_string_equal(dump(line, "stack"),
		"[{\"func\":\"encoding/json.(*encodeState).string\","
		"\"file\":\"/go/src/encoding/json/encode.go\",\"line\":1031},"
		"{\"func\":\"encoding/json.stringEncoder\","
		"\"file\":\"/go/src/encoding/json/encode.go\",\"line\":617},"
		"{\"func\":\"main.(*server).handle\",\"file\":\"/src/api/server.go\",\"line\":123},"
		"{\"func\":\"net/http.(*conn).serve\",\"file\":\"/go/src/net/http/server.go\","
		"\"line\":2092},"
		"{\"func\":\"runtime.goexit\",\"file\":\"/go/src/runtime/asm_amd64.s\",\"line\":1700}]");
	/* Cut off, and outside of Go: no frame stands for that, and there is no line to tell. */
	line = nth(lines, "alloc", 8);
	assert_true(json_is_true(json_object_get(line, "cut")));
	assert_string_equal(dump(line, "stack"), "[{\"func\":\"[libc.so.6]\"}]");
	json_decref(lines);
	report__profile_free(&p);
	model__free(m);
}

static void test_growths(void **state)
{
	struct report_options opts = fixture_options();
	struct model *m = model__new();
	struct report_profile p;
	const json_t *total;
	json_t *lines;

	(void)state;
	add_growths(m);
	opts.groups = MODEL_STACK;
	p = profile(m, growth_names, &opts);
	lines = lines_of(&p, &opts);
	assert_int_equal(count(lines, "growth"), p.growth.nsamples + p.shrink.nsamples);
	assert_int_equal(sum(lines, "growth", "count"), fixture_copies(false) + fixture_copies(true));
	assert_int_equal(sum(lines, "growth", "copied"), fixture_copied(false) + fixture_copied(true));
	assert_string_equal(text_of(nth(lines, "growth", 0), "growth"), "growth");
	assert_string_equal(text_of(nth(lines, "growth", 4), "growth"), "regrowth");
	assert_string_equal(text_of(nth(lines, "growth", p.growth.nsamples), "growth"), "shrink");
	assert_string_equal(text_of(nth(lines, "growth", 0), "start"), "net/http.(*conn).serve");
	assert_int_equal(number(nth(lines, "growth", 0), "max_ns"), 91309);
	total = last(lines);
	assert_int_equal(number(total, "growths"), p.growth.total.count);
	assert_string_equal(dump(total, "lost"), "{\"growth_full\":17}");
	assert_string_equal(dump(total, "unmatched"), "{\"growths\":3}");
	json_decref(lines);
	report__profile_free(&p);
	model__free(m);
}

static void check_gc_sums(const json_t *lines, const struct report_profile *p)
{
	const json_t *total = last(lines);

	assert_int_equal(count(lines, "pause"), 2 * GC_CYCLES + GC_STATS);
	assert_int_equal(sum(lines, "pause_site", "count"), 2 * GC_CYCLES + GC_STATS);
	assert_int_equal(number(total, "pauses"), 2 * GC_CYCLES + GC_STATS + 3);
	assert_int_equal(sum(lines, "pause_site", "ns"), p->pause.total.ns);
	assert_int_equal(sum(lines, "pause", "restarted_ns") - sum(lines, "pause", "begin_ns"),
			 number(total, "pause_ns"));
	assert_int_equal(sum(lines, "pause", "stopped_ns") - sum(lines, "pause", "begin_ns"),
			 sum(lines, "pause_site", "stopping_ns"));
	assert_int_equal(sum(lines, "delay", "count"), gc_delays_count());
	assert_int_equal(number(total, "delays"), gc_delays_count() + 11);
	assert_int_equal(number(total, "delays_under_way"), 2);
	assert_int_equal(number(total, "delay_ns"), sum(lines, "delay", "ns"));
	assert_int_equal(number(total, "assists"), 1009 + 101);
	assert_int_equal(number(total, "assist_ns"), 840 * MS);
	assert_int_equal(number(total, "assist_work_ns"), 330 * MS);
	assert_int_equal(sum(lines, "late_site", "count"), GC_CYCLES);
	assert_string_equal(dump(total, "lost"),
			    "{\"pauses_lost\":3,\"lates_lost\":5,\"delay_stacks_full\":11}");
	assert_string_equal(dump(total, "seen"), "{\"pauses\":210,\"delays\":1916}");
}

static void check_pauses(const json_t *lines)
{
	const json_t *a = nth(lines, "pause", 0), *b = nth(lines, "pause", 1);
	const json_t *stats = nth(lines, "pause", 2), *late = json_object_get(b, "late");

	assert_int_equal(number(a, "seq"), 1);
	assert_string_equal(text_of(a, "reason"), model__reason_name(2));
	assert_true(json_is_true(json_object_get(a, "gc")));
	assert_string_equal(text_of(a, "trigger"), "cycle");
	assert_string_equal(text_of(nth(lines, "pause", 3), "trigger"), "heap");
	assert_int_equal(number(a, "cycle"), 1);
	assert_int_equal(number(a, "requested_ns"), GC_START_NS - 100);
	assert_int_equal(number(a, "begin_ns"), GC_START_NS);
	assert_int_equal(number(a, "stopped_ns"), GC_START_NS + 7 * US);
	assert_int_equal(number(a, "restarting_ns"), GC_START_NS + 20 * US);
	assert_int_equal(number(a, "restarted_ns"), GC_START_NS + 20 * US);
	assert_int_equal(number(a, "heap_begin"), 4096000);
	assert_null(json_object_get(a, "heap_end"));
	assert_null(json_object_get(a, "goroutine"));
	assert_null(json_object_get(a, "late"));
	assert_string_equal(dump(a, "where"), "{\"func\":\"main.(*server).handle\","
					      "\"file\":\"/src/api/server.go\",\"line\":123}");
	assert_string_equal(text_of(a, "start"), "main.main");
	/* Nothing but the runtime's frames: the first of them. */
	assert_string_equal(text_of(json_object_get(b, "where"), "func"), "runtime.gcMarkDone");
	assert_null(json_object_get(b, "trigger"));
	assert_int_equal(number(b, "heap_end"), 2048000);
	assert_string_equal(text_of(late, "how"), "ran");
	assert_int_equal(number(late, "late_ns"), 240 * US);
	assert_int_equal(number(late, "how_ns"), 120 * US);
	assert_int_equal(number(late, "thread"), 7);
	assert_int_equal(number(late, "faults"), 3);
	assert_true(json_is_true(json_object_get(late, "sampled")));
	assert_null(json_object_get(late, "syscall"));
	assert_string_equal(text_of(late, "leaf"), "runtime.memmove");
	assert_string_equal(text_of(json_object_get(late, "where"), "func"), "main.copyBig");
	assert_string_equal(text_of(late, "start"), "main.main");
	assert_false(json_is_true(json_object_get(stats, "gc")));
	assert_null(json_object_get(stats, "cycle"));
	assert_string_equal(text_of(json_object_get(stats, "where"), "func"), "main.readStats");
}

static void test_gc(void **state)
{
	static const char *const delays[] = { "assist", "assist", "sweep", "gc_start", "barrier" };
	struct report_options opts = fixture_options();
	struct model *m = gc_model();
	struct model_cycles c = model__cycles(m);
	struct report_profile p;
	const json_t *line;
	json_t *lines;

	(void)state;
	opts.groups = MODEL_GC;
	p = profile(m, gc_names, &opts);
	lines = lines_of(&p, &opts);
	check_gc_sums(lines, &p);
	check_pauses(lines);
	for (size_t i = 0; i < GC_NDELAYS; i++) {
		line = nth(lines, "delay", i);
		assert_string_equal(text_of(line, "delay"), delays[i]);
		assert_int_equal(number(line, "max_ns"), gc_delays[i].max_ns);
		assert_int_equal(number(line, "work_ns"), gc_delays[i].work_ns);
	}
	line = nth(lines, "late_site", 0);
	assert_string_equal(text_of(line, "how"), "ran");
	assert_string_equal(text_of(line, "leaf"), "runtime.memmove");
	assert_int_equal(number(line, "faults"), 3 * GC_CYCLES);
	line = nth(lines, "cycles", 0);
	assert_int_equal(number(line, "count"), c.count);
	assert_int_equal(number(line, "mark_ns"), c.mark_ns);
	assert_int_equal(number(json_object_get(line, "triggers"), "heap"),
			 c.by_trigger[MODEL_TRIGGER_HEAP]);
	assert_int_equal(number(line, "last_heap_live"), c.last_heap_live);
	for (int i = 0; i < MODEL_WINDOWS; i++) {
		line = nth(lines, "mmu", i);
		assert_int_equal(number(line, "window_ns"), model_windows[i]);
		assert_int_equal(number(line, "worst_stopped_ns"), model__worst_stopped(m, i));
	}
	json_decref(lines);
	report__profile_free(&p);
	model__free(m);
}

/* Whatever is asked for, the lines are of the schema. */
static void test_options(void **state)
{
	const char *include[] = { "main.*", NULL };
	struct model *models[] = { model__new(), gc_model(), fixture_model() };

	(void)state;
	add_growths(models[2]);
	for (unsigned int i = 0; i < 3 * 8; i++) {
		struct report_options opts = fixture_options();
		struct report_profile p;
		json_t *lines;

		opts.groups = 7;
		opts.interval = i & 1;
		opts.runtime_frames = i & 2;
		opts.include = i & 4 ? include : NULL;
		p = profile(models[i / 8], i / 8 == 1 ? gc_names : fixture_names, &opts);
		lines = lines_of(&p, &opts);
		if (i / 8 == 1 && opts.include) {
			assert_true(number(json_object_get(last(lines), "filtered"), "pauses") > 0);
			assert_true(number(json_object_get(last(lines), "filtered"), "delays") > 0);
			/* The events themselves are all there. */
			assert_int_equal(count(lines, "pause"), 2 * GC_CYCLES + GC_STATS);
		}
		json_decref(lines);
		report__profile_free(&p);
	}
	for (int i = 0; i < 3; i++)
		model__free(models[i]);
}

static struct fixture_name hostile_names[NHOSTILE + 1];
static struct fixture_type hostile_types[NHOSTILE + 1];

/* Each name everywhere that a name can be, and numbers that nothing real comes near. */
static struct model *hostile_model(void)
{
	struct model *m = model__new();
	uint64_t pc[NHOSTILE];

	memset(long_name, 'x', sizeof(long_name) - 1);
	for (size_t i = 0; i < NHOSTILE; i++) {
		hostile_names[i] = (struct fixture_name){
			i + 1, { .func = hostile[i], .file = hostile[i], .line = -1, .go = true }
		};
		hostile_types[i] = (struct fixture_type){ i + 1, hostile[i] };
		pc[i] = i + 1;
	}
	for (size_t i = 0; i < NHOSTILE; i++) {
		struct model_growth g = { .stack = i + 1, .start = i + 1, .from = UINT32_MAX,
					  .kind = i % 3, .count = 1, .max_ns = UINT64_MAX };
		struct model_delay d = { .stack = i + 1, .kind = i % 4, .count = UINT64_MAX >> 8 };
		struct model_late l = { .seq = i + 1, .tid = UINT32_MAX, .how = i % MODEL_LATE_MAX,
					.late_ns = 1, .stack = i + 1, .start = i + 1, .sampled = i & 1,
					.syscall = i & 2 };
		struct model_pause p = { .seq = i + 1, .reason = i * 1000, .restarted_ns = 1,
					 .goid = UINT64_MAX, .start = i + 1, .stack = i + 1,
					 .trigger = i % MODEL_TRIGGER_MAX };

		assert_int_equal(model__add_stack(m, i + 1, pc + i, NHOSTILE - i, 0), 0);
		assert_int_equal(model__set_alloc(m, i + 1, i + 1, UINT64_MAX >> 8, 1, 1), 0);
		assert_int_equal(model__set_growth(m, &g), 0);
		assert_int_equal(model__set_delay(m, &d), 0);
		assert_int_equal(model__add_late(m, &l), 0);
		assert_int_equal(model__add_pause(m, &p), 0);
	}
	return m;
}

static void test_hostile_names(void **state)
{
	struct report_options opts = fixture_options();
	struct model *m = hostile_model();
	struct report_profile p;
	json_t *lines;

	(void)state;
	opts.groups = 7;
	fixture.types = hostile_types;
	p = profile(m, hostile_names, &opts);
	lines = lines_of(&p, &opts);
	assert_int_equal(count(lines, "alloc"), p.alloc.nsamples);
	assert_int_equal(count(lines, "pause"), NHOSTILE);
	assert_int_equal(number(nth(lines, "growth", 0), "max_ns"), INT64_MAX);
	assert_int_equal(number(nth(lines, "pause", 0), "goroutine"), INT64_MAX);
	assert_string_equal(text_of(json_object_get(nth(lines, "pause", 7), "where"), "func"), "??");
	json_decref(lines);
	report__profile_free(&p);
	model__free(m);
	fixture.types = fixture_types;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schema),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_allocs),
		cmocka_unit_test(test_growths),
		cmocka_unit_test(test_gc),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_hostile_names),
	};

	return cmocka_run_group_tests_name("report json", tests, load_schema, free_schema);
}
