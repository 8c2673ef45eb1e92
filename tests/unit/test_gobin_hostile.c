// SPDX-License-Identifier: GPL-2.0
/*
 * gobin against damaged files. First the undamaged tiny file of tiny_go.h, in every version and
 * both link modes, so that the damage is known to hit tables that were read; then every byte of it
 * changed, every truncation, and refusals with their reasons. With GOTRACE_TEST_BINARIES also
 * seeded damage to real binaries. The sanitizers this is built with are the judge.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gobin/gobin.h"
#include "tiny_go.h"

#define NELEMS(a) (sizeof(a) / sizeof((a)[0]))

static const uint64_t tiny_addrs[] = {
	TINY_BASE + TINY_TEXT,
	TINY_BASE + TINY_TEXT + 8,
	TINY_BASE + TINY_TEXT + 17,
	TINY_BASE + TINY_TEXT + 0x50,
	TINY_BASE + TINY_TEXT + 0xff,
	TINY_BASE + TINY_TYPES,
	TINY_BASE + TINY_TYPES + 0x40,
	0,
	UINT64_MAX,
};

/* A copy whose end is the end of an allocation, for ASan to guard. */
static int open_copy(const uint8_t *b, size_t size, const uint64_t *addrs, size_t n, char *why)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct gobin *gb = NULL;
	int err;

	assert_non_null(copy);
	memcpy(copy, b, size);
	why[0] = '\0';
	err = gobin__open_mem(copy, size, &gb, why);
	if (!err) {
		assert_non_null(gb);
		tiny_query_all(gb, addrs, n);
	} else {
		assert_null(gb);
		assert_true(err == -ENOEXEC || err == -ENOPKG || err == -ENOTSUP ||
			    err == -EBADMSG);
		assert_true(why[0] && strlen(why) < GOBIN_WHY_MAX);
	}
	gobin__free(gb);
	free(copy);
	return err;
}

static void check_tiny(struct gobin *gb, int minor)
{
	struct gobin_frame f[4];
	struct gobin_func fn;
	struct gobin_type type;
	char name[64];

	assert_int_equal(gobin__expand(gb, TINY_BASE + TINY_TEXT + 17, f, 4), 3);
	assert_string_equal(f[0].func, "main.b");
	assert_string_equal(f[1].func, minor < 21 ? "main.a[go.shape.int]" : "main.a[...]");
	assert_string_equal(f[2].func, "main.main");
	assert_true(f[0].inlined && f[1].inlined && !f[2].inlined);
	assert_int_equal(f[0].line, 11);
	assert_int_equal(f[1].line, 10);
	assert_int_equal(f[2].line, 10);
	assert_string_equal(f[2].file, "/src/main.go");
	assert_int_equal(f[0].start_line, minor < 20 ? 0 : 21);
	assert_int_equal(f[2].start_line, minor < 20 ? 0 : 9);
	assert_int_equal(gobin__expand(gb, TINY_BASE + TINY_TEXT + 17, f, 2), 2);
	assert_string_equal(f[1].func, minor < 21 ? "main.a[go.shape.int]" : "main.a[...]");
	assert_int_equal(gobin__expand(gb, TINY_BASE + TINY_TEXT + 0x30, f, 4), 1);
	assert_int_equal(gobin__expand(gb, TINY_BASE + TINY_TEXT + 0x100, f, 4), -ENOENT);
	assert_int_equal(gobin__expand(gb, TINY_BASE + TINY_TEXT + 0x90, f, 4), 1);
	assert_true(f[0].wrapper);
	assert_int_equal(gobin__sp_delta(gb, TINY_BASE + TINY_TEXT), 0);
	assert_int_equal(gobin__sp_delta(gb, TINY_BASE + TINY_TEXT + 3), 0);
	assert_int_equal(gobin__sp_delta(gb, TINY_BASE + TINY_TEXT + 4), 24);
	assert_int_equal(gobin__sp_delta(gb, TINY_BASE + TINY_TEXT + 0x3b), 24);
	assert_int_equal(gobin__sp_delta(gb, TINY_BASE + TINY_TEXT + 0x3c), 0);
	/* A function without the table, and what is no function. */
	assert_int_equal(gobin__sp_delta(gb, TINY_BASE + TINY_TEXT + 0x40), -EBADMSG);
	assert_int_equal(gobin__sp_delta(gb, TINY_BASE + TINY_TEXT + 0x100), -ENOENT);
	assert_int_equal(gobin__sp_delta(gb, 0), -ENOENT);
	/* Of two functions of one name the one that is no wrapper. */
	assert_int_equal(gobin__func_by_name(gb, "runtime.asm", &fn), 0);
	assert_true(fn.entry == TINY_BASE + TINY_TEXT + 0xc0 && fn.end == fn.entry + 0x40);
	assert_int_equal(gobin__type(gb, TINY_BASE + TINY_TYPES, &type), 0);
	assert_true(type.size == 56 && type.ptr_bytes == 8 && type.kind == 25);
	assert_int_equal(gobin__type_name(gb, TINY_BASE + TINY_TYPES, name, sizeof(name)), 0);
	assert_string_equal(name, "main.Node");
	assert_int_equal(gobin__type_name(gb, TINY_BASE + TINY_TYPES, name, 5), 0);
	assert_string_equal(name, "main");
	assert_int_equal(gobin__type(gb, TINY_BASE + TINY_BUILDINFO, &type), -ENOENT);
	assert_int_equal(gobin__type(gb, TINY_BASE + TINY_TYPES + 4, &type), -EBADMSG);
	assert_string_equal(gobin__info(gb)->build_id, "303132333435363738396162636465666768"
						       "6900");
}

