/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tables and the configuration that the programs share. What they hold is specified in
 * gotrace/event.h; user space sets the sizes before loading.
 */
#ifndef GOTRACE_MAPS_BPF_H
#define GOTRACE_MAPS_BPF_H

/*
 * A variable in a map that is read and written just here. Another thread may change it between two
 * looks, and the verifier knows nothing of what it holds: so it does not follow each value it may
 * have through the rest of the program.
 */
#define volatile_of(field) (*(volatile typeof(field) *)&(field))

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct gt_alloc_key);
	__type(value, struct gt_alloc_val);
} allocs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct gt_sample_key);
	__type(value, struct gt_sample_val);
} samples SEC(".maps");

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

/*
 * Which g's shrunk may know, by a hash of their address: growing stacks are many, and those that were
 * shrunk before are few.
 */
#define SHRUNK_BITS  12
#define SHRUNK_FLAGS (1 << SHRUNK_BITS)
bool may_be_shrunk[SHRUNK_FLAGS] = {};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct gt_delay_key);
	__type(value, struct gt_delay_val);
} delays SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct gt_pending);
} pending SEC(".maps");

/* What assists had marked on a P when the last one of them ended. */
struct marked {
	__u64 ns;			/* p.gcAssistTime */
	__u32 cycle, pad;		/* gt_stop.cycles */
};

/* runtime/mgcpacer.go, gcAssistTimeSlack: of Go 1.18 to 1.27. */
#define ASSIST_TIME_SLACK 5000

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);		/* address of the P */
	__type(value, struct marked);
} marked SEC(".maps");

/* What is known of a thread that has not stopped yet. */
struct running {
	__u64 first_ns, last_ns;
	__u64 goid, start;
	__u64 stack[2], check[2];	/* of the signal before the last one, and of the last one */
	__u32 cause[2];
	__u32 seq, samples;
	__u32 yielded, pad;		/* it has stopped since */
	__u64 faults, run_delay;	/* of its whole life, by the first signal */
	__u64 waited_ns;		/* before that */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct running);
} runners SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 19);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct gt_short);
} shorts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct gt_short);
} briefs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct gt_cpu);
} cpus SEC(".maps");

const volatile struct gt_config cfg = {};

/*
 * Set while all probes are in place. Probes come and go one after the other: without this the ends
 * that are still there when their begins are not would look like losses.
 */
bool tracing = false;

/* The same for the probes of the collector, which come and go while the others stay. */
bool gc_tracing = false;

/* Grows when they have gone for a while: a stop that was under way by then has ended unseen. */
__u32 gc_epoch = 0;

/*
 * enum gt_alloc_mode. Going from one way of looking at allocations to the other, user space puts the new
 * probes in, changes this, and takes the old ones out: what happens in between is seen by one of the two.
 */
__u32 alloc_mode = GT_ALLOC_NONE;

/* Set before the probes on sweeping go while the others stay. */
bool sweeps_ended = false;

/* Set before the probes go that time stack copies, while those that see them stay. */
bool timing_ended = false;

/*
 * The stop that is under way, if any. The runtime has one at a time (worldsema), so one thread writes
 * it, and the others only look at when it began. In cache lines of its own: what lies beside it is read by
 * every hit of some programs, on all CPUs.
 */
struct gt_stop {
	__u64 begin_ns;			/* until the world is restarted; 0: the world runs */
	__u64 yield_ns;			/* when the last thread stopped */
	__u32 open;			/* begun and not yet ended */
	__u32 seq;
	__u32 runner;			/* the thread that took a signal last */
	__u32 cycles;			/* GC cycles that were begun since tracing began */
	__u32 epoch, pad;		/* gc_epoch when it was begun */
	struct gt_pause pause;		/* what is known of it */
};

static struct gt_stop stop __attribute__((aligned(64))) = {};

/*
 * What of the time between a begin and an end is the probes' own: from where the one reads the clock to
 * where the other does, with nothing in between. User space measures it before it attaches.
 */
__u64 pair_ns = 0;

static __always_inline __u64 elapsed(__u64 begin, __u64 end)
{
	__u64 ns = end - begin, own = volatile_of(pair_ns);

	return ns > own ? ns - own : 0;
}

/*
 * CLOCK_MONOTONIC minus the scheduler's clock, in ns; 0: not known. User space has gt_clock measure it
 * now and then; what is one scheduler tick old does no harm.
 */
__s64 sched_offset = 0;
__s64 sched_sample = 0;

/* Flags of the ring buffer's helpers: linux/uapi/bpf.h. */
#define RB_NO_WAKEUP	1
#define RB_FORCE_WAKEUP 2
#define RB_AVAIL_DATA	0

/* Wakes user space: what is in it does not matter. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} alarms SEC(".maps");

/*
 * User space is woken when a CPU's count of allocations has no bits in common with the mask: it may
 * want to take the probes out before they cost too much. All bits: never.
 */
__u64 alarm_mask = ~0ULL;

/* It has been woken and has not looked yet. */
bool alarm_raised = false;

static __always_inline void raise_alarm(__u64 seen)
{
	__u64 nothing = 0;

	/* Not a kernel's without ring buffers: there the map does not exist, and this is never run. */
	if (!cfg.has_alarms || seen & volatile_of(alarm_mask) || volatile_of(alarm_raised))
		return;
	volatile_of(alarm_raised) = true;
	bpf_ringbuf_output(&alarms, &nothing, sizeof(nothing), RB_FORCE_WAKEUP);
}

/*
 * From Linux 6.13 on a tracing program of 64 bytes of stack or more gets one stack per CPU, because
 * such programs do not run inside one another. Uprobe programs do: one that is preempted would go on
 * with what the next one left there. A program with a tail call in it keeps the kernel's stack
 * (check_max_stack_depth() in kernel/bpf/verifier.c), even with one that the verifier knows to be
 * never taken and removes.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} nowhere SEC(".maps");

const volatile bool never = false;

#define keep_own_stack(ctx)                              \
	do {                                             \
		if (never)                               \
			bpf_tail_call(ctx, &nowhere, 0); \
	} while (0)

/*
 * Uprobe programs may be preempted, and another thread may then run the same program on the same
 * CPU (since Linux 6.0, bpf_prog_run_array_sleepable()): per-CPU does not mean alone, so counters are
 * added to in one instruction. n is never a constant 0: the compiler makes an atomic "or" of that,
 * which kernels before 5.12 do not load.
 */
#define count(counter, n) ((void)__sync_fetch_and_add(&(counter), (n)))

/*
 * Where the kernel lets a program disable preemption, it has its CPU for itself in between, and counts
 * without locked instructions. Only where cfg.can_be_alone: the calls are none elsewhere.
 */
static void (*const preempt_disable)(void) = (void *)GT_CALL_PREEMPT_DISABLE;
static void (*const preempt_enable)(void) = (void *)GT_CALL_PREEMPT_ENABLE;

#endif /* GOTRACE_MAPS_BPF_H */
