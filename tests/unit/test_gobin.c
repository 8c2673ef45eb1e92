// SPDX-License-Identifier: GPL-2.0
/*
 * gobin against other people's truth: "go tool nm" for functions, the running fixture for frames
 * (runtime.CallersFrames), types (package reflect) and size classes (runtime.MemStats). Binaries
 * and truth come from build_gobin_fixtures.sh through GOTRACE_TEST_BINARIES; without it only the
 * tests that need no binary run. test_gobin_hostile.c has the damaged input.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gobin/gobin.h"
#include "gotrace/config.h"
#include "gobin/internal.h"

#define FRAMES_MAX 64
#define REPORT_MAX 5 /* differences printed per binary and kind */

/* One line of a truth file, cut at its tabs. */
struct fields {
	char *f[8];
	int n;
};

struct truth_frame {
	uint64_t pc;
	bool inlined;
	char *func, *file;
	int line;
};

struct binary {
	char path[4096];
	const char *variant;
	struct gobin *gb;
	uint64_t bias;
	unsigned int chains, sweeps, types, classes, funcs, bad;
	uint64_t group_pc; /* the "at" line that frames[] belongs to */
	bool sweep, chain;
	struct truth_frame frames[FRAMES_MAX];
	int nframes;
	char *keep[FRAMES_MAX]; /* the lines that frames[] points into */
};

