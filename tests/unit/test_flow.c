/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ends of functions: control flow assembled by hand, and what must be refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probe/flow.h"

#define NONE 0xffff

#define CALL 0xe8, 0x00, 0x01, 0x00, 0x00

struct function {
	const char *what;
	uint8_t code[48];
	size_t len;
	uint32_t offset;		/* NONE: refused */
};

static const struct function functions[] = {
	{ "call, ret", { CALL, 0xc3 }, 6, 0 },
	{ "nop and call: the later one", { 0x90, CALL, 0xc3 }, 7, 1 },
	{ "call, mov, pop, ret: not the pop", { 0x55, CALL, 0x89, 0xc8, 0x5d, 0xc3 }, 10, 1 },
	{ "diamond: behind it",			/* je 4; nop; jmp 5; 5: nop; call; ret */
	  { 0x74, 0x03, 0x90, 0xeb, 0x01, 0x90, CALL, 0xc3 }, 12, 6 },
	{ "diamond with a return in each arm: before it",
	  { 0x55, 0x74, 0x06, CALL, 0xc3, CALL, 0xc3 }, 15, 1 },
	{ "two returns, the calls before them alone",
	  { 0x48, 0x85, 0xc0, 0x90, 0x48, 0x0f, 0x44, 0xc1, 0x74, 0x06, CALL, 0xc3, CALL, 0xc3 }, 22,
	  8 },
	{ "loop: not inside, behind", { CALL, 0x75, 0xf9, 0x90, 0xc3 }, 9, 7 },
	{ "loop: nothing outside", { CALL, 0x48, 0xff, 0xc8, 0x75, 0xf6, 0xc3 }, 11, NONE },
	{ "loop with a return in it", { 0x74, 0x02, 0x75, 0xfc, 0xc3 }, 5, NONE },
	{ "restart at the entry: jbe 7; push; call; pop; ret; call; jmp 0",
	  { 0x76, 0x08, 0x55, CALL, 0x5d, 0xc3, CALL, 0xeb, 0xef }, 17, 3 },
	{ "tail jump is an end, and the last",
	  { 0x90, 0xe9, 0x00, 0x10, 0x00, 0x00 }, 6, 1 },
	{ "tail jump beside a return: what comes before both",
	  { 0x90, 0x48, 0x85, 0xc0, 0x74, 0x06, CALL, 0xc3, 0xe9, 0x00, 0x10, 0x00, 0x00 }, 17, 4 },
	{ "throw falls through into what follows: je; call; nop; ret; call throw; jmp 2",
	  { 0x74, 0x07, CALL, 0x90, 0xc3, CALL, 0xeb, 0xf2 }, 16, 7 },
	{ "ud2 is no way on", { 0x74, 0x06, CALL, 0xc3, 0x0f, 0x0b }, 10, 2 },
	{ "padding behind the code is not decoded", { CALL, 0xc3, 0xcc, 0xcc, 0x06 }, 9, 0 },
	{ "je rel32", { 0x0f, 0x84, 0x01, 0x00, 0x00, 0x00, 0xf4, 0xc3 }, 8, NONE },
	{ "je rel32 to the next instruction", { 0x0f, 0x84, 0x00, 0x00, 0x00, 0x00, 0xc3 }, 7, 0 },
	{ "nothing that is emulated", { 0x48, 0x89, 0xc8, 0xc3 }, 4, NONE },
	{ "a nop of several bytes is none", { 0x0f, 0x1f, 0x40, 0x00, 0x66, 0x90, 0xc3 }, 7, NONE },
	{ "call with a prefix is none", { 0x2e, CALL, 0xc3 }, 7, NONE },
	{ "indirect call is none", { 0xff, 0xd0, 0xc3 }, 3, NONE },
	{ "indirect jump", { 0x90, 0xff, 0xe0, 0x90, 0xc3 }, 5, NONE },
	{ "jump through memory", { 0x90, 0xff, 0x24, 0xc5, 0, 0, 0, 0, 0x90, 0xc3 }, 10, NONE },
	{ "jump into the middle of an instruction, which comes first",
	  { CALL, 0x74, 0xfa, 0x90, 0xc3 }, 9, NONE },
	{ "jump into the middle of an instruction, which comes later",
	  { 0x74, 0x02, CALL, 0x90, 0xc3 }, 9, NONE },
	{ "bytes that are no instruction", { 0x90, 0x06, 0xc3 }, 3, NONE },
	{ "breakpoint", { 0x90, 0xcc, 0xc3 }, 3, NONE },
	{ "cut inside an instruction", { 0x90, 0xe8, 0x00, 0x01 }, 4, NONE },
	{ "cut behind an instruction", { 0x90, CALL }, 6, NONE },
	{ "conditional jump out", { 0x90, 0x74, 0x70, 0xc3 }, 4, NONE },
	{ "jump to below", { 0x74, 0x80, 0x90, 0xc3 }, 4, NONE },
	{ "never returns", { 0x90, 0xeb, 0xfd }, 3, NONE },
	{ "transaction", { 0xc7, 0xf8, 0x00, 0x00, 0x00, 0x00, 0x90, 0xc3 }, 8, NONE },
	{ "loop instruction back", { 0x90, 0xe2, 0xfd, 0xc3 }, 4, NONE },
	{ "jrcxz over the call", { 0xe3, 0x05, CALL, 0xc3 }, 8, NONE },
	{ "empty", { 0 }, 0, NONE },
};

static void test_functions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		const struct function *f = &functions[i];
		struct probe_flow_end end = { .offset = 77 };
		char why[PROBE_WHY_MAX] = "";
		int err = probe_flow__end(f->code, f->len, &end, why);

		print_message("%s: %s\n", f->what, err ? why : "found");
		if (f->offset == NONE) {
			assert_true(err < 0);
			assert_string_not_equal(why, "");
			continue;
		}
		assert_int_equal(err, 0);
		assert_int_equal(end.offset, f->offset);
		assert_true(end.size > end.offset && end.size <= f->len);
	}
}

static void test_too_long(void **state)
{
	uint8_t *code = calloc(1, PROBE_FLOW_MAX + 1);
	struct probe_flow_end end;
	char why[PROBE_WHY_MAX];

	(void)state;
	assert_non_null(code);
	memset(code, 0x90, PROBE_FLOW_MAX);
	code[PROBE_FLOW_MAX - 1] = 0xc3;
	assert_true(probe_flow__end(code, PROBE_FLOW_MAX + 1, &end, why) < 0);
	free(code);
}

/* Whatever bytes: what is found is an emulated instruction inside of the code. */
static void test_random(void **state)
{
	static const uint8_t common[] = { 0x90, 0xe8, 0xeb, 0x74, 0x75, 0xc3, 0x55, 0x0f, 0x00, 0x02,
					  0xfc, 0x48, 0x89 };
	struct probe_flow_end end;
	char why[PROBE_WHY_MAX];
	uint8_t code[40], b;
	int found = 0;

	(void)state;
	srand(1);
	for (int i = 0; i < 20000; i++) {
		for (size_t j = 0; j < sizeof(code); j++)
			code[j] = rand() % 8 ? common[(size_t)rand() % sizeof(common)]
					     : (uint8_t)rand();
		if (probe_flow__end(code, sizeof(code), &end, why))
			continue;
		found++;
		assert_true(end.offset < end.size && end.size <= sizeof(code));
		b = code[end.offset];
		assert_true(b == 0x90 || b == 0xe8 || b == 0xe9 || b == 0xeb || b == 0x0f ||
			    (b & 0xf0) == 0x70 || (b & 0xf8) == 0x50);
	}
	assert_true(found > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
