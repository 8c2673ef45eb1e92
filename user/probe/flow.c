/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The control flow of one function: which instruction follows which, and what must be passed.
 *
 * Instructions are found by following the flow from the entry, not one after the other, so that
 * padding and tables behind the code are never decoded. Each byte belongs to at most one of them.
 */
#include <capstone/capstone.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/flow_parts.h"

int flow__refuse(const struct flow *f, uint32_t off, const char *what)
{
	snprintf(f->why, PROBE_WHY_MAX, "%s at +0x%x", what, off);
	return -EINVAL;
}

/* The plain encodings; with a prefix the kernel steps over them, or they mean something else. */
static bool is_emulated(const uint8_t *b, uint8_t size)
{
	switch (size) {
	case 1:
		return b[0] == 0x90 || (b[0] & 0xf8) == 0x50;
	case 2:
		return b[0] == 0xeb || (b[0] & 0xf0) == 0x70;
	case 5:
		return b[0] == 0xe8 || b[0] == 0xe9;
	case 6:
		return b[0] == 0x0f && (b[1] & 0xf0) == 0x80;
	default:
		return false;
	}
}

static bool in_group(const struct flow *f, uint8_t group)
{
	return cs_insn_group(f->handle, f->insn, group);
}

/* What the decoded instruction does to the flow; NONE: it cannot be followed. */
static enum kind classify(const struct flow *f)
{
	const cs_x86 *x86 = &f->insn->detail->x86;
	bool direct = x86->op_count == 1 && x86->operands[0].type == X86_OP_IMM;

	if (f->insn->id == X86_INS_UD2)
		return STOP;
	if (in_group(f, CS_GRP_CALL))
		return PLAIN;
	if (f->insn->id == X86_INS_RET)
		return RETURN;
	if (f->insn->id == X86_INS_JMP)
		return direct ? JUMP : NONE;
	switch (f->insn->id) {
	/* Some of these are in no group of jumps. */
	case X86_INS_XBEGIN:
	case X86_INS_XABORT:
	case X86_INS_LOOP:
	case X86_INS_LOOPE:
	case X86_INS_LOOPNE:
	case X86_INS_JCXZ:
	case X86_INS_JECXZ:
	case X86_INS_JRCXZ:
		return NONE;
	case X86_INS_SYSCALL:
		return PLAIN;
	default:
		break;
	}
	if (in_group(f, CS_GRP_JUMP))
		return direct ? BRANCH : NONE;
	if (in_group(f, CS_GRP_RET) || in_group(f, CS_GRP_INT) || in_group(f, CS_GRP_IRET) ||
	    in_group(f, CS_GRP_PRIVILEGE))
		return NONE;
	return PLAIN;
}

/* Decodes the instruction at off and takes its bytes. */
static int decode(struct flow *f, uint32_t off)
{
	const uint8_t *code = f->code + off;
	size_t left = f->len - off;
	uint64_t addr = off, target;
	struct insn *in = &f->at[off];
	enum kind kind;

	if (!cs_disasm_iter(f->handle, &code, &left, &addr, f->insn))
		return flow__refuse(f, off, "bytes that are no instruction");
	kind = classify(f);
	if (kind == NONE)
		return flow__refuse(f, off, "a jump or trap that cannot be followed");
	for (uint32_t i = 1; i < f->insn->size; i++) {
		if (f->at[off + i].kind != NONE)
			return flow__refuse(f, off, "a jump into the middle of an instruction");
		f->at[off + i].kind = INSIDE;
	}
	*in = (struct insn){ .kind = (uint8_t)kind, .size = (uint8_t)f->insn->size };
	in->emulated = is_emulated(f->code + off, in->size);
	in->call = in_group(f, CS_GRP_CALL);
	if (kind == JUMP || kind == BRANCH) {
		target = (uint64_t)f->insn->detail->x86.operands[0].imm;
		/* Out of the function by a jcc: possible, but not made by Go. */
		if (target >= f->len && kind == BRANCH)
			return flow__refuse(f, off, "a conditional jump out of the function");
		if (target >= f->len)
			in->kind = RETURN;
		else
			in->target = (uint32_t)target;
	}
	if (off + in->size > f->size)
		f->size = off + in->size;
	return 0;
}

int flow__successors(const struct insn *in, uint32_t off, uint32_t next[2])
{
	int n = 0;

	if (in->kind == PLAIN || in->kind == BRANCH)
		next[n++] = off + in->size;
	if (in->kind == JUMP || in->kind == BRANCH)
		next[n++] = in->target;
	return n;
}