static void test_tiny(void **state)
{
	char why[GOBIN_WHY_MAX];
	struct tiny t;
	struct gobin *gb;

	(void)state;
	for (int minor = GOBIN_MINOR_MIN; minor <= GOBIN_MINOR_MAX; minor++) {
		for (int pie = 0; pie < 2; pie++) {
			tiny_build(&t, minor, pie);
			assert_int_equal(gobin__open_mem(t.b, TINY_SIZE, &gb, why), 0);
			assert_int_equal(gobin__info(gb)->minor, minor);
			assert_string_equal(gobin__info(gb)->path, "x.org/tiny");
			assert_int_equal(gobin__info(gb)->pclntab_source,
					 pie ? GOBIN_PCLNTAB_SCAN : GOBIN_PCLNTAB_SECTION);
			check_tiny(gb, minor);
			gobin__free(gb);
		}
	}
}

/* Without build info: by the string's header, then by the table's format. */
static void test_wiped_version(void **state)
{
	char why[GOBIN_WHY_MAX];
	struct tiny t;
	struct gobin *gb;

	(void)state;
	for (int minor = GOBIN_MINOR_MIN; minor <= GOBIN_MINOR_MAX; minor++) {
		for (int pie = 0; pie < 2; pie++) {
			const struct gobin_info *info;

			tiny_build(&t, minor, pie);
			memset(t.b + TINY_BUILDINFO, 0, 64);
			assert_int_equal(gobin__open_mem(t.b, TINY_SIZE, &gb, why), 0);
			info = gobin__info(gb);
			assert_int_equal(info->version_source, GOBIN_VERSION_SYMBOL);
			assert_int_equal(info->minor, minor);
			gobin__free(gb);

			t.b[TINY_VERSION + 16] = 'x';
			assert_int_equal(gobin__open_mem(t.b, TINY_SIZE, &gb, why), 0);
			info = gobin__info(gb);
			assert_int_equal(info->version_source, GOBIN_VERSION_PCLNTAB);
			assert_int_equal(info->minor, minor < 20 ? 18 : minor < 26 ? 20 : minor);
			assert_int_equal(info->version[strlen(info->version) - 1], '+');
			gobin__free(gb);
		}
	}
}

/* Two different answers are no answer. */
static void test_ambiguous_version(void **state)
{
	char why[GOBIN_WHY_MAX];
	struct tiny t;
	struct gobin *gb;

	(void)state;
	tiny_build(&t, 24, false);
	memset(t.b + TINY_BUILDINFO, 0, 64);
	tiny_put(&t, TINY_BUILDINFO, TINY_BASE + TINY_BUILDINFO + 16, 8);
	tiny_put(&t, TINY_BUILDINFO + 8, 6, 8);
	tiny_str(&t, TINY_BUILDINFO + 16, "go1.19");
	assert_int_equal(gobin__open_mem(t.b, TINY_SIZE, &gb, why), 0);
	assert_int_equal(gobin__info(gb)->version_source, GOBIN_VERSION_PCLNTAB);
	gobin__free(gb);
}

/* What the table of bytes pushed may say, and what is believed of it. */
static void test_sp_damage(void **state)
{
	static const struct {
		uint8_t first, second;	/* zigzag steps: from -1 on, then at the fifth byte */
		int at, want;
	} cases[] = {
		{ 2, 48, 3, 0 },
		{ 2, 48, 4, 24 },
		{ 18, 48, 0, 8 },
		{ 18, 15, 4, 0 },
		{ 3, 48, 0, -EBADMSG },	 /* -3 */
		{ 2, 47, 4, -EBADMSG },	 /* -24 */
		{ 2, 50, 4, -EBADMSG },	 /* 25: no number of words */
		{ 2, 50, 3, 0 },
		{ 2, 0, 4, -EBADMSG },	 /* ends before the function does */
	};
	char why[GOBIN_WHY_MAX];
	struct gobin *gb;
	struct tiny t;
	size_t tab;

	(void)state;
	tiny_build(&t, 24, false);
	assert_int_equal(gobin__open_mem(t.b, TINY_SIZE, &gb, why), 0);
	tab = (size_t)(gb->pcln.pctab.base - t.b) + 22;
	for (size_t i = 0; i < NELEMS(cases); i++) {
		t.b[tab] = cases[i].first;
		t.b[tab + 2] = cases[i].second;
		assert_int_equal(gobin__sp_delta(gb, TINY_BASE + TINY_TEXT + cases[i].at),
				 cases[i].want);
	}
	gobin__free(gb);
}