__attribute__((format(printf, 2, 3))) static void differs(struct binary *b, const char *fmt, ...)
{
	va_list ap;

	if (b->bad++ >= REPORT_MAX)
		return;
	fprintf(stderr, "%s: ", b->path);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* --- frames ---------------------------------------------------------------------------------- */

/*
 * CallersFrames leaves out wrappers, but never the innermost frame. Frames of truth from *at on
 * have to be those of got.
 */
static void compare_group(struct binary *b, uint64_t pc, int *at, bool only_first)
{
	struct gobin_frame got[FRAMES_MAX];
	int n = gobin__expand(b->gb, pc, got, FRAMES_MAX);

	if (n < 1) {
		differs(b, "expand(%#llx) = %d, expected %s", (unsigned long long)pc, n,
			b->frames[*at].func);
		*at = b->nframes;
		return;
	}
	for (int i = 0; i < n; i++) {
		const struct truth_frame *t = &b->frames[*at];

		if (i && got[i].wrapper)
			continue;
		if (*at >= b->nframes) {
			differs(b, "%#llx frame %d: got %s, expected no more",
				(unsigned long long)pc, i, got[i].func);
			return;
		}
		/* The runtime takes name offset 0 for "no name" (the first name of the table). */
		if ((*t->func && strcmp(got[i].func, t->func)) || strcmp(got[i].file, t->file) ||
		    got[i].line != t->line || got[i].inlined != t->inlined)
			differs(b, "%#llx frame %d: got %s %s:%d%s, expected %s %s:%d%s",
				(unsigned long long)pc, i, got[i].func, got[i].file, got[i].line,
				got[i].inlined ? " inlined" : "", t->func, t->file, t->line,
				t->inlined ? " inlined" : "");
		++*at;
		if (only_first)
			break;
	}
}

static void finish_sweep(struct binary *b)
{
	/* Until Go 1.22 CallersFrames does not expand a pc by itself. */
	bool only_first = gobin__info(b->gb)->minor < 23;
	int at = 0;

	b->sweeps++;
	if (!b->nframes) {
		struct gobin_frame got[FRAMES_MAX];
		struct gobin_func f;

		/* The fixture asks for pc + 1: beyond the end of the text there is nothing. */
		if (gobin__expand(b->gb, b->group_pc, got, FRAMES_MAX) != -ENOENT &&
		    gobin__func_at(b->gb, b->group_pc + 1, &f) != -ENOENT)
			differs(b, "%#llx: got %s, expected nothing",
				(unsigned long long)b->group_pc, got[0].func);
		return;
	}
	compare_group(b, b->frames[0].pc, &at, only_first);
	if (at != b->nframes)
		differs(b, "%#llx: %d frames, expected %d", (unsigned long long)b->group_pc, at,
			b->nframes);
}

static void finish_group(struct binary *b)
{
	if (b->sweep)
		finish_sweep(b);
	/* A chain is one group of frames per physical function. */
	for (int at = 0; b->chain && at < b->nframes;)
		compare_group(b, b->frames[at].pc, &at, false);
	b->chains += b->chain;
	b->sweep = b->chain = false;
	for (int i = 0; i < b->nframes; i++)
		free(b->keep[i]);
	b->nframes = 0;
}

/* --- the other kinds of truth ---------------------------------------------------------------- */

static uint64_t hex(const char *s)
{
	return strtoull(s, NULL, 16);
}

static void take_frame(struct binary *b, struct fields *l, char *line)
{
	assert_true(l->n == 6 && b->nframes < FRAMES_MAX);
	b->keep[b->nframes] = line;
	b->frames[b->nframes++] = (struct truth_frame){
		.pc = hex(l->f[1]) - b->bias,
		.inlined = l->f[2][0] == '1',
		.func = l->f[3],
		.file = l->f[4],
		.line = atoi(l->f[5]),
	};
}

static void check_type(struct binary *b, struct fields *l)
{
	uint64_t addr = hex(l->f[1]) - b->bias;
	struct gobin_type type = { 0 };
	char name[512];
	int err;

	b->types++;
	err = gobin__type(b->gb, addr, &type);
	if (!err)
		err = gobin__type_name(b->gb, addr, name, sizeof(name));
	if (err)
		differs(b, "type %s at %#llx: %d", l->f[4], (unsigned long long)addr, err);
	else if (strcmp(name, l->f[4]) || type.size != strtoull(l->f[2], NULL, 10) ||
		 type.kind != atoi(l->f[3]))
		differs(b, "type at %#llx: got %s size %llu kind %d, expected %s size %s kind %s",
			(unsigned long long)addr, name, (unsigned long long)type.size, type.kind,
			l->f[4], l->f[2], l->f[3]);
}

static void check_class(struct binary *b, struct fields *l)
{
	uint32_t classes[GOBIN_NCLASS_MAX];
	int n = gobin__size_classes(b->gb, classes), i = atoi(l->f[1]);

	b->classes++;
	if (n != 68 || i >= n || classes[i] != strtoul(l->f[2], NULL, 10))
		differs(b, "size class %d: expected %s", i, l->f[2]);
}

static void check_version(struct binary *b, struct fields *l)
{
	const struct gobin_info *info = gobin__info(b->gb);

	if (strcmp(info->version, l->f[1]) || info->minor != gobin_version_minor(l->f[1]))
		differs(b, "version %s, expected %s", info->version, l->f[1]);
}

static void set_anchor(struct binary *b, struct fields *l)
{
	struct gobin_func f;

	assert_int_equal(gobin__func_by_name(b->gb, "main.main", &f), 0);
	b->bias = hex(l->f[1]) - f.entry;
	assert_int_equal(b->bias & 0xfff, 0);
	if (!gobin__info(b->gb)->pie)
		assert_true(b->bias == 0);
}

/* Takes line over. */
static void truth_line(struct binary *b, char *line)
{
	struct fields l = { .n = 0 };
	char *rest = line;

	line[strcspn(line, "\n")] = '\0';
	while (rest && l.n < 8)
		l.f[l.n++] = strsep(&rest, "\t");
	assert_true(l.n >= 2);
	if (!strcmp(l.f[0], "frame")) {
		take_frame(b, &l, line);
		return;
	}
	finish_group(b);
	if (!strcmp(l.f[0], "version")) {
		check_version(b, &l);
	} else if (!strcmp(l.f[0], "anchor")) {
		set_anchor(b, &l);
	} else if (!strcmp(l.f[0], "chain")) {
		b->chain = true;
	} else if (!strcmp(l.f[0], "at")) {
		b->sweep = true;
		b->group_pc = hex(l.f[1]) - b->bias;
	} else if (!strcmp(l.f[0], "type")) {
		check_type(b, &l);
	} else if (!strcmp(l.f[0], "class")) {
		check_class(b, &l);
	}
	free(line);
}

/*
 * nm's spelling against the pclntab's: an ABI suffix that only symbols have; a middle dot that
 * some versions of the linker and nm print as a period; type arguments, which until Go 1.20 the
 * linker cut out of the pclntab only.
 */
static void normalise(char *dst, size_t size, const char *s)
{
	size_t n = 0, len = strlen(s);
	const char *open = strchr(s, '['), *close = strrchr(s, ']');

	for (const char *p = s; *p && n + 1 < size; p++) {
		if (open && close > open && p == open + 1)
			p = close;
		if ((unsigned char)p[0] == 0xc2 && (unsigned char)p[1] == 0xb7) {
			dst[n++] = '.';
			p++;
		} else {
			dst[n++] = *p;
		}
	}
	dst[n] = '\0';
	if (len > 5 && !strcmp(s + len - 5, ".abi0"))
		dst[n - 5] = '\0';
	else if (len > 12 && !strcmp(s + len - 12, ".abiinternal"))
		dst[n - 12] = '\0';
}

/* "  401000 T runtime.text"; nm lists C functions and markers of the linker too. */
static void check_symbol(struct binary *b, const char *line, uint64_t *last)
{
	const struct gobin_info *info = gobin__info(b->gb);
	char type, name[4096], want[4096], got[4096];
	struct gobin_func f;
	uint64_t addr;
	int skip = 0;

	if (sscanf(line, " %lx %c %n", &addr, &type, &skip) < 2 || !skip)
		return;
	if ((type != 'T' && type != 't') || addr < info->text || addr >= info->etext)
		return;
	snprintf(name, sizeof(name), "%s", line + skip);
	name[strcspn(name, "\n")] = '\0';
	if (!strcmp(name, "runtime.text") || !strcmp(name, "runtime.etext") ||
	    !strncmp(name, "go:textfips", 11) || strstr(name, ".text"))
		return;
	if (gobin__func_at(b->gb, addr, &f)) {
		/* The external linker's own: C code between the Go text's end and etext. */
		differs(b, "no function at %#lx, expected %s", addr, name);
		return;
	}
	b->funcs += addr != *last;
	*last = addr;
	normalise(want, sizeof(want), name);
	normalise(got, sizeof(got), f.name);
	if (f.entry != addr || strcmp(got, want))
		differs(b, "function at %#lx: got %s at %#llx, expected %s", addr, got,
			(unsigned long long)f.entry, want);
}

static void check_symbols(struct binary *b)
{
	const struct gobin_info *info = gobin__info(b->gb);
	char path[4200], *line = NULL;
	uint64_t last = 0;
	size_t cap = 0;
	FILE *nm;

	snprintf(path, sizeof(path), "%s.nm", b->path);
	nm = fopen(path, "r");
	assert_non_null(nm);
	while (getline(&line, &cap, nm) > 0)
		check_symbol(b, line, &last);
	free(line);
	fclose(nm);
	if (b->funcs < info->nfuncs * 95 / 100 || b->funcs > info->nfuncs)
		differs(b, "%u functions in nm, %llu in the pclntab", b->funcs,
			(unsigned long long)info->nfuncs);
}

/* Each function is found by its index, its address and (some of them) its name. */
static void check_functions(struct binary *b)
{
	uint64_t n = gobin__info(b->gb)->nfuncs, end = 0, off, vaddr;
	struct gobin_func f, g;

	for (uint64_t i = 0; i < n; i++) {
		if (gobin__func(b->gb, i, &f) || f.entry < end || f.end < f.entry) {
			differs(b, "function %llu is bad", (unsigned long long)i);
			continue;
		}
		end = f.end;
		if (f.end > f.entry && (gobin__func_at(b->gb, f.end - 1, &g) || g.entry != f.entry))
			differs(b, "%s is not found at its last byte", f.name);
		if (i % 97 == 0 &&
		    (gobin__func_by_name(b->gb, f.name, &g) || strcmp(f.name, g.name)))
			differs(b, "%s is not found by name", f.name);
		if (gobin__file_offset(b->gb, f.entry, &off) ||
		    gobin__exec_vaddr(b->gb, off, &vaddr) || vaddr != f.entry)
			differs(b, "%s has no way back from its file offset", f.name);
	}
	assert_int_equal(gobin__func(b->gb, n, &f), -ERANGE);
	assert_int_equal(gobin__func_by_name(b->gb, "main.noSuchFunction", &f), -ENOENT);
	assert_int_equal(gobin__func_at(b->gb, gobin__info(b->gb)->text - 1, &f), -ENOENT);
}

static void check_info(struct binary *b)
{
	const struct gobin_info *info = gobin__info(b->gb);
	bool ext = strstr(b->variant, "ext"), pie = strstr(b->variant, "pie");
	bool nosect = strstr(b->variant, "nosect"), wiped = strstr(b->variant, "nobuildinfo");

	if (info->pie != pie || info->external_link != ext || info->dynamic != (ext || pie) ||
	    info->stripped != (nosect || strstr(b->variant, "stripped")))
		differs(b, "pie %d, external %d, dynamic %d, stripped %d", info->pie,
			info->external_link, info->dynamic, info->stripped);
	if (info->version_source != (wiped ? GOBIN_VERSION_SYMBOL : GOBIN_VERSION_BUILDINFO))
		differs(b, "version source %d", info->version_source);
	if ((info->pclntab_source == GOBIN_PCLNTAB_SCAN) != nosect)
		differs(b, "pclntab source %d", info->pclntab_source);
	if (strcmp(info->build_mode, pie ? "pie" : "exe") || !*info->build_id ||
	    strcmp(info->path, wiped ? "" : "command-line-arguments"))
		differs(b, "build mode %s, id %s, path %s", info->build_mode, info->build_id,
			info->path);
}

/* Optional truth: the script writes it for unstripped binaries if it has a DWARF reader. */
static void check_offsets(struct binary *b)
{
	const struct gobin_runtime *r = gobin__runtime(b->gb);
	const struct {
		const char *name;
		unsigned int offset;
	} fields[] = {
		{ "g.m", r->g_m },
		{ "g.stack", r->g_stack },
		{ "g.sched", r->g_sched_sp },
		{ "g.goid", r->g_goid },
		{ "g.startpc", r->g_startpc },
		{ "gobuf.pc", (unsigned int)(r->g_sched_pc - r->g_sched_sp) },
		{ "gobuf.bp", (unsigned int)(r->g_sched_bp - r->g_sched_sp) },
		{ "m.p", r->m_p },
		{ "m.curg", r->m_curg },
		{ "p.mcache", r->p_mcache },
		{ "mcache.tiny", r->mcache_tiny },
		{ "mcache.tinyoffset", r->mcache_tiny + 8u },
	};
	char path[4200], name[256];
	unsigned int found = 0;
	int offset;
	FILE *f;

	/* What is read of a g in one go. */
	if (r->g_goid + 8u > GT_G_BYTES || r->g_startpc + 8u > GT_G_BYTES)
		differs(b, "g.goid %d, g.startpc %d", r->g_goid, r->g_startpc);
	/* m.curg and m.p are read in one go as well. */
	if (r->m_p <= r->m_curg || r->m_p - r->m_curg >= 32)
		differs(b, "m.curg %d, m.p %d", r->m_curg, r->m_p);
	snprintf(path, sizeof(path), "%s.offsets", b->path);
	f = fopen(path, "r");
	if (!f)
		return;
	while (fscanf(f, "%255s %i", name, &offset) == 2) {
		for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
			if (strcmp(name, fields[i].name))
				continue;
			found++;
			if ((unsigned int)offset != fields[i].offset)
				differs(b, "%s is at %u, expected %d", name, fields[i].offset,
					offset);
		}
	}
	fclose(f);
	if (found != sizeof(fields) / sizeof(fields[0]))
		differs(b, "%u runtime fields in %s", found, path);
}

