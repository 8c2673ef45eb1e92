/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Probe sites: prologues as Go's compilers made them (go tool objdump of runtime functions), and
 * everything that is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probe/site.h"

#define ENTRY 0x40b2c0

struct prologue {
	const char *what;
	uint8_t code[32];
	size_t len;
	enum probe_site_kind kind;
	uint32_t offset;
};

static const struct prologue good[] = {
	{ "mallocgc, Go 1.24: cmp, jbe rel32, push",
	  { 0x49, 0x3b, 0x66, 0x10, 0x0f, 0x86, 0x45, 0x01, 0x00, 0x00, 0x55, 0x48, 0x89, 0xe5 }, 14,
	  PROBE_SITE_PUSH, 10 },
	{ "newobject, Go 1.22: cmp, jbe rel8, push",
	  { 0x49, 0x3b, 0x66, 0x10, 0x76, 0x2a, 0x55, 0x48, 0x89, 0xe5 }, 10, PROBE_SITE_PUSH, 6 },
	{ "mallocgc, Go 1.19: no push",
	  { 0x49, 0x3b, 0x66, 0x10, 0x0f, 0x86, 0xab, 0x08, 0x00, 0x00, 0x48, 0x83, 0xec, 0x78 }, 14,
	  PROBE_SITE_CHECK, 4 },
	{ "allocSpan, Go 1.22: lea -0x28(%rsp),%r12; cmp 0x18(%r14),%r12; jbe; push",
	  { 0x4c, 0x8d, 0x64, 0x24, 0xd8, 0x4d, 0x3b, 0x66, 0x18, 0x0f, 0x86, 0x10, 0x04, 0x00, 0x00,
	    0x55, 0x48, 0x89, 0xe5 }, 19, PROBE_SITE_PUSH, 15 },
	{ "copystack, Go 1.21: lea with a large frame",
	  { 0x4c, 0x8d, 0xa4, 0x24, 0x50, 0xff, 0xff, 0xff, 0x4d, 0x3b, 0x66, 0x10, 0x0f, 0x86, 0x6b,
	    0x06, 0x00, 0x00, 0x55, 0x48, 0x89, 0xe5 }, 22, PROBE_SITE_PUSH, 18 },
	{ "nosplit: push first", { 0x55, 0x48, 0x89, 0xe5 }, 4, PROBE_SITE_PUSH, 0 },
};

static const struct prologue bad[] = {
	{ "nothing", { 0 }, 0, 0, 0 },
	{ "int3: a breakpoint that was in the file", { 0xcc, 0x3b, 0x66, 0x10, 0x76, 0x2a, 0x55 }, 7, 0, 0 },
	{ "a compare with another register", { 0x49, 0x3b, 0x46, 0x10, 0x76, 0x2a, 0x55 }, 7, 0, 0 },
	{ "a compare with another field", { 0x49, 0x3b, 0x66, 0x20, 0x76, 0x2a, 0x55 }, 7, 0, 0 },
	{ "a compare with another base", { 0x48, 0x3b, 0x61, 0x10, 0x76, 0x2a, 0x55 }, 7, 0, 0 },
	{ "a 32-bit compare", { 0x41, 0x3b, 0x66, 0x10, 0x76, 0x2a, 0x55 }, 7, 0, 0 },
	{ "jb instead of jbe", { 0x49, 0x3b, 0x66, 0x10, 0x72, 0x2a, 0x55 }, 7, 0, 0 },
	{ "ja instead of jbe", { 0x49, 0x3b, 0x66, 0x10, 0x77, 0x2a, 0x55 }, 7, 0, 0 },
	{ "jbe rel32 with a prefix",
	  { 0x49, 0x3b, 0x66, 0x10, 0x42, 0x0f, 0x86, 0x00, 0x00, 0x48, 0x83, 0xec, 0x78 }, 13, 0, 0 },
	{ "jbe rel8 with a prefix", { 0x49, 0x3b, 0x66, 0x10, 0x2e, 0x76, 0x2a, 0x55 }, 8, 0, 0 },
	{ "lea, but rsp is compared",
	  { 0x4c, 0x8d, 0x64, 0x24, 0xd8, 0x49, 0x3b, 0x66, 0x10, 0x76, 0x2a, 0x55 }, 12, 0, 0 },
	{ "no lea, but r12 is compared", { 0x4d, 0x3b, 0x66, 0x10, 0x76, 0x2a, 0x55 }, 7, 0, 0 },
	{ "cut inside the jbe", { 0x49, 0x3b, 0x66, 0x10, 0x0f, 0x86, 0x45 }, 7, 0, 0 },
	{ "push of another register", { 0x53, 0x48, 0x89, 0xe5 }, 4, 0, 0 },
	{ "Go 1.15: g in rcx", { 0x64, 0x48, 0x8b, 0x0c, 0x25, 0xf8, 0xff, 0xff, 0xff, 0x48, 0x3b, 0x61,
	    0x10, 0x76, 0x2a }, 15, 0, 0 },
};

