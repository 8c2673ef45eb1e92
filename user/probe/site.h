/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where in a Go function a probe may stand. A breakpoint inside an instruction kills the process, so
 * the site is found by decoding from the function's entry, and a function that does not begin the
 * way Go's compiler begins one is refused.
 */
#ifndef GOTRACE_PROBE_SITE_H
#define GOTRACE_PROBE_SITE_H

#include <stddef.h>
#include <stdint.h>

enum probe_site_kind {
	PROBE_SITE_PUSH = 0,		/* push %rbp behind the stack check, or as the first instruction */
	PROBE_SITE_CHECK = 1,		/* the stack check's jbe; taken: the function starts again */
};

struct probe_site {
	enum probe_site_kind kind;
	uint32_t offset;		/* from the function's entry */
};

#define PROBE_WHY_MAX 256

/*
 * Finds the site in code, the len bytes at address entry. Both kinds are emulated by the kernel (one
 * trap instead of two) and see the arguments still in registers. Returns 0, or -EINVAL when the code
 * is not what the plan expects, with the reason in why (PROBE_WHY_MAX bytes).
 *
 * Source: cmd/internal/obj/x86/obj6.go, stacksplit and preprocess; Go 1.17 to 1.27.
 */
int probe_site__find(const uint8_t *code, size_t len, uint64_t entry, struct probe_site *site,
		     char *why);

#endif /* GOTRACE_PROBE_SITE_H */
