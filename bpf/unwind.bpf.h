/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Walks a Go stack by its frame pointers into the CPU's scratch space.
 *
 * Touching user memory is what costs (65 ns for the first 16 bytes, 40 ns more for 1 KiB), so the
 * stack is copied a window at a time and walked inside the copy. Go keeps a frame-pointer chain on
 * amd64 in every function that calls another; at the root of a goroutine the saved pointer is 0.
 */
#ifndef GOTRACE_UNWIND_BPF_H
#define GOTRACE_UNWIND_BPF_H

#define WINDOW_BYTES (GT_SCRATCH_WORDS * 8)
#define PAGE_BYTES   4096

/*
 * Copies the stack from addr upwards into the window and returns how many bytes of it are there, at
 * least 16, or 0. A copy that runs into the unmapped end of a stack fails as a whole: what is left
 * of the page is taken then.
 */
static __always_inline __u64 window_fill(struct gt_cpu *cpu, __u64 addr)
{
	__u64 rest;

	if (!bpf_probe_read_user(cpu->window, WINDOW_BYTES, (void *)addr))
		return WINDOW_BYTES;
	rest = PAGE_BYTES - (addr & (PAGE_BYTES - 1));
	if (rest < 16 || rest >= WINDOW_BYTES)
		rest = 16;
	if (bpf_probe_read_user(cpu->window, rest & (WINDOW_BYTES - 1), (void *)addr))
		return 0;
	return rest;
}

/* What a walk found, beside the frames in the scratch space. */
struct walk {
	__u64 id, check;
	__u32 nframes, flags;
};

static __always_inline void walk_push(struct walk *w, struct gt_cpu *cpu, __u64 pc)
{
	__u32 i = w->nframes;

	if (i < GT_MAX_FRAMES) {
		cpu->stack.pc[i] = pc;
		w->nframes = i + 1;
	}
	w->id = gt_hash_step(w->id, pc);
	w->check = gt_check_step(w->check, pc);
}

static __always_inline bool is_go_code(__u64 pc)
{
	return pc - cfg.text_start < cfg.text_end - cfg.text_start;
}

/*
 * Walks from a probe on a function's first instructions, before its own frame exists: the return
 * address is at sp and bp is the caller's frame. Frames go to cpu->stack.pc, the probe's own first.
 */
static __always_inline void walk_stack(struct gt_cpu *cpu, struct walk *w, __u64 ip, __u64 sp,
				       __u64 bp)
{
	__u64 base = sp, len, off, pc;

	w->id = GT_HASH_SEED;
	w->check = GT_CHECK_SEED;
	w->nframes = 0;
	w->flags = 0;
	walk_push(w, cpu, ip);

	len = window_fill(cpu, base);
	if (!len) {
		w->flags = GT_STACK_CUT_READ;
		return;
	}
	pc = cpu->window[0];
	for (int i = 1; i < GT_MAX_FRAMES; i++) {
		walk_push(w, cpu, pc);
		if (!is_go_code(pc)) {
			w->flags = GT_STACK_CUT_FOREIGN;
			return;
		}
		if (!bp)
			return;
		off = bp - base;
		if (off > len - 16) {
			base = bp;
			off = 0;
			len = (bp & 7) ? 0 : window_fill(cpu, base);
			if (!len) {
				w->flags = GT_STACK_CUT_READ;
				return;
			}
		}
		if (off & 7 || off > WINDOW_BYTES - 16) {
			w->flags = GT_STACK_CUT_READ;
			return;
		}
		bp = cpu->window[off >> 3];
		pc = cpu->window[(off >> 3) + 1];
	}
	w->flags = GT_STACK_CUT_DEPTH;
}

#endif /* GOTRACE_UNWIND_BPF_H */
