// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target: opens the input as an executable and asks everything of it.
 *
 *	SAN=fuzzer,address,undefined
 *	clang -std=gnu11 -g -O1 -fsanitize=$SAN -fno-sanitize-recover=undefined -Iinclude -Iuser \
 *		tests/fuzz/fuzz_gobin.c user/gobin/[a-z]*.c -lelf -o fuzz_gobin
 *	mkdir -p corpus && GOTRACE_FUZZ_SEEDS=corpus ./fuzz_gobin -runs=0
 *	./fuzz_gobin -max_len=8192 corpus
 *
 * The seeds are the tiny executables of tests/unit/tiny_go.h, one per Go version and link mode:
 * real binaries start at 1.5 MB, and nearly every mutation of such a file hits machine code, which
 * gobin does not read. Here every field of every table is within reach of one mutation.
 */
#include <stdlib.h>

#include "gobin/gobin.h"
#include "../unit/tiny_go.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_seed(const char *dir, int minor, bool pie)
{
	char path[4096];
	struct tiny t;
	FILE *f;

	tiny_build(&t, minor, pie);
	snprintf(path, sizeof(path), "%s/go1.%d%s", dir, minor, pie ? "-pie" : "");
	f = fopen(path, "w");
	if (!f || fwrite(t.b, TINY_SIZE, 1, f) != 1 || fclose(f)) {
		perror(path);
		exit(1);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *dir = getenv("GOTRACE_FUZZ_SEEDS");

	(void)argc;
	(void)argv;
	for (int minor = GOBIN_MINOR_MIN; dir && minor <= GOBIN_MINOR_MAX; minor++) {
		write_seed(dir, minor, false);
		write_seed(dir, minor, true);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[GOBIN_WHY_MAX];
	uint64_t addrs[24];
	struct gobin *gb;
	size_t n = 0;

	if (gobin__open_mem(data, size, &gb, why))
		return 0;
	/* Addresses follow what the input claims, so that moved tables are reached too. */
	for (; n < 12; n++)
		addrs[n] = gb->md.text + n * 11;
	for (; n < 16; n++)
		addrs[n] = gb->md.minpc + (gb->md.maxpc - gb->md.minpc) / 4 * (n - 12) + 1;
	for (; n < 22; n++)
		addrs[n] = gb->md.types + (n - 16) * 8;
	addrs[n++] = gb->md.maxpc - 1;
	addrs[n++] = gb->md.etypes - 1;
	tiny_query_all(gb, addrs, n);
	gobin__free(gb);
	return 0;
}
