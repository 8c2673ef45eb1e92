/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Variables of the runtime, by the instructions that read them.
 */
#include <capstone/capstone.h>
#include <string.h>

#include "probe/globals.h"

/* The functions that are read have some 250 and 500 bytes. */
#define CODE_MAX 2048

/* The address that the second operand reads size bytes from, relative to rip; 0: it does not. */
static uint64_t rip_operand(const cs_insn *insn, uint8_t size)
{
	const cs_x86 *x86 = &insn->detail->x86;
	const cs_x86_op *op = &x86->operands[1];

	if (x86->op_count != 2 || x86->operands[0].type != X86_OP_REG || op->type != X86_OP_MEM ||
	    op->mem.base != X86_REG_RIP || op->mem.index != X86_REG_INVALID || op->size != size)
		return 0;
	return insn->address + insn->size + (uint64_t)op->mem.disp;
}

/*
 * In the order of the code: 32-bit reads of panicking, of gcController.gcPercent and of work.cycles;
 * then the address of gcController, the call, and the 64-bit read of heapLive. gcPercent is
 * gcController's first field, which tells it from cycles.
 */
struct trigger {
	uint64_t controller, last;
	bool called;
	struct probe_globals *out;
};

static bool look_at_trigger(const cs_insn *insn, void *ctx)
{
	struct trigger *t = ctx;
	uint64_t addr;

	switch (insn->id) {
	case X86_INS_LEA:
		addr = rip_operand(insn, 8);
		if (addr && !t->called)
			t->controller = addr;
		break;
	case X86_INS_CALL:
		t->called = t->controller != 0;
		break;
	case X86_INS_MOV:
	case X86_INS_SUB:
		addr = rip_operand(insn, 4);
		if (addr && !t->called)
			t->last = addr;
		addr = rip_operand(insn, 8);
		if (addr && t->called)
			t->out->heap_live = addr;
		break;
	default:
		break;
	}
	return t->out->heap_live;
}

/* Shows look every instruction of a function until it says that it has seen enough. */
static void each_insn(const struct gobin *gb, const char *func,
		      bool (*look)(const cs_insn *insn, void *ctx), void *ctx)
{
	struct gobin_func f;
	const uint8_t *code;
	uint64_t addr;
	cs_insn *insn;
	size_t left;
	csh handle;

	if (gobin__func_by_name(gb, func, &f))
		return;
	code = gobin__bytes(gb, f.entry, &left);
	if (!code || f.end <= f.entry || f.end - f.entry > CODE_MAX || left < f.end - f.entry)
		return;
	left = f.end - f.entry;
	addr = f.entry;
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK)
		return;
	cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
	insn = cs_malloc(handle);
	while (insn && cs_disasm_iter(handle, &code, &left, &addr, insn) && !look(insn, ctx))
		;
	if (insn)
		cs_free(insn, 1);
	cs_close(&handle);
}

void probe_globals__find(const struct gobin *gb, struct probe_globals *out)
{
	struct trigger t = { .out = out };

	memset(out, 0, sizeof(*out));
	each_insn(gb, "runtime.gcTrigger.test", look_at_trigger, &t);
	/* One without the other is no such function. */
	if (!out->heap_live || !t.last || t.last == t.controller)
		out->heap_live = 0;
	else
		out->cycles = t.last;
}

/* What is known of allocLarge so far. */
struct large {
	uint64_t acquire;		/* the function */
	uint64_t first;			/* address of the first argument that is being made ready */
	uint64_t stats;			/* the one that acquire was called with */
	int64_t at;			/* where in what it returned is added to next */
	int added;
};

static bool look_at_large(const cs_insn *insn, void *ctx)
{
	const cs_x86_op *op = insn->detail->x86.operands;
	struct large *l = ctx;

	switch (insn->id) {
	case X86_INS_LEA:
		if (op[0].reg == X86_REG_RAX)
			l->first = rip_operand(insn, 8);
		break;
	case X86_INS_CALL:
		if (op[0].type == X86_OP_IMM && (uint64_t)op[0].imm == l->acquire)
			l->stats = l->first;
		else if (l->stats)
			return true;
		break;
	case X86_INS_XADD:
		if (!l->stats || op[0].type != X86_OP_MEM || op[0].mem.base != X86_REG_RAX ||
		    op[0].mem.index != X86_REG_INVALID || op[0].mem.disp != l->at)
			return l->stats != 0;
		l->at += 8;
		return ++l->added == 2;
	default:
		break;
	}
	return false;
}

uint64_t probe_globals__heap_stats(const struct gobin *gb)
{
	/* largeAlloc and largeAllocCount follow tinyAllocCount. */
	struct large l = { .at = gobin__runtime(gb)->stats_tiny + 8 };
	struct gobin_func acquire;

	if (gobin__func_by_name(gb, "runtime.(*consistentHeapStats).acquire", &acquire))
		return 0;
	l.acquire = acquire.entry;
	each_insn(gb, "runtime.(*mcache).allocLarge", look_at_large, &l);
	return l.added == 2 ? l.stats : 0;
}
