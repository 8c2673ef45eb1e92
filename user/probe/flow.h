/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the end of a function may be probed. A probe on RET is single-stepped, which costs twenty
 * times as much as one on an instruction that the kernel emulates, so the end is taken at such an
 * instruction, if one is proven to be passed exactly once on every way to every return.
 */
#ifndef GOTRACE_PROBE_FLOW_H
#define GOTRACE_PROBE_FLOW_H

#include <stddef.h>
#include <stdint.h>

#include "probe/site.h"

/* Longer functions are refused; runtime.copystack has some 1,100 bytes. */
#define PROBE_FLOW_MAX 16384

struct probe_flow_end {
	uint32_t offset;		/* of the instruction, from the function's entry */
	uint32_t size;			/* bytes from the entry that the proof rests on */
};

/*
 * Decodes all that can be reached from the entry of code, the len bytes of a whole function, and
 * finds the last instruction that the kernel emulates (call, jmp and jcc with a plain displacement,
 * push, nop) such that
 *
 *	without it no return, and no jump out of the function, is reached from the entry, and
 *	from it no way leads back to it.
 *
 * A call is taken to return; one that does not (runtime.throw) only adds ways that nobody goes.
 * Returns 0, or -EINVAL when there is none or when the code cannot be followed: an indirect jump, a
 * jump into the middle of an instruction, bytes that are no instruction, no end within len. -ENOMEM.
 * The reason goes to why (PROBE_WHY_MAX bytes).
 *
 * What is emulated: arch/x86/kernel/uprobes.c, branch_setup_xol_insn and push_setup_xol_insn; of the
 * encodings it takes, those that Go's assembler makes.
 */
int probe_flow__end(const uint8_t *code, size_t len, struct probe_flow_end *end, char *why);

#endif /* GOTRACE_PROBE_FLOW_H */
