/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The formats: one profile, written as text, folded stacks and pprof, read back and added up. All
 * agree with each other and with the model, and no name of the binary breaks any of them.
 */
#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#include "report_output.h"

/* The fixture's model, with losses of two causes and a stack that is missing. */
static struct model *lossy_model(void)
{
	struct model *m = fixture_model();
	struct model_counters c;

	assert_non_null(m);
	c = *model__counters(m);
	c.nloss = 2;
	c.loss[0] =
		(struct model_loss){ MODEL_ALLOC, "call-site table full", "allocs_full", 1201, 90001, 98765 };
	c.loss[1] = (struct model_loss){ MODEL_ALLOC, "preempted", "contended", 7, 71, 112 };
	c.cut_depth = 31337;
	c.cut_foreign = 13;
	model__set_counters(m, &c);
	model__set_alloc(m, 99, 0, 3, 30, 48);
	return m;
}

/* Objects of a row: the third figure, after "12.3 MiB  4.5". -1: not a row of a table. */
static long long row_objects(const char *line)
{
	double bytes, pct;
	long long objects, avg;
	char unit[4];

	if (sscanf(line, "%lf %3[KMGTPEiB] %lf %lld %lld", &bytes, unit, &pct, &objects, &avg) != 5)
		return -1;
	return objects;
}

/* Every table's rows add up to its last line. Returns the number of tables. */
static int check_tables(char *text, uint64_t total)
{
	long long sum = 0, objects;
	int tables = 0;
	char *line;

	while ((line = next_line(&text))) {
		objects = row_objects(line);
		if (objects < 0)
			continue;
		if (strlen(line) > 5 && !strcmp(line + strlen(line) - 5, "total")) {
			assert_int_equal(objects, sum);
			assert_int_equal(objects, total);
			sum = 0;
			tables++;
		} else {
			sum += objects;
		}
	}
	assert_int_equal(sum, 0);
	return tables;
}

static void test_text_tables_add_up(void **state)
{
	struct report_options opts = fixture_options();
	struct model *m = lossy_model();
	struct report_profile p;

	(void)state;
	for (int top = 0; top <= 7; top++) {
		for (int metric = 0; metric < 2; metric++) {
			char *text;

			opts.top = top;
			opts.metric = metric;
			p = make(m, fixture_names, fixture_types, &opts);
			text = render("text", &p, &opts, NULL);
			assert_int_equal(check_tables(text, p.alloc.total.objects), 3);
			free(text);
			report__profile_free(&p);
		}
	}
	opts.interval = true;
	p = make(m, fixture_names, fixture_types, &opts);
	{
		char *text = render("text", &p, &opts, NULL);

		assert_int_equal(check_tables(text, p.alloc.total.objects), 1);
		free(text);
	}
	report__profile_free(&p);
	model__free(m);
}

/* An interval's text is the same whether the callers of the call sites are looked at or not. */
static void test_sites_only(void **state)
{
	struct report_options opts = fixture_options();
	struct model *m = fixture_model();
	struct report_profile p;
	char *text[2];
	int most[2];

	(void)state;
	opts.interval = true;
	for (int i = 0; i < 2; i++) {
		opts.sites_only = i;
		p = make(m, fixture_names, fixture_types, &opts);
		text[i] = render("text", &p, &opts, NULL);
		most[i] = 0;
		for (size_t k = 0; k < p.alloc.nsamples; k++)
			if (most[i] < p.alloc.samples[k].nframes)
				most[i] = p.alloc.samples[k].nframes;
		report__profile_free(&p);
	}
	assert_true(most[0] > 1);
	assert_int_equal(most[1], 1);
	assert_string_equal(text[0], text[1]);
	free(text[0]);
	free(text[1]);
	model__free(m);
}

