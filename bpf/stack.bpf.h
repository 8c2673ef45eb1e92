/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Copies of goroutine stacks, added up by (stack, start function, sizes, kind).
 *
 * The probes stand in runtime.copystack(gp, newsize), which runs on the system stack of a thread,
 * without blocking: the two hits of a copy are of one thread, with none of another copy between.
 * The one at the begin only notes the time, and may be missing. The other one stands on the call of
 * stackfree, where all is done but for giving the old stack back: that is in AX (lo) and BX (hi), gp
 * is where copystack has put it aside, and gp's stack, its saved registers and the frame pointers on
 * it are those of the new stack (runtime/stack.go; a frame pointer that copystack leaves as it is
 * leads into the old stack, which still is as it was).
 */
#ifndef GOTRACE_STACK_BPF_H
#define GOTRACE_STACK_BPF_H

/* Does shrunk perhaps know this g? Where the flag is not set it does not, which is the most frequent. */
static __always_inline bool *may_know(__u64 gp)
{
	return &may_be_shrunk[(gp * GT_HASH_SEED) >> (64 - SHRUNK_BITS) & (SHRUNK_FLAGS - 1)];
}

/* Remembers what was shrunk, of several times the largest size. */
static __always_inline void remember_shrunk(__u64 gp, __u64 goid, __u64 size)
{
	struct gt_shrunk now = { .goid = goid, .size = size }, *known;

	known = bpf_map_lookup_elem(&shrunk, &gp);
	if (!known || known->goid != goid || known->size < size)
		bpf_map_update_elem(&shrunk, &gp, &now, BPF_ANY);
	volatile_of(*may_know(gp)) = true;
}

static __always_inline bool is_regrowth(__u64 gp, __u64 goid, __u64 size)
{
	struct gt_shrunk *known;

	if (!volatile_of(*may_know(gp)))
		return false;
	known = bpf_map_lookup_elem(&shrunk, &gp);
	return known && size <= known->size && known->goid == goid;
}

/* This thread's place in the table of copies under way; NULL: no room, the copy is not timed. */
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

static __always_inline int stack_begin(struct pt_regs *ctx, enum site site)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid(), slot = 0;
	struct gt_cpu *cpu = bpf_map_lookup_elem(&cpus, &slot);
	struct gt_growing *p;

	keep_own_stack(ctx);
	if (cfg.empty || !cpu || !volatile_of(tracing) || volatile_of(timing_ended))
		return 0;
	if (site == SITE_CHECK && is_restart(ctx)) {
		count(cpu->left_out, 1);
		return 0;
	}
	count(cpu->growths_begun, 1);
	p = place_of(cpu, tid);
	if (!p)
		return 0;
	p->tid = tid;
	/* Last: what the program itself takes is none of the copy's time. */
	p->begin_ns = bpf_ktime_get_ns();
	return 0;
}

/* Is the copy that ends now timed? Then *ns is how long it took. */
static __always_inline bool is_timed(__u64 *ns)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct gt_growing *p;
	__u64 begin, now;

	/* A begin from before that found no end must not meet the end of a later copy. */
	if (volatile_of(timing_ended))
		return false;
	now = bpf_ktime_get_ns();
	p = bpf_map_lookup_elem(&growing, &tid);
	if (!p || p->tid != tid)
		return false;
	begin = p->begin_ns;
	p->begin_ns = 0;
	*ns = elapsed(begin, now);
	return begin;
}

/* A copy that is done, and the walk of its stack. */
struct copy {
	struct gt_growth_key key;
	__u64 copied;
	struct walk w;
};

/* Sizes are kept in 32 bits; Go's largest stack is of 2 GiB (runtime/proc.go, maxstackceiling). */
#define STACK_MAX 0xffffffffULL

/* Is g what copystack leaves of a goroutine whose stack was from lo to hi? */
static __always_inline bool is_copied(const struct goroutine *g, __u64 lo, __u64 hi)
{
	__u64 from = hi - lo, to = g->hi - g->lo, used = g->hi - g->sp;

	return from - 1 < STACK_MAX && to - 1 < STACK_MAX && g->hi != hi && used <= from &&
	       used <= to;
}

/*
 * Fills in all that is known of a copy, and walks. Returns KEPT or the cause why it is lost; the stack is
 * not in the table yet.
 */