static void refuse(const struct tiny *t, int want, const char *reason)
{
	char why[GOBIN_WHY_MAX];
	int err = open_copy(t->b, TINY_SIZE, NULL, 0, why);

	if (err != want || !strstr(why, reason))
		fail_msg("expected %d \"%s\", got %d \"%s\"", want, reason, err, why);
}

static void set_version(struct tiny *t, const char *version)
{
	tiny_build(t, 24, false);
	memset(t->b + TINY_BUILDINFO, 0, TINY_MD - TINY_BUILDINFO);
	tiny_buildinfo(t, version);
}

static void test_refusals(void **state)
{
	struct tiny t;

	(void)state;
	set_version(&t, "go1.17.13");
	refuse(&t, -ENOTSUP, "built by go1.17.13; supported are Go 1.18 to 1.27");
	set_version(&t, "go1.28rc1");
	refuse(&t, -ENOTSUP, "built by go1.28rc1");
	set_version(&t, "devel +abcdef");
	refuse(&t, -ENOTSUP, "names no Go version");
	set_version(&t, "go1.19.3");
	refuse(&t, -EBADMSG, "its pclntab is of Go 1.20 or later");
	tiny_build(&t, 24, false);
	memset(t.b + TINY_BUILDINFO, 0, 64);
	tiny_put(&t, TINY_PCLN, 0xfffffffb, 4);
	refuse(&t, -ENOTSUP, "Go 1.15 or older");
	tiny_put(&t, TINY_PCLN, 0xfffffffa, 4);
	refuse(&t, -ENOTSUP, "Go 1.16 or 1.17");
	tiny_put(&t, TINY_PCLN, 0, 4);
	refuse(&t, -ENOPKG, "no pclntab");
	tiny_build(&t, 24, false);
	tiny_put(&t, TINY_PCLN, 0, 4);
	refuse(&t, -EBADMSG, "built by go1.24.3, but it has no pclntab");
	tiny_build(&t, 24, false);
	tiny_put(&t, TINY_MD + 136, 6, 8);
	refuse(&t, -EBADMSG, "no moduledata");
	tiny_build(&t, 24, false);
	tiny_put(&t, TINY_MD + 336, 2, 8);
	refuse(&t, -ENOTSUP, "2 sections");
	tiny_build(&t, 24, false);
	tiny_put(&t, offsetof(Elf64_Ehdr, e_machine), EM_AARCH64, 2);
	refuse(&t, -ENOEXEC, "arm64 binaries are not supported yet");
	t.b[EI_CLASS] = ELFCLASS32;
	refuse(&t, -ENOEXEC, "32-bit");
	t.b[0] = 0;
	refuse(&t, -ENOEXEC, "not an ELF file");
}