static void test_text_says_what_is_missing(void **state)
{
	const char *exclude[] = { "main.readBody", NULL };
	struct report_options opts = fixture_options();
	struct model *m = lossy_model();
	struct report_profile p;
	char *text;

	(void)state;
	opts.exclude = exclude;
	p = make(m, fixture_names, fixture_types, &opts);
	text = render("text", &p, &opts, NULL);
	assert_non_null(strstr(text, "lost: 1211 objects, 96.6 KiB"));
	assert_non_null(strstr(text, "call-site table full"));
	assert_non_null(strstr(text, "stack missing"));
	assert_non_null(strstr(text, "stacks cut off: 31350"));
	assert_non_null(strstr(text, "filtered out: 8191 objects, 8.00 MiB"));
	assert_non_null(strstr(text, "mode exact, period 1"));
	assert_non_null(strstr(text, "go1.24.4"));
	assert_null(strchr(text, '\033'));
	free(text);
	report__profile_free(&p);
	model__free(m);
}

static void test_text_of_nothing(void **state)
{
	struct report_options opts = fixture_options();
	struct report_run run = { 0 };
	struct model *m = model__new();
	struct report_profile p = make(m, fixture_names, fixture_types, &opts);
	FILE *out = tmpfile();
	char *text;

	(void)state;
	text = render("text", &p, &opts, NULL);
	assert_non_null(strstr(text, "lost: 0\n"));
	assert_int_equal(check_tables(text, 0), 3);
	free(text);
	/* A run of which nothing is known is no reason to crash. */
	assert_int_equal(report__text(out, &p, &run, &opts), 0);
	assert_int_equal(report__pprof(out, &p, &run, &opts), 0);
	opts.interval = true;
	assert_int_equal(report__text(out, &p, &run, &opts), 0);
	assert_int_equal(report__folded(out, &p, &run, &opts), 0);
	fclose(out);
	report__profile_free(&p);
	model__free(m);
}

/* Colour changes nothing but the escape sequences. */
static void test_text_color(void **state)
{
	struct report_options opts = fixture_options();
	struct model *m = lossy_model();
	struct report_profile p = make(m, fixture_names, fixture_types, &opts);
	char *plain = render("text", &p, &opts, NULL), *color, *to;

	(void)state;
	opts.color = true;
	color = render("text", &p, &opts, NULL);
	assert_non_null(strchr(color, '\033'));
	to = color;
	for (char *from = color; *from; from++) {
		if (*from == '\033')
			from = strchr(from, 'm');
		else
			*to++ = *from;
	}
	*to = '\0';
	assert_string_equal(color, plain);
	free(color);
	free(plain);
	report__profile_free(&p);
	model__free(m);
}

static uint64_t folded(const struct report_profile *p, enum report_metric metric,
		       const char *suffix)
{
	struct report_options opts = fixture_options();
	uint64_t sum;
	char *text;

	opts.metric = metric;
	text = render("folded", p, &opts, NULL);
	sum = fold_sum(text, suffix);
	free(text);
	return sum;
}

static void test_folded(void **state)
{
	struct report_options opts = fixture_options();
	struct model *m = lossy_model();
	struct report_profile p = make(m, fixture_names, fixture_types, &opts);

	(void)state;
	assert_int_equal(folded(&p, REPORT_BYTES, ""), p.alloc.total.class_bytes);
	assert_int_equal(folded(&p, REPORT_OBJECTS, ""), p.alloc.total.objects);
	assert_int_equal(folded(&p, REPORT_OBJECTS, "gotrace.lost"), 1211);
	assert_int_equal(folded(&p, REPORT_OBJECTS,
				"main.(*server).handle;encoding/json.stringEncoder;"
				"encoding/json.(*encodeState).string"),
			 7919 + 65537);
	assert_int_equal(folded(&p, REPORT_OBJECTS, "gotrace.truncated;[libc.so.6]"), 13);
	/* flamegraph.pl would take the ';' of a type argument for a frame's end. */
	assert_int_equal(
		folded(&p, REPORT_OBJECTS, "slices.Grow[go.shape.struct { A int, B string }]"),
		127);
	report__profile_free(&p);
	model__free(m);
}

