/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ends that are sets of instructions, where results are, and calls: what is read off a function's
 * control flow beside the one end of flow.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "probe/flow_parts.h"

/* So many instructions may follow the one end of a span; more are more than putting things away. */
#define END_INSNS 12

/* What a conditional jump is known by in both encodings: the low four bits of its opcode. */
static uint16_t condition(const struct flow *f, uint32_t off, bool taken)
{
	const uint8_t *b = f->code + off;

	return (uint16_t)((taken ? GT_COND_TAKEN : GT_COND_NOT_TAKEN) |
			  ((b[0] == 0x0f ? b[1] : b[0]) & 0xf));
}

/* Is this operand 8 bytes of the frame, at a place above the stack pointer? */
static bool is_frame_slot(const cs_x86_op *op)
{
	return op->type == X86_OP_MEM && op->size == 8 && op->mem.base == X86_REG_RSP &&
	       op->mem.index == X86_REG_INVALID && op->mem.disp >= 0 && op->mem.disp < PROBE_FLOW_MAX;
}

static bool writes_ax(const struct flow *f)
{
	cs_regs read, written;
	uint8_t nread, nwritten;

	if (cs_regs_access(f->handle, f->insn, read, &nread, written, &nwritten))
		return true;
	for (int i = 0; i < nwritten; i++)
		if (written[i] == X86_REG_RAX || written[i] == X86_REG_EAX ||
		    written[i] == X86_REG_AX || written[i] == X86_REG_AL || written[i] == X86_REG_AH)
			return true;
	return false;
}

static bool writes_frame(const struct flow *f)
{
	const cs_x86_op *to = &f->insn->detail->x86.operands[0];

	return f->insn->detail->x86.op_count && to->type == X86_OP_MEM && to->mem.base == X86_REG_RSP &&
	       (to->access & CS_AC_WRITE);
}

/*
 * Where AX at the return comes from, which the code from off on goes straight to: a load from the frame,
 * before anything moves the stack pointer, or what is in it already.
 */
static int32_t result_of(const struct flow *f, uint32_t off)
{
	uint32_t next[2];

	while (f->at[off].kind != RETURN) {
		const uint8_t *code = f->code + off;
		size_t left = f->len - off;
		uint64_t addr = off;
		const cs_x86 *x86;

		if (!cs_disasm_iter(f->handle, &code, &left, &addr, f->insn))
			return PROBE_RESULT_UNKNOWN;
		x86 = &f->insn->detail->x86;
		if (f->insn->id == X86_INS_MOV && x86->op_count == 2 &&
		    x86->operands[0].type == X86_OP_REG && x86->operands[0].reg == X86_REG_RAX)
			return is_frame_slot(&x86->operands[1]) ? (int32_t)x86->operands[1].mem.disp
								: PROBE_RESULT_UNKNOWN;
		if (f->at[off].call || writes_ax(f) || writes_frame(f))
			return PROBE_RESULT_UNKNOWN;
		/* From here on the stack pointer moves: what is to be loaded has been. */
		if (f->insn->id == X86_INS_ADD || f->insn->id == X86_INS_POP)
			return PROBE_RESULT_AX;
		if (flow__successors(&f->at[off], off, next) != 1)
			return PROBE_RESULT_UNKNOWN;
		off = next[0];
	}
	return PROBE_RESULT_AX;
}

/* Adds the way from the emulated instruction at off to the one at to. */
static int add_exit(const struct flow *f, struct probe_flow_exit *exits, int *n, int max,
		    uint32_t off, uint32_t to)
{
	const struct insn *in = &f->at[off];
	uint16_t cond = GT_COND_ALWAYS;
	int32_t result = result_of(f, to);

	/* The call has not been made yet when its probe is hit. */
	if (in->call && result == PROBE_RESULT_AX)
		result = PROBE_RESULT_UNKNOWN;
	if (in->kind == BRANCH && in->target != off + in->size)
		cond = condition(f, off, in->target == to);
	for (int i = 0; i < *n; i++) {
		if (exits[i].offset != off)
			continue;
		/* Both ways lead to a return. */
		if (exits[i].cond != cond)
			exits[i].cond = GT_COND_ALWAYS;
		if (exits[i].result != result)
			exits[i].result = PROBE_RESULT_UNKNOWN;
		return 0;
	}
	if (*n == max) {
		snprintf(f->why, PROBE_WHY_MAX, "more than %d ways to its returns", max);
		return -EINVAL;
	}
	exits[(*n)++] = (struct probe_flow_exit){ .offset = off, .cond = cond, .result = result };
	return 0;
}