static __always_inline __u32 describe_copy(struct gt_cpu *cpu, struct pt_regs *ctx, struct copy *c)
{
	__u64 gp, size = ctx->bx - ctx->ax;
	struct goroutine g = { 0 };
	struct walk *w = &c->w;

	if (bpf_probe_read_user(&gp, sizeof(gp), (void *)(ctx->sp + cfg.copy_gp)) ||
	    !read_goroutine(cpu, gp, &g) || !is_copied(&g, ctx->ax, ctx->bx))
		return GT_LOST_UNREADABLE;
	c->copied = g.hi - g.sp;
	c->key.start = g.startpc;
	c->key.from = (__u32)size;
	c->key.to = (__u32)(g.hi - g.lo);
	w->tid = (__u32)bpf_get_current_pid_tgid();
	w->ip = g.pc;
	w->sp = g.sp;
	w->bp = g.bp;
	if (c->key.to < size) {
		c->key.kind = GT_SHRINK;
		begin_of_left(w, &g);
		remember_shrunk(gp, g.goid, size);
	} else {
		c->key.kind = is_regrowth(gp, g.goid, c->key.to) ? GT_REGROWTH : GT_GROWTH;
	}
	return walk_alone(cpu, w) ? KEPT : GT_LOST_CONTENDED;
}

/*
 * A maximum cannot be had in one instruction that all kernels have: between the two here a thread
 * that comes between may set a larger one, which is lost then.
 */
static __always_inline void add_time(struct gt_growth_val *val, __u64 ns)
{
	count(val->timed, 1);
	count(val->ns, ns);
	if (ns > volatile_of(val->max_ns))
		volatile_of(val->max_ns) = ns;
}

/* The first of its kind, on this CPU or at all: the stack may have to go to its table. */
static __always_inline __u32 add_first_copy(struct gt_cpu *cpu, struct copy *c,
					    struct gt_growth_val **val)
{
	__u32 cause = publish_stack(cpu, &c->w);
	struct gt_growth_val first = { 0 };

	if (cause != KEPT)
		return cause;
	/* It may have been cut, to what there is room for. */
	c->key.stack = c->w.id;
	first.check = c->w.check;
	*val = bpf_map_lookup_elem(&growths, &c->key);
	if (!*val) {
		/* Another CPU may have made the entry meanwhile: -EEXIST is as good. */
		bpf_map_update_elem(&growths, &c->key, &first, BPF_NOEXIST);
		*val = bpf_map_lookup_elem(&growths, &c->key);
	}
	if (!*val)
		return GT_LOST_ALLOCS_FULL;
	if (!(*val)->check)
		(*val)->check = c->w.check;
	return (*val)->check == c->w.check ? KEPT : GT_LOST_COLLISION;
}

/* Returns KEPT or the cause why it is lost. */
static __always_inline __u32 add_copy(struct gt_cpu *cpu, struct copy *c, bool timed, __u64 ns)
{
	struct gt_growth_val *val;
	__u32 cause;

	c->key.stack = c->w.id;
	val = bpf_map_lookup_elem(&growths, &c->key);
	if (!val || val->check != c->w.check) {
		cause = add_first_copy(cpu, c, &val);
		if (cause != KEPT)
			return cause;
	}
	/* Before the count, so that whoever reads in between does not see a copy that is not timed. */
	if (timed)
		add_time(val, ns);
	count(val->count, 1);
	count(val->copied, c->copied);
	return KEPT;
}

static __always_inline int stack_copy(struct pt_regs *ctx)
{
	__u64 ns = 0;
	__u32 slot = 0, cause;
	struct gt_cpu *cpu = bpf_map_lookup_elem(&cpus, &slot);
	struct copy c = { 0 };
	bool timed;

	keep_own_stack(ctx);
	if (cfg.empty || !cpu || !volatile_of(tracing))
		return 0;
	timed = is_timed(&ns);
	count(cpu->growths_seen, 1);
	cause = describe_copy(cpu, ctx, &c);
	if (cause == KEPT)
		cause = add_copy(cpu, &c, timed, ns);
	if (c.w.cut)
		count_cut(cpu, c.w.cut);
	if (cause < GT_LOST_MAX) {
		count(cpu->growths_lost[cause].objects, 1);
		count(cpu->growths_lost[cause].bytes, c.copied);
	}
	return 0;
}

#endif /* GOTRACE_STACK_BPF_H */
