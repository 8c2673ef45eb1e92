// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target: looks for a probe site in the input, as if it were a function's code. A site
 * that is found must be a push %rbp or a jbe that lies whole within the bytes given.
 *
 * tests/fuzz/run.sh builds and runs it. The seeds are the prologues that Go's compilers make.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/site.h"

#define ENTRY 0x40b2c0

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	const char *name;
	size_t len;
	uint8_t code[24];
} seeds[] = {
	{ "jbe8-push", 10, { 0x49, 0x3b, 0x66, 0x10, 0x76, 0x2a, 0x55, 0x48, 0x89, 0xe5 } },
	{ "jbe32-push", 14,
	  { 0x49, 0x3b, 0x66, 0x10, 0x0f, 0x86, 0x45, 0x01, 0x00, 0x00, 0x55, 0x48, 0x89, 0xe5 } },
	{ "jbe32", 14,
	  { 0x49, 0x3b, 0x66, 0x10, 0x0f, 0x86, 0xab, 0x08, 0x00, 0x00, 0x48, 0x83, 0xec, 0x78 } },
	{ "lea8-jbe8-push", 12,
	  { 0x4c, 0x8d, 0x64, 0x24, 0xd8, 0x4d, 0x3b, 0x66, 0x18, 0x76, 0x2a, 0x55 } },
	{ "lea32-jbe32-push", 22,
	  { 0x4c, 0x8d, 0xa4, 0x24, 0x50, 0xff, 0xff, 0xff, 0x4d, 0x3b, 0x66, 0x10, 0x0f, 0x86, 0x6b,
	    0x06, 0x00, 0x00, 0x55, 0x48, 0x89, 0xe5 } },
	{ "push", 4, { 0x55, 0x48, 0x89, 0xe5 } },
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
	fprintf(stderr, "fuzz_site: %s\n", what);
	abort();
}

static int is_jbe(const uint8_t *p, size_t left)
{
	return (left >= 2 && p[0] == 0x76) || (left >= 6 && p[0] == 0x0f && p[1] == 0x86);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct probe_site site = { 0 };
	char why[PROBE_WHY_MAX] = "";
	const uint8_t *p;
	int err = probe_site__find(data, size, ENTRY, &site, why);

	if (err) {
		expect(err == -EINVAL || err == -ENOMEM, "an error that is not documented");
		expect(why[0] && memchr(why, '\0', sizeof(why)), "a refusal without a reason");
		return 0;
	}
	expect(site.offset < size, "a site outside the code");
	if (site.nop != PROBE_NO_NOP)
		expect(site.kind == PROBE_SITE_PUSH && site.nop + PROBE_NOP_SIZE == site.offset &&
		       !memcmp(data + site.nop, "\x0f\x1f\x44\0", PROBE_NOP_SIZE),
		       "a nop that is none, or not in front of the push");
	p = data + site.offset;
	if (site.kind == PROBE_SITE_PUSH)
		expect(*p == 0x55, "a push site that is no push %rbp");
	else
		expect(is_jbe(p, size - site.offset), "a check site that is no whole jbe");
	return 0;
}