static void test_pprof_head(void **state)
{
	struct report_options opts = fixture_options();
	struct model *m = lossy_model();
	struct report_profile p = make(m, fixture_names, fixture_types, &opts);
	Gotrace__Pprof__Profile *msg = decode(&p, &opts);
	const Gotrace__Pprof__Mapping *map = msg->mapping[0];

	(void)state;
	check_references(msg);
	assert_int_equal(msg->n_sample_type, 2);
	assert_string_equal(str(msg, msg->sample_type[0]->type), "alloc_objects");
	assert_string_equal(str(msg, msg->sample_type[0]->unit), "count");
	assert_string_equal(str(msg, msg->sample_type[1]->type), "alloc_space");
	assert_string_equal(str(msg, msg->sample_type[1]->unit), "bytes");
	assert_string_equal(str(msg, msg->default_sample_type), "alloc_space");
	assert_string_equal(str(msg, msg->period_type->type), "space");
	assert_string_equal(str(msg, msg->period_type->unit), "bytes");
	assert_int_equal(msg->period, 1);
	assert_int_equal(msg->time_nanos, 1735830245000000000);
	assert_int_equal(msg->duration_nanos, 30000000000);
	assert_int_equal(msg->n_mapping, 1);
	assert_int_equal(map->memory_start, 0x400000);
	assert_int_equal(map->memory_limit, 0x900000);
	assert_int_equal(map->file_offset, 0x1000);
	assert_string_equal(str(msg, map->filename), "/usr/bin/api");
	assert_string_equal(str(msg, map->build_id), "0123456789abcdef");
	assert_true(map->has_functions && map->has_filenames && map->has_line_numbers &&
		    map->has_inline_frames);
	assert_true(has_comment(msg, "command line: gotrace -p 4711 -d 30 -o alloc.pb.gz"));
	assert_true(has_comment(msg, "Go: go1.24.4"));
	assert_true(has_comment(msg, "kernel: 6.18.0"));
	assert_true(has_comment(msg, "mode: exact"));
	assert_true(has_comment(msg, "lost: 1211 objects, 98925 bytes"));
	gotrace__pprof__profile__free_unpacked(msg, NULL);
	report__profile_free(&p);
	model__free(m);
}

/* One pass over the samples: their sums are the profile's, their labels what was put in. */
static void test_pprof_samples(void **state)
{
	struct report_options opts = fixture_options();
	struct model *m = lossy_model();
	struct report_profile p = make(m, fixture_names, fixture_types, &opts);
	Gotrace__Pprof__Profile *msg = decode(&p, &opts);
	uint64_t objects = 0, bytes = 0, lost = 0;

	(void)state;
	assert_int_equal(msg->n_sample, p.alloc.nsamples + 3);
	for (size_t i = 0; i < msg->n_sample; i++) {
		const Gotrace__Pprof__Sample *s = msg->sample[i];

		objects += s->value[0];
		bytes += s->value[1];
		assert_int_equal(label(msg, s, "bytes")->num, s->value[1] / s->value[0]);
		assert_string_equal(str(msg, label(msg, s, "bytes")->num_unit), "bytes");
		if (label(msg, s, "cause"))
			lost += s->value[0];
		else
			assert_string_equal(str(msg, label(msg, s, "via")->str), p.alloc.samples[i].via);
		if (i < p.alloc.nsamples && *p.alloc.samples[i].type)
			assert_string_equal(str(msg, label(msg, s, "type")->str),
					    p.alloc.samples[i].type);
		else
			assert_null(label(msg, s, "type"));
	}
	assert_int_equal(objects, p.alloc.total.objects);
	assert_int_equal(bytes, p.alloc.total.class_bytes);
	assert_int_equal(lost, p.alloc.lost.objects);
	gotrace__pprof__profile__free_unpacked(msg, NULL);
	report__profile_free(&p);
	model__free(m);
}

/* The location of this address whose first line is func; NULL: there is none. */
static const Gotrace__Pprof__Location *find(const Gotrace__Pprof__Profile *msg, uint64_t address,
					    const char *func)
{
	for (size_t i = 0; i < msg->n_location; i++) {
		const Gotrace__Pprof__Location *l = msg->location[i];
		const char *name = str(msg, msg->function[l->line[0]->function_id - 1]->name);

		if (l->address == address && !strcmp(name, func))
			return l;
	}
	return NULL;
}

