/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a function has its first argument: prologues assembled by hand, as Go's compiler makes them
 * and as it must not be believed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probe/flow.h"

#define CALL	  0xe8, 0x00, 0x01, 0x00, 0x00
/* push %rbp; mov %rsp,%rbp; sub $0x20,%rsp: from then on the place is 0x30(%rsp). */
#define FRAME	  0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x20
#define SAVE	  0x48, 0x89, 0x44, 0x24, 0x30
/* add $0x20,%rsp; pop %rbp; ret */
#define LEAVE	  0x48, 0x83, 0xc4, 0x20, 0x5d, 0xc3
#define PLACE	  0x30
/* The instruction that is asked about: the only nop. */
#define HERE	  0x90

struct function {
	const char *what;
	uint8_t code[64];
	size_t len;
	uint32_t disp;			/* 0: refused */
};

static const struct function functions[] = {
	{ "saved, and a call", { FRAME, SAVE, CALL, HERE, LEAVE }, 25, PLACE },
	{ "saved when it was looked at: cmp $0,0x70(%rax); je",
	  { FRAME, 0x48, 0x83, 0x78, 0x70, 0x00, 0x74, 0x06, SAVE, HERE, LEAVE }, 27, PLACE },
	{ "the frame of Go 1.18: sub $0x28,%rsp; mov %rbp,0x20(%rsp); lea 0x20(%rsp),%rbp",
	  { 0x48, 0x83, 0xec, 0x28, 0x48, 0x89, 0x6c, 0x24, 0x20, 0x48, 0x8d, 0x6c, 0x24, 0x20, SAVE,
	    CALL, HERE, 0xc3 }, 26, PLACE },
	{ "grows and starts again: jbe; ...; mov %rax,8(%rsp); call; mov 8(%rsp),%rax; jmp 0",
	  { 0x76, 0x14, FRAME, SAVE, HERE, LEAVE, 0x48, 0x89, 0x44, 0x24, 0x08, CALL, 0x48, 0x8b,
	    0x44, 0x24, 0x08, 0xeb, 0xd9 }, 39, PLACE },
	{ "behind a call that does not return: je to the call, which runs into what grows",
	  { 0x76, 0x1b, FRAME, 0x74, 0x0c, SAVE, HERE, LEAVE, CALL, 0x48, 0x89, 0x44, 0x24, 0x08,
	    CALL, 0xeb, 0xd7 }, 41, PLACE },
	{ "the places beside it are written", { FRAME, SAVE, 0x48, 0x89, 0x5c, 0x24, 0x38, 0x48, 0x89,
	    0x5c, 0x24, 0x28, HERE, LEAVE }, 30, PLACE },
	{ "it is loaded again", { FRAME, SAVE, 0x48, 0x8b, 0x5c, 0x24, 0x30, HERE, LEAVE }, 25, PLACE },
	{ "an array on the stack is read: mov (%rsp,%rcx,8),%rbx",
	  { FRAME, SAVE, 0x48, 0x8b, 0x1c, 0xcc, HERE, LEAVE }, 24, PLACE },
	{ "deeper by a push", { FRAME, SAVE, 0x53, HERE, 0x5b, LEAVE }, 22, PLACE + 8 },

	{ "never saved", { FRAME, CALL, HERE, LEAVE }, 20, 0 },
	{ "saved elsewhere", { FRAME, 0x48, 0x89, 0x44, 0x24, 0x38, HERE, LEAVE }, 20, 0 },
	{ "half of it saved: mov %eax", { FRAME, 0x89, 0x44, 0x24, 0x30, HERE, LEAVE }, 19, 0 },
	{ "another register", { FRAME, 0x48, 0x89, 0x5c, 0x24, 0x30, HERE, LEAVE }, 20, 0 },
	{ "saved behind a call", { FRAME, CALL, SAVE, HERE, LEAVE }, 25, 0 },
	{ "saved when changed: mov %rcx,%rax", { FRAME, 0x48, 0x89, 0xc8, SAVE, HERE, LEAVE }, 23, 0 },
	{ "saved when changed in part: mov %cl,%ah", { FRAME, 0x88, 0xcc, SAVE, HERE, LEAVE }, 22, 0 },
	{ "saved when changed: xor %eax,%eax", { FRAME, 0x31, 0xc0, SAVE, HERE, LEAVE }, 22, 0 },
	{ "saved when changed unsaid: cqo; idiv %rcx",
	  { FRAME, 0x48, 0x99, 0x48, 0xf7, 0xf9, SAVE, HERE, LEAVE }, 25, 0 },
	{ "saved on one way only", { FRAME, 0x74, 0x05, SAVE, HERE, LEAVE }, 22, 0 },
	{ "saved too late", { FRAME, HERE, SAVE, LEAVE }, 20, 0 },
	{ "written over", { FRAME, SAVE, 0x48, 0x89, 0x5c, 0x24, 0x30, HERE, LEAVE }, 25, 0 },
	{ "written over by the last byte of it: mov %cl,0x37(%rsp)",
	  { FRAME, SAVE, 0x88, 0x4c, 0x24, 0x37, HERE, LEAVE }, 24, 0 },
	{ "written over by sixteen bytes: movups %xmm15,0x28(%rsp)",
	  { FRAME, SAVE, 0x44, 0x0f, 0x11, 0x7c, 0x24, 0x28, HERE, LEAVE }, 26, 0 },
	{ "written over in a loop behind: mov %rbx; jne back",
	  { FRAME, SAVE, HERE, 0x48, 0x89, 0x5c, 0x24, 0x30, 0x75, 0xf8, LEAVE }, 27, 0 },
	{ "written over by a push: pop; pop; ...; push twice",
	  { 0x55, 0x48, 0x89, 0x44, 0x24, 0x10, 0x5d, 0x59, 0x59, HERE, 0xc3 }, 11, 0 },
	{ "changed in place: incq 0x30(%rsp)",
	  { FRAME, SAVE, 0x48, 0xff, 0x44, 0x24, 0x30, HERE, LEAVE }, 25, 0 },
	{ "its address is taken: lea 0x30(%rsp),%rcx",
	  { FRAME, SAVE, 0x48, 0x8d, 0x4c, 0x24, 0x30, HERE, LEAVE }, 25, 0 },
	{ "an array on the stack is written: mov %rbx,(%rsp,%rcx,8)",
	  { FRAME, SAVE, 0x48, 0x89, 0x1c, 0xcc, HERE, LEAVE }, 24, 0 },
	{ "written to by the frame pointer: mov %rbx,0x10(%rbp)",
	  { FRAME, SAVE, 0x48, 0x89, 0x5d, 0x10, HERE, LEAVE }, 24, 0 },
	{ "the stack pointer is set: mov %rbp,%rsp",
	  { FRAME, SAVE, 0x48, 0x89, 0xec, HERE, LEAVE }, 23, 0 },
	{ "aligned: and $-16,%rsp", { FRAME, SAVE, 0x48, 0x83, 0xe4, 0xf0, HERE, LEAVE }, 24, 0 },
	{ "pushed on one way only", { FRAME, SAVE, 0x74, 0x01, 0x53, HERE, LEAVE }, 23, 0 },
	{ "saved without a frame, where callees have theirs",
	  { 0x48, 0x89, 0x44, 0x24, 0x08, CALL, HERE, 0xc3 }, 12, 0 },
	{ "not reached", { FRAME, SAVE, LEAVE, HERE }, 20, 0 },
	{ "an indirect jump", { FRAME, SAVE, 0xff, 0xe1, HERE, LEAVE }, 22, 0 },
};

