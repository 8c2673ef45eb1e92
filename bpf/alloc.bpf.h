/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Heap allocations: one hit per object, added up by (stack, type).
 *
 * The probes stand behind the stack check of runtime.mallocgc and its kin. There the arguments are
 * still in registers (ABIInternal: size in AX, type in BX, g in R14), the return address is on top
 * of the stack, and BP is the caller's frame.
 */
#ifndef GOTRACE_ALLOC_BPF_H
#define GOTRACE_ALLOC_BPF_H

#define WALK_TRIES 4

struct amount {
	__u64 bytes, class_bytes;
};

/* internal/abi.Type.PtrBytes is at offset 8 in every version; no type means no pointers. */
static __always_inline bool has_pointers(__u64 type)
{
	__u64 ptr_bytes = 1;

	if (!type)
		return false;
	bpf_probe_read_user(&ptr_bytes, sizeof(ptr_bytes), (void *)(type + 8));
	return ptr_bytes != 0;
}

static __always_inline bool read_ptr(__u64 *p, __u64 offset)
{
	return !bpf_probe_read_user(p, sizeof(*p), (void *)(*p + offset)) && *p;
}

/*
 * The tiny allocator packs pointer-free objects below 16 bytes into blocks of 16, and the runtime
 * books the block when it takes a new one. Whether it will is decided by its own rule on
 * mcache.tiny and .tinyoffset (runtime/malloc.go). They cannot change between this probe and the
 * runtime's look at them, because runtime functions are not preempted, except where a GC assist in
 * between parks the goroutine.
 */
static __always_inline __u64 tiny_bytes(struct gt_cpu *cpu, __u64 g, __u64 size)
{
	__u64 p = g, tiny[2], off;

	if (!read_ptr(&p, cfg.g_m) || !read_ptr(&p, cfg.m_p) || !read_ptr(&p, cfg.p_mcache) ||
	    bpf_probe_read_user(tiny, sizeof(tiny), (void *)(p + cfg.mcache_tiny))) {
		count(cpu->tiny_unsure, 1);
		return GT_TINY_SIZE;
	}
	off = tiny[1];
	if (!(size & 7))
		off = (off + 7) & ~7ULL;
	else if (!(size & 3))
		off = (off + 3) & ~3ULL;
	else if (!(size & 1))
		off = (off + 1) & ~1ULL;
	return tiny[0] && off + size <= GT_TINY_SIZE ? 0 : GT_TINY_SIZE;
}

/* The bytes that the runtime books for a request, as MemStats.TotalAlloc counts them. */
static __always_inline __u64 class_bytes(struct gt_cpu *cpu, __u64 g, __u64 size, __u64 type)
{
	__u64 i;

	if (size < GT_TINY_SIZE && !has_pointers(type))
		return tiny_bytes(cpu, g, size);
	if (size > cfg.small_max)
		return (size + (1ULL << GT_PAGE_SHIFT) - 1) >> GT_PAGE_SHIFT << GT_PAGE_SHIFT;
	if (cfg.header && size > cfg.header_min && has_pointers(type))
		size += cfg.header;
	if (size <= GT_CLASS_SMALL_MAX - 8) {
		i = (size + 7) >> 3;
		return i < GT_CLASS_SMALL ? cfg.class_small[i] : 0;
	}
	i = (size - GT_CLASS_SMALL_MAX + 127) >> 7;
	return i < GT_CLASS_LARGE ? cfg.class_large[i] : 0;
}

static __always_inline void count_lost(struct gt_cpu *cpu, enum gt_lost cause,
				       const struct amount *a)
{
	count(cpu->lost[cause].objects, 1);
	count(cpu->lost[cause].bytes, a->bytes);
	count(cpu->lost[cause].class_bytes, a->class_bytes);
}

static __always_inline void add(struct gt_alloc_val *val, const struct amount *a)
{
	count(val->objects, 1);
	count(val->bytes, a->bytes);
	count(val->class_bytes, a->class_bytes);
}

/* A hit on its way into the tables. */
struct hit {
	__u32 tid;
	__u32 cut;			/* enum gt_stack_flag */
	struct gt_alloc_key key;
	__u64 check;
	struct amount amount;
};

/*
 * Walks until no other thread has come between. The scratch space belongs to whoever wrote its
 * thread id last: a walk that finds another's id there was preempted on this CPU, and is done again.
 */
static __always_inline bool walk_alone(struct pt_regs *ctx, struct gt_cpu *cpu, struct hit *h)
{
	for (int try = 0; try < WALK_TRIES; try++) {
		volatile_of(cpu->owner) = h->tid;
		walk_stack(ctx->ip, ctx->sp, ctx->bp);
		h->key.stack = volatile_of(cpu->id);
		h->check = volatile_of(cpu->stack.check);
		h->cut = volatile_of(cpu->stack.flags);
		if (volatile_of(cpu->owner) == h->tid)
			return true;
		count(cpu->retries, 1);
	}
	return false;
}

