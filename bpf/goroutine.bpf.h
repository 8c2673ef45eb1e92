/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Goroutines that do not run: what their g says of them, and where the walk of their stack begins.
 */
#ifndef GOTRACE_GOROUTINE_BPF_H
#define GOTRACE_GOROUTINE_BPF_H

/* Words of a g that hold its stack and its saved registers. */
#define G_WORDS 16

struct goroutine {
	__u64 lo, hi;			/* its stack */
	__u64 sp, pc, bp;		/* g.sched */
	__u64 goid, startpc;
};

static __always_inline bool read_goid(__u64 gp, __u64 *goid)
{
	return !bpf_probe_read_user(goid, sizeof(*goid), (void *)(gp + cfg.g_goid));
}

/* All but its id: each read takes its time. */
static __always_inline bool read_unnamed(__u64 gp, struct goroutine *g)
{
	__u64 words[G_WORDS];

	if (bpf_probe_read_user(words, sizeof(words), (void *)gp) ||
	    bpf_probe_read_user(&g->startpc, sizeof(g->startpc), (void *)(gp + cfg.g_startpc)))
		return false;
	g->lo = words[(cfg.g_stack >> 3) & (G_WORDS - 1)];
	g->hi = words[((cfg.g_stack >> 3) + 1) & (G_WORDS - 1)];
	g->sp = words[(cfg.g_sched_sp >> 3) & (G_WORDS - 1)];
	g->pc = words[((cfg.g_sched_sp >> 3) + 1) & (G_WORDS - 1)];
	g->bp = words[(cfg.g_sched_bp >> 3) & (G_WORDS - 1)];
	return true;
}

static __always_inline bool read_goroutine(__u64 gp, struct goroutine *g)
{
	return read_unnamed(gp, g) && read_goid(gp, &g->goid);
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