/* A 5-byte nop right in front of the push is a site as good, and nowhere else. */
static const struct {
	const char *what;
	uint8_t code[32];
	size_t len;
	uint32_t offset, nop;
} nops[] = {
	{ "check, nop, push",
	  { 0x49, 0x3b, 0x66, 0x10, 0x76, 0x2a, 0x0f, 0x1f, 0x44, 0x00, 0x00, 0x55, 0x48, 0x89, 0xe5 }, 15,
	  11, 6 },
	{ "nosplit: nop, push", { 0x0f, 0x1f, 0x44, 0x00, 0x00, 0x55, 0x48, 0x89, 0xe5 }, 9, 5, 0 },
	{ "check, push, nop: the frame is made",
	  { 0x49, 0x3b, 0x66, 0x10, 0x76, 0x2a, 0x55, 0x0f, 0x1f, 0x44, 0x00, 0x00 }, 12, 6, PROBE_NO_NOP },
	{ "check, another nop, push",
	  { 0x49, 0x3b, 0x66, 0x10, 0x76, 0x2a, 0x0f, 0x1f, 0x40, 0x00, 0x55 }, 11, 4, PROBE_NO_NOP },
	{ "check, two nops, push",
	  { 0x49, 0x3b, 0x66, 0x10, 0x76, 0x2a, 0x0f, 0x1f, 0x44, 0x00, 0x00, 0x0f, 0x1f, 0x44, 0x00, 0x00,
	    0x55 }, 17, 4, PROBE_NO_NOP },
	{ "check, nop, no push: a function of Go 1.20 or earlier",
	  { 0x49, 0x3b, 0x66, 0x10, 0x76, 0x2a, 0x0f, 0x1f, 0x44, 0x00, 0x00, 0x48, 0x83, 0xec, 0x78 }, 15,
	  4, PROBE_NO_NOP },
	{ "check, nop, cut off",
	  { 0x49, 0x3b, 0x66, 0x10, 0x76, 0x2a, 0x0f, 0x1f, 0x44, 0x00, 0x00 }, 11, 4, PROBE_NO_NOP },
};

static void test_nops(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(nops) / sizeof(nops[0]); i++) {
		struct probe_site site = { 0 };
		char why[PROBE_WHY_MAX] = "";

		print_message("%s\n", nops[i].what);
		assert_int_equal(
			probe_site__find(nops[i].code, nops[i].len, ENTRY, &site, why), 0);
		assert_int_equal(site.offset, nops[i].offset);
		assert_int_equal(site.nop, nops[i].nop);
		assert_int_equal(site.kind, nops[i].code[site.offset] == 0x55 ? PROBE_SITE_PUSH
									     : PROBE_SITE_CHECK);
	}
}

/* From which kernels on a nop is the best of places, and on which address of a page it is not. */
static void test_traps(void **state)
{
	(void)state;
	assert_true(probe_site__nop_is_call("6.18.0"));
	assert_true(probe_site__nop_is_call("6.19-rc1"));
	assert_true(probe_site__nop_is_call("7.0.1-arch1-1"));
	assert_false(probe_site__nop_is_call("6.17.13-amd64"));
	assert_false(probe_site__nop_is_call("5.19.0"));
	assert_false(probe_site__nop_is_call(""));
	assert_false(probe_site__nop_is_call("six"));
	assert_int_equal(probe_site__nop_trap(0x401000), PROBE_TRAP_CALL);
	assert_int_equal(probe_site__nop_trap(0x401ffb), PROBE_TRAP_CALL);
	assert_int_equal(probe_site__nop_trap(0x401ffc), PROBE_TRAP_EMULATED);
	assert_int_equal(probe_site__nop_trap(0x401fff), PROBE_TRAP_EMULATED);
	assert_string_equal(probe_trap__name(PROBE_TRAP_CALL), "nop, call");
	assert_string_equal(probe_trap__name(PROBE_TRAP_EMULATED), "emulated");
	assert_string_equal(probe_trap__name(PROBE_TRAP_STEPPED), "single-stepped");
}

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct probe_site site = { .offset = 99 };
		char why[PROBE_WHY_MAX] = "";

		print_message("%s\n", good[i].what);
		assert_int_equal(
			probe_site__find(good[i].code, good[i].len, ENTRY, &site, why), 0);
		assert_int_equal(site.kind, good[i].kind);
		assert_int_equal(site.offset, good[i].offset);
		assert_int_equal(site.nop, PROBE_NO_NOP);
	}
}

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char why[PROBE_WHY_MAX] = "";
		struct probe_site site;

		print_message("%s\n", bad[i].what);
		assert_true(probe_site__find(bad[i].code, bad[i].len, ENTRY, &site, why) < 0);
		assert_string_not_equal(why, "");
	}
}

/* Cut anywhere, a prologue gives the same site, the other kind of site, or none: never another. */
static void test_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		for (size_t len = 0; len < good[i].len; len++) {
			struct probe_site site;
			char why[PROBE_WHY_MAX];

			if (probe_site__find(good[i].code, len, ENTRY, &site, why))
				continue;
			if (site.kind == PROBE_SITE_PUSH)
				assert_int_equal(good[i].code[site.offset], 0x55);
			else
				assert_true(good[i].code[site.offset] == 0x76 ||
					    good[i].code[site.offset] == 0x0f);
			assert_true(site.offset < len);
		}
	}
}

/* Whatever one changed byte makes of a prologue: a site is a push or a jbe inside of the code. */
static void test_changed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		for (size_t at = 0; at < good[i].len; at++) {
			for (int byte = 0; byte < 256; byte++) {
				struct probe_site site;
				char why[PROBE_WHY_MAX];
				uint8_t code[32];

				memcpy(code, good[i].code, sizeof(code));
				code[at] = (uint8_t)byte;
				if (probe_site__find(code, good[i].len, ENTRY, &site, why))
					continue;
				assert_true(site.offset < good[i].len);
				assert_true(code[site.offset] == 0x55 || code[site.offset] == 0x76 ||
					    (code[site.offset] == 0x0f &&
					     code[site.offset + 1] == 0x86));
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_nops),
		cmocka_unit_test(test_traps),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
