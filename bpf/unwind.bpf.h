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

/* A frame record: the caller's frame pointer and the return address. */
#define FRAME_BYTES 16

/*
 * Copies the stack from addr upwards into the window. A copy that runs into the unmapped end of a
 * stack fails as a whole: what is left of the page is taken then.
 */
static __always_inline bool window_fill(struct gt_cpu *cpu, __u64 addr)
{
	__u32 len = WINDOW_BYTES;

	if (bpf_probe_read_user(cpu->window, WINDOW_BYTES, (void *)addr)) {
		len = (PAGE_BYTES - (addr & (PAGE_BYTES - 1))) & (WINDOW_BYTES - 1);
		if (len < FRAME_BYTES)
			len = FRAME_BYTES;
		if (bpf_probe_read_user(cpu->window, len, (void *)addr))
			return false;
	}
	volatile_of(cpu->window_len) = len;
	volatile_of(cpu->window_start) = addr;
	return true;
}

static __always_inline bool is_go_code(__u64 pc)
{
	return pc - cfg.text_start < cfg.text_end - cfg.text_start;
}

/*
 * Follows the chain of frames from bp, the frame of the function that the address on top of the stack
 * is in. interrupted: what is there may be anything; what is no code is written as 0, and does not
 * end the walk.
 */
static __always_inline void walk_frames(struct gt_cpu *cpu, __u64 ip, __u64 sp, __u64 bp,
					bool interrupted)
{
	__u64 id = gt_hash_step(GT_HASH_SEED, ip), check = gt_check_step(GT_CHECK_SEED, ip);
	__u32 flags = GT_STACK_CUT_READ, i = 1;
	__u64 off, pc;

	cpu->stack.pc[0] = ip;
	if (!window_fill(cpu, sp))
		goto out;
	pc = cpu->window[0];
	if (interrupted && !is_go_code(ip)) {
		flags = GT_STACK_CUT_FOREIGN;
		goto out;
	}
	if (interrupted && !is_go_code(pc))
		pc = 0;
	while (i < GT_MAX_FRAMES) {
		cpu->stack.pc[i++] = pc;
		id = gt_hash_step(id, pc);
		check = gt_check_step(check, pc);
		if (!is_go_code(pc) && !(interrupted && i == 2)) {
			flags = GT_STACK_CUT_FOREIGN;
			goto out;
		}
		if (!bp) {
			flags = 0;
			goto out;
		}
		off = bp - volatile_of(cpu->window_start);
		if (off > volatile_of(cpu->window_len) - FRAME_BYTES) {
			if (!window_fill(cpu, bp))
				goto out;
			off = 0;
		}
		if (bp & 7 || off > WINDOW_BYTES - FRAME_BYTES)
			goto out;
		bp = cpu->window[off >> 3];
		pc = cpu->window[(off >> 3) + 1];
	}
	flags = GT_STACK_CUT_DEPTH;
out:
	cpu->stack.nframes = i;
	cpu->stack.flags = flags;
	cpu->stack.check = check;
	cpu->id = (id & cfg.id_mask) | 1;
}

/*
 * Walks from a probe on a function's first instructions, before its own frame exists: the return
 * address is at sp and bp is the caller's frame. Id and frames, the probe's own address first, go to
 * the CPU's scratch space.
 *
 * A global function, so that the verifier looks at the walk once and not once for each call.
 */
__noinline int walk_stack(__u64 ip, __u64 sp, __u64 bp)
{
	__u32 slot = 0;
	struct gt_cpu *cpu = bpf_map_lookup_elem(&cpus, &slot);

	if (cpu)
		walk_frames(cpu, ip, sp, bp, false);
	return 0;
}

/*
 * The same from any instruction at which a thread was interrupted: sp and bp are its registers. Where
 * the function has no frame there, its return address is at sp and bp is its caller's frame; where it
 * has one, what is at sp is of no use. User space knows which.
 */
__noinline int walk_interrupted(__u64 ip, __u64 sp, __u64 bp)
{
	__u32 slot = 0;
	struct gt_cpu *cpu = bpf_map_lookup_elem(&cpus, &slot);

	if (cpu)
		walk_frames(cpu, ip, sp, bp, true);
	return 0;
}

#endif /* GOTRACE_UNWIND_BPF_H */
