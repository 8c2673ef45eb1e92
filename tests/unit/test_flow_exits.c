/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ends that are sets of instructions, returns, and the place behind a call: functions assembled by hand,
 * and random ones that are walked through, whatever way their jumps go.
 */
#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probe/flow.h"

#define ENTRY  0x400000ULL
#define CALLEE (ENTRY + 0x1000)
#define EXITS  8

#define CALL  0xe8, 0x00, 0x01, 0x00, 0x00
#define MOV   0x48, 0x89, 0xc8
#define E     4
#define TAKEN(c) (GT_COND_TAKEN | (c))
#define NOT(c)	 (GT_COND_NOT_TAKEN | (c))

struct function {
	const char *what;
	uint8_t code[48];
	size_t len;
	int n;				/* exits; -1: refused */
	struct {
		uint32_t offset;
		uint16_t cond;
	} exits[EXITS];
};

static const struct function functions[] = {
	{ "call, ret", { CALL, 0xc3 }, 6, 1, { { 0, 0 } } },
	{ "nop and call: the later one", { 0x90, CALL, MOV, 0xc3 }, 10, 1, { { 1, 0 } } },
	{ "je over a return: the jump, unless it is taken; the call behind",
	  { 0x74, 0x01, 0xc3, CALL, 0xc3 }, 9, 2, { { 0, NOT(E) }, { 3, 0 } } },
	{ "je to a return: the jump, if it is taken",
	  { 0x74, 0x06, CALL, 0xc3, MOV, 0xc3 }, 12, 2, { { 2, 0 }, { 0, TAKEN(E) } } },
	{ "je with a return either way", { 0x74, 0x01, 0xc3, MOV, 0xc3 }, 7, 1, { { 0, 0 } } },
	{ "je to the next instruction", { 0x74, 0x00, 0xc3 }, 3, 1, { { 0, 0 } } },
	{ "je rel32", { 0x0f, 0x84, 0x06, 0x00, 0x00, 0x00, CALL, 0xc3, 0xc3 }, 13, 2,
	  { { 6, 0 }, { 0, TAKEN(E) } } },
	{ "two ways to one return: je 6; nop; jmp 6; 5: push; 6: mov; ret",
	  { 0x74, 0x03, 0x90, 0xeb, 0x01, 0x55, MOV, 0xc3 }, 10, 2, { { 3, 0 }, { 5, 0 } } },
	{ "the way back into a loop does not count: dec; jne 0; ret",
	  { 0x48, 0xff, 0xc8, 0x75, 0xfb, 0xc3 }, 6, 1, { { 3, NOT(5) } } },
	{ "tail jump", { 0x90, 0xe9, 0x00, 0x10, 0x00, 0x00 }, 6, 1, { { 1, 0 } } },
	{ "ret at once", { 0xc3 }, 1, -1, { { 0, 0 } } },
	{ "nothing emulated before the return", { MOV, 0xc3 }, 4, -1, { { 0, 0 } } },
	{ "one way has nothing emulated: entry is a loop's head: mov; ret",
	  { MOV, 0xc3, 0x90 }, 5, -1, { { 0, 0 } } },
	{ "an indirect jump", { 0x90, 0xff, 0xe0 }, 3, -1, { { 0, 0 } } },
	{ "never returns", { 0x90, 0xeb, 0xfd }, 3, -1, { { 0, 0 } } },
	{ "more than there is room for",
	  { 0x74, 0x01, 0xc3, 0x75, 0x01, 0xc3, 0x72, 0x01, 0xc3, 0x73, 0x01, 0xc3, 0x76, 0x01, 0xc3,
	    0x77, 0x01, 0xc3, 0x78, 0x01, 0xc3, 0x79, 0x01, 0xc3, 0x7a, 0x01, 0xc3, 0x90, 0xc3 },
	  29, -1, { { 0, 0 } } },
};

static bool has_exit(const struct probe_flow_exit *exits, int n, uint32_t offset, uint16_t cond)
{
	for (int i = 0; i < n; i++)
		if (exits[i].offset == offset && exits[i].cond == cond)
			return true;
	return false;
}

