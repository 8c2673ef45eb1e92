/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a function keeps its first argument. Go passes it in RAX, and a function that needs it later
 * saves it in the word that its caller leaves for that, behind the return address (Go's ABIInternal,
 * "spill area"). Followed along all ways from the entry: how far the stack pointer has gone down, and
 * whether RAX and that word still hold the argument.
 */
#include <capstone/capstone.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "probe/flow_parts.h"

/* Of the word, from the stack pointer at the entry, and its size. */
#define SLOT	  8
#define SLOT_SIZE 8

/* The ways that lead to an instruction disagree. */
#define DEPTH_UNKNOWN (-1)

struct state {
	bool reached;
	bool rax, slot;			/* holds the argument, whatever way was taken */
	int32_t depth;			/* bytes that the stack pointer is below that of the entry */
};

static bool is_rax(uint16_t reg)
{
	return reg == X86_REG_RAX || reg == X86_REG_EAX || reg == X86_REG_AX ||
	       reg == X86_REG_AL || reg == X86_REG_AH;
}

static bool is_rsp(uint16_t reg)
{
	return reg == X86_REG_RSP || reg == X86_REG_ESP || reg == X86_REG_SP || reg == X86_REG_SPL;
}

/* May the operand be, or may it point to, a part of the word? What other registers point to is not. */
static bool touches_slot(const cs_x86_op *op, int32_t depth)
{
	int64_t at;

	if (op->type != X86_OP_MEM || (op->mem.base != X86_REG_RSP && op->mem.base != X86_REG_RBP))
		return false;
	if (op->mem.base == X86_REG_RBP || op->mem.index != X86_REG_INVALID ||
	    depth == DEPTH_UNKNOWN || !op->size)
		return true;
	at = op->mem.disp - (int64_t)depth;
	return at < SLOT + SLOT_SIZE && at + op->size > SLOT;
}

/* "mov %rax, disp(%rsp)" to the very word. */
static bool saves_rax(const struct flow *f, const struct state *s)
{
	const cs_x86 *x86 = &f->insn->detail->x86;

	return f->insn->id == X86_INS_MOV && x86->op_count == 2 &&
	       x86->operands[0].type == X86_OP_MEM && x86->operands[0].size == SLOT_SIZE &&
	       x86->operands[0].mem.base == X86_REG_RSP &&
	       x86->operands[0].mem.index == X86_REG_INVALID &&
	       s->depth != DEPTH_UNKNOWN && x86->operands[0].mem.disp - s->depth == SLOT &&
	       x86->operands[1].type == X86_OP_REG && x86->operands[1].reg == X86_REG_RAX;
}

/* A move out of memory into a register only looks at it. */
static bool only_loads(const struct flow *f)
{
	const cs_x86 *x86 = &f->insn->detail->x86;

	return f->insn->id == X86_INS_MOV && x86->op_count == 2 &&
	       x86->operands[0].type == X86_OP_REG;
}

/* What a push, a pop, or an addition to the stack pointer takes from it; false: it is set otherwise. */
static bool moves_stack(const struct flow *f, int64_t *down)
{
	const cs_x86 *x86 = &f->insn->detail->x86;

	switch (f->insn->id) {
	case X86_INS_PUSH:
		*down = x86->operands[0].size;
		return true;
	case X86_INS_POP:
		*down = -(int64_t)x86->operands[0].size;
		return !is_rsp((uint16_t)x86->operands[0].reg);
	case X86_INS_SUB:
	case X86_INS_ADD:
		if (x86->operands[0].reg != X86_REG_RSP || x86->operands[1].type != X86_OP_IMM)
			return false;
		*down = f->insn->id == X86_INS_SUB ? x86->operands[1].imm : -x86->operands[1].imm;
		return true;
	default:
		return false;
	}
}

/* The state behind the instruction at off. 0 or -EINVAL. */
static int step(struct flow *f, uint32_t off, struct state *s)
{
	const uint8_t *code = f->code + off;
	size_t left = f->len - off;
	uint64_t addr = off;
	cs_regs read, written;
	uint8_t nread, nwritten;
	int64_t down = 0;

	if (!cs_disasm_iter(f->handle, &code, &left, &addr, f->insn) ||
	    cs_regs_access(f->handle, f->insn, read, &nread, written, &nwritten))
		return flow__refuse(f, off, "an instruction that cannot be followed");
	/* A call gives the stack pointer back, and from a function that has a frame, the word too. */
	if (f->at[off].call) {
		s->rax = false;
		s->slot = s->slot && s->depth > 0;
		return 0;
	}
	if (saves_rax(f, s)) {
		s->slot = s->rax;
		return 0;
	}
	for (uint8_t i = 0; i < f->insn->detail->x86.op_count && !only_loads(f); i++) {
		if (!touches_slot(&f->insn->detail->x86.operands[i], s->depth))
			continue;
		if (f->insn->id == X86_INS_LEA)
			return flow__refuse(f, off, "the address of its first argument is taken");
		s->slot = false;
	}
	for (uint8_t i = 0; i < nwritten; i++) {
		if (is_rax(written[i]))
			s->rax = false;
		if (is_rsp(written[i]) && !moves_stack(f, &down))
			s->depth = DEPTH_UNKNOWN;
	}
	if (s->depth != DEPTH_UNKNOWN)
		s->depth += (int32_t)down;
	if (s->depth < 0)
		s->depth = DEPTH_UNKNOWN;
	return 0;
}

/* Makes it what holds for both; returns whether that changed it. */
static bool merge(struct state *to, const struct state *from)
{
	struct state was = *to;

	if (!to->reached) {
		*to = *from;
		return true;
	}
	to->rax &= from->rax;
	to->slot &= from->slot;
	if (to->depth != from->depth)
		to->depth = DEPTH_UNKNOWN;
	return to->rax != was.rax || to->slot != was.slot || to->depth != was.depth;
}

/* Each state only ever loses, at most three times, so this ends. */
static int follow(struct flow *f, struct state *states)
{
	uint32_t next[2], off;
	int err, n;

	for (size_t i = 0; i < f->len; i++)
		f->at[i].seen = false;
	f->ntodo = 0;
	states[0] = (struct state){ .reached = true, .rax = true };
	flow__put(f, 0);
	while (f->ntodo) {
		off = f->todo[--f->ntodo];
		f->at[off].seen = false;
		struct state s = states[off];

		err = step(f, off, &s);
		if (err)
			return err;
		n = flow__successors(&f->at[off], off, next);
		for (int i = 0; i < n; i++) {
			/*
			 * Back to the entry goes who has had the stack grown, with the arguments as
			 * they were; a loop of the function's own begins behind its stack check.
			 */
			if (next[i] && merge(&states[next[i]], &s))
				flow__put(f, next[i]);
		}
	}
	return 0;
}

int probe_flow__first_arg(const uint8_t *code, size_t len, uint32_t at, uint32_t *disp, char *why)
{
	struct state *states = NULL;
	struct flow f;
	int err = flow__open(&f, code, len, why);

	if (!err) {
		states = calloc(len, sizeof(*states));
		err = states ? follow(&f, states) : -ENOMEM;
	}
	if (!err && (at >= len || !states[at].reached || !states[at].slot ||
		     states[at].depth == DEPTH_UNKNOWN))
		err = flow__refuse(&f, at, "its first argument is in no known place");
	if (!err)
		*disp = (uint32_t)states[at].depth + SLOT;
	free(states);
	flow__close(&f);
	return err;
}