static void test_files(void **state)
{
	char why[GOBIN_WHY_MAX];
	struct gobin *gb;
	int fd = open("/", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(gobin__open(fd, &gb, why), -ENOEXEC);
	close(fd);
	assert_int_equal(gobin__open(-1, &gb, why), -EBADF);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(gobin__open(fd, &gb, why), -ENOEXEC);
	close(fd);
	gobin__free(NULL);
}

/* Every byte, with values that make lengths huge, signs flip and offsets run away. */
static void test_every_byte(void **state)
{
	static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
	static const int minors[] = { 18, 24, 27 };
	unsigned int opened = 0, refused = 0;
	char why[GOBIN_WHY_MAX];
	struct tiny t;

	(void)state;
	for (size_t m = 0; m < 2 * NELEMS(minors); m++) {
		tiny_build(&t, minors[m / 2], m & 1);
		for (size_t i = 0; i < TINY_SIZE * NELEMS(values); i++) {
			size_t at = i / NELEMS(values);
			uint8_t was = t.b[at];

			if (was == values[i % NELEMS(values)])
				continue;
			t.b[at] = values[i % NELEMS(values)];
			if (open_copy(t.b, TINY_SIZE, tiny_addrs, NELEMS(tiny_addrs), why))
				refused++;
			else
				opened++;
			t.b[at] = was;
		}
	}
	print_message("%u damaged files opened, %u refused\n", opened, refused);
	assert_true(opened > 1000 && refused > 1000);
}

static void test_every_truncation(void **state)
{
	char why[GOBIN_WHY_MAX];
	struct tiny t;

	(void)state;
	for (int pie = 0; pie < 2; pie++) {
		tiny_build(&t, 26, pie);
		for (size_t size = 0; size < TINY_SIZE; size++)
			open_copy(t.b, size, tiny_addrs, NELEMS(tiny_addrs), why);
	}
}

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* 32-bit words anywhere in the tables become extreme or random, several at once. */
static void test_random_words(void **state)
{
	static const uint32_t extremes[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x1000 };
	uint64_t seed = 0x676f7472616365;
	char why[GOBIN_WHY_MAX];
	struct tiny t;

	(void)state;
	for (int n = 0; n < 20000; n++) {
		tiny_build(&t, GOBIN_MINOR_MIN + n % 10, n % 3 == 0);
		for (int k = 0; k <= n % 4; k++) {
			uint64_t r = next_random(&seed);

			tiny_put(&t, (r % (TINY_SIZE / 4)) * 4,
				 r >> 60 ? extremes[(r >> 32) % NELEMS(extremes)] : r >> 16, 4);
		}
		open_copy(t.b, TINY_SIZE, tiny_addrs, NELEMS(tiny_addrs), why);
	}
}

struct image {
	uint8_t *b;
	size_t size;
	uint64_t addrs[24];
	size_t regions[5][2]; /* file offset, length */
};

static void load_image(const char *path, struct image *im)
{
	char why[GOBIN_WHY_MAX];
	const struct gobin_info *info;
	struct gobin *gb;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0 && !fstat(fd, &st));
	im->size = (size_t)st.st_size;
	im->b = malloc(im->size);
	assert_non_null(im->b);
	assert_int_equal(read(fd, im->b, im->size), im->size);
	close(fd);
	assert_int_equal(gobin__open_mem(im->b, im->size, &gb, why), 0);
	info = gobin__info(gb);
	for (size_t i = 0; i < NELEMS(im->addrs); i++)
		im->addrs[i] = i % 4 ? info->text + (info->etext - info->text) * i / 24
				     : gb->md.types + 64 * i;
	im->regions[0][1] = 4096;
	im->regions[1][0] = (size_t)(gb->pcln.all.base - im->b);
	im->regions[1][1] = 128;
	im->regions[2][0] = (size_t)(gb->pcln.funcs.base - im->b);
	im->regions[2][1] = gb->pcln.funcs.size;
	im->regions[3][0] = (size_t)(gobin_vaddr_span(gb, gb->md.vaddr).base - im->b);
	im->regions[3][1] = 600;
	im->regions[4][1] = im->size;
	gobin__free(gb);
}

/* One binary (a copy is 1.5 MB, and there are two per version): truncations, then variants with
 * flips in one region or anywhere. */
static void damage_image(const char *path)
{
	uint64_t seed = 0x73656564;
	char why[GOBIN_WHY_MAX];
	struct image im = { 0 };

	load_image(path, &im);
	for (size_t i = 0; i < 25; i++)
		open_copy(im.b, im.size / 25 * i, im.addrs, NELEMS(im.addrs), why);
	for (int n = 0; n < 250; n++) {
		size_t at[16] = { 0 };
		uint8_t was[16] = { 0 };
		int flips = 1 + n % 16;

		for (int k = 0; k < flips; k++) {
			const size_t *r = im.regions[n % 5];
			uint64_t v = next_random(&seed);

			at[k] = r[0] + v % r[1];
			was[k] = im.b[at[k]];
			im.b[at[k]] = (uint8_t)(v >> 56);
		}
		open_copy(im.b, im.size, im.addrs, NELEMS(im.addrs), why);
		while (flips--)
			im.b[at[flips]] = was[flips];
	}
	free(im.b);
}

static void test_real_binaries(void **state)
{
	const char *root = getenv("GOTRACE_TEST_BINARIES");
	char pattern[4096];
	glob_t g;

	(void)state;
	if (!root) {
		print_message("GOTRACE_TEST_BINARIES is not set: see build_gobin_fixtures.sh\n");
		skip();
	}
	snprintf(pattern, sizeof(pattern), "%s/go1.*/{stripped,nobuildinfo-ext-pie-nosect}", root);
	assert_int_equal(glob(pattern, GLOB_BRACE, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc; i++)
		damage_image(g.gl_pathv[i]);
	globfree(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tiny),
		cmocka_unit_test(test_sp_damage),
		cmocka_unit_test(test_wiped_version),
		cmocka_unit_test(test_ambiguous_version),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_random_words),
		cmocka_unit_test(test_real_binaries),
	};

	return cmocka_run_group_tests_name("gobin hostile", tests, NULL, NULL);
}