/* All emulated instructions from which the code goes straight to the return at off. */
static int exits_to(struct flow *f, uint32_t off, struct probe_flow_exit *exits, int *n, int max)
{
	uint32_t next[2], to;
	int err = 0;

	f->ntodo = 0;
	flow__put(f, off);
	while (f->ntodo && !err) {
		to = f->todo[--f->ntodo];
		if (!to)
			return flow__refuse(f, off, "nothing that is emulated before the return");
		for (uint32_t from = 0; from < f->len && !err; from++) {
			if (f->at[from].kind <= INSIDE)
				continue;
			int nnext = flow__successors(&f->at[from], from, next);

			if (!(nnext > 0 && next[0] == to) && !(nnext > 1 && next[1] == to))
				continue;
			if (f->at[from].emulated)
				err = add_exit(f, exits, n, max, from, to);
			else if (f->at[from].kind == BRANCH)
				err = flow__refuse(f, from, "a conditional jump that is not emulated");
			else
				flow__put(f, from);
		}
	}
	return err;
}

/* All exits of the function. Returns their number. */
static int find_exits(struct flow *f, struct probe_flow_exit *exits, int max)
{
	int n = 0, err = 0;

	for (uint32_t off = 0; off < f->len; off++)
		f->at[off].seen = false;
	for (uint32_t off = 0; off < f->len && !err; off++) {
		if (f->at[off].kind != RETURN)
			continue;
		if (f->at[off].emulated)
			err = add_exit(f, exits, &n, max, off, off);
		else
			err = exits_to(f, off, exits, &n, max);
	}
	if (!err && !n) {
		snprintf(f->why, PROBE_WHY_MAX, "it does not return");
		err = -EINVAL;
	}
	return err ? err : n;
}

int probe_flow__exits(const uint8_t *code, size_t len, struct probe_flow_exit *exits, int max,
		      uint32_t *size, char *why)
{
	struct flow f;
	int n = flow__open(&f, code, len, why);

	if (!n)
		n = find_exits(&f, exits, max);
	*size = f.size;
	flow__close(&f);
	return n;
}

static const struct probe_flow_exit *exit_at(const struct probe_flow_exit *exits, int n, uint32_t off)
{
	for (int i = 0; i < n; i++)
		if (exits[i].offset == off)
			return &exits[i];
	return NULL;
}

/* Does a way from off lead to a return without a new start of the function? */
static bool goes_on(struct flow *f, uint32_t off)
{
	return flow__search(f, off, false, 0);
}

/* Is off passed on every way from behind the branch to a return? */
static bool is_join(struct flow *f, uint32_t branch, uint32_t off)
{
	return f->at[off].kind > INSIDE && !flow__search(f, branch, true, off);
}

/* Where the two ways of a branch meet again, before anything returns; FLOW_NONE: nowhere. */
static uint32_t join_of(struct flow *f, uint32_t branch)
{
	uint32_t join = FLOW_NONE;

	for (uint32_t off = 0; off < f->len; off++) {
		if (off == branch || !is_join(f, branch, off))
			continue;
		/* The nearest is on the way to all others. */
		if (join != FLOW_NONE) {
			flow__search(f, branch, true, join);
			if (!f->at[off].seen)
				continue;
		}
		join = off;
	}
	return join;
}

/* The begin behind the tests of whether there is anything to do; 0: there is none such. */
static uint32_t late_begin(struct flow *f, const struct probe_flow_exit *exits, int n)
{
	const struct probe_flow_exit *e;
	uint32_t off = 0, begin = 0;
	bool tested = false;

	for (size_t steps = 0; steps < f->len && !begin; steps++) {
		const struct insn *in = &f->at[off];

		e = exit_at(exits, n, off);
		if (tested && in->emulated && !e)
			begin = off;
		else if (in->kind == JUMP)
			off = in->target;
		else if (in->kind == PLAIN && !in->call)
			off += in->size;
		else if (in->kind != BRANCH || (e && e->cond == GT_COND_ALWAYS))
			return 0;
		else if (e && (e->cond & GT_COND_TAKEN))
			tested = true, off += in->size;
		else if (e)
			tested = true, off = in->target;
		else if (!goes_on(f, in->target))
			off += in->size;
		else
			off = join_of(f, off);
		if (off == FLOW_NONE)
			return 0;
	}
	if (begin)
		flow__search(f, begin, true, FLOW_NONE);
	return begin && !f->at[begin].seen ? begin : 0;
}

/* Marks what can be reached from the begin of a span, where without is not to be passed. */
static bool search_span(struct flow *f, uint32_t begin, uint32_t without)
{
	return flow__search(f, begin, begin != 0, without);
}

/* Is there little left to be done behind off? What it takes is not in the span's time. */
static bool is_near_return(struct flow *f, uint32_t off)
{
	int left = 0, calls = 0;

	flow__search(f, off, true, FLOW_NONE);
	for (uint32_t i = 0; i < f->len; i++) {
		if (f->at[i].kind <= INSIDE || !f->at[i].seen)
			continue;
		left++;
		calls += f->at[i].call;
	}
	return left <= END_INSNS && calls <= 1;
}

/*
 * The last of the emulated instructions that every way from begin to a return passes once, if it is near
 * the returns; FLOW_NONE: there is none.
 */