static void test_pprof_locations(void **state)
{
	struct report_options opts = fixture_options();
	struct model *m = lossy_model();
	struct report_profile p = make(m, fixture_names, fixture_types, &opts);
	Gotrace__Pprof__Profile *msg = decode(&p, &opts);
	const Gotrace__Pprof__Location *l;
	const Gotrace__Pprof__Function *f;

	(void)state;
	/* The innermost first, the caller last. */
	l = find(msg, 0x500100 - 1, "encoding/json.(*encodeState).string");
	assert_non_null(l);
	assert_int_equal(l->n_line, 2);
	assert_int_equal(l->line[0]->line, 1031);
	f = msg->function[l->line[1]->function_id - 1];
	assert_string_equal(str(msg, f->name), "encoding/json.stringEncoder");
	assert_string_equal(str(msg, f->filename), "/go/src/encoding/json/encode.go");
	assert_int_equal(f->start_line, 600);
	assert_int_equal(l->mapping_id, 1);
	/* The runtime's half of this pc was trimmed. */
	l = find(msg, 0x402000 - 1, "main.readBody");
	assert_non_null(l);
	assert_int_equal(l->n_line, 1);
	assert_null(find(msg, 0x402000 - 1, "runtime.makeslice"));
	l = find(msg, 0x7f0000001000 - 1, "[libc.so.6]");
	assert_non_null(l);
	assert_int_equal(l->mapping_id, 0);
	assert_non_null(find(msg, 0, "gotrace.lost"));
	assert_non_null(find(msg, 0, "gotrace.truncated"));
	gotrace__pprof__profile__free_unpacked(msg, NULL);
	report__profile_free(&p);

	opts.runtime_frames = true;
	p = make(m, fixture_names, fixture_types, &opts);
	msg = decode(&p, &opts);
	check_references(msg);
	assert_non_null(find(msg, 0x401000, "runtime.mallocgc")); /* probed: not pc - 1 */
	assert_int_equal(find(msg, 0x402000 - 1, "runtime.makeslice")->n_line, 2);
	gotrace__pprof__profile__free_unpacked(msg, NULL);
	report__profile_free(&p);
	model__free(m);
}

/* Runs go tool pprof on the file and adds up the samples it lists. */
static void go_sums(const char *path, uint64_t *objects, uint64_t *bytes)
{
	char cmd[256], line[4096];
	bool samples = false;
	FILE *raw;

	snprintf(cmd, sizeof(cmd), "go tool pprof -raw %s 2>/dev/null", path);
	raw = popen(cmd, "r");
	assert_non_null(raw);
	*objects = *bytes = 0;
	while (fgets(line, sizeof(line), raw)) {
		unsigned long long n, size;
		int end = 0;

		if (!strncmp(line, "Samples:", 8))
			samples = true;
		else if (!strncmp(line, "Locations", 9))
			samples = false;
		else if (samples && sscanf(line, " %llu %llu%n", &n, &size, &end) == 2 &&
			 line[end] == ':') {
			*objects += n;
			*bytes += size;
		}
	}
	assert_int_equal(pclose(raw), 0);
}

static void test_pprof_is_read_by_go(void **state)
{
	struct report_options opts = fixture_options();
	struct report_run run = fixture_run();
	char path[] = "/tmp/gotrace-test-XXXXXX", cmd[256];
	uint64_t objects, bytes;
	struct report_profile p;
	struct model *m;
	FILE *out;

	(void)state;
	if (system("command -v go >/dev/null 2>&1"))
		skip();
	m = lossy_model();
	p = make(m, fixture_names, fixture_types, &opts);
	out = fdopen(mkstemp(path), "w");
	assert_non_null(out);
	assert_int_equal(report__pprof(out, &p, &run, &opts), 0);
	fclose(out);
	go_sums(path, &objects, &bytes);
	assert_int_equal(objects, p.alloc.total.objects);
	assert_int_equal(bytes, p.alloc.total.class_bytes);
	snprintf(cmd, sizeof(cmd),
		 "go tool pprof -top -nodefraction=0 %s 2>/dev/null |"
		 " grep -q 'gotrace.lost$'",
		 path);
	assert_int_equal(system(cmd), 0);
	snprintf(cmd, sizeof(cmd), "go tool pprof -tree %s >/dev/null 2>&1", path);
	assert_int_equal(system(cmd), 0);
	unlink(path);
	report__profile_free(&p);
	model__free(m);
}

