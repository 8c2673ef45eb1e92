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

struct amount {
	__u64 bytes, class_bytes;
};

/*
 * internal/abi.Type.PtrBytes is at offset 8 in every version; no type means no pointers. A type's page
 * that the process has not touched yet cannot be read from here.
 */
static __always_inline bool has_pointers(struct gt_cpu *cpu, __u64 type)
{
	__u64 ptr_bytes = 1;

	if (!type)
		return false;
	if (bpf_probe_read_user(&ptr_bytes, sizeof(ptr_bytes), (void *)(type + 8)))
		count(cpu->unsure, 1);
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
		count(cpu->unsure, 1);
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

	if (size < GT_TINY_SIZE && !has_pointers(cpu, type))
		return tiny_bytes(cpu, g, size);
	if (size > cfg.small_max)
		return (size + (1ULL << GT_PAGE_SHIFT) - 1) >> GT_PAGE_SHIFT << GT_PAGE_SHIFT;
	if (cfg.header && size > cfg.header_min && has_pointers(cpu, type))
		size += cfg.header;
	if (size <= GT_CLASS_SMALL_MAX - 8) {
		i = (size + 7) >> 3;
		return i < GT_CLASS_SMALL ? cfg.class_small[i] : 0;
	}
	i = (size - GT_CLASS_SMALL_MAX + 127) >> 7;
	return i < GT_CLASS_LARGE ? cfg.class_large[i] : 0;
}

static __always_inline void add(struct gt_alloc_val *val, const struct amount *a)
{
	count(val->objects, 1);
	count(val->bytes, a->bytes);
	count(val->class_bytes, a->class_bytes);
}

/*
 * The first hit of a stack and type, on this CPU or at all. Returns KEPT, or the cause why it is not
 * in the table.
 */
static __always_inline __u32 add_first(struct gt_cpu *cpu, struct walk *w, struct gt_alloc_key *key,
				       const struct amount *a)
{
	struct gt_alloc_val first = { 0 }, *val;
	__u32 cause = publish_stack(cpu, w);

	if (cause != KEPT)
		return cause;
	key->stack = w->id;
	val = bpf_map_lookup_elem(&allocs, key);
	if (!val) {
		/* Another CPU may have made the entry meanwhile: -EEXIST is as good. */
		first.check = w->check;
		bpf_map_update_elem(&allocs, key, &first, BPF_NOEXIST);
		val = bpf_map_lookup_elem(&allocs, key);
	}
	if (!val)
		return GT_LOST_ALLOCS_FULL;
	if (!val->check)
		val->check = w->check;
	if (val->check != w->check)
		return GT_LOST_COLLISION;
	add(val, a);
	return KEPT;
}

/* In a check it is the span class that samples know, and of tiny objects the blocks. */
static __always_inline __u64 check_type(struct gt_cpu *cpu, __u64 type, const struct amount *a)
{
	return GT_CHECK | a->class_bytes << 1 | !has_pointers(cpu, type);
}

static __always_inline void attribute(struct pt_regs *ctx, struct gt_cpu *cpu, __u64 size, bool check)
{
	struct walk w = {
		.ip = ctx->ip,
		.sp = ctx->sp,
		.bp = ctx->bp,
		.tid = (__u32)bpf_get_current_pid_tgid(),
	};
	struct gt_alloc_key key = { .type = ctx->bx };
	bool walked = walk_alone(cpu, &w);
	struct gt_alloc_val *val;
	__u32 cause = KEPT;
	struct amount a;

	key.stack = w.id;
	a.bytes = size;
	a.class_bytes = class_bytes(cpu, ctx->r14, size, key.type);
	if (check)
		key.type = check_type(cpu, key.type, &a);
	val = walked ? bpf_map_lookup_elem(&allocs, &key) : NULL;
	if (val && val->check == w.check)
		add(val, &a);
	else
		cause = walked ? add_first(cpu, &w, &key, &a) : GT_LOST_CONTENDED;
	if (cause < GT_LOST_MAX && check)
		count(cpu->checks_lost, 1);
	else if (cause < GT_LOST_MAX)
		count_lost(&cpu->lost[cause], a.bytes, a.class_bytes);
	if (w.cut)
		count_cut(cpu, w.cut);
}

/*
 * The hit as nearly all are: of a stack and type that are in the table, on a kernel that leaves this
 * program alone. False: not counted, attribute() is to do it.
 *
 * What the scratch space holds is no longer that of a thread which has been preempted in a walk: no
 * thread has the id 0.
 */
static __always_inline bool attribute_known(struct pt_regs *ctx, struct gt_cpu *cpu, __u64 size)
{
	struct gt_alloc_key key = { .type = ctx->bx };
	struct gt_alloc_val *val;
	struct chain c;

	cpu->owner = 0;
	chain_begin(cpu, &c, ctx->ip, ctx->bp);
	if (!walk_windows(cpu, &c, ctx->sp) || c.flags)
		return false;
	key.stack = stack_id(&c);
	val = bpf_map_lookup_elem(&allocs, &key);
	if (!val || val->check != c.check)
		return false;
	cpu->seen++;
	val->objects++;
	val->bytes += size;
	val->class_bytes += class_bytes(cpu, ctx->r14, size, key.type);
	return true;
}

/* Is this hit none of ours to count? It is not a call yet, or it is counted at its caller. */
static __always_inline bool is_left_out(struct pt_regs *ctx, enum site site)
{
	__u64 ret = 0;

	switch (site) {
	case SITE_CHECK:
		return is_restart(ctx);
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
	__u32 slot = 0, mode = volatile_of(alloc_mode);

	keep_own_stack(ctx);
	cpu = bpf_map_lookup_elem(&cpus, &slot);
	if (!cpu)
		return 0;
	if ((mode != GT_ALLOC_EXACT && mode != GT_ALLOC_CHECK) || is_left_out(ctx, site)) {
		count(cpu->left_out, 1);
		return 0;
	}
	if (!size) {
		count(cpu->zero, 1);
		return 0;
	}
	if (mode == GT_ALLOC_CHECK) {
		count(cpu->checks_seen, 1);
		attribute(ctx, cpu, size, true);
		return 0;
	}
	if (cfg.can_be_alone) {
		bool known;

		preempt_disable();
		known = attribute_known(ctx, cpu, size);
		preempt_enable();
		if (known) {
			raise_alarm(volatile_of(cpu->seen));
			return 0;
		}
	}
	count(cpu->seen, 1);
	raise_alarm(volatile_of(cpu->seen));
	attribute(ctx, cpu, size, false);
	return 0;
}

#endif /* GOTRACE_ALLOC_BPF_H */
