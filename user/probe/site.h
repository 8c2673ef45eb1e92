/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where in a Go function a probe may stand. A breakpoint inside an instruction kills the process, so
 * the site is found by decoding from the function's entry, and a function that does not begin the
 * way Go's compiler begins one is refused.
 */
#ifndef GOTRACE_PROBE_SITE_H
#define GOTRACE_PROBE_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum probe_site_kind {
	PROBE_SITE_PUSH = 0,		/* push %rbp behind the stack check, or as the first instruction */
	PROBE_SITE_CHECK = 1,		/* the stack check's jbe; taken: the function starts again */
};

struct probe_site {
	enum probe_site_kind kind;
	uint32_t offset;		/* from the function's entry */
	uint32_t nop;			/* of a 5-byte nop where a probe sees the same; or PROBE_NO_NOP */
};

#define PROBE_NO_NOP   UINT32_MAX
#define PROBE_NOP_SIZE 5

/* The 5-byte nop that assemblers make, and that kernels make a call of: 0f 1f 44 00 00. */
extern const uint8_t probe_site_nop[PROBE_NOP_SIZE];

/* How the kernel gets a thread from a probe to its program and back. The dearest last. */
enum probe_trap {
	PROBE_TRAP_CALL = 0,		/* it makes a call of a 5-byte nop: no trap at all */
	PROBE_TRAP_EMULATED = 1,	/* one trap; it does what the instruction does */
	PROBE_TRAP_STEPPED = 2,		/* two: it runs the instruction elsewhere, and traps behind it */
};

/* "nop, call", "emulated", "single-stepped". */
const char *probe_trap__name(enum probe_trap trap);

/*
 * Does this release of Linux ("6.18.2-arch1") make calls of 5-byte nops? It does from 6.18 on; from 6.16
 * on it emulates them, before it single-steps them, which makes them the worst of places.
 *
 * Source: arch/x86/kernel/uprobes.c, can_optimize() and branch_setup_xol_ops().
 */
bool probe_site__nop_is_call(const char *release);

/* How a probe on the nop at this address is reached there: a call may not cross a page. */
enum probe_trap probe_site__nop_trap(uint64_t addr);

#define PROBE_WHY_MAX 256

/*
 * Finds the site in code, the len bytes at address entry. Both kinds are emulated by the kernel (one
 * trap instead of two) and see the arguments still in registers. A nop stands
 * right in front of the push. Returns 0, or -EINVAL when the code
 * is not what the plan expects, with the reason in why (PROBE_WHY_MAX bytes).
 *
 * Source: cmd/internal/obj/x86/obj6.go, stacksplit and preprocess; Go 1.17 to 1.27.
 */
int probe_site__find(const uint8_t *code, size_t len, uint64_t entry, struct probe_site *site,
		     char *why);

#endif /* GOTRACE_PROBE_SITE_H */
