// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target: follows the control flow of the input, as if it were a function's code, in every
 * way that plans do. Whatever is found must be an emulated instruction that lies whole within the
 * bytes given, and a refusal must give a reason.
 *
 * tests/fuzz/run.sh builds and runs it. The seeds are small functions; libFuzzer grows them.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/flow.h"

#define ENTRY  0x40b2c0
#define CALLEE (ENTRY + 0x105)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	const char *name;
	size_t len;
	uint8_t code[32];
} seeds[] = {
	/* jbe; push; call; pop; ret; call; jmp 0 */
	{ "restart", 17,
	  { 0x76, 0x08, 0x55, 0xe8, 0xfd, 0, 0, 0, 0x5d, 0xc3, 0xe8, 0, 0, 0, 0, 0xeb, 0xef } },
	/* push; je; jne; call; jmp; add; pop; ret; add; pop; ret */
	{ "tests", 24,
	  { 0x55, 0x74, 0x09, 0x75, 0x07, 0xe8, 0xfb, 0, 0, 0, 0xeb, 0x06, 0x48, 0x83, 0xc4, 0x08, 0x5d,
	    0xc3, 0x48, 0x83, 0xc4, 0x08, 0x5d, 0xc3 } },
	/* nop; mov 0x28(%rsp),%rax; add; pop; ret */
	{ "result", 12, { 0x90, 0x48, 0x8b, 0x44, 0x24, 0x28, 0x48, 0x83, 0xc4, 0x58, 0x5d, 0xc3 } },
	/* sub $0x18,%rsp; mov %rax,0x20(%rsp); call; add; ret */
	{ "argument", 19,
	  { 0x48, 0x83, 0xec, 0x18, 0x48, 0x89, 0x44, 0x24, 0x20, 0xe8, 0xf7, 0, 0, 0, 0x48, 0x83, 0xc4,
	    0x18, 0xc3 } },
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *dir = getenv("GOTRACE_FUZZ_SEEDS");
	char path[4096];
	FILE *f;

	(void)argc;
	(void)argv;
	for (size_t i = 0; dir && i < sizeof(seeds) / sizeof(seeds[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, seeds[i].name);
		f = fopen(path, "w");
		if (!f || fwrite(seeds[i].code, seeds[i].len, 1, f) != 1 || fclose(f)) {
			perror(path);
			exit(1);
		}
	}
	return 0;
}

static void expect(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_flow: %s\n", what);
	abort();
}

/* An error must be one that is documented, and say why. Returns whether it is one. */
static int refused(int err, char *why)
{
	if (err >= 0)
		return 0;
	expect(err == -EINVAL || err == -ENOMEM, "an error that is not documented");
	expect(why[0] && memchr(why, '\0', PROBE_WHY_MAX), "a refusal without a reason");
	return 1;
}

static void expect_emulated(const uint8_t *data, size_t size, uint32_t offset)
{
	uint8_t b;

	expect(offset < size, "an instruction outside of the code");
	b = data[offset];
	expect(b == 0x90 || (b & 0xf8) == 0x50 || b == 0xeb || (b & 0xf0) == 0x70 || b == 0xe8 ||
	       b == 0xe9 || (b == 0x0f && offset + 6 <= size && (data[offset + 1] & 0xf0) == 0x80),
	       "an instruction that the kernel does not emulate");
}

static void expect_exits(const uint8_t *data, size_t size, const struct probe_flow_exit *exits, int n)
{
	for (int i = 0; i < n; i++) {
		uint8_t b;

		expect_emulated(data, size, exits[i].offset);
		expect(exits[i].result >= PROBE_RESULT_UNKNOWN && exits[i].result < PROBE_FLOW_MAX,
		       "a result that is nowhere");
		b = data[exits[i].offset];
		expect(!exits[i].cond || (b & 0xf0) == 0x70 || b == 0x0f, "a condition without a jump");
		for (int k = 0; k < i; k++)
			expect(exits[k].offset != exits[i].offset, "one exit twice");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct probe_flow_exit exits[PROBE_FLOW_ENDS];
	struct probe_flow_span span = { 0 };
	struct probe_flow_call call = { 0 };
	struct probe_flow_end end = { 0 };
	uint32_t returns[PROBE_FLOW_ENDS], len = 0, disp;
	char why[PROBE_WHY_MAX] = "";
	int n;

	if (!refused(probe_flow__end(data, size, &end, why), why)) {
		expect_emulated(data, size, end.offset);
		why[0] = '\0';
		refused(probe_flow__first_arg(data, size, end.offset, &disp, why), why);
	}
	n = probe_flow__exits(data, size, exits, PROBE_FLOW_ENDS, &len, why);
	if (!refused(n, why))
		expect_exits(data, size, exits, n);
	n = probe_flow__returns(data, size, returns, PROBE_FLOW_ENDS, &len, why);
	for (int i = 0; !refused(n, why) && i < n; i++)
		expect(returns[i] < size && data[returns[i]] == 0xc3, "a return that is none");
	for (int late = 0; late < 2; late++) {
		if (refused(probe_flow__span(data, size, late, &span, why), why))
			continue;
		expect(span.size <= size && span.nends > 0 && span.nends <= PROBE_FLOW_ENDS, "no span");
		expect_exits(data, size, span.ends, span.nends);
		if (span.begin)
			expect_emulated(data, size, span.begin);
	}
	if (!refused(probe_flow__call(data, size, ENTRY, CALLEE, &call, why), why)) {
		expect(call.offset + 5 <= size && data[call.offset] == 0xe8, "a call that is none");
		expect_emulated(data, size, call.after);
	}
	return 0;
}