static uint32_t place_of_nop(const struct function *f)
{
	for (uint32_t i = 0; i < f->len; i++)
		if (f->code[i] == HERE)
			return i;
	return 0;
}

static void test_functions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		const struct function *f = &functions[i];
		char why[PROBE_WHY_MAX] = "";
		uint32_t disp = 0;
		int err = probe_flow__first_arg(f->code, f->len, place_of_nop(f), &disp, why);

		print_message("%s: %d, 0x%x %s\n", f->what, err, disp, why);
		assert_int_equal(disp, f->disp);
		assert_int_equal(!err, f->disp != 0);
		assert_int_equal(*why != '\0', f->disp == 0);
	}
}

static void test_outside(void **state)
{
	const uint8_t code[] = { FRAME, SAVE, HERE, LEAVE };
	char why[PROBE_WHY_MAX] = "";
	uint32_t disp;

	(void)state;
	assert_true(probe_flow__first_arg(code, sizeof(code), sizeof(code), &disp, why) < 0);
	/* Inside of an instruction. */
	assert_true(probe_flow__first_arg(code, sizeof(code), 2, &disp, why) < 0);
	assert_true(probe_flow__first_arg(code, 0, 0, &disp, why) < 0);
}

static void test_calls(void **state)
{
	const uint8_t code[] = { HERE, 0xe8, 0xfa, 0xff, 0xff, 0xff, 0xe9, 0, 0, 0, 0, 0xe8, 0, 0 };

	(void)state;
	assert_true(probe_flow__calls(code, sizeof(code), 0x1000, 1, 0x1000));
	assert_false(probe_flow__calls(code, sizeof(code), 0x1000, 1, 0x1001));
	assert_false(probe_flow__calls(code, sizeof(code), 0x1000, 6, 0x100b));
	/* Cut off. */
	assert_false(probe_flow__calls(code, sizeof(code), 0x1000, 11, 0x1010));
	assert_false(probe_flow__calls(code, 3, 0x1000, 0, 0x1005));
}

/* Whatever bytes: it ends, and what is found is a word above the frame. */
static void test_random(void **state)
{
	static const uint8_t parts[][8] = {
		{ FRAME }, { SAVE }, { CALL }, { HERE }, { LEAVE }, { 0x74, 0x05 }, { 0x75, 0xf0 },
		{ 0x53 }, { 0x5b }, { 0x48, 0x89, 0xc8 }, { 0x48, 0x89, 0x5c, 0x24, 0x30 },
	};
	static const uint8_t sizes[] = { 8, 5, 5, 1, 6, 2, 2, 1, 1, 3, 5 };
	char why[PROBE_WHY_MAX];
	uint32_t disp, found = 0;
	uint8_t code[72];

	(void)state;
	srand(7);
	for (int i = 0; i < 1000; i++) {
		size_t len = 0, k;

		while (len < 60) {
			k = len || rand() % 2 ? (size_t)rand() % sizeof(sizes) : 0;
			memcpy(code + len, parts[k], sizes[k]);
			len += sizes[k];
		}
		if (rand() % 4 == 0)
			code[(size_t)rand() % len] = (uint8_t)rand();
		for (uint32_t at = 0; at < len; at++) {
			if (probe_flow__first_arg(code, len, at, &disp, why))
				continue;
			found++;
			assert_true(disp >= 8 && disp < 0x10000);
		}
	}
	assert_true(found > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_outside),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
