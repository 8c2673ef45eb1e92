/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The BPF programs. Each concern has its .bpf.h; this file holds the entry points, one per kind of
 * probe site, so that what does not apply to a site costs it nothing.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <stdbool.h>
#include <stddef.h>

#include "gotrace/config.h"
#include "gotrace/event.h"
#include "maps.bpf.h"
#include "unwind.bpf.h"
#include "tables.bpf.h"
#include "goroutine.bpf.h"
#include "alloc.bpf.h"
#include "sample.bpf.h"
#include "stack.bpf.h"
#include "gc.bpf.h"

/* On "push %rbp": behind the stack check, reached once per call (Go 1.21 and later). */
SEC("uprobe")
int gt_alloc_push(struct pt_regs *ctx)
{
	return alloc_hit(ctx, SITE_PUSH);
}

/* On the stack check's own jump (before Go 1.21, which has no push). */
SEC("uprobe")
int gt_alloc_check(struct pt_regs *ctx)
{
	return alloc_hit(ctx, SITE_CHECK);
}

/* On a specialised allocator where mallocgc, which calls it too, has a probe of its own. */
SEC("uprobe")
int gt_alloc_direct(struct pt_regs *ctx)
{
	return alloc_hit(ctx, SITE_DIRECT);
}

/* On refill and allocLarge: cfg tells which is which, and where in them the probes are. */
SEC("uprobe")
int gt_sample(struct pt_regs *ctx)
{
	return sample_hit(ctx);
}

/* On copystack's "push %rbp". */
SEC("uprobe")
int gt_stack_push(struct pt_regs *ctx)
{
	return stack_begin(ctx, SITE_PUSH);
}

/* On copystack's stack check, before Go 1.21. */
SEC("uprobe")
int gt_stack_check(struct pt_regs *ctx)
{
	return stack_begin(ctx, SITE_CHECK);
}

/* On copystack's call of stackfree, which every way to its return passes. */
SEC("uprobe")
int gt_stack_copy(struct pt_regs *ctx)
{
	return stack_copy(ctx);
}

/* On all sites of the collector: cfg.sites tells which it is. */
SEC("uprobe")
int gt_gc(struct pt_regs *ctx)
{
	return gc_hit(ctx);
}

/*
 * Attached to nothing: user space runs it when it has just come onto its CPU, to learn how the
 * scheduler's clock and CLOCK_MONOTONIC differ.
 */
SEC("raw_tp")
int gt_clock(void *ctx)
{
	(void)ctx;
	sched_sample = (__s64)(bpf_ktime_get_ns() - task_field(cfg.task.last_arrival));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
