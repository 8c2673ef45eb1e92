/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Finds a probe site by decoding a function's prologue:
 *
 *	[lea -N(%rsp),%r12]		frames over 128 bytes compare a lowered stack pointer
 *	cmp  0x10(%r14),%rsp (or %r12)	g.stackguard0; 0x18 in functions of the system stack
 *	jbe  morestack
 *	[nopl 0(%rax,%rax,1)]		5 bytes; Go puts none there, who builds with a patched one may
 *	push %rbp			Go 1.21 and later
 */
#include <capstone/capstone.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "probe/site.h"

/* The longest prologue up to and with the push is 0x13 bytes; an instruction has 15 at most. */
#define PROLOGUE_MAX 48

/* g.stackguard0 and g.stackguard1: the same in every version. */
#define STACKGUARD0 0x10
#define STACKGUARD1 0x18

struct decoder {
	csh handle;
	cs_insn *insn;
	const uint8_t *code;
	size_t left;
	uint64_t addr;
};

static bool next(struct decoder *d)
{
	return cs_disasm_iter(d->handle, &d->code, &d->left, &d->addr, d->insn);
}

static bool is_push_rbp(const cs_insn *insn)
{
	const cs_x86 *x86 = &insn->detail->x86;

	return insn->id == X86_INS_PUSH && insn->size == 1 && x86->op_count == 1 &&
	       x86->operands[0].type == X86_OP_REG && x86->operands[0].reg == X86_REG_RBP;
}

const uint8_t probe_site_nop[PROBE_NOP_SIZE] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };

static bool is_nop(const cs_insn *insn)
{
	return insn->size == PROBE_NOP_SIZE && !memcmp(insn->bytes, probe_site_nop, PROBE_NOP_SIZE);
}

/* lea -N(%rsp),%r12 */
static bool is_lowered_sp(const cs_insn *insn)
{
	const cs_x86 *x86 = &insn->detail->x86;

	return insn->id == X86_INS_LEA && x86->op_count == 2 &&
	       x86->operands[0].reg == X86_REG_R12 && x86->operands[1].type == X86_OP_MEM &&
	       x86->operands[1].mem.base == X86_REG_RSP &&
	       x86->operands[1].mem.index == X86_REG_INVALID && x86->operands[1].mem.disp < 0;
}

/* cmp guard(%r14),reg */
static bool is_stack_compare(const cs_insn *insn, x86_reg reg)
{
	const cs_x86 *x86 = &insn->detail->x86;
	const cs_x86_op *mem = &x86->operands[1];

	return insn->id == X86_INS_CMP && x86->op_count == 2 &&
	       x86->operands[0].type == X86_OP_REG && x86->operands[0].reg == reg &&
	       mem->type == X86_OP_MEM && mem->size == 8 && mem->mem.base == X86_REG_R14 &&
	       mem->mem.index == X86_REG_INVALID &&
	       (mem->mem.disp == STACKGUARD0 || mem->mem.disp == STACKGUARD1);
}

/*
 * The two encodings that Go's assembler makes, rel8 and rel32. A prefix before them changes nothing
 * for the processor, but the kernel emulates the plain forms only.
 */
static bool is_jbe(const cs_insn *insn)
{
	return insn->id == X86_INS_JBE &&
	       ((insn->size == 2 && insn->bytes[0] == 0x76) ||
		(insn->size == 6 && insn->bytes[0] == 0x0f && insn->bytes[1] == 0x86));
}

static int refuse(char *why, const struct decoder *d, bool decoded, const char *expected)
{
	if (decoded)
		snprintf(why, PROBE_WHY_MAX, "expected %s, found '%s%s%s' at 0x%llx", expected,
			 d->insn->mnemonic, d->insn->op_str[0] ? " " : "", d->insn->op_str,
			 (unsigned long long)d->insn->address);
	else
		snprintf(why, PROBE_WHY_MAX, "expected %s, found no instruction at 0x%llx", expected,
			 (unsigned long long)d->addr);
	return -EINVAL;
}

/*
 * Is the instruction just decoded push %rbp, or a nop in front of one? Then that is the site. ok: one was
 * decoded; false if there is none behind the nop.
 */
static bool find_push(struct decoder *d, uint64_t entry, bool *ok, struct probe_site *site)
{
	uint32_t nop = PROBE_NO_NOP;

	if (*ok && is_nop(d->insn)) {
		nop = (uint32_t)(d->insn->address - entry);
		*ok = next(d);
	}
	if (!*ok || !is_push_rbp(d->insn))
		return false;
	site->kind = PROBE_SITE_PUSH;
	site->offset = (uint32_t)(d->insn->address - entry);
	site->nop = nop;
	return true;
}

static int find(struct decoder *d, uint64_t entry, struct probe_site *site, char *why)
{
	x86_reg compared = X86_REG_RSP;
	bool ok = next(d);

	site->nop = PROBE_NO_NOP;
	if (find_push(d, entry, &ok, site))
		return 0;
	if (ok && is_lowered_sp(d->insn)) {
		compared = X86_REG_R12;
		ok = next(d);
	}
	if (!ok || !is_stack_compare(d->insn, compared))
		return refuse(why, d, ok, "a stack check");
	ok = next(d);
	if (!ok || !is_jbe(d->insn))
		return refuse(why, d, ok, "the stack check's jbe");
	site->kind = PROBE_SITE_CHECK;
	site->offset = (uint32_t)(d->insn->address - entry);
	ok = next(d);
	find_push(d, entry, &ok, site);
	return 0;
}

const char *probe_trap__name(enum probe_trap trap)
{
	static const char *const names[] = {
		[PROBE_TRAP_CALL] = "nop, call",
		[PROBE_TRAP_EMULATED] = "emulated",
		[PROBE_TRAP_STEPPED] = "single-stepped",
	};

	return names[trap];
}

bool probe_site__nop_is_call(const char *release)
{
	unsigned int major, minor;

	return sscanf(release, "%u.%u", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 18));
}

enum probe_trap probe_site__nop_trap(uint64_t addr)
{
	const uint64_t page = 4096;

	return addr % page <= page - PROBE_NOP_SIZE ? PROBE_TRAP_CALL : PROBE_TRAP_EMULATED;
}

int probe_site__find(const uint8_t *code, size_t len, uint64_t entry, struct probe_site *site,
		     char *why)
{
	struct decoder d = {
		.code = code,
		.left = len < PROLOGUE_MAX ? len : PROLOGUE_MAX,
		.addr = entry,
	};
	int err = -ENOMEM;

	if (cs_open(CS_ARCH_X86, CS_MODE_64, &d.handle) != CS_ERR_OK) {
		snprintf(why, PROBE_WHY_MAX, "cannot start the disassembler");
		return -ENOMEM;
	}
	cs_option(d.handle, CS_OPT_DETAIL, CS_OPT_ON);
	d.insn = cs_malloc(d.handle);
	if (d.insn) {
		err = find(&d, entry, site, why);
		cs_free(d.insn, 1);
	} else {
		snprintf(why, PROBE_WHY_MAX, "out of memory");
	}
	cs_close(&d.handle);
	return err;
}