/* Decodes all that is reached from the entry. Each offset is put on the list once. */
static int decode_all(struct flow *f)
{
	uint32_t next[2], off;
	int err, n;

	f->todo[f->ntodo++] = 0;
	f->at[0].seen = true;
	while (f->ntodo) {
		off = f->todo[--f->ntodo];
		if (f->at[off].kind == INSIDE)
			return flow__refuse(f, off, "a jump into the middle of an instruction");
		err = decode(f, off);
		if (err)
			return err;
		f->at[off].seen = true;
		n = flow__successors(&f->at[off], off, next);
		for (int i = 0; i < n; i++) {
			if (next[i] >= f->len)
				return flow__refuse(f, off, "code that runs past the function's end");
			if (f->at[next[i]].kind == INSIDE)
				return flow__refuse(f, next[i], "a jump into the middle of an instruction");
			if (f->at[next[i]].kind == NONE && !f->at[next[i]].seen) {
				f->at[next[i]].seen = true;
				f->todo[f->ntodo++] = next[i];
			}
		}
	}
	return 0;
}

void flow__put(struct flow *f, uint32_t off)
{
	if (!f->at[off].seen) {
		f->at[off].seen = true;
		f->todo[f->ntodo++] = off;
	}
}

bool flow__search(struct flow *f, uint32_t from, bool behind, uint32_t without)
{
	uint32_t next[2], off;
	bool returns = false;
	int n;

	for (size_t i = 0; i < f->len; i++)
		f->at[i].seen = false;
	f->ntodo = 0;
	if (behind) {
		n = flow__successors(&f->at[from], from, next);
		for (int i = 0; i < n; i++)
			if (next[i] != without && next[i] != f->closed)
				flow__put(f, next[i]);
	} else if (from != without) {
		flow__put(f, from);
	}
	while (f->ntodo) {
		off = f->todo[--f->ntodo];
		returns |= f->at[off].kind == RETURN;
		n = flow__successors(&f->at[off], off, next);
		for (int i = 0; i < n; i++)
			if (next[i] != without && next[i] != f->closed)
				flow__put(f, next[i]);
	}
	return returns;
}

/* Is the instruction at off passed exactly once by whatever comes to a return? */
static bool is_passed_once(struct flow *f, uint32_t off)
{
	if (flow__search(f, 0, false, off))
		return false;
	flow__search(f, off, true, FLOW_NONE);
	return !f->at[off].seen;
}

static int find_end(struct flow *f, struct probe_flow_end *end)
{
	bool found = false;

	if (!flow__search(f, 0, false, FLOW_NONE)) {
		snprintf(f->why, PROBE_WHY_MAX, "it does not return");
		return -EINVAL;
	}
	for (uint32_t off = 0; off < f->len; off++) {
		if (f->at[off].kind <= INSIDE || !f->at[off].emulated)
			continue;
		if (!is_passed_once(f, off))
			continue;
		/* All that pass are on one line; the last one is that from which no other is reached. */
		if (found) {
			flow__search(f, end->offset, true, FLOW_NONE);
			if (!f->at[off].seen)
				continue;
		}
		found = true;
		end->offset = off;
	}
	end->size = f->size;
	if (found)
		return 0;
	snprintf(f->why, PROBE_WHY_MAX,
		 "no call, jump, push or nop that every way to its return passes once");
	return -EINVAL;
}

void flow__close(struct flow *f)
{
	free(f->todo);
	free(f->at);
	if (f->insn)
		cs_free(f->insn, 1);
	if (f->handle)
		cs_close(&f->handle);
}

int flow__open(struct flow *f, const uint8_t *code, size_t len, char *why)
{
	*f = (struct flow){ .code = code, .len = len, .why = why, .closed = FLOW_NONE };
	if (!len || len > PROBE_FLOW_MAX) {
		snprintf(why, PROBE_WHY_MAX, "%zu bytes of code; expected 1 to %d", len,
			 PROBE_FLOW_MAX);
		return -EINVAL;
	}
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &f->handle) != CS_ERR_OK) {
		snprintf(why, PROBE_WHY_MAX, "cannot start the disassembler");
		return -ENOMEM;
	}
	cs_option(f->handle, CS_OPT_DETAIL, CS_OPT_ON);
	f->insn = cs_malloc(f->handle);
	f->at = calloc(len, sizeof(*f->at));
	f->todo = calloc(len, sizeof(*f->todo));
	if (!f->insn || !f->at || !f->todo) {
		snprintf(why, PROBE_WHY_MAX, "out of memory");
		return -ENOMEM;
	}
	return decode_all(f);
}

int probe_flow__end(const uint8_t *code, size_t len, struct probe_flow_end *end, char *why)
{
	struct flow f;
	int err = flow__open(&f, code, len, why);

	if (!err)
		err = find_end(&f, end);
	flow__close(&f);
	return err;
}
