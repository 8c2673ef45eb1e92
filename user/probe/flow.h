/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the end of a function may be probed. A probe on RET is single-stepped, which costs twenty
 * times as much as one on an instruction that the kernel emulates, so the end is taken at such an
 * instruction, if one is proven to be passed exactly once on every way to every return.
 */
#ifndef GOTRACE_PROBE_FLOW_H
#define GOTRACE_PROBE_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gotrace/config.h"
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

/* Where an exit's function has its result. */
#define PROBE_RESULT_AX	     (-1)	/* in AX already */
#define PROBE_RESULT_UNKNOWN (-2)

/* An emulated instruction and, of a conditional jump, the way it must go: GT_COND_ of config.h. */
struct probe_flow_exit {
	uint32_t offset;		/* from the function's entry */
	uint16_t cond;
	int32_t result;			/* PROBE_RESULT_, or where it lies above the stack pointer */
};

/*
 * Where no one instruction is passed on every way to every return: for each return the last emulated
 * instructions before it. From there on the code goes straight to the return, without a jump or a
 * call, so each way to a return passes exactly one of them, that way, exactly once.
 *
 * Returns how many there are, at most max, and in *size the bytes that the proof rests on; or -EINVAL,
 * -ENOMEM as above, also when there are more than max.
 */
int probe_flow__exits(const uint8_t *code, size_t len, struct probe_flow_exit *exits, int max,
		      uint32_t *size, char *why);

#define PROBE_FLOW_ENDS 16

struct probe_flow_span {
	uint32_t begin;			/* of the instruction; 0: there is none, take probe_site__find()'s */
	struct probe_flow_exit ends[PROBE_FLOW_ENDS];
	int nends;
	uint32_t size;			/* as above */
};

/*
 * From where a function has decided that there is something to do, to its ends. Many functions look
 * first whether they are called in vain, and return: the begin is an emulated instruction behind these
 * tests, which are conditional jumps from which the code goes straight to a return, before any call;
 * it is passed once at most, and the function's frame is made by then. The ends are those that can be
 * reached from the begin (or from the entry, where there is none): one instruction if every way from
 * there to a return passes it once and little is done behind it, otherwise as probe_flow__exits() has
 * them. Ways back to the entry are not gone: they are the stack check's new start, and what seems to
 * follow a call that does not return.
 *
 * 0, -EINVAL or -ENOMEM as above.
 */
int probe_flow__span(const uint8_t *code, size_t len, bool late, struct probe_flow_span *span,
		     char *why);

/* The returns themselves: where results are in registers. Single-stepped, so for rare calls only. */
int probe_flow__returns(const uint8_t *code, size_t len, uint32_t *offsets, int max, uint32_t *size,
			char *why);

struct probe_flow_call {
	uint32_t offset;		/* of the call */
	uint32_t after;			/* of the first emulated instruction behind it */
	uint32_t size;			/* as above */
};

/*
 * The one call of callee in the function at address entry, and an emulated instruction that is passed
 * exactly once after each return from it, and never otherwise. -EINVAL if there is none, or more than
 * one call.
 */
int probe_flow__call(const uint8_t *code, size_t len, uint64_t entry, uint64_t callee,
		     struct probe_flow_call *call, char *why);

/* Does the instruction at offset call callee? entry is the address of code, len bytes. */
bool probe_flow__calls(const uint8_t *code, size_t len, uint64_t entry, uint32_t offset,
		       uint64_t callee);

/*
 * Where the function has its first argument when the instruction at offset at is reached, whatever the
 * way there: in memory at *disp from the stack pointer. code begins with its stack check. -EINVAL if
 * that cannot be told, -ENOMEM, with the reason in why.
 *
 * Proven is that the function saves RAX, while it still is the argument, in the place that Go's ABI
 * has for it, and writes nothing else there through the stack pointer. Callees and pointers do not
 * write to what the function's caller has put aside for it, unless they are given its address, which
 * is no proof then.
 *
 * Source: src/cmd/compile/abi-internal.md; Go 1.17 and later.
 */
int probe_flow__first_arg(const uint8_t *code, size_t len, uint32_t at, uint32_t *disp, char *why);

#endif /* GOTRACE_PROBE_FLOW_H */
