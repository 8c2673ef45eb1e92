/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Programs that disable preemption for a moment, where the kernel lets them (Linux 6.10). They call
 * two of its functions, by numbers that only its BTF tells. libbpf could put them in, but then it asks
 * for a BTF of every kernel, and some kernels before 5.16 refuse such a call even where it is never reached.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "collect/internal.h"

/* A call of a kernel function, in an instruction's src_reg (Linux 5.13, uapi/bpf.h). */
#define PSEUDO_KFUNC_CALL 2

struct kernel_function {
	int32_t call;			/* what stands for it */
	int32_t id;
};

static int put_in(struct bpf_program *prog, const struct kernel_function *functions, size_t n)
{
	size_t size = bpf_program__insn_cnt(prog) * sizeof(struct bpf_insn);
	struct bpf_insn *insns = malloc(size);
	int err;

	if (!insns)
		return -ENOMEM;
	memcpy(insns, bpf_program__insns(prog), size);
	for (struct bpf_insn *insn = insns; insn < insns + size / sizeof(*insn); insn++) {
		if (insn->code != (BPF_JMP | BPF_CALL) || insn->src_reg)
			continue;
		for (size_t i = 0; i < n; i++) {
			if (insn->imm != functions[i].call)
				continue;
			insn->src_reg = PSEUDO_KFUNC_CALL;
			insn->imm = functions[i].id;
		}
	}
	err = bpf_program__set_insns(prog, insns, size / sizeof(*insns));
	free(insns);
	return err;
}

bool collect__let_alone(const struct collect_kernel *kernel, struct bpf_program *const *progs,
			int nprogs)
{
	const struct kernel_function functions[] = {
		{ .call = GT_CALL_PREEMPT_DISABLE, .id = kernel->preempt_disable },
		{ .call = GT_CALL_PREEMPT_ENABLE, .id = kernel->preempt_enable },
	};

	/* Tests of kernels that have none ask for it. */
	if (getenv("GOTRACE_TEST_NOT_ALONE") || !kernel->preempt_disable || !kernel->preempt_enable)
		return false;
	for (int i = 0; i < nprogs; i++)
		if (put_in(progs[i], functions, sizeof(functions) / sizeof(functions[0])))
			return false;
	return true;
}