static struct model *hostile_model(struct fixture_name *names, struct fixture_type *types)
{
	struct model *m = model__new();
	uint64_t pc[NHOSTILE + 1];

	memset(long_name, 'x', sizeof(long_name) - 1);
	for (size_t i = 0; i < NHOSTILE; i++) {
		names[i] = (struct fixture_name){
			i + 1, { .func = hostile[i], .file = hostile[i], .line = -1, .go = true }
		};
		types[i] = (struct fixture_type){ i + 1, hostile[i] };
	}
	/* Each name is the leaf once, so that each is a call site. */
	for (size_t i = 0; i < NHOSTILE; i++) {
		for (size_t k = 0; k < NHOSTILE; k++)
			pc[k] = (i + k) % NHOSTILE + 1;
		assert_int_equal(model__add_stack(m, i + 1, pc, NHOSTILE, 0), 0);
		assert_int_equal(model__set_alloc(m, i + 1, i + 1, 1 + i, 10, 1u << i), 0);
	}
	return m;
}

static void test_hostile_names(void **state)
{
	struct fixture_name names[NHOSTILE + 1] = { 0 };
	struct fixture_type types[NHOSTILE + 1] = { 0 };
	struct report_options opts = fixture_options();
	struct model *m = hostile_model(names, types);
	struct report_profile p = make(m, names, types, &opts);
	Gotrace__Pprof__Profile *msg;
	char *text;

	(void)state;
	text = render("text", &p, &opts, NULL);
	check_harmless(text);
	assert_non_null(strstr(text, "caf\303\251.\344\270\226"));
	assert_int_equal(check_tables(text, p.alloc.total.objects), 3);
	free(text);

	text = render("folded", &p, &opts, NULL);
	check_harmless(text);
	assert_int_equal(fold_sum(text, ""), p.alloc.total.class_bytes);
	free(text);

	msg = decode(&p, &opts);
	check_references(msg);
	for (size_t i = 0; i < msg->n_string_table; i++)
		check_harmless(msg->string_table[i]);
	gotrace__pprof__profile__free_unpacked(msg, NULL);
	report__profile_free(&p);
	model__free(m);
}