static uint32_t one_end(struct flow *f, uint32_t begin)
{
	uint32_t end = FLOW_NONE;

	for (uint32_t off = 0; off < f->len; off++) {
		if (f->at[off].kind <= INSIDE || !f->at[off].emulated || (begin && off == begin))
			continue;
		search_span(f, begin, FLOW_NONE);
		if (!f->at[off].seen || search_span(f, begin, off))
			continue;
		flow__search(f, off, true, FLOW_NONE);
		if (f->at[off].seen)
			continue;
		if (end != FLOW_NONE) {
			flow__search(f, end, true, FLOW_NONE);
			if (!f->at[off].seen)
				continue;
		}
		end = off;
	}
	return end != FLOW_NONE && is_near_return(f, end) ? end : FLOW_NONE;
}

static int find_span(struct flow *f, bool late, struct probe_flow_span *span)
{
	struct probe_flow_exit exits[PROBE_FLOW_ENDS] = { { 0 } };
	int n = find_exits(f, exits, PROBE_FLOW_ENDS);
	uint32_t end;

	if (n < 0)
		return n;
	span->size = f->size;
	f->closed = 0;
	span->begin = late ? late_begin(f, exits, n) : 0;
	span->nends = 0;
	end = one_end(f, span->begin);
	if (end != FLOW_NONE) {
		span->ends[span->nends++] = (struct probe_flow_exit){
			.offset = end, .result = PROBE_RESULT_UNKNOWN
		};
		return 0;
	}
	search_span(f, span->begin, FLOW_NONE);
	for (int i = 0; i < n; i++)
		if (f->at[exits[i].offset].seen)
			span->ends[span->nends++] = exits[i];
	return span->nends ? 0 : flow__refuse(f, span->begin, "nothing returns from behind its begin");
}

int probe_flow__span(const uint8_t *code, size_t len, bool late, struct probe_flow_span *span,
		     char *why)
{
	struct flow f;
	int err = flow__open(&f, code, len, why);

	if (!err)
		err = find_span(&f, late, span);
	flow__close(&f);
	return err;
}

int probe_flow__returns(const uint8_t *code, size_t len, uint32_t *offsets, int max, uint32_t *size,
			char *why)
{
	struct flow f;
	int n = 0, err = flow__open(&f, code, len, why);

	for (uint32_t off = 0; off < len && !err; off++) {
		if (f.at[off].kind != RETURN)
			continue;
		if (n == max || code[off] != 0xc3)
			err = flow__refuse(&f, off, n == max ? "one return too many" : "a jump out of it");
		else
			offsets[n++] = off;
	}
	*size = f.size;
	flow__close(&f);
	if (!err && !n) {
		snprintf(why, PROBE_WHY_MAX, "it does not return");
		err = -EINVAL;
	}
	return err ? err : n;
}

/* How many instructions lead to the one at off. */
static int count_ways(const struct flow *f, uint32_t off)
{
	uint32_t next[2];
	int ways = 0;

	for (uint32_t from = 0; from < f->len; from++) {
		if (f->at[from].kind <= INSIDE)
			continue;
		for (int i = flow__successors(&f->at[from], from, next) - 1; i >= 0; i--)
			ways += next[i] == off;
	}
	return ways;
}

bool probe_flow__calls(const uint8_t *code, size_t len, uint64_t entry, uint32_t offset,
		       uint64_t callee)
{
	int32_t rel;

	if (len < 5 || offset > len - 5 || code[offset] != 0xe8)
		return false;
	memcpy(&rel, code + offset + 1, sizeof(rel));
	return entry + offset + 5 + (uint64_t)(int64_t)rel == callee;
}

static bool calls(const struct flow *f, uint32_t off, uint64_t entry, uint64_t callee)
{
	return f->at[off].kind == PLAIN && f->at[off].size == 5 &&
	       probe_flow__calls(f->code, f->len, entry, off, callee);
}

static int find_call(struct flow *f, uint64_t entry, uint64_t callee, struct probe_flow_call *call)
{
	uint32_t off;
	int n = 0;

	for (off = 0; off < f->len; off++) {
		if (f->at[off].kind > INSIDE && calls(f, off, entry, callee)) {
			call->offset = off;
			n++;
		}
	}
	call->size = f->size;
	if (n != 1) {
		snprintf(f->why, PROBE_WHY_MAX, "%d calls where one was expected", n);
		return -EINVAL;
	}
	for (off = call->offset + 5; off < f->len && count_ways(f, off) == 1;
	     off += f->at[off].size) {
		call->after = off;
		if (f->at[off].emulated)
			return 0;
		if (f->at[off].kind != PLAIN)
			break;
	}
	return flow__refuse(f, call->offset, "nothing that is emulated behind the call");
}

int probe_flow__call(const uint8_t *code, size_t len, uint64_t entry, uint64_t callee,
		     struct probe_flow_call *call, char *why)
{
	struct flow f;
	int err = flow__open(&f, code, len, why);

	if (!err)
		err = find_call(&f, entry, callee, call);
	flow__close(&f);
	return err;
}
