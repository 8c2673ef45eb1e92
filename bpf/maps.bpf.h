/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tables and the configuration that the programs share. What they hold is specified in
 * gotrace/event.h; user space sets the sizes before loading.
 */
#ifndef GOTRACE_MAPS_BPF_H
#define GOTRACE_MAPS_BPF_H

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct gt_alloc_key);
	__type(value, struct gt_alloc_val);
} allocs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct gt_stack);
} stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct gt_growth_key);
	__type(value, struct gt_growth_val);
} growths SEC(".maps");

/* An entry stays when its copy has ended: threads come back. Those that do not make room. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct gt_growing);
} growing SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct gt_shrunk);
} shrunk SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct gt_cpu);
} cpus SEC(".maps");

const volatile struct gt_config cfg = {};

/*
 * Uprobe programs may be preempted, and another thread may then run the same program on the same
 * CPU (PREEMPT kernels since 5.16 or so): per-CPU does not mean alone, so counters are added to in
 * one instruction.
 */
#define count(counter, n) ((void)__sync_fetch_and_add(&(counter), (n)))

/*
 * A variable in a map that is read and written just here. Another thread may change it between two
 * looks, and the verifier knows nothing of what it holds: so it does not follow each value it may
 * have through the rest of the program.
 */
#define volatile_of(field) (*(volatile typeof(field) *)&(field))

#endif /* GOTRACE_MAPS_BPF_H */
