/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From a hit to a stack in the table: what all groups of events do alike. Walks, losses and the
 * rules by which two threads share one CPU's scratch space are here.
 */
#ifndef GOTRACE_TABLES_BPF_H
#define GOTRACE_TABLES_BPF_H

#define WALK_TRIES 4

/* Not lost. */
#define KEPT GT_LOST_MAX

/* A stack to be walked: from where, on behalf of whom, and what came of it. */
struct walk {
	__u64 ip, sp, bp;		/* as walk_stack() takes them */
	__u32 tid;
	__u32 cut;			/* enum gt_stack_flag */
	__u64 id, check;
	bool interrupted;		/* as walk_slowly() takes it */
};

/*
 * Walks until no other thread has come between. The scratch space belongs to whoever wrote its
 * thread id last: a walk that finds another's id there was preempted on this CPU, and is done again.
 *
 * Unrolled: compilers turn this loop so that its last instruction is no jump but goes on with its first,
 * and Linux 5.10 refuses such loops (check_cfg() in kernel/bpf/verifier.c).
 */
static __always_inline bool walk_alone(struct gt_cpu *cpu, struct walk *w)
{
#pragma unroll
	for (int try = 0; try < WALK_TRIES; try++) {
		volatile_of(cpu->owner) = w->tid;
		if (w->interrupted || !walk_stack(w->ip, w->sp, w->bp))
			walk_slowly(w->ip, w->sp, w->bp, w->interrupted);
		w->id = volatile_of(cpu->id);
		w->check = volatile_of(cpu->stack.check);
		w->cut = volatile_of(cpu->stack.flags);
		if (volatile_of(cpu->owner) == w->tid)
			return true;
		count(cpu->retries, 1);
	}
	return false;
}

/*
 * Makes sure that this table of short stacks holds the first frames, max at most, of the stack just
 * walked, and makes them the stack. Returns KEPT, or the cause why it does not.
 */
static __always_inline __u32 put_first(struct gt_cpu *cpu, struct walk *w, void *table, __u32 max)
{
	__u64 id = GT_HASH_SEED, check = GT_CHECK_SEED, pc;
	__u32 n = volatile_of(cpu->stack.nframes);
	struct gt_short s = { .flags = w->cut }, *known;

	if (n > max) {
		n = max;
		s.flags = GT_STACK_CUT_FULL;
	}
	for (__u32 i = 0; i < max; i++) {
		if (i >= n)
			break;
		pc = volatile_of(cpu->stack.pc[i]);
		s.pc[i] = pc;
		id = gt_hash_step(id, pc);
		check = gt_check_step(check, pc);
	}
	s.nframes = n;
	s.check = check;
	w->id = (id & cfg.id_mask) | 1;
	w->check = check;
	w->cut = s.flags;
	known = bpf_map_lookup_elem(table, &w->id);
	if (known)
		return known->check == check ? KEPT : GT_LOST_COLLISION;
	return bpf_map_update_elem(table, &w->id, &s, BPF_ANY) ? GT_LOST_STACKS_FULL : KEPT;
}

/* The table of stacks is full: keeps as many frames as there is room for. */
static __always_inline __u32 put_short(struct gt_cpu *cpu, struct walk *w)
{
	__u32 cause = put_first(cpu, w, &shorts, GT_SHORT_FRAMES);

	return cause == GT_LOST_STACKS_FULL ? put_first(cpu, w, &briefs, GT_BRIEF_FRAMES) : cause;
}

/*
 * Makes sure that the table of stacks holds the stack just walked. Returns KEPT, or the cause why it
 * does not. anew: write it whatever is there, because an earlier copy may be torn.
 */
static __always_inline __u32 put_stack(struct gt_cpu *cpu, struct walk *w, bool anew)
{
	struct gt_stack *known = bpf_map_lookup_elem(&stacks, &w->id);

	if (known && !anew)
		return known->check == w->check ? KEPT : GT_LOST_COLLISION;
	if (bpf_map_update_elem(&stacks, &w->id, &cpu->stack, BPF_ANY))
		return put_short(cpu, w);
	return KEPT;
}

/*
 * The same, whoever comes between: the frames are copied out of the scratch space, and where another
 * thread has used that meanwhile, the stack is walked and written again.
 */
static __always_inline __u32 publish_stack(struct gt_cpu *cpu, struct walk *w)
{
	__u32 cause = put_stack(cpu, w, false);

	if (volatile_of(cpu->owner) == w->tid)
		return cause;
	if (!walk_alone(cpu, w))
		return GT_LOST_CONTENDED;
	cause = put_stack(cpu, w, true);
	return volatile_of(cpu->owner) == w->tid ? cause : GT_LOST_CONTENDED;
}

static __always_inline void count_lost(struct gt_lost_count *lost, __u64 bytes, __u64 class_bytes)
{
	count(lost->objects, 1);
	count(lost->bytes, bytes);
	count(lost->class_bytes, class_bytes);
}

static __always_inline void count_cut(struct gt_cpu *cpu, __u32 flags)
{
	if (flags & GT_STACK_CUT_DEPTH)
		count(cpu->cut_depth, 1);
	if (flags & GT_STACK_CUT_READ)
		count(cpu->cut_read, 1);
	if (flags & GT_STACK_CUT_FOREIGN)
		count(cpu->cut_foreign, 1);
	if (flags & GT_STACK_CUT_FULL)
		count(cpu->cut_full, 1);
}

/* Where a probe on a function's first instructions stands; a constant in each program. */
enum site {
	SITE_PUSH,
	SITE_CHECK,
	SITE_DIRECT,
};

/* At the stack check, CF or ZF set: the jump is taken, and the function will start again. */
static __always_inline bool is_restart(const struct pt_regs *ctx)
{
	return ctx->flags & 0x41;
}

#endif /* GOTRACE_TABLES_BPF_H */