/* No line is wider than the terminal, whatever the names are. */
static void test_text_width(void **state)
{
	static const int widths[] = { 60, 80, 100, 132, 200 };
	struct fixture_name names[NHOSTILE + 1] = { 0 };
	struct fixture_type types[NHOSTILE + 1] = { 0 };
	struct report_options opts = fixture_options();
	struct model *models[2] = { lossy_model(), hostile_model(names, types) };

	(void)state;
	for (int i = 0; i < 2 * 2 * 5; i++) {
		struct report_profile p;
		char *text, *rest, *line;

		opts.columns = widths[i / 4];
		opts.interval = i & 1;
		p = make(models[i / 2 % 2], i / 2 % 2 ? names : fixture_names,
			 i / 2 % 2 ? types : fixture_types, &opts);
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
	model__free(models[0]);
	model__free(models[1]);
}

static void test_writing_fails(void **state)
{
	struct report_options opts = fixture_options();
	struct report_run run = fixture_run();
	struct model *m = lossy_model();
	struct report_profile p = make(m, fixture_names, fixture_types, &opts);
	const char *const formats[] = { "text", "folded", "pprof", "json" };

	(void)state;
	for (int i = 0; i < 4; i++) {
		for (int buffered = 0; buffered < 2; buffered++) {
			FILE *full = fopen("/dev/full", "w");

			assert_non_null(full);
			if (!buffered)
				setvbuf(full, NULL, _IONBF, 0);
			assert_int_equal(report__format(formats[i])->write(full, &p, &run, &opts),
					 -ENOSPC);
			fclose(full);
		}
	}
	report__profile_free(&p);
	model__free(m);
}

static void check_bytes(uint64_t bytes, const char *expected)
{
	char buf[REPORT_BYTES_LEN];

	assert_string_equal(report_print__bytes(bytes, buf), expected);
}

static void test_units(void **state)
{
	(void)state;
	check_bytes(0, "0 B");
	check_bytes(1023, "1023 B");
	check_bytes(1024, "1.00 KiB");
	check_bytes(10235, "10.0 KiB");
	check_bytes(102348, "99.9 KiB");
	check_bytes(102400, "100 KiB");
	check_bytes(1048063, "1023 KiB");
	check_bytes(1048064, "1.00 MiB");
	check_bytes(1572864, "1.50 MiB");
	check_bytes(1ULL << 40, "1.00 TiB");
	check_bytes(UINT64_MAX, "16.0 EiB");
}

static void test_shorten(void **state)
{
	struct report_arena *a = report_arena__new();

	(void)state;
	assert_string_equal(report_print__shorten(a, "main.handle", 11), "main.handle");
	assert_string_equal(report_print__shorten(a, "main.handleIt", 11), "mai...dleIt");
	assert_string_equal(report_print__shorten(a,
						  "\303\251\303\251\303\251\303\251\303\251\303\251"
						  "\303\251\303\251\303\251",
						  8),
			    "\303\251\303\251...\303\251\303\251\303\251");
	assert_int_equal(report_print__width(report_print__shorten(a, "0123456789", 0)), 8);
	assert_string_equal(report_print__short_func("a.com/b/c.(*T[d.com/e.F]).g"),
			    "c.(*T[d.com/e.F]).g");
	assert_string_equal(report_print__short_func("main.f"), "main.f");
	assert_string_equal(report_print__short_func("a/b.F[x/y.Z]"), "b.F[x/y.Z]");
	assert_string_equal(report_print__base("/a/b.go"), "b.go");
	assert_string_equal(report_print__base("b.go"), "b.go");
	report_arena__free(a);
}

static void test_format_table(void **state)
{
	(void)state;
	assert_string_equal(report__format("text")->name, "text");
	assert_string_equal(report__format("pprof")->view, "go tool pprof -http=: %s");
	assert_true(report__format("pprof")->binary);
	assert_null(report__format("svg"));
	assert_null(report__format(""));
	assert_string_equal(report__format_of("a.txt")->name, "text");
	assert_string_equal(report__format_of("dir/a.folded")->name, "folded");
	assert_string_equal(report__format_of("a.collapsed")->name, "folded");
	assert_string_equal(report__format_of("a.pb.gz")->name, "pprof");
	assert_string_equal(report__format_of("a.pprof")->name, "pprof");
	assert_string_equal(report__format_of("a.pb")->name, "pprof");
	assert_null(report__format_of("a.gz"));
	assert_null(report__format_of("-"));
	assert_null(report__format_of(""));
	assert_string_equal(report__format_of("a.json")->name, "json");
	assert_string_equal(report__format_of("a.ndjson")->name, "json");
	assert_string_equal(report__format_of("a.jsonl")->name, "json");
	assert_null(report__format_of("a.trace.json"));
	assert_string_equal(report__format_names(), "text, folded, pprof, json");
	assert_string_equal(report__format_names(), "text, folded, pprof, json");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_tables_add_up),
		cmocka_unit_test(test_sites_only),
		cmocka_unit_test(test_text_says_what_is_missing),
		cmocka_unit_test(test_text_of_nothing),
		cmocka_unit_test(test_text_color),
		cmocka_unit_test(test_text_width),
		cmocka_unit_test(test_folded),
		cmocka_unit_test(test_pprof_head),
		cmocka_unit_test(test_pprof_samples),
		cmocka_unit_test(test_pprof_locations),
		cmocka_unit_test(test_pprof_is_read_by_go),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_writing_fails),
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_shorten),
		cmocka_unit_test(test_format_table),
	};

	return cmocka_run_group_tests_name("report formats", tests, NULL, NULL);
}