static unsigned int check_binary(const char *dir, const char *variant)
{
	struct binary b = { .variant = variant };
	char out[4200], why[GOBIN_WHY_MAX] = "", *line = NULL;
	size_t cap = 0;
	FILE *truth;
	int fd;

	snprintf(b.path, sizeof(b.path), "%s/%s", dir, variant);
	fd = open(b.path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	if (gobin__open(fd, &b.gb, why)) {
		fprintf(stderr, "%s: %s\n", b.path, why);
		close(fd);
		return 1;
	}
	close(fd);
	check_info(&b);
	check_functions(&b);
	check_symbols(&b);
	check_offsets(&b);
	snprintf(out, sizeof(out), "%s.out", b.path);
	truth = fopen(out, "r");
	assert_non_null(truth);
	for (; getline(&line, &cap, truth) > 0; line = NULL, cap = 0)
		truth_line(&b, line);
	free(line);
	fclose(truth);
	assert_true(b.chains >= 27 && b.sweeps > 5000 && b.types >= 40 && b.classes >= 60);
	printf("%-60s %5u functions, %2u chains, %6u pcs, %2u types: %u differ\n", b.path, b.funcs,
	       b.chains, b.sweeps, b.types, b.bad);
	gobin__free(b.gb);
	return b.bad;
}

static int is_version(const struct dirent *d)
{
	return !strncmp(d->d_name, "go1.", 4);
}

static int is_truth(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return len > 4 && !strcmp(d->d_name + len - 4, ".out");
}

static void test_fixtures(void **state)
{
	const char *root = getenv("GOTRACE_TEST_BINARIES");
	struct dirent **versions, **variants;
	unsigned int bad = 0;
	int nversions, n;

	(void)state;
	if (!root) {
		print_message("GOTRACE_TEST_BINARIES is not set: see build_gobin_fixtures.sh\n");
		skip();
	}
	nversions = scandir(root, &versions, is_version, alphasort);
	assert_true(nversions > 0);
	for (int v = 0; v < nversions; v++) {
		char dir[2048];

		snprintf(dir, sizeof(dir), "%s/%s", root, versions[v]->d_name);
		n = scandir(dir, &variants, is_truth, alphasort);
		assert_true(n > 0);
		for (int i = 0; i < n; i++) {
			variants[i]->d_name[strlen(variants[i]->d_name) - 4] = '\0';
			bad += check_binary(dir, variants[i]->d_name);
			free(variants[i]);
		}
		free(variants);
		free(versions[v]);
	}
	free(versions);
	assert_int_equal(bad, 0);
}

/* --- no binary needed ------------------------------------------------------------------------ */

static void test_versions(void **state)
{
	static const struct {
		const char *text;
		int minor;
	} cases[] = {
		{ "go1.24.4", 24 },
		{ "go1.18", 18 },
		{ "go1.21rc2", 21 },
		{ "go1.18beta1", 18 },
		{ "go1.26.11-X:sizespecializedmalloc", 26 },
		{ "go1.22.3 X:boringcrypto", 22 },
		{ "devel go1.20-ac0b2f95a5 Tue Nov 1 17:00:00 2022 +0000", 20 },
		{ "go1.25-devel_3fd729b2a1", 25 },
		{ "go1.19.8+vendor1", 19 },
		{ "devel +ac0b2f95a5 Tue Nov 1", -1 },
		{ "go1.", -1 },
		{ "go1.x", -1 },
		{ "go1.99999999999999999999", -1 },
		{ "go1.21abc", -1 },
		{ "go2.0", -1 },
		{ "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(gobin_version_minor(cases[i].text), cases[i].minor);
}

static void test_spans(void **state)
{
	static const uint8_t bytes[] = { 0xff, 0xff, 0xff, 0xff, 0x0f, 'a', 'b', 0, 'c', 0x80 };
	struct span s = { bytes, sizeof(bytes) };
	uint64_t off = 0, v;
	uint32_t w;

	(void)state;
	assert_true(span_varint(s, &off, &v) && off == 5 && v == 0xffffffff);
	off = 9;
	assert_false(span_varint(s, &off, &v));
	off = UINT64_MAX;
	assert_false(span_varint(s, &off, &v));
	assert_string_equal(span_cstr(s, 5), "ab");
	assert_null(span_cstr(s, 8));
	assert_null(span_cstr(s, UINT64_MAX));
	assert_true(span_u32(s, 6, &w));
	assert_false(span_u32(s, 7, &w));
	assert_false(span_u32(s, UINT64_MAX - 1, &w));
	assert_false(span_holds(s, 1, UINT64_MAX));
	assert_int_equal(span_sub(s, 3, UINT64_MAX).size, 7);
	assert_int_equal(span_sub(s, 11, 1).size, 0);
	assert_true(span_find(s, 6, "b", 1) == 6);
	assert_true(span_find(s, 7, "b", 1) == UINT64_MAX);
}

static void check_printed(int minor, const char *raw, const char *printed)
{
	struct gobin gb = { .info.minor = minor, .layout = gobin_layout(minor) };

	gb.pool = gobin_pool_new();
	assert_non_null(gb.pool);
	assert_string_equal(gobin_print_name(&gb, raw), printed);
	/* The second answer comes from the pool. */
	assert_ptr_equal(gobin_print_name(&gb, raw), gobin_print_name(&gb, raw));
	gobin_pool_free(gb.pool);
}

/* Expected values: runtime/traceback.go, funcNamePiecesForPrint(), of the version named. */
static void test_printed_names(void **state)
{
	(void)state;
	check_printed(20, "main.f[go.shape.int]", "main.f[go.shape.int]");
	check_printed(21, "main.f[go.shape.int]", "main.f[...]");
	check_printed(21, "main.f[go.shape.[]int].func1", "main.f[...].func1");
	check_printed(26, "main.(*T[int]).m[string]", "main.(*T[...]");
	check_printed(27, "main.(*T[int]).m[string]", "main.(*T[...]).m[...]");
	check_printed(27, "main.(*T[[]int]).m[map[int]int]-fm", "main.(*T[...]).m[...]-fm");
	check_printed(27, "main.f[go.shape.[]int].func1", "main.f[...].func1");
	check_printed(27, "main.f]x[", "main.f]x[");
	check_printed(27, "main.f[", "main.f[");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_spans),
		cmocka_unit_test(test_printed_names),
		cmocka_unit_test(test_fixtures),
	};

	return cmocka_run_group_tests_name("gobin", tests, NULL, NULL);
}
