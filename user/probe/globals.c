/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Variables of the runtime, by the instructions that read them.
 */
#include <capstone/capstone.h>
#include <string.h>

#include "probe/globals.h"

/* The function has some 250 bytes. */
#define CODE_MAX 1024

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
static void look_at(const cs_insn *insn, uint64_t *controller, uint64_t *last, bool *called,
		    struct probe_globals *out)
{
	uint64_t addr;

	switch (insn->id) {
	case X86_INS_LEA:
		addr = rip_operand(insn, 8);
		if (addr && !*called)
			*controller = addr;
		break;
	case X86_INS_CALL:
		*called = *controller != 0;
		break;
	case X86_INS_MOV:
	case X86_INS_SUB:
		addr = rip_operand(insn, 4);
		if (addr && !*called)
			*last = addr;
		addr = rip_operand(insn, 8);
		if (addr && *called && !out->heap_live)
			out->heap_live = addr;
		break;
	default:
		break;
	}
}

void probe_globals__find(const struct gobin *gb, struct probe_globals *out)
{
	uint64_t controller = 0, last = 0, addr;
	bool called = false;
	struct gobin_func f;
	const uint8_t *code;
	cs_insn *insn;
	size_t left;
	csh handle;

	memset(out, 0, sizeof(*out));
	if (gobin__func_by_name(gb, "runtime.gcTrigger.test", &f))
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
	while (insn && !out->heap_live && cs_disasm_iter(handle, &code, &left, &addr, insn))
		look_at(insn, &controller, &last, &called, out);
	if (insn)
		cs_free(insn, 1);
	cs_close(&handle);
	/* One without the other is no such function. */
	if (!out->heap_live || !last || last == controller)
		out->heap_live = 0;
	else
		out->cycles = last;
}
