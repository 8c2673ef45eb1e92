/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Goroutines that do not run: what their g says of them, and where the walk of their stack begins.
 */
#ifndef GOTRACE_GOROUTINE_BPF_H
#define GOTRACE_GOROUTINE_BPF_H

struct goroutine {
	__u64 lo, hi;			/* its stack */
	__u64 sp, pc, bp;		/* g.sched */
	__u64 goid, startpc;
};

/* A word of the scratch space, by its offset; as many as it takes for GT_G_BYTES, rounded up. */
static __always_inline __u64 word_at(const struct gt_cpu *cpu, __u32 offset)
{
	return volatile_of(cpu->window[(offset >> 3) & 63]);
}

/*
 * One read for all, because what a read costs is that it is one. There is no room for it on the stack:
 * it goes to the scratch space of walks, by their rule (walk_alone()).
 */
static __always_inline bool read_goroutine(struct gt_cpu *cpu, __u64 gp, struct goroutine *g)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();

	for (int try = 0; try < WALK_TRIES; try++) {
		volatile_of(cpu->owner) = tid;
		if (bpf_probe_read_user(cpu->window, GT_G_BYTES, (void *)gp))
			return false;
		g->lo = word_at(cpu, cfg.g_stack);
		g->hi = word_at(cpu, cfg.g_stack + 8);
		g->sp = word_at(cpu, cfg.g_sched_sp);
		g->pc = word_at(cpu, cfg.g_sched_sp + 8);
		g->bp = word_at(cpu, cfg.g_sched_bp);
		g->goid = word_at(cpu, cfg.g_goid);
		g->startpc = word_at(cpu, cfg.g_startpc);
		if (volatile_of(cpu->owner) == tid)
			return true;
		count(cpu->retries, 1);
	}
	return false;
}

/* The function that the call instruction in front of pc calls, 0 if there is none. */
static __always_inline __u64 called_before(__u64 pc)
{
	__u8 insn[8] = { 0 };
	__s32 rel;

	if (bpf_probe_read_user(insn, 5, (void *)(pc - 5)) || insn[0] != 0xe8)
		return 0;
	rel = (__s32)(insn[1] | (__u32)insn[2] << 8 | (__u32)insn[3] << 16 | (__u32)insn[4] << 24);
	return pc + (__u64)(__s64)rel;
}

/*
 * From a function that has its own frame: what is at bp. That is one frame further than walk_stack()
 * begins, so it gets the return address that lies beside the frame pointer as the top of the stack.
 */
static __always_inline void begin_at_frame(struct walk *w, __u64 bp)
{
	w->sp = bpf_probe_read_user(&w->bp, sizeof(w->bp), (void *)bp) ? 0 : bp + 8;
}

/*
 * Where the walk of a goroutine begins that has left its stack. g.sched is as that left it which took
 * the goroutine off (runtime/asm_amd64.s):
 *
 *   morestack	(a preemption at a stack check) the function has no frame yet, as in a growth
 *   mcall	(gopark, Gosched, asyncPreempt2) it has: sched.bp is the frame of mcall's caller
 *   systemstack (the goroutine scans itself) from Go 1.21 sched.bp is systemstack's own frame
 *   newproc	it has never run: sched.pc is its function's entry, on the stack lies goexit
 *
 * The last two leave no return address in sched.pc; one byte more makes it look like one. In any
 * other case there is just the one frame, and the stack counts as cut.
 */
static __always_inline void begin_of_left(struct walk *w, const struct goroutine *g)
{
	__u64 called;

	if (g->pc - cfg.switch_start < cfg.switch_end - cfg.switch_start) {
		w->ip++;
		if (cfg.switch_has_frame)
			begin_at_frame(w, g->bp);
		return;
	}
	if (g->pc == g->startpc) {
		w->ip++;
		return;
	}
	called = called_before(g->pc);
	if (called && called == cfg.mcall)
		begin_at_frame(w, g->bp);
	else if (!called || (called != cfg.morestack && called != cfg.morestack_noctxt))
		w->sp = 0;
}

#endif /* GOTRACE_GOROUTINE_BPF_H */