static void test_functions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		const struct function *f = &functions[i];
		struct probe_flow_exit exits[EXITS];
		char why[PROBE_WHY_MAX] = "";
		uint32_t size = 0;
		int n = probe_flow__exits(f->code, f->len, exits, EXITS, &size, why);

		print_message("%s: %d %s\n", f->what, n, why);
		if (f->n < 0) {
			assert_true(n < 0);
			assert_string_not_equal(why, "");
			continue;
		}
		assert_int_equal(n, f->n);
		assert_true(size > 0 && size <= f->len);
		for (int k = 0; k < n; k++)
			assert_true(has_exit(exits, n, f->exits[k].offset, f->exits[k].cond));
	}
}

static void test_returns(void **state)
{
	const uint8_t two[] = { 0x74, 0x01, 0xc3, CALL, 0xc3 };
	const uint8_t tail[] = { 0x90, 0xe9, 0x00, 0x10, 0x00, 0x00 };
	uint32_t offsets[2], size;
	char why[PROBE_WHY_MAX];

	(void)state;
	assert_int_equal(probe_flow__returns(two, sizeof(two), offsets, 2, &size, why), 2);
	assert_int_equal(offsets[0], 2);
	assert_int_equal(offsets[1], 8);
	assert_true(probe_flow__returns(two, sizeof(two), offsets, 1, &size, why) < 0);
	assert_true(probe_flow__returns(tail, sizeof(tail), offsets, 2, &size, why) < 0);
	assert_true(probe_flow__returns(two, 2, offsets, 2, &size, why) < 0);
}

/* A call of CALLEE at off. */
static void put_call(uint8_t *code, uint32_t off)
{
	int32_t rel = (int32_t)(CALLEE - (ENTRY + off + 5));

	code[off] = 0xe8;
	memcpy(code + off + 1, &rel, sizeof(rel));
}

static int find_call(const uint8_t *code, size_t len, struct probe_flow_call *call)
{
	char why[PROBE_WHY_MAX] = "";
	int err = probe_flow__call(code, len, ENTRY, CALLEE, call, why);

	if (err)
		assert_string_not_equal(why, "");
	return err;
}

static void test_call(void **state)
{
	/* jge out; call; cmp; je out; jmp 0; out: ret */
	uint8_t loop[] = { 0x7d, 0x0d, 0, 0, 0, 0, 0, 0x48, 0x83, 0xf8, 0xff, 0x74, 0x02, 0xeb, 0xf1, 0xc3 };
	/* The same, but something else jumps to where the call returns. */
	uint8_t joined[] = { 0x7d, 0x05, 0, 0, 0, 0, 0, 0x48, 0x83, 0xf8, 0xff, 0x74, 0x00, 0xc3 };
	uint8_t twice[] = { 0, 0, 0, 0, 0, 0x74, 0x05, 0, 0, 0, 0, 0, 0x90, 0xc3 };
	uint8_t returns[] = { 0, 0, 0, 0, 0, MOV, 0xc3 };
	struct probe_flow_call call = { 0 };

	(void)state;
	put_call(loop, 2);
	assert_int_equal(find_call(loop, sizeof(loop), &call), 0);
	assert_int_equal(call.offset, 2);
	assert_int_equal(call.after, 11);
	assert_int_equal(call.size, sizeof(loop));
	put_call(joined, 2);
	assert_true(find_call(joined, sizeof(joined), &call) < 0);
	put_call(twice, 0);
	put_call(twice, 7);
	assert_true(find_call(twice, sizeof(twice), &call) < 0);
	put_call(returns, 0);
	assert_true(find_call(returns, sizeof(returns), &call) < 0);
	assert_true(find_call(returns + 5, 4, &call) < 0);
}

/* Random functions are made of these: sizes, and whether there is a jump. */
enum piece { NOP, PUSH, MOVE, CALLS, JMP, JCC, RET, PIECES };

static const uint8_t piece_size[PIECES] = { 1, 1, 3, 5, 2, 2, 1 };

struct random {
	uint8_t code[128];
	uint32_t len;
	enum piece piece[24];
	uint32_t at[24];		/* offset of each piece */
	int target[24];			/* piece that a jump leads to */
	int n;
};