/*
 * Makes sure that the table of stacks holds the stack just walked. Returns -1, or the cause why it
 * does not. anew: write it whatever is there, because an earlier copy may be torn.
 */
static __always_inline int publish_stack(struct gt_cpu *cpu, const struct hit *h, bool anew)
{
	struct gt_stack *known = bpf_map_lookup_elem(&stacks, &h->key.stack);

	if (known && !anew)
		return known->check == h->check ? -1 : GT_LOST_COLLISION;
	if (bpf_map_update_elem(&stacks, &h->key.stack, &cpu->stack, BPF_ANY))
		return GT_LOST_STACKS_FULL;
	return -1;
}

/*
 * The first hit of a stack and type, on this CPU or at all. Returns -1, or the cause why it is not
 * in the table. The frames are copied out of the scratch space, where another thread may come
 * between: then the stack is walked and written again.
 */
static __always_inline int add_first(struct pt_regs *ctx, struct gt_cpu *cpu, struct hit *h)
{
	struct gt_alloc_val first = { 0 }, *val;
	int cause = publish_stack(cpu, h, false);

	if (volatile_of(cpu->owner) != h->tid) {
		if (!walk_alone(ctx, cpu, h))
			return GT_LOST_CONTENDED;
		cause = publish_stack(cpu, h, true);
		if (volatile_of(cpu->owner) != h->tid)
			return GT_LOST_CONTENDED;
	}
	if (cause >= 0)
		return cause;
	/* Another CPU may have made the entry meanwhile: -EEXIST is as good. */
	first.check = h->check;
	bpf_map_update_elem(&allocs, &h->key, &first, BPF_NOEXIST);
	val = bpf_map_lookup_elem(&allocs, &h->key);
	if (!val)
		return GT_LOST_ALLOCS_FULL;
	if (!val->check)
		val->check = h->check;
	if (val->check != h->check)
		return GT_LOST_COLLISION;
	add(val, &h->amount);
	return -1;
}

static __always_inline void count_cut(struct gt_cpu *cpu, __u32 flags)
{
	if (flags & GT_STACK_CUT_DEPTH)
		count(cpu->cut_depth, 1);
	if (flags & GT_STACK_CUT_READ)
		count(cpu->cut_read, 1);
	if (flags & GT_STACK_CUT_FOREIGN)
		count(cpu->cut_foreign, 1);
}

static __always_inline void attribute(struct pt_regs *ctx, struct gt_cpu *cpu, __u64 size)
{
	struct hit h = { .tid = (__u32)bpf_get_current_pid_tgid(), .key.type = ctx->bx };
	bool walked = walk_alone(ctx, cpu, &h);
	struct gt_alloc_val *val;
	int cause = -1;

	h.amount.bytes = size;
	h.amount.class_bytes = class_bytes(cpu, ctx->r14, size, h.key.type);
	val = walked ? bpf_map_lookup_elem(&allocs, &h.key) : NULL;
	if (val && val->check == h.check)
		add(val, &h.amount);
	else
		cause = walked ? add_first(ctx, cpu, &h) : GT_LOST_CONTENDED;
	if (cause >= 0 && cause < GT_LOST_MAX)
		count_lost(cpu, cause, &h.amount);
	if (h.cut)
		count_cut(cpu, h.cut);
}

/* Where a probe stands; a constant in each program. */
enum site {
	SITE_PUSH,
	SITE_CHECK,
	SITE_DIRECT,
};

/* Is this hit none of ours to count? It is not a call yet, or it is counted at its caller. */
static __always_inline bool is_left_out(struct pt_regs *ctx, enum site site)
{
	__u64 ret = 0;

	switch (site) {
	case SITE_CHECK:
		/* CF or ZF set: the jump to grow the stack is taken, and the function starts again. */
		return ctx->flags & 0x41;
	case SITE_DIRECT:
		bpf_probe_read_user(&ret, sizeof(ret), (void *)ctx->sp);
		return ret - cfg.caller_start < cfg.caller_end - cfg.caller_start;
	default:
		return false;
	}
}

static __always_inline int alloc_hit(struct pt_regs *ctx, enum site site)
{
	struct gt_cpu *cpu;
	__u64 size = ctx->ax;
	__u32 slot = 0;

	keep_own_stack(ctx);
	cpu = bpf_map_lookup_elem(&cpus, &slot);
	if (!cpu)
		return 0;
	if (is_left_out(ctx, site)) {
		count(cpu->left_out, 1);
		return 0;
	}
	if (!size) {
		count(cpu->zero, 1);
		return 0;
	}
	count(cpu->seen, 1);
	attribute(ctx, cpu, size);
	return 0;
}

#endif /* GOTRACE_ALLOC_BPF_H */
