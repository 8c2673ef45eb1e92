/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Copies of goroutine stacks: one begin and one end per copy, added up by (stack, start function,
 * sizes, kind).
 *
 * Both probes stand in runtime.copystack(gp, newsize), which runs on the system stack of a thread,
 * without blocking: the two hits of a copy are of one thread, with none of another copy between.
 * At the begin gp is in AX and newsize in BX, and gp's stack is still the old one.
 */
#ifndef GOTRACE_STACK_BPF_H
#define GOTRACE_STACK_BPF_H

/* Remembers what was shrunk, of several times the largest size. */
static __always_inline void remember_shrunk(__u64 gp, __u64 goid, __u64 size)
{
	struct gt_shrunk now = { .goid = goid, .size = size }, *known;

	known = bpf_map_lookup_elem(&shrunk, &gp);
	if (!known || known->goid != goid || known->size < size)
		bpf_map_update_elem(&shrunk, &gp, &now, BPF_ANY);
}

static __always_inline bool is_regrowth(__u64 gp, __u64 goid, __u64 size)
{
	struct gt_shrunk *known = bpf_map_lookup_elem(&shrunk, &gp);

	return known && known->goid == goid && size <= known->size;
}

/* This thread's place in the table of copies under way; NULL: no room. */
static __always_inline struct gt_growing *place_of(struct gt_cpu *cpu, __u32 tid)
{
	struct gt_growing *p = bpf_map_lookup_elem(&growing, &tid), none = { 0 };

	if (!p) {
		bpf_map_update_elem(&growing, &tid, &none, BPF_NOEXIST);
		return bpf_map_lookup_elem(&growing, &tid);
	}
	/* Another thread's before, or a begin whose end never came. */
	if (p->begin_ns)
		count(cpu->growths_unended, 1);
	return p;
}

/* Fills in what is known at the begin. Returns KEPT or the cause why it is lost. */
static __always_inline __u32 describe_copy(struct gt_cpu *cpu, struct gt_growing *p, __u64 gp,
					   __u64 size)
{
	struct goroutine g = { 0 };
	struct walk w = { .tid = p->tid };
	__u32 cause;

	if (!read_goroutine(gp, &g))
		return GT_LOST_UNREADABLE;
	p->copied = g.hi - g.sp;
	p->key.start = g.startpc;
	p->key.from = (__u32)(g.hi - g.lo);
	p->key.to = (__u32)size;
	w.ip = g.pc;
	w.sp = g.sp;
	w.bp = g.bp;
	if (size < g.hi - g.lo) {
		p->key.kind = GT_SHRINK;
		begin_of_left(&w, &g);
		remember_shrunk(gp, g.goid, g.hi - g.lo);
	} else {
		p->key.kind = is_regrowth(gp, g.goid, size) ? GT_REGROWTH : GT_GROWTH;
	}
	cause = walk_alone(cpu, &w) ? publish_stack(cpu, &w) : GT_LOST_CONTENDED;
	p->key.stack = w.id;
	p->check = w.check;
	if (w.cut)
		count_cut(cpu, w.cut);
	return cause;
}

static __always_inline int stack_begin(struct pt_regs *ctx, enum site site)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid(), slot = 0;
	struct gt_cpu *cpu = bpf_map_lookup_elem(&cpus, &slot);
	struct gt_growing *p;

	keep_own_stack(ctx);
	if (!cpu || !volatile_of(tracing))
		return 0;
	if (site == SITE_CHECK && is_restart(ctx)) {
		count(cpu->left_out, 1);
		return 0;
	}
	count(cpu->growths_seen, 1);
	p = place_of(cpu, tid);
	if (!p) {
		/* No room. Its end will find no begin, and be counted as such. */
		count(cpu->growths_lost[GT_LOST_ALLOCS_FULL].objects, 1);
		return 0;
	}
	p->tid = tid;
	p->copied = 0;
	p->key.pad = 0;
	p->cause = describe_copy(cpu, p, ctx->ax, ctx->bx);
	/* Last: what the program itself takes is none of the copy's time. */
	p->begin_ns = bpf_ktime_get_ns();
	return 0;
}

/*
 * A maximum cannot be had in one instruction that all kernels have: between the two here a thread
 * that comes between may set a larger one, which is lost then.
 */
static __always_inline void add_growth(struct gt_growth_val *val, __u64 copied, __u64 ns)
{
	count(val->count, 1);
	count(val->copied, copied);
	count(val->ns, ns);
	if (ns > volatile_of(val->max_ns))
		volatile_of(val->max_ns) = ns;
}

/* Adds a copy that has ended. Returns KEPT or the cause why it is lost. */
static __always_inline __u32 add_copy(struct gt_growing *p, __u64 ns)
{
	struct gt_growth_val first = { 0 }, *val;

	if (p->cause < GT_LOST_MAX)
		return p->cause;
	val = bpf_map_lookup_elem(&growths, &p->key);
	if (!val) {
		/* Another CPU may have made the entry meanwhile: -EEXIST is as good. */
		first.check = p->check;
		bpf_map_update_elem(&growths, &p->key, &first, BPF_NOEXIST);
		val = bpf_map_lookup_elem(&growths, &p->key);
	}
	if (!val)
		return GT_LOST_ALLOCS_FULL;
	if (!val->check)
		val->check = p->check;
	if (val->check != p->check)
		return GT_LOST_COLLISION;
	add_growth(val, p->copied, ns);
	return KEPT;
}

static __always_inline int stack_end(struct pt_regs *ctx)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 tid = (__u32)bpf_get_current_pid_tgid(), slot = 0, cause;
	struct gt_cpu *cpu = bpf_map_lookup_elem(&cpus, &slot);
	struct gt_growing *p = bpf_map_lookup_elem(&growing, &tid);

	keep_own_stack(ctx);
	if (!cpu)
		return 0;
	if (!p || p->tid != tid || !p->begin_ns) {
		if (volatile_of(tracing))
			count(cpu->growths_unbegun, 1);
		return 0;
	}
	cause = add_copy(p, elapsed(p->begin_ns, now));
	if (cause < GT_LOST_MAX) {
		count(cpu->growths_lost[cause].objects, 1);
		count(cpu->growths_lost[cause].bytes, p->copied);
	}
	p->begin_ns = 0;
	return 0;
}

#endif /* GOTRACE_STACK_BPF_H */