static void make_random(struct random *r)
{
	static const uint8_t move[] = { MOV }, calls[] = { CALL };

	r->n = 4 + rand() % 20;
	r->len = 0;
	for (int i = 0; i < r->n; i++) {
		r->piece[i] = i == r->n - 1 ? RET : (enum piece)(rand() % PIECES);
		r->at[i] = r->len;
		r->len += piece_size[r->piece[i]];
	}
	for (int i = 0; i < r->n; i++) {
		uint8_t *p = r->code + r->at[i];

		r->target[i] = rand() % r->n;
		switch (r->piece[i]) {
		case NOP:
			*p = 0x90;
			break;
		case PUSH:
			*p = 0x55;
			break;
		case MOVE:
			memcpy(p, move, sizeof(move));
			break;
		case CALLS:
			memcpy(p, calls, sizeof(calls));
			break;
		case RET:
			*p = 0xc3;
			break;
		default:
			p[0] = r->piece[i] == JMP ? 0xeb : 0x74;
			p[1] = (uint8_t)(r->at[r->target[i]] - (r->at[i] + 2));
		}
	}
}

/* Walks from the entry, jumps at random; returns how often an exit was passed, -1: no return reached. */
static int walk(const struct random *r, const struct probe_flow_exit *exits, int n)
{
	int passed = 0, i = 0;

	for (int steps = 0; steps < 200; steps++) {
		bool taken = rand() % 2;

		if (r->piece[i] == RET)
			return passed;
		for (int k = 0; k < n; k++) {
			if (exits[k].offset != r->at[i])
				continue;
			if (exits[k].cond == GT_COND_ALWAYS ||
			    exits[k].cond == (taken ? TAKEN(E) : NOT(E)))
				passed++;
		}
		if (r->piece[i] == JMP || (r->piece[i] == JCC && taken))
			i = r->target[i];
		else
			i++;
	}
	return -1;
}

/* The same from span's begin: how often it was passed, and its ends after that. */
static int walk_span(const struct random *r, const struct probe_flow_span *span, int *begun)
{
	int passed = 0, i = 0;

	*begun = span->begin == 0;
	for (int steps = 0; steps < 200; steps++) {
		bool taken = rand() % 2;

		if (r->piece[i] == RET)
			return passed;
		*begun += span->begin && r->at[i] == span->begin;
		for (int k = 0; k < span->nends && *begun; k++) {
			if (span->ends[k].offset != r->at[i])
				continue;
			if (span->ends[k].cond == GT_COND_ALWAYS ||
			    span->ends[k].cond == (taken ? TAKEN(E) : NOT(E)))
				passed++;
		}
		if (r->piece[i] == JMP || (r->piece[i] == JCC && taken))
			i = r->target[i];
		else
			i++;
		/* Functions do not go back to their entry once they have begun. */
		if (!i)
			return -1;
	}
	return -1;
}

static void test_random_spans(void **state)
{
	struct probe_flow_span span;
	char why[PROBE_WHY_MAX];
	struct random r;
	int late = 0, begun, passed;

	(void)state;
	srand(11);
	for (int i = 0; i < 20000; i++) {
		make_random(&r);
		if (probe_flow__span(r.code, r.len, true, &span, why))
			continue;
		late += span.begin != 0;
		for (int k = 0; k < 20; k++) {
			passed = walk_span(&r, &span, &begun);
			if (passed < 0)
				continue;
			assert_in_range(begun, 0, 1);
			assert_int_equal(passed, begun);
		}
	}
	assert_true(late > 200);
}

static void test_random(void **state)
{
	struct probe_flow_exit exits[EXITS];
	char why[PROBE_WHY_MAX];
	struct random r;
	int found = 0, returned = 0, passed, n;
	uint32_t size;

	(void)state;
	srand(7);
	for (int i = 0; i < 4000; i++) {
		make_random(&r);
		n = probe_flow__exits(r.code, r.len, exits, EXITS, &size, why);
		if (n < 0)
			continue;
		found++;
		for (int k = 0; k < 20; k++) {
			passed = walk(&r, exits, n);
			if (passed < 0)
				continue;
			returned++;
			assert_int_equal(passed, 1);
		}
	}
	assert_true(found > 500 && returned > 5000);
}

struct result {
	const char *what;
	uint8_t code[48];
	size_t len;
	int32_t result;			/* of its only exit */
};

