/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Samples of heap allocations: one hit per span that a P has used up, and per large object, added up by
 * (stack, span class). What a sample stands for is what the runtime itself books at that place.
 *
 * The probes stand behind the stack check of runtime.(*mcache).refill(c, spc) and
 * runtime.(*mcache).allocLarge(c, size, noscan), where the arguments are in AX, BX, CX (ABIInternal),
 * the return address is on top of the stack, and BP is the caller's frame.
 */
#ifndef GOTRACE_SAMPLE_BPF_H
#define GOTRACE_SAMPLE_BPF_H

/* Is in each version of runtime.mspan like this, from allocCount on. */
struct span_use {
	__u16 count;			/* allocCount */
	__u8 span_class;
	__u8 state, needzero, other;
	__u16 before;			/* allocCountBeforeCache */
};

/* What one hit stands for. */
struct sample {
	__u64 span_class;
	__u64 objects, bytes, class_bytes;
	__u64 square;
};

static __always_inline void describe_large(struct pt_regs *ctx, struct sample *s)
{
	__u64 pages = (ctx->bx + (1ULL << GT_PAGE_SHIFT) - 1) >> GT_PAGE_SHIFT;

	s->span_class = ctx->cx & 1;
	s->objects = 1;
	s->bytes = ctx->bx;
	s->class_bytes = pages << GT_PAGE_SHIFT;
	s->square = pages * pages;
}

/*
 * nextFree is called for each 64 objects of a span, and calls refill when the span has no room: is it
 * such a call? A P without a span has emptymspan, of 0 objects, which has none either.
 */
static __always_inline bool is_refill(struct pt_regs *ctx)
{
	__u64 class = ctx->bx & 0xff, span = ctx->ax;
	__u16 count = 0, nelems = 1;

	if (class >= GT_SPAN_CLASSES || !read_ptr(&span, cfg.mcache_alloc + 8 * class) ||
	    bpf_probe_read_user(&count, sizeof(count), (void *)(span + cfg.span_count)) ||
	    bpf_probe_read_user(&nelems, sizeof(nelems), (void *)(span + cfg.span_nelems)))
		return true;		/* it is told there that it cannot be read */
	return count == nelems;
}

/*
 * The span that is given back. It is the mcache's own, so nobody else changes it. A P that has none of
 * the class yet, or none since the last collection, has runtime.emptymspan there, whose counts are 0.
 */
static __always_inline bool describe_span(struct pt_regs *ctx, struct sample *s)
{
	__u64 class = ctx->bx & 0xff, size_class = class >> 1;
	struct span_use use;
	__u64 span = ctx->ax;

	if (size_class >= GT_SIZE_CLASSES)
		return false;
	s->span_class = class;
	if (!read_ptr(&span, cfg.mcache_alloc + 8 * class) ||
	    bpf_probe_read_user(&use, sizeof(use), (void *)(span + cfg.span_count)))
		return false;
	if (!use.count)
		return true;
	if (!cfg.span_has_before)
		use.before = 0;
	if (use.span_class != class || use.before > use.count)
		return false;
	s->objects = use.count - use.before;
	s->class_bytes = s->objects * cfg.class_size[size_class];
	s->bytes = s->class_bytes;
	s->square = s->objects * s->objects;
	return true;
}

static __always_inline void add_to_val(struct gt_sample_val *val, const struct sample *s)
{
	count(val->hits, 1);
	count(val->objects, s->objects);
	count(val->bytes, s->bytes);
	count(val->class_bytes, s->class_bytes);
	count(val->squares, s->square);
}

/* As add_first() of alloc.bpf.h. */
static __always_inline __u32 add_first_sample(struct gt_cpu *cpu, struct walk *w,
					      struct gt_sample_key *key, const struct sample *s)
{
	struct gt_sample_val first = { 0 }, *val;
	__u32 cause = publish_stack(cpu, w);

	if (cause != KEPT)
		return cause;
	key->stack = w->id;
	val = bpf_map_lookup_elem(&samples, key);
	if (!val) {
		first.check = w->check;
		bpf_map_update_elem(&samples, key, &first, BPF_NOEXIST);
		val = bpf_map_lookup_elem(&samples, key);
	}
	if (!val)
		return GT_LOST_ALLOCS_FULL;
	if (!val->check)
		val->check = w->check;
	if (val->check != w->check)
		return GT_LOST_COLLISION;
	add_to_val(val, s);
	return KEPT;
}

static __always_inline __u32 add_sample(struct pt_regs *ctx, struct gt_cpu *cpu,
					const struct sample *s)
{
	struct walk w = {
		.ip = ctx->ip,
		.sp = ctx->sp,
		.bp = ctx->bp,
		.tid = (__u32)bpf_get_current_pid_tgid(),
	};
	struct gt_sample_key key = { .span_class = s->span_class };
	struct gt_sample_val *val;
	__u32 cause = KEPT;

	if (!walk_alone(cpu, &w))
		return GT_LOST_CONTENDED;
	key.stack = w.id;
	val = bpf_map_lookup_elem(&samples, &key);
	if (val && val->check == w.check)
		add_to_val(val, s);
	else
		cause = add_first_sample(cpu, &w, &key, s);
	if (w.cut)
		count_cut(cpu, w.cut);
	return cause;
}

static __always_inline void count_lost_sample(struct gt_cpu *cpu, __u32 cause, const struct sample *s)
{
	__u64 size_class = s->span_class >> 1;

	if (cause >= GT_LOST_MAX)
		return;
	count(cpu->samples_lost[cause].hits, 1);
	count(cpu->samples_lost[cause].objects, s->objects);
	count(cpu->samples_lost[cause].bytes, s->bytes);
	count(cpu->samples_lost[cause].class_bytes, s->class_bytes);
	if (size_class < GT_SIZE_CLASSES)
		count(cpu->samples_lost_by_class[size_class], s->class_bytes);
}

static __always_inline int sample_hit(struct pt_regs *ctx)
{
	struct sample s = { 0 };
	struct gt_cpu *cpu;
	__u32 slot = 0, cause = GT_LOST_UNREADABLE, mode = volatile_of(alloc_mode);

	keep_own_stack(ctx);
	cpu = bpf_map_lookup_elem(&cpus, &slot);
	if (!cpu)
		return 0;
	if ((mode != GT_ALLOC_SAMPLE && mode != GT_ALLOC_CHECK) ||
	    (cfg.sample_check && is_restart(ctx)) ||
	    (cfg.span_nelems && ctx->ip != cfg.large && !is_refill(ctx))) {
		count(cpu->left_out, 1);
		return 0;
	}
	count(cpu->samples_seen, 1);
	if (ctx->ip == cfg.large) {
		describe_large(ctx, &s);
		cause = add_sample(ctx, cpu, &s);
	} else if (describe_span(ctx, &s)) {
		cause = add_sample(ctx, cpu, &s);
	}
	count_lost_sample(cpu, cause, &s);
	return 0;
}

#endif /* GOTRACE_SAMPLE_BPF_H */