static void test_results(void **state)
{
	static const struct result results[] = {
		{ "nop; mov 0x28(%rsp),%rax; add $0x58,%rsp; pop %rbp; ret",
		  { 0x90, 0x48, 0x8b, 0x44, 0x24, 0x28, 0x48, 0x83, 0xc4, 0x58, 0x5d, 0xc3 }, 12, 0x28 },
		{ "call; mov 0x28(%rsp),%rax; add $0x58,%rsp; ret",
		  { CALL, 0x48, 0x8b, 0x44, 0x24, 0x28, 0x48, 0x83, 0xc4, 0x58, 0xc3 }, 15, 0x28 },
		{ "nop; ret", { 0x90, 0xc3 }, 2, PROBE_RESULT_AX },
		{ "nop; add $0x58,%rsp; pop %rbp; ret", { 0x90, 0x48, 0x83, 0xc4, 0x58, 0x5d, 0xc3 }, 7,
		  PROBE_RESULT_AX },
		{ "call; ret: not yet made", { CALL, 0xc3 }, 6, PROBE_RESULT_UNKNOWN },
		{ "nop; mov %rcx,%rax; ret", { 0x90, MOV, 0xc3 }, 5, PROBE_RESULT_UNKNOWN },
		{ "nop; xor %eax,%eax; ret", { 0x90, 0x31, 0xc0, 0xc3 }, 4, PROBE_RESULT_UNKNOWN },
		{ "nop; mov 0x28(%rax),%rax; ret", { 0x90, 0x48, 0x8b, 0x40, 0x28, 0xc3 }, 6,
		  PROBE_RESULT_UNKNOWN },
		{ "nop; mov %rcx,0x28(%rsp); mov 0x28(%rsp),%rax; ret",
		  { 0x90, 0x48, 0x89, 0x4c, 0x24, 0x28, 0x48, 0x8b, 0x44, 0x24, 0x28, 0xc3 }, 12,
		  PROBE_RESULT_UNKNOWN },
		{ "nop; movq $-1,0x10(%r14); mov 0x30(%rsp),%rax; ret",
		  { 0x90, 0x49, 0xc7, 0x46, 0x10, 0xff, 0xff, 0xff, 0xff, 0x48, 0x8b, 0x44, 0x24, 0x30,
		    0xc3 }, 15, 0x30 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		struct probe_flow_exit exits[EXITS];
		char why[PROBE_WHY_MAX] = "";
		uint32_t size = 0;

		print_message("%s\n", results[i].what);
		assert_int_equal(probe_flow__exits(results[i].code, results[i].len, exits, EXITS,
						   &size, why), 1);
		assert_int_equal(exits[0].result, results[i].result);
	}
}

/* push; je 1: called in vain; jne 1: likewise; call, call; jmp 2; 1, 2: add; pop; ret */
static const uint8_t vain[] = {
	0x55, 0x74, 0x0e, 0x75, 0x0c, CALL, CALL, 0xeb, 0x06, 0x48, 0x83, 0xc4, 0x08, 0x5d, 0xc3, 0x48, 0x83,
	0xc4, 0x08, 0x5d, 0xc3,
};

static void test_span(void **state)
{
	/* The tests, then a way that goes round: a begin there might be passed twice. */
	static const uint8_t round[] = { 0x55, 0x74, 0x04, 0x90, 0x75, 0xfd, 0xc3, 0xc3 };
	struct probe_flow_span span = { 0 };
	char why[PROBE_WHY_MAX];

	(void)state;
	assert_int_equal(probe_flow__span(vain, sizeof(vain), true, &span, why), 0);
	assert_int_equal(span.begin, 5);
	assert_int_equal(span.nends, 1);
	assert_int_equal(span.ends[0].offset, 15);
	assert_int_equal(span.ends[0].cond, GT_COND_ALWAYS);
	/* From the entry on, both tests are ends as well. */
	assert_int_equal(probe_flow__span(vain, sizeof(vain), false, &span, why), 0);
	assert_int_equal(span.begin, 0);
	assert_int_equal(span.nends, 3);
	assert_int_equal(probe_flow__span(round, sizeof(round), true, &span, why), 0);
	assert_int_equal(span.begin, 0);
	assert_true(probe_flow__span(vain, 8, true, &span, why) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_returns),
		cmocka_unit_test(test_call),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_random_spans),
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_span),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
